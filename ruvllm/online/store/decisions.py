"""Decisions, as lines of JSON in a hash chain, and bases: what the learner was at a decision or after many feedbacks.

A decision and its base are written in one transaction.
"""

from __future__ import annotations

import hashlib
import struct
import time
import zlib
from collections.abc import Iterator, Sequence

import msgspec

from ruvllm.files.arrays import StateArrays, parse_arrays, state_digest, to_safetensors
from ruvllm.online.learning.learner import OutcomeNumbers
from ruvllm.online.records import Action, Decision, StoreError
from ruvllm.online.store.database import GENESIS, Database

__all__ = ["Base", "DecisionLine", "DecisionLog", "base_digest", "decision_link", "outcome_bytes", "read_outcome"]

_OUTCOME = struct.Struct("<6d")


class DecisionLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of the audit log."""

    n: int
    at: float
    action: Action
    reason: str
    before: str
    after: str
    evidence: float
    cursor: int
    learner: str
    version: str
    details: dict[str, str] = {}

    def decision(self) -> Decision:
        return Decision(self.action, self.reason, self.before, self.after, self.evidence, self.cursor, self.n, self.at)


class Base(msgspec.Struct, frozen=True):
    """The learner after feedback `cursor`. Learning can be done again from here."""

    seq: int
    cursor: int
    decision: int
    """The decision that it follows; 0 if none was taken there."""
    hash: str
    body: bytes
    digest: bytes

    def arrays(self) -> StateArrays:
        """Raises StoreError if they were changed."""
        try:
            arrays = parse_arrays(self.body)
        except ValueError as error:
            raise StoreError(f"base {self.seq} of the log: {error}") from error
        if state_digest(arrays) != self.hash or base_digest(self) != self.digest:
            raise StoreError(f"base {self.seq} of the log was changed")
        return arrays


class DecisionLog:
    """The tables of decisions, bases and outcomes. Only the process that learns writes them."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def add(self, line: DecisionLine) -> None:
        """Within a transaction."""
        run = self._db.ensure_open()
        found = run.execute("SELECT chain FROM decisions ORDER BY seq DESC LIMIT 1").fetchone()
        text = msgspec.json.encode(line).decode()
        link = decision_link(found[0] if found else GENESIS, text)
        run.execute("INSERT INTO decisions VALUES (?, ?, ?)", (line.n, text, link))

    def add_base(self, cursor: int, decision: int, arrays: StateArrays) -> Base:
        """Within a transaction."""
        run = self._db.ensure_open()
        seq = int(run.execute("SELECT coalesce(max(seq), 0) + 1 FROM bases").fetchone()[0])
        made = Base(seq, cursor, decision, state_digest(arrays), to_safetensors(arrays), b"")
        made = Base(seq, cursor, decision, made.hash, made.body, base_digest(made))
        run.execute(
            "INSERT INTO bases VALUES (?, ?, ?, ?, ?, ?)",
            (seq, cursor, decision, made.hash, made.body, made.digest),
        )
        return made

    def next_number(self) -> int:
        return int(self._db.ensure_open().execute("SELECT coalesce(max(seq), 0) + 1 FROM decisions").fetchone()[0])

    def lines(self) -> list[DecisionLine]:
        """All decisions, the first first. Raises StoreError for a damaged line."""
        rows = self._db.ensure_open().execute("SELECT line FROM decisions ORDER BY seq").fetchall()
        return [parse_line(text) for (text,) in rows]

    def bases(self) -> Iterator[Base]:
        """The first first."""
        columns = "seq, cursor, decision, hash, body, digest"
        for row in self._db.ensure_open().execute(f"SELECT {columns} FROM bases ORDER BY seq"):
            yield Base(*row)

    def last_base(self) -> Base | None:
        row = self._db.ensure_open().execute(
            "SELECT seq, cursor, decision, hash, body, digest FROM bases ORDER BY seq DESC LIMIT 1"
        ).fetchone()  # fmt: skip
        return None if row is None else Base(*row)

    def write_outcomes(self, rows: Sequence[tuple[int, bytes]], removed_from: int | None) -> None:
        """Within a transaction. Outcomes with seq > `removed_from` are removed first."""
        run = self._db.ensure_open()
        if removed_from is not None:
            run.execute("DELETE FROM outcomes WHERE seq > ?", (removed_from,))
        run.executemany("INSERT OR REPLACE INTO outcomes VALUES (?, ?)", rows)

    def outcomes(self) -> Iterator[tuple[int, float, str | None, OutcomeNumbers]]:
        """(number of the feedback, seconds since 1970, source, numbers), the first first. Raises StoreError."""
        rows = self._db.ensure_open().execute(
            "SELECT o.seq, f.came, f.source, o.body FROM outcomes o JOIN feedback f ON f.seq = o.seq ORDER BY o.seq"
        )
        for seq, came, source, body in rows:
            yield seq, came, source, read_outcome(seq, body)


def parse_line(text: str) -> DecisionLine:
    try:
        return msgspec.json.decode(text, type=DecisionLine)
    except msgspec.DecodeError as error:
        raise StoreError(f"a decision in the log cannot be read: {error}") from error


def decision_link(before: bytes, text: str) -> bytes:
    return hashlib.sha256(before + text.encode()).digest()


def base_digest(base: Base) -> bytes:
    return hashlib.sha256(msgspec.msgpack.encode([base.seq, base.cursor, base.decision, base.hash])).digest()


def outcome_bytes(numbers: OutcomeNumbers) -> bytes:
    body = _OUTCOME.pack(*numbers)
    return body + struct.pack("<I", zlib.crc32(body))


def read_outcome(seq: int, data: bytes) -> OutcomeNumbers:
    if len(data) != _OUTCOME.size + 4 or struct.unpack("<I", data[-4:])[0] != zlib.crc32(data[:-4]):
        raise StoreError(f"the outcome of feedback {seq} was changed")
    numbers: OutcomeNumbers = _OUTCOME.unpack(data[:-4])
    return numbers


def now() -> float:
    return time.time()
