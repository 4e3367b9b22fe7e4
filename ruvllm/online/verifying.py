"""Whether a store is what it was written as: chains, digests, states, and with replay everything that was learned."""

from __future__ import annotations

import os
import sqlite3
from dataclasses import dataclass
from itertools import pairwise

import msgspec

from ruvllm.online.keeper import Segment
from ruvllm.online.learning.learner import Learner
from ruvllm.online.opening import reading, settings_of
from ruvllm.online.records import IDENTITY, Settings, StoreError
from ruvllm.online.state import State
from ruvllm.online.store.database import GENESIS, Database
from ruvllm.online.store.decisions import Base, DecisionLine, DecisionLog, decision_link, outcome_bytes, parse_line
from ruvllm.online.store.folder import CURRENT, Folder
from ruvllm.online.store.log import FeedbackLog, chain_link, item_digest, ranking_digest

__all__ = ["Verified", "verify"]


@dataclass(frozen=True, slots=True)
class Verified:
    """What a store that is whole holds."""

    rankings: int
    feedbacks: int
    decisions: int
    states: int
    served: str
    """Name of the served state."""
    replayed: int | None
    """Number of feedbacks that were learned again, with the same states and outcomes; None without replay."""
    pruned: int
    """Number of feedbacks that are no longer kept, which replay cannot reach."""


def verify(store: str | os.PathLike[str], *, replay: bool = False) -> Verified:
    """Checks a store and raises StoreError, one line, for the first defect.

    Every ranking, candidate, feedback and decision is covered by a digest, feedback and decisions by chains of them,
    and states by their names; a log that nobody has open is compared as a whole with its seal. A hash shows that
    nothing changed since it was taken, not who took it. With `replay` the log is learned from again: every base, state
    and outcome must come out the same, to the bit. Other processes may go on meanwhile.
    """
    with reading(store, strict=True, brief=not replay) as (folder, database):
        try:
            database.ensure_open().execute("BEGIN")  # one moment of the log
            try:
                return _verify(database, folder, replay)
            finally:
                database.ensure_open().execute("ROLLBACK")
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise StoreError(f"the log cannot be read: {error}") from error
        except (TypeError, OverflowError, sqlite3.Warning) as error:  # a value of another type than was written
            raise StoreError(f"the log holds what was not written by this library: {error}") from error


def _verify(database: Database, folder: Folder, replay: bool) -> Verified:
    _check_pages(database)
    decisions = DecisionLog(database)
    lines = _check_decisions(database)
    settings = settings_of(decisions)
    log = FeedbackLog(database, settings.dim, settings.guard)
    rankings, feedbacks = _check_items(database), _check_feedback(database)
    states = {name: State.read(folder.path, name, settings.dim) for name in {line.after for line in lines}}
    served = folder.read_current()
    if served not in (lines[-1].after, lines[-1].before):  # the one before: the process ended just after the decision
        raise StoreError(f"{CURRENT} names {served[:16]}, and the last decision serves {lines[-1].after[:16]}")
    bases = list(decisions.bases())
    _check_bases(bases, lines)
    replayed = None
    if replay:
        cursor, _, name = database.meta("learned").partition(" ")
        again = _Replay(log, decisions, settings, {line.n: line for line in lines}, states)
        replayed = again.run(bases, int(cursor), name)
    pruned = int(database.meta("pruned_feedback"))
    return Verified(rankings, feedbacks, len(lines), len(states) - (IDENTITY in states), served, replayed, pruned)


def _check_pages(database: Database) -> None:
    run = database.ensure_open()
    found = run.execute("PRAGMA integrity_check").fetchone()[0]
    if found != "ok":
        raise StoreError(f"the log is damaged: {str(found).splitlines()[-1][:200]}")
    if database.meta("digest") != database.digest_of_meta():
        raise StoreError("the log's own numbers were changed")
    counters = dict(run.execute("SELECT name, seq FROM sqlite_sequence").fetchall())
    feedbacks = run.execute("SELECT max(seq) FROM feedback").fetchone()[0] or int(database.meta("pruned_feedback"))
    made = {"feedback": feedbacks, "decisions": run.execute("SELECT max(seq) FROM decisions").fetchone()[0]}
    if counters != {table: last for table, last in made.items() if last}:
        raise StoreError("the log's counters were changed")


def _check_decisions(database: Database) -> list[DecisionLine]:
    before = GENESIS
    lines: list[DecisionLine] = []
    rows = database.ensure_open().execute("SELECT seq, line, chain FROM decisions ORDER BY seq")
    for n, (seq, text, chain) in enumerate(rows, start=1):
        before = decision_link(before, text)
        line = parse_line(text)
        if chain != before or seq != n or line.n != n:
            raise StoreError(f"decision {n} of the log was changed, or one before it is missing")
        if lines and line.before != lines[-1].after:
            raise StoreError(f"decision {n} of the log does not follow the one before")
        lines.append(line)
    if not lines:
        raise StoreError("the store has no first decision")
    return lines


def _check_items(database: Database) -> int:
    """Returns the number of rankings."""
    run = database.ensure_open()
    for digest, name, vector in run.execute("SELECT digest, name, vector FROM items"):
        if item_digest(name, vector) != digest:
            raise StoreError(f"candidate {digest.hex()} of the log was changed")
    rankings = 0
    for name, made, body, digest in run.execute("SELECT id, made, body, digest FROM rankings"):
        if ranking_digest(name, made, body) != digest:
            raise StoreError(f"ranking {str(name)[:40]!r} of the log was changed")
        rankings += 1
    return rankings


def _check_feedback(database: Database) -> int:
    """Returns the number of feedbacks."""
    seq, before = int(database.meta("pruned_feedback")), bytes.fromhex(database.meta("pruned_chain"))
    count = 0
    for row in database.ensure_open().execute(
        "SELECT f.seq, f.event, f.ranking, f.came, f.source, f.status, f.body, f.chain, r.digest "
        "FROM feedback f LEFT JOIN rankings r ON r.id = f.ranking ORDER BY f.seq"
    ):
        *content, chain, digest = row
        seq, count = seq + 1, count + 1
        before = chain_link(before, [*content, digest])
        if row[0] != seq or chain != before:
            raise StoreError(f"feedback {seq} of the log was changed, or is missing, or its ranking is")
    return count


def _check_bases(bases: list[Base], lines: list[DecisionLine]) -> None:
    if not bases or bases[-1].cursor < lines[-1].cursor:
        raise StoreError("the log has no base to learn from")
    of_decision = {base.decision: base for base in bases if base.decision}
    for base in bases:
        base.arrays()  # raises
    for line in lines:
        known = of_decision.get(line.n)
        if known is None and line.cursor < bases[0].cursor:
            continue  # pruned
        if known is None or (known.hash, known.cursor) != (line.learner, line.cursor):
            raise StoreError(f"the base of decision {line.n} was changed or is missing")


class _Replay:
    """Learns again from a log."""

    def __init__(
        self, log: FeedbackLog, decisions: DecisionLog, settings: Settings, lines: dict[int, DecisionLine],
        states: dict[str, State],
    ) -> None:  # fmt: skip
        self._log, self._settings, self._lines, self._states = log, settings, lines, states
        self._outcomes = {seq: outcome_bytes(numbers) for seq, _, _, numbers in decisions.outcomes()}
        self._learned = 0

    def run(self, bases: list[Base], cursor: int, name: str) -> int:
        """Replays from the first base to the feedback `cursor`, after which the learner must have the hash `name`.

        Later feedback was not learned from yet. Returns the number of feedbacks that were learned again.
        """
        learner = self._start(bases[0])
        for base, after in pairwise(bases):
            self._learn(learner, base.cursor, after.cursor)
            self._decide(learner, self._lines.get(after.decision))
            if learner.hash() != after.hash:
                raise StoreError(f"replay: after feedback {after.cursor} the learner comes out otherwise")
        if cursor < bases[-1].cursor:
            raise StoreError("the log says that less was learned than its last base has")
        self._learn(learner, bases[-1].cursor, cursor)
        if learner.hash() != name:
            raise StoreError(f"replay: after feedback {cursor} the learner comes out otherwise")
        if self._outcomes:
            raise StoreError(f"replay: feedback {min(self._outcomes)} has an outcome, but was not to be learned from")
        return self._learned

    def _start(self, base: Base) -> Learner:
        champion = bytes(base.arrays()["champion"]).decode("ascii", "replace")
        if champion not in self._states:
            raise StoreError("the first base of the log serves a state that no decision names")
        learner = Learner.of_arrays(self._settings, base.arrays(), self._states[champion])
        if base.cursor == 0 and learner.hash() != Learner(self._settings).hash():
            raise StoreError("the first base of the log has learned before any feedback")
        return learner

    def _learn(self, learner: Learner, start: int, end: int) -> None:
        """Learns a segment as if of the feedback on each ranking only the last had come."""
        segment = Segment(learner, start)
        for entry in self._log.entries(start, end):
            segment.supersedes(entry)
        for entry in self._log.entries(start, end):
            if segment.counts(entry):
                vectors = self._log.vectors(entry)
                outcome = learner.take(*vectors, entry.judgement, entry.body.propensities, entry.source)
                self._learned += 1
                if self._outcomes.pop(entry.seq, None) != outcome_bytes(learner.numbers_of(outcome)):
                    raise StoreError(f"replay: the outcome of feedback {entry.seq} comes out otherwise, or is missing")

    def _decide(self, learner: Learner, line: DecisionLine | None) -> None:
        """Does again what a decision did."""
        if line is None or line.action in ("created", "frozen", "thawed"):
            return
        if line.action == "rejected":
            learner.reject()
        elif line.action != "promoted":
            learner.serve(self._states[line.after])
        elif learner.promote().hash != line.after:
            raise StoreError(f"replay: decision {line.n} promotes another state than {line.after[:16]}")
