"""Small results files of ruvllm-bench, made by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ruvllm.files.json_reading import parse_json_object
from ruvllm.results.reading import ResultsFile, parse_results

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
        "resolved": list(resolved),
        "confidence": [confidence] * len(resolved) if isinstance(confidence, float) else list(confidence),
    }
    return record if ranks is None else {**record, "reciprocalRank": list(ranks)}


def entry(resolved: Sequence[int] = (1, 0, 1, 0), **changes: Any) -> dict[str, Any]:
    """One run; `tasks`, `confidence` and `ranks` go to its answers, the other changes replace its fields."""
    of_answers = {key: changes.pop(key) for key in ("tasks", "confidence", "ranks") if key in changes}
    return {
        "protocol": "v3",
        "workload": "simulated",
        "model": MODEL,
        "seed": 0,
        "taskSet": TASK_SET,
        "initial": {"resolveRate": 0.25},  # a field that a comparison does not read
        "answers": answers(resolved, **of_answers),
        **changes,
    }


def document(*entries: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"schema": 1, "kind": "benchmark", "version": "0.1.0", "results": list(entries or [entry()]), **changes}


def results(*entries: dict[str, Any]) -> ResultsFile:
    """The file as `read_results` would give it."""
    return parse_results(parse_json_object(json.dumps(document(*entries)).encode()))


def write(path: Path, *entries: dict[str, Any], **changes: Any) -> Path:
    path.write_text(json.dumps(document(*entries, **changes)), encoding="utf-8")
    return path


def split_answers(both: int = 0, only_a: int = 0, only_b: int = 0, neither: int = 0) -> tuple[list[int], list[int]]:
    """What A and B resolved, from how often they agree and differ."""
    a = [1] * both + [1] * only_a + [0] * only_b + [0] * neither
    b = [1] * both + [0] * only_a + [1] * only_b + [0] * neither
    return a, b
