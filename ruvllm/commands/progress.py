"""Progress on standard error: a bar per model on a terminal, a line per finished run elsewhere, nothing if quiet.

What draws is in outcome/progress_shown.py, and imported where something is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import click

__all__ = ["QuietReporter", "make_reporter"]



class QuietReporter:
    """Shows warnings and nothing else. The methods may be called from several threads."""

    def note(self, text: str) -> None:
        """A line that the user should read."""

    def warn(self, text: str) -> None:
        """A line without which a user would misunderstand the results: it is shown in any case."""
        click.echo(text, err=True)

    def work(self, label: str, done: int, total: int) -> None:
        """Reading or encoding has come to `done` of `total`. Called often."""

    def start(self, labels: Sequence[str], bars: Sequence[str] | None = None) -> None:
        """These runs begin. `bars` names the bar of each, which several may share (default: a bar per run)."""

    def epoch(
        self, label: str, done: int, total: int, test_resolve_rate: float | None, confidence: float | None
    ) -> None:
        """A run has finished `done` of `total` epochs."""

    def finish(self, label: str, line: str) -> None:
        """A run is done, and `line` says what it came to."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass


def make_reporter(quiet: bool) -> QuietReporter:
    """Returns a reporter on standard error: bars on a terminal, lines elsewhere, nothing if `quiet`."""
    if quiet:
        return QuietReporter()
    from ruvllm.commands.outcome.progress_shown import make_shown_reporter

    return make_shown_reporter()
