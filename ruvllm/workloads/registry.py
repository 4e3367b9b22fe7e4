"""The workloads by name: how each is written, read and replayed, and which settings suit it.

Imports nothing heavy, so that the help of a command can read it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pkgutil import resolve_name
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ruvllm.workloads.inputs import InputOptions, RealInput

__all__ = [
    "ALL_LANGUAGES", "CODE_TASKS", "DEFAULT_LANGUAGE", "GRAMMAR_TASKS", "LANGUAGES", "WORKLOADS", "WorkloadEntry",
    "preset_of",
]  # fmt: skip

CODE_TASKS = ("all", "docstring", "code_completion", "bug_fix", "refactor", "test_gen")
"""Kinds of tasks made from a source tree: the four types together, docstring to code, or one type alone."""
GRAMMAR_TASKS = ("all", "docstring", "code_completion", "bug_fix", "refactor")
"""Those of them that there are in other languages than Python."""
LANGUAGES = ("python", "javascript", "typescript", "rust", "go", "java", "cpp")
"""Languages of tasks, in the order of their numbers in results files, to which new ones are appended."""
DEFAULT_LANGUAGE, ALL_LANGUAGES = "python", "all"
"""What is read if no language is named, and what stands for all that a tree has files of."""
OTHER_KINDS = "tasks"
"""Preset of a kind that no entry names."""


@dataclass(frozen=True, slots=True)
class WorkloadEntry:
    """One workload. Tasks of real input have a reader; without one they are made from the seed."""

    form: str
    """How to write it. A path in brackets may be left out."""
    reader: str = ""
    """`module:function`, called with the path (or None) and InputOptions; returns a RealInput."""
    needs: str = ""
    """What a replay needs, in words."""
    tasks: tuple[str, ...] = ()
    """Kinds of tasks that --tasks may ask for. The default is "all"."""
    splits: tuple[str, ...] = ()
    """Ways to split that --split may ask for, the default first."""
    presets: Mapping[str, str] = field(default_factory=dict)
    """By kind of tasks: the name in ruvllm.learning.presets.PRESETS."""
    without_path: str = ""
    """What is read if no path is named."""

    def read(self, path: str | None, options: InputOptions) -> RealInput:
        """Reads the input. Raises ValueError, one line each, for input that cannot be used."""
        task_input: RealInput = resolve_name(self.reader)(None if path is None else os.path.expanduser(path), options)
        return task_input


WORKLOADS: dict[str, WorkloadEntry] = {
    "simulated": WorkloadEntry("simulated"),
    "code": WorkloadEntry(
        "code[:PATH]", "ruvllm.workloads.code.reading:read_code", "a source tree", CODE_TASKS, ("file", "function"),
        {**dict.fromkeys(CODE_TASKS, "code"), "docstring": "docstrings"}, "the standard library",
    ),
    "jsonl": WorkloadEntry(
        "jsonl:FILE", "ruvllm.workloads.jsonl:read_jsonl", "a file of tasks", presets={"issues": "issues"}
    ),
    "swebench": WorkloadEntry(
        "swebench:FILE", "ruvllm.workloads.localization.reading:read_localization",
        "issues, and the repositories that --repos names", presets={"issues": "issues"},
    ),
}  # fmt: skip


def preset_of(workload: str, kind: str) -> str:
    """Returns the name of the preset for a kind of tasks: the one for tasks if nothing is known of it."""
    entry = WORKLOADS.get(workload)
    return OTHER_KINDS if entry is None else entry.presets.get(kind, OTHER_KINDS)
