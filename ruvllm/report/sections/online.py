"""A store of `ruvllm.online`: gain over the frozen encoder, decisions, feedback per day and source."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from ruvllm.online.records import IDENTITY, Decision
from ruvllm.online.summary import Point, StoreSummary
from ruvllm.report.drawing import Bar, draw_bars, theme_of
from ruvllm.report.parts import Block, Figure, Panel, Report, Section, Series, Table, Verdict
from ruvllm.report.wording import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["online_report"]

MARKS = {"promoted": "^", "rolled_back": "v", "rejected": "X"}
MOST_SOURCES, MOST_DAYS = 12, 60
EXPLAINED = (
    "Gain: mean reward of what was served less that of the frozen encoder, over all feedback that counts, each scored "
    "before it was learned from. The reward is the reciprocal rank of what was accepted. Its 95% confidence sequence "
    "holds at every look at once. Feedback is on what was shown, so that it favours what is served."
)


def online_report(summary: StoreSummary) -> Report:
    """All that a store says about itself."""
    sections = [
        Section("Gain over time", tuple(_gain_blocks(summary))),
        Section("Decisions", (_decisions(summary),)),
        Section("Feedback", tuple(_feedback_blocks(summary))),
        Section("Settings", (_settings(summary),)),
    ]
    return Report(
        title=f"Learning from use: {summary.name}", lead=(), sections=tuple(sections), verdicts=(_verdict(summary),),
        explained=EXPLAINED, notes=tuple(_notes(summary)),
    )  # fmt: skip


def _verdict(summary: StoreSummary) -> Verdict:
    gain = summary.gain
    if not gain.feedbacks:
        outcome, answer = "not measured", "There is no feedback yet."
    elif gain.low > 0:
        outcome, answer = "better", f"Yes: what was served is better than the frozen encoder, by {gain.mean:.3f}."
    elif gain.high < 0:
        outcome, answer = "worse", f"No: what was served is worse than the frozen encoder, by {-gain.mean:.3f}."
    else:
        outcome, answer = "not shown", "Not shown: what was served cannot be told from the frozen encoder."
    facts = (
        ("Gain", f"{gain.mean:+.3f}, 95% confidence sequence {gain.low:+.3f} to {gain.high:+.3f}"),
        ("Mean reward", f"{gain.served:.3f} served, {gain.frozen:.3f} frozen encoder"),
        ("Feedback", f"{gain.feedbacks} that count, of {summary.feedbacks}"),
        ("Served now", _state(summary.served) + (", frozen" if summary.frozen else "")),
        ("A review would say", f"{summary.outlook.action.replace('_', ' ')}: {summary.outlook.reason}"),
    )
    return Verdict("Does it get better from use?", answer, outcome, facts)


def _notes(summary: StoreSummary) -> list[str]:
    notes = []
    if summary.served == IDENTITY and summary.gain.feedbacks < summary.needed:
        there = summary.gain.feedbacks
        notes.append(f"To prove a gain of 0.05 takes about {summary.needed} feedbacks; there are {there}.")
    if summary.waiting:
        waiting = counted(summary.waiting, "feedback")
        notes.append(f"Not learned from yet, for no process that learns is at work: {waiting}.")
    if summary.quarantined:
        held = counted(summary.quarantined, "feedback")
        notes.append(f"In quarantine, for their source held too large a share: {held}.")
    return notes


def _gain_blocks(summary: StoreSummary) -> list[Block]:
    if not summary.points:
        return ["There is no feedback that counts yet."]
    last = summary.points[-1]
    alt = (
        f"After {last.feedback} feedbacks the gain is {last.gain:+.3f}, with a 95% confidence sequence from "
        f"{last.low:+.3f} to {last.high:+.3f}; {_changes(summary.decisions)}."
    )
    draw = partial(_draw_gain, points=summary.points, decisions=summary.decisions)
    figure = Figure(
        "gain", "Gain over the frozen encoder", (Panel("", alt, draw),), (),
        "Line: mean gain so far. Band: 95% confidence sequence. Triangles: up, a promotion; down, a rollback; "
        "crosses: the challenger was started anew.", height=2.6,
    )  # fmt: skip
    rows = tuple(
        (f"{point.feedback}", f"{point.gain:+.3f}", f"{point.low:+.3f} to {point.high:+.3f}")
        for point in _thinned(summary.points, 10)
    )
    return [figure, Table("Gain so far", ("After feedback", "Gain", "95% confidence sequence"), rows)]


def _thinned(points: Sequence[Point], n: int) -> list[Point]:
    step = max(1, -(-len(points) // n))
    return list(points[:: -step][::-1])


def _changes(decisions: Sequence[Decision]) -> str:
    counts = [sum(decision.action == action for decision in decisions) for action in MARKS]
    return f"{counts[0]} promotions, {counts[1]} rollbacks and {counts[2]} new starts of the challenger"


def _draw_gain(axes: Axes, points: Sequence[Point], decisions: Sequence[Decision]) -> None:
    theme = theme_of(axes)
    x = [point.feedback for point in points]
    lows, highs = [point.low for point in points], [point.high for point in points]
    axes.fill_between(x, lows, highs, color=theme.color(0), alpha=0.18, linewidth=0)
    axes.plot(x, [point.gain for point in points], color=theme.color(0))
    axes.axhline(0, color=theme.muted, linewidth=1, linestyle=":")
    lowest, highest = min(0.0, *(point.gain for point in points)), max(0.0, *(point.gain for point in points))
    room = max(0.05, highest - lowest, (highs[-1] - lows[-1]) / 2)
    axes.set_ylim(max(-1.0, lowest - room), min(1.0, highest + room))  # the first intervals go from -1 to 1
    bottom = axes.get_ylim()[0]
    for decision in decisions:
        if decision.action in MARKS:
            axes.axvline(decision.feedbacks, color=theme.muted, linewidth=0.7)
            axes.plot([decision.feedbacks], [bottom], marker=MARKS[decision.action], color=theme.ink, clip_on=False)
    axes.set_xlim(0, max(x) * 1.04)
    axes.locator_params(axis="x", nbins=5)
    axes.set_xlabel("Feedbacks")


def _decisions(summary: StoreSummary) -> Table:
    rows = tuple(
        (
            f"{decision.number}", f"{datetime.fromtimestamp(decision.at, UTC):%Y-%m-%d %H:%M}",
            decision.action.replace("_", " "), f"{decision.feedbacks}", _state(decision.state_after),
            f"{decision.evidence:.3g}", decision.reason,
        )
        for decision in summary.decisions
    )  # fmt: skip
    columns = ("Number", "UTC", "Decision", "After feedback", "Served from then on", "Evidence", "Reason")
    return Table("Decisions", columns, rows, "Evidence: an e-value; 20 and more happens by chance in 1 of 20 streams.")


def _feedback_blocks(summary: StoreSummary) -> list[Block]:
    if not summary.per_day:
        return ["No feedback is kept."]
    days = list(summary.per_day.items())[-MOST_DAYS:]
    sources = list(summary.per_source.items())[:MOST_SOURCES]
    panels = (
        Panel("Per day (UTC)", f"From {days[0][0]} to {days[-1][0]}, at most {max(n for _, n in days)} a day.",
              partial(_draw_days, days=days)),
        Panel("Per source", "; ".join(f"{name} {n}" for name, n in sources[:5]),
              partial(draw_bars, bars=[Bar(name[:24], float(n)) for name, n in sources])),
    )  # fmt: skip
    rows = tuple((name, f"{n}", f"{n / sum(summary.per_source.values()):.0%}") for name, n in sources)
    more = len(summary.per_source) - len(sources)
    note = f"And {more} more sources." if more > 0 else ""
    return [
        Figure("feedback", "Feedback that is kept", panels, (Series("feedback", 0, bar=True),), height=2.4),
        Table("Feedback per source", ("Source", "Feedbacks", "Share"), rows, note),
    ]


def _draw_days(axes: Axes, days: Sequence[tuple[str, int]]) -> None:
    theme = theme_of(axes)
    axes.bar(range(len(days)), [n for _, n in days], color=theme.color(0))
    shown = sorted({0, len(days) // 2, len(days) - 1})
    axes.set_xticks(shown, [days[place][0] for place in shown], fontsize=7.5)
    axes.grid(visible=False, axis="x")


def _settings(summary: StoreSummary) -> Table:
    settings = summary.settings
    rows = [("dim", f"{settings.dim}"), ("keep", f"{settings.keep}"), ("keep days", f"{settings.keep_days:g}")]
    for part in (settings.learning, settings.guard):
        rows += [(name.replace("_", " "), f"{getattr(part, name)}") for name in part.__struct_fields__]
    rows.append(("size of the folder", f"{summary.bytes / 1e6:.1f} MB, {summary.rankings} rankings"))
    return Table("Settings", ("Setting", "Value"), tuple(rows), folded=True)


def _state(name: str) -> str:
    return name[:12]
