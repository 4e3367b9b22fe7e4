"""Weights of evidence: learned from the issues before, never from the issue itself, and never much worse."""

from __future__ import annotations

import numpy as np
import pytest

from ruvllm import _core
from ruvllm.learning.localization import FROZEN, LEARNED, PENALTY, SHUFFLED, Question, localize, rank_of

NAMES = {"first": 0, "second": 1}


def questions(seed: int, n: int = 60, size: int = 40, useful: float = 3.0) -> list[Question]:
    """Issues whose right file has a large second feature; the first says nothing."""
    random = np.random.default_rng(seed)
    found = []
    for _ in range(n):
        evidence = random.normal(size=(size, 3)).astype(np.float32)
        right = int(random.integers(size))
        evidence[right, 1] += useful
        found.append(Question(evidence, right))
    return found


def share(values: list[float]) -> float:
    return sum(value == 1 for value in values) / len(values)


def test_what_says_which_file_is_right_counts_more_and_more() -> None:
    found = localize(questions(1), (2.0, 0.5, 1.0), NAMES, seed=0)
    ranks = found.reciprocal_ranks
    assert set(ranks) == {FROZEN, LEARNED, SHUFFLED, "first", "second"}
    assert share(ranks[LEARNED]) > share(ranks[FROZEN]) + 0.2
    assert share(ranks[SHUFFLED]) <= share(ranks[FROZEN]) + 0.05
    assert found.weights[1] > 0.7 > 0.5 and found.weights[0] < 1.5
    assert share(ranks[LEARNED][30:]) > share(ranks[LEARNED][:10])
    assert found.refits[:3] == [1, 2, 3] and found.refits[-1] == 60
    assert len(found.state_hash) == 64


def test_an_issue_is_answered_before_it_is_learned_from() -> None:
    asked = questions(2, n=12)
    whole = localize(asked, (1.0, 1.0, 1.0), {}, seed=0)
    for k in (1, 5, 12):
        part = localize(asked[:k], (1.0, 1.0, 1.0), {}, seed=0)
        for name, values in part.reciprocal_ranks.items():
            assert values == whole.reciprocal_ranks[name][:k], "later issues change nothing"
    w = _core.listwise_weights(
        np.concatenate([q.evidence for q in asked[:11]]), [40] * 11, [q.right for q in asked[:11]], [1.0] * 3,
        penalty=PENALTY,
    )  # fmt: skip
    last = asked[11]
    assert whole.reciprocal_ranks[LEARNED][11] == 1 / rank_of(_core.listwise_scores(last.evidence, w), last.right)
    assert whole.reciprocal_ranks[LEARNED][0] == whole.reciprocal_ranks[FROZEN][0]


def test_train_issues_are_learned_from_and_test_issues_are_not() -> None:
    train = [Question(q.evidence, q.right, measured=False) for q in questions(3, n=30)]
    test = questions(4, n=20)
    found = localize([*train, *test], (2.0, 0.5, 1.0), NAMES, seed=0, stream=False)
    assert found.refits == [30]
    assert len(found.answered_by) == 20
    turned = localize([*train, *reversed(test)], (2.0, 0.5, 1.0), NAMES, seed=0, stream=False)
    assert turned.reciprocal_ranks[LEARNED] == found.reciprocal_ranks[LEARNED][::-1], "the order is nothing"
    assert turned.weights == found.weights
    with pytest.raises(ValueError, match="no issue is left to be measured"):
        localize(train, (1.0, 1.0, 1.0), {}, seed=0)


def test_weights_that_are_behind_do_not_answer() -> None:
    """In the train issues the second feature says what is right; then it misleads, and the first one says it."""
    train = [Question(q.evidence, q.right, measured=False) for q in questions(5, n=40, useful=6.0)]
    test = questions(6, n=30, useful=-6.0)
    for question in test:
        question.evidence[question.right, 0] += 6.0
    found = localize([*train, *test], (1.0, 0.0, 0.0), {}, seed=0, stream=False, controls=False)
    ranks = found.reciprocal_ranks
    assert found.answered_by == [LEARNED] * 10 + [FROZEN] * 20
    assert share(ranks[FROZEN]) > 0.9
    assert ranks[LEARNED][10:] == ranks[FROZEN][10:]
    assert share(ranks[LEARNED][:10]) < 0.5


def test_the_same_issues_give_the_same_hash_and_others_another() -> None:
    first, again = (localize(questions(7, n=8), (1.0, 1.0, 1.0), {}, seed=0) for _ in range(2))
    assert (first.state_hash, first.weights) == (again.state_hash, again.weights)
    other_seed = localize(questions(7, n=8), (1.0, 1.0, 1.0), {}, seed=1)
    assert other_seed.state_hash == first.state_hash, "a seed draws the answers of the control alone"
    assert localize(questions(8, n=8), (1.0, 1.0, 1.0), {}, seed=0).state_hash != first.state_hash


def test_ties_count_against() -> None:
    assert rank_of(np.array([1.0, 2.0, 2.0, 0.0]), 1) == 2
    assert rank_of(np.zeros(5), 0) == 5
