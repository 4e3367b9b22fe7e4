"""Retrieval among all test solutions: what learning brought by task type, and beside what needs no learning loop."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from ruvllm.report.drawing import draw_grouped_bars
from ruvllm.report.parts import Block, Figure, Panel, Series, Table, slug
from ruvllm.report.settings import Setting
from ruvllm.report.wording import percent, points_with, words

__all__ = ["retrieval_blocks"]

MEASURES = ("recallAt1", "recallAt3", "recallAt5", "mrr", "resolveRate")
METRICS = ("recallAt1", "recallAt5", "mrr")
EXPLAINED = (
    "Each test query among all test solutions of its type (for issues: all files of its repository); wrong answers of "
    "the tasks' own are among them. Frozen: the encoder as it is; learned: after learning. Gains in points over "
    "frozen, with 95% intervals by bootstrap."
)
COMPARED = (
    "On the same test queries, in points with 95% intervals by bootstrap: what each method adds to the frozen vectors, "
    "and how far what was learned is ahead of it. Methods that need no learning loop are fitted on the same train "
    "part, with constants chosen on the validation part; they pass through LAPACK and are not hashed."
)

Gains = dict[str, dict[str, Any]]
"""What learning brought, by the measure and task type in words."""


def retrieval_blocks(setting: Setting) -> list[Block]:
    """A table per protocol, bars, and the comparison with methods that need no learning loop."""
    blocks: list[Block] = []
    for protocol in setting.protocols:
        found = {row.summary["model"]: _gains(row.summary) for row in setting.rows(protocol)}
        found = {model: gains for model, gains in found.items() if gains}
        if found:
            blocks.append(_table(setting, protocol, found))
            blocks += _bars(setting, protocol, found)
        blocks += _comparison(setting, protocol)
    return blocks


def _gains(summary: dict[str, Any]) -> Gains:
    """All of a summary. A single task type goes without its name: its retrieval is that of all."""
    types = summary.get("byType") or {}
    parts = {"": summary.get("retrieval") or {}, **{words(kind): found for kind, found in types.items()}}
    if len(types) == 1:
        parts = {"": {**parts[""], **next(iter(types.values()))}}
    parts["transfer"] = summary.get("transfer") or {}
    return {
        ", ".join(filter(None, (part, words(measure)))): found[measure]
        for part, found in parts.items()
        for measure in MEASURES
        if found.get(measure)
    }


def _table(setting: Setting, protocol: str, found: dict[str, Gains]) -> Table:
    rows = tuple(
        (
            model,
            measure,
            percent(gains[measure]["frozen"]),
            percent(gains[measure]["learned"]),
            points_with(gains[measure]["gain"], gains[measure]["gainCI95"]),
        )
        for measure in dict.fromkeys(measure for gains in found.values() for measure in gains)
        for model, gains in found.items()
        if measure in gains
    )
    columns = ("Model", "Measure", "frozen", "learned", "gain")
    return Table(f"Retrieval of {protocol}, {setting.seeds(protocol)}", columns, rows, EXPLAINED, headline=True)


def _bars(setting: Setting, protocol: str, found: dict[str, Gains]) -> list[Block]:
    models, keys = list(found), ("frozen", "learned")
    panels = []
    measures = list(dict.fromkeys(measure for gains in found.values() for measure in gains))
    for measure in [measure for measure in measures if "," not in measure]:  # all of them would be too many to look at
        groups = [[100 * gains[measure][key] if measure in gains else None for key in keys] for gains in found.values()]
        said = [f"{model}: frozen {100 * gains[measure]['frozen']:.1f}, learned {100 * gains[measure]['learned']:.1f}"
                for model, gains in found.items() if measure in gains]  # fmt: skip
        panels.append(Panel(measure, f"{'; '.join(said)}.", partial(_draw, names=keys, groups=groups)))
    name = slug(f"{setting.workload} {setting.tasks} {setting.split} {setting.size.removeprefix('profile ')} "
                f"{protocol} retrieval")  # fmt: skip
    series = tuple(Series(model, number, bar=True) for number, model in enumerate(models))
    return [Figure(name, f"Retrieval of {protocol}", tuple(panels), series, "In percent; MRR times 100.",
                   height=0.8 + 0.44 * len(models))]  # fmt: skip


def _draw(axes: Any, *, names: Sequence[str], groups: Sequence[Sequence[float | None]]) -> None:
    draw_grouped_bars(axes, names, groups, x_label="", shown="{:.1f}")


def _comparison(setting: Setting, protocol: str) -> list[Block]:
    """A table per model and task type: what was learned beside methods that need no learning loop."""
    summaries = [row.summary for row in setting.rows(protocol) if row.summary.get("comparison")]
    if not summaries:
        return []
    tables = [
        _methods(f"{protocol} beside what needs no learning loop: {words(kind)}, {summary['model']}",
                 [row for row in summary["comparison"] if row["type"] == kind])
        for summary in summaries
        for kind in dict.fromkeys(row["type"] for row in summary["comparison"])
    ]  # fmt: skip
    times = "; ".join(f"{summary['model']} {summary['microsecondsPerTask']:.0f} µs" for summary in summaries
                      if summary.get("microsecondsPerTask") is not None)  # fmt: skip
    return [*tables, *([f"Learning takes per task (processor time, without encoding): {times}."] if times else [])]


def _methods(title: str, rows: Sequence[dict[str, Any]]) -> Table:
    columns = [name for metric in METRICS for name in (words(metric), "over frozen", "learned ahead")]
    cells = tuple(
        (
            words(row["method"]),
            *(text for metric in METRICS for text in (
                percent(row[metric]), _paired(row["gain"].get(metric)), _paired(row["learnedAhead"].get(metric))
            )),
        )
        for row in rows
    )  # fmt: skip
    return Table(title, ("Method", *columns), cells, COMPARED, headline=True, groups=(3, 3, 3))


def _paired(difference: dict[str, Any] | None) -> str:
    return "" if difference is None else points_with(difference["mean"], difference["ci95"])
