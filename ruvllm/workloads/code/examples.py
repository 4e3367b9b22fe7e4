"""How a function is used: the doctest in its docstring, or a call in the same file that certainly is one of it."""

from __future__ import annotations

import doctest
import re
import textwrap
from collections.abc import Sequence

from ruvllm.workloads.code.functions import DocumentedFunction

__all__ = ["CallIndex", "hide_name", "split_docstring"]

FEWEST_CHARACTERS = 40
"""Fewest characters of an example: shorter ones say too little."""
MAX_LINES = 12
_CALL = re.compile(r"\b(?:self|cls)\.(\w+)\(|(?<![.\w])(\w+)\(")
_PARSER = doctest.DocTestParser()


def split_docstring(docstring: str) -> tuple[str, str]:
    """Returns the docstring without its examples, and the code of the examples without their output ("" for none)."""
    try:
        pieces = _PARSER.parse(docstring)
    except ValueError:  # broken examples do not count
        return docstring, ""
    text = "".join(piece for piece in pieces if isinstance(piece, str))
    code = "".join(piece.source for piece in pieces if isinstance(piece, doctest.Example))
    lines = code.strip().splitlines()[:MAX_LINES]
    return "\n".join(line for line in text.splitlines() if line.strip()), "\n".join(lines)


def hide_name(text: str, qualname: str) -> str:
    """Returns the text with the function's own name replaced by f everywhere: the name would give the answer away."""
    return re.sub(rf"\b{re.escape(qualname.rpartition('.')[2])}\b", "f", text)


class CallIndex:
    """Finds calls of a function among the functions of the same file."""

    def __init__(self, functions: Sequence[DocumentedFunction]) -> None:
        self._first: dict[tuple[str, str, str], list[tuple[int, int]]] = {}
        self._functions = functions
        for number, function in enumerate(functions):
            owner = function.qualname.rpartition(".")[0]
            for match in _CALL.finditer(function.code):
                key = (function.path, owner, match[1]) if match[1] else (function.path, "", match[2])
                found = self._first.setdefault(key, [])
                # two functions are enough: one may be the function itself
                if len(found) < 2 and (not found or found[0][0] != number):
                    found.append((number, match.start()))

    def call_of(self, number: int) -> str | None:
        """Returns three lines around the first call of function `number` in another function of its file, or None.

        A module's function is called by its bare name, a method as self.NAME from a method of the same class. The name
        is hidden.
        """
        function = self._functions[number]
        owner, _, name = function.qualname.rpartition(".")
        if name.startswith("__") or "<locals>" in owner:
            return None
        for other, position in self._first.get((function.path, owner, name), ()):
            if other != number:
                text = hide_name(_lines_around(self._functions[other].code, position), function.qualname)
                return text if len(text) >= FEWEST_CHARACTERS else None
        return None


def _lines_around(source: str, position: int) -> str:
    lines = source.splitlines()
    number = source.count("\n", 0, position)
    return textwrap.dedent("\n".join(lines[max(1, number - 1) : number + 2]))
