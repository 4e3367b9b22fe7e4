"""Ablation: every component of a protocol off in turn, beside the full system on the same tasks and seeds.

Differences to the full system are paired over seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ruvllm._core import LearnFrom, ReplayPolicy
from ruvllm.benchmark.plan import Options, make_cell, protocol_of
from ruvllm.benchmark.sweep import Job, Reporter, run_recorded
from ruvllm.evaluation.retrieval import recall_at_1
from ruvllm.evaluation.statistics import mean, student_t_interval
from ruvllm.learning.protocols import Protocol
from ruvllm.learning.snapshots import Unfinished
from ruvllm.learning.training import TrainedRun
from ruvllm.results.summaries import make_header
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

MEASURES = ("resolveRate", "recallAt1", "tasksTo90", "ece")
"""Those of them that the runs have: recall@1 among all test solutions is of real input only."""
METHOD = {
    "difference": "without the component minus the full system: same model, seed and tasks",
    "interval": "Student's t over seeds; of all models together: of each seed's mean over models",
    "level": 0.95,
    "tasksTo90": "training tasks until 90% of the test tasks are resolved, linear between epochs; a run that never "
    "gets there counts with all its tasks",
    "adjustment": "none: of 20 intervals without an effect, one is expected to leave out 0",
}

Changes = dict[str, Any]
Run = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Component:
    """A part of the learning stack and how a protocol is without it."""

    name: str
    without: str
    """What is done instead."""
    changes: Changes
    """Fields of the protocol."""

    def removed_from(self, protocol: Protocol) -> Protocol:
        return replace(protocol, **self.changes)


COMPONENTS = (
    Component("heads", "one adapter for all task types", {"multi_head": False}),
    Component("lora", "the adapter learns nothing", {"lora": False}),
    Component(
        "contrastive",
        "no memory; learns from successes and confident failures",
        {"learn_from": LearnFrom.SUCCESSES_AND_CONFIDENT_FAILURES, "contrastive_memory": False},
    ),
    Component("contrastive-memory", "no memory of past solutions", {"contrastive_memory": False}),
    Component("replay", "nothing is learned again", {"replays_per_epoch": 0}),
    Component("replay-policy", "uniform draws", {"replay_policy": ReplayPolicy.UNIFORM}),
    Component("ewc", "no penalty", {"ewc_lambda": 0.0}),
    Component("patterns", "no pattern bank", {"patterns": False}),
    Component("dda", "difficulty drawn from the curriculum's range", {"adaptive_difficulty": False}),
    Component("curriculum", "no order from easy to hard", {"curriculum": False}),
    Component("learning-rate", "fixed at its start", {"learning_rate": "fixed"}),
    Component("temperature", "1 from first to last", {"final_temperature": 1.0}),
    Component("momentum", "plain gradient steps", {"momentum": 0.0}),
    Component("blocks", "no block-diagonal adapter", {"block_size": 0}),
    Component("episodes", "no memory of past queries", {"episode_capacity": 0}),
    Component("crowding", "in retrieval, cosines as they are", {"crowding_shares": (0.0,)}),
)


def components_of(protocol: Protocol) -> list[Component]:
    """Those that the protocol has: each of their fields is another one without them."""
    return [c for c in COMPONENTS if all(getattr(protocol, field) != value for field, value in c.changes.items())]


def run_ablation(
    options: Options, task_input: RealInput | None, jobs: int, reporter: Reporter, unfinished: Unfinished | None = None
) -> list[Run]:
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
        for without, changed in variants
        for cell in [make_cell(options, changed, model, seed, task_input)]
    ]
    return run_recorded(runs, _record, _line, jobs, reporter, unfinished)


def _line(record: Run) -> str:
    return f"{record['resolveRate']:.1%} of the test tasks"


def _record(job: Job, workload: Workload, run: TrainedRun) -> Run:
    cell = job.cell
    final = run.final.summary()
    tasks, reached = tasks_to_goal(
        [run.initial.resolve_rate, *(epoch["test"]["resolveRate"] for epoch in run.history)],
        cell.plan.size.tasks_per_epoch,
    )
    record = {
        "model": cell.model.name,
        "seed": cell.plan.seed,
        "without": job.variant,
        "resolveRate": final["resolveRate"],
        "confidence": final["confidence"],
        "ece": final["ece"],
        "tasksTo90": tasks,
        "reached90": reached,
    }
    if workload.question is not None:
        learned = cell.retrieval(run.engine, workload).learned_ranks(workload.question.test)
        record["recallAt1"] = recall_at_1(learned)
    return record


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


def make_ablation_document(runs: Sequence[Run], options: Options, command: Sequence[str]) -> dict[str, Any]:
    """The results file of an ablation of the one protocol in the options."""
    (protocol,) = options.protocols
    full = [run for run in runs if run["without"] is None]
    return {
        **make_header("ablation", command, options.isa),
        "protocol": protocol,
        "profile": options.profile,
        "workload": options.workload,
        "models": [model.name for model in options.models],
        "seeds": list(options.seeds),
        "method": METHOD,
        "full": {measure: mean([run[measure] for run in full]) for measure in _measures(runs)},
        "components": compare_with_full(runs, [c for c in COMPONENTS if c.name in {run["without"] for run in runs}]),
        "runs": list(runs),
    }


def compare_with_full(runs: Sequence[Run], components: Sequence[Component]) -> list[dict[str, Any]]:
    """One record per component: differences over all models and of each, and the measures on which 0 is left out.

    Needs at least 2 seeds.
    """
    found = {(run["model"], run["seed"], run["without"]): run for run in runs}
    models, measures = list(dict.fromkeys(run["model"] for run in runs)), _measures(runs)
    seeds = list(dict.fromkeys(run["seed"] for run in runs))

    def differences(component: Component, model: str, measure: str) -> list[float]:
        return [found[model, s, component.name][measure] - found[model, s, None][measure] for s in seeds]

    records = []
    for component in components:
        of_models = {
            model: {measure: _paired(differences(component, model, measure)) for measure in measures}
            for model in models
        }
        overall = {
            measure: _paired(_means_over_models([differences(component, model, measure) for model in models]))
            for measure in measures
        }
        reached = sum(found[model, s, component.name]["reached90"] for model in models for s in seeds)
        records.append(
            {
                "name": component.name,
                "without": component.without,
                "overall": overall,
                "models": of_models,
                "reached90": {"runs": reached, "of": len(models) * len(seeds)},
                "effectOn": [m for m in measures if _leaves_out_zero(overall[m]["ci95"])],
            }
        )
    return records


def _measures(runs: Sequence[Run]) -> list[str]:
    return [measure for measure in MEASURES if all(measure in run for run in runs)]


def _means_over_models(per_model: Sequence[Sequence[float]]) -> list[float]:
    return [mean(values) for values in zip(*per_model, strict=True)]


def _paired(differences: Sequence[float]) -> dict[str, Any]:
    return {"difference": mean(differences), "ci95": list(student_t_interval(differences))}


def _leaves_out_zero(interval: Sequence[float]) -> bool:
    return interval[0] > 0 or interval[1] < 0
