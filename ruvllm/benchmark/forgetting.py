"""The blocked stream: the task types one after another, and what is left of the first ones at the end.

R[i][j] is the test resolve rate on type j after the stage of type i. For T types (Lopez-Paz & Ranzato 2017, eq. 3;
Chaudhry et al. 2018, eq. 3, both at the end of the stream):
  backward transfer = mean over j < T of R[T][j] - R[j][j]
  forgetting        = mean over j < T of max over i < T of R[i][j], minus R[T][j]
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from ruvllm.benchmark.cell import Cell
from ruvllm.benchmark.plan import Options, Reporter, make_cell
from ruvllm.benchmark.recorded_run import recorded_run
from ruvllm.benchmark.sweep import run_side_by_side
from ruvllm.evaluation.statistics import mean
from ruvllm.learning.protocols import PROTOCOLS, Protocol
from ruvllm.learning.snapshots import Unfinished
from ruvllm.learning.training import TrainedRun
from ruvllm.workloads.workload import TASK_TYPES, Workload

__all__ = ["backward_transfer", "forgetting", "run_blocked"]

ADAPTERS = {"heads": True, "single": False}

Matrix = Sequence[Sequence[float]]


def backward_transfer(rates: Matrix) -> float:
    """Of R (T, T): above 0 where later stages helped the earlier types. Raises ValueError for T < 2."""
    last = rates[-1]
    return mean([last[j] - rates[j][j] for j in range(len(rates) - 1)])


def forgetting(rates: Matrix) -> float:
    """Of R (T, T): above 0 where types were once known better than at the end. Raises ValueError for T < 2."""
    earlier, last = rates[:-1], rates[-1]
    return mean([max(row[j] for row in earlier) - last[j] for j in range(len(rates) - 1)])


def run_blocked(
    options: Options, jobs: int, reporter: Reporter, unfinished: Unfinished | None = None
) -> list[dict[str, Any]]:
    """One record per protocol, model and seed, with heads and with a single adapter, EWC on and off.

    No controls and no checkpoints. `unfinished` as for run_cells().
    """
    options = replace(options, stream="blocked")
    runs = [
        (adapter, ewc, make_cell(options, _variant(PROTOCOLS[name], adapter, ewc), model, seed))
        for name in options.protocols
        for model in options.models
        for seed in options.seeds
        for adapter in ADAPTERS
        for ewc in (True, False)
    ]

    def run(item: tuple[str, bool, Cell], cancelled: Callable[[], bool]) -> dict[str, Any]:
        adapter, ewc, cell = item
        label = _label(*item)
        record = recorded_run(cell, label, partial(_record, cell, adapter, ewc), reporter, cancelled, unfinished)
        reporter.finish(label, f"{label}: final {record['finalAccuracy']:.1%}, forgetting {record['forgetting']:+.1%}")
        return record

    reporter.start([_label(*item) for item in runs], [cell.model.name for _, _, cell in runs])
    return run_side_by_side(runs, run, jobs)


def _variant(protocol: Protocol, adapter: str, ewc: bool) -> Protocol:
    return replace(protocol, multi_head=ADAPTERS[adapter], ewc_lambda=protocol.ewc_lambda if ewc else 0.0)


def _label(adapter: str, ewc: bool, cell: Cell) -> str:
    return f"{cell.label}, {adapter}, EWC {'on' if ewc else 'off'}"


def _record(cell: Cell, adapter: str, ewc: bool, _: Workload, run: TrainedRun) -> dict[str, Any]:
    stage = len(run.history) // len(TASK_TYPES)
    ends = run.history[stage - 1 :: stage]
    rates = [[epoch["taskTypeAccuracy"][kind] for kind in TASK_TYPES] for epoch in ends]
    return {
        "protocol": cell.protocol.name,
        "model": cell.model.name,
        "seed": cell.plan.seed,
        "adapter": adapter,
        "ewc": ewc,
        "types": list(TASK_TYPES),
        "before": [run.initial.by_type()[kind] for kind in TASK_TYPES],
        "rates": rates,
        "finalAccuracy": mean(rates[-1]),
        "backwardTransfer": backward_transfer(rates),
        "forgetting": forgetting(rates),
        "ewcPenalty": run.history[-1]["ewcPenalty"],
    }
