"""Rankings and feedback, written to the log and read from it. Ids are unique there: nothing is counted twice."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from ruvllm.online.judgement import Judgement, UnknownCandidateError
from ruvllm.online.records import Guard, Id, Status, StoreError
from ruvllm.online.store.database import GENESIS, Database
from ruvllm.online.store.sources import Sources

__all__ = ["Entry", "FeedbackLog", "RankingBody", "Recorded", "chain_link", "random_id", "ranking_digest"]

DIGEST = 16
"""Bytes of a candidate's digest."""
CACHED_BYTES = 32 * 2**20
"""Of candidates' vectors that are kept in memory."""
Half = NDArray[np.float16]
Rows = NDArray[np.float32]


class RankingBody(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """What the log keeps of a ranking, in the order shown."""

    query: bytes
    """float16 (dim,) of length 1."""
    items: bytes
    """Digests of the candidates, one after another."""
    state: str
    context: str | None = None
    propensities: tuple[float, ...] | None = None
    """None: all are 1."""


class Entry(msgspec.Struct, frozen=True, gc=False):
    """A feedback with its ranking, as it is learned from."""

    seq: int
    ranking: str
    source: str | None
    status: str
    judgement: Judgement
    body: RankingBody


class Recorded(msgspec.Struct, frozen=True, gc=False):
    """What became of a feedback in the log; `entry` is None unless it was written."""

    status: Status
    event: str
    reason: str = ""
    entry: Entry | None = None


class FeedbackLog:
    """The two tables and the candidates they share."""

    def __init__(self, database: Database, dim: int, guard: Guard) -> None:
        self._db, self._dim, self._sources = database, dim, Sources(guard)
        self._items: OrderedDict[bytes, tuple[Id, Rows]] = OrderedDict()
        self._generation = ""
        self._most_items = max(64, CACHED_BYTES // (4 * dim + 200))
        self._encode_ranking = msgspec.msgpack.Encoder()
        self._decode_ranking = msgspec.msgpack.Decoder(RankingBody)
        self._decode_judgement = msgspec.msgpack.Decoder(Judgement)

    def add_ranking(
        self, query: Half, candidates: Half, names: Sequence[Id], state: str, context: str | None,
        propensities: NDArray[np.float64] | None,
    ) -> str:  # fmt: skip
        """Writes a ranking and returns its id. Vectors are float16 of length 1, in the order shown."""
        packed = [msgspec.msgpack.encode(name) for name in names]
        vectors = [row.astype("<f2", copy=False).tobytes() for row in candidates]
        digests = [item_digest(name, vector) for name, vector in zip(packed, vectors, strict=True)]
        body = self._encode_ranking.encode(
            RankingBody(
                query.astype("<f2", copy=False).tobytes(), b"".join(digests), state, context,
                None if propensities is None else tuple(propensities.tolist()),
            )
        )  # fmt: skip
        with self._db.transaction() as run:
            self._forget_removed_items()
            made = time.time()
            name = random_id(made)
            for place, digest in enumerate(digests):
                if digest not in self._items:
                    run.execute("INSERT OR IGNORE INTO items VALUES (?, ?, ?)", (digest, packed[place], vectors[place]))
            run.execute(
                "INSERT INTO rankings (id, made, body, digest) VALUES (?, ?, ?, ?)",
                (name, made, body, ranking_digest(name, made, body)),
            )
        for place, digest in enumerate(digests):  # after the commit: a failed transaction must not leave them known
            if digest not in self._items:
                self._keep(digest, names[place], vectors[place])
        return name

    def record(
        self, ranking: str, event: str | None, source: str | None, judge: Callable[[Sequence[Id]], Judgement]
    ) -> Recorded:
        """Writes a feedback, unless it is known, and says what became of it. It is durable when this returns.

        `judge` gets what was shown. Raises what it raises but UnknownCandidateError, and writes nothing then.
        """
        with self._db.transaction() as run:
            return self._record(run, ranking, event, source, judge)

    def _record(
        self, run: Any, ranking: str, event: str | None, source: str | None, judge: Callable[[Sequence[Id]], Judgement]
    ) -> Recorded:
        name = event if event is not None else random_id(time.time())
        if event is not None and run.execute("SELECT 1 FROM feedback WHERE event = ?", (event,)).fetchone():
            return Recorded("duplicate", name, "an event of this id was recorded before")
        found = run.execute("SELECT body, digest FROM rankings WHERE id = ?", (ranking,)).fetchone()
        if found is None:
            return self._missing(ranking, name)
        shown = self._decode_ranking.decode(found[0])
        try:
            judgement = judge(self.names(shown))
        except UnknownCandidateError as error:
            return Recorded("unknown", name, str(error))
        body = msgspec.msgpack.encode(judgement)
        last = run.execute(
            "SELECT body, source FROM feedback WHERE ranking = ? AND status <> 'quarantined' ORDER BY seq DESC LIMIT 1",
            (ranking,),
        ).fetchone()
        if last is None and judgement.revokes:
            return Recorded("duplicate", name, "there is no feedback on this ranking to revoke")
        if last is not None and (last[0], last[1]) == (body, source):
            return Recorded("duplicate", name, "the last feedback on this ranking said the same")
        reason = self._sources.objection(run, source)
        status: Status = "quarantined" if reason else "applied" if last is None else "revised"
        seq = self._append(run, name, ranking, source, status, body, found[1])
        return Recorded(
            status, name, reason or ("" if last is None else "it takes the place of an earlier one"),
            Entry(seq, ranking, source, status, judgement, shown),
        )  # fmt: skip

    def _append(
        self, run: Any, event: str, ranking: str, source: str | None, status: str, body: bytes, digest: bytes
    ) -> int:
        last = run.execute("SELECT seq, chain FROM feedback ORDER BY seq DESC LIMIT 1").fetchone()
        seq, before = last or (int(self._db.meta("pruned_feedback")), bytes.fromhex(self._db.meta("pruned_chain")))
        seq, came = seq + 1, time.time()
        link = chain_link(before, [seq, event, ranking, came, source, status, body, digest])
        run.execute(
            "INSERT INTO feedback VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (seq, event, ranking, came, source, status, body, link),
        )
        return int(seq)

    def _missing(self, ranking: str, event: str) -> Recorded:
        made = made_at(ranking)
        if made is not None and made <= float(self._db.meta("pruned_before")):
            return Recorded("expired", event, "rankings of that age are no longer kept")
        return Recorded("unknown", event, "this store has no such ranking")

    def names(self, body: RankingBody) -> list[Id]:
        """What was shown."""
        return [self._item(digest)[0] for digest in digests_of(body)]

    def vectors(self, entry: Entry) -> tuple[Rows, Rows]:
        """The query (dim,) and the candidates (m, dim) of a feedback, float32, its extra candidates last."""
        query = np.frombuffer(entry.body.query, "<f2").astype(np.float32)
        digests = digests_of(entry.body)
        extra = np.frombuffer(entry.judgement.extra, "<f2").astype(np.float32).reshape(-1, self._dim)
        rows = np.empty((len(digests) + len(extra), self._dim), np.float32)
        for place, digest in enumerate(digests):
            rows[place] = self._item(digest)[1]
        rows[len(digests) :] = extra
        return query, rows

    def entries(self, after: int, until: int | None = None) -> Iterator[Entry]:
        """Feedback in its order, with after < seq <= until."""
        rows = self._db.ensure_open().execute(
            "SELECT f.seq, f.ranking, f.source, f.status, f.body, r.body FROM feedback f JOIN rankings r "
            "ON r.id = f.ranking WHERE f.seq > ? AND f.seq <= ? ORDER BY f.seq",
            (after, 2**62 if until is None else until),
        )
        yield from map(self._entry, rows)

    def entries_of(self, numbers: Sequence[int], until: int) -> Iterator[Entry]:
        """Of these feedbacks those that count: neither revised up to feedback `until`, nor revoked."""
        wanted = ",".join(map(str, numbers))
        rows = self._db.ensure_open().execute(
            "SELECT f.seq, f.ranking, f.source, f.status, f.body, r.body FROM feedback f JOIN rankings r "
            f"ON r.id = f.ranking WHERE f.seq IN ({wanted}) AND NOT EXISTS (SELECT 1 FROM feedback WHERE "
            "ranking = f.ranking AND seq > f.seq AND seq <= ? AND status <> 'quarantined')", (until,),
        )  # fmt: skip
        return (entry for entry in map(self._entry, rows) if not entry.judgement.revokes)

    def _entry(self, row: tuple[int, str, str | None, str, bytes, bytes]) -> Entry:
        seq, ranking, source, status, said, shown = row
        judgement, body = self._decode_judgement.decode(said), self._decode_ranking.decode(shown)
        return Entry(seq, ranking, source, status, judgement, body)

    def last_seq(self) -> int:
        """Number of the last feedback, 0 if there was none."""
        found = self._db.ensure_open().execute("SELECT max(seq) FROM feedback").fetchone()[0]
        return int(self._db.meta("pruned_feedback")) if found is None else int(found)

    def _item(self, digest: bytes) -> tuple[Id, Rows]:
        known = self._items.get(digest)
        if known is None:
            run = self._db.ensure_open()
            row = run.execute("SELECT name, vector FROM items WHERE digest = ?", (digest,)).fetchone()
            if row is None:
                raise StoreError("a candidate of a ranking is missing in the log")
            known = self._keep(digest, msgspec.msgpack.decode(row[0], type=str | int), row[1])
        return known

    def _keep(self, digest: bytes, name: Id, vector: bytes) -> tuple[Id, Rows]:
        kept = self._items[digest] = (name, np.frombuffer(vector, "<f2").astype(np.float32))
        if len(self._items) > self._most_items:
            self._items.popitem(last=False)
        return kept

    def _forget_removed_items(self) -> None:
        """Another process may have removed candidates that no ranking had: they must be written again."""
        generation = self._db.meta("generation")
        if generation != self._generation:
            self._items.clear()
            self._generation = generation


def digests_of(body: RankingBody) -> list[bytes]:
    return [body.items[at : at + DIGEST] for at in range(0, len(body.items), DIGEST)]


def item_digest(name: bytes, vector: bytes) -> bytes:
    return hashlib.blake2b(name + vector, digest_size=DIGEST).digest()


def ranking_digest(name: str, made: float, body: bytes) -> bytes:
    return hashlib.sha256(msgspec.msgpack.encode([name, made, body])).digest()


def chain_link(before: bytes, content: list[object]) -> bytes:
    """SHA-256 of the link before and this one's content."""
    return hashlib.sha256(before + msgspec.msgpack.encode(content)).digest()


def random_id(made: float) -> str:
    """12 hex digits of the time in milliseconds, and 20 random ones.

    By the time old ids can be told from unknown ones, and new ones stand together in an index: few pages change.
    """
    return f"{time_prefix(made)}{secrets.token_hex(10)}"


def time_prefix(made: float) -> str:
    """Ids from before this time are smaller, as texts."""
    return f"{max(0, int(made * 1000)):012x}"


def made_at(name: str) -> float | None:
    """Seconds since 1970 at which a ranking of this id was made; None for what is no id."""
    if len(name) != 32 or not all(digit in "0123456789abcdef" for digit in name):
        return None
    return int(name[:12], 16) / 1000


assert len(GENESIS) == hashlib.sha256().digest_size
