"""One writer of compact JSON text; ecmascript.py and canonical.py give it their rules."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from json.encoder import encode_basestring
from typing import Any

import numpy as np

from ruvllm import _core

_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class JsonRules:
    """What two JSON writers may do differently. Numbers are in ECMAScript's form for both."""

    ordered: Callable[[Iterable[str]], Iterable[str]]
    """The keys of an object in the order in which they are written."""
    integer: Callable[[int], str]
    """The text of a Python integer."""
    surrogates: Callable[[str], str]
    """What becomes of a quoted string that holds lone surrogates."""


Texts = dict[int, str]
"""The texts of lists of numbers and of arrays by their id(): for one value that is written more than once, by whatever
rules, and does not change in between."""


def write_json(value: object, rules: JsonRules, texts: Texts | None = None) -> str:
    """Write a value without spaces. `texts` is looked into first, and gets what is missing.

    Takes None, bool, int, float, str, dict with str keys, list, tuple and float32 arrays of shape (n,) or (m, n).
    Raises ValueError for a number that is not finite, TypeError for anything else.
    """
    parts: list[str] = []
    _append(value, rules, parts, texts)
    return "".join(parts)


def _append(value: object, rules: JsonRules, parts: list[str], texts: Texts | None) -> None:
    if isinstance(value, str):
        parts.append(_quoted(value, rules))
    elif value is None or isinstance(value, bool):
        parts.append("null" if value is None else "true" if value else "false")
    elif isinstance(value, float):
        parts.append(_core.number_to_string(value))
    elif isinstance(value, int):
        parts.append(rules.integer(value))
    elif isinstance(value, dict):
        _append_object(value, rules, parts, texts)
    elif isinstance(value, (list, tuple)):
        _append_list(value, rules, parts, texts)
    elif isinstance(value, np.ndarray):
        parts.append(_known(value, texts, _array_text))
    else:
        raise TypeError(f"JSON has no {type(value).__module__}.{type(value).__qualname__}: {value!r:.80}")


def _known(value: Any, texts: Texts | None, write: Callable[[Any], str]) -> str:
    if texts is None:
        return write(value)
    text = texts.get(id(value))
    if text is None:
        text = texts[id(value)] = write(value)
    return text


def _floats_text(values: list[Any] | tuple[Any, ...]) -> str:
    return _core.format_float64(np.array(values, dtype=np.float64))


def _append_list(
    values: list[Any] | tuple[Any, ...], rules: JsonRules, parts: list[str], texts: Texts | None
) -> None:
    # Matrices are lists of long lists of floats: the core writes each at once.
    if (texts is not None and id(values) in texts) or set(map(type, values)) == {float}:
        parts.append(_known(values, texts, _floats_text))
        return
    separator = "["
    for value in values:
        parts.append(separator)
        _append(value, rules, parts, texts)
        separator = ","
    parts.append("]" if values else "[]")


def _append_object(
    mapping: Mapping[str, object], rules: JsonRules, parts: list[str], texts: Texts | None
) -> None:
    for key in mapping:
        if not isinstance(key, str):
            raise TypeError(f"a key in JSON must be a string, not {key!r:.80}")
    separator = "{"
    for key in rules.ordered(mapping):
        parts += (separator, _quoted(key, rules), ":")
        _append(mapping[key], rules, parts, texts)
        separator = ","
    parts.append("}" if mapping else "{}")


def _array_text(array: np.ndarray[Any, Any]) -> str:
    if array.dtype.kind != "f" or array.dtype.itemsize != 4 or array.ndim not in (1, 2):
        raise TypeError(f"an array in JSON must be float32 of 1 or 2 dimensions, not {array.dtype} of {array.ndim}")
    return _core.format_float32(np.ascontiguousarray(array, dtype=np.float32))


def _quoted(text: str, rules: JsonRules) -> str:
    # encode_basestring escapes exactly what both standards do: quote, backslash, and controls below U+0020,
    # \b \t \n \f \r by name and the others as \u00xx in lower case.
    quoted = encode_basestring(text)
    if _SURROGATE.search(quoted):
        # Python keeps a pair made of two escapes apart; in UTF-16, JavaScript's strings, it is one character.
        quoted = quoted.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
        if _SURROGATE.search(quoted):
            return rules.surrogates(quoted)
    return quoted


def escape_surrogates(quoted: str) -> str:
    """Lone surrogates as JSON.stringify writes them since ECMAScript 2019: ``\\ud800``, lower case."""
    return _SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", quoted)
