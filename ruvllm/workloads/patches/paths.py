"""The paths in a patch: git's quoting, prefixes such as `a/` and `b/`, and what diff writes behind a name."""

from __future__ import annotations

import re

__all__ = ["ABSENT", "header_path", "in_both", "quoted", "without_prefix"]

ABSENT = "/dev/null"
"""What stands for a file that is not there on one side."""

_ESCAPE = re.compile(rb"\\([0-7]{1,3}|.)", re.DOTALL)
_LETTERS = {b"a": b"\a", b"b": b"\b", b"t": b"\t", b"n": b"\n", b"v": b"\v", b"f": b"\f", b"r": b"\r"}
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_TIMES = re.compile(r"\t.*$|\s+\d{4}-\d\d-\d\d[ T]\d\d:\d\d.*$|\s+\((?:revision \d+|working copy|nonexistent)\)\s*$")
_NEVER = re.compile(r"\b(?:1970-01-01|1969-12-31|Jan +1 .*\b1970|Dec 31 .*\b1969)\b|\((?:revision 0|nonexistent)\)\s*$")
"""How diff, Mercurial and Subversion date a file that is not there."""
_PREFIXES = {("a", "b"), ("i", "w"), ("c", "i"), ("c", "w"), ("o", "w"), ("1", "2"), ("old", "new"), ("orig", "new")}
"""First folders that stand for the two sides: git's own, those of its diff.mnemonicPrefix, and what people choose."""


def header_path(text: str) -> str:
    """Returns the path that follows `--- ` or `+++ `: unquoted, without a date; ABSENT for a file that is not there."""
    match = _QUOTED.match(text)
    rest = text if match is None else text[match.end() :]
    path = _TIMES.sub("", text) if match is None else _unquoted(match[1])
    return ABSENT if path != ABSENT and _NEVER.search(rest[len(path) :] if match is None else rest) else path


def quoted(text: str) -> str:
    """Returns a path as git writes it in a line of its own, unquoted."""
    match = _QUOTED.fullmatch(text)
    return text if match is None else _unquoted(match[1])


def _unquoted(text: str) -> str:
    """Undoes C's escapes. Bytes that are no UTF-8 stay escaped."""

    def plain(match: re.Match[bytes]) -> bytes:
        code = match[1]
        return bytes([int(code, 8) & 255]) if code[:1].isdigit() else _LETTERS.get(code, code)

    raw = text.encode("utf-8", "surrogatepass")
    return _ESCAPE.sub(plain, raw).decode("utf-8", "backslashreplace")


def in_both(text: str) -> tuple[str, str] | None:
    """Returns the two paths behind `diff --git `, prefixes and all; None where they cannot be told apart.

    Names may hold spaces, and git does not quote those: then the cut is where both sides name the same file.
    """
    match = _QUOTED.match(text)
    if match is not None:
        return _unquoted(match[1]), quoted(text[match.end() :].lstrip(" "))
    if text.endswith('"') and (at := text.find(' "')) > 0:
        return text[:at], quoted(text[at + 1 :])
    cuts = [(text[:i], text[i + 1 :]) for i, letter in enumerate(text) if letter == " "]
    if len(cuts) == 1:
        return cuts[0]
    same = [cut for cut in cuts if cut[0] == cut[1] or _below_first(cut[0]) == _below_first(cut[1]) is not None]
    return same[0] if same else None


def without_prefix(old: str, new: str) -> str:
    """Returns the old path without the folder that stands for its side, where both are of the same file.

    A prefix is a first folder in which the two differ alone, or a well-known pair. Of the same name on both sides
    (diff.noprefix) nothing is cut.
    """
    first, _, below = old.partition("/")
    if below and (below == _below_first(new) and old != new):
        return below
    other = new.partition("/")[0]
    known = (first, other) in _PREFIXES or (other, first) in _PREFIXES
    return below if below and known and first != other else old


def _below_first(path: str) -> str | None:
    return path.partition("/")[2] or None
