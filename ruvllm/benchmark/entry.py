"""A measured cell as an entry of the results file."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ruvllm.benchmark.cell import Cell, identity
from ruvllm.checkpoints.writing import WrittenCheckpoint
from ruvllm.evaluation.answers import answer, transitions
from ruvllm.evaluation.closed_forms import closed_form_ranks
from ruvllm.evaluation.retrieval import Ranks, reciprocal_ranks
from ruvllm.files.json_writing import canonical_json
from ruvllm.learning.schedulers import DynamicDifficulty
from ruvllm.learning.training import RunPlan, TrainedRun
from ruvllm.results.summaries import Entry
from ruvllm.workloads.splits import ORDINARY, Fold
from ruvllm.workloads.workload import Workload

__all__ = ["MeasuredCell", "closed_forms_of", "make_entry", "metrics_of"]



@dataclass(frozen=True, slots=True, eq=False)
class MeasuredCell:
    """A cell that has been run."""

    workload: Workload
    run: TrainedRun
    metrics: dict[str, Any]
    ranks: tuple[Ranks, Ranks] | None
    transfer: tuple[Ranks, Ranks] | None


def make_entry(
    cell: Cell, measured: MeasuredCell, written: WrittenCheckpoint, closed_forms: dict[str, list[float]]
) -> Entry:
    workload, run, metrics, ranks = measured.workload, measured.run, measured.metrics, measured.ranks
    answers = _answers(workload, run, ranks)
    transfer = measured.transfer
    answers |= {"closedForms": closed_forms} if closed_forms else {}
    return {
        **identity(cell, workload),
        "taskSet": task_set(cell, workload),
        **metrics,
        "antiOverfitting": _anti_overfitting(cell.plan, workload, run, metrics["holdout"], cell.fold),
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


def metrics_of(workload: Workload, run: TrainedRun, controls: dict[str, Any]) -> dict[str, Any]:
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


def _anti_overfitting(
    plan: RunPlan, workload: Workload, run: TrainedRun, holdout: dict[str, Any], fold: Fold | None
) -> dict[str, Any]:
    """One field per measure against overfitting in the published table; None where the protocol has no such measure.

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


def closed_forms_of(
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


def task_set(cell: Cell, workload: Workload) -> str:
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
