"""Tasks as texts, before they are encoded: what all workloads of real input have in common."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = ["LeftOut", "TextTask", "texts_digest"]


@dataclass(frozen=True, slots=True)
class TextTask:
    """A query and its right answer."""

    prompt: str
    solution: str
    type: int
    """Index into TASK_TYPES."""
    wrong: Sequence[str] = ()
    """Wrong answers of the task's own. If there are too few, other tasks' solutions fill up."""
    pool: str = ""
    """Other tasks' solutions come from tasks of the same type and pool, as far as there are enough."""
    source: str = ""
    """File or repository that the task is from: a split by file keeps tasks of one source together."""
    category: int = 0
    """Index into CATEGORIES."""
    difficulty: float | None = None
    """In [0, 1]; None to draw it from the seed."""
    id: str = ""
    """The user's own name for the task."""
    group: str = ""
    """Tasks with the same one belong together: they are never in two parts. Empty for none."""
    place: str = ""
    """Where the task stands: `line 12`, or a path and a line."""
    label: str = ""
    """What to call the solution, if its text is made for encoders; empty for the text itself."""
    date: str = ""
    """When it came, an ISO date; empty if unknown. It decides only the order of a stream."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What was there to be read and is in no task."""

    what: str
    """In the plural: `files`."""
    count: int
    of: int
    """Number of all that there were."""
    why: str
    """`could not be parsed`."""
    first: tuple[str, ...] = ()
    """The first of them by name or place."""

    @property
    def sentence(self) -> str:
        """Returns `60 of 120 files left out: could not be parsed (names of five, and 55 more)`."""
        more = [f"and {self.count - len(self.first)} more"] if self.count > len(self.first) else []
        named = f" ({', '.join([*self.first, *more])})" if self.first else ""
        return f"{self.count} of {self.of} {self.what} left out: {self.why}{named}"


def texts_digest(tasks: Iterable[TextTask]) -> str:
    """Returns the SHA-256 (hex) of the tasks: a line of JSON (ASCII) each, a list of the fields in their order.

    Of the last five only a group counts, where there is one: names and places decide nothing.
    """
    digest = hashlib.sha256()
    for task in tasks:
        fields = (task.prompt, task.solution, task.type, list(task.wrong), task.pool, task.source, task.category)
        group = [task.group] if task.group else []
        line = json.dumps([*fields, task.difficulty, *group], ensure_ascii=True, separators=(",", ":"))
        digest.update(line.encode("ascii") + b"\n")
    return digest.hexdigest()
