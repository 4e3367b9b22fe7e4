"""Two results files paired: the answers of both to the same tasks, by protocol, model and seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ruvllm.evaluation.answers import TaskAnswers
from ruvllm.files.json_reading import DEFAULT_LIMITS, InvalidFileError, JsonLimits, listed, shown
from ruvllm.results.reading import KINDS, Document, read_document
from ruvllm.results.run_records import Answers, BenchmarkRun
from ruvllm.results.summary_records import BenchmarkDocument

__all__ = [
    "AnsweredRun",
    "AnsweredRuns",
    "CannotCompareError",
    "OtherKindError",
    "PairedModel",
    "answered_runs",
    "pair_runs",
    "read_answers",
]

MAX_SEEDS = 1000
"""Of one protocol and model, as many as one run of ruvllm-bench takes. A bootstrap's time goes with their square."""
WRITTEN_BEFORE = "written before ruvllm-bench kept the answers of single tasks; run it again"
TRIMMED = "the file was trimmed; compare the one it was made from"

T = TypeVar("T", int, str)


class OtherKindError(InvalidFileError):
    """A sound results file whose results are not those of a benchmark."""


class CannotCompareError(ValueError):
    """Two files that have nothing to compare; the message is one line and names the rule that failed."""

    def __init__(self, message: str, stage: int = 0) -> None:
        super().__init__(message)
        self.stage = stage
        """Number of pairing steps that succeeded. Of several failures the one with the highest stage is reported."""


@dataclass(frozen=True, slots=True, eq=False)
class AnsweredRun:
    """One run and its answers as arrays."""

    protocol: str
    model: str
    seed: int
    task_set: str
    fold: int | None
    folds: int | None
    answers: TaskAnswers

    def __str__(self) -> str:
        return f"{shown(self.protocol)}, {shown(self.model)}, seed {self.seed}"


@dataclass(frozen=True, slots=True, eq=False)
class AnsweredRuns:
    """The runs of a file. Strings may hold anything: `shown` makes them fit for a terminal."""

    workload: str
    runs: tuple[AnsweredRun, ...]
    settings: dict[str, str]


@dataclass(frozen=True, slots=True, eq=False)
class PairedModel:
    """The pairs of one model under one protocol in A and one in B."""

    model: str
    protocols: tuple[str, str]
    """Of A and of B."""
    pairs: Pairs


Seeds = dict[int, list[AnsweredRun]]
"""The runs of one protocol and model by seed: one run, or its folds."""
Pairs = dict[int, tuple[TaskAnswers, TaskAnswers]]
"""By seed, the answers of A and B to the same tasks in the same order."""


def read_answers(path: Path, limits: JsonLimits = DEFAULT_LIMITS) -> AnsweredRuns:
    """Reads a file. Raises InvalidFileError for whatever is wrong with it, OtherKindError for other results."""
    return answered_runs(read_document(path, limits))


def answered_runs(document: Document) -> AnsweredRuns:
    """The runs of a benchmark, checked: each with its answers, none twice, and ranks for all or for none.

    Raises as `read_answers` does.
    """
    if not isinstance(document, BenchmarkDocument):
        raise OtherKindError(f"holds results of kind {document.kind}; only those of kind {KINDS[0]} can be compared")
    first, runs = document.results[0], []
    for i, run in enumerate(document.results):
        place = f"results[{i}]"
        if run.workload != first.workload:
            raise InvalidFileError(
                f"{place}.workload must be {shown(first.workload)!r} as in results[0], not {shown(run.workload)!r}"
            )
        runs.append(_answered(run, place, TRIMMED if document.trimmed else WRITTEN_BEFORE))
        if (runs[i].answers.reciprocal_rank is None) != (runs[0].answers.reciprocal_rank is None):
            raise InvalidFileError(f"{place}.answers must have reciprocalRank where results[0].answers has it, only")
    _check_repeats(runs)
    return AnsweredRuns(first.workload, tuple(runs), document.settings)


def _answered(run: BenchmarkRun, place: str, why: str) -> AnsweredRun:
    if run.task_set is None or run.answers is None:
        raise InvalidFileError(f"{place}.{'taskSet' if run.task_set is None else 'answers'} is missing: {why}")
    return AnsweredRun(run.protocol, run.model, run.seed, run.task_set, run.fold, run.folds, _arrays(run.answers))


def _arrays(answers: Answers) -> TaskAnswers:
    ranks = answers.reciprocal_rank
    return TaskAnswers(
        np.array(answers.tasks, dtype=np.int64),
        np.array(answers.resolved, dtype=np.bool_),
        np.array(answers.confidence, dtype=np.float64),
        None if ranks is None else np.array(ranks, dtype=np.float64),
        None if answers.groups is None else np.array(answers.groups, dtype=np.int64),
    )


def _check_repeats(runs: Sequence[AnsweredRun]) -> None:
    """Nothing may be counted twice: a run, or a task in two folds of one seed."""
    groups: dict[tuple[str, str, int], list[int]] = {}
    for i, run in enumerate(runs):
        groups.setdefault((run.protocol, run.model, run.seed), []).append(i)
    (protocol, model), seeds = Counter((protocol, model) for protocol, model, _ in groups).most_common(1)[0]
    if seeds > MAX_SEEDS:
        raise InvalidFileError(
            f"has {seeds} seeds of {shown(protocol)}, {shown(model)}, more than the limit of {MAX_SEEDS}"
        )
    for numbers in groups.values():
        first, known = runs[numbers[0]], dict[int | None, int]()
        for i in numbers:
            if runs[i].folds != first.folds:
                raise InvalidFileError(
                    f"results[{i}] has {_folds(runs[i])}, but results[{numbers[0]}] of the same seed {_folds(first)}"
                )
            if (earlier := known.setdefault(runs[i].fold, i)) != i:
                raise InvalidFileError(f"results[{i}] repeats results[{earlier}]: {runs[i]}")
        tasks, times = np.unique(np.concatenate([runs[i].answers.tasks for i in numbers]), return_counts=True)
        if times.max() > 1:
            raise InvalidFileError(f"two folds test the same task, {tasks[times > 1][0]}: {first}")


def _folds(run: AnsweredRun) -> str:
    return "no folds" if run.folds is None else f"{run.folds} folds"


def pair_runs(a: AnsweredRuns, b: AnsweredRuns) -> tuple[list[PairedModel], list[str]]:
    """Each model's pairs, and notes on what was left out, each a line.

    With one protocol in each file these two are paired, else each protocol with itself. Raises CannotCompareError.
    """
    if a.workload != b.workload:
        raise CannotCompareError(f"the workloads differ: {shown(a.workload)} in A, {shown(b.workload)} in B")
    found: list[PairedModel] = []
    failures: list[CannotCompareError] = []
    protocols, notes = _protocol_pairs(a, b)
    for pair in protocols:
        label = f"{shown(pair[0])}: " if len(protocols) > 1 else ""
        try:
            models, new_notes = _pair_models(_by_model(a, pair[0]), _by_model(b, pair[1]))
        except CannotCompareError as error:
            failures.append(error)
            models, new_notes = {}, [str(error)]
        found += [PairedModel(model, pair, pairs) for model, pairs in models.items()]
        notes += [label + note for note in new_notes]
    if not found:
        raise max(failures, key=lambda failure: failure.stage)
    return found, notes


def _protocol_pairs(a: AnsweredRuns, b: AnsweredRuns) -> tuple[list[tuple[str, str]], list[str]]:
    in_a, in_b = (list(dict.fromkeys(run.protocol for run in file.runs)) for file in (a, b))
    if len(in_a) == len(in_b) == 1:
        return [(in_a[0], in_b[0])], []
    common, notes = _common(in_a, in_b, "protocol")
    if not common:
        raise CannotCompareError(
            f"no common protocol: A has {listed(in_a)}, B has {listed(in_b)} "
            "(two different ones can be compared if each file has only one)"
        )
    return [(protocol, protocol) for protocol in common], notes


def _by_model(file: AnsweredRuns, protocol: str) -> dict[str, Seeds]:
    models: dict[str, Seeds] = {}
    for run in file.runs:
        if run.protocol == protocol:
            models.setdefault(run.model, {}).setdefault(run.seed, []).append(run)
    return models


def _pair_models(a: dict[str, Seeds], b: dict[str, Seeds]) -> tuple[dict[str, Pairs], list[str]]:
    models, notes = _common(list(a), list(b), "model")
    if not models:
        raise CannotCompareError(f"no common model: A has {listed(list(a))}, B has {listed(list(b))}", stage=1)
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
        notes.append(note if names == models else f"{listed(names)}: {note}")
    return paired, notes


def _pair_seeds(a: Seeds, b: Seeds) -> tuple[Pairs, list[str]]:
    seeds, notes = _common(sorted(a), sorted(b), "seed")
    if not seeds:
        raise CannotCompareError(f"no common seed: A has {listed(sorted(a))}, B has {listed(sorted(b))}", stage=2)
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


def _pair_tasks(a: Sequence[AnsweredRun], b: Sequence[AnsweredRun]) -> tuple[TaskAnswers, TaskAnswers] | None:
    """The answers to the tasks that both tested, in one order; folds are pooled. None where there is no such task."""
    places = {key: place for place, key in enumerate(_keys(b))}
    found = [(i, places[key]) for i, key in enumerate(_keys(a)) if key in places]
    if not found:
        return None
    at = np.array(found, dtype=np.int64)
    return _pooled(a, at[:, 0]), _pooled(b, at[:, 1])


def _keys(runs: Sequence[AnsweredRun]) -> list[tuple[str, int]]:
    """Pairing keys (task set, task number): tasks of one seed with equal keys are the same task."""
    return [(run.task_set, task) for run in runs for task in run.answers.tasks.tolist()]


def _pooled(runs: Sequence[AnsweredRun], at: NDArray[np.int64]) -> TaskAnswers:
    answers = [run.answers for run in runs]
    ranks = [each.reciprocal_rank for each in answers if each.reciprocal_rank is not None]
    return TaskAnswers(
        np.concatenate([each.tasks for each in answers])[at],
        np.concatenate([each.resolved for each in answers])[at],
        np.concatenate([each.confidence for each in answers])[at],
        np.concatenate(ranks)[at] if ranks else None,  # a file has them for all runs or for none
        np.concatenate([each.tasks if each.groups is None else each.groups for each in answers])[at],
    )


def _common(a: Sequence[T], b: Sequence[T], what: str) -> tuple[list[T], list[str]]:
    """What both have, in A's order, and notes on what only one has."""
    in_a, in_b = set(a), set(b)
    notes = [
        f"left out, only in {name}: {what}{'s' if len(extra) > 1 else ''} {listed(extra)}"
        for name, extra in (("A", [x for x in a if x not in in_b]), ("B", [x for x in b if x not in in_a]))
        if extra
    ]
    return [x for x in a if x in in_b], notes


def _seeds(seeds: Sequence[int]) -> str:
    return f"seed{'s' if len(seeds) > 1 else ''} {listed(seeds)}"
