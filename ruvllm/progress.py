"""Progress on standard error: bars on a terminal, a line per finished cell elsewhere, nothing when quiet."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

__all__ = ["BarReporter", "LineReporter", "QuietReporter"]


class QuietReporter:
    """Says nothing."""

    def note(self, text: str) -> None: ...
    def start(self, labels: Sequence[str]) -> None: ...
    def epoch(self, label: str, done: int, total: int, test_resolve_rate: float | None) -> None: ...
    def finish(self, label: str, line: str) -> None: ...
    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class LineReporter(QuietReporter):
    """A plain line as each cell is done: for pipes and logs."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.Lock()
        self._done = 0
        self._total = 0

    def note(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def start(self, labels: Sequence[str]) -> None:
        self._total = len(labels)

    def finish(self, label: str, line: str) -> None:
        with self._lock:
            self._done += 1
            self._console.print(f"[{self._done}/{self._total}] {line}", markup=False, highlight=False, soft_wrap=True)


class BarReporter(QuietReporter):
    """A bar for the whole run and one for each cell at work, with its latest test resolve rate."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        self._lock = threading.Lock()
        self._bars: dict[str, TaskID] = {}
        self._overall: TaskID | None = None

    def note(self, text: str) -> None:
        self._progress.console.print(text, markup=False, highlight=False)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def start(self, labels: Sequence[str]) -> None:
        self._overall = self._progress.add_task("all runs", total=len(labels), rate="")

    def epoch(self, label: str, done: int, total: int, test_resolve_rate: float | None) -> None:
        with self._lock:
            bar = self._bars.get(label)
            if bar is None:
                bar = self._bars[label] = self._progress.add_task(label, total=total, rate="")
        rate = "" if test_resolve_rate is None else f"{test_resolve_rate:6.1%} resolved"
        self._progress.update(bar, completed=done, rate=rate if done < total else f"{rate}, controls")

    def finish(self, label: str, line: str) -> None:
        with self._lock:
            bar = self._bars.pop(label, None)
        if bar is not None:
            self._progress.remove_task(bar)
        self._progress.console.print(line, markup=False, highlight=False)
        if self._overall is not None:
            self._progress.advance(self._overall)
