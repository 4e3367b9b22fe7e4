"""What `ruvllm-report tasks` does: reads results files and prints, or writes, the single tasks that were asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click
from msgspec import to_builtins
from rich.console import Console

from ruvllm.commands.common import FAILED, Failure, failures
from ruvllm.commands.limits import ALL_OUTCOMES
from ruvllm.commands.report_actions import PROGRAM, read_results
from ruvllm.files.atomic import write_atomically
from ruvllm.files.json_reading import shown_path
from ruvllm.files.json_writing import to_json
from ruvllm.report.tasks.listing import make_task_list, tasks_csv
from ruvllm.report.tasks.screen import print_tasks
from ruvllm.report.tasks.selection import Found, Selection, UnknownNameError, find_tasks
from ruvllm.report.wording import counted
from ruvllm.results.outcomes import OUTCOMES

__all__ = ["Output", "Selection", "show_tasks"]

STANDARD_OUTPUT = Path("-")
TELLING = ("won", "lost")
"""What is shown if no outcome is named."""
LIMIT = 10
"""Tasks of each outcome on a terminal."""


@dataclass(frozen=True, slots=True)
class Output:
    """How and where to."""

    csv: Path | None = None
    """A file, or "-" for standard output."""
    as_json: bool = False
    limit: int | None = None


def show_tasks(results: Sequence[Path], selection: Selection, output: Output) -> int:
    """Returns FAILED if a file is broken."""
    collection = read_results(results, output.as_json or output.csv is not None)
    selection = replace(selection, outcomes=_outcomes(selection))
    with failures(UnknownNameError):
        found, left_out = find_tasks(collection.sources, selection)
    for line in left_out:
        click.echo(f"{PROGRAM}: {line}", err=True)
    if not found and not collection.broken:
        raise Failure("there are no single tasks in these results")
    if found:
        notes = [*collection.broken, *collection.others, *left_out]
        _give_out(found, selection, output, notes)
    return FAILED if collection.broken else 0


def _outcomes(selection: Selection) -> tuple[str, ...]:
    """All outcomes where one task is asked for by name, else those that are named, else those that tell most."""
    if ALL_OUTCOMES in selection.outcomes or (selection.name and not selection.outcomes):
        return OUTCOMES
    return selection.outcomes or TELLING


def _give_out(found: Sequence[Found], selection: Selection, output: Output, notes: Sequence[str]) -> None:
    n = sum(len(each.selected.tasks[: output.limit]) for each in found)
    if output.csv is not None:
        text = tasks_csv(found, selection, output.limit)
        if output.csv != STANDARD_OUTPUT:
            _write(output.csv, text)
            text = f"CSV: {output.csv}, {counted(n, 'task')}\n"
    elif output.as_json:
        text = to_json(to_builtins(make_task_list(found, selection, selection.outcomes, notes, output.limit)))
    if output.csv is not None or output.as_json:
        click.echo(text, nl=False)
    else:
        print_tasks(Console(), found, selection, output.limit or LIMIT)


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text.encode())
    except OSError as error:
        raise Failure(f"cannot write {shown_path(path)}: {error.strerror or error}") from error
