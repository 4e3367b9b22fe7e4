"""A learning run between two of its epochs: what it learns next, what it measures, what a snapshot keeps of it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from ruvllm._core import Control, LearningEngine, squared_norm
from ruvllm.evaluation.answers import Answers, Scores, score
from ruvllm.evaluation.statistics import mean
from ruvllm.files.arrays import StateArrays, StateReader
from ruvllm.learning.constants import Protocol, Size
from ruvllm.learning.curriculum import TaskOrder
from ruvllm.learning.protocols import engine_config
from ruvllm.learning.schedulers import LEVELS, RateScheduler, make_rate_scheduler, temperature
from ruvllm.learning.snapshots import Epoch, History
from ruvllm.learning.stream import EpochPlan, plan_stream
from ruvllm.workloads.workload import TASK_TYPES, Workload, types_in

__all__ = ["Cancelled", "RunPlan", "TrainingRun", "new_engine"]

CHUNK = 10
"""Tasks between two looks of the difficulty adjustment."""


class Cancelled(Exception):
    """The run was asked to stop."""


class RunPlan(Struct, frozen=True):
    """Everything that decides a run's result, with the workload."""

    protocol: Protocol
    size: Size
    rank: int
    seed: int
    control: Control = Control.NONE
    stream: str = "mixed"
    isa: str = "auto"


class TrainingRun:
    """A run between two of its epochs."""

    def __init__(
        self,
        plan: RunPlan,
        workload: Workload,
        cancelled: Callable[[], bool] = lambda: False,
        *,
        measured: bool = True,
    ) -> None:
        """Without `measured` it keeps no history, as a control does: nobody looks at the engine between its epochs."""
        self.plan = plan
        self.measured = measured and plan.control == Control.NONE
        self.workload = workload
        self.cancelled = cancelled
        self.stopping = False
        self.ends_epochs = False
        self.engine = new_engine(plan, workload)
        types = types_in(workload.types[workload.parts.train])
        self.stream = plan_stream(plan.stream, plan.protocol, plan.size, types)
        self.order = TaskOrder(workload, plan.protocol, plan.seed)
        self.rate = _rate_scheduler(plan)
        self.epochs_done = 0
        self.history: History = []
        self.successes = 0
        self.qualities: list[float] = []
        self._applied = 0
        self.learned = 0
        self.learning_seconds = 0.0
        self._scores: dict[str, Scores] = {}
        self._watch_validation()

    def scores(self, part: str) -> Scores:
        """Returns the engine's scores for the tasks of `part`; they are kept until it learns again."""
        if part not in self._scores:
            self._stop_if_cancelled()
            self._scores[part] = score(self.engine, self.workload, getattr(self.workload.parts, part))
        return self._scores[part]

    def state(self) -> StateArrays:
        """Returns everything that the next epochs depend on, except the plan and the workload."""
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

    def restore(self, state: StateArrays, history: History) -> None:
        """Continues where another run of the same plan and workload was. After a ValueError this run is spoiled."""
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
        if len(history) != (epochs if self.measured else 0):
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
        """Runs the next epoch; after the plan's last one, one more like it."""
        number = self.epochs_done
        plan, engine, epoch = self.plan, self.engine, self.stream[min(number, len(self.stream) - 1)]
        self._scores.clear()
        self.stopping = False
        if number == 0:
            engine.centre(self.workload.parts.train)
        degrees = temperature(number, len(self.stream), plan.protocol.final_temperature, plan.protocol.cooling)
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
        if self.measured:
            self.history.append({**self._measure(epoch, attempts, replayed, rate, degrees), "ewcPenalty": penalty})
        self.epochs_done += 1

    def _attempt(self, epoch: EpochPlan, rate: float, degrees: float) -> tuple[Answers, float]:
        """Tries the epoch's tasks in chunks. Returns their outcomes and the mean loss of what was learned from."""
        outcomes, tasks = [], []
        for begin in range(0, epoch.tasks, CHUNK):
            self._stop_if_cancelled()
            chunk = self.order.next_chunk(epoch, min(CHUNK, epoch.tasks - begin))
            started = time.thread_time()
            _, *outcome = self.engine.train(chunk, learning_rate=rate, temperature=degrees)
            self._count(len(chunk), started)
            if self.plan.protocol.adaptive_difficulty:
                self.order.difficulty.update(outcome[0].tolist())
            tasks.append(chunk)
            outcomes.append(outcome)
        resolved, confidence, loss = (np.concatenate(each) for each in zip(*outcomes, strict=True))
        self.successes += int(np.count_nonzero(resolved))
        self.qualities += np.where(resolved, confidence, self.plan.protocol.failure_quality * confidence).tolist()
        answers = Answers(resolved, confidence, self.workload.types[np.concatenate(tasks)])
        return answers, mean(loss.tolist())

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
        """Takes one step as long as the steps of all attempts since the last one, if gradients are accumulated."""
        if self.plan.protocol.accumulate:
            self.engine.step_along_sum(length=rate * (len(self.qualities) - self._applied))
            self._applied = len(self.qualities)

    def _watch_validation(self) -> None:
        """Shows the scheduler the validation part, unless nothing can come of it."""
        if self.plan.control == Control.FROZEN or self.plan.protocol.learning_rate == "fixed":
            return
        self.rate.update(self.scores("valid").answers().resolve_rate)

    def _measure(
        self, epoch: EpochPlan, attempts: tuple[Answers, float], replayed: float, rate: float, degrees: float
    ) -> Epoch:
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
            self.stopping = True
            if not self.ends_epochs:
                raise Cancelled


def new_engine(plan: RunPlan, workload: Workload) -> LearningEngine:
    """An engine of this plan that has learned nothing."""
    config = engine_config(
        plan.protocol,
        dim=workload.source.dim,
        rank=plan.rank,
        n_types=len(TASK_TYPES),
        seed=plan.seed,
        control=plan.control,
    )
    return LearningEngine(workload.source, config, isa=plan.isa)


def _rate_scheduler(plan: RunPlan) -> RateScheduler:
    p = plan.protocol
    base = p.base_rate if p.use_lora else 0.0
    return make_rate_scheduler(p.learning_rate, base, p.lowest_rate, p.highest_rate)


def _norm(parameters: NDArray[np.float32]) -> float:
    return math.sqrt(squared_norm(parameters))
