"""A stream in which each task was answered, then learned from: the verdict, the methods, the curve of the gain."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from ruvllm.report.drawing import Gain, draw_gain
from ruvllm.report.parts import Block, Figure, Panel, Section, Table, Verdict, slug
from ruvllm.report.sections.localization import how_learned, localization_blocks, where_from
from ruvllm.report.settings import seeds_in_words
from ruvllm.report.wording import counted, percent, points_with, words
from ruvllm.results import verdict
from ruvllm.results.records import Interval
from ruvllm.results.streams.records import CHANCE, FROZEN, LEARNED, PrequentialRow, PrequentialRun, PrequentialSummary
from ruvllm.results.streams.summaries import (
    gain_so_far,
    outcome_of,
    runs_of,
    strongest_other,
    summarise_prequential,
)

__all__ = ["EXPLAINED", "explained_of", "prequential_sections", "prequential_verdicts"]

EXPLAINED = (
    "Streams: each task was answered by what was learned from the tasks before it, then learned from. recall@1: the "
    "right candidate comes first among all of the task's pool. In brackets: 95% interval over tasks, paired."
)
FITTED = (
    "Weights were fitted to the issues of the train file, and left alone on those of the test file. recall@1: the "
    "right candidate comes first among all of the task's pool. In brackets: 95% interval over tasks, paired."
)
MEASURES = {"recall_at_1": "recall@1", "recall_at_3": "recall@3", "mrr": "MRR"}
COLUMNS = ("Method", "recall@1", "recall@3", "MRR", "learned ahead, recall@1", "learned ahead, MRR")
NAMES = ("first", "second", "last")
CONTROLS = ("shuffled", "randomGradient")
NOT_PICTURED = (LEARNED, CHANCE, *CONTROLS, "learningAlone")
PANELS = 3
BAND = (
    "Line: mean so far of learned minus the other, in points of recall@1. Shaded: a 95% confidence sequence, which "
    "holds at every number of tasks at once, so that one may look at any time; a single look's interval is narrower."
)


def explained_of(runs: Sequence[PrequentialRun]) -> list[str]:
    """What the figures are, for streams and for runs whose weights were fitted before, as far as there are any."""
    return list(dict.fromkeys(EXPLAINED if _learns(run) else FITTED for run in runs))


def prequential_verdicts(runs: Sequence[PrequentialRun]) -> list[Verdict]:
    """One for each protocol and model."""
    summaries = summarise_prequential(runs)
    return [_verdict(summary, own) for summary, own in zip(summaries, runs_of(runs).values(), strict=True)]


def prequential_sections(runs: Sequence[PrequentialRun]) -> list[Section]:
    """One for each protocol and model: how it was measured, the table, the picture, the thirds."""
    sections = []
    for summary, own in zip(summarise_prequential(runs), runs_of(runs).values(), strict=True):
        found = own[0].localization
        blocks: list[Block] = [_introduction(summary, own[0]), _table(summary)]
        blocks += [] if found is None else localization_blocks(own[0], found)
        blocks += [_figure(summary, own)] if _learns(own[0]) else []
        blocks += [_thirds(summary)] if summary.thirds and _learns(own[0]) else []
        sections.append(Section(_title(summary, own[0]), tuple(blocks)))
    return sections


def _learns(run: PrequentialRun) -> bool:
    """False where everything was learned before the first answer."""
    return run.localization is None or run.localization.fitted_before is None


def _title(summary: PrequentialSummary, run: PrequentialRun) -> str:
    name = run.input.name if run.input is not None else summary.workload
    protocol = "" if summary.protocol == "v3" else f", {summary.protocol}"
    stream = " as a stream" if _learns(run) else ""
    return f"{name}: {counted(summary.tasks, 'task')}{stream}, {summary.model}{protocol}"


def _introduction(summary: PrequentialSummary, run: PrequentialRun) -> str:
    said = [EXPLAINED if _learns(run) else FITTED, f"Order: {_order(run)}.", f"Candidates: {_pools(summary)}."]
    said += [] if run.localization is None else [where_from(run.localization)]
    said += [run.known_beforehand] if run.known_beforehand else []
    return " ".join(said)


def _order(run: PrequentialRun) -> str:
    dates = run.dates
    return f"{run.order}, from {dates[0]} to {dates[-1]}" if dates and dates[0] and dates[-1] else run.order


def _pools(summary: PrequentialSummary) -> str:
    low, high = summary.smallest_pool, summary.largest_pool
    return f"{low} each" if low == high else f"{low} to {high}, median {summary.median_pool:g}"


def _row(rows: Sequence[PrequentialRow], method: str) -> PrequentialRow:
    return next(row for row in rows if row.method == method)


def _verdict(summary: PrequentialSummary, runs: Sequence[PrequentialRun]) -> Verdict:
    outcome = outcome_of(summary, runs)
    facts = [
        ("Learning", _against(summary, _row(summary.rows, FROZEN), runs[0])),
        ("At any time", _always(_row(summary.rows, FROZEN)) if _learns(runs[0]) else ""),
        ("Free of charge", _strongest(summary)),
        ("Thirds", _in_thirds(summary) if _learns(runs[0]) else ""),
        ("Chance", _chance(summary)),
        ("Control", _controls(summary)),
        ("Stream", _stream(summary, runs)),
    ]
    return Verdict(
        _title(summary, runs[0]), _answer(summary, outcome), outcome, tuple(fact for fact in facts if fact[1])
    )


def _answer(summary: PrequentialSummary, outcome: str) -> str:
    if outcome == verdict.WORSE:
        return "It got worse from use."
    if outcome == verdict.CEILING:
        right = percent(_row(summary.rows, FROZEN).recall_at_1)
        return f"Next to nothing left to learn: {right} are right before any learning."
    if outcome != verdict.BETTER:
        return "Not shown that it got better from use."
    other = strongest_other(summary)
    if other is None or other.learned_ahead["recallAt1"].ci95[0] > 0:
        return "It got better from use."
    if other.learned_ahead["recallAt1"].ci95[1] < 0:
        return f"It got better from use, but {words(other.method)} is better still."
    return f"It got better from use, but not shown to be better than {words(other.method)}."


def _against(summary: PrequentialSummary, row: PrequentialRow, run: PrequentialRun) -> str:
    how = "each answered before it was learned from" if run.localization is None else how_learned(run.localization)
    ahead, learned = row.learned_ahead["recallAt1"], _row(summary.rows, LEARNED)
    return (
        f"{points_with(ahead.mean, ahead.ci95)} points of recall@1 on {summary.tasks} tasks, {how}, "
        f"{seeds_in_words(summary.seeds)} ({percent(row.recall_at_1)} {words(row.method)}, "
        f"{percent(learned.recall_at_1)} learned)."
    )


def _always(row: PrequentialRow) -> str:
    if row.always is None:
        return ""
    low, high = row.always["recallAt1"]
    found = "it shows a gain" if low > 0 else "it shows a loss" if high < 0 else "it shows neither gain nor loss"
    return f"[{100 * low:+.1f}, {100 * high:+.1f}], which holds at every look at the stream: {found}."


def _strongest(summary: PrequentialSummary) -> str:
    other = strongest_other(summary)
    if other is None:
        return ""
    ahead = other.learned_ahead["recallAt1"]
    against = f"learning against it {points_with(ahead.mean, ahead.ci95)} points"
    return f"{words(other.method)}: {percent(other.recall_at_1)}; {against}."


def _in_thirds(summary: PrequentialSummary) -> str:
    gains = [_row(third.rows, FROZEN).learned_ahead["recallAt1"] for third in summary.thirds]
    return f"{'; '.join(points_with(gain.mean, gain.ci95) for gain in gains)} points." if gains else ""


def _chance(summary: PrequentialSummary) -> str:
    return f"{percent(_row(summary.rows, CHANCE).recall_at_1)} by guessing; candidates: {_pools(summary)}."


def _controls(summary: PrequentialSummary) -> str:
    found = [row for row in summary.rows if row.method in CONTROLS]
    frozen = _row(summary.rows, FROZEN).recall_at_1
    said = [f"{words(row.method)} {100 * (row.recall_at_1 - frozen):+.1f} points over frozen" for row in found]
    return f"{', '.join(said)}." if said else ""


def _stream(summary: PrequentialSummary, runs: Sequence[PrequentialRun]) -> str:
    first = runs[0]
    said = [f"order {_order(first)}"]
    if first.copies:
        copies = f"{first.copies} of {first.learned_from} tasks are copies of earlier ones"
        said.append(f"{copies}: learned from, but not measured")
    if first.answered_by is not None:
        by = [name for run in runs for name in run.answered_by or ()]
        share = sum(name != FROZEN for name in by) / len(by)
        when = "once it was ahead" if first.localization is None else "unless it was behind"
        said.append(f"what was learned answered {percent(share)} of them, {when} on the tasks before")
    return f"{'; '.join(said)}. {first.known_beforehand}".strip()


def _table(summary: PrequentialSummary) -> Table:
    note = (
        "Right candidate among the first 1 and 3, and mean reciprocal rank, in percent; in points how far `learned` is "
        "ahead, paired by task, with a 95% bootstrap interval over tasks. Chance: what guessing is expected to come to."
    )
    return Table(f"Stream: {summary.model}", COLUMNS, tuple(map(_cells, summary.rows)), note, brief=True, groups=(3, 2))


def _cells(row: PrequentialRow) -> tuple[str, ...]:
    ahead = [row.learned_ahead.get(key) for key in ("recallAt1", "mrr")]
    gains = ("" if gain is None else points_with(gain.mean, gain.ci95) for gain in ahead)
    return (words(row.method), *(f"{100 * value:.1f}" for value in (row.recall_at_1, row.recall_at_3, row.mrr)), *gains)


def _thirds(summary: PrequentialSummary) -> Table:
    columns = ["Method"]
    for name, third in zip(NAMES, summary.thirds, strict=True):
        columns += [f"{name} {third.tasks} tasks", "learned ahead"]
    rows = []
    for row in summary.rows:
        cells = [words(row.method)]
        for third in summary.thirds:
            own = _row(third.rows, row.method)
            ahead = own.learned_ahead.get("recallAt1")
            cells += [f"{100 * own.recall_at_1:.1f}", "" if ahead is None else points_with(ahead.mean, ahead.ci95)]
        rows.append(tuple(cells))
    note = "recall@1 in percent in each third of the stream: a learner that gets better is ahead by more in the last."
    return Table(f"Thirds of the stream: {summary.model}", tuple(columns), tuple(rows), note, groups=(2, 2, 2))


def _figure(summary: PrequentialSummary, runs: Sequence[PrequentialRun]) -> Figure:
    others = [row.method for row in summary.rows if row.method not in NOT_PICTURED][:PANELS]
    panels = tuple(_panel(runs, method, number) for number, method in enumerate(others))
    name = slug(f"stream {_title(summary, runs[0])}")
    return Figure(name, "Gain along the stream", panels, (), BAND)


def _panel(runs: Sequence[PrequentialRun], method: str, number: int) -> Panel:
    means, always = gain_so_far(runs, method, "recall_at_1")
    n = len(means)
    alt = (
        f"Mean gain so far in recall@1 over {words(method)}: after a third {_at(means, always, n // 3)}, after two "
        f"thirds {_at(means, always, 2 * n // 3)}, at the end {_at(means, always, n - 1)} points."
    )
    gain = Gain(list(range(1, n + 1)), means, always, number)
    return Panel(f"over {words(method)}", alt, partial(draw_gain, gain=gain))


def _at(means: Sequence[float], always: Sequence[Interval], place: int) -> str:
    return points_with(means[place], always[place])
