"""Whose feedback is heard: how large a share each source holds of the recent feedback."""

from __future__ import annotations

from collections import Counter, deque
from typing import Any

from ruvllm.online.records import Guard

__all__ = ["Sources"]


class Sources:
    """The sources of the last `window` feedbacks that were heard, by any process, as of the last question."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._seq = 0
        self._recent: deque[str | None] = deque()
        self._counts: Counter[str | None] = Counter()

    def objection(self, run: Any, source: str | None) -> str:
        """Returns why a source is not heard for now, "" if it is. Within a transaction."""
        if source is None:
            return ""
        self._catch_up(run)
        held, groups = self._counts[source], len(self._counts.keys() | {source})
        window = self._guard.window
        most = max(self._guard.per_source, 2 / groups) * window
        if held < most:
            return ""
        return f"{source[:80]!r} has {held} of the last {window} feedbacks; at most {most:.0f} are heard"

    def _catch_up(self, run: Any) -> None:
        rows = run.execute(
            "SELECT seq, source FROM (SELECT seq, source FROM feedback WHERE status <> 'quarantined' AND seq > ? "
            "ORDER BY seq DESC LIMIT ?) ORDER BY seq", (self._seq, self._guard.window),
        ).fetchall()  # fmt: skip
        for seq, source in rows:
            self._seq = seq
            self._recent.append(source)
            self._counts[source] += 1
            if len(self._recent) > self._guard.window:
                oldest = self._recent.popleft()
                self._counts[oldest] -= 1
                if not self._counts[oldest]:
                    del self._counts[oldest]
