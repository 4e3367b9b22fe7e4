"""What changes from epoch to epoch: difficulty, learning rate and temperature.

None of them touches an outcome: they decide which task comes next, how large a step is and how much is explored.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import ClassVar

from msgspec import Struct, field

__all__ = [
    "CURRICULUM",
    "LEVELS",
    "DynamicDifficulty",
    "MetaRate",
    "MomentumRate",
    "RateScheduler",
    "curriculum_level",
    "make_rate_scheduler",
    "temperature",
]

CURRICULUM = ((0.0, 0.3), (0.2, 0.6), (0.4, 0.9))
"""Lowest and highest difficulty of the easy, medium and hard level."""
LEVELS = ("easy", "medium", "hard")


def curriculum_level(epoch: int, epochs: int) -> int:
    """Level 0, 1 or 2 of epoch 0 ... epochs - 1: a third of them each."""
    return min(len(CURRICULUM) - 1, epoch * len(CURRICULUM) // epochs)


def temperature(epoch: int, epochs: int, final: float, cooling: float = 1.0) -> float:
    """Temperature of the answers while training: 1.0 in the first epoch, then linear to `final`.

    It gets there after the share `cooling` of the run, in (0, 1], and stays.
    """
    falling = max(1, round(cooling * (epochs - 1)))
    if epochs == 1:
        return 1.0
    return final if epoch >= falling else 1.0 + (final - 1.0) * epoch / falling


class DynamicDifficulty(Struct):
    """Moves the difficulty towards a success rate of 60%: the report's DDA.

    Above 70% over the last 20 results it rises by 0.05, below 50% it falls by 0.05, within 0.1 to 0.9.
    """

    target: ClassVar[float] = 0.6
    """Success rate in the middle of the band where the value rests."""

    value: float = 0.3
    step: float = 0.05
    lowest: float = 0.1
    highest: float = 0.9
    recent: deque[bool] = field(default_factory=lambda: deque(maxlen=20))

    def update(self, resolved: Iterable[bool]) -> None:
        """Takes the results of a chunk of tasks; the value moves once there are 10."""
        self.recent.extend(map(bool, resolved))
        if len(self.recent) < 10:
            return
        rate = sum(self.recent) / len(self.recent)
        if rate > 0.7:
            self.value = min(self.highest, self.value + self.step)
        elif rate < 0.5:
            self.value = max(self.lowest, self.value - self.step)


class RateScheduler:
    """A learning rate that starts at its base and stays within multiples of it. v1 ("fixed") never moves."""

    def __init__(self, base: float, lowest: float = 1.0, highest: float = 1.0) -> None:
        self.rate = base
        self.seen: list[float] = []
        """The validation resolve rates that the next change may depend on, the latest last."""
        self.lowest = lowest * base
        self.highest = highest * base

    def update(self, validation: float) -> None:
        """Takes the validation resolve rate: once before any learning, then after each epoch."""

    def _scale(self, factor: float) -> None:
        self.rate = min(self.highest, max(self.lowest, factor * self.rate))


class MomentumRate(RateScheduler):
    """v2: the rate doubles after an epoch without a decline and halves after one with a decline."""

    def __init__(self, base: float, lowest: float = 1.0, highest: float = 2.0) -> None:
        super().__init__(base, lowest, highest)

    def update(self, validation: float) -> None:
        if self.seen:
            self._scale(2.0 if validation >= self.seen[-1] else 0.5)
        self.seen = [validation]


class MetaRate(RateScheduler):
    """v3: the rate follows the trend, the change of the validation resolve rate over two epochs.

    Above 0.05 it grows by a fifth, below -0.02 it falls to 0.7 of itself.
    """

    def __init__(self, base: float, lowest: float = 0.1, highest: float = 3.0) -> None:
        super().__init__(base, lowest, highest)

    def update(self, validation: float) -> None:
        self.seen = [*self.seen[-2:], validation]
        if len(self.seen) < 2:
            return
        trend = validation - self.seen[0]
        if trend > 0.05:
            self._scale(1.2)
        elif trend < -0.02:
            self._scale(0.7)


def make_rate_scheduler(name: str, base: float, lowest: float, highest: float) -> RateScheduler:
    """The scheduler of a protocol: "fixed", "momentum" or "meta", within lowest x base to highest x base."""
    return {"fixed": RateScheduler, "momentum": MomentumRate, "meta": MetaRate}[name](base, lowest, highest)
