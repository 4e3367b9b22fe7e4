"""On whose feedback a challenger is scored again before it is promoted: on the last of each source that was heard.

The last feedbacks of all sources would not do, for a few of them can fill those. Here a source does not come to weigh
more by saying much, and does not lose its weight by saying nothing for a while.
"""

from __future__ import annotations

import hashlib
from collections import deque

from ruvllm.online.learning.sources import VOICE, Heard
from ruvllm.online.records import Settings
from ruvllm.online.store.database import Database
from ruvllm.online.store.log import FeedbackLog

__all__ = ["Witnesses"]

HORIZON = 50
"""Windows of feedback that are remembered: 10,000 feedbacks by default, whoever gave them."""
SCORED = 3
"""Windows of feedback that a challenger is scored on: 600 feedbacks by default."""


class Witnesses:
    """The sources of the last feedbacks that were heard, by any process, as of the last question."""

    def __init__(self, database: Database, log: FeedbackLog, settings: Settings) -> None:
        """The seed of `settings` says who is a witness where there are too many, by hash of the name."""
        self._db, self._log, self._window = database, log, settings.guard.window
        self._salt = settings.learning.seed.to_bytes(8, "little")
        self.sources = 0
        """How many there are, scored or not."""
        self._seq = 0
        self._recent: deque[tuple[int, str | None]] = deque(maxlen=HORIZON * self._window)

    def heard(self, cursor: int) -> list[Heard]:
        """What they said up to feedback `cursor`, source after source. Of each ranking the last feedback counts."""
        self._catch_up(cursor)
        of_source: dict[str | None, list[int]] = {}
        for seq, source in self._recent:
            of_source.setdefault(source, []).append(seq)
        self.sources = len(of_source)
        budget = SCORED * self._window
        each = max(VOICE, min(self._window, budget // max(1, len(of_source))))
        numbers: list[int] = []
        for source in sorted(of_source, key=self._place):
            numbers += of_source[source][-each:]
            if len(numbers) >= budget:
                break
        found = {entry.seq: entry for entry in self._log.entries_of(numbers, cursor)}
        entries = [found[seq] for seq in numbers if seq in found]
        return [(entry.source, *self._log.vectors(entry), entry.judgement) for entry in entries]

    def _catch_up(self, cursor: int) -> None:
        self._recent.extend(
            self._db.ensure_open().execute(
                "SELECT seq, source FROM feedback WHERE status <> 'quarantined' AND seq > ? AND seq <= ? ORDER BY seq",
                (max(self._seq, cursor - HORIZON * self._window), cursor),
            )
        )
        self._seq = max(self._seq, cursor)

    def _place(self, source: str | None) -> bytes:
        name = b"" if source is None else b"=" + source.encode("utf-8", "surrogatepass")
        return hashlib.blake2b(name, salt=self._salt, digest_size=16).digest()
