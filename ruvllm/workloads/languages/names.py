"""The variables of a function, and the function with other names for them, where that cannot change what it does.

A variable is renamed everywhere or not at all, and only if every place in which its name stands is certainly one of a
variable that the function declares itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ruvllm.workloads.languages.grammars import parse_function
from ruvllm.workloads.languages.printing import Step, Token, tokens

if TYPE_CHECKING:
    from tree_sitter import Node

__all__ = ["declaration_of", "is_unclear", "own_names", "renamed"]

FEWEST_NAMES = 3
"""Fewest variables that get another name: with fewer the function would hardly change."""
_DECLARES = frozenset({
    ("formal_parameters", None), ("required_parameter", "pattern"), ("optional_parameter", "pattern"),
    ("arrow_function", "parameter"), ("variable_declarator", "name"),  # JavaScript, TypeScript, Java
    ("formal_parameter", "name"), ("enhanced_for_statement", "name"),
    ("parameter", "pattern"), ("let_declaration", "pattern"),  # Rust
    ("parameter_declaration", "name"), ("variadic_parameter_declaration", "name"), ("short_var_declaration", "left"),
    ("var_spec", "name"), ("range_clause", "left"),  # Go
    ("parameter_declaration", "declarator"), ("optional_parameter_declaration", "declarator"),  # C++
    ("init_declarator", "declarator"), ("declaration", "declarator"), ("for_range_loop", "declarator"),
})  # fmt: skip
"""Kind and field of what stands around a name that is declared there."""
_BETWEEN = frozenset({
    ("expression_list", None), ("rest_pattern", None), ("assignment_pattern", "left"),
    ("pointer_declarator", "declarator"), ("reference_declarator", None), ("array_declarator", "declarator"),
    ("mut_pattern", None),
})  # fmt: skip
"""What may stand between the two."""
_SCOPES = re.compile(
    r"\w*(block|body)|compound_statement|arrow_function|generator_function|function_(item|definition|expression)"
    r"|(function|generator_function|method|constructor|compact_constructor)_declaration|method_definition"
    r"|(lambda|closure)_expression|func_literal|(enhanced_)?for_(statement|in_statement|range_loop|expression)|(while|if|do|try|switch|select|catch)_\w+"
    r"|(expression|type)_switch_statement|\w*case\w*|\w+_group|match_arm"
)
"""Kinds of nodes at whose end names end that are declared inside."""
_OTHER_SPACE = frozenset({"property_identifier", "field_identifier"})
"""Kinds of names that have nothing to do with variables of the same name."""
_OTHER_SPACE_IN = frozenset({("field_access", "field"), ("method_invocation", "name")})
_UNCLEAR_IN = frozenset({
    "token_tree", "lifetime", "label", "scoped_identifier", "attribute", "macro_invocation", "qualified_identifier",
    "element_value_pair", "annotation", "marker_annotation", "labeled_statement", "break_statement",
    "shorthand_field_initializer", "continue_statement", "switch_label", "method_reference", "nested_identifier",
})  # fmt: skip
"""What may hold a name that is no variable, or of which nobody knows."""
_HANDS_OFF = re.compile(
    r"preproc_.*|jsx_.*|class_body|with_statement|accessibility_modifier|override_modifier|asm_.*|macro_definition|ERROR"
)
"""Kinds of nodes in whose presence no name is changed."""
_LOOKS_NAMES_UP = frozenset({"eval", "arguments"})


@dataclass(slots=True)
class _Name:
    """Where a name stands."""

    variables: list[Token] = field(default_factory=list)
    declared: list[tuple[Token, Step, Step]] = field(default_factory=list)
    """Where it is declared, by what node, and the node as far as which it is known."""
    is_unclear: bool = False


def own_names(root: Node, begin: int, source: bytes) -> set[str]:
    """Returns the names of the parameters and variables that a function declares. It begins at byte `begin`."""
    return {name for name, found in _names(root, begin, source).items() if found.declared}


def renamed(language: str, code: str) -> str | None:
    """Returns the function with its parameters and variables numbered, or None if fewer than three can be.

    All other tokens stay. A name stays if it may be that of something else: used before it is declared or behind where
    it ends, in short forms of objects, macros, labels or types. In a function that looks names up at run time, has
    directives of a preprocessor, markup or classes inside, all of them stay.
    """
    source = code.encode("utf-8", "surrogatepass")
    parsed = parse_function(language, source)
    if parsed is None:
        return None
    root, begin = parsed[0].root_node, parsed[1]
    if _is_hands_off(root, begin, source):
        return None
    names = _names(root, begin, source)
    good = [name for name, found in names.items() if name != "f" and _is_safe(found)]
    new = {name: f"v{number}" for number, name in enumerate(good, 1)}
    if len(new) < FEWEST_NAMES or not names.keys().isdisjoint(new.values()):
        return None
    places = sorted(
        (token.start - begin, token.end - begin, new[name]) for name in good for token in names[name].variables
    )
    pieces, at = [], 0
    for start, end, text in places:
        pieces += [source[at:start], text.encode()]
        at = end
    changed = b"".join([*pieces, source[at:]])
    return changed.decode("utf-8", "surrogatepass") if parse_function(language, changed) is not None else None


def _is_safe(name: _Name) -> bool:
    return (
        not name.is_unclear
        and bool(name.declared)
        and all(any(_reaches(place, *declared) for declared in name.declared) for place in name.variables)
    )


def _reaches(place: Token, declared: Token, declaration: Step, scope: Step) -> bool:
    """True where a name is declared, and from the end of what declares it to where it is no longer known."""
    return place.start == declared.start or declaration.end <= place.start < scope.end


def _names(root: Node, begin: int, source: bytes) -> dict[str, _Name]:
    """Returns all names by their text, in the order of their first place."""
    found: dict[str, _Name] = {}
    in_macros: list[str] = []
    for token in tokens(root, whole_texts=False, paths=True):
        if not (begin <= token.start and token.end <= begin + len(source)):
            continue
        text = source[token.start - begin : token.end - begin].decode("utf-8", "replace")
        if any(step.kind == "token_tree" for step in token.above) and "string" in token.kind:
            in_macros += re.findall(r"\w+", text)  # println!("{name}")
        if not (token.kind.endswith("identifier") or "identifier" in token.kind):
            continue
        name = found.setdefault(text, _Name())
        parent = token.above[-1]
        if token.kind in _OTHER_SPACE or (parent.kind, token.field) in _OTHER_SPACE_IN:
            continue
        if token.kind != "identifier" or is_unclear(token):
            name.is_unclear = True
            continue
        name.variables.append(token)
        declaration = declaration_of(token)
        if declaration is not None:
            scopes = (step for step in reversed(token.above) if _SCOPES.fullmatch(step.kind))
            name.declared.append((token, declaration, next(scopes, token.above[0])))
    for text in in_macros:
        if text in found:
            found[text].is_unclear = True
    return found


def is_unclear(token: Token) -> bool:
    """Returns True where a name may be that of something else than a variable."""
    if token.above[-1].kind in _UNCLEAR_IN or any(step.kind == "token_tree" for step in token.above):
        return True
    return any(  # Point{x: 1}: a field, or a variable that is the key of a map
        step.kind == "literal_element" and step.field == "key" for step in token.above[-2:]
    )


def declaration_of(token: Token) -> Step | None:
    """Returns the node that declares the variable whose name stands here, or None."""
    where = token.field
    for step in reversed(token.above):
        if (step.kind, where) in _DECLARES:
            return step
        if (step.kind, where) not in _BETWEEN:
            return None
        where = step.field
    return None


def _is_hands_off(root: Node, begin: int, source: bytes) -> bool:
    for token in tokens(root, whole_texts=False, paths=True):
        if not (begin <= token.start and token.end <= begin + len(source)):
            continue
        inner = [step.kind for step in token.above if step.start >= begin]
        if any(map(_HANDS_OFF.fullmatch, (token.kind, *inner))):
            return True
        if source[token.start - begin : token.end - begin].decode("utf-8", "replace") in _LOOKS_NAMES_UP:
            return True
    return False
