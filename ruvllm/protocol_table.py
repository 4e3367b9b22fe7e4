"""All constants of the protocols side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from functools import partial
from typing import Any

from rich.console import Console

from ruvllm.protocols import PROTOCOLS, Protocol, Size
from ruvllm.table_layout import Columns, print_table

__all__ = ["print_protocols"]


def print_protocols(console: Console) -> None:
    """A row per constant, a column per protocol."""
    rows = [
        {"constant": field.name.replace("_", " "), **{name: _shown(p, field.name) for name, p in PROTOCOLS.items()}}
        for field in fields(Protocol)
        if field.name != "name"
    ]
    columns: list[Columns] = [[(name, partial(_field, name))] for name in PROTOCOLS]
    print_table(console, "Protocols", ("Constant", partial(_field, "constant")), columns, rows)


def _field(key: str, row: Mapping[str, Any]) -> str:
    return str(row[key])


def _shown(protocol: Protocol, name: str) -> str:
    value = getattr(protocol, name)
    if isinstance(value, Size):
        return f"{value.epochs} x {value.tasks_per_epoch}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return {"fixed_rank": "by size", "replays_per_epoch": "as tasks"}[name]
    if isinstance(value, float):
        return f"{value:.3g}" if value < 1000 else f"{value:g}"
    named = getattr(value, "name", value)  # an enumeration of the core, or plain text
    return str(named).lower().replace("_", " ").replace(" and ", " and\n")  # or v3 has no room in 80 columns
