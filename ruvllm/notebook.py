"""How objects show themselves in a notebook: small HTML tables, without script or colours of their own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

__all__ = ["MOST_ROWS", "html_table", "with_interval"]

MOST_ROWS = 50
"""Rows that are shown; a last line says how many more there are."""


def html_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], note: str = "") -> str:
    """Returns a table in which every text is escaped: titles, names and notes may come from anyone.

    Columns that no row reaches are left out.
    """
    from html import escape  # not for those who only might show a table

    shown = [[escape(str(cell)) for cell in row] for row in rows]
    width = max(map(len, shown), default=len(columns))
    head = "".join(f"<th>{escape(column)}</th>" for column in columns[:width])
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in shown[:MOST_ROWS])
    notes = [escape(note)] if note else []
    if len(shown) > MOST_ROWS:
        notes.append(f"and {len(shown) - MOST_ROWS} more")
    below = f"<p>{'; '.join(notes)}</p>" if notes else ""
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="ruvllm"><p><strong>{escape(title)}</strong></p>{table}{below}</div>'


def with_interval(value: float, interval: tuple[float, float], digits: int = 3) -> str:
    """A signed number with its interval in brackets: `+0.120 [+0.050, +0.190]`."""
    low, high = interval
    return f"{value:+.{digits}f} [{low:+.{digits}f}, {high:+.{digits}f}]"
