"""The process that learns: takes feedback in the order of the log, decides, and writes down what it did.

What it comes to follows from the log alone. So it can be killed at any moment, and replay can prove what it did.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

from ruvllm.files.arrays import StateArrays
from ruvllm.online.learning.guard import is_switched_off, judge_learner
from ruvllm.online.learning.learner import Learner
from ruvllm.online.learning.sources import objection_of_sources
from ruvllm.online.records import IDENTITY, Action, Decision, Settings, StoreError
from ruvllm.online.state import State
from ruvllm.online.store.database import Database
from ruvllm.online.store.decisions import DecisionLine, DecisionLog, now, outcome_bytes
from ruvllm.online.store.folder import Folder
from ruvllm.online.store.log import Entry, FeedbackLog
from ruvllm.online.store.pruning import prune
from ruvllm.online.store.witnesses import Witnesses
from ruvllm.version import __version__

__all__ = ["SEGMENT", "Keeper", "Segment"]

SEGMENT = 1024
"""Feedbacks after which a base is written: as many are learned again after a crash, and can be revised."""
SNAPSHOT = 64
"""Feedbacks between two copies of the learner in memory, from which a revision is learned."""
FLUSH = 64
LOOK_AGAIN = 16
"""A challenger that most sources do not like is looked at again after a sixteenth of the feedback on it, 16 at least.

To ask the sources takes as long as some hundred feedbacks, so that it must become rare where they go on to say no.
"""


class Segment:
    """Feedback since a base. Of several on one ranking only the last counts, as if only that had come."""

    def __init__(self, learner: Learner, cursor: int) -> None:
        self.start = cursor
        self.cursor = cursor
        self.last_of: dict[str, int] = {}
        self._copies: list[tuple[int, StateArrays]] = [(cursor, learner.arrays())]

    def supersedes(self, entry: Entry) -> int | None:
        """Notes a feedback. Returns the number of the one of this segment that it takes the place of, if any."""
        self.cursor = entry.seq
        if entry.status == "quarantined":
            return None
        before = self.last_of.get(entry.ranking)
        self.last_of[entry.ranking] = entry.seq
        return before

    def counts(self, entry: Entry) -> bool:
        """Whether a feedback is to be learned from, as far as is known now."""
        return (
            entry.status != "quarantined"
            and not entry.judgement.revokes
            and self.last_of.get(entry.ranking, entry.seq) == entry.seq
        )

    def keep_copy(self, learner: Learner) -> None:
        if self.cursor - self._copies[-1][0] >= SNAPSHOT:
            self._copies.append((self.cursor, learner.arrays()))

    def copy_before(self, seq: int) -> tuple[int, StateArrays]:
        """The last copy from before feedback `seq`; later ones are forgotten."""
        while self._copies[-1][0] >= seq:
            self._copies.pop()
        return self._copies[-1]


class Keeper:
    """Owns the learner of a store whose lock this process holds, or of a ranker without a store."""

    def __init__(
        self, database: Database, log: FeedbackLog, folder: Folder | None, settings: Settings,
        serve: Callable[[State], None],
    ) -> None:  # fmt: skip
        self._load(database, log, folder, settings)
        self._serve = serve
        if folder is not None and folder.read_current() != self.learner.champion.hash:
            folder.write_current(self.learner.champion.hash)  # the process ended between a decision and this
        serve(self.learner.champion)
        self.catch_up(decide=False)
        if settings.guard.automatic:
            self.review()

    @classmethod
    def looking(cls, database: Database, log: FeedbackLog, folder: Folder | None, settings: Settings) -> Keeper:
        """Learns what was recorded, and writes nothing: for looking at a store that another process may own."""
        made = cls.__new__(cls)
        made._load(database, log, folder, settings)
        for entry in list(log.entries(made.segment.cursor)):
            made._take(entry)
        return made

    def _load(self, database: Database, log: FeedbackLog, folder: Folder | None, settings: Settings) -> None:
        self._db, self._log, self._folder, self._settings = database, log, folder, settings
        self.decisions = DecisionLog(database)
        self._outcomes: list[tuple[int, bytes]] = []
        self._states: dict[str, State] = {}
        self._witnesses = Witnesses(database, log, settings)
        self._look_again = 0
        base = self.decisions.last_base()
        if base is None:
            raise StoreError("the log has no base to learn from")
        arrays = base.arrays()
        champion = self._state(bytes(arrays["champion"]).decode("ascii", "replace"))
        self.learner = Learner.of_arrays(settings, arrays, champion)
        self.segment = Segment(self.learner, base.cursor)
        self._removed_from: int | None = base.cursor  # outcomes from there on are made again
        switches = [line.action for line in self.decisions.lines() if line.action in ("frozen", "thawed")]
        self.frozen = bool(switches) and switches[-1] == "frozen"

    @staticmethod
    def create(database: Database, settings: Settings, details: dict[str, str]) -> None:
        """Writes the first decision of a store, unless another process has just done so."""
        decisions, learner = DecisionLog(database), Learner(settings)
        with database.transaction():
            if decisions.next_number() == 1:
                name, who = learner.hash(), (IDENTITY, IDENTITY)
                decisions.add(DecisionLine(1, now(), "created", "", *who, 1.0, 0, name, __version__, details))
                decisions.add_base(0, 1, learner.arrays())
                database.set_meta({"learned": f"0 {name}"})

    # learning

    def catch_up(self, *, decide: bool = True) -> int:
        """Learns from what was recorded since, by any process. Returns the number of feedbacks."""
        taken = 0
        while some := list(islice(self._log.entries(self.segment.cursor), SEGMENT)):
            for entry in some:
                self.take(entry, decide=decide)
            taken += len(some)
        return taken

    def take(self, entry: Entry, *, decide: bool = True) -> None:
        """Learns from the next feedback of the log; first from those in between, which other processes recorded."""
        if entry.seq <= self.segment.cursor:
            return
        if entry.seq > self.segment.cursor + 1:
            self.catch_up(decide=decide)
            return
        if self._take(entry):
            self.flush()  # what is written must not stand for what was revised
        if len(self._outcomes) >= FLUSH:
            self.flush()
        if decide and self._settings.guard.automatic:
            self.review(patient=True)
        if self.segment.cursor - self.segment.start >= SEGMENT:
            self._close_segment()

    def _take(self, entry: Entry) -> bool:
        """Returns whether it was a revision."""
        replaced = self.segment.supersedes(entry)
        if replaced is not None:
            self._learn_again(replaced, entry.seq)
        elif self.segment.counts(entry):
            self._learn(entry)
        self.segment.keep_copy(self.learner)
        return replaced is not None

    def _learn(self, entry: Entry) -> None:
        query, candidates = self._log.vectors(entry)
        outcome = self.learner.take(query, candidates, entry.judgement, entry.body.propensities, entry.source)
        self._outcomes.append((entry.seq, outcome_bytes(self.learner.numbers_of(outcome))))

    def _learn_again(self, replaced: int, until: int) -> None:
        """Goes back to before a feedback that was revised, and learns what counts from there on."""
        start, arrays = self.segment.copy_before(replaced)
        self.learner = Learner.of_arrays(self._settings, arrays, self.learner.champion)
        self._outcomes = [row for row in self._outcomes if row[0] <= start]
        self._removed_from = start if self._removed_from is None else min(start, self._removed_from)
        for entry in list(self._log.entries(start, until)):
            if self.segment.counts(entry):
                self._learn(entry)

    def flush(self) -> None:
        """Writes outcomes. They can be made again from the log, so that nothing is lost with them."""
        if self._outcomes or self._removed_from is not None:
            with self._db.transaction():
                self._flush()

    def _flush(self) -> None:
        self.decisions.write_outcomes(self._outcomes, self._removed_from)
        self._db.set_meta({"learned": f"{self.segment.cursor} {self.learner.hash()}"})
        self._outcomes, self._removed_from = [], None

    def _close_segment(self) -> None:
        with self._db.transaction():
            self._flush()
            self.decisions.add_base(self.segment.cursor, 0, self.learner.arrays())
        self.segment = Segment(self.learner, self.segment.cursor)
        prune(self._db, self.decisions, self._settings)

    # decisions

    def review(self, *, dry_run: bool = False, patient: bool = False) -> Decision:
        """Does what the evidence allows, and says what and why. `patient`: asks the sources now and then only."""
        action, reason, evidence = judge_learner(self.learner)
        before = self.learner.champion.hash
        if action == "promoted" and (objection := self._objection(patient)):
            action, reason = "held", objection
        if action != "held" and (self.frozen or is_switched_off()):
            action, reason = "held", f"frozen; else: {action}, {reason}"
        if dry_run or action == "held":
            after = before if action in ("held", "rejected") else IDENTITY
            after = self.learner.challenger.publish().hash if action == "promoted" else after
            return Decision(action, reason, before, after, evidence, self.segment.cursor)
        if action == "promoted":
            self._write_state(self.learner.promote())
        elif action == "rejected":
            self.learner.reject()
        else:
            self.learner.serve(State(self._settings.dim))
        return self._write_decision(action, reason, before, evidence)

    def _objection(self, patient: bool) -> str:
        if patient and self.segment.cursor < self._look_again:
            return "the sources did not agree to it a moment ago"
        heard = self._witnesses.heard(self.segment.cursor)
        objection = objection_of_sources(self.learner, heard, self._witnesses.sources)
        if objection:
            self._look_again = self.segment.cursor + max(LOOK_AGAIN, self.learner.gates.tried // LOOK_AGAIN)
        return objection

    def serve(self, name: str, reason: str) -> Decision:
        """Serves a state of the store, by hand."""
        before = self.learner.champion.hash
        self.learner.serve(self._state(name))
        return self._write_decision("rolled_back", reason, before, 1.0)

    def freeze(self, frozen: bool) -> Decision:
        """Stops, or allows again, that what is served changes. Feedback is recorded and learned from meanwhile."""
        self.frozen = frozen
        name = self.learner.champion.hash
        return self._write_decision("frozen" if frozen else "thawed", "by hand", name, 1.0)

    def _write_decision(
        self, action: Action, reason: str, before: str, evidence: float
    ) -> Decision:
        cursor, arrays = self.segment.cursor, self.learner.arrays()
        with self._db.transaction():
            self._flush()
            line = DecisionLine(
                self.decisions.next_number(), now(), action, reason, before, self.learner.champion.hash, evidence,
                cursor, self.learner.hash(), __version__,
            )  # fmt: skip
            self.decisions.add(line)
            self.decisions.add_base(cursor, line.n, arrays)
        self.segment = Segment(self.learner, cursor)
        prune(self._db, self.decisions, self._settings)
        if self._folder is not None:
            self._folder.write_current(line.after)
        self._serve(self.learner.champion)
        return line.decision()

    def _write_state(self, state: State) -> None:
        self._states[state.hash] = state
        if self._folder is not None:
            state.write(self._folder.path)  # before the decision that names it

    def _state(self, name: str) -> State:
        """Raises StoreError if the store has no such state."""
        if name == IDENTITY:
            return State(self._settings.dim)
        if self._folder is None:
            if name not in self._states:
                raise StoreError(f"there is no state {name[:16]!r}")
            return self._states[name]
        return State.read(self._folder.path, name, self._settings.dim)

