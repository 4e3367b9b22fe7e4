"""Writes files so that they are whole or absent, although a run can be killed at any moment."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

ABANDONED_SECONDS = 1.0


class UnwritableFolderError(OSError):
    """No file can be made in a folder. The message is one line for the user."""


def write_atomically(path: Path, *data: bytes | memoryview) -> None:
    """Writes a file so that at every moment `path` is absent, or has all of its old or all of its new content.

    `data` are the pieces of the content; a memoryview is one of bytes.

    A temporary file in the same folder is written, synchronised and renamed. Then the folder is synchronised, so that
    the name survives a power cut too. On any error, also an interrupt, the temporary file is removed. Permissions
    follow the umask. Raises OSError, whose `filename` is `path` and whose `strerror` says what would be needed.
    """
    _write_and_place(path, data, lambda temporary: temporary.replace(path))


def write_once(path: Path, data: bytes) -> bool:
    """As write_atomically(), in a folder that is made if it is missing, but leaves a file that is there as it is.

    Of several at once, on one machine or more, one writes. Returns whether this call did.
    """
    written = True

    def place(temporary: Path) -> None:
        nonlocal written
        try:
            os.link(temporary, path)
        except FileExistsError:
            written = False
        except OSError:  # not every file system has links
            written = not path.exists()
            if written:
                temporary.replace(path)
                return
        temporary.unlink()

    _make_folder_of(path)
    _write_and_place(path, [data], place)
    return written


def _write_and_place(path: Path, data: Sequence[bytes | memoryview], place: Callable[[Path], object]) -> None:
    temporary = path.parent / f".ruvllm-{os.urandom(8).hex()}.tmp"
    try:
        _write_and_sync(temporary, data)
        place(temporary)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError) and error.errno is not None:
            raise OSError(error.errno, _reason(error, sum(map(len, data))), str(path)) from error
        raise
    _sync_folder(path.parent)


def write_in_folder(path: Path, *data: bytes | memoryview) -> None:
    """As write_atomically(), in a folder that is made if it is missing, and not left behind without the file."""
    missing = [folder for folder in path.parents if not folder.exists()]
    try:
        for attempts_left in (2, 1, 0):
            _make_folder_of(path)
            try:
                return write_atomically(path, *data)
            except FileNotFoundError:  # another run has just removed the folder, because it was empty
                if not attempts_left:
                    raise
    except BaseException:
        for folder in missing:  # the innermost first
            remove_empty_folder(folder)
        raise


def _make_folder_of(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = f"its folder cannot be made: {error.strerror or error}"
        raise OSError(error.errno, reason, str(path)) from error


def remove_empty_folder(folder: Path) -> None:
    """Removes the folder if it is there and nothing is in it."""
    with contextlib.suppress(OSError):
        folder.rmdir()


def remove_abandoned(folder: Path) -> None:
    """Removes temporary files of write_atomically() whose process was killed. Those being written are locked."""
    if fcntl is None:
        return
    for path in folder.glob(".ruvllm-*.tmp"):
        with contextlib.suppress(OSError), open(path, "rb") as file:
            if time.time() - os.fstat(file.fileno()).st_mtime > ABANDONED_SECONDS:  # or not locked yet
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()


def ensure_writable_folder(path: Path) -> None:
    """Makes the folder if it is missing, and writes a file in it to prove that this can be done.

    Call it before a run starts, because an hour of work must not end in "permission denied". Raises
    UnwritableFolderError.
    """
    probe = path / f".ruvllm-{os.urandom(8).hex()}.tmp"
    try:
        path.mkdir(parents=True, exist_ok=True)
        _write_and_sync(probe, [b"probe"])
        probe.unlink()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        with contextlib.suppress(OSError, ValueError):
            probe.unlink()
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise UnwritableFolderError(f"cannot write in the folder {str(path)!r}: {reason}") from error


def _reason(error: OSError, size: int) -> str:
    """Returns what the system says, and for a file that is too large how large it would have been."""
    from rich.filesize import decimal

    reason, needed = error.strerror or str(error), decimal(size, precision=0)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{reason}: the file needs {needed}"
    if error.errno == errno.EFBIG:
        return f"{reason}: it needs {needed}, and the limit of file sizes (ulimit -f) is lower"
    return reason


def _write_and_sync(path: Path, data: Sequence[bytes | memoryview]) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    with open(os.open(path, flags, 0o666), "wb") as file:
        if fcntl is not None:
            with contextlib.suppress(OSError):  # not every network file system has locks
                fcntl.flock(file, fcntl.LOCK_EX)
        for piece in data:
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # Windows cannot open folders, and journals the rename itself
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
