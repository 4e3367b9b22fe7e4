"""The table of an ablation."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from rich.console import Console

from ruvllm.report.screen import Columns, in_points, print_notes, print_table

__all__ = ["print_ablation"]

NAMES = {"resolveRate": "resolve rate", "recallAt1": "recall@1", "tasksTo90": "tasks to 90%", "ece": "ECE"}
EXPLAINED = (
    "Differences: without the component minus the full system, on the same tasks and seeds; mean over the models, 95% "
    "interval by Student's t over the seeds, not adjusted for their number. Resolve rate, recall@1 (on real input: the "
    "right one first among all test solutions) and ECE (calibration error) in points; tasks to 90%: training tasks "
    "until 90% of the test tasks are resolved, all where that never comes.",
    "Effect on: where the interval leaves out 0; none: shown as having none. The results file has each model's own.",
)


def print_ablation(console: Console, document: dict[str, Any]) -> None:
    """A row per component; the last column names what it has an effect on."""
    seeds, full, models = document["seeds"], document["full"], len(document["models"])
    title = (
        f"{document['protocol']}, {document['workload']} workload, without one component; "
        f"seeds {seeds[0]} to {seeds[-1]}, {models} model{'' if models == 1 else 's'}"
    )
    retrieval: Columns = (("Recall@1\n[95%]", partial(_rate, "recallAt1")),) if "recallAt1" in full else ()
    columns: Columns = (
        ("Resolve rate\n[95%]", partial(_rate, "resolveRate")),
        *retrieval,
        ("Tasks to 90%\n[95%]", _tasks),
    )
    calibration: Columns = (
        ("ECE\n[95%]", partial(_rate, "ece")),
        ("Reached\n90%", lambda row: f"{row['reached90']['runs']}/{row['reached90']['of']}"),
    )
    effect: Columns = (("\nEffect on", _effect),)
    instead: Columns = (("\nInstead", lambda row: str(row["without"])),)
    name = ("\nWithout", lambda row: str(row["name"]))
    print_table(console, title, name, (columns, calibration, effect, instead), document["components"])
    recall = f"recall@1 {full['recallAt1']:.1%}, " if retrieval else ""
    whole = (
        f"Full system: resolve rate {full['resolveRate']:.1%}, {recall}tasks to 90% {full['tasksTo90']:.0f}, "
        f"ECE {full['ece']:.3f}."
    )
    print_notes(console, (whole, *EXPLAINED))


def _rate(measure: str, row: Mapping[str, Any]) -> str:
    found = row["overall"][measure]
    return in_points(found["difference"], found["ci95"])


def _tasks(row: Mapping[str, Any]) -> str:
    found = row["overall"]["tasksTo90"]
    low, high = found["ci95"]
    return f"{found['difference']:+.0f} [{low:+.0f}, {high:+.0f}]"


def _effect(row: Mapping[str, Any]) -> str:
    return ", ".join(NAMES[measure] for measure in row["effectOn"]) or "none"
