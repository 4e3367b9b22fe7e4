"""One cell of a benchmark: one model, protocol and seed, learned beside its three controls, measured and saved."""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ruvllm._core import Control, LearningEngine, active_isa
from ruvllm.checkpoint import CheckpointState, WrittenCheckpoint, write_checkpoint
from ruvllm.metrics import answer
from ruvllm.models import ModelProfile
from ruvllm.protocols import Protocol
from ruvllm.retrieval import hits_at_1, mean_reciprocal_rank, recall_at_1, reciprocal_ranks, retrieval_ranks
from ruvllm.training import Progress, RunPlan, TrainedRun, train
from ruvllm.version import __version__
from ruvllm.workload import TASK_TYPES, Retrieval, Workload

__all__ = ["Cell", "CellResult", "run_cell"]

CONTROLS = {
    "frozen": Control.FROZEN,
    "randomGradient": Control.RANDOM_GRADIENT,
    "shuffled": Control.SHUFFLED,
}


@dataclass(frozen=True, slots=True)
class Cell:
    """What is to be run; the workload is built when its turn comes."""

    model: ModelProfile
    plan: RunPlan
    profile: str
    build: Callable[[], Workload]

    @property
    def protocol(self) -> Protocol:
        return self.plan.protocol

    @property
    def label(self) -> str:
        return f"{self.model.name} {self.protocol.name} seed {self.plan.seed}"


@dataclass(frozen=True, slots=True, eq=False)
class CellResult:
    """The entry of the results file, and the paired gains that intervals are made of."""

    entry: dict[str, Any]
    gains: list[float]
    """Per test task: 1 resolved after learning only, -1 before only, else 0."""
    recall_gains: list[float] | None
    """Per test query: 1 found after learning only, -1 before only, else 0."""
    reciprocal_gains: list[float] | None
    """Per test query: difference of the reciprocal ranks."""


def run_cell(
    cell: Cell, folder: Path, progress: Progress | None = None, cancelled: Callable[[], bool] = lambda: False
) -> CellResult:
    """Runs the cell and writes its checkpoint into an existing folder. Raises Cancelled, OSError, ValueError."""
    workload = cell.build()
    run = train(cell.plan, workload, progress=progress, cancelled=cancelled)
    controls = {name: _control(cell, workload, control, cancelled) for name, control in CONTROLS.items()}
    retrieval, gains = _retrieve(workload.retrieval, run.engine, cell.plan.isa)
    metrics = _metrics(workload, run, controls, retrieval)
    written = _save(cell, workload, run, metrics, folder)
    entry = {
        **_identity(cell, workload),
        **metrics,
        "patterns": run.engine.pattern_count,
        "efficiency": metrics["final"]["resolveRate"] / cell.model.params_b,
        "seconds": run.seconds,
        "history": run.history,
        "stateHash": written.state_hash,
        "runHash": written.run_hash,
        "checkpoint": str(written.path),
    }
    recall_gains, reciprocal_gains = gains if gains is not None else (None, None)
    task_gains = run.final.resolved.astype(np.float64) - run.initial.resolved.astype(np.float64)
    return CellResult(entry, task_gains.tolist(), recall_gains, reciprocal_gains)


def _control(
    cell: Cell, workload: Workload, control: Control, cancelled: Callable[[], bool]
) -> dict[str, dict[str, Any]]:
    run = train(replace(cell.plan, control=control), workload, cancelled=cancelled)
    return {"initial": run.initial.summary(), "final": run.final.summary()}


def _metrics(
    workload: Workload, run: TrainedRun, controls: dict[str, Any], retrieval: dict[str, Any] | None
) -> dict[str, Any]:
    """Test before and after, as many train tasks as test tasks, and the holdout: read here and never before."""
    parts = workload.parts
    metrics = {
        "initial": run.initial.summary(),
        "final": run.final.summary_with_interval(),
        "taskTypeAccuracy": run.final.by_type(),
        "train": answer(run.engine, workload, parts.train[: len(parts.test)]).summary(),
        "holdout": answer(run.engine, workload, parts.holdout).summary(),
        "controls": controls,
    }
    if retrieval is not None:
        metrics["retrieval"] = retrieval
    return metrics


def _retrieve(
    question: Retrieval | None, engine: LearningEngine, isa: str
) -> tuple[dict[str, Any] | None, tuple[list[float], list[float]] | None]:
    """recall@1 and MRR among all test solutions, with the frozen queries and with the adapted ones."""
    if question is None:
        return None, None
    n = len(question.queries)
    right = np.arange(n, dtype=np.int32)
    adapted = engine.adapt(question.queries, np.zeros(n, dtype=np.uint8))
    frozen = retrieval_ranks(question.queries, question.solutions, right, isa=isa)
    learned = retrieval_ranks(adapted, question.solutions, right, isa=isa)
    summary = {
        "queries": n,
        "recallAt1": {"frozen": recall_at_1(frozen), "learned": recall_at_1(learned)},
        "mrr": {"frozen": mean_reciprocal_rank(frozen), "learned": mean_reciprocal_rank(learned)},
    }
    recall_gains = (hits_at_1(learned) - hits_at_1(frozen)).tolist()
    return summary, (recall_gains, (reciprocal_ranks(learned) - reciprocal_ranks(frozen)).tolist())


def _identity(cell: Cell, workload: Workload) -> dict[str, Any]:
    return {
        "protocol": cell.protocol.name,
        "workload": workload.name,
        "model": cell.model.name,
        "paramsB": cell.model.params_b,
        "loraRank": cell.plan.rank,
        "seed": cell.plan.seed,
        "epochs": cell.plan.size.epochs,
        "tasksPerEpoch": cell.plan.size.tasks_per_epoch,
    }


def _save(
    cell: Cell, workload: Workload, run: TrainedRun, metrics: dict[str, Any], folder: Path
) -> WrittenCheckpoint:
    arguments = {
        **_identity(cell, workload),
        "profile": cell.profile,
        "baseRate": cell.plan.base_rate,
        "workloadDetails": workload.details,
        "packageVersion": __version__,
    }
    now = datetime.now(UTC)
    return write_checkpoint(
        folder,
        version=cell.protocol.version,
        model_name=cell.model.name,
        state=_state(run),
        history=run.history,
        metrics=metrics,
        run=arguments,
        timestamp=f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03d}Z",
        unhashed={
            "seconds": run.seconds,
            "isa": active_isa() if cell.plan.isa == "auto" else cell.plan.isa,
            "python": platform.python_version(),
        },
    )


def _state(run: TrainedRun) -> CheckpointState:
    engine = run.engine
    a, b = engine.lora_matrices(0)
    types: NDArray[np.uint8] = engine.pattern_types
    return CheckpointState(
        lora_a=a,
        lora_b=b,
        lora_alpha=engine.scaling,
        heads={TASK_TYPES[k]: engine.lora_matrices(1 + k) for k in range(engine.heads)},
        fisher=engine.fisher,
        optimal=engine.reference,
        task_count=engine.ewc_task_count,
        ewc_lambda=engine.ewc_lambda,
        pattern_centroids=engine.pattern_queries,
        pattern_qualities=engine.pattern_qualities.astype(np.float32),
        pattern_solutions=engine.pattern_solutions,
        pattern_types=[TASK_TYPES[k] for k in types.tolist()],
        trajectories=run.attempts,
        successes=run.successes,
        average_quality=run.average_quality,
    )
