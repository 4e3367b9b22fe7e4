"""The stream of a run: what each epoch consists of, and where a stage ends.

mixed    all types take turns; a stage is one of the protocol's equal parts of the run, a level of the curriculum.
blocked  one type after another, each with its share of the run; a stage is a type, and the curriculum starts again in
         each. What was learned of the first types is measured to the end: see forgetting.py.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from ruvllm.learning.constants import Protocol, Size
from ruvllm.learning.schedulers import curriculum_level

__all__ = ["STREAMS", "EpochPlan", "plan_stream"]

STREAMS = ("mixed", "blocked")


class EpochPlan(Struct, frozen=True):
    """One epoch."""

    tasks: int
    types: tuple[int, ...]
    """Types whose tasks come in turn."""
    level: int | None
    """Level of the curriculum: 0, 1 or 2; None without one."""
    ends_stage: bool
    """Whether EWC consolidates after it: a stage is over, and another one follows."""


def plan_stream(stream: str, protocol: Protocol, size: Size, types: Sequence[int]) -> list[EpochPlan]:
    """The epochs of a run. Raises ValueError for another stream, or a blocked one with a single type."""
    if stream == "mixed":
        return _mixed(protocol, size, tuple(types))
    if stream != "blocked":
        raise ValueError(f"the stream must be {' or '.join(STREAMS)}, not {stream!r}")
    if len(types) < 2:
        raise ValueError(f"a blocked stream needs tasks of at least 2 types, not {len(types)}")
    return _blocked(protocol, size, tuple(types))


def _mixed(protocol: Protocol, size: Size, types: tuple[int, ...]) -> list[EpochPlan]:
    stages = [epoch * protocol.stages // size.epochs for epoch in range(size.epochs)]
    return [
        EpochPlan(
            size.tasks_per_epoch,
            types,
            _level(protocol, epoch, size.epochs),
            ends_stage=epoch + 1 < size.epochs and stages[epoch] != stages[epoch + 1],
        )
        for epoch in range(size.epochs)
    ]


def _blocked(protocol: Protocol, size: Size, types: tuple[int, ...]) -> list[EpochPlan]:
    """An equal share of the run's tasks and epochs for each type, at least one epoch."""
    epochs = max(1, size.epochs // len(types))
    tasks = size.epochs * size.tasks_per_epoch // (len(types) * epochs)
    return [
        EpochPlan(tasks, (kind,), _level(protocol, epoch, epochs), epoch == epochs - 1 and kind != types[-1])
        for kind in types
        for epoch in range(epochs)
    ]


def _level(protocol: Protocol, epoch: int, epochs: int) -> int | None:
    return curriculum_level(epoch, epochs) if protocol.curriculum else None
