"""What changes from epoch to epoch: difficulty, learning rate and temperature.

None of them touches an outcome: they decide which task comes next, how large a step is and how much is explored.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

__all__ = [
    "BASE_RATE",
    "CURRICULUM",
    "DynamicDifficulty",
    "MetaRate",
    "MomentumRate",
    "RateScheduler",
    "curriculum_stage",
    "make_rate_scheduler",
    "temperature",
]

BASE_RATE = 0.001

CURRICULUM = ((0.0, 0.3), (0.2, 0.6), (0.4, 0.9))
"""Lowest and highest difficulty of the easy, medium and hard stage."""


def curriculum_stage(epoch: int, epochs: int) -> int:
    """Stage 0, 1 or 2 of epoch 0 ... epochs - 1: a third of the run each."""
    return min(len(CURRICULUM) - 1, epoch * len(CURRICULUM) // epochs)


def temperature(epoch: int, epochs: int, final: float) -> float:
    """Temperature of the answers while training: linear from 1.0 in the first epoch to `final` in the last."""
    return 1.0 if epochs == 1 else 1.0 + (final - 1.0) * epoch / (epochs - 1)


@dataclass
class DynamicDifficulty:
    """Moves the difficulty towards a success rate of 60%: the report's DDA.

    Above 70% over the last 20 results it rises by 0.05, below 50% it falls by 0.05, within 0.1 to 0.9.
    """

    value: float = 0.3
    step: float = 0.05
    lowest: float = 0.1
    highest: float = 0.9
    recent: deque[bool] = field(default_factory=lambda: deque(maxlen=20))

    def update(self, resolved: Iterable[bool]) -> None:
        """Takes the results of a chunk of tasks; the value moves once there are 10."""
        self.recent.extend(bool(x) for x in resolved)
        if len(self.recent) < 10:
            return
        rate = sum(self.recent) / len(self.recent)
        if rate > 0.7:
            self.value = min(self.highest, self.value + self.step)
        elif rate < 0.5:
            self.value = max(self.lowest, self.value - self.step)


class RateScheduler:
    """A learning rate that starts at its base. v1 ("fixed") stays there."""

    def __init__(self, base: float = BASE_RATE) -> None:
        self.base = base
        self.rate = base

    def update(self, validation: float) -> None:
        """Takes the validation resolve rate: once before any learning, then after each epoch."""


class MomentumRate(RateScheduler):
    """v2: the rate doubles after each epoch without a decline, up to 8 times the base."""

    def __init__(self, base: float = BASE_RATE) -> None:
        super().__init__(base)
        self._last: float | None = None

    def update(self, validation: float) -> None:
        if self._last is not None and validation >= self._last:
            self.rate = min(8 * self.base, 2 * self.rate)
        self._last = validation


class MetaRate(RateScheduler):
    """v3: the rate follows the trend, the change of the validation resolve rate over two epochs.

    Above 0.05 it grows by a fifth, below -0.02 it falls to 0.7 of itself, within 0.1 to 3 times the base.
    """

    def __init__(self, base: float = BASE_RATE) -> None:
        super().__init__(base)
        self._history: list[float] = []

    def update(self, validation: float) -> None:
        self._history.append(validation)
        if len(self._history) < 2:
            return
        trend = validation - self._history[-min(3, len(self._history))]
        if trend > 0.05:
            self.rate = min(3 * self.base, 1.2 * self.rate)
        elif trend < -0.02:
            self.rate = max(0.1 * self.base, 0.7 * self.rate)


def make_rate_scheduler(name: str, base: float = BASE_RATE) -> RateScheduler:
    """The scheduler of a protocol: "fixed", "momentum" or "meta"."""
    return {"fixed": RateScheduler, "momentum": MomentumRate, "meta": MetaRate}[name](base)
