"""All constants of the protocols side by side."""

from __future__ import annotations

from dataclasses import fields

from ruvllm.learning.protocols import PROTOCOLS, Protocol, Size

__all__ = ["protocol_rows"]


def protocol_rows() -> tuple[list[str], list[list[str]]]:
    """Returns the headings, and for each constant its name and its value in each protocol."""
    constants = [field.name for field in fields(Protocol) if field.name != "name"]
    rows = [[name.replace("_", " "), *(_shown(p, name) for p in PROTOCOLS.values())] for name in constants]
    return ["Constant", *PROTOCOLS], rows


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
    return str(named).lower().replace("_", " ").replace(" and ", " and\n")  # v3 would not fit into 80 columns
