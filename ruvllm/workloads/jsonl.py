"""A user's own tasks: {prompt, solution | candidates + answer, type?, category?, difficulty?} per line."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ruvllm.files.json_lines import BadRecordError
from ruvllm.workloads.tasks import TextTask
from ruvllm.workloads.workload import CATEGORIES, TASK_TYPES

__all__ = ["task_of_record"]

MAX_CANDIDATES = 1000


def task_of_record(record: Mapping[str, Any]) -> TextTask:
    """The task of one line. Raises BadRecordError. Keys that are not ours are passed over."""
    solution, wrong = _answers(record)
    return TextTask(
        prompt=_text(record, "prompt"),
        solution=solution,
        type=_one_of(record, "type", TASK_TYPES),
        wrong=wrong,
        category=_one_of(record, "category", CATEGORIES),
        difficulty=_difficulty(record),
    )


def _answers(record: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    """The right answer and the task's own wrong ones."""
    if "candidates" not in record:
        if "solution" not in record:
            raise BadRecordError("needs a solution, or candidates and an answer")
        return _text(record, "solution"), ()
    if "solution" in record:
        raise BadRecordError("has both a solution and candidates")
    candidates = record["candidates"]
    if not isinstance(candidates, list) or not 2 <= len(candidates) <= MAX_CANDIDATES:
        raise BadRecordError(f"candidates must be a list of 2 to {MAX_CANDIDATES} texts")
    for candidate in candidates:
        if not isinstance(candidate, str) or not candidate.strip():
            raise BadRecordError("each candidate must be a text that is not empty")
    if len(set(candidates)) < len(candidates):
        raise BadRecordError("no candidate may come twice")
    right = _position(record, candidates)
    return candidates[right], (*candidates[:right], *candidates[right + 1 :])


def _position(record: Mapping[str, Any], candidates: list[str]) -> int:
    """`answer`: the place of the right candidate, from 0, or its text."""
    answer = record.get("answer")
    if isinstance(answer, str):
        if answer not in candidates:
            raise BadRecordError("the answer is none of the candidates")
        return candidates.index(answer)
    if type(answer) is not int or not 0 <= answer < len(candidates):
        raise BadRecordError(f"answer must be one of the candidates, or its place from 0 to {len(candidates) - 1}")
    return answer


def _text(record: Mapping[str, Any], key: str) -> str:
    value = record.get(key)
    if not isinstance(value, str) or not value.strip():
        raise BadRecordError(f"{key} must be a text that is not empty")
    return value


def _one_of(record: Mapping[str, Any], key: str, names: tuple[str, ...]) -> int:
    """The number of a name; without one, of the first."""
    name = record.get(key, names[0])
    if name not in names:
        raise BadRecordError(f"{key} must be one of {', '.join(names)}, not {str(name)[:40]!r}")
    return names.index(name)


def _difficulty(record: Mapping[str, Any]) -> float | None:
    value = record.get("difficulty")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1 or math.isnan(value):
        raise BadRecordError("difficulty must be a number from 0 to 1")
    return float(value)
