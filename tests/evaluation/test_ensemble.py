"""Scores of the same candidates, weighed together: ranks are those of plain arithmetic, weights what the fit says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from ruvllm.evaluation import ensemble, ensemble_members
from ruvllm.evaluation.ensemble import Ensemble, Fitting, Member
from ruvllm.evaluation.retrieval import InPlace, crowding, ranks_in_groups
from ruvllm.evaluation.scored import Part, crowded_among, of_vectors
from ruvllm.workloads.workload import Retrieval

Rows = NDArray[np.float32]


def unit(rows: NDArray[np.float64]) -> Rows:
    found: Rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return found


def question(n: int = 40) -> Retrieval:
    """Two groups of one type, in which some queries have a second right solution."""
    random = np.random.default_rng(3)
    groups = np.array([i % 2 for i in range(n)], dtype=np.int32)
    right_too = np.array([[0, 2], [5, 7], [4, 10]], dtype=np.int32)
    rows = [unit(random.standard_normal((n, 8))) for _ in range(2)]
    right = np.arange(n, dtype=np.int32)
    return Retrieval(rows[0], rows[1], np.zeros(n, np.uint8), right, groups, groups, right_too=right_too)


def table(asked: Retrieval, seed: int, ahead: float) -> Rows:
    """Scores of all solutions for all queries, at random; those of the right ones are so much higher."""
    n = len(asked.queries)
    found = np.random.default_rng(seed).standard_normal((n, n)).astype(np.float32)
    found[np.arange(n), asked.right] += ahead
    return found


def member(name: str, scores: NDArray[np.floating], prior: float = 1.0) -> Member:
    def of(asked: Retrieval) -> Callable[[Part], Rows]:
        return lambda part: scores[np.ix_(part.members, part.candidates)].astype(np.float32)

    return Member(name, prior, of)


def naive(asked: Retrieval, scores: NDArray[np.float64]) -> tuple[list[int], list[int]]:
    """Ranks, and what stood first."""
    assert asked.right_too is not None
    ranks, first = [], []
    for i, row in enumerate(scores):
        others = {int(j) for q, j in asked.right_too if q == i}
        same = [j for j in np.flatnonzero(asked.solution_groups == asked.groups[i]).tolist() if j not in others]
        ranks.append(sum(row[j] >= row[asked.right[i]] for j in same))
        first.append(same[int(np.argmax(row[same]))])
    return ranks, first


@pytest.mark.parametrize("at_once", [256, 3])
def test_ranks_are_those_of_plain_arithmetic(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ensemble, "AT_ONCE", at_once)
    asked = question()
    tables = [table(asked, 1, 1.0), table(asked, 2, 0.5)]
    weights = np.array([0.75, 2.0])
    found = Ensemble([member("", each).of(asked) for each in tables], weights).ranked(asked, "auto", most=11)
    ranks, first = naive(asked, sum(w * each.astype(float) for w, each in zip(weights, tables, strict=True)))
    assert found.ranks.tolist() == ranks
    assert found.first.tolist() == [*first[:11], *[-1] * (len(first) - 11)]


def test_of_vectors_a_score_is_the_cosine_less_the_discount() -> None:
    asked = question()
    discount = np.linspace(0, 0.5, len(asked.solutions)).astype(np.float32)
    place = InPlace(3 * asked.queries, 0.2 * asked.solutions, discount)
    found = Ensemble([of_vectors(place)], np.ones(1)).ranks(asked, "auto")
    assert found.tolist() == ranks_in_groups(asked, asked.queries, asked.solutions, discount=discount).tolist()


def test_what_says_more_counts_more_whatever_its_scale() -> None:
    asked = question(200)
    strong, weak, noise = table(asked, 1, 3.0), table(asked, 2, 1.0), table(asked, 3, -2.0)
    found = Fitting([member("a", strong), member("b", weak), member("c", noise)], asked).fit()
    shares = found.named_shares()
    assert shares["a"] > 1.5 * shares["b"] > 0.0
    assert shares["c"] == 0.0, "what speaks against the right ones is left out"
    assert sum(shares.values()) == pytest.approx(1.0)
    scaled = Fitting([member("a", 1000 * strong), member("b", weak / 1000), member("c", noise + 7)], asked).fit()
    assert scaled.shares == pytest.approx(found.shares, rel=1e-3)
    ranks = found.in_place(asked).ranks(asked, "auto")
    assert scaled.in_place(asked).ranks(asked, "auto").tolist() == ranks.tolist()
    alone = Ensemble([member("", strong).of(asked)], np.ones(1)).ranks(asked, "auto")
    assert np.mean(1 / ranks) > np.mean(1 / alone) + 0.01


def test_it_is_judged_by_queries_that_its_weights_have_not_seen() -> None:
    asked, right = question(60), np.arange(60, dtype=np.int32)
    asked = replace(asked, right_too=None)
    tables = [table(asked, i, 0.0) for i in range(12)]  # nothing is to be learned here
    judged = np.mean([np.mean(Fitting([member(str(i), t) for i, t in enumerate(tables)], replace(
        asked, right=np.roll(right, 2 * k))).fit().reciprocal) for k in range(8)])  # fmt: skip
    chance = np.mean(1 / np.arange(1, 31))
    assert judged == pytest.approx(chance, abs=0.03)
    # each of the folds by itself, as plain arithmetic has it
    members = [member("a", table(asked, 1, 2.0)), member("b", table(asked, 2, 1.0))]
    found = Fitting(members, asked).fit()
    fold = np.arange(60) % ensemble.FOLDS
    assert len(found.reciprocal) == 60
    assert np.mean(found.reciprocal) == pytest.approx(np.mean(1 / found.in_place(asked).ranks(asked, "auto")), abs=0.05)
    assert set(fold) == set(range(ensemble.FOLDS))


def test_few_queries_move_the_weights_little_and_many_do() -> None:
    shares = []
    for n in (4, 400):
        asked = replace(question(n), right_too=None)
        shares.append(Fitting([member("a", table(asked, 1, 3.0), 1.0), member("b", table(asked, 2, 0.0), 1.0)],
                              asked).fit().named_shares()["a"])  # fmt: skip
    assert abs(shares[0] - 0.5) < 0.1
    assert shares[1] > 0.9


def test_members_can_be_left_out() -> None:
    asked = question()
    members = [member("a", table(asked, 1, 1.0)), member("b", table(asked, 2, 1.0)), member("c", table(asked, 3, 1.0))]
    found = Fitting(members, asked).fit(without={"b"})
    alone = Fitting([members[0], members[2]], asked).fit()
    assert found.named_shares() == {**alone.named_shares(), "b": 0.0}
    assert found.reciprocal.tolist() == alone.reciprocal.tolist()


def test_scores_that_are_not_kept_are_computed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = question()
    members = [member("a", table(asked, 1, 1.0)), member("b", table(asked, 2, 0.5))]
    kept = Fitting(members, asked).fit()
    monkeypatch.setattr(ensemble, "KEPT_BYTES", 0)
    again = Fitting(members, asked).fit()
    assert again.weights.tolist() == kept.weights.tolist()
    assert again.reciprocal.tolist() == kept.reciprocal.tolist()


def test_members_that_all_speak_against_the_right_candidates_get_nothing() -> None:
    asked = question(200)
    found = Fitting([member("a", table(asked, 1, -3.0)), member("b", table(asked, 2, -3.0))], asked).fit()
    assert found.weights.tolist() == found.shares.tolist() == [0.0, 0.0]
    ranks = found.in_place(asked).ranks(asked, "auto")
    assert (ranks >= 98).all(), "all candidates are equal, which counts against the right one"


def test_equal_scores_of_all_candidates_do_no_harm() -> None:
    asked = question()
    flat = np.ones((len(asked.queries), len(asked.queries)), dtype=np.float32)
    found = Fitting([member("a", table(asked, 1, 1.0)), member("flat", flat)], asked).fit()
    assert np.isfinite(found.weights).all()
    assert (found.in_place(asked).ranks(asked, "auto") > 0).all()


@pytest.mark.parametrize("n", [0, 4, 30])
def test_crowding_by_blas_is_that_of_the_core(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    solutions, queries = (random.standard_normal((k, 33)).astype(np.float32) for k in (70, n))
    assert crowded_among(solutions, queries) == pytest.approx(crowding(solutions, queries), abs=1e-6)
    monkeypatch.setattr("ruvllm.evaluation.scored.AT_MOST", 100)
    assert crowded_among(solutions, queries) == pytest.approx(crowding(solutions, queries), abs=1e-6)


def test_many_candidates_are_gone_through_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = question()
    place = InPlace(asked.queries, asked.solutions)
    whole = Ensemble([of_vectors(place)], np.ones(1)).ranks(asked, "auto")
    members = [member("a", table(asked, 1, 1.0)), member("b", table(asked, 2, 0.5))]
    shares = Fitting(members, asked).fit().shares
    monkeypatch.setattr("ruvllm.evaluation.scored.ROWS_AT_ONCE", 7)
    monkeypatch.setattr(ensemble, "MOST_SCORES", 1)
    assert Ensemble([of_vectors(place)], np.ones(1)).ranks(asked, "auto").tolist() == whole.tolist()
    assert Fitting(members, asked).fit().shares == pytest.approx(shares, rel=1e-6)


def test_room_is_found_among_some_of_many_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = unit(np.random.default_rng(5).standard_normal((100, 8)))
    for most, step in ((100, 1), (40, 3)):
        monkeypatch.setattr(ensemble_members, "MOST_OTHERS", most)
        cosines = rows.astype(np.float64) @ rows.T.astype(np.float64)
        np.fill_diagonal(cosines, -2)
        expected = np.sort(cosines[:, ::step], axis=1)[:, -ensemble_members.NEIGHBOURS :].mean(axis=1)
        np.testing.assert_allclose(ensemble_members._crowded_by_others(rows, "auto"), expected, atol=1e-6)
