"""A comparison of two runs on the screen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape

from ruvllm.files.json_reading import shown
from ruvllm.report.screen import Columns, in_points, print_table

__all__ = ["print_comparison"]

EXPLAINED = (
    "Test tasks that both runs answered, paired. B - A in points, 95% interval by bootstrap over seeds and tasks. "
    "only A, only B: tasks that this run alone resolved. McNemar: exact, two-sided; Holm: adjusted for the number of "
    "rows. "
    "Smallest detectable: the least difference, in points, that so many tasks could have shown."
)


def _means(heading: str, key: str, sign: str) -> Columns:
    return (
        (f"{heading}\nA", lambda row: f"{100 * row[key]['a']:.1f}{sign}"),
        ("\nB", lambda row: f"{100 * row[key]['b']:.1f}{sign}"),
        ("\nB - A [95%]", lambda row: in_points(row[key]["difference"], row[key]["differenceCI95"])),
    )


RATES: Columns = (
    ("\nPairs", lambda row: str(row["pairs"])),
    *_means("Resolve", "resolveRate", "%"),
    ("only\nA", lambda row: str(row["onlyA"])),
    ("only\nB", lambda row: str(row["onlyB"])),
)
TESTS: Columns = (
    ("McNemar\np", lambda row: _p_value(row["mcnemarP"])),
    ("Holm\np", lambda row: _p_value(row["holmP"])),
    ("Smallest\ndetectable", lambda row: _smallest(row["smallestDetectable"])),
)


def print_comparison(console: Console, record: dict[str, Any]) -> None:
    """For each pair of protocols: resolve rates and their tests, then confidence and MRR; notes; the verdict last.

    Names come from files of strangers: they are printed without mark-up and control characters.
    """
    model = ("\nModel", lambda row: escape(shown(row["model"], 30)))
    for side in "ab":
        console.print(f"{side.upper()}: {record[side]}", markup=False, highlight=False, soft_wrap=True)
    console.print()
    for a, b in dict.fromkeys((row["protocolA"], row["protocolB"]) for row in record["rows"]):
        rows = [row for row in record["rows"] if (row["protocolA"], row["protocolB"]) == (a, b)]
        versions = shown(a) if a == b else f"{shown(b)} against {shown(a)}"
        title = f"{versions}, {shown(record['workload'])} workload, {_seeds(rows)}"
        print_table(console, f"{title}: resolve rate", model, (RATES, TESTS), rows)
        others = [_means("Confidence", "confidence", "%")]
        if "mrr" in rows[0]:
            others.append(_means("100 MRR", "mrr", ""))
        print_table(console, f"{title}: confidence{' and MRR' if len(others) > 1 else ''}", model, others, rows)
    for note in (EXPLAINED, *(f"Note: {note}." for note in record["notes"])):
        console.print(note, style="dim", markup=False, highlight=False)
    console.print(f"Verdict: {record['verdict']['text']}.", markup=False, highlight=False, soft_wrap=True)


def _p_value(p: float) -> str:
    return "<0.0001" if p < 0.0001 else f"{p:.4f}"


def _smallest(share: float | None) -> str:
    return "none" if share is None else f"{100 * share:.1f}"


def _seeds(rows: Sequence[dict[str, Any]]) -> str:
    seeds = sorted({seed for row in rows for seed in row["seeds"]})
    if len(seeds) == 1:
        return f"seed {seeds[0]}"
    gaps = seeds[-1] - seeds[0] >= len(seeds)
    return f"{len(seeds)} seeds from {seeds[0]} to {seeds[-1]}" if gaps else f"seeds {seeds[0]} to {seeds[-1]}"
