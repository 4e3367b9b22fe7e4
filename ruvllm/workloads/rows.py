"""Matrices of vectors that may be too large for memory."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["IN_MEMORY_BYTES", "empty_rows", "map_rows", "take_rows"]

AT_ONCE = 4096
"""Rows that are copied or mapped together."""

IN_MEMORY_BYTES = 192 << 20
"""Larger matrices lie in a temporary file without a name. The system keeps in memory what it has room for."""


def empty_rows(n: int, dim: int) -> NDArray[np.float32]:
    """Returns an array (n, dim) to be filled. Raises OSError if the folder for temporary files has too little room."""
    if n * dim * 4 <= IN_MEMORY_BYTES:
        return np.empty((n, dim), dtype=np.float32)
    import tempfile  # not for matrices of a common size

    with tempfile.TemporaryFile(prefix="ruvllm-") as file:  # the mapping outlives the name and the handle
        return np.memmap(file, dtype=np.float32, mode="w+", shape=(n, dim))


def take_rows(rows: NDArray[np.float32], indices: NDArray[np.integer]) -> NDArray[np.float32]:
    """Returns a copy (k, dim) of the rows with these numbers (k,)."""
    taken = empty_rows(len(indices), rows.shape[1])
    for begin in range(0, len(indices), AT_ONCE):
        taken[begin : begin + AT_ONCE] = rows[indices[begin : begin + AT_ONCE]]
    return taken


def map_rows(
    function: Callable[[NDArray[np.float32]], NDArray[np.float32]], rows: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Returns function(rows), some rows at a time. The function maps (k, dim) to (k, e), each row by itself."""
    first = function(rows[:AT_ONCE])
    if len(rows) <= AT_ONCE:
        return first
    mapped = empty_rows(len(rows), first.shape[1])
    mapped[:AT_ONCE] = first
    for begin in range(AT_ONCE, len(rows), AT_ONCE):
        mapped[begin : begin + AT_ONCE] = function(rows[begin : begin + AT_ONCE])
    return mapped
