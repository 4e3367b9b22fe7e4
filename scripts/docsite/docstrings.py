"""Docstrings as the site shows them: plain text with `>>>` lines, which Markdown would take for quotations."""

from __future__ import annotations

import re
from typing import Any

import griffe

_SESSION = re.compile(r"^( *)>>> .*(?:\n(?!\s*$).*)*", re.MULTILINE)


def as_markdown(text: str) -> str:
    """A docstring with a block of code around each of its examples, and with `<`, `*` and `_` of formulas as text."""
    blocks = _SESSION.split(text)
    matches = [match.group() for match in _SESSION.finditer(text)]
    plain = _plain(blocks[0])
    for match, (_, after) in zip(matches, zip(blocks[1::2], blocks[2::2], strict=True), strict=True):
        plain += f"```pycon\n{match}\n```{_plain(after)}"
    return plain


def _plain(text: str) -> str:
    """Formulas are text: a * b * c is no emphasis, and A_r no more."""
    parts = re.split(r"(`[^`]*`)", text)
    parts[::2] = [re.sub(r"([*\[\]])", r"\\\1", part).replace("<", "&lt;") for part in parts[::2]]
    return "".join(parts)


ANNOTATIONS = {
    "_Array": "ArrayLike", "_F32": "NDArray[float32]", "_F64": "NDArray[float64]", "_U8": "NDArray[uint8]",
    "_U32": "NDArray[uint32]", "_U64": "NDArray[uint64]", "_I32": "NDArray[int32]", "_I64": "NDArray[int64]",
    "_State": "dict[str, NDArray]", "Rows": "NDArray[float32]",
}  # fmt: skip
"""What short names of types in the sources stand for."""


class DocstringsAsMarkdown(griffe.Extension):
    """Changes each docstring once, when its object has been collected, and writes short names of types out."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = as_markdown(obj.docstring.value)
        annotations = [getattr(obj, "returns", None), getattr(obj, "annotation", None)]
        for annotation in [*annotations, *(each.annotation for each in getattr(obj, "parameters", ()))]:
            if isinstance(annotation, griffe.Expr):
                for part in annotation.iterate(flat=True):
                    if isinstance(part, griffe.ExprName):
                        part.name = ANNOTATIONS.get(part.name, part.name)
