"""What a report is made of. The page, the Markdown files, the plots and the screen all show the same parts."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Block", "Figure", "Panel", "Report", "Section", "Series", "Table", "slug"]


@dataclass(frozen=True, slots=True)
class Table:
    """Cells are ready to be read; the first column names the row."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    folded: bool = False
    """Long: closed at first, on the page."""
    headline: bool = False
    """Belongs on the leaderboard."""
    groups: tuple[int, ...] = ()
    """Numbers of columns after the first that a screen keeps together; each stands for itself if there are none."""


@dataclass(frozen=True, slots=True)
class Series:
    """One kind of line or bar of a figure: told apart by colour, by marker or hatch, and by dash."""

    label: str
    number: int
    """Which of the styles of style.py."""
    bar: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """One pair of axes."""

    title: str
    alt: str
    """What is to be seen, in words, with its main numbers."""
    draw: Callable[[Axes], None]


@dataclass(frozen=True, slots=True)
class Figure:
    """Panels that belong together: side by side in a plot, as many to a row as fit on the page."""

    name: str
    """Of the file, without an ending."""
    title: str
    panels: tuple[Panel, ...]
    series: tuple[Series, ...] = ()
    note: str = ""
    height: float = 2.5
    """Of a panel, in inches, of which it is 3.4 wide."""


Block = Table | Figure | str
"""A string is a paragraph."""


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Report:
    title: str
    lead: tuple[str, ...]
    """The first paragraphs."""
    sections: tuple[Section, ...]
    notes: tuple[str, ...] = field(default=())
    """What was left out and what to mind: a line each."""

    @property
    def tables(self) -> Sequence[Table]:
        return [block for section in self.sections for block in section.blocks if isinstance(block, Table)]

    @property
    def figures(self) -> Sequence[Figure]:
        return [block for section in self.sections for block in section.blocks if isinstance(block, Figure)]


def slug(text: str) -> str:
    """A name for a link or a file: lower-case letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "part"
