"""The state of a run as named arrays of one dimension: taken with checks, hashed, and kept in a file.

The files are `*.resume.safetensors` beside a checkpoint and the snapshots of unfinished runs: safetensors without
metadata. That library is imported only where such a file is written or read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ruvllm.files.json_reading import InvalidFileError, read_regular_file, shown
from ruvllm.files.json_writing import canonical_json

__all__ = [
    "DTYPES",
    "MOST_BYTES",
    "StateArrays",
    "StateReader",
    "parse_arrays",
    "read_arrays",
    "resume_path",
    "state_digest",
    "to_safetensors",
]

StateArrays = dict[str, NDArray[Any]]

DTYPES = {"F32": "<f4", "F64": "<f8", "U8": "|u1", "U32": "<u4", "U64": "<u8"}
"""The types of element, by their names in safetensors files. Little-endian in the file and in the digest."""
MOST_BYTES = 256 * 2**20
"""A file of more is refused before it is read. The largest of ours has 4 MB."""
SUFFIX = ".resume.safetensors"
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


def _dtype_name(array: NDArray[Any]) -> str:
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
        kind = _dtype_name(array)
        data = np.ascontiguousarray(array, dtype=DTYPES[kind])
        parts[name] = {"dtype": kind, "length": len(array), "sha256": hashlib.sha256(data.tobytes()).hexdigest()}
    return hashlib.sha256(canonical_json(parts)).hexdigest()


def resume_path(checkpoint: Path) -> Path:
    """The file beside a checkpoint: `x.json` has `x.resume.safetensors`."""
    return checkpoint.with_name(checkpoint.name.removesuffix(".json") + SUFFIX)


def to_safetensors(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """The bytes of a file. Raises ValueError for arrays of other types or dimensions."""
    from safetensors.numpy import save

    return save({n: np.ascontiguousarray(array, dtype=DTYPES[_dtype_name(array)]) for n, array in arrays.items()})


def read_arrays(path: Path) -> StateArrays:
    """The arrays of a file, which may be broken or hostile. Raises InvalidFileError, also where it cannot be read."""
    try:
        return parse_arrays(read_regular_file(path, MOST_BYTES))
    except OSError as error:
        raise InvalidFileError(f"cannot be read: {error.strerror or error}") from error


def parse_arrays(data: bytes) -> StateArrays:
    """The same from bytes."""
    from safetensors import SafetensorError, deserialize

    try:
        found = deserialize(data)  # type: ignore[no-untyped-call]
    except SafetensorError as error:
        raise InvalidFileError(f"is no safetensors file: {shown(str(error), 120)}") from None
    arrays: StateArrays = {}
    for name, tensor in found:
        if tensor["dtype"] not in DTYPES or len(tensor["shape"]) != 1:
            raise InvalidFileError(
                f"array {shown(name)!r} must have 1 dimension and one of {', '.join(DTYPES)}, not "
                f"{len(tensor['shape'])} and {tensor['dtype']}"
            )
        values = np.frombuffer(tensor["data"], dtype=DTYPES[tensor["dtype"]])
        arrays[name] = values.astype(values.dtype.newbyteorder("="))
    return arrays
