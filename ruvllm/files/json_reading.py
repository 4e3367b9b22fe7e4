"""Read a JSON file that may be broken or hostile: limits hold before memory is taken, every defect is one line."""

from __future__ import annotations

import codecs
import json
import math
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from ruvllm import _core


class InvalidFileError(ValueError):
    """A file that is not what it should be; the message is one line and names the defect, not the file."""


@dataclass(frozen=True)
class JsonLimits:
    """What a file may ask of us."""

    size_bytes: int = 256 * 2**20
    """Checked before the file is read."""
    depth: int = 64
    """Objects and lists within one another. Ours have 5 levels or so."""
    nodes: int = 10_000_000
    """Values and keys. A number takes 32 bytes once parsed, an empty object 72."""


DEFAULT_LIMITS = JsonLimits()


def load_json_object(path: Path, limits: JsonLimits = DEFAULT_LIMITS) -> dict[str, object]:
    """Return the object that a file holds. All its numbers are floats, as in ECMAScript; its keys keep their order.

    Raises InvalidFileError, also where the file cannot be read.
    """
    try:
        return parse_json_object(read_regular_file(path, limits.size_bytes), limits)
    except OSError as error:
        raise InvalidFileError(f"cannot be read: {error.strerror or error}") from error


def read_regular_file(path: Path, max_bytes: int) -> bytes:
    """Return the content of a regular file; never waits for another process, as opening a FIFO would.

    Raises InvalidFileError for other kinds of file and for a size of 0 or beyond the limit, OSError.
    """
    _require_regular(os.stat(path).st_mode)  # first: to open a device can have effects
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)
    with open(os.open(path, flags), "rb") as file:
        status = os.fstat(file.fileno())
        _require_regular(status.st_mode)  # again: the name may have changed hands
        if status.st_size > max_bytes:
            raise InvalidFileError(f"has {status.st_size} bytes, more than the limit of {max_bytes}")
        data = file.read(status.st_size + 1)
    if not data and status.st_size == 0:
        raise InvalidFileError("is empty")
    if len(data) != status.st_size:
        raise InvalidFileError("changed its size while it was read")
    return data


def parse_json_object(data: bytes, limits: JsonLimits = DEFAULT_LIMITS) -> dict[str, object]:
    """Parse bytes as one JSON object. Raises InvalidFileError."""
    if data.startswith(codecs.BOM_UTF8):
        raise InvalidFileError("begins with a byte order mark, which JSON does not allow (RFC 8259, section 8.1)")
    huge_numbers = _check_extent(data, limits)
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise InvalidFileError(f"is not UTF-8: byte 0x{data[error.start]:02x} at offset {error.start}") from None
    del data
    try:
        value = json.loads(
            text,
            object_pairs_hook=_unique_keys,
            parse_constant=_refuse_constant,
            parse_float=_finite_double if huge_numbers else float,
            parse_int=_finite_double if huge_numbers else float,
        )
    except json.JSONDecodeError as error:
        raise InvalidFileError(
            f"is not JSON: {error.msg}, line {error.lineno} column {error.colno}, character {error.pos} of {len(text)}"
        ) from None
    if not isinstance(value, dict):
        raise InvalidFileError(f"must hold a JSON object, not {json_type(value)}")
    return value


def json_type(value: object) -> str:
    """The kind of a parsed value in JSON's words, with its article."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else "a boolean"
    names = {str: "a string", float: "a number", int: "a number", list: "a list", dict: "an object"}
    return names.get(type(value), type(value).__name__)


def shown(text: str, limit: int = 80) -> str:
    """A text from a file as it may go to a terminal: one line, without control characters, not longer than `limit`."""
    short = text if len(text) <= limit else text[: limit - 1] + "…"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in short)


def _require_regular(mode: int) -> None:
    kinds = {
        stat.S_IFDIR: "a folder",
        stat.S_IFIFO: "a FIFO",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a device",
        stat.S_IFBLK: "a device",
    }
    if not stat.S_ISREG(mode):
        raise InvalidFileError(f"is {kinds.get(stat.S_IFMT(mode), 'something else')}, not a regular file")


def _check_extent(data: bytes, limits: JsonLimits) -> bool:
    """Returns whether some number may be beyond the range of a double: to look at each takes longer than to parse."""
    depth, nodes, huge_numbers = _core.scan_json(data, max_depth=limits.depth, max_nodes=limits.nodes)
    if depth > limits.depth:
        raise InvalidFileError(f"is nested deeper than the limit of {limits.depth} levels")
    if nodes > limits.nodes:
        raise InvalidFileError(f"has more than {limits.nodes} values and keys, the limit")
    return huge_numbers


def _unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise InvalidFileError(f"has the key {shown(twice)!r} twice in one object")
    return result


def _refuse_constant(name: str) -> NoReturn:
    raise InvalidFileError(f"has {name}, which is not JSON")


def _finite_double(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise InvalidFileError(f"has the number {shown(text, 24)}, which is beyond the range of a double")
    return value
