"""Tasks of other input that are new: copies of what training may have seen measure nothing of transfer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ruvllm.workloads.repeats.finding import THRESHOLD, Pairs, copies_of, find_repeats
from ruvllm.workloads.tasks import LeftOut, TextTask

__all__ = ["NewTasks", "new_tasks"]


@dataclass(frozen=True, slots=True)
class NewTasks:
    """Tasks that are no copies of known ones, each once."""

    tasks: tuple[TextTask, ...]
    other_answers: Mapping[int, Sequence[int]]
    """For a task whose prompt has several right solutions: the tasks with the other ones."""
    left_out: tuple[LeftOut, ...]


def new_tasks(tasks: Sequence[TextTask], known: Pairs, *, by_prompt: bool = False) -> NewTasks:
    """Leaves out exact repeats and copies of any known pair (one at least), whatever part that is in."""
    once, found = find_repeats(tasks)
    copies = copies_of([*known, *((task.prompt, task.solution) for task in once)], by_prompt=by_prompt)
    numbers = np.arange(len(known) + len(once), dtype=np.uint32)
    _, similarity = copies.nearest(numbers[len(known) :], numbers[: len(known)])
    unknown = [task for task, nearest in zip(once, similarity.tolist(), strict=True) if nearest < THRESHOLD]
    reasons = {
        "exact repeats of others": found.exact,
        "copies of tasks that training may have seen": len(once) - len(unknown),
    }
    left_out = tuple(LeftOut("transfer tasks", n, len(tasks), why) for why, n in reasons.items() if n)
    kept, again = find_repeats(unknown)
    return NewTasks(kept, again.other_answers, left_out)
