"""Texts by the words they have in common, beside encoders: what BM25 of the C++ core is given."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["for_bm25"]

_WORD = re.compile(r"\w+")


def for_bm25(texts: Sequence[str]) -> list[bytes]:
    """Returns the texts (n,) in UTF-8 as `ruvllm._core.Bm25` takes them: words with letters beyond ASCII are small.

    Others keep their case, for it says where the parts of an identifier begin. Python's Unicode rules decide. A lone
    surrogate, which a docstring may hold, parts words.
    """
    if isinstance(texts, str):
        raise TypeError("texts must be a sequence of texts, not one text")
    return [_small(text).encode("utf-8", "replace") for text in texts]


def _small(text: str) -> str:
    return text if text.isascii() else _WORD.sub(lambda word: word[0] if word[0].isascii() else word[0].lower(), text)
