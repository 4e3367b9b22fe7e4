"""The state of a run as named arrays of one dimension: read with checks, and one digest over all of them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ruvllm.files.canonical import canonical_json

__all__ = ["DTYPES", "StateArrays", "StateReader", "state_digest"]

StateArrays = dict[str, NDArray[Any]]

DTYPES = {"F32": "<f4", "F64": "<f8", "U8": "|u1", "U32": "<u4", "U64": "<u8"}
"""The types of element, by their names in safetensors files. Little-endian in the file and in the digest."""
_NAMES = {np.dtype(code).newbyteorder("="): name for name, code in DTYPES.items()}


class StateReader:
    """Arrays of a state, each checked as it is taken. All methods raise ValueError with the name and the rule."""

    def __init__(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._left = dict(arrays)

    def array(self, name: str, dtype: DTypeLike, length: int | None = None) -> NDArray[Any]:
        """An array (n,) of this type, and of this length where one is given."""
        if name not in self._left:
            raise ValueError(f"{name} is missing")
        array = self._left.pop(name)
        if array.dtype != np.dtype(dtype) or array.ndim != 1:
            raise ValueError(f"{name} must be {np.dtype(dtype)} of 1 dimension, not {array.dtype} of {array.ndim}")
        if length is not None and len(array) != length:
            raise ValueError(f"{name} must have {length} elements, not {len(array)}")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ValueError(f"{name} must be finite")
        return array

    def count(self, name: str) -> int:
        return int(self.array(name, np.uint64, 1)[0])

    def number(self, name: str) -> float:
        return float(self.array(name, np.float64, 1)[0])

    def under(self, prefix: str) -> StateArrays:
        """All arrays whose names begin so, by the rest of their names."""
        names = [name for name in self._left if name.startswith(prefix)]
        return {name.removeprefix(prefix): self._left.pop(name) for name in names}

    def finish(self) -> None:
        if self._left:
            raise ValueError(f"{min(self._left)!r} is no part of the state")


def dtype_name(array: NDArray[Any]) -> str:
    """Of one of DTYPES. Raises ValueError for another type, or for other than one dimension."""
    if array.ndim != 1 or array.dtype.newbyteorder("=") not in _NAMES:
        raise ValueError(f"a state has arrays of 1 dimension and {', '.join(DTYPES)}, not {array.dtype}")
    return _NAMES[array.dtype.newbyteorder("=")]


def state_digest(arrays: Mapping[str, NDArray[Any]]) -> str:
    """SHA-256 of the canonical JSON {name: {"dtype", "length", "sha256" of the little-endian bytes}}.

    Of the content, not of a file: a later safetensors library may lay its files out differently.
    """
    parts = {}
    for name, array in arrays.items():
        kind = dtype_name(array)
        data = np.ascontiguousarray(array, dtype=DTYPES[kind])
        parts[name] = {"dtype": kind, "length": len(array), "sha256": hashlib.sha256(data.tobytes()).hexdigest()}
    return hashlib.sha256(canonical_json(parts)).hexdigest()
