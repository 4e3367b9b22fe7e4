"""What a report is made of. The page, the Markdown files, the plots and the screen all show the same parts."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ruvllm.notebook import html_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "Block", "Card", "CardList", "Figure", "Panel", "Report", "Section", "Series", "Table", "Verdict", "slug",
]  # fmt: skip


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
    brief: bool = False
    """True for a table that a terminal shows without --details, as it shows those of the leaderboard."""
    groups: tuple[int, ...] = ()
    """Numbers of columns after the first that a screen keeps together; each stands for itself if there are none."""

    @property
    def numeric(self) -> tuple[bool, ...]:
        """Whether each column holds numbers, which stand at the right, or words."""
        return tuple(all(re.match(r"\**[-+]?\d|$", row[i]) for row in self.rows) for i in range(len(self.columns)))

    def _repr_html_(self) -> str:
        plain = [[cell.replace("**", "") for cell in row] for row in self.rows]
        return html_table(self.title, self.columns, plain, self.note)


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


@dataclass(frozen=True, slots=True)
class Card:
    """A single task; all texts are one line each, fit for a terminal."""

    name: str
    facts: str
    """Place and type."""
    score: str
    """How often it was right, how sure the answers were, its ranks."""
    texts: tuple[tuple[str, str], ...]
    """What is asked, what is right and what was chosen: heading and text."""
    outcome: str
    kind: str
    """Task type as results files have it; empty if nothing is known."""


@dataclass(frozen=True, slots=True)
class CardList:
    """Single tasks of one model, those first that are worth a look."""

    title: str
    cards: tuple[Card, ...]
    total: int
    """Number of tasks, of which some may have no card."""
    short: Table
    """The first few, where there is no room for cards."""
    note: str = ""
    folded: bool = False


Block = Table | Figure | CardList | str
"""A string is a paragraph."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether it got better, of one input, encoder and protocol."""

    title: str
    answer: str
    """One sentence."""
    outcome: str
    """One of the outcomes of results/verdict.py."""
    facts: tuple[tuple[str, str], ...]
    """What belongs to it: label and text."""


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    blocks: tuple[Block, ...]
    on_screen: bool = True
    """False for what has a command of its own."""


@dataclass(frozen=True, slots=True)
class Report:
    title: str
    lead: tuple[str, ...]
    """The first paragraphs."""
    sections: tuple[Section, ...]
    verdicts: tuple[Verdict, ...] = ()
    """They come before everything else."""
    explained: str = ""
    """What the words and numbers of the verdicts mean."""
    left_out: tuple[str, ...] = ()
    """Lines about results that are not shown, which are among the notes too."""
    notes: tuple[str, ...] = field(default=())
    """Lines about what was left out and what to mind."""

    @property
    def tables(self) -> Sequence[Table]:
        return [block for section in self.sections for block in section.blocks if isinstance(block, Table)]

    @property
    def figures(self) -> Sequence[Figure]:
        return [block for section in self.sections for block in section.blocks if isinstance(block, Figure)]

    def _repr_html_(self) -> str:
        """The verdicts and the tables that a page shows open; its pictures are for `panel.draw`."""
        verdicts = [html_table(f"{each.title}: {each.answer}", ("", ""), each.facts) for each in self.verdicts]
        return "".join([*verdicts, *(table._repr_html_() for table in self.tables if not table.folded)])


def slug(text: str) -> str:
    """A name for a link or a file: lower-case letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "part"
