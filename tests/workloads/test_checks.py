"""check_workload: ours keep the contract, and a planted fault of every kind is found and named."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bench_samples import write_corpus

from ruvllm import CorpusSource
from ruvllm.encoders.base import Encoder
from ruvllm.workloads import check_workload, read_corpus, read_input
from ruvllm.workloads.candidates import CandidateTable
from ruvllm.workloads.checks import WorkloadError
from ruvllm.workloads.code.reading import code_input
from ruvllm.workloads.encoding import default_encoder
from ruvllm.workloads.inputs import InputOptions, RealInput
from ruvllm.workloads.registry import CODE_TASKS
from ruvllm.workloads.splits import Parts
from ruvllm.workloads.tasks import TextTask
from ruvllm.workloads.text import TextInput
from ruvllm.workloads.workload import CATEGORIES, Question, Retrieval, Workload

WORDS = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa")


def make_tasks(n: int = 200) -> tuple[TextTask, ...]:
    return tuple(
        TextTask(
            f"{WORDS[i % 10]} and {WORDS[i // 10 % 10]}, number {i}",
            f"makes {i} {WORDS[i * 7 % 10]} {'x' * (i % 30)}",
            i % 4,
            wrong=tuple(f"wrong {i} {WORDS[j]}" for j in range(7)) if i % 4 == 1 else (),
        )
        for i in range(n)
    )


SOUND = TextInput("sums", "addition", make_tasks())
WORKLOAD = SOUND.build(dim=64, seed=0, split="file")
assert WORKLOAD.question is not None
QUESTION = WORKLOAD.question


# ours


def test_an_input_of_texts_keeps_the_contract() -> None:
    check_workload(SOUND)
    check_workload(SOUND, dim=33, seed=7)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("source") / "tree")


@pytest.mark.parametrize("split", [None, "function"])
def test_the_docstring_question_keeps_it(tree: Path, split: str | None) -> None:
    check_workload(code_input(read_corpus(tree), InputOptions("docstring")), split=split)


@pytest.mark.parametrize("kind", ["all", "bug_fix"])
def test_tasks_made_from_the_standard_library_keep_it(kind: str) -> None:
    assert kind in CODE_TASKS
    check_workload(read_input("code", kind=kind))


def test_files_of_tasks_and_of_issues_keep_it(tmp_path: Path) -> None:
    tasks = [{"prompt": task.prompt, "solution": task.solution} for task in make_tasks()]
    (tmp_path / "tasks.jsonl").write_text("\n".join(map(json.dumps, tasks)))
    others = [{"prompt": f"other {i}", "solution": f"new {i}"} for i in range(30)]
    (tmp_path / "other.jsonl").write_text("\n".join(map(json.dumps, others)))
    check_workload(read_input(f"jsonl:{tmp_path / 'tasks.jsonl'}", transfer=f"jsonl:{tmp_path / 'other.jsonl'}"))
    patch = "diff --git a/{0} b/{0}\n--- a/{0}\n+++ b/{0}\n@@ -1 +1 @@\n-a\n+b\n"
    issues = [
        {"repo": f"r{i % 2}", "problem_statement": f"It fails {i}.", "patch": patch.format(f"src/file{i % 23}.py")}
        for i in range(60)
    ]
    (tmp_path / "issues.json").write_text(json.dumps(issues))
    check_workload(read_input(f"jsonl:{tmp_path / 'issues.json'}"))


# faults


@dataclass(frozen=True)
class Broken:
    """A sound input whose workloads are changed after they were built."""

    change: Callable[[Workload, dict[str, Any]], Workload]
    name: str = SOUND.name
    kind: str = SOUND.kind
    encoder: Encoder | None = None
    n_tasks: int = SOUND.n_tasks

    def build(self, **arguments: Any) -> Workload:
        return self.change(SOUND.build(**arguments), arguments)


def changed(**fields: Any) -> Broken:
    return Broken(lambda workload, _: replace(workload, **fields))


def with_parts(**parts: Any) -> Broken:
    def change(workload: Workload, _: dict[str, Any]) -> Workload:
        found = {name: parts[name](workload.parts) if name in parts else workload.parts.part(name)
                 for name in ("train", "valid", "test", "holdout")}  # fmt: skip
        return replace(workload, parts=Parts(**found))

    return Broken(change)


def with_details(**details: Any) -> Broken:
    return Broken(lambda workload, _: replace(workload, details={**workload.details, **details}))


def with_question(**fields: Any) -> Broken:
    def change(workload: Workload, _: dict[str, Any]) -> Workload:
        assert workload.question is not None
        question: Question = replace(workload.question, **{name: make(workload) for name, make in fields.items()})
        return replace(workload, question=question)

    return Broken(change)


def test_retrieval(workload: Workload) -> Retrieval:
    assert workload.question is not None
    return workload.question.test


test_retrieval.__test__ = False  # type: ignore[attr-defined]


def with_source(**tables: Any) -> Broken:
    """Another source over the same vectors: the right solution first, then those of the next seven tasks."""

    def change(workload: Workload, _: dict[str, Any]) -> Workload:
        assert workload.question is not None
        n, vectors = len(workload.types), workload.question.vectors
        found: dict[str, Any] = {
            "queries": np.array(vectors.queries),
            "solutions": np.array(vectors.solutions),
            "candidates": ((np.arange(n)[:, None] + np.arange(8)) % n).astype(np.int32),
            "right": np.zeros(n, np.int32),
            "types": workload.types,
        }
        return replace(workload, source=CorpusSource(**found | {k: make(found) for k, make in tables.items()}))

    return Broken(change)


COUNTER = itertools.count()


def every_time_another(workload: Workload, _: dict[str, Any]) -> Workload:
    return replace(workload, difficulty=np.full_like(workload.difficulty, next(COUNTER) % 7 / 8))


def holdout_of_the_fold(workload: Workload, arguments: dict[str, Any]) -> Workload:
    if arguments["fold"].number != 2:
        return workload
    p = workload.parts
    return replace(workload, parts=Parts(p.train, p.valid, p.holdout, p.test))


def always_the_same_fold(workload: Workload, arguments: dict[str, Any]) -> Workload:
    fold = type(arguments["fold"])(1, arguments["fold"].of)
    return SOUND.build(**arguments | {"fold": fold})


def digest_of_the_seed(workload: Workload, arguments: dict[str, Any]) -> Workload:
    digest = f"{arguments['seed']:064d}"
    return replace(workload, digest=digest, details={**workload.details, "inputDigest": digest})


N = len(WORKLOAD.types)
FAULTS: dict[str, tuple[Broken, str]] = {
    "no tasks": (Broken(lambda w, _: w, n_tasks=0), "its input must have tasks, not 0"),
    "no kind": (Broken(lambda w, _: w, kind=""), "its input must have a kind, not ''"),
    "another number of tasks": (Broken(lambda w, _: w, n_tasks=9), "its source must have 9 tasks, not 200"),
    "types of another dtype": (changed(types=WORKLOAD.types.astype(np.int64)), r"types must be uint8 \(200,\), not"),
    "an unknown type": (changed(types=np.full(N, 4, np.uint8)), "types must be below 4, not 4"),
    "an unknown category": (
        changed(categories=np.full(N, 9, np.uint8)), f"categories must be below {len(CATEGORIES)}, not 9"
    ),
    "difficulty above 1": (changed(difficulty=np.full(N, 1.5, np.float32)), r"must be from 0 to 1, not \[1.5\]"),
    "difficulty not a number": (changed(difficulty=np.full(N, np.nan, np.float32)), "difficulty must be from 0 to 1"),
    "parts of another dtype": (with_parts(test=lambda p: p.test.astype(np.int64)), "part test must be uint32"),
    "an empty part": (with_parts(holdout=lambda p: p.holdout[:0]), "part holdout must have tasks"),
    "a part in another order": (with_parts(valid=lambda p: p.valid[::-1].copy()), "part valid must be ascending"),
    "a task in two parts": (with_parts(train=lambda p: np.union1d(p.train, p.test)), "no task may be in two parts"),
    "a task in no part": (with_parts(train=lambda p: p.train[1:]), "every task must be in a part"),
    "a task that is none": (
        with_parts(holdout=lambda p: np.append(p.holdout, np.uint32(500))), "parts must have no other tasks, not 500",
    ),
    "another name": (changed(name="differences"), "its name must be 'sums', not 'differences'"),
    "details that are no JSON": (with_details(tree=Path()), "its details must be JSON"),
    "details without the digest": (with_details(inputDigest=None), "its details must say inputDigest"),
    "details of another kind": (with_details(kind="all"), "its details must say kind 'addition', not 'all'"),
    "no digest": (Broken(lambda w, _: replace(w, digest=None, details={**w.details, "inputDigest": None})),
                  "its digest must be 64 hexadecimal digits, not None"),
    "a digest of the seed": (Broken(digest_of_the_seed), "its digest must not depend on seed and fold"),
    "no question": (changed(question=None), "must ask a retrieval question"),
    "a wrong answer called right": (with_source(right=lambda t: t["right"] + 1), "must be its own solution"),
    "the right answer twice": (
        with_source(candidates=lambda t: np.where(np.arange(8) == 7, t["candidates"][:, :1], t["candidates"])),
        "the right answer of task 0 must be a candidate once, not 2",
    ),
    "a source of another type": (with_source(types=lambda t: (t["types"] + 1) % 4), "task 0 must be of type 0, not 1"),
    "other queries": (
        with_question(test=lambda w: replace(test_retrieval(w), queries=test_retrieval(w).queries[::-1].copy())),
        "the test question must ask the tasks of its part in their order",
    ),
    "a right row that is none": (
        with_question(test=lambda w: replace(test_retrieval(w), right=test_retrieval(w).right + 10_000)),
        "the test question must have right rows from 0 to",
    ),
    "a right row of another group": (
        with_question(test=lambda w: replace(test_retrieval(w), groups=(test_retrieval(w).groups + 1) % 4)),
        "the test question: right rows of other groups",
    ),
    "a group of two types": (
        with_question(validation=lambda w: replace(
            w.question.validation, groups=0 * w.question.validation.groups,  # type: ignore[union-attr]
            solution_groups=0 * w.question.validation.solution_groups)),  # type: ignore[union-attr]
        "the validation question must have one type in each group",
    ),
    "solutions that are not the tasks'": (
        with_question(test=lambda w: replace(
            test_retrieval(w), solutions=np.roll(test_retrieval(w).solutions, 1, axis=0))),
        "the test question must have each task's solution as the right one",
    ),
    "other bits every time": (Broken(every_time_another), "the same arguments must give the same bits: difficulty"),
    "another holdout in a fold": (Broken(holdout_of_the_fold), "all folds must have the same holdout"),
    "the same test part in all folds": (Broken(always_the_same_fold), "must be in part test of one fold"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_with_the_value(fault: str) -> None:
    task_input, message = FAULTS[fault]
    with pytest.raises(WorkloadError, match=message):
        check_workload(task_input)


def test_texts_that_say_nothing_or_come_twice_are_found() -> None:
    first = SOUND.tasks[0]
    for task, message in (
        (replace(first, prompt=" "), "no text of task 0 may be empty"),
        (replace(first, wrong=("a", first.solution)), "all answers of task 0 must differ"),
    ):
        with pytest.raises(WorkloadError, match=message):
            check_workload(replace(SOUND, tasks=(task, *SOUND.tasks[1:])))


class FittedOnAll(TextInput):
    """Its encoder has seen the test texts."""

    def build(self, **arguments: Any) -> Workload:
        options = replace(self.options, encoder=default_encoder(self.tasks, arguments["dim"]))
        return TextInput(self.name, self.kind, self.tasks, options).build(**arguments)


class DrawnFromAll(TextInput):
    """Its train tasks have solutions of test tasks as candidates."""

    def _candidates(self, encoded: Any, difficulty: Any, parts: Parts, seed: int) -> CandidateTable:
        table = CandidateTable(encoded, difficulty, n_candidates=8, seed=seed)
        table.fill(np.arange(len(self.tasks), dtype=np.uint32))
        return table


@pytest.mark.parametrize(("leaky", "what"), [(FittedOnAll, "the query of task"), (DrawnFromAll, "the candidates of")])
def test_a_leak_from_the_test_part_is_found(leaky: type[TextInput], what: str) -> None:
    task_input: RealInput = leaky(SOUND.name, SOUND.kind, SOUND.tasks)
    with pytest.raises(WorkloadError, match=f"training must not see test texts: with others, {what}"):
        check_workload(task_input)
