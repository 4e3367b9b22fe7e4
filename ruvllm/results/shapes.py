"""Is a parsed results file of the shape that a report reads? The first thing that is not is named in one line.

A shape is object (anything), float (finite), str, (float, float) for an interval, [shape] for a list, Map(shape) for
an object with any keys, Maybe(shape) where null will do, or an object {key: shape}, whose keys are optional where they
end in "?". Keys that are not in a shape may be there: newer versions write more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from ruvllm.files.json_reading import InvalidFileError, json_type, shown

__all__ = ["INTERVAL", "SHAPES", "Map", "Maybe", "check", "check_results"]

Shape = Any
INTERVAL = (float, float)


@dataclass(frozen=True, slots=True)
class Map:
    of: Shape


@dataclass(frozen=True, slots=True)
class Maybe:
    of: Shape


def check(value: object, shape: Shape, path: str = "") -> None:
    """Raises InvalidFileError, which names the place, the rule and what is there."""
    if shape is object:
        return
    if isinstance(shape, Maybe):
        if value is not None:
            check(value, shape.of, path)
    elif shape is str:
        _require(isinstance(value, str), path, "a string", value)
    elif shape is float:
        number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        _require(number, path, "a number", value)
    elif shape == INTERVAL:
        _require(isinstance(value, list) and len(value) == 2, path, "a list of two numbers", value)
        check(value, [float], path)
    elif isinstance(shape, list):
        _require(isinstance(value, list), path, "a list", value)
        assert isinstance(value, list)
        for i, element in enumerate(value):
            check(element, shape[0], f"{path}[{i}]")
    else:
        _require(isinstance(value, dict), path, "an object", value)
        assert isinstance(value, dict)
        if isinstance(shape, Map):
            for key, element in value.items():
                check(element, shape.of, _below(path, key))
        else:
            _check_fields(value, shape, path)


def _check_fields(value: dict[str, object], shape: dict[str, Shape], path: str) -> None:
    for key, of in shape.items():
        name = key.removesuffix("?")
        if name in value:
            check(value[name], of, _below(path, name))
        elif name == key:
            raise InvalidFileError(f"{_below(path, name)} is missing")


def _below(path: str, key: str) -> str:
    return f"{path}.{shown(key)}" if path else shown(key)


def _require(holds: bool, path: str, rule: str, value: object) -> None:
    if not holds:
        raise InvalidFileError(f"{path or 'the file'} must be {rule}, not {json_type(value)}")


def check_results(kind: str, document: dict[str, Any]) -> None:
    """Raises InvalidFileError where a results file of this kind cannot be shown."""
    check(document, SHAPES[kind])
    needed = {"benchmark": ("results", "summaries"), "ablation": ("components", "models", "seeds"),
              "stream": ("runs", "summaries"), "simd": ("measurements",)}  # fmt: skip
    for key in needed[kind]:
        if not document[key]:
            raise InvalidFileError(f"{key} must not be empty")
    for i, summary in enumerate(document["summaries"] if kind == "benchmark" else ()):
        if not summary["seeds"]:
            raise InvalidFileError(f"summaries[{i}].seeds must not be empty")
    for i, run in enumerate(document["runs"] if kind == "stream" else ()):
        n = len(run["types"])
        for key, rows in (("before", [run["before"]]), ("rates", run["rates"])):
            if any(len(row) != n for row in rows) or (key == "rates" and len(rows) != n):
                raise InvalidFileError(f"runs[{i}].{key} must have a number for each of the {n} types")


SCORES = {"resolveRate": float, "confidence": float, "ece": float, "brier": float}
BIN = {"count": float, "confidence": Maybe(float), "accuracy": Maybe(float)}
EPOCH = {
    "epoch": float,
    "test": {"resolveRate": float, "confidence": float},
    "learningRate?": float,
    "dynamicDifficulty?": float,
}
ENTRY = {
    "protocol": str,
    "workload": str,
    "model": str,
    "seed": float,
    "epochs": float,
    "tasksPerEpoch": float,
    "initial": SCORES,
    "final": SCORES,
    "train?": SCORES,
    "holdout?": SCORES,
    "fold?": Maybe(float),
    "reliability?": {"initial": [BIN], "final": [BIN]},
    "taskTypeAccuracy?": Map(float),
    "transitions?": Map({"kept": float, "gained": float, "lost": float, "never": float}),
    "history?": [EPOCH],
    "stateHash?": str,
    "runHash?": str,
    "checkpoint?": str,
}
CALIBRATION = {"ece": float, "brier": float, "scaledConfidence": float, "scaledEce": float}
SUMMARY = {
    "protocol": str,
    "workload": str,
    "model": str,
    "paramsB": float,
    "loraRank": float,
    "seeds": [float],
    "folds?": Maybe(float),
    "initialResolveRate": float,
    "initialResolveRateCI95": INTERVAL,
    "resolveRate": float,
    "resolveRateCI95": INTERVAL,
    "confidence": float,
    "confidenceCI95": INTERVAL,
    "gain": float,
    "gainCI95": INTERVAL,
    "efficiency": float,
    "patterns": float,
    "controls?": Map(float),
    "calibration?": {"initial": CALIBRATION, "final": CALIBRATION},
    "retrieval?": object,
    "byType?": object,
    "transfer?": object,
    "comparison?": Maybe([object]),
}
DIFFERENCE = {"difference": float, "ci95": INTERVAL}
MEASURED = {"resolveRate": DIFFERENCE, "recallAt1?": DIFFERENCE, "tasksTo90": DIFFERENCE, "ece": DIFFERENCE}
WITH_INTERVAL = {"mean": float, "ci95": INTERVAL}
EWC = {"ewcOn": WITH_INTERVAL, "ewcOff": WITH_INTERVAL, "difference": WITH_INTERVAL}
FORGOTTEN = {"finalAccuracy": EWC, "backwardTransfer": EWC, "forgetting": EWC}
HEADER = {
    "version": str,
    "created": str,
    "command": [str],
    "host?": Map(object),
}
SHAPES: dict[str, Shape] = {
    "benchmark": {**HEADER, "results": [ENTRY], "summaries": [SUMMARY]},
    "ablation": {
        **HEADER,
        "protocol": str,
        "workload": str,
        "models": [str],
        "seeds": [float],
        "full": {"resolveRate": float, "recallAt1?": float, "tasksTo90": float, "ece": float},
        "components": [
            {
                "name": str,
                "without": str,
                "overall": MEASURED,
                "reached90": {"runs": float, "of": float},
                "effectOn": [str],
            }
        ],
    },
    "stream": {
        **HEADER,
        "runs": [
            {
                "protocol": str,
                "model": str,
                "adapter": str,
                "ewc": object,
                "types": [str],
                "before": [float],
                "rates": [[float]],
            }
        ],
        "summaries": [
            {"protocol": str, "adapter": str, "overall": FORGOTTEN, "models": Map(FORGOTTEN)},
        ],
    },
    "simd": {
        **HEADER,
        "isas": [str],
        "measurements": [
            {
                "work": str,
                "sizes": Map(float),
                "isa": str,
                "seconds": {"median": float, "medianAbsoluteDeviation": float},
                "perSecond": float,
                "speedup": float,
                "speedupOver": str,
            }
        ],
        "besideTheReport?": [
            {
                "isa": str,
                "ours": Map({"perSecond": float, "speedup": float}),
                "report": {"perSecond": float, "speedup": float},
            }
        ],
    },
}
