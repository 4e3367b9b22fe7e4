"""Which results files there are, and what is wrong with the others: one line each."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruvllm.files.json_reading import DEFAULT_LIMITS, InvalidFileError, parse_json_object, read_regular_file, shown
from ruvllm.results.shapes import SHAPES, check_results

__all__ = ["Collection", "Source", "read_sources"]

SCHEMA = 1
OTHERS = {"comparison": "a comparison", "checkpoint": "a checkpoint"}


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """One results file, of the shape that a report reads; its numbers are floats."""

    name: str
    """Of the file, fit for a terminal."""
    kind: str
    document: dict[str, Any]
    digest: str
    """SHA-256 of the file."""

    @property
    def version(self) -> str:
        return str(self.document["version"])

    @property
    def created(self) -> str:
        return str(self.document["created"])


@dataclass(frozen=True, slots=True)
class Collection:
    sources: tuple[Source, ...]
    broken: tuple[str, ...]
    """Files that cannot be read or are not what they should be: a line each."""
    others: tuple[str, ...]
    """Sound files that hold no results."""

    def of_kind(self, kind: str) -> list[Source]:
        return [source for source in self.sources if source.kind == kind]


def read_sources(paths: Sequence[Path], told: Callable[[str], None] = lambda _: None) -> Collection:
    """Reads files, and of folders every *.json directly in them; the same file once. `told` hears each name."""
    sources: list[Source] = []
    broken: list[str] = []
    others: list[str] = []
    digests: dict[str, str] = {}
    files, empty = _expand(paths)
    broken += empty
    for path in files:
        name = shown(str(path), 4096)
        told(name)
        try:
            data = read_regular_file(path, DEFAULT_LIMITS.size_bytes)
            digest = hashlib.sha256(data).hexdigest()
            document = parse_json_object(data)
            kind = _kind(document)
            if kind in OTHERS:
                others.append(f"{name}: is {OTHERS[kind]}, not a results file: left out")
                continue
            check_results(kind, document)
        except InvalidFileError as error:
            broken.append(f"{name}: {error}")
        except OSError as error:
            broken.append(f"{name}: cannot be read: {error.strerror or error}")
        except MemoryError:
            broken.append(f"{name}: does not fit into memory")
        else:
            if digest in digests:
                others.append(f"{name}: the same as {digests[digest]}: left out")
            else:
                digests[digest] = name
                sources.append(Source(name, kind, document, digest))
    return Collection(tuple(sources), tuple(broken), tuple(others))


def _expand(paths: Sequence[Path]) -> tuple[list[Path], list[str]]:
    """The files, each once; and a line for each folder without any."""
    files: dict[Path, None] = {}
    empty: list[str] = []
    for path in paths:
        try:
            found = sorted(path.glob("*.json")) if path.is_dir() else [path]
        except (OSError, ValueError):  # ValueError: a NUL in the path
            found = [path]
        if not found:
            empty.append(f"{shown(str(path), 4096)}: has no results files (*.json) in it")
        files.update(dict.fromkeys(found))
    return list(files), empty


def _kind(document: dict[str, Any]) -> str:
    """Raises InvalidFileError for what is no results file, or of a format that this version does not know."""
    if "results" not in document and "kind" not in document:
        if "stateHash" in document:
            return "checkpoint"
        raise InvalidFileError("has no results: not a results file of ruvllm-bench")
    kind = document.get("kind", "benchmark")
    if kind == "comparison":
        return "comparison"
    if kind not in SHAPES:
        raise InvalidFileError(f"kind must be one of {', '.join(SHAPES)}, not {shown(str(kind))!r}")
    schema = document.get("schema")
    if schema != SCHEMA:
        found = "missing" if schema is None else shown(f"{schema:g}" if isinstance(schema, float) else str(schema))
        raise InvalidFileError(f"schema must be {SCHEMA}, the only one this version knows, not {found}")
    return str(kind)
