"""Tasks as texts, before any encoder has seen them: what all workloads of real input have in common."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = ["TextTask", "texts_digest"]


@dataclass(frozen=True, slots=True)
class TextTask:
    """What is asked and what is right."""

    prompt: str
    solution: str
    type: int
    """Index into TASK_TYPES."""
    wrong: Sequence[str] = ()
    """Wrong answers of its own. Where there are too few, other tasks' solutions fill up."""
    pool: str = ""
    """Other tasks' solutions come from tasks of the same type and pool, so far as there are enough."""
    source: str = ""
    """Where it is from: a split by file keeps tasks of one source together."""
    category: int = 0
    """Index into CATEGORIES."""
    difficulty: float | None = None
    """In [0, 1]; None: drawn from the seed."""


def texts_digest(tasks: Iterable[TextTask]) -> str:
    """SHA-256 (hex) over the tasks in their order: one JSON line each, ASCII, keys in the order of the fields."""
    digest = hashlib.sha256()
    for task in tasks:
        fields = (task.prompt, task.solution, task.type, list(task.wrong), task.pool, task.source, task.category)
        line = json.dumps([*fields, task.difficulty], ensure_ascii=True, separators=(",", ":"))
        digest.update(line.encode("ascii") + b"\n")
    return digest.hexdigest()
