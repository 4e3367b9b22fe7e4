"""Single tasks for other programs: one JSON document with every attempt, or a CSV with a row for each task."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Sequence
from typing import TypeVar

from msgspec import structs

from ruvllm.files.json_reading import shown
from ruvllm.report.tasks.cards import most_chosen
from ruvllm.report.tasks.selection import Found, Selection
from ruvllm.results.outcomes import RESOLVE, RETRIEVAL, Choice, SingleTask, outcome_counts
from ruvllm.results.records import SCHEMA, Record
from ruvllm.version import __version__

__all__ = ["COLUMNS", "TaskListDocument", "make_task_list", "tasks_csv"]

COLUMNS = (
    "file", "input", "protocol", "model", "seed", "task", "id", "place", "type", "category", "difficulty", "outcome",
    "runs", "right_before", "right_after", "confidence_before", "confidence_after", "rank_before", "rank_after",
    "prompt", "right", "chosen_before", "chosen_after", "first_before", "first_after",
)  # fmt: skip
LONGEST = 10_000
"""Letters of a cell: texts come from a file, whose author may be a stranger."""
DIGITS = 4

T = TypeVar("T")


class ListedTask(SingleTask, kw_only=True):
    """A task with its outcome."""

    outcome: str


class ListedTasks(Record, kw_only=True):
    """The selected tasks of one model and protocol of a file."""

    file: str
    name: str = ""
    """What the user calls the run."""
    input: str
    workload: str
    protocol: str
    model: str
    seeds: list[int]
    folds: int | None = None
    texts: str
    """Which texts the file holds, in words; empty for none."""
    counts: dict[str, int]
    """Of all its tasks, by outcome."""
    tasks: list[ListedTask]


class TaskListDocument(Record, kw_only=True, tag_field="kind", tag="tasks"):
    """What `ruvllm-report tasks --json` prints."""

    schema: int
    version: str
    measure: str
    outcomes: list[str]
    """That were asked for."""
    sets: list[ListedTasks]
    notes: list[str]
    """What was left out, and why."""


def make_task_list(
    found: Sequence[Found], selection: Selection, outcomes: Sequence[str], notes: Sequence[str], limit: int | None
) -> TaskListDocument:
    """The document; `limit` None for all selected tasks."""
    sets = [
        ListedTasks(
            file=each.file,
            name=each.run_name,
            input=each.everything.input,
            workload=each.everything.workload,
            protocol=each.everything.protocol,
            model=each.everything.model,
            seeds=each.everything.seeds,
            folds=each.everything.folds,
            texts=each.rule,
            counts=outcome_counts(each.everything.tasks, selection.measure),
            tasks=[_listed(task, selection.measure) for task in each.selected.tasks[:limit]],
        )
        for each in found
    ]
    return TaskListDocument(
        schema=SCHEMA,
        version=__version__,
        measure=selection.measure,
        outcomes=list(outcomes),
        sets=sets,
        notes=list(notes),
    )


def _listed(task: SingleTask, measure: str) -> ListedTask:
    return ListedTask(**structs.asdict(task), outcome=task.outcome_by(measure))


def tasks_csv(found: Sequence[Found], selection: Selection, limit: int | None) -> str:
    """A row for each selected task. Confidence is the mean over the runs; ranks and what was chosen are those of most
    runs. Control characters in texts are escaped, for a terminal may show them.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for each in found:
        tested = each.everything
        common = (each.file, tested.input, tested.protocol, tested.model)
        for task in each.selected.tasks[:limit]:
            writer.writerow([_cell(value) for value in (*common, *_row(task, selection.measure))])
    return out.getvalue()


def _row(task: SingleTask, measure: str) -> list[object]:
    before, after = task.times_right(measure)
    (resolved_before, resolved), (first_before, first) = (task.times_right(each) for each in (RESOLVE, RETRIEVAL))
    attempts = task.attempts
    return [
        task.seed, task.task, task.id, task.place, task.type, task.category, task.difficulty, task.outcome_by(measure),
        len(attempts), before, after, task.confidence_initially, task.confidence,
        _usual([each.rank_initially for each in attempts]), _usual([each.rank for each in attempts]),
        task.prompt, task.right,
        _text(task, [each.chosen_initially for each in attempts], resolved_before),
        _text(task, [each.chosen for each in attempts], resolved),
        _text(task, [each.first_initially for each in attempts], first_before),
        _text(task, [each.first for each in attempts], first),
    ]  # fmt: skip


def _usual(values: Sequence[T | None]) -> T | None:
    """The most frequent one."""
    known = Counter(value for value in values if value is not None)
    return known.most_common(1)[0][0] if known else None


def _text(task: SingleTask, choices: Sequence[Choice | None], times_right: int) -> str | None:
    choice, _ = most_chosen(task, choices, times_right)
    return None if choice is None else choice.text


def _cell(value: object) -> object:
    if isinstance(value, float):
        return round(value, DIGITS)
    return shown(value, LONGEST) if isinstance(value, str) else value
