"""Small results files of ruvllm-bench, made by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench_samples import hand_made

from ruvllm.files.json_reading import parse_json_object
from ruvllm.results.pairing import AnsweredRuns, answered_runs
from ruvllm.results.reading import parse_document

MODEL = "Phi-3-mini-4k"
TASK_SET = "ab" * 32


def answers(
    resolved: Sequence[int],
    *,
    tasks: Sequence[int] | None = None,
    confidence: float | Sequence[float] = 0.5,
    ranks: Sequence[float] | None = None,
) -> dict[str, Any]:
    """Answers to tasks 0, 1, 2 ... unless they have other numbers; one confidence for all, or one for each."""
    record: dict[str, Any] = {
        "tasks": list(range(len(resolved)) if tasks is None else tasks),
        "resolvedInitially": [0] * len(resolved),
        "resolved": list(resolved),
        "confidence": [confidence] * len(resolved) if isinstance(confidence, float) else list(confidence),
    }
    return record if ranks is None else {**record, "reciprocalRank": list(ranks)}


def entry(resolved: Sequence[int] = (1, 0, 1, 0), **changes: Any) -> dict[str, Any]:
    """One run; `tasks`, `confidence` and `ranks` go to its answers, the other changes replace its fields."""
    of_answers = {key: changes.pop(key) for key in ("tasks", "confidence", "ranks") if key in changes}
    return {**hand_made(MODEL), "taskSet": TASK_SET, "answers": answers(resolved, **of_answers), **changes}


def document(*entries: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A results file with these runs, and with summaries that say nothing of them."""
    half = {"resolveRate": 0.5, "initialResolveRate": 0.5, "confidence": 0.5, "gain": 0.0}
    calibration = dict.fromkeys(("ece", "brier", "scaledConfidence", "scaledEce", "scaledBrier"), 0.25)
    summary = {
        **{"protocol": "v3", "workload": "simulated", "model": MODEL, "paramsB": 3.8, "loraRank": 2, "seeds": [0]},
        **{"folds": None, **half, **{f"{name}CI95": [0.0, 1.0] for name in half}},
        **{"calibration": {"initial": calibration, "final": calibration}, "efficiency": 0.1, "patterns": 20.0},
        "controls": {},
    }
    ranked = {"byResolveRate": [MODEL], "byImprovement": [MODEL], "byEfficiency": [MODEL]}
    best = {"bestOverall": MODEL, "bestEfficiency": MODEL, "edge": None, "midRange": None}
    return {
        **{"schema": 1, "kind": "benchmark", "version": "0.1.0", "created": "2026-01-02T03:04:05Z", "command": []},
        "statistics": {"method": "", "resamples": 10000, "seed": 0, "level": 0.95},
        "results": list(entries or [entry()]),
        **{"summaries": [summary], "besideTheReport": [], "rankings": ranked, "recommendations": best},
        **changes,
    }


def results(*entries: dict[str, Any]) -> AnsweredRuns:
    """The runs as `read_answers` would give them."""
    return parsed(document(*entries))


def parsed(values: dict[str, Any]) -> AnsweredRuns:
    """The runs of a document."""
    return answered_runs(parse_document(parse_json_object(json.dumps(values).encode(), keep_integers=True)))


def write(path: Path, *entries: dict[str, Any], **changes: Any) -> Path:
    path.write_text(json.dumps(document(*entries, **changes)), encoding="utf-8")
    return path


def split_answers(both: int = 0, only_a: int = 0, only_b: int = 0, neither: int = 0) -> tuple[list[int], list[int]]:
    """What A and B resolved, from how often they agree and differ."""
    a = [1] * both + [1] * only_a + [0] * only_b + [0] * neither
    b = [1] * both + [0] * only_a + [1] * only_b + [0] * neither
    return a, b
