"""JSON as ECMAScript's ``JSON.stringify(value)`` writes it (ECMA-262, section 25.5.2), so that hashes of our texts
can be checked by any JavaScript runtime."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ruvllm import _core
from ruvllm.files.json_writing import JsonRules, Texts, escape_surrogates, write_json

_INTEGER_LIKE = re.compile("0|[1-9][0-9]{0,9}")
_LAST_ARRAY_INDEX = 2**32 - 2


def stringify(value: object, texts: Texts | None = None) -> str:
    """Return what ``JSON.stringify(value)`` returns, for a value that JSON.parse could have made.

    All numbers are doubles: an int is rounded to the nearest one. A float32 array of shape (n,) or (m, n) is written
    as the shortest decimals that give back the same float32; parsed and written again, they do not change.

    Raises ValueError for a number that is not finite (JSON.stringify would write ``null``: two different values
    would share one hash), TypeError for what JSON does not have.
    """
    return write_json(value, _RULES, texts)


def _is_array_index(key: str) -> bool:
    return _INTEGER_LIKE.fullmatch(key) is not None and int(key) <= _LAST_ARRAY_INDEX


def _property_order(keys: Iterable[str]) -> Iterable[str]:
    """OrdinaryOwnPropertyKeys: array indices first, ascending, then the other keys as they came."""
    names = list(keys)
    indices = [key for key in names if _is_array_index(key)]
    if not indices:
        return names
    return sorted(indices, key=int) + [key for key in names if not _is_array_index(key)]


def _integer(value: int) -> str:
    try:
        return _core.number_to_string(float(value))
    except OverflowError:
        raise ValueError("an integer in JSON must be within the range of a double, below 1.8e308") from None


_RULES = JsonRules(ordered=_property_order, integer=_integer, surrogates=escape_surrogates)
