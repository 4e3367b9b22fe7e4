"""Progress on standard error: a bar per model on a terminal, a line per finished run elsewhere, nothing when quiet."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.table import Column, Table

__all__ = ["BarReporter", "LineReporter", "QuietReporter", "make_reporter"]


SECONDS_BETWEEN_LINES = 10.0
"""Of the same work; shorter work says nothing."""


class QuietReporter:
    """Says nothing."""

    def note(self, text: str) -> None: ...
    def work(self, label: str, done: int, total: int) -> None:
        """Reading or encoding: `done` of `total` so far. Called often, from several threads."""

    def start(self, labels: Sequence[str], bars: Sequence[str] | None = None) -> None: ...
    def epoch(
        self, label: str, done: int, total: int, test_resolve_rate: float | None, confidence: float | None
    ) -> None: ...
    def finish(self, label: str, line: str) -> None: ...
    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class LineReporter(QuietReporter):
    """A plain line as each run is done: for pipes and logs."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.Lock()
        self._done = 0
        self._total = 0
        self._spoken: dict[str, float] = {}

    def work(self, label: str, done: int, total: int) -> None:
        now = time.monotonic()
        with self._lock:
            if done >= total:
                self._spoken.pop(label, None)
                return
            if now - self._spoken.setdefault(label, now) < SECONDS_BETWEEN_LINES:
                return
            self._spoken[label] = now
        self.note(f"{label}: {done / total:.0%}")

    def note(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def start(self, labels: Sequence[str], bars: Sequence[str] | None = None) -> None:
        self._total = len(labels)

    def finish(self, label: str, line: str) -> None:
        with self._lock:
            self._done += 1
            self._console.print(f"[{self._done}/{self._total}] {line}", markup=False, highlight=False, soft_wrap=True)


@dataclass(slots=True)
class _Bar:
    """The runs that share a bar: how far each is, from 0 to 1, and since when they have been at work."""

    task: TaskID
    runs: int
    parts: dict[str, float] = field(default_factory=dict)
    since: float | None = None

    def fraction(self) -> float:
        return sum(self.parts.values()) / self.runs

    def seconds_left(self, now: float) -> float | None:
        done = self.fraction()
        return None if self.since is None or done <= 0 else (now - self.since) * (1 - done) / done


LEARNING_SHARE = 0.9
"""Of a run's bar: the rest is for what comes after its last epoch, the controls among it, of which no epoch is told."""


class BarReporter(QuietReporter):
    """A bar for each model, or whatever the runs are put together by: epoch, test resolve rate, confidence, time left;
    and one for all of them.

    The most recent of a model's runs tells epoch, rate and confidence. As each run is done its line is printed above
    the bars.
    """

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        narrow = console.width < 80
        self._progress = _Headed(
            ("", TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, max_width=20))),
            ("", BarColumn(bar_width=None, table_column=Column(ratio=1, min_width=4))),
            ("Epoch", _Text("epoch")),
            ("Right" if narrow else "Resolved", _Text("rate")),
            ("Sure" if narrow else "Confidence", _Text("confidence")),
            ("Left" if narrow else "Time left", _Text("left")),
            console=console,
            transient=True,
        )
        self._clock = clock
        self._lock = threading.Lock()
        self._work: dict[str, TaskID] = {}
        self._bars: dict[str, _Bar] = {}
        self._bar_of: dict[str, str] = {}
        self._overall: _Bar | None = None

    def note(self, text: str) -> None:
        self._progress.console.print(text, markup=False, highlight=False)

    def work(self, label: str, done: int, total: int) -> None:
        with self._lock:
            if label not in self._work:
                self._work[label] = self._add(label)
            if done >= total:
                self._progress.remove_task(self._work.pop(label))
            else:
                self._progress.update(self._work[label], completed=done / total)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

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
            self._progress.console.print(line, markup=False, highlight=False)

    def _move(self, bar: _Bar, label: str, part: float) -> None:
        for each in (bar, self._overall):
            if each is not None:
                each.parts[label] = part
                left = each.seconds_left(self._clock())
                self._progress.update(
                    each.task, completed=each.fraction(), left="" if left is None else _duration(left)
                )


def make_reporter(quiet: bool) -> QuietReporter:
    """Returns a reporter on standard error: bars on a terminal, lines elsewhere, silent if `quiet`."""
    if quiet:
        return QuietReporter()
    console = Console(stderr=True)
    bars = console.is_terminal and not console.is_dumb_terminal and not os.environ.get("CI")
    return BarReporter(console) if bars else LineReporter(console)


class _Text(ProgressColumn):
    """A field of the task, at the right of its column."""

    def __init__(self, name: str) -> None:
        self._name = name
        super().__init__(table_column=Column(justify="right", no_wrap=True))

    def render(self, task: Task) -> str:
        return str(task.fields[self._name])


class _Headed(Progress):
    """Bars below a line that says what the columns are."""

    def __init__(self, *columns: tuple[str, ProgressColumn], console: Console, transient: bool) -> None:
        self._headings = [heading for heading, _ in columns]
        super().__init__(*(column for _, column in columns), console=console, transient=transient)

    def make_tasks_table(self, tasks: Iterable[Task]) -> Table:
        tasks = [task for task in tasks if task.visible]
        if not tasks:
            return Table.grid()
        table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, expand=True, header_style="dim")
        for heading, column in zip(self._headings, self.columns, strict=True):
            assert isinstance(column, ProgressColumn)
            layout = column.get_table_column().copy()
            layout.header = heading
            table.columns.append(layout)
        for task in tasks:
            table.add_row(*(column(task) for column in self.columns if isinstance(column, ProgressColumn)))
        return table


def _duration(seconds: float) -> str:
    """Hours only where there are some: 0:07, 12:30, 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
