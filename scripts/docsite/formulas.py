"""Formulas: LaTeX between $$ becomes MathML, which browsers draw themselves: no script, no font, no network."""

from __future__ import annotations

import re

from latex2mathml.converter import convert

from docsite.links import outside_code

_DISPLAYED = re.compile(r"\$\$(.+?)\$\$", re.DOTALL)


def with_formulas(markdown: str) -> str:
    """The same Markdown with MathML for each displayed formula."""

    def formula(match: re.Match[str]) -> str:
        return f'<div class="formula">{convert(match[1].strip(), display="block")}</div>'

    return outside_code(markdown, lambda text: _DISPLAYED.sub(formula, text))
