"""BM25 of the core: equal to the formula in plain Python, whatever is asked together, and refusals."""

from __future__ import annotations

import math
import re
from collections import Counter

import bm25s
import numpy as np
import pytest

from ruvllm._core import Bm25, subtokens
from ruvllm.encoders.lexical import for_bm25

WORDS = ["parseHTTPHeader", "header", "get_value", "x2", "class", "classes", "queries", "the", "of", "Datei", "größe"]


def sentences(seed: int, n: int) -> list[str]:
    random = np.random.default_rng(seed)
    return [" ".join(random.choice(WORDS, random.integers(0, 30))) for _ in range(n)]


def parts_of(text: str) -> list[str]:
    """Subtokens of ASCII by regular expression."""
    found = []
    for part in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+", text):
        word = part.lower()
        if len(word) > 3 and word.endswith("s") and not word.endswith(("us", "ss")):
            plain = word.endswith("ies") and not word.endswith(("eies", "aies"))
            word = word[:-3] + "y" if plain else word[:-1]
        found.append(word)
    return found


def naive(query: str, documents: list[str], statistics: list[str], k1: float, b: float) -> list[float]:
    """Robertson and Zaragoza (2009) with Lucene's IDF, as a mean over the query's subtokens."""
    counts = [Counter(part.decode() for part in subtokens(text)) for text in for_bm25(documents)]
    others = [Counter(part.decode() for part in subtokens(text)) for text in for_bm25(statistics)]
    average = sum(each.total() for each in others) / len(others) or 1.0
    wanted = Counter(part.decode() for part in subtokens(for_bm25([query])[0]))
    scores = []
    for each in counts:
        score = 0.0
        for word, n in wanted.items():
            df = sum(word in other for other in others)
            idf = math.log(1 + (len(others) - df + 0.5) / (df + 0.5))
            tf = each[word] * (k1 + 1) / (each[word] + k1 * (1 - b + b * each.total() / average)) if each[word] else 0
            score += math.log1p(n) * idf * tf
        weights = sum(math.log1p(n) for n in wanted.values())
        scores.append(score / weights if weights else 0.0)
    return scores


@pytest.mark.parametrize(("k1", "b"), [(1.2, 0.75), (0.0, 1.0), (2.0, 0.0)])
def test_scores_are_those_of_the_formula(k1: float, b: float) -> None:
    documents, queries = sentences(1, 40), [*sentences(2, 6), "", "nobody has these", "Größe GRÖSSE"]
    index = Bm25(k1=k1, b=b)
    assert index.add(for_bm25(documents[:25])) == 0
    assert index.add(for_bm25(documents[25:])) == 25
    assert len(index) == 40
    which, counted = np.array([3, 39, 0, 3, 17]), np.arange(0, 40, 2)
    for statistics in (None, counted):
        found = index.scores(for_bm25(queries), which, statistics=statistics)
        assert found.dtype == np.float32
        of = [documents[i] for i in (which if statistics is None else counted)]
        expected = [naive(query, [documents[i] for i in which], of, k1, b) for query in queries]
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)
        assert found[:6].any(axis=1).sum() >= 5
        assert not found[6:8].any()


def test_what_else_is_asked_changes_no_bit() -> None:
    index = Bm25()
    index.add(for_bm25(sentences(3, 60)))
    queries = for_bm25(sentences(4, 5))
    everything = index.scores(queries, np.arange(60), statistics=np.arange(30))
    for i, query in enumerate(queries):
        alone = index.scores([query], np.array([7, 50]), statistics=np.arange(30))
        assert alone.tobytes() == everything[i : i + 1, [7, 50]].tobytes()


def test_scores_agree_with_a_known_library_in_the_order_of_documents() -> None:
    documents, query = sentences(5, 50), "header of queries"  # no word twice, for the library counts each time
    parts = [[part.decode() for part in subtokens(text)] for text in for_bm25(documents)]
    library = bm25s.BM25(method="lucene", k1=1.2, b=0.75)
    library.index(parts, show_progress=False)
    theirs = library.get_scores([part.decode() for part in subtokens(query.encode())])
    index = Bm25()
    index.add(for_bm25(documents))
    ours = index.scores([query.encode()], np.arange(50))[0]
    np.testing.assert_allclose(ours, theirs * 2.2 / 3, rtol=1e-5)  # it leaves out k1 + 1, and is a sum over 3 words


@pytest.mark.parametrize(
    "text",
    ["parseHTTPHeader2", "HTTPServer", "A", "ABCd", "x1y2Z3", "__init__", "get_value(self)", "iOS", "entries bus"],
)
def test_identifiers_come_apart_at_their_humps(text: str) -> None:
    assert [part.decode() for part in subtokens(text.encode())] == parts_of(text)


def test_subtokens_of_other_scripts() -> None:
    def of(text: str) -> list[str]:
        return [part.decode() for part in subtokens(for_bm25([text])[0])]

    assert of("Größe der ÜBUNGEN") == ["größe", "der", "übungen"]
    assert of("日本 Wörter") == ["日", "本", "wörter"]
    assert of("naïve “quotes” … ×") == ["naïve", "quote", "×"]
    assert of("a\ud800b") == ["a", "b"]
    assert [bytes(part) for part in subtokens(b"ab\xe6\x97")] == [b"ab", b"\xe6\x97"]  # cut off
    assert subtokens(b"\xff\x80 .") == [b"\xff\x80 ."]  # no UTF-8: four bytes, as the first one says


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^k1 must lie in \[0, 1000\], not -1"):
        Bm25(k1=-1)
    with pytest.raises(ValueError, match=r"^b must lie in \[0, 1\], not nan"):
        Bm25(b=math.nan)
    index = Bm25()
    index.add([b"one", b"two"])
    with pytest.raises(ValueError, match=r"^documents must be below 2, not 2$"):
        index.scores([b"one"], [0, 2])
    with pytest.raises(ValueError, match=r"^statistics must be below 2, not 5$"):
        index.scores([b"one"], [0], statistics=[5])
    with pytest.raises(ValueError, match=r"^statistics must have at least 1 document, not 0$"):
        index.scores([b"one"], [0], statistics=[])
    assert index.scores([b"one"], []).shape == (1, 0)
    assert index.scores([], [0]).shape == (0, 1)
    with pytest.raises(TypeError, match="must be a sequence of texts"):
        for_bm25("one text")
