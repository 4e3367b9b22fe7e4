"""Retrieval among all test solutions, whatever methods, metrics and task types a results file has of it.

Of a summary: `retrieval`, `byType` and `transfer` are objects with numbers of several methods somewhere below,
`comparison` is a list with a row for each task type and method. Each may be absent.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from ruvllm.report.drawing import draw_grouped_bars
from ruvllm.report.parts import Block, Figure, Panel, Series, Table, slug
from ruvllm.report.settings import Setting
from ruvllm.report.wording import percent, points_with, words

__all__ = ["measures_of", "retrieval_blocks"]

INTERVAL = "CI95"
GAIN = "gain"
SOURCES = ("retrieval", "byType", "transfer")
GROUPS = ("retrieval", "byType", "types", "byTaskType", "taskTypes", "metrics", "methods")
"""Keys that only hold others: not part of a name."""
EXPLAINED = (
    "Each test query among all test solutions. Frozen: the encoder as it is; learned: after learning. Gains in points "
    "over frozen, with 95% intervals by bootstrap where the file has them."
)
COMPARED = (
    "On the same test queries, in points with 95% intervals by bootstrap: what each method adds to the frozen vectors, "
    "and how far what was learned is ahead of it."
)


def retrieval_blocks(setting: Setting) -> list[Block]:
    """A table per protocol and, where there are methods to compare, bars."""
    blocks: list[Block] = []
    for protocol in setting.protocols:
        found = {row.summary["model"]: _measures_in(row.summary) for row in setting.rows(protocol)}
        found = {model: measures for model, measures in found.items() if measures}
        if found:
            blocks.append(_table(setting, protocol, found))
            blocks += _bars(setting, protocol, found)
        blocks += _comparison(setting, protocol)
    return blocks


Path = tuple[str, ...]
Values = dict[str, Any]


def _measures_in(summary: dict[str, Any]) -> dict[Path, Values]:
    """All measures of a summary. A single task type goes without its name: its retrieval is that of all."""
    types = summary.get("byType")
    single = {words(kind) for kind in types} if isinstance(types, dict) and len(types) == 1 else set()
    return {
        tuple(part for part in path if part not in single): values
        for key in SOURCES
        if isinstance(summary.get(key), dict)
        for path, values in measures_of({key: summary[key]})
    }


def measures_of(node: dict[str, Any], path: Path = ()) -> Iterator[tuple[Path, Values]]:
    """Every object below that holds numbers of several methods, with its place in words."""
    numbers = {key: value for key, value in node.items() if _is_number(value) or key.endswith(INTERVAL)}
    if path and sum(_is_number(value) for value in numbers.values()) > 1:
        yield path, numbers
    for key, value in node.items():
        if isinstance(value, dict):
            yield from measures_of(value, path if key in GROUPS else (*path, words(key)))


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _table(setting: Setting, protocol: str, found: dict[str, dict[Path, Values]]) -> Table:
    measures = list(dict.fromkeys(path for own in found.values() for path in own))
    keys = list(dict.fromkeys(key for own in found.values() for values in own.values() for key in values
                              if not key.endswith(INTERVAL)))  # fmt: skip
    rows = tuple(
        (model, ", ".join(path), *(_cell(found[model][path], key) for key in keys))
        for path in measures
        for model in found
        if path in found[model]
    )
    return Table(f"Retrieval of {protocol}, {setting.seeds(protocol)}", ("Model", "Measure", *map(words, keys)), rows,
                 EXPLAINED, headline=True)  # fmt: skip


def _cell(values: Values, key: str) -> str:
    value, interval = values.get(key), values.get(key + INTERVAL)
    if value is None or not _is_number(value):
        return ""
    difference = key.lower().endswith(GAIN)
    if isinstance(interval, list) and len(interval) == 2 and all(map(_is_number, interval)):
        if difference:
            return points_with(value, interval)
        return f"{percent(value)} [{100 * interval[0]:.1f}, {100 * interval[1]:.1f}]"
    return f"{100 * value:+.1f}" if difference else percent(value)


def _bars(setting: Setting, protocol: str, found: dict[str, dict[Path, Values]]) -> list[Block]:
    models = list(found)
    panels = []
    most = 0
    paths = list(dict.fromkeys(path for own in found.values() for path in own))
    for path in [path for path in paths if len(path) == 1] or paths:  # all of them would be too many to look at
        keys = list(dict.fromkeys(
            key for own in found.values() for key, value in own.get(path, {}).items()
            if _is_number(value) and not key.lower().endswith(GAIN) and 0 <= value <= 1
        ))  # fmt: skip
        groups = [[_fraction(found[model].get(path, {}), key) for key in keys] for model in models]
        said = [
            f"{model}: " + ", ".join(f"{words(key)} {100 * value:.1f}" for key, value in zip(keys, group, strict=True)
                                     if value is not None)
            for model, group in zip(models, groups, strict=True)
        ]  # fmt: skip
        panels.append(Panel(", ".join(path), f"{'; '.join(said)}.",
                            partial(_draw, names=[words(key) for key in keys], groups=groups)))  # fmt: skip
        most = max(most, len(keys))
    if not panels:
        return []
    name = slug(f"{setting.workload} {setting.tasks} {setting.split} {setting.size.removeprefix('profile ')} "
                f"{protocol} retrieval")  # fmt: skip
    series = tuple(Series(model, number, bar=True) for number, model in enumerate(models))
    return [Figure(name, f"Retrieval of {protocol}", tuple(panels), series, "In percent; MRR times 100.",
                   height=0.8 + 0.22 * most * max(1, len(models)))]  # fmt: skip


def _draw(axes: Any, *, names: Sequence[str], groups: Sequence[Sequence[float | None]]) -> None:
    draw_grouped_bars(axes, names, groups, x_label="", shown="{:.1f}")


def _fraction(values: Values, key: str) -> float | None:
    value = values.get(key)
    return 100 * value if value is not None and _is_number(value) else None


def _comparison(setting: Setting, protocol: str) -> list[Block]:
    """What was learned beside what needs no learning loop."""
    rows = [
        (measured.summary["model"], row)
        for measured in setting.rows(protocol)
        for row in measured.summary.get("comparison") or ()
        if isinstance(row, dict) and isinstance(row.get("method"), str)
    ]
    metrics = list(dict.fromkeys(key for _, row in rows for key, value in row.items()
                                 if _is_number(value) and 0 <= value <= 1 and key != "queries"))  # fmt: skip
    if not metrics:
        return []
    cells = tuple(
        (
            model, words(str(row.get("type", ""))), words(row["method"]),
            *(text for metric in metrics for text in (
                percent(row[metric]) if _is_number(row.get(metric)) else "",
                _paired(row.get("gain"), metric), _paired(row.get("learnedAhead"), metric),
            )),
        )
        for model, row in rows
    )  # fmt: skip
    columns = [name for metric in metrics for name in (words(metric), "over frozen", "learned ahead")]
    return [Table(f"What {protocol} learned beside what needs no learning loop", ("Model", "Task type", "Method",
                  *columns), cells, COMPARED, headline=True)]  # fmt: skip


def _paired(differences: object, metric: str) -> str:
    found = differences.get(metric) if isinstance(differences, dict) else None
    if not isinstance(found, dict) or not _is_number(found.get("mean")):
        return ""
    interval = found.get("ci95")
    if isinstance(interval, list) and len(interval) == 2 and all(map(_is_number, interval)):
        return points_with(found["mean"], interval)
    return f"{100 * found['mean']:+.1f}"
