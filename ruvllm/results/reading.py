"""Read a results file of ruvllm-bench: every field that a comparison needs is checked, every defect is one line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ruvllm.files.json_reading import (
    DEFAULT_LIMITS,
    InvalidFileError,
    JsonFields,
    JsonLimits,
    json_type,
    load_json_object,
    shown,
)

__all__ = ["OtherKindError", "ResultsFile", "Run", "TaskAnswers", "parse_results", "read_results"]

SCHEMA = 1
MAX_SEED = 2**53 - 1
MAX_TASK = 2**32 - 1
MAX_SEEDS = 1000
"""Of one protocol and model, as many as one run of ruvllm-bench takes. A bootstrap's time goes with their square."""
BENCHMARK = "benchmark"
OTHER_KINDS = ("ablation", "stream", "simd")
WRITTEN_BEFORE = "written before ruvllm-bench kept the answers of single tasks; run it again"


class OtherKindError(InvalidFileError):
    """A sound results file whose results are not those of a benchmark."""


@dataclass(frozen=True, slots=True, eq=False)
class TaskAnswers:
    """What one run answered on its n test tasks; element i of each array belongs to task `tasks[i]`."""

    tasks: NDArray[np.int64]
    """(n,) numbers in [0, 2^32), no two alike; n >= 1."""
    resolved: NDArray[np.bool_]
    """(n,)"""
    confidence: NDArray[np.float64]
    """(n,) in [0, 1]."""
    reciprocal_rank: NDArray[np.float64] | None
    """(n,) in (0, 1], on the code workload."""


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """One entry of `results`."""

    protocol: str
    model: str
    seed: int
    task_set: str
    """64 hex digits; equal where the tasks of two runs have the same numbers and vectors."""
    fold: int | None
    """From 1 to `folds`; None without cross-validation."""
    folds: int | None
    answers: TaskAnswers


@dataclass(frozen=True, slots=True, eq=False)
class ResultsFile:
    """The runs of a file. Strings in it may hold anything: `json_file.shown` makes them fit for a terminal."""

    workload: str
    runs: tuple[Run, ...]


def read_results(path: Path, limits: JsonLimits = DEFAULT_LIMITS) -> ResultsFile:
    """Read a file. Raises InvalidFileError for whatever is wrong with it, OtherKindError for other results."""
    return parse_results(load_json_object(path, limits))


def parse_results(document: Mapping[str, object]) -> ResultsFile:
    """Check a parsed results file. Raises as `read_results` does."""
    fields = JsonFields(document)
    _check_kind(fields)
    entries = fields.elements("results")
    if not entries:
        raise InvalidFileError("results must not be empty")
    runs: list[Run] = []
    workload = ""
    for i, entry in enumerate(entries):
        place = f"results[{i}]"
        if not isinstance(entry, dict):
            raise InvalidFileError(f"{place} must be an object, not {json_type(entry)}")
        values = JsonFields(entry, place)
        workload = workload or values.text("workload")
        if values.text("workload") != workload:
            raise InvalidFileError(
                f"{place}.workload must be {shown(workload)!r} as in results[0], not {shown(values.text('workload'))!r}"
            )
        runs.append(_run(values))
        if (runs[i].answers.reciprocal_rank is None) != (runs[0].answers.reciprocal_rank is None):
            raise InvalidFileError(f"{place}.answers must have reciprocalRank where results[0].answers has it, only")
    _check_repeats(runs)
    return ResultsFile(workload, tuple(runs))


def _check_kind(fields: JsonFields) -> None:
    kind = fields.text("kind") if "kind" in fields.values else BENCHMARK
    if kind in OTHER_KINDS:
        raise OtherKindError(f"holds results of kind {kind}; only those of kind {BENCHMARK} can be compared")
    if "results" not in fields.values:
        raise InvalidFileError("has no results: not a results file of ruvllm-bench")
    if kind != BENCHMARK:
        raise InvalidFileError(f"kind must be one of {', '.join((BENCHMARK, *OTHER_KINDS))}, not {shown(kind)!r}")
    schema = fields.count("schema")
    if schema != SCHEMA:
        raise InvalidFileError(f"schema must be {SCHEMA}, the only one this version knows, not {schema}")


def _run(fields: JsonFields) -> Run:
    for key in ("taskSet", "answers"):
        if key not in fields.values:
            raise InvalidFileError(f"{fields.path(key)} is missing: {WRITTEN_BEFORE}")
    fold, folds = _fold(fields)
    return Run(
        protocol=fields.text("protocol"),
        model=fields.text("model"),
        seed=_at_most(fields, "seed", MAX_SEED),
        task_set=fields.hexadecimal("taskSet", 64),
        fold=fold,
        folds=folds,
        answers=_answers(fields.fields("answers")),
    )


def _fold(fields: JsonFields) -> tuple[int | None, int | None]:
    if "fold" not in fields.values and "folds" not in fields.values:
        return None, None
    folds = fields.count("folds", least=2)
    fold = fields.count("fold", least=1)
    if fold > folds:
        raise InvalidFileError(f"{fields.path('fold')} must be at most folds, {folds}, not {fold}")
    return fold, folds


def _answers(fields: JsonFields) -> TaskAnswers:
    n = len(fields.elements("tasks"))
    if n == 0:
        raise InvalidFileError(f"{fields.path('tasks')} must not be empty")
    tasks = _numbers(fields, "tasks", n)
    _check_each(fields, "tasks", tasks, (tasks == np.floor(tasks)) & (tasks >= 0) & (tasks <= MAX_TASK),
                f"an integer from 0 to {MAX_TASK}")  # fmt: skip
    repeated = _repeated(tasks)
    if repeated is not None:
        raise InvalidFileError(f"{fields.path('tasks')} must name each task once, not {repeated} twice")
    resolved = _numbers(fields, "resolved", n)
    _check_each(fields, "resolved", resolved, (resolved == 0) | (resolved == 1), "0 or 1")
    confidence = _numbers(fields, "confidence", n)
    _check_each(fields, "confidence", confidence, (confidence >= 0) & (confidence <= 1), "in [0, 1]")
    reciprocal = None
    if "reciprocalRank" in fields.values:
        reciprocal = _numbers(fields, "reciprocalRank", n)
        _check_each(fields, "reciprocalRank", reciprocal, (reciprocal > 0) & (reciprocal <= 1), "in (0, 1]")
    return TaskAnswers(tasks.astype(np.int64), resolved == 1, confidence, reciprocal)


def _numbers(fields: JsonFields, key: str, n: int) -> NDArray[np.float64]:
    fields.vector(key, n)
    return np.array(fields.elements(key), dtype=np.float64)


def _check_each(
    fields: JsonFields, key: str, values: NDArray[np.float64], good: NDArray[np.bool_], rule: str
) -> None:
    if not good.all():
        i = int(np.argmin(good))
        raise InvalidFileError(f"{fields.path(key)}[{i}] must be {rule}, not {values[i]:.17g}")


def _at_most(fields: JsonFields, key: str, most: int) -> int:
    value = fields.count(key)
    if value > most:
        raise InvalidFileError(f"{fields.path(key)} must be at most {most}, not {value}")
    return value


def _check_repeats(runs: list[Run]) -> None:
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
        seen: dict[int | None, int] = {}
        first = runs[numbers[0]]
        for i in numbers:
            if runs[i].folds != first.folds:
                raise InvalidFileError(
                    f"results[{i}] has {_folds(runs[i])}, but results[{numbers[0]}] of the same seed {_folds(first)}"
                )
            earlier = seen.setdefault(runs[i].fold, i)
            if earlier != i:
                raise InvalidFileError(f"results[{i}] repeats results[{earlier}]: {_label(runs[i])}")
        repeated = _repeated(np.concatenate([runs[i].answers.tasks for i in numbers]))
        if repeated is not None:
            raise InvalidFileError(f"two folds test the same task, {repeated}: {_label(first)}")


def _repeated(tasks: NDArray[np.int64] | NDArray[np.float64]) -> int | None:
    """A task that is there twice."""
    ordered = np.sort(tasks)
    twice = np.flatnonzero(ordered[1:] == ordered[:-1])
    return int(ordered[twice[0]]) if len(twice) else None


def _folds(run: Run) -> str:
    return "no folds" if run.folds is None else f"{run.folds} folds"


def _label(run: Run) -> str:
    return f"{shown(run.protocol)}, {shown(run.model)}, seed {run.seed}"
