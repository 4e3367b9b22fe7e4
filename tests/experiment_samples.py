"""What the tests of ablations and blocked streams share: the shortest runs, a listener, runs made by hand, a screen."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from rich.console import Console
from simulated_samples import SMALL_MODEL

from ruvllm.benchmark.plan import Options
from ruvllm.report.contents import make_report
from ruvllm.report.screen import print_details
from ruvllm.results.reading import in_memory, parse_document

Run = dict[str, Any]

SHORTEST = Options(profile="quick", models=(SMALL_MODEL,), seeds=(3, 4))
"""Six epochs of 40 tasks in v3, at dimension 256."""


class Listener:
    """Remembers what a reporter is told."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.epochs: dict[str, list[tuple[int, int]]] = defaultdict(list)
        self.finished: dict[str, str] = {}
        self.bars: Sequence[str] | None = None

    def work(self, label: str, done: int, total: int) -> None: ...

    def start(self, labels: Sequence[str], bars: Sequence[str] | None = None) -> None:
        self.started += labels
        self.bars = bars

    def epoch(
        self, label: str, done: int, total: int, test_resolve_rate: float | None, confidence: float | None
    ) -> None:
        assert test_resolve_rate is not None and confidence is not None
        self.epochs[label].append((done, total))

    def finish(self, label: str, line: str) -> None:
        assert label not in self.finished
        self.finished[label] = line


def ablated(without: str | None = None, *, model: str = "A", seed: int = 0, **changes: Any) -> Run:
    """A run of an ablation, without one component or, by default, the full system."""
    return {
        "model": model,
        "seed": seed,
        "without": without,
        "resolveRate": 0.5,
        "confidence": 0.75,
        "ece": 0.25,
        "tasksTo90": 100.0,
        "reached90": True,
        **changes,
    }


def blocked(*, model: str = "A", seed: int = 0, adapter: str = "heads", ewc: bool = True, **changes: Any) -> Run:
    """A run of a blocked stream."""
    return {
        "protocol": "v3",
        "model": model,
        "seed": seed,
        "adapter": adapter,
        "ewc": ewc,
        "types": ["code_completion", "bug_fix", "refactor", "test_gen"],
        "before": [0.0, 0.125, 0.25, 0.375],
        "rates": [[0.5, 0.0, 0.0, 0.0], [0.5, 0.5, 0.0, 0.0], [0.5, 0.5, 0.5, 0.0], [0.25, 0.375, 0.5, 0.625]],
        "finalAccuracy": 0.4375,
        "backwardTransfer": -0.125,
        "forgetting": 0.125,
        "ewcPenalty": 0.5 if ewc else 0.0,
        **changes,
    }


def printed(
    show: Callable[[Console, dict[str, Any]], None], document: dict[str, Any], width: int, encoding: str = "utf-8"
) -> str:
    """What a terminal of that width shows."""
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding)
    show(Console(file=file, width=width), document)
    file.flush()
    return raw.getvalue().decode(encoding)


HEADER = {"schema": 1, "version": "0.0.1", "created": "2026-01-01T00:00:00Z", "command": ["ruvllm-bench"], "method": {}}


def show_details(console: Console, document: dict[str, Any]) -> None:
    """What ruvllm-bench prints of a results file; a header is added where there is none."""
    print_details(console, make_report(in_memory(parse_document({**HEADER, **document}))))


def row(text: str, name: str) -> list[str]:
    """The words of all the lines that begin with this name, in all tables."""
    found = [line.removeprefix(name).split() for line in text.splitlines() if line.startswith(f"{name} ")]
    return [word for words in found for word in words]
