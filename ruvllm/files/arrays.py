"""The state of a run as named arrays of one dimension: checked as they are taken, hashed, and kept in a file.

The files are the `*.resume.safetensors` beside checkpoints and the snapshots of unfinished runs. They have no metadata.
The safetensors library is imported when such a file is first read.
"""

from __future__ import annotations

import hashlib
import json
import struct
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
    "RESUME_SUFFIX",
    "StateArrays",
    "StateReader",
    "parse_arrays",
    "read_arrays",
    "resume_path",
    "safetensors_pieces",
    "state_digest",
    "to_safetensors",
]

StateArrays = dict[str, NDArray[Any]]

DTYPES = {"F32": "<f4", "F64": "<f8", "U8": "|u1", "U32": "<u4", "U64": "<u8"}
"""NumPy types of the elements by their names in safetensors files. Files and digests are little-endian."""
MOST_BYTES = 256 * 2**20
"""A larger file is refused before it is read. Our largest has 4 MB."""
RESUME_SUFFIX = ".resume.safetensors"
_IN_FILES = ("U64", "F64", "F32", "U32", "U8")
"""The order of arrays in files, so that each is aligned."""
_NAMES = {np.dtype(code).newbyteorder("="): name for name, code in DTYPES.items()}


class StateReader:
    """Takes arrays out of a state and checks each. All methods raise ValueError with the array's name and the rule."""

    def __init__(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._left = dict(arrays)

    def array(self, name: str, dtype: DTypeLike, length: int | None = None) -> NDArray[Any]:
        """Takes the array (n,) of this name, which must have this type and `length` elements (any number if None)."""
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
        """Takes all arrays whose names begin with `prefix`. The keys of the result are the rest of their names."""
        names = [name for name in self._left if name.startswith(prefix)]
        return {name.removeprefix(prefix): self._left.pop(name) for name in names}

    def finish(self) -> None:
        """Raises ValueError if an array was not taken."""
        if self._left:
            raise ValueError(f"{min(self._left)!r} is no part of the state")


def _dtype_name(array: NDArray[Any]) -> str:
    """Returns the key in DTYPES. Raises ValueError for any other type, and unless the array has 1 dimension."""
    if array.ndim != 1 or array.dtype.newbyteorder("=") not in _NAMES:
        raise ValueError(f"a state has arrays of 1 dimension and {', '.join(DTYPES)}, not {array.dtype}")
    return _NAMES[array.dtype.newbyteorder("=")]


def state_digest(arrays: Mapping[str, NDArray[Any]]) -> str:
    """SHA-256 of the canonical JSON {name: {"dtype", "length", "sha256" of the little-endian bytes}}.

    Hashes the content instead of a file, because a later safetensors library may lay out its files differently.
    """
    parts = {}
    for name, array in arrays.items():
        kind = _dtype_name(array)
        data = np.ascontiguousarray(array, dtype=DTYPES[kind])
        parts[name] = {"dtype": kind, "length": len(array), "sha256": hashlib.sha256(data.data).hexdigest()}
    return hashlib.sha256(canonical_json(parts)).hexdigest()


def resume_path(checkpoint: Path) -> Path:
    """Path of the resume file beside a checkpoint: `x.resume.safetensors` for `x.json`."""
    return checkpoint.with_name(checkpoint.name.removesuffix(".json") + RESUME_SUFFIX)


def to_safetensors(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Returns the bytes of a file. Raises ValueError if an array has not 1 dimension and a type of DTYPES."""
    return b"".join(safetensors_pieces(arrays))


def safetensors_pieces(arrays: Mapping[str, NDArray[Any]]) -> list[bytes | memoryview]:
    """Returns what to_safetensors() does in pieces, without a copy of arrays that are contiguous.

    The library makes three copies. Header and order are its own: its files of these types are the same bytes.
    """
    kinds = {name: _dtype_name(array) for name, array in arrays.items()}
    header: dict[str, dict[str, str | list[int]]] = {}
    pieces: list[bytes | memoryview] = [b""]
    end = 0
    for name in sorted(kinds, key=lambda name: (_IN_FILES.index(kinds[name]), name)):
        data = np.ascontiguousarray(arrays[name], dtype=DTYPES[kinds[name]])
        begin, end = end, end + data.nbytes
        header[name] = {"dtype": kinds[name], "shape": [len(data)], "data_offsets": [begin, end]}
        pieces.append(data.view(np.uint8).data)
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    pieces[0] = struct.pack("<Q", len(text)) + text
    return pieces


def read_arrays(path: Path) -> StateArrays:
    """Reads the arrays of a file that may be broken or hostile. Raises InvalidFileError, also if it cannot be read."""
    try:
        return parse_arrays(read_regular_file(path, MOST_BYTES))
    except OSError as error:
        raise InvalidFileError(f"cannot be read: {error.strerror or error}") from error


def parse_arrays(data: bytes) -> StateArrays:
    """Returns the arrays in the bytes of such a file. Raises InvalidFileError."""
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
