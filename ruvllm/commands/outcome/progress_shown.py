"""Reporters that show something: a line per finished run, for pipes and logs, or a bar per model on a terminal."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.table import Column, Table

from ruvllm.commands.progress import QuietReporter

__all__ = ["BarReporter", "LineReporter", "make_shown_reporter"]

SECONDS_BEFORE_LINE, SECONDS_BETWEEN_LINES = 1.0, 10.0
"""Before the first line about a work, and between two others. Shorter work gets no line."""
LEARNING_SHARE = 0.9
"""Part of a run's bar for its epochs. The rest is for the controls and the measures, of which no epoch is reported."""


def make_shown_reporter() -> QuietReporter:
    """Returns a reporter on standard error: bars on a terminal, lines elsewhere."""
    console = Console(stderr=True)
    bars = console.is_terminal and not console.is_dumb_terminal and not os.environ.get("CI")
    return BarReporter(console) if bars else LineReporter(console)


@dataclass(slots=True, eq=False)
class _Work:
    """Reading or encoding that is not done yet."""

    begun: float
    last_line: float
    """Second of the last line about it, or at which it began."""
    done: float = 0.0
    """From 0 to 1."""


class LineReporter(QuietReporter):
    """Prints a plain line as each run is done, for pipes and logs."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.Lock()
        self._done = 0
        self._total = 0
        self._works: dict[str, _Work] = {}

    def note(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def warn(self, text: str) -> None:
        self.note(text)

    def work(self, label: str, done: int, total: int) -> None:
        with self._lock:
            if done >= total:
                self._works.pop(label, None)
                return
            now = time.monotonic()
            if label not in self._works:
                self._works[label] = _Work(begun=now, last_line=now)
                self._look_later(label, self._works[label], SECONDS_BEFORE_LINE)
            work = self._works[label]
            work.done = done / total
            if now - work.last_line < SECONDS_BETWEEN_LINES:
                return
            work.last_line = now
        self.note(f"{label}: {done / total:.0%}")

    def _look_later(self, label: str, work: _Work, seconds: float) -> None:
        """Says later that the work goes on though nobody calls: a single call of an encoder may take minutes."""
        timer = threading.Timer(seconds, self._look, (label, work))
        timer.daemon = True
        timer.start()

    def _look(self, label: str, work: _Work) -> None:
        with self._lock:
            if self._works.get(label) is not work:
                return
            now = time.monotonic()
            is_first = work.last_line == work.begun
            if is_first or now - work.last_line >= SECONDS_BETWEEN_LINES:
                work.last_line = now
                far = f": {work.done:.0%}" if work.done else " ..."
                self.note(f"{label}{far}" if is_first else f"{label}{far} after {_duration(now - work.begun)}")
            self._look_later(label, work, SECONDS_BETWEEN_LINES)

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._works.clear()

    def start(self, labels: Sequence[str], bars: Sequence[str] | None = None) -> None:
        self._total = len(labels)

    def finish(self, label: str, line: str) -> None:
        with self._lock:
            self._done += 1
            self.note(f"[{self._done}/{self._total}] {line}")


@dataclass(slots=True)
class _Bar:
    """A bar and the runs that share it."""

    task: TaskID
    runs: int
    parts: dict[str, float] = field(default_factory=dict)
    """How far each run is, from 0 to 1. Runs that have not begun are missing."""
    since: float | None = None
    """Second at which the first run began."""

    def fraction(self) -> float:
        return sum(self.parts.values()) / self.runs

    def time_left(self, now: float) -> str:
        done = self.fraction()
        return "" if self.since is None or done <= 0 else _duration((now - self.since) * (1 - done) / done)


class BarReporter(QuietReporter):
    """Shows a bar per model, or whatever the runs share a bar by, and one for all runs together.

    Epoch, test resolve rate and confidence beside a bar are those of the run that reported last. As each run is done
    its line is printed above the bars.
    """

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        narrow = console.width < 80
        names = Column(no_wrap=True, max_width=26 if narrow else 44)
        self._progress = _Headed(
            ("", TextColumn("{task.description}", markup=False, table_column=names)),
            ("", BarColumn(bar_width=None, table_column=Column(ratio=1, min_width=4))),
            ("Epoch", _right("epoch")),
            ("Right" if narrow else "Resolved", _right("rate")),
            ("Sure" if narrow else "Confidence", _right("confidence")),
            ("Left" if narrow else "Time left", _right("left")),
            console=console,
        )
        self._clock = clock
        self._lock = threading.Lock()
        self._work: dict[str, TaskID] = {}
        self._bars: dict[str, _Bar] = {}
        self._bar_of: dict[str, str] = {}
        self._overall: _Bar | None = None

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()

    def note(self, text: str) -> None:
        self._progress.console.print(text, markup=False, highlight=False)

    def warn(self, text: str) -> None:
        self.note(text)

    def work(self, label: str, done: int, total: int) -> None:
        with self._lock:
            if label not in self._work:
                self._work[label] = self._add(label)
            if done >= total:
                self._progress.remove_task(self._work.pop(label))
            else:
                self._progress.update(self._work[label], completed=done / total)

    def start(self, labels: Sequence[str], bars: Sequence[str] | None = None) -> None:
        names = list(labels if bars is None else bars)
        self._bar_of = dict(zip(labels, names, strict=True))
        for name in dict.fromkeys(names):
            self._bars[name] = _Bar(self._add(name), names.count(name))
        if len(self._bars) > 1:
            self._overall = _Bar(self._add("all"), len(labels), since=self._clock())

    def _add(self, name: str) -> TaskID:
        return self._progress.add_task(name, total=1.0, epoch="", rate="", confidence="", left="")

    def epoch(
        self, label: str, done: int, total: int, test_resolve_rate: float | None, confidence: float | None
    ) -> None:
        with self._lock:
            bar = self._bars.get(self._bar_of.get(label, label))
            if bar is None:
                return
            bar.since = self._clock() if bar.since is None else bar.since
            self._move(bar, label, LEARNING_SHARE * done / total)
            self._progress.update(
                bar.task,
                epoch=f"{done}/{total}" if done < total else "controls",
                rate="" if test_resolve_rate is None else f"{test_resolve_rate:.1%}",
                confidence="" if confidence is None else f"{confidence:.1%}",
            )

    def finish(self, label: str, line: str) -> None:
        with self._lock:
            bar = self._bars.get(self._bar_of.get(label, label))
            if bar is not None:
                self._move(bar, label, 1.0)
                if bar.fraction() >= 1:
                    self._progress.update(bar.task, completed=1.0, epoch="done", left="")
            self.note(line)

    def _move(self, bar: _Bar, label: str, part: float) -> None:
        for each in (bar, self._overall):
            if each is not None:
                each.parts[label] = part
                self._progress.update(each.task, completed=each.fraction(), left=each.time_left(self._clock()))


def _right(name: str) -> TextColumn:
    """A column with a field of the task, aligned to the right."""
    column = Column(justify="right", no_wrap=True)
    return TextColumn(f"{{task.fields[{name}]}}", justify="right", markup=False, table_column=column)


class _Headed(Progress):
    """Bars below a line with the headings of the columns. They vanish at the end."""

    def __init__(self, *columns: tuple[str, ProgressColumn], console: Console) -> None:
        self._headings = [heading for heading, _ in columns]
        super().__init__(*(column for _, column in columns), console=console, transient=True, expand=True)

    def make_tasks_table(self, tasks: Iterable[Task]) -> Table:
        table = super().make_tasks_table(tasks)
        if table.row_count:
            table.show_header, table.header_style, table.padding = True, "dim", (0, 1, 0, 0)
            for heading, column in zip(self._headings, table.columns, strict=True):
                column.header = heading
        return table


def _duration(seconds: float) -> str:
    """Minutes and seconds, and hours if there are any: 0:07, 12:30, 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
