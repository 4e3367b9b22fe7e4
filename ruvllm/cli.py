"""The command ruvllm-bench: arguments, output and exit codes only; benchmark.py does the work.

Imports beyond click come where they are used, so that --help and usage errors answer at once.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ruvllm.command_line import FAILED, discard_output, run
from ruvllm.version import __version__

if TYPE_CHECKING:
    from rich.console import Console

    from ruvllm.benchmark import Options
    from ruvllm.corpus import Corpus
    from ruvllm.progress import QuietReporter

PROGRAM = "ruvllm-bench"
WORSE = 3
MAX_SEED = 2**53 - 1
PROTOCOLS = ("v1", "v2", "v3")
ISAS = ("auto", "scalar", "sse4.1", "avx2", "avx512", "neon")


class Failure(click.ClickException):
    """One line for the user and exit code 1."""

    exit_code = FAILED


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option("--profile", type=click.Choice(["quick", "standard", "full"]), default="full", show_default=True,
              help="How many epochs and tasks: for v3 6x40, 8x60 or 12x120. quick runs the first three models.")
@click.option("--protocol", type=click.Choice([*PROTOCOLS, "all"]), default="v3", show_default=True,
              help="Which version of the learning stack: v1 one adapter, v2 curriculum, v3 all of it.")
@click.option("--models", "model_names", multiple=True, metavar="NAME",
              help="Only this model; may be given several times or as a list with commas.")
@click.option("--workload", default="simulated", show_default=True, metavar="simulated|code[:PATH]",
              help="Tasks made from keys, or from a Python source tree: the interpreter's standard library by default.")
@click.option("--split", type=click.Choice(["file", "function"]), default="file", show_default=True,
              help="Code only. file: test on files never seen. function: the files are known, the queries are new.")
@click.option("--rank", type=click.IntRange(1, 256), help="LoRA rank, instead of the protocol's.")
@click.option("--seed", type=click.IntRange(0, MAX_SEED), default=0, show_default=True, help="First seed.")
@click.option("--seeds", type=click.IntRange(1, 1000), metavar="N",
              help="Run N seeds from --seed on; means and intervals over them.  [default: 1; code: 3]")
@click.option("--jobs", type=click.IntRange(1, 256), default=1, show_default=True,
              help="Runs at the same time. The results do not depend on it.")
@click.option("--isa", type=click.Choice(ISAS), default="auto", show_default=True,
              help="Instruction set of the kernels. The results do not depend on it.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("results"), show_default=True,
              help="Folder for benchmark-*.json and checkpoints/*.json.")
@click.option("--json", "as_json", is_flag=True, help="Print the results file on standard output, nothing else there.")
@click.option("-q", "--quiet", is_flag=True, help="No progress and no table.")
@click.version_option(__version__, prog_name=PROGRAM)
def command(**arguments: Any) -> int:
    """Does a small model get better from use, and is that true?

    Runs the learning stack on tasks, for up to six models, beside three controls: nothing learned, random gradients,
    shuffled answers. Prints the table, saves the results and a checkpoint per model, which ruvllm-verify checks.

    \b
    Examples:
      ruvllm-bench --profile full                     the report's final table
      ruvllm-bench --profile full --seeds 3 --jobs 2  the same over seeds 0, 1 and 2
      ruvllm-bench --workload code --split function   docstring to code, on the standard library
      ruvllm-bench --models Phi-3-mini-4k --json      for other programs

    Exit codes: 0 done, 1 something failed, 2 wrong usage, 3 a model ended below its frozen start (its gain's 95%
    interval lies below 0).
    """
    quiet, as_json = arguments["quiet"], arguments["as_json"]
    options = _options(arguments)
    _prepare_folders(arguments["out"])
    from rich.console import Console

    reporter = _reporter(Console(stderr=True), quiet)
    corpus = _read_corpus(arguments["workload"], reporter)
    document = _run(options, corpus, arguments["out"], arguments["jobs"], reporter)
    path = _save(document, arguments["out"])
    try:
        if as_json:
            click.echo(_json_text(document), nl=False)
        elif not quiet:
            _show(Console(), document, path)
    except (BrokenPipeError, SystemExit):  # rich makes the second of the first; the results are saved all the same
        discard_output()
    worse = [s["model"] for s in document["summaries"] if s["gainCI95"][1] < 0]
    if worse:
        click.echo(f"{PROGRAM}: worse than the frozen start, beyond chance: {', '.join(worse)}", err=True)
        return WORSE
    return 0


def _options(arguments: dict[str, Any]) -> Options:
    from ruvllm.benchmark import Options, models_of
    from ruvllm.models import find_models

    kind = arguments["workload"].partition(":")[0]
    if kind not in ("simulated", "code") or arguments["workload"] == "code:" or (
        kind == "simulated" and arguments["workload"] != "simulated"
    ):
        raise click.BadParameter(
            f"must be simulated, code or code:PATH, not {arguments['workload']!r}", param_hint="'--workload'"
        )
    names = [name.strip() for text in arguments["model_names"] for name in text.split(",")]
    try:
        models = find_models(names) if names else models_of(kind, arguments["profile"])
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="'--models'") from error
    protocol, seed = arguments["protocol"], arguments["seed"]
    seeds = arguments["seeds"] or (3 if kind == "code" else 1)
    if seed + seeds - 1 > MAX_SEED:
        raise click.BadParameter(f"the last seed must be at most {MAX_SEED}", param_hint="'--seeds'")
    return Options(
        protocols=PROTOCOLS if protocol == "all" else (protocol,),
        profile=arguments["profile"],
        models=models,
        workload=kind,
        split=arguments["split"],
        seeds=tuple(range(seed, seed + seeds)),
        rank=arguments["rank"],
        isa=_checked_isa(arguments["isa"]),
    )


def _checked_isa(isa: str) -> str:
    from ruvllm._core import active_isa, available_isas

    try:
        active_isa()  # RUVLLM_ISA may name one that is not there
    except ValueError as error:
        raise click.UsageError(f"RUVLLM_ISA: {error}") from error
    if isa not in ("auto", *available_isas()):
        raise click.BadParameter(
            f"{isa} is not available on this CPU; there is {', '.join(available_isas())}", param_hint="'--isa'"
        )
    return isa


def _prepare_folders(out: Path) -> None:
    """An output folder that cannot be written is found out before the first epoch."""
    from ruvllm.files import UnwritableFolderError, ensure_writable_folder

    try:
        ensure_writable_folder(out)
        ensure_writable_folder(out / "checkpoints")
    except UnwritableFolderError as error:
        raise Failure(str(error)) from error


def _read_corpus(workload: str, reporter: QuietReporter) -> Corpus | None:
    from ruvllm.corpus import read_corpus

    kind, _, path = workload.partition(":")
    if kind != "code":
        return None
    reporter.note(f"Reading Python source: {path or 'the standard library'}")
    try:
        return read_corpus(path or None)
    except ValueError as error:
        raise Failure(str(error)) from error


def _reporter(console: Console, quiet: bool) -> QuietReporter:
    from ruvllm.progress import BarReporter, LineReporter, QuietReporter

    if quiet:
        return QuietReporter()
    return BarReporter(console) if console.is_terminal else LineReporter(console)


def _run(options: Options, corpus: Corpus | None, out: Path, jobs: int, reporter: QuietReporter) -> dict[str, Any]:
    from ruvllm.benchmark import make_cells, run_cells
    from ruvllm.checkpoint import CheckpointConflictError
    from ruvllm.results import make_document

    try:
        with reporter:
            results = run_cells(make_cells(options, corpus), out / "checkpoints", jobs, reporter)
    except (CheckpointConflictError, ValueError, OSError) as error:
        raise Failure(str(error)) from error
    return make_document(results, [PROGRAM, *click.get_current_context().obj], options.isa)


def _json_text(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=1, allow_nan=False) + "\n"


def _save(document: dict[str, Any], out: Path) -> Path:
    """Writes the results file under a name of its own."""
    from ruvllm.files import write_atomically

    stamp = document["created"].replace("-", "").replace(":", "")
    path = out / f"benchmark-{stamp}-{secrets.token_hex(4)}.json"
    try:
        write_atomically(path, _json_text(document).encode())
    except OSError as error:
        raise Failure(f"cannot write {path}: {error.strerror}") from error
    return path


def _show(console: Console, document: dict[str, Any], path: Path) -> None:
    from ruvllm.tables import print_results

    print_results(console, document)
    checkpoints = path.parent / "checkpoints"
    console.print(f"Results: {path}; checkpoints: {checkpoints}{os.sep}", markup=False, highlight=False, soft_wrap=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    return run(command, PROGRAM, words, when_interrupted="interrupted; checkpoints that were written stay")


if __name__ == "__main__":
    sys.exit(main())
