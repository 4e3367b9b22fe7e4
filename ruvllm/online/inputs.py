"""What is to be ranked: texts or vectors become vectors, and each candidate gets a name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

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
    ) -> tuple[Rows, Rows, Sequence[Id]]:  # fmt: skip
        """Returns the query (dim,), the candidates (m, dim), float32, and their names."""
        if (candidates is None) == (vectors is None):
            raise TypeError("rank() takes either candidates, as texts, or vectors")
        if top is not None and top < 1:
            raise ValueError(f"top must be 1 or more, not {top}")
        names: Sequence[Id]
        if candidates is not None:
            if isinstance(candidates, str) or ids is not None:
                raise TypeError("candidates are a list of texts, which are their ids too")
            names = list(candidates)
            rows = self.encode(candidates) if names else np.zeros((0, self._dim), np.float32)
        else:
            rows = matrix_of(vectors, "vectors", self._dim, finite=False)  # the core looks, before anything else
            names = range(len(rows)) if ids is None else _plain(ids)
        if len(names) != len(rows) or len(rows) == 0:
            raise ValueError(f"each of 1 or more candidates needs an id: {len(names)} ids, {len(rows)} vectors")
        if not isinstance(names, range) and len(set(names)) != len(names):
            raise ValueError("each candidate must have an id of its own")
        if isinstance(query, str):
            return self.encode([query])[0], rows, names
        return vector_of(query, "a query", self._dim, finite=False), rows, names

    def encode(self, texts: Sequence[str]) -> Rows:
        """Returns the vectors (n, dim) of n texts."""
        if self._encoder is None:
            raise TypeError("texts need an encoder: AdaptiveRanker(encoder=...)")
        return self._encoder(texts)


def _plain(names: Sequence[Any]) -> Sequence[Id]:
    if set(map(type, names)) <= {str, int}:
        return names
    plain = [name.item() if isinstance(name, np.generic) else name for name in names]
    for name in plain:
        if isinstance(name, bool) or not isinstance(name, str | int):
            raise TypeError(f"an id must be a text or a whole number, not {type(name).__name__}")
    return plain
