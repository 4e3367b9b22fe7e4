"""What prequential runs come to: each method's figures, how far learning is ahead of it, and the curve of that.

Seeds repeat the same tasks in the same order, so that they are no independent evidence: a task counts once, as its mean
over the seeds, and intervals are over tasks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate, pairwise
from statistics import median

from ruvllm.evaluation.bootstrap import LEVEL, RESAMPLES, bootstrap_intervals
from ruvllm.evaluation.retrieval import OF_RECIPROCAL_RANK
from ruvllm.evaluation.sequential import confidence_sequence
from ruvllm.evaluation.statistics import mean
from ruvllm.results.document import make_header
from ruvllm.results.gains import BOOTSTRAP_SEED
from ruvllm.results.records import Interval, MeanWithInterval, RunOptions, camel_case
from ruvllm.results.streams.records import (
    CHANCE,
    FROZEN,
    LEARNED,
    PrequentialDocument,
    PrequentialRow,
    PrequentialRun,
    PrequentialSummary,
    PrequentialThird,
)
from ruvllm.results.verdict import BETTER, CEILING, FEWEST_CHANGES, NOT_SHOWN, ROOM, WORSE

__all__ = [
    "METRICS", "gain_so_far", "make_prequential_document", "outcome_of", "runs_of", "strongest_other",
    "summarise_prequential",
]  # fmt: skip

METRICS = ("recall_at_1", "recall_at_3", "mrr")
NOT_FREE = (FROZEN, LEARNED, CHANCE, "learningAlone", "shuffled", "randomGradient")
"""All other methods need no learning loop."""
METHOD: dict[str, str | float] = {
    "stream": "each task is answered by what was learned from the tasks before it, then learned from",
    "learnedAhead": "mean over tasks of learned minus the method, each task's mean over seeds; percentile interval of "
    "a bootstrap over tasks, copies of one another together",
    "always": "confidence sequence by an empirical Bernstein supermartingale (Howard et al. 2021; Choe & Ramdas 2024), "
    "valid at every number of tasks at once",
    "chance": "a candidate drawn at random from each task's pool",
    "resamples": RESAMPLES,
    "seed": BOOTSTRAP_SEED,
    "level": LEVEL,
}

Values = dict[str, dict[str, list[float]]]
"""By method and metric, one number for each task."""


def make_prequential_document(
    runs: Sequence[PrequentialRun], options: RunOptions | None, command: Sequence[str] = (), isa: str = "auto"
) -> PrequentialDocument:
    """The results file of prequential runs. Raises ValueError as summarise_prequential() does."""
    header = make_header(options, command, isa)
    return PrequentialDocument(**header, method=METHOD, runs=list(runs), summaries=summarise_prequential(runs))


def summarise_prequential(runs: Sequence[PrequentialRun]) -> list[PrequentialSummary]:
    """One summary per protocol and model, in the order in which they come.

    Raises ValueError if runs of one protocol and model differ in their tasks or methods.
    """
    return [_summary(own) for own in runs_of(runs).values()]


def runs_of(runs: Sequence[PrequentialRun]) -> dict[tuple[str, str], list[PrequentialRun]]:
    """The runs by protocol and model."""
    found: dict[tuple[str, str], list[PrequentialRun]] = {}
    for run in runs:
        found.setdefault((run.protocol, run.model), []).append(run)
    return found


def gain_so_far(
    runs: Sequence[PrequentialRun], method: str, metric: str
) -> tuple[list[float], list[Interval]]:
    """After each task, how far `learned` is ahead of a method so far on average, and intervals that hold at all times.

    `runs` are those of one protocol and model, `metric` is one of METRICS.
    """
    values = _values(runs)
    gains = _ahead(values, method, metric)
    means = [total / (i + 1) for i, total in enumerate(accumulate(gains))]
    return means, confidence_sequence(gains)


def outcome_of(summary: PrequentialSummary, runs: Sequence[PrequentialRun]) -> str:
    """What the stream shows of learning over the frozen start, one of the outcomes of results/verdict.py."""
    frozen = next(row for row in summary.rows if row.method == FROZEN)
    low, high = frozen.learned_ahead["recallAt1"].ci95
    values = _values(runs)
    changed = [i for i, gain in enumerate(_ahead(values, FROZEN, "recall_at_1")) if gain != 0]
    groups = runs[0].groups
    if len(set(changed) if groups is None else {groups[i] for i in changed}) >= FEWEST_CHANGES:
        if low > 0:
            return BETTER
        if high < 0:
            return WORSE
    return CEILING if 1 - frozen.recall_at_1 <= ROOM else NOT_SHOWN


def strongest_other(summary: PrequentialSummary) -> PrequentialRow | None:
    """The method without a learning loop that found the most first, beside the frozen start; None if there is none."""
    others = [row for row in summary.rows if row.method not in NOT_FREE]
    return max(others, key=lambda row: row.recall_at_1, default=None)


def _summary(runs: Sequence[PrequentialRun]) -> PrequentialSummary:
    first = runs[0]
    for run in runs:
        if (run.tasks, run.pools) != (first.tasks, first.pools) or run.reciprocal_ranks.keys() != (
            first.reciprocal_ranks.keys()
        ):
            raise ValueError(f"runs of {first.protocol} and {first.model} differ in their tasks or methods")
    values, n = _values(runs), len(first.tasks)
    ends = [0, (n + 2) // 3, (2 * n + 2) // 3, n] if n >= 3 else []
    return PrequentialSummary(
        protocol=first.protocol,
        workload=first.workload,
        model=first.model,
        seeds=[run.seed for run in runs],
        tasks=n,
        smallest_pool=min(first.pools),
        median_pool=float(median(first.pools)),
        largest_pool=max(first.pools),
        rows=_rows(values, first.groups, slice(0, n), whole=True),
        thirds=[
            PrequentialThird(end - begin, _rows(values, first.groups, slice(begin, end)))
            for begin, end in pairwise(ends)
        ],
    )


def _rows(values: Values, groups: Sequence[int] | None, part: slice, whole: bool = False) -> list[PrequentialRow]:
    """One per method on these tasks; `whole` says that they are all of the stream."""
    others = [name for name in values if name != LEARNED]
    ahead = {(name, metric): _ahead(values, name, metric)[part] for name in others for metric in METRICS}
    intervals = bootstrap_intervals(
        {f"{name} {metric}": [gains] for (name, metric), gains in ahead.items()},
        BOOTSTRAP_SEED,
        groups=None if groups is None else [list(groups)[part]],
    )

    def row(name: str) -> PrequentialRow:
        with_intervals = {} if name == LEARNED else {
            camel_case(m): MeanWithInterval(mean(ahead[name, m]), intervals[f"{name} {m}"]) for m in METRICS
        }  # fmt: skip
        always = {camel_case(m): confidence_sequence(ahead[name, m])[-1] for m in METRICS} if with_intervals else None
        levels: Mapping[str, float] = {m: mean(values[name][m][part]) for m in METRICS}
        return PrequentialRow(
            method=name, learned_ahead=with_intervals, always=always if whole else None, **levels
        )

    return [row(name) for name in values]


def _ahead(values: Values, method: str, metric: str) -> list[float]:
    """Gains of `learned` over a method, task by task."""
    return [a - b for a, b in zip(values[LEARNED][metric], values[method][metric], strict=True)]


def _values(runs: Sequence[PrequentialRun]) -> Values:
    """What each task counts for under each method, mean over the runs; chance comes last."""
    names = [*(name for name in runs[0].reciprocal_ranks if name != LEARNED), LEARNED]
    values = {
        name: {
            metric: [mean([OF_RECIPROCAL_RANK[metric](rank) for rank in ranks])
                     for ranks in zip(*(run.reciprocal_ranks[name] for run in runs), strict=True)]
            for metric in METRICS
        }
        for name in names
    }  # fmt: skip
    return values | {CHANCE: {metric: [of(pool) for pool in runs[0].pools] for metric, of in OF_CHANCE.items()}}


def _expected_reciprocal_rank(pool: int) -> float:
    return mean([1 / rank for rank in range(1, pool + 1)])


OF_CHANCE: dict[str, Callable[[int], float]] = {
    "recall_at_1": lambda pool: 1 / pool,
    "recall_at_3": lambda pool: min(3, pool) / pool,
    "mrr": _expected_reciprocal_rank,
}
"""What guessing among so many candidates is expected to count for."""
