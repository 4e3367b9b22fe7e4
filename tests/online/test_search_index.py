"""One call for exact and approximate search: what it finds, how much it says it misses, and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from online_samples import DIM, force, harmful, make_ranker

from ruvllm.online import SearchIndex
from ruvllm.online.wrappers import search_index
from ruvllm.online.wrappers.retriever import AdaptiveRetriever

CENTRES = np.random.default_rng(0).standard_normal((40, DIM))


def near_centres(n: int, seed: int) -> np.ndarray:
    drawn = np.random.default_rng(seed)
    rows = CENTRES[drawn.integers(0, 40, n)] + 0.7 * drawn.standard_normal((n, DIM))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


ROWS, QUERIES = near_centres(4000, 1), near_centres(80, 2)


def nearest(query: np.ndarray, k: int) -> list[int]:
    return np.argsort(-(ROWS.astype(np.float64) @ query), kind="stable")[:k].tolist()


def test_exact_search_finds_the_nearest_in_order() -> None:
    index = SearchIndex(ROWS, kind="exact")
    assert index.search(QUERIES[:5], k=7).tolist() == [nearest(query, 7) for query in QUERIES[:5]]
    assert (index.kind, index.recall.share, len(index)) == ("exact", 1.0, 4000)
    np.testing.assert_array_equal(index.vectors(np.array([3, 1])), ROWS[[3, 1]])


def test_of_equally_near_rows_the_first_is_first_and_k_may_be_too_large() -> None:
    index = SearchIndex(np.repeat(np.eye(2, dtype=np.float32), 3, axis=0))
    assert index.search([[0.0, 1.0]], k=2).tolist() == [[3, 4]]
    assert index.search([[0.0, 1.0]], k=99).tolist() == [[3, 4, 5, 0, 1, 2]]


def test_rows_of_any_length_are_searched_by_cosine() -> None:
    scaled = ROWS * np.linspace(0.1, 9, len(ROWS), dtype=np.float32)[:, None]
    assert SearchIndex(scaled).search(QUERIES[:1], k=5).tolist() == [nearest(QUERIES[0], 5)]


def test_blockwise_search_is_exact_search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_index, "ADDED_AT_ONCE", 300)
    assert search_index._exact_search(ROWS, QUERIES, 9).tolist() == SearchIndex(ROWS).search(QUERIES, 9).tolist()


@pytest.mark.parametrize("kind", ["faiss", "usearch"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_approximate_index_says_what_it_misses(kind: str) -> None:
    pytest.importorskip(kind)
    told: list[tuple[int, int]] = []
    index = SearchIndex(ROWS, kind=kind, queries=QUERIES, progress=lambda *done: told.append(done))
    found = index.search(QUERIES, 10)
    truth = [nearest(query, 10) for query in QUERIES]
    share = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(found.tolist(), truth, strict=True)])
    assert index.recall.share == pytest.approx(share, abs=1e-9)
    assert index.recall.low <= share <= index.recall.high
    assert (index.recall.k, index.recall.queries, told[-1]) == (10, 80, (4000, 4000))
    again = index.measured(near_centres(60, 3))
    assert again.queries == 60 and 0.5 < again.share <= 1


def test_auto_is_exact_where_that_is_best(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_index, "find_spec", lambda name: None)
    assert SearchIndex(ROWS, queries=QUERIES).kind == "exact"
    monkeypatch.setattr(search_index, "EXACT_UP_TO", 100)
    assert SearchIndex(ROWS).kind == "exact"  # nothing to measure by
    assert SearchIndex(ROWS, queries=QUERIES).kind == "exact"  # no library


class Misses:
    """An index that finds all only if it looks at so many rows."""

    enough = 128

    def __init__(self, rows: np.ndarray, progress: Any) -> None:
        self._exact, self._effort = search_index._Exact(rows), 0

    def look_at(self, effort: int) -> None:
        self._effort = effort

    def search(self, vectors: np.ndarray, k: int) -> np.ndarray:
        found = self._exact.search(vectors, k)
        if self._effort < self.enough:
            found[:, -1] = -1
        return found


def test_it_looks_at_more_rows_until_few_are_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_index, "_Faiss", Misses)
    monkeypatch.setattr(search_index, "WORTHWHILE", 1)
    index = SearchIndex(ROWS, kind="faiss", queries=QUERIES)
    assert index._searched._effort == 128 and index.recall.share == 1.0
    assert SearchIndex(ROWS, kind="faiss", queries=QUERIES, wanted=0.9).recall.share == pytest.approx(0.9)


def test_auto_goes_back_to_exact_search_where_a_graph_is_as_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_index, "_Faiss", Misses)
    monkeypatch.setattr(search_index, "find_spec", lambda name: name == "faiss" or None)
    monkeypatch.setattr(search_index, "EXACT_UP_TO", 100)
    index = SearchIndex(ROWS, queries=QUERIES)
    assert (index.kind, index.recall.share) == ("exact", 1.0)
    told = SearchIndex(ROWS, kind="faiss", queries=QUERIES)  # whoever asks for it gets it, and its recall
    assert (told.kind, told.recall.share) == ("faiss", pytest.approx(0.9))


def test_adapted_queries_are_searched_through_it() -> None:
    ranker = make_ranker(None)
    force(ranker, harmful())
    retriever = AdaptiveRetriever(ranker, SearchIndex(ROWS))
    query = QUERIES[0]
    assert list(retriever.search(query, k=10).ids) == nearest(ranker.state.adapt(query), 10)


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        (np.empty((0, 3), np.float32), {}, "n >= 1"),
        (ROWS, {"kind": "tree"}, "kind must be one of auto, exact, faiss, usearch, not 'tree'"),
        (ROWS, {"wanted": 0}, "wanted must be a share"),
        (ROWS, {"kind": "faiss"}, "at least 50 queries, not 0"),
        (ROWS, {"kind": "usearch", "queries": QUERIES[:49]}, "at least 50 queries, not 49"),
        (ROWS, {"queries": QUERIES[:, :3]}, "queries"),
    ],
)
def test_refused(rows: np.ndarray, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SearchIndex(rows, **options)


def test_a_search_refuses_what_is_no_query() -> None:
    index = SearchIndex(ROWS)
    with pytest.raises(ValueError, match="k must be at least 1, not 0"):
        index.search(QUERIES, k=0)
    with pytest.raises(ValueError, match="finite"):
        index.search(QUERIES[:1] * np.nan)
