"""One run: an engine learns from a workload for some epochs and is measured before, between and after."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ruvllm._core import Control, LearningEngine, squared_norm
from ruvllm.evaluation.answers import Answers, Scores, calibrated_summary, score
from ruvllm.evaluation.statistics import mean
from ruvllm.files.arrays import StateArrays, StateReader
from ruvllm.learning.constants import Protocol, Size
from ruvllm.learning.curriculum import TaskOrder
from ruvllm.learning.protocols import engine_config
from ruvllm.learning.schedulers import LEVELS, RateScheduler, make_rate_scheduler, temperature
from ruvllm.learning.snapshots import Snapshot, SnapshotWriter
from ruvllm.learning.stream import EpochPlan, plan_stream
from ruvllm.workloads.workload import TASK_TYPES, Workload

__all__ = ["Cancelled", "Progress", "RunPlan", "TrainedRun", "TrainingRun", "train"]

CHUNK = 10
"""Tasks between two looks of the difficulty adjustment."""

Progress = Callable[[int, int, float | None, float | None], None]
"""Called after each epoch with (epochs done, epochs, test resolve rate and confidence where they were measured)."""


class Cancelled(Exception):
    """The run was asked to stop."""


@dataclass(frozen=True, slots=True)
class RunPlan:
    """Everything that decides a run's result, with the workload."""

    protocol: Protocol
    size: Size
    rank: int
    seed: int
    control: Control = Control.NONE
    stream: str = "mixed"
    isa: str = "auto"


@dataclass(frozen=True, slots=True, eq=False)
class TrainedRun:
    """The engine after the last epoch and what was measured on the way."""

    engine: LearningEngine
    initial: Answers
    final: Answers
    initial_calibrated: dict[str, float] | None
    """What calibrated_summary() gives before any learning, and after all of it; None where it was not asked for."""
    final_calibrated: dict[str, float] | None
    history: list[dict[str, Any]]
    """One entry per epoch; empty for a control. `test` is at temperature 1, `prequential` what happened while training:
    sampled answers at the epoch's temperature, which grow surer as it falls."""
    attempts: int
    successes: int
    """Of the attempts; what a replay makes of them later does not count."""
    average_quality: float
    """Of the attempts: confidence of a success, the protocol's share of it for a failure."""
    seconds: float
    block_size: int
    """Of the block adapters, 0 where there are none."""
    learned_examples: int
    """Attempts, replays and rehearsed episodes, each a learning step or a part of one."""
    learning_seconds: float
    """Processor time spent on them, without encoding and measuring."""
    state: StateArrays | None
    """All that going on from here depends on; None where it was not asked for."""


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
    the end. With a snapshot the run goes on where it was interrupted, and each epoch is saved when it is over: what
    `progress` has heard of is not done again. The results are the same.
    """
    started = time.perf_counter()
    run = TrainingRun(plan, workload, cancelled)
    initial = run.scores("test").answers()
    initial_calibrated = run.calibrated() if calibrate else None
    with SnapshotWriter(snapshot, run) as writer:
        started -= writer.resume()
        while run.epochs_done < len(run.stream):
            run.epoch()
            report = partial(_report, progress, run.epochs_done, len(run.stream), run.history[-1:])
            last = run.epochs_done == len(run.stream)
            writer.save(time.perf_counter() - started, report, last=last)
    final = run.scores("test").answers()
    return TrainedRun(
        engine=run.engine,
        initial=initial,
        final=final,
        initial_calibrated=initial_calibrated,
        final_calibrated=run.calibrated() if calibrate else None,
        history=run.history,
        attempts=len(run.qualities),
        successes=run.successes,
        average_quality=mean(run.qualities),
        seconds=time.perf_counter() - started,
        block_size=min(plan.protocol.associations.block_size, workload.source.dim),
        learned_examples=run.learned,
        learning_seconds=run.learning_seconds,
        state=run.state() if keep_state else None,
    )


def _report(progress: Progress | None, done: int, total: int, last: list[dict[str, Any]]) -> None:
    if progress is not None:
        test = last[0]["test"] if last else {}
        progress(done, total, test.get("resolveRate"), test.get("confidence"))


class TrainingRun:
    """A run between two of its epochs."""

    def __init__(
        self, plan: RunPlan, workload: Workload, cancelled: Callable[[], bool] = lambda: False
    ) -> None:
        config = engine_config(
            plan.protocol,
            dim=workload.source.dim,
            rank=plan.rank,
            n_types=len(TASK_TYPES),
            seed=plan.seed,
            control=plan.control,
        )
        self.plan = plan
        self.workload = workload
        self.cancelled = cancelled
        self.engine = LearningEngine(workload.source, config, isa=plan.isa)
        types = np.unique(workload.types[workload.parts.train]).tolist()
        self.stream = plan_stream(plan.stream, plan.protocol, plan.size, types)
        self.order = TaskOrder(workload, plan.protocol, plan.seed)
        self.rate = _rate_scheduler(plan)
        self.epochs_done = 0
        self.history: list[dict[str, Any]] = []
        self.successes = 0
        self.qualities: list[float] = []
        self._applied = 0
        self.learned = 0
        self.learning_seconds = 0.0
        self._scores: dict[str, Scores] = {}
        self._watch_validation()

    def scores(self, part: str) -> Scores:
        """The engine's scores for the tasks of `part`; they are found once and kept until it learns again."""
        if part not in self._scores:
            self._stop_if_cancelled()
            self._scores[part] = score(self.engine, self.workload, getattr(self.workload.parts, part))
        return self._scores[part]

    def calibrated(self) -> dict[str, float]:
        return calibrated_summary(self.scores("valid"), self.scores("test"))

    def state(self) -> StateArrays:
        """All that the next epochs depend on, but for the plan and the workload."""
        return {
            **{f"engine.{name}": array for name, array in self.engine.state().items()},
            **self.order.state(),
            "rate.now": np.array([self.rate.rate]),
            "rate.seen": np.array(self.rate.seen, dtype=np.float64),
            "run.epochs": np.array([self.epochs_done], dtype=np.uint64),
            "run.successes": np.array([self.successes], dtype=np.uint64),
            "run.applied": np.array([self._applied], dtype=np.uint64),
            "run.qualities": np.array(self.qualities, dtype=np.float64),
        }

    def restore(self, state: StateArrays, history: list[dict[str, Any]]) -> None:
        """Goes on where another run of the same plan and workload was. Raises ValueError; this run is then spoiled."""
        reader = StateReader(state)
        engine = reader.under("engine.")
        self.order.restore(reader)
        rate, seen = reader.number("rate.now"), reader.array("rate.seen", np.float64).tolist()
        epochs, successes, applied = (reader.count(f"run.{name}") for name in ("epochs", "successes", "applied"))
        qualities = reader.array("run.qualities", np.float64).tolist()
        reader.finish()
        if not self.rate.lowest <= rate <= self.rate.highest:
            raise ValueError(f"rate.now must be {self.rate.lowest} to {self.rate.highest}, not {rate}")
        if max(successes, applied) > len(qualities):
            raise ValueError(f"run.successes and run.applied must be at most {len(qualities)}, the attempts")
        if len(history) != (epochs if self.plan.control == Control.NONE else 0):
            raise ValueError(f"there must be a record of each of {epochs} epochs, not {len(history)}")
        try:
            self.engine.restore(engine)
        except (IndexError, TypeError) as error:
            raise ValueError(str(error)) from error
        self.rate.rate, self.rate.seen = rate, seen
        self.epochs_done, self.successes, self._applied = epochs, successes, applied
        self.qualities, self.history = qualities, list(history)
        self._scores.clear()

    def epoch(self) -> None:
        """The next epoch; beyond the plan's, one more like its last."""
        number = self.epochs_done
        plan, engine, epoch = self.plan, self.engine, self.stream[min(number, len(self.stream) - 1)]
        self._scores.clear()
        degrees = temperature(
            number, len(self.stream), plan.protocol.final_temperature, plan.protocol.cooling
        )
        rate = self.rate.rate
        attempts = self._attempt(epoch, rate, degrees)
        engine.learn_patterns()
        replayed = self._replay(epoch, rate)
        self._rehearse()
        if epoch.ends_stage or number + 1 >= len(self.stream):
            self._apply_sum(rate)
        engine.end_epoch()
        penalty = engine.ewc_penalty  # of the stage that may end here: afterwards it is 0
        if epoch.ends_stage:
            engine.consolidate()
        self._watch_validation()
        if plan.control == Control.NONE:
            self.history.append(
                {**self._measure(epoch, attempts, replayed, rate, degrees), "ewcPenalty": penalty}
            )
        self.epochs_done += 1

    def _attempt(self, epoch: EpochPlan, rate: float, degrees: float) -> tuple[Answers, float]:
        """The epoch's tasks in chunks; their outcomes and the mean loss of what was learned from."""
        resolved, confidence, loss, tasks = [], [], [], []
        for begin in range(0, epoch.tasks, CHUNK):
            self._stop_if_cancelled()
            chunk = self.order.next_chunk(epoch, min(CHUNK, epoch.tasks - begin))
            started = time.thread_time()
            _, right, sure, cost = self.engine.train(chunk, learning_rate=rate, temperature=degrees)
            self._count(len(chunk), started)
            if self.plan.protocol.adaptive_difficulty:
                self.order.difficulty.update(right.tolist())
            self.successes += int(np.count_nonzero(right))
            self.qualities += np.where(right, sure, self.plan.protocol.failure_quality * sure).tolist()
            tasks.append(chunk)
            resolved.append(right)
            confidence.append(sure)
            loss.append(cost)
        types = self.workload.types[np.concatenate(tasks)]
        answers = Answers(np.concatenate(resolved), np.concatenate(confidence), types)
        return answers, mean(np.concatenate(loss).tolist())

    def _replay(self, epoch: EpochPlan, rate: float) -> float:
        self._stop_if_cancelled()
        n = self.plan.protocol.replays_per_epoch
        n = epoch.tasks if n is None else n
        started = time.thread_time()
        loss = self.engine.replay(n, learning_rate=rate)
        self._count(n, started)
        return loss

    def _count(self, examples: int, started: float) -> None:
        self.learned += examples
        self.learning_seconds += time.thread_time() - started

    def _rehearse(self) -> None:
        if self.plan.protocol.associations.block_size > 0:
            for _ in range(self.plan.protocol.rehearsals):
                self._stop_if_cancelled()
                started = time.thread_time()
                self._count(self.engine.rehearse(), started)

    def _apply_sum(self, rate: float) -> None:
        """One step as long as the steps of all attempts since the last one, where gradients are accumulated."""
        if self.plan.protocol.accumulate:
            self.engine.step_along_sum(length=rate * (len(self.qualities) - self._applied))
            self._applied = len(self.qualities)

    def _watch_validation(self) -> None:
        """Shows the scheduler the validation part. Not where nothing can come of it."""
        if self.plan.control == Control.FROZEN or self.plan.protocol.learning_rate == "fixed":
            return
        self.rate.update(self.scores("valid").answers().resolve_rate)

    def _measure(
        self, epoch: EpochPlan, attempts: tuple[Answers, float], replayed: float, rate: float, degrees: float
    ) -> dict[str, Any]:
        prequential, loss = attempts
        test = self.scores("test").answers()
        return {
            "epoch": self.epochs_done + 1,
            "test": test.summary(),
            "prequential": prequential.summary(),
            "trainTestGap": prequential.resolve_rate - test.resolve_rate,
            "taskTypeAccuracy": test.by_type(),
            "patternsLearned": self.engine.pattern_count,
            "loraNorm": _norm(self.engine.parameters),
            "perBeta": self.engine.replay_beta,
            "contrastiveLoss": loss,
            "replayLoss": replayed,
            "curriculumLevel": None if epoch.level is None else LEVELS[epoch.level],
            "dynamicDifficulty": self.order.difficulty.value,
            "learningRate": rate,
            "temperature": degrees,
            "trajectoryCount": self.engine.trajectory_count,
            "ewcTaskCount": self.engine.ewc_task_count,
        }

    def _stop_if_cancelled(self) -> None:
        if self.cancelled():
            raise Cancelled


def _rate_scheduler(plan: RunPlan) -> RateScheduler:
    p = plan.protocol
    base = p.base_rate if p.use_lora else 0.0
    return make_rate_scheduler(p.learning_rate, base, p.lowest_rate, p.highest_rate)


def _norm(parameters: NDArray[np.float32]) -> float:
    return math.sqrt(squared_norm(parameters))
