"""What a run needs of its workload, wherever the tasks come from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ruvllm._core import Bm25, TaskSource
from ruvllm.workloads.registry import LANGUAGES
from ruvllm.workloads.rows import take_rows
from ruvllm.workloads.splits import Numbers, Parts

if TYPE_CHECKING:
    from ruvllm.workloads.repeats.finding import Repeats
    from ruvllm.workloads.repeats.leak_check import LeakCheck
    from ruvllm.workloads.tasks import LeftOut

__all__ = [
    "CATEGORIES", "TASK_TYPES", "Details", "LexicalView", "Origin", "Question", "Retrieval", "RetrievalBlock",
    "Vectors", "Words", "Workload", "types_in", "validation_sample",
]  # fmt: skip

TASK_TYPES = ("code_completion", "bug_fix", "refactor", "test_gen")
CATEGORIES = LANGUAGES

FloatRows = NDArray[np.float32]
Details = dict[str, str | int | float]

LARGEST_SAMPLE = 2_000


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    """The texts of a retrieval question, for BM25."""

    index: Bm25
    prompts: Sequence[bytes]
    """(n,): of the queries, as the index takes them."""
    documents: NDArray[np.uint32]
    """(m,): the number of each solution in the index."""
    statistics: Mapping[int, NDArray[np.uint32]]
    """By task type: the documents that say how rare a word is, the right solutions of the train part."""

    def scores(self, members: NDArray[np.int64], candidates: NDArray[np.int64], kind: int) -> FloatRows:
        """Returns the scores (k, j) of solutions (j,) for queries (k,) of one type; 0 without train tasks."""
        statistics = self.statistics.get(kind)
        if statistics is None or len(candidates) == 0:
            return np.zeros((len(members), len(candidates)), dtype=np.float32)
        prompts = [self.prompts[i] for i in members.tolist()]
        return self.index.scores(prompts, self.documents[candidates], statistics=statistics)

    def of(self, members: NDArray[np.int64], rows: NDArray[np.int64]) -> Words:
        """Returns the texts of these queries and these solutions."""
        prompts = [self.prompts[i] for i in members.tolist()]
        return Words(self.index, prompts, self.documents[rows], self.statistics)


@dataclass(frozen=True, slots=True, eq=False)
class Retrieval:
    """Queries to be answered by retrieval: which of many solutions belongs to each?

    The candidates of a query are the solutions of its group: by default the solutions of all queries of its type.
    """

    queries: FloatRows
    """(n, d) unit rows."""
    solutions: FloatRows
    """(m, d) unit rows."""
    types: NDArray[np.uint8]
    """(n,) indices into TASK_TYPES. All queries of a group are of one type."""
    right: NDArray[np.int32]
    """(n,): the row of each query's right solution, which is of the query's group."""
    groups: NDArray[np.int32]
    """(n,): the group of each query."""
    solution_groups: NDArray[np.int32]
    """(m,): the group of each solution."""
    numbers: NDArray[np.int32] | None = None
    """(m,): the number of each solution in the input, as in Workload.candidates; None if nobody tells them apart."""
    right_too: NDArray[np.int32] | None = None
    """(k, 2): a query, and the row of a solution that is right for it as well; None for none. Ranks leave it out."""
    words: Words | None = None
    """The texts; None where nobody asked for the lexical view, as the next."""
    hashed: Retrieval | None = None
    """The same question by hashed n-grams; None also where the vectors are these already."""

    @classmethod
    def by_type(cls, queries: FloatRows, solutions: FloatRows, types: NDArray[np.uint8]) -> Retrieval:
        """Groups n queries by type. Solution i is the right one of query i; both are (n, d)."""
        groups = types.astype(np.int32)
        return cls(queries, solutions, types, np.arange(len(queries), dtype=np.int32), groups, groups)

    def of_type(self, kind: int) -> Retrieval:
        """Returns the queries of one type, with the candidates of their groups; itself where there are no others."""
        members = np.flatnonzero(self.types == kind)
        rows = self.rows_of_type(kind)
        if len(members) == len(self.types) and len(rows) == len(self.solutions):
            return self
        return Retrieval(
            queries=take_rows(self.queries, members),
            solutions=take_rows(self.solutions, rows),
            types=self.types[members],
            right=np.searchsorted(rows, self.right[members]).astype(np.int32),
            groups=self.groups[members],
            solution_groups=self.solution_groups[rows],
            numbers=None if self.numbers is None else self.numbers[rows],
            right_too=None if self.right_too is None else _renumbered(self.right_too, members, rows),
            words=None if self.words is None else self.words.of(members, rows),
            hashed=None if self.hashed is None else self.hashed.of_type(kind),
        )

    def rows_of_type(self, kind: int) -> NDArray[np.int64]:
        """Returns the rows (k,) of the solutions that of_type() takes, in their order."""
        return np.flatnonzero(np.isin(self.solution_groups, self.groups[self.types == kind]))

    def blocks(self) -> Iterator[RetrievalBlock]:
        """Yields each group by itself, in the order of the groups. Every query is in one."""
        for group in np.unique(self.groups):
            members = np.flatnonzero(self.groups == group)
            candidates = np.flatnonzero(self.solution_groups == group)
            right = np.searchsorted(candidates, self.right[members]).astype(np.int32)
            yield RetrievalBlock(members, candidates, right)


@dataclass(frozen=True, slots=True, eq=False)
class RetrievalBlock:
    """Queries with the same candidates."""

    members: NDArray[np.int64]
    """(k,): numbers of the queries."""
    candidates: NDArray[np.int64]
    """(j,): rows of their candidates among all solutions."""
    right: NDArray[np.int32]
    """(k,): place of each query's right solution among the candidates."""


@dataclass(frozen=True, slots=True, eq=False)
class Vectors:
    """Vectors of all tasks, by task number."""

    queries: FloatRows
    """(n, d) unit rows."""
    solutions: FloatRows
    """(n, d) unit rows: the right solution of each task."""


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """The retrieval question of a workload of real input, for each part that asks it."""

    test: Retrieval
    """Queries of the test part."""
    validation: Retrieval
    """Queries of validation_sample() of the validation part, by which constants are chosen."""
    vectors: Vectors
    """What closed forms are fitted on. They read rows of the train part only."""
    transfer: Retrieval | None = None
    """Queries of other input, of which training sees nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class LexicalView:
    """Words and n-grams of the tasks of a workload, beside its vectors."""

    question: Question
    """The workload's own with `words`, and with `hashed` where there is the next."""
    hashed: Workload | None
    """The same tasks, parts and candidates by hashed n-grams; None where the vectors are these already."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What the tasks of real input were made of, for whoever reads the results; it decides nothing."""

    source: str
    """The input as the user wrote it, `jsonl:FILE` for one."""
    name: str
    """What to call the input: its file, its folder."""
    texts_digest: str
    """SHA-256 (hex) of the tasks as texts."""
    encoder_digest: str | None = None
    """SHA-256 (hex) of the vectors that a user's encoder gave. None for the default one, which each run fits anew."""


@dataclass(frozen=True, slots=True, eq=False)
class Workload:
    """n tasks in parts, with their vectors behind `source`."""

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
    """SHA-256 (hex) of the input. None if the tasks follow from the seed alone."""
    details: Details = field(default_factory=dict)
    """Arguments that made the workload, for the `run` block of a checkpoint."""
    question: Question | None = None
    """None for the simulated workload."""
    origin: Origin | None = None
    """None for the simulated workload."""
    candidates: NDArray[np.int32] | None = None
    """(n, M): the numbers of each task's candidates among the input's solutions. The first n solutions are the tasks'
    right ones, the others the own wrong answers of one task after another. None for the simulated workload."""
    repeats: Repeats | None = None
    """What came again among the tasks; None for the simulated workload, as the next."""
    leak_check: LeakCheck | None = None
    """How near test tasks are to train tasks."""
    left_out: Sequence[LeftOut] = ()
    """What the reader could not use."""
    lexical: Callable[[int], LexicalView] | None = None
    """Makes the lexical view, with so many hashed n-grams: it takes time, and not every run wants it. None where there
    are no texts."""


def _renumbered(
    pairs: NDArray[np.int32], queries: NDArray[np.int64], rows: NDArray[np.int64]
) -> NDArray[np.int32]:
    """Returns the pairs (query, row) of these queries and rows (ascending), by their places among them."""
    kept = pairs[np.isin(pairs[:, 0], queries)]
    places = np.searchsorted(queries, kept[:, 0]), np.searchsorted(rows, kept[:, 1])
    return np.stack(places, axis=1).astype(np.int32)


def validation_sample(valid: Numbers) -> Numbers:
    """Returns at most LARGEST_SAMPLE tasks of a validation part (n,), evenly spaced.

    So few can be ranked a few dozen times within seconds.
    """
    return valid[:: -(-len(valid) // LARGEST_SAMPLE)] if len(valid) > 0 else valid


def types_in(types: NDArray[np.uint8]) -> list[int]:
    """Returns the numbers of the task types that occur in (n,), in their order."""
    found: list[int] = np.flatnonzero(np.bincount(types)).tolist()  # np.unique() would load all of numpy.ma first
    return found
