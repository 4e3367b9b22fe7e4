"""What learning brought on each task type, and on other input: resolve rate, and the place of the right solution."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ruvllm.evaluation.bootstrap import bootstrap_interval
from ruvllm.evaluation.retrieval import OF_RECIPROCAL_RANK
from ruvllm.evaluation.statistics import mean
from ruvllm.workloads.workload import TASK_TYPES

__all__ = ["summarise_all", "summarise_by_type"]

Values = list[list[float]]
"""For each run, one value per task."""

MEASURES: dict[str, tuple[str, str, Callable[[float], float]]] = {
    "resolveRate": ("resolvedInitially", "resolved", float),
    **{name: ("reciprocalRankInitially", "reciprocalRank", value) for name, value in OF_RECIPROCAL_RANK.items()},
}
"""Before, after, and what a task counts for."""


def summarise_by_type(answers: Sequence[dict[str, Any]], seed: int) -> dict[str, dict[str, Any]]:
    """For each type that every run has, each measure frozen and learned, the paired gain and its 95% interval."""
    present = [kind for kind in range(len(TASK_TYPES)) if all(kind in answer["types"] for answer in answers)]
    return {TASK_TYPES[kind]: {"tasks": _count(answers, kind), **_measures(answers, kind, seed)} for kind in present}


def summarise_all(answers: Sequence[dict[str, Any]], seed: int) -> dict[str, Any]:
    """The same over tasks of all types."""
    as_one = [{**answer, "types": [0] * len(answer["types"])} for answer in answers]
    return {"tasks": _count(as_one, 0), **_measures(as_one, 0, seed)}


def _count(answers: Sequence[dict[str, Any]], kind: int) -> int:
    return sum(answer["types"].count(kind) for answer in answers)


def _measures(answers: Sequence[dict[str, Any]], kind: int, seed: int) -> dict[str, Any]:
    found = {}
    for name, (before, after, value) in MEASURES.items():
        if before in answers[0]:  # what was not asked has no answers
            frozen, learned = _values(answers, kind, before, value), _values(answers, kind, after, value)
            gains = [[b - a for a, b in zip(*pair, strict=True)] for pair in zip(frozen, learned, strict=True)]
            found[name] = {
                "frozen": _mean(frozen),
                "learned": _mean(learned),
                "gain": _mean(learned) - _mean(frozen),
                "gainCI95": list(bootstrap_interval(gains, seed)),
            }
    return found


def _values(
    answers: Sequence[dict[str, Any]], kind: int, key: str, value: Callable[[float], float]
) -> Values:
    return [
        [value(given) for given, of in zip(answer[key], answer["types"], strict=True) if of == kind]
        for answer in answers
    ]


def _mean(values: Values) -> float:
    return mean([mean(run) for run in values])
