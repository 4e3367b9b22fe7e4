"""Statistics of a stream that hold at every look: a confidence sequence of its mean gain, an e-process against none.

An interval for a fixed number of tasks covers too seldom if one looks after each task and stops when it pleases. Those
here hold for all numbers of tasks at once, and need only that gains are bounded: they may depend on one another, and
their mean may move, as that of a learner does. What is estimated at time t is the mean of the first t gains, each
expected from what was known before it.

- Confidence sequence: for y_i = x_i - p_i with p_i known before x_i (the mean so far, kept near the middle of what is
  possible, so that c is small), and |y_i| <= c, each
    exp(a * sum(x_i - mu_i) - psi(a) * sum(y_i^2)),  psi(a) = (-log(1 - c a) - c a) / c^2,  0 < a < 1 / c,
  is a nonnegative supermartingale (Howard, Ramdas, McAuliffe & Sekhon 2021, Ann. Statist. 49, theorem 4, after Fan,
  Grama & Liu 2015); for means that move see Choe & Ramdas 2024, Oper. Res. 72. So is a mixture over several a
  (Robbins 1970), here a geometric series of shares of 1 / c; by Ville's inequality it stays below 1 / alpha for ever
  with probability 1 - alpha, and what keeps it there is the interval.
- E-process: the wealth of a gambler who bets a share on each gain and starts with 1, and who could expect none if no
  gain had a mean above 0 (Waudby-Smith & Ramdas 2024, J. R. Stat. Soc. B 86). A mixture over several shares again.
  It comes to 1 / alpha at any time with probability alpha at most.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["SHARES", "WEIGHTS", "EProcess", "RunningMean", "confidence_sequence", "running_intervals"]

BETS = 24
"""Number of shares: the smallest is of use from some millions of tasks on."""
LARGEST = 0.5
"""Largest share of what can be lost at once. With larger ones intervals of some hundreds of tasks are wider."""
SHARES = tuple(LARGEST / 2 ** (k // 2) / (math.sqrt(2) if k % 2 else 1) for k in range(BETS))
WEIGHTS = (*(1 / ((k + 1) * (k + 2)) for k in range(BETS - 1)), 1 / BETS)
"""Of the mixtures, 1 in all: large shares find large gains early, small ones small gains late."""
NEAR = 0.25
"""Predictions of a gain are within so much of the middle, as a share of half the range."""
STEPS = 60
"""Halvings: about as many as a double has bits."""

Interval = tuple[float, float]


def confidence_sequence(
    gains: Sequence[float], *, low: float = -1.0, high: float = 1.0, level: float = 0.95
) -> list[Interval]:
    """After each of n gains in [low, high] the interval of their mean so far: all n hold together at this level.

    Each is within [low, high]. Raises ValueError for a gain outside the bounds, bounds that leave no room, or a
    level outside (0, 1).

    >>> all_wins = confidence_sequence([1.0] * 100)
    >>> f"{all_wins[9][0]:.2f} {all_wins[99][0]:.2f} {all_wins[99][1]:.2f}"
    '-0.25 0.73 1.00'
    """
    if not low < high or not 0 < level < 1:
        raise ValueError(f"a confidence sequence needs low < high and 0 < level < 1, not {low}, {high} and {level}")
    x = _bounded(gains, low, high)
    if len(x) == 0:
        return []
    numbers = np.arange(1, len(x) + 1)
    sums = np.cumsum(x)
    half, middle = (high - low) / 2, (high + low) / 2
    known = np.concatenate([[middle], sums[:-1] / numbers[:-1]]).clip(middle - NEAR * half, middle + NEAR * half)
    variances = np.cumsum((x - known) ** 2)
    return _intervals(numbers, sums, variances, (low, high), level)


def _intervals(
    numbers: NDArray[np.int64],
    sums: NDArray[np.float64],
    variances: NDArray[np.float64],
    bounds: Interval,
    level: float,
) -> list[Interval]:
    low, high = bounds
    room = _boundary(variances, (1 + NEAR) * (high - low) / 2, math.log(2 / (1 - level))) / numbers
    means = sums / numbers
    lows, highs = np.maximum(means - room, low), np.minimum(means + room, high)
    return list(zip(lows.tolist(), highs.tolist(), strict=True))


class RunningMean:
    """The mean of gains in [-1, 1] that come one by one, and what confidence_sequence() would say of it now."""

    def __init__(self, n: int = 0, total: float = 0.0, variance: float = 0.0) -> None:
        """Goes on from the `numbers` of another one."""
        self.numbers = (n, total, variance)
        """How many there were, their sum, and the sum of the squares of what was not expected."""

    @property
    def n(self) -> int:
        return self.numbers[0]

    @property
    def mean(self) -> float:
        """0 without gains."""
        n, total, _ = self.numbers
        return total / n if n else 0.0

    @property
    def interval(self) -> Interval:
        """95% confidence sequence; (-1, 1) without gains."""
        return running_intervals([self.numbers])[0] if self.n else (-1.0, 1.0)

    def add(self, gain: float) -> None:
        """Raises ValueError, and adds nothing, for one out of bounds."""
        if not -1.0 <= gain <= 1.0:
            raise ValueError(f"a gain must be from -1 to 1, not {gain}")
        n, total, variance = self.numbers
        off = gain - min(max(self.mean, -NEAR), NEAR)
        self.numbers = (n + 1, total + gain, variance + off * off)


def running_intervals(numbers: Sequence[tuple[int, float, float]], level: float = 0.95) -> list[Interval]:
    """The interval for each of several `numbers` of running means, which have at least one gain each."""
    if not numbers:
        return []
    n, sums, variances = (np.array(column) for column in zip(*numbers, strict=True))
    return _intervals(n, sums, variances, (-1.0, 1.0), level)


def _bounded(values: Sequence[float], low: float, high: float) -> NDArray[np.float64]:
    x = np.asarray(values, dtype=np.float64)
    outside = x[~((x >= low) & (x <= high))]  # NaN too
    if x.ndim != 1 or len(outside):
        found = float(outside[0]) if x.ndim == 1 else f"an array of shape {x.shape}"
        raise ValueError(f"a gain must be from {low} to {high}, not {found}")
    return x


def _boundary(variances: NDArray[np.float64], scale: float, threshold: float) -> NDArray[np.float64]:
    """Sums (n,) at which the mixture comes to exp(threshold), where so much variance (n,) was seen."""
    shares = np.array(SHARES) / scale
    psi = (-np.log1p(-scale * shares) - scale * shares) / scale**2
    weights = np.log(WEIGHTS)
    below = np.zeros_like(variances)
    single = (threshold - weights[0] + psi[0] * variances) / shares[0]  # that of the largest share alone
    above = np.maximum(single, 0.0)
    for _ in range(STEPS):
        middle = (below + above) / 2
        terms = weights + shares * middle[:, None] - psi * variances[:, None]
        most = terms.max(axis=1)
        reached = most + np.log(np.exp(terms - most[:, None]).sum(axis=1)) >= threshold
        np.copyto(above, middle, where=reached)
        np.copyto(below, middle, where=~reached)
    return above  # type: ignore[no-any-return]


class EProcess:
    """Evidence, at any time, that gains have a mean above 0. The same gains give the same bits on every machine."""

    def __init__(self, low: float = -1.0) -> None:
        """Gains are at least `low`, below 0. Raises ValueError otherwise."""
        if not -math.inf < low < 0:
            raise ValueError(f"the smallest gain must be below 0 and finite, not {low}")
        self.low = low
        self.n = 0
        """Number of gains so far."""
        self.largest = 1.0
        """Largest evidence so far: no true null hypothesis gets it to 1 / alpha but with probability alpha."""
        self._wealth = [(weight, 0) for weight in WEIGHTS]  # mantissa and exponent: products do not overflow

    def add(self, gain: float) -> float:
        """Adds a gain and returns the evidence. Raises ValueError, and adds nothing, for one out of bounds."""
        if not self.low <= gain < math.inf:
            raise ValueError(f"a gain must be at least {self.low} and finite, not {gain}")
        self.n += 1
        self._wealth = [
            _times(wealth, 1.0 + share * (gain / -self.low)) for wealth, share in zip(self._wealth, SHARES, strict=True)
        ]
        found = self.evidence
        self.largest = max(self.largest, found)
        return found

    @property
    def evidence(self) -> float:
        """The e-value: expected to be at most 1, whenever one stops, if no gain has a mean above 0."""
        total = 0.0
        for mantissa, exponent in self._wealth:
            total += math.ldexp(mantissa, exponent) if exponent < 1000 else math.ldexp(0.5, 1000)
        return total

    @property
    def p_value(self) -> float:
        """Anytime-valid: 1 over the largest evidence so far."""
        return 1.0 / self.largest


def _times(wealth: tuple[float, int], factor: float) -> tuple[float, int]:
    mantissa, more = math.frexp(wealth[0] * factor)
    return mantissa, wealth[1] + more
