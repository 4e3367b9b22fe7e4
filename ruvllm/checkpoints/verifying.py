"""Verify a checkpoint: read it within limits, check its form, take its hashes again and compare.

A hash that matches shows that what it covers is as it was when the hash was taken. It does not show that the numbers
are true, nor who wrote them: anyone can change a file and take the hash anew.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ruvllm.checkpoints.hashes import checkpoint_id, run_hash, state_hash, uncovered_keys
from ruvllm.checkpoints.schema import CheckpointShape, check_form, is_ours
from ruvllm.encoders.models import called, is_hashed
from ruvllm.files.arrays import RESUME_SUFFIX, read_arrays, resume_path, state_digest
from ruvllm.files.json_fields import JsonFields
from ruvllm.files.json_reading import DEFAULT_LIMITS, InvalidFileError, JsonLimits, load_json_object, shown
from ruvllm.files.json_writing import Texts

RESUME_NONE, RESUME_MISSING, RESUME_BROKEN, RESUME_OK = "none", "missing", "broken", "ok"


@dataclass(frozen=True)
class VerifiedCheckpoint:
    """What a checkpoint whose hashes match says of itself."""

    version: str
    model_name: str
    checkpoint_id: str
    timestamp: str
    shape: CheckpointShape
    trajectories: int
    successes: int
    average_quality: float
    epochs: int
    resolve_rate: float | None
    """Of the last epoch, a fraction, where the history has it; so has the confidence below."""
    confidence: float | None
    frozen_resolve_rate: float | None
    """Before any learning, from `metrics.initial`, where it is there."""
    state_hash: str
    run_hash: str | None
    """None for a file of the original system, which has no such hash."""
    uncovered: tuple[str, ...]
    """The top-level keys that no hash covers."""
    resume_hash: str | None = None
    encoder: str | None = None
    """What encoded the tasks of real input; None for a run on simulated ones."""
    resume: str = RESUME_NONE
    """The file to go on learning from: "none" where there never was one, "missing", "broken" or "ok"."""


    @property
    def title(self) -> str:
        """What was run: the model, or on real input the encoder, which older files call after a model."""
        if self.encoder is None:
            return self.model_name
        return called(self.model_name, None if is_hashed(self.encoder) else self.encoder)


def verify_checkpoint(
    path: Path, limits: JsonLimits = DEFAULT_LIMITS, *, check_resume: bool = True
) -> VerifiedCheckpoint:
    """Verify a file and the resume file beside it, which may be missing.

    Raises InvalidFileError, whose message is one line, for whatever is wrong with the first, and where check_resume is
    on with the second.
    """
    if path.name.endswith(RESUME_SUFFIX):
        name = path.name.removesuffix(RESUME_SUFFIX)
        raise InvalidFileError(f"is the resume file of a checkpoint: verify {name}.json, which checks both")
    checkpoint = verify_document(load_json_object(path, limits))
    if checkpoint.resume_hash is None:
        return checkpoint
    beside = resume_path(path)
    if not os.path.lexists(beside):
        return replace(checkpoint, resume=RESUME_MISSING)
    try:
        _compare("resumeHash", checkpoint.resume_hash, state_digest(read_arrays(beside)))
    except InvalidFileError as error:
        if check_resume:
            raise InvalidFileError(f"the resume file beside it: {error}") from error
        return replace(checkpoint, resume=RESUME_BROKEN)
    return replace(checkpoint, resume=RESUME_OK)


def verify_document(document: Mapping[str, object]) -> VerifiedCheckpoint:
    """Verify a parsed checkpoint, its form first. Raises InvalidFileError."""
    _refuse_results(document)
    shape = check_form(document)
    fields = JsonFields(document)
    digest = _check_hashes(document, fields)
    stats = fields.fields("trajectoryStats")
    history = fields.elements("improvementHistory")
    last = history[-1] if history else {}
    return VerifiedCheckpoint(
        version=fields.text("version"),
        model_name=fields.text("modelName"),
        checkpoint_id=fields.text("checkpointId"),
        timestamp=fields.text("timestamp"),
        shape=shape,
        trajectories=stats.count("total"),
        successes=stats.count("successful"),
        average_quality=stats.number("avgQuality"),
        epochs=len(history),
        resolve_rate=_claim(last, "resolveRate"),
        confidence=_claim(last, "confidence", "avgConfidence"),
        frozen_resolve_rate=_claim(_nested(document, "metrics", "initial"), "resolveRate"),
        state_hash=fields.text("stateHash"),
        run_hash=digest,
        uncovered=tuple(uncovered_keys(document)),
        encoder=_text(_nested(document, "run", "workloadDetails"), "encoder"),
        resume_hash=fields.text("resumeHash") if "resumeHash" in document and is_ours(document) else None,
    )


def _refuse_results(document: Mapping[str, object]) -> None:
    """Raises InvalidFileError, which says where the checkpoints are, for a results file of ruvllm-bench."""
    if "schema" not in document or "loraWeights" in document or not {"kind", "results"} & document.keys():
        return
    runs = document.get("results")
    places = [
        shown(run["checkpoint"], 4096)
        for run in (runs if isinstance(runs, list) else ())
        if isinstance(run, dict) and isinstance(run.get("checkpoint"), str)
    ]
    more = f" and {len(places) - 1} more" if len(places) > 1 else ""
    kept = f"its checkpoints: {places[0]}{more}" if places else "no checkpoint was kept (ruvllm-bench --keep all|last)"
    raise InvalidFileError(f"is a results file, which ruvllm-report reads; {kept}")


def _check_hashes(document: Mapping[str, object], fields: JsonFields) -> str | None:
    """Compare stateHash, then runHash and checkpointId where they apply; returns runHash."""
    texts: Texts = {}
    try:
        _compare("stateHash", fields.text("stateHash"), state_hash(document, texts))
        if "runHash" not in document:
            return None
        digest = fields.text("runHash")
        _compare("runHash", digest, run_hash(document, texts))
    except InvalidFileError:
        raise
    except ValueError as error:  # what canonical JSON has no text for, such as half a surrogate pair
        raise InvalidFileError(f"cannot be hashed: {error}") from error
    if fields.text("checkpointId") != checkpoint_id(digest):
        raise InvalidFileError(
            f"checkpointId must be the first 16 digits of runHash, {checkpoint_id(digest)}, "
            f"not {fields.text('checkpointId')}"
        )
    return digest


def _compare(name: str, stored: str, computed: str) -> None:
    if stored != computed:
        raise InvalidFileError(f"{name} does not match: the file says {stored}, its content gives {computed}")


def _claim(record: object, *keys: str) -> float | None:
    """A number of a record, or of its part `test`, under the first of the keys that has one."""
    for part in (record, _nested(record, "test")):
        for key in keys:
            value = part.get(key) if isinstance(part, Mapping) else None
            if isinstance(value, float):
                return value
    return None


def _text(record: object, key: str) -> str | None:
    value = record.get(key) if isinstance(record, Mapping) else None
    return value if isinstance(value, str) else None


def _nested(record: object, *keys: str) -> object:
    for key in keys:
        record = record.get(key) if isinstance(record, Mapping) else None
    return record
