"""The simulated workload: tasks made from keys, and their stratified split (design, sections 4 and 7)."""

from __future__ import annotations

import numpy as np

from ruvllm._core import Purpose, RandomStream, SimulatedWorld
from ruvllm.encoders.models import ModelProfile
from ruvllm.learning.protocols import Size
from ruvllm.workloads.splits import BLOCK, ORDINARY, Fold, stratified_split
from ruvllm.workloads.workload import CATEGORIES, TASK_TYPES, Workload

__all__ = ["build_simulated_workload"]

GENERATOR = 1
"""Raised when the same arguments begin to give other tasks: results of both are then not paired."""
CANDIDATES = 8
FAMILIES = 5
FAMILY_SHARE = 0.5

BLOCK_TRAIN = 27
"""Tasks of each block of the stratified split that the train part of the ordinary split gets."""


def build_simulated_workload(
    model: ModelProfile, size: Size, seed: int, isa: str = "auto", fold: Fold = ORDINARY
) -> Workload:
    """Tasks for one model, so many that the ordinary train part has a new one for each attempt of a run of that size.

    With 3 or 4 folds the train part is smaller, and tasks come again.
    """
    attempts = size.epochs * size.tasks_per_epoch
    n = BLOCK * -(-attempts // BLOCK_TRAIN)
    stream = RandomStream(seed, Purpose.DATASET, model.number)
    keys = np.array([stream.next_u64() for _ in range(n)], dtype=np.uint64)
    difficulty = stream.uniform(n).astype(np.float32)
    families = stream.integers(FAMILIES, n).astype(np.uint8)
    categories = stream.integers(len(CATEGORIES), n).astype(np.uint8)
    types = (np.arange(n) % len(TASK_TYPES)).astype(np.uint8)
    source = SimulatedWorld(
        dim=model.embedding_dim,
        model=model.number,
        habit=model.habit,
        visibility=model.visibility,
        seed=seed,
        keys=keys,
        difficulty=difficulty,
        types=types,
        families=families,
        n_candidates=CANDIDATES,
        families_per_type=FAMILIES,
        family_share=FAMILY_SHARE,
        isa=isa,
    )
    parts = stratified_split(types, difficulty, RandomStream(seed, Purpose.SPLIT, model.number), fold)
    details = {
        "generator": GENERATOR,
        "habit": model.habit,
        "visibility": model.visibility,
        "candidates": CANDIDATES,
        "families": FAMILIES,
        "familyShare": FAMILY_SHARE,
        "attempts": attempts,
        "tasks": n,
    }
    return Workload("simulated", source, types, difficulty, categories, parts, details=details)
