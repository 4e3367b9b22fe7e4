"""The benchmark: which runs there are, made side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol as Interface

from ruvllm.benchmark.cell import Cell, Entry, run_cell
from ruvllm.benchmark.sweep import run_side_by_side
from ruvllm.encoders.models import MODELS, ModelProfile
from ruvllm.learning.presets import RANK
from ruvllm.learning.protocols import PROTOCOLS, Protocol, Size, lora_rank
from ruvllm.learning.snapshots import Unfinished
from ruvllm.learning.training import RunPlan
from ruvllm.workloads.registry import RealInput
from ruvllm.workloads.simulated import build_simulated_workload
from ruvllm.workloads.splits import ORDINARY, Fold
from ruvllm.workloads.workload import Workload

__all__ = [
    "REAL_MODELS",
    "Options",
    "Reporter",
    "dataset_size",
    "finished_line",
    "make_cell",
    "make_cells",
    "models_of",
    "protocol_of",
    "run_cells",
]

REAL_MODELS = ("Qwen2.5-Coder-1.5B", "CodeLlama-7B")
"""Real input has no encoder of its own per model, only its dimension: d = 1536 and d = 4096."""
QUICK_MODELS = 3


@dataclass(frozen=True, slots=True)
class Options:
    """Everything that decides the result, but for what files hold."""

    protocols: tuple[str, ...] = ("v3",)
    profile: str = "full"
    models: tuple[ModelProfile, ...] = MODELS
    workload: str = "simulated"
    """"simulated", "code" or "jsonl"."""
    split: str = "file"
    """Of the code workload: "file" or "function"."""
    seeds: tuple[int, ...] = (0,)
    folds: int | None = None
    """Of a cross-validation; None: one run per seed, on the ordinary split."""
    stream: str = "mixed"
    controls: bool = True
    """Each run once more under each control: nothing learned, random gradients, shuffled answers."""
    rank: int | None = None
    """None: the protocol's own; 16 on real input."""
    isa: str = "auto"


class Reporter(Interface):
    """Hears what happens; called from several threads.

    `start` names all runs, and for each the bar that shows it (a model's, say), where several share one.
    """

    def work(self, label: str, done: int, total: int) -> None: ...
    def start(self, labels: Sequence[str], bars: Sequence[str] | None = None) -> None: ...
    def epoch(
        self, label: str, done: int, total: int, test_resolve_rate: float | None, confidence: float | None
    ) -> None: ...
    def finish(self, label: str, line: str) -> None: ...


def models_of(workload: str, profile: str) -> tuple[ModelProfile, ...]:
    """The models that run when none are named."""
    if workload != "simulated":
        return tuple(model for model in MODELS if model.name in REAL_MODELS)
    return MODELS[:QUICK_MODELS] if profile == "quick" else MODELS


def make_cells(options: Options, task_input: RealInput | None = None) -> list[Cell]:
    """One cell per protocol, model, seed and fold, in this order. `task_input`: None for the simulated workload."""
    return [
        make_cell(options, protocol_of(name, task_input), model, seed, task_input, fold)
        for name in options.protocols
        for model in options.models
        for seed in options.seeds
        for fold in _folds(options)
    ]


def protocol_of(name: str, task_input: RealInput | None) -> Protocol:
    """The protocol of that name as it is on the input; None for the simulated workload."""
    protocol = PROTOCOLS[name]
    return protocol if task_input is None else task_input.settings(protocol)


def make_cell(
    options: Options,
    protocol: Protocol,
    model: ModelProfile,
    seed: int,
    task_input: RealInput | None = None,
    fold: Fold | None = None,
) -> Cell:
    """One cell of a protocol, which may be a changed one."""
    size = protocol.size(options.profile)
    parts = ORDINARY if fold is None else fold
    rank = lora_rank(protocol, model.params_b)
    build: Callable[[], Workload]
    if task_input is None:
        attempts = dataset_size(options.profile).attempts
        build = partial(build_simulated_workload, model, attempts, seed, options.isa, parts)
    else:
        rank = RANK
        build = partial(task_input.build, dim=model.embedding_dim, seed=seed, split=options.split, fold=parts)
    plan = RunPlan(protocol, size, options.rank or rank, seed, stream=options.stream, isa=options.isa)
    return Cell(model, plan, options.profile, build, fold, options.controls)


def dataset_size(profile: str) -> Size:
    """The largest of the protocols' sizes: all of them are measured on the same tasks."""
    return max((p.size(profile) for p in PROTOCOLS.values()), key=lambda size: size.attempts)


def _folds(options: Options) -> Sequence[Fold | None]:
    return [None] if options.folds is None else [Fold(i + 1, options.folds) for i in range(options.folds)]


def run_cells(
    cells: Sequence[Cell], folder: Path, jobs: int, reporter: Reporter, unfinished: Unfinished | None = None
) -> list[Entry]:
    """Runs the cells, `jobs` at once; their entries in their order. Their checkpoints go into the folder."""

    def run(cell: Cell, cancelled: Callable[[], bool]) -> Entry:
        comparing = partial(reporter.work, f"closed forms, {cell.label}")
        entry = run_cell(cell, folder, partial(reporter.epoch, cell.label), cancelled, unfinished, comparing)
        reporter.finish(cell.label, finished_line(cell.label, entry))
        return entry

    reporter.start([cell.label for cell in cells], [cell.model.name for cell in cells])
    return run_side_by_side(cells, run, jobs)


def finished_line(label: str, entry: Entry) -> str:
    """What a run came to: `Phi-3-mini-4k v3 seed 0: 27.2% -> 100.0% of the test tasks, confidence 90.1%, 0.7 s`."""
    before, after = entry["initial"]["resolveRate"], entry["final"]
    return (
        f"{label}: {before:.1%} -> {after['resolveRate']:.1%} of the test tasks, confidence "
        f"{after['confidence']:.1%}, {entry['seconds']:.1f} s"
    )
