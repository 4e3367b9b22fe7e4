"""How pictures look: one palette that people with a colour vision deficiency can tell apart (after Okabe & Ito 2008),
with a marker, a dash and a hatch of its own for each colour, in a light and a dark form.

On the page the colours are CSS variables, so that one picture serves both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["DARK", "LIGHT", "RC", "STYLES", "Style", "Theme", "as_variables", "colors", "variables"]


@dataclass(frozen=True, slots=True)
class Style:
    marker: str
    """matplotlib's name."""
    dash: tuple[float, ...]
    """On, off ... in points; empty: a full line."""
    hatch: str


STYLES = (
    Style("o", (), ""),
    Style("s", (5, 1.5), "////"),
    Style("^", (1.5, 1.5), "...."),
    Style("D", (6, 1.5, 1.5, 1.5), "xxxx"),
    Style("v", (3, 3), "----"),
    Style("P", (8, 2), "++++"),
)


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours, as #rrggbb."""

    ink: str
    muted: str
    grid: str
    paper: str
    series: tuple[str, ...]
    """One for each of STYLES; at least 3 : 1 against the paper, as WCAG 2.2 asks of graphics (1.4.11)."""

    def color(self, number: int) -> str:
        return self.series[number % len(self.series)]


LIGHT = Theme(
    ink="#1f2328",
    muted="#59636e",
    grid="#d8dfe6",
    paper="#ffffff",
    series=("#0072b2", "#c2500a", "#007a5a", "#a83c86", "#6b5b00", "#5a5f66"),
)
DARK = Theme(
    ink="#e6edf3",
    muted="#9da7b3",
    grid="#343b44",
    paper="#0f141a",
    series=("#58b4ee", "#f29a4e", "#3ac79b", "#e59acb", "#d9c64a", "#a8b1bb"),
)

RC: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.size": 8.5,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 8.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.linewidth": 0.7,
    "lines.linewidth": 1.8,
    "lines.markersize": 4.5,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "hatch.linewidth": 0.6,
    "legend.frameon": False,
    "svg.hashsalt": "ruvllm",
    "savefig.dpi": 160,
}
"""matplotlib's settings but for the colours; the salt makes equal pictures equal files."""


def colors(theme: Theme) -> dict[str, Any]:
    """matplotlib's settings of the colours."""
    return {
        "text.color": theme.ink,
        "axes.edgecolor": theme.muted,
        "axes.labelcolor": theme.ink,
        "axes.facecolor": "none",
        "axes.titlecolor": theme.ink,
        "figure.facecolor": theme.paper,
        "grid.color": theme.grid,
        "xtick.color": theme.muted,
        "ytick.color": theme.muted,
        "xtick.labelcolor": theme.ink,
        "ytick.labelcolor": theme.ink,
        "hatch.color": theme.paper,
    }


def as_variables(svg: str, theme: Theme = LIGHT) -> str:
    """A picture drawn in a theme's colours, with CSS variables in their place."""
    for name, color in variables(theme).items():
        svg = svg.replace(color, f"var(--{name})")
    return svg


def variables(theme: Theme) -> dict[str, str]:
    """Names of the CSS variables and their colours."""
    series = {f"series-{number}": color for number, color in enumerate(theme.series)}
    return {"ink": theme.ink, "muted": theme.muted, "grid": theme.grid, "paper": theme.paper, **series}
