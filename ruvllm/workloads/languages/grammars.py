"""Grammars: loaded when a language is first asked for, from packages that have them inside. Nothing is downloaded."""

from __future__ import annotations

import importlib
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from ruvllm.workloads.languages.rules import RULES

if TYPE_CHECKING:
    from tree_sitter import Parser, Tree

__all__ = ["TooMuchWork", "check_installed", "grammar_name", "parse_file", "parse_function"]

CHUNK = 1 << 12
"""Bytes that a parser reads at once."""
STEPS = 100
"""After how many steps a parser calls back; as it is built."""
MOST_WORK, LEAST_WORK = 16, 1 << 20
"""Most bytes and steps for each byte of a source, and what any source may take besides. Files that people wrote take
less than 3 for each byte, and small ones less than 200,000 in all; where texts or brackets do not end, a parser can
take a number that grows with the square. Work is counted, and not time: what is read must not depend on the machine."""


class TooMuchWork(ValueError):
    """A parser was stopped: it read a source over and over again."""


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
    """Parses a file (UTF-8). What cannot be parsed is in the tree as errors.

    Raises TooMuchWork where that would take far more than a file of its size.
    """
    return _parsed(_parser(language, RULES[language].grammars[suffix]), source)


def parse_function(language: str, code: bytes) -> tuple[Tree, int] | None:
    """Parses one function (UTF-8) that stands alone. Returns the tree and the byte at which the function begins in it.

    A method only parses inside a class, and the tree has one around it. Returns None if nothing helps, or if parsing it
    takes too much work.
    """
    rules = RULES[language]
    for grammar in dict.fromkeys(rules.grammars.values()):
        for before, after in rules.surroundings:
            try:
                tree = _parsed(_parser(language, grammar), before.encode() + code + after.encode())
            except TooMuchWork:
                return None
            if not tree.root_node.has_error:
                return tree, len(before)
    return None


def _parsed(parser: Parser, source: bytes) -> Tree:
    """Parses bytes that it hands out one chunk after the other, and counts them: a parser may go back."""
    work, most = 0, MOST_WORK * len(source) + LEAST_WORK

    def chunk(start: int, _: object) -> bytes:
        nonlocal work
        work += CHUNK
        return source[start : start + CHUNK] if work <= most else b""

    def is_enough(_: int, __: bool) -> bool:
        nonlocal work
        work += STEPS
        return work > most

    try:
        tree = parser.parse(chunk, progress_callback=is_enough)
    except ValueError:
        if work <= most:
            raise
    parser.reset()
    if work > most:
        raise TooMuchWork(f"a source of {len(source)} bytes takes a parser more than {most} bytes and steps")
    return tree


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
