"""Fonts for names in any script: what no font of this machine can draw is written in ASCII, not as empty boxes."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

__all__ = ["drawable", "families", "make_drawable"]

FIRST = "DejaVu Sans"
"""It comes with matplotlib, so that pictures are the same everywhere."""
MORE = (
    "Noto Sans CJK JP", "Noto Sans CJK SC", "Noto Sans CJK KR", "Noto Sans CJK TC", "Source Han Sans",
    "WenQuanYi Zen Hei", "WenQuanYi Micro Hei", "Droid Sans Fallback", "IPAGothic", "Hiragino Sans", "PingFang SC",
    "Yu Gothic", "Microsoft YaHei", "Malgun Gothic", "Apple SD Gothic Neo", "Arial Unicode MS", "Noto Sans Arabic",
    "Noto Sans Devanagari", "Noto Sans Thai",
)  # fmt: skip
"""Asked one after another for what the first cannot draw."""


@cache
def families() -> tuple[str, ...]:
    """Returns the families that this machine has, in the order in which they are asked."""
    from matplotlib import font_manager

    there = set(font_manager.get_font_names())
    return FIRST, *(name for name in MORE if name in there)


def drawable(text: str) -> str:
    """Returns the text with `\\u6a21` in place of each character that none of the families can draw."""
    if text.isascii():
        return text
    known = _characters()
    return "".join(c if c.isspace() or ord(c) in known else _escaped(c) for c in text)


def make_drawable(canvas: Canvas) -> None:
    """Puts drawable texts in place of all texts of a picture."""
    from matplotlib.text import Text

    for text in canvas.findobj(Text):
        assert isinstance(text, Text)
        text.set_text(drawable(text.get_text()))
    for axes in canvas.axes:
        for axis in (axes.xaxis, axes.yaxis):
            labels = [label.get_text() for label in axis.get_ticklabels()]
            if (changed := [drawable(label) for label in labels]) != labels:  # names, not numbers, which are drawable
                axis.set_ticklabels(changed)


@cache
def _characters() -> frozenset[int]:
    from matplotlib import font_manager

    paths = [font_manager.findfont(name) for name in families()]
    return frozenset(code for path in paths for code in font_manager.get_font(path).get_charmap())


def _escaped(character: str) -> str:
    return character.encode("ascii", "backslashreplace").decode("ascii")
