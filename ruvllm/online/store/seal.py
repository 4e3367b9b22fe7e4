"""The seal of a closed log: a digest of the whole file, so that not even a byte changes unnoticed that SQLite ignores.

Digests inside the log cover what it says. A page has bytes besides that say nothing. While a process has the log open
its bytes change, and there is no seal: the last one to close it makes one, the next one to open it takes it away.
"""

from __future__ import annotations

import contextlib
import hashlib
import secrets
import sqlite3
from pathlib import Path

from ruvllm.online.records import StoreError

__all__ = ["MOST_SEALED", "break_seal", "check_seal", "is_sealed", "seal"]

SEAL = "log.seal"
MOST_SEALED = 2**28
"""Bytes: a larger log takes too long to read when it is closed."""


def seal(log: Path, connection: sqlite3.Connection) -> None:
    """Seals a log if this connection is its only one. It must be closed at once after that.

    Leaving WAL fails while there is another connection, and whoever opens the log waits for the transaction.
    """
    with contextlib.suppress(sqlite3.Error, OSError):
        connection.execute("PRAGMA busy_timeout=0")
        if _mode(connection, "=DELETE") != "delete" or log.stat().st_size > MOST_SEALED:
            return
        connection.execute("BEGIN EXCLUSIVE")
        if _mode(connection) != "delete":  # another one was faster
            return connection.close()
        with log.open("rb") as file:  # to be closed last: that ends SQLite's locks on it, of this whole process
            _write(log.with_name(SEAL), _line(hashlib.file_digest(file, "sha256").hexdigest()))
            connection.close()


def _mode(connection: sqlite3.Connection, wanted: str = "") -> str:
    return str(connection.execute(f"PRAGMA journal_mode{wanted}").fetchone()[0])


def _write(path: Path, line: bytes) -> None:
    """Whole, or not at all; without waiting for the disk. A power cut may leave it empty: that is no seal."""
    temporary = path.with_name(f".ruvllm-{secrets.token_hex(8)}.tmp")
    try:
        temporary.write_bytes(line)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _line(digest: str) -> bytes:
    return f"{digest}\n".encode()


def is_sealed(log: Path) -> bool:
    return log.with_name(SEAL).exists()


def break_seal(log: Path) -> None:
    """Before anything is written to a log, and again when nobody can seal it any more. Raises StoreError."""
    try:
        log.with_name(SEAL).unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(f"{SEAL} cannot be removed: {error.strerror}") from error


def check_seal(log: Path) -> None:
    """Raises StoreError for a sealed log with another byte than when it was sealed. Not while it is open here."""
    try:
        said = log.with_name(SEAL).read_bytes()
    except FileNotFoundError:
        return
    if not said.strip(b"\0"):
        return
    with log.open("rb") as file:
        found = _line(hashlib.file_digest(file, "sha256").hexdigest())
    if found != said and is_sealed(log):  # else somebody has opened it meanwhile
        raise StoreError(f"{log.name} was changed since it was closed, or its seal was")
