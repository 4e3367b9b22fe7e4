"""Queries with their candidates in arrays, checked as scikit-learn's users expect it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ruvllm.online.encoding import matrix_of, unit_half_rows

__all__ = ["Rows", "Task", "queries_of", "tasks_of", "unit_rows"]

Rows = NDArray[np.float32]
Task = tuple[Rows, Rows, int]
"""Query (d,), candidates (m, d), place of the accepted one."""


def queries_of(X: ArrayLike) -> Rows:
    """Returns queries (n, d) as float32. Raises ValueError or TypeError, in scikit-learn's words, for anything else."""
    if hasattr(X, "toarray"):
        raise TypeError("Sparse data was passed for X, but dense data is required")
    values = np.asarray(X)
    if values.dtype.kind == "c":
        raise ValueError("Complex data not supported")
    if values.dtype.kind == "O":
        values = values.astype(np.float64)  # raises for what is no number
    if values.ndim != 2:
        raise ValueError(f"Expected 2D array, got {values.ndim}D array instead. Reshape your data.")
    for axis, what in ((0, "sample(s)"), (1, "feature(s)")):
        if values.shape[axis] == 0:
            raise ValueError(f"0 {what} (shape={values.shape}) while a minimum of 1 is required.")
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise ValueError("Input X contains NaN or infinity.")
    return matrix_of(values, "X", None)


def tasks_of(queries: Rows, candidates: ArrayLike, accepted: ArrayLike) -> Iterator[Task]:
    """Yields each query with its candidates, all of length 1.

    queries (n, d), candidates (m, d) for all or (n, m, d), accepted (n,) from 0 to m - 1. Raises ValueError.
    """
    shared, places = np.asarray(candidates), np.asarray(accepted)
    if shared.ndim not in (2, 3) or (shared.ndim == 3 and len(shared) != len(queries)):
        raise ValueError(f"candidates must be (m, d) or (n, m, d), not {shared.shape} for {len(queries)} queries")
    if places.shape != (len(queries),) or places.dtype.kind not in "iu":
        raise ValueError(f"accepted must be {len(queries)} whole numbers, not {places.dtype} {places.shape}")
    d = queries.shape[1]
    rows = unit_rows(matrix_of(shared, "candidates", d)) if shared.ndim == 2 else None
    for i, (query, place) in enumerate(zip(unit_rows(queries), places.tolist(), strict=True)):
        own = unit_rows(matrix_of(shared[i], "candidates", d)) if rows is None else rows
        if not 0 <= place < len(own):
            raise ValueError(f"accepted must be from 0 to {len(own) - 1}, not {place}")
        yield query, own, place


def unit_rows(rows: Rows) -> Rows:
    """Of length 1, as precise as a log keeps them."""
    return unit_half_rows(rows).astype(np.float32)
