"""Matrices of vectors that may be larger than the memory one would give them."""

from __future__ import annotations

import tempfile

import numpy as np
from numpy.typing import NDArray

__all__ = ["IN_MEMORY_BYTES", "empty_rows"]

IN_MEMORY_BYTES = 192 << 20
"""Larger matrices lie in a temporary file without a name; the system keeps in memory what it has room for."""


def empty_rows(n: int, dim: int) -> NDArray[np.float32]:
    """An array (n, dim) to be filled. Raises OSError where the folder for temporary files has too little room."""
    if n * dim * 4 <= IN_MEMORY_BYTES:
        return np.empty((n, dim), dtype=np.float32)
    with tempfile.TemporaryFile(prefix="ruvllm-") as file:  # the mapping outlives the name and the handle
        return np.memmap(file, dtype=np.float32, mode="w+", shape=(n, dim))
