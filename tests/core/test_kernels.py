"""The kernels through their bindings: values against NumPy in float64, equal bits on each ISA, strict arguments."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ruvllm import _core

Floats = npt.NDArray[np.float32]

ISAS = _core.available_isas()
EPSILON = float(np.finfo(np.float32).eps)
TINY = float(np.finfo(np.float32).smallest_subnormal)


def tolerance(n: int, magnitude: Any) -> Any:
    """One unit in the last place of the sum of |terms| for each rounding on a term's way through a sum of n."""
    return (n / 32 + 8) * (EPSILON * magnitude + TINY)


def floats(*shape: int) -> st.SearchStrategy[Floats]:
    return hnp.arrays(np.float32, shape, elements=st.floats(-1e6, 1e6, width=32))


@st.composite
def vectors(draw: st.DrawFn, n_vectors: int) -> tuple[Floats, ...]:
    n = draw(st.integers(0, 130))
    return tuple(draw(floats(n)) for _ in range(n_vectors))


@st.composite
def matrix_and_vector(draw: st.DrawFn) -> tuple[Floats, Floats]:
    rows, n = draw(st.integers(0, 6)), draw(st.integers(0, 70))
    return draw(floats(rows, n)), draw(floats(n))


def same_on_every_isa(call: Callable[[str], Floats]) -> Floats:
    """The result of `call(isa)`, which must have the same bytes for each ISA and for "auto"."""
    results = [call(isa) for isa in [*ISAS, "auto"]]
    assert len({result.tobytes() for result in results}) == 1
    return results[0]


def scalar_on_every_isa(call: Callable[[str], float]) -> float:
    return float(same_on_every_isa(lambda isa: np.array([call(isa)]))[0])


def test_scalar_is_always_available_and_auto_is_an_available_isa() -> None:
    assert ISAS[0] == "scalar"
    assert len(set(ISAS)) == len(ISAS)
    assert _core.active_isa() in ISAS


@given(vectors(2))
def test_dot_agrees_with_float64(pair: tuple[Floats, Floats]) -> None:
    a, b = pair
    terms = a.astype(np.float64) * b.astype(np.float64)
    result = scalar_on_every_isa(lambda isa: _core.dot(a, b, isa=isa))
    assert abs(result - terms.sum()) <= tolerance(a.size, np.abs(terms).sum())


@given(vectors(1))
def test_squared_norm_is_the_dot_with_itself(single: tuple[Floats]) -> None:
    (a,) = single
    assert scalar_on_every_isa(lambda isa: _core.squared_norm(a, isa=isa)) == _core.dot(a, a)


@given(vectors(2))
def test_squared_distance_agrees_with_float64(pair: tuple[Floats, Floats]) -> None:
    a, b = pair
    terms = (a.astype(np.float64) - b.astype(np.float64)) ** 2
    result = scalar_on_every_isa(lambda isa: _core.squared_distance(a, b, isa=isa))
    assert abs(result - terms.sum()) <= tolerance(a.size, terms.sum())


@given(matrix_and_vector())
def test_gemv_rows_are_dots(pair: tuple[Floats, Floats]) -> None:
    rows, x = pair
    result = same_on_every_isa(lambda isa: _core.gemv(rows, x, isa=isa))
    assert result.shape == (len(rows),) and result.dtype == np.float32
    assert result.tolist() == [_core.dot(row, x) for row in rows]


@given(matrix_and_vector())
def test_cosine_similarity_agrees_with_float64(pair: tuple[Floats, Floats]) -> None:
    rows, query = pair
    result = same_on_every_isa(lambda isa: _core.cosine_similarity(query, rows, isa=isa))
    assert result.shape == (len(rows),) and result.dtype == np.float32
    assert np.all(np.abs(result) <= 1.0)
    q = query.astype(np.float64)
    for row, cosine in zip(rows.astype(np.float64), result.astype(np.float64), strict=True):
        norms = np.linalg.norm(row) * np.linalg.norm(q)
        if norms == 0.0:
            assert cosine == 0.0
        elif min(np.linalg.norm(row), np.linalg.norm(q)) > 1e-40:  # below, the numbers themselves have few digits
            assert abs(cosine - row @ q / norms) <= 3 * tolerance(q.size, 1.0)


@given(st.floats(-1e3, 1e3, width=32), vectors(2))
def test_axpy_changes_y_in_place(a: float, pair: tuple[Floats, Floats]) -> None:
    x, y = pair

    def run(isa: str) -> Floats:
        target = y.copy()
        _core.axpy(a, x, target, isa=isa)
        return target

    expected = y.astype(np.float64) + a * x.astype(np.float64)
    magnitude = np.abs(y.astype(np.float64)) + np.abs(a * x.astype(np.float64))
    assert np.all(np.abs(same_on_every_isa(run) - expected) <= tolerance(1, magnitude))


@given(st.floats(0, 1, width=32), st.floats(0, 1, width=32), vectors(2))
def test_ema_of_squares_changes_f_in_place(decay: float, weight: float, pair: tuple[Floats, Floats]) -> None:
    x, f = pair[0], np.abs(pair[1])

    def run(isa: str) -> Floats:
        target = f.copy()
        _core.ema_of_squares(decay, weight, x, target, isa=isa)
        return target

    expected = decay * f.astype(np.float64) + weight * x.astype(np.float64) ** 2
    assert np.all(np.abs(same_on_every_isa(run) - expected) <= tolerance(1, expected))


V = np.ones(4, np.float32)
M = np.ones((3, 4), np.float32)

# Each binding with valid arguments; every array of each is replaced in turn by one of the wrong type or layout.
CALLS: list[tuple[Callable[..., Any], tuple[Any, ...]]] = [
    (_core.dot, (V, V)),
    (_core.squared_norm, (V,)),
    (_core.squared_distance, (V, V)),
    (_core.cosine_similarity, (V, M)),
    (_core.cosine_matrix, (M, M)),
    (_core.gemv, (M, V)),
    (_core.axpy, (1.0, V, V)),
    (_core.ema_of_squares, (0.9, 0.1, V, V)),
]
ARRAY_ARGUMENTS = [
    pytest.param(function, arguments, i, id=f"{function.__name__}-{i}")
    for function, arguments in CALLS
    for i, argument in enumerate(arguments)
    if isinstance(argument, np.ndarray)
]


@pytest.mark.parametrize(("function", "arguments", "i"), ARRAY_ARGUMENTS)
def test_what_is_no_real_number_is_refused(function: Callable[..., Any], arguments: tuple[Any, ...], i: int) -> None:
    good = arguments[i]
    wrong = [good.astype(complex), good.astype(object), good.astype(str), good > 0, "abc", None]
    for bad in wrong:
        copies = [a.copy() if isinstance(a, np.ndarray) else a for a in arguments]
        copies[i] = bad
        before = [np.copy(a) if isinstance(a, np.ndarray) else a for a in copies]
        with pytest.raises(TypeError):
            function(*copies)
        for was, now in zip(before, copies, strict=True):
            assert np.array_equal(was, now)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: _core.dot(V, V[:3]), "b must have 4 elements, not 3"),
        (lambda: _core.dot(M, V), "a must have 1 dimension, not 2"),
        (lambda: _core.squared_norm(M), "a must have 1 dimension, not 2"),
        (lambda: _core.squared_distance(V[:2], V), "b must have 2 elements, not 4"),
        (lambda: _core.cosine_similarity(V[:3], M), "rows must have 3 columns, not 4"),
        (lambda: _core.cosine_similarity(V, V), "rows must have 2 dimensions, not 1"),
        (lambda: _core.cosine_matrix(V, M), "queries must have 2 dimensions, not 1"),
        (lambda: _core.cosine_matrix(M[:, :3].copy(), M), "rows must have 3 columns, not 4"),
        (lambda: _core.gemv(M, V[:2]), "rows must have 2 columns, not 4"),
        (lambda: _core.gemv(np.ones((1, 1, 4), np.float32), V), "rows must have 2 dimensions, not 3"),
        (lambda: _core.axpy(1.0, V[:3], V.copy()), "x must have 4 elements, not 3"),
        (lambda: _core.axpy(1.0, V, M.copy()), "y must have 1 dimension, not 2"),
        (lambda: _core.ema_of_squares(0.9, 0.1, V, V[:1].copy()), "x must have 1 elements, not 4"),
        (lambda: _core.dot(V, V, isa="sse2"), "must be one of scalar, sse4.1, avx2, avx512, neon, not 'sse2'"),
    ],
)
def test_errors_state_rule_and_value(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_an_isa_this_cpu_lacks_is_refused() -> None:
    missing = next(isa for isa in ("neon", "avx2") if isa not in ISAS)
    with pytest.raises(ValueError, match=f"'{missing}' is not available on this CPU; there is scalar"):
        _core.dot(V, V, isa=missing)


@pytest.mark.parametrize("call", [lambda y: _core.axpy(1.0, V, y), lambda y: _core.ema_of_squares(0.5, 0.5, V, y)])
def test_a_read_only_output_is_refused(call: Callable[[Floats], None]) -> None:
    y = V.copy()
    y.flags.writeable = False
    with pytest.raises(ValueError, match="must be writeable, not read-only"):
        call(y)
    assert np.array_equal(y, V)


def test_a_view_of_a_larger_array_is_changed_in_place_and_nothing_beside_it() -> None:
    whole = np.zeros(40, np.float32)
    _core.axpy(2.0, np.ones(33, np.float32), whole[3:36])
    assert whole.tolist() == [0.0] * 3 + [2.0] * 33 + [0.0] * 4


def test_cosine_of_a_zero_vector_is_zero_and_nan_passes_through() -> None:
    rows = np.array([[0, 0], [1, 1], [np.nan, 1]], np.float32)
    result = _core.cosine_similarity(np.array([1, 1], np.float32), rows)
    assert result[0] == 0.0 and abs(result[1] - 1.0) <= 2 * EPSILON and np.isnan(result[2])
    assert _core.cosine_similarity(np.zeros(2, np.float32), rows[:2]).tolist() == [0.0, 0.0]


@pytest.mark.parametrize(("queries", "rows", "dim"), [(1, 1, 33), (3, 0, 7), (0, 3, 7), (70, 260, 384), (21, 90, 1536)])
@pytest.mark.parametrize("scale", [1.0, 1e-20, 0.0])
def test_a_matrix_of_cosines_has_the_bits_of_one_query_at_a_time(
    queries: int, rows: int, dim: int, scale: float
) -> None:
    generator = np.random.default_rng(dim)
    q, r = (generator.standard_normal((n, dim)).astype(np.float32) for n in (queries, rows))
    q[:1] *= np.float32(scale)  # a length whose square float32 does not hold, and none
    result = same_on_every_isa(lambda isa: _core.cosine_matrix(q, r, isa=isa))
    assert result.shape == (queries, rows) and result.dtype == np.float32
    for row, query in zip(result, q, strict=True):
        assert row.tobytes() == _core.cosine_similarity(query, r).tobytes()
