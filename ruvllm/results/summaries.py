"""The results file: every run, and what they say together (design, section 10)."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from ruvllm._core import active_isa, build_info
from ruvllm.evaluation.bootstrap import bootstrap_intervals, describe
from ruvllm.evaluation.statistics import mean
from ruvllm.results.gains import summarise_all, summarise_by_type
from ruvllm.results.published import REPORT
from ruvllm.results.retrieval_comparison import compare_methods
from ruvllm.version import __version__

__all__ = [
    "Entry",
    "Summary",
    "beside_the_report",
    "make_document",
    "make_header",
    "rankings",
    "recommendations",
    "summarise",
]

SCHEMA = 1
BOOTSTRAP_SEED = 0

Entry = dict[str, Any]
"""One run in the results file."""
Summary = dict[str, Any]
"""Means over the runs of one protocol and model."""


def make_header(kind: str, command: Sequence[str], isa: str) -> dict[str, Any]:
    """What every results file begins with: the time, the host and the command are all that differs from run to run."""
    now, build = datetime.now(UTC), build_info()
    return {
        "schema": SCHEMA,
        "kind": kind,
        "version": __version__,
        "created": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "command": list(command),
        "host": {
            "system": platform.system(),
            "machine": platform.machine(),
            "python": platform.python_version(),
            "cpus": os.cpu_count(),
            "isa": active_isa() if isa == "auto" else isa,
            "compiler": f"{build['compiler']} {build['compiler_version']}",
        },
    }


def make_document(results: Sequence[Entry], command: Sequence[str], isa: str) -> dict[str, Any]:
    """The whole results file. Times, dates, host and paths are its only parts that differ from run to run."""
    summaries = summarise(results)
    return {
        **make_header("benchmark", command, isa),
        "statistics": describe(BOOTSTRAP_SEED),
        "results": list(results),
        "summaries": summaries,
        "besideTheReport": beside_the_report(summaries),
        "rankings": rankings(summaries),
        "recommendations": recommendations(summaries),
    }


def summarise(results: Sequence[Entry]) -> list[Summary]:
    """One summary for each protocol and model, in the order of the results."""
    groups: dict[tuple[str, str], list[Entry]] = {}
    for entry in results:
        groups.setdefault((entry["protocol"], entry["model"]), []).append(entry)
    return [_summary(group) for group in groups.values()]


def _summary(entries: Sequence[Entry]) -> Summary:
    first = entries[0]

    def average(*path: str) -> float:
        return mean([_dig(entry, path) for entry in entries])

    intervals = _intervals(entries)
    summary: Summary = {
        **{key: first[key] for key in ("protocol", "workload", "model", "paramsB", "loraRank")},
        "seeds": list(dict.fromkeys(entry["seed"] for entry in entries)),
        "folds": first.get("folds"),
        "initialResolveRate": average("initial", "resolveRate"),
        "initialResolveRateCI95": intervals["initial"],
        "resolveRate": average("final", "resolveRate"),
        "resolveRateCI95": intervals["final"],
        "confidence": average("final", "confidence"),
        "confidenceCI95": intervals["confidence"],
        "gain": average("final", "resolveRate") - average("initial", "resolveRate"),
        "gainCI95": intervals["gain"],
        "calibration": {
            when: {
                "ece": average(when, "ece"),
                "brier": average(when, "brier"),
                "scaledConfidence": average("calibrated", when, "confidence"),
                "scaledEce": average("calibrated", when, "ece"),
                "scaledBrier": average("calibrated", when, "brier"),
            }
            for when in ("initial", "final")
        },
        "efficiency": average("efficiency"),
        "patterns": average("patterns"),
        "controls": {name: average("controls", name, "final", "resolveRate") for name in first["controls"]},
        "seconds": average("seconds"),
    }
    if "retrieval" in first:
        summary["retrieval"] = {
            key: {
                "frozen": average("retrieval", key, "frozen"),
                "learned": average("retrieval", key, "learned"),
                "gain": average("retrieval", key, "learned") - average("retrieval", key, "frozen"),
                "gainCI95": intervals[key],
            }
            for key in ("recallAt1", "mrr")
        }
        answers = [entry["answers"] for entry in entries]
        summary["byType"] = summarise_by_type(answers, BOOTSTRAP_SEED)
        if comparison := compare_methods(entries):
            summary["comparison"] = comparison
            summary["microsecondsPerTask"] = average("microsecondsPerTask")
    if "transferAnswers" in first:
        summary["transfer"] = summarise_all([entry["transferAnswers"] for entry in entries], BOOTSTRAP_SEED)
    return summary


def _intervals(entries: Sequence[Entry]) -> dict[str, list[float]]:
    """95% intervals, all from the same resamples of runs and tasks."""
    answers = [entry["answers"] for entry in entries]

    def values(key: str) -> list[list[float]]:
        return [list(map(float, answer[key])) for answer in answers]

    def gains(after: list[list[float]], before: list[list[float]]) -> list[list[float]]:
        return [[a - b for a, b in zip(*pair, strict=True)] for pair in zip(after, before, strict=True)]

    initial, final = values("resolvedInitially"), values("resolved")
    metrics = {"initial": initial, "final": final, "gain": gains(final, initial), "confidence": values("confidence")}
    if "reciprocalRank" in answers[0]:
        before, after = values("reciprocalRankInitially"), values("reciprocalRank")
        metrics["mrr"] = gains(after, before)
        metrics["recallAt1"] = gains(_first(after), _first(before))
    return {name: list(pair) for name, pair in bootstrap_intervals(metrics, seed=BOOTSTRAP_SEED).items()}


def _first(reciprocal_ranks: list[list[float]]) -> list[list[float]]:
    """1 where the right solution came first."""
    return [[float(rank == 1.0) for rank in run] for run in reciprocal_ranks]


def beside_the_report(summaries: Sequence[Summary]) -> list[dict[str, Any]]:
    """The report's two tables, a row per model: ours with its interval beside its own. Simulated workload only.

    The start is that of every protocol: they are measured on the same tasks.
    """
    found = {(s["model"], s["protocol"]): s for s in summaries if s["workload"] == "simulated"}
    rows = []
    for name in dict.fromkeys(model for model, _ in found if model in REPORT):
        report, row = REPORT[name], {"model": name}
        start = next(s for (model, _), s in found.items() if model == name)
        row["v1Initial"] = _beside(start, "initialResolveRate", report.v1_initial)
        for protocol, figure in (("v1", report.v1_final), ("v2", report.v2_final), ("v3", report.v3_final)):
            if (name, protocol) in found:
                row[f"{protocol}Final"] = _beside(found[name, protocol], "resolveRate", figure)
        if (name, "v3") in found:
            row["v3Confidence"] = _beside(found[name, "v3"], "confidence", report.v3_confidence)
        rows.append(row)
    return rows


def _beside(summary: Summary, key: str, report: float) -> dict[str, Any]:
    return {"ours": summary[key], "ci95": summary[f"{key}CI95"], "report": report}


def _dig(entry: Entry, path: Sequence[str]) -> float:
    value: Any = entry
    for key in path:
        value = value[key]
    return float(value)


def rankings(summaries: Sequence[Summary]) -> dict[str, list[str]]:
    """Names of the models, best first; confidence decides between equals."""

    def ranked(key: str) -> list[str]:
        order = sorted(summaries, key=lambda s: (-s[key], -s["confidence"]))
        return list(dict.fromkeys(s["model"] for s in order))

    return {
        "byResolveRate": ranked("resolveRate"),
        "byImprovement": ranked("gain"),
        "byEfficiency": ranked("efficiency"),
    }


def recommendations(summaries: Sequence[Summary]) -> dict[str, str | None]:
    """The report's four: the surest model, the most per parameter, the same below 2B, the surest of 2B to 5B.

    The surest: highest confidence among those within 2 points of the best resolve rate.
    """

    def surest(low: float = 0.0, high: float = math.inf) -> str | None:
        within = [s for s in summaries if low <= s["paramsB"] < high]
        top = max((s["resolveRate"] for s in within), default=0.0)
        return _best([s for s in within if s["resolveRate"] >= top - 0.02], "confidence")

    return {
        "bestOverall": surest(),
        "bestEfficiency": _best(summaries, "efficiency"),
        "edge": _best([s for s in summaries if s["paramsB"] < 2], "efficiency"),
        "midRange": surest(2.0, 5.0),
    }


def _best(summaries: Sequence[Summary], key: str) -> str | None:
    return max(summaries, key=lambda s: float(s[key]))["model"] if summaries else None
