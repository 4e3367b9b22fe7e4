"""What tells one language from another: its grammar, its files, its comments, and where its functions stand.

Names of node kinds and fields are those of the grammars that the `languages` extra installs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

__all__ = ["ATOMIC", "COMMENTS", "RULES", "LanguageRules", "language_of"]

COMMENTS = frozenset({"comment", "line_comment", "block_comment", "html_comment"})
ATOMIC = frozenset({
    "string", "template_string", "regex", "string_literal", "raw_string_literal", "interpreted_string_literal",
    "char_literal", "rune_literal", "character_literal", "system_lib_string", "jsx_text", "text_block",
})  # fmt: skip
"""Nodes whose text counts as one token, spaces and all."""


@dataclass(frozen=True, slots=True)
class LanguageRules:
    """One language, as far as its documented functions go."""

    title: str
    package: str
    """That has the grammar, by the name that it is installed by."""
    grammars: Mapping[str, str]
    """File suffix -> the function of the package's module that returns the grammar."""
    documents: str
    """Regular expression of how a comment begins that documents what stands below it."""
    functions: frozenset[str]
    """Kinds of nodes that are functions, if they have a body."""
    bodies: frozenset[str]
    """Kinds of what stands in their field `body`."""
    inside: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Kind of a node that may hold a single function -> the fields of it to look in, `*` for its only named child and
    `$` for its last one."""
    between: frozenset[str] = frozenset()
    """Kinds that may stand between a comment and what it documents: attributes, decorators."""
    surroundings: tuple[tuple[str, str], ...] = (("", ""),)
    """What a function may have to stand in to be parsed alone; the first that fits is taken."""
    tests: frozenset[str] = frozenset()
    """Names of modules inside a file that hold tests."""

    macros: re.Pattern[bytes] | None = None
    """Words that a preprocessor may take away and a grammar stumbles over, where a file cannot be parsed with them."""

    @property
    def module(self) -> str:
        return self.package.replace("-", "_")

    @property
    def suffixes(self) -> tuple[str, ...]:
        return tuple(self.grammars)


_SCRIPT_FUNCTIONS = frozenset({
    "function_declaration", "generator_function_declaration", "function_expression", "generator_function",
    "arrow_function", "method_definition",
})  # fmt: skip
_SCRIPT_INSIDE = {
    "export_statement": ("declaration", "value"), "lexical_declaration": ("*",), "variable_declaration": ("*",),
    "variable_declarator": ("value",), "expression_statement": ("*",), "assignment_expression": ("right",),
    "pair": ("value",), "field_definition": ("value",), "public_field_definition": ("value",),
}  # fmt: skip
_SCRIPT_SURROUNDINGS = (("", ""), ("class C {\n", "\n}"), ("({\n", "\n})"))
_BLOCK = r"/\*\*(?![*/])"
_MACRO = re.compile(rb"\b[A-Z][A-Z0-9]*_[A-Z0-9_]+(?=\s+[A-Za-z_~])")
"""As `LIB_INLINE` in `LIB_INLINE int size()`."""

RULES: dict[str, LanguageRules] = {
    "javascript": LanguageRules(
        "JavaScript", "tree-sitter-javascript", dict.fromkeys((".js", ".mjs", ".cjs", ".jsx"), "language"), _BLOCK,
        _SCRIPT_FUNCTIONS, frozenset({"statement_block"}), _SCRIPT_INSIDE, frozenset({"decorator"}),
        _SCRIPT_SURROUNDINGS,
    ),
    "typescript": LanguageRules(
        "TypeScript", "tree-sitter-typescript",
        {**dict.fromkeys((".ts", ".mts", ".cts"), "language_typescript"), ".tsx": "language_tsx"}, _BLOCK,
        _SCRIPT_FUNCTIONS, frozenset({"statement_block"}), _SCRIPT_INSIDE, frozenset({"decorator"}),
        _SCRIPT_SURROUNDINGS,
    ),
    "rust": LanguageRules(
        "Rust", "tree-sitter-rust", {".rs": "language"}, r"///(?!/)|" + _BLOCK, frozenset({"function_item"}),
        frozenset({"block"}), between=frozenset({"attribute_item"}), tests=frozenset({"test", "tests"}),
    ),
    "go": LanguageRules(
        "Go", "tree-sitter-go", {".go": "language"}, r"/[/*]",
        frozenset({"function_declaration", "method_declaration"}), frozenset({"block"}),
    ),
    "java": LanguageRules(
        "Java", "tree-sitter-java", {".java": "language"}, _BLOCK,
        frozenset({"method_declaration", "constructor_declaration", "compact_constructor_declaration"}),
        frozenset({"block", "constructor_body"}), surroundings=(("class C {\n", "\n}"), ("record f() {\n", "\n}")),
    ),
    "cpp": LanguageRules(
        "C++", "tree-sitter-cpp",
        dict.fromkeys((".cpp", ".cc", ".cxx", ".hpp", ".hh", ".hxx", ".h", ".ipp", ".tpp", ".inl"), "language"),
        r"/[/*]", frozenset({"function_definition"}), frozenset({"compound_statement"}),
        {"template_declaration": ("$",)}, surroundings=(("", ""), ("class f {\n", "\n};")), macros=_MACRO,
    ),
}  # fmt: skip

_LANGUAGE_OF = {suffix: name for name, rules in RULES.items() for suffix in rules.suffixes}


def language_of(path: str) -> str:
    """Returns the language of a file by the end of its name; "python" where no other one claims it."""
    return _LANGUAGE_OF.get(PurePosixPath(path).suffix, "python")
