"""Canonical JSON by RFC 8785 (JSON Canonicalization Scheme): one text for equal documents, to be hashed."""

from __future__ import annotations

from collections.abc import Iterable

from ruvllm.files.json_writing import JsonRules, Texts, escape_surrogates, write_json

MAX_SAFE_INTEGER = 2**53 - 1
"""The largest integer of I-JSON (RFC 7493, section 2.2), on which RFC 8785 builds."""


def canonical_json(value: object, texts: Texts | None = None) -> bytes:
    """Return the canonical UTF-8 bytes of a value: no spaces, keys sorted by UTF-16 code units, ECMAScript's numbers.

    A float32 array of shape (n,) or (m, n) stands for the list of the shortest decimals that give back its numbers.
    Raises ValueError for numbers that are not finite, integers beyond 2^53 - 1 in magnitude and lone surrogates,
    TypeError for what JSON does not have.
    """
    return write_json(value, _RULES, texts).encode()


def _sorted_keys(keys: Iterable[str]) -> Iterable[str]:
    # big-endian bytes compare as the code units do; Python's own order, by code point, differs beyond U+FFFF
    return sorted(keys, key=lambda key: key.encode("utf-16-be", "surrogatepass"))


def _integer(value: int) -> str:
    if abs(value) > MAX_SAFE_INTEGER:
        raise ValueError(f"an integer in canonical JSON must be within ±(2^53 - 1), not {_shown(value)}")
    return str(int(value))


def _shown(value: int) -> str:
    # str() of an integer of thousands of digits is refused by Python itself
    return str(value) if value.bit_length() <= 256 else f"one of {value.bit_length()} bits"


def _refuse_surrogates(quoted: str) -> str:
    raise ValueError(f"a string in canonical JSON must hold no lone surrogate, not {escape_surrogates(quoted):.80}")


_RULES = JsonRules(ordered=_sorted_keys, integer=_integer, surrogates=_refuse_surrogates)
