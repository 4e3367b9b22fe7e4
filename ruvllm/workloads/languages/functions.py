"""The documented functions of one file: what a comment directly above says, and the code below it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ruvllm.workloads.code.functions import MIN_BODY, MIN_DOCSTRING, DocumentedFunction
from ruvllm.workloads.languages.comments import docstring_of
from ruvllm.workloads.languages.grammars import parse_file
from ruvllm.workloads.languages.printing import TooLarge, normal_code
from ruvllm.workloads.languages.rules import COMMENTS, RULES, LanguageRules

if TYPE_CHECKING:
    from tree_sitter import Node

__all__ = ["MOST_BYTES", "FunctionsOfFile", "functions_of_source"]

MOST_STEPS = 8
"""Of nodes in one another between a comment and the function that it documents."""
LONGEST_NAME = 200
MOST_BYTES = 1 << 17
"""Of a function: for a task it is parsed a dozen times."""


@dataclass(frozen=True, slots=True)
class FunctionsOfFile:
    """What a file has."""

    functions: tuple[DocumentedFunction, ...]
    n_broken: int
    """Number of documented functions that could not be parsed."""
    n_large: int
    """Number of those that are too long or too deep."""


def functions_of_source(language: str, source: bytes, path: str) -> FunctionsOfFile:
    """Returns the documented functions of a file (UTF-8) in their order. `path` names it and tells its grammar.

    A function counts if the comment directly above says more than 40 characters and its code has more than 80. One
    that the grammar cannot parse is left out; the others are kept, since nothing in them is in doubt.
    """
    rules, suffix = RULES[language], path[path.rindex(".") :]
    root = parse_file(language, suffix, source).root_node
    found = _functions_below(root, rules, source, path)
    if root.has_error and rules.macros is not None:
        plain = rules.macros.sub(lambda match: b" " * len(match[0]), source)
        again = _functions_below(parse_file(language, suffix, plain).root_node, rules, plain, path)
        found = max(found, again, key=lambda each: len(each.functions))
    return found


def _functions_below(root: Node, rules: LanguageRules, source: bytes, path: str) -> FunctionsOfFile:
    found, n_broken, n_large = [], 0, 0
    for comments, owner in _documented(root, rules, source):
        function = _function_in(owner, rules)
        if owner.has_error:
            n_broken += function is not None or owner.is_error
            continue
        if function is None or _is_of_tests(owner, source, rules):
            continue
        name = _name_of(function, owner, source)
        docstring = docstring_of([_text(comment, source) for comment in comments], name)
        if len(docstring) <= MIN_DOCSTRING:
            continue
        try:
            code = _code_of(owner, source, name)
        except TooLarge:
            n_large += 1
            continue
        if len(code) > MIN_BODY:
            found.append(DocumentedFunction(docstring, code, path, name, function.start_point.row + 1))
    return FunctionsOfFile(tuple(found), n_broken, n_large)


def _documented(root: Node, rules: LanguageRules, source: bytes) -> list[tuple[list[Node], Node]]:
    """Returns comments that document something, and the node below them, in the order of the file.

    Looks at each list of neighbours once: to ask a node for its neighbour takes as long as it has neighbours.
    """
    found: list[tuple[list[Node], Node]] = []
    waiting = [root]
    while waiting:
        children = waiting.pop().children
        named = [child for child in children if child.is_named]
        waiting += (child for child in named if child.child_count and child.type not in COMMENTS)
        before = dict(zip([child.id for child in children[1:]], children, strict=False))
        for number, comment in enumerate(named[:-1]):
            if comment.type in COMMENTS and named[number + 1].type not in COMMENTS:
                group, below = _group(named, number, source), _touching(named, number, rules)
                if below is None or not re.match(rules.documents, _text(group[0], source)):
                    continue
                if not _is_behind_code(group[0], before.get(group[0].id), below):
                    found.append((group, below))
    return sorted(found, key=lambda each: each[1].start_byte)


def _group(neighbours: list[Node], last: int, source: bytes) -> list[Node]:
    """Returns the comments that belong together: a block alone, or lines below one another."""
    first = last
    while first > 0 and not _text(neighbours[first], source).startswith("/*"):
        above = neighbours[first - 1]
        if above.type not in COMMENTS or _text(above, source).startswith("/*"):
            break
        if above.start_point.row != neighbours[first].start_point.row - 1:
            break
        first -= 1
    return neighbours[first : last + 1]


def _is_behind_code(comment: Node, before: Node | None, below: Node) -> bool:
    """True if a comment is about what it stands behind, and not about what is below, on another line."""
    row = comment.start_point.row
    return before is not None and _last_row(before) == row and below.start_point.row != row


def _touching(neighbours: list[Node], comment: int, rules: LanguageRules) -> Node | None:
    """Returns what is below a comment and attributes, or None if an empty line or nothing is."""
    row = _last_row(neighbours[comment])
    for node in neighbours[comment + 1 :]:
        if node.start_point.row > row + 1 or node.type in COMMENTS:
            return None
        if node.type not in rules.between:
            return node
        row = _last_row(node)
    return None


def _function_in(owner: Node, rules: LanguageRules) -> Node | None:
    """Returns the function that is all that `owner` is about, or None."""
    node: Node | None = owner
    for _ in range(MOST_STEPS):
        if node is None:
            return None
        if node.type in rules.functions:
            body = node.child_by_field_name("body")
            return node if body is not None and body.type in rules.bodies else None
        node = next(filter(None, (_child(node, field) for field in rules.inside.get(node.type, ()))), None)
    return None


def _child(node: Node, field: str) -> Node | None:
    if field not in ("*", "$"):
        return node.child_by_field_name(field)
    children = [child for child in node.named_children if child.type not in COMMENTS]
    return children[-1] if children and (field == "$" or len(children) == 1) else None


def _code_of(owner: Node, source: bytes, name: str) -> str:
    """Returns what is shown of the function: all of `owner`, without `export`. Raises TooLarge."""
    inner = owner.child_by_field_name("declaration") if owner.type == "export_statement" else None
    shown = owner if inner is None else inner
    if shown.end_byte - shown.start_byte > MOST_BYTES:
        raise TooLarge(f"more than {MOST_BYTES} bytes")
    return normal_code(shown, source, name)


def _name_of(function: Node, owner: Node, source: bytes) -> str:
    """Returns the function's own name, or that of what it is assigned to; "" if it has none."""
    node = function.child_by_field_name("name") or function.child_by_field_name("declarator")
    step: Node | None = function
    while node is None and step is not None and step.id != owner.id:
        step = step.parent
        if step is not None:
            fields = ("name", "left", "key", "property")
            node = next(filter(None, (step.child_by_field_name(field) for field in fields)), None)
    while node is not None:
        inner = next(
            filter(None, (node.child_by_field_name(field) for field in ("declarator", "name", "property"))), None
        ) or (_last_child(node) if node.type in _AROUND_NAMES else None)
        if inner is None:
            break
        node = inner
    return "" if node is None else _text(node, source)[:LONGEST_NAME].strip("'\"` \n")


_AROUND_NAMES = frozenset({"destructor_name", "reference_declarator", "pointer_declarator"})


def _last_child(node: Node) -> Node | None:
    return node.named_children[-1] if node.named_children else None


def _is_of_tests(node: Node, source: bytes, rules: LanguageRules) -> bool:
    """True in a module of tests inside the file, as Rust has them."""
    step = node.parent if rules.tests else None
    while step is not None:
        name = step.child_by_field_name("name") if step.type == "mod_item" else None
        if name is not None and _text(name, source) in rules.tests:
            return True
        step = step.parent
    return False


def _text(node: Node, source: bytes) -> str:
    return source[node.start_byte : node.end_byte].decode("utf-8", "replace")


def _last_row(node: Node) -> int:
    """Returns the row of a node's last character. Some comments hold the line break behind them."""
    column_0 = node.end_point.column == 0 and node.end_byte > node.start_byte
    return node.end_point.row - column_0
