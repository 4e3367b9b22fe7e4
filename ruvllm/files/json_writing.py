"""Writes JSON as ECMAScript does, in canonical form for hashes, and laid out for people."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from json.encoder import encode_basestring, encode_basestring_ascii
from math import isfinite
from typing import Any

import numpy as np
from msgspec import Struct

from ruvllm import _core

__all__ = [
    "MAX_SAFE_INTEGER",
    "Texts",
    "canonical_json",
    "digest_of_canonical_json",
    "digest_of_json",
    "pieces_of_json",
    "stringify",
    "to_json",
]

_SURROGATE = re.compile("[\ud800-\udfff]")
_INTEGER_LIKE = re.compile("0|[1-9][0-9]{0,9}")
_LAST_ARRAY_INDEX = 2**32 - 2
_LONG = 2**12
"""Characters of a text that is hashed by itself."""
_PLAIN = json.JSONEncoder(allow_nan=False)
_NESTING = frozenset((dict, list, tuple))
"""Types of what a line of its own is for."""

MAX_SAFE_INTEGER = 2**53 - 1
"""Largest integer of I-JSON (RFC 7493, section 2.2), on which RFC 8785 builds."""
Texts = dict[int, bytes]
"""Texts of arrays and of lists of numbers by their id(), for values that are written several times without a change."""
_Parts = list[str | bytes]
"""A text in pieces. Those that may be long are bytes, so that they are hashed and written without a copy."""


def stringify(value: object, texts: Texts | None = None) -> str:
    """Returns what `JSON.stringify(value)` returns (ECMA-262, section 25.5.2), so that JavaScript can check a hash.

    The value must be one that JSON.parse could have made. All numbers are doubles: an int is rounded to the nearest
    one. A float32 array (n,) or (m, n) is written as the shortest decimals that give back the same float32. Parsed and
    written again, they do not change.

    Raises ValueError for a number that is not finite (JSON.stringify would write `null`, so that two different values
    would share one hash), and TypeError for a value that JSON does not have.
    """
    return _write(value, _ECMASCRIPT, texts)


def canonical_json(value: object, texts: Texts | None = None) -> bytes:
    """Returns the canonical UTF-8 bytes of a value (RFC 8785, JSON Canonicalization Scheme), to be hashed.

    Has no spaces, keys sorted by UTF-16 code units, and the numbers of ECMAScript. A float32 array (n,) or (m, n) is
    written as by stringify(). Raises ValueError for a number that is not finite, an integer beyond 2^53 - 1 in
    magnitude and a lone surrogate, and TypeError for a value that JSON does not have.
    """
    return _write(value, _CANONICAL, texts).encode()


def pieces_of_json(value: object, texts: Texts) -> Iterator[bytes]:
    """Yields the UTF-8 bytes of stringify(value) in pieces: long texts by themselves, short ones together."""
    return _pieces(value, _ECMASCRIPT, texts)


def digest_of_json(value: object, texts: Texts | None = None) -> str:
    """Returns the SHA-256 of stringify(value) in UTF-8, as hex digits, without the whole text in memory."""
    return _digest(value, _ECMASCRIPT, texts)


def digest_of_canonical_json(value: object, texts: Texts | None = None) -> str:
    """Returns the SHA-256 of canonical_json(value), as hex digits, without the whole text in memory."""
    return _digest(value, _CANONICAL, texts)


def to_json(value: Any) -> str:
    """Returns JSON for people: a line for each field and for each list of plain values, and a newline at the end.

    Raises ValueError for NaN.
    """
    return _laid_out(value, "\n") + "\n"


def _laid_out(value: Any, newline: str) -> str:
    inner = newline + " "
    if isinstance(value, dict) and value:
        fields = (f"{_plain_text(str(key))}: {_laid_out(field, inner)}" for key, field in value.items())
        return "{" + inner + f",{inner}".join(fields) + newline + "}"
    if isinstance(value, list | tuple) and not _NESTING.isdisjoint(map(type, value)):
        return "[" + inner + f",{inner}".join(_laid_out(element, inner) for element in value) + newline + "]"
    return _plain_text(value)


def _plain_text(value: Any) -> str:
    if type(value) is str:
        return encode_basestring_ascii(value)
    if type(value) is int or (type(value) is float and isfinite(value)):
        return repr(value)
    return _PLAIN.encode(value)


class _Rules(Struct, frozen=True):
    """Where the two ways to write JSON differ. Both write numbers as ECMAScript does."""

    ordered: Callable[[Iterable[str]], Iterable[str]]
    """Puts the keys of an object into the order of writing."""
    integer: Callable[[int], str]
    """Returns the text of a Python integer."""
    surrogates: Callable[[str], str]
    """Returns the text of a quoted string with lone surrogates."""


def _write(value: object, rules: _Rules, texts: Texts | None = None) -> str:
    """Returns the text of a value, without spaces. Takes known texts from `texts` and adds the others.

    Takes None, bool, int, float, str, dict with str keys, list, tuple and float32 arrays (n,) or (m, n). Raises
    ValueError for a number that is not finite, and TypeError for any other type.
    """
    parts: _Parts = []
    _append(value, rules, parts, texts)
    return "".join([part if isinstance(part, str) else part.decode() for part in parts])


def _digest(value: object, rules: _Rules, texts: Texts | None) -> str:
    """Returns the SHA-256 of what _write() returns."""
    digest = hashlib.sha256()
    for piece in _pieces(value, rules, texts):
        digest.update(piece)
    return digest.hexdigest()


def _pieces(value: object, rules: _Rules, texts: Texts | None) -> Iterator[bytes]:
    parts: _Parts = []
    _append(value, rules, parts, texts)
    short: list[str] = []
    for part in parts:
        if isinstance(part, bytes) and len(part) >= _LONG:
            yield "".join(short).encode()
            yield part
            short.clear()
        else:
            short.append(part if isinstance(part, str) else part.decode())
    yield "".join(short).encode()


def _append(value: object, rules: _Rules, parts: _Parts, texts: Texts | None) -> None:
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


def _known(value: Any, texts: Texts | None, write: Callable[[Any], bytes]) -> bytes:
    if texts is None:
        return write(value)
    text = texts.get(id(value))
    if text is None:
        text = texts[id(value)] = write(value)
    return text


def _floats_text(values: list[Any] | tuple[Any, ...]) -> bytes:
    return _core.format_float64(np.array(values, dtype=np.float64))


def _append_list(
    values: list[Any] | tuple[Any, ...], rules: _Rules, parts: _Parts, texts: Texts | None
) -> None:
    # A matrix is a list of long lists of floats. The core writes each of them at once.
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
    mapping: Mapping[str, object], rules: _Rules, parts: _Parts, texts: Texts | None
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


def _array_text(array: np.ndarray[Any, Any]) -> bytes:
    if array.dtype.kind != "f" or array.dtype.itemsize != 4 or array.ndim not in (1, 2):
        raise TypeError(f"an array in JSON must be float32 of 1 or 2 dimensions, not {array.dtype} of {array.ndim}")
    return _core.format_float32(np.ascontiguousarray(array, dtype=np.float32))


def _quoted(text: str, rules: _Rules) -> str:
    # encode_basestring escapes exactly what both standards escape: quote, backslash, and controls below U+0020
    # (\b \t \n \f \r by name, the others as \u00xx in lower case).
    quoted = encode_basestring(text)
    if _SURROGATE.search(quoted):
        # In Python a pair of two escapes stays two characters. In UTF-16, as JavaScript's strings are, it is one.
        quoted = quoted.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
        if _SURROGATE.search(quoted):
            return rules.surrogates(quoted)
    return quoted


def _escape_surrogates(quoted: str) -> str:
    """Writes lone surrogates as JSON.stringify does since ECMAScript 2019: `\\ud800`, in lower case."""
    return _SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", quoted)


def _is_array_index(key: str) -> bool:
    return _INTEGER_LIKE.fullmatch(key) is not None and int(key) <= _LAST_ARRAY_INDEX


def _property_order(keys: Iterable[str]) -> Iterable[str]:
    """Orders keys as OrdinaryOwnPropertyKeys: ascending array indices, then the other keys as they came."""
    names = list(keys)
    indices = [key for key in names if _is_array_index(key)]
    if not indices:
        return names
    return sorted(indices, key=int) + [key for key in names if not _is_array_index(key)]


def _double(value: int) -> str:
    try:
        return _core.number_to_string(float(value))
    except OverflowError:
        raise ValueError("an integer in JSON must be within the range of a double, below 1.8e308") from None


def _sorted_keys(keys: Iterable[str]) -> Iterable[str]:
    # Big-endian bytes compare as the code units do. Python's own order, by code point, differs beyond U+FFFF.
    return sorted(keys, key=lambda key: key.encode("utf-16-be", "surrogatepass"))


def _safe_integer(value: int) -> str:
    if abs(value) > MAX_SAFE_INTEGER:
        raise ValueError(f"an integer in canonical JSON must be within ±(2^53 - 1), not {_shown(value)}")
    return str(int(value))


def _shown(value: int) -> str:
    # Python itself refuses str() of an integer of thousands of digits.
    return str(value) if value.bit_length() <= 256 else f"one of {value.bit_length()} bits"


def _refuse_surrogates(quoted: str) -> str:
    raise ValueError(f"a string in canonical JSON must hold no lone surrogate, not {_escape_surrogates(quoted):.80}")


_ECMASCRIPT = _Rules(ordered=_property_order, integer=_double, surrogates=_escape_surrogates)
_CANONICAL = _Rules(ordered=_sorted_keys, integer=_safe_integer, surrogates=_refuse_surrogates)
