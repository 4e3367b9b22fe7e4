"""The one reader of results files: which there are, what is in them, and what is wrong with the others, a line each."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar, cast

import msgspec

from ruvllm.files.ignoring import ignore
from ruvllm.files.json_reading import (
    DEFAULT_LIMITS,
    InvalidFileError,
    JsonLimits,
    json_type,
    parse_json_object,
    read_regular_file,
    shown,
)
from ruvllm.results.experiment_records import AblationDocument, SimdDocument, StreamDocument
from ruvllm.results.records import SCHEMA
from ruvllm.results.streams.records import PrequentialDocument
from ruvllm.results.subjects import ablation_named_by_what_it_is, named_by_what_they_are
from ruvllm.results.summary_records import BenchmarkDocument

__all__ = ["KINDS", "Collection", "Document", "NotResultsError", "Source", "in_memory", "parse_document",
           "read_document", "read_sources"]  # fmt: skip

Document = BenchmarkDocument | AblationDocument | StreamDocument | SimdDocument | PrequentialDocument
D = TypeVar("D", bound=Document)
KINDS = ("benchmark", "ablation", "stream", "simd", "prequential")
TYPES = {"int": "an integer", "float": "a number", "str": "a string", "bool": "a boolean", "array": "a list",
         "object": "an object", "null": "null"}  # fmt: skip


class NotResultsError(InvalidFileError):
    """A sound file of ours that holds no results."""


@dataclass(frozen=True, slots=True, eq=False)
class Source(Generic[D]):
    """One results file."""

    name: str
    """Of the file, fit for a terminal."""
    document: D
    digest: str
    """SHA-256 of the file."""

    @property
    def run_name(self) -> str:
        """What the user calls the run, fit for a terminal; empty if it has no name."""
        return shown(self.document.name)


@dataclass(frozen=True, slots=True)
class Collection:
    """The results files among those that were asked for."""

    sources: tuple[Source[Document], ...]
    broken: tuple[str, ...]
    """A line for each file that cannot be read or is not what it should be."""
    others: tuple[str, ...]
    """A line for each sound file that holds no results."""

    def of(self, kind: type[D]) -> list[Source[D]]:
        """The files that hold such a document."""
        return [cast("Source[D]", source) for source in self.sources if isinstance(source.document, kind)]


def read_document(path: Path, limits: JsonLimits = DEFAULT_LIMITS) -> Document:
    """Reads a results file. Raises InvalidFileError for whatever is wrong with it, NotResultsError for other files."""
    try:
        data = read_regular_file(path, limits.size_bytes)
    except OSError as error:
        raise InvalidFileError(f"cannot be read: {error.strerror or error}") from error
    return parse_document(parse_json_object(data, limits, keep_integers=True))


def parse_document(values: dict[str, object]) -> Document:
    """Checks a parsed results file, with integers as int. Rows are called by what they are, whatever older versions
    called them. Raises as `read_document` does.
    """
    _check_kind(values)
    try:
        document: Document = msgspec.convert({"kind": KINDS[0], **values}, Document)
    except msgspec.ValidationError as error:
        raise InvalidFileError(_in_words(str(error))) from None
    if isinstance(document, BenchmarkDocument):
        return named_by_what_they_are(document)
    return ablation_named_by_what_it_is(document) if isinstance(document, AblationDocument) else document


def _check_kind(values: dict[str, object]) -> None:
    kind = values.get("kind", KINDS[0])  # older files have none
    if "kind" not in values and "results" not in values:
        if "stateHash" in values:
            raise NotResultsError("is a checkpoint, not a results file")
        raise InvalidFileError("has no results: not a results file of ruvllm-bench")
    if kind == "comparison":
        raise NotResultsError("is a comparison, not a results file")
    if kind == "tasks":
        raise NotResultsError("is a list of single tasks, not a results file")
    if kind not in KINDS:
        found = repr(shown(kind)) if isinstance(kind, str) else json_type(kind)
        raise InvalidFileError(f"kind must be one of {', '.join(KINDS)}, not {found}")
    schema = values.get("schema", "missing")
    if schema != SCHEMA or isinstance(schema, bool):
        raise InvalidFileError(f"schema must be {SCHEMA}, the only one this version knows, not {shown(str(schema))}")


def _in_words(message: str) -> str:
    """What msgspec says, in the words of JSON: "results[0].seed must be an integer >= 0"."""
    message, _, place = message.partition(" - at `$")
    place = place.removesuffix("`").removeprefix(".")
    if missing := re.fullmatch("Object missing required field `(.*)`", message):
        return f"{place}.{missing[1]} is missing".removeprefix(".")
    if not message.startswith("Expected "):
        return f"{place}: {message}"
    message = re.sub("`(.*?)`", lambda types: " or ".join(TYPES.get(t, t) for t in types[1].split(" | ")), message)
    return f"{place} {message.replace('Expected', 'must be', 1).replace(', got', ', not', 1)}"


def read_sources(paths: Sequence[Path], watch: Callable[[str], None] = ignore) -> Collection:
    """Reads files, and of folders every *.json directly in them; the same file once. `watch` gets each name."""
    sources: dict[str, Source[Document]] = {}
    others: list[str] = []
    files, broken = _expand(paths)
    for path in files:
        name = shown(str(path), 4096)
        watch(name)
        try:
            data = read_regular_file(path, DEFAULT_LIMITS.size_bytes)
            document = parse_document(parse_json_object(data, keep_integers=True))
        except NotResultsError as error:
            others.append(f"{name}: {error}: left out")
        except InvalidFileError as error:
            broken.append(f"{name}: {error}")
        except OSError as error:
            broken.append(f"{name}: cannot be read: {error.strerror or error}")
        except MemoryError:
            broken.append(f"{name}: does not fit into memory")
        else:
            source = Source(name, document, hashlib.sha256(data).hexdigest())
            known = sources.setdefault(source.digest, source)
            if known is not source:
                others.append(f"{name}: the same as {known.name}: left out")
    return Collection(tuple(sources.values()), tuple(broken), tuple(others))


def in_memory(document: Document) -> Collection:
    """Returns a document that was made just now as `read_sources` would return its file."""
    return Collection((Source("", document, ""),), (), ())


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
