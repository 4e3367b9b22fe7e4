"""The retrieval question of a part: which of many solutions belongs to each query?"""

from __future__ import annotations

import numpy as np

from ruvllm.workloads.encoding import EncodedTasks
from ruvllm.workloads.rows import take_rows
from ruvllm.workloads.splits import Numbers
from ruvllm.workloads.workload import Retrieval

__all__ = ["make_retrieval"]


def make_retrieval(encoded: EncodedTasks, part: Numbers, closed: bool) -> Retrieval:
    """Returns the queries of a part (k,), each among the solutions of its group; no solution stands there twice.

    A group has the part's tasks of one type and their own wrong answers. If pools are closed, it has all tasks of one
    type and pool.
    """
    tasks = encoded.tasks
    group_names: dict[tuple[int, str], int] = {}

    def group(i: int) -> int:
        return group_names.setdefault((tasks[i].type, tasks[i].pool if closed else ""), len(group_names))

    place: dict[tuple[int, int], int] = {}
    rows: list[int] = []
    groups: list[int] = []
    for i in range(len(tasks)) if closed else part.tolist():
        for row in (i, *encoded.own_rows[i]):
            key = (group(i), int(encoded.bodies[i]) if row == i else -row)
            if key not in place:
                place[key] = len(rows)
                rows.append(row)
                groups.append(group(i))
    return Retrieval(
        queries=take_rows(encoded.queries, part),
        solutions=take_rows(encoded.solutions, np.array(rows)),
        types=np.array([tasks[i].type for i in part.tolist()], dtype=np.uint8),
        right=np.array([place[group(i), int(encoded.bodies[i])] for i in part.tolist()], dtype=np.int32),
        groups=np.array([group(i) for i in part.tolist()], dtype=np.int32),
        solution_groups=np.array(groups, dtype=np.int32),
        numbers=np.array(rows, dtype=np.int32),
    )
