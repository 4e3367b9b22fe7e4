"""The tables of a blocked stream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from rich.console import Console

from ruvllm.report.screen import Columns, in_points, print_notes, print_table

__all__ = ["print_forgetting"]

MEASURES = ("finalAccuracy", "backwardTransfer", "forgetting")

HEADINGS = {"finalAccuracy": "Final accuracy", "backwardTransfer": "Backward transfer", "forgetting": "Forgetting"}
EXPLAINED = (
    "The four task types come one after another. Final accuracy: test resolve rate at the end, mean over types. "
    "Backward transfer: at the end minus after the type's own stage. Forgetting: best after an earlier stage minus at "
    "the end; below 0 the early types went on getting better.",
    "In points; 95% interval by Student's t over the seeds. EWC's effect: on minus off, on the same tasks and seeds.",
)


def print_forgetting(console: Console, document: dict[str, Any]) -> None:
    """For each protocol and kind of adapter: a row per model and one for all, then final accuracy per type."""
    for summary in document["summaries"]:
        adapter = "shared adapter and heads" if summary["adapter"] == "heads" else "a single adapter"
        title = f"{summary['protocol']}, blocked stream, {adapter}"
        rows = [{"name": name, **measures} for name, measures in summary["models"].items()]
        rows.append({"name": "all models", **summary["overall"]})
        print_table(console, title, ("\nModel", lambda row: str(row["name"])), [_columns(m) for m in MEASURES], rows)
        console.print(_types_line(summary["finalAccuracyOfTypes"]), highlight=False)
        console.print()
    print_notes(console, EXPLAINED)


def _columns(measure: str) -> Columns:
    return (
        (f"{HEADINGS[measure]}\nEWC on", partial(_mean, measure, "ewcOn")),
        ("\noff", partial(_mean, measure, "ewcOff")),
        ("\nEWC's effect [95%]", partial(_effect, measure)),
    )


def _mean(measure: str, when: str, row: Mapping[str, Any]) -> str:
    value = 100 * row[measure][when]["mean"]
    return f"{value:.1f}" if measure == "finalAccuracy" else f"{value:+.1f}"


def _effect(measure: str, row: Mapping[str, Any]) -> str:
    found = row[measure]["difference"]
    return in_points(found["mean"], found["ci95"])


def _types_line(types: Mapping[str, Mapping[str, float]]) -> str:
    def rates(when: str) -> Sequence[str]:
        return [f"{kind} {found[when]:.1%}" for kind, found in types.items()]

    return f"Final accuracy with EWC: {', '.join(rates('ewcOn'))}; without: {', '.join(rates('ewcOff'))}"
