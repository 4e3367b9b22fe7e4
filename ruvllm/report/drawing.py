"""What panels draw with: lines with a band, bars with an interval, a matrix, a reliability diagram.

Colours come from the axes' own theme (`theme_of`), so that each picture can be drawn for light and for dark paper.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ruvllm.report.style import LIGHT, STYLES, Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "Bar", "Gain", "Line", "draw_bars", "draw_gain", "draw_grouped_bars", "draw_lines", "draw_matrix",
    "draw_reliability", "theme_of",
]  # fmt: skip

Interval = tuple[float, float]


def theme_of(axes: Axes) -> Theme:
    """The theme that the picture is drawn in."""
    return getattr(axes.figure, "ruvllm_theme", LIGHT)


@dataclass(frozen=True, slots=True)
class Line:
    """y over x with an interval at each x; `style` is its number in STYLES."""

    x: Sequence[float]
    y: Sequence[float]
    band: Sequence[Interval] | None
    style: int


@dataclass(frozen=True, slots=True)
class Bar:
    name: str
    value: float
    interval: Interval | None = None
    marked: bool = True
    """Drawn full; else hollow."""


@dataclass(frozen=True, slots=True)
class Gain:
    """A gain so far over tasks, as a share, with an interval at each."""

    x: Sequence[int]
    y: Sequence[float]
    band: Sequence[Interval]
    style: int


def draw_gain(axes: Axes, gain: Gain) -> None:
    """A gain in points along a stream, around a line at 0. Before its tenth the stream says little: it may leave the
    picture there."""
    theme = theme_of(axes)
    color, points = theme.color(gain.style), [100 * y for y in gain.y]
    low, high = ([100 * interval[end] for interval in gain.band] for end in (0, 1))
    axes.fill_between(gain.x, low, high, color=color, alpha=0.18, linewidth=0)
    (drawn,) = axes.plot(gain.x, points, color=color)
    if STYLES[gain.style % len(STYLES)].dash:
        drawn.set_dashes(STYLES[gain.style % len(STYLES)].dash)
    axes.axhline(0, color=theme.ink, linewidth=0.9)
    late = len(points) // 10
    edge = 1.08 * max(*map(abs, points[late:]), *map(abs, low[len(low) // 3 :]), *map(abs, high[len(high) // 3 :]), 1.0)
    axes.set_ylim(-edge, edge)
    axes.locator_params(axis="both", nbins=5)
    axes.set_xlim(0, 1.04 * gain.x[-1])
    axes.set_xlabel("Tasks answered")
    axes.set_ylabel("Points")


def draw_lines(
    axes: Axes, lines: Sequence[Line], *, percent: bool = True, target: float | None = None
) -> None:
    """Lines over training; `target` is a dotted level."""
    theme = theme_of(axes)
    for line in lines:
        style, color = STYLES[line.style % len(STYLES)], theme.color(line.style)
        if line.band is not None:
            low, high = zip(*line.band, strict=True)
            axes.fill_between(line.x, low, high, color=color, alpha=0.18, linewidth=0)
        (drawn,) = axes.plot(line.x, line.y, color=color, marker=style.marker, clip_on=False)
        if style.dash:
            drawn.set_dashes(style.dash)
    if target is not None:
        axes.axhline(target, color=theme.muted, linewidth=1, linestyle=":")
    if percent:
        axes.set_ylim(0, 1)
        axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "25", "50", "75", "100%"])
    else:
        axes.set_ylim(bottom=0)
    axes.locator_params(axis="x", nbins=5)
    axes.set_xlim(0, max(line.x[-1] for line in lines) * 1.04)
    axes.set_xlabel("Training tasks")


def draw_reliability(axes: Axes, points: Sequence[tuple[int, Sequence[tuple[float, float, float]]]]) -> None:
    """For each style number, (confidence, share right, count) of the bins; the size of a mark is that of the bin."""
    theme = theme_of(axes)
    axes.plot([0, 1], [0, 1], color=theme.muted, linewidth=1, linestyle=":")
    for style, bins in points:
        if not bins:
            continue
        confidence, accuracy, count = zip(*bins, strict=True)
        total = sum(count)
        color = theme.color(style)
        axes.plot(confidence, accuracy, color=color, linewidth=1, alpha=0.7)
        axes.scatter(
            confidence, accuracy, s=[14 + 130 * n / total for n in count], color=color,
            marker=STYLES[style % len(STYLES)].marker, edgecolors=theme.paper, linewidths=0.6, zorder=3, clip_on=False,
        )  # fmt: skip
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    ticks, names = [0, 0.25, 0.5, 0.75, 1], ["0", "25", "50", "75", "100%"]
    axes.set_xticks(ticks, names)
    axes.set_yticks(ticks, names)
    axes.set_xlabel("Confidence")
    axes.set_ylabel("Share right")


def draw_bars(axes: Axes, bars: Sequence[Bar]) -> None:
    """Horizontal bars from zero, the first on top."""
    theme = theme_of(axes)
    for place, bar in enumerate(bars):
        color = theme.color(0) if bar.marked else theme.paper
        axes.barh(place, bar.value, height=0.62, color=color, edgecolor=theme.color(0), linewidth=1)
        if bar.interval is not None:
            axes.plot(bar.interval, [place, place], color=theme.ink, linewidth=1.3, solid_capstyle="butt")
    axes.axvline(0, color=theme.muted, linewidth=0.8)
    axes.set_yticks(range(len(bars)), [bar.name for bar in bars])
    axes.set_ylim(len(bars) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.locator_params(axis="x", nbins=4)


def draw_grouped_bars(
    axes: Axes, names: Sequence[str], groups: Sequence[Sequence[float | None]], *, shown: str, x_label: str = ""
) -> None:
    """For each name one horizontal bar per group, group i in style i, with its value as text at its end."""
    theme = theme_of(axes)
    height = 0.8 / max(1, len(groups))
    largest = max((value for group in groups for value in group if value is not None), default=1.0)
    for number, group in enumerate(groups):
        for place, value in enumerate(group):
            if value is None:
                continue
            y = place + (number - (len(groups) - 1) / 2) * height
            axes.barh(
                y, value, height=0.9 * height, color=theme.color(number), edgecolor=theme.paper, linewidth=0,
                hatch=STYLES[number % len(STYLES)].hatch,
            )  # fmt: skip
            axes.text(value + 0.015 * largest, y, shown.format(value), va="center", fontsize=7.5)
    axes.set_yticks(range(len(names)), list(names))
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlim(0, 1.18 * largest)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(x_label)


def draw_matrix(
    axes: Axes, rows: Sequence[str], columns: Sequence[str], values: Sequence[Sequence[float | None]]
) -> None:
    """Rates as a grid, the higher the darker, with their numbers in percent."""
    theme = theme_of(axes)
    for i, row in enumerate(values):
        for j, value in enumerate(row):
            if value is None:
                continue
            axes.fill([j - 0.48, j + 0.48, j + 0.48, j - 0.48], [i - 0.47, i - 0.47, i + 0.47, i + 0.47],
                      color=theme.color(0), alpha=0.04 + 0.46 * min(1.0, max(0.0, value)), linewidth=0)  # fmt: skip
            axes.text(j, i, f"{100 * value:.0f}", ha="center", va="center", fontsize=8)
    axes.set_xticks(range(len(columns)), list(columns), fontsize=7.5)
    axes.set_yticks(range(len(rows)), list(rows))
    axes.set_xlim(-0.5, len(columns) - 0.5)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.tick_params(length=0)
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)

