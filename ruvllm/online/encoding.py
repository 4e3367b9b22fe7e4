"""A user's encoder: called, its vectors checked, and told from another encoder by the vectors of fixed texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ruvllm.online.records import EncoderMismatchError

__all__ = [
    "PROBES", "Encode", "TextEncoder", "check_same_encoder", "fingerprint_of", "matrix_of", "unit_half_rows",
    "vector_of",
]  # fmt: skip

PROBES = (
    "a",
    "How do I parse an ISO 8601 date?",
    "def add(a, b):\n    return a + b",
    "SELECT name FROM users WHERE id = 7 ORDER BY name;",
    "The quick brown fox jumps over the lazy dog.",
    "Wie stelle ich eine Verbindung zur Datenbank her?",
    "日本語の文章をベクトルにする",
    "error: expected ';' before '}' token in src/main.cpp:42",
)
"""Texts whose vectors are an encoder's fingerprint. They are never learned from."""
SAME_ENCODER = 0.9995
"""Least cosine of two vectors of a probe. Other batch sizes, processors and threads change the last digits only."""
FLOAT32 = np.dtype(np.float32)
Rows = NDArray[np.float32]
Encode = Callable[[list[str]], Any]


class HasEncode(Protocol):
    """An encoder as an object, such as a SentenceTransformer."""

    def encode(self, texts: list[str], /) -> Any: ...


class TextEncoder:
    """Calls a function or an object's `encode`, and checks what comes back."""

    def __init__(self, encoder: Encode | HasEncode, dim: int | None) -> None:
        """Raises TypeError for what is no encoder."""
        encode = getattr(encoder, "encode", None)
        call = encode if callable(encode) else encoder
        if not callable(call) or isinstance(encoder, type):
            raise TypeError(
                f"an encoder is a function from texts to vectors or has `encode`, not {type(encoder).__name__}"
            )
        self._call: Encode = call
        self.dim = dim

    def __call__(self, texts: Sequence[str]) -> Rows:
        """Returns the vectors (n, dim). Raises ValueError if the encoder gives anything else or what is not finite."""
        rows = matrix_of(self._call(list(texts)), "the encoder's vectors", self.dim)
        if len(rows) != len(texts):
            raise ValueError(f"the encoder must give a vector for each of {len(texts)} texts, not {len(rows)}")
        self.dim = rows.shape[1]
        return rows


def vector_of(values: object, what: str, dim: int | None, *, finite: bool = True) -> Rows:
    """Returns a float32 vector (dim,). Raises ValueError for another shape and (`finite`) for what is not finite."""
    vector = _numbers(values, what, finite)
    shape = vector.shape
    if len(shape) != 1 or (dim is not None and shape[0] != dim):
        raise ValueError(f"{what} must have the shape ({'d' if dim is None else dim},), not {vector.shape}")
    return vector


def matrix_of(values: object, what: str, dim: int | None, *, finite: bool = True) -> Rows:
    """Returns float32 vectors (n, dim). Raises ValueError for another shape and (`finite`) for what is not finite."""
    rows = _numbers(values, what, finite)
    shape = rows.shape
    if len(shape) != 2 or (dim is not None and shape[1] != dim) or shape[1] == 0:
        raise ValueError(f"{what} must have the shape (n, {'d' if dim is None else dim}), not {rows.shape}")
    return rows


def _numbers(values: object, what: str, finite: bool) -> Rows:
    if type(values) is np.ndarray and values.dtype is FLOAT32 and values.flags.c_contiguous:
        array = values
    else:
        if np.ma.isMaskedArray(values):
            raise ValueError(f"{what} must have no mask")
        found = np.asarray(values)
        if found.dtype.kind not in "fiub":
            raise ValueError(f"{what} must be real numbers, not {found.dtype}")
        with np.errstate(over="ignore"):
            array = np.ascontiguousarray(found, dtype=np.float32) if found.ndim else found.astype(np.float32)
    if finite and not np.isfinite(array).all():
        raise ValueError(f"{what} must be finite")
    return array


def unit_half_rows(rows: Rows) -> NDArray[np.float16]:
    """Returns rows (n, d) scaled to length 1, as float16: what a log keeps of them. Zeros stay zeros."""
    largest = np.abs(rows).max(axis=1, keepdims=True)  # first, so that no square overflows or vanishes
    scaled = rows / np.where(largest > 0, largest, 1)
    lengths = np.sqrt(np.einsum("nd,nd->n", scaled, scaled, dtype=np.float64))[:, None]
    return np.asarray(scaled / np.where(lengths > 0, lengths, 1), dtype=np.float16)


def fingerprint_of(encoder: TextEncoder) -> Rows:
    """Returns the vectors (8, dim) of the probe texts, each of length 1."""
    rows = encoder(PROBES).astype(np.float64)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths > 0, lengths, 1), dtype=np.float32)


def check_same_encoder(known: Rows, found: Rows) -> None:
    """Raises EncoderMismatchError if one of the probe texts has another vector (8, dim) than the one known."""
    if known.shape != found.shape:
        raise EncoderMismatchError(
            f"the store was made with an encoder of dimension {known.shape[1]}, not {found.shape[1]}"
        )
    # What was learned belongs to one encoder's vectors. Names are no sign of it: they change without the vectors.
    both_zero = ~(known.any(axis=1) | found.any(axis=1))
    cosines = np.where(both_zero, 1.0, np.einsum("nd,nd->n", known.astype(np.float64), found.astype(np.float64)))
    worst = int(np.argmin(cosines))
    if not cosines[worst] >= SAME_ENCODER:
        raise EncoderMismatchError(
            f"the store was made with another encoder: the vector of {PROBES[worst]!r} has cosine "
            f"{cosines[worst]:.4f} with the one known, and at least {SAME_ENCODER} is needed"
        )
