"""The default encoder: hashed character n-grams, from the C++ core. No download, and the same bits on every CPU."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ruvllm._core import NgramEncoder

__all__ = ["HashedNgramEncoder"]


class HashedNgramEncoder:
    """Character n-grams of 3 to 5 inside words, hashed with signs into `dim` elements; rows have length 1.

    Without options it equals scikit-learn's `HashingVectorizer(analyzer="char_wb", ngram_range=(3, 5),
    n_features=dim)` up to float32 rounding. With `idf` each n-gram weighs `ln((1 + n) / (1 + df)) + 1`: df is the
    number of fitted texts in which its bucket (there are 2^18) occurs. With `sublinear_tf` an n-gram that a text
    repeats m times counts `1 + ln(m)`, not m. Both are as in scikit-learn's `TfidfTransformer` with smoothing.
    Feature hashing: Weinberger et al., ICML 2009.
    """

    computed_here = True

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

    def fit(self, texts: Sequence[str]) -> HashedNgramEncoder:
        """Takes IDF weights from `texts`, in place of earlier ones; without IDF does nothing. Returns self."""
        if self._idf:
            prepared = _prepare(texts)
            self._core.fit(prepared)
            self._n_fitted = len(prepared)
        return self

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Returns rows (n, dim) float32 of length 1. A text without words gives zeros.

        Raises RuntimeError if IDF is on and `fit` was never called.
        """
        if self._idf and self._n_fitted is None:
            raise RuntimeError("an encoder with IDF needs fit(texts) before encode(texts)")
        return self._core.encode(_prepare(texts))

    @property
    def digest(self) -> str:
        """Returns the SHA-256 (hex) of everything that decides a vector: name, dim and fitted frequencies."""
        head = json.dumps([self.name, self.dim, self._n_fitted], separators=(",", ":"))
        frequencies = self._core.document_frequencies().astype("<u4")
        return hashlib.sha256(head.encode("ascii") + frequencies.tobytes()).hexdigest()


def _prepare(texts: Sequence[str]) -> list[bytes]:
    """Returns the texts in lower case with one space between words, as scikit-learn takes n-grams of, in UTF-8.

    Python's Unicode rules decide both. A lone surrogate, which a docstring may hold, becomes three bytes.
    """
    if isinstance(texts, str):
        raise TypeError("texts must be a sequence of texts, not one text")
    return [" ".join(text.lower().split()).encode("utf-8", "surrogatepass") for text in texts]
