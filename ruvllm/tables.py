"""The tables on the screen: the report's final table beside the frozen start and the controls; retrieval on code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from ruvllm.results import Summary

__all__ = ["print_results"]

GAINS_EXPLAINED = (
    "Test split, engine frozen. Gains in points over the frozen start, 95% interval by bootstrap over seeds and tasks."
)
CONTROLS_EXPLAINED = (
    "Controls, same tasks and seeds: frozen = learning off; random = each gradient replaced "
    "by a random one of the same norm, memories off; shuffled = told a random answer instead of the right one."
)
RETRIEVAL_EXPLAINED = "Retrieval: each test query among all test solutions, by the adapter alone."


Columns = Sequence[tuple[str, Callable[[Summary], str]]]
"""Heading and content of each column."""

RESULT_COLUMNS: Columns = (
    ("\nParams", lambda s: f"{s['paramsB']:g}B"),
    ("Resolve\nrate", lambda s: f"{s['resolveRate']:.1%}"),
    ("\nConfidence", lambda s: f"{s['confidence']:.1%}"),
    ("\nEfficiency", lambda s: f"{s['efficiency']:.1%}/B"),
    ("LoRA\nrank", lambda s: str(s["loraRank"])),
    ("\nPatterns", lambda s: f"{s['patterns']:g}"),
)
CONTROL_COLUMNS: Columns = (
    ("Frozen\nstart", lambda s: f"{s['initialResolveRate']:.1%}"),
    ("\nGain [95%]", lambda s: _points(s["gain"], s["gainCI95"])),
    ("Control\nfrozen", lambda s: f"{s['controls']['frozen']:.1%}"),
    ("random\ngradient", lambda s: f"{s['controls']['randomGradient']:.1%}"),
    ("shuffled\nanswers", lambda s: f"{s['controls']['shuffled']:.1%}"),
)
RECALL_COLUMNS: Columns = (
    ("recall@1\nfrozen", lambda s: f"{s['retrieval']['recallAt1']['frozen']:.1%}"),
    ("\nlearned", lambda s: f"{s['retrieval']['recallAt1']['learned']:.1%}"),
    ("\ngain [95%]", lambda s: _gain(s, "recallAt1")),
)
MRR_COLUMNS: Columns = (
    ("100 MRR\nfrozen", lambda s: f"{100 * s['retrieval']['mrr']['frozen']:.1f}"),
    ("\nlearned", lambda s: f"{100 * s['retrieval']['mrr']['learned']:.1f}"),
    ("\ngain [95%]", lambda s: _gain(s, "mrr")),
)


def print_results(console: Console, document: dict[str, Any]) -> None:
    """The final table, most confident model first, for each protocol; then retrieval where there is some."""
    summaries: list[Summary] = document["summaries"]
    for protocol in dict.fromkeys(s["protocol"] for s in summaries):
        rows = sorted((s for s in summaries if s["protocol"] == protocol), key=lambda s: -s["confidence"])
        title = _title(protocol, rows)
        _print(console, title, (RESULT_COLUMNS, CONTROL_COLUMNS), rows)
        if "retrieval" in rows[0]:
            _print(console, f"{title}: retrieval", (RECALL_COLUMNS, MRR_COLUMNS), rows)
    notes = [GAINS_EXPLAINED, CONTROLS_EXPLAINED]
    if "retrieval" in summaries[0]:
        notes.append(RETRIEVAL_EXPLAINED)
    for note in notes:
        console.print(note, style="dim", highlight=False)


def _print(console: Console, title: str, groups: Sequence[Columns], rows: Sequence[Summary]) -> None:
    """All groups of columns side by side where that fits, else one below the other."""
    whole = _table(title, [column for group in groups for column in group], rows)
    if _fits(console, whole):
        tables = [whole]
    else:
        tables = [_table(title if i == 0 else None, group, rows) for i, group in enumerate(groups)]
    for table in tables:
        if not _fits(console, table):
            table.padding = 0  # a single space between the columns is left
        console.print(table)
        console.print()


def _fits(console: Console, table: Table) -> bool:
    return Measurement.get(console, console.options.update(max_width=1000), table).maximum <= console.width


def _table(title: str | None, columns: Columns, rows: Sequence[Summary]) -> Table:
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", padding=(0, 1, 0, 0), show_edge=False)
    table.add_column("\nModel", no_wrap=True)
    for name, _ in columns:
        table.add_column(name, justify="right", no_wrap=True)
    for summary in rows:
        table.add_row(summary["model"], *(cell(summary) for _, cell in columns))
    return table


def _title(protocol: str, rows: Sequence[Summary]) -> str:
    seeds = rows[0]["seeds"]
    over = f"seed {seeds[0]}" if len(seeds) == 1 else f"mean of seeds {seeds[0]} to {seeds[-1]}"
    return f"{protocol}, {rows[0]['workload']} workload, {over}"


def _points(gain: float, interval: Sequence[float]) -> str:
    """A gain in percentage points with its interval."""
    return f"{100 * gain:+.1f} [{100 * interval[0]:+.1f}, {100 * interval[1]:+.1f}]"


def _gain(summary: Summary, key: str) -> str:
    return _points(summary["retrieval"][key]["gain"], summary["retrieval"][key]["gainCI95"])
