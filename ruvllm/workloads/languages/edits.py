"""Bugs and wrong fixes in any language with a grammar: single edits of a function that keep its length.

An edit is offered where the tree says what stands there; whether its result can be parsed is for is_sound() to say.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from ruvllm.workloads.code.edits import Edit
from ruvllm.workloads.languages.grammars import parse_function
from ruvllm.workloads.languages.names import declaration_of, is_unclear, own_names
from ruvllm.workloads.languages.printing import Token, tokens
from ruvllm.workloads.languages.rules import COMMENTS

if TYPE_CHECKING:
    from tree_sitter import Node

__all__ = ["find_edits", "is_sound"]

_OPERATIONS = frozenset({
    "binary_expression", "augmented_assignment_expression", "assignment_expression", "assignment_statement",
    "compound_assignment_expr", "update_expression", "inc_statement", "dec_statement", "unary_expression",
})  # fmt: skip
"""Kinds of nodes in which a token such as `<` is an operator and no bracket of types."""
_OTHER_OPERATOR = {
    "==": ("!=",), "!=": ("==",), "===": ("!==",), "!==": ("===",), "<=": (">=",), ">=": ("<=",), "<": (">",),
    ">": ("<",), "+": ("-", "*"), "-": ("+",), "*": ("+", "/"), "/": ("*",), "%": ("*", "+"), "&": ("|",), "|": ("&",),
    "^": ("&",), "&&": ("||",), "||": ("&&",), "<<": (">>",), ">>": ("<<",), "++": ("--",), "--": ("++",),
    "+=": ("-=",), "-=": ("+=",), "*=": ("/=",), "/=": ("*=",), "|=": ("&=",), "&=": ("|=",),
}  # fmt: skip
_UNARY = frozenset({"unary_expression"})
_NUMBERS = frozenset({"number", "integer_literal", "int_literal", "decimal_integer_literal", "number_literal"})
_ARGUMENTS = frozenset({"arguments", "argument_list"})
_CONDITIONAL = frozenset({"ternary_expression", "conditional_expression"})
_NOT_COMMUTATIVE = frozenset({"-", "/", "%", "<<", ">>"})
_PAIRS = (("min", "max"), ("Min", "Max"), ("any", "all"), ("floor", "round"))
_OTHER_NAME = dict([*_PAIRS, *((b, a) for a, b in _PAIRS)])
MAX_OTHER_VARIABLES = 2
"""Most other variables that are tried in each place."""


def find_edits(language: str, source: bytes) -> list[Edit]:
    """Returns all edits of a function (UTF-8) in the order of its tokens, no two alike.

    An edit exchanges operators, operands, arguments or branches, makes a whole number one too large or too small, or
    puts one of the function's own variables for another. Raises SyntaxError if the function cannot be parsed.
    """
    parsed = parse_function(language, source)
    if parsed is None:
        raise SyntaxError(f"cannot be parsed as {language}")
    tree, begin = parsed
    names = sorted(own_names(tree.root_node, begin, source))
    found: list[Edit] = []
    for token in tokens(tree.root_node, paths=True):
        if begin <= token.start and token.end <= begin + len(source):
            for new in _other_tokens(source[token.start - begin : token.end - begin].decode("utf-8"), token, names):
                found.append(Edit(token.start - begin, token.end - begin, new))
    found += _exchanges(tree.root_node, begin, source)
    return list(dict.fromkeys(found))


def is_sound(language: str, source: bytes) -> bool:
    """Returns whether a function (UTF-8) can be parsed without an error."""
    return parse_function(language, source) is not None


def _other_tokens(text: str, token: Token, names: Sequence[str]) -> Iterator[bytes]:
    above = token.above[-1] if token.above else None
    if above is None:
        return
    if above.kind in _OPERATIONS and text in _OTHER_OPERATOR:
        for other in _OTHER_OPERATOR[text]:
            if above.kind not in _UNARY or (text, other) in (("-", "+"), ("+", "-")):
                yield other.encode()
    elif token.kind in _NUMBERS and text.isascii() and text.isdigit() and str(int(text)) == text:
        for number in (int(text) - 1, int(text) + 1):
            if len(str(number)) == len(text) and number >= 0:
                yield str(number).encode()
    elif token.kind.endswith("identifier") and text in _OTHER_NAME:
        yield _OTHER_NAME[text].encode()
    elif token.kind == "identifier" and text in names and not (is_unclear(token) or declaration_of(token)):
        same_length = [other for other in names if other != text and len(other.encode()) == len(text.encode())]
        yield from (other.encode() for other in same_length[:MAX_OTHER_VARIABLES])


def _exchanges(root: Node, begin: int, source: bytes) -> Iterator[Edit]:
    """Yields edits that put one expression in the place of its neighbour and the other way round."""
    for node in _nodes(root):
        pairs: list[tuple[Node | None, Node | None]] = []
        if node.type in _ARGUMENTS:
            pairs += pairwise(child for child in node.named_children if child.type not in COMMENTS)
        elif node.type in _CONDITIONAL:
            pairs.append((node.child_by_field_name("consequence"), node.child_by_field_name("alternative")))
        elif node.type == "binary_expression":
            operator = node.child_by_field_name("operator")
            if operator is not None and operator.type in _NOT_COMMUTATIVE:
                pairs.append((node.child_by_field_name("left"), node.child_by_field_name("right")))
        for first, second in pairs:
            if first is not None and second is not None and not _has_spread(first, second):
                edit = _exchange(first, second, begin, source)
                if edit.new != source[edit.start : edit.end]:
                    yield edit


def _exchange(first: Node, second: Node, begin: int, source: bytes) -> Edit:
    a, b, c, d = (place - begin for place in (first.start_byte, first.end_byte, second.start_byte, second.end_byte))
    return Edit(a, d, source[c:d] + source[b:c] + source[a:b])


def _has_spread(*nodes: Node) -> bool:
    return any("spread" in node.type or "variadic" in node.type for node in nodes)


def _nodes(root: Node) -> Iterator[Node]:
    """Yields all nodes, each before those inside it. Walks without recursion."""
    cursor, depth = root.walk(), 0
    while True:
        node = cursor.node
        assert node is not None
        yield node
        if cursor.goto_first_child():
            depth += 1
            continue
        while not cursor.goto_next_sibling():
            if depth == 0:
                return
            cursor.goto_parent()
            depth -= 1
