"""Engines on a small simulated world and on a small corpus, and all that one can be compared by."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt
from simulated_samples import small_workload

from ruvllm import Control, EngineConfig, LearningEngine, TaskSource
from ruvllm.learning.constants import Size
from ruvllm.learning.protocols import PROTOCOLS, engine_config
from ruvllm.workloads.workload import TASK_TYPES, Workload

WORKLOAD = small_workload(size=Size(6, 40))
TRAIN, TEST = WORKLOAD.parts.train, WORKLOAD.parts.test


def make_engine(
    source: TaskSource = WORKLOAD.source,
    *,
    protocol: str = "v3",
    control: Control = Control.NONE,
    seed: int = 0,
    isa: str = "auto",
    **changes: Any,
) -> LearningEngine:
    config = engine_config(
        PROTOCOLS[protocol], dim=source.dim, rank=2, n_types=len(TASK_TYPES), seed=seed, control=control
    )
    configure(config, changes)
    return LearningEngine(source, config, isa=isa)


def configure(config: EngineConfig, changes: dict[str, Any]) -> None:
    """Sets constants of a configuration by their names, such as "replay.alpha"."""
    for name, value in changes.items():
        *groups, last = name.split(".")
        setattr(reduce(getattr, groups, config), last, value)


def learn(engine: LearningEngine, workload: Workload = WORKLOAD, epochs: int = 3, tasks: int = 60) -> list[Any]:
    """Epochs of attempts, patterns, replay and one consolidation; what the engine returned.

    Where gradients are summed, the sum is applied in each epoch.
    """
    returned: list[Any] = []
    for epoch in range(epochs):
        order = np.resize(workload.parts.train, (epoch + 1) * tasks)[epoch * tasks :]
        returned += engine.train(order, learning_rate=0.003, temperature=0.8)
        engine.learn_patterns()
        returned.append(engine.replay(tasks, learning_rate=0.003))
        engine.step_along_sum(length=0.003 * tasks)
        engine.end_epoch()
        if epoch == 0:
            engine.consolidate()
    return returned


def learned(engine: LearningEngine) -> list[Any]:
    """All that an engine has learned, without the record of its attempts."""
    return [
        *(engine.parameters, engine.fisher, engine.reference, engine.ewc_task_count),
        *(engine.pattern_queries, engine.pattern_solutions, engine.pattern_qualities, engine.pattern_types),
        engine.memory_size,
    ]


def bits(values: list[Any]) -> list[Any]:
    return [value.tobytes() if isinstance(value, np.ndarray) else value for value in values]


def everything(engine: LearningEngine) -> list[Any]:
    return bits([*learned(engine), *engine.trajectories, engine.replay_beta])


def corpus(n: int = 40, dim: int = 33) -> dict[str, npt.NDArray[Any]]:
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(2 * n, dim)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return {
        "queries": rows[:n].copy(),
        "solutions": rows[n:].copy(),
        "candidates": generator.integers(0, n, (n, 5)).astype(np.int32),
        "right": generator.integers(0, 5, n).astype(np.int32),
        "types": (np.arange(n) % 4).astype(np.uint8),
    }
