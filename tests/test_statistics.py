"""Statistics against SciPy, hand-worked cases, and the bootstrap's coverage on data of known mean."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ruvllm.bootstrap import bootstrap_interval
from ruvllm.statistics import (
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


def gains(n_seeds: int, n_queries: int, seed: int, between: float = 0.0) -> list[list[float]]:
    r = np.random.default_rng(seed)
    return [(r.normal(0.1 + between * r.standard_normal(), 1.0, n_queries)).tolist() for _ in range(n_seeds)]


def test_bootstrap_of_one_seed_is_that_of_scipy() -> None:
    values = gains(1, 400, 1)
    low, high = bootstrap_interval(values, seed=5, n_resamples=9999)
    expected = stats.bootstrap(
        values, np.mean, n_resamples=9999, method="percentile", rng=np.random.default_rng(0)
    ).confidence_interval
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=0.006)  # a tenth of its half-width


def test_bootstrap_level_is_the_share_of_means_that_it_covers() -> None:
    covered = {0.5: 0, 0.9: 0}
    for trial in range(300):
        values = gains(1, 50, trial)
        for level in covered:
            low, high = bootstrap_interval(values, seed=trial, n_resamples=400, level=level)
            covered[level] += low <= 0.1 <= high
    # 4 standard errors of 300 trials, and a little for the percentile method's own shortfall at n = 50
    assert covered[0.5] / 300 == pytest.approx(0.5, abs=0.12)
    assert covered[0.9] / 300 == pytest.approx(0.9, abs=0.08)


def test_spread_between_seeds_widens_the_interval() -> None:
    # Seeds 0, 1 and 2 with no spread inside: all uncertainty is between the seeds.
    low, high = bootstrap_interval([[0.0] * 50, [1.0] * 50, [2.0] * 50], seed=0)
    assert (low, high) == (0.0, 2.0)  # all three draws the same seed: 1 in 27 at each end, above 2.5%


def test_each_seed_weighs_the_same_whatever_its_number_of_queries() -> None:
    # resampled means are 0, 1/2 and 1 in shares 1 : 2 : 1, so the ends hold a quarter each
    values = [[0.0], [1.0] * 999]
    assert bootstrap_interval(values, seed=0, level=0.6) == (0.0, 1.0)
    assert bootstrap_interval(values, seed=0, level=0.4) == (0.5, 0.5)


def test_bootstrap_does_not_depend_on_the_order_of_summation() -> None:
    values = [[1e9, 1.0, -1e9, 1.0] * 20]
    low, high = bootstrap_interval(values, seed=1, n_resamples=50, level=0.9)
    assert low < 0.5 < high
    assert bootstrap_interval([[2.0**-30] * 700] * 3, seed=1) == (2.0**-30, 2.0**-30)


def test_bootstrap_is_a_function_of_its_arguments() -> None:
    values = gains(3, 100, 2)
    assert bootstrap_interval(values, seed=3) == bootstrap_interval(values, seed=3)
    assert bootstrap_interval(values, seed=3) != bootstrap_interval(values, seed=4)
    narrow, wide = bootstrap_interval(values, 3, level=0.5), bootstrap_interval(values, 3, level=0.95)
    assert wide[0] < narrow[0] < mean([mean(v) for v in values]) < narrow[1] < wide[1]


def test_bootstrap_keeps_its_numbers() -> None:
    # A change here changes stored results: it needs a new version.
    values = [[float((7 * i + s) % 3 - 1) for i in range(70)] for s in range(3)]
    assert bootstrap_interval(values, seed=11) == (-0.10952380952380952, 0.11428571428571428)


def test_chunks_do_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    values = gains(2, 100, 3)
    expected = bootstrap_interval(values, seed=1, n_resamples=300)
    monkeypatch.setattr("ruvllm.bootstrap.MAX_DRAWS", 170)
    assert bootstrap_interval(values, seed=1, n_resamples=300) == expected


def test_constant_and_tiny_samples() -> None:
    assert bootstrap_interval([[0.0, 0.0]], seed=0) == (0.0, 0.0)
    assert bootstrap_interval([[-0.25]], seed=0, n_resamples=1) == (-0.25, -0.25)


def test_bootstrap_refuses_what_it_cannot_use() -> None:
    with pytest.raises(ValueError, match="at least 1 seed, not 0"):
        bootstrap_interval([], 0)
    with pytest.raises(ValueError, match=r"at least 1 value in each seed, not an array of shape \(0,\)"):
        bootstrap_interval([[1.0], []], 0)
    with pytest.raises(ValueError, match="finite values"):
        bootstrap_interval([[1.0, math.nan]], 0)
    with pytest.raises(ValueError, match=r"not 0 and 0\.95"):
        bootstrap_interval([[1.0]], 0, n_resamples=0)
    with pytest.raises(ValueError, match="not 10 and 1"):
        bootstrap_interval([[1.0]], 0, n_resamples=10, level=1)
