"""What a store forgets: rankings beyond its number and age, their feedback, and candidates that no ranking has."""

from __future__ import annotations

import time

import msgspec

from ruvllm.online.records import Settings
from ruvllm.online.store.database import Database
from ruvllm.online.store.decisions import DecisionLog
from ruvllm.online.store.log import RankingBody, digests_of, time_prefix

__all__ = ["prune"]

SLACK = 0.1
"""Share of `keep` that may be there too much, so that not every segment has to clean up."""


def prune(database: Database, decisions: DecisionLog, settings: Settings) -> int:
    """Removes what is too much or too old. Returns the number of rankings removed.

    Feedback goes from the first on up to a base, so that the rest of the chain can be checked and replayed from there.
    """
    run = database.ensure_open()
    cut = _cut(database, settings)
    if cut is None:
        return 0
    with database.transaction():
        first_kept = run.execute(
            "SELECT min(f.seq) FROM feedback f JOIN rankings r ON r.id = f.ranking WHERE r.seq > ?", (cut,)
        ).fetchone()[0]
        last = int(run.execute("SELECT coalesce(max(seq), 0) FROM feedback").fetchone()[0])
        limit = last if first_kept is None else first_kept - 1
        base = run.execute("SELECT max(cursor) FROM bases WHERE cursor <= ?", (limit,)).fetchone()[0] or 0
        _remove_feedback(database, base)
        gone = run.execute("SELECT max(made) FROM rankings WHERE seq <= ?", (cut,)).fetchone()[0]
        removed = run.execute(
            "DELETE FROM rankings WHERE seq <= ? AND id NOT IN (SELECT ranking FROM feedback)", (cut,)
        ).rowcount
        _remove_items(database)
        database.set_meta({"pruned_before": gone, "generation": int(database.meta("generation")) + 1})
    return int(removed)


def _cut(database: Database, settings: Settings) -> int | None:
    """Number of the last ranking to remove; None while there is nothing worth it."""
    run = database.ensure_open()
    there = int(run.execute("SELECT count(*) FROM rankings").fetchone()[0])
    too_old = time_prefix(time.time() - settings.keep_days * 86_400)  # by id: there is an index of those
    old = int(run.execute("SELECT coalesce(max(seq), 0) FROM rankings WHERE id < ?", (too_old,)).fetchone()[0])
    if there > settings.keep * (1 + SLACK):
        row = run.execute("SELECT seq FROM rankings ORDER BY seq DESC LIMIT 1 OFFSET ?", (settings.keep,)).fetchone()
        return max(old, int(row[0]))
    return old or None


def _remove_feedback(database: Database, base: int) -> None:
    run = database.ensure_open()
    row = run.execute("SELECT chain FROM feedback WHERE seq = ?", (base,)).fetchone()
    if row is None:
        return
    run.execute("DELETE FROM feedback WHERE seq <= ?", (base,))
    run.execute("DELETE FROM outcomes WHERE seq <= ?", (base,))
    run.execute("DELETE FROM bases WHERE cursor < ?", (base,))
    database.set_meta({"pruned_feedback": base, "pruned_chain": row[0].hex()})


def _remove_items(database: Database) -> None:
    run = database.ensure_open()
    decoder = msgspec.msgpack.Decoder(RankingBody)
    used: set[bytes] = set()
    for (body,) in run.execute("SELECT body FROM rankings"):
        used.update(digests_of(decoder.decode(body)))
    there = [digest for (digest,) in run.execute("SELECT digest FROM items")]
    run.executemany("DELETE FROM items WHERE digest = ?", [(digest,) for digest in there if digest not in used])
