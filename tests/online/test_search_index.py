"""One call for exact and approximate search: what it finds, how much it says it misses, and what it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from online_samples import DIM, force, harmful, make_ranker

from ruvllm.online import SearchIndex
from ruvllm.online.wrappers import lists, search_index
from ruvllm.online.wrappers import nearest as nearest_rows
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
    monkeypatch.setattr(nearest_rows, "AT_ONCE", 300)
    assert nearest_rows.exact_search(ROWS, QUERIES, 9).tolist() == SearchIndex(ROWS).search(QUERIES, 9).tolist()


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Threads of faiss wait for one another actively: small indexes take seconds where cores are busy."""
    if find_spec("faiss") is None:
        yield
        return
    import faiss

    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    yield
    faiss.omp_set_num_threads(threads)


@pytest.mark.parametrize("kind", ["lists", "faiss", "usearch"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_approximate_index_says_what_it_misses(kind: str) -> None:
    pytest.importorskip("faiss" if kind == "lists" else kind)
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
    monkeypatch.setattr(search_index, "RowLists", Misses)
    monkeypatch.setattr(search_index, "find_spec", lambda name: name == "faiss" or None)
    monkeypatch.setattr(search_index, "EXACT_UP_TO", 100)
    index = SearchIndex(ROWS, queries=QUERIES)
    assert (index.kind, index.recall.share) == ("exact", 1.0)
    told = SearchIndex(ROWS, kind="lists", queries=QUERIES)  # whoever asks for it gets it, and its recall
    assert (told.kind, told.recall.share) == ("lists", pytest.approx(0.9))


@pytest.mark.parametrize(("seconds", "kind"), [(1e-9, "lists"), (1e9, "exact")])
def test_auto_takes_what_was_measured_to_be_faster(monkeypatch: pytest.MonkeyPatch, seconds: float, kind: str) -> None:
    measured = search_index._seconds
    monkeypatch.setattr(search_index, "RowLists", Misses)
    monkeypatch.setattr(search_index, "find_spec", lambda name: name == "faiss" or None)
    monkeypatch.setattr(search_index, "EXACT_UP_TO", 100)
    monkeypatch.setattr(search_index, "WORTHWHILE", 1)

    def told(searched: Any, queries: np.ndarray, k: int) -> float:
        return seconds if isinstance(searched, Misses) else measured(searched, queries, k)

    monkeypatch.setattr(search_index, "_seconds", told)
    assert SearchIndex(ROWS, queries=QUERIES).kind == kind


def test_wanted_is_held_by_the_lower_end_of_the_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    """On other queries an index is as good as it was chosen for only if chance did not choose it."""
    pytest.importorskip("faiss")
    monkeypatch.setattr(search_index, "WORTHWHILE", 1)
    index = SearchIndex(ROWS, kind="lists", queries=QUERIES, wanted=0.95)
    assert index.recall.share >= index.recall.low >= 0.95
    index._searched.look_at(len(ROWS))
    assert index.measured(QUERIES).share > 0.99  # all are looked at


def test_a_list_compares_rows_themselves_and_the_first_of_equal_ones_is_first() -> None:
    pytest.importorskip("faiss")
    rows = np.repeat(near_centres(300, 5), 2, axis=0) * np.linspace(0.1, 9, 600, dtype=np.float32)[:, None]
    rows[0] = 0
    inside = lists.RowLists(rows)
    inside.look_at(len(rows))
    found = inside.search(QUERIES, 600)
    for query, ids in zip(QUERIES, found, strict=True):
        cosines = np.divide(rows @ query, np.linalg.norm(rows, axis=1), where=np.arange(600) > 0, out=np.zeros(600))
        assert sorted(ids.tolist()) == list(range(600))
        assert np.all(np.diff(cosines[ids]) < 1e-6)
    assert inside.search(QUERIES[7:8], 5).tolist() == inside.search(QUERIES, 5)[7:8].tolist()


def test_lists_hold_fewer_than_are_asked_for_and_need_enough_rows() -> None:
    pytest.importorskip("faiss")
    inside = lists.RowLists(ROWS)
    inside.look_at(1)
    (found,) = inside.search(QUERIES[:1], 4000).tolist()
    assert found[-1] == -1 and 0 < len([i for i in found if i >= 0]) < 4000
    with pytest.raises(ValueError, match="at least 256 rows, not 255"):
        lists.RowLists(ROWS[:255])


def test_components_that_hold_little_are_left_out() -> None:
    flat = np.random.default_rng(3).standard_normal((500, 6)).astype(np.float32) * [9, 5, 0.1, 0.1, 0.1, 0.1]
    axes = lists._principal_axes(flat.astype(np.float32))
    assert axes.shape == (6, 4)
    np.testing.assert_allclose(axes.T @ axes, np.eye(4), atol=1e-5)
    odd = lists._principal_axes(np.random.default_rng(4).standard_normal((500, 5)).astype(np.float32))
    assert odd.shape == (5, 8) and not odd[:, [1, 3, 5]].any()
    np.testing.assert_allclose(np.abs(axes[:2, [0, 2]]), np.eye(2), atol=0.1)  # large ones, each with a small one


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
        (ROWS, {"kind": "tree"}, "kind must be one of auto, exact, lists, faiss, usearch, not 'tree'"),
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
