"""The command ruvllm-report: its options, help and exit codes. report_actions.py does what they ask for.

Imports only what loads at once, so that --help and usage errors answer at once.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from ruvllm.commands import help_texts
from ruvllm.commands.common import run
from ruvllm.commands.limits import ALL_OUTCOMES, MAX_SEED, MEASURES, OUTCOMES, PROTOCOLS, TYPES
from ruvllm.commands.parameters import FILE, Number, WholeNumber
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


@click.group(
    cls=_Commands,
    help=help_texts.REPORT,
    context_settings=SETTINGS,
    no_args_is_help=False,  # without words: wrong usage, one line
)
@click.version_option(__version__, prog_name=PROGRAM)
def command() -> None:
    """Has its work done by a subcommand, by `show` if none is named."""


@command.command(SHOW, hidden=True, help=help_texts.SHOW, context_settings=SETTINGS)
@click.argument("results", metavar="RESULTS...", nargs=-1, type=FILE)
@click.option("--html", type=FILE, metavar="FILE",
              help="Write one self-contained page: no network, no script, light and dark, phone and desk.")
@click.option("--markdown", type=FILE, metavar="FILE",
              help="Write the leaderboard, and small-model-comparison.md beside it; with --plots, with pictures.")
@click.option("--plots", type=FILE, metavar="DIR", help="Write every figure as PNG and SVG.")
@click.option("--csv", type=FILE, metavar="FILE",
              help="Write every number of every run as one long table.")
@click.option("--trim", type=FILE, metavar="DIR",
              help="Write small copies of the results files, without single tasks. The report is otherwise the same.")
@click.option("--details", is_flag=True, help="Print every table, not the verdict and the main ones alone.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but what is wrong.")
def show_command(results: tuple[Path, ...], quiet: bool, details: bool, **paths: Path | None) -> int:
    """Prints or writes the report."""
    if not results:
        raise click.UsageError("name results files, or folders with results files in them")
    from ruvllm.commands import report_actions

    return report_actions.show(results, report_actions.Targets(**paths), quiet, details)


@command.command("compare", help=help_texts.COMPARE, context_settings=SETTINGS)
@click.argument("a", metavar="A", type=FILE)
@click.argument("b", metavar="B", type=FILE)
@click.option("--margin", type=Number(0, 100), metavar="M",
              help="Test for non-inferiority: B may be up to M points of resolve rate below A.")
@click.option("--json", "as_json", is_flag=True,
              help="Print one JSON object on standard output, and nothing else there.")
def compare_command(a: Path, b: Path, margin: float | None, as_json: bool) -> int:
    """Compares two results files."""
    from ruvllm.commands import report_actions

    return report_actions.compare_files((a, b), margin, as_json)


@command.command("tasks", help=help_texts.TASKS, context_settings=SETTINGS)
@click.argument("results", metavar="RESULTS...", nargs=-1, type=FILE)
@click.option("--outcome", "outcomes", multiple=True, type=click.Choice([*OUTCOMES, ALL_OUTCOMES]),
              help="Only tasks with this outcome; may be repeated.  [default: won and lost]")
@click.option("--type", "types", multiple=True, type=click.Choice(TYPES), help="Only tasks of this type.")
@click.option("--measure", type=click.Choice(MEASURES), default=MEASURES[0], show_default=True,
              help="What is right. resolve: the right one of the task's candidates was chosen. retrieval: the right "
              "solution stood first among all.")
@click.option("--id", "name", default="", metavar="ID",
              help="One task in full, with the answer of each run: its id, its place or its number.")
@click.option("--model", "models", multiple=True, metavar="NAME", help="Only this model's answers.")
@click.option("--protocol", "protocols", multiple=True, type=click.Choice(PROTOCOLS), help="Only this protocol's.")
@click.option("--seed", "seeds", multiple=True, type=WholeNumber(0, MAX_SEED), metavar="N",
              help="Only the answers under this seed.")
@click.option("--limit", type=WholeNumber(1), metavar="N",
              help="At most N tasks: of each outcome on the screen, of each model in CSV and JSON.  [default: 10 "
              "on the screen]")
@click.option("--csv", type=FILE, metavar="FILE|-",
              help="Write a row for each task into a file, or on standard output.")
@click.option("--json", "as_json", is_flag=True,
              help="Print one JSON object with the answers of all runs on standard output, and nothing else there.")
def tasks_command(
    results: tuple[Path, ...], csv: Path | None, as_json: bool, limit: int | None, **selection: Any
) -> int:
    """Lists single tasks."""
    if not results:
        raise click.UsageError("name results files, or folders with results files in them")
    if csv is not None and as_json:
        raise click.UsageError("--csv and --json are two forms: give one of them")
    from ruvllm.commands import task_actions

    chosen = task_actions.Selection(**selection)
    return task_actions.show_tasks(results, chosen, task_actions.Output(csv, as_json, limit))


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command with these words (default: those of the process). Returns its exit code."""
    return run(command, PROGRAM, sys.argv[1:] if arguments is None else arguments)


if __name__ == "__main__":
    sys.exit(main())
