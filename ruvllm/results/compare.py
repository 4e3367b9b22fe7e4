"""Compare two results files: the same tasks, paired by model and seed; what differs, and is it beyond chance?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ruvllm.evaluation.paired_tests import PairedTests, paired_tests
from ruvllm.files.json_reading import shown
from ruvllm.results.reading import ResultsFile, Run, TaskAnswers

__all__ = ["CannotCompareError", "Comparison", "Row", "Verdict", "compare", "judge"]

WORSE, CANNOT_TELL = 3, 4

Seeds = dict[int, list[Run]]
"""The runs of one protocol and model by seed: one run, or its folds."""
Pairs = dict[int, tuple[TaskAnswers, TaskAnswers]]
"""By seed, the answers of A and B to the same tasks in the same order."""
T = TypeVar("T", int, str)


class CannotCompareError(ValueError):
    """Two files that have nothing to compare; the message is one line and names the rule that failed."""

    def __init__(self, message: str, stage: int = 0) -> None:
        super().__init__(message)
        self.stage = stage
        """How far the pairing came: of several failures, the furthest tells most."""


@dataclass(frozen=True, slots=True)
class Row:
    """One model, or one protocol and model."""

    model: str
    protocols: tuple[str, str]
    """Of A and of B."""
    seeds: tuple[int, ...]
    tests: PairedTests


@dataclass(frozen=True, slots=True)
class Comparison:
    """`notes` say what was left out and what to mind, each in a line fit for a terminal."""

    workload: str
    rows: tuple[Row, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """`outcomes` belong to the rows; `text` says the same in one line."""

    exit_code: int
    outcomes: tuple[str, ...]
    text: str


def compare(a: ResultsFile, b: ResultsFile) -> Comparison:
    """Pair the tasks of two files and test the difference for each model.

    With one protocol in each file these two are compared, else each protocol with itself. Raises CannotCompareError.
    """
    if a.workload != b.workload:
        raise CannotCompareError(f"the workloads differ: {shown(a.workload)} in A, {shown(b.workload)} in B")
    found: list[tuple[str, tuple[str, str], Pairs]] = []
    failures: list[CannotCompareError] = []
    protocols, notes = _protocol_pairs(a, b)
    for pair in protocols:
        label = f"{shown(pair[0])}: " if len(protocols) > 1 else ""
        try:
            models, new_notes = _pair_models(_by_model(a, pair[0]), _by_model(b, pair[1]))
        except CannotCompareError as error:
            failures.append(error)
            models, new_notes = {}, [str(error)]
        found += [(model, pair, pairs) for model, pairs in models.items()]
        notes += [label + note for note in new_notes]
    if not found:
        raise max(failures, key=lambda failure: failure.stage)
    tests = paired_tests([list(pairs.values()) for _, _, pairs in found])
    rows = tuple(
        Row(model, pair, tuple(pairs), of_row) for (model, pair, pairs), of_row in zip(found, tests, strict=True)
    )
    return Comparison(a.workload, rows, (*notes, *_cautions(rows)))


def _protocol_pairs(a: ResultsFile, b: ResultsFile) -> tuple[list[tuple[str, str]], list[str]]:
    in_a, in_b = (list(dict.fromkeys(run.protocol for run in file.runs)) for file in (a, b))
    if len(in_a) == len(in_b) == 1:
        return [(in_a[0], in_b[0])], []
    common, notes = _common(in_a, in_b, "protocol")
    if not common:
        raise CannotCompareError(
            f"no common protocol: A has {_listed(in_a)}, B has {_listed(in_b)} "
            "(two different ones can be compared if each file has only one)"
        )
    return [(protocol, protocol) for protocol in common], notes


def _by_model(file: ResultsFile, protocol: str) -> dict[str, Seeds]:
    models: dict[str, Seeds] = {}
    for run in file.runs:
        if run.protocol == protocol:
            models.setdefault(run.model, {}).setdefault(run.seed, []).append(run)
    return models


def _pair_models(a: dict[str, Seeds], b: dict[str, Seeds]) -> tuple[dict[str, Pairs], list[str]]:
    models, notes = _common(list(a), list(b), "model")
    if not models:
        raise CannotCompareError(f"no common model: A has {_listed(list(a))}, B has {_listed(list(b))}", stage=1)
    paired: dict[str, Pairs] = {}
    failures: list[CannotCompareError] = []
    concerned: dict[str, list[str]] = {}  # the models that a note is about
    for model in models:
        try:
            paired[model], of_model = _pair_seeds(a[model], b[model])
        except CannotCompareError as error:
            failures.append(error)
            of_model = [str(error)]
        for note in of_model:
            concerned.setdefault(note, []).append(model)
    if not paired:
        raise max(failures, key=lambda failure: failure.stage)
    for note, names in concerned.items():
        notes.append(note if names == models else f"{_listed(names)}: {note}")
    return paired, notes


def _pair_seeds(a: Seeds, b: Seeds) -> tuple[Pairs, list[str]]:
    seeds, notes = _common(sorted(a), sorted(b), "seed")
    if not seeds:
        raise CannotCompareError(f"no common seed: A has {_listed(sorted(a))}, B has {_listed(sorted(b))}", stage=2)
    same = [s for s in seeds if {run.task_set for run in a[s]} & {run.task_set for run in b[s]}]
    if not same:
        raise CannotCompareError(f"the tasks differ: taskSet is another one in B, {_seeds(seeds)}", stage=3)
    pairs = {s: pair for s in same if (pair := _pair_tasks(a[s], b[s])) is not None}
    if not pairs:
        raise CannotCompareError(f"no task was tested in both A and B, {_seeds(same)}", stage=4)
    if left_out := [s for s in seeds if s not in pairs]:
        notes.append(f"left out, for its tasks differ: {_seeds(left_out)}")
    for side, runs in enumerate((a, b)):
        tested = sum(len(run.answers.tasks) for s in pairs for run in runs[s])
        if only := tested - sum(len(pair[side].tasks) for pair in pairs.values()):
            notes.append(f"left out, tested only in {'AB'[side]}: {only} of {tested} tasks")
    return pairs, notes


def _pair_tasks(a: Sequence[Run], b: Sequence[Run]) -> tuple[TaskAnswers, TaskAnswers] | None:
    """The answers to the tasks that both tested, in one order; folds are pooled. None where there is no such task."""
    places = {key: place for place, key in enumerate(_keys(b))}
    found = [(i, places[key]) for i, key in enumerate(_keys(a)) if key in places]
    if not found:
        return None
    at = np.array(found, dtype=np.int64)
    return _pooled(a, at[:, 0]), _pooled(b, at[:, 1])


def _keys(runs: Sequence[Run]) -> list[tuple[str, int]]:
    """What makes two tasks of one seed the same: their number, in sets with the same vectors."""
    return [(run.task_set, task) for run in runs for task in run.answers.tasks.tolist()]


def _pooled(runs: Sequence[Run], at: NDArray[np.int64]) -> TaskAnswers:
    answers = [run.answers for run in runs]
    ranks = [each.reciprocal_rank for each in answers if each.reciprocal_rank is not None]
    return TaskAnswers(
        np.concatenate([each.tasks for each in answers])[at],
        np.concatenate([each.resolved for each in answers])[at],
        np.concatenate([each.confidence for each in answers])[at],
        np.concatenate(ranks)[at] if ranks else None,  # a file has them for all runs or for none
    )


def _cautions(rows: Sequence[Row]) -> list[str]:
    """What a reader may overlook."""
    concerned: dict[str, list[str]] = {}
    for row, label in zip(rows, _labels(rows), strict=True):
        if note := _caution(row.tests):
            concerned.setdefault(note, []).append(label)
    notes = [note if len(labels) == len(rows) else f"{_listed(labels)}: {note}" for note, labels in concerned.items()]
    if all(len(row.seeds) == 1 for row in rows):
        notes.append("one seed only: how much results differ from seed to seed is not in the intervals")
    return notes


def _caution(tests: PairedTests) -> str:
    if tests.smallest is None:
        return f"{tests.pairs} pairs are too few: no difference at all could have been shown"
    if tests.only_a == tests.only_b == 0:
        # an interval that was made of equal values has no width, which says too much
        return f"A and B agree on all {tests.pairs} pairs; {300 / tests.pairs:.1f} points could hide (rule of three)"
    if tests.significant and not tests.resolve_rate.excludes_zero:
        return "beyond chance by McNemar's test, but the interval over seeds and tasks holds 0"
    return ""


def judge(comparison: Comparison, margin: float | None = None) -> Verdict:
    """Is B worse than A?

    Without a margin a row is "worse" if the resolve rate is lower with Holm p <= 0.05, or the whole interval of MRR
    lies below 0. With a margin, in points of resolve rate, it is "worse" if the whole interval of the difference lies
    below -margin, "not worse" if its lower end is >= -margin, else "could not tell". So it is, either way, where there
    are too few pairs to show any difference. Exit code 3 if any is worse, else 4 if any could not be told, else 0.
    """
    outcomes = tuple(
        _beyond_chance(row.tests) if margin is None else _within_margin(row.tests, margin) for row in comparison.rows
    )
    groups: dict[str, list[str]] = {}
    for outcome, label in zip(outcomes, _labels(comparison.rows), strict=True):
        groups.setdefault(outcome, []).append(label)
    code = WORSE if "worse" in groups else CANNOT_TELL if "could not tell" in groups else 0
    rule = "beyond chance" if margin is None else f"margin {margin:g} points"
    text = "; ".join(f"{outcome} for {', '.join(groups[outcome])}" for outcome in sorted(groups, key=_ORDER.index))
    return Verdict(code, outcomes, f"B against A, {rule}: {text}")


_ORDER = ("worse", "could not tell", "not worse", "no difference shown", "better")


def _beyond_chance(tests: PairedTests) -> str:
    low, high = tests.mrr.interval if tests.mrr is not None else (0.0, 0.0)
    if (tests.significant and tests.only_a > tests.only_b) or high < 0:
        return "worse"
    if tests.smallest is None:
        return "could not tell"
    return "better" if tests.significant or low > 0 else "no difference shown"


def _within_margin(tests: PairedTests, margin: float) -> str:
    # rounded, so that the last bits of an interval do not decide at the margin itself
    low, high = (round(100 * end, 9) for end in tests.resolve_rate.interval)
    if high < -margin:
        return "worse"
    return "not worse" if low >= -margin and tests.smallest is not None else "could not tell"


def _labels(rows: Sequence[Row]) -> list[str]:
    """Names of the rows in a sentence: the model, with its protocol where there are several."""
    several = len({row.protocols for row in rows}) > 1
    return [shown(f"{row.protocols[0]} {row.model}" if several else row.model) for row in rows]


def _common(a: Sequence[T], b: Sequence[T], what: str) -> tuple[list[T], list[str]]:
    """What both have, in A's order, and notes on what only one has."""
    in_a, in_b = set(a), set(b)
    notes = [
        f"left out, only in {name}: {what}{'s' if len(extra) > 1 else ''} {_listed(extra)}"
        for name, extra in (("A", [x for x in a if x not in in_b]), ("B", [x for x in b if x not in in_a]))
        if extra
    ]
    return [x for x in a if x in in_b], notes


def _seeds(seeds: Sequence[int]) -> str:
    return f"seed{'s' if len(seeds) > 1 else ''} {_listed(seeds)}"


def _listed(values: Sequence[T]) -> str:
    """Names or numbers in a sentence, a run of numbers as "0 to 4"; not more than six."""
    first, last = values[0], values[-1]
    if isinstance(first, int) and isinstance(last, int) and last - first == len(values) - 1 > 1:
        return f"{first} to {last}"
    texts: list[str] = [shown(str(value)) for value in values]
    if len(texts) > 6:
        texts = [*texts[:5], f"{len(texts) - 5} more"]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"
