"""One run: an engine learns from a workload for some epochs and is measured before, between and after."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from ruvllm._core import Control, LearningEngine
from ruvllm.evaluation.answers import Answers, Scores, calibrated_summary, score
from ruvllm.evaluation.selection import FROZEN, LEARNED, Choice, choose
from ruvllm.evaluation.statistics import mean
from ruvllm.files.arrays import StateArrays
from ruvllm.learning.snapshots import History, Snapshot, SnapshotWriter
from ruvllm.learning.training_run import RunPlan, TrainingRun, new_engine
from ruvllm.workloads.workload import Workload, types_in

__all__ = ["Progress", "TrainedRun", "learn_view", "train"]

Progress = Callable[[int, int, float | None, float | None], None]
"""Called after each epoch with (epochs done, epochs, test resolve rate and confidence where they were measured)."""


class TrainedRun(Struct, frozen=True, eq=False):
    """The engine after the last epoch and what was measured on the way."""

    engine: LearningEngine
    initial: Answers
    final: Answers
    """By what was learned; those of a type for which it was not selected are the initial ones."""
    choices: dict[int, Choice]
    """By task type, what the validation part chose to answer among the candidates. Empty where it was not asked."""
    initial_calibrated: dict[str, float] | None
    """calibrated_summary() before any learning and, below, after all of it; None if it was not asked for."""
    final_calibrated: dict[str, float] | None
    history: History
    """One entry per epoch; empty for a control. `test` is at temperature 1, `prequential` what happened while training:
    sampled answers at the epoch's temperature, which grow surer as it falls."""
    attempts: int
    successes: int
    """Number of attempts that succeeded; what a replay makes of them later does not count."""
    average_quality: float
    """Mean quality of the attempts: the confidence of a success, the protocol's share of it for a failure."""
    seconds: float
    block_size: int
    """Size of the block adapters' blocks; 0 if there are none."""
    learned_examples: int
    """Attempts, replays and rehearsed episodes, each a learning step or a part of one."""
    learning_seconds: float
    """Processor time spent on them, without encoding and measuring."""
    state: StateArrays | None
    """Everything that going on from here depends on; None if it was not asked for."""
    untrained: LearningEngine | None
    """The engine of before the first epoch; None where what was learned was selected for each type."""

    @property
    def frozen_types(self) -> list[int]:
        """Task types for which what was learned was not selected."""
        return [kind for kind, choice in self.choices.items() if choice.method == FROZEN]

    def answer(self, workload: Workload, tasks: NDArray[np.uint32]) -> Answers:
        """The answers to tasks (n,) as `final` has them."""
        learned = score(self.engine, workload, tasks)
        if self.untrained is not None:
            learned = learned.where(self.frozen_types, score(self.untrained, workload, tasks))
        return learned.answers()


def train(
    plan: RunPlan,
    workload: Workload,
    *,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] = lambda: False,
    calibrate: bool = False,
    keep_state: bool = False,
    snapshot: Snapshot | None = None,
) -> TrainedRun:
    """Learns for the plan's epochs. Raises Cancelled soon after `cancelled()` turns true.

    `calibrate` asks for confidence after temperature scaling as well, before and after, `keep_state` for the state at
    the end. With a snapshot the run goes on where it was interrupted, and is saved between epochs as often as the
    snapshot says. The results are the same.
    """
    started = time.perf_counter()
    run = TrainingRun(plan, workload, cancelled)
    selecting = plan.protocol.select and plan.control == Control.NONE  # controls are shown as they are
    parts = ("valid", "test") if selecting or calibrate else ("test",)
    before = {part: run.scores(part) for part in parts}
    started -= _learn(run, snapshot, started, progress)
    choices = _choices(before["valid"], run.scores("valid")) if selecting else {}
    frozen = [kind for kind, choice in choices.items() if choice.method == FROZEN]
    after = {part: run.scores(part).where(frozen, before[part]) if frozen else run.scores(part) for part in parts}
    return TrainedRun(
        engine=run.engine,
        initial=before["test"].answers(),
        final=after["test"].answers(),
        choices=choices,
        initial_calibrated=calibrated_summary(before["valid"], before["test"]) if calibrate else None,
        final_calibrated=calibrated_summary(after["valid"], after["test"]) if calibrate else None,
        history=run.history,
        attempts=len(run.qualities),
        successes=run.successes,
        average_quality=mean(run.qualities),
        seconds=time.perf_counter() - started,
        block_size=min(plan.protocol.associations.block_size, workload.source.dim),
        learned_examples=run.learned,
        learning_seconds=run.learning_seconds,
        state=run.state() if keep_state else None,
        untrained=new_engine(plan, workload) if frozen else None,
    )


def learn_view(
    plan: RunPlan, workload: Workload, cancelled: Callable[[], bool] = lambda: False, snapshot: Snapshot | None = None
) -> TrainingRun:
    """Learns for the plan's epochs from another view of a run's tasks, and measures nothing. Raises Cancelled."""
    run = TrainingRun(plan, workload, cancelled, measured=False)
    _learn(run, snapshot, time.perf_counter())
    return run


def _learn(run: TrainingRun, snapshot: Snapshot | None, started: float, progress: Progress | None = None) -> float:
    """Runs the epochs that are left. Returns the training seconds spent before, which the snapshot knows of."""
    writer = SnapshotWriter(snapshot, run)
    before = writer.resume()
    while run.epochs_done < len(run.stream):
        run.epoch()
        writer.epoch_is_over(before + time.perf_counter() - started)
        if progress is not None:
            test = run.history[-1]["test"] if run.history else {}
            progress(run.epochs_done, len(run.stream), test.get("resolveRate"), test.get("confidence"))
    run.ends_epochs = False  # what follows is measured again at no great cost
    return before


def _choices(before: Scores, after: Scores) -> dict[int, Choice]:
    """What the validation part says for each type."""
    frozen, learned = before.reciprocal_ranks(), after.reciprocal_ranks()
    return {
        kind: choose({FROZEN: frozen[before.types == kind], LEARNED: learned[before.types == kind]})
        for kind in types_in(before.types)
    }
