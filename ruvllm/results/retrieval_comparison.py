"""What learning bought over what is free: frozen vectors, closed forms and the adapter on the same test queries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ruvllm.evaluation.bootstrap import bootstrap_intervals
from ruvllm.evaluation.retrieval import OF_RECIPROCAL_RANK
from ruvllm.evaluation.statistics import mean
from ruvllm.workloads.workload import TASK_TYPES

__all__ = ["METRICS", "compare_methods"]

METRICS = ("recallAt1", "recallAt5", "mrr")
SEED = 0

Ranks = list[list[float]]
"""Reciprocal ranks, per run and query."""


def compare_methods(entries: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row per task type and method, from the entries of one protocol and model.

    `type` ("all" first, where there are several), `method`, `queries` (mean over runs), each of METRICS with its mean,
    and under `gain` the difference to the frozen vectors with a 95% interval, under `learnedAhead` that of the adapter
    to the method. Queries are paired; the bootstrap is that of the other tables. Empty without closed forms.
    """
    answers = [entry["answers"] for entry in entries]
    if any("closedForms" not in answer for answer in answers):
        return []
    answers = [{**answer, "types": [TASK_TYPES[kind] for kind in answer["types"]]} for answer in answers]
    kinds = sorted({kind for answer in answers for kind in answer["types"]})
    rows = []
    for kind in [*(["all"] if len(kinds) > 1 else []), *kinds]:
        methods = _methods(answers, kind)
        if all(methods["frozen"]):
            rows += [_row(kind, name, methods) for name in methods]
    return rows


def _methods(answers: Sequence[dict[str, Any]], kind: str) -> dict[str, Ranks]:
    def chosen(values: Sequence[float], answer: dict[str, Any]) -> list[float]:
        return [v for v, own in zip(values, answer["types"], strict=True) if kind in ("all", own)]

    forms = list(answers[0]["closedForms"])
    return {
        "frozen": [chosen(a["reciprocalRankInitially"], a) for a in answers],
        **{name: [chosen(a["closedForms"][name], a) for a in answers] for name in forms},
        "learned": [chosen(a["reciprocalRank"], a) for a in answers],
    }


def _row(kind: str, name: str, methods: dict[str, Ranks]) -> dict[str, Any]:
    ranks = methods[name]
    row: dict[str, Any] = {"type": kind, "method": name, "queries": mean([float(len(run)) for run in ranks])}
    row |= {metric: mean([mean(run) for run in _values(metric, ranks)]) for metric in METRICS}
    row["gain"] = _differences(ranks, methods["frozen"])
    row["learnedAhead"] = _differences(methods["learned"], ranks)
    return row


def _values(metric: str, ranks: Ranks) -> Ranks:
    value = OF_RECIPROCAL_RANK[metric]
    return [[value(rank) for rank in run] for run in ranks]


def _differences(ranks: Ranks, others: Ranks) -> dict[str, dict[str, Any]]:
    pairs = {
        metric: [
            [a - b for a, b in zip(*runs, strict=True)]
            for runs in zip(_values(metric, ranks), _values(metric, others), strict=True)
        ]
        for metric in METRICS
    }
    intervals = bootstrap_intervals(pairs, seed=SEED)
    return {
        metric: {"mean": mean([mean(run) for run in runs]), "ci95": list(intervals[metric])}
        for metric, runs in pairs.items()
    }
