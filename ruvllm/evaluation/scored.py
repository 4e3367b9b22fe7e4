"""Ranks of right solutions where candidates have scores, whatever these are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ruvllm.evaluation.retrieval import InPlace, Ranked, right_too
from ruvllm.workloads.workload import Retrieval, RetrievalBlock

__all__ = [
    "AT_ONCE", "Part", "Scores", "blocks_in_parts", "crowded_among", "no_scores", "of_vectors", "parts_of", "ranked_by",
]  # fmt: skip

AT_ONCE = 256
"""Queries whose scores are in memory."""

Rows = NDArray[np.float32]

NEIGHBOURS = 10
ROWS_AT_ONCE = 4096
AT_MOST = 1 << 24
"""Cosines in memory."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Some queries of a group."""

    members: NDArray[np.int64]
    """(k,): numbers of the queries."""
    candidates: NDArray[np.int64]
    """(j,): rows of their candidates."""
    right: NDArray[np.int32]
    """(k,): place of each query's right solution among the candidates."""
    right_too: NDArray[np.int64]
    """(l, 2): places of queries and of solutions that are right for them as well."""

    def settled(self, scores: Rows) -> Rows:
        """The scores (k, j), in place; what is right as well comes last, as ranks leave it out."""
        scores[self.right_too[:, 0], self.right_too[:, 1]] = -np.inf
        return scores

    def ranks(self, scores: Rows) -> NDArray[np.int64]:
        """(k,) by settled scores (k, j): a wrong solution with the score of the right one counts against it."""
        own = scores[np.arange(len(scores)), self.right]
        found: NDArray[np.int64] = np.count_nonzero(~(scores < own[:, None]), axis=1)
        return found


def blocks_in_parts(question: Retrieval, at_once: int) -> Iterator[tuple[RetrievalBlock, list[Part]]]:
    """Yields each group by itself, and its queries, at most so many at a time."""
    for block in question.blocks():
        pairs = np.array(list(right_too(question, block)), dtype=np.int64).reshape(-1, 2)
        parts = []
        for begin in range(0, len(block.members), at_once):
            own = (pairs[:, 0] >= begin) & (pairs[:, 0] < begin + at_once)
            some = slice(begin, begin + at_once)
            parts.append(
                Part(block.members[some], block.candidates, block.right[some], pairs[own] - np.array([begin, 0]))
            )
        yield block, parts


def parts_of(question: Retrieval, at_once: int) -> Iterator[Part]:
    """Yields at most so many queries of one group at a time, each query in one part."""
    for _, parts in blocks_in_parts(question, at_once):
        yield from parts


def ranked_by(question: Retrieval, scored: Iterable[tuple[Part, Rows]], most: int) -> Ranked:
    """Ranks (n,) of the right solutions by the settled scores (k, j) of all parts, which are spoilt.

    With them what stood first for the first `most` queries.
    """
    ranks = np.empty(len(question.queries), dtype=np.int32)
    first = np.full(len(question.queries), -1, dtype=np.int32)
    for part, scores in scored:
        ranks[part.members] = part.ranks(scores)
        scores[np.arange(len(scores)), part.right] = -np.inf
        best = part.candidates[np.argmax(scores, axis=1)]
        first[part.members] = np.where(ranks[part.members] == 1, question.right[part.members], best)
    first[most:] = -1
    return Ranked(ranks, first)


Scores = Callable[[Part], Rows]
"""Scores (k, j) of the candidates of a part of one question."""


def of_vectors(place: InPlace) -> Scores:
    """Cosines of vectors less the discount of each solution. They pass through BLAS, as does the next."""

    def scores(part: Part) -> Rows:
        queries = _unit(place.queries[part.members])
        cosines = np.empty((len(part.members), len(part.candidates)), dtype=np.float32)
        for begin in range(0, len(part.candidates), ROWS_AT_ONCE):  # there may be far more than memory holds twice
            some = slice(begin, begin + ROWS_AT_ONCE)
            cosines[:, some] = queries @ _unit(place.solutions[part.candidates[some]]).T
        return cosines if place.discount is None else cosines - place.discount[part.candidates]

    return scores


def no_scores(part: Part) -> Rows:
    """0 for each candidate: of whoever has nothing to say."""
    return np.zeros((len(part.members), len(part.candidates)), dtype=np.float32)


def crowded_among(solutions: Rows, queries: Rows) -> Rows:
    """The crowding (m,) of solutions (m, d) among queries (n, d), see retrieval.crowding(): several times as fast."""
    taken, past = min(NEIGHBOURS, len(queries)), _unit(queries)
    crowded = np.zeros(len(solutions), dtype=np.float32)
    at_once = max(AT_MOST // max(len(past), 1), 1)
    for begin in range(0, len(solutions) if taken else 0, at_once):
        cosines = _unit(solutions[begin : begin + at_once]) @ past.T
        crowded[begin : begin + at_once] = np.partition(cosines, -taken, axis=1)[:, -taken:].mean(axis=1)
    return crowded


def _unit(rows: Rows) -> Rows:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows / np.where(lengths > 0.0, lengths, 1.0)).astype(np.float32)
