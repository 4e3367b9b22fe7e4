"""The form of a checkpoint: field by field, what must be there and how the shapes hang together.

One set of rules for what is written (matrices are float32 arrays) and what is read (lists of floats), and for both
kinds of file: ours, and those of the original system, which know neither `run` nor `runHash`.

With rank r, dimension d, h heads and k patterns:

    version                       "1.0.0", "2.0.0" or "3.0.0": protocol v1, v2 or v3
    modelName, timestamp          text; ISO 8601 in UTC with milliseconds
    checkpointId                  16 hex digits; ours: the first of runHash
    loraWeights                   a (r, d), b (r, d), rank r, alpha
    multiHeadLoRA                 v3 only, may be absent: for each task type a (r, d), b (r, d)
    blockAdapters                 ours, may be absent: size, and weights for each task type that has a block adapter:
                                  the diagonal blocks (size, size) of its matrix, the last as large as d leaves room
    episodes                      ours, may be absent: for each task type [task, candidate told right] in order
    trajectoryStats               total, successful <= total, avgQuality
    ewcState                      fisherDiagonal, optimalWeights, taskCount, lambda >= 0; ours: 2 r d (1 + h) numbers
                                  each (shared A rows, shared B rows, then A and B rows of each head), original: d
    patternCentroids, -Qualities  (k, d), (k,)
    improvementHistory            a list of objects, one per epoch
    ours only                     patternSolutions (k, d), patternTypes (k strings), metrics, run (objects), runHash,
                                  resumeHash (64 hex digits) where there is a resume file beside it, and an object
                                  `unhashed` where there is something to say that no hash covers
    stateHash, runHash            64 hex digits
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from ruvllm.files.json_fields import JsonFields
from ruvllm.files.json_reading import InvalidFileError, json_type, shown

PROTOCOL_OF_VERSION = {"1.0.0": "v1", "2.0.0": "v2", "3.0.0": "v3"}
"""The `version` of a file and the protocol it stands for."""

_TIMESTAMP = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z")


class CheckpointShape(Struct, frozen=True):
    """The sizes of a checkpoint that passed."""

    rank: int
    dimension: int
    heads: tuple[str, ...]
    patterns: int


def is_ours(document: Mapping[str, object]) -> bool:
    """Whether a document claims to be ours, not the original system's."""
    return "run" in document or "runHash" in document


def check_form(document: Mapping[str, object]) -> CheckpointShape:
    """Check all but the hashes' values. Raises InvalidFileError with the field, the rule and the value."""
    fields = JsonFields(document)
    _check_head(fields)
    rank, dimension = _check_adapter(fields.fields("loraWeights"))
    heads = _check_heads(fields, rank, dimension)
    ours = is_ours(document)
    _check_ewc(fields.fields("ewcState"), 2 * rank * dimension * (1 + len(heads)) if ours else dimension)
    _check_trajectories(fields.fields("trajectoryStats"))
    if ours:
        _check_blocks(fields, dimension)
        _check_episodes(fields)
    patterns, _ = fields.matrix("patternCentroids", None, dimension)
    fields.vector("patternQualities", patterns)
    _check_objects(fields, "improvementHistory")
    if ours:
        _check_our_fields(fields, patterns, dimension)
    fields.hexadecimal("stateHash", 64)
    return CheckpointShape(rank, dimension, heads, patterns)


def _check_head(fields: JsonFields) -> None:
    version = fields.text("version")
    if version not in PROTOCOL_OF_VERSION:
        raise InvalidFileError(f"version must be one of {', '.join(PROTOCOL_OF_VERSION)}, not {shown(version)!r}")
    fields.text("modelName")
    timestamp = fields.text("timestamp")
    if not _is_timestamp(timestamp):
        rule = "must be like 2025-12-05T00:47:46.661Z"
        raise InvalidFileError(f"timestamp {rule}, not {shown(timestamp)!r}")
    fields.hexadecimal("checkpointId", 16)


def _is_timestamp(text: str) -> bool:
    if not _TIMESTAMP.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _check_adapter(lora: JsonFields) -> tuple[int, int]:
    rank = lora.count("rank", least=1)
    _, dimension = lora.matrix("a", rank, None)
    if dimension == 0:
        raise InvalidFileError("loraWeights.a must have rows of at least 1 number")
    lora.matrix("b", rank, dimension)
    lora.number("alpha")
    return rank, dimension


def _check_heads(fields: JsonFields, rank: int, dimension: int) -> tuple[str, ...]:
    if "multiHeadLoRA" not in fields.values:
        return ()
    if fields.text("version") != "3.0.0":
        raise InvalidFileError(f"multiHeadLoRA must be absent in version {fields.text('version')}")
    heads = fields.fields("multiHeadLoRA")
    for name in heads.values:
        head = heads.fields(name)
        head.matrix("a", rank, dimension)
        head.matrix("b", rank, dimension)
    return tuple(heads.values)


def _check_ewc(ewc: JsonFields, parameters: int) -> None:
    ewc.vector("fisherDiagonal", parameters)
    ewc.vector("optimalWeights", parameters)
    ewc.count("taskCount")
    if ewc.number("lambda") < 0:
        raise InvalidFileError(f"ewcState.lambda must be at least 0, not {ewc.number('lambda'):g}")


def _check_blocks(fields: JsonFields, dimension: int) -> None:
    if "blockAdapters" not in fields.values:
        return
    adapters = fields.fields("blockAdapters")
    size = adapters.count("size", least=1)
    weights = adapters.fields("weights")
    whole, rest = divmod(dimension, size)
    for name in weights.values:
        weights.vector(name, whole * size**2 + rest**2)


def _check_episodes(fields: JsonFields) -> None:
    if "episodes" not in fields.values:
        return
    episodes = fields.fields("episodes")
    for name in episodes.values:
        for i, pair in enumerate(episodes.elements(name)):
            if not (
                isinstance(pair, list) and len(pair) == 2 and all(isinstance(x, int | float) and x >= 0 for x in pair)
            ):
                raise InvalidFileError(f"{episodes.path(name)}[{i}] must be a task and a candidate")


def _check_trajectories(stats: JsonFields) -> None:
    total, successful = stats.count("total"), stats.count("successful")
    if successful > total:
        raise InvalidFileError(f"trajectoryStats.successful must be at most total, {total}, not {successful}")
    stats.number("avgQuality")


def _check_objects(fields: JsonFields, key: str) -> None:
    for i, entry in enumerate(fields.elements(key)):
        if not isinstance(entry, dict):
            raise InvalidFileError(f"{key}[{i}] must be an object, not {json_type(entry)}")


def _check_our_fields(fields: JsonFields, patterns: int, dimension: int) -> None:
    fields.matrix("patternSolutions", patterns, dimension)
    types = fields.elements("patternTypes")
    if len(types) != patterns:
        raise InvalidFileError(f"patternTypes must have {patterns} names, not {len(types)}")
    for i, name in enumerate(types):
        if not isinstance(name, str):
            raise InvalidFileError(f"patternTypes[{i}] must be a string, not {json_type(name)}")
    fields.fields("metrics")
    fields.fields("run")
    if "unhashed" in fields.values:
        fields.fields("unhashed")
    if "resumeHash" in fields.values:
        fields.hexadecimal("resumeHash", 64)
    fields.hexadecimal("runHash", 64)
