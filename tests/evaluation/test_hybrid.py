"""Several views of the same texts, weighed: ranks are those of plain arithmetic, weights the validation part's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from ruvllm._core import Bm25
from ruvllm.evaluation import hybrid
from ruvllm.evaluation.hybrid import Grid, Hybrid, Weights, fit_hybrid
from ruvllm.evaluation.retrieval import InPlace
from ruvllm.workloads.workload import Retrieval, Words

Rows = NDArray[np.float32]
WORDS = ["red", "green", "blue", "black", "white", "grey"]


def unit(seed: int, n: int, d: int = 8) -> Rows:
    rows = np.random.default_rng(seed).standard_normal((n, d))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def question(n: int = 23) -> Retrieval:
    """Two groups of one type, in which some queries have a second right solution, with texts and a hashed twin."""
    random = np.random.default_rng(3)
    groups = np.array([i % 2 for i in range(n)], dtype=np.int32)
    right_too = np.array([[0, 2], [5, 7], [4, 10]], dtype=np.int32)
    asked = Retrieval(unit(1, n), unit(2, n), np.zeros(n, np.uint8), np.arange(n, dtype=np.int32), groups, groups,
                      right_too=right_too)  # fmt: skip
    texts = [" ".join(random.choice(WORDS, 6)).encode() for _ in range(n)]
    index = Bm25()
    index.add([b"another", *texts])
    prompts = [" ".join(random.choice(WORDS, 3)).encode() for _ in range(n)]
    documents = np.arange(1, n + 1, dtype=np.uint32)
    words = Words(index, prompts, documents, {0: documents[::2]})
    return replace(asked, words=words, hashed=replace(asked, queries=unit(4, n), solutions=unit(5, n)))


def as_it_is(each: Retrieval) -> InPlace:
    return InPlace(each.queries, each.solutions)


def views_of(asked: Retrieval) -> list[InPlace]:
    assert asked.hashed is not None
    crowded = [np.random.default_rng(i).uniform(0, 0.5, len(asked.solutions)).astype(np.float32) for i in (6, 7)]
    return [InPlace(each.queries, each.solutions, discount)
            for each, discount in zip((asked, asked.hashed), crowded, strict=True)]  # fmt: skip


def naive(asked: Retrieval, views: list[InPlace], weights: Weights) -> tuple[list[int], list[int]]:
    """Ranks, and what stood first."""
    assert asked.words is not None
    assert asked.right_too is not None
    words = asked.words.index.scores(
        list(asked.words.prompts), asked.words.documents, statistics=asked.words.statistics[0]
    )
    scores = np.zeros((len(asked.queries), len(asked.solutions)))
    for weight, view in zip((1.0, weights.hashed), views, strict=True):
        cosines = view.queries.astype(float) @ view.solutions.astype(float).T
        scores += weight * (cosines - weights.share * (0 if view.discount is None else view.discount))
    scores += weights.bm25 * words
    ranks, first = [], []
    for i, row in enumerate(scores):
        others = {int(j) for q, j in asked.right_too if q == i}
        same = [j for j in np.flatnonzero(asked.solution_groups == asked.groups[i]).tolist() if j not in others]
        ranks.append(sum(row[j] >= row[asked.right[i]] for j in same))
        first.append(max(same, key=lambda j, row=row: row[j]))
    return ranks, first


@pytest.mark.parametrize("weights", [Weights(0, 0, 0), Weights(0.3, 0, 0), Weights(0.15, 0.5, 0), Weights(0.5, 2, 0.3),
                                     Weights(0, 0, 0.1)])  # fmt: skip
@pytest.mark.parametrize("at_once", [256, 3])
def test_ranks_are_those_of_plain_arithmetic(
    weights: Weights, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hybrid, "AT_ONCE", at_once)
    asked = question()
    views = views_of(asked)
    ranks, first = naive(asked, views, weights)
    found = Hybrid(views, weights).ranked(asked, "auto", most=len(ranks))
    assert found.ranks.tolist() == ranks
    assert found.first.tolist() == first
    assert len(set(ranks)) > 1 and min(ranks) == 1
    some = Hybrid(views, weights).ranked(asked, "auto", most=4)
    assert some.first.tolist() == [*first[:4], *[-1] * (len(ranks) - 4)]
    assert np.array_equal(Hybrid(views, weights).ranks(asked, "auto"), found.ranks)


def test_without_weights_it_is_the_encoders_view() -> None:
    asked = question()
    views = views_of(asked)
    plain = InPlace(asked.queries, asked.solutions).ranks(asked, "auto")
    assert np.array_equal(Hybrid(views, Weights(0, 0, 0)).ranks(asked, "auto"), plain)


def test_the_validation_part_gives_a_view_weight_where_it_helps() -> None:
    asked = question(60)
    asked = replace(asked, right_too=None)
    assert asked.hashed is not None
    grid = Grid((0.0,), (0.0, 0.5, 2.0), (0.0,))
    perfect = replace(asked.hashed, queries=asked.hashed.solutions)
    helped = replace(asked, hashed=perfect)
    assert fit_hybrid([as_it_is] * 2, helped, grid, "auto").weights == Weights(0.0, 2.0, 0.0)
    useless = replace(asked, queries=asked.solutions)
    form = fit_hybrid([as_it_is] * 2, useless, grid, "auto")
    assert form.weights == Weights(0.0, 0.0, 0.0), "of equally good weights the simplest"
    assert form.in_place(useless).ranks(useless, "auto").tolist() == [1] * 60
    noisy = fit_hybrid([as_it_is] * 2, question(), grid, "auto")
    again = noisy.in_place(question()).ranks(question(), "auto")
    assert np.array_equal(noisy.reciprocal, 1.0 / again), "those by which it was chosen"


def test_words_alone_can_decide() -> None:
    texts = [f"colour {word}".encode() for word in WORDS]
    index = Bm25()
    index.add(texts)
    numbers, same = np.arange(len(texts), dtype=np.uint32), np.tile(unit(1, 1), (len(texts), 1))
    asked = Retrieval.by_type(same, same, np.zeros(len(texts), np.uint8))
    asked = replace(asked, words=Words(index, [word.encode() for word in WORDS], numbers, {0: numbers}))
    grid = Grid((0.0,), (0.0,), (0.0, 0.1))
    form = fit_hybrid([as_it_is], asked, grid, "auto")
    assert form.weights.bm25 == 0.1
    assert form.in_place(asked).ranks(asked, "auto").tolist() == [1] * len(texts)
    of_nobody = replace(asked, types=np.ones(len(texts), np.uint8))
    assert set(form.in_place(of_nobody).ranks(of_nobody, "auto").tolist()) == {len(texts)}, "no train task of this type"


def test_without_validation_queries_only_the_encoder_speaks() -> None:
    empty = question().of_type(1)
    form = fit_hybrid([as_it_is] * 2, empty, Grid((0.5,), (1.0,), (0.1,)), "auto")
    assert form.weights == Weights(0.0, 0.0, 0.0)
    assert len(form.reciprocal) == 0
