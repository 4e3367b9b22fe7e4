"""The records of what tested tasks are: names, places and beginnings of texts, which stand once in a results file."""

from __future__ import annotations

from ruvllm.results.records import Count, Name, Record

MOST_TASKS = 5_000
"""Tasks of which a results file holds texts; the rest have their names and places only."""
MOST_SOLUTIONS = 4 * MOST_TASKS
"""Right and chosen ones of which a results file holds texts."""
MOST_CHARACTERS = 200
"""Of a text, of a name or of a place: longer ones are cut and end in an ellipsis."""


class TaskEntry(Record, kw_only=True):
    """A task that some run was tested on."""

    task: Count
    """Its number, from 0, in the order of the input."""
    type: Name
    id: str = ""
    """The user's own name for it."""
    place: str = ""
    """`line 12`, or a path and a line."""
    prompt: str | None = None
    """How it begins, white space folded; None where texts were left out."""


class SolutionEntry(Record):
    """How a solution begins that is right for a task or was chosen."""

    solution: Count
    """Its number, as the answers of the runs have it."""
    text: str


class TaskTable(Record, kw_only=True):
    """The tested tasks of all runs."""

    input_tasks: Count
    """Number of tasks in the input, which is also the number of right solutions."""
    rule: str
    """Which texts are there and which were left out, in words."""
    tasks: list[TaskEntry]
    solutions: list[SolutionEntry]
