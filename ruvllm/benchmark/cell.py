"""One cell of a benchmark: one model, protocol, seed and fold, learned beside its controls, measured and saved."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ruvllm._core import Control, active_isa
from ruvllm.benchmark.anti_overfitting import anti_overfitting
from ruvllm.checkpoints.verifying import RESUME_OK, verify_checkpoint
from ruvllm.checkpoints.writing import CheckpointState, WrittenCheckpoint, write_checkpoint
from ruvllm.encoders.models import ModelProfile
from ruvllm.evaluation.answers import answer, transitions
from ruvllm.evaluation.closed_forms import closed_form_ranks
from ruvllm.evaluation.learned_retrieval import LearnedRetrieval, figures
from ruvllm.evaluation.retrieval import Ranks, reciprocal_ranks
from ruvllm.files.canonical import canonical_json
from ruvllm.files.json_reading import InvalidFileError
from ruvllm.learning.protocols import Protocol, Size
from ruvllm.learning.snapshots import Snapshot, Unfinished, key_of
from ruvllm.learning.training import Cancelled, Progress, RunPlan, TrainedRun, train
from ruvllm.version import __version__
from ruvllm.workloads.splits import ORDINARY, Fold
from ruvllm.workloads.workload import TASK_TYPES, Workload

__all__ = [
    "Cell",
    "Entry",
    "MeasuredCell",
    "checkpoint_content",
    "described",
    "measure_cell",
    "run_arguments",
    "run_cell",
]

Entry = dict[str, Any]
"""One run in the results file."""

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
    fold: Fold | None = None
    """Of a cross-validation."""
    controls: bool = True

    @property
    def protocol(self) -> Protocol:
        return self.plan.protocol

    @property
    def label(self) -> str:
        fold = "" if self.fold is None else f" fold {self.fold.number}/{self.fold.of}"
        return f"{self.model.name} {self.protocol.name} seed {self.plan.seed}{fold}"


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredCell:
    """A cell that has been run."""

    workload: Workload
    run: TrainedRun
    metrics: dict[str, Any]
    ranks: tuple[Ranks, Ranks] | None
    transfer: tuple[Ranks, Ranks] | None


def run_cell(
    cell: Cell,
    folder: Path,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] = lambda: False,
    unfinished: Unfinished | None = None,
    comparing: Callable[[int, int], None] = lambda done, total: None,
) -> Entry:
    """Runs the cell and writes its checkpoint into an existing folder; returns its entry in the results file.

    `comparing` hears of what needs no learning loop, as (fits done, fits in all): with large input it takes minutes.
    `unfinished` is where progress is kept and, where that is wanted, gone on from. Raises Cancelled, OSError,
    ValueError.
    """
    workload = cell.build()
    key = key_of(described(cell, workload) | {"profile": cell.profile, "controls": cell.controls})
    if unfinished is not None and (kept := unfinished.result(key)) is not None and _is_saved(kept, folder):
        _keep(cell, workload, key, kept, unfinished)
        return kept
    measured = measure_cell(cell, workload, progress, cancelled, unfinished)
    written = _save(cell, measured, folder)

    def on_comparison(done: int, total: int) -> None:
        if cancelled():
            raise Cancelled
        comparing(done, total)

    entry = _entry(cell, measured, written, _closed_forms(workload, cell.plan.isa, on_comparison))
    if unfinished is not None:
        _keep(cell, workload, key, entry, unfinished)
    return entry


def measure_cell(
    cell: Cell,
    workload: Workload,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] = lambda: False,
    unfinished: Unfinished | None = None,
) -> MeasuredCell:
    """Runs the cell on its workload and saves nothing but progress."""

    def learned(control: Control, **options: Any) -> TrainedRun:
        snapshot = None if unfinished is None else _snapshot(cell, workload, control, unfinished)
        return train(replace(cell.plan, control=control), workload, cancelled=cancelled, snapshot=snapshot, **options)

    run = learned(Control.NONE, progress=progress, calibrate=True, keep_state=True)
    controls = {}
    for name, control in CONTROLS.items() if cell.controls else ():
        controlled = learned(control)
        controls[name] = {"initial": controlled.initial.summary(), "final": controlled.final.summary()}
    retrieval = LearnedRetrieval.of_run(run.engine, workload, cell.plan)
    question = workload.question
    ranks = None if question is None else retrieval.ranks(question.test)
    transfer = None if question is None else retrieval.ranks(question.transfer)
    metrics = _metrics(workload, run, controls)
    if ranks is not None:
        metrics["retrieval"] = figures(ranks) | {"crowdingShare": retrieval.named_shares()}
    if transfer is not None:
        metrics["transfer"] = figures(transfer)
    return MeasuredCell(workload, run, metrics, ranks, transfer)


def _entry(
    cell: Cell, measured: MeasuredCell, written: WrittenCheckpoint, closed_forms: dict[str, list[float]]
) -> Entry:
    workload, run, metrics, ranks = measured.workload, measured.run, measured.metrics, measured.ranks
    answers = _answers(workload, run, ranks)
    transfer = measured.transfer
    answers |= {"closedForms": closed_forms} if closed_forms else {}
    return {
        **_identity(cell, workload),
        "taskSet": _task_set(cell, workload),
        **metrics,
        "antiOverfitting": anti_overfitting(cell.plan, workload, run, metrics["holdout"], cell.fold),
        "patterns": run.engine.pattern_count,
        "efficiency": cell.model.efficiency(metrics["final"]["resolveRate"]),
        "seconds": run.seconds,
        "microsecondsPerTask": 1e6 * run.learning_seconds / max(run.learned_examples, 1),
        "transitions": transitions(run.initial, run.final),
        "history": run.history,
        "answers": answers,
        **({} if transfer is None else {"transferAnswers": _transfer_answers(workload, transfer)}),
        "stateHash": written.state_hash,
        "runHash": written.run_hash,
        "checkpoint": str(written.path),
    }


def _metrics(workload: Workload, run: TrainedRun, controls: dict[str, Any]) -> dict[str, Any]:
    """Test before and after, as many train tasks as test tasks, and the holdout: read here and never before."""
    parts = workload.parts
    return {
        "initial": run.initial.summary(),
        "final": run.final.summary_with_interval(),
        "calibrated": {"initial": run.initial_calibrated, "final": run.final_calibrated},
        "reliability": {"initial": run.initial.reliability(), "final": run.final.reliability()},
        "taskTypeAccuracy": run.final.by_type(),
        "train": answer(run.engine, workload, parts.train[: len(parts.test)]).summary(),
        "holdout": answer(run.engine, workload, parts.holdout).summary(),
        "controls": controls,
    }


def _closed_forms(
    workload: Workload, isa: str, progress: Callable[[int, int], None]
) -> dict[str, list[float]]:
    """Reciprocal ranks under each closed form. Not hashed: they pass through LAPACK."""
    if workload.question is None:
        return {}
    ranks = closed_form_ranks(workload.question, workload.types, workload.parts.train, isa, progress)
    return {name: reciprocal_ranks(found).tolist() for name, found in ranks.items()}


def _answers(workload: Workload, run: TrainedRun, ranks: tuple[Ranks, Ranks] | None) -> dict[str, Any]:
    """Each test task's outcome before and after, for paired comparisons; element i belongs to task tasks[i]."""
    answers: dict[str, Any] = {
        "tasks": workload.parts.test.tolist(),
        "resolvedInitially": run.initial.resolved.astype(int).tolist(),
        "resolved": run.final.resolved.astype(int).tolist(),
        "confidence": run.final.confidence.tolist(),
    }
    if ranks is not None:
        answers["types"] = workload.types[workload.parts.test].tolist()
        answers["reciprocalRankInitially"] = reciprocal_ranks(ranks[0]).tolist()
        answers["reciprocalRank"] = reciprocal_ranks(ranks[1]).tolist()
    return answers


def _transfer_answers(workload: Workload, ranks: tuple[Ranks, Ranks]) -> dict[str, Any]:
    assert workload.question is not None and workload.question.transfer is not None
    return {
        "types": workload.question.transfer.types.tolist(),
        "reciprocalRankInitially": reciprocal_ranks(ranks[0]).tolist(),
        "reciprocalRank": reciprocal_ranks(ranks[1]).tolist(),
    }


def _identity(cell: Cell, workload: Workload) -> dict[str, Any]:
    identity: dict[str, Any] = {
        "protocol": cell.protocol.name,
        "workload": workload.name,
        "model": cell.model.name,
        "paramsB": cell.model.params_b,
        "loraRank": cell.plan.rank,
        "seed": cell.plan.seed,
        "epochs": cell.plan.size.epochs,
        "tasksPerEpoch": cell.plan.size.tasks_per_epoch,
    }
    if cell.fold is not None:
        identity |= {"fold": cell.fold.number, "folds": cell.fold.of}
    return identity


def _task_set(cell: Cell, workload: Workload) -> str:
    """SHA-256 of what made the tasks: equal where two runs' tasks have the same numbers and the same vectors."""
    made_from: dict[str, Any] = {
        "workload": workload.name,
        "model": cell.model.name,
        "seed": cell.plan.seed,
        "details": workload.details,
    }
    if workload.digest is not None:  # candidates and term weights differ from fold to fold
        fold = cell.fold or ORDINARY
        made_from |= {"fold": fold.number, "folds": fold.of}
    return hashlib.sha256(canonical_json(made_from)).hexdigest()


def described(cell: Cell, workload: Workload) -> dict[str, Any]:
    """All that decides what the cell learns."""
    protocol = {f.name: getattr(cell.protocol, f.name) for f in fields(cell.protocol)}
    plain = {
        name: asdict(value) if isinstance(value, Size) else getattr(value, "name", value)
        for name, value in protocol.items()
    }
    fold = cell.fold or ORDINARY
    return {
        "packageVersion": __version__,
        "model": asdict(cell.model),
        "protocol": plain,
        "size": asdict(cell.plan.size),
        "rank": cell.plan.rank,
        "seed": cell.plan.seed,
        "baseRate": cell.protocol.base_rate,
        "stream": cell.plan.stream,
        "fold": [fold.number, fold.of],
        "workload": workload.name,
        "workloadDetails": workload.details,
    }


def _snapshot(cell: Cell, workload: Workload, control: Control, unfinished: Unfinished) -> Snapshot:
    return unfinished.snapshot(key_of(described(cell, workload) | {"control": control.name}))


def _keep(cell: Cell, workload: Workload, key: str, entry: Entry, unfinished: Unfinished) -> None:
    """Keeps the entry, then removes what it was made from: a run may have been killed between the two."""
    unfinished.keep_result(key, entry)
    for control in (Control.NONE, *CONTROLS.values()):
        _snapshot(cell, workload, control, unfinished).remove()


def _is_saved(entry: Entry, folder: Path) -> bool:
    """Whether the checkpoint of a kept entry is in the folder and whole; its path is put right."""
    path = folder / Path(str(entry["checkpoint"])).name
    try:
        found = verify_checkpoint(path)
    except InvalidFileError:
        return False
    entry["checkpoint"] = str(path)
    return found.run_hash == entry["runHash"] and found.resume == RESUME_OK


def run_arguments(cell: Cell, workload: Workload) -> dict[str, Any]:
    """The `run` block of the cell's checkpoint: from it the run can be made again."""
    arguments = {
        **_identity(cell, workload),
        "profile": cell.profile,
        "stream": cell.plan.stream,
        "baseRate": cell.protocol.base_rate,
        "workloadDetails": workload.details,
        "packageVersion": __version__,
    }
    if not cell.controls:
        arguments["controls"] = False
    return arguments


def checkpoint_content(cell: Cell, measured: MeasuredCell) -> dict[str, Any]:
    """Arguments of checkpoint_document()."""
    return {
        "version": cell.protocol.version,
        "model_name": cell.model.name,
        "state": _state(measured.run),
        "history": measured.run.history,
        "metrics": measured.metrics,
        "run": run_arguments(cell, measured.workload),
        "resume": measured.run.state,
    }


def _save(cell: Cell, measured: MeasuredCell, folder: Path) -> WrittenCheckpoint:
    now = datetime.now(UTC)
    return write_checkpoint(
        folder,
        **checkpoint_content(cell, measured),
        timestamp=f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03d}Z",
        unhashed={
            "seconds": measured.run.seconds,
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
        blocks={TASK_TYPES[k]: weights for k, weights in engine.blocks.items()},
        block_size=run.block_size,
        episodes={TASK_TYPES[k]: pairs.tolist() for k, pairs in engine.episodes.items()},
        trajectories=run.attempts,
        successes=run.successes,
        average_quality=run.average_quality,
    )
