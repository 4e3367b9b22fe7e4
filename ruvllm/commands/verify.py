"""The command ruvllm-verify: its options, help and exit codes. verify_actions.py does what they ask for.

Imports only what loads at once, so that --help and usage errors answer at once.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from ruvllm.commands import help_texts
from ruvllm.commands.common import check_isas, parse_fields, parse_workload, run
from ruvllm.commands.parameters import FILE
from ruvllm.version import __version__
from ruvllm.workloads.spec import WorkloadSpec

PROGRAM = "ruvllm-verify"
DEFAULT_FOLDER = "results/checkpoints"


@click.command(
    help=help_texts.VERIFY,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.argument("files", metavar="[FILE]...", nargs=-1, type=FILE)
@click.option("--replay", "replayed", is_flag=True,
              help="Run each file's own run again and say whether every hashed number comes out the same.")
@click.option("--isa", metavar="NAME",
              help="With --replay: use this instruction set. The numbers do not depend on it.  [default: auto]")
@click.option("--corpus", metavar="PATH|jsonl:FILE",
              help="With --replay of real input: its source tree or file of tasks.  [default: the standard library]")
@click.option("--encoder", metavar="NAME",
              help="With --replay of real input: the encoder of the run, as for ruvllm-bench.  [default: hash]")
@click.option("--transfer", callback=parse_workload("jsonl"), metavar="jsonl:FILE",
              help="With --replay of a run with --transfer: the same file.")
@click.option("--fields", callback=parse_fields, metavar="KEY=NAME,...",
              help="With --replay of a run with --fields: the same.")
@click.option("--test", metavar="FILE", type=FILE,
              help="With --replay of a run with --test: the same file. --corpus names its train file.")
@click.option("--hints", is_flag=True, help="With --replay of a run with --hints.")
@click.option("--list", "folder", is_flag=False, flag_value=DEFAULT_FOLDER, metavar="[DIR]",
              type=FILE,
              help=f"Print one line for each checkpoint of a folder.  [default: {DEFAULT_FOLDER}]")
@click.option("--compare", "compared", nargs=2, metavar="A B", type=FILE,
              help="Print two checkpoints side by side.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing about files that are good.")
@click.version_option(__version__, prog_name=PROGRAM)
def command(
    files: tuple[Path, ...],
    replayed: bool,
    isa: str | None,
    corpus: str | None,
    encoder: str | None,
    transfer: WorkloadSpec | None,
    fields: dict[str, str],
    test: Path | None,
    hints: bool,
    folder: Path | None,
    compared: tuple[Path, Path] | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Does what one of FILE, --list and --compare asks for."""
    subjects = sum((bool(files), folder is not None, compared is not None))
    if subjects == 0:
        raise click.UsageError("Missing argument 'FILE...', --list or --compare")
    if subjects > 1 or (replayed and not files):
        raise click.UsageError("use one of FILE..., --list and --compare; --replay needs a FILE")
    if not replayed and any((isa, corpus, encoder, transfer, fields, test, hints)):
        raise click.UsageError("--isa, --corpus, --encoder, --transfer, --fields, --test and --hints are for --replay")
    if replayed:
        check_isas([isa or "auto"], ["auto"])
    from ruvllm.commands import verify_actions

    if folder is not None:
        return verify_actions.list_folder(folder, as_json, quiet)
    if compared is not None:
        return verify_actions.compare(compared, as_json)
    if replayed:
        other = None if transfer is None else transfer.text
        tested = None if test is None else str(test)
        inputs = verify_actions.ReplayInputs(corpus, encoder, other, fields, tested, hints)
        return verify_actions.replay_files(files, isa or "auto", inputs, as_json, quiet)
    return verify_actions.verify_files(files, as_json, quiet)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command with these words (default: those of the process). Returns its exit code."""
    return run(command, PROGRAM, sys.argv[1:] if arguments is None else arguments)
