"""Reliability of confidences, and temperature scaling (Guo et al., "On calibration of modern neural networks",
ICML 2017): one number, fitted on the validation split, that changes how sure answers are and never which one is given.
"""

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from ruvllm._core import expected_logits, largest_probabilities
from ruvllm.evaluation.statistics import check_confidences

__all__ = ["HIGHEST", "LOWEST", "ReliabilityBin", "fit_temperature", "reliability", "scaled_confidences"]

LOWEST, HIGHEST = 0.05, 20.0
"""Ends of the temperatures that are tried: without them, every task right would ask for 0."""

STEPS = 50
"""Halvings of that range: down to 2e-14."""
MOST_GUESSES = 20
"""Of where the slope is 0, before the range is halved."""
ROUNDING = 2.0**-48
"""Of a sum over candidates, relative to their number and the largest logit: 16 times what its operations may lose."""

LARGEST_LOGIT = 1e300
"""In magnitude, so that differences are finite."""


class ReliabilityBin(TypedDict):
    """Answers whose confidence is in (low, high]; the first bin also holds 0."""

    low: float
    high: float
    count: int
    confidence: float | None
    """Mean confidence; None for no answers."""
    accuracy: float | None
    """Share of answers that are right; None for no answers."""


def reliability(confidences: Sequence[float], correct: Sequence[bool], n_bins: int = 10) -> list[ReliabilityBin]:
    """A reliability diagram's data: the n_bins bins of equal width of `expected_calibration_error`, lowest first.

    The distances of confidence and accuracy, weighted by count, are that error. Raises ValueError as it does, and for
    n_bins < 1.
    """
    check_confidences(confidences, correct)
    if n_bins < 1:
        raise ValueError(f"a reliability diagram needs at least 1 bin, not {n_bins}")
    edges = [m / n_bins for m in range(n_bins + 1)]
    answers: list[list[tuple[float, bool]]] = [[] for _ in range(n_bins)]
    for confidence, right in zip(confidences, correct, strict=True):
        answers[bisect_left(edges, confidence, 1) - 1].append((confidence, bool(right)))
    return [_bin(edges[m], edges[m + 1], answers[m]) for m in range(n_bins)]


def _bin(low: float, high: float, answers: Sequence[tuple[float, bool]]) -> ReliabilityBin:
    n = len(answers)
    return {
        "low": low,
        "high": high,
        "count": n,
        "confidence": math.fsum(confidence for confidence, _ in answers) / n if n else None,
        "accuracy": sum(right for _, right in answers) / n if n else None,
    }


def fit_temperature(logits: NDArray[np.float64], right: NDArray[np.integer]) -> float:
    """The temperature T in [LOWEST, HIGHEST] with the lowest mean negative log likelihood of the right candidates.

    `logits` (n, m) of the m candidates of n tasks, `right` (n,) the index of the right one; the likelihood is that of
    softmax(logits / T). Where every T is as good (all logits of each task equal), T is 1. The same arguments give the
    same bits on every CPU.

    Raises ValueError for no tasks, another shape, an index outside [0, m), or logits that are not finite (or above
    1e300 in magnitude).
    """
    logits = _checked_logits(logits)
    _check_right(right, *logits.shape)
    # l_j - max l, exactly what softmax uses: no rounding error where all are equal
    below_largest = logits - logits.max(axis=1, keepdims=True)
    of_right = below_largest[np.arange(len(logits)), right]
    at_lowest, at_highest = (_slope(below_largest, of_right, t) for t in (LOWEST, HIGHEST))
    if at_lowest == at_highest == 0:
        return 1.0
    if at_lowest <= 0:
        return LOWEST
    if at_highest >= 0:
        return HIGHEST
    # the likelihood is convex in 1/T, so the slope changes its sign once
    error = len(logits) * (logits.shape[1] + 4) * ROUNDING * -float(below_largest.min())
    slope = _FallingSlope(partial(_slope, below_largest, of_right), error)
    slope.approach_zero(at_lowest, at_highest)
    low, high = LOWEST, HIGHEST
    for _ in range(STEPS):
        middle = (low + high) / 2
        if slope.is_above_0(middle):
            low = middle
        else:
            high = middle
    return (low + high) / 2


class _FallingSlope:
    """The sign of a slope that falls, computed only where it does not follow from values at other temperatures.

    A value is `error` off at most. One of more than twice that is so far from 0 that all at lower temperatures (or, if
    it is negative, at higher ones) are computed with the same sign.
    """

    def __init__(self, slope: Callable[[float], float], error: float) -> None:
        self._slope, self._certain = slope, 2 * error
        self._above, self._below = 0.0, math.inf

    def __call__(self, temperature: float) -> float:
        value = self._slope(temperature)
        if value > self._certain:
            self._above = max(self._above, temperature)
        elif value < -self._certain:
            self._below = min(self._below, temperature)
        return value

    def is_above_0(self, temperature: float) -> bool:
        return temperature <= self._above or (temperature < self._below and self(temperature) > 0)

    def approach_zero(self, at_lowest: float, at_highest: float) -> None:
        """Computes values nearer and nearer to 0 on both sides of it, so that few are asked for later.

        Regula falsi over log T, the weight of an end that stays halved (Dowell and Jarratt, "A modified regula falsi
        method", BIT 11, 1971).
        """
        low, high, left, right, last = math.log(LOWEST), math.log(HIGHEST), at_lowest, at_highest, 0
        for _ in range(MOST_GUESSES):
            x = (low * right - high * left) / (right - left)
            value = self(math.exp(x))
            if abs(value) <= self._certain:
                aside = 2 * self._certain * (high - low) / (left - right)  # there it should be certain again
                self(math.exp(x - aside))
                self(math.exp(x + aside))
                return
            if value > 0:
                low, left, right = x, value, right / 2 if last > 0 else right
            else:
                high, right, left = x, value, left / 2 if last < 0 else left
            last = 1 if value > 0 else -1


def _slope(logits: NDArray[np.float64], of_right: NDArray[np.float64], temperature: float) -> float:
    """Derivative of the summed negative log likelihood by 1/T: expected logit minus that of the right candidate.

    Above 0 where a higher T is better.
    """
    return math.fsum((expected_logits(logits, temperature) - of_right).tolist())


def scaled_confidences(logits: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    """Probabilities (n,) of the best-ranked candidates under softmax(logits / temperature); logits (n, m).

    Raises ValueError for another shape, no candidates, logits that are not finite (or above 1e300 in magnitude), or a
    temperature that is not above 0 and finite.
    """
    return largest_probabilities(_checked_logits(logits), temperature)


def _checked_logits(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same values with the type and the layout that the core asks for."""
    if logits.ndim != 2 or logits.shape[1] == 0:
        raise ValueError(f"logits need the shape (tasks, at least 1 candidate), not {logits.shape}")
    if not (np.abs(logits) <= LARGEST_LOGIT).all():  # NaN too
        raise ValueError(f"logits must be finite and at most {LARGEST_LOGIT} in magnitude")
    return np.ascontiguousarray(logits, dtype=np.float64)


def _check_right(right: NDArray[np.integer], n: int, m: int) -> None:
    if n == 0 or right.shape != (n,):
        raise ValueError(
            f"a temperature needs at least 1 task and the right candidate of each, not {n} tasks and right candidates "
            f"of shape {right.shape}"
        )
    outside = right[(right < 0) | (right >= m)]
    if len(outside):
        raise ValueError(f"a right candidate must be in [0, {m}), not {int(outside[0])}")
