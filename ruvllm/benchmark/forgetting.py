"""The blocked stream: the task types one after another, and what is left of the first ones at the end.

R[i][j] is the test resolve rate on type j after the stage of type i. For T types (Lopez-Paz & Ranzato 2017, eq. 3;
Chaudhry et al. 2018, eq. 3, both at the end of the stream):
  backward transfer = mean over j < T of R[T][j] - R[j][j]
  forgetting        = mean over j < T of max over i < T of R[i][j], minus R[T][j]
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import structs

from ruvllm.benchmark.plan import Options, cell_of_job, make_job
from ruvllm.benchmark.sweep import Place, Reporter, Run, make_recorded, run_all
from ruvllm.benchmark.sweeps.jobs import Job
from ruvllm.evaluation.statistics import mean, student_t_interval
from ruvllm.learning.constants import changed
from ruvllm.learning.protocols import PROTOCOLS
from ruvllm.learning.snapshots import Unfinished
from ruvllm.learning.training import TrainedRun
from ruvllm.results.document import make_header
from ruvllm.results.experiment_records import (
    EwcEffect,
    EwcRates,
    Method,
    StreamDocument,
    StreamMeasures,
    StreamRun,
    StreamSummary,
)
from ruvllm.results.records import MeanWithInterval, RunOptions
from ruvllm.workloads.inputs import RealInput
from ruvllm.workloads.workload import TASK_TYPES, Workload

__all__ = [
    "KIND",
    "backward_transfer",
    "blocked_jobs",
    "blocked_line",
    "forgetting",
    "make_blocked_run",
    "make_forgetting_document",
    "prepare_blocked",
    "run_blocked",
    "summarise_blocked",
]

KIND = "blocked"
"""Of jobs."""
ADAPTERS = {"heads": True, "single": False}
EWC = {"on": True, "off": False}
METHOD: Method = {
    "finalAccuracy": "mean over types of the test resolve rate at the end of the stream",
    "backwardTransfer": "mean over all types but the last: rate at the end minus rate after the type's own stage "
    "(Lopez-Paz & Ranzato 2017)",
    "forgetting": "mean over all types but the last: best rate after an earlier stage minus rate at the end "
    "(Chaudhry et al. 2018)",
    "interval": "Student's t over seeds; of all models together: of each seed's mean over models; of EWC: paired",
    "level": 0.95,
}

Matrix = Sequence[Sequence[float]]


def backward_transfer(rates: Matrix) -> float:
    """Of R (T, T): above 0 where later stages helped the earlier types. Raises ValueError for T < 2."""
    last = rates[-1]
    return mean([last[j] - rates[j][j] for j in range(len(rates) - 1)])


def forgetting(rates: Matrix) -> float:
    """Of R (T, T): above 0 where types were once known better than at the end. Raises ValueError for T < 2."""
    earlier, last = rates[:-1], rates[-1]
    return mean([max(row[j] for row in earlier) - last[j] for j in range(len(rates) - 1)])


def blocked_jobs(options: Options) -> list[Job]:
    """One job per protocol, model and seed, with heads and with a single adapter, EWC on and off."""
    options = structs.replace(options, stream="blocked", controls=False)
    return [
        make_job(options, KIND, name, model, seed, changes={"adapter": adapter, "ewc": ewc},
                 words=f"{adapter}, EWC {ewc}")
        for name in options.protocols
        for model in options.models
        for seed in options.seeds
        for adapter in ADAPTERS
        for ewc in EWC
    ]  # fmt: skip


def prepare_blocked(job: Job, task_input: RealInput | None = None, isa: str = "auto") -> Run:
    """The job's run. Raises ValueError for changes that are none of blocked_jobs()."""
    adapter, ewc = job.changes.get("adapter", ""), job.changes.get("ewc", "")
    if adapter not in ADAPTERS or ewc not in EWC:
        raise ValueError(f"a blocked stream has no changes {job.changes}")
    changes = {"multi_head": ADAPTERS[adapter]} | ({} if EWC[ewc] else {"ewc.lambda_": 0.0})
    return Run(cell_of_job(job, None, isa, changed(PROTOCOLS[job.protocol], changes)), job.label, (adapter, EWC[ewc]))


def make_blocked_run(run: Run, place: Place) -> StreamRun:
    """The record of one run; no checkpoint is kept."""
    return make_recorded(run, place, StreamRun, _record)


def run_blocked(
    options: Options, jobs: int, reporter: Reporter, unfinished: Unfinished | None = None
) -> list[StreamRun]:
    """The records of blocked_jobs(), in their order, without checkpoints. `unfinished` as for run_cells()."""
    runs = [prepare_blocked(job, None, options.isa) for job in blocked_jobs(options)]
    return run_all(runs, StreamRun, make_blocked_run, blocked_line, jobs, reporter, unfinished)


def blocked_line(record: StreamRun) -> str:
    """What a run came to."""
    return f"final {record.final_accuracy:.1%}, forgetting {record.forgetting:+.1%}"


def _record(of: Run, _: Workload, run: TrainedRun) -> StreamRun:
    cell, (adapter, ewc) = of.cell, of.variant
    stage = len(run.history) // len(TASK_TYPES)
    ends = run.history[stage - 1 :: stage]
    rates = [[epoch["taskTypeAccuracy"][kind] for kind in TASK_TYPES] for epoch in ends]
    return StreamRun(
        protocol=cell.protocol.name,
        model=cell.model.name,
        seed=cell.plan.seed,
        adapter=adapter,
        ewc=ewc,
        types=list(TASK_TYPES),
        before=[run.initial.by_type()[kind] for kind in TASK_TYPES],
        rates=rates,
        final_accuracy=mean(rates[-1]),
        backward_transfer=backward_transfer(rates),
        forgetting=forgetting(rates),
        ewc_penalty=run.history[-1]["ewcPenalty"],
    )


def make_forgetting_document(
    runs: Sequence[StreamRun], options: RunOptions, command: Sequence[str] = (), isa: str = "auto"
) -> StreamDocument:
    """The results file of a blocked stream."""
    header = make_header(options, command, isa)
    return StreamDocument(**header, method=METHOD, runs=list(runs), summaries=summarise_blocked(runs))


def summarise_blocked(runs: Sequence[StreamRun]) -> list[StreamSummary]:
    """One record per protocol and adapter: each measure with EWC on and off and their paired difference, for all models
    together and for each. Needs at least 2 seeds.
    """
    records = []
    for protocol, adapter in dict.fromkeys((run.protocol, run.adapter) for run in runs):
        own = [run for run in runs if (run.protocol, run.adapter) == (protocol, adapter)]
        models = list(dict.fromkeys(run.model for run in own))
        of_types = {
            kind: EwcRates(*(mean([run.rates[-1][number] for run in own if run.ewc == ewc]) for ewc in (True, False)))
            for number, kind in enumerate(TASK_TYPES)
        }
        each = {model: _compare(own, [model]) for model in models}
        records.append(StreamSummary(protocol, adapter, _compare(own, models), each, of_types))
    return records


def _compare(runs: Sequence[StreamRun], models: Sequence[str]) -> StreamMeasures[EwcEffect]:
    """Each measure by seed, the mean over the models."""
    seeds = list(dict.fromkeys(run.seed for run in runs))
    found = {(run.model, run.seed, run.ewc): run for run in runs}

    def effect(value: Callable[[StreamRun], float]) -> EwcEffect:
        on, off = ([mean([value(found[m, seed, ewc]) for m in models]) for seed in seeds] for ewc in (True, False))
        return EwcEffect(*map(_with_interval, (on, off, [a - b for a, b in zip(on, off, strict=True)])))

    return StreamMeasures(
        final_accuracy=effect(lambda run: run.final_accuracy),
        backward_transfer=effect(lambda run: run.backward_transfer),
        forgetting=effect(lambda run: run.forgetting),
    )


def _with_interval(values: Sequence[float]) -> MeanWithInterval:
    return MeanWithInterval(mean(values), student_t_interval(values))
