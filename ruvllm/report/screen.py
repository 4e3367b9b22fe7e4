"""How tables are laid out on a screen: columns side by side where they fit, in groups one below the other where not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

__all__ = ["Columns", "in_points", "print_notes", "print_table"]

Row = Mapping[str, Any]
Column = tuple[str, Callable[[Row], str]]
"""Its heading, and what it says of a row."""
Columns = Sequence[Column]


def print_table(console: Console, title: str, key: Column, groups: Sequence[Columns], rows: Sequence[Row]) -> None:
    """Groups of columns side by side as far as they fit, the others below them; `key` is each table's first column."""
    console.print(title, style="italic", highlight=False, markup=False)
    left = list(groups)
    while left:
        fitting = (n for n in range(len(left), 1, -1) if _fits(console, _table(key, left[:n], rows)))
        n = next(fitting, 1)
        table = _table(key, left[:n], rows)
        if not _fits(console, table):
            table.padding = 0  # a single space between the columns is left
        if not _fits(console, table) and len(left[0]) > 1:
            left[:1] = _split(console, key, left[0], rows)
            continue
        if not _fits(console, table):
            for column in table.columns[1:]:  # words go on in the next line rather than being cut off
                column.no_wrap, column.overflow = False, "fold"
        console.print(table)
        console.print()
        left = left[n:]


def print_notes(console: Console, notes: Sequence[str]) -> None:
    for note in notes:
        console.print(note, style="dim", highlight=False)


def in_points(value: float, interval: Sequence[float]) -> str:
    """A difference of rates in percentage points with its interval."""
    return f"{100 * value:+.1f} [{100 * interval[0]:+.1f}, {100 * interval[1]:+.1f}]"


def _fits(console: Console, table: Table) -> bool:
    return Measurement.get(console, console.options.update(max_width=1000), table).maximum <= console.width


def _split(console: Console, key: Column, group: Columns, rows: Sequence[Row]) -> list[Columns]:
    """A group that is too wide, in two: as many of its columns as fit, at least one, and the others."""
    fitting = (n for n in range(len(group) - 1, 1, -1) if _fits(console, _table(key, [group[:n]], rows)))
    n = next(fitting, 1)
    return [group[:n], group[n:]]


def _table(key: Column, groups: Sequence[Columns], rows: Sequence[Row]) -> Table:
    columns = [column for group in groups for column in group]
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    table.add_column(key[0], no_wrap=True)
    for name, _ in columns:
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(key[1](row), *(cell(row) for _, cell in columns))
    return table
