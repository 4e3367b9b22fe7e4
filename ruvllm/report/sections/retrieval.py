"""Retrieval among all test solutions: what learning brought by task type, and beside what needs no learning loop."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from ruvllm.report.drawing import draw_grouped_bars
from ruvllm.report.parts import Block, Figure, Panel, Series, Table
from ruvllm.report.settings import Setting
from ruvllm.report.wording import percent, points_with, words
from ruvllm.results.gains import METRICS
from ruvllm.results.records import MeanWithInterval, camel_case
from ruvllm.results.summary_records import Gain, Gains, MethodRow, Summary

__all__ = ["retrieval_blocks"]

MEASURES = {
    "recall_at_1": "recall@1",
    "recall_at_3": "recall@3",
    "recall_at_5": "recall@5",
    "mrr": "MRR",
    "resolve_rate": "resolve rate",
}
EXPLAINED = (
    "Each test query among all test solutions of its type (for issues: all files of its repository), with the wrong "
    "answers that tasks bring along. Frozen: the encoder as it is; learned: after learning. Gains in points over "
    "frozen, with 95% intervals by bootstrap."
)
COMPARED = (
    "On the same test queries, in points with 95% intervals by bootstrap: what each method adds to the frozen vectors, "
    "and how far what was learned is ahead of it. Methods that need no learning loop are fitted on the same train "
    "part, with constants chosen on the validation part; they pass through LAPACK and are not hashed."
)

NamedGains = dict[str, Gain]
"""What learning brought, by the measure and task type in words."""


def retrieval_blocks(setting: Setting) -> list[Block]:
    """A table per protocol, bars, and the comparison with methods that need no learning loop."""
    blocks: list[Block] = []
    for protocol in setting.protocols:
        found = {row.summary.model: _gains(row.summary) for row in setting.rows(protocol)}
        found = {model: gains for model, gains in found.items() if gains}
        if found:
            blocks.append(_table(setting, protocol, found))
            blocks += _bars(setting, protocol, found)
        blocks += _comparison(setting, protocol)
    return blocks


def _gains(summary: Summary) -> NamedGains:
    """All of a summary. A single task type goes without its name: its retrieval is that of all."""
    types = summary.by_type or {}
    single = list(types.values()) if len(types) == 1 else []
    parts = {"": [*single, summary.retrieval], "transfer": [summary.transfer]}
    if not single:
        parts = {"": parts[""], **{words(kind): [found] for kind, found in types.items()}, **parts}
    return {
        ", ".join(filter(None, (part, name))): gain
        for part, groups in parts.items()
        for measure, name in MEASURES.items()
        for gain in [_first(groups, measure)]
        if gain is not None
    }


def _first(groups: Sequence[Gains | None], measure: str) -> Gain | None:
    return next((gain for group in groups if (gain := getattr(group, measure, None)) is not None), None)


def _table(setting: Setting, protocol: str, found: dict[str, NamedGains]) -> Table:
    rows = tuple(
        (
            measure,
            model,
            points_with(gains[measure].gain, gains[measure].gain_ci95),
            percent(gains[measure].frozen),
            percent(gains[measure].learned),
        )
        for measure in dict.fromkeys(measure for gains in found.values() for measure in gains)
        for model, gains in found.items()
        if measure in gains
    )
    columns = ("Measure", setting.what, "gain", "frozen", "learned")
    return Table(f"Retrieval of {protocol}, {setting.seeds(protocol)}", columns, rows, EXPLAINED, headline=True,
                 groups=(4,))  # fmt: skip


def _bars(setting: Setting, protocol: str, found: dict[str, NamedGains]) -> list[Block]:
    models = list(found)
    panels = []
    measures = list(dict.fromkeys(measure for gains in found.values() for measure in gains))
    for measure in [measure for measure in measures if "," not in measure]:  # all of them would be too many to look at
        known = {model: gains.get(measure) for model, gains in found.items()}
        groups = [[None, None] if gain is None else [100 * gain.frozen, 100 * gain.learned] for gain in known.values()]
        said = [f"{model}: frozen {100 * gain.frozen:.1f}, learned {100 * gain.learned:.1f}"
                for model, gain in known.items() if gain is not None]  # fmt: skip
        draw = partial(draw_grouped_bars, names=("frozen", "learned"), groups=groups, shown="{:.1f}")
        panels.append(Panel(measure, f"{'; '.join(said)}.", draw))
    series = tuple(Series(model, number, bar=True) for number, model in enumerate(models))
    return [Figure(setting.figure_name(f"{protocol} retrieval"), f"Retrieval of {protocol}", tuple(panels), series,
                   "In percent; MRR times 100.", height=0.8 + 0.44 * len(models))]  # fmt: skip


def _comparison(setting: Setting, protocol: str) -> list[Block]:
    """A table per model and task type: what was learned beside methods that need no learning loop."""
    summaries = [row.summary for row in setting.rows(protocol) if row.summary.comparison]
    tables = [
        _methods(f"{protocol} beside what needs no learning loop: {words(kind)}, {summary.model}",
                 [row for row in summary.comparison or () if row.type == kind])
        for summary in summaries
        for kind in dict.fromkeys(row.type for row in summary.comparison or ())
    ]  # fmt: skip
    times = "; ".join(f"{summary.model} {summary.microseconds_per_task:.0f} µs" for summary in summaries
                      if summary.microseconds_per_task is not None)  # fmt: skip
    return [*tables, *([f"Processor time of learning per task, without encoding: {times}."] if times else [])]


def _methods(title: str, rows: Sequence[MethodRow]) -> Table:
    columns = [name for metric in METRICS for name in (MEASURES[metric], "over frozen", "learned ahead")]
    cells = tuple(
        (
            words(row.method),
            *(text for metric in METRICS for key in [camel_case(metric)] for text in (
                percent(getattr(row, metric)), _paired(row.gain.get(key)), _paired(row.learned_ahead.get(key))
            )),
        )
        for row in rows
    )  # fmt: skip
    return Table(title, ("Method", *columns), cells, COMPARED, headline=True, groups=(3, 3, 3))


def _paired(difference: MeanWithInterval | None) -> str:
    return "" if difference is None else points_with(difference.mean, difference.ci95)
