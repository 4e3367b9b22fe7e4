"""What ruvllm-report does: reads results files, and prints, writes or compares what they say."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import click
from msgspec import to_builtins
from rich.console import Console
from rich.markup import escape

from ruvllm.commands.common import FAILED, NOT_MEASURED, Failure, failures
from ruvllm.commands.streams import optional_output
from ruvllm.files.json_reading import InvalidFileError, shown_path
from ruvllm.files.json_writing import to_json
from ruvllm.report.comparison_table import print_comparison
from ruvllm.report.contents import make_report
from ruvllm.report.output import Targets, missing_packages, write_report
from ruvllm.report.parts import Report
from ruvllm.report.screen import print_report
from ruvllm.results.compare import compare, judge, make_comparison_document
from ruvllm.results.pairing import AnsweredRuns, CannotCompareError, OtherKindError, read_answers
from ruvllm.results.reading import Collection, read_sources

__all__ = ["PROGRAM", "Targets", "compare_files", "read_results", "show"]

PROGRAM = "ruvllm-report"
MATPLOTLIB_VARIABLE = "MPLCONFIGDIR"
MOST_NAMED = 5
"""Files of a folder that a message names."""


class NotMeasurable(Failure):
    """Ends a command with one line for the user and exit code 4."""

    exit_code = NOT_MEASURED


def show(results: Sequence[Path], targets: Targets, quiet: bool, details: bool = False) -> int:
    """Writes the report of the results to the targets, or prints it if there are none. Returns FAILED if a file is
    broken. What is not shown is named on standard error.
    """
    missing = missing_packages(targets)
    if missing:
        raise Failure(f"needs {' and '.join(missing)}: pip install 'ruvllm[report]'")
    collection = read_results(results, quiet)
    if collection.sources:
        report = make_report(collection)
        for line in () if quiet else report.left_out:
            click.echo(f"{PROGRAM}: {line}", err=True)
        lines = _write(report, collection, targets, quiet) if targets.any else []
        if not quiet:
            _print(None if targets.any else report, lines, details)
    elif not collection.broken:
        raise Failure("no results to report")
    return FAILED if collection.broken else 0


def read_results(results: Sequence[Path], quiet: bool) -> Collection:
    with _busy("Reading results", quiet) as show_step:
        collection = read_sources(results, show_step)
    for line in (*collection.broken, *([] if quiet else collection.others)):
        click.echo(f"{PROGRAM}: {line}", err=True)
    return collection


def _write(report: Report, collection: Collection, targets: Targets, quiet: bool) -> list[str]:
    """Writes the report. Returns a line about each file."""
    with failures(OSError), _folder_for_matplotlib(), _busy("Writing", quiet) as show_step:
        return write_report(report, collection, targets, show_step)


@contextmanager
def _folder_for_matplotlib() -> Iterator[None]:
    """Gives Matplotlib a temporary folder where it cannot write into its own, of which it would warn in many lines."""
    named = os.environ.get(MATPLOTLIB_VARIABLE)
    own = [named] if named else [
        os.path.join(os.environ.get(name) or os.path.expanduser(f"~/{default}"), "matplotlib")
        for name, default in (("XDG_CONFIG_HOME", ".config"), ("XDG_CACHE_HOME", ".cache"))
    ]  # fmt: skip
    if all(map(_can_be_written, own)):
        yield
        return
    with tempfile.TemporaryDirectory(prefix="ruvllm-", ignore_cleanup_errors=True) as folder:
        os.environ[MATPLOTLIB_VARIABLE] = folder
        yield


def _can_be_written(folder: str) -> bool:
    with suppress(OSError):
        os.makedirs(folder, exist_ok=True)
        return os.access(folder, os.W_OK)
    return False


def _print(report: Report | None, lines: Sequence[str], details: bool) -> None:
    console = Console()
    if report is not None:
        print_report(console, report, details)
    with optional_output(PROGRAM, "the files are written"):
        for line in lines:
            console.print(line, markup=False, highlight=False, soft_wrap=True)


def compare_files(paths: tuple[Path, Path], margin: float | None, as_json: bool) -> int:
    """Compares two results files and prints the verdict. Returns its exit code."""
    paths = _results_file(paths[0]), _results_file(paths[1])
    a, b = (shown_path(path) for path in paths)
    try:
        with _busy(f"Comparing {a} and {b}"):
            comparison = compare(*map(_read, paths))
    except CannotCompareError as error:
        raise NotMeasurable(f"cannot compare: {error}") from error
    except MemoryError as error:
        raise Failure("the two files do not fit into memory") from error
    verdict = judge(comparison, margin)
    document = make_comparison_document((a, b), comparison, margin, verdict)
    if as_json:
        click.echo(to_json(to_builtins(document)), nl=False)
    else:
        print_comparison(Console(), document)
    return verdict.exit_code


def _results_file(path: Path) -> Path:
    """Returns the path of a file, or of the only benchmark results in a folder."""
    if not path.is_dir():
        return path
    files = sorted(path.glob("benchmark-*.json")) or sorted(path.glob("*.json"))
    if len(files) == 1:
        return files[0]
    if not files:
        raise Failure(f"{shown_path(path)} is a folder without results files")
    newest = [shown_path(file) for file in files[: -MOST_NAMED - 1 : -1]]
    more = f" and {len(files) - MOST_NAMED} more" if len(files) > MOST_NAMED else ""
    raise Failure(f"{shown_path(path)} has {len(files)} results files, name one: {', '.join(newest)}{more}")


def _read(path: Path) -> AnsweredRuns:
    try:
        return read_answers(path)
    except InvalidFileError as error:
        kind = NotMeasurable if isinstance(error, OtherKindError) else Failure
        raise kind(f"{shown_path(path)}: {error}") from error


@contextmanager
def _busy(what: str, quiet: bool = False) -> Iterator[Callable[[str], None]]:
    """Shows on a terminal that work goes on, because many files take a while. Yields a function that names the step."""
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield lambda _: None
        return
    with console.status(escape(what)) as status:
        yield lambda step: status.update(escape(f"{what}: {step}"))
