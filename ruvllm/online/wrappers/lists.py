"""Rows in inverted lists, as codes of a few bits, of which the nearest are compared exactly.

k-means puts each row into one of 2 sqrt(n) lists (Sivic & Zisserman 2003; Jégou, Douze & Schmid 2011), as 4 bits for
every two of its principal components (product quantization, scanned in registers: André et al. 2017).
Large components are paired with small ones, so that each gets the bits that it is worth (Ge, He, Ke & Sun 2013). A
search scans the lists that are nearest to the query, and compares the rows whose codes are nearest with the query
itself. Lists are built in some hundredths of a millisecond a row where a graph takes a millisecond, and what they keep
beside the rows is a twentieth of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ruvllm.online.wrappers.nearest import AT_ONCE, best, units

__all__ = ["FEWEST_ROWS", "RowLists"]

FEWEST_ROWS = 256
"""Below that there is nothing to learn lists and codes from."""
LISTS = 2.0
"""Times the square root of the number of rows."""
ROWS_A_LIST = 64
"""From which a list's centre is learned."""
ITERATIONS = 8
"""Of k-means. Lists need not be the best ones: what they miss is measured."""
KEPT = 0.93
"""Of the squares of rows, what the principal components hold that are put into codes."""
COMPARED = 512
"""Of so many rows that are scanned one is compared exactly."""

Rows = NDArray[np.float32]
Ids = NDArray[np.int64]


class RowLists:
    """n rows in lists of faiss. `progress` gets (rows done, n) while they are built."""

    def __init__(self, rows: Rows, progress: Callable[[int, int], None] | None = None) -> None:
        n = len(rows)
        if n < FEWEST_ROWS:
            raise ValueError(f"lists need at least {FEWEST_ROWS} rows, not {n}")
        self._rows, self._effort = rows, 0
        self._lengths = np.empty(n, dtype=np.float32)
        count = max(1, round(LISTS * n**0.5))
        sample = units(rows[_drawn(n, count * ROWS_A_LIST)])
        self._axes = _principal_axes(sample)
        kept = self._axes.shape[1]
        self._lists = _made(f"IVF{count},PQ{kept // 2}x4fs", kept)
        self._lists.cp.niter, self._lists.cp.max_points_per_centroid = ITERATIONS, ROWS_A_LIST
        self._lists.cp.min_points_per_centroid = self._lists.pq.cp.min_points_per_centroid = 1  # no warnings
        self._lists.train(sample @ self._axes)
        for begin in range(0, n, AT_ONCE):
            block = rows[begin : begin + AT_ONCE]
            self._lengths[begin : begin + len(block)] = np.linalg.norm(block, axis=1)
            self._lists.add(units(block) @ self._axes)
            if progress is not None:
                progress(begin + len(block), n)
        self._lengths[self._lengths == 0] = 1

    def look_at(self, effort: int) -> None:
        """Compares so many rows exactly, of COMPARED times as many that are scanned."""
        self._effort = effort
        share = min(1.0, effort * COMPARED / len(self._rows))
        self._lists.nprobe = max(1, round(share * self._lists.nlist))

    def search(self, vectors: Rows, k: int) -> Ids:
        """One query after the other: what one finds does not depend on others. -1 where the lists hold fewer than k."""
        return np.stack([self._search_one(vector, k) for vector in vectors])

    def _search_one(self, query: Rows, k: int) -> Ids:
        near = self._lists.search((query @ self._axes)[None], min(max(self._effort, k), len(self._rows)))[1][0]
        ids = np.sort(near[near >= 0])  # of equally near ones the first is to come first
        found = np.full(k, -1, dtype=np.int64)
        if len(ids):
            nearest = ids[best(self._rows[ids] @ query / self._lengths[ids], min(k, len(ids)))]
            found[: len(nearest)] = nearest
        return found


def _made(description: str, dim: int) -> Any:
    """An empty index; faiss says of its type no more than that it is one."""
    import faiss  # an extra, and slow to import

    return faiss.index_factory(dim, description, faiss.METRIC_INNER_PRODUCT)


def _drawn(n: int, wanted: int) -> Ids:
    """Numbers of rows, ascending; the same ones each time."""
    return np.sort(np.random.default_rng(0).choice(n, min(n, wanted), replace=False))


def _principal_axes(rows: Rows) -> Rows:
    """Directions (dim, m) that hold KEPT of the rows' squares: the first, the last, the second, the last but one ...

    m is a multiple of 4: directions that dim does not have are 0. Not centred: products of queries and rows are to stay
    what they are.
    """
    squares, axes = np.linalg.eigh(rows.T @ rows)
    held = np.cumsum(squares[::-1]) / max(float(squares.sum()), np.finfo(np.float32).tiny)
    needed = min(int(np.searchsorted(held, KEPT)) + 1, len(axes))
    found = np.zeros((len(axes), -(-needed // 4) * 4), dtype=np.float32)
    kept = min(found.shape[1], len(axes))
    found[:, :kept] = axes[:, ::-1][:, :kept]
    halves = np.arange(found.shape[1]).reshape(2, -1)
    return np.ascontiguousarray(found[:, np.stack([halves[0], halves[1][::-1]], axis=1).ravel()])
