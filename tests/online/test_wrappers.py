"""Adapted queries in the libraries that want them, where these are installed; the index never changes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from online_samples import DIM, force, harmful, make_ranker

from ruvllm.online import AdaptiveRanker, QueryAdapter
from ruvllm.online.wrappers.frameworks import langchain_embeddings, llama_index_embedding, mteb_encoder
from ruvllm.online.wrappers.retriever import AdaptiveRetriever, as_index

CORPUS = np.random.default_rng(0).standard_normal((300, DIM)).astype(np.float32)
CORPUS /= np.linalg.norm(CORPUS, axis=1, keepdims=True)
Nearest = Callable[[np.ndarray], np.ndarray]  # the numbers of the ten that the library itself finds for a query
Made = tuple[object, Callable[[], bytes], Nearest]  # an index, what it is when saved, and its own answer


def encode(texts: list[str]) -> np.ndarray:
    rows = [np.frombuffer(hashlib.sha256(text.encode()).digest(), np.uint8)[:DIM] for text in texts]
    return np.array(rows, dtype=np.float64) - 127.5


def nearest(query: np.ndarray) -> np.ndarray:
    return np.argsort(-(CORPUS @ query), kind="stable")[:10]


def matrix(_: Path) -> Made:
    return CORPUS, CORPUS.tobytes, nearest


def faiss_index(path: Path) -> Made:
    faiss = pytest.importorskip("faiss")
    index = faiss.IndexFlatIP(DIM)
    index.add(CORPUS)
    return index, lambda: faiss.serialize_index(index).tobytes(), nearest


def usearch_index(path: Path) -> Made:
    """An approximate index, built on several threads: what it finds differs from run to run."""
    library = pytest.importorskip("usearch.index")
    index = library.Index(ndim=DIM, metric="cos", dtype="f32")
    index.add(np.arange(300), CORPUS)
    return index, lambda: index.save(), lambda query: index.search(query, 10).keys


def hnswlib_index(path: Path) -> Made:
    hnswlib = pytest.importorskip("hnswlib")
    index = hnswlib.Index("cosine", DIM)
    index.init_index(300, random_seed=1)
    index.add_items(CORPUS, num_threads=1)  # in one order
    index.set_ef(300)

    def saved() -> bytes:
        index.save_index(str(path / "index"))
        return (path / "index").read_bytes()

    return index, saved, lambda query: index.knn_query(query, k=10)[0][0]


@pytest.mark.parametrize("make", [matrix, faiss_index, usearch_index, hnswlib_index])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_index_is_searched_with_adapted_queries_and_stays_as_it_is(
    make: Callable[[Path], Made], tmp_path: Path
) -> None:
    index, saved, own = make(tmp_path)
    before = saved()
    ranker = make_ranker(None)
    retriever = AdaptiveRetriever(ranker, index, names=[f"document {i}" for i in range(300)])
    for state in ("identity", "learned"):
        if state == "learned":
            force(ranker, harmful())
        for query in np.random.default_rng(1).standard_normal((5, DIM)).astype(np.float32):
            found = retriever.search(query, k=10)
            adapted = ranker.state.adapt(query)
            expected = sorted(map(int, own(adapted)), key=lambda i: -float(CORPUS[i] @ adapted))
            assert set(found.ids) == {f"document {i}" for i in expected}
            assert found.ids[0] == f"document {expected[0]}"
            assert len(set(expected) & set(nearest(adapted).tolist())) >= 5  # not the answer to another query
            assert ranker.feedback(found.id, accepted=found.ids[3]).status == "applied"
    assert saved() == before


def test_what_is_no_index_is_refused() -> None:
    class Own:
        def search(self, vectors: np.ndarray, k: int) -> np.ndarray:
            return np.zeros((1, k), np.int64)

        def vectors(self, ids: np.ndarray) -> np.ndarray:
            return CORPUS[ids]

    assert isinstance(as_index(Own()), Own)
    with pytest.raises(TypeError, match="an index has search"):
        as_index([1, 2])


def test_texts_are_searched_by_the_rankers_encoder() -> None:
    ranker = AdaptiveRanker(encode)
    texts = [f"page {i}" for i in range(40)]
    retriever = AdaptiveRetriever(ranker, encode(texts).astype(np.float32), names=texts)
    assert retriever.search("page 7", k=3).ids[0] == "page 7"


@pytest.fixture
def ranker() -> AdaptiveRanker:
    ranker = make_ranker(None)
    force(ranker, harmful())
    return ranker


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_langchain(ranker: AdaptiveRanker) -> None:
    base = pytest.importorskip("langchain_core.embeddings")

    class Plain(base.Embeddings):  # type: ignore[misc, name-defined]
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            return encode(texts).tolist()

        def embed_query(self, text: str) -> list[float]:
            return encode([text]).tolist()[0]

    vectors = pytest.importorskip("langchain_core.vectorstores")
    adapted = langchain_embeddings(Plain(), ranker)
    texts = [f"page {i}" for i in range(20)]
    store = vectors.InMemoryVectorStore.from_texts(texts, adapted)
    assert adapted.embed_documents(texts) == Plain().embed_documents(texts)
    query = ranker.state.adapt(encode(["page 3"])[0].astype(np.float32))
    rows = encode(texts)
    best = int(np.argmax(rows @ query / np.linalg.norm(rows, axis=1)))
    assert store.similarity_search("page 3", k=1)[0].page_content == texts[best]


@pytest.mark.filterwarnings("ignore")
def test_llama_index(ranker: AdaptiveRanker) -> None:
    library = pytest.importorskip("llama_index.core.embeddings")
    plain = library.MockEmbedding(embed_dim=DIM)
    adapted = llama_index_embedding(plain, ranker)
    assert adapted.get_text_embedding("a page") == plain.get_text_embedding("a page")
    query = np.array(plain.get_query_embedding("a page"), np.float32)
    np.testing.assert_allclose(adapted.get_query_embedding("a page"), ranker.state.adapt(query), rtol=1e-6)


def test_mteb_adapts_queries_alone(ranker: AdaptiveRanker) -> None:
    class Encoder:
        model_card = "mine"

        def encode(self, inputs: list[str], **_: object) -> np.ndarray:
            return encode(inputs).astype(np.float32)

    wrapped = mteb_encoder(Encoder(), ranker)
    plain = Encoder().encode(["a", "b"])
    assert np.array_equal(wrapped.encode(["a", "b"], prompt_type="document"), plain)
    found = wrapped.encode(["a", "b"], prompt_type="query")
    np.testing.assert_allclose(found[1], ranker.state.adapt(plain[1]), rtol=1e-6)
    assert wrapped.model_card == "mine"
    learned = QueryAdapter(epochs=1).partial_fit(plain, candidates=plain, accepted=[0, 1])
    np.testing.assert_allclose(
        mteb_encoder(Encoder(), learned).encode(["a"], prompt_type="query")[0], learned.transform(plain)[0], rtol=1e-6
    )
