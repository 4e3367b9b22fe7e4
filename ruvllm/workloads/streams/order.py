"""The order in which tasks come: by date, or as they stand in the file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from ruvllm.workloads.splits import Numbers
from ruvllm.workloads.tasks import TextTask

__all__ = ["StreamOrder", "order_of", "parse_date"]


@dataclass(frozen=True, slots=True, eq=False)
class StreamOrder:
    """In which order n tasks come, and why."""

    numbers: Numbers
    """(n,): the task that comes at each place."""
    words: str
    """`by date`, or `as in the file` with the reason."""
    by_date: bool


def parse_date(text: str) -> datetime:
    """Reads an ISO date, with a time or without; one without a zone is universal time. Raises ValueError."""
    found = datetime.fromisoformat(text.strip())
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def order_of(tasks: Sequence[TextTask]) -> StreamOrder:
    """By date if each task has one; tasks of one date, and tasks without, come as they stand in the file."""
    in_file = np.arange(len(tasks), dtype=np.uint32)
    dates: list[datetime] = []
    undated = 0
    for task in tasks:
        try:
            dates.append(parse_date(task.date))
        except ValueError:
            undated += 1
    if undated == len(tasks):
        return StreamOrder(in_file, "as in the file, which has no dates", False)
    if undated:
        return StreamOrder(in_file, f"as in the file, where {undated} of {len(tasks)} tasks have no date", False)
    order = sorted(range(len(tasks)), key=lambda i: dates[i])
    return StreamOrder(np.array(order, dtype=np.uint32), "by date", True)
