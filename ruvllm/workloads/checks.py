"""Does a workload keep the contract that runs rely on? One small check for each rule."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ruvllm.workloads.inputs import RealInput
from ruvllm.workloads.registry import WORKLOADS
from ruvllm.workloads.splits import ORDINARY, PARTS, Fold
from ruvllm.workloads.tasks import TextTask
from ruvllm.workloads.workload import CATEGORIES, TASK_TYPES, Question, Retrieval, Workload, validation_sample

__all__ = ["WorkloadError", "check_workload"]

MOST_LOADED = 2_000
"""Tasks whose candidates are looked at, evenly spaced."""
FOLDS = 3
"""Folds of the cross-validation that is tried: the fewest there can be."""
UNIT = 1e-5
"""Largest difference of a row's length from 1."""

Rows = NDArray[np.float32]


class WorkloadError(ValueError):
    """A workload breaks a rule. The message has the rule and the value that breaks it."""


def check_workload(
    task_input: RealInput, *, dim: int | None = None, seed: int = 0, split: str | None = None
) -> None:
    """Raises WorkloadError if an input or the workloads that it makes break the contract of RealInput.

    Builds it seven times at dimension `dim` (default: the encoder's, else 64): twice alike, with another seed, in each
    of three folds, and once with other texts in the test part, which training must not notice (only for inputs whose
    `tasks` are a field that `dataclasses.replace` can change). `split` is a way to split (default: the registry's
    first). Raises what the input's own build() raises.
    """
    _check_input(task_input)
    if dim is None:
        dim = 64 if task_input.encoder is None else task_input.encoder.dim
    entry = WORKLOADS.get(task_input.name)
    if split is None:
        split = entry.splits[0] if entry is not None and entry.splits else "file"

    def build(changed: RealInput = task_input, seed: int = seed, fold: Fold = ORDINARY) -> Workload:
        return changed.build(dim=dim, seed=seed, split=split, fold=fold)

    workload = build()
    _check_built(workload, task_input)
    _check_repeats(workload, build())
    folds = [build(fold=Fold(number + 1, FOLDS)) for number in range(FOLDS)]
    _check_folds(workload, folds)
    _check_digest_stays(workload, [*folds, build(seed=seed + 1)])
    if (other := _with_other_test_texts(task_input, workload)) is not None:
        _check_blind(workload, build(other))


def _check_built(workload: Workload, task_input: RealInput) -> None:
    """Raises WorkloadError if one built workload breaks the contract."""
    _check_arrays(workload, task_input.n_tasks)
    _check_parts(workload)
    _check_details(workload, task_input)
    _check_digest(workload)
    _check_candidates(workload, task_input)
    _require(workload.question is not None, "real input must ask a retrieval question")
    assert workload.question is not None
    _check_question(workload, workload.question)


def _require(holds: bool, rule: str, *value: object) -> None:
    if not holds:
        raise WorkloadError(f"a workload: {rule}" + "".join(f", not {each!r}" for each in value))


def _check_input(task_input: RealInput) -> None:
    for name in ("name", "kind"):
        value = getattr(task_input, name, None)
        _require(isinstance(value, str) and bool(value), f"its input must have a {name}", value)
    _require(task_input.n_tasks >= 1, "its input must have tasks", task_input.n_tasks)
    tasks: Sequence[TextTask] = getattr(task_input, "tasks", ())
    for i, task in enumerate(tasks):
        answers = [task.solution, *task.wrong]
        _require(all(text.strip() for text in (task.prompt, *answers)), f"no text of task {i} may be empty")
        _require(len(set(answers)) == len(answers), f"all answers of task {i} must differ")


def _check_arrays(workload: Workload, n: int) -> None:
    types, difficulty, categories = workload.types, workload.difficulty, workload.categories
    _require(len(workload.source) == n, f"its source must have {n} tasks", len(workload.source))
    for name, array, dtype in (("types", types, "uint8"), ("difficulty", difficulty, "float32"),
                               ("categories", categories, "uint8")):  # fmt: skip
        _require(array.shape == (n,) and array.dtype == dtype, f"{name} must be {dtype} ({n},)",
                 f"{array.dtype} {array.shape}")  # fmt: skip
    _require(int(types.max()) < len(TASK_TYPES), f"types must be below {len(TASK_TYPES)}", int(types.max()))
    _require(int(categories.max()) < len(CATEGORIES), f"categories must be below {len(CATEGORIES)}",
             int(categories.max()))  # fmt: skip
    outside = difficulty[~((difficulty >= 0) & (difficulty <= 1))]
    _require(len(outside) == 0, "difficulty must be from 0 to 1", outside[:1].tolist())


def _check_parts(workload: Workload) -> None:
    """Every task is in exactly one part, and no part is empty."""
    for name in PARTS:
        part = workload.parts.part(name)
        _require(part.dtype == np.uint32 and part.ndim == 1, f"part {name} must be uint32 (k,)", part.dtype)
        _require(len(part) > 0, f"part {name} must have tasks")
        _require(bool(np.all(np.diff(part.astype(np.int64)) > 0)), f"part {name} must be ascending")
    together = np.sort(np.concatenate([*(workload.parts.part(name) for name in PARTS), workload.parts.unasked]))
    twice = together[:-1][np.diff(together) == 0]
    _require(len(twice) == 0, "no task may be in two parts", twice[:1].tolist())
    missing = np.setdiff1d(np.arange(len(workload.types)), together)
    _require(len(missing) == 0, "every task must be in a part", missing[:1].tolist())
    _require(len(together) == len(workload.types), "parts must have no other tasks", int(together[-1]))


def _check_details(workload: Workload, task_input: RealInput) -> None:
    """A replay compares the details alone to find out whether it has the same tasks."""
    try:
        json.dumps(workload.details, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise WorkloadError(f"a workload: its details must be JSON: {error}") from error
    _require(workload.name == task_input.name, f"its name must be {task_input.name!r}", workload.name)
    found = workload.details
    for key, value in (("kind", task_input.kind), ("inputDigest", workload.digest), ("dim", workload.source.dim)):
        _require(found.get(key) == value, f"its details must say {key} {value!r}", found.get(key))


def _check_digest(workload: Workload) -> None:
    digest = workload.digest
    good = isinstance(digest, str) and len(digest) == 64 and set(digest) <= set("0123456789abcdef")
    _require(good, "its digest must be 64 hexadecimal digits", digest)


def _sample(n: int) -> range:
    return range(0, n, -(-n // MOST_LOADED))


def _check_candidates(workload: Workload, task_input: RealInput) -> None:
    """The right answer is one of the candidates, once. An encoder may confuse a task's own wrong answers with it."""
    n_candidates, tasks = workload.source.n_candidates, getattr(task_input, "tasks", None)
    for i in _sample(len(workload.types)):
        query, candidates, right, kind = workload.source.load(i)
        _require(candidates.shape == (n_candidates, workload.source.dim),
                 f"task {i} must have {n_candidates} candidates", candidates.shape)  # fmt: skip
        _require(0 <= right < n_candidates, f"task {i} must have its right answer among them", right)
        _require(kind == workload.types[i], f"task {i} must be of type {workload.types[i]}", kind)
        _check_unit(f"task {i}", np.vstack([query, candidates]))
        if workload.question is not None:
            own = np.array_equal(candidates[right], workload.question.vectors.solutions[i])
            _require(own, f"the right candidate of task {i} must be its own solution")
        if tasks is None or not tasks[i].wrong:
            times = int(np.count_nonzero((candidates == candidates[right]).all(axis=1)))
            _require(times == 1, f"the right answer of task {i} must be a candidate once", times)


def _check_unit(where: str, rows: Rows) -> None:
    _require(rows.dtype == np.float32, f"{where} must have float32 vectors", rows.dtype)
    lengths = np.linalg.norm(rows.astype(np.float64), axis=1)
    wrong = lengths[~((np.abs(lengths - 1) <= UNIT) | (lengths == 0))]
    _require(len(wrong) == 0, f"{where} must have vectors of length 1 or 0", wrong[:1].tolist())


def _check_question(workload: Workload, question: Question) -> None:
    n, dim = len(workload.types), workload.source.dim
    for name, rows in (("queries", question.vectors.queries), ("solutions", question.vectors.solutions)):
        _require(rows.shape == (n, dim), f"vectors.{name} must be ({n}, {dim})", rows.shape)
        _check_unit(f"vectors.{name}", rows)
    validation = validation_sample(workload.parts.valid)
    for part, retrieval, tasks in (("test", question.test, workload.parts.test),
                                   ("validation", question.validation, validation)):  # fmt: skip
        _check_retrieval(part, retrieval)
        same = np.array_equal(retrieval.queries, question.vectors.queries[tasks])
        _require(same, f"the {part} question must ask the tasks of its part in their order")
        right = np.array_equal(retrieval.solutions[retrieval.right], question.vectors.solutions[tasks])
        _require(right, f"the {part} question must have each task's solution as the right one")
        _require(np.array_equal(retrieval.types, workload.types[tasks]), f"the {part} question must have their types")
    if question.transfer is not None:
        _check_retrieval("transfer", question.transfer)


def _check_retrieval(part: str, retrieval: Retrieval) -> None:
    where, n, m = f"the {part} question", len(retrieval.queries), len(retrieval.solutions)
    _require(n > 0, f"{where} must have queries")
    _check_unit(where, retrieval.queries)
    _check_unit(where, retrieval.solutions)
    for name, length in (("types", n), ("right", n), ("groups", n), ("solution_groups", m)):
        array = getattr(retrieval, name)
        _require(array.shape == (length,), f"{where} must have {name} ({length},)", array.shape)
    right = retrieval.right
    outside = right[(right < 0) | (right >= m)]
    _require(len(outside) == 0, f"{where} must have right rows from 0 to {m - 1}", outside[:1].tolist())
    _require(np.array_equal(retrieval.solution_groups[right], retrieval.groups), f"{where}: right rows of other groups")
    for block in retrieval.blocks():
        kinds = np.unique(retrieval.types[block.members]).tolist()
        _require(len(kinds) == 1, f"{where} must have one type in each group", kinds)


def _same(one: Workload, other: Workload, tasks: Iterable[int]) -> str | None:
    """Returns what differs first in these tasks, or None."""
    for i in tasks:
        for name, a, b in zip(("query", "candidates", "right answer", "type"), one.source.load(i),
                              other.source.load(i), strict=True):  # fmt: skip
            if np.asarray(a).tobytes() != np.asarray(b).tobytes():
                return f"the {name} of task {i}"
    return None


def _arrays_of(workload: Workload) -> dict[str, NDArray[Any]]:
    found = {name: getattr(workload, name) for name in ("types", "difficulty", "categories")}
    found |= {f"part {name}": workload.parts.part(name) for name in PARTS}
    if workload.question is not None:
        for name in ("test", "validation"):
            retrieval = getattr(workload.question, name)
            found |= {f"{name}.{f.name}": getattr(retrieval, f.name) for f in dataclasses.fields(retrieval)}
    return found


def _check_repeats(workload: Workload, again: Workload) -> None:
    rule = "the same arguments must give the same bits"
    _require(again.details == workload.details, f"{rule}: its details differ")
    one, other = _arrays_of(workload), _arrays_of(again)
    for name, array in one.items():
        _require(np.array_equal(array, other[name]), f"{rule}: {name} differs")
    difference = _same(workload, again, _sample(len(workload.types)))
    _require(difference is None, f"{rule}: {difference} differs")


def _check_folds(workload: Workload, folds: list[Workload]) -> None:
    """Every task outside the holdout is tested once and validates once, and the holdout is the same in all folds.

    A test file of the user's own is tested in each.
    """
    holdout = workload.parts.holdout
    for fold in folds:
        _check_parts(fold)
        _require(np.array_equal(fold.parts.holdout, holdout), "all folds must have the same holdout")
    if "testTasks" in workload.details:  # the user has split it: there are no folds
        for fold in folds:
            _require(np.array_equal(fold.parts.test, workload.parts.test), "a test file is the test part of every run")
        return
    others = np.setdiff1d(np.arange(len(workload.types)), holdout)
    for name in ("test", "valid"):
        unasked = [fold.parts.unasked for fold in folds if name == "test"]
        together = np.sort(np.concatenate([*(fold.parts.part(name) for fold in folds), *unasked]))
        _require(np.array_equal(together, others), f"each task outside the holdout must be in part {name} of one fold")


def _check_digest_stays(workload: Workload, others: Iterable[Workload]) -> None:
    """The digest is of the input alone."""
    for other in others:
        _require(other.digest == workload.digest, "its digest must not depend on seed and fold", other.digest)


def _with_other_test_texts(task_input: RealInput, workload: Workload) -> RealInput | None:
    """Returns the input with other texts in all test tasks, or None if it has no field `tasks` to replace."""
    if not dataclasses.is_dataclass(task_input) or isinstance(task_input, type):
        return None
    if "tasks" not in {f.name for f in dataclasses.fields(task_input) if f.init}:
        return None
    tasks = list(task_input.tasks)
    groups = range(len(tasks)) if workload.repeats is None else workload.repeats.groups.tolist()
    for i in workload.parts.test.tolist():
        task = tasks[i]
        prompt, solution = (f"{text} zyxwv{i} qponm" for text in (task.prompt, task.solution))
        tasks[i] = dataclasses.replace(task, prompt=prompt, solution=solution, group=f"copies of {groups[i]}")
    return dataclasses.replace(task_input, tasks=tuple(tasks))


def _check_blind(workload: Workload, other: Workload) -> None:
    """No test text reaches what is trained on: neither the encoder's weights nor the candidates of a train task."""
    train = workload.parts.train
    _require(np.array_equal(other.parts.train, train), "the texts of test tasks must not decide the split")
    sample = train[_sample(len(train))].tolist()
    difference = _same(workload, other, sample)
    _require(difference is None, f"training must not see test texts: with others, {difference} is another")
