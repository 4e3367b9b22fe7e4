"""The retrieval question of a part: which of many solutions belongs to each query?

What is right for a query stands among the solutions once, and nothing that is right for it counts as wrong.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from ruvllm.workloads.encoding import EncodedTasks
from ruvllm.workloads.rows import take_rows
from ruvllm.workloads.splits import Numbers
from ruvllm.workloads.tasks import TextTask
from ruvllm.workloads.workload import Retrieval

__all__ = ["make_retrieval", "shares_wrong_answers"]

NONE: Mapping[int, Sequence[int]] = MappingProxyType({})
Key = tuple[int, int | bytes]
"""A group, and the number of a right solution's normal form or the digest of a wrong one's text."""


def make_retrieval(
    encoded: EncodedTasks, part: Numbers, closed: bool = False, other_answers: Mapping[int, Sequence[int]] = NONE
) -> Retrieval:
    """Returns the queries of a part (k,), each among the solutions of its group; no solution stands there twice.

    A group has the part's tasks of one type and their own wrong answers. If pools are closed, it has all tasks of one
    type and pool. `other_answers` has the tasks whose solutions are right for a task's prompt too.
    """
    tasks, queries = encoded.tasks, part.tolist()
    members = range(len(tasks)) if closed else queries
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
