"""The retrieval question of a part: which of many solutions belongs to each query? And the texts behind it.

What is right for a query stands among the solutions once, and nothing that is right for it counts as wrong.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from ruvllm._core import Bm25
from ruvllm.encoders.lexical import for_bm25
from ruvllm.workloads.encoding import EncodedTasks
from ruvllm.workloads.rows import take_rows
from ruvllm.workloads.splits import Numbers, Parts
from ruvllm.workloads.tasks import TextTask
from ruvllm.workloads.workload import Question, Retrieval, Vectors, Words, types_in, validation_sample

__all__ = ["make_question", "make_retrieval", "shares_wrong_answers", "with_lexical"]

NONE: Mapping[int, Sequence[int]] = MappingProxyType({})
NOBODY: Numbers = np.empty(0, dtype=np.uint32)
Key = tuple[int, int | bytes]
"""A group, and the number of a right solution's normal form or the digest of a wrong one's text."""


def make_retrieval(
    encoded: EncodedTasks,
    part: Numbers,
    closed: bool = False,
    other_answers: Mapping[int, Sequence[int]] = NONE,
    unasked: Numbers = NOBODY,
) -> Retrieval:
    """Returns the queries of a part (k,), each among the solutions of its group; no solution stands there twice.

    A group has the tasks of one type, of the part and of `unasked`, and their own wrong answers. If pools are closed,
    it has all tasks of one type and pool. `other_answers` has the tasks whose solutions are right for a task's prompt
    too.
    """
    tasks, queries = encoded.tasks, part.tolist()
    members = range(len(tasks)) if closed else [*queries, *unasked.tolist()]
    names: dict[tuple[int, str], int] = {}
    group = {i: names.setdefault((tasks[i].type, tasks[i].pool if closed else ""), len(names)) for i in members}
    right = {i: (group[i], int(encoded.bodies[i])) for i in members}
    own = any(tasks[i].wrong for i in members)
    texts = {(group[i], _digest(tasks[i].solution)) for i in members} if own else set()
    numbers: dict[Key, int] = {}
    for i in members:
        numbers.setdefault(right[i], i)
        for row, text in zip(encoded.own_rows[i], tasks[i].wrong, strict=True):
            key = group[i], _digest(text)
            if key not in texts:  # else it is a right solution of the group
                numbers.setdefault(key, row)
    place: dict[Key, int] = {key: row for row, key in enumerate(numbers)}
    right_too = [
        (query, place[other])
        for query, i in enumerate(queries)
        for other in dict.fromkeys((group[i], int(encoded.bodies[j])) for j in other_answers.get(i, ()))
        if other in place
    ]
    return Retrieval(
        queries=take_rows(encoded.queries, part),
        solutions=take_rows(encoded.solutions, np.array(list(numbers.values()))),
        types=np.array([tasks[i].type for i in queries], dtype=np.uint8),
        right=np.array([place[right[i]] for i in queries], dtype=np.int32),
        groups=np.array([group[i] for i in queries], dtype=np.int32),
        solution_groups=np.array([of for of, _ in numbers], dtype=np.int32),
        numbers=np.array(list(numbers.values()), dtype=np.int32),
        right_too=np.array(right_too, dtype=np.int32).reshape(-1, 2),
    )


def make_question(
    encoded: EncodedTasks,
    others: EncodedTasks | None,
    parts: Parts,
    other_answers: tuple[Mapping[int, Sequence[int]], Mapping[int, Sequence[int]]],
    *,
    closed: bool,
) -> Question:
    """Returns the question for each part that asks it, and for `others`, the transfer tasks, if there are some.

    `other_answers` and `closed` are as in make_retrieval(), the former for the tasks and for the transfer tasks.
    """
    own, of_others = other_answers
    return Question(
        test=make_retrieval(encoded, parts.test, closed, own, parts.unasked),
        validation=make_retrieval(encoded, validation_sample(parts.valid), closed, own),
        vectors=Vectors(encoded.queries, encoded.solutions[: len(encoded.tasks)]),
        transfer=None if others is None else make_retrieval(
            others, np.arange(len(others.tasks), dtype=np.uint32), other_answers=of_others
        ),
    )


def with_lexical(
    question: Question | None,
    tasks: Sequence[TextTask],
    transfer: Sequence[TextTask],
    parts: Parts,
    hashed: Question | None = None,
) -> Question:
    """Returns the question with the texts of its tasks and of those of the transfer input, and with its hashed twin."""
    assert question is not None, "real input asks one"
    index = Bm25()
    index.add(for_bm25(_solutions(tasks)))
    first = index.add(for_bm25(_solutions(transfer)))
    prompts = for_bm25([task.prompt for task in tasks])
    kinds = np.array([task.type for task in tasks], dtype=np.uint8)[parts.train]
    statistics = {kind: parts.train[kinds == kind] for kind in types_in(kinds)}

    def beside(retrieval: Retrieval, own_prompts: Sequence[bytes], twin: Retrieval | None, base: int = 0) -> Retrieval:
        assert retrieval.numbers is not None
        documents = (retrieval.numbers + base).astype(np.uint32)
        return replace(retrieval, words=Words(index, own_prompts, documents, statistics), hashed=twin)

    def of_part(retrieval: Retrieval, part: Numbers, twin: Retrieval | None) -> Retrieval:
        return beside(retrieval, [prompts[i] for i in part.tolist()], twin)

    others = question.transfer
    if others is not None:
        twin = None if hashed is None else hashed.transfer
        others = beside(others, for_bm25([task.prompt for task in transfer]), twin, first)
    return replace(
        question,
        test=of_part(question.test, parts.test, None if hashed is None else hashed.test),
        validation=of_part(
            question.validation, validation_sample(parts.valid), None if hashed is None else hashed.validation
        ),
        transfer=others,
    )


def _solutions(tasks: Sequence[TextTask]) -> list[str]:
    """The right ones of all tasks, then the own wrong answers of each: in the order of EncodedTasks.solutions."""
    return [task.solution for task in tasks] + [text for task in tasks for text in task.wrong]


def shares_wrong_answers(tasks: Sequence[TextTask]) -> bool:
    """Returns True if a wrong answer of one task is an answer of another one."""
    seen: dict[bytes, int] = {}
    if not any(task.wrong for task in tasks):
        return False
    texts = ((i, _digest(text)) for i, task in enumerate(tasks) for text in task.wrong)
    if any(seen.setdefault(text, i) != i for i, text in texts):
        return True
    return any(_digest(task.solution) in seen for task in tasks)


def _digest(text: str) -> bytes:
    """Letter case may be all that makes an answer wrong, so texts count as they are."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
