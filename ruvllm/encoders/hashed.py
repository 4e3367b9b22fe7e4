"""Frozen encoders: texts to vectors.

An encoder is anything with a name, a dimension and `encode`; the default one is hashed character n-grams in the
C++ core, which needs no download and gives the same bits on every CPU.
"""

import hashlib
import json
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ruvllm._core import NgramEncoder

__all__ = ["Encoder", "HashedNgramEncoder"]


@runtime_checkable
class Encoder(Protocol):
    """What the code workload asks of an encoder: sentence embeddings, hidden states or a function of the user's."""

    @property
    def name(self) -> str:
        """Short name for reports."""

    @property
    def dim(self) -> int:
        """Elements of a vector."""

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors (n, dim), C-contiguous, of n texts. They need not have length 1."""


class HashedNgramEncoder:
    """Character n-grams of 3 to 5 inside words, hashed with signs into `dim` elements, rows of length 1.

    Without options it equals scikit-learn's `HashingVectorizer(analyzer="char_wb", ngram_range=(3, 5),
    n_features=dim)` up to float32 rounding. With `idf` each n-gram weighs `ln((1 + n) / (1 + df)) + 1`, where df
    counts the fitted texts in which its bucket (2^18 of them) occurs; with `sublinear_tf` one that a text repeats
    m times counts `1 + ln(m)`, not m: scikit-learn's `TfidfTransformer`, smooth, with the option of that name.
    Feature hashing: Weinberger et al., ICML 2009.
    """

    def __init__(self, dim: int, idf: bool = True, *, sublinear_tf: bool = False) -> None:
        """Raises ValueError unless dim >= 1."""
        if dim < 1:
            raise ValueError(f"an encoder needs dim >= 1, not {dim}")
        self._core = NgramEncoder(dim, sublinear_tf=sublinear_tf)
        self._idf = idf
        self._sublinear_tf = sublinear_tf
        self._n_fitted: int | None = None

    @property
    def name(self) -> str:
        return "hashed-ngram" + ("-logtf" if self._sublinear_tf else "") + ("-idf" if self._idf else "")

    @property
    def dim(self) -> int:
        return self._core.dim

    def fit(self, texts: Sequence[str]) -> "HashedNgramEncoder":
        """IDF weights from `texts`, in place of earlier ones; without IDF nothing changes. Returns self."""
        if self._idf:
            prepared = _prepare(texts)
            self._core.fit(prepared)
            self._n_fitted = len(prepared)
        return self

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit rows (n, dim) float32; a text without words gives zeros.

        Raises RuntimeError when IDF is on and `fit` was never called.
        """
        if self._idf and self._n_fitted is None:
            raise RuntimeError("an encoder with IDF needs fit(texts) before encode(texts)")
        return self._core.encode(_prepare(texts))

    def digest(self) -> str:
        """SHA-256 (hex) of everything that decides a vector: name, dim and the fitted frequencies."""
        head = json.dumps([self.name, self.dim, self._n_fitted], separators=(",", ":"))
        frequencies = self._core.document_frequencies().astype("<u4")
        return hashlib.sha256(head.encode("ascii") + frequencies.tobytes()).hexdigest()


def _prepare(texts: Sequence[str]) -> list[bytes]:
    """Lower case, one space between words, as scikit-learn does before it takes n-grams; then UTF-8.

    Unicode's rules for both are Python's. A lone surrogate, which a docstring may hold, passes as three bytes.
    """
    if isinstance(texts, str):
        raise TypeError("texts must be a sequence of texts, not one text")
    return [" ".join(text.lower().split()).encode("utf-8", "surrogatepass") for text in texts]
