"""A language with a grammar, as the task types ask for it."""

from __future__ import annotations

from dataclasses import dataclass

from ruvllm.workloads.code.edits import Edit
from ruvllm.workloads.languages.edits import find_edits, is_sound
from ruvllm.workloads.languages.names import renamed
from ruvllm.workloads.registry import GRAMMAR_TASKS

__all__ = ["GrammarSyntax"]


@dataclass(frozen=True, slots=True)
class GrammarSyntax:
    """See ruvllm.workloads.code.syntax.Syntax."""

    language: str

    @property
    def types(self) -> tuple[str, ...]:
        return tuple(kind for kind in GRAMMAR_TASKS if kind not in ("all", "docstring"))

    def find_edits(self, source: bytes) -> list[Edit]:
        return find_edits(self.language, source)

    def compiles(self, source: bytes) -> bool:
        return is_sound(self.language, source)

    def is_fix(self, source: bytes) -> bool:
        return is_sound(self.language, source)

    def rewritten(self, source: str) -> str | None:
        return renamed(self.language, source)
