"""The nearest rows by cosine, exactly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["AT_ONCE", "best", "exact_search", "units"]

AT_ONCE = 8192
"""Rows that are read or indexed at once."""

Rows = NDArray[np.float32]
Ids = NDArray[np.int64]


def units(rows: Rows) -> Rows:
    """Rows of length 1, as float32; those of length 0 stay."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.ascontiguousarray(rows / np.where(lengths > 0, lengths, 1), dtype=np.float32)


def best(cosines: NDArray[np.float32], k: int) -> Ids:
    """Numbers (k,) of the largest, the largest first, of equal ones the first."""
    least = np.partition(cosines, -k)[-k]
    sure = np.flatnonzero(cosines > least)
    found = np.concatenate([sure, np.flatnonzero(cosines == least)[: k - len(sure)]])
    order: Ids = found[np.lexsort((found, -cosines[found]))]
    return order


def exact_search(rows: Rows, queries: Rows, k: int) -> Ids:
    """Numbers (m, k) of the rows (n, dim) with the highest cosines to each query (m, dim); AT_ONCE rows in memory.

    Through BLAS: equally near rows may change places on another machine.
    """
    directions = units(queries)
    nearest = np.full((len(queries), 0), 0, dtype=np.int64)
    cosines = np.empty((len(queries), 0), dtype=np.float32)
    for begin in range(0, len(rows), AT_ONCE):
        block = rows[begin : begin + AT_ONCE]
        found = directions @ units(block).T
        numbers = np.broadcast_to(np.arange(begin, begin + len(block)), found.shape)
        cosines, nearest = np.hstack([cosines, found]), np.hstack([nearest, numbers])
        kept = np.argsort(-cosines, axis=1, kind="stable")[:, :k]
        cosines, nearest = np.take_along_axis(cosines, kept, 1), np.take_along_axis(nearest, kept, 1)
    return nearest
