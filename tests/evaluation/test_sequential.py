"""Confidence sequences cover at every look, e-processes raise few false alarms, and both see a gain that is there."""

import math

import numpy as np
import pytest

from ruvllm.evaluation.sequential import SHARES, WEIGHTS, EProcess, confidence_sequence

STREAMS = 200


def gains(rng: np.random.Generator, n: int, up: float, down: float) -> np.ndarray:
    """n paired differences of right and wrong: 1 with probability `up`, -1 with `down`, else 0."""
    return rng.choice([1.0, 0.0, -1.0], p=[up, 1 - up - down, down], size=n)


def misses(values: np.ndarray, means: np.ndarray) -> bool:
    low, high = np.array(confidence_sequence(values)).T
    truth = np.cumsum(means) / np.arange(1, len(means) + 1)
    return bool(np.any((truth < low) | (truth > high)))


def pointwise_misses(values: np.ndarray) -> bool:
    """Whether an interval of Student's kind, true at one look, leaves out 0 at any look from the 20th on."""
    n = np.arange(1, len(values) + 1)
    mean = np.cumsum(values) / n
    error = np.sqrt(np.maximum(np.cumsum(values**2) / n - mean**2, 0) / n)
    return bool(np.any(np.abs(mean[19:]) > 1.96 * error[19:]))


def test_covers_at_every_look_where_a_pointwise_interval_does_not() -> None:
    rng = np.random.default_rng(1)
    streams = [gains(rng, 400, 0.15, 0.15) for _ in range(STREAMS)]
    assert sum(misses(x, np.zeros(400)) for x in streams) <= 0.05 * STREAMS
    assert sum(map(pointwise_misses, streams)) > 0.2 * STREAMS


def test_covers_a_mean_that_moves() -> None:
    rng = np.random.default_rng(2)
    up = 0.1 + 0.4 * np.arange(400) / 400  # a learner that gets better
    means = up - 0.1
    found = [
        misses((rng.random(400) < up).astype(float) - (rng.random(400) < 0.1), means) for _ in range(STREAMS)
    ]
    assert sum(found) <= 0.05 * STREAMS


def test_covers_where_a_gain_depends_on_the_last_one() -> None:
    rng = np.random.default_rng(3)
    missed = 0
    for _ in range(STREAMS):
        values, means = np.zeros(300), np.zeros(300)
        for t in range(1, 300):
            means[t] = 0.3 * values[t - 1]
            values[t] = 1.0 if rng.random() < (1 + means[t]) / 2 else -1.0
        missed += misses(values[1:], means[1:])
    assert missed <= 0.05 * STREAMS


def test_finds_a_gain_that_is_there_and_narrows() -> None:
    sequence = confidence_sequence(gains(np.random.default_rng(4), 2000, 0.25, 0.1))
    assert sequence[-1][0] > 0
    widths = [high - low for low, high in (sequence[i] for i in (99, 499, 1999))]
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] < 0.12


def test_bounds_and_level_decide_the_width() -> None:
    x = [0.1, 0.3, 0.0, 0.2] * 50
    narrow, wide = (confidence_sequence(x, low=0.0, level=level)[-1] for level in (0.8, 0.99))
    assert wide[0] < narrow[0] < 0.15 < narrow[1] < wide[1]
    assert all(0 <= low <= high <= 1 for low, high in confidence_sequence(x, low=0.0))
    scaled = confidence_sequence([10 * v for v in x], low=0.0, high=10.0)[-1]
    assert scaled == pytest.approx([10 * end for end in confidence_sequence(x, low=0.0)[-1]])


def test_mirrored_gains_have_the_mirrored_interval() -> None:
    x = gains(np.random.default_rng(5), 50, 0.4, 0.1)
    for (low, high), (other_low, other_high) in zip(confidence_sequence(x), confidence_sequence(-x), strict=True):
        assert (low, high) == (-other_high, -other_low)


def test_no_gains_no_intervals() -> None:
    assert confidence_sequence([]) == []


@pytest.mark.parametrize("value", [1.5, -1.01, math.nan, math.inf])
def test_gains_outside_their_bounds_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match=r"a gain must be from -1\.0 to 1\.0"):
        confidence_sequence([0.0, value])


@pytest.mark.parametrize("options", [{"low": 1.0, "high": 1.0}, {"level": 1.0}, {"level": 0.0}])
def test_senseless_bounds_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="low < high and 0 < level < 1"):
        confidence_sequence([0.0], **options)


def largest(x: np.ndarray) -> float:
    process = EProcess()
    for value in x.tolist():
        process.add(value)
    return process.largest


def test_evidence_seldom_grows_where_there_is_no_gain() -> None:
    rng = np.random.default_rng(6)
    assert sum(largest(gains(rng, 400, 0.1, 0.1)) >= 20 for _ in range(STREAMS)) <= 0.05 * STREAMS


def test_evidence_of_a_loss_stays_small_and_of_a_gain_grows() -> None:
    rng = np.random.default_rng(7)
    assert largest(gains(rng, 2000, 0.05, 0.15)) < 5
    assert largest(gains(rng, 2000, 0.15, 0.05)) > 1e6


def test_the_mean_evidence_of_a_fair_game_is_one() -> None:
    """Of all 2^10 streams of wins and losses of a fair coin."""
    total = 0.0
    for number in range(1024):
        process = EProcess()
        for bit in range(10):
            process.add(1.0 if number >> bit & 1 else -1.0)
        total += process.evidence
    assert total / 1024 == pytest.approx(1.0)


def test_mixture_weights_are_a_distribution() -> None:
    assert math.fsum(WEIGHTS) == pytest.approx(1.0)
    assert all(0 < share < 1 for share in SHARES)


def test_evidence_neither_overflows_nor_vanishes() -> None:
    process = EProcess()
    for _ in range(5000):
        process.add(1.0)
    assert math.isfinite(process.evidence)
    assert process.p_value < 1e-300
    for _ in range(20_000):
        process.add(-1.0)
    assert process.evidence < 1
    assert process.p_value < 1e-300


def test_refused_gains_change_nothing() -> None:
    process = EProcess(-0.5)
    process.add(0.25)
    before = process.evidence
    for value in (-0.6, math.nan, math.inf):
        with pytest.raises(ValueError, match=r"a gain must be at least -0\.5"):
            process.add(value)
    assert (process.evidence, process.n) == (before, 1)
    with pytest.raises(ValueError, match="must be below 0"):
        EProcess(0.0)
