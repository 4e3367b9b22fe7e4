"""Schedulers: each rule and its bounds."""

from __future__ import annotations

from itertools import pairwise

import pytest

from ruvllm.learning.schedulers import (
    CURRICULUM,
    LEVELS,
    DynamicDifficulty,
    MetaRate,
    MomentumRate,
    RateScheduler,
    curriculum_level,
    make_rate_scheduler,
    temperature,
)


def results(successes: int, failures: int) -> list[bool]:
    return [True] * successes + [False] * failures


def test_curriculum_has_three_levels_that_overlap() -> None:
    assert CURRICULUM == ((0.0, 0.3), (0.2, 0.6), (0.4, 0.9))
    assert LEVELS == ("easy", "medium", "hard")


@pytest.mark.parametrize(
    ("epochs", "levels"),
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
def test_each_level_takes_a_third_of_the_epochs(epochs: int, levels: list[int]) -> None:
    assert [curriculum_level(epoch, epochs) for epoch in range(epochs)] == levels


def test_temperature_falls_evenly_from_one_to_the_final_value() -> None:
    assert [temperature(epoch, 5, 0.2) for epoch in range(5)] == pytest.approx([1.0, 0.8, 0.6, 0.4, 0.2])
    assert [temperature(epoch, 4, 1.0) for epoch in range(4)] == [1.0] * 4
    assert temperature(0, 1, 0.25) == 1.0


@pytest.mark.parametrize(
    ("epochs", "cooling", "expected"),
    [
        (10, 1 / 3, [1.0, 0.3 + 1.4 / 3, 0.3 + 0.7 / 3] + [0.3] * 7),  # a full run of v2
        (7, 1 / 3, [1.0, 0.65] + [0.3] * 5),
        (8, 1 / 3, [1.0, 0.65] + [0.3] * 6),
        (5, 1 / 3, [1.0] + [0.3] * 4),
        (2, 1 / 3, [1.0, 0.3]),  # never in no time
        (1, 1 / 3, [1.0]),
        (5, 0.5, [1.0, 0.65, 0.3, 0.3, 0.3]),
        (5, 0.01, [1.0, 0.3, 0.3, 0.3, 0.3]),
        (3, 1.0, [1.0, 0.65, 0.3]),
    ],
)
def test_cooling_is_the_share_of_the_run_in_which_the_temperature_falls(
    epochs: int, cooling: float, expected: list[float]
) -> None:
    assert [temperature(epoch, epochs, 0.3, cooling) for epoch in range(epochs)] == pytest.approx(expected)


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
    assert rates(make_rate_scheduler("fixed", 0.001, 1.0, 1.0), [0.1, 0.9, 0.0]) == [0.001] * 3
    assert rates(make_rate_scheduler("fixed", 0.001, 0.1, 9.0), [0.1, 0.9, 0.0]) == [0.001] * 3


def test_momentum_doubles_after_an_epoch_without_a_decline() -> None:
    scheduler = MomentumRate(0.001, 0.125, 8.0)
    assert rates(scheduler, [0.2, 0.2, 0.3, 0.31]) == pytest.approx([0.001, 0.002, 0.004, 0.008])


def test_momentum_halves_after_an_epoch_with_a_decline() -> None:
    scheduler = MomentumRate(0.001, 0.125, 8.0)
    assert rates(scheduler, [0.5, 0.4, 0.3, 0.3, 0.29]) == pytest.approx([0.001, 0.0005, 0.00025, 0.0005, 0.00025])


def test_momentum_of_v2_is_at_its_base_or_at_twice_that() -> None:
    scheduler = make_rate_scheduler("momentum", 0.004, 1.0, 2.0)
    seen = rates(scheduler, [0.2, 0.3, 0.4, 0.3, 0.2, 0.2, 0.1, 0.1])
    assert seen == pytest.approx([0.004, 0.008, 0.008, 0.004, 0.004, 0.008, 0.004, 0.008])


def test_momentum_stops_at_bounds_that_are_no_power_of_two() -> None:
    scheduler = MomentumRate(0.01, 0.75, 3.0)
    seen = rates(scheduler, [0.5, 0.6, 0.6, 0.6, 0.5, 0.4, 0.3, 0.3])
    assert seen == pytest.approx([0.01, 0.02, 0.03, 0.03, 0.015, 0.0075, 0.0075, 0.015])


def test_meta_grows_by_a_fifth_above_a_trend_of_five_points() -> None:
    assert rates(MetaRate(0.001), [0.20, 0.26]) == pytest.approx([0.001, 0.0012])
    assert rates(MetaRate(0.001), [0.20, 0.24]) == [0.001] * 2


def test_meta_falls_to_seven_tenths_below_a_trend_of_minus_two_points() -> None:
    assert rates(MetaRate(0.001), [0.30, 0.27]) == pytest.approx([0.001, 0.0007])
    assert rates(MetaRate(0.001), [0.30, 0.29]) == [0.001] * 2


def test_the_trend_spans_two_epochs() -> None:
    seen = rates(MetaRate(0.001), [0.10, 0.20, 0.19, 0.21, 0.22])
    # +.10, +.09, +.01, +.03
    assert seen == pytest.approx([0.001, 0.0012, 0.00144, 0.00144, 0.00144])


@pytest.mark.parametrize("bounds", [(0.1, 3.0), (0.5, 1.5)])
@pytest.mark.parametrize("direction", [1, -1])
def test_meta_stays_between_its_bounds(direction: int, bounds: tuple[float, float]) -> None:
    lowest, highest = bounds
    scheduler = make_rate_scheduler("meta", 0.02, lowest, highest)
    seen = rates(scheduler, [0.5 + direction * 0.1 * i for i in range(12)])
    assert seen[-1] == pytest.approx((highest if direction > 0 else lowest) * 0.02)
    assert all(lowest * 0.02 <= rate <= highest * 0.02 for rate in seen)
    assert all((after - before) * direction >= 0 for before, after in pairwise(seen))


@pytest.mark.parametrize(("name", "kind"), [("fixed", RateScheduler), ("momentum", MomentumRate), ("meta", MetaRate)])
def test_every_scheduler_starts_at_its_base(name: str, kind: type[RateScheduler]) -> None:
    scheduler = make_rate_scheduler(name, 0.5, 0.5, 4.0)
    assert type(scheduler) is kind
    assert (scheduler.rate, scheduler.lowest, scheduler.highest) == (0.5, 0.25, 2.0)


@pytest.mark.parametrize("name", ["fixed", "momentum", "meta"])
def test_a_rate_of_zero_stays_zero(name: str) -> None:
    assert rates(make_rate_scheduler(name, 0.0, 0.1, 8.0), [0.1, 0.5, 0.9, 0.2, 0.1]) == [0.0] * 5


def test_an_unknown_scheduler_is_an_error() -> None:
    with pytest.raises(KeyError):
        make_rate_scheduler("cosine", 0.001, 1.0, 1.0)
