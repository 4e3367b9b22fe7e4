"""Did anything leak? The train task that is nearest to each test task, whatever made the split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ruvllm._core import TaskCopies
from ruvllm.workloads.repeats.finding import THRESHOLD
from ruvllm.workloads.tasks import TextTask

__all__ = ["LeakCheck", "check_leaks"]


@dataclass(frozen=True, slots=True)
class LeakCheck:
    """How near the test tasks of one run are to what it was trained on."""

    threshold: float
    """Similarity from which a train task counts as a copy."""
    tasks: int
    """Number of test tasks."""
    leaked: int
    """Number of test tasks with a copy in the train part, or with a task of the user's own group there."""
    largest: float
    """Similarity of the nearest pair, in [0, 1]."""
    pair: tuple[str, str]
    """Where the test task and the train task of that pair stand."""


def check_leaks(
    copies: TaskCopies, tasks: Sequence[TextTask], test: NDArray[np.uint32], train: NDArray[np.uint32]
) -> LeakCheck:
    """Compares every test task with every train task; `test` (k,) and `train` (m,) are numbers of `tasks`."""
    nearest, similarity = copies.nearest(test, train)
    known = {tasks[i].group for i in train.tolist()} - {""}
    leaked = similarity >= THRESHOLD
    leaked |= np.array([tasks[i].group in known for i in test.tolist()], dtype=np.bool_)
    worst = int(np.argmax(similarity))
    pair = _place(tasks, int(test[worst])), _place(tasks, int(nearest[worst]))
    return LeakCheck(THRESHOLD, len(test), int(np.count_nonzero(leaked)), float(similarity[worst]), pair)


def _place(tasks: Sequence[TextTask], number: int) -> str:
    return tasks[number].place or f"task {number}"
