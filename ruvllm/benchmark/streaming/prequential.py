"""Prequential runs: one stream for each protocol, encoder and seed, as a record of the results file."""

from __future__ import annotations

import numpy as np
from msgspec import structs, to_builtins

from ruvllm.benchmark.cell import described
from ruvllm.benchmark.plan import Options, cell_of_job, make_jobs
from ruvllm.benchmark.run import kept_record
from ruvllm.benchmark.streaming.localization import run_localization
from ruvllm.benchmark.sweep import Place, Reporter, Run, run_all
from ruvllm.benchmark.sweeps.jobs import InputSpec, Job
from ruvllm.learning.prequential import TIME, Streamed, run_stream
from ruvllm.learning.snapshots import Unfinished, key_of
from ruvllm.results.run_records import InputIdentity
from ruvllm.results.streams.records import FROZEN, LEARNED, PrequentialRun
from ruvllm.workloads.inputs import RealInput
from ruvllm.workloads.localization.reading import LocalizationInput
from ruvllm.workloads.streams.moments import TaskStream
from ruvllm.workloads.text import TextInput

__all__ = ["KIND", "make_stream_run", "prepare_stream", "run_streams", "stream_jobs", "stream_line"]

KIND = "prequential"
"""Of jobs."""


def run_streams(
    options: Options,
    task_input: RealInput,
    jobs: int,
    reporter: Reporter,
    unfinished: Unfinished | None = None,
) -> list[PrequentialRun]:
    """One record per protocol, model and seed, `jobs` at once; of issues with repositories per seed. No checkpoints.

    `unfinished` keeps the record of each stream that is done; one that was interrupted begins anew. Raises ValueError
    for an input that is no stream of tasks as texts, or has too few.
    """
    if isinstance(task_input, LocalizationInput):
        return run_localization(task_input, options.seeds, reporter, controls=options.controls)
    runs = [prepare_stream(job, task_input, options.isa) for job in stream_jobs(options)]
    return run_all(runs, PrequentialRun, make_stream_run, stream_line, jobs, reporter, unfinished)


def stream_jobs(options: Options, spec: InputSpec | None = None) -> list[Job]:
    """One job per protocol, model and seed."""
    options = structs.replace(options, stream="mixed", folds=None)  # mixed: of the fits to the tasks so far
    return make_jobs(options, KIND, spec)


def prepare_stream(job: Job, task_input: RealInput | None, isa: str = "auto") -> Run:
    """The job's run, with its input in memory. Raises ValueError for an input that is no stream of tasks as texts."""
    if not isinstance(task_input, TextInput):
        raise ValueError(f"tasks of the {job.workload} workload are no stream")
    return Run(cell_of_job(job, task_input, isa), job.label, task_input)


def make_stream_run(run: Run, place: Place) -> PrequentialRun:
    """The record of one stream. One that was interrupted begins anew."""
    cell, unfinished = run.cell, place.unfinished
    stream = TaskStream(run.variant, dim=cell.model.embedding_dim, seed=cell.plan.seed)
    more = {"profile": cell.profile, "controls": cell.controls, "stream": TIME}
    key = key_of(described(cell, stream) | more)
    kept = None if unfinished is None else kept_record(unfinished, key, PrequentialRun)
    if kept is None:
        found = run_stream(
            cell.plan,
            stream,
            controls=cell.controls,
            progress=lambda done, total, right: place.reporter.epoch(run.label, done, total, right, None),
            cancelled=place.cancelled,
        )
        kept = _record(run, stream, found)
    if unfinished is not None:
        unfinished.keep_result(key, to_builtins(kept))
    return kept


def stream_line(record: PrequentialRun) -> str:
    """What a run came to."""
    frozen, learned = (
        sum(rank == 1 for rank in record.reciprocal_ranks[name]) / len(record.tasks) for name in (FROZEN, LEARNED)
    )
    return f"{frozen:.1%} frozen, {learned:.1%} learned, first of all candidates, {record.seconds or 0.0:.1f} s"


def _record(run: Run, stream: TaskStream, found: Streamed) -> PrequentialRun:
    """Of the tasks that are no copies of earlier ones."""
    cell, tasks = run.cell, stream.input.tasks
    measured = np.flatnonzero(~stream.again)
    numbers = stream.numbers[measured].tolist()
    return PrequentialRun(
        protocol=cell.protocol.name,
        workload=stream.name,
        model=cell.model.name,
        seed=cell.plan.seed,
        input=_identity(stream),
        order=stream.order.words,
        tasks=[tasks[i].id or tasks[i].place or f"task {i}" for i in numbers],
        dates=[tasks[i].date for i in numbers] if stream.order.by_date else None,
        pools=found.pools[measured].tolist(),
        reciprocal_ranks={name: ranks[measured].tolist() for name, ranks in found.reciprocal_ranks.items()},
        answered_by=[found.answered_by[i] for i in measured.tolist()],
        learned_from=len(stream),
        copies=int(stream.again.sum()),
        refits=found.refits,
        known_beforehand=stream.known_beforehand,
        state_hash=found.state_hash,
        seconds=found.seconds,
    )


def _identity(stream: TaskStream) -> InputIdentity:
    task_input, details = stream.input, stream.details
    return InputIdentity(
        source=task_input.options.source or task_input.name,
        name=task_input.title,
        texts_digest=task_input.digest,
        encoder=str(details["encoder"]),
        encoder_digest=stream.vectors_digest,
        tasks=len(stream),
        candidates=int(details["candidates"]),
        split="time",
        hints=task_input.options.hints or None,
    )
