"""The simulated workload: tasks made from keys, and their stratified split (design, sections 4 and 7)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ruvllm._core import Purpose, RandomStream, SimulatedWorld
from ruvllm.encoders.models import ModelProfile
from ruvllm.learning.protocols import Size
from ruvllm.workloads.folds import ORDINARY, Fold
from ruvllm.workloads.workload import CATEGORIES, TASK_TYPES, Parts, Workload

__all__ = ["build_simulated_workload", "stratified_split"]

GENERATOR = 1
"""Raised when the same arguments begin to give other tasks: results of both are then not paired."""
CANDIDATES = 8
FAMILIES = 5
FAMILY_SHARE = 0.5

BLOCK = 50
"""Tasks that lie next to each other in (type, difficulty) and are divided together."""
HOLDOUT, TRAIN = 5, 27
"""Of each block: 10% holdout, and the train part of the ordinary split."""


def build_simulated_workload(
    model: ModelProfile, size: Size, seed: int, isa: str = "auto", fold: Fold = ORDINARY
) -> Workload:
    """Tasks for one model, so many that the ordinary train part has a new one for each attempt of a run of that size.

    With 3 or 4 folds the train part is smaller, and tasks come again.
    """
    attempts = size.epochs * size.tasks_per_epoch
    n = BLOCK * -(-attempts // TRAIN)
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


def stratified_split(
    types: NDArray[np.uint8], difficulty: NDArray[np.float32], stream: RandomStream, fold: Fold = ORDINARY
) -> Parts:
    """10% holdout, the rest in as many groups as there are folds; all with the same mix of types and difficulties.

    Tasks are ordered by type and difficulty; each 50 neighbours are divided at random, 5 to the holdout and the others
    evenly among the groups. One group is the test part, one the validation part, the others are the train part.
    """
    order = np.lexsort((difficulty, types))
    labels = np.empty(len(types), dtype=np.int64)
    for begin in range(0, len(order), BLOCK):
        block = order[begin : begin + BLOCK]
        labels[block] = stream.permutation(BLOCK)[: len(block)]
    holdout = labels < HOLDOUT
    group = ((labels - HOLDOUT) * fold.of // (BLOCK - HOLDOUT) + 2) % fold.of
    valid, test = ~holdout & (group == fold.valid_group), ~holdout & (group == fold.test_group)
    train = ~(holdout | valid | test)
    return Parts(*(np.flatnonzero(part).astype(np.uint32) for part in (train, valid, test, holdout)))
