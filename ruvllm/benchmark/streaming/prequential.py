"""Prequential runs: one stream for each protocol, encoder and seed, as a record of the results file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from msgspec import to_builtins

from ruvllm.benchmark.cell import described
from ruvllm.benchmark.plan import Options, make_cell, protocol_of
from ruvllm.benchmark.run import kept_record
from ruvllm.benchmark.streaming.localization import run_localization
from ruvllm.benchmark.sweep import Job, Reporter, run_jobs
from ruvllm.learning.prequential import TIME, Streamed, run_stream
from ruvllm.learning.snapshots import Unfinished, key_of
from ruvllm.results.run_records import InputIdentity
from ruvllm.results.streams.records import FROZEN, LEARNED, PrequentialRun
from ruvllm.workloads.inputs import RealInput
from ruvllm.workloads.localization.reading import LocalizationInput
from ruvllm.workloads.streams.moments import TaskStream
from ruvllm.workloads.text import TextInput

__all__ = ["run_streams"]


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
    if not isinstance(task_input, TextInput):
        raise ValueError(f"tasks of the {task_input.name} workload are no stream")
    mixed = replace(options, stream="mixed")  # of the fits to the tasks so far
    cells = [
        make_cell(mixed, protocol_of(name, task_input), model, seed, task_input)
        for name in options.protocols
        for model in options.models
        for seed in options.seeds
    ]

    def run(job: Job, cancelled: Callable[[], bool]) -> PrequentialRun:
        cell = job.cell
        stream = TaskStream(task_input, dim=cell.model.embedding_dim, seed=cell.plan.seed)
        more = {"profile": cell.profile, "controls": options.controls, "stream": TIME}
        key = key_of(described(cell, stream) | more)
        kept = None if unfinished is None else kept_record(unfinished, key, PrequentialRun)
        if kept is None:
            found = run_stream(
                cell.plan,
                stream,
                controls=options.controls,
                progress=lambda done, total, right: reporter.epoch(job.label, done, total, right, None),
                cancelled=cancelled,
            )
            kept = _record(job, stream, found)
        if unfinished is not None:
            unfinished.keep_result(key, to_builtins(kept))
        return kept

    return run_jobs([Job(cell, cell.label) for cell in cells], run, _line, jobs, reporter)


def _line(record: PrequentialRun) -> str:
    frozen, learned = (
        sum(rank == 1 for rank in record.reciprocal_ranks[name]) / len(record.tasks) for name in (FROZEN, LEARNED)
    )
    return f"{frozen:.1%} frozen, {learned:.1%} learned, first of all candidates, {record.seconds or 0.0:.1f} s"


def _record(job: Job, stream: TaskStream, found: Streamed) -> PrequentialRun:
    """Of the tasks that are no copies of earlier ones."""
    cell, tasks = job.cell, stream.input.tasks
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
