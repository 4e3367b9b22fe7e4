"""The first picture of README: what learning comes to on real input, beside what is free."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from real_blocks import HASHED_1536, MINILM, REAL, free_methods, words_alone

from ruvllm.report.drawing import theme_of
from ruvllm.report.parts import Figure, Panel, Series
from ruvllm.report.style import STYLES
from ruvllm.results.reading import Source
from ruvllm.results.summary_records import Summary

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["pictured", "real_picture"]

SHORT = {MINILM: "MiniLM", HASHED_1536: "Hashed\nn-grams"}
SERIES = ("frozen vectors", "and words", "best without learning", "learned")
LEARNED = 3
OFFSETS = (-0.27, -0.09, 0.09, 0.27)
"""Of the points of a row from its middle, so that none hides another."""
FROM, TO = 30, 95


@dataclass(frozen=True, slots=True)
class Row:
    """Recall@1 of an encoder on a question, in percent; `interval` is of the gain, laid at the frozen recall."""

    encoder: str
    values: tuple[float | None, ...]
    """In the order of SERIES."""
    interval: tuple[float, float]


def real_picture(kept: Mapping[str, Source[Any]]) -> Figure:
    """A panel per question, a line per encoder."""
    panels = []
    for question, names in REAL.items():
        found = [(name, encoder) for name, encoder in zip(reversed(names), SHORT, strict=True) if name in kept]
        rows = [_row(SHORT[encoder], kept[name].document.summaries[0]) for name, encoder in found]
        panels.append(Panel(question, "; ".join(map(_said, rows)), _drawing(rows)))
    series = tuple(Series(name, number) for number, name in enumerate(SERIES))
    return Figure("real-encoders", "Recall@1 on real input, in percent", tuple(panels), series, height=1.55)


def pictured(kept: Mapping[str, Source[Any]]) -> list[Source[Any]]:
    """The results that the picture shows."""
    return [kept[name] for names in REAL.values() for name in names if name in kept]


def _row(encoder: str, summary: Summary) -> Row:
    found = summary.retrieval.recall_at_1
    free = free_methods(summary)
    low, high = found.gain_ci95
    values = (found.frozen, words_alone(free), max((row.recall_at_1 for row in free), default=None), found.learned)
    shown = tuple(None if value is None else 100 * value for value in values)
    return Row(encoder, shown, (100 * (found.frozen + low), 100 * (found.frozen + high)))


def _said(row: Row) -> str:
    return f"{row.encoder}: " + ", ".join(
        f"{name} {value:.1f}" for name, value in zip(SERIES, row.values, strict=True) if value is not None
    )


def _drawing(rows: Sequence[Row]) -> Callable[[Axes], None]:
    return partial(_draw, rows=rows)


def _draw(axes: Axes, rows: Sequence[Row]) -> None:
    theme = theme_of(axes)
    for place, row in enumerate(rows):
        levels = [place + offset for offset in OFFSETS]
        axes.plot(row.interval, [levels[LEARNED]] * 2, color=theme.color(LEARNED), linewidth=1.6, zorder=2)
        for number, (value, level) in enumerate(zip(row.values, levels, strict=True)):
            if value is not None:
                axes.plot([FROM, value], [level, level], color=theme.grid, linewidth=1, zorder=1)
                axes.plot([value], [level], STYLES[number].marker, color=theme.color(number), zorder=3)
    axes.set_yticks(range(len(rows)), [row.encoder for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.set_xlim(FROM, TO)
    axes.set_xticks([40, 60, 80])
