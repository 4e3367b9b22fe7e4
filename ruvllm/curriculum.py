"""Which task comes next: the train part, each task once before any comes again, ordered by difficulty on demand."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ruvllm._core import Purpose, RandomStream
from ruvllm.protocols import Protocol
from ruvllm.schedulers import CURRICULUM, DynamicDifficulty, curriculum_stage
from ruvllm.workload import Workload

__all__ = ["TaskOrder"]

SPREAD = 0.15
"""Half the width of the window around the adaptive difficulty."""


class TaskOrder:
    """Hands out train tasks: types in turn, each time the unused task nearest to the difficulty asked for."""

    def __init__(self, workload: Workload, protocol: Protocol, epochs: int, seed: int) -> None:
        self.difficulty = DynamicDifficulty()
        self._protocol = protocol
        self._epochs = epochs
        self._stream = RandomStream(seed, Purpose.SCHEDULE)
        self._count = 0
        train = workload.parts.train
        types = workload.types[train]
        self._tasks = [train[types == t] for t in np.unique(types)]
        self._difficulties = [workload.difficulty[tasks].astype(np.float64) for tasks in self._tasks]
        self._uses = [np.zeros(len(tasks)) for tasks in self._tasks]

    def next_chunk(self, epoch: int, n: int) -> NDArray[np.uint32]:
        """The next n tasks (n,) for an epoch that counts from 0."""
        return np.array([self._next(self._wanted(epoch)) for _ in range(n)], dtype=np.uint32)

    def _wanted(self, epoch: int) -> float:
        if not self._protocol.curriculum:
            return self._count % 10 / 10
        low, high = CURRICULUM[curriculum_stage(epoch, self._epochs)]
        draw = float(self._stream.uniform(1)[0])
        if not self._protocol.adaptive_difficulty:
            return low + (high - low) * draw
        return min(high, max(low, self.difficulty.value + SPREAD * (2 * draw - 1)))

    def _next(self, wanted: float) -> int:
        slot = self._count % len(self._tasks)
        self._count += 1
        # a use weighs more than any difference of difficulties
        chosen = int(np.argmin(2 * self._uses[slot] + np.abs(self._difficulties[slot] - wanted)))
        self._uses[slot][chosen] += 1
        return int(self._tasks[slot][chosen])
