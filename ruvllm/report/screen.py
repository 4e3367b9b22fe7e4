"""Parts of a report on a terminal: columns of a table stand side by side if they fit, else below one another."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from itertools import accumulate, pairwise

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table as RichTable
from rich.text import Text

from ruvllm.report.parts import Report, Section, Table, Verdict

__all__ = ["print_details", "print_main", "print_notes", "print_report", "print_table"]

VERDICT_STYLES = {"better": "bold green", "worse": "bold red"}
WIDE = 60
"""Columns from which on labels stand beside their texts."""

Places = Sequence[int]
"""Columns of a table by their number."""


def print_report(console: Console, report: Report, details: bool = False) -> None:
    """Print the verdict and the main tables, or with details all of them."""
    if details:
        print_details(console, report)
    else:
        print_main(console, report)


def print_main(console: Console, report: Report) -> None:
    """Print what the results say, then the main tables of each section, then the notes to these tables."""
    _print_lead(console, report)
    notes: dict[str, None] = {}
    for section in _on_screen(report):
        console.print(section.title, style="bold", highlight=False, markup=False)
        console.print()
        tables = [block for block in section.blocks if isinstance(block, Table)]
        for table in [table for table in tables if table.headline or table.brief] or tables:
            print_table(console, table)
            notes.update(dict.fromkeys([table.note] if table.note else []))
    print_notes(console, list(notes))


def print_details(console: Console, report: Report) -> None:
    """Print what the results say, then every paragraph and table of the sections; a note comes once, below a table."""
    _print_lead(console, report)
    noted: set[str] = set()
    for section in _on_screen(report):
        console.print(section.title, style="bold", highlight=False, markup=False)
        console.print()
        for block in section.blocks:
            if isinstance(block, Table):
                print_table(console, block)
            text = block if isinstance(block, str) else block.note if isinstance(block, Table) else ""
            if text and text not in noted:
                print_notes(console, [text, ""])
                noted.add(text)


def _on_screen(report: Report) -> list[Section]:
    return [section for section in report.sections[:-1] if section.on_screen]  # the last one is where it comes from


def _print_lead(console: Console, report: Report) -> None:
    for verdict in report.verdicts:
        _print_verdict(console, verdict)
    if report.verdicts:
        print_notes(console, [report.explained, ""])
    for text in report.lead:
        console.print(text, markup=False, highlight=False)
        console.print()


def _print_verdict(console: Console, verdict: Verdict) -> None:
    """Print the title, the answer, and the facts with their labels beside them, if there is room."""
    console.print(verdict.title, style="italic", highlight=False, markup=False)
    console.print(verdict.answer, style=VERDICT_STYLES.get(verdict.outcome, "bold"), highlight=False, markup=False)
    facts = RichTable.grid(padding=(0, 2, 0, 0))
    for label, text in verdict.facts:
        facts.add_row(Text(label, style="dim"), Text(text))
    if console.width >= WIDE:
        facts.columns[0].no_wrap = True
        console.print(facts)
    else:
        for label, text in verdict.facts:
            console.print(f"{label}: {text}", highlight=False, markup=False)
    console.print()


def print_table(console: Console, table: Table, title: str | None = None) -> None:
    """Print groups of columns side by side as far as they fit, the others below; the first column names each row."""
    console.print(table.title if title is None else title, style="italic", highlight=False, markup=False)
    left = _groups(table)
    while left:
        fitting = (n for n in range(len(left), 1, -1) if _fits(console, _laid_out(table, left[:n])))
        n = next(fitting, 1)
        shown = _laid_out(table, left[:n])
        if not _fits(console, shown):
            shown.padding = 0  # a single space between the columns is left
        if not _fits(console, shown) and len(left[0]) > 1:
            left[:1] = _split(console, table, left[0])
            continue
        if not _fits(console, shown):
            for column in shown.columns[1:]:  # words go on in the next line rather than being cut off
                column.no_wrap, column.overflow = False, "fold"
        console.print(shown)
        console.print()
        left = left[n:]


def print_notes(console: Console, notes: Sequence[str]) -> None:
    """Print notes one below the other, as they are."""
    for note in notes:
        console.print(note, style="dim", highlight=False, markup=False)


def _groups(table: Table) -> list[Places]:
    sizes = table.groups or (1,) * (len(table.columns) - 1)
    return [range(begin, end) for begin, end in pairwise(accumulate(sizes, initial=1))]


def _fits(console: Console, table: RichTable) -> bool:
    return Measurement.get(console, console.options.update(max_width=1000), table).maximum <= console.width


def _split(console: Console, table: Table, group: Places) -> list[Places]:
    """Part a group that is too wide in two: as many of its columns as fit, at least one, and the others."""
    fitting = (n for n in range(len(group) - 1, 1, -1) if _fits(console, _laid_out(table, [group[:n]])))
    n = next(fitting, 1)
    return [group[:n], group[n:]]


def _laid_out(table: Table, groups: Sequence[Places]) -> RichTable:
    places = [0, *(place for group in groups for place in group)]
    numeric = table.numeric
    laid_out = RichTable(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    for place in places:
        heading = _narrow(table.columns[place], [row[place] for row in table.rows])
        laid_out.add_column(
            Text(heading), justify="right" if place and numeric[place] else "left", vertical="bottom", no_wrap=True
        )
    for row in table.rows:
        laid_out.add_row(*(Text(row[place]) for place in places))
    return laid_out


def _narrow(heading: str, cells: Sequence[str]) -> str:
    """The heading in lines that are not longer than the widest cell, if its words allow that."""
    width = max((len(line) for cell in cells for line in cell.splitlines()), default=0)
    return "\n".join(textwrap.wrap(heading, max(width, *map(len, heading.split())), break_on_hyphens=False))
