"""One cell of a benchmark as data: one model, protocol, seed and fold, and the key of what is kept of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec import Struct, structs, to_builtins

from ruvllm._core import LearningEngine
from ruvllm.benchmark.sweeps.jobs import label_of
from ruvllm.encoders.models import ModelProfile
from ruvllm.evaluation.learned_retrieval import LearnedRetrieval
from ruvllm.learning.constants import Protocol, Size, constants
from ruvllm.learning.training_run import RunPlan
from ruvllm.results.run_records import RunIdentity
from ruvllm.version import __version__
from ruvllm.workloads.splits import ORDINARY, Fold
from ruvllm.workloads.workload import Workload

if TYPE_CHECKING:
    from ruvllm.workloads.streams.moments import TaskStream

__all__ = ["Cell", "described", "identity"]


class Cell(Struct, frozen=True):
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

    def retrieval(self, engine: LearningEngine, workload: Workload) -> LearnedRetrieval:
        """Retrieval by what the cell's engine has learned, with the protocol's settings."""
        p = self.protocol
        return LearnedRetrieval.with_best_shares(
            engine, workload, shares=p.crowding_shares, neighbours=p.crowding_neighbours, isa=self.plan.isa
        )

    @property
    def label(self) -> str:
        return label_of(self.model.name, self.protocol.name, self.plan.seed, self.fold)


def identity(cell: Cell, workload: Workload) -> RunIdentity:
    """Which run of a results file the cell is."""
    return RunIdentity(
        protocol=cell.protocol.name,
        workload=workload.name,
        model=cell.model.name,
        params_b=cell.model.params_b,
        lora_rank=cell.plan.rank,
        seed=cell.plan.seed,
        epochs=cell.plan.size.epochs,
        tasks_per_epoch=cell.plan.size.tasks_per_epoch,
        fold=None if cell.fold is None else cell.fold.number,
        folds=None if cell.fold is None else cell.fold.of,
    )


def described(cell: Cell, workload: Workload | TaskStream) -> dict[str, object]:
    """All that decides what the cell learns."""
    protocol = {
        name: structs.asdict(value) if isinstance(value, Size) else getattr(value, "name", value)
        for name, value in constants(cell.protocol)
    }
    fold = cell.fold or ORDINARY
    return {
        "packageVersion": __version__,
        "model": to_builtins(cell.model),
        "protocol": protocol,
        "size": structs.asdict(cell.plan.size),
        "rank": cell.plan.rank,
        "seed": cell.plan.seed,
        "baseRate": cell.protocol.base_rate,
        "stream": cell.plan.stream,
        "fold": [fold.number, fold.of],
        "workload": workload.name,
        "workloadDetails": workload.details,
    }
