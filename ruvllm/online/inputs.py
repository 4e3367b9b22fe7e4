"""What is to be ranked: texts or vectors become vectors, and each candidate gets a name."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ruvllm.online.encoding import TextEncoder, matrix_of, vector_of
from ruvllm.online.records import Id

__all__ = ["Inputs"]

Rows = NDArray[np.float32]


class Inputs:
    """Checks the arguments of rank(). All methods raise ValueError or TypeError, one line, for what is wrong."""

    def __init__(self, encoder: TextEncoder | None, dim: int) -> None:
        self._encoder, self._dim = encoder, dim

    def take(
        self, query: object, candidates: Sequence[str] | None, vectors: object, ids: Sequence[Id] | None,
        top: int | None,
    ) -> tuple[Rows, Rows, Sequence[Id] | None]:  # fmt: skip
        """Returns the query (dim,), the candidates (m, dim), float32, and their names; None: places.

        The core looks whether vectors are finite and names fit, before anything else is done.
        """
        if (candidates is None) == (vectors is None):
            raise TypeError("rank() takes either candidates, as texts, or vectors")
        if top is not None and top < 1:
            raise ValueError(f"top must be 1 or more, not {top}")
        if candidates is None:
            rows = matrix_of(vectors, "vectors", self._dim, finite=False)
        else:
            if isinstance(candidates, str) or ids is not None:
                raise TypeError("candidates are a list of texts, which are their ids too")
            texts = list(candidates)
            ids, rows = texts, self.encode(texts) if texts else np.zeros((0, self._dim), np.float32)
        if isinstance(query, str):
            return self.encode([query])[0], rows, ids
        return vector_of(query, "a query", self._dim, finite=False), rows, ids

    def encode(self, texts: Sequence[str]) -> Rows:
        """Returns the vectors (n, dim) of n texts."""
        if self._encoder is None:
            raise TypeError("texts need an encoder: AdaptiveRanker(encoder=...)")
        return self._encoder(texts)

