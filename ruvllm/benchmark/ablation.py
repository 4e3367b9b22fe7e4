"""Ablation: every component of a protocol off in turn, beside the full system on the same tasks and seeds.

Differences to the full system are paired over seeds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from msgspec import structs

from ruvllm._core import LearnFrom, ReplayPolicy
from ruvllm.benchmark.entry import input_of
from ruvllm.benchmark.plan import Options, make_cell, protocol_of
from ruvllm.benchmark.sweep import Job, Reporter, run_recorded
from ruvllm.evaluation.retrieval import recall_at_1
from ruvllm.evaluation.statistics import mean, student_t_interval
from ruvllm.learning.constants import Protocol, changed, constants
from ruvllm.learning.snapshots import Unfinished
from ruvllm.learning.training import TrainedRun
from ruvllm.results.document import make_header
from ruvllm.results.experiment_records import (
    AblationComponent,
    AblationDocument,
    AblationMeasures,
    AblationRun,
    Method,
    Reached,
)
from ruvllm.results.records import Difference, RunOptions, camel_case
from ruvllm.workloads.inputs import RealInput
from ruvllm.workloads.workload import Workload

__all__ = [
    "COMPONENTS",
    "GOAL",
    "MEASURES",
    "Component",
    "compare_with_full",
    "components_of",
    "make_ablation_document",
    "run_ablation",
    "tasks_to_goal",
]

GOAL = 0.9
"""Test resolve rate whose first crossing is timed."""

MEASURES = ("resolve_rate", "recall_at_1", "tasks_to_90", "ece")
METHOD: Method = {
    "difference": "without the component minus the full system: same model, seed and tasks",
    "interval": "Student's t over seeds; of all models together: of each seed's mean over models",
    "level": 0.95,
    "tasksTo90": "training tasks until 90% of the test tasks are resolved, linear between epochs; a run that never "
    "gets there counts with all its tasks",
    "adjustment": "none: of 20 intervals without an effect, one is expected to leave out 0",
}

Changes = dict[str, Any]
T = TypeVar("T")
Value = Callable[[AblationRun], float]
"""One measure of a run."""


@dataclass(frozen=True, slots=True)
class Component:
    """A part of the learning stack and how a protocol is without it."""

    name: str
    without: str
    """What is done instead."""
    changes: Changes
    """Constants of the protocol, by their names as in protocols.constants()."""

    def removed_from(self, protocol: Protocol) -> Protocol:
        return changed(protocol, self.changes)


COMPONENTS = (
    Component("heads", "one adapter for all task types", {"multi_head": False}),
    Component("lora", "the adapter learns nothing", {"use_lora": False}),
    Component(
        "contrastive",
        "no memory; learns from successes and confident failures",
        {"learn_from": LearnFrom.SUCCESSES_AND_CONFIDENT_FAILURES, "use_contrastive": False},
    ),
    Component("contrastive-memory", "no memory of past solutions", {"use_contrastive": False}),
    Component("replay", "nothing is learned again", {"replays_per_epoch": 0}),
    Component("replay-policy", "uniform draws", {"replay_policy": ReplayPolicy.UNIFORM}),
    Component("ewc", "no penalty", {"ewc.lambda_": 0.0}),
    Component("patterns", "no pattern bank", {"use_patterns": False}),
    Component("dda", "difficulty drawn from the curriculum's range", {"adaptive_difficulty": False}),
    Component("curriculum", "no order from easy to hard", {"curriculum": False}),
    Component("learning-rate", "fixed at its start", {"learning_rate": "fixed"}),
    Component("temperature", "1 from first to last", {"final_temperature": 1.0}),
    Component("momentum", "plain gradient steps", {"momentum": 0.0}),
    Component("centring", "means are not taken away", {"centre": False}),
    Component("intercept", "nothing constant in centred queries", {"intercept": 0.0}),
    Component("blocks", "no block-diagonal adapter", {"associations.block_size": 0}),
    Component("episodes", "no memory of past queries", {"associations.episodes.capacity": 0}),
    Component("crowding", "in retrieval, cosines as they are", {"crowding_shares": (0.0,)}),
)


def components_of(protocol: Protocol) -> list[Component]:
    """Those that the protocol has: each of their fields is another one without them."""
    present = dict(constants(protocol))
    return [c for c in COMPONENTS if all(present[field] != value for field, value in c.changes.items())]


def run_ablation(
    options: Options, task_input: RealInput | None, jobs: int, reporter: Reporter, unfinished: Unfinished | None = None
) -> list[AblationRun]:
    """One record per model, seed and protocol: the full one first (`without` is None), then each component's.

    Options must name one protocol. No controls and no checkpoints. `unfinished` as for run_cells().
    """
    (name,) = options.protocols
    protocol = protocol_of(name, task_input)
    variants: list[tuple[str | None, Protocol]] = [(None, protocol)]
    variants += [(component.name, component.removed_from(protocol)) for component in components_of(protocol)]
    runs = [
        Job(cell, f"{cell.label}, " + ("full" if without is None else f"without {without}"), without)
        for model in options.models
        for seed in options.seeds
        for without, variant in variants
        for cell in [make_cell(options, variant, model, seed, task_input)]
    ]
    return run_recorded(runs, AblationRun, _record, _line, jobs, reporter, unfinished)


def _line(record: AblationRun) -> str:
    return f"{record.resolve_rate:.1%} of the test tasks"


def _record(job: Job, workload: Workload, run: TrainedRun) -> AblationRun:
    cell, final = job.cell, run.final.summary()
    tasks, reached = tasks_to_goal(
        [run.initial.resolve_rate, *(epoch["test"]["resolveRate"] for epoch in run.history)],
        cell.plan.size.tasks_per_epoch,
    )
    recall = None
    if workload.question is not None:
        recall = recall_at_1(cell.retrieval(run.engine, workload).learned_ranks(workload.question.test))
    return AblationRun(
        model=cell.model.name,
        seed=cell.plan.seed,
        without=job.variant,
        resolve_rate=final["resolveRate"],
        recall_at_1=recall,
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
    return AblationDocument(
        **make_header(options, command, isa),
        protocol=protocol,
        profile=options.profile,
        workload=options.workload,
        models=options.models,
        seeds=options.seeds,
        method=METHOD,
        full=_each_measure(runs, lambda value: mean([value(run) for run in full])),
        components=compare_with_full(runs, [c for c in COMPONENTS if c.name in {run.without for run in runs}]),
        input=runs[0].input,
        runs=[structs.replace(run, input=None) for run in runs],
    )


def compare_with_full(runs: Sequence[AblationRun], components: Sequence[Component]) -> list[AblationComponent]:
    """One record per component: differences over all models and of each, and the measures whose interval leaves out 0.

    Needs at least 2 seeds.
    """
    found = {(run.model, run.seed, run.without): run for run in runs}
    models, seeds = list(dict.fromkeys(run.model for run in runs)), list(dict.fromkeys(run.seed for run in runs))

    def differences(component: Component, model: str, value: Value) -> list[float]:
        return [value(found[model, s, component.name]) - value(found[model, s, None]) for s in seeds]

    def paired(component: Component, of_models: Sequence[str]) -> AblationMeasures[Difference]:
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
        records.append(
            AblationComponent(
                component.name,
                component.without,
                overall,
                Reached(reached, len(models) * len(seeds)),
                [camel_case(name) for name, effect in effects.items() if effect is not None and effect.excludes_zero],
                {model: paired(component, [model]) for model in models},
            )
        )
    return records


def _each_measure(runs: Sequence[AblationRun], measured: Callable[[Value], T]) -> AblationMeasures[T]:
    """What `measured` makes of each measure; recall@1 only if all runs have it."""
    with_recall = all(run.recall_at_1 is not None for run in runs)
    return AblationMeasures(
        resolve_rate=measured(lambda run: run.resolve_rate),
        recall_at_1=measured(lambda run: run.recall_at_1 or 0.0) if with_recall else None,
        tasks_to_90=measured(lambda run: run.tasks_to_90),
        ece=measured(lambda run: run.ece),
    )
