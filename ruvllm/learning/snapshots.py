"""Unfinished work that is kept, so that a run that was stopped can go on.

It is a snapshot of each learning run between two of its epochs, and the results of runs that are done.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from ruvllm.files.arrays import StateArrays, StateReader, read_arrays, safetensors_pieces, state_digest
from ruvllm.files.atomic import write_in_folder
from ruvllm.files.json_reading import read_regular_file
from ruvllm.files.json_writing import canonical_json

__all__ = ["Snapshot", "SnapshotWriter", "Unfinished", "key_of"]

FORMAT = 1
"""Version of the format; a snapshot of another one is not read."""
MOST_BYTES = 64 * 2**20
SUFFIX = ".safetensors"
"""Of a snapshot's file."""

Epoch = dict[str, Any]
"""What was measured after an epoch, as a checkpoint has it."""
History = list[Epoch]
Result = dict[str, Any]
"""A record of the results file as JSON."""


class Resumable(Protocol):
    """A run between two epochs."""

    history: History
    stopping: bool
    """Whether it has noticed so in the epoch that is over, which it ended all the same."""
    ends_epochs: bool
    """Whether an epoch that has begun is ended where the run is told to stop meanwhile."""

    def state(self) -> StateArrays: ...
    def restore(self, state: StateArrays, history: History) -> None: ...


def key_of(everything: Mapping[str, Any]) -> str:
    """Returns the name of a run's files: 32 hex digits over everything that can change its result."""
    return hashlib.sha256(canonical_json({"format": FORMAT, **everything})).hexdigest()[:32]


class Snapshot(Struct, frozen=True):
    """Place where one run's progress is kept."""

    path: Path
    wanted: bool
    """Whether to go on from what is there."""
    seconds: float = 0.0
    """Work of at most so many seconds is lost with the process, beside the epoch that runs. 0: each epoch is saved."""

    def load(self) -> tuple[StateArrays, History, float] | None:
        """Returns state, history and seconds, or None if there are none, none are wanted, or the file is broken."""
        if not self.wanted or not self.path.exists():
            return None
        try:
            reader = StateReader(read_arrays(self.path))
            history = reader.array("snapshot.history", np.uint8).tobytes()
            seconds, digest = reader.number("snapshot.seconds"), reader.array("snapshot.digest", np.uint8, 32).tobytes()
        except (ValueError, FileNotFoundError):  # gone since: another worker with the same run has just finished it
            return None
        state = reader.under("")
        return (state, json.loads(history), seconds) if _digest(state, history) == digest else None

    def save(self, state: StateArrays, history: History, seconds: float) -> None:
        """Replaces the progress that is there, which stays until this one is whole. Raises OSError."""
        text = json.dumps(history, allow_nan=False).encode()
        extra = {
            "snapshot.history": np.frombuffer(text, dtype=np.uint8),
            "snapshot.seconds": np.array([seconds]),
            "snapshot.digest": np.frombuffer(_digest(state, text), dtype=np.uint8),
        }
        write_in_folder(self.path, *safetensors_pieces({**state, **extra}))

    def remove(self) -> None:
        with contextlib.suppress(OSError):
            self.path.unlink()


class SnapshotWriter:
    """Saves a run after an epoch once its unsaved work has taken the snapshot's seconds, and where the run is to stop.

    Arrays that are still those of the new run are left out. Without a snapshot nothing is saved.
    """

    def __init__(self, snapshot: Snapshot | None, run: Resumable) -> None:
        self._snapshot = snapshot
        self._run = run
        self._new = run.state() if snapshot is not None else {}
        self._saved = time.monotonic()

    def resume(self) -> float:
        """Restores the snapshot into a fresh run. Returns the training seconds already spent, 0 without a snapshot.

        Raises ValueError for a snapshot that is whole, but not of such a run.
        """
        if self._snapshot is None or (saved := self._snapshot.load()) is None:
            return 0.0
        state, history, seconds = saved
        try:
            self._run.restore({**self._new, **state}, history)
        except ValueError as error:
            raise ValueError(
                f"cannot go on from {self._snapshot.path}: {error}; without --resume it is not read"
            ) from error
        return seconds

    def epoch_is_over(self, seconds: float) -> None:
        """Saves the run, with the training seconds so far, if it is time to. Raises the OSError of the writing.

        Otherwise the run is to end its next epoch even if it is told to stop meanwhile, so that it can be saved.
        """
        if self._snapshot is None:
            return
        run, late = self._run, time.monotonic() - self._saved >= self._snapshot.seconds
        if late or run.stopping:
            state = {n: a for n, a in run.state().items() if not _same(a, self._new.get(n))}
            self._snapshot.save(state, run.history, seconds)
            self._saved = time.monotonic()
        run.ends_epochs = not (late or run.stopping)


class Unfinished:
    """A folder of unfinished work. key_of() names its files, so that another run has other names.

    Of each cell, work of at most `seconds` is lost with the process, beside the epoch that runs.
    """

    def __init__(self, folder: Path, resume: bool, seconds: float = 0.0) -> None:
        self.folder = folder
        self.wanted = resume
        self.seconds = seconds
        self._done: set[Path] = set()

    def snapshot(self, key: str, runs: int = 1) -> Snapshot:
        """The place of one of a cell's learning runs: each of them may lose its share of the seconds."""
        return Snapshot(self.folder / f"{key}{SUFFIX}", self.wanted, self.seconds / runs)

    def has_snapshots(self) -> bool:
        """Whether the folder has a snapshot of any run."""
        return any(self.folder.glob(f"*{SUFFIX}"))

    def result(self, key: str) -> Result | None:
        """Returns what keep_result() kept, if it is wanted, there and whole."""
        if not self.wanted:
            return None
        try:
            kept = json.loads(read_regular_file(self._result(key), MOST_BYTES))
            result: Result = kept["result"]
            return result if kept["sha256"] == hashlib.sha256(_text(result)).hexdigest() else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def keep_result(self, key: str, result: Result) -> None:
        """Keeps the result of a run that is done, until forget_results(). Raises OSError."""
        path = self._result(key)
        text = _text(result)
        digest = hashlib.sha256(text).hexdigest()
        write_in_folder(path, f'{{"sha256": "{digest}", "result": '.encode(), text, b"}")
        self._done.add(path)

    def forget_results(self) -> None:
        """Removes the results that were kept, because the results file has all of them now."""
        for path in self._done:
            with contextlib.suppress(OSError):
                path.unlink()

    def _result(self, key: str) -> Path:
        return self.folder / f"{key}.json"


def _same(array: NDArray[Any], other: NDArray[Any] | None) -> bool:
    """Whether the bits are the same, -0.0 and 0.0 told apart."""
    return other is not None and array.size == other.size and np.array_equal(array.view(np.uint8), other.view(np.uint8))


def _digest(state: StateArrays, history: bytes) -> bytes:
    return hashlib.sha256(state_digest(state).encode() + history).digest()


def _text(result: Result) -> bytes:
    return json.dumps(result, allow_nan=False).encode()
