"""What the task types need of a language: single edits of a function, whether they are good, and rewriting it."""

from __future__ import annotations

from typing import Protocol

from ruvllm.workloads.code.edits import Edit, find_edits
from ruvllm.workloads.code.refactor import refactored
from ruvllm.workloads.workload import TASK_TYPES

__all__ = ["PYTHON", "Syntax"]


class Syntax(Protocol):
    """A language. Sources are those of one function, in UTF-8."""

    @property
    def types(self) -> tuple[str, ...]:
        """The task types that can be made of its functions."""

    def find_edits(self, source: bytes) -> list[Edit]:
        """Returns single edits that keep the length, in a fixed order. Raises SyntaxError."""

    def compiles(self, source: bytes) -> bool:
        """Returns whether a function with a bug is one that its language would take."""

    def is_fix(self, source: bytes) -> bool:
        """Returns whether an edited function may be a wrong answer."""

    def rewritten(self, source: str) -> str | None:
        """Returns the function in other words, or None if too little of it can be changed in safety."""


class _Python:
    types = TASK_TYPES

    def find_edits(self, source: bytes) -> list[Edit]:
        return find_edits(source)

    def compiles(self, source: bytes) -> bool:
        try:
            compile(source, "", "exec", dont_inherit=True)
        except (SyntaxError, ValueError):
            return False
        return True

    def is_fix(self, source: bytes) -> bool:
        return True  # edits follow the tree of Python itself

    def rewritten(self, source: str) -> str | None:
        return refactored(source)


PYTHON: Syntax = _Python()
