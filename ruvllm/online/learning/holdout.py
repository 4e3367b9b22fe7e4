"""What is scored and never learned from: a share of the queries by their hash, and of later sources by theirs."""

from __future__ import annotations

import hashlib
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ruvllm._core import vector_hash

__all__ = ["Holdout"]

ALWAYS_HEARD = 20
"""Sources that come first are never held out: a store with few would have nobody left to learn from."""
Rows = NDArray[np.float32]


class Holdout:
    """The same query always stands on the same side, whoever asks, and so does a source, whatever it asks.

    Near copies of a query have hashes of their own. Where they matter, give the words of a session one source.
    """

    def __init__(self, share: float) -> None:
        """`share` of the queries, and half of it of the sources, is held out."""
        self._below = int(share * 2**64)
        self._first: dict[int, None] = {}

    def has(self, query: Rows, source: str | None) -> bool:
        """Whether feedback on a query (dim,) from a source is never learned from. Sources are noted as they come."""
        by_query = vector_hash(query) < self._below
        return self._has_source(_hash(source)) or by_query if source is not None else by_query

    def _has_source(self, name: int) -> bool:
        if name in self._first:
            return False
        if len(self._first) < ALWAYS_HEARD:
            self._first[name] = None
            return False
        return 2 * name < self._below

    def array(self) -> NDArray[np.uint64]:
        """The sources that came first: all that it is."""
        return np.array(list(self._first), np.uint64)

    def restore(self, array: NDArray[np.uint64]) -> None:
        """Goes on as another one. Raises ValueError for what it cannot have come to."""
        names = dict.fromkeys(array.tolist())
        if len(names) != len(array) or len(names) > ALWAYS_HEARD:
            raise ValueError(f"there are at most {ALWAYS_HEARD} different first sources, not {len(array)}")
        self._first = names


@lru_cache(maxsize=4096)
def _hash(source: str) -> int:
    return int.from_bytes(hashlib.blake2b(source.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")
