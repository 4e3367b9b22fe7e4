"""Ranks against a sort in NumPy, the treatment of ties and NaN, and equal bits on every instruction set."""

import numpy as np
import pytest
from numpy.typing import NDArray

from ruvllm import _core
from ruvllm.evaluation.retrieval import (
    crowding,
    hits_at_1,
    mean_reciprocal_rank,
    recall_at_1,
    reciprocal_ranks,
    retrieval_ranks,
)
from ruvllm.workloads.workload import validation_sample

Rows = NDArray[np.float32]


def rows(n: int, d: int, seed: int) -> Rows:
    return np.random.default_rng(seed).standard_normal((n, d)).astype(np.float32)


def cosines(queries: Rows, solutions: Rows) -> NDArray[np.float32]:
    """From the kernel itself, one query at a time: the same bits, so that ties are the same."""
    return np.stack([_core.cosine_similarity(query, solutions) for query in queries])


def naive_ranks(queries: Rows, solutions: Rows, right: NDArray[np.int32]) -> NDArray[np.int32]:
    ranks = []
    for row, y in zip(cosines(queries, solutions), right, strict=True):
        ranks.append(1 + sum(bool(value >= row[y]) for j, value in enumerate(row) if j != y))
    return np.array(ranks, dtype=np.int32)


@pytest.mark.parametrize("isa", _core.available_isas())
@pytest.mark.parametrize(("n", "m", "d"), [(1, 1, 1), (7, 5, 3), (40, 131, 33), (30, 50, 4096), (3, 100, 100_000)])
def test_ranks_are_those_of_a_full_comparison(n: int, m: int, d: int, isa: str) -> None:
    queries, solutions = rows(n, d, 1), rows(m, d, 2)
    right = np.random.default_rng(3).integers(m, size=n).astype(np.int32)
    solutions[right] += 0.05 * queries  # some come first, some do not
    np.testing.assert_array_equal(
        retrieval_ranks(queries, solutions, right, isa=isa), naive_ranks(queries, solutions, right)
    )


def test_the_length_of_a_solution_does_not_matter() -> None:
    queries = np.array([[1, 0]], np.float32)
    solutions = np.array([[1, 1], [0.001, 0], [0, 100]], np.float32)
    assert retrieval_ranks(queries, solutions, np.array([1], np.int32)).tolist() == [1]


def test_ties_count_against_the_right_one() -> None:
    queries = np.array([[1, 2, 3]], np.float32)
    solutions = np.array([[3, 2, 1], [1, 2, 3], [1, 2, 3], [2, 4, 6]], np.float32)
    for right, rank in ((0, 4), (1, 3), (2, 3), (3, 3)):
        assert retrieval_ranks(queries, solutions, np.array([right], np.int32)).tolist() == [rank]


def test_a_query_or_solution_of_zeros_never_wins() -> None:
    solutions = np.array([[0, 0], [1, 0], [-1, 0]], np.float32)
    right = np.array([0, 1], np.int32)
    queries = np.array([[1, 0], [0, 0]], np.float32)
    assert retrieval_ranks(queries, solutions, right).tolist() == [2, 3]


@pytest.mark.parametrize("isa", _core.available_isas())
def test_crowding_is_the_mean_cosine_with_the_nearest_queries(isa: str) -> None:
    queries, solutions = rows(40, 33, 1), rows(131, 33, 2)
    nearest = np.sort(cosines(solutions, queries), axis=1)[:, ::-1]
    for neighbours in (1, 10, 40, 50):
        expected = nearest[:, :neighbours].mean(axis=1)
        found = crowding(solutions, queries, neighbours=neighbours, isa=isa)
        np.testing.assert_allclose(found, expected, atol=1e-6)
        assert found.tobytes() == crowding(solutions, queries, neighbours=neighbours, isa="scalar").tobytes()
    assert crowding(solutions, queries[:0], isa=isa).tolist() == [0.0] * 131


def test_what_is_near_to_every_query_comes_behind_when_its_crowding_is_taken() -> None:
    past = np.array([[1, 0.6, 0], [0, 0.6, 1]], np.float32)
    queries = np.array([[0.5, 0.8, 0], [0, 0.8, 0.5]], np.float32)
    solutions = np.array([[1, 0, 0], [0, 0, 1], [0.5, 1, 0.5]], np.float32)  # the last is a hub
    right = np.array([0, 1], np.int32)
    assert retrieval_ranks(queries, solutions, right).tolist() == [2, 2]
    less = crowding(solutions, past, neighbours=2)
    assert less.tolist() == pytest.approx([0.4287, 0.4287, 0.7702], abs=1e-4)
    assert retrieval_ranks(queries, solutions, right, discount=1.2 * less).tolist() == [1, 1]


def test_nan_never_helps() -> None:
    solutions = np.array([[1, 0], [np.nan, 0], [-1, 0]], np.float32)
    queries = np.array([[1, 0], [1, 0], [np.nan, 1]], np.float32)
    assert retrieval_ranks(queries, solutions, np.array([0, 1, 0], np.int32)).tolist() == [2, 3, 3]


@pytest.mark.parametrize("index", [-1, 3, 2**31 - 1])
def test_an_index_that_is_no_solution_is_refused(index: int) -> None:
    with pytest.raises(IndexError, match=f"from 0 to 3 - 1 of the solutions, not {index}"):
        retrieval_ranks(rows(1, 4, 0), rows(3, 4, 0), np.array([index], np.int32))
    with pytest.raises(IndexError, match=f"pool must be .* not {index}"):
        _core.hardest(rows(1, 4, 0), rows(3, 4, 0), np.array([[0, index]], np.int32))


def test_shapes_and_types_must_fit() -> None:
    right = np.array([0], np.int32)
    with pytest.raises(ValueError, match="solutions must have 4 columns, not 5"):
        retrieval_ranks(rows(1, 4, 0), rows(3, 5, 0), right)
    with pytest.raises(ValueError, match="discount must have 3 elements, not 2"):
        retrieval_ranks(rows(1, 4, 0), rows(3, 4, 0), right, discount=np.zeros(2, np.float32))
    with pytest.raises(ValueError, match="queries must have 5 columns, not 4"):
        crowding(rows(3, 5, 0), rows(1, 4, 0))
    with pytest.raises(ValueError, match="right must have 2 elements, not 1"):
        retrieval_ranks(rows(2, 4, 0), rows(3, 4, 0), right)
    with pytest.raises(ValueError, match="one row for each of the 2 queries, not 1"):
        _core.hardest(rows(2, 4, 0), rows(3, 4, 0), np.zeros((1, 2), np.int32))
    with pytest.raises(TypeError, match=r"right must have dtype int32 .* not be an array of float64"):
        retrieval_ranks(rows(1, 4, 0), rows(3, 4, 0), right.astype(np.float64))


@pytest.mark.parametrize("isa", _core.available_isas())
@pytest.mark.parametrize(("n", "m", "d", "p"), [(1, 1, 1, 1), (5, 9, 3, 4), (130, 60, 4096, 20), (3, 4, 5, 0)])
def test_the_hardest_come_first(n: int, m: int, d: int, p: int, isa: str) -> None:
    queries, solutions = rows(n, d, 1), rows(m, d, 2)
    solutions *= np.linspace(0.1, 10, m, dtype=np.float32)[:, None]  # their lengths must not matter
    solutions[m // 2] = solutions[0]  # a tie
    r = np.random.default_rng(3)
    pool = np.stack([r.permutation(m)[:p] for _ in range(n)]).astype(np.int32)
    expected = [sorted(row, key=lambda j: (-c[j], j)) for row, c in zip(pool, cosines(queries, solutions), strict=True)]
    ordered = _core.hardest(queries, solutions, pool, isa=isa)
    assert ordered.dtype == np.int32
    assert ordered.tolist() == [[int(j) for j in row] for row in expected]


def test_nan_sorts_last() -> None:
    solutions = np.array([[np.nan, 0], [-1, 0], [1, 0]], np.float32)
    pool = np.array([[0, 1, 2]], np.int32)
    assert _core.hardest(np.array([[1, 0]], np.float32), solutions, pool).tolist() == [[2, 1, 0]]


def test_metrics_by_hand() -> None:
    ranks = np.array([1, 2, 1, 4], np.int32)
    assert hits_at_1(ranks).tolist() == [1.0, 0.0, 1.0, 0.0]
    assert reciprocal_ranks(ranks).tolist() == [1.0, 0.5, 1.0, 0.25]
    assert recall_at_1(ranks) == 0.5
    assert mean_reciprocal_rank(ranks) == 2.75 / 4


def test_metrics_of_nothing_are_refused() -> None:
    for metric in (recall_at_1, mean_reciprocal_rank):
        with pytest.raises(ValueError, match="at least 1 rank, not 0"):
            metric(np.array([], np.int32))


def test_of_many_validation_tasks_some_are_taken_evenly() -> None:
    for n, expected in ((0, 0), (1, 1), (2000, 2000), (2001, 1001), (100_000, 2000)):
        part = np.arange(n, dtype=np.uint32)
        sample = validation_sample(part)
        assert len(sample) == expected
        assert len(set(np.diff(sample).tolist())) <= 1
