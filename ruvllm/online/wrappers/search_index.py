"""SearchIndex: one call for few vectors and for a million, exact or approximate, which says how much it misses.

An approximate index answers in a fraction of the time and misses some of the nearest. How many is measured here, on
queries of the user's, against exact search of the same rows. Adaptation changes queries alone: an index stays valid
whatever is learned, and its recall can be measured again with adapted queries.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ruvllm._core import VectorBank
from ruvllm.evaluation.statistics import mean, student_t_interval
from ruvllm.online.encoding import matrix_of
from ruvllm.online.wrappers.libraries import FaissIndex, USearchIndex

__all__ = ["EXACT_UP_TO", "Recall", "SearchIndex"]

KINDS = ("auto", "exact", "faiss", "usearch")
EXACT_UP_TO = 50_000
"""Rows up to which `auto` searches exactly: a query takes some milliseconds, and nothing is missed."""
WANTED = 0.98
NEIGHBOURS = 32
"""Of each row in the graph of an approximate index."""
BUILDING = 200
"""Rows that are looked at for the neighbours of a new one."""
EFFORTS = tuple(2**i for i in range(5, 13))
"""Rows that a search looks at, of which the first is taken that misses few enough."""
WORTHWHILE = 100
"""A graph looks at some thirty rows for each of its effort, here and there in memory: beyond a hundredth of all rows
reading every row in turn is as fast."""
FEWEST_QUERIES = 50
ADDED_AT_ONCE = 8192

Rows = NDArray[np.float32]
Ids = NDArray[np.int64]
Progress = Callable[[int, int], None]
"""Called with (rows indexed, rows in all)."""


@dataclass(frozen=True, slots=True)
class Recall:
    """Of the k nearest by exact search, the share that is found, on average over queries."""

    share: float
    """In [0, 1]."""
    low: float
    high: float
    """95% interval of the mean over such queries (Student's t), within [0, 1]."""
    k: int
    queries: int

    def __str__(self) -> str:
        return f"{self.share:.4f} [{self.low:.4f}, {self.high:.4f}] of the {self.k} nearest, {self.queries} queries"


class SearchIndex:
    """n unit rows that are searched by cosine, exactly or through an approximate index.

    `AdaptiveRetriever` takes it as an index. Rows are kept as they are given, a memory map too: exact search copies
    them once, an approximate index has its own copy.

    >>> rows = np.eye(4, dtype=np.float32)
    >>> index = SearchIndex(rows)
    >>> index.search(rows[2:3], k=1).tolist(), index.kind, index.recall.share
    ([[2]], 'exact', 1.0)
    """

    def __init__(
        self,
        rows: ArrayLike,
        *,
        kind: str = "auto",
        queries: ArrayLike | None = None,
        k: int = 10,
        wanted: float = WANTED,
        progress: Progress | None = None,
    ) -> None:
        """Indexes rows (n, dim), float32.

        `kind`: "exact"; "faiss" or "usearch", a graph of neighbours (HNSW; Malkov & Yashunin 2018) in that library; or
        "auto": exact up to EXACT_UP_TO rows or without `queries`, else whichever of the two is installed, and exact
        again if that would have to look at too many rows. An approximate index needs `queries` (m, dim), at least 50
        like those that will be asked: it looks at more and more rows until it finds the share `wanted` of the k
        nearest. `recall` says what it came to. A graph is built by several threads and is another one each time.
        `progress` gets (rows done, rows in all).

        Raises ValueError for shapes, kinds and shares that are none, and for too few queries; ImportError if the
        library is not installed.
        """
        as_they_are = isinstance(rows, np.ndarray) and rows.dtype == np.float32  # maybe larger than memory
        self._rows: Rows = rows if as_they_are else matrix_of(rows, "rows", None)  # type: ignore[assignment]
        if self._rows.ndim != 2 or not len(self._rows):
            raise ValueError(f"rows must be (n, dim) with n >= 1, not {self._rows.shape}")
        if not 0 < wanted <= 1:
            raise ValueError(f"wanted must be a share above 0 and at most 1, not {wanted}")
        samples = None if queries is None else matrix_of(queries, "queries", self._rows.shape[1])
        self.kind = _kind(kind, len(self._rows), samples is not None)
        self._k = min(k, len(self._rows))
        if self.kind != "exact":
            if samples is None or len(samples) < FEWEST_QUERIES:
                n = 0 if samples is None else len(samples)
                raise ValueError(f"an approximate index is measured by at least {FEWEST_QUERIES} queries, not {n}")
            self._searched: _Searched = (_Faiss if self.kind == "faiss" else _USearch)(self._rows, progress)
            if self._looks_at_enough(samples, wanted) or kind != "auto":
                return
            self.kind = "exact"  # a graph would take as long
        self._searched = _Exact(self._rows)
        self.recall = Recall(1.0, 1.0, 1.0, self._k, 0 if samples is None else len(samples))

    def _looks_at_enough(self, queries: Rows, wanted: float) -> bool:
        """Looks at more and more rows. Returns whether few enough do for the share that is wanted."""
        exact = _exact_search(self._rows, queries, self._k)
        for effort in EFFORTS:
            if effort > max(EFFORTS[0], len(self._rows) // WORTHWHILE):
                break
            self._searched.look_at(effort)
            self.recall = _recall(exact, self._searched.search(queries, self._k))
            if self.recall.share >= wanted:
                return True
        return False

    def measured(self, queries: ArrayLike, k: int | None = None) -> Recall:
        """Returns the recall for other queries (m, dim), m >= 2, such as adapted ones, by an exact search of each."""
        rows = matrix_of(queries, "queries", self._rows.shape[1])
        k = min(k or self._k, len(self._rows))
        return _recall(_exact_search(self._rows, rows, k), self.search(rows, k))

    def search(self, vectors: ArrayLike, k: int = 10) -> Ids:
        """Returns the numbers (m, k) of the rows with the highest cosines to each of vectors (m, dim), best first.

        Of equally near ones exact search has the first row first. k above n gives n. Raises ValueError for other
        shapes and for vectors that are not finite.
        """
        rows = matrix_of(vectors, "vectors", self._rows.shape[1])
        if k < 1:
            raise ValueError(f"k must be at least 1, not {k}")
        return self._searched.search(rows, min(k, len(self._rows)))

    def vectors(self, ids: Ids) -> Rows:
        """Returns the rows (m, dim) of these numbers (m,)."""
        return np.asarray(self._rows[ids], dtype=np.float32)

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        n, dim = self._rows.shape
        return f"SearchIndex({n} x {dim}, {self.kind}, recall {self.recall})"


class _Searched(Protocol):
    def look_at(self, effort: int) -> None: ...
    def search(self, vectors: Rows, k: int) -> Ids: ...


class _Exact:
    def __init__(self, rows: Rows) -> None:
        self._bank = VectorBank(np.ascontiguousarray(rows))

    def look_at(self, effort: int) -> None:
        """It looks at all."""

    def search(self, vectors: Rows, k: int) -> Ids:
        return np.stack([_best(self._bank.cosine(vector), k) for vector in vectors])


class _Faiss(FaissIndex):
    def __init__(self, rows: Rows, progress: Progress | None) -> None:
        import faiss  # an extra, and slow to import

        n, dim = rows.shape
        super().__init__(faiss.IndexHNSWFlat(dim, NEIGHBOURS, faiss.METRIC_INNER_PRODUCT))
        self._index.hnsw.efConstruction = BUILDING
        for begin in range(0, n, ADDED_AT_ONCE):
            self._index.add(_units(rows[begin : begin + ADDED_AT_ONCE]))
            _tell(progress, begin, n)

    def look_at(self, effort: int) -> None:
        self._index.hnsw.efSearch = effort


class _USearch(USearchIndex):
    def __init__(self, rows: Rows, progress: Progress | None) -> None:
        from usearch.index import Index  # an extra, and slow to import

        n, dim = rows.shape
        super().__init__(
            Index(ndim=dim, metric="cos", dtype="f16", connectivity=NEIGHBOURS, expansion_add=BUILDING)
        )
        for begin in range(0, n, ADDED_AT_ONCE):
            block = np.ascontiguousarray(rows[begin : begin + ADDED_AT_ONCE])
            self._index.add(np.arange(begin, begin + len(block)), block)
            _tell(progress, begin, n)

    def look_at(self, effort: int) -> None:
        self._index.expansion_search = effort


def _tell(progress: Progress | None, begin: int, n: int) -> None:
    if progress is not None:
        progress(min(begin + ADDED_AT_ONCE, n), n)


def _units(rows: Rows) -> Rows:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.ascontiguousarray(rows / np.where(lengths > 0, lengths, 1), dtype=np.float32)


def _kind(kind: str, n: int, has_queries: bool) -> str:
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, not {kind!r}")
    if kind != "auto":
        return kind
    if n <= EXACT_UP_TO or not has_queries:
        return "exact"
    return next((name for name in ("faiss", "usearch") if find_spec(name) is not None), "exact")


def _best(cosines: NDArray[np.float32], k: int) -> Ids:
    """Numbers (k,) of the largest, the largest first, of equal ones the first."""
    least = np.partition(cosines, -k)[-k]
    sure = np.flatnonzero(cosines > least)
    found = np.concatenate([sure, np.flatnonzero(cosines == least)[: k - len(sure)]])
    order: Ids = found[np.lexsort((found, -cosines[found]))]
    return order


def _exact_search(rows: Rows, queries: Rows, k: int) -> Ids:
    """Numbers (m, k) of the rows (n, dim) with the highest cosines to each query (m, dim); n at a time in memory.

    Through BLAS: equally near rows may change places on another machine.
    """
    units = _units(queries)
    best = np.full((len(queries), 0), 0, dtype=np.int64)
    cosines = np.empty((len(queries), 0), dtype=np.float32)
    for begin in range(0, len(rows), ADDED_AT_ONCE):
        block = rows[begin : begin + ADDED_AT_ONCE]
        found = units @ _units(block).T
        numbers = np.broadcast_to(np.arange(begin, begin + len(block)), found.shape)
        cosines, best = np.hstack([cosines, found]), np.hstack([best, numbers])
        kept = np.argsort(-cosines, axis=1, kind="stable")[:, :k]
        cosines, best = np.take_along_axis(cosines, kept, 1), np.take_along_axis(best, kept, 1)
    return best


def _recall(exact: Ids, found: Ids) -> Recall:
    shares = [len(set(a) & set(b)) / len(a) for a, b in zip(exact.tolist(), found.tolist(), strict=True)]
    low, high = student_t_interval(shares) if len(shares) > 1 else (0.0, 1.0)
    return Recall(mean(shares), max(0.0, low), min(1.0, high), exact.shape[1], len(shares))
