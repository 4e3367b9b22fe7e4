"""Indexes of libraries, all asked in one way: search(vectors, k) and vectors(ids), as VectorIndex has it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["FaissIndex", "HnswlibIndex", "USearchIndex"]

Rows = NDArray[np.float32]
Ids = NDArray[np.int64]


class FaissIndex:
    def __init__(self, index: Any) -> None:
        self._index = index

    def search(self, vectors: Rows, k: int) -> Ids:
        ids: Ids = self._index.search(np.ascontiguousarray(vectors), k)[1]
        return ids

    def vectors(self, ids: Ids) -> Rows:
        return np.asarray(self._index.reconstruct_batch(ids), dtype=np.float32)


class USearchIndex:
    def __init__(self, index: Any) -> None:
        self._index = index

    def search(self, vectors: Rows, k: int) -> Ids:
        return np.array([_padded(self._index.search(vector, k).keys, k) for vector in vectors], dtype=np.int64)

    def vectors(self, ids: Ids) -> Rows:
        return np.asarray(self._index.get(ids.astype(np.uint64)), dtype=np.float32)


class HnswlibIndex:
    def __init__(self, index: Any) -> None:
        self._index = index

    def search(self, vectors: Rows, k: int) -> Ids:
        return np.asarray(self._index.knn_query(vectors, k=min(k, self._index.get_current_count()))[0], dtype=np.int64)

    def vectors(self, ids: Ids) -> Rows:
        return np.asarray(self._index.get_items(ids), dtype=np.float32)


def _padded(found: Any, k: int) -> list[int]:
    """-1 where there are fewer, as faiss says it."""
    ids = [int(i) for i in found]
    return ids + [-1] * (k - len(ids))
