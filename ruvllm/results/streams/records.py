"""The results of prequential runs: each task of a stream was answered first, then learned from (Dawid 1984)."""

from __future__ import annotations

from collections.abc import Sized
from typing import Annotated

from msgspec import Meta

from ruvllm.results.records import Count, Header, HexDigest, Interval, MeanWithInterval, Name, Record, Seed, Seeds
from ruvllm.results.run_records import InputIdentity
from ruvllm.results.streams.localization_records import Localization

__all__ = [
    "CHANCE", "FROZEN", "LEARNED", "PrequentialDocument", "PrequentialRow", "PrequentialRun", "PrequentialSummary",
    "PrequentialThird",
]  # fmt: skip

FROZEN, LEARNED, CHANCE = "frozen", "learned", "chance"
"""Names of methods: what every run has; what answers; and guessing, whose figures follow from the pools."""

Methods = Annotated[dict[str, list[float]], Meta(min_length=2)]


class PrequentialRun(Record, kw_only=True):
    """One stream. Element i of each list belongs to the i-th measured task, in the order of the stream."""

    protocol: Name
    workload: Name
    model: Name
    """What encodes, or what else tells runs apart."""
    seed: Seed
    input: InputIdentity | None = None
    order: Name
    """What decided it, in words: `by date`, `as in the file`."""
    tasks: list[str]
    """The user's own id of each task, or its place."""
    dates: list[str] | None = None
    groups: list[Count] | None = None
    """Equal for copies of one another; None if there are none."""
    pools: list[Annotated[int, Meta(ge=1)]]
    """Number of candidates that each task was answered from."""
    reciprocal_ranks: Methods
    """1 / rank of the right candidate by method: `frozen`, `learned` (what answered) and whatever else was asked."""
    answered_by: list[str] | None = None
    """Which method's answer `learned` is, task by task; None where there was no choice."""
    learned_from: Count
    """Number of tasks, measured or not."""
    copies: Count = 0
    """Of these not measured: a copy of each had been learned from before."""
    refits: list[Count] | None = None
    """After how many tasks the learner was fitted anew; None for one that only goes on."""
    known_beforehand: str = ""
    """What is known of later tasks before they come, in words."""
    state_hash: HexDigest | None = None
    """Of the learner at the end: equal for equal runs, on every instruction set."""
    localization: Localization | None = None
    """Of issues with the files of their repositories."""
    seconds: float | None = None

    def __post_init__(self) -> None:
        n = len(self.tasks)
        lists: list[tuple[str, Sized | None]] = [
            ("dates", self.dates), ("groups", self.groups), ("pools", self.pools), ("answeredBy", self.answered_by),
            *((f"reciprocalRanks.{name}", values) for name, values in self.reciprocal_ranks.items()),
        ]  # fmt: skip
        for name, values in lists:
            if values is not None and len(values) != n:
                raise ValueError(f"{name} must have an element for each of the {n} tasks, not {len(values)}")
        for name in (FROZEN, LEARNED):
            if name not in self.reciprocal_ranks:
                raise ValueError(f"reciprocalRanks must have {name}")
        if n == 0 or not all(0 < value <= 1 for ranks in self.reciprocal_ranks.values() for value in ranks):
            raise ValueError("reciprocalRanks must be above 0 and at most 1, of at least 1 task")


class PrequentialRow(Record, kw_only=True):
    """One method on some tasks of a stream, mean over seeds."""

    method: Name
    recall_at_1: float
    recall_at_3: float
    mrr: float
    learned_ahead: dict[str, MeanWithInterval]
    """How far `learned` is ahead of it in each of these, paired by task, with a bootstrap interval over tasks."""
    always: dict[str, Interval] | None = None
    """Intervals of the same at the end of the stream that hold at every look; None for a part of a stream."""


class PrequentialThird(Record):
    """A third of a stream."""

    tasks: Count
    rows: list[PrequentialRow]


class PrequentialSummary(Record, kw_only=True):
    """What the streams of one protocol and model came to; all have the same tasks in the same order."""

    protocol: Name
    workload: Name
    model: Name
    seeds: Seeds
    tasks: Count
    smallest_pool: Count
    median_pool: float
    largest_pool: Count
    rows: list[PrequentialRow]
    thirds: list[PrequentialThird]
    """The first, the second and the last; none for fewer than 3 tasks."""


class PrequentialDocument(Header, kw_only=True, tag="prequential"):
    """The results file of prequential runs."""

    method: dict[str, str | float]
    """How the numbers were made, in words, and the constants of it."""
    runs: Annotated[list[PrequentialRun], Meta(min_length=1)]
    summaries: Annotated[list[PrequentialSummary], Meta(min_length=1)]
    trimmed: bool = False
