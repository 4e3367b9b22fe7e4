"""Read a JSON file that may be broken or hostile: limits hold before memory is taken, every defect is one line."""

from __future__ import annotations

import codecs
import json
import math
import os
import re
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import numpy as np

from ruvllm import _core

__all__ = [
    "DEFAULT_LIMITS", "InvalidFileError", "JsonFields", "JsonLimits", "json_type",
    "load_json_object", "open_regular_file", "parse_json", "parse_json_object",
    "read_regular_file", "shown", "shown_path",
]  # fmt: skip


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


def open_regular_file(path: Path) -> BinaryIO:
    """Open a regular file for reading; never wait for another process, as opening a FIFO would.

    Raises InvalidFileError for other kinds of file, OSError.
    """
    _require_regular(os.stat(path).st_mode)  # first: to open a device can have effects
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)
    file = open(os.open(path, flags), "rb")  # noqa: SIM115 - the caller closes it
    try:
        _require_regular(os.fstat(file.fileno()).st_mode)  # again: the name may have changed hands
    except InvalidFileError:
        file.close()
        raise
    return file


def read_regular_file(path: Path, max_bytes: int, *, may_be_empty: bool = False) -> bytes:
    """Return the content of a regular file, opened by open_regular_file().

    Raises InvalidFileError for other kinds of file and for a size of 0 or beyond the limit, OSError.
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
    """Return the JSON object that the bytes hold, as parse_json() does. Raises InvalidFileError."""
    value = parse_json(data, limits, keep_integers=keep_integers)
    if not isinstance(value, dict):
        raise InvalidFileError(f"must hold a JSON object, not {json_type(value)}")
    return value


def parse_json(data: bytes, limits: JsonLimits = DEFAULT_LIMITS, *, keep_integers: bool = False) -> Any:
    """Return the JSON value that the bytes hold; its integers are floats too, unless they are to be kept.

    Raises InvalidFileError.
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
        line = f"line {error.lineno} " if "\n" in text.strip() else ""  # of many in a file of one object a line
        raise InvalidFileError(
            f"is not JSON: {error.msg}, {line}column {error.colno}, character {error.pos} of {len(text)}"
        ) from None


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


def shown_path(path: Path) -> str:
    """A path as it may go to a terminal; see shown()."""
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


def _integer_parser(keep_integers: bool, huge_numbers: bool) -> Callable[[str], float]:
    if not keep_integers:
        return _finite_double if huge_numbers else float
    return (lambda text: int(text) if _finite_double(text) else 0) if huge_numbers else int


def _finite_double(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise InvalidFileError(f"has the number {shown(text, 24)}, which is beyond the range of a double")
    return value


class JsonFields:
    """The fields of one JSON object, each checked as it is read. All methods raise InvalidFileError."""

    def __init__(self, values: Mapping[str, object], path: str = "") -> None:
        self.values = values
        self._path = path

    def path(self, key: str) -> str:
        """The name of a field in messages: "ewcState.lambda"."""
        name = shown(key)
        return f"{self._path}.{name}" if self._path else name

    def value(self, key: str) -> object:
        if key not in self.values:
            raise InvalidFileError(f"{self.path(key)} is missing")
        return self.values[key]

    def fields(self, key: str) -> JsonFields:
        value = self.value(key)
        if not isinstance(value, dict):
            raise InvalidFileError(f"{self.path(key)} must be an object, not {json_type(value)}")
        return JsonFields(value, self.path(key))

    def elements(self, key: str) -> list[Any]:
        value = self.value(key)
        if not isinstance(value, list):
            raise InvalidFileError(f"{self.path(key)} must be a list, not {json_type(value)}")
        return value

    def text(self, key: str) -> str:
        value = self.value(key)
        if not isinstance(value, str):
            raise InvalidFileError(f"{self.path(key)} must be a string, not {json_type(value)}")
        if not value:
            raise InvalidFileError(f"{self.path(key)} must not be empty")
        return value

    def hexadecimal(self, key: str, digits: int) -> str:
        value = self.text(key)
        if not re.fullmatch(f"[0-9a-f]{{{digits}}}", value):
            raise InvalidFileError(f"{self.path(key)} must be {digits} lower-case hex digits, not {shown(value)!r}")
        return value

    def number(self, key: str) -> float:
        value = self.value(key)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise InvalidFileError(f"{self.path(key)} must be a number, not {json_type(value)}")
        if not math.isfinite(value):
            raise InvalidFileError(f"{self.path(key)} must be finite, not {value}")
        return float(value)

    def count(self, key: str, least: int = 0) -> int:
        value = self.number(key)
        if not value.is_integer() or value < least:
            raise InvalidFileError(f"{self.path(key)} must be an integer of at least {least}, not {value:g}")
        return int(value)

    def vector(self, key: str, length: int) -> None:
        """A list of numbers, or a float32 array, of this length."""
        _check_vector(self.value(key), self.path(key), length)

    def matrix(self, key: str, rows: int | None, columns: int | None) -> tuple[int, int]:
        """A list of equal lists of numbers, or a float32 array (rows, columns); None stands for any number.

        Returns (rows, columns); without rows, columns is the number asked for, or 0.
        """
        value = self.value(key)
        if isinstance(value, np.ndarray):
            return _check_array_matrix(value, self.path(key), rows, columns)
        lists = self.elements(key)
        _check_number(lists, self.path(key), rows, "rows")
        for i, row in enumerate(lists):
            if columns is None and isinstance(row, list):
                columns = len(row)
            _check_vector(row, f"{self.path(key)}[{i}]", columns)
        return len(lists), columns or 0


def _check_vector(value: object, path: str, length: int | None) -> None:
    if isinstance(value, np.ndarray):
        _check_array(value, path, dimensions=1)
    elif not isinstance(value, list):
        raise InvalidFileError(f"{path} must be a list of numbers, not {json_type(value)}")
    elif not set(map(type, value)) <= {float}:
        i, other = next((i, x) for i, x in enumerate(value) if type(x) is not float)
        raise InvalidFileError(f"{path}[{i}] must be a number, not {json_type(other)}")
    _check_number(value, path, length, "numbers")


def _check_array_matrix(
    array: np.ndarray[Any, Any], path: str, rows: int | None, columns: int | None
) -> tuple[int, int]:
    _check_array(array, path, dimensions=2)
    _check_number(array, path, rows, "rows")
    if columns is not None and array.shape[1] != columns:
        raise InvalidFileError(f"{path} must have {columns} columns, not {array.shape[1]}")
    return int(array.shape[0]), int(array.shape[1])


def _check_array(array: np.ndarray[Any, Any], path: str, dimensions: int) -> None:
    if array.dtype != np.float32 or array.ndim != dimensions:
        raise InvalidFileError(
            f"{path} must be a float32 array of {dimensions} dimensions, not {array.dtype} of {array.ndim}"
        )
    finite = np.isfinite(array)
    if not finite.all():
        raise InvalidFileError(f"{path} must be finite, not {array[~finite][0]}")


def _check_number(values: Any, path: str, wanted: int | None, what: str) -> None:
    if wanted is not None and len(values) != wanted:
        raise InvalidFileError(f"{path} must have {wanted} {what}, not {len(values)}")
