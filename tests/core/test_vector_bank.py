"""VectorBank: rows kept once, compared with many queries."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import ruvllm
from ruvllm import VectorBank, _core

Floats = npt.NDArray[np.float32]
ROWS = np.arange(12, dtype=np.float32).reshape(3, 4)
QUERY = np.ones(4, np.float32)
METHODS = ["dot", "cosine"]


def random_bank(n_rows: int, dim: int) -> tuple[Floats, Floats]:
    random = np.random.default_rng(n_rows + dim)
    return random.standard_normal((n_rows, dim), dtype=np.float32), random.standard_normal(dim, dtype=np.float32)


@pytest.mark.parametrize("isa", ruvllm.available_isas())
@pytest.mark.parametrize(
    ("n_rows", "dim"),
    [(0, 5), (1, 1), (3, 16), (5, 17), (20, 256), (150, 100), (300, 1000)],  # the last holds more than a megabyte
)
def test_results_have_the_bits_of_the_kernels(n_rows: int, dim: int, isa: str) -> None:
    rows, query = random_bank(n_rows, dim)
    bank = VectorBank(rows, isa=isa)
    assert (bank.size, len(bank), bank.dim) == (n_rows, n_rows, dim)
    dots, cosines = bank.dot(query), bank.cosine(query)
    assert dots.dtype == cosines.dtype == np.float32
    assert np.array_equal(dots, _core.gemv(rows, query, isa="scalar"))
    assert np.array_equal(cosines, ruvllm.cosine_similarity(query, rows, isa="scalar"))


def test_cosine_agrees_with_float64() -> None:
    rows, query = random_bank(50, 300)
    x, q = rows.astype(np.float64), query.astype(np.float64)
    expected = x @ q / (np.linalg.norm(x, axis=1) * np.linalg.norm(q))
    assert np.allclose(VectorBank(rows).cosine(query), expected, rtol=0, atol=1e-6)


def test_zeros_have_cosine_0() -> None:
    rows = np.array([[0, 0], [-2, 0]], np.float32)
    assert VectorBank(rows).cosine(np.array([3, 0], np.float32)).tolist() == [0.0, -1.0]
    assert VectorBank(rows).cosine(np.zeros(2, np.float32)).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused_and_nothing_is_added(bad: float) -> None:
    bank, rows = VectorBank(ROWS), np.ones((5, 4), np.float32)
    rows[4, 3] = bad
    with pytest.raises(ValueError, match=r"rows must be finite, not hold -?(nan|inf)"):
        bank.add(rows)
    with pytest.raises(ValueError, match="rows must be finite"):
        VectorBank(rows)
    for method in METHODS:
        with pytest.raises(ValueError, match="query must be finite"):
            getattr(bank, method)(rows[4])
    assert np.array_equal(bank.rows, ROWS)


def test_the_bank_is_a_copy() -> None:
    rows = ROWS.copy()
    bank = VectorBank(rows)
    rows[:] = 7
    assert bank.dot(QUERY).tolist() == ROWS.sum(axis=1).tolist()


def test_added_rows_come_last() -> None:
    rows, query = random_bank(9, 33)
    bank = VectorBank(rows[:2])
    bank.add(rows[2:2])
    bank.add(rows[2:])
    assert len(bank) == 9
    assert np.array_equal(bank.cosine(query), VectorBank(rows).cosine(query))


@pytest.mark.parametrize("method", METHODS)
def test_out_is_filled_and_returned(method: str) -> None:
    call = getattr(VectorBank(ROWS), method)
    out = np.full(5, np.nan, np.float32)
    assert call(QUERY, out=out[1:4]) is not None
    assert np.array_equal(out, [np.nan, *call(QUERY), np.nan], equal_nan=True)
    whole = np.empty(3, np.float32)
    assert call(QUERY, whole) is whole
    assert call(query=QUERY, out=whole) is whole
    assert np.array_equal(call(out=None, query=QUERY), whole)


READ_ONLY = np.zeros(3, np.float32)
READ_ONLY.flags.writeable = False


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("arguments", "keywords", "error", "message"),
    [
        ((QUERY[:3],), {}, ValueError, "query must have 4 elements, not 3"),
        ((ROWS,), {}, ValueError, "query must have 1 dimension, not 2"),
        ((QUERY + 1j,), {}, TypeError, "query must have dtype float32 .* not be an array of complex64"),
        ((["a"] * 4,), {}, TypeError, "query must have dtype float32 .* not be list of <U1"),
        ((QUERY, QUERY), {}, ValueError, "out must have 3 elements, not 4"),
        ((QUERY, np.zeros(3)), {}, TypeError, "out must have dtype float32, for it is written to, not float64"),
        ((QUERY, np.zeros(6, np.float32)[::2]), {}, TypeError, "out must be contiguous"),
        ((QUERY, READ_ONLY), {}, ValueError, "out must be writeable, not read-only"),
        ((QUERY, None, None), {}, TypeError, "takes 2 positional arguments, not 3"),
        ((QUERY,), {"query": QUERY}, TypeError, "got the argument query twice"),
        ((QUERY,), {"isa": "auto"}, TypeError, "has no keyword argument 'isa'"),
        ((), {}, TypeError, "needs the argument query"),
    ],
)
def test_wrong_arguments_are_refused(
    method: str, arguments: tuple[Any, ...], keywords: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        getattr(VectorBank(ROWS), method)(*arguments, **keywords)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: VectorBank(QUERY), ValueError, "rows must have 2 dimensions, not 1"),
        (lambda: VectorBank(np.zeros((3, 0), np.float32)), ValueError, "dim >= 1, not 0"),
        (lambda: VectorBank(ROWS > 0), TypeError, "rows must have dtype float32"),
        (lambda: VectorBank(ROWS, isa="sse2"), ValueError, "not 'sse2'"),
        (lambda: VectorBank(ROWS).add(ROWS[:, :3].copy()), ValueError, "rows must have 4 columns, not 3"),
        (lambda: VectorBank.__new__(VectorBank).dot(QUERY), TypeError, "__init__"),
        (lambda: VectorBank.dot(ROWS, QUERY), TypeError, "VectorBank"),
    ],
)
def test_wrong_banks_are_refused(call: Callable[[], object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_a_subclass_is_a_bank() -> None:
    class Named(VectorBank):
        pass

    assert np.array_equal(Named(ROWS).dot(QUERY), VectorBank(ROWS).dot(QUERY))
