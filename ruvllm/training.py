"""One run: an engine learns from a workload for some epochs and is measured before, between and after."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ruvllm._core import Control, LearningEngine, squared_norm
from ruvllm.curriculum import TaskOrder
from ruvllm.metrics import Answers, answer
from ruvllm.protocols import Protocol, Size, engine_config
from ruvllm.schedulers import BASE_RATE, curriculum_stage, make_rate_scheduler, temperature
from ruvllm.statistics import mean
from ruvllm.workload import TASK_TYPES, Workload

__all__ = ["Cancelled", "Progress", "RunPlan", "TrainedRun", "train"]

CHUNK = 10
"""Tasks between two looks of the difficulty adjustment."""

Progress = Callable[[int, int, float | None], None]
"""Called after each epoch with (epochs done, epochs, test resolve rate where it was measured)."""


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
    base_rate: float = BASE_RATE
    isa: str = "auto"


@dataclass(frozen=True, slots=True, eq=False)
class TrainedRun:
    """The engine after the last epoch and what was measured on the way."""

    engine: LearningEngine
    initial: Answers
    final: Answers
    history: list[dict[str, Any]]
    """One entry per epoch; empty for a control. `test` is at temperature 1, `prequential` what happened while training:
    sampled answers at the epoch's temperature, which grow surer as it falls."""
    attempts: int
    successes: int
    """Of the attempts; what a replay makes of them later does not count."""
    average_quality: float
    """Of the attempts: confidence of a success, the protocol's share of it for a failure."""
    seconds: float


def train(
    plan: RunPlan,
    workload: Workload,
    *,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> TrainedRun:
    """Learns for the plan's epochs. Raises Cancelled soon after `cancelled()` turns true."""
    started = time.perf_counter()
    run = _Run(plan, workload, cancelled)
    initial = answer(run.engine, workload, workload.parts.test)
    for epoch in range(plan.size.epochs):
        run.epoch(epoch)
        if progress is not None:
            rate = run.history[-1]["test"]["resolveRate"] if run.history else None
            progress(epoch + 1, plan.size.epochs, rate)
    final = answer(run.engine, workload, workload.parts.test)
    return TrainedRun(
        engine=run.engine,
        initial=initial,
        final=final,
        history=run.history,
        attempts=len(run.qualities),
        successes=run.successes,
        average_quality=mean(run.qualities),
        seconds=time.perf_counter() - started,
    )


class _Run:
    def __init__(self, plan: RunPlan, workload: Workload, cancelled: Callable[[], bool]) -> None:
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
        self.order = TaskOrder(workload, plan.protocol, plan.size.epochs, plan.seed)
        self.rate = make_rate_scheduler(plan.protocol.learning_rate, plan.base_rate)
        self.history: list[dict[str, Any]] = []
        self.successes = 0
        self.qualities: list[float] = []
        self._watch_validation()

    def epoch(self, epoch: int) -> None:
        plan, engine = self.plan, self.engine
        degrees = temperature(epoch, plan.size.epochs, plan.protocol.final_temperature)
        rate = self.rate.rate
        attempts = self._attempt(epoch, rate, degrees)
        replayed = self._replay(rate)
        engine.learn_patterns()
        engine.end_epoch()
        if self._stage_ends(epoch):
            engine.consolidate()
        self._watch_validation()
        if plan.control == Control.NONE:
            self.history.append(self._measure(epoch, attempts, replayed, rate, degrees))

    def _attempt(self, epoch: int, rate: float, degrees: float) -> tuple[Answers, float]:
        """The epoch's tasks in chunks; their outcomes and the mean loss of what was learned from."""
        resolved, confidence, loss, tasks = [], [], [], []
        for begin in range(0, self.plan.size.tasks_per_epoch, CHUNK):
            self._stop_if_cancelled()
            chunk = self.order.next_chunk(epoch, min(CHUNK, self.plan.size.tasks_per_epoch - begin))
            _, right, sure, cost = self.engine.train(chunk, learning_rate=rate, temperature=degrees)
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

    def _replay(self, rate: float) -> float:
        self._stop_if_cancelled()
        n = self.plan.protocol.replays_per_epoch
        return self.engine.replay(self.plan.size.tasks_per_epoch if n is None else n, learning_rate=rate)

    def _stage_ends(self, epoch: int) -> bool:
        """Whether the curriculum moves on after this epoch; the end of the run is no boundary."""
        epochs = self.plan.size.epochs
        return (
            self.plan.protocol.curriculum
            and epoch + 1 < epochs
            and curriculum_stage(epoch + 1, epochs) != curriculum_stage(epoch, epochs)
        )

    def _watch_validation(self) -> None:
        """Shows the scheduler the validation part. Not where nothing can come of it."""
        if self.plan.control == Control.FROZEN or self.plan.protocol.learning_rate == "fixed":
            return
        self._stop_if_cancelled()
        self.rate.update(answer(self.engine, self.workload, self.workload.parts.valid).resolve_rate)

    def _measure(
        self, epoch: int, attempts: tuple[Answers, float], replayed: float, rate: float, degrees: float
    ) -> dict[str, Any]:
        self._stop_if_cancelled()
        prequential, loss = attempts
        test = answer(self.engine, self.workload, self.workload.parts.test)
        return {
            "epoch": epoch + 1,
            "test": test.summary(),
            "prequential": prequential.summary(),
            "trainTestGap": prequential.resolve_rate - test.resolve_rate,
            "taskTypeAccuracy": test.by_type(),
            "patternsLearned": self.engine.pattern_count,
            "loraNorm": _norm(self.engine.parameters),
            "perBeta": self.engine.replay_beta,
            "contrastiveLoss": loss,
            "replayLoss": replayed,
            "dynamicDifficulty": self.order.difficulty.value,
            "learningRate": rate,
            "temperature": degrees,
            "trajectoryCount": self.engine.trajectory_count,
            "ewcTaskCount": self.engine.ewc_task_count,
        }

    def _stop_if_cancelled(self) -> None:
        if self.cancelled():
            raise Cancelled


def _norm(parameters: NDArray[np.float32]) -> float:
    return math.sqrt(squared_norm(parameters))
