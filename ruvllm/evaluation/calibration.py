"""Reliability of confidences, and temperature scaling (Guo et al., "On calibration of modern neural networks",
ICML 2017): one number, fitted on the validation split, that changes how sure answers are and never which one is given.
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from ruvllm._core import softmax
from ruvllm.evaluation.statistics import check_confidences

__all__ = ["HIGHEST", "LOWEST", "ReliabilityBin", "fit_temperature", "reliability", "scaled_confidences"]

LOWEST, HIGHEST = 0.05, 20.0
"""Ends of the temperatures that are tried: without them, every task right would ask for 0."""

STEPS = 50
"""Halvings of that range: down to 2e-14."""

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
    low, high = LOWEST, HIGHEST
    for _ in range(STEPS):
        middle = (low + high) / 2
        if _slope(below_largest, of_right, middle) > 0:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _slope(logits: NDArray[np.float64], of_right: NDArray[np.float64], temperature: float) -> float:
    """Derivative of the summed negative log likelihood by 1/T: expected logit minus that of the right candidate.

    Above 0 where a higher T is better.
    """
    expected = np.zeros(len(logits))
    for column in (softmax(logits, temperature) * logits).T:
        expected += column  # one after the other: the order of a sum over an axis is NumPy's own affair
    return math.fsum((expected - of_right).tolist())


def scaled_confidences(logits: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    """Probabilities (n,) of the best-ranked candidates under softmax(logits / temperature); logits (n, m).

    Raises ValueError for another shape, no candidates, logits that are not finite (or above 1e300 in magnitude), or a
    temperature that is not above 0 and finite.
    """
    by_candidate = np.ascontiguousarray(softmax(_checked_logits(logits), temperature).T)
    confidences: NDArray[np.float64] = by_candidate.max(axis=0)  # whole rows at once, five times as fast
    return confidences


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
