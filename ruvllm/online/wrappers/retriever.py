"""AdaptiveRetriever: search an index with adapted queries, and rank what it finds. The index is never changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ruvllm.online.encoding import matrix_of
from ruvllm.online.ranker import AdaptiveRanker
from ruvllm.online.records import Id, Ranking
from ruvllm.online.wrappers.libraries import FaissIndex, HnswlibIndex, USearchIndex
from ruvllm.online.wrappers.search_index import SearchIndex

__all__ = ["AdaptiveRetriever", "VectorIndex", "as_index"]

Rows = NDArray[np.float32]


class VectorIndex(Protocol):
    """What a retriever needs of an index."""

    def search(self, vectors: Rows, k: int) -> NDArray[np.int64]:
        """Returns the ids (n, k) of the nearest to each of vectors (n, dim); -1 where there are fewer."""

    def vectors(self, ids: NDArray[np.int64]) -> Rows:
        """Returns the vectors (m, dim) of ids."""


class AdaptiveRetriever:
    """Searches with the query as the ranker's served state adapts it, then ranks what was found, for feedback."""

    def __init__(self, ranker: AdaptiveRanker, index: object, *, names: Sequence[str] | None = None) -> None:
        """`index`: a faiss, usearch or hnswlib index, a matrix (n, dim), or anything with the methods of VectorIndex.

        `names` are the texts or ids of the index's numbers 0 to n - 1, by which feedback names them; else numbers do.
        """
        self.ranker, self.index, self._names = ranker, as_index(index), names

    def search(self, query: str | ArrayLike, k: int = 10, *, context: str | None = None) -> Ranking:
        """Returns the k best, written down as a ranking. Raises ValueError if the index has none."""
        vector = self.ranker.encode([query])[0] if isinstance(query, str) else matrix_of([query], "a query", None)[0]
        found = self.index.search(self.ranker.state.adapt(vector)[None], k)[0]
        found = found[found >= 0]
        ids: list[Id] = found.tolist() if self._names is None else [self._names[i] for i in found.tolist()]
        return self.ranker.rank(vector, vectors=self.index.vectors(found), ids=ids, context=context)


def as_index(index: Any) -> VectorIndex:
    """Makes a VectorIndex of an index of faiss, usearch or hnswlib, or of a matrix. Raises TypeError for others."""
    if hasattr(index, "search") and hasattr(index, "vectors") and not hasattr(index, "ndim"):
        known: VectorIndex = index
        if type(index).__module__.split(".")[0] != "usearch":
            return known
    if isinstance(index, np.ndarray):
        return SearchIndex(index, kind="exact")
    library = type(index).__module__.split(".")[0]
    if library == "faiss" or hasattr(index, "reconstruct_batch"):
        return FaissIndex(index)
    if library == "usearch":
        return USearchIndex(index)
    if hasattr(index, "knn_query") and hasattr(index, "get_items"):
        return HnswlibIndex(index)
    raise TypeError(f"an index has search(vectors, k) and vectors(ids), or is a matrix; not {type(index).__name__}")
