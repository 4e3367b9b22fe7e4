"""A measured cell as an entry of the results file."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from msgspec import Struct, structs

from ruvllm.benchmark.audit import audit_of
from ruvllm.benchmark.cell import Cell, identity
from ruvllm.checkpoints.writing import CheckpointHashes, WrittenCheckpoint
from ruvllm.encoders.models import former_name
from ruvllm.evaluation.answers import Answers as TestAnswers
from ruvllm.evaluation.answers import transitions
from ruvllm.evaluation.learned_retrieval import LearnedRetrieval, figures
from ruvllm.evaluation.retrieval import Ranked, Ranks, pool_sizes, reciprocal_ranks
from ruvllm.files.json_writing import canonical_json
from ruvllm.learning.schedulers import DynamicDifficulty
from ruvllm.learning.training import TrainedRun
from ruvllm.learning.training_run import RunPlan
from ruvllm.results.run_records import Answers, AntiOverfitting, BenchmarkRun, InputIdentity, TransferAnswers
from ruvllm.workloads.splits import ORDINARY, Fold, Numbers
from ruvllm.workloads.workload import Retrieval, Workload

if TYPE_CHECKING:
    from ruvllm.benchmark.comparing import Compared, MeasuredLexical

__all__ = ["MeasuredCell", "input_of", "make_entry", "metrics_of"]

DIGITS = 6
"""Of what is looked at only: nothing is computed from it again."""


class MeasuredCell(Struct, frozen=True, eq=False):
    """A cell that has been run."""

    workload: Workload
    run: TrainedRun
    metrics: dict[str, Any]
    """As JSON, for the checkpoint's hash covers them."""
    learned: LearnedRetrieval
    ranked: tuple[Ranked, Ranked] | None
    """The test queries by the frozen vectors, and by what was learned."""
    transfer: tuple[Ranks, Ranks] | None
    lexical: MeasuredLexical | None = None
    """None without a lexical view."""

    @property
    def microseconds_per_task(self) -> float:
        """Processor time of learning from one task, from both views."""
        lexical = self.lexical.run if self.lexical is not None else None
        seconds = self.run.learning_seconds + (0.0 if lexical is None else lexical.learning_seconds)
        return 1e6 * seconds / max(self.run.learned_examples, 1)


def make_entry(
    cell: Cell,
    measured: MeasuredCell,
    saved: WrittenCheckpoint | CheckpointHashes,
    compared: Compared | None,
) -> BenchmarkRun:
    """The entry of a cell whose checkpoint was written or hashed."""
    workload, run, metrics = measured.workload, measured.run, measured.metrics
    entry = {
        **msgspec.to_builtins(identity(cell, workload)),
        "taskSet": task_set(cell, workload),
        "input": None if workload.origin is None else msgspec.to_builtins(input_of(workload)),
        **audit_of(workload),
        **metrics,
        **_selected_figures(measured, compared),
        "selection": _selection(measured, compared),
        "antiOverfitting": _anti_overfitting(cell.plan, workload, run, metrics["holdout"]["resolveRate"], cell.fold),
        "patterns": run.engine.pattern_count,
        "efficiency": None if workload.origin else cell.model.efficiency(metrics["final"]["resolveRate"]),
        "seconds": run.seconds,
        "microsecondsPerTask": measured.microseconds_per_task,
        "transitions": transitions(run.initial, run.final),
        "history": run.history,
        "answers": _answers(measured, compared),
        "transferAnswers": _transfer_answers(measured, compared),
        "stateHash": saved.state_hash,
        "runHash": saved.run_hash,
        "checkpoint": str(saved.path) if isinstance(saved, WrittenCheckpoint) else None,
    }
    return msgspec.convert(entry, BenchmarkRun)


def input_of(workload: Workload) -> InputIdentity | None:
    """What the tasks were made of; None for the simulated workload."""
    origin, details = workload.origin, workload.details
    if origin is None:
        return None
    named = ("encoder", "tasks", "candidates", "generator", "split")
    return InputIdentity(
        source=origin.source,
        name=origin.name,
        texts_digest=origin.texts_digest,
        encoder_digest=origin.encoder_digest,
        **{key: details[key] for key in named if key in details},  # type: ignore[arg-type]
        test_tasks=details.get("testTasks"),  # type: ignore[arg-type]
        hints=details.get("hints"),  # type: ignore[arg-type]
        language=details.get("language"),  # type: ignore[arg-type]
        grammar=details.get("grammar"),  # type: ignore[arg-type]
    )


def metrics_of(workload: Workload, run: TrainedRun, controls: dict[str, dict[str, dict[str, float]]]) -> dict[str, Any]:
    """Test before and after, as many train tasks as test tasks, and the holdout: read here and never before."""
    parts = workload.parts
    return {
        "initial": run.initial.summary(),
        "final": run.final.summary_with_interval(),
        "calibrated": {"initial": run.initial_calibrated, "final": run.final_calibrated},
        "reliability": {"initial": run.initial.reliability(), "final": run.final.reliability()},
        "taskTypeAccuracy": run.final.by_type(),
        "train": run.answer(workload, parts.train[: len(parts.test)]).summary(),
        "holdout": run.answer(workload, parts.holdout).summary(),
        "controls": controls,
    }


def _anti_overfitting(
    plan: RunPlan, workload: Workload, run: TrainedRun, holdout_rate: float, fold: Fold | None
) -> AntiOverfitting:
    protocol, history = plan.protocol, run.history
    first, last = history[0], history[-1]
    levels = list(dict.fromkeys(epoch["curriculumLevel"] for epoch in history))
    dda = {"target": DynamicDifficulty.target, "last": last["dynamicDifficulty"]}
    return AntiOverfitting(
        stratified_split={name: len(workload.parts.part(name)) for name in ("train", "valid", "test", "holdout")},
        folds=None if fold is None else {"fold": fold.number, "of": fold.of},
        holdout={"resolveRate": holdout_rate, "belowTest": run.final.resolve_rate - holdout_rate},
        curriculum=levels if protocol.curriculum else None,
        temperature={"first": first["temperature"], "last": last["temperature"]},
        difficulty_adjustment=dda if protocol.adaptive_difficulty else None,
        ewc={
            "lambda": protocol.ewc.lambda_,
            "consolidations": last["ewcTaskCount"],
            "lastPenalty": last["ewcPenalty"],
        },
        train_test_gap={"largest": max(epoch["trainTestGap"] for epoch in history), "last": last["trainTestGap"]},
    )


def _selected_figures(measured: MeasuredCell, compared: Compared | None) -> dict[str, Any]:
    """The figures of retrieval by what was selected, in place of those of what was learned alone."""
    found: dict[str, Any] = {}
    if compared is None or not compared.choices:
        return found
    if measured.ranked is not None:
        pair = (measured.ranked[0].ranks, compared.test.selected.ranks)
        found["retrieval"] = {**measured.metrics["retrieval"], **figures(pair), "pools": _pools(measured.workload)}
    if measured.transfer is not None and compared.transfer is not None:
        pair = (measured.transfer[0], compared.transfer.selected.ranks)
        found["transfer"] = {**measured.metrics["transfer"], **figures(pair)}
    return found


def _selection(measured: MeasuredCell, compared: Compared | None) -> dict[str, Any] | None:
    """The choices of the validation part; None where nothing was to be chosen."""
    if not measured.run.choices and compared is None:
        return None
    from ruvllm.benchmark.comparing import selection_of  # not for simulated tasks, which are not retrieved

    return selection_of(measured.run.choices, compared)


def _pools(workload: Workload) -> dict[str, float] | None:
    """How many candidates the test queries have."""
    if workload.question is None:
        return None
    sizes = pool_sizes(workload.question.test)
    return {
        "smallest": int(sizes.min()),
        "median": float(np.median(sizes)),
        "largest": int(sizes.max()),
        "chance": float(np.mean(1 / sizes)),
    }


def _answers(measured: MeasuredCell, compared: Compared | None) -> Answers:
    workload, run, test = measured.workload, measured.run, measured.workload.parts.test
    answers = Answers(
        tasks=test.tolist(),
        resolved_initially=run.initial.resolved.astype(int).tolist(),
        resolved=run.final.resolved.astype(int).tolist(),
        confidence_initially=[round(sure, DIGITS) for sure in run.initial.confidence.tolist()],
        confidence=run.final.confidence.tolist(),
        types=workload.types[test].tolist(),
        groups=_groups(workload),
        categories=_categories(workload),
    )
    if measured.ranked is None or workload.question is None or compared is None:
        return structs.replace(
            answers,
            difficulty=[round(each, DIGITS) for each in workload.difficulty[test].tolist()],
        )
    frozen, learned = measured.ranked
    selected = compared.test.selected if compared.choices else learned
    return structs.replace(
        answers,
        reciprocal_rank_initially=reciprocal_ranks(frozen.ranks).tolist(),
        reciprocal_rank=reciprocal_ranks(selected.ranks).tolist(),
        reciprocal_rank_alone=reciprocal_ranks(learned.ranks).tolist() if compared.choices else None,
        closed_forms=compared.test.reciprocal() or None,
        hybrid=_reciprocal(compared.test.hybrid),
        ensemble=_reciprocal(compared.test.ensemble),
        chosen_initially=_chosen(workload, run.initial),
        chosen=_chosen(workload, run.final),
        first_initially=_first(workload.question.test, test, frozen),
        first=_first(workload.question.test, test, selected),
    )


def _categories(workload: Workload) -> list[int] | None:
    """The language of each test task; None on real input if all tasks are Python's."""
    if workload.origin is not None and not workload.categories.any():
        return None
    numbers: list[int] = workload.categories[workload.parts.test].tolist()
    return numbers


def _groups(workload: Workload) -> list[int] | None:
    """The group of each test task; None if no two of them are copies of one another."""
    if workload.repeats is None:
        return None
    groups: list[int] = workload.repeats.groups[workload.parts.test].tolist()
    return groups if len(set(groups)) < len(groups) else None


def _chosen(workload: Workload, answers: TestAnswers) -> list[int] | None:
    """The number of the solution that was chosen for each test task."""
    if workload.candidates is None or answers.chosen is None:
        return None
    numbers: list[int] = workload.candidates[workload.parts.test, answers.chosen].tolist()
    return numbers


def _first(question: Retrieval, test: Numbers, ranked: Ranked) -> list[int | None] | None:
    """The number of the solution that stood first for each test query: the task's own if it is the right one."""
    if question.numbers is None:
        return None
    first = np.where(ranked.ranks == 1, test, question.numbers[ranked.first])
    return [None if place < 0 else number for number, place in zip(first.tolist(), ranked.first.tolist(), strict=True)]


def _transfer_answers(measured: MeasuredCell, compared: Compared | None) -> TransferAnswers | None:
    question = measured.workload.question
    if measured.transfer is None or question is None or question.transfer is None or compared is None:
        return None
    frozen, learned = measured.transfer
    others = compared.transfer
    selected = learned if others is None or not compared.choices else others.selected.ranks
    return TransferAnswers(
        types=question.transfer.types.tolist(),
        reciprocal_rank_initially=reciprocal_ranks(frozen).tolist(),
        reciprocal_rank=reciprocal_ranks(selected).tolist(),
        closed_forms=None if others is None else others.reciprocal(),
        reciprocal_rank_alone=reciprocal_ranks(learned).tolist() if compared.choices else None,
        hybrid=None if others is None else _reciprocal(others.hybrid),
        ensemble=None if others is None else _reciprocal(others.ensemble),
    )


def _reciprocal(ranks: Ranks | None) -> list[float] | None:
    return None if ranks is None else reciprocal_ranks(ranks).tolist()


def task_set(cell: Cell, workload: Workload) -> str:
    """SHA-256 of what made the tasks: equal where two runs' tasks have the same numbers and the same vectors."""
    made_from: dict[str, object] = {
        "workload": workload.name,
        "model": former_name(cell.model.name),
        "seed": cell.plan.seed,
        "details": workload.details,
    }
    if workload.digest is not None:  # candidates and term weights differ from fold to fold
        fold = cell.fold or ORDINARY
        made_from |= {"fold": fold.number, "folds": fold.of}
    return hashlib.sha256(canonical_json(made_from)).hexdigest()
