"""What the runs of ruvllm-bench have in common: their options, their folders and how their results are given out.

Imports beyond click come where they are used, so that --help and usage errors answer at once.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ruvllm.commands.common import FAILED, discard_output
from ruvllm.encoders.registry import ENCODERS, UnknownEncoderError, make_encoder, models_for
from ruvllm.workloads.registry import CODE_TASKS, WORKLOADS
from ruvllm.workloads.spec import parse_spec

if TYPE_CHECKING:
    from rich.console import Console

    from ruvllm.benchmark.plan import Options
    from ruvllm.commands.progress import QuietReporter
    from ruvllm.encoders.base import Encoder
    from ruvllm.results.reading import Document
    from ruvllm.workloads.inputs import RealInput

__all__ = [
    "ISAS",
    "PROGRAM",
    "Failure",
    "Output",
    "Run",
    "check_isas",
    "check_transfer",
    "give_out",
    "make_reporter",
    "output_options",
    "run_options",
    "start",
]

PROGRAM = "ruvllm-bench"
UNFINISHED = "unfinished"
"""Folder beside the checkpoints for what --resume goes on from."""
MAX_SEED = 2**53 - 1
PROTOCOLS = ("v1", "v2", "v3")
ISAS = "scalar|sse4.1|avx2|avx512|neon"
"""For the help, which does not load the core to ask what this CPU has; check_isas() does."""

Function = Callable[..., Any]
Decorator = Callable[[Function], Function]


class Failure(click.ClickException):
    """One line for the user and exit code 1."""

    exit_code = FAILED


def run_options(*, seeds_help: str, several_protocols: bool) -> Decorator:
    """The options of a command that runs models, in the order of its help."""
    protocols = [*PROTOCOLS, "all"] if several_protocols else list(PROTOCOLS)
    options = (
        click.option("--profile", type=click.Choice(["quick", "standard", "full"]), default="full", show_default=True,
                     help="How many epochs and tasks: for v3 6x40, 8x60 or 12x120. quick runs the first three models."),
        click.option("--protocol", type=click.Choice(protocols), default="v3", show_default=True,
                     help="Which version of the learning stack: v1 one adapter, v2 curriculum, v3 all of it."),
        click.option("--models", "model_names", multiple=True, metavar="NAME",
                     help="Only this model; may be given several times or as a list with commas."),
        click.option("--workload", default="simulated", show_default=True,
                     metavar="|".join(entry.form for entry in WORKLOADS.values()),
                     help="Tasks made from keys; from a Python source tree, by default the interpreter's standard "
                     "library; or a file of your own, a task per line, or in SWE-bench's form."),
        click.option("--tasks", "kind", type=click.Choice(CODE_TASKS), default="all", show_default=True,
                     help="Code only. all: the four types. docstring: which of all functions does a docstring "
                     "describe? Or one type alone."),
        click.option("--split", type=click.Choice(["file", "function"]), default="file", show_default=True,
                     help="Code only. file: test on files never seen. function: the files are known, the queries are "
                     "new."),
        click.option("--encoder", "encoder_name", default="hash", show_default=True,
                     metavar="|".join(entry.form for entry in ENCODERS.values()),
                     help="Real input only: what makes vectors of texts. hash: character n-grams, nothing to install. "
                     "MODEL is a folder or a name."),
        click.option("--transfer", metavar="jsonl:FILE",
                     help="Real input only: measure retrieval on these tasks too, of which training sees nothing."),
        click.option("--rank", type=click.IntRange(1, 256), help="LoRA rank, instead of the protocol's."),
        click.option("--seed", type=click.IntRange(0, MAX_SEED), default=0, show_default=True, help="First seed."),
        click.option("--seeds", type=click.IntRange(1, 1000), metavar="N", help=seeds_help),
        click.option("--jobs", type=click.IntRange(1, 256), default=1, show_default=True,
                     help="Runs at the same time. The results do not depend on it."),
        click.option("--isa", default="auto", show_default=True, metavar=f"auto|{ISAS}",
                     help="Instruction set of the kernels. The results do not depend on it."),
        click.option("--resume", is_flag=True,
                     help="Go on where a run of the same arguments into the same folder was stopped."),
        output_options("Folder for the results file and checkpoints."),
    )  # fmt: skip
    return _all_of(options)


def output_options(out_help: str) -> Decorator:
    """The options of every command that gives out results."""
    return _all_of((
        click.option("--out", type=click.Path(path_type=Path), default=Path("results"), show_default=True,
                     help=out_help),
        click.option("--json", "as_json", is_flag=True,
                     help="Print the results file on standard output, nothing else there."),
        click.option("-q", "--quiet", is_flag=True, help="No progress and no table."),
    ))  # fmt: skip


def _all_of(options: Sequence[Decorator]) -> Decorator:
    """All these options, in this order."""

    def decorate(function: Function) -> Function:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


class Output:
    """Where results go to, and how: checked before there are any."""

    def __init__(self, arguments: dict[str, Any], folders: Sequence[str] = ()) -> None:
        from rich.console import Console

        self.out: Path = arguments["out"]
        self.as_json: bool = arguments["as_json"]
        self.quiet: bool = arguments["quiet"]
        self.command = [PROGRAM, *click.get_current_context().find_root().obj]
        _prepare_folders([self.out, *(self.out / folder for folder in folders)])
        self.reporter = make_reporter(Console(stderr=True), self.quiet)


class Run(Output):
    """Checked arguments: what to run, on which input, and where to."""

    def __init__(
        self, arguments: dict[str, Any], options: Options, encoder: Encoder | None, checkpoints: bool
    ) -> None:
        from ruvllm.learning.snapshots import Unfinished

        super().__init__(arguments, (*(["checkpoints"] if checkpoints else []), UNFINISHED))
        self.unfinished = Unfinished(self.out / UNFINISHED, arguments["resume"])
        if not self.unfinished.wanted and any(self.unfinished.folder.iterdir()):
            self.reporter.note(f"unfinished work in {self.unfinished.folder}; with its arguments, --resume goes on")
        self.options = options
        self.jobs: int = arguments["jobs"]
        self.task_input = _read_input(arguments, encoder, self.reporter)


def start(arguments: dict[str, Any], *, default_seeds: int, least_seeds: int = 1, checkpoints: bool = False) -> Run:
    """Checks the arguments of run_options(); everything that can be found out before the first epoch."""
    _check_real_options(arguments)
    encoder = _encoder(arguments["encoder_name"])
    return Run(arguments, _options(arguments, encoder, default_seeds, least_seeds), encoder, checkpoints)


def give_out(run: Output, document: Document, show: Callable[[Console, dict[str, Any]], None]) -> None:
    """Saves the document, then prints it: as JSON, as tables, or not at all."""
    from msgspec import to_builtins
    from rich.console import Console

    from ruvllm.results.document import document_text

    text = document_text(document)
    path = _save(text, document, run.out)
    try:
        if run.as_json:
            click.echo(text, nl=False)
        elif not run.quiet:
            console = Console()
            show(console, to_builtins(document))
            saved = f"Results: {path}"
            if document.kind == "benchmark":
                saved += f"; checkpoints: {path.parent / 'checkpoints'}{os.sep}"
            console.print(saved, markup=False, highlight=False, soft_wrap=True)
    except (BrokenPipeError, SystemExit):  # rich makes the second of the first; the results are saved all the same
        discard_output()


def _options(
    arguments: dict[str, Any], encoder: Encoder | None, default_seeds: int, least_seeds: int
) -> Options:
    from ruvllm.benchmark.plan import Options, models_of
    from ruvllm.encoders.models import find_models

    kind = _workload_kind(arguments["workload"])
    check_isas([arguments["isa"]], ["auto"])
    names = [name.strip() for text in arguments["model_names"] for name in text.split(",")]
    try:
        models = find_models(names) if names else models_of(kind, arguments["profile"])
        if encoder is not None:
            models = models_for(encoder, models if names else None)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="'--models'") from error
    protocol, stream = arguments["protocol"], arguments.get("stream", "mixed")
    return Options(
        protocols=PROTOCOLS if protocol == "all" else (protocol,),
        profile=arguments["profile"],
        models=models,
        workload=kind,
        split=arguments["split"],
        seeds=_seeds(arguments, default_seeds, least_seeds),
        folds=arguments.get("folds"),
        stream=stream,
        controls=arguments.get("controls", False) and stream == "mixed",
        rank=arguments["rank"],
        isa=arguments["isa"],
    )


def _workload_kind(workload: str) -> str:
    try:
        return parse_spec(workload).name
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="'--workload'") from error


def _check_real_options(arguments: dict[str, Any]) -> None:
    """Options that would change nothing are refused."""
    entry = WORKLOADS[_workload_kind(arguments["workload"])]
    if arguments["kind"] not in ("all", *entry.tasks):
        raise click.UsageError("--tasks is for the code workload")
    if not entry.reader and (arguments["encoder_name"] != "hash" or arguments["transfer"] is not None):
        raise click.UsageError("--encoder and --transfer are for real input: --workload code or jsonl:FILE")
    check_transfer(arguments["transfer"])


def check_transfer(spec: str | None) -> None:
    """Refuses another form of --transfer than jsonl:FILE."""
    if spec is not None and not (spec.startswith("jsonl:") and spec != "jsonl:"):
        raise click.BadParameter(f"must be jsonl:FILE, not {spec!r}", param_hint="'--transfer'")


def _encoder(name: str) -> Encoder | None:
    """None for the default one."""
    if name == "hash":
        return None
    try:
        return make_encoder(name)
    except UnknownEncoderError as error:
        raise click.BadParameter(str(error), param_hint="'--encoder'") from error
    except ValueError as error:
        raise Failure(str(error)) from error


def _seeds(arguments: dict[str, Any], default: int, least: int) -> tuple[int, ...]:
    first, n = arguments["seed"], arguments["seeds"] or default
    if n < least:
        raise click.BadParameter(f"an interval over seeds needs at least {least}", param_hint="'--seeds'")
    if first + n - 1 > MAX_SEED:
        raise click.BadParameter(f"the last seed must be at most {MAX_SEED}", param_hint="'--seeds'")
    return tuple(range(first, first + n))


def check_isas(names: Sequence[str], others: Sequence[str]) -> None:
    """Refuses wrong usage of --isa, where `others` are allowed beside the instruction sets, and of RUVLLM_ISA."""
    from ruvllm._core import active_isa, available_isas

    try:
        active_isa()  # RUVLLM_ISA may name one that is not there
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    known = [*others, *available_isas()]
    for name in names:
        if name not in known:
            raise click.BadParameter(
                f"{name!r} is not available on this CPU; there is {', '.join(known)}", param_hint="'--isa'"
            )


def _prepare_folders(folders: Sequence[Path]) -> None:
    """An output folder that cannot be written is found out before the first epoch."""
    from ruvllm.files.atomic import UnwritableFolderError, ensure_writable_folder, remove_abandoned

    try:
        for folder in folders:
            ensure_writable_folder(folder)
            remove_abandoned(folder)
    except UnwritableFolderError as error:
        raise Failure(str(error)) from error


def _read_input(arguments: dict[str, Any], encoder: Encoder | None, reporter: QuietReporter) -> RealInput | None:
    if _workload_kind(arguments["workload"]) == "simulated":
        return None
    from ruvllm.workloads.inputs import read_input

    try:
        with reporter:
            return read_input(
                arguments["workload"],
                kind=arguments["kind"],
                encoder=encoder,
                transfer=arguments["transfer"],
                note=reporter.note,
                watch=reporter.work,
            )
    except ValueError as error:
        raise Failure(str(error)) from error


def make_reporter(console: Console, quiet: bool) -> QuietReporter:
    """Bars on a terminal, lines elsewhere, or nothing."""
    from ruvllm.commands.progress import BarReporter, LineReporter, QuietReporter

    if quiet:
        return QuietReporter()
    screen = console.is_terminal and not console.is_dumb_terminal and not os.environ.get("CI")
    return BarReporter(console) if screen else LineReporter(console)


def _save(text: str, document: Document, out: Path) -> Path:
    """Writes the results file under a name of its own."""
    from ruvllm.files.atomic import write_atomically

    stamp = document.created.replace("-", "").replace(":", "")
    path = out / f"{document.kind}-{stamp}-{secrets.token_hex(4)}.json"
    try:
        write_atomically(path, text.encode())
    except OSError as error:
        raise Failure(f"cannot write {path}: {error.strerror}") from error
    return path
