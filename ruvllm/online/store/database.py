"""The log of a store in SQLite: rankings, feedback in a hash chain, decisions in another, and where learning stood.

Readers and writers in several processes use it at once. An answer follows the commit: what was acknowledged survives
the end of the process at any moment (WAL), and with `synchronous=FULL` a power cut too.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from ruvllm.online.records import StoreError
from ruvllm.online.store.seal import break_seal, is_sealed, seal

__all__ = ["FORMAT", "GENESIS", "Database"]

FORMAT = 1
APPLICATION = 0x5275764F
"""Tells SQLite files of ours from others."""
GENESIS = bytes(32)
"""Stands before the first link of a chain."""
WAIT_SECONDS = 30.0
"""For another process to finish its transaction; each takes well under a millisecond."""
PAGE_BYTES = 1024
"""Of a new log. A commit writes whole pages, some four of them."""
CHECKPOINT_PAGES = 2**24 // PAGE_BYTES
"""Of the write-ahead log, 16 MB, moved into the file at once. That waits for the disk; by default it comes at 4 MB."""

SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE items (digest BLOB PRIMARY KEY, name BLOB NOT NULL, vector BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE rankings (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, made REAL NOT NULL, body BLOB NOT NULL, digest BLOB NOT NULL
);
CREATE TABLE feedback (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT NOT NULL UNIQUE, ranking TEXT NOT NULL, came REAL NOT NULL,
    source TEXT, status TEXT NOT NULL, body BLOB NOT NULL, chain BLOB NOT NULL
);
CREATE INDEX feedback_of_ranking ON feedback (ranking, seq);
CREATE TABLE decisions (seq INTEGER PRIMARY KEY AUTOINCREMENT, line TEXT NOT NULL, chain BLOB NOT NULL);
CREATE TABLE bases (
    seq INTEGER PRIMARY KEY, cursor INTEGER NOT NULL, decision INTEGER NOT NULL, hash TEXT NOT NULL,
    body BLOB NOT NULL, digest BLOB NOT NULL
);
CREATE TABLE outcomes (seq INTEGER PRIMARY KEY, body BLOB NOT NULL);
"""
_SEQUENCE = "CREATE TABLE sqlite_sequence(name,seq)"
"""SQLite's own, for AUTOINCREMENT."""


def _statements() -> list[str]:
    return [statement.strip() for statement in SCHEMA.split(";\n") if statement.strip()]


def _use_wal(connection: sqlite3.Connection) -> None:
    """Two that want it at once are told at once that it is locked, instead of waiting: each tries again."""
    end = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            if connection.execute("PRAGMA journal_mode=WAL").fetchone()[0] == "wal":
                return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
        if time.monotonic() > end:
            raise sqlite3.OperationalError("it cannot be changed to WAL")
        time.sleep(0.002)


class Database:
    """A connection, made anew in a forked process. Not to be used by two threads at once: whoever holds it locks."""

    def __init__(self, path: Path | None, *, power_safe: bool = False, brief: bool = False) -> None:
        """Opens the file, or a database in memory for None. Raises StoreError for what is no log of this format.

        `brief`: only to read, and for some seconds: a sealed log stays sealed, and who wants to write to it waits.
        """
        self.path = path
        self._keeps_seal = path is None or (brief and is_sealed(path))
        self._power_safe = power_safe
        self._pid = -1
        self._connection: sqlite3.Connection | None = None
        try:
            with self.errors():
                self.ensure_open()
                self._create_if_new()
                self._check_format()
        except BaseException:  # a connection that is left open would keep others waiting
            if self._connection is not None:
                self._connection.close()
            raise

    def ensure_open(self) -> sqlite3.Connection:
        """Returns the connection. A connection must not be carried across a fork."""
        if self._connection is None or self._pid != os.getpid():
            if self._pid not in (-1, os.getpid()) and self.path is None:
                raise StoreError("a ranker without a store cannot be used in a forked process")
            self._connection, self._pid = self._connect(), os.getpid()
        return self._connection

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            ":memory:" if self.path is None else self.path,
            timeout=WAIT_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=64,
        )  # fmt: skip
        try:
            connection.execute(f"PRAGMA page_size={PAGE_BYTES}")  # of a new log
            if self.path is not None and not self._keeps_seal:
                break_seal(self.path)  # at the latest now, so that none is left should the process end here
                _use_wal(connection)
                break_seal(self.path)  # whoever closed the log last may have made one meanwhile
            connection.execute(f"PRAGMA synchronous={'FULL' if self._power_safe else 'NORMAL'}")
            connection.execute("PRAGMA cell_size_check=ON")
            connection.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
        except BaseException:
            connection.close()
            raise
        return connection

    def _create_if_new(self) -> None:
        run = self.ensure_open()
        if run.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            return
        with self.transaction():
            if run.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:  # another process was faster
                return
            for statement in _statements():
                run.execute(statement)
            start = {"format": FORMAT, "generation": 0, "pruned_feedback": 0, "pruned_before": 0,
                     "pruned_chain": GENESIS.hex()}  # fmt: skip
            self.set_meta(start)
            run.execute(f"PRAGMA application_id = {APPLICATION}")

    def _check_format(self) -> None:
        if self.ensure_open().execute("PRAGMA application_id").fetchone()[0] != APPLICATION:
            raise StoreError("log.sqlite is not the log of a store")
        found = self.meta("format")
        if found != str(FORMAT):
            raise StoreError(f"the log has format {found!r}, and this version reads {FORMAT}")
        there = self.ensure_open().execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
        if {sql for (sql,) in there} - {_SEQUENCE} != set(_statements()):
            raise StoreError("the log does not have the tables of a store")

    @contextlib.contextmanager
    def errors(self) -> Iterator[None]:
        """Turns SQLite's errors into StoreError, one line."""
        try:
            yield
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            raise StoreError(f"the log cannot be used: {error}") from error

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Makes what is inside happen whole or not at all, before or after what other processes write."""
        run = self.ensure_open()
        with self.errors():
            run.execute("BEGIN IMMEDIATE")
            try:
                yield run
                run.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    run.execute("ROLLBACK")
                raise

    def meta(self, key: str) -> str:
        """Returns a value by its key. Raises StoreError if there is none."""
        found = self.ensure_open().execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        if found is None or not isinstance(found[0], str):
            raise StoreError(f"the log has no {key}")
        return str(found[0])

    def set_meta(self, values: Mapping[str, object]) -> None:
        """Writes values by their keys, and a digest of all. Within a transaction."""
        run = self.ensure_open()
        for key, value in values.items():
            run.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, str(value)))
        run.execute("INSERT OR REPLACE INTO meta VALUES ('digest', ?)", (self.digest_of_meta(),))

    def digest_of_meta(self) -> str:
        """SHA-256 (hex) of all values but itself."""
        rows = self.ensure_open().execute("SELECT key, value FROM meta WHERE key <> 'digest' ORDER BY key").fetchall()
        return hashlib.sha256(msgspec.msgpack.encode(rows)).hexdigest()

    def close(self, *, whole: bool = True) -> None:
        """Closes the connection. The last one to do so moves everything into the one file, and seals it if `whole`."""
        if self._connection is not None and self._pid == os.getpid():
            if self.path is not None and whole and not self._keeps_seal:
                seal(self.path, self._connection)
            self._connection.close()
        self._connection = None
