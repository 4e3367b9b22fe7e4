"""Checkpoints in one line each, and two of them side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruvllm.checkpoints.differences import MISSING, first_difference
from ruvllm.checkpoints.schema import PROTOCOL_OF_VERSION
from ruvllm.checkpoints.verifying import VerifiedCheckpoint, verify_checkpoint, verify_document
from ruvllm.files.json_reading import InvalidFileError, load_json_object, shown
from ruvllm.files.json_writing import stringify

__all__ = ["Compared", "Listed", "compare_checkpoints", "list_checkpoints"]


@dataclass(frozen=True, slots=True)
class Listed:
    """A file of a folder."""

    name: str
    """As it may go to a terminal."""
    checkpoint: VerifiedCheckpoint | None
    """None for a file that does not verify."""
    state: str
    """"ok", "ok, cannot go on", "original system", or what is wrong."""


@dataclass(frozen=True, slots=True)
class Compared:
    """Two checkpoints that verify."""

    rows: list[tuple[str, Any, Any]]
    """(what, of A, of B); None where a file does not say."""
    setting: tuple[str, str, str] | None
    """The first field of the run blocks that differs, in A and in B."""
    same: bool
    """Whether all hashed fields are equal: the runHash of files that have one, else the stateHash."""


def list_checkpoints(folder: Path) -> list[Listed]:
    """Every *.json of a folder, by name; those that do not verify too. Raises InvalidFileError for no folder."""
    try:
        paths = sorted(path for path in folder.iterdir() if path.name.endswith(".json"))
    except OSError as error:
        raise InvalidFileError(f"cannot be listed: {error.strerror or error}") from error
    return [_listed(path) for path in paths]


def _listed(path: Path) -> Listed:
    name = shown(path.name, 255)
    try:
        checkpoint = verify_checkpoint(path)
    except InvalidFileError as error:
        return Listed(name, None, str(error))
    except MemoryError:
        return Listed(name, None, "does not fit into memory")
    if checkpoint.run_hash is None:
        return Listed(name, checkpoint, "original system")
    return Listed(name, checkpoint, "ok" if checkpoint.resume == "ok" else "ok, cannot go on")


def compare_checkpoints(a: Path, b: Path) -> Compared:
    """Side by side: rates, patterns, norms, first differing setting. Raises InvalidFileError, with the file's name."""
    documents, files = [], []
    for path in (a, b):
        try:
            documents.append(load_json_object(path))
            files.append(verify_document(documents[-1]))
        except InvalidFileError as error:
            raise InvalidFileError(f"{shown(str(path), 4096)}: {error}") from error
    first, second = files
    norms = [_norms(document) for document in documents]
    rows: list[tuple[str, Any, Any]] = [
        ("model", shown(first.title), shown(second.title)),
        ("protocol", PROTOCOL_OF_VERSION[first.version], PROTOCOL_OF_VERSION[second.version]),
        ("frozen start", first.frozen_resolve_rate, second.frozen_resolve_rate),
        ("resolve rate", first.resolve_rate, second.resolve_rate),
        ("confidence", first.confidence, second.confidence),
        ("patterns", first.shape.patterns, second.shape.patterns),
        ("epochs", first.epochs, second.epochs),
        ("trajectories", first.trajectories, second.trajectories),
    ]
    for name in dict.fromkeys([*norms[0], *norms[1]]):
        rows.append((f"LoRA norm, {name}", norms[0].get(name), norms[1].get(name)))
    hashes = (
        (first.state_hash, second.state_hash)
        if None in (first.run_hash, second.run_hash)
        else (first.run_hash, second.run_hash)
    )
    return Compared(rows, _first_setting(*documents), hashes[0] == hashes[1])


def _first_setting(a: Mapping[str, object], b: Mapping[str, object]) -> tuple[str, str, str] | None:
    found = first_difference(a.get("run", {}), b.get("run", {}), "run")
    if found is None:
        return None
    path, left, right = found
    a_text, b_text = (shown("nothing" if x is MISSING else stringify(x)) for x in (left, right))
    return path, a_text, b_text


def _norms(document: Mapping[str, Any]) -> dict[str, float]:
    heads = document.get("multiHeadLoRA", {})
    return {"shared": _norm(document["loraWeights"]), **{shown(name, 40): _norm(heads[name]) for name in heads}}


def _norm(adapter: Mapping[str, Any]) -> float:
    return math.sqrt(math.fsum(x * x for rows in (adapter["a"], adapter["b"]) for row in rows for x in row))
