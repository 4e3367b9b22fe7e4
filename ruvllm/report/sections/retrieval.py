"""Retrieval among all test solutions: what learning brought by task type, and beside what needs no learning loop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
TRANSFER = "transfer"
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
            blocks += [*_tables(setting, protocol, found), *_languages(setting, protocol)]
            blocks += _bars(setting, protocol, found)
        blocks += _comparison(setting, protocol)
    return blocks


def _gains(summary: Summary) -> NamedGains:
    """All of a summary. A single task type goes without its name: its retrieval is that of all."""
    types = summary.by_type or {}
    single = list(types.values()) if len(types) == 1 else []
    parts = {"": [*single, summary.retrieval], TRANSFER: [summary.transfer]}
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


def _tables(setting: Setting, protocol: str, found: dict[str, NamedGains]) -> list[Table]:
    """What was asked on all tasks and on transfer input, then task type by task type."""
    measures = list(dict.fromkeys(measure for gains in found.values() for measure in gains))
    short = [measure for measure in measures if "," not in measure or measure.startswith(TRANSFER)]
    types = [measure for measure in measures if measure not in short]
    title = f"of {protocol}, {setting.seeds(protocol)}"
    main = [_table(f"Retrieval {title}", setting, found, short, headline=True)] if short else []
    return main + ([_table(f"Retrieval by task type {title}", setting, found, types)] if types else [])


def _table(
    title: str, setting: Setting, found: dict[str, NamedGains], measures: Sequence[str], headline: bool = False
) -> Table:
    """A row per measure and encoder; a single encoder, which is in the heading, is not named in each row."""
    several = len(found) > 1
    rows = tuple(
        (
            measure,
            *((model,) if several else ()),
            points_with(gains[measure].gain, gains[measure].gain_ci95),
            percent(gains[measure].frozen),
            percent(gains[measure].learned),
        )
        for measure in measures
        for model, gains in found.items()
        if measure in gains
    )
    columns = ("Measure", *((setting.what,) if several else ()), "gain", "frozen", "learned")
    return Table(title, columns, rows, EXPLAINED, headline=headline, groups=(len(columns) - 1,))


def _languages(setting: Setting, protocol: str) -> list[Table]:
    """A row per language and encoder, where tasks are in several languages."""
    found = [(row.summary.model, language, gains) for row in setting.rows(protocol)
             for language, gains in (row.summary.by_language or {}).items()]  # fmt: skip
    several = len({model for model, _, _ in found}) > 1
    rows = tuple(
        (
            language,
            *((model,) if several else ()),
            str(gains.tasks),
            points_with(gain.gain, gain.gain_ci95),
            percent(gain.frozen),
            percent(gain.learned),
        )
        for model, language, gains in found
        if (gain := gains.recall_at_1) is not None
    )
    columns = ("Language", *((setting.what,) if several else ()), "tasks", "gain", "frozen", "learned")
    title = f"recall@1 by language of {protocol}, {setting.seeds(protocol)}"
    return [Table(title, columns, rows, EXPLAINED, groups=(len(columns) - 1,))] if rows else []


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
    """A table per model, task type and metric: what was learned beside methods that need no learning loop.

    The first of each model is for everyone: recall@1 on all tasks.
    """
    summaries = [row.summary for row in setting.rows(protocol) if row.summary.comparison]
    tables: list[Block] = []
    for summary in summaries:
        comparison = summary.comparison or ()
        kinds = list(dict.fromkeys(row.type for row in comparison))
        for kind in kinds:
            named = [words(kind)] if len(kinds) > 1 else []
            named += [summary.model] if len(summaries) > 1 else []
            title = ", ".join([f"{protocol} beside what needs no learning loop", *named])
            rows = [row for row in comparison if row.type == kind]
            tables += [_methods(title, rows, metric, kind == kinds[0] and metric == METRICS[0]) for metric in METRICS]
    times = "; ".join(f"{summary.model} {summary.microseconds_per_task:.0f} µs" for summary in summaries
                      if summary.microseconds_per_task is not None)  # fmt: skip
    chosen = [f"{summary.model}: {_chosen(summary.selected)}." for summary in summaries if summary.selected]
    if chosen:
        tables.append("The validation part chose, in so many runs: " + " ".join(chosen))
    return [*tables, *([f"Processor time of learning per task, without encoding: {times}."] if times else [])]


def _chosen(selected: Mapping[str, Mapping[str, int]]) -> str:
    """For instance "code completion: learned 4, CSLS 1"."""
    return "; ".join(
        f"{words(kind)}: " + ", ".join(f"{words(method)} {runs}" for method, runs in counts.items())
        for kind, counts in selected.items()
    )


def _methods(title: str, rows: Sequence[MethodRow], metric: str, first: bool) -> Table:
    """What a method adds to itself, and how far learning is ahead of itself, is nothing: those cells are empty."""
    key = camel_case(metric)
    cells = tuple(
        (
            words(row.method),
            percent(getattr(row, metric)),
            "" if row.method == "frozen" else _paired(row.gain.get(key)),
            "" if row.method == "learned" else _paired(row.learned_ahead.get(key)),
        )
        for row in rows
    )
    columns = ("Method", MEASURES[metric], "over frozen", "learned ahead")
    return Table(f"{title}: {MEASURES[metric]}", columns, cells, COMPARED, folded=not first, headline=first,
                 groups=(3,))  # fmt: skip


def _paired(difference: MeanWithInterval | None) -> str:
    return "" if difference is None else points_with(difference.mean, difference.ci95)
