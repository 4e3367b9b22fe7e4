"""The report's measures against overfitting, each as what it was in this run."""

from __future__ import annotations

from typing import Any

from ruvllm.learning.schedulers import DynamicDifficulty
from ruvllm.learning.training import RunPlan, TrainedRun
from ruvllm.workloads.splits import Fold
from ruvllm.workloads.workload import Workload

__all__ = ["anti_overfitting"]


def anti_overfitting(
    plan: RunPlan, workload: Workload, run: TrainedRun, holdout: dict[str, Any], fold: Fold | None
) -> dict[str, Any]:
    """One field per row of the report's table; None where the protocol has no such measure.

    The epoch-by-epoch values of all but the first three are in the run's history.
    """
    protocol, history = plan.protocol, run.history
    first, last = history[0], history[-1]
    levels = list(dict.fromkeys(epoch["curriculumLevel"] for epoch in history))
    dda = {"target": DynamicDifficulty.target, "last": last["dynamicDifficulty"]}
    rate: float = holdout["resolveRate"]
    return {
        "stratifiedSplit": {name: len(getattr(workload.parts, name)) for name in ("train", "valid", "test", "holdout")},
        "folds": None if fold is None else {"fold": fold.number, "of": fold.of},
        "holdout": {"resolveRate": rate, "belowTest": run.final.resolve_rate - rate},
        "curriculum": levels if protocol.curriculum else None,
        "temperature": {"first": first["temperature"], "last": last["temperature"]},
        "difficultyAdjustment": dda if protocol.adaptive_difficulty else None,
        "ewc": {
            "lambda": protocol.ewc_lambda,
            "consolidations": last["ewcTaskCount"],
            "lastPenalty": last["ewcPenalty"],
        },
        "trainTestGap": {"largest": max(epoch["trainTestGap"] for epoch in history), "last": last["trainTestGap"]},
    }
