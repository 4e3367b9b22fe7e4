"""ruvllm.dot and ruvllm.cosine: two vectors, called without pybind11's conversions."""

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


@pytest.mark.parametrize("f", FUNCTIONS)
@pytest.mark.parametrize("position", [0, 1])
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (V.astype(np.float64), "must have dtype float32, not float64"),
        (V.astype(np.int32), "must have dtype float32, not int32"),
        (V.astype(">f4"), "must have dtype float32, not >f4"),
        (np.array(list(V), object), "must have dtype float32, not object"),
        (V.tolist(), "must be a NumPy array, not list"),
        (None, "must be a NumPy array, not NoneType"),
        (np.float32(1), "must be a NumPy array, not numpy.float32"),
        (np.repeat(V, 2)[::2], "must be contiguous and aligned, not with a stride of 8 bytes"),
        (V[::-1], "must be contiguous and aligned, not with a stride of -4 bytes"),
        (np.frombuffer(bytes(17), np.uint8)[1:].view(np.float32), "must be contiguous and aligned"),
    ],
)
def test_other_types_and_layouts_raise_type_error(
    f: Callable[..., Any], position: int, wrong: Any, message: str
) -> None:
    arguments = [V, V]
    arguments[position] = wrong
    with pytest.raises(TypeError, match=f"{'ab'[position]} {message}"):
        f(*arguments)


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
        ((V, V), {"ISA": "auto"}, TypeError, "there is no keyword argument 'ISA'"),
        ((V,), {}, TypeError, "takes 2 positional arguments, not 1"),
        ((V, V, V), {}, TypeError, "takes 2 positional arguments, not 3"),
    ],
)
def test_errors_state_rule_and_value(
    f: Callable[..., Any], arguments: tuple[Any, ...], keywords: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        f(*arguments, **keywords)
