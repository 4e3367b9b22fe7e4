"""Progress from where a cell is made to whoever shows it: events, which any queue can carry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from ruvllm.benchmark.sweep import Reporter

__all__ = ["Event", "EventReporter", "report_event"]


class Event(NamedTuple):
    """An epoch of a run, or a part of other work, that is done."""

    label: str
    done: int
    total: int
    is_epoch: bool = False
    test_resolve_rate: float | None = None
    confidence: float | None = None


class EventReporter:
    """A Reporter that hands on what it hears of a run, as events."""

    def __init__(self, hand_on: Callable[[Event], None]) -> None:
        self._hand_on = hand_on

    def warn(self, text: str) -> None:
        """Says nothing: it is about those at work, not about a run."""

    def work(self, label: str, done: int, total: int) -> None:
        self._hand_on(Event(label, done, total))

    def epoch(
        self, label: str, done: int, total: int, test_resolve_rate: float | None, confidence: float | None
    ) -> None:
        self._hand_on(Event(label, done, total, True, test_resolve_rate, confidence))

    def start(self, labels: Sequence[str], bars: Sequence[str] | None = None) -> None:
        """Says nothing: only who has them made knows all runs."""

    def finish(self, label: str, line: str) -> None:
        """Says nothing: the run's result does."""


def report_event(event: Event, reporter: Reporter) -> None:
    """Calls the reporter as the one at work called its own."""
    if event.is_epoch:
        reporter.epoch(event.label, event.done, event.total, event.test_resolve_rate, event.confidence)
    else:
        reporter.work(event.label, event.done, event.total)
