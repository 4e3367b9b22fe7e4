"""The same function in other words: other variables, other statements, no spacing, the same behaviour."""

from __future__ import annotations

import ast
import re

__all__ = ["refactored"]

FEWEST_NAMES = 3
"""Fewest variables of a function: with fewer it would hardly change."""
_KEPT = frozenset({"self", "cls"})
_LOOKS_NAMES_UP = frozenset({"locals", "vars", "eval", "exec", "globals", "super"})
_FLIPPED: dict[type[ast.cmpop], type[ast.cmpop]] = {ast.Lt: ast.Gt, ast.Gt: ast.Lt, ast.LtE: ast.GtE, ast.GtE: ast.LtE}
_NEGATED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
_TOKEN = re.compile(
    r"""(?P<string>[A-Za-z]{0,2}(?:"""
    r"""\'\'\'(?:\\.|[^\\])*?\'\'\'|\"\"\"(?:\\.|[^\\])*?\"\"\"|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"))"""
    r"|(?P<indent>^ +)|(?P<space> +)|(?P<word>\w+)|(?P<other>.)",
    re.MULTILINE | re.DOTALL,
)


def refactored(source: str) -> str | None:
    """Returns the function rewritten, or None if too little of it can be.

    Parameters, local variables, attributes of self and private names are numbered. `x += y` becomes `x = x + y`, which
    is the same for numbers and texts. Comparisons are turned round, branches of if/else change places under the
    opposite condition, and spaces that Python can do without are removed. A function that looks up names at run time
    is left alone.
    """
    function = ast.parse(source).body[0]
    assert isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
    nodes = list(ast.walk(function))
    if any(isinstance(node, ast.Name) and node.id in _LOOKS_NAMES_UP for node in nodes):
        return None
    names = _new_names(function, nodes)
    if len(names) < FEWEST_NAMES:
        return None
    names |= _new_attributes(nodes)
    taken = {node.id if isinstance(node, ast.Name) else node.attr for node in nodes
             if isinstance(node, ast.Name | ast.Attribute)}  # fmt: skip
    if taken & set(names.values()):
        return None
    for node in nodes:
        _rename(node, names)
    return _tight(ast.unparse(ast.fix_missing_locations(_Rewriter().visit(function))))


def _new_names(function: ast.FunctionDef | ast.AsyncFunctionDef, nodes: list[ast.AST]) -> dict[str, str]:
    """Returns new names of the function's own variables, numbered in the order of their first use."""
    fixed = set(_KEPT)
    inner = [node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)]
    for node in nodes:
        if isinstance(node, ast.Global | ast.Nonlocal):
            fixed.update(node.names)
    for other in inner:
        if other is not function:  # may be called by keyword
            fixed.update(node.arg for node in ast.walk(other.args) if isinstance(node, ast.arg))
    found: dict[str, str] = {}
    for node in nodes:
        name = _bound_name(node)
        if name is not None and name not in fixed and name not in found:
            found[name] = f"v{len(found) + 1}"
    return found


def _new_attributes(nodes: list[ast.AST]) -> dict[str, str]:
    """Returns new names of private attributes (key ".name") and of private names of the module (key "_name")."""
    found: dict[str, str] = {}
    for node in nodes:
        if isinstance(node, ast.Attribute) and _is_own(node) and not node.attr.startswith("__"):
            found.setdefault("." + node.attr, f"a{len(found) + 1}")
        elif isinstance(node, ast.Name) and node.id.startswith("_") and not node.id.endswith("_"):
            found.setdefault(node.id, f"g{len(found) + 1}")
    return found


def _is_own(node: ast.Attribute) -> bool:
    return (isinstance(node.value, ast.Name) and node.value.id in _KEPT) or node.attr.startswith("_")


def _bound_name(node: ast.AST) -> str | None:
    if isinstance(node, ast.arg):
        return node.arg
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        return node.id
    return node.name if isinstance(node, ast.ExceptHandler) else None


def _rename(node: ast.AST, names: dict[str, str]) -> None:
    if isinstance(node, ast.arg):
        node.arg = names.get(node.arg, node.arg)
    elif isinstance(node, ast.Attribute):
        node.attr = names.get("." + node.attr, node.attr)
    elif isinstance(node, ast.Name):
        node.id = names.get(node.id, node.id)
    elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name is not None:
        node.name = names.get(node.name, node.name)


class _Rewriter(ast.NodeTransformer):
    def visit_AugAssign(self, node: ast.AugAssign) -> ast.stmt:
        self.generic_visit(node)
        if not isinstance(node.target, ast.Name):
            return node
        value = ast.BinOp(ast.Name(node.target.id, ast.Load()), node.op, node.value)
        return ast.copy_location(ast.Assign([node.target], value), node)

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        self.generic_visit(node)
        if len(node.ops) == 1 and type(node.ops[0]) in _FLIPPED:
            return ast.Compare(node.comparators[0], [_FLIPPED[type(node.ops[0])]()], [node.left])
        return node

    def visit_If(self, node: ast.If) -> ast.stmt:
        self.generic_visit(node)
        if node.orelse and not (len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If)):
            node.test, node.body, node.orelse = _negated(node.test), node.orelse, node.body
        return node

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        self.generic_visit(node)
        return ast.IfExp(_negated(node.test), node.orelse, node.body)


def _negated(test: ast.expr) -> ast.expr:
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return test.operand
    if isinstance(test, ast.Compare) and len(test.ops) == 1 and type(test.ops[0]) in _NEGATED:
        return ast.Compare(test.left, [_NEGATED[type(test.ops[0])]()], test.comparators)
    return ast.UnaryOp(ast.Not(), test)


def _tight(source: str) -> str:
    """Returns the source without the spaces that Python can do without, and half the indentation; strings stay."""
    out: list[str] = []
    tokens = [(match.lastgroup, match[0]) for match in _TOKEN.finditer(source)]
    for i, (kind, text) in enumerate(tokens):
        if kind == "indent":
            out.append(" " * (len(text) // 2))
        elif kind != "space":
            out.append(text)
        elif i + 1 < len(tokens) and _needs_space(tokens[i - 1], tokens[i + 1]):
            out.append(" ")
    return "".join(out)


def _needs_space(before: tuple[str | None, str], after: tuple[str | None, str]) -> bool:
    return {before[0], after[0]} <= {"word", "string"}
