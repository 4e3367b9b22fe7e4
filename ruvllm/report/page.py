"""A report as one HTML page: nothing is loaded from anywhere, no script, light and dark, wide and narrow."""

from __future__ import annotations

import re
from importlib.resources import files
from itertools import count

from ruvllm.report.parts import CardList, Report, Series, Table, slug
from ruvllm.report.pictures import drawing, panel_svg, swatch_svg
from ruvllm.report.style import DARK, LIGHT, Theme, variables
from ruvllm.report.tasks.page import cards_css, cards_html
from ruvllm.version import __version__

__all__ = ["make_page"]

LONG = 26
"""Number of letters above which a text may be broken into lines."""


def make_page(report: Report, n_files: int | None = None) -> str:
    """The HTML, of so many results files or (None) of a store. Needs jinja2 and matplotlib."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup, escape

    here = files("ruvllm.report")
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    environment.tests["table"] = lambda block: isinstance(block, Table)

    def swatch(series: Series) -> Markup:
        return Markup(swatch_svg(series))

    def code(text: str) -> Markup:
        """What stands between backticks, as code."""
        return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))

    environment.tests["cards"] = lambda block: isinstance(block, CardList)
    numbers = count(1)
    environment.filters["cards"] = lambda block: cards_html(block, next(numbers))
    environment.filters.update(swatch=swatch, code=code, slug=slug, kinds=_kinds)
    with drawing(text_as_text=True):
        pictures = {
            figure.name: [
                Markup(panel_svg(panel, figure.height, f"{figure.name}-{i}")) for i, panel in enumerate(figure.panels)
            ]
            for figure in report.figures
        }
    css = (here / "page.css").read_text(encoding="utf-8")
    css += cards_css(report)
    css = css.replace("{{light}}", _declared(LIGHT)).replace("{{dark}}", _declared(DARK))
    template = environment.from_string((here / "page.html.j2").read_text(encoding="utf-8"))
    page = template.render(
        report=report, css=Markup(css), pictures=pictures, version=__version__, files=n_files
    )
    return page + "\n"


def _declared(theme: Theme) -> str:
    return " ".join(f"--{name}: {color};" for name, color in variables(theme).items())


def _kinds(table: Table) -> list[str]:
    """Returns the CSS class of each column's cells: numbers stand at the right, words at the left."""
    kinds = []
    for place, name in enumerate(table.columns):
        long = max((len(row[place]) for row in table.rows), default=0) > LONG
        if name == "published":
            kinds.append("theirs")
        else:
            kinds.append("words long" if long else "number" if table.rows and table.numeric[place] else "words")
    return kinds
