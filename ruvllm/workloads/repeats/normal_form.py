"""When are two texts the same? Unicode's compatibility form, no letter case, and spacing as single spaces."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["NumberedTexts", "first_of_each", "normal_form", "number_texts"]


def normal_form(text: str) -> str:
    """Returns the text in Unicode's NFKC, case-folded, with one space between words.

    >>> normal_form("ﬁnd\\tthe  WORD\\n")
    'find the word'
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return " ".join(text.casefold().split())


@dataclass(frozen=True, slots=True, eq=False)
class NumberedTexts:
    """n texts, of which those with the same normal form have the same number."""

    numbers: NDArray[np.uint32]
    """(n,): from 0, in the order of first occurrence."""
    forms: list[bytes]
    """The different normal forms in UTF-8, by number. A lone surrogate, which a docstring may hold, is three bytes."""


def number_texts(texts: Iterable[str]) -> NumberedTexts:
    """Numbers texts by their normal forms."""
    found: dict[bytes, int] = {}
    forms = (normal_form(text).encode("utf-8", "surrogatepass") for text in texts)
    numbers = np.fromiter((found.setdefault(form, len(found)) for form in forms), dtype=np.uint32)
    return NumberedTexts(numbers, list(found))


def first_of_each(records: Iterable[tuple[str, ...]]) -> list[int]:
    """Returns the numbers of the records whose texts, in the normal form, are those of no earlier one."""
    seen: dict[bytes, int] = {}
    for i, texts in enumerate(records):
        forms = "\0".join(map(normal_form, texts)).encode("utf-8", "surrogatepass")
        seen.setdefault(hashlib.sha256(forms).digest(), i)
    return list(seen.values())
