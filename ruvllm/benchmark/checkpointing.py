"""A measured cell as a checkpoint: the content of the file, and writing it."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import to_builtins
from numpy.typing import NDArray

from ruvllm._core import active_isa
from ruvllm.benchmark.cell import Cell, identity
from ruvllm.benchmark.entry import MeasuredCell
from ruvllm.checkpoints.writing import (
    CheckpointHashes,
    CheckpointState,
    WrittenCheckpoint,
    checkpoint_hashes,
    write_checkpoint,
)
from ruvllm.files.arrays import StateArrays
from ruvllm.learning.training import TrainedRun
from ruvllm.version import __version__
from ruvllm.workloads.workload import TASK_TYPES, Workload

__all__ = ["KEEP", "LEXICAL", "checkpoint_content", "kept_cells", "kept_runs", "run_arguments", "save_checkpoint"]

LEXICAL = "lexical."
"""Before the names of what was learned from the lexical view, in a resume file."""
KEEP = ("all", "last", "none")
"""Of which runs the checkpoint is kept: of all; of the last one of each model and protocol; of none."""


def kept_cells(cells: Sequence[Cell], keep: str) -> set[int]:
    """Returns the numbers of the cells whose checkpoints are kept. `last` is the last seed, and its last fold."""
    return kept_runs([(cell.model.name, cell.protocol.name) for cell in cells], keep)


def kept_runs(runs: Sequence[tuple[str, str]], keep: str) -> set[int]:
    """The same for runs as (model, protocol)."""
    last = {run: number for number, run in enumerate(runs)}
    return {"all": set(range(len(runs))), "last": set(last.values()), "none": set()}[keep]


def run_arguments(cell: Cell, workload: Workload) -> dict[str, object]:
    """The `run` block of the cell's checkpoint: from it the run can be made again."""
    arguments = {
        **to_builtins(identity(cell, workload)),
        "profile": cell.profile,
        "stream": cell.plan.stream,
        "baseRate": cell.protocol.base_rate,
        "workloadDetails": workload.details,
        "packageVersion": __version__,
    }
    if not cell.controls:
        arguments["controls"] = False
    if workload.lexical is not None and not cell.protocol.lexical.on:
        arguments["lexical"] = False
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
        "resume": _resume(measured),
    }


def save_checkpoint(
    cell: Cell, measured: MeasuredCell, folder: Path | None
) -> WrittenCheckpoint | CheckpointHashes:
    """Writes the checkpoint, or without a folder takes the hashes alone that it would have."""
    if folder is None:
        return checkpoint_hashes(**checkpoint_content(cell, measured))
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


def _resume(measured: MeasuredCell) -> StateArrays | None:
    """What going on needs, of what was learned from the lexical view too."""
    state, lexical = measured.run.state, measured.lexical
    if state is None or lexical is None or lexical.run is None:
        return state
    return {**state, **{f"{LEXICAL}{name}": array for name, array in lexical.run.state().items()}}


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
