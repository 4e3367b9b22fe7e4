"""The command ruvllm-report: its options, help and exit codes. report_actions.py does what they ask for.

Imports only what loads at once, so that --help and usage errors answer at once.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from ruvllm.commands.common import run
from ruvllm.version import __version__

PROGRAM = "ruvllm-report"
SHOW = "show"
SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


class _Commands(click.Group):
    """Takes words that do not begin with the name of a command for results files and options of `show`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or args[0] not in (*self.commands, "-h", "--help", "--version"):
            args = [SHOW, *args]
        return super().parse_args(ctx, args)

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        return ["RESULTS...", "[OPTIONS]"]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Shows the options of `show`, which is what this command does, then the other commands."""
        self.commands[SHOW].format_options(ctx, formatter)
        self.format_commands(ctx, formatter)


@click.group(cls=_Commands, context_settings=SETTINGS, no_args_is_help=False)  # without words: wrong usage, one line
@click.version_option(__version__, prog_name=PROGRAM)
def command() -> None:
    """What do the results of ruvllm-bench say?

    RESULTS are results files, or folders with results files in them. Without an option the main tables are printed. The
    options write the whole report: tables, curves with intervals, reliability, task types, ablation, forgetting,
    instruction sets, and where every number comes from.

    \b
    Examples:
      ruvllm-report results --html report.html         one page, to open in a browser or to send to someone
      ruvllm-report results --markdown docs/README.md  the leaderboard, and small-model-comparison.md beside it
      ruvllm-report a.json b.json --plots plots        every figure as PNG and SVG
      ruvllm-report results --csv results.csv          every number of every run, one per row
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
              help="Write smaller copies of the results files, without single answers. Their report is the same.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but what is wrong.")
def show_command(results: tuple[Path, ...], quiet: bool, **paths: Path | None) -> int:
    """Prints or writes the report. This is the default command: its help is that of ruvllm-report."""
    if not results:
        raise click.UsageError("name results files, or folders with results files in them")
    from ruvllm.commands import report_actions

    return report_actions.show(results, report_actions.Targets(**paths), quiet)


def _refuse_nan(_: click.Context, __: click.Parameter, value: float | None) -> float | None:
    if value is not None and math.isnan(value):  # FloatRange lets it pass
        raise click.BadParameter(f"{value} is not in the range 0<=x<=100.")
    return value


@command.command("compare", context_settings=SETTINGS)
@click.argument("a", metavar="A", type=click.Path(path_type=Path))
@click.argument("b", metavar="B", type=click.Path(path_type=Path))
@click.option("--margin", type=click.FloatRange(0, 100), metavar="M", callback=_refuse_nan,
              help="Test for non-inferiority: B may be up to M points of resolve rate below A.")
@click.option("--json", "as_json", is_flag=True,
              help="Print one JSON object on standard output, and nothing else there.")
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
    from ruvllm.commands import report_actions

    return report_actions.compare_files((a, b), margin, as_json)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command with these words (default: those of the process). Returns its exit code."""
    return run(command, PROGRAM, sys.argv[1:] if arguments is None else arguments)


if __name__ == "__main__":
    sys.exit(main())
