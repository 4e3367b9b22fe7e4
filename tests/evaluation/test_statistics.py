"""Statistics against SciPy and hand-worked cases."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ruvllm.evaluation.statistics import (
    _t_975,
    brier_score,
    expected_calibration_error,
    mean,
    sample_standard_deviation,
    student_t_interval,
    wilson_interval,
)

VALUES = [0.3, 0.31, 0.28, 0.35, 0.33]


def test_mean_is_exact_where_a_plain_sum_is_not() -> None:
    assert mean([1e16, 1.0, -1e16, 1.0]) == 0.5
    with pytest.raises(ValueError, match="at least 1 value, not 0"):
        mean([])


def test_standard_deviation_is_scipys() -> None:
    assert sample_standard_deviation(VALUES) == pytest.approx(stats.tstd(VALUES), rel=1e-14)
    assert sample_standard_deviation([2.0, 2.0]) == 0.0
    with pytest.raises(ValueError, match="at least 2 values, not 1"):
        sample_standard_deviation([1.0])


@pytest.mark.parametrize(("successes", "n"), [(0, 1), (1, 1), (0, 700), (700, 700), (1, 3), (230, 693), (350, 700)])
def test_wilson_is_scipys(successes: int, n: int) -> None:
    expected = stats.binomtest(successes, n).proportion_ci(0.95, method="wilson")
    assert wilson_interval(successes, n) == pytest.approx((expected.low, expected.high), abs=1e-14)


@given(st.integers(1, 10_000), st.data())
def test_wilson_holds_the_proportion_and_stays_inside(n: int, data: st.DataObject) -> None:
    successes = data.draw(st.integers(0, n))
    low, high = wilson_interval(successes, n)
    assert 0 <= low <= successes / n <= high <= 1


@pytest.mark.parametrize(("successes", "n"), [(0, 0), (-1, 5), (6, 5)])
def test_wilson_refuses_what_is_no_proportion(successes: int, n: int) -> None:
    with pytest.raises(ValueError, match=f"not {successes} of {n}"):
        wilson_interval(successes, n)


def test_student_t_points_are_scipys() -> None:
    for degrees in [*range(1, 200), 1000, 10**6]:
        assert _t_975(degrees) == pytest.approx(stats.t.ppf(0.975, degrees), abs=4e-8)


@pytest.mark.parametrize("n", [2, 3, 5, 40])
def test_student_t_interval_is_scipys(n: int) -> None:
    values = (VALUES * 8)[:n]
    expected = stats.t.interval(0.95, n - 1, loc=np.mean(values), scale=stats.sem(values))
    assert student_t_interval(values) == pytest.approx(expected, rel=1e-7)


def test_student_t_needs_two_values() -> None:
    with pytest.raises(ValueError, match="at least 2 values, not 1"):
        student_t_interval([1.0])


def test_calibration_error_by_hand() -> None:
    # bin (0.5, 0.6]: mean confidence 0.55, accuracy 1/2; bin (0.9, 1]: 0.95, 0. Weights 2/3 and 1/3.
    expected = 2 / 3 * 0.05 + 1 / 3 * 0.95
    assert expected_calibration_error([0.52, 0.58, 0.95], [True, False, False]) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("m", range(1, 11))
def test_a_confidence_on_an_edge_belongs_below_it(m: int) -> None:
    # Confidences m/10 and a little less, one right and one wrong: only in one bin do the two differences cancel.
    edge, below = m / 10, m / 10 - 0.01
    together = abs((edge - 1) + below) / 2
    assert expected_calibration_error([edge, below], [True, False]) == pytest.approx(together, rel=1e-12)


def test_zero_confidence_has_a_bin() -> None:
    assert expected_calibration_error([0.0, 0.0], [False, True]) == 0.5


def test_perfect_and_worst_calibration() -> None:
    assert expected_calibration_error([1.0, 1.0], [True, True]) == 0.0
    assert expected_calibration_error([1.0, 1.0], [False, False]) == 1.0


def test_brier_by_hand() -> None:
    assert brier_score([1.0, 0.0, 0.5, 0.75], [True, True, False, True]) == (0 + 1 + 0.25 + 0.0625) / 4


@pytest.mark.parametrize("score", [expected_calibration_error, brier_score])
@pytest.mark.parametrize("confidence", [-0.1, 1.1, math.nan])
def test_scores_refuse_what_is_no_probability(score, confidence) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=r"in \[0, 1\], not"):
        score([confidence], [True])
    with pytest.raises(ValueError, match="one outcome for each"):
        score([0.5], [])
    with pytest.raises(ValueError, match="at least one"):
        score([], [])
