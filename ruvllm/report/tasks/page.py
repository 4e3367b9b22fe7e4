"""Single tasks on the page: cards that are filtered by outcome and type, by CSS alone."""

from __future__ import annotations

from collections import Counter
from importlib.resources import files
from itertools import product
from typing import TYPE_CHECKING

from ruvllm.report.parts import CardList, Report, slug
from ruvllm.report.wording import words

if TYPE_CHECKING:
    from markupsafe import Markup

__all__ = ["cards_css", "cards_html"]

FOLDER = "ruvllm.report.tasks"


def cards_html(cards: CardList, number: int) -> Markup:
    """The list as HTML; its number tells it from other lists of the page. Needs jinja2."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    environment.filters.update(slug=slug, words=words)
    template = environment.from_string((files(FOLDER) / "cards.html.j2").read_text(encoding="utf-8"))
    outcomes = Counter(card.outcome for card in cards.cards)
    kinds = Counter(card.kind for card in cards.cards if card.kind)
    return Markup(template.render(list=cards, number=number, outcomes=outcomes, kinds=dict(sorted(kinds.items()))))


def cards_css(report: Report) -> str:
    """Style of the cards, with a rule for each outcome and type that occurs; empty if there are no cards."""
    cards = [card for section in report.sections for block in section.blocks if isinstance(block, CardList)
             for card in block.cards]  # fmt: skip
    if not cards:
        return ""
    outcomes = sorted({f"o-{slug(card.outcome)}" for card in cards})
    kinds = sorted({f"k-{slug(card.kind)}" for card in cards if card.kind})
    rules = [f".single:has(.{name}.pick:checked) .task:not(.{name}) {{ display: none; }}" for name in outcomes + kinds]
    rules += [
        f".single:has(.{outcome}.pick:checked):has(.{kind}.pick:checked):not(:has(.task.{outcome}.{kind})) .nothing "
        "{ display: block; }"
        for outcome, kind in product(outcomes, kinds)
    ]
    return "\n".join([(files(FOLDER) / "cards.css").read_text(encoding="utf-8"), *rules, ""])
