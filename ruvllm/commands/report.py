"""The command ruvllm-report: arguments, output and exit codes only; report/ and compare.py do the work.

Imports beyond click come where they are used, so that --help and usage errors answer at once.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ruvllm.commands.common import FAILED, discard_output, run
from ruvllm.version import __version__

if TYPE_CHECKING:
    from ruvllm.results.pairing import AnsweredRuns

PROGRAM = "ruvllm-report"
CANNOT_MEASURE = 4
SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 110}

class Failure(click.ClickException):
    """One line for the user and exit code 1."""

    exit_code = FAILED


class NotMeasurable(click.ClickException):
    """One line for the user and exit code 4."""

    exit_code = CANNOT_MEASURE


class _Commands(click.Group):
    """Words that do not begin with the name of a command are results files and options for `show`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or args[0] not in (*self.commands, "-h", "--help", "--version"):
            args = [SHOW, *args]
        return super().parse_args(ctx, args)

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        return ["RESULTS...", "[OPTIONS]"]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Those of `show`, which is what this command does, then the other commands."""
        self.commands[SHOW].format_options(ctx, formatter)
        self.format_commands(ctx, formatter)


SHOW = "show"


@click.group(cls=_Commands, context_settings=SETTINGS, no_args_is_help=False)  # without words: wrong usage, one line
@click.version_option(__version__, prog_name=PROGRAM)
def command() -> None:
    """What do the results of ruvllm-bench say?

    RESULTS are results files, or folders with results files in them. Without an option the main tables are printed; the
    options write the whole report: tables, curves with intervals, reliability, task types, ablation, forgetting,
    instruction sets, and where every number comes from.

    \b
    Examples:
      ruvllm-report results --html report.html         one page, to be opened in a browser or sent to someone
      ruvllm-report results --markdown docs/README.md  the leaderboard, and small-model-comparison.md beside it
      ruvllm-report a.json b.json --plots plots        every figure as PNG and SVG
      ruvllm-report results --csv results.csv          every number of every run, one to a row
      ruvllm-report results                            the main tables, here
      ruvllm-report compare old.json new.json          is the new run worse, better, or is it chance?
      ruvllm-report compare --help                     all about it

    A file that is broken, empty or of another format is left out, and one line says why. --html and --plots need the
    report extra: pip install 'ruvllm[report]'.

    Exit codes: 0 done, 1 a file cannot be read or is broken, 2 wrong usage, 3 measured and worse, 4 could not measure.
    """


@command.command(SHOW, hidden=True, context_settings=SETTINGS)
@click.argument("results", metavar="RESULTS...", nargs=-1, type=click.Path(path_type=Path))
@click.option("--html", type=click.Path(path_type=Path), metavar="FILE",
              help="Write one self-contained page: no network, no script, light and dark, phone and desk.")
@click.option("--markdown", type=click.Path(path_type=Path), metavar="FILE",
              help="Write the leaderboard, and small-model-comparison.md beside it; with --plots, with pictures.")
@click.option("--plots", type=click.Path(path_type=Path), metavar="DIR", help="Write every figure as PNG and SVG.")
@click.option("--csv", type=click.Path(path_type=Path), metavar="FILE",
              help="Write every number of every run as one long table.")
@click.option("--trim", type=click.Path(path_type=Path), metavar="DIR",
              help="Write smaller copies of the results files, without single answers: their report is the same.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but what is wrong.")
def show_command(results: tuple[Path, ...], quiet: bool, **paths: Path | None) -> int:
    """The default command: its help is that of ruvllm-report."""
    from rich.console import Console

    from ruvllm.report.contents import make_report
    from ruvllm.report.output import Targets, missing_packages, print_report, write_report
    from ruvllm.results.reading import read_sources

    if not results:
        raise click.UsageError("name results files, or folders with results files in them")
    targets = Targets(**paths)
    missing = missing_packages(targets)
    if missing:
        raise Failure(f"needs {' and '.join(missing)}: pip install 'ruvllm[report]'")
    with _busy("Reading results", quiet) as told:
        collection = read_sources(results, told)
    for line in (*collection.broken, *([] if quiet else collection.others)):
        click.echo(f"{PROGRAM}: {line}", err=True)
    if not collection.sources:
        if not collection.broken:
            raise Failure("no results to report")
        return FAILED
    report = make_report(collection)
    lines: list[str] = []
    if targets.any:
        try:
            with _busy("Writing", quiet) as told:
                lines = write_report(report, collection, targets, told)
        except OSError as error:
            why = f"cannot write {error.filename}: {error.strerror}" if error.strerror else str(error)
            raise Failure(why) from error
    if not quiet:
        try:
            console = Console()
            if not targets.any:
                print_report(console, report)
            for line in lines:
                console.print(line, markup=False, highlight=False, soft_wrap=True)
        except (BrokenPipeError, SystemExit):
            discard_output()
    return FAILED if collection.broken else 0


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
    from msgspec import to_builtins
    from rich.console import Console

    from ruvllm.files.json_writing import to_json
    from ruvllm.report.comparison_table import print_comparison
    from ruvllm.results.compare import compare, judge, make_comparison_document
    from ruvllm.results.pairing import CannotCompareError

    try:
        with _busy(f"Comparing {_name(a)} and {_name(b)}"):
            comparison = compare(_read(a), _read(b))
    except CannotCompareError as error:
        raise NotMeasurable(f"cannot compare: {error}") from error
    except MemoryError as error:
        raise Failure("the two files do not fit into memory") from error
    verdict = judge(comparison, margin)
    record = to_builtins(make_comparison_document((_name(a), _name(b)), comparison, margin, verdict))
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


@contextmanager
def _busy(what: str, quiet: bool = False) -> Iterator[Callable[[str], None]]:
    """A sign of life on a terminal: many seeds or files take a while. What it gives takes the thing at hand."""
    from rich.console import Console
    from rich.markup import escape

    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield lambda _: None
        return
    with console.status(escape(what)) as status:
        yield lambda thing: status.update(escape(f"{what}: {thing}"))


def _read(path: Path) -> AnsweredRuns:
    from ruvllm.files.json_reading import InvalidFileError
    from ruvllm.results.pairing import OtherKindError, read_answers

    try:
        return read_answers(path)
    except OtherKindError as error:
        raise NotMeasurable(f"{_name(path)}: {error}") from error
    except InvalidFileError as error:
        raise Failure(f"{_name(path)}: {error}") from error


def _name(path: Path) -> str:
    from ruvllm.files.json_reading import shown

    return shown(str(path), 4096)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code. Nothing that a file or a user does ends in a traceback."""
    return run(command, PROGRAM, sys.argv[1:] if arguments is None else arguments)


if __name__ == "__main__":
    sys.exit(main())
