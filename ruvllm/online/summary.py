"""What a store says about itself, read without changing it: for `status`, reports, and other programs."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ruvllm.evaluation.sequential import running_intervals
from ruvllm.notebook import html_table, with_interval
from ruvllm.online.keeper import Keeper
from ruvllm.online.learning.guard import required_feedback
from ruvllm.online.opening import reading, settings_of
from ruvllm.online.records import Decision, Gain, History, Settings, StoreError
from ruvllm.online.state import State
from ruvllm.online.store.database import Database
from ruvllm.online.store.decisions import DecisionLog
from ruvllm.online.store.folder import Folder
from ruvllm.online.store.log import FeedbackLog

__all__ = ["Point", "StoreSummary", "summarise"]

MOST_POINTS = 200
NOBODY = "(no source)"


@dataclass(frozen=True, slots=True)
class Point:
    """The gain over the frozen encoder after a feedback, with its confidence sequence."""

    feedback: int
    gain: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class StoreSummary:
    """Numbers of one moment."""

    name: str
    settings: Settings
    served: str
    frozen: bool
    gain: Gain
    rankings: int
    feedbacks: int
    decisions: tuple[Decision, ...]
    points: tuple[Point, ...]
    per_day: dict[str, int]
    """Feedbacks that are kept, by day (UTC)."""
    per_source: dict[str, int]
    """The most frequent first."""
    quarantined: int
    waiting: int
    """Feedbacks that no process has learned from yet."""
    outlook: Decision
    """What a review would do."""
    bytes: int
    """Of all files of the store."""

    def _repr_html_(self) -> str:
        gain = self.gain
        proved = with_interval(gain.mean, (gain.low, gain.high)) if gain.feedbacks else "no feedback yet"
        rows = [
            ("Gain over the frozen encoder, 95% confidence sequence", proved),
            ("Served now", self.served[:12] + (", frozen" if self.frozen else "")),
            ("Feedback that counts", gain.feedbacks),
            ("In quarantine", self.quarantined),
            ("A review would say", f"{self.outlook.action.replace('_', ' ')}: {self.outlook.reason}"),
        ]
        return html_table(f"Store {self.name}", ("", ""), rows) + History(self.decisions)._repr_html_()

    @property
    def needed(self) -> int:
        """About how many feedbacks prove a gain of 5 points of mean reward."""
        return required_feedback(0.05, self.settings.guard.alpha)


def summarise(store: str | os.PathLike[str]) -> StoreSummary:
    """Reads a store, also while other processes use it. Raises StoreError."""
    with reading(store) as (folder, database):
        return _summarise(os.fspath(store), database, folder)


def _summarise(name: str, database: Database, folder: Folder) -> StoreSummary:
    decisions = DecisionLog(database)
    settings = settings_of(decisions)
    log = FeedbackLog(database, settings.dim, settings.guard)
    lines = [line.decision() for line in decisions.lines()]
    known = int(database.meta("learned").split()[0])
    keeper = Keeper.looking(database, log, folder, settings)
    days: Counter[str] = Counter()
    sources: Counter[str] = Counter()
    run = database.ensure_open()
    for came, source in run.execute("SELECT came, source FROM feedback ORDER BY seq"):
        days[datetime.fromtimestamp(came, UTC).strftime("%Y-%m-%d")] += 1
        sources[NOBODY if source is None else source] += 1
    return StoreSummary(
        name=name,
        settings=settings,
        served=lines[-1].state_after,
        frozen=keeper.frozen,
        gain=keeper.learner.gain_so_far(),
        rankings=int(run.execute("SELECT count(*) FROM rankings").fetchone()[0]),
        feedbacks=log.last_seq(),
        decisions=tuple(lines),
        points=_points(decisions),
        per_day=dict(days),
        per_source=dict(sources.most_common()),
        quarantined=int(run.execute("SELECT count(*) FROM feedback WHERE status = 'quarantined'").fetchone()[0]),
        waiting=log.last_seq() - known,
        outlook=keeper.review(dry_run=True),
        bytes=sum(file.stat().st_size for file in folder.path.iterdir() if file.is_file()),
    )


def _points(decisions: DecisionLog) -> tuple[Point, ...]:
    rows = [(seq, numbers[3:]) for seq, _, _, numbers in decisions.outcomes()]
    step = max(1, -(-len(rows) // MOST_POINTS))
    chosen = rows[:: -step][::-1] if rows else []  # the last one is always among them
    intervals = running_intervals([(int(n), total, variance) for _, (n, total, variance) in chosen])
    return tuple(
        Point(seq, total / n, low, high)
        for (seq, (n, total, _)), (low, high) in zip(chosen, intervals, strict=True)
    )


def export_state(store: str | os.PathLike[str], name: str | None = None) -> State:
    """Returns a state of a store by the beginning of its name; the served one for None. Raises StoreError."""
    summary = summarise(store)
    known = {decision.state_after for decision in summary.decisions}
    wanted = summary.served if name is None else name
    matches = [each for each in known if each == wanted or (len(wanted) >= 6 and each.startswith(wanted))]
    if len(matches) != 1:
        raise StoreError(f"{wanted[:80]!r} names {len(matches)} of the {len(known)} states of this store")
    return State.read(Path(store), matches[0], summary.settings.dim)
