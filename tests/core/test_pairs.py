"""ruvllm.dot and ruvllm.cosine: two vectors of any length."""

import itertools
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import ruvllm
from ruvllm import _core

Floats = npt.NDArray[np.float32]
FUNCTIONS = [ruvllm.dot, ruvllm.cosine]
V = np.arange(1, 5, dtype=np.float32)
AUTO = ["auto", *ruvllm.available_isas()]


def pairs() -> list[tuple[Floats, Floats]]:
    random = np.random.default_rng(1)
    sizes = [0, 1, 7, 31, 32, 33, 100, 256, 1536, 4096]
    return [tuple(random.standard_normal((2, n), dtype=np.float32)) for n in sizes]


@pytest.mark.parametrize("isa", AUTO)
def test_dot_has_the_bits_of_gemv(isa: str) -> None:
    for a, b in pairs():
        result = ruvllm.dot(a, b, isa=isa)
        assert type(result) is float
        assert result == ruvllm.dot(a, b) == _core.gemv(a[np.newaxis], b, isa="scalar")[0]


@pytest.mark.parametrize("isa", AUTO)
def test_cosine_has_the_bits_of_cosine_similarity(isa: str) -> None:
    for a, b in pairs():
        result = ruvllm.cosine(a, b, isa=isa)
        assert type(result) is float
        assert result == ruvllm.cosine(a, b) == ruvllm.cosine_similarity(a, b[np.newaxis], isa="scalar")[0]


def test_both_agree_with_float64() -> None:
    for a, b in pairs()[1:]:
        x, y = a.astype(np.float64), b.astype(np.float64)
        norms = np.linalg.norm(x) * np.linalg.norm(y)
        assert abs(ruvllm.dot(a, b) - x @ y) <= 1e-5 * norms
        assert abs(ruvllm.cosine(a, b) - x @ y / norms) <= 1e-5


def test_cosine_of_zeros_is_0_and_of_nan_or_infinity_is_nan() -> None:
    zero = np.zeros(4, np.float32)
    assert ruvllm.cosine(zero, V) == ruvllm.cosine(V, zero) == ruvllm.cosine(zero, zero) == 0.0
    for bad in (np.nan, np.inf, -np.inf):
        wrong = np.array([1, bad, 0, 0], np.float32)
        assert np.isnan(ruvllm.cosine(V, wrong)) and np.isnan(ruvllm.cosine(wrong, V))


def test_cosine_stays_within_1() -> None:
    random = np.random.default_rng(2)
    for _ in range(200):
        a = random.standard_normal(37, dtype=np.float32)
        assert 1 - 1e-6 <= ruvllm.cosine(a, a) <= 1.0
        assert -1.0 <= ruvllm.cosine(a, -a) <= -1 + 1e-6


def test_arrays_may_be_views_subclasses_read_only_or_unpickled() -> None:
    class Named(np.ndarray):
        pass

    read_only = V.copy()
    read_only.flags.writeable = False
    rows = np.stack([V, V])
    swapped = pickle.loads(pickle.dumps(V))
    for same, f in itertools.product((V.view(Named), read_only, rows[1], swapped, np.append(V, V)[:4]), FUNCTIONS):
        assert f(same, V) == f(V, V)


@pytest.mark.parametrize("value", [1.0, 1e20, 3e38, 1e-20, 1e-23, 1e-40])
@pytest.mark.parametrize("isa", AUTO)
def test_cosine_knows_no_length(value: float, isa: str) -> None:
    v = np.full(8, value, np.float32)
    assert ruvllm.cosine(v, v, isa=isa) == pytest.approx(1.0, abs=1e-6)
    assert ruvllm.cosine(v, -v, isa=isa) == pytest.approx(-1.0, abs=1e-6)
    w = np.array([0, 1, 2, 3, 4, 5, 6, 7], np.float32)
    expected = ruvllm.cosine(np.ones(8, np.float32), w, isa="scalar")
    assert ruvllm.cosine(v, w, isa=isa) == pytest.approx(expected, abs=1e-6)
    assert ruvllm.VectorBank(v[np.newaxis], isa=isa).cosine(w)[0] == ruvllm.cosine(w, v, isa=isa)
    assert ruvllm.cosine_similarity(w, v[np.newaxis], isa=isa)[0] == ruvllm.cosine(w, v, isa=isa)


@pytest.mark.parametrize("f", FUNCTIONS)
@pytest.mark.parametrize(
    ("arguments", "keywords", "error", "message"),
    [
        ((V, V[:3]), {}, ValueError, "b must have 4 elements, not 3"),
        ((V[:2], V), {}, ValueError, "b must have 2 elements, not 4"),
        ((np.ones((2, 2), np.float32), V), {}, ValueError, "a must have 1 dimension, not 2"),
        ((V, np.array(1, np.float32)), {}, ValueError, "b must have 1 dimension, not 0"),
        ((V, V), {"isa": "sse2"}, ValueError, "must be one of scalar, sse4.1, avx2, avx512, neon, not 'sse2'"),
        ((V, V), {"isa": 2}, TypeError, "isa must be a str, not int"),
        ((V, V), {"ISA": "auto"}, TypeError, "has no keyword argument 'ISA'; it has isa"),
        ((V,), {}, TypeError, "needs the argument b"),
        ((V, V, V), {}, TypeError, "takes at most 2 positional arguments, not 3"),
    ],
)
def test_errors_state_rule_and_value(
    f: Callable[..., Any], arguments: tuple[Any, ...], keywords: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        f(*arguments, **keywords)
