"""What plan, run --plan and merge do."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import click
from msgspec import structs

from ruvllm.benchmark.ablation.running import ablation_jobs
from ruvllm.benchmark.checkpointing import kept_runs
from ruvllm.benchmark.forgetting import blocked_jobs
from ruvllm.benchmark.plan import Options, make_jobs, recorded_options
from ruvllm.benchmark.streaming.prequential import stream_jobs
from ruvllm.benchmark.sweeps.dispatch import LostWorkersError, run_plan
from ruvllm.benchmark.sweeps.executors import FORMS, is_executor
from ruvllm.benchmark.sweeps.inputs import with_digests
from ruvllm.benchmark.sweeps.jobs import InputSpec, Job
from ruvllm.benchmark.sweeps.merging import merge_cells, plan_of_folder
from ruvllm.benchmark.sweeps.plans import Plan, plan_text, read_plan
from ruvllm.commands import bench_actions
from ruvllm.commands.bench_options import BenchArguments, OutputArguments
from ruvllm.commands.common import Failure, check_isas, failures
from ruvllm.commands.outcome.giving_out import PROGRAM, exit_code, give_out, worse_in
from ruvllm.commands.progress import make_reporter
from ruvllm.commands.sweeps.command import SweepArguments
from ruvllm.results.document import results_digest
from ruvllm.results.records import RunOptions
from ruvllm.workloads.inputs import RealInput

__all__ = ["make_cells", "merge", "print_plan"]

LEAST_SEEDS = bench_actions.LEAST_SEEDS


def print_plan(arguments: BenchArguments, *, ablates: bool) -> int:
    """Prints the plan of a run, or of an ablation."""
    blocked = arguments.stream == "blocked"
    reporter = make_reporter(arguments.quiet)
    encoder = bench_actions.encoder_of(arguments, reporter)
    default = 10 if ablates else 5 if blocked else 3 if arguments.workload.entry.reader else 1
    seeds = arguments.seed_range(default, LEAST_SEEDS if ablates or blocked else 1)
    options = bench_actions.options_of(arguments, encoder, seeds)
    task_input = bench_actions.read_real_input(arguments, options, encoder, reporter)
    with failures(ValueError):
        spec = None if task_input is None else with_digests(_spec_of(arguments), task_input)
        jobs = ablation_jobs(options, task_input, spec) if ablates else _jobs_of(arguments, options, spec)
    plan = Plan(jobs, _recorded(options, task_input, ablates), texts=not arguments.no_texts)
    click.echo(plan_text(plan), nl=False)
    return 0


def _recorded(options: Options, task_input: RealInput | None, ablates: bool) -> RunOptions:
    found = recorded_options(options, task_input)
    return structs.replace(found, controls=False) if ablates else found


def _jobs_of(arguments: BenchArguments, options: Options, spec: InputSpec | None) -> list[Job]:
    if options.stream == "blocked":
        return blocked_jobs(options)
    if options.stream == "time":
        return stream_jobs(options, spec)
    jobs = make_jobs(options, spec=spec)
    kept = kept_runs([(job.model.name, job.protocol) for job in jobs], arguments.keep or "last")
    return [structs.replace(job, keep=number in kept) for number, job in enumerate(jobs)]


def _spec_of(arguments: BenchArguments) -> InputSpec:
    return InputSpec(
        workload=arguments.workload.text,
        folder=os.getcwd(),
        tasks=arguments.kind,
        encoder=arguments.encoder_name,
        encoder_title=arguments.encoder_title,
        transfer=None if arguments.transfer is None else arguments.transfer.text,
        fields=dict(arguments.fields),
        test=None if arguments.test is None else str(arguments.test),
        hints=arguments.hints,
        languages=arguments.languages if arguments.workload.name == "code" else (),
    )


def make_cells(arguments: SweepArguments) -> int:
    """Makes those cells of a plan, or of its shard, that are not finished."""
    check_isas([arguments.isa], ["auto"])
    if not is_executor(arguments.executor):
        choice = f"must be {', '.join(FORMS[:-1])} or {FORMS[-1]}, not {arguments.executor!r}"
        raise click.BadParameter(choice, param_hint="'--executor'")
    reporter = make_reporter(arguments.quiet)
    with failures(ValueError, OSError, LostWorkersError):
        plan = read_plan(arguments.plan)
        with reporter:
            files = run_plan(
                plan, arguments.folder, arguments.executor, shard=arguments.shard, jobs=arguments.jobs,
                isa=arguments.isa, reporter=reporter,
            )  # fmt: skip
    if not arguments.quiet:
        part = "" if arguments.shard is None else f" of shard {arguments.shard[0]}/{arguments.shard[1]}"
        click.echo(
            f"{len(files)} cells{part} are in {arguments.folder}, of {len(plan.jobs)} in the plan; all together: "
            f"{PROGRAM} merge {arguments.folder}"
        )
    return 0


def merge(folder: Path, plan: Path | None, arguments: OutputArguments, *, details: bool) -> int:
    """Saves and shows the results of all cells. Names what is missing or broken, and then raises Failure."""
    with failures(ValueError, OSError):
        found = plan_of_folder(folder, plan)
        merged = merge_cells(folder, found, bench_actions.command_line())
    if merged.document is None:
        _name_the_rest(folder, len(found.jobs), merged.missing, merged.wrong)
    document = merged.document
    bench_actions.prepare_folders([arguments.out])
    give_out(arguments, document, details or document.kind not in ("benchmark", "prequential"))
    if not (arguments.quiet or arguments.as_json):
        click.echo(f"Digest of the results, without times: {results_digest(document)}")
    return exit_code(worse_in(document))


def _name_the_rest(folder: Path, cells: int, missing: Sequence[Job], wrong: Sequence[str]) -> NoReturn:
    for line in wrong:
        click.echo(line, err=True)
    for job in missing:
        click.echo(f"missing: {job.label} ({job.key})", err=True)
    parts = [f"{len(missing)} of {cells} cells are missing"] if missing else []
    parts += [f"{len(wrong)} files are broken or not of the plan"] if wrong else []
    raise Failure(f"{folder} is not whole: {', '.join(parts)}; no results file was written")
