"""Files of a run's state: `*.resume.safetensors` beside a checkpoint, and the snapshots of unfinished runs.

The format is that of the safetensors library, without metadata; all arrays have one dimension. It is imported only
where such a file is written or read.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ruvllm.files.arrays import DTYPES, StateArrays, dtype_name
from ruvllm.files.json_reading import InvalidFileError, read_regular_file, shown

__all__ = ["MOST_BYTES", "read_arrays", "resume_path", "to_safetensors"]

MOST_BYTES = 256 * 2**20
"""A file of more is refused before it is read. The largest of ours has 4 MB."""
SUFFIX = ".resume.safetensors"


def resume_path(checkpoint: Path) -> Path:
    """The file beside a checkpoint: `x.json` has `x.resume.safetensors`."""
    return checkpoint.with_name(checkpoint.name.removesuffix(".json") + SUFFIX)


def to_safetensors(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """The bytes of a file. Raises ValueError for arrays of other types or dimensions."""
    from safetensors.numpy import save

    return save({n: np.ascontiguousarray(array, dtype=DTYPES[dtype_name(array)]) for n, array in arrays.items()})


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
