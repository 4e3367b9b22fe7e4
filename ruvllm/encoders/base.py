"""Vectors of any encoder, checked and scaled to length 1."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ruvllm._core import squared_norm
from ruvllm.encoders.hashed import Encoder, HashedNgramEncoder

__all__ = ["unit_rows"]


def unit_rows(encoder: Encoder, texts: Sequence[str], dim: int) -> NDArray[np.float32]:
    """The encoder's vectors (n, dim), each of length 1; a vector of zeros stays so.

    Raises ValueError for another shape or type than float32 (n, dim), or a vector that is not finite.
    """
    rows = encoder.encode(texts)
    if rows.shape != (len(texts), dim) or rows.dtype != np.float32:
        raise ValueError(
            f"encoder {encoder.name!r} must give float32 ({len(texts)}, {dim}), not {rows.dtype} {rows.shape}"
        )
    if isinstance(encoder, HashedNgramEncoder):
        return rows  # already of length 1
    if not np.isfinite(rows).all():
        raise ValueError(f"encoder {encoder.name!r} gave a vector that is not finite")
    largest = np.abs(rows).max(axis=1, keepdims=True)  # first, so that no square overflows or vanishes
    scaled = np.divide(rows, np.where(largest > 0, largest, 1), dtype=np.float32, order="C")
    lengths = [math.sqrt(squared_norm(row)) or 1.0 for row in scaled]
    return np.divide(scaled, np.array(lengths, dtype=np.float32)[:, None])
