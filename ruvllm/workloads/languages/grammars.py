"""Grammars: loaded when a language is first asked for, from packages that have them inside. Nothing is downloaded."""

from __future__ import annotations

import importlib
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from ruvllm.workloads.languages.rules import RULES

if TYPE_CHECKING:
    from tree_sitter import Parser, Tree

__all__ = ["check_installed", "grammar_name", "parse_file", "parse_function"]


def check_installed(language: str) -> None:
    """Raises ValueError, one line, if the grammar of a language is not installed."""
    for suffix in RULES[language].suffixes:
        _parser(language, RULES[language].grammars[suffix])


def grammar_name(language: str) -> str:
    """Returns the package of a grammar and its version, `tree-sitter-go 0.25.0`: what parses may depend on."""
    package = RULES[language].package
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return f"{package} of no known version"


def parse_file(language: str, suffix: str, source: bytes) -> Tree:
    """Parses a file (UTF-8). What cannot be parsed is in the tree as errors."""
    return _parser(language, RULES[language].grammars[suffix]).parse(source)


def parse_function(language: str, code: bytes) -> tuple[Tree, int] | None:
    """Parses one function (UTF-8) that stands alone. Returns the tree and the byte at which the function begins in it.

    A method only parses inside a class, and the tree has one around it. Returns None if nothing helps.
    """
    rules = RULES[language]
    for grammar in dict.fromkeys(rules.grammars.values()):
        for before, after in rules.surroundings:
            tree = _parser(language, grammar).parse(before.encode() + code + after.encode())
            if not tree.root_node.has_error:
                return tree, len(before)
    return None


@cache
def _parser(language: str, grammar: str) -> Parser:
    rules = RULES[language]
    try:
        import tree_sitter

        module = importlib.import_module(rules.module)
    except ImportError as error:
        raise ValueError(
            f"{rules.title} source needs {error.name}, which is not installed: pip install 'ruvllm[languages]'"
        ) from None
    try:
        return tree_sitter.Parser(tree_sitter.Language(getattr(module, grammar)()))
    except (AttributeError, ValueError) as error:  # the one is of another age than the other
        raise ValueError(
            f"{grammar_name(language)} cannot be used ({error}): pip install -U 'ruvllm[languages]'"
        ) from None
