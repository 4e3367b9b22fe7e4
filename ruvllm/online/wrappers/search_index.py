"""SearchIndex: one call for few vectors and for a million, exact or approximate, which says how much it misses.

An approximate index answers in a fraction of the time and misses some of the nearest. How many is measured here, on
queries of the user's, against exact search of the same rows. Adaptation changes queries alone: an index stays valid
whatever is learned, and its recall can be measured again with adapted queries.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from statistics import median
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ruvllm._core import VectorBank
from ruvllm.evaluation.statistics import mean, student_t_interval
from ruvllm.online.encoding import matrix_of
from ruvllm.online.wrappers.libraries import FaissIndex, USearchIndex
from ruvllm.online.wrappers.lists import RowLists
from ruvllm.online.wrappers.nearest import AT_ONCE, best, exact_search, units

__all__ = ["EXACT_UP_TO", "Recall", "SearchIndex"]

KINDS = ("auto", "exact", "lists", "faiss", "usearch")
EXACT_UP_TO = 50_000
"""Rows up to which `auto` searches exactly: a query takes some milliseconds, and nothing is missed."""
WANTED = 0.98
NEIGHBOURS = 32
"""Of each row in the graph of an approximate index."""
BUILDING = 200
"""Rows that are looked at for the neighbours of a new one."""
EFFORTS = tuple(round(2 ** (i / 2)) for i in range(10, 27))
"""Rows that a search looks at, of which the first is taken that misses few enough."""
WORTHWHILE = 100
"""A graph looks at some thirty rows for each of its effort, here and there in memory: beyond a hundredth of all rows
reading every row in turn is as fast. Lists scan all their codes by then."""
FEWEST_QUERIES = 50
TIMED = 5
"""Queries by which `auto` measures what a search takes."""

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

    _searched: _Searched

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

        `kind`: "exact"; "lists", inverted lists of codes in faiss whose nearest rows are compared exactly; "faiss" or
        "usearch", a graph of neighbours (HNSW; Malkov & Yashunin 2018) in that library; or "auto": exact up to
        EXACT_UP_TO rows or without `queries`, else lists, or a graph if only usearch is installed, and exact again if
        that would have to look at too many rows or takes longer, measured here. An approximate index needs `queries`
        (m, dim), at least 50 like those that will be asked: it looks at more and more rows until the share of the k
        nearest that it finds is `wanted` or more by the lower end of its interval. `recall` says what it came to. An
        index is built by several threads and may be another one each time. `progress` gets (rows done, rows in all).

        Raises ValueError for shapes, kinds and shares that are none, and for too few queries or rows; ImportError if
        the library is not installed.
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
        if self.kind == "exact":
            self._search_exactly(0 if samples is None else len(samples))
        elif samples is None or len(samples) < FEWEST_QUERIES:
            n = 0 if samples is None else len(samples)
            raise ValueError(f"an approximate index is measured by at least {FEWEST_QUERIES} queries, not {n}")
        else:
            self._searched = {"lists": RowLists, "faiss": _Faiss, "usearch": _USearch}[self.kind](self._rows, progress)
            enough = self._looks_at_enough(samples, wanted)
            if kind == "auto" and not (enough and self._is_faster(samples)):
                self._search_exactly(len(samples))

    def _search_exactly(self, queries: int) -> None:
        self.kind, self._searched = "exact", _Exact(self._rows)
        self.recall = Recall(1.0, 1.0, 1.0, self._k, queries)

    def _looks_at_enough(self, queries: Rows, wanted: float) -> bool:
        """Looks at more and more rows. Returns whether few enough do for the share that is wanted."""
        exact = exact_search(self._rows, queries, self._k)
        for effort in EFFORTS:
            if effort > max(EFFORTS[0], len(self._rows) // WORTHWHILE):
                break
            self._searched.look_at(effort)
            self.recall = _recall(exact, self._searched.search(queries, self._k))
            if self.recall.low >= wanted:
                return True
        return False

    def _is_faster(self, queries: Rows) -> bool:
        """Whether a search takes less than exact search would by what that takes on some of the rows."""
        some = self._rows[:EXACT_UP_TO]
        exactly = _seconds(_Exact(some), queries, min(self._k, len(some))) * len(self._rows) / len(some)
        return _seconds(self._searched, queries, self._k) < exactly

    def measured(self, queries: ArrayLike, k: int | None = None) -> Recall:
        """Returns the recall for other queries (m, dim), m >= 2, such as adapted ones, by an exact search of each."""
        rows = matrix_of(queries, "queries", self._rows.shape[1])
        k = min(k or self._k, len(self._rows))
        return _recall(exact_search(self._rows, rows, k), self.search(rows, k))

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
        return np.stack([best(self._bank.cosine(vector), k) for vector in vectors])


class _Faiss(FaissIndex):
    def __init__(self, rows: Rows, progress: Progress | None) -> None:
        import faiss  # an extra, and slow to import

        n, dim = rows.shape
        super().__init__(faiss.IndexHNSWFlat(dim, NEIGHBOURS, faiss.METRIC_INNER_PRODUCT))
        self._index.hnsw.efConstruction = BUILDING
        for begin in range(0, n, AT_ONCE):
            self._index.add(units(rows[begin : begin + AT_ONCE]))
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
        for begin in range(0, n, AT_ONCE):
            block = np.ascontiguousarray(rows[begin : begin + AT_ONCE])
            self._index.add(np.arange(begin, begin + len(block)), block)
            _tell(progress, begin, n)

    def look_at(self, effort: int) -> None:
        self._index.expansion_search = effort


def _tell(progress: Progress | None, begin: int, n: int) -> None:
    if progress is not None:
        progress(min(begin + AT_ONCE, n), n)


def _kind(kind: str, n: int, has_queries: bool) -> str:
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, not {kind!r}")
    if kind != "auto":
        return kind
    if n <= EXACT_UP_TO or not has_queries:
        return "exact"
    return next((kind for name, kind in (("faiss", "lists"), ("usearch", "usearch")) if find_spec(name)), "exact")


def _seconds(searched: _Searched, queries: Rows, k: int) -> float:
    """Median of single queries, after one to warm up."""
    taken = []
    for query in queries[: TIMED + 1]:
        begin = time.perf_counter()
        searched.search(query[None], k)
        taken.append(time.perf_counter() - begin)
    return median(taken[1:])


def _recall(exact: Ids, found: Ids) -> Recall:
    shares = [len(set(a) & set(b)) / len(a) for a, b in zip(exact.tolist(), found.tolist(), strict=True)]
    low, high = student_t_interval(shares) if len(shares) > 1 else (0.0, 1.0)
    return Recall(mean(shares), max(0.0, low), min(1.0, high), exact.shape[1], len(shares))
