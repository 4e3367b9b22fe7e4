"""Where two JSON documents differ first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ruvllm.files.json_reading import shown

__all__ = ["MISSING", "Difference", "first_difference"]

Difference = tuple[str, Any, Any]
"""Path of a field, what the file says, what it is here; MISSING where one of them has no such field."""


class _Missing:
    def __repr__(self) -> str:
        return "nothing"


MISSING = _Missing()


def first_difference(stored: object, computed: object, path: str = "") -> Difference | None:
    """Where two JSON values differ first, in the order of the stored one; None where they are equal."""
    if isinstance(stored, Mapping) and isinstance(computed, Mapping):
        for key in [*stored, *(key for key in computed if key not in stored)]:
            inner = f"{path}.{shown(key)}" if path else shown(key)
            found = first_difference(stored.get(key, MISSING), computed.get(key, MISSING), inner)
            if found is not None:
                return found
        return None
    if isinstance(stored, list) and isinstance(computed, list):
        for i in range(max(len(stored), len(computed))):
            left, right = (values[i] if i < len(values) else MISSING for values in (stored, computed))
            found = first_difference(left, right, f"{path}[{i}]")
            if found is not None:
                return found
        return None
    return None if type(_plain(stored)) is type(_plain(computed)) and stored == computed else (path, stored, computed)


def _plain(value: object) -> object:
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
