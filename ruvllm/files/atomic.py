"""Files that are whole or absent: a run can be killed at any moment."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

ABANDONED_SECONDS = 1.0


class UnwritableFolderError(OSError):
    """A folder in which no file can be made; the message is one line for the user."""


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that at every moment `path` has its old content, or none, or all of the new one.

    A temporary file in the same folder is written, synchronised and renamed, then the folder is synchronised, so that
    the name too survives a power cut. On any error, an interrupt included, the temporary file is removed.
    Permissions follow the umask. Raises OSError.
    """
    temporary = path.parent / f".ruvllm-{secrets.token_hex(8)}.tmp"
    try:
        _write_and_sync(temporary, data)
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    _sync_folder(path.parent)


def remove_abandoned(folder: Path) -> None:
    """Remove the temporary files of write_atomically() whose process was killed; those being written are locked."""
    if fcntl is None:
        return
    for path in folder.glob(".ruvllm-*.tmp"):
        with contextlib.suppress(OSError), open(path, "rb") as file:
            if time.time() - os.fstat(file.fileno()).st_mtime > ABANDONED_SECONDS:  # younger ones: not locked yet
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()


def ensure_writable_folder(path: Path) -> None:
    """Make the folder where it is missing and prove that a file can be written in it, by writing one.

    To be called before a run starts: an hour of work must not end in "permission denied".
    Raises UnwritableFolderError.
    """
    probe = path / f".ruvllm-{secrets.token_hex(8)}.tmp"
    try:
        path.mkdir(parents=True, exist_ok=True)
        _write_and_sync(probe, b"probe")
        probe.unlink()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        with contextlib.suppress(OSError, ValueError):
            probe.unlink()
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise UnwritableFolderError(f"cannot write in the folder {str(path)!r}: {reason}") from error


def _write_and_sync(path: Path, data: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    with open(os.open(path, flags, 0o666), "wb") as file:
        if fcntl is not None:
            with contextlib.suppress(OSError):  # not every network file system has locks
                fcntl.flock(file, fcntl.LOCK_EX)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # folders cannot be opened there; the rename itself is journalled
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
