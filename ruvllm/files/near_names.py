"""What a user who mistyped a name may have meant."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["did_you_mean", "nearest"]


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Returns the known name that is nearest, or None if none is near.

    Letter case and punctuation do not count, and the beginning of a single name is near: Phi3 is Phi-3-mini-4k.
    """
    from difflib import get_close_matches  # whoever types well does not wait for it

    plain = {_plain(each): each for each in known}
    begun = [each for each in plain if _plain(name) and each.startswith(_plain(name))]
    found = begun if len(begun) == 1 else get_close_matches(_plain(name), plain, n=1)
    return plain[found[0]] if found else None


def did_you_mean(name: str, known: Iterable[str], rest: str = "") -> str:
    """Returns " (did you mean X?)", with `rest` behind the nearest known name, or nothing if none is near."""
    found = nearest(name, known)
    return "" if found is None else f" (did you mean {found}{rest}?)"


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name.lower())
