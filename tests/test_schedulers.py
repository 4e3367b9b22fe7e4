"""Schedulers: each rule and its bounds."""

from __future__ import annotations

from itertools import pairwise

import pytest

from ruvllm.schedulers import (
    CURRICULUM,
    DynamicDifficulty,
    MetaRate,
    MomentumRate,
    RateScheduler,
    curriculum_stage,
    make_rate_scheduler,
    temperature,
)


def results(successes: int, failures: int) -> list[bool]:
    return [True] * successes + [False] * failures


def test_curriculum_has_three_stages_that_overlap() -> None:
    assert CURRICULUM == ((0.0, 0.3), (0.2, 0.6), (0.4, 0.9))


@pytest.mark.parametrize(
    ("epochs", "stages"),
    [
        (1, [0]),
        (2, [0, 1]),
        (3, [0, 1, 2]),
        (5, [0, 0, 1, 1, 2]),
        (6, [0, 0, 1, 1, 2, 2]),
        (7, [0, 0, 0, 1, 1, 2, 2]),
        (12, [0] * 4 + [1] * 4 + [2] * 4),
    ],
)
def test_each_stage_takes_a_third_of_the_run(epochs: int, stages: list[int]) -> None:
    assert [curriculum_stage(epoch, epochs) for epoch in range(epochs)] == stages


def test_temperature_falls_evenly_from_one_to_the_final_value() -> None:
    assert [temperature(epoch, 5, 0.2) for epoch in range(5)] == pytest.approx([1.0, 0.8, 0.6, 0.4, 0.2])
    assert [temperature(epoch, 4, 1.0) for epoch in range(4)] == [1.0] * 4
    assert temperature(0, 1, 0.25) == 1.0


def test_difficulty_starts_at_the_easy_end_and_waits_for_ten_results() -> None:
    difficulty = DynamicDifficulty()
    assert difficulty.value == 0.3
    difficulty.update(results(9, 0))
    assert difficulty.value == 0.3
    difficulty.update(results(1, 0))
    assert difficulty.value == pytest.approx(0.35)


@pytest.mark.parametrize(
    ("successes", "step"),
    [(0, -0.05), (9, -0.05), (10, 0.0), (12, 0.0), (14, 0.0), (15, 0.05), (20, 0.05)],
)
def test_difficulty_moves_outside_50_to_70_percent(successes: int, step: float) -> None:
    difficulty = DynamicDifficulty()
    difficulty.update(results(successes, 20 - successes))
    assert difficulty.value == pytest.approx(0.3 + step)


def test_difficulty_looks_at_the_last_twenty_results() -> None:
    difficulty = DynamicDifficulty()
    difficulty.update(results(0, 20))  # down to 0.25
    difficulty.update(results(10, 0))  # half of the last twenty: no move
    assert difficulty.value == pytest.approx(0.25)
    difficulty.update(results(5, 0))  # three quarters
    assert difficulty.value == pytest.approx(0.30)


@pytest.mark.parametrize(("outcome", "bound"), [(True, 0.9), (False, 0.1)])
def test_difficulty_stays_within_its_bounds(outcome: bool, bound: float) -> None:
    difficulty = DynamicDifficulty()
    values = []
    for _ in range(40):
        difficulty.update([outcome] * 10)
        values.append(difficulty.value)
    assert values[-1] == bound and min(*values, 0.9) >= 0.1 and max(*values, 0.1) <= 0.9


def test_two_difficulties_share_nothing() -> None:
    one, two = DynamicDifficulty(), DynamicDifficulty()
    one.update(results(20, 0))
    two.update([])
    assert len(two.recent) == 0 and two.value == 0.3


def rates(scheduler: RateScheduler, validation: list[float]) -> list[float]:
    seen = []
    for rate in validation:
        scheduler.update(rate)
        seen.append(scheduler.rate)
    return seen


def test_a_fixed_rate_stays() -> None:
    scheduler = make_rate_scheduler("fixed")
    assert rates(scheduler, [0.1, 0.9, 0.0]) == [0.001] * 3


def test_momentum_doubles_after_an_epoch_without_a_decline() -> None:
    assert rates(make_rate_scheduler("momentum"), [0.2, 0.2, 0.3, 0.25, 0.25]) == pytest.approx(
        [0.001, 0.002, 0.004, 0.004, 0.008]
    )


def test_momentum_stops_at_eight_times_the_base() -> None:
    assert rates(MomentumRate(0.01), [0.5] * 7)[-3:] == pytest.approx([0.08] * 3)


def test_a_decline_leaves_the_momentum_rate_as_it_is() -> None:
    scheduler = MomentumRate()
    assert rates(scheduler, [0.5, 0.4, 0.3, 0.2]) == [0.001] * 4


def test_meta_grows_by_a_fifth_above_a_trend_of_five_points() -> None:
    assert rates(make_rate_scheduler("meta"), [0.20, 0.26]) == pytest.approx([0.001, 0.0012])
    assert rates(make_rate_scheduler("meta"), [0.20, 0.24]) == [0.001] * 2


def test_meta_falls_to_seven_tenths_below_a_trend_of_minus_two_points() -> None:
    assert rates(make_rate_scheduler("meta"), [0.30, 0.27]) == pytest.approx([0.001, 0.0007])
    assert rates(make_rate_scheduler("meta"), [0.30, 0.29]) == [0.001] * 2


def test_the_trend_spans_two_epochs() -> None:
    seen = rates(MetaRate(), [0.10, 0.20, 0.19, 0.21, 0.22])
    # +.10, +.09, +.01, +.03
    assert seen == pytest.approx([0.001, 0.0012, 0.00144, 0.00144, 0.00144])


@pytest.mark.parametrize(("direction", "bound"), [(1, 3.0), (-1, 0.1)])
def test_meta_stays_between_a_tenth_and_three_times_the_base(direction: int, bound: float) -> None:
    seen = rates(MetaRate(0.02), [0.5 + direction * 0.1 * i for i in range(12)])
    assert seen[-1] == pytest.approx(bound * 0.02)
    assert all(0.1 * 0.02 <= rate <= 3 * 0.02 for rate in seen)
    assert all((after - before) * direction >= 0 for before, after in pairwise(seen))


@pytest.mark.parametrize("name", ["fixed", "momentum", "meta"])
def test_every_scheduler_starts_at_its_base(name: str) -> None:
    assert make_rate_scheduler(name, 0.5).rate == 0.5


def test_an_unknown_scheduler_is_an_error() -> None:
    with pytest.raises(KeyError):
        make_rate_scheduler("cosine")
