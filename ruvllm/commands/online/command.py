"""The command ruvllm-online: its options, help and exit codes. actions.py does what they ask for.

Imports only what loads at once, so that --help and usage errors answer at once.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from ruvllm.commands.common import run
from ruvllm.commands.online import texts
from ruvllm.commands.parameters import FILE
from ruvllm.version import __version__

PROGRAM = "ruvllm-online"
SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 110}

store_argument = click.argument("store", metavar="STORE", type=FILE)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")


@click.group(help=texts.ONLINE, context_settings=SETTINGS, no_args_is_help=False)
@click.version_option(__version__, prog_name=PROGRAM)
def command() -> None:
    """Has its work done by a subcommand."""


@command.command("status", help=texts.STATUS, short_help="Is it better, and by how much?", context_settings=SETTINGS)
@store_argument
@json_option
def status_command(store: Path, as_json: bool) -> int:
    """Prints what is served and what it gains."""
    from ruvllm.commands.online import actions

    return actions.show_status(store, as_json)


@command.command("review", help=texts.REVIEW, short_help="Do what the evidence allows.", context_settings=SETTINGS)
@store_argument
@click.option("--dry-run", is_flag=True, help="Say what would be done, and change nothing.")
@json_option
def review_command(store: Path, dry_run: bool, as_json: bool) -> int:
    """Promotes, rolls back, or leaves all as it is."""
    from ruvllm.commands.online import actions

    return actions.review(store, dry_run, as_json)


@command.command("rollback", help=texts.ROLLBACK, short_help="Serve an earlier state.", context_settings=SETTINGS)
@store_argument
@click.option("--to", metavar="STATE", help="identity, or the beginning of a state's name.  [default: the one before]")
@json_option
def rollback_command(store: Path, to: str | None, as_json: bool) -> int:
    """Serves another state by hand."""
    from ruvllm.commands.online import actions

    return actions.rollback(store, to, as_json)


@command.command("freeze", help=texts.FREEZE, short_help="Let nothing that is served change.",
                 context_settings=SETTINGS)  # fmt: skip
@store_argument
@click.option("--off", is_flag=True, help="Allow changes again.")
@json_option
def freeze_command(store: Path, off: bool, as_json: bool) -> int:
    """Freezes, or ends it."""
    from ruvllm.commands.online import actions

    return actions.freeze(store, not off, as_json)


@command.command("verify", help=texts.VERIFY, short_help="Is it what it was written as?", context_settings=SETTINGS)
@store_argument
@click.option("--replay", is_flag=True, help="Learn from the log again: everything must come out the same.")
@json_option
def verify_command(store: Path, replay: bool, as_json: bool) -> int:
    """Checks digests, chains and states."""
    from ruvllm.commands.online import actions

    return actions.verify_store(store, replay, as_json)


@command.command("export", help=texts.EXPORT, short_help="Write a state or the audit log for other programs.",
                 context_settings=SETTINGS)  # fmt: skip
@store_argument
@click.option("--npz", type=FILE, metavar="FILE", help="Write the state as NumPy arrays.")
@click.option("--onnx", type=FILE, metavar="FILE", help="Write the state as an ONNX model, from queries to queries.")
@click.option("--sentence-transformers", "router", type=FILE, metavar="DIR",
              help="Write the state as a Router: queries are adapted, documents are not.")
@click.option("--base", type=FILE, metavar="DIR",
              help="With --sentence-transformers: the saved model that the Router is put behind, in a copy.")
@click.option("--peft", type=FILE, metavar="DIR", help="Write the state as a LoRA adapter of PEFT.")
@click.option("--audit", type=FILE, metavar="FILE", help="Write all decisions, one JSON object per line.")
@click.option("--state", metavar="STATE", help="The beginning of a state's name.  [default: the served one]")
def export_command(store: Path, state: str | None, audit: Path | None, **targets: Path | None) -> int:
    """Writes files."""
    if audit is None and not any(path for name, path in targets.items() if name != "base"):
        raise click.UsageError("say what to write: --npz, --onnx, --sentence-transformers, --peft or --audit")
    if targets["base"] is not None and targets["router"] is None:
        raise click.UsageError("--base is for --sentence-transformers")
    from ruvllm.commands.online import actions

    return actions.export(store, state, audit, actions.Exports(**targets))


@command.command("report", help=texts.REPORT, short_help="Gain over time, decisions, feedback per day and source.",
                 context_settings=SETTINGS)  # fmt: skip
@store_argument
@click.option("--html", type=FILE, metavar="FILE", help="Write one self-contained page: no network, no script.")
def report_command(store: Path, html: Path | None) -> int:
    """Prints or writes the report."""
    from ruvllm.commands.online import actions

    return actions.report(store, html)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command with these words (default: those of the process). Returns its exit code."""
    return run(command, PROGRAM, sys.argv[1:] if arguments is None else arguments)


if __name__ == "__main__":
    sys.exit(main())
