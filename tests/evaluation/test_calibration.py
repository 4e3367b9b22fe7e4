"""Reliability bins against the calibration error, temperature scaling against SciPy and cases of known answer."""

import functools
import json
import math
import operator
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import optimize, special

from ruvllm import available_isas
from ruvllm._core import expected_logits, largest_probabilities, softmax
from ruvllm.evaluation import calibration
from ruvllm.evaluation.calibration import HIGHEST, LOWEST, fit_temperature, reliability, scaled_confidences
from ruvllm.evaluation.statistics import expected_calibration_error

Tasks = tuple[NDArray[np.float64], NDArray[np.int64]]


def tasks_at(temperature: float, n: int, m: int, seed: int, spread: float = 2.0) -> Tasks:
    """Logits (n, m) and right candidates (n,) drawn with exactly the probabilities softmax(logits / temperature)."""
    r = np.random.default_rng(seed)
    logits = r.normal(scale=spread, size=(n, m))
    return logits, np.argmax(logits / temperature + r.gumbel(size=(n, m)), axis=1)


def negative_log_likelihood(temperature: float, logits: NDArray[np.float64], right: NDArray[np.int64]) -> float:
    log_p = special.log_softmax(logits / temperature, axis=1)
    return float(-log_p[np.arange(len(logits)), right].mean())


# reliability


def test_bins_by_hand() -> None:
    bins = reliability([0.0, 0.5, 0.75, 0.875, 1.0], [False, True, True, False, True], n_bins=2)
    assert bins == [
        {"low": 0.0, "high": 0.5, "count": 2, "confidence": 0.25, "accuracy": 0.5},
        {"low": 0.5, "high": 1.0, "count": 3, "confidence": 0.875, "accuracy": 2 / 3},
    ]


def test_empty_bins_have_no_means() -> None:
    bins = reliability([0.95], [True])
    assert [b["count"] for b in bins] == [0] * 9 + [1]
    assert bins[0] == {"low": 0.0, "high": 0.1, "count": 0, "confidence": None, "accuracy": None}
    assert [b["low"] for b in bins[1:]] == [b["high"] for b in bins[:-1]]
    assert json.loads(json.dumps(bins)) == bins


# twentieths lie on the edges of 1, 2, 5, 10 and 20 bins
@given(
    st.lists(st.tuples(st.integers(0, 20).map(lambda i: i / 20) | st.floats(0, 1), st.booleans()), min_size=1),
    st.sampled_from([1, 2, 5, 7, 10, 20]),
)
def test_weighted_distances_are_the_expected_calibration_error(answers: list[tuple[float, bool]], n_bins: int) -> None:
    confidences, correct = [c for c, _ in answers], [right for _, right in answers]
    bins = reliability(confidences, correct, n_bins)
    assert sum(b["count"] for b in bins) == len(answers)
    distances = [
        b["count"] * abs(b["accuracy"] - b["confidence"])
        for b in bins
        if b["accuracy"] is not None and b["confidence"] is not None
    ]
    expected = expected_calibration_error(confidences, correct, n_bins)
    assert math.fsum(distances) / len(answers) == pytest.approx(expected, abs=1e-14)
    for b in bins:
        assert b["confidence"] is None or b["low"] - 1e-15 <= b["confidence"] <= b["high"] + 1e-15


def test_reliability_refuses_what_it_cannot_use() -> None:
    with pytest.raises(ValueError, match=r"in \[0, 1\], not 1\.5"):
        reliability([1.5], [True])
    with pytest.raises(ValueError, match="at least one, not 0 confidences"):
        reliability([], [])
    with pytest.raises(ValueError, match="at least 1 bin, not 0"):
        reliability([0.5], [True], n_bins=0)


# softmax


def test_softmax_is_scipys() -> None:
    logits = np.random.default_rng(0).normal(scale=30, size=(50, 8))
    for temperature in (0.05, 1.0, 20.0):
        expected = special.softmax(logits / temperature, axis=1)
        np.testing.assert_allclose(softmax(logits, temperature), expected, rtol=1e-12, atol=1e-300)
    assert softmax(np.zeros((2, 4)), 1.0).tolist() == [[0.25] * 4] * 2
    assert softmax(np.zeros((0, 4)), 1.0).shape == (0, 4)


def test_numbers_of_a_softmax_have_its_bits() -> None:
    logits = np.random.default_rng(1).normal(scale=30, size=(50, 8))
    for temperature in (0.05, 1.0, 20.0):
        p = softmax(logits, temperature)
        assert largest_probabilities(logits, temperature).tolist() == p.max(axis=1).tolist()
        in_turn = [functools.reduce(operator.add, row, 0.0) for row in (p * logits).tolist()]
        assert expected_logits(logits, temperature).tolist() == in_turn
    for numbers in (largest_probabilities, expected_logits):
        assert numbers(np.zeros((0, 4)), 1.0).shape == (0,)


OF_LOGITS = pytest.mark.parametrize("function", [softmax, largest_probabilities, expected_logits])


@OF_LOGITS
@pytest.mark.parametrize("temperature", [0.0, -1.0, math.inf, math.nan])
def test_softmax_refuses_what_is_no_temperature(function: Callable[..., Any], temperature: float) -> None:
    with pytest.raises(ValueError, match="temperature must be above 0 and finite, not"):
        function(np.zeros((1, 2)), temperature)


@OF_LOGITS
def test_softmax_refuses_other_arrays(function: Callable[..., Any]) -> None:
    with pytest.raises(TypeError, match=r"logits must have dtype float64 .* not be an array of complex128"):
        function(np.zeros((1, 2), complex), 1.0)
    with pytest.raises(ValueError, match="2 dimensions, not 1"):
        function(np.zeros(2), 1.0)
    with pytest.raises(ValueError, match="at least 1 column, not 0"):
        function(np.zeros((2, 0)), 1.0)
    with pytest.raises(ValueError, match="logits must be finite, not nan"):
        function(np.full((1, 2), math.nan), 1.0)


# temperature scaling


@pytest.mark.parametrize(("true", "n", "m"), [(0.3, 486, 8), (1.0, 100, 2), (1.7, 486, 8), (6.0, 50, 32)])
def test_temperature_is_where_scipy_finds_the_likelihood_highest(true: float, n: int, m: int) -> None:
    logits, right = tasks_at(true, n, m, seed=m)
    expected = optimize.minimize_scalar(
        negative_log_likelihood, args=(logits, right), bounds=(LOWEST, HIGHEST), options={"xatol": 1e-10}
    )
    fitted = fit_temperature(logits, right)
    assert LOWEST < fitted < HIGHEST
    # values near a minimum differ by the square of the distance, so that SciPy sees half the digits only
    assert fitted == pytest.approx(expected.x, rel=1e-6)
    assert negative_log_likelihood(fitted, logits, right) <= expected.fun + 1e-15


@pytest.mark.parametrize("true", [0.25, 1.0, 4.0])
def test_temperature_of_calibrated_answers_is_found(true: float) -> None:
    assert fit_temperature(*tasks_at(true, 20_000, 8, seed=1, spread=2 * true)) == pytest.approx(true, rel=0.03)


@pytest.mark.parametrize("c", [0.5, 0.7, 3.0])
def test_logits_times_c_give_temperature_times_c(c: float) -> None:
    logits, right = tasks_at(1.3, 300, 8, seed=2)
    assert fit_temperature(logits * c, right) == pytest.approx(fit_temperature(logits, right) * c, rel=1e-11)


def test_a_shift_of_a_tasks_logits_changes_nothing() -> None:
    logits, right = tasks_at(1.3, 300, 8, seed=2)
    shifts = np.random.default_rng(0).normal(scale=10, size=(300, 1))
    assert fit_temperature(logits + shifts, right) == pytest.approx(fit_temperature(logits, right), rel=1e-11)


@pytest.mark.parametrize("gap", [0.01, 1.0, 60.0])
def test_every_task_right_gives_the_lowest_temperature(gap: float) -> None:
    logits = np.zeros((20, 4))
    logits[:, 2] = gap
    assert fit_temperature(logits, np.full(20, 2)) == LOWEST == 0.05


def test_answers_no_better_than_their_opposite_give_the_highest_temperature() -> None:
    logits = np.array([[1.0, 0.0], [1.0, 0.0], [2.0, 0.0], [0.0, 3.0]])
    assert fit_temperature(logits, np.array([1, 1, 1, 0])) == HIGHEST == 20.0


@pytest.mark.parametrize("logits", [np.full((3, 6), 0.1), np.array([[1.5], [-2.0], [0.3]])])
def test_tasks_that_tell_nothing_leave_the_temperature_at_1(logits: NDArray[np.float64]) -> None:
    assert fit_temperature(logits, np.zeros(3, np.int64)) == 1.0


def halved(logits: NDArray[np.float64], right: NDArray[np.int64]) -> float:
    """What fit_temperature() promises, with a slope computed for each halving."""
    below = logits - logits.max(axis=1, keepdims=True)
    of_right = below[np.arange(len(logits)), right]
    low, high = LOWEST, HIGHEST
    for _ in range(calibration.STEPS):
        middle = (low + high) / 2
        if calibration._slope(below, of_right, middle) > 0:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def test_slopes_that_follow_from_others_are_not_computed_and_change_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    computed, compute = [0], calibration._slope

    def slope(*arguments: Any) -> float:
        computed[0] += 1
        return compute(*arguments)

    r, inside = np.random.default_rng(8), 0
    for _ in range(150):
        n, m, scale = int(r.integers(1, 200)), int(r.integers(2, 20)), 10 ** r.uniform(-3, 3)
        right = r.integers(0, m, n)
        logits = r.normal(size=(n, m)) * scale
        logits[np.arange(n), right] += r.uniform(0, 3) * scale
        with monkeypatch.context() as watched:
            watched.setattr(calibration, "_slope", slope)
            found = fit_temperature(logits, right)
        if LOWEST < found < HIGHEST:
            assert found == halved(logits, right)
            inside += 1
    assert inside > 60
    assert computed[0] < 0.7 * (inside * (calibration.STEPS + 2) + 2 * (150 - inside))


def test_temperature_by_hand() -> None:
    # two candidates, logits ahead by 1, right 3 times in 4: sigmoid(1 / T) = 3/4, so T = 1 / log 3
    logits = np.tile([1.0, 0.0], (4, 1))
    assert fit_temperature(logits, np.array([0, 0, 1, 0])) == pytest.approx(1 / math.log(3), rel=1e-12)
    assert scaled_confidences(logits, 1 / math.log(3)) == pytest.approx([0.75] * 4, rel=1e-14)


def test_scaled_confidence_is_the_best_candidates_probability() -> None:
    logits, _ = tasks_at(1.0, 200, 8, seed=3)
    for temperature in (0.05, 0.8, 20.0):
        expected = special.softmax(logits / temperature, axis=1)[np.arange(200), logits.argmax(axis=1)]
        np.testing.assert_allclose(scaled_confidences(logits, temperature), expected, rtol=1e-13)
    assert scaled_confidences(logits[:0], 1.0).shape == (0,)


def test_scaling_repairs_underconfidence_on_tasks_it_was_not_fitted_on() -> None:
    def error(logits: NDArray[np.float64], right: NDArray[np.int64], temperature: float) -> float:
        correct = logits.argmax(axis=1) == right
        return expected_calibration_error(scaled_confidences(logits, temperature).tolist(), correct.tolist())

    fitted = fit_temperature(*tasks_at(0.25, 486, 8, seed=4, spread=1.0))
    test = tasks_at(0.25, 2000, 8, seed=5, spread=1.0)
    assert error(*test, 1.0) > 0.25
    assert error(*test, fitted) < 0.03


def test_layout_and_index_type_do_not_matter() -> None:
    logits, right = tasks_at(1.3, 100, 8, seed=6)
    expected = fit_temperature(logits, right)
    assert fit_temperature(np.asfortranarray(logits), right.astype(np.uint32)) == expected
    assert fit_temperature(np.repeat(logits, 2, axis=1)[:, ::2], right.astype(np.int32)) == expected


# digits of a case whose logits are exact in any arithmetic, hashed into results: the same on every CPU
EXACT = [[(i * i + 3 * j * j + i * j) % 19 / 4 for j in range(6)] for i in range(60)]
EXACT_RIGHT = [i % 6 if i % 3 == 0 else row.index(max(row)) for i, row in enumerate(EXACT)]
PINNED = (1.2649122836120266, 24.791810515306206)

PROGRAM = """
import json, math, sys
import numpy as np
from ruvllm import active_isa
from ruvllm.evaluation import calibration
from ruvllm.evaluation.calibration import fit_temperature, scaled_confidences
logits, right = json.load(sys.stdin)
logits = np.array(logits)
fitted = fit_temperature(logits, np.array(right))
print(json.dumps([active_isa(), fitted, math.fsum(scaled_confidences(logits, fitted).tolist())]))
"""


@pytest.mark.parametrize("isa", available_isas())
def test_temperature_keeps_its_digits_on_every_instruction_set(isa: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=json.dumps([EXACT, EXACT_RIGHT]),
        env={**os.environ, "RUVLLM_ISA": isa},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [isa, *PINNED]


def test_scaling_refuses_what_it_cannot_use() -> None:
    logits, right = np.zeros((3, 2)), np.zeros(3, np.int64)
    with pytest.raises(ValueError, match=r"\(tasks, at least 1 candidate\), not \(3,\)"):
        fit_temperature(np.zeros(3), right)
    with pytest.raises(ValueError, match="at least 1 task and the right candidate of each, not 0 tasks"):
        fit_temperature(logits[:0], right[:0])
    with pytest.raises(ValueError, match=r"not 3 tasks and right candidates of shape \(2,\)"):
        fit_temperature(logits, right[:2])
    for index in (-1, 2):
        with pytest.raises(ValueError, match=rf"in \[0, 2\), not {index}"):
            fit_temperature(logits, np.array([0, index, 0]))
    for bad in (math.nan, math.inf, -math.inf, 2e300):
        with pytest.raises(ValueError, match="logits must be finite and at most"):
            fit_temperature(np.array([[0.0, bad]]), right[:1])
        with pytest.raises(ValueError, match="logits must be finite and at most"):
            scaled_confidences(np.array([[0.0, bad]]), 1.0)
    with pytest.raises(ValueError, match="temperature must be above 0"):
        scaled_confidences(logits, 0.0)
