"""Ablation: every component of a protocol off in turn, beside the full system on the same tasks and seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from ruvllm._core import LearnFrom, ReplayPolicy
from ruvllm.benchmark.cell import Cell
from ruvllm.benchmark.plan import Options, Reporter, make_cell, protocol_of
from ruvllm.benchmark.recorded_run import recorded_run
from ruvllm.benchmark.sweep import run_side_by_side
from ruvllm.evaluation.learned_retrieval import LearnedRetrieval
from ruvllm.evaluation.retrieval import recall_at_1
from ruvllm.learning.protocols import Protocol
from ruvllm.learning.snapshots import Unfinished
from ruvllm.learning.training import TrainedRun
from ruvllm.workloads.registry import RealInput
from ruvllm.workloads.workload import Workload

__all__ = ["COMPONENTS", "GOAL", "Component", "components_of", "run_ablation", "tasks_to_goal"]

GOAL = 0.9
"""Test resolve rate whose first crossing is timed."""

Changes = dict[str, Any]


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
) -> list[dict[str, Any]]:
    """One record per model, seed and protocol: the full one first (`without` is None), then each component's.

    Options must name one protocol. No controls and no checkpoints. `unfinished` as for run_cells().
    """
    (name,) = options.protocols
    protocol = protocol_of(name, task_input)
    variants: list[tuple[str | None, Protocol]] = [(None, protocol)]
    variants += [(component.name, component.removed_from(protocol)) for component in components_of(protocol)]
    runs = [
        (without, make_cell(options, changed, model, seed, task_input))
        for model in options.models
        for seed in options.seeds
        for without, changed in variants
    ]

    def run(item: tuple[str | None, Cell], cancelled: Callable[[], bool]) -> dict[str, Any]:
        without, cell = item
        label = _label(cell, without)
        record = recorded_run(cell, label, partial(_record, cell, without), reporter, cancelled, unfinished)
        reporter.finish(label, f"{label}: {record['resolveRate']:.1%} of the test tasks")
        return record

    reporter.start([_label(cell, without) for without, cell in runs], [cell.model.name for _, cell in runs])
    return run_side_by_side(runs, run, jobs)


def _label(cell: Cell, without: str | None) -> str:
    return f"{cell.label}, " + ("full" if without is None else f"without {without}")


def _record(cell: Cell, without: str | None, workload: Workload, run: TrainedRun) -> dict[str, Any]:
    final = run.final.summary()
    tasks, reached = tasks_to_goal(
        [run.initial.resolve_rate, *(epoch["test"]["resolveRate"] for epoch in run.history)],
        cell.plan.size.tasks_per_epoch,
    )
    record = {
        "model": cell.model.name,
        "seed": cell.plan.seed,
        "without": without,
        "resolveRate": final["resolveRate"],
        "confidence": final["confidence"],
        "ece": final["ece"],
        "tasksTo90": tasks,
        "reached90": reached,
    }
    if workload.question is not None:
        learned = LearnedRetrieval.of_run(run.engine, workload, cell.plan).learned_ranks(workload.question.test)
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
