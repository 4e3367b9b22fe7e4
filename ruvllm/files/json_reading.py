"""Reads JSON files that may be broken or hostile: limits are checked before memory is taken, a defect is one line."""

from __future__ import annotations

import codecs
import json
import math
import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from msgspec import Struct

from ruvllm import _core

__all__ = [
    "DEFAULT_LIMITS",
    "InvalidFileError",
    "JsonLimits",
    "json_type",
    "listed",
    "load_json_object",
    "open_regular_file",
    "parse_json",
    "parse_json_object",
    "read_regular_file",
    "shown",
    "shown_path",
]  # fmt: skip


class InvalidFileError(ValueError):
    """A file is not what it should be. The message is one line that names the defect but not the file."""


class JsonLimits(Struct, frozen=True):
    """Limits on a JSON file."""

    size_bytes: int = 256 * 2**20
    """Largest size, checked before the file is read."""
    depth: int = 64
    """Deepest nesting of objects and lists. Our own files have about 5 levels."""
    nodes: int = 10_000_000
    """Largest number of values and keys. A parsed number takes 32 bytes, an empty object 72."""


DEFAULT_LIMITS = JsonLimits()


def load_json_object(path: Path, limits: JsonLimits = DEFAULT_LIMITS) -> dict[str, object]:
    """Returns the object in a file. All numbers are floats, as in ECMAScript. Keys keep their order.

    Raises InvalidFileError if the file cannot be read, exceeds `limits` or holds anything but an object.
    """
    try:
        return parse_json_object(read_regular_file(path, limits.size_bytes), limits)
    except OSError as error:
        raise InvalidFileError(f"cannot be read: {error.strerror or error}") from error


def open_regular_file(path: Path) -> BinaryIO:
    """Opens a regular file for reading. Never waits for another process, as opening a FIFO would.

    Raises InvalidFileError for any other kind of file, and OSError.
    """
    _require_regular(os.stat(path).st_mode)  # before opening, which can have effects on a device
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)
    file = open(os.open(path, flags), "rb")  # noqa: SIM115 - the caller closes it
    try:
        _require_regular(os.fstat(file.fileno()).st_mode)  # again: the name may mean another file by now
    except InvalidFileError:
        file.close()
        raise
    return file


def read_regular_file(path: Path, max_bytes: int, *, may_be_empty: bool = False) -> bytes:
    """Returns the content of a file, opened by open_regular_file().

    Raises InvalidFileError if the file is not regular, is empty (unless that is allowed) or has more than `max_bytes`
    bytes, and OSError.
    """
    with open_regular_file(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > max_bytes:
            raise InvalidFileError(f"has {size} bytes, more than the limit of {max_bytes}")
        data = file.read(size + 1)
    if not data and size == 0 and not may_be_empty:
        raise InvalidFileError("is empty")
    if len(data) != size:
        raise InvalidFileError("changed its size while it was read")
    return data


def parse_json_object(
    data: bytes, limits: JsonLimits = DEFAULT_LIMITS, *, keep_integers: bool = False
) -> dict[str, object]:
    """Like parse_json(), for data that must hold an object."""
    value = parse_json(data, limits, keep_integers=keep_integers)
    if not isinstance(value, dict):
        raise InvalidFileError(f"must hold a JSON object, not {json_type(value)}")
    return value


def parse_json(data: bytes, limits: JsonLimits = DEFAULT_LIMITS, *, keep_integers: bool = False) -> Any:
    """Returns the JSON value in UTF-8 data. Integers become floats unless `keep_integers`.

    Raises InvalidFileError if the data exceeds `limits`, is not JSON (NaN is not), repeats a key within an object or
    has a number beyond the range of a double.
    """
    if data.startswith(codecs.BOM_UTF8):
        raise InvalidFileError("begins with a byte order mark, which JSON does not allow (RFC 8259, section 8.1)")
    huge_numbers = _check_extent(data, limits)
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise InvalidFileError(f"is not UTF-8: byte 0x{data[error.start]:02x} at offset {error.start}") from None
    del data
    try:
        return json.loads(
            text,
            object_pairs_hook=_unique_keys,
            parse_constant=_refuse_constant,
            parse_float=_finite_double if huge_numbers else float,
            parse_int=_integer_parser(keep_integers, huge_numbers),
        )
    except json.JSONDecodeError as error:
        line = f"line {error.lineno} " if "\n" in text.strip() else ""  # whoever reads JSON Lines counts the lines
        raise InvalidFileError(
            f"is not JSON: {error.msg}, {line}column {error.colno}, character {error.pos} of {len(text)}"
        ) from None


def json_type(value: object) -> str:
    """Returns the type of a parsed value in JSON's words, with an article: "a list"."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else "a boolean"
    names = {str: "a string", float: "a number", int: "a number", list: "a list", dict: "an object"}
    return names.get(type(value), type(value).__name__)


def shown(text: str, limit: int = 80) -> str:
    """Makes text from a file safe for a terminal: one line of `limit` characters at most, with control ones escaped."""
    short = text if len(text) <= limit else text[: limit - 1] + "…"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in short)


def listed(values: Sequence[object]) -> str:
    """Names or numbers in a sentence, a run of numbers as "0 to 4"; not more than six."""
    first, last = values[0], values[-1]
    if isinstance(first, int) and isinstance(last, int) and last - first == len(values) - 1 > 1:
        return f"{first} to {last}"
    texts: list[str] = [shown(str(value)) for value in values]
    if len(texts) > 6:
        texts = [*texts[:5], f"{len(texts) - 5} more"]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"


def shown_path(path: Path) -> str:
    """Makes a path safe for a terminal, as shown() does."""
    return shown(str(path), 4096)


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
    """Checks the limits. Returns True if a number may be beyond the range of a double.

    Only then is each number looked at while parsing, which takes longer.
    """
    depth, nodes, huge_numbers = _core.scan_json(data, max_depth=limits.depth, max_nodes=limits.nodes)
    if depth > limits.depth:
        raise InvalidFileError(f"is nested deeper than the limit of {limits.depth} levels")
    if nodes > limits.nodes:
        raise InvalidFileError(f"has more values and keys than the limit of {limits.nodes}")
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


def _integer_parser(keep_integers: bool, huge_numbers: bool) -> Callable[[str], float]:
    if not keep_integers:
        return _finite_double if huge_numbers else float
    return (lambda text: int(text) if _finite_double(text) else 0) if huge_numbers else int


def _finite_double(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise InvalidFileError(f"has the number {shown(text, 24)}, which is beyond the range of a double")
    return value
