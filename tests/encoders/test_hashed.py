"""The n-gram encoder against scikit-learn, to the bit where both round the same number."""

import math
import threading
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.feature_extraction import FeatureHasher
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
from sklearn.preprocessing import normalize
from sklearn.utils import murmurhash3_32

from ruvllm import _core
from ruvllm.encoders.base import Encoder
from ruvllm.encoders.hashed import HashedNgramEncoder

TEXTS = [
    "Return the absolute value of the argument.",
    "def f(x):\n    return -x if x < 0 else x",
    "",
    " \t\n\u00a0\u2003 ",  # Unicode spaces only
    "a",
    "ab abc  abcd\tabcde\nabcdef",
    "İSTANBUL Straße ΑΣΣ été 漢字仮名交じり文 🦜🦜🦜🦜🦜🦜",
    "\x00\x1f control \x1c separators\u2028line",
    "a" * 3000,
]
N_BUCKETS = 2**18
OPTIONS = {"analyzer": "char_wb", "ngram_range": (3, 5)}


def unweighted(texts: list[str], dim: int) -> NDArray[np.float32]:
    rows = HashingVectorizer(n_features=dim, alternate_sign=True, **OPTIONS).transform(texts).toarray()
    return rows.astype(np.float32)


def weighted(train: list[str], texts: list[str], dim: int, *, sublinear_tf: bool) -> NDArray[np.float32]:
    """IDF per bucket by TfidfTransformer, then the fold by FeatureHasher over (n-gram, weight)."""
    wide = HashingVectorizer(n_features=N_BUCKETS, norm=None, **OPTIONS)
    idf = TfidfTransformer(smooth_idf=True).fit(wide.transform(train)).idf_
    analyze = wide.build_analyzer()
    rows = []
    for text in texts:
        counts = Counter(analyze(text))
        tf = {g: 1 + math.log(m) if sublinear_tf else m for g, m in counts.items()}
        rows.append([(g, tf[g] * idf[abs(murmurhash3_32(g, seed=0)) % N_BUCKETS]) for g in counts])
    hasher = FeatureHasher(n_features=dim, input_type="pair", alternate_sign=True)
    return normalize(hasher.transform(rows)).toarray().astype(np.float32)


@given(st.binary(max_size=40), st.integers(0, 2**31 - 1))
def test_murmur3_is_scikit_learns(data: bytes, seed: int) -> None:
    assert _core.murmur3_32(data, seed) == murmurhash3_32(data, seed=seed)


@pytest.mark.parametrize("dim", [1, 2, 100, 1536, 4096])
def test_without_idf_it_is_the_hashing_vectorizer(dim: int) -> None:
    np.testing.assert_array_equal(HashedNgramEncoder(dim, idf=False).encode(TEXTS), unweighted(TEXTS, dim))


@given(st.lists(st.text(max_size=60), max_size=4))
def test_any_text_is_encoded_as_by_scikit_learn(texts: list[str]) -> None:
    expected = unweighted(texts, 64) if texts else np.empty((0, 64), np.float32)
    np.testing.assert_array_equal(HashedNgramEncoder(64, idf=False).encode(texts), expected)


@pytest.mark.parametrize("sublinear_tf", [False, True])
@pytest.mark.parametrize("dim", [100, 4096])
def test_with_idf_it_is_the_tfidf_transformer_folded(dim: int, sublinear_tf: bool) -> None:
    train = [*TEXTS, "return x", "return the value", "def f(x): return x"]
    unseen = [*TEXTS, "nothing here was ever fitted: zyxwv", "once twice twice thrice thrice thrice"]
    actual = HashedNgramEncoder(dim, sublinear_tf=sublinear_tf).fit(train).encode(unseen)
    np.testing.assert_allclose(actual, weighted(train, unseen, dim, sublinear_tf=sublinear_tf), rtol=0, atol=2e-7)


def test_idf_changes_the_vectors() -> None:
    text = ["return the value"]
    assert not np.array_equal(
        HashedNgramEncoder(64).fit(["return", "the"]).encode(text), HashedNgramEncoder(64, idf=False).encode(text)
    )


def test_a_text_counts_once_however_often_it_repeats_an_ngram() -> None:
    encoder = _core.NgramEncoder(8)
    assert encoder.document_frequencies().shape == (0,)
    encoder.fit([b"abc abc abc", b"abc", b"xyz"])
    frequencies = encoder.document_frequencies()
    assert frequencies.shape == (N_BUCKETS,)
    assert frequencies[abs(murmurhash3_32(b" abc ", seed=0)) % N_BUCKETS] == 2
    assert frequencies[abs(murmurhash3_32(b"xyz", seed=0)) % N_BUCKETS] == 1
    assert set(frequencies) == {0, 1, 2}


def test_rows_have_length_one_and_textless_ones_are_zero() -> None:
    rows = HashedNgramEncoder(1536).fit(TEXTS).encode(TEXTS)
    assert rows.dtype == np.float32
    assert rows.flags.c_contiguous
    lengths = np.sqrt((rows.astype(np.float64) ** 2).sum(axis=1))
    np.testing.assert_allclose(lengths, [float(bool(text.split())) for text in TEXTS], atol=1e-6)


def test_letter_case_and_spacing_do_not_matter() -> None:
    encoder = HashedNgramEncoder(256, idf=False)
    one, other = encoder.encode(["Return  the\n\tVALUE ", "return the value"])
    np.testing.assert_array_equal(one, other)


def test_a_lone_surrogate_is_encoded() -> None:
    rows = HashedNgramEncoder(64).fit(["\ud800"]).encode(["a\ud800b"])
    assert np.isfinite(rows).all()
    assert rows.any()


def test_the_digest_tells_encoders_apart() -> None:
    encoders = [
        HashedNgramEncoder(64, idf=False),
        HashedNgramEncoder(65, idf=False),
        HashedNgramEncoder(64).fit(["one"]),
        HashedNgramEncoder(64, sublinear_tf=True).fit(["one"]),
        HashedNgramEncoder(64).fit(["two"]),
        HashedNgramEncoder(64).fit(["one", "one"]),
        HashedNgramEncoder(64).fit(["one", ""]),
    ]
    assert len({encoder.digest for encoder in encoders}) == len(encoders)
    assert HashedNgramEncoder(64).fit(["one"]).digest == encoders[2].digest
    assert HashedNgramEncoder(64).fit(["two"]).fit(["one"]).digest == encoders[2].digest


def test_it_is_an_encoder_and_so_is_a_users_class() -> None:
    class Zeros:
        name, dim = "zeros", 4

        def encode(self, texts: list[str]) -> NDArray[np.float32]:
            return np.zeros((len(texts), 4), np.float32)

    assert isinstance(HashedNgramEncoder(4), Encoder)
    assert isinstance(Zeros(), Encoder)
    assert not isinstance(object(), Encoder)


def test_wrong_use_is_refused() -> None:
    with pytest.raises(ValueError, match="dim >= 1, not 0"):
        HashedNgramEncoder(0)
    with pytest.raises(ValueError, match="dim >= 1, not -5"):
        HashedNgramEncoder(-5)
    with pytest.raises(TypeError, match="not one text"):
        HashedNgramEncoder(4, idf=False).encode("one text")
    with pytest.raises(RuntimeError, match="needs fit"):
        HashedNgramEncoder(4).encode(["text"])


def test_threads_share_a_fitted_encoder() -> None:
    encoder = HashedNgramEncoder(512).fit(TEXTS)
    expected = encoder.encode(TEXTS * 50)
    results: list[NDArray[np.float32]] = []
    threads = [threading.Thread(target=lambda: results.append(encoder.encode(TEXTS * 50))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    for result in results:
        np.testing.assert_array_equal(result, expected)
