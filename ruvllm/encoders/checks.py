"""Does an encoder keep the contract that runs rely on? One small check for each rule."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from ruvllm.encoders.base import Encoder, is_computed_here, unit_rows

__all__ = ["SAMPLE_TEXTS", "EncoderError", "check_encoder"]

SAMPLE_TEXTS = (
    "def f(a, b):\n    return a + b",
    "Adds two numbers and returns their sum.",
    "Ein Satz über Straßen: naïve café 数学 🙂",
    "A surrogate alone, \ud800, which a docstring may hold.",
    "x",
    "",
    " \t\n ",
    "word " * 3_000,
)
"""Texts that occur in real input. An encoder must take all of them."""
TOLERANCE = 1e-4
"""Largest difference that another batch may make to a row of length 1, unless the encoder is computed here."""

Rows = NDArray[np.float32]


class EncoderError(ValueError):
    """An encoder breaks a rule. The message has the rule and the value that breaks it."""


def check_encoder(encoder: Encoder, texts: Sequence[str] = SAMPLE_TEXTS) -> None:
    """Raises EncoderError if the encoder breaks the contract of ruvllm.encoders.Encoder.

    Encodes at least two `texts` several times, alone, together and from two threads. The default encoder must be
    fitted first.
    """
    _check_attributes(encoder)
    rows = encoder.encode(list(texts))
    _check_rows(encoder, rows, len(texts))
    _check_lengths(encoder, texts, rows)
    _check_repeats(encoder, texts, rows)
    _check_batches(encoder, texts, rows)
    _check_threads(encoder, texts, rows)
    _check_digest(encoder)


def _require(holds: bool, encoder: Encoder, rule: str) -> None:
    if not holds:
        raise EncoderError(f"encoder {str(getattr(encoder, 'name', encoder))[:80]!r} {rule}")


def _check_attributes(encoder: Encoder) -> None:
    _require(isinstance(encoder, Encoder), encoder, "must have `name`, `dim` and `encode`")
    name, dim, parameters = encoder.name, encoder.dim, getattr(encoder, "parameters", 0)
    _require(isinstance(name, str) and name.isprintable() and bool(name), encoder, f"must have a name, not {name!r}")
    _require(type(dim) is int and dim >= 1, encoder, f"must have dim >= 1, not {dim!r}")
    _require(
        type(parameters) is int and parameters >= 0, encoder, f"must have a number of parameters, not {parameters!r}"
    )


def _check_rows(encoder: Encoder, rows: Rows, n: int) -> None:
    _require(isinstance(rows, np.ndarray), encoder, f"must give an array, not {type(rows).__name__}")
    _require(not np.ma.isMaskedArray(rows), encoder, "must give an array without a mask")
    _require(rows.dtype == np.float32, encoder, f"must give float32, not {rows.dtype}")
    _require(rows.shape == (n, encoder.dim), encoder, f"must give shape ({n}, {encoder.dim}), not {rows.shape}")
    _require(bool(rows.flags.c_contiguous), encoder, "must give C-contiguous rows")
    _require(bool(np.isfinite(rows).all()), encoder, "must give finite numbers")
    _require(bool(rows.any()), encoder, "must give some text a vector other than zeros")


def _check_lengths(encoder: Encoder, texts: Sequence[str], rows: Rows) -> None:
    lengths = np.linalg.norm(unit_rows(encoder, texts, encoder.dim).astype(np.float64), axis=1)
    wrong = lengths[rows.any(axis=1) & (np.abs(lengths - 1) > 1e-5)]
    rule = "computed here must give rows of length 1 or 0" if is_computed_here(encoder) else "must scale to length 1"
    _require(len(wrong) == 0, encoder, f"{rule}, not {wrong[:1]}")


def _check_repeats(encoder: Encoder, texts: Sequence[str], rows: Rows) -> None:
    again = encoder.encode(list(texts))
    _require(again.tobytes() == rows.tobytes(), encoder, "must give the same bits for the same texts")


def _check_batches(encoder: Encoder, texts: Sequence[str], rows: Rows) -> None:
    """A text's vector must not depend on the texts beside it: batches differ from run to run, and rows are cached."""
    alone = np.concatenate([encoder.encode([text]) for text in texts])
    if is_computed_here(encoder):
        _require(alone.tobytes() == rows.tobytes(), encoder, "must give a text the same bits alone as among others")
    scale = np.maximum(np.linalg.norm(rows, axis=1), np.finfo(np.float32).tiny)
    off = float((np.linalg.norm(alone - rows, axis=1) / scale).max())
    rule = "must give a text the same vector alone as among others"
    _require(off <= TOLERANCE, encoder, f"{rule}; it is off by {off:.2g}")


def _check_threads(encoder: Encoder, texts: Sequence[str], rows: Rows) -> None:
    """Runs side by side share one encoder."""
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(encoder.encode, [list(texts)] * 4))
    _require(
        all(each.tobytes() == rows.tobytes() for each in found), encoder, "must give the same bits from two threads"
    )


def _check_digest(encoder: Encoder) -> None:
    digest = getattr(encoder, "digest", None)
    is_text = isinstance(digest, str) and digest != ""
    _require(digest is None or is_text, encoder, f"must have a text as digest, not {digest!r}")
    _require(digest == getattr(encoder, "digest", None), encoder, "must have a digest that stays")
