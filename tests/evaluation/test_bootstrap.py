"""Bootstrap intervals against SciPy, a plain Python twin, theory, and data of known mean."""

import json
import math
import os
import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from ruvllm import available_isas
from ruvllm._core import Purpose, RandomStream, resampled_totals
from ruvllm.evaluation.bootstrap import (
    LEVEL,
    RESAMPLES,
    SharedDraws,
    bootstrap_interval,
    bootstrap_intervals,
    describe,
)

Runs = list[list[float]]


def gains(n_runs: int, n_tasks: int, seed: int) -> Runs:
    r = np.random.default_rng(seed)
    return [r.normal(0.1, 1.0, n_tasks).tolist() for _ in range(n_runs)]


def eighths(sizes: list[int], seed: int) -> Runs:
    """Values whose sums are exact in any arithmetic."""
    r = np.random.default_rng(seed)
    return [(r.integers(-80, 80, size) / 8).tolist() for size in sizes]


def twin(values_per_run: Runs, seed: int, n_resamples: int, level: float) -> tuple[float, float]:
    """The scheme in plain Python: one resample after the other, one draw after the other."""
    n_runs = len(values_per_run)
    chooser = RandomStream(seed, Purpose.BOOTSTRAP)
    streams = {
        (slot, run): RandomStream(seed, Purpose.BOOTSTRAP, 1 + slot, run)
        for slot in range(n_runs)
        for run in range(n_runs)
    }
    means = []
    for _ in range(n_resamples):
        run_means = []
        for slot in range(n_runs):
            run = chooser.below(n_runs)
            values = values_per_run[run]
            drawn = [values[streams[slot, run].below(len(values))] for _ in values]
            run_means.append(math.fsum(drawn) / len(values))
        total = 0.0
        for run_mean in run_means:
            total += run_mean
        means.append(total / n_runs)
    means.sort()
    outside = max(1, round((n_resamples + 1) * (1 - level) / 2))
    return means[outside - 1], means[-outside]


# resampled_totals


@pytest.mark.parametrize("metrics", [1, 3, 8, 19])
def test_totals_are_those_of_the_streams_integers(metrics: int) -> None:
    values = np.random.default_rng(0).integers(-1000, 1000, (metrics, 486))
    stream, same = RandomStream(7, Purpose.BOOTSTRAP, 1, 2), RandomStream(7, Purpose.BOOTSTRAP, 1, 2)
    totals = resampled_totals(values, stream, 20)
    draws = same.integers(486, 20 * 486).reshape(20, 486)
    assert totals.dtype == np.int64
    np.testing.assert_array_equal(totals, values[:, draws].sum(axis=2).T)
    assert stream.next_u64() == same.next_u64()
    assert resampled_totals(values, stream, 0).shape == (0, metrics)


@pytest.mark.parametrize("values", [np.ones((1, 4), np.int32), np.ones((4, 8), np.int64)[:, ::2], [[1, 1, 1, 1]]])
def test_totals_take_whole_numbers_of_any_type(values: np.ndarray) -> None:
    assert (resampled_totals(values, RandomStream(0), 1) == 4).all()


@pytest.mark.parametrize("values", [np.ones((1, 4)), np.ones((1, 4), bool), np.ones((1, 4), complex)])
def test_totals_take_no_other_numbers(values: np.ndarray) -> None:
    with pytest.raises(TypeError, match=f"^values must have dtype int64 .* not be an array of {values.dtype}$"):
        resampled_totals(values, RandomStream(0), 1)


def test_totals_refuse_what_has_none() -> None:
    stream = RandomStream(0)
    with pytest.raises(ValueError, match="2 dimensions, not 1"):
        resampled_totals(np.ones(4, np.int64), stream, 1)
    with pytest.raises(ValueError, match="at least 1 value, not 2 metrics and 0 values"):
        resampled_totals(np.ones((2, 0), np.int64), stream, 1)
    with pytest.raises(OverflowError, match="magnitude at most 2305843009213693951, not 4611686018427387904"):
        resampled_totals(np.full((1, 4), 2**62), stream, 1)
    assert stream.next_u64() == RandomStream(0).next_u64()


# groups of copies


def test_groups_of_one_task_give_the_bits_that_no_groups_give() -> None:
    values = eighths([20, 7], seed=1)
    numbered = [list(range(100, 120)), None]
    assert bootstrap_interval(values, 0, 500, groups=numbered) == bootstrap_interval(values, 0, 500)


@pytest.mark.parametrize("times", [2, 5])
def test_copies_of_all_tasks_leave_the_interval_as_it_is(times: int) -> None:
    values = eighths([30, 12], seed=2)
    copied = [list(run) * times for run in values]
    groups = [list(range(len(run))) * times for run in values]
    assert bootstrap_interval(copied, 0, 500, groups=groups) == bootstrap_interval(values, 0, 500)
    low, high = bootstrap_interval(copied, 0, 500)
    own_low, own_high = bootstrap_interval(values, 0, 500)
    assert high - low < own_high - own_low  # what copies feign


def test_the_plain_twin_draws_groups_too() -> None:
    values, groups = [3.0, 5.0, -1.0, 2.0, 0.0, 8.0], [4, 4, 9, 4, 1, 9]
    members = [[values[i] for i, own in enumerate(groups) if own == group] for group in (1, 4, 9)]
    chosen = RandomStream(0, Purpose.BOOTSTRAP).integers(1, 99)
    assert not chosen.any()
    draws = RandomStream(0, Purpose.BOOTSTRAP, 1, 0).integers(3, 99 * 3).reshape(99, 3)
    drawn = [[value for group in row for value in members[group]] for row in draws.tolist()]
    means = sorted(sum(row) / len(row) for row in drawn)
    assert bootstrap_interval([values], 0, 99, 0.9, [groups]) == pytest.approx((means[4], means[-5]))


@pytest.mark.parametrize("groups", [[], [[0]], [[0, 1], None]])
def test_groups_of_other_tasks_are_refused(groups: list[list[int] | None]) -> None:
    with pytest.raises(ValueError, match="groups must number the tasks of 1 runs of 3"):
        bootstrap_interval([[1.0, 2.0, 3.0]], 0, 10, groups=groups)


# the interval of one metric


@pytest.mark.parametrize("sizes", [[1], [37], [20, 20, 20], [1, 5, 30, 8]])
def test_the_plain_twin_has_the_same_digits(sizes: list[int]) -> None:
    values = eighths(sizes, seed=len(sizes))
    for seed, n_resamples, level in ((0, 1, 0.95), (1, 99, 0.9), (2, 400, 0.5)):
        assert bootstrap_interval(values, seed, n_resamples, level) == twin(values, seed, n_resamples, level)


def test_fixed_point_is_as_accurate_as_it_says() -> None:
    values = gains(3, 50, 4)
    largest = max(abs(value) for run in values for value in run)
    assert bootstrap_interval(values, 0, 200) == pytest.approx(twin(values, 0, 200, 0.95), abs=2.0**-40 * largest)


@pytest.mark.parametrize("level", [0.5, 0.95])
def test_interval_of_one_run_is_that_of_scipy(level: float) -> None:
    values = gains(1, 400, 1)
    low, high = bootstrap_interval(values, seed=5, n_resamples=20_000, level=level)
    expected = stats.bootstrap(
        values, np.mean, n_resamples=20_000, confidence_level=level, method="percentile", rng=np.random.default_rng(0)
    ).confidence_interval
    # the standard error of such a quantile is about 2.7 (95%) or 1.4 (50%) standard errors of the mean by sqrt(20,000)
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=0.005)


def test_width_over_many_runs_is_that_of_theory() -> None:
    # variance of one drawn run's mean: that between the runs' means, and that of the mean of its tasks
    r = np.random.default_rng(6)
    values = [(r.normal(scale=0.3) + r.normal(size=n)).tolist() for n in [20, 40] * 20]
    between = np.var([np.mean(run) for run in values])
    within = np.mean([np.var(run) / len(run) for run in values])
    deviation = math.sqrt((between + within) / len(values))
    low, high = bootstrap_interval(values, seed=0)
    assert (high - low) / 2 == pytest.approx(1.96 * deviation, rel=0.04)


def test_level_is_the_share_of_means_that_it_covers() -> None:
    covered = {0.5: 0, 0.9: 0}
    for trial in range(300):
        values = gains(1, 50, trial)
        for level in covered:
            low, high = bootstrap_interval(values, seed=trial, n_resamples=400, level=level)
            covered[level] += low <= 0.1 <= high
    # 4 standard errors of 300 trials, and a little for the percentile method's own shortfall at n = 50
    assert covered[0.5] / 300 == pytest.approx(0.5, abs=0.12)
    assert covered[0.9] / 300 == pytest.approx(0.9, abs=0.08)


def test_spread_between_runs_widens_the_interval() -> None:
    # Runs 0, 1 and 2 with no spread inside: all uncertainty is between the runs.
    low, high = bootstrap_interval([[0.0] * 50, [1.0] * 50, [2.0] * 50], seed=0)
    assert (low, high) == (0.0, 2.0)  # all three draws the same run: 1 in 27 at each end, above 2.5%


def test_each_run_weighs_the_same_whatever_its_number_of_tasks() -> None:
    # resampled means are 0, 1/2 and 1 in shares 1 : 2 : 1, so the ends hold a quarter each
    values = [[0.0], [1.0] * 999]
    assert bootstrap_interval(values, seed=0, n_resamples=2000, level=0.6) == (0.0, 1.0)
    assert bootstrap_interval(values, seed=0, n_resamples=2000, level=0.4) == (0.5, 0.5)


def test_the_order_of_summation_does_not_matter() -> None:
    values = [[1e9, 1.0, -1e9, 1.0] * 20]
    low, high = bootstrap_interval(values, seed=1, n_resamples=50, level=0.9)
    assert low < 0.5 < high
    assert bootstrap_interval([[2.0**-30] * 700] * 3, seed=1) == (2.0**-30, 2.0**-30)


def test_interval_is_a_function_of_its_arguments() -> None:
    values = gains(3, 100, 2)
    assert bootstrap_interval(values, seed=3) == bootstrap_interval(values, seed=3)
    assert bootstrap_interval(values, seed=3) != bootstrap_interval(values, seed=4)
    narrow, wide = bootstrap_interval(values, 3, level=0.5), bootstrap_interval(values, 3, level=0.95)
    assert wide[0] < narrow[0] < np.mean(values) < narrow[1] < wide[1]


@pytest.mark.parametrize("value", [0.0, -0.25, 1e308, 5e-324])
def test_constant_values_have_no_width(value: float) -> None:
    assert bootstrap_interval([[value] * 3, [value]], seed=0, n_resamples=9) == (value, value)
    assert bootstrap_interval([[value]], seed=0, n_resamples=1) == (value, value)


# stored results


def test_interval_keeps_its_numbers() -> None:
    # A change here changes stored results: it needs a new version.
    values = [[float((7 * i + s) % 3 - 1) for i in range(70)] for s in range(3)]
    assert bootstrap_interval(values, seed=11, n_resamples=2000) == (-0.10952380952380952, 0.11428571428571428)
    assert bootstrap_interval(THIRDS, seed=11) == PINNED


THIRDS = [[(i * i + 5 * s) % 17 / 3 for i in range(40 + s)] for s in range(5)]
PINNED = (2.33140428677014, 2.930417128091547)

PROGRAM = """
import json, sys
from ruvllm import active_isa
from ruvllm.evaluation.bootstrap import bootstrap_interval
print(json.dumps([active_isa(), bootstrap_interval(json.load(sys.stdin), seed=11)]))
"""


@pytest.mark.parametrize("isa", available_isas())
def test_interval_has_the_same_digits_on_every_instruction_set(isa: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=json.dumps(THIRDS),
        env={**os.environ, "RUVLLM_ISA": isa},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [isa, list(PINNED)]


def test_description_tells_the_defaults() -> None:
    told = describe(5)
    assert {key: told[key] for key in ("resamples", "seed", "level")} == {"resamples": 10_000, "seed": 5, "level": 0.95}
    assert (RESAMPLES, LEVEL) == (10_000, 0.95)
    assert "hierarchical bootstrap" in told["method"]
    assert json.loads(json.dumps(told)) == told
    values = gains(2, 30, 8)
    assert bootstrap_interval(values, 5, told["resamples"], told["level"]) == bootstrap_interval(values, 5)


# several metrics


def test_each_metric_has_the_digits_that_it_has_alone() -> None:
    metrics = {"rate": gains(3, 60, 1), "confidence": gains(3, 60, 2), "tiny": [[1e-12] * 59 + [0.0]] * 3}
    together = bootstrap_intervals(metrics, seed=9, n_resamples=500, level=0.8)
    assert list(together) == list(metrics)
    for name, values in metrics.items():
        assert together[name] == bootstrap_interval(values, 9, 500, 0.8)


def test_metrics_are_resampled_with_the_same_draws() -> None:
    # With draws of its own the interval of the negated metric would not be the mirror image, digit for digit.
    values = gains(3, 60, 3)
    negated = [[-value for value in run] for run in values]
    intervals = bootstrap_intervals({"up": values, "down": negated}, seed=1, n_resamples=300)
    assert intervals["down"] == (-intervals["up"][1], -intervals["up"][0])


# refusals


@pytest.mark.parametrize(
    ("other", "has"), [([[1.0, 2.0]], "1 runs of 2"), ([[1.0], [2.0, 3.0]], "2 runs of 1, 2"), ([[1.0]] * 3, "3 runs")]
)
def test_metrics_of_other_tasks_are_refused_by_name(other: Runs, has: str) -> None:
    with pytest.raises(ValueError, match=f"mrr has {has}.*, rate has 2 runs of 2, 1"):
        bootstrap_intervals({"rate": [[1.0, 2.0], [3.0]], "mrr": other}, 0)


def test_intervals_refuse_what_they_cannot_use() -> None:
    with pytest.raises(ValueError, match="at least 1 metric, not 0"):
        bootstrap_intervals({}, 0)
    with pytest.raises(ValueError, match="bootstrap of values needs at least 1 run, not 0"):
        bootstrap_interval([], 0)
    with pytest.raises(ValueError, match=r"at least 1 value in each run, not an array of shape \(0,\)"):
        bootstrap_interval([[1.0], []], 0)
    with pytest.raises(ValueError, match="bootstrap of mrr needs finite values"):
        bootstrap_intervals({"rate": [[1.0]], "mrr": [[math.nan]]}, 0)
    with pytest.raises(ValueError, match=r"not 0 and 0\.95"):
        bootstrap_interval([[1.0]], 0, n_resamples=0)
    with pytest.raises(ValueError, match="not 10 and 1"):
        bootstrap_interval([[1.0]], 0, n_resamples=10, level=1)


def test_shared_draws_give_each_set_the_digits_that_it_has_alone() -> None:
    sets = [
        ({"a": gains(2, 30, 0), "b": gains(2, 30, 1)}, [None, None]),
        ({"a": gains(1, 30, 2)}, [None]),
        ({"a": gains(2, 30, 3), "c": gains(2, 30, 4)}, [None, None]),
        ({"a": gains(2, 30, 5)}, [[0, 1, 2] * 10, None]),
        ({"a": gains(1, 20, 6)}, [None]),
    ]
    draws = SharedDraws(3)
    asked = [draws.ask(metrics, groups) for metrics, groups in sets]
    for (metrics, groups), found in zip(sets, asked, strict=True):
        assert found() == bootstrap_intervals(metrics, 3, groups=groups)
    later = draws.ask(*sets[0])  # after some were drawn
    assert later() == asked[0]() != asked[2]()


def test_shared_draws_refuse_what_a_bootstrap_alone_refuses() -> None:
    draws = SharedDraws(3)
    fine, broken = draws.ask({"a": [[1.0, 2.0]]}, [None]), draws.ask({"a": [[1.0, 2.0]], "b": [[1.0]]}, [None])
    with pytest.raises(ValueError, match="need the same runs and tasks"):
        broken()
    with pytest.raises(ValueError, match="need the same runs and tasks"):
        fine()
