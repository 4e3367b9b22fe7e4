"""Write what a run has learned, and how it was measured, as one JSON file that can be verified.

The form is in schema.py, the hashes in hashes.py, the verification in verifying.py.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from operator import index
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from msgspec import Struct, field

from ruvllm.checkpoints.hashes import CHECKPOINT_ID_DIGITS, checkpoint_id, run_hash, state_hash
from ruvllm.checkpoints.schema import PROTOCOL_OF_VERSION, check_form
from ruvllm.files.arrays import StateArrays, resume_path, safetensors_pieces, state_digest
from ruvllm.files.atomic import write_in_folder
from ruvllm.files.json_reading import InvalidFileError
from ruvllm.files.json_writing import Texts, pieces_of_json, stringify

__all__ = [
    "CheckpointConflictError",
    "CheckpointHashes",
    "CheckpointState",
    "WrittenCheckpoint",
    "checkpoint_document",
    "checkpoint_hashes",
    "run_hash",
    "state_hash",
    "write_checkpoint",
]

FloatArray = npt.NDArray[np.float32]

_ANY_TIME = "1970-01-01T00:00:00.000Z"  # hashed by nothing


class CheckpointConflictError(RuntimeError):
    """A file of the checkpoint's name is there and is not the same run; nothing was overwritten."""


class CheckpointState(Struct, frozen=True):
    """What was learned. With rank r, dimension d, h heads, k patterns and P = 2 r d (1 + h)."""

    lora_a: FloatArray
    """The shared adapter's A, (r, d)."""
    lora_b: FloatArray
    """The shared adapter's B, (r, d)."""
    lora_alpha: float
    heads: dict[str, tuple[FloatArray, FloatArray]]
    """For each task type A and B, (r, d) each. Empty where the protocol has none."""
    fisher: FloatArray
    """(P,): shared A rows, shared B rows, then A rows and B rows of each head."""
    optimal: FloatArray
    """(P,): the parameters that EWC holds on to, in the order of `fisher`."""
    task_count: int
    """Consolidations so far."""
    ewc_lambda: float
    pattern_centroids: FloatArray
    """(k, d): means of queries."""
    pattern_qualities: FloatArray
    """(k,)"""
    pattern_solutions: FloatArray
    """(k, d): means of right solutions."""
    pattern_types: list[str]
    """k names of task types."""
    trajectories: int
    successes: int
    average_quality: float
    blocks: dict[str, FloatArray] = field(default_factory=dict)
    """For each task type that has one the weights of its block adapter, block after block, row after row."""
    block_size: int = 0
    episodes: dict[str, list[list[int]]] = field(default_factory=dict)
    """For each task type [task, candidate told right], in the order they came."""


class CheckpointHashes(Struct, frozen=True):
    """64, 64 and 16 hex digits."""

    state_hash: str
    run_hash: str
    checkpoint_id: str


class WrittenCheckpoint(Struct, frozen=True):
    """Where a checkpoint is and what its hashes are."""

    path: Path
    checkpoint_id: str
    state_hash: str
    run_hash: str


def checkpoint_document(
    *,
    version: str,
    model_name: str,
    state: CheckpointState,
    history: list[dict[str, Any]],
    metrics: dict[str, Any],
    run: dict[str, Any],
    resume: StateArrays | None = None,
    timestamp: str = _ANY_TIME,
    unhashed: dict[str, Any] | None = None,
    texts: Texts | None = None,
) -> dict[str, Any]:
    """What write_checkpoint would write, with its hashes, and its errors, without a file.

    Texts of arrays are taken from `texts` and added to it, for they are hashed twice and written once.
    """
    texts = {} if texts is None else texts
    document = {
        "version": version,
        "modelName": model_name,
        "timestamp": timestamp,
        "checkpointId": "0" * CHECKPOINT_ID_DIGITS,
        **_state_fields(state),
        "improvementHistory": history,
        "metrics": metrics,
        "run": run,
        **({} if resume is None else {"resumeHash": state_digest(resume)}),
        "stateHash": "0" * 64,
        "runHash": "0" * 64,
    }
    if unhashed is not None:
        document["unhashed"] = unhashed
    check_form(document)
    document["stateHash"] = state_hash(document, texts)
    document["runHash"] = run_hash(document, texts)
    document["checkpointId"] = checkpoint_id(document["runHash"])
    return document


def checkpoint_hashes(**content: Any) -> CheckpointHashes:
    """The hashes of checkpoint_document(), which has the same arguments."""
    return _hashes(checkpoint_document(**content))


def write_checkpoint(
    folder: Path, *, timestamp: str, resume: StateArrays | None = None, **content: Any
) -> WrittenCheckpoint:
    """Write `<model>_<protocol>_<checkpointId>.json` in a folder, atomically.

    `content` are the arguments of checkpoint_document(): version "1.0.0", "2.0.0" or "3.0.0"; timestamp like
    2025-12-05T00:47:46.661Z. `history` has one record per epoch, `run` all that is needed to run it again, `unhashed`
    what differs from one such run to the next (host, seconds). Values are what JSON has, and float32 arrays of 1 or 2
    dimensions. -0.0 is saved as 0. `resume` is what going on needs beside that: it goes into a file of its own,
    `….resume.safetensors`, written first, and its digest into the checkpoint.

    The same run has the same name: where its file is there and verifies, it is left as it is.
    Raises CheckpointConflictError where a file of that name is anything else, ValueError (InvalidFileError where the
    form is wrong) or TypeError for what cannot be saved, NaN and infinities among it, and OSError.
    """
    texts: Texts = {}
    document = checkpoint_document(timestamp=timestamp, resume=resume, texts=texts, **content)
    hashes = _hashes(document)
    path = folder / file_name(document["version"], document["modelName"], hashes.checkpoint_id)
    there = os.path.lexists(path)
    if there and _is_same_run(path, hashes.run_hash):
        resume = None
    if resume is not None:
        write_in_folder(resume_path(path), *safetensors_pieces(resume))
    if not there:
        write_in_folder(path, *_pieces_of_text(document, texts))
    return WrittenCheckpoint(path, hashes.checkpoint_id, hashes.state_hash, hashes.run_hash)


def file_name(version: str, model_name: str, identifier: str) -> str:
    """The original system's pattern: DeepSeek_Coder_1_3B_v3_726463ae22c4884f.json."""
    safe = re.sub("[^0-9A-Za-z]+", "_", model_name)[:100]  # file systems end at 255 bytes; the identifier tells apart
    return f"{safe}_{PROTOCOL_OF_VERSION[version]}_{identifier}.json"


def _state_fields(state: CheckpointState) -> dict[str, Any]:
    lora = {"a": state.lora_a, "b": state.lora_b, "rank": len(state.lora_a), "alpha": float(state.lora_alpha)}
    heads = {name: {"a": a, "b": b} for name, (a, b) in state.heads.items()}
    return {
        "loraWeights": lora,
        **({"multiHeadLoRA": heads} if heads else {}),
        **({"blockAdapters": {"size": index(state.block_size), "weights": state.blocks}} if state.blocks else {}),
        **({"episodes": state.episodes} if state.episodes else {}),
        "trajectoryStats": {
            "total": index(state.trajectories),
            "successful": index(state.successes),
            "avgQuality": float(state.average_quality),
        },
        "ewcState": {
            "fisherDiagonal": state.fisher,
            "optimalWeights": state.optimal,
            "taskCount": index(state.task_count),
            "lambda": float(state.ewc_lambda),
        },
        "patternCentroids": state.pattern_centroids,
        "patternQualities": state.pattern_qualities,
        "patternSolutions": state.pattern_solutions,
        "patternTypes": state.pattern_types,
    }


def _hashes(document: dict[str, Any]) -> CheckpointHashes:
    return CheckpointHashes(document["stateHash"], document["runHash"], document["checkpointId"])


def checkpoint_text(document: Mapping[str, object]) -> str:
    return b"".join(_pieces_of_text(document, {})).decode()


def _pieces_of_text(document: Mapping[str, object], texts: Texts) -> Iterator[bytes]:
    separator = "{\n"
    for key, value in document.items():
        yield f"{separator}{stringify(key)}:".encode()
        yield from pieces_of_json(value, texts)
        separator = ",\n"
    yield b"\n}\n"


def _is_same_run(path: Path, digest: str) -> bool:
    """Whether its resume file is whole. Raises CheckpointConflictError if the checkpoint is not of the hash's run."""
    from ruvllm.checkpoints.verifying import RESUME_OK, verify_checkpoint  # not for the first run of its name

    try:
        found = verify_checkpoint(path, check_resume=False)
    except InvalidFileError as error:
        raise CheckpointConflictError(
            f"{path} exists and does not verify ({error}); nothing was overwritten"
        ) from error
    if found.run_hash != digest:
        raise CheckpointConflictError(
            f"{path} exists and is another run ({found.run_hash}, not {digest}); nothing was overwritten"
        )
    return found.resume == RESUME_OK
