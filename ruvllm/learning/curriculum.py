"""Which task comes next: the train part, each task once before any comes again, ordered by difficulty on demand."""

from __future__ import annotations

import math
from bisect import bisect_left

import numpy as np
from numpy.typing import NDArray

from ruvllm._core import Purpose, RandomStream
from ruvllm.files.arrays import StateArrays, StateReader
from ruvllm.learning.constants import Protocol
from ruvllm.learning.schedulers import CURRICULUM, DynamicDifficulty
from ruvllm.learning.stream import EpochPlan
from ruvllm.workloads.workload import Workload, types_in

__all__ = ["TaskOrder"]

SPREAD = 0.15
"""Half the width of the window around the adaptive difficulty."""
MOST_DRAWS = 2**28
"""Tasks handed out before a state that is still believed."""


class _Unused:
    """Tasks of one type that were not used yet, by difficulty: a look at neighbours finds the nearest one."""

    def __init__(self, difficulties: NDArray[np.float64], uses: NDArray[np.uint32] | None = None) -> None:
        order = np.argsort(difficulties, kind="stable")
        if uses is not None:
            order = order[uses[order] == 0]
        self._difficulties: list[float] = difficulties[order].tolist()
        self._numbers: list[int] = order.tolist()

    def take_nearest(self, wanted: float) -> int | None:
        """Takes out the task nearest to the difficulty `wanted`, of equally near ones the first; None if it is empty.

        Near is what rounded differences say, which are equal for some neighbours whose difficulties are not.
        """
        values, numbers = self._difficulties, self._numbers
        if not values:
            return None
        above = bisect_left(values, wanted)
        to_left = wanted - values[above - 1] if above > 0 else math.inf
        to_right = values[above] - wanted if above < len(values) else math.inf
        first = end = above
        if to_left <= to_right:
            first -= 1
            while first > 0 and wanted - values[first - 1] == to_left:
                first -= 1
        if to_right <= to_left:
            end += 1
            while end < len(values) and values[end] - wanted == to_right:
                end += 1
        place = first if end - first == 1 else min(range(first, end), key=numbers.__getitem__)
        del values[place]
        return numbers.pop(place)


class TaskOrder:
    """Hands out train tasks: types in turn, each time the unused task nearest to the difficulty asked for."""

    def __init__(self, workload: Workload, protocol: Protocol, seed: int) -> None:
        self.difficulty = DynamicDifficulty()
        self._adaptive = protocol.adaptive_difficulty
        self._stream = RandomStream(seed, Purpose.SCHEDULE)
        self._count = 0
        self._draws = 0
        train = workload.parts.train
        types = workload.types[train]
        of_type = {t: train[types == t] for t in types_in(types)}
        self._tasks: dict[int, list[int]] = {t: tasks.tolist() for t, tasks in of_type.items()}
        self._difficulties = {t: workload.difficulty[tasks].astype(np.float64) for t, tasks in of_type.items()}
        self._uses = {t: np.zeros(len(tasks)) for t, tasks in of_type.items()}
        self._first_used: dict[int, list[int]] = {t: [] for t in of_type}
        """Of each type: tasks that were used once, which `_uses` does not know yet."""
        self._new = {t: _Unused(difficulties) for t, difficulties in self._difficulties.items()}

    def next_chunk(self, epoch: EpochPlan, n: int) -> NDArray[np.uint32]:
        """The next n tasks (n,) for an epoch."""
        types, tasks = epoch.types, []
        for count, wanted in enumerate(self._wanted(epoch.level, n), self._count):
            kind = types[count % len(types)]
            chosen = self._new[kind].take_nearest(wanted)
            if chosen is None:
                uses = self._counted(kind)
                cost = np.abs(self._difficulties[kind] - wanted)
                cost += 2 * uses  # a use weighs more than any difference of difficulties
                chosen = int(cost.argmin())
                uses[chosen] += 1
            else:
                self._first_used[kind].append(chosen)
            tasks.append(self._tasks[kind][chosen])
        self._count += n
        return np.array(tasks, dtype=np.uint32)

    def _counted(self, kind: int) -> NDArray[np.float64]:
        """How often the tasks of a type were used."""
        uses, first_used = self._uses[kind], self._first_used[kind]
        if first_used:
            uses[first_used] = 1
            first_used.clear()
        return uses

    def _wanted(self, level: int | None, n: int) -> list[float]:
        """The difficulties that the next n tasks should have."""
        if level is None and not self._adaptive:
            return [count % 10 / 10 for count in range(self._count, self._count + n)]
        low, high = (0.0, 1.0) if level is None else CURRICULUM[level]
        draws = self._stream.uniform(n).tolist()
        self._draws += n
        if not self._adaptive:
            return [low + (high - low) * draw for draw in draws]
        middle = self.difficulty.value
        return [min(high, max(low, middle + SPREAD * (2 * draw - 1))) for draw in draws]

    def state(self) -> StateArrays:
        """What the next tasks depend on."""
        return {
            "order.count": np.array([self._count], dtype=np.uint64),
            "order.draws": np.array([self._draws], dtype=np.uint64),
            "order.difficulty": np.array([self.difficulty.value]),
            "order.recent": np.array(self.difficulty.recent, dtype=np.uint8),
            **{f"order.uses.{kind}": self._counted(kind).astype(np.uint32) for kind in self._uses},
        }

    def restore(self, state: StateReader) -> None:
        """Goes on where another order of the same tasks was. Once, and before any task. Raises ValueError."""
        count, draws = state.count("order.count"), state.count("order.draws")
        value = state.number("order.difficulty")
        recent = state.array("order.recent", np.uint8)
        uses = {kind: state.array(f"order.uses.{kind}", np.uint32, len(old)) for kind, old in self._uses.items()}
        if draws > count or sum(int(n.sum(dtype=np.uint64)) for n in uses.values()) != count:
            raise ValueError(f"order.uses must add up to order.count, {count}, and order.draws be at most that")
        if count > MOST_DRAWS:
            raise ValueError(f"order.count must be at most {MOST_DRAWS}, not {count}")
        if not self.difficulty.lowest <= value <= self.difficulty.highest:
            raise ValueError(f"order.difficulty must be a difficulty, not {value}")
        if len(recent) > 20:
            raise ValueError(f"order.recent must have at most 20 results, not {len(recent)}")
        self._stream.uniform(draws)
        self._count, self._draws = count, draws
        self._uses = {kind: n.astype(np.float64) for kind, n in uses.items()}
        self._first_used = {kind: [] for kind in uses}
        self._new = {kind: _Unused(self._difficulties[kind], n) for kind, n in uses.items()}
        self.difficulty.value = value
        self.difficulty.recent.clear()
        self.difficulty.recent.extend(bool(x) for x in recent.tolist())
