"""The directions of queries: those in which they differ most, whatever came first, the same after a restart."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from numpy.typing import NDArray

from ruvllm.files.arrays import StateReader
from ruvllm.online import Learning
from ruvllm.online.judgement import Judgement
from ruvllm.online.learning.challenger import Challenger
from ruvllm.online.learning.directions import SPREAD, Directions
from ruvllm.online.records import Settings

DIM, RANK = 48, 3
Rows = NDArray[np.float32]


def unit(rows: NDArray[np.float64]) -> Rows:
    return np.asarray(rows / np.linalg.norm(rows, axis=-1, keepdims=True), dtype=np.float32)


def queries(seed: int, n: int, kept: int = RANK) -> tuple[Rows, Rows]:
    """Queries (n, d) that differ most along some directions, and these (kept, d)."""
    rng = np.random.default_rng(seed)
    along = np.linalg.qr(rng.standard_normal((DIM, kept)))[0].T
    return unit(3 * rng.standard_normal((n, kept)) @ along + 0.3 * rng.standard_normal((n, DIM))), along


def found(rows: Rows, until: int = 256) -> tuple[Directions, Rows]:
    """After all rows, with the parameters (2, rank, d) that came out."""
    rng = np.random.default_rng(9)
    directions, parameters = Directions(rng.standard_normal((RANK, DIM)).astype(np.float32), until), None
    for row in rows:
        if not directions.are_found and directions.add(row):
            before = directions.rows if parameters is None else parameters[0]
            parameters = directions.turn(before, before).reshape(2, RANK, DIM)
    assert parameters is not None
    return directions, parameters


def test_rows_lie_where_queries_differ_most_and_are_as_long_as_they_differ_little() -> None:
    rows, along = queries(1, 300)
    directions, parameters = found(rows)
    assert directions.are_found
    np.testing.assert_allclose(directions.rows @ directions.rows.T, np.eye(RANK), atol=1e-5)
    assert np.linalg.norm(directions.rows @ along.T) ** 2 > 0.99 * RANK
    spread = np.sqrt(np.mean((rows @ parameters[0].T) ** 2, axis=0))
    np.testing.assert_allclose(spread, SPREAD, rtol=0.1)


def test_what_all_queries_have_in_common_is_no_direction() -> None:
    rows, along = queries(1, 300)
    common = unit(np.random.default_rng(2).standard_normal(DIM) @ (np.eye(DIM) - along.T @ along))
    directions, parameters = found(unit(rows + 2 * common))
    assert np.abs(directions.rows @ common).max() < 0.05  # their mean differs from it by chance
    assert np.linalg.norm(directions.rows @ along.T) ** 2 > 0.98 * RANK
    assert np.abs(np.mean(unit(rows + 2 * common) @ parameters[0].T, axis=0)).max() < 0.2 * SPREAD


def test_what_was_learned_along_the_new_rows_stays() -> None:
    rng = np.random.default_rng(2)
    rows, _ = queries(3, 32)
    a, b = (rng.standard_normal((RANK, DIM)).astype(np.float32) for _ in range(2))
    directions = Directions(a, 32)
    assert [directions.add(row) for row in rows] == [False] * 31 + [True]
    new_a, new_b = directions.turn(a, b).reshape(2, RANK, DIM).astype(np.float64)
    for query in directions.rows.astype(np.float64):
        np.testing.assert_allclose((new_a @ query) @ new_b, (a @ query) @ b, rtol=1e-4, atol=1e-4)


def test_queries_that_are_all_the_same_leave_rows_to_be_used_later() -> None:
    _, parameters = found(np.repeat(queries(4, 1)[0], 64, axis=0), until=64)
    assert np.isfinite(parameters).all() and (np.linalg.norm(parameters[0], axis=1) > 0).all()


@pytest.mark.parametrize("n", [5, 40, 300])
def test_a_restored_challenger_goes_on_to_the_bit(n: int) -> None:
    settings = Settings(dim=DIM, learning=Learning(rank=RANK, directions=256))
    rows, _ = queries(5, 360)
    candidates = queries(6, 5)[0]
    one, other = Challenger(settings), Challenger(settings)
    for place, row in enumerate(rows):
        one.learn(row, candidates, Judgement(accepted=(place % 5,)))
        if place == n:
            other.restore(copy.deepcopy(one.arrays()))
        elif place > n:
            other.learn(row, candidates, Judgement(accepted=(place % 5,)))
    first, second = one.arrays(), other.arrays()
    assert first.keys() == second.keys() and all(first[k].tobytes() == second[k].tobytes() for k in first)
    wrong = {**first, "directions.rows": first["directions.rows"][:-1]}
    with pytest.raises(ValueError, match="rows"):
        other.restore(wrong)


def test_who_starts_anew_knows_the_directions() -> None:
    settings = Settings(dim=DIM, learning=Learning(rank=RANK, directions=256))
    first = Challenger(settings)
    for place, row in enumerate(queries(7, 300)[0]):
        first.learn(row, queries(8, 5)[0], Judgement(accepted=(place % 5,)))
    again = Challenger(settings, None, first)
    assert again.publish().adapt(queries(7, 1)[0][0]).tobytes() == queries(7, 1)[0][0].tobytes()
    rows = StateReader(again.arrays()).array("directions.rows", np.float32).reshape(RANK, DIM)
    assert np.linalg.norm(rows @ queries(7, 1)[1].T) ** 2 > 0.98 * RANK
