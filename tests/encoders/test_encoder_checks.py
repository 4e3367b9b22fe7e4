"""check_encoder: ours keep the contract, and a planted fault of every kind is found and named."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ruvllm.encoders import Encoder, check_encoder
from ruvllm.encoders.cache import CachedEncoder
from ruvllm.encoders.checks import SAMPLE_TEXTS, EncoderError
from ruvllm.encoders.hashed import HashedNgramEncoder

DIM = 16


class Letters:
    """A sound encoder: counts of letters."""

    name, dim = "letters", DIM

    def encode(self, texts: Sequence[str]) -> Any:
        rows = np.zeros((len(texts), DIM), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for letter in text:
                row[ord(letter) % DIM] += 1
        return self.broken(rows)

    def broken(self, rows: NDArray[np.float32]) -> Any:
        return rows


def test_sound_encoders_pass(tmp_path_factory: pytest.TempPathFactory) -> None:
    check_encoder(Letters())
    check_encoder(HashedNgramEncoder(256, idf=False))
    check_encoder(HashedNgramEncoder(64, sublinear_tf=True).fit(SAMPLE_TEXTS))
    digested = Letters()
    digested.digest = "letters 1"  # type: ignore[attr-defined]
    check_encoder(CachedEncoder(digested, tmp_path_factory.mktemp("cache")))  # type: ignore[arg-type]


def with_attributes(**attributes: Any) -> Encoder:
    found: Encoder = type("Changed", (Letters,), attributes)()
    return found


def with_rows(change: Any) -> Encoder:
    return with_attributes(broken=lambda self, rows: change(rows))


class Noisy(Letters):
    def broken(self, rows: NDArray[np.float32]) -> Any:
        self.calls = getattr(self, "calls", 0) + 1
        return rows + np.float32(1e-6 * self.calls)


class OneAtATime(Letters):
    """Gives other bits if two threads are inside."""

    def __init__(self) -> None:
        self._inside, self._both = 0, threading.Barrier(2)

    def broken(self, rows: NDArray[np.float32]) -> Any:
        if threading.current_thread() is threading.main_thread():
            return rows
        return rows * np.float32(2 if self._both.wait() == 0 else 1)


NAN = np.float32("nan")
FAULTS: dict[str, tuple[Any, str]] = {
    "no encode": (object(), "must have `name`, `dim` and `encode`"),
    "no name": (with_attributes(name=""), "must have a name, not ''"),
    "a name of two lines": (with_attributes(name="a\nb"), "must have a name"),
    "no dimension": (with_attributes(dim=0), "must have dim >= 1, not 0"),
    "half a dimension": (with_attributes(dim=1.5), "must have dim >= 1, not 1.5"),
    "a strange size": (with_attributes(parameters=-1), "must have a number of parameters, not -1"),
    "a list": (with_rows(lambda rows: rows.tolist()), "must give an array, not list"),
    "a mask": (with_rows(lambda rows: np.ma.masked_array(rows, mask=rows > 2)), "must give an array without a mask"),
    "complex numbers": (with_rows(lambda rows: rows + np.complex64(0)), "must give float32, not complex64"),
    "double precision": (with_rows(lambda rows: rows.astype(np.float64)), "must give float32, not float64"),
    "another width": (with_attributes(dim=DIM + 1), r"must give shape \(8, 17\), not \(8, 16\)"),
    "a row too few": (with_rows(lambda rows: rows[:-1]), r"must give shape \(8, 16\), not \(7, 16\)"),
    "strided rows": (with_rows(np.asfortranarray), "must give C-contiguous rows"),
    "not a number": (with_rows(lambda rows: np.where(rows > 2, NAN, rows)), "must give finite numbers"),
    "nothing at all": (with_rows(np.zeros_like), "a vector other than zeros"),
    "long rows": (with_attributes(computed_here=True), "computed here must give rows of length 1 or 0, not"),
    "other bits every time": (Noisy(), "must give the same bits for the same texts"),
    "rows that know their batch": (
        with_rows(lambda rows: rows - rows.mean(axis=0)), "must give a text the same vector alone as among others"),
    "rows that know their place": (
        with_rows(lambda rows: rows + np.float32(1) * (np.arange(len(rows)) == 7)[:, None]),
        "must give a text the same vector alone as among others"),
    "other bits in threads": (OneAtATime(), "must give the same bits from two threads"),
    "a digest that is no text": (with_attributes(digest=b"x"), "must have a text as digest, not b'x'"),
    "an empty digest": (with_attributes(digest=""), "must have a text as digest, not ''"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_with_the_value(fault: str) -> None:
    encoder, message = FAULTS[fault]
    with pytest.raises(EncoderError, match=message):
        check_encoder(encoder)


def test_bits_count_if_vectors_are_computed_here() -> None:
    class Close(Letters):
        computed_here = True

        def broken(self, rows: NDArray[np.float32]) -> Any:
            lengths = np.linalg.norm(rows, axis=1, keepdims=True)
            unit = np.divide(rows, lengths, where=lengths > 0, out=np.zeros_like(rows))
            return unit * np.float32(1 + 1e-6 * (len(rows) == 1))

    with pytest.raises(EncoderError, match="must give a text the same bits alone as among others"):
        check_encoder(Close())
