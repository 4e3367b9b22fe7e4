"""Bugs and wrong fixes: single edits of a function's source that change what it does and keep its length.

A buggy function, its original and every wrong fix have the same number of bytes, so that the length gives nothing away.
Only code is edited: no strings, annotations or decorators.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

__all__ = ["Edit", "find_edits"]

_PAIRS = (
    ("min", "max"), ("any", "all"), ("lower", "upper"), ("lstrip", "rstrip"), ("ljust", "rjust"),
    ("append", "remove"), ("encode", "decode"), ("getattr", "hasattr"), ("isinstance", "issubclass"),
    ("tuple", "bytes"), ("list", "dict"), ("int", "str"), ("len", "sum"), ("rfind", "index"),
)  # fmt: skip
_OTHER_NAME = dict([*_PAIRS, *((b, a) for a, b in _PAIRS)])
_OTHER_OPERATOR = {
    "==": ("!=",), "!=": ("==",), "<=": (">=",), ">=": ("<=",), "<": (">",), ">": ("<",),
    "+": ("-", "*"), "-": ("+",), "*": ("+", "/"), "/": ("*",), "%": ("*", "+"), "&": ("|",), "|": ("&",), "^": ("&",),
    "//": ("**",), "**": ("//",), "<<": (">>",), ">>": ("<<",),
    "+=": ("-=",), "-=": ("+=",), "*=": ("/=",), "/=": ("*=",), "|=": ("&=",), "&=": ("|=",),
}  # fmt: skip
_OPERATOR = re.compile(rb"[)\s]*([-+*/%&|^<>=!]{1,3})[\s(]*")
_NOT_COMMUTATIVE = ast.Sub | ast.Div | ast.Mod | ast.FloorDiv | ast.Pow | ast.LShift | ast.RShift
MAX_OTHER_VARIABLES = 2
"""Most other variables that are tried in each place."""


@dataclass(frozen=True, slots=True)
class Edit:
    """Replaces the bytes from start to end of a UTF-8 text with `new`, which has the same length."""

    start: int
    end: int
    new: bytes

    def apply(self, source: bytes) -> bytes:
        return source[: self.start] + self.new + source[self.end :]


def find_edits(source: bytes) -> list[Edit]:
    """Returns all edits of a function's source (UTF-8) in the order of the tree. No two give the same text.

    An edit exchanges operators, operands or arguments, makes a constant one too large or too small, or puts one
    variable for another or a function for its counterpart. Raises SyntaxError if the source is not Python.
    """
    finder = _Finder(source, ast.parse(source))
    finder.visit(finder.tree)
    return list(dict.fromkeys(finder.found))


@dataclass
class _Finder(ast.NodeVisitor):
    source: bytes
    tree: ast.Module
    found: list[Edit] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._line_starts = [0]
        for line in self.source.splitlines(keepends=True):
            self._line_starts.append(self._line_starts[-1] + len(line))
        variables, attributes = set(), set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Name):
                if isinstance(node.ctx, ast.Store):
                    variables.add(node.id)
            elif isinstance(node, ast.arg):
                variables.add(node.arg)
            elif isinstance(node, ast.Attribute) and _is_own(node):
                attributes.add(node.attr)
        self._variables, self._attributes = sorted(variables), sorted(attributes)

    def _span(self, node: ast.expr) -> tuple[int, int]:
        assert node.end_lineno is not None and node.end_col_offset is not None
        begin = self._line_starts[node.lineno - 1] + node.col_offset
        return begin, self._line_starts[node.end_lineno - 1] + node.end_col_offset

    def _replace(self, start: int, end: int, new: bytes) -> None:
        if len(new) == end - start and self.source[start:end] != new:
            self.found.append(Edit(start, end, new))

    def _swap(self, first: ast.expr, second: ast.expr, *, bare: bool = False) -> None:
        """Exchanges two expressions. With `bare`, only if no parenthesis stands between them."""
        (a, b), (c, d) = self._span(first), self._span(second)
        if not bare or not set(self.source[b:c]) & set(b"()"):
            self._replace(a, d, self.source[c:d] + self.source[b:c] + self.source[a:b])

    def _swap_neighbours(self, nodes: Sequence[ast.expr]) -> None:
        for first, second in pairwise(nodes):
            if not isinstance(first, ast.Starred) and not isinstance(second, ast.Starred):
                self._swap(first, second)

    def _change_operator(self, left: ast.expr, right: ast.expr) -> None:
        begin, end = self._span(left)[1], self._span(right)[0]
        match = _OPERATOR.fullmatch(self.source, begin, end)
        if match is not None:
            for other in _OTHER_OPERATOR.get(match[1].decode(), ()):
                self._replace(*match.span(1), other.encode())

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._visit_all([*node.args.defaults, *(d for d in node.args.kw_defaults if d is not None), *node.body])

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self.visit_FunctionDef(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._visit_all(node.body)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self._visit_all([] if node.value is None else [node.value])

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        """Skips f-strings: before Python 3.12, node positions inside them do not refer to the source."""

    def _visit_all(self, nodes: Sequence[ast.AST]) -> None:
        for node in nodes:
            self.visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        for left, operator, right in zip([node.left, *node.comparators], node.ops, node.comparators, strict=False):
            self._change_operator(left, right)
            if isinstance(operator, ast.In | ast.NotIn):
                self._swap(left, right, bare=True)
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        self._change_operator(node.left, node.right)
        if isinstance(node.op, _NOT_COMMUTATIVE):
            self._swap(node.left, node.right, bare=True)
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self._change_operator(node.target, node.value)
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        if isinstance(node.op, ast.USub):
            begin = self._span(node)[0]
            self._replace(begin, begin + 1, b"+")
        self.generic_visit(node)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self._swap(node.body, node.orelse, bare=True)
        self.generic_visit(node)

    def visit_Slice(self, node: ast.Slice) -> None:
        if node.lower is not None and node.upper is not None:
            self._swap(node.lower, node.upper, bare=True)
        self.generic_visit(node)

    def visit_Tuple(self, node: ast.Tuple) -> None:
        if isinstance(node.ctx, ast.Load):
            self._swap_neighbours(node.elts)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        self._swap_neighbours(node.args)
        self._swap_neighbours([keyword.value for keyword in node.keywords])
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        begin, end = self._span(node)
        if node.value is True or node.value is None:
            self._replace(begin, end, b"None" if node.value else b"True")
        elif type(node.value) is int and self.source[begin:end].isdigit():
            for other in (node.value - 1, node.value + 1):
                self._replace(begin, end, str(other).encode())

    def visit_Name(self, node: ast.Name) -> None:
        if not isinstance(node.ctx, ast.Load):
            return
        if node.id in _OTHER_NAME:
            self._replace(*self._span(node), _OTHER_NAME[node.id].encode())
        elif node.id in self._variables:
            self._other_variable(*self._span(node), node.id, self._variables)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        end = self._span(node)[1]
        begin = end - len(node.attr.encode())
        if node.attr in _OTHER_NAME:
            self._replace(begin, end, _OTHER_NAME[node.attr].encode())
        elif _is_own(node):
            self._other_variable(begin, end, node.attr, self._attributes)
        self.generic_visit(node)

    def _other_variable(self, begin: int, end: int, name: str, names: Sequence[str]) -> None:
        same_length = [other.encode() for other in names if other != name and len(other.encode()) == end - begin]
        for other in same_length[:MAX_OTHER_VARIABLES]:
            self._replace(begin, end, other)


def _is_own(node: ast.Attribute) -> bool:
    return isinstance(node.value, ast.Name) and node.value.id == "self"
