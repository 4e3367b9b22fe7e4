"""Fields of JSON objects, each checked as it is taken."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np

from ruvllm.files.json_reading import InvalidFileError, json_type, shown

__all__ = ["JsonFields"]

T = TypeVar("T", dict[str, object], list[Any], str)
_NAMES = {dict: "an object", list: "a list", str: "a string"}


class JsonFields:
    """The fields of a JSON object, each checked as it is read. All methods raise InvalidFileError."""

    def __init__(self, values: Mapping[str, object], path: str = "") -> None:
        self.values = values
        self._path = path

    def path(self, key: str) -> str:
        """Returns the name of a field for messages, such as "ewcState.lambda"."""
        name = shown(key)
        return f"{self._path}.{name}" if self._path else name

    def value(self, key: str) -> object:
        if key not in self.values:
            raise InvalidFileError(f"{self.path(key)} is missing")
        return self.values[key]

    def fields(self, key: str) -> JsonFields:
        return JsonFields(self._typed(key, dict), self.path(key))

    def elements(self, key: str) -> list[Any]:
        return self._typed(key, list)

    def _typed(self, key: str, kind: type[T]) -> T:
        value = self.value(key)
        if not isinstance(value, kind):
            raise InvalidFileError(f"{self.path(key)} must be {_NAMES[kind]}, not {json_type(value)}")
        return value

    def text(self, key: str) -> str:
        value = self._typed(key, str)
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
        """Checks that a field is a list of `length` numbers or a float32 array (length,)."""
        _check_vector(self.value(key), self.path(key), length)

    def matrix(self, key: str, rows: int | None, columns: int | None) -> tuple[int, int]:
        """Checks that a field is a list of lists of numbers or a float32 array, of shape (rows, columns).

        None allows any number. Returns the shape; a list without rows has `columns` columns, or 0.
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
