"""Retrieval metrics: at which place does the right solution come among all of them?

Metrics come per query as well, so that the gain of one model over another can be paired and bootstrapped.
"""

import math
from collections.abc import Callable, Iterator

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from ruvllm import _core
from ruvllm.workloads.rows import take_rows
from ruvllm.workloads.workload import Retrieval, RetrievalBlock

__all__ = [
    "CSLS_SHARES",
    "OF_RECIPROCAL_RANK",
    "InPlace",
    "Ranked",
    "Ranks",
    "crowding",
    "first_in_groups",
    "hits_at_1",
    "mean_reciprocal_rank",
    "pool_sizes",
    "ranks_in_groups",
    "recall_at_1",
    "recall_at_5",
    "reciprocal_ranks",
    "retrieval_ranks",
    "right_too",
]

CSLS_SHARES = (0.0, 0.15, 0.3, 0.5)
"""Of the crowding, from which a validation part chooses."""

OF_RECIPROCAL_RANK: dict[str, Callable[[float], float]] = {
    "recall_at_1": lambda r: float(r == 1.0),
    "recall_at_3": lambda r: float(r >= 1 / 3),
    "recall_at_5": lambda r: float(r >= 1 / 5),
    "mrr": float,
}
"""What a query counts for in each metric, from 1 / rank."""

Ranks = NDArray[np.int32]

AT_ONCE = 64
"""Queries whose cosines are in memory."""
MOST_COSINES = 25_000_000
"""Of a question, to find out what stood first: some seconds, where ranks take minutes."""


class Ranked(Struct, frozen=True, eq=False):
    """How n queries were answered."""

    ranks: Ranks
    """(n,): rank of the right solution, from 1."""
    first: NDArray[np.int32]
    """(n,): row of the solution that stood first, -1 where it was not asked for."""


class InPlace(Struct, frozen=True, eq=False):
    """What stands in place of the vectors of a retrieval question when a method answers it."""

    queries: NDArray[np.float32]
    """(n, d)"""
    solutions: NDArray[np.float32]
    """(m, d)"""
    discount: NDArray[np.float32] | None = None
    """(m,), taken from the cosines of each solution."""

    def ranks(self, question: Retrieval, isa: str) -> Ranks:
        """Ranks (n,) of the right solutions, each among those of its group."""
        return ranks_in_groups(question, self.queries, self.solutions, isa, self.discount)

    def ranked(self, question: Retrieval, isa: str, most: int) -> Ranked:
        """The ranks, and what stood first for the first `most` queries, for fewer if there are very many solutions."""
        most = min(most, MOST_COSINES // max(len(self.solutions), 1))
        ranks = self.ranks(question, isa)
        first = first_in_groups(question, self.queries, self.solutions, ranks, isa, self.discount, most=most)
        return Ranked(ranks, first)


def retrieval_ranks(
    queries: NDArray[np.float32],
    solutions: NDArray[np.float32],
    right: NDArray[np.int32],
    *,
    discount: NDArray[np.float32] | None = None,
    isa: str = "auto",
) -> Ranks:
    """Rank (n,), from 1, of solution `right[i]` for query i among all solutions, by cosine.

    `queries` (n, d) and `solutions` (m, d) are float32 and C-contiguous, `right` (n,) is int32. A wrong solution
    as similar as the right one counts against it, and so does NaN. `discount` (m,), see crowding(), is taken from each
    solution's cosines first. The same ranks on every instruction set.

    Raises IndexError for an index outside [0, m), ValueError for shapes that do not fit, TypeError for other types.

    >>> rows = np.eye(3, dtype=np.float32)
    >>> retrieval_ranks(rows[:2], rows, np.array([0, 2], dtype=np.int32)).tolist()
    [1, 3]
    """
    return _core.retrieval_ranks(queries, solutions, right, discount=discount, isa=isa)


def crowding(
    solutions: NDArray[np.float32],
    queries: NDArray[np.float32],
    *,
    neighbours: int = 10,
    isa: str = "auto",
) -> NDArray[np.float32]:
    """How near each solution (m, d) is to queries (n, d), float32 and C-contiguous.

    (m,): its mean cosine with the `neighbours` queries nearest to it. A share of it taken from cosines is cross-domain
    similarity local scaling (CSLS; Conneau et al. 2018, section 2.3, where it is one half): hubs, near to many queries
    and right for few, come behind. Zeros without queries. The same on every instruction set.
    """
    return _core.crowding(solutions, queries, neighbours=neighbours, isa=isa)


def ranks_in_groups(
    question: Retrieval,
    queries: NDArray[np.float32],
    solutions: NDArray[np.float32],
    isa: str = "auto",
    discount: NDArray[np.float32] | None = None,
) -> Ranks:
    """Rank (n,) of each query's right solution among the solutions of its group, without others right for it too.

    `queries` (n, d) and `solutions` (m, d) stand in place of the question's own: as they are, or adapted. `discount`
    (m,) is taken from the cosines of each solution.
    """
    ranks = np.empty(len(queries), dtype=np.int32)
    counted = np.zeros_like(ranks)
    for block in question.blocks():
        rows, candidates = take_rows(queries, block.members), take_rows(solutions, block.candidates)
        less = None if discount is None else discount[block.candidates]
        ranks[block.members] = retrieval_ranks(rows, candidates, block.right, discount=less, isa=isa)
        for member, place in right_too(question, block):
            row = np.ascontiguousarray(rows[member : member + 1])
            others = np.array([place], dtype=np.int32)
            # it was counted against the right one if it is as near or nearer
            found = retrieval_ranks(row, candidates, others, discount=less, isa=isa)[0]
            counted[block.members[member]] += found <= ranks[block.members[member]]
    return ranks - counted


def pool_sizes(question: Retrieval) -> NDArray[np.int64]:
    """Number (n,) of solutions among which each query's right one is ranked."""
    sizes = np.zeros(len(question.queries), dtype=np.int64)
    for block in question.blocks():
        sizes[block.members] = len(block.candidates)
        for member, _ in right_too(question, block):
            sizes[block.members[member]] -= 1
    return sizes


def right_too(question: Retrieval, block: RetrievalBlock) -> Iterator[tuple[int, int]]:
    """Yields places among the members and the candidates of a block: of a query, and of another right solution."""
    pairs = question.right_too if question.right_too is not None else np.empty((0, 2), dtype=np.int32)
    for query, row in pairs[np.isin(pairs[:, 0], block.members)].tolist():
        yield int(np.searchsorted(block.members, query)), int(np.searchsorted(block.candidates, row))


def first_in_groups(
    question: Retrieval,
    queries: NDArray[np.float32],
    solutions: NDArray[np.float32],
    ranks: Ranks,
    isa: str = "auto",
    discount: NDArray[np.float32] | None = None,
    *,
    most: int,
) -> NDArray[np.int32]:
    """Which solution stood first (n,), as a row of the solutions; -1 for queries from number `most` on.

    The other arguments are those of ranks_in_groups(), `ranks` (n,) what it returned. Where the right solution did not
    come first, this is the wrong one with the highest cosine, the first of several.
    """
    first = np.full(len(queries), -1, dtype=np.int32)
    first[:most] = question.right[:most]
    for block in question.blocks():
        wrongly = np.flatnonzero((ranks[block.members] > 1) & (block.members < most))
        candidates = take_rows(solutions, block.candidates) if len(wrongly) else solutions[:0]
        too = np.array(list(right_too(question, block)), dtype=np.int64).reshape(-1, 2)
        for begin in range(0, len(wrongly), AT_ONCE):
            places = wrongly[begin : begin + AT_ONCE]
            cosines = _core.cosine_matrix(take_rows(queries, block.members[places]), candidates, isa=isa)
            if discount is not None:
                cosines -= discount[block.candidates]
            cosines[np.arange(len(places)), block.right[places]] = -np.inf  # as near as the wrong one at most
            for row, place in enumerate(places.tolist()):
                cosines[row, too[too[:, 0] == place, 1]] = -np.inf
            first[block.members[places]] = block.candidates[np.argmax(cosines, axis=1)]
    return first


def hits_at_1(ranks: Ranks) -> NDArray[np.float64]:
    """1.0 where the right solution came first, else 0.0, per query (n,)."""
    hits: NDArray[np.float64] = (ranks == 1).astype(np.float64)
    return hits


def reciprocal_ranks(ranks: Ranks) -> NDArray[np.float64]:
    """1 / rank, per query (n,)."""
    reciprocals: NDArray[np.float64] = 1.0 / ranks.astype(np.float64)
    return reciprocals


def recall_at_1(ranks: Ranks) -> float:
    """Share of queries whose right solution comes first, in [0, 1]. Raises ValueError for no ranks."""
    return _mean(hits_at_1(ranks))


def recall_at_5(ranks: Ranks) -> float:
    """Share of queries whose right solution is among the first five, in [0, 1]. Raises ValueError for no ranks."""
    return _mean((ranks <= 5).astype(np.float64))


def mean_reciprocal_rank(ranks: Ranks) -> float:
    """Mean of 1 / rank, in (0, 1]. Raises ValueError for no ranks."""
    return _mean(reciprocal_ranks(ranks))


def _mean(values: NDArray[np.float64]) -> float:
    if len(values) == 0:
        raise ValueError("a retrieval metric needs at least 1 rank, not 0")
    return math.fsum(values) / len(values)
