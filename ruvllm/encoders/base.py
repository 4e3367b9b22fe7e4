"""What an encoder is, and its vectors checked and scaled to length 1."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ruvllm._core import squared_norm

__all__ = ["Encoder", "finite_rows", "is_computed_here", "unit_rows"]


@runtime_checkable
class Encoder(Protocol):
    """Turns texts into vectors: sentence embeddings, hidden states, or a function of a user's own.

    Four more attributes are read if they are there. `digest`, a text that changes whenever any vector would: with it
    vectors are cached on disk. `title`, what reports call the model (default: the end of `name`). `parameters`, its
    size. `computed_here`, True if the vectors follow from the texts alone, have the same bits on every machine, and
    have length 1 or 0.
    """

    @property
    def name(self) -> str:
        """Short name for reports."""

    @property
    def dim(self) -> int:
        """Number of elements of a vector."""

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Returns the vectors (n, dim), float32 and C-contiguous, of n texts. They need not have length 1."""


def is_computed_here(encoder: Encoder) -> bool:
    """True if the encoder's vectors have length 1 already and are no input of their own: see Encoder."""
    return bool(getattr(encoder, "computed_here", False))


def finite_rows(encoder: Encoder, texts: Sequence[str], dim: int) -> NDArray[np.float32]:
    """Returns the encoder's vectors (n, dim) as they are.

    Raises ValueError if they are not float32 (n, dim), are masked, or one of them is not finite.
    """
    rows = encoder.encode(texts)
    if not isinstance(rows, np.ndarray) or np.ma.isMaskedArray(rows):
        raise ValueError(f"encoder {encoder.name!r} must give an array without a mask, not a {type(rows).__name__}")
    if rows.shape != (len(texts), dim) or rows.dtype != np.float32:
        raise ValueError(
            f"encoder {encoder.name!r} must give float32 ({len(texts)}, {dim}), not {rows.dtype} {rows.shape}"
        )
    if not np.isfinite(rows).all():
        raise ValueError(f"encoder {encoder.name!r} gave a vector that is not finite")
    return rows


def unit_rows(encoder: Encoder, texts: Sequence[str], dim: int) -> NDArray[np.float32]:
    """Returns the encoder's vectors (n, dim), each scaled to length 1. A vector of zeros stays as it is.

    Raises ValueError as finite_rows() does.
    """
    rows = finite_rows(encoder, texts, dim)
    if is_computed_here(encoder):
        return rows
    largest = np.abs(rows).max(axis=1, keepdims=True)  # first, so that no square overflows or vanishes
    scaled = np.divide(rows, np.where(largest > 0, largest, 1), dtype=np.float32, order="C")
    lengths = [math.sqrt(squared_norm(row)) or 1.0 for row in scaled]
    return np.divide(scaled, np.array(lengths, dtype=np.float32)[:, None])
