"""What a run needs of its workload, wherever the tasks come from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ruvllm._core import TaskSource

__all__ = ["CATEGORIES", "TASK_TYPES", "Parts", "Retrieval", "Workload"]

TASK_TYPES = ("code_completion", "bug_fix", "refactor", "test_gen")
CATEGORIES = ("python", "javascript", "typescript", "rust", "go")

Numbers = NDArray[np.uint32]


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """Numbers of the tasks in each part of the data; no task is in two."""

    train: Numbers
    valid: Numbers
    test: Numbers
    holdout: Numbers


@dataclass(frozen=True, slots=True, eq=False)
class Retrieval:
    """The retrieval question of a corpus: which of all solutions of the test part belongs to each query?"""

    queries: NDArray[np.float32]
    """(n, d) unit rows."""
    solutions: NDArray[np.float32]
    """(n, d) unit rows; solution i is the right one of query i."""


@dataclass(frozen=True, slots=True, eq=False)
class Workload:
    """n tasks, split, with their vectors behind `source`."""

    name: str
    source: TaskSource
    types: NDArray[np.uint8]
    """(n,) indices into TASK_TYPES."""
    difficulty: NDArray[np.float32]
    """(n,) in [0, 1]."""
    categories: NDArray[np.uint8]
    """(n,) indices into CATEGORIES."""
    parts: Parts
    digest: str | None = None
    """SHA-256 of input that is not made from the seed."""
    details: dict[str, Any] = field(default_factory=dict)
    """Arguments that made the workload, for the `run` block of a checkpoint."""
    retrieval: Retrieval | None = None
