"""What ruvllm-verify does: verifies, replays, lists and compares checkpoints, and prints what came of it."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ruvllm.benchmark.rebuild import CannotReplayError, cell_of
from ruvllm.benchmark.replay import DIFFERENT, OTHER_VERSION, SAME, Replay, ReplayInputs, cost_line, replay
from ruvllm.checkpoints.listing import compare_checkpoints, list_checkpoints
from ruvllm.checkpoints.verifying import verify_checkpoint, verify_document
from ruvllm.commands.common import FAILED, NOT_MEASURED, Failure
from ruvllm.commands.loading import guard_output
from ruvllm.commands.progress import QuietReporter, make_reporter
from ruvllm.commands.verify_output import (
    WHAT_A_HASH_SHOWS,
    compared_rows,
    list_rows,
    replay_line,
    summary_json,
    summary_rows,
)
from ruvllm.files.json_reading import InvalidFileError, load_json_object, shown_path

__all__ = ["ReplayInputs", "compare", "list_folder", "replay_files", "verify_files"]

PROGRAM = "ruvllm-verify"
CHECKPOINTS = "checkpoints"
"""Folder in which runs leave them."""
TOO_LARGE = "does not fit into memory"


def verify_files(files: Sequence[Path], as_json: bool, quiet: bool) -> int:
    """Verifies each file and prints its summary. Returns FAILED if one does not verify."""
    records = [_verify(file, show_summary=not (as_json or quiet)) for file in files]
    good = [bool(record["ok"]) for record in records]
    if as_json:
        _print_json({"ok": all(good), "files": records})
    elif not quiet and any(good):
        click.echo(WHAT_A_HASH_SHOWS)
    return 0 if all(good) else FAILED


def _verify(file: Path, show_summary: bool) -> dict[str, object]:
    name = shown_path(file)
    try:
        checkpoint = verify_checkpoint(file)
    except (InvalidFileError, MemoryError) as error:
        reason = TOO_LARGE if isinstance(error, MemoryError) else f"{error}{_hint(file)}"
        _complain(f"{name}: {reason}")
        return {"file": name, "ok": False, "error": reason}
    if show_summary:
        _print_summary(name, summary_rows(checkpoint))
    return {"file": name, "ok": True, **summary_json(checkpoint)}


def replay_files(files: Sequence[Path], isa: str, inputs: ReplayInputs, as_json: bool, quiet: bool) -> int:
    """Replays each file and prints what came of it. Returns FAILED before NOT_MEASURED before 0."""
    ends = []
    guard_output(quiet)
    for file in files:
        end = _replay(file, isa, inputs, make_reporter(quiet))
        if end.exit_code:
            _complain(end.line)
        elif not (as_json or quiet):
            click.echo(end.line)
        if end.record["outcome"] == OTHER_VERSION and not quiet:
            _complain("the version that made it is in its run block; only that one can tell")
        ends.append(end)
    codes = {end.exit_code for end in ends}
    code = FAILED if FAILED in codes else max(codes)
    if as_json:
        _print_json({"ok": code == 0, "isa": isa, "files": [end.record for end in ends]})
    return code


@dataclass(frozen=True, slots=True)
class _End:
    """How the replay of one file ended."""

    line: str
    exit_code: int
    record: Mapping[str, object]
    """For --json."""


def _replay(file: Path, isa: str, inputs: ReplayInputs, reporter: QuietReporter) -> _End:
    name = shown_path(file)
    try:
        result = _run_again(file, name, isa, inputs, reporter)
    except MemoryError:
        reason, code = TOO_LARGE, FAILED
    except InvalidFileError as error:
        reason, code = str(error), FAILED
    except CannotReplayError as error:
        reason, code = str(error), NOT_MEASURED
    except ValueError as error:  # from reading the input
        reason, code = f"cannot be replayed: {error}", NOT_MEASURED
    else:
        code = {SAME: 0, DIFFERENT: FAILED}.get(result.outcome, NOT_MEASURED)
        return _End(f"{name}: {replay_line(result)}", code, {"file": name, **asdict(result)})
    return _End(f"{name}: {reason}", code, {"file": name, "outcome": "not replayed", "error": reason})


def _run_again(file: Path, name: str, isa: str, inputs: ReplayInputs, reporter: QuietReporter) -> Replay:
    with reporter:
        reading = f"reading {file.name}"
        reporter.work(reading, 0, 1)
        document = load_json_object(file)
        verify_document(document)
        reporter.work(reading, 1, 1)
        cell = cell_of(document, inputs.of(document, reporter.work, reporter.note), isa)
    reporter.note(f"{name}: {cost_line(document, cell)}")
    with reporter:
        reporter.start([cell.label])
        return replay(document, cell, partial(reporter.epoch, cell.label))


def list_folder(folder: Path, as_json: bool, quiet: bool) -> int:
    """Prints a line for each checkpoint of a folder. Returns FAILED if one does not verify."""
    name = shown_path(folder)
    try:
        listed = list_checkpoints(folder)
    except InvalidFileError as error:
        raise Failure(f"{name}: {error}{_hint(folder)}") from error
    good = all(item.checkpoint is not None for item in listed)
    if as_json:
        summaries = [{} if item.checkpoint is None else summary_json(item.checkpoint) for item in listed]
        files = [{"file": e.name, "state": e.state, **summary} for e, summary in zip(listed, summaries, strict=True)]
        _print_json({"ok": good, "folder": name, "files": files})
    elif not listed:
        click.echo(f"{name} has no checkpoints")
    else:
        _print_columns(list_rows(listed, quiet))
    return 0 if good else FAILED


def compare(paths: tuple[Path, Path], as_json: bool) -> int:
    """Prints two checkpoints side by side."""
    names = [shown_path(path) for path in paths]
    try:
        compared = compare_checkpoints(*paths)
    except InvalidFileError as error:
        raise Failure(str(error)) from error
    if as_json:
        rows = {name: [a, b] for name, a, b in compared.rows}
        setting = None if compared.setting is None else dict(zip(("field", "a", "b"), compared.setting, strict=True))
        _print_json({"files": names, "same": compared.same, "firstDifferentSetting": setting, "values": rows})
    else:
        click.echo(f"A  {names[0]}\nB  {names[1]}\n")
        _print_columns(compared_rows(compared))
    return 0


def _hint(path: Path) -> str:
    """Returns what to do about a path that is no file."""
    if path.is_dir():
        return f"; --list {shown_path(path)} lists the checkpoints in it"
    if not path.exists() and (path.parent.name == CHECKPOINTS or path.name == CHECKPOINTS):
        return "; a run with --keep none leaves no checkpoints"
    return ""


def _complain(line: str) -> None:
    click.echo(f"{PROGRAM}: {line}", err=True)


def _print_json(record: Mapping[str, object]) -> None:
    click.echo(json.dumps(record, indent=1))


def _print_summary(name: str, rows: Sequence[tuple[str, str]]) -> None:
    if not sys.stdout.isatty():
        click.echo("\n".join([name, *(f"  {label:<13}{text}" for label, text in rows)]))
        return
    table = Table.grid(padding=(0, 2))
    for label, text in rows:  # Text: brackets in a file's strings are not mark-up
        table.add_row(Text(f"  {label}", style="dim"), Text(text, style="green" if text.startswith("OK") else ""))
    console = Console(file=sys.stdout, highlight=False)
    console.print(Text(name, style="bold"))
    console.print(table)


def _print_columns(rows: Sequence[tuple[str, ...]]) -> None:
    """Prints left-aligned columns, two spaces apart. The last column is not padded."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [text.ljust(width) for text, width in zip(row[:-1], widths, strict=False)]
        click.echo("  ".join([*cells, row[-1]]).rstrip())
