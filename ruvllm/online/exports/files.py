"""What other programs read: a state as NumPy arrays, the audit log as lines of JSON."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np

from ruvllm.files.atomic import write_in_folder
from ruvllm.online.records import StoreError
from ruvllm.online.state import State
from ruvllm.online.store.database import Database
from ruvllm.online.store.folder import Folder

__all__ = ["write_audit", "write_npz"]


def write_npz(state: State, path: str | os.PathLike[str]) -> None:
    """Writes `W` (dim, dim), so that an adapted query is W @ query, and its factors.

    W = I + scaling * B^T A, with `A` and `B` (rank, dim); identity has rank 0. Documents stay as they are. `state` is
    the state's name. Raises OSError.
    """
    parameters = state.parameters.reshape(2, state.rank, state.dim) if state.rank else np.zeros((2, 0, state.dim), "f4")
    file = io.BytesIO()
    np.savez(
        file, W=state.matrix(), A=parameters[0], B=parameters[1], scaling=np.float64(state.scaling),
        state=np.array(state.hash),
    )  # fmt: skip
    write_in_folder(Path(path), file.getvalue())


def write_audit(store: str | os.PathLike[str], path: str | os.PathLike[str]) -> int:
    """Writes each decision as a line {"decision": ..., "sha256": its link of the chain}. Returns how many there are."""
    folder = Folder(Path(store))
    if not folder.log.is_file():
        raise StoreError(f"{os.fspath(store)} is no store: it has no {folder.log.name}")
    database = Database(folder.log, brief=True)
    try:
        rows = database.ensure_open().execute("SELECT line, chain FROM decisions ORDER BY seq").fetchall()
    finally:
        database.close()
    lines = [f'{{"decision":{line},"sha256":"{chain.hex()}"}}\n' for line, chain in rows]
    write_in_folder(Path(path), "".join(lines).encode())
    return len(lines)
