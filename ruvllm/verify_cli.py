"""The command ruvllm-verify: arguments, output and exit codes only; verify.py does the work.

Imports beyond click come where they are used, so that --help and usage errors answer at once.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ruvllm.command_line import run
from ruvllm.version import __version__

if TYPE_CHECKING:
    from ruvllm.verify import VerifiedCheckpoint

PROGRAM = "ruvllm-verify"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing about files that verify.")
@click.version_option(__version__, prog_name=PROGRAM)
def command(files: tuple[Path, ...], as_json: bool, quiet: bool) -> int:
    """Check that checkpoint files are intact: form, shapes and hashes.

    For each FILE a summary, what each hash covers and what none does. A file that does not verify is one line on
    standard error; the others are verified all the same.

    \b
    Examples:
      ruvllm-verify results/checkpoints/*.json   all checkpoints of the runs so far
      ruvllm-verify --json FILE                  for other programs

    Exit codes: 0 all files verify, 1 at least one does not, 2 wrong usage.
    """
    from ruvllm.json_file import shown
    from ruvllm.verify_report import WHAT_A_HASH_SHOWS, summary_json

    records: list[dict[str, object]] = []
    for file in files:
        name = shown(str(file), 4096)
        checkpoint, reason = _verify(file)
        if checkpoint is None:
            click.echo(f"{PROGRAM}: {name}: {reason}", err=True)
            records.append({"file": name, "ok": False, "error": reason})
            continue
        records.append({"file": name, "ok": True, **summary_json(checkpoint)})
        if not (as_json or quiet):
            _print_summary(name, checkpoint)
    all_good = all(record["ok"] for record in records)
    if as_json:
        click.echo(json.dumps({"ok": all_good, "files": records}, indent=1))
    elif not quiet and any(record["ok"] for record in records):
        click.echo(WHAT_A_HASH_SHOWS)
    return 0 if all_good else 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; nothing that a file or a user does ends in a traceback."""
    return run(command, PROGRAM, sys.argv[1:] if arguments is None else arguments)


def _verify(file: Path) -> tuple[VerifiedCheckpoint | None, str]:
    from ruvllm.json_file import InvalidFileError
    from ruvllm.verify import verify_checkpoint

    try:
        return verify_checkpoint(file), ""
    except InvalidFileError as error:
        return None, str(error)
    except MemoryError:
        return None, "does not fit into memory"


def _print_summary(name: str, checkpoint: VerifiedCheckpoint) -> None:
    from ruvllm.verify_report import summary_rows

    rows = summary_rows(checkpoint)
    if sys.stdout.isatty():
        _print_table(name, rows)
        return
    click.echo(name)
    for label, text in rows:
        click.echo(f"  {label:<13}{text}")


def _print_table(name: str, rows: list[tuple[str, str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    for label, text in rows:  # Text: brackets in a file's strings are not mark-up
        table.add_row(Text(f"  {label}", style="dim"), Text(text, style="green" if text.startswith("OK") else ""))
    console = Console(file=sys.stdout, highlight=False)
    console.print(Text(name, style="bold"))
    console.print(table)
