"""Small checkpoints for the tests of writing and verifying."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ruvllm.checkpoints.writing import CheckpointState, WrittenCheckpoint, write_checkpoint

TIMESTAMP = "2026-01-02T03:04:05.678Z"
ORIGINALS = Path(__file__).parents[2] / "shared" / "data" / "original-checkpoints"
VERIFY_COMMAND = [sys.executable, "-c", "import sys; from ruvllm.commands.verify import main; sys.exit(main())"]
TASK_TYPES = ["code_completion", "bug_fix", "refactor", "test_gen"]

needs_originals = pytest.mark.skipif(
    not ORIGINALS.is_dir(), reason="the original system's checkpoints are not beside this checkout"
)
posix = pytest.mark.skipif(os.name == "nt", reason="POSIX files and signals")


def sample_state(
    rank: int = 2, dimension: int = 5, heads: int = 4, patterns: int = 3, seed: int = 0, **changes: Any
) -> CheckpointState:
    """A state of the right shapes with random numbers, some of them awkward; `changes` replace fields."""
    random = np.random.default_rng(seed)

    def matrix(*shape: int) -> np.ndarray[Any, np.dtype[np.float32]]:
        return random.standard_normal(shape).astype(np.float32)

    parameters = 2 * rank * dimension * (1 + heads)
    lora_a = matrix(rank, dimension)
    lora_a.flat[: min(5, lora_a.size)] = np.array([-0.0, 1e-45, 3e-7, 1e21, -16777216], np.float32)[: lora_a.size]
    fields: dict[str, Any] = {
        "lora_a": lora_a,
        "lora_b": matrix(rank, dimension),
        "lora_alpha": 16.0,
        "heads": {name: (matrix(rank, dimension), matrix(rank, dimension)) for name in TASK_TYPES[:heads]},
        "fisher": np.abs(matrix(parameters)),
        "optimal": matrix(parameters),
        "task_count": 2,
        "ewc_lambda": 400.0,
        "pattern_centroids": matrix(patterns, dimension),
        "pattern_qualities": np.abs(matrix(patterns)),
        "pattern_solutions": matrix(patterns, dimension),
        "pattern_types": [TASK_TYPES[i % 4] for i in range(patterns)],
        "trajectories": 480,
        "successes": 123,
        "average_quality": 0.1 + 0.2,
    }
    return CheckpointState(**{**fields, **changes})


def sample_content(**changes: Any) -> dict[str, Any]:
    """The keyword arguments of checkpoint_hashes."""
    content: dict[str, Any] = {
        "version": "3.0.0",
        "model_name": "DeepSeek-Coder-1.3B",
        "state": sample_state(),
        "history": [{"epoch": 1, "resolveRate": 0.25, "confidence": 0.5}, {"epoch": 2, "resolveRate": 0.75}],
        "metrics": {"initial": {"resolveRate": 0.18}, "final": {"resolveRate": 0.75}, "controls": {}},
        "run": {"seed": 2**53 - 1, "version": "0.1.0", "models": ["Größe €😀"], "resume": False, "folds": None},
    }
    return {**content, **changes}


def write_sample(
    folder: Path, *, timestamp: str = TIMESTAMP, unhashed: Any = None, **changes: Any
) -> WrittenCheckpoint:
    """Write a sample checkpoint into a folder."""
    return write_checkpoint(folder, timestamp=timestamp, unhashed=unhashed, **sample_content(**changes))
