"""Ablation: every component of a protocol off in turn, beside the full system on the same tasks and seeds.

Differences to the full system are paired over seeds. On real input there are runs with each part that it leaves out,
too, and all of them are of learning alone: the validation part selects nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import groupby
from threading import Lock
from typing import TypeVar

from msgspec import structs

from ruvllm.benchmark.comparing import learn_lexical
from ruvllm.benchmark.entry import input_of
from ruvllm.benchmark.plan import WITHOUT_LEXICAL, Options, cell_of_job, make_job, protocol_of
from ruvllm.benchmark.sweep import Place, Reporter, Run, make_recorded, run_all
from ruvllm.benchmark.sweeps.jobs import InputSpec, Job
from ruvllm.evaluation.retrieval import mean_reciprocal_rank, recall_at_1
from ruvllm.evaluation.selection import HYBRID
from ruvllm.evaluation.statistics import mean, student_t_interval
from ruvllm.learning.components import ADDITIONS, COMPONENTS, Addition, Component, Variant, variants_of
from ruvllm.learning.constants import Protocol, changed
from ruvllm.learning.snapshots import Unfinished
from ruvllm.learning.training import TrainedRun
from ruvllm.results.document import make_header
from ruvllm.results.experiment_records import (
    AblationComponent,
    AblationDocument,
    AblationMeasures,
    AblationRun,
    FrozenRetrieval,
    Method,
    Reached,
)
from ruvllm.results.records import Difference, RunOptions, camel_case
from ruvllm.workloads.inputs import RealInput
from ruvllm.workloads.workload import Workload

__all__ = [
    "GOAL", "KIND", "MEASURES", "ablation_jobs", "ablation_line", "compare_with_full", "make_ablation_document",
    "make_ablation_run", "prepare_ablation", "run_ablation", "tasks_to_goal",
]  # fmt: skip

KIND = "ablation"
"""Of jobs."""
GOAL = 0.9
"""Test resolve rate whose first crossing is timed."""

MEASURES = ("resolve_rate", "recall_at_1", "mrr", "tasks_to_90", "ece")
METHOD: Method = {
    "difference": "without the component minus the full system: same model, seed and tasks",
    "interval": "Student's t over seeds; of all models together: of each seed's mean over models",
    "level": 0.95,
    "tasksTo90": "training tasks until 90% of the test tasks are resolved, linear between epochs; a run that never "
    "gets there counts with all its tasks",
    "adjustment": "none: of 20 intervals without an effect, one is expected to leave out 0",
}

OF_ADDED = "of a part that is added: with it minus the full system"
OF_RETRIEVAL = "recall@1 and MRR among all test solutions by what was learned alone: nothing is selected on validation"

T = TypeVar("T")
Value = Callable[[AblationRun], float]
"""One measure of a run."""


def ablation_jobs(options: Options, task_input: RealInput | None, spec: InputSpec | None = None) -> list[Job]:
    """One job per model, seed and protocol: the full one first, then without (or with) each component in turn.

    Options must name one protocol; the input says which components there are.
    """
    (name,) = options.protocols
    variants = [None, *_variants(name, options.lexical, task_input)]
    options = replace(options, controls=False)
    return [
        make_job(options, KIND, name, model, seed, changes=_changes(each), words=_named(each), spec=spec)
        for model in options.models
        for seed in options.seeds
        for each in variants
    ]


def prepare_ablation(job: Job, task_input: RealInput | None, isa: str = "auto") -> Run:
    """The job's run, with its input in memory. Raises ValueError for a component that the protocol does not have."""
    known = {str(_changes(each)): each for each in [None, *_variants(job.protocol, job.lexical, task_input)]}
    if str(job.changes) not in known:
        raise ValueError(f"{job.protocol} has no ablation {job.changes}")
    variant = known[str(job.changes)]
    protocol = _full(job.protocol, job.lexical, task_input) if variant is None else variant.protocol
    return Run(cell_of_job(job, task_input, isa, protocol), job.label, variant)


def make_ablation_run(run: Run, place: Place) -> AblationRun:
    """The record of one run; no checkpoint is kept."""
    return make_recorded(run, place, AblationRun, _record)


def run_ablation(
    options: Options, task_input: RealInput | None, jobs: int, reporter: Reporter, unfinished: Unfinished | None = None
) -> list[AblationRun]:
    """The records of ablation_jobs(), in their order. No controls and no checkpoints. `unfinished` as for run_cells().

    The workload of a model and seed is built once.
    """
    runs: list[Run] = []
    planned = ablation_jobs(options, task_input)
    for _, group in groupby(planned, key=lambda job: (job.model.name, job.seed)):
        alike = [prepare_ablation(job, task_input, options.isa) for job in group]
        build = _Shared(alike[0].cell.build, len(alike))
        runs += [replace(run, cell=replace(run.cell, build=build)) for run in alike]
    return run_all(runs, make_ablation_run, ablation_line, jobs, reporter, unfinished)


def _full(name: str, lexical: bool, task_input: RealInput | None) -> Protocol:
    """The protocol that components are removed from: nothing is selected on the validation part."""
    return changed(protocol_of(name, task_input), {"select": False} | ({} if lexical else WITHOUT_LEXICAL))


def _variants(name: str, lexical: bool, task_input: RealInput | None) -> list[Variant]:
    return variants_of(_full(name, lexical, task_input), additions=task_input is not None and name == "v3")


def _changes(variant: Variant | None) -> dict[str, str]:
    return {} if variant is None else {"with" if variant.added else "without": variant.name}


class _Shared:
    """A workload that is built once for several runs, and let go when the last of them has it."""

    def __init__(self, build: Callable[[], Workload], uses: int) -> None:
        self._build = build
        self._left = uses
        self._workload: Workload | None = None
        self._lock = Lock()

    def __call__(self) -> Workload:
        with self._lock:
            workload = self._workload or self._build()
            self._left -= 1
            self._workload = workload if self._left > 0 else None
            return workload


def _named(variant: Variant | None) -> str:
    return "full" if variant is None else f"{'with' if variant.added else 'without'} {variant.name}"


def ablation_line(record: AblationRun) -> str:
    """What a run came to."""
    recall = "" if record.recall_at_1 is None else f"recall@1 {record.recall_at_1:.1%}, "
    return f"{recall}{record.resolve_rate:.1%} of the test tasks"


def _record(of: Run, workload: Workload, run: TrainedRun) -> AblationRun:
    cell, final = of.cell, run.final.summary()
    variant: Variant | None = of.variant
    tasks, reached = tasks_to_goal(
        [run.initial.resolve_rate, *(epoch["test"]["resolveRate"] for epoch in run.history)],
        cell.plan.size.tasks_per_epoch,
    )
    ranks = None
    if workload.question is not None:
        learned = cell.retrieval(run.engine, workload)
        lexical = learn_lexical(cell, workload, learned)
        ranks = learned.ranks(workload.question.test)
        if ranks is not None and lexical is not None:
            ranks = ranks[0], lexical.ranks[HYBRID]
    return AblationRun(
        model=cell.model.name,
        seed=cell.plan.seed,
        without=None if variant is None else variant.name,
        added=True if variant is not None and variant.added else None,
        resolve_rate=final["resolveRate"],
        recall_at_1=None if ranks is None else recall_at_1(ranks[1]),
        mrr=None if ranks is None else mean_reciprocal_rank(ranks[1]),
        frozen=None if ranks is None else FrozenRetrieval(recall_at_1(ranks[0]), mean_reciprocal_rank(ranks[0])),
        confidence=final["confidence"],
        ece=final["ece"],
        tasks_to_90=tasks,
        reached_90=reached,
        input=input_of(workload),
    )


def tasks_to_goal(rates: Sequence[float], tasks_per_epoch: int, goal: float = GOAL) -> tuple[float, bool]:
    """Training tasks until the test resolve rate first reaches the goal, and whether it does.

    `rates` begins before any learning and then has one rate per epoch; between two of them it is taken as linear. A
    run that never gets there counts with all its tasks: the least it can have needed.
    """
    for epoch, rate in enumerate(rates):
        if rate >= goal:
            if epoch == 0:
                return 0.0, True
            before = rates[epoch - 1]
            return (epoch - 1 + (goal - before) / (rate - before)) * tasks_per_epoch, True
    return float((len(rates) - 1) * tasks_per_epoch), False


def make_ablation_document(
    runs: Sequence[AblationRun], options: RunOptions, command: Sequence[str] = (), isa: str = "auto"
) -> AblationDocument:
    """The results file of an ablation of the one protocol in the options."""
    (protocol,) = options.protocols
    full = [run for run in runs if run.without is None]
    frozen = [run.frozen for run in full if run.frozen is not None]
    return AblationDocument(
        **make_header(options, command, isa),
        protocol=protocol,
        profile=options.profile,
        workload=options.workload,
        models=options.models,
        seeds=options.seeds,
        method=METHOD if not frozen else METHOD | {"added": OF_ADDED, "retrieval": OF_RETRIEVAL},
        full=_each_measure(runs, lambda value: mean([value(run) for run in full])),
        frozen=_mean_frozen(frozen),
        components=compare_with_full(runs, _parts(runs)),
        input=runs[0].input,
        runs=[structs.replace(run, input=None) for run in runs],
    )


def _mean_frozen(found: Sequence[FrozenRetrieval]) -> FrozenRetrieval | None:
    return FrozenRetrieval(mean([f.recall_at_1 for f in found]), mean([f.mrr for f in found])) if found else None


def _parts(runs: Sequence[AblationRun]) -> list[Component | Addition]:
    """The parts that runs are without, then those that they are with."""
    off, added = ({run.without for run in runs if bool(run.added) == more} for more in (False, True))
    return [*(c for c in COMPONENTS if c.name in off), *(a for a in ADDITIONS if a.name in added)]


def compare_with_full(
    runs: Sequence[AblationRun], components: Sequence[Component | Addition]
) -> list[AblationComponent]:
    """One record per component: differences over all models and of each, and the measures whose interval leaves out 0.

    Needs at least 2 seeds.
    """
    found = {(run.model, run.seed, run.without): run for run in runs}
    models, seeds = list(dict.fromkeys(run.model for run in runs)), list(dict.fromkeys(run.seed for run in runs))

    def differences(component: Component | Addition, model: str, value: Value) -> list[float]:
        return [value(found[model, s, component.name]) - value(found[model, s, None]) for s in seeds]

    def paired(component: Component | Addition, of_models: Sequence[str]) -> AblationMeasures[Difference]:
        """Differences by seed, each the mean over the models."""

        def measured(value: Value) -> Difference:
            per_model = [differences(component, model, value) for model in of_models]
            means = [mean(values) for values in zip(*per_model, strict=True)]
            return Difference(mean(means), student_t_interval(means))

        return _each_measure(runs, measured)

    records = []
    for component in components:
        overall = paired(component, models)
        reached = sum(found[model, s, component.name].reached_90 for model in models for s in seeds)
        effects = {name: getattr(overall, name) for name in MEASURES}
        added = isinstance(component, Addition)
        records.append(
            AblationComponent(
                component.name,
                component.said,
                overall,
                Reached(reached, len(models) * len(seeds)),
                [camel_case(name) for name, effect in effects.items() if effect is not None and effect.excludes_zero],
                True if added else None,
                {model: paired(component, [model]) for model in models},
            )
        )
    return records


def _each_measure(runs: Sequence[AblationRun], measured: Callable[[Value], T]) -> AblationMeasures[T]:
    """What `measured` makes of each measure; those of retrieval only if all runs have them."""
    with_recall, with_mrr = (all(getattr(run, name) is not None for run in runs) for name in ("recall_at_1", "mrr"))
    return AblationMeasures(
        resolve_rate=measured(lambda run: run.resolve_rate),
        recall_at_1=measured(lambda run: run.recall_at_1 or 0.0) if with_recall else None,
        mrr=measured(lambda run: run.mrr or 0.0) if with_mrr else None,
        tasks_to_90=measured(lambda run: run.tasks_to_90),
        ece=measured(lambda run: run.ece),
    )
