"""The docstring question: which of all functions does a docstring describe?

One task per function, of one type. Its retrieval among all test functions is the measure to compare encoders by.
"""

from __future__ import annotations

from collections.abc import Sequence

from ruvllm.workloads.code.functions import DocumentedFunction
from ruvllm.workloads.tasks import TextTask
from ruvllm.workloads.workload import TASK_TYPES

__all__ = ["GENERATOR", "make_docstring_tasks"]

GENERATOR = 2
"""Version of the tasks. In version 1 candidates came from functions of any length, and a function that stands in a part
twice competed with itself in retrieval."""


def make_docstring_tasks(functions: Sequence[DocumentedFunction]) -> tuple[TextTask, ...]:
    """Returns one task per function, in their order: from its docstring to its code."""
    kind = TASK_TYPES.index("code_completion")
    return tuple(TextTask(f.docstring, f.code, kind, source=f.path, place=f.place) for f in functions)
