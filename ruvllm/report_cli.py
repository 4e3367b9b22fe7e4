"""The command ruvllm-report: arguments, output and exit codes only; compare.py does the work.

Imports beyond click come where they are used, so that --help and usage errors answer at once.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ruvllm.command_line import FAILED, discard_output, run
from ruvllm.version import __version__

if TYPE_CHECKING:
    from ruvllm.results_file import ResultsFile

PROGRAM = "ruvllm-report"
CANNOT_MEASURE = 4
SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 110}

class Failure(click.ClickException):
    """One line for the user and exit code 1."""

    exit_code = FAILED


class NotMeasurable(click.ClickException):
    """One line for the user and exit code 4."""

    exit_code = CANNOT_MEASURE


@click.group(context_settings=SETTINGS, no_args_is_help=False)  # a missing command is wrong usage: one line
@click.version_option(__version__, prog_name=PROGRAM)
def command() -> None:
    """What do the results of ruvllm-bench say?

    \b
    Examples:
      ruvllm-report compare old.json new.json   is the new run worse, better, or is it chance?
      ruvllm-report compare --help              all about it

    Exit codes: 0 done, 1 a file cannot be read or is broken, 2 wrong usage, 3 measured and worse, 4 could not measure.
    """


@command.command("compare", context_settings=SETTINGS)
@click.argument("a", metavar="A", type=click.Path(path_type=Path))
@click.argument("b", metavar="B", type=click.Path(path_type=Path))
@click.option("--margin", type=click.FloatRange(0, 100), metavar="M", callback=lambda _, __, value: _finite(value),
              help="Non-inferiority: B may be up to M points of resolve rate below A.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output, nothing else there.")
def compare_command(a: Path, b: Path, margin: float | None, as_json: bool) -> int:
    """Is B worse than A? Two results files, paired by task.

    A and B are results files of ruvllm-bench (benchmark-*.json) of the same workload. Tasks are paired by model, seed
    and number; folds of a seed are put together. If each file holds one protocol these two are compared, else each
    protocol with itself. What only one file has is left out, and a note says so.

    For each model: the exact McNemar test of the resolve rates, adjusted over the models by Holm's method; the
    differences in resolve rate, confidence and (code workload) MRR with 95% intervals by paired bootstrap; the smallest
    difference that so many tasks could have shown.

    Without --margin B is worse if a model's resolve rate is lower with a Holm p of at most 0.05, or its whole interval
    of MRR lies below 0. That nothing is shown does not prove that nothing is there. To show that B is not worse, name
    the loss that you would accept with --margin M: a model is worse if its whole interval of resolve rate lies below
    -M points, not worse if none of it does, and otherwise it cannot be told.

    \b
    Examples:
      ruvllm-report compare results/benchmark-old.json results/benchmark-new.json
      ruvllm-report compare v2.json v3.json                one protocol in each: v3 against v2
      ruvllm-report compare old.json new.json --margin 2   for CI: fails unless new is at most 2 points worse
      ruvllm-report compare old.json new.json --json       for other programs

    Exit codes: 0 not worse, 1 a file cannot be read or is broken, 2 wrong usage, 3 worse, 4 could not measure (nothing
    to pair, too few tasks, or no verdict within the margin).
    """
    from rich.console import Console

    from ruvllm.compare import CannotCompareError, compare, judge
    from ruvllm.comparison_results import make_comparison_document, print_comparison
    from ruvllm.json_layout import to_json

    try:
        with _busy(f"Comparing {_name(a)} and {_name(b)}"):
            comparison = compare(_read(a), _read(b))
    except CannotCompareError as error:
        raise NotMeasurable(f"cannot compare: {error}") from error
    except MemoryError as error:
        raise Failure("the two files do not fit into memory") from error
    verdict = judge(comparison, margin)
    record = make_comparison_document((_name(a), _name(b)), comparison, margin, verdict)
    try:
        if as_json:
            click.echo(to_json(record), nl=False)
        else:
            print_comparison(Console(), record)
    except (BrokenPipeError, SystemExit):  # rich makes the second of the first; the verdict stands all the same
        discard_output()
    return verdict.exit_code


def _finite(value: float | None) -> float | None:
    if value is not None and not math.isfinite(value):  # FloatRange lets NaN pass
        raise click.BadParameter(f"{value} is not in the range 0<=x<=100.")
    return value


def _busy(what: str) -> AbstractContextManager[object]:
    """A sign of life on a terminal: many seeds take a while."""
    from rich.console import Console
    from rich.markup import escape

    console = Console(stderr=True)
    return console.status(escape(what)) if console.is_terminal else nullcontext()


def _read(path: Path) -> ResultsFile:
    from ruvllm.json_file import InvalidFileError
    from ruvllm.results_file import OtherKindError, read_results

    try:
        return read_results(path)
    except OtherKindError as error:
        raise NotMeasurable(f"{_name(path)}: {error}") from error
    except InvalidFileError as error:
        raise Failure(f"{_name(path)}: {error}") from error


def _name(path: Path) -> str:
    from ruvllm.json_file import shown

    return shown(str(path), 4096)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code. Nothing that a file or a user does ends in a traceback."""
    return run(command, PROGRAM, sys.argv[1:] if arguments is None else arguments)


if __name__ == "__main__":
    sys.exit(main())
