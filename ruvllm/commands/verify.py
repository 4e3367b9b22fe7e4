"""The command ruvllm-verify: arguments, output and exit codes only; verify.py and its neighbours do the work.

Imports beyond click come where they are used, so that --help and usage errors answer at once.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ruvllm.commands.common import FAILED, run
from ruvllm.version import __version__

if TYPE_CHECKING:
    from ruvllm.benchmark.replay import Replay
    from ruvllm.benchmark.replay_input import ReplayInputs
    from ruvllm.checkpoints.verifying import VerifiedCheckpoint

PROGRAM = "ruvllm-verify"
NOT_MEASURED = 4
DEFAULT_FOLDER = "results/checkpoints"


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.argument("files", metavar="[FILE]...", nargs=-1, type=click.Path(path_type=Path))
@click.option("--replay", "replayed", is_flag=True,
              help="Run each file's own run again and say whether every hashed number comes out the same.")
@click.option("--isa", metavar="NAME",
              help="With --replay: on this instruction set; the numbers do not depend on it.  [default: auto]")
@click.option("--corpus", metavar="PATH|jsonl:FILE",
              help="With --replay of real input: its source tree or file of tasks.  [default: the standard library]")
@click.option("--encoder", metavar="NAME",
              help="With --replay of real input: the encoder of the run, as for ruvllm-bench.  [default: hash]")
@click.option("--transfer", metavar="jsonl:FILE", help="With --replay of a run with --transfer: the same file.")
@click.option("--list", "folder", is_flag=False, flag_value=DEFAULT_FOLDER, metavar="[DIR]",
              type=click.Path(path_type=Path),
              help=f"One line for each checkpoint of a folder.  [default: {DEFAULT_FOLDER}]")
@click.option("--compare", nargs=2, metavar="A B", type=click.Path(path_type=Path), help="Two files side by side.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing about files that are good.")
@click.version_option(__version__, prog_name=PROGRAM)
def command(
    files: tuple[Path, ...], folder: Path | None, compare: tuple[Path, Path] | None, **options: Any
) -> int:  # fmt: skip
    """Check that checkpoint files are intact - form, shapes and hashes - and with --replay that they are true.

    For each FILE a summary, what each hash covers and what none does. A file that does not verify is one line on
    standard error; the others are verified all the same. Nothing that a file names is opened or imported.

    \b
    Examples:
      ruvllm-verify results/checkpoints/*.json
      ruvllm-verify --list                          one line each: model, protocol, id, rate, state
      ruvllm-verify --compare A.json B.json         rates, patterns, norms, the first setting that differs
      ruvllm-verify --replay FILE --isa scalar      run it again, here on another instruction set
      ruvllm-verify --replay FILE --corpus TREE     a run of --workload code:TREE; --encoder and --transfer as there

    Exit codes: 0 all is well, 1 a file does not verify or its numbers are not those of its run, 2 wrong usage, 4 a file
    cannot be replayed here: another corpus, another version's numbers, a file of the original system.
    """
    _check_usage(files, folder, compare, options)
    if folder is not None:
        return _list(folder, options)
    if compare is not None:
        return _compare(compare, options)
    if options["replayed"]:
        return _replay_all(files, options)
    return _verify_all(files, options)


def _check_usage(
    files: tuple[Path, ...], folder: Path | None, compare: tuple[Path, Path] | None, options: dict[str, Any]
) -> None:
    chosen = sum((bool(files), folder is not None, compare is not None))
    if chosen == 0:
        raise click.UsageError("Missing argument 'FILE...', --list or --compare")
    if chosen > 1 or (options["replayed"] and not files):
        raise click.UsageError("FILE..., --list and --compare are for one at a time; --replay needs a FILE")
    if not options["replayed"] and any(options[name] for name in ("isa", "corpus", "encoder", "transfer")):
        raise click.UsageError("--isa, --corpus, --encoder and --transfer are for --replay")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; nothing that a file or a user does ends in a traceback."""
    return run(command, PROGRAM, sys.argv[1:] if arguments is None else arguments)


def _verify_all(files: tuple[Path, ...], options: dict[str, Any]) -> int:
    from ruvllm.commands.verify_output import WHAT_A_HASH_SHOWS, summary_json, summary_rows
    from ruvllm.files.json_reading import shown

    as_json, quiet = options["as_json"], options["quiet"]
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
            _print_rows(name, summary_rows(checkpoint))
    all_good = all(record["ok"] for record in records)
    if as_json:
        click.echo(json.dumps({"ok": all_good, "files": records}, indent=1))
    elif not quiet and any(record["ok"] for record in records):
        click.echo(WHAT_A_HASH_SHOWS)
    return 0 if all_good else FAILED


def _verify(file: Path) -> tuple[VerifiedCheckpoint | None, str]:
    from ruvllm.checkpoints.verifying import verify_checkpoint
    from ruvllm.files.json_reading import InvalidFileError

    try:
        return verify_checkpoint(file), ""
    except InvalidFileError as error:
        return None, str(error)
    except MemoryError:
        return None, "does not fit into memory"


def _replay_all(files: tuple[Path, ...], options: dict[str, Any]) -> int:
    from ruvllm.benchmark.replay import OTHER_VERSION
    from ruvllm.benchmark.replay_input import ReplayInputs
    from ruvllm.commands.bench_options import check_isas, check_transfer
    from ruvllm.commands.verify_output import replay_line
    from ruvllm.files.json_reading import shown

    isa = options["isa"] or "auto"
    check_isas([isa], ["auto"])
    check_transfer(options["transfer"])
    inputs = ReplayInputs(options["corpus"], options["encoder"], options["transfer"])
    records: list[dict[str, object]] = []
    code = 0
    for file in files:
        name = shown(str(file), 4096)
        result, reason, failed = _replay(file, name, isa, inputs, options["quiet"])
        if result is None:
            click.echo(f"{PROGRAM}: {name}: {reason}", err=True)
            records.append({"file": name, "outcome": "not replayed", "error": reason})
        else:
            line = f"{name}: {replay_line(result)}"
            records.append({"file": name, **asdict(result)})
            failed = 0 if result.outcome == "same" else FAILED if result.outcome == "different" else NOT_MEASURED
            if failed:
                click.echo(f"{PROGRAM}: {line}", err=True)
            elif not (options["as_json"] or options["quiet"]):
                click.echo(line)
            if result.outcome == OTHER_VERSION and not options["quiet"]:
                click.echo(f"{PROGRAM}: the version that made it is in its run block; only that one can tell", err=True)
        code = FAILED if FAILED in (code, failed) else max(code, failed)
    if options["as_json"]:
        click.echo(json.dumps({"ok": code == 0, "isa": isa, "files": records}, indent=1))
    return code


def _replay(
    file: Path, name: str, isa: str, inputs: ReplayInputs, quiet: bool
) -> tuple[Replay | None, str, int]:
    """The replay, or why there is none and the exit code."""
    from functools import partial

    from rich.console import Console

    from ruvllm.benchmark.rebuild import CannotReplayError, cell_of
    from ruvllm.benchmark.replay import cost_line, replay
    from ruvllm.checkpoints.verifying import verify_document
    from ruvllm.commands.bench_options import make_reporter
    from ruvllm.files.json_reading import InvalidFileError, load_json_object

    reporter = make_reporter(Console(stderr=True), quiet)
    try:
        document = load_json_object(file)
        verify_document(document)
        cell = cell_of(document, inputs.of(document), isa)
        reporter.note(f"{name}: {cost_line(document, cell)}")
        with reporter:
            reporter.start([cell.label])
            result = replay(document, cell, partial(reporter.epoch, cell.label))
        return result, "", 0
    except InvalidFileError as error:
        return None, str(error), FAILED
    except CannotReplayError as error:
        return None, str(error), NOT_MEASURED
    except ValueError as error:  # of the corpus
        return None, f"cannot be replayed: {error}", NOT_MEASURED
    except MemoryError:
        return None, "does not fit into memory", FAILED


def _list(folder: Path, options: dict[str, Any]) -> int:
    from ruvllm.checkpoints.listing import list_checkpoints
    from ruvllm.commands.verify_output import list_rows, summary_json
    from ruvllm.files.json_reading import InvalidFileError, shown

    name = shown(str(folder), 4096)
    try:
        listed = list_checkpoints(folder)
    except InvalidFileError as error:
        click.echo(f"{PROGRAM}: {name}: {error}", err=True)
        return FAILED
    good = all(item.checkpoint is not None for item in listed)
    if options["as_json"]:
        summaries = [{} if item.checkpoint is None else summary_json(item.checkpoint) for item in listed]
        files = [
            {"file": item.name, "state": item.state, **summary}
            for item, summary in zip(listed, summaries, strict=True)
        ]
        click.echo(json.dumps({"ok": good, "folder": name, "files": files}, indent=1))
    elif not listed:
        click.echo(f"{name} has no checkpoints")
    else:
        _print_columns(list_rows(listed, options["quiet"]))
    return 0 if good else FAILED


def _compare(paths: tuple[Path, Path], options: dict[str, Any]) -> int:
    from ruvllm.checkpoints.listing import compare_checkpoints
    from ruvllm.commands.verify_output import compared_rows
    from ruvllm.files.json_reading import InvalidFileError, shown

    names = [shown(str(path), 4096) for path in paths]
    try:
        compared = compare_checkpoints(*paths)
    except InvalidFileError as error:
        click.echo(f"{PROGRAM}: {error}", err=True)
        return FAILED
    if options["as_json"]:
        rows = {name: [a, b] for name, a, b in compared.rows}
        setting = None if compared.setting is None else dict(zip(("field", "a", "b"), compared.setting, strict=True))
        record = {"files": names, "same": compared.same, "firstDifferentSetting": setting, "values": rows}
        click.echo(json.dumps(record, indent=1))
        return 0
    click.echo(f"A  {names[0]}\nB  {names[1]}\n")
    _print_columns(compared_rows(compared))
    return 0


def _print_rows(name: str, rows: list[tuple[str, str]]) -> None:
    if sys.stdout.isatty():
        _print_table(name, rows)
        return
    click.echo(name)
    for label, text in rows:
        click.echo(f"  {label:<13}{text}")


def _print_columns(rows: list[tuple[str, ...]]) -> None:
    """Left-aligned, two spaces between; the last column as it comes."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = [text.ljust(width) for text, width in zip(row[:-1], widths, strict=False)]
        click.echo("  ".join([*cells, row[-1]]).rstrip())


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
