"""What ruvllm-bench does: runs models as the arguments say, saves the results file and shows it.

What only some runs need is imported by those: to start is a good part of a short run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click
from msgspec import Struct

from ruvllm.benchmark.plan import Options, make_cells, models_of, recorded_options, with_candidates
from ruvllm.benchmark.process import keep_freed_memory
from ruvllm.benchmark.sweep import run_cells
from ruvllm.checkpoints.writing import CheckpointConflictError
from ruvllm.commands.bench_options import BenchArguments, OutputArguments, split_names
from ruvllm.commands.common import Failure, check_isas, failures
from ruvllm.commands.limits import PROTOCOLS
from ruvllm.commands.outcome.giving_out import CHECKPOINTS, PROGRAM, exit_code, give_out, worse_in
from ruvllm.commands.progress import QuietReporter, make_reporter
from ruvllm.encoders.base import Encoder
from ruvllm.encoders.registry import DEFAULT_ENCODER, UnknownEncoderError, models_for
from ruvllm.files.atomic import UnwritableFolderError, ensure_writable_folder, remove_abandoned, remove_empty_folder
from ruvllm.learning.snapshots import Unfinished
from ruvllm.results.document import make_document
from ruvllm.results.records import RunOptions
from ruvllm.results.run_records import BenchmarkRun
from ruvllm.results.streams.records import PrequentialRun
from ruvllm.results.summary_records import BenchmarkDocument
from ruvllm.workloads.registry import DEFAULT_LANGUAGE

if TYPE_CHECKING:
    from ruvllm.results.reading import Document
    from ruvllm.workloads.inputs import RealInput

__all__ = [
    "ablate", "benchmark", "command_line", "encoder_of", "measure_forgetting", "measure_simd", "measure_stream",
    "options_of", "prepare_folders", "read_real_input",
]  # fmt: skip

UNFINISHED = "unfinished"
"""Folder beside the results files; it holds what --resume continues from."""
LEAST_SEEDS = 2
"""Smallest number of seeds with an interval."""

D = TypeVar("D", bound="Document")
Results = TypeVar("Results")


class _Run(Struct, frozen=True):
    """Models that are ready to run: what was asked for is checked, read and has a place to be saved."""

    arguments: BenchArguments
    options: Options
    task_input: RealInput | None
    reporter: QuietReporter
    unfinished: Unfinished


def benchmark(arguments: BenchArguments) -> int:
    """Runs every model, seed and fold. Returns WORSE if the gain of a model lies below 0 beyond chance."""
    keep = arguments.keep or "last"
    folders = [] if keep == "none" else [CHECKPOINTS]
    run = _prepare(arguments, default_seeds=3 if arguments.workload.entry.reader else 1, folders=folders)
    folder = arguments.out / CHECKPOINTS
    document = _carry_out(
        run,
        lambda: run_cells(
            make_cells(run.options, run.task_input), folder, arguments.jobs, run.reporter, run.unfinished, keep
        ),
        partial(_document_of, run),
    )
    return exit_code(worse_in(document))


def _document_of(
    run: _Run, results: list[BenchmarkRun], options: RunOptions, command: Sequence[str], isa: str
) -> BenchmarkDocument:
    table = None
    if run.task_input is not None:
        from ruvllm.benchmark.task_table import make_task_table

        table = make_task_table(results, run.task_input.tasks, texts=not run.arguments.no_texts)
    return make_document(results, options, command, isa, table)


def measure_forgetting(arguments: BenchArguments) -> int:
    """Runs the blocked stream. It only measures forgetting, so it never returns WORSE."""
    from ruvllm.benchmark.forgetting import make_forgetting_document, run_blocked

    run = _prepare(arguments, default_seeds=5, least_seeds=LEAST_SEEDS)
    _carry_out(
        run,
        lambda: run_blocked(run.options, arguments.jobs, run.reporter, run.unfinished),
        make_forgetting_document,
    )
    return 0


def measure_stream(arguments: BenchArguments) -> int:
    """Answers and learns the tasks in time. Returns WORSE if the gain of an encoder lies below 0 beyond chance."""
    from ruvllm.results.streams.summaries import make_prequential_document

    run = _prepare(arguments, default_seeds=1 if arguments.localizes else 3)
    return exit_code(worse_in(_carry_out(run, partial(_run_streams, run), make_prequential_document)))


def _run_streams(run: _Run) -> list[PrequentialRun]:
    from ruvllm.benchmark.streaming.prequential import run_streams

    assert run.task_input is not None
    return run_streams(run.options, run.task_input, run.arguments.jobs, run.reporter, run.unfinished)


def ablate(arguments: BenchArguments) -> int:
    """Runs each model without each of its components in turn."""
    from ruvllm.benchmark.ablation.documents import make_ablation_document
    from ruvllm.benchmark.ablation.running import run_ablation

    run = _prepare(arguments, default_seeds=10, least_seeds=LEAST_SEEDS)
    _carry_out(
        run,
        lambda: run_ablation(run.options, run.task_input, arguments.jobs, run.reporter, run.unfinished),
        make_ablation_document,
    )
    return 0


def measure_simd(names: Sequence[str], repetitions: int, arguments: OutputArguments) -> int:
    """Measures the kernels on the named instruction sets, or all of them."""
    prepare_folders([arguments.out])
    from ruvllm.benchmark.simd import chosen_isas, make_simd_document, measure_all

    isas = chosen_isas(names)
    reporter = make_reporter(arguments.quiet)
    with failures(RuntimeError), reporter:
        measurements = measure_all(isas, repetitions, reporter)
    give_out(arguments, make_simd_document(measurements, isas, repetitions, command_line()))
    return 0


def command_line() -> list[str]:
    """The command as it was typed, for the results file."""
    return [PROGRAM, *click.get_current_context().find_root().obj]


def _prepare(
    arguments: BenchArguments, *, default_seeds: int, least_seeds: int = 1, folders: Sequence[str] = ()
) -> _Run:
    """Finds out before the first epoch everything that could stop the run later."""
    if not arguments.workload.entry.reader:  # real input has larger arrays, of all sizes
        keep_freed_memory()
    reporter = make_reporter(arguments.quiet)
    encoder = encoder_of(arguments, reporter)
    options = options_of(arguments, encoder, arguments.seed_range(default_seeds, least_seeds))
    prepare_folders([arguments.out, *(arguments.out / folder for folder in (*folders, UNFINISHED))])
    if arguments.model_names and arguments.workload.entry.reader:
        widths = " ".join(f"--dim {model.embedding_dim}" for model in options.models)
        reporter.note(f"no model runs on real input: --models chooses the width of the encoder alone, as {widths} does")
    unfinished = Unfinished(arguments.out / UNFINISHED, arguments.resume, arguments.snapshot_seconds)
    if not arguments.resume and any(unfinished.folder.iterdir()):
        reporter.note(f"unfinished work in {unfinished.folder}; --resume with the same arguments goes on from it")
    return _Run(arguments, options, read_real_input(arguments, options, encoder, reporter), reporter, unfinished)


def encoder_of(arguments: BenchArguments, reporter: QuietReporter) -> Encoder | None:
    """Makes the named encoder. Returns None for the default one, which is fitted on each run's tasks."""
    if arguments.encoder_name == DEFAULT_ENCODER:
        return None
    from ruvllm.commands.loading import load_encoder  # it guards the process, which takes a while to load

    try:
        return load_encoder(arguments.encoder_name, reporter, arguments.quiet, arguments.encoder_title)
    except UnknownEncoderError as error:
        raise click.BadParameter(str(error), param_hint="'--encoder'") from error
    except ValueError as error:
        raise Failure(str(error)) from error


def options_of(arguments: BenchArguments, encoder: Encoder | None, seeds: tuple[int, ...]) -> Options:
    check_isas([arguments.isa], ["auto"])
    names = split_names(arguments.model_names)
    try:
        models = models_of(arguments.workload.name, arguments.profile, names, arguments.dims)
        if encoder is not None:
            models = models_for(encoder, None)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="'--models'") from error
    return Options(
        protocols=PROTOCOLS if arguments.protocol == "all" else (arguments.protocol,),
        profile=arguments.profile,
        models=models,
        workload=arguments.workload.name,
        split=arguments.split,
        language=None if arguments.languages == (DEFAULT_LANGUAGE,) else ",".join(arguments.languages),
        seeds=seeds,
        folds=arguments.folds,
        stream="time" if arguments.localizes else arguments.stream,
        controls=arguments.controls and arguments.stream != "blocked",
        lexical=arguments.lexical,
        rank=arguments.rank,
        isa=arguments.isa,
        parts=tuple(split_names(arguments.parts)),
    )


def prepare_folders(folders: Sequence[Path]) -> None:
    """Makes a folder and those inside it. At the end of the command those without a file are removed again."""
    out, *inside = folders
    made = [folder for folder in (*reversed(out.parents), out) if not folder.exists()]
    for folder in (*made, *inside):
        click.get_current_context().call_on_close(partial(remove_empty_folder, folder))  # the last one comes first
    with failures(UnwritableFolderError):
        for folder in folders:
            ensure_writable_folder(folder)
            remove_abandoned(folder)


def read_real_input(
    arguments: BenchArguments, options: Options, encoder: Encoder | None, reporter: QuietReporter
) -> RealInput | None:
    """Reads the real input. Returns None for the simulated workload."""
    if not arguments.workload.entry.reader:
        return None
    from ruvllm.workloads.inputs import read_input

    with failures(ValueError), reporter:
        found = read_input(
            arguments.workload.text,
            kind=arguments.kind,
            encoder=encoder,
            transfer=None if arguments.transfer is None else arguments.transfer.text,
            candidates=arguments.candidates,
            fields=arguments.fields,
            test=None if arguments.test is None else str(arguments.test),
            hints=arguments.hints,
            repositories=arguments.repositories,
            languages=arguments.languages,
            note=reporter.note, warn=reporter.warn, watch=reporter.work,
        )
        return found if options.stream == "time" else with_candidates(options, found, reporter.warn)


def _carry_out(
    run: _Run,
    work: Callable[[], Results],
    make: Callable[[Results, RunOptions, Sequence[str], str], D],
) -> D:
    """Does the work, saves and shows the document that is made of its results, and forgets the unfinished work."""
    with failures(CheckpointConflictError, ValueError, OSError), run.reporter:
        results = work()
    document = make(results, recorded_options(run.options, run.task_input), command_line(), run.options.isa)
    give_out(run.arguments, document, run.arguments.details or document.kind not in ("benchmark", "prequential"))
    run.unfinished.forget_results()
    return document
