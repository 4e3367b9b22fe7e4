"""The verdict on one row of a benchmark: did it get better from use, and was that worth its cost?

The measure that decides is recall@1 on real input (is the right answer the first among all answers?) and the resolve
rate (is it the first among a few candidates?) on the simulated workload, which asks nothing else. The other one stands
beside it. Nothing here chooses between measures, seeds or rows by how they came out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

from ruvllm.evaluation.statistics import mean
from ruvllm.results.records import Interval
from ruvllm.results.run_records import BenchmarkRun
from ruvllm.results.summary_records import Gain, MethodRow, Summary

__all__ = [
    "BETTER", "CEILING", "LEAK", "MEMORISED", "NOT_SHOWN", "SAME", "WORSE", "FreeMethod", "Judged", "Verdict",
    "judge_row", "widened",
]  # fmt: skip

BETTER, NOT_SHOWN, WORSE, CEILING, LEAK = "better", "not shown", "worse", "nothing left to learn", "leak"
"""What came of learning. CEILING: the start is so near the top that no gain could be seen. LEAK: test tasks have copies
among those that were learned from, so that nothing can be said.
"""
SAME = "no difference shown"
TRANSFER = "transfer"
"""Rows of a comparison on other input."""
NOT_FREE = ("frozen", "learned", "learningAlone", "hybrid", "ensemble")
"""All other rows of a comparison are closed forms, which learning is held against: one fit, no loop."""
WORDS = "hybridFrozen"
ROOM = 0.02
"""Up to so much room above the start there is next to nothing left to learn."""
FEWEST_CHANGES = 6
"""Fewer tasks whose outcome changed show nothing: the exact two-sided sign test of 5 out of 5 has p = 0.0625."""
WIDE = 0.10
"""Half-width of an interval from which on it says little."""
FEW_SEEDS = 3
MEMORISED = 0.10
"""A gap between train and test tasks from which on learning memorises, if it is more than two standard errors."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A gain and what it shows."""

    measure: str
    """`recall_at_1` or `resolve_rate`."""
    gain: Gain
    outcome: str
    adjusted: bool = False
    """True if the interval itself leaves out 0, but not so widely as one of so many rows needs."""


@dataclass(frozen=True, slots=True)
class FreeMethod:
    """The best closed form, by its recall@1 on the test tasks."""

    method: str
    gain: Gain
    ahead: float
    """How far what was learned is ahead of it, with the interval below."""
    ahead_ci95: Interval
    outcome: str
    """BETTER: the closed form is better than learning; WORSE: learning is better than it; else SAME."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a row says. Rates are means over runs; counts that differ from run to run are means too."""

    main: Judged
    other: Judged | None
    free: FreeMethod | None
    words: FreeMethod | None
    """The encoder's vectors and the lexical view as they are: what of a gain is not from learning. None without it."""
    parts: Mapping[str, float]
    """Number of tasks in each part; empty if a file does not say."""
    tests: float
    """Test tasks of a run."""
    seeds: int
    folds: int | None
    rows: int
    """Rows that were judged together."""
    train: float
    test: float
    holdout: float
    """Resolve rates at the end."""
    memorises: bool
    wide: bool
    """True if the interval is so wide that it says little."""

    @property
    def few_seeds(self) -> bool:
        return self.seeds < FEW_SEEDS and self.folds is None


def judge_row(summary: Summary, runs: Sequence[BenchmarkRun], rows: int = 1) -> Verdict:
    """Judges one protocol and model, one of `rows` that are shown together.

    A gain counts if its interval leaves out 0 even when it is widened for the number of rows, so that the best of many
    is not taken for more than luck; harm counts by the interval itself, because a warning that is missed costs more.
    """
    resolved = Gain(summary.initial_resolve_rate, summary.resolve_rate, summary.gain, summary.gain_ci95)
    recall = None if summary.retrieval is None else summary.retrieval.recall_at_1
    found = [("resolve_rate", resolved)] if recall is None else [("recall_at_1", recall), ("resolve_rate", resolved)]
    leak = any(run.leak_check is not None and run.leak_check.leaked for run in runs)
    judged = [
        Judged(measure, gain, LEAK) if leak else _judge(measure, gain, _changes(runs, measure), rows)
        for measure, gain in found
    ]
    low, high = judged[0].gain.gain_ci95
    train, test, holdout = (
        mean([getattr(run, part).resolve_rate for run in runs]) for part in ("train", "final", "holdout")
    )
    tests = mean([float(_tests(run)) for run in runs])
    return Verdict(
        main=judged[0],
        other=judged[1] if len(judged) > 1 else None,
        free=_best_free(summary),
        words=_words(summary),
        parts=_parts(runs),
        tests=tests,
        seeds=len(summary.seeds),
        folds=summary.folds,
        rows=rows,
        train=train,
        test=test,
        holdout=holdout,
        memorises=_memorises(train, test, tests),
        wide=(high - low) / 2 > WIDE,
    )


def widened(value: float, interval: Interval, n: int) -> Interval:
    """Returns a 95% interval around `value` widened so that n of them hold together (Bonferroni, normal ends)."""
    quantile = NormalDist().inv_cdf
    factor = quantile(1 - 0.025 / n) / quantile(0.975)
    low, high = interval
    return value - factor * (value - low), value + factor * (high - value)


def _judge(measure: str, gain: Gain, changes: int | None, rows: int) -> Judged:
    low, high = gain.gain_ci95
    enough = changes is None or changes >= FEWEST_CHANGES
    if high < 0 and enough:
        return Judged(measure, gain, WORSE)
    beyond_chance = low > 0 and enough
    if beyond_chance and widened(gain.gain, gain.gain_ci95, rows)[0] > 0:
        return Judged(measure, gain, BETTER)
    if 1 - gain.frozen <= ROOM + 1e-9 and not beyond_chance:
        return Judged(measure, gain, CEILING)
    return Judged(measure, gain, NOT_SHOWN, adjusted=beyond_chance)


def _changes(runs: Sequence[BenchmarkRun], measure: str) -> int | None:
    """Number of test tasks whose outcome learning changed, over all runs; copies count once. None if a file does not
    say."""
    total = 0
    for run in runs:
        answers = run.answers
        if answers is None:
            return None
        before: Sequence[bool | int] = answers.resolved_initially
        after: Sequence[bool | int] = answers.resolved
        if measure == "recall_at_1":
            if answers.reciprocal_rank_initially is None or answers.reciprocal_rank is None:
                return None
            before = [rank == 1 for rank in answers.reciprocal_rank_initially]
            after = [rank == 1 for rank in answers.reciprocal_rank]
        numbers = answers.groups or answers.tasks
        total += len({number for number, a, b in zip(numbers, before, after, strict=True) if a != b})
    return total


def _best_free(summary: Summary) -> FreeMethod | None:
    usable = _free_rows(summary)
    return _free(max(usable, key=lambda row: row.recall_at_1), len(usable)) if usable else None


def _words(summary: Summary) -> FreeMethod | None:
    return next((_free(row, 1) for row in _free_rows(summary) if row.method == WORDS), None)


def _free_rows(summary: Summary) -> list[MethodRow]:
    """Of all tasks, or of those of the only type."""
    rows = [row for row in summary.comparison or () if row.method not in NOT_FREE and row.type != TRANSFER]
    kinds = list(dict.fromkeys(row.type for row in rows))
    if len(kinds) > 1 and "all" not in kinds:
        return []
    rows = [row for row in rows if row.type == ("all" if "all" in kinds else kinds[0])]
    return [row for row in rows if {"recallAt1"} <= row.gain.keys() & row.learned_ahead.keys()]


def _free(row: MethodRow, of: int) -> FreeMethod:
    gain, ahead = row.gain["recallAt1"], row.learned_ahead["recallAt1"]
    low, high = widened(ahead.mean, ahead.ci95, of)  # it is the best of so many, and so a little flattered
    outcome = BETTER if high < 0 else WORSE if low > 0 else SAME
    over_frozen = Gain(row.recall_at_1 - gain.mean, row.recall_at_1, gain.mean, gain.ci95)
    return FreeMethod(row.method, over_frozen, ahead.mean, ahead.ci95, outcome)


def _parts(runs: Sequence[BenchmarkRun]) -> dict[str, float]:
    sizes = [run.anti_overfitting.stratified_split for run in runs if run.anti_overfitting is not None]
    if len(sizes) < len(runs):
        return {}
    return {name: mean([float(each.get(name, 0)) for each in sizes]) for name in ("train", "valid", "test", "holdout")}


def _tests(run: BenchmarkRun) -> int:
    if run.answers is not None:
        return run.answers.n
    return sum(each.count for each in run.reliability.final)


def _memorises(train: float, test: float, tests: float) -> bool:
    error = math.sqrt((train * (1 - train) + test * (1 - test)) / max(tests, 1))
    return train - test > max(MEMORISED, 2 * error)
