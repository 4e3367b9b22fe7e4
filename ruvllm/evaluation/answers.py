"""What is measured when an engine answers tasks: the numbers of the results file."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from msgspec import Struct, structs
from numpy.typing import NDArray

from ruvllm._core import LearningEngine
from ruvllm.evaluation.calibration import ReliabilityBin, fit_temperature, reliability, scaled_confidences
from ruvllm.evaluation.statistics import brier_score, expected_calibration_error, mean, wilson_interval
from ruvllm.workloads.workload import TASK_TYPES, Workload

__all__ = ["Answers", "Scores", "TaskAnswers", "answer", "calibrated_summary", "score", "transitions"]


class Answers(Struct, frozen=True, eq=False):
    """Outcomes of n tasks."""

    resolved: NDArray[np.bool_]
    """(n,): whether the right candidate was ranked first."""
    confidence: NDArray[np.float64]
    """(n,): probability given to the candidate that was chosen."""
    types: NDArray[np.uint8]
    """(n,) indices into TASK_TYPES."""
    chosen: NDArray[np.int64] | None = None
    """(n,): numbers of the candidates that were chosen; None where nobody asks for them."""

    @property
    def resolve_rate(self) -> float:
        """Share of tasks resolved, in [0, 1]."""
        return int(np.count_nonzero(self.resolved)) / len(self.resolved)

    def summary(self) -> dict[str, float]:
        """resolveRate, confidence, ece and brier, all in [0, 1] (the last two of the chosen answer)."""
        return {
            "resolveRate": self.resolve_rate,
            "confidence": mean(self.confidence.tolist()),
            "ece": expected_calibration_error(self.confidence, self.resolved),
            "brier": brier_score(self.confidence, self.resolved),
        }

    def summary_with_interval(self) -> dict[str, float | list[float]]:
        """The summary and the 95% Wilson interval of the resolve rate."""
        low, high = wilson_interval(int(np.count_nonzero(self.resolved)), len(self.resolved))
        return {**self.summary(), "resolveRateCI95": [low, high]}

    def reliability(self) -> list[ReliabilityBin]:
        """The bins behind `ece`: confidence against the share resolved."""
        return reliability(self.confidence.tolist(), self.resolved.tolist())

    def by_type(self) -> dict[str, float]:
        """Resolve rate of each task type that occurs."""
        tasks = np.bincount(self.types, minlength=len(TASK_TYPES)).tolist()
        resolved = np.bincount(self.types[self.resolved], minlength=len(TASK_TYPES)).tolist()
        return {name: right / n for name, right, n in zip(TASK_TYPES, resolved, tasks, strict=True) if n > 0}


class TaskAnswers(Struct, frozen=True, eq=False):
    """What one run answered on n >= 1 test tasks; element i of each array belongs to task `tasks[i]`."""

    tasks: NDArray[np.int64]
    """(n,) numbers in [0, 2^32), no two alike."""
    resolved: NDArray[np.bool_]
    """(n,)"""
    confidence: NDArray[np.float64]
    """(n,) in [0, 1]."""
    reciprocal_rank: NDArray[np.float64] | None
    """(n,) in (0, 1]; None without retrieval."""
    groups: NDArray[np.int64] | None = None
    """(n,): equal for copies of one another, which are no independent evidence; None if there are none."""


class Scores(Struct, frozen=True, eq=False):
    """What the answers to n tasks were chosen from."""

    logits: NDArray[np.float64]
    """(n, m): scores of the m candidates."""
    right: NDArray[np.uint32]
    """(n,): numbers of the right candidates."""
    types: NDArray[np.uint8]
    """(n,) indices into TASK_TYPES."""

    def answers(self, temperature: float = 1.0) -> Answers:
        """Best-ranked candidates, as sure as softmax(logits / temperature) is of them."""
        chosen = np.argmax(self.logits, axis=1)
        return Answers(chosen == self.right, scaled_confidences(self.logits, temperature), self.types, chosen)

    def reciprocal_ranks(self) -> NDArray[np.float64]:
        """1 / rank of the right candidate among the m, per task (n,); an equal score counts against it."""
        of_right = self.logits[np.arange(len(self.right)), self.right]
        ranks: NDArray[np.float64] = 1.0 / np.count_nonzero(self.logits >= of_right[:, None], axis=1)
        return ranks

    def where(self, other_types: Collection[int], other: Scores) -> Scores:
        """These scores, but for tasks of some types those of `other`, which are scores of the same tasks."""
        of_other = np.isin(self.types, list(other_types))
        return structs.replace(self, logits=np.where(of_other[:, None], other.logits, self.logits))


def score(engine: LearningEngine, workload: Workload, tasks: NDArray[np.uint32]) -> Scores:
    """The frozen engine's scores for tasks (n,); nothing is learned."""
    return Scores(*engine.logits(tasks), workload.types[tasks])


def answer(engine: LearningEngine, workload: Workload, tasks: NDArray[np.uint32]) -> Answers:
    """The frozen engine's answers to tasks (n,): best-ranked candidate, temperature 1, nothing learned."""
    return score(engine, workload, tasks).answers()


def transitions(before: Answers, after: Answers) -> dict[str, dict[str, int]]:
    """For each task type that occurs, how many of the same tasks were resolved before and after (kept), only after
    (gained), only before (lost) and never.
    """
    outcomes = {
        "kept": before.resolved & after.resolved,
        "gained": ~before.resolved & after.resolved,
        "lost": before.resolved & ~after.resolved,
        "never": ~before.resolved & ~after.resolved,
    }
    return {
        kind: {name: int(np.count_nonzero(which & (after.types == i))) for name, which in outcomes.items()}
        for i, kind in enumerate(TASK_TYPES)
        if np.any(after.types == i)
    }


def calibrated_summary(valid: Scores, test: Scores) -> dict[str, float]:
    """Confidence on the test part after temperature scaling (Guo et al. 2017), fitted on the validation part.

    temperature, and at it the test part's confidence, ece and brier. What is resolved does not change.
    """
    temperature = fit_temperature(valid.logits, valid.right)
    summary = test.answers(temperature).summary()
    return {"temperature": temperature, **{key: summary[key] for key in ("confidence", "ece", "brier")}}
