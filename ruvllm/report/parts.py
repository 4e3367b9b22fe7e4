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
    """True for a long table, which the page shows closed."""
    headline: bool = False
    """True for a table of the leaderboard."""
    groups: tuple[int, ...] = ()
    """Numbers of columns after the first that a screen keeps together; each stands for itself if there are none."""

    @property
    def numeric(self) -> tuple[bool, ...]:
        """Whether each column holds numbers, which stand at the right, or words."""
        return tuple(all(re.match(r"\**[-+]?\d|$", row[i]) for row in self.rows) for i in range(len(self.columns)))


@dataclass(frozen=True, slots=True)
class Series:
    """One kind of line or bar of a figure: told apart by colour, by marker or hatch, and by dash."""

    label: str
    number: int
    """Index into the styles of style.py."""
    bar: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """One pair of axes."""

    title: str
    alt: str
    """Description of the picture in words, with its main numbers."""
    draw: Callable[[Axes], None]


@dataclass(frozen=True, slots=True)
class Figure:
    """Panels that belong together: side by side in a plot, as many to a row as fit on the page."""

    name: str
    """Name of the file, without an ending."""
    title: str
    panels: tuple[Panel, ...]
    series: tuple[Series, ...] = ()
    note: str = ""
    height: float = 2.5
    """Height of a panel in inches; its width is 3.4."""


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
    """Lines about what was left out and what to mind."""

    @property
    def tables(self) -> Sequence[Table]:
        return [block for section in self.sections for block in section.blocks if isinstance(block, Table)]

    @property
    def figures(self) -> Sequence[Figure]:
        return [block for section in self.sections for block in section.blocks if isinstance(block, Figure)]


def slug(text: str) -> str:
    """A name for a link or a file: lower-case letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "part"
