"""What a run needs of its workload, wherever the tasks come from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ruvllm._core import TaskSource
from ruvllm.workloads.rows import take_rows
from ruvllm.workloads.splits import Numbers, Parts

__all__ = ["CATEGORIES", "TASK_TYPES", "Retrieval", "RetrievalBlock", "Vectors", "Workload", "watched_tasks"]

TASK_TYPES = ("code_completion", "bug_fix", "refactor", "test_gen")
CATEGORIES = ("python", "javascript", "typescript", "rust", "go")

FloatRows = NDArray[np.float32]

MOST_WATCHED = 2_000


@dataclass(frozen=True, slots=True, eq=False)
class Retrieval:
    """The retrieval question of a corpus: which of many solutions belongs to each query?

    A query's candidates are the solutions of its group: by default those of all queries of its type.
    """

    queries: FloatRows
    """(n, d) unit rows."""
    solutions: FloatRows
    """(m, d) unit rows."""
    types: NDArray[np.uint8]
    """(n,) indices into TASK_TYPES."""
    right: NDArray[np.int32]
    """(n,): the row of the right solution, which is of the query's group."""
    groups: NDArray[np.int32]
    """(n,): the group of each query."""
    solution_groups: NDArray[np.int32]
    """(m,): the group of each solution."""

    @classmethod
    def by_type(cls, queries: FloatRows, solutions: FloatRows, types: NDArray[np.uint8]) -> Retrieval:
        """Solution i is the right one of query i; both are (n, d)."""
        groups = types.astype(np.int32)
        return cls(queries, solutions, types, np.arange(len(queries), dtype=np.int32), groups, groups)

    def of_type(self, kind: int) -> Retrieval:
        """The queries of one type, with the candidates of their groups."""
        members = np.flatnonzero(self.types == kind)
        rows = np.flatnonzero(np.isin(self.solution_groups, self.groups[members]))
        return Retrieval(
            queries=take_rows(self.queries, members),
            solutions=take_rows(self.solutions, rows),
            types=self.types[members],
            right=np.searchsorted(rows, self.right[members]).astype(np.int32),
            groups=self.groups[members],
            solution_groups=self.solution_groups[rows],
        )

    def blocks(self) -> Iterator[RetrievalBlock]:
        """The question of each group by itself, in the order of the groups; every query is in one."""
        for group in np.unique(self.groups):
            members = np.flatnonzero(self.groups == group)
            candidates = np.flatnonzero(self.solution_groups == group)
            right = np.searchsorted(candidates, self.right[members]).astype(np.int32)
            yield RetrievalBlock(members, candidates, right)


def watched_tasks(valid: Numbers) -> Numbers:
    """Of the tasks (n,) of a validation part so many, evenly, that to rank them a few dozen times takes seconds."""
    return valid[:: -(-len(valid) // MOST_WATCHED)] if len(valid) > 0 else valid


@dataclass(frozen=True, slots=True, eq=False)
class RetrievalBlock:
    """Queries with the same candidates."""

    members: NDArray[np.int64]
    """(k,): numbers of the queries."""
    candidates: NDArray[np.int64]
    """(j,): the rows of their candidates among the question's solutions."""
    right: NDArray[np.int32]
    """(k,): the row of each query's right one among them."""


@dataclass(frozen=True, slots=True, eq=False)
class Vectors:
    """All tasks of a corpus, by number."""

    queries: FloatRows
    """(n, d) unit rows."""
    solutions: FloatRows
    """(n, d) unit rows: the right one of each."""


@dataclass(frozen=True, slots=True, eq=False)
class Workload:
    """n tasks, split, with their vectors behind `source`."""

    name: str
    source: TaskSource
    types: NDArray[np.uint8]
    """(n,) indices into TASK_TYPES."""
    difficulty: NDArray[np.float32]
    """(n,) in [0, 1]."""
    categories: NDArray[np.uint8]
    """(n,) indices into CATEGORIES."""
    parts: Parts
    digest: str | None = None
    """SHA-256 of input that is not made from the seed."""
    details: dict[str, Any] = field(default_factory=dict)
    """Arguments that made the workload, for the `run` block of a checkpoint."""
    retrieval: Retrieval | None = None
    """Of the test part."""
    watched: Retrieval | None = None
    """The same of watched_tasks() of the validation part, by which constants are chosen."""
    transfer: Retrieval | None = None
    """Of other input, of which training has seen nothing."""
    vectors: Vectors | None = None
    """What closed forms are fitted on: rows by task number, of which only those of the train part are read."""
