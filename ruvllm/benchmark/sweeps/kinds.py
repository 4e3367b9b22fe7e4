"""The kinds of jobs: how each is prepared, made and told of, and which record comes out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ruvllm.benchmark import forgetting
from ruvllm.benchmark.ablation import running as ablation
from ruvllm.benchmark.plan import cell_of_job
from ruvllm.benchmark.streaming import prequential
from ruvllm.benchmark.sweep import Place, Run, make_benchmark_run, outcome
from ruvllm.benchmark.sweeps.jobs import BENCHMARK, Job
from ruvllm.results.experiment_records import AblationRun, StreamRun
from ruvllm.results.records import Record, look_up
from ruvllm.results.run_records import BenchmarkRun
from ruvllm.results.streams.records import PrequentialRun
from ruvllm.workloads.inputs import RealInput

__all__ = ["KINDS", "Kind", "kind_of"]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of jobs."""

    record: type[Record]
    prepare: Callable[[Job, RealInput | None, str], Run]
    """The run of a job, with its input in memory, on an instruction set."""
    make: Callable[[Run, Place], Record]
    line: Callable[[Any], str]
    """What a record says in a line."""
    shares_workloads: bool = False
    """Whether jobs that follow one another are of one workload."""


def _prepare_cell(job: Job, task_input: RealInput | None, isa: str) -> Run:
    return Run(cell_of_job(job, task_input, isa), job.label)


KINDS = {
    BENCHMARK: Kind(BenchmarkRun, _prepare_cell, make_benchmark_run, outcome),
    ablation.KIND: Kind(
        AblationRun, ablation.prepare_ablation, ablation.make_ablation_run, ablation.ablation_line, True
    ),
    forgetting.KIND: Kind(
        StreamRun, forgetting.prepare_blocked, forgetting.make_blocked_run, forgetting.blocked_line
    ),
    prequential.KIND: Kind(
        PrequentialRun, prequential.prepare_stream, prequential.make_stream_run, prequential.stream_line
    ),
}

for _kind in KINDS.values():
    look_up(_kind.record)


def kind_of(job: Job) -> Kind:
    """Raises ValueError for a kind that this version does not have."""
    if job.kind not in KINDS:
        raise ValueError(f"a job is one of {', '.join(KINDS)}, not {job.kind!r}")
    return KINDS[job.kind]
