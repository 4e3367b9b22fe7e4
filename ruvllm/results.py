"""The results file: every cell, and what they say together (design, section 10)."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from ruvllm._core import active_isa
from ruvllm.cell import CellResult
from ruvllm.statistics import bootstrap_interval, mean
from ruvllm.version import __version__

__all__ = ["Summary", "make_document", "summarise"]

SCHEMA = 1

Summary = dict[str, Any]
"""Means over the seeds of one protocol and model."""


def make_document(results: Sequence[CellResult], command: Sequence[str], isa: str) -> dict[str, Any]:
    """The whole results file. Times, dates, host and paths are its only parts that differ from run to run."""
    now = datetime.now(UTC)
    summaries = summarise(results)
    return {
        "schema": SCHEMA,
        "version": __version__,
        "created": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "command": list(command),
        "host": {
            "system": platform.system(),
            "machine": platform.machine(),
            "python": platform.python_version(),
            "cpus": os.cpu_count(),
            "isa": active_isa() if isa == "auto" else isa,
        },
        "results": [result.entry for result in results],
        "summaries": summaries,
        "rankings": _rankings(summaries),
        "recommendations": _recommendations(summaries),
    }


def summarise(results: Sequence[CellResult]) -> list[Summary]:
    """One summary for each protocol and model, in the order of the results."""
    groups: dict[tuple[str, str], list[CellResult]] = {}
    for result in results:
        groups.setdefault((result.entry["protocol"], result.entry["model"]), []).append(result)
    return [_summary(group) for group in groups.values()]


def _summary(group: Sequence[CellResult]) -> Summary:
    entries = [result.entry for result in group]
    first = entries[0]

    def over_seeds(*path: str) -> list[float]:
        return [_dig(entry, path) for entry in entries]

    initial, final = over_seeds("initial", "resolveRate"), over_seeds("final", "resolveRate")
    gains = [after - before for before, after in zip(initial, final, strict=True)]
    summary: Summary = {
        **{key: first[key] for key in ("protocol", "workload", "model", "paramsB", "loraRank")},
        "seeds": [entry["seed"] for entry in entries],
        "initialResolveRate": mean(initial),
        "resolveRate": mean(final),
        "confidence": mean(over_seeds("final", "confidence")),
        "gain": mean(gains),
        "gainCI95": list(bootstrap_interval([result.gains for result in group], seed=0)),
        "efficiency": mean(over_seeds("efficiency")),
        "patterns": mean(over_seeds("patterns")),
        "controls": {name: mean(over_seeds("controls", name, "final", "resolveRate")) for name in first["controls"]},
        "seconds": mean(over_seeds("seconds")),
    }
    if "retrieval" in first:
        summary["retrieval"] = _retrieval_summary(group)
    return summary


def _retrieval_summary(group: Sequence[CellResult]) -> dict[str, Any]:
    """Means over seeds, with a 95% interval of the paired gain: bootstrap over seeds and queries."""
    summary: dict[str, Any] = {}
    for key, gains in (
        ("recallAt1", [result.recall_gains or [] for result in group]),
        ("mrr", [result.reciprocal_gains or [] for result in group]),
    ):
        frozen = mean([result.entry["retrieval"][key]["frozen"] for result in group])
        learned = mean([result.entry["retrieval"][key]["learned"] for result in group])
        summary[key] = {
            "frozen": frozen,
            "learned": learned,
            "gain": learned - frozen,
            "gainCI95": list(bootstrap_interval(gains, seed=0)),
        }
    return summary


def _dig(entry: dict[str, Any], path: Sequence[str]) -> float:
    value: Any = entry
    for key in path:
        value = value[key]
    return float(value)


def _rankings(summaries: Sequence[Summary]) -> dict[str, list[str]]:
    """Names of the models, best first; confidence decides between equals."""

    def ranked(key: str) -> list[str]:
        order = sorted(summaries, key=lambda s: (-s[key], -s["confidence"]))
        return list(dict.fromkeys(s["model"] for s in order))

    return {
        "byResolveRate": ranked("resolveRate"),
        "byImprovement": ranked("gain"),
        "byEfficiency": ranked("efficiency"),
    }


def _recommendations(summaries: Sequence[Summary]) -> dict[str, str | None]:
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
