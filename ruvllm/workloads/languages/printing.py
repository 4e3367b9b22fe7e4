"""The tokens of a function, and the normal form of its code: no comments, even spacing, and its own name hidden."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ruvllm.workloads.languages.rules import ATOMIC, COMMENTS

if TYPE_CHECKING:
    from tree_sitter import Node

__all__ = ["DEEPEST", "Step", "Token", "TooLarge", "normal_code", "tokens"]

TAB = 4
"""Columns of a tab."""
DEEPEST = 500
"""Most nodes in one another in a function's tree: every token knows what it stands in."""


class TooLarge(ValueError):
    """A function is too long, or its tree has too many nodes in one another."""


@dataclass(frozen=True, slots=True)
class Step:
    """A node on the way from the root to a token."""

    kind: str
    field: str | None
    """Of its parent in which it stands."""
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Token:
    """A leaf of the tree, or a text such as a string, which counts as one. Places are bytes of the source."""

    kind: str
    field: str | None
    start: int
    end: int
    above: tuple[Step, ...] = ()
    """The nodes around it, the root first; empty unless asked for."""


def tokens(
    root: Node, *, whole_texts: bool = True, paths: bool = False, deepest: int | None = None
) -> Iterator[Token]:
    """Yields the tokens below a node in their order, without comments. Walks without recursion, however deep it is.

    `whole_texts` False goes into strings, in which names may stand. Raises TooLarge below `deepest` nodes.
    """
    cursor = root.walk()
    above: list[Step] = []
    while True:
        node, field = cursor.node, cursor.field_name
        assert node is not None
        if node.type not in COMMENTS:
            if not (whole_texts and node.type in ATOMIC) and cursor.goto_first_child():
                above.append(Step(node.type, field, node.start_byte, node.end_byte))
                if deepest is not None and len(above) > deepest:
                    raise TooLarge(f"more than {deepest} nodes in one another")
                continue
            if node.end_byte > node.start_byte:
                yield Token(node.type, field, node.start_byte, node.end_byte, tuple(above) if paths else ())
        while not cursor.goto_next_sibling():
            if not above:
                return
            cursor.goto_parent()
            above.pop()


def normal_code(root: Node, source: bytes, name: str) -> str:
    """Returns the code below a node: lines indented as the first one leaves it, single spaces, and no empty line.

    What stands between two tokens is white space and comments. It becomes a line break if it holds one, which some
    languages need, else a space, or nothing if there was nothing. Texts stay as they are. Raises TooLarge
    below DEEPEST.
    """
    pieces: list[str] = []
    end, first = root.start_byte, _indentation(source, root.start_byte)
    for token in tokens(root, deepest=DEEPEST):
        text = source[token.start : token.end].decode("utf-8", "replace")
        if not text.strip():  # a line break that a grammar counts
            continue
        gap = source[end : token.start]
        if b"\n" in gap:
            pieces.append("\n" + " " * max(0, _indentation(source, token.start) - first))
        elif gap:
            pieces.append(" ")
        pieces.append("f" if text == name and token.kind.endswith("identifier") else text.rstrip("\n"))
        end = token.end - (len(text) - len(text.rstrip("\n")))
    return "".join(pieces).strip()


def _indentation(source: bytes, at: int) -> int:
    """Returns the columns of white space at the beginning of the line of byte `at`."""
    line = source[source.rfind(b"\n", 0, at) + 1 : at]
    space = line[: len(line) - len(line.lstrip())]
    return sum(TAB if byte == 9 else 1 for byte in space)
