"""The simulated workload: tasks made from keys. docs/equations.md has the formulas."""

from __future__ import annotations

import numpy as np

from ruvllm._core import Purpose, RandomStream, SimulatedWorld
from ruvllm.encoders.models import ModelProfile
from ruvllm.workloads.splits import BLOCK, ORDINARY, Fold, stratified_split
from ruvllm.workloads.workload import TASK_TYPES, Details, Workload

__all__ = ["build_simulated_workload"]

GENERATOR = 1
"""Raised whenever the same arguments begin to make other tasks, so that results of both are not paired."""
CANDIDATES = 8
CATEGORIES = 5
"""Languages that tasks are said to be in, the first of LANGUAGES: more of them would draw other tasks."""
FAMILIES = 5
FAMILY_SHARE = 0.5
BLOCK_TRAIN = 27
"""Tasks of each block of the stratified split that the train part of the ordinary split gets."""


def build_simulated_workload(
    model: ModelProfile, attempts: int, seed: int, isa: str = "auto", fold: Fold = ORDINARY
) -> Workload:
    """Makes tasks for one model: as many as the ordinary train part needs to have a new task for each attempt.

    With 3 or 4 folds the train part is smaller, and tasks come again. Raises ValueError for a model without constants
    for the simulation.
    """
    if model.simulation is None:
        raise ValueError(f"model {model.name!r} has no constants for the simulated workload")
    n = BLOCK * -(-attempts // BLOCK_TRAIN)
    stream = RandomStream(seed, Purpose.DATASET, model.number)
    keys = np.array([stream.next_u64() for _ in range(n)], dtype=np.uint64)
    difficulty = stream.uniform(n).astype(np.float32)
    families = stream.integers(FAMILIES, n).astype(np.uint8)
    categories = stream.integers(CATEGORIES, n).astype(np.uint8)
    types = (np.arange(n) % len(TASK_TYPES)).astype(np.uint8)
    source = SimulatedWorld(
        dim=model.embedding_dim, model=model.number, habit=model.simulation.habit,
        visibility=model.simulation.visibility, seed=seed, keys=keys, difficulty=difficulty, types=types,
        families=families, n_candidates=CANDIDATES, families_per_type=FAMILIES, family_share=FAMILY_SHARE, isa=isa,
    )  # fmt: skip
    parts = stratified_split(types, difficulty, RandomStream(seed, Purpose.SPLIT, model.number), fold)
    details: Details = {
        "generator": GENERATOR,
        "habit": model.simulation.habit,
        "visibility": model.simulation.visibility,
        "candidates": CANDIDATES,
        "families": FAMILIES,
        "familyShare": FAMILY_SHARE,
        "attempts": attempts,
        "tasks": n,
    }
    return Workload("simulated", source, types, difficulty, categories, parts, details=details)
