"""Results files as text: an object's fields on lines of their own, a list of plain values on one line."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["to_json"]


def to_json(value: Any) -> str:
    """The JSON text of objects, lists and plain values, with a newline at its end. Raises ValueError for NaN."""
    return _text(value, "\n") + "\n"


def _text(value: Any, newline: str) -> str:
    inner = newline + " "
    if isinstance(value, dict) and value:
        fields = (f"{_plain(str(key))}: {_text(field, inner)}" for key, field in value.items())
        return "{" + inner + f",{inner}".join(fields) + newline + "}"
    if isinstance(value, list | tuple) and any(isinstance(element, dict | list | tuple) for element in value):
        return "[" + inner + f",{inner}".join(_text(element, inner) for element in value) + newline + "]"
    return _plain(value)


def _plain(value: Any) -> str:
    return json.dumps(value, allow_nan=False)
