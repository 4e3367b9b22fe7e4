"""Prequential runs with a gain of known size, made from a seed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ruvllm.results.streams.records import PrequentialDocument, PrequentialRun
from ruvllm.results.streams.summaries import make_prequential_document

POOL = 20


def run(
    n: int = 240, gain: float = 0.3, seed: int = 0, *, methods: Sequence[str] = ("handSet", "shuffled"), data: int = 1
) -> PrequentialRun:
    """A stream of n tasks: of those that the frozen start gets wrong, learning gets a share of `gain` (or, below 0, of
    those that it gets right, loses one). The others are no better than the start."""
    rng = np.random.default_rng(data)
    frozen = np.where(rng.random(n) < 0.5, 1, rng.integers(2, POOL + 1, n))
    flipped = np.random.default_rng(100 + data + seed).random(n) < abs(gain)
    learned = np.where(flipped & ((frozen > 1) if gain > 0 else (frozen == 1)), 1 if gain > 0 else 5, frozen)
    ranks = {"frozen": frozen} | {name: rng.permutation(frozen) for name in methods} | {"learned": learned}
    return PrequentialRun(
        protocol="v3",
        workload="jsonl",
        model="hash 1536",
        seed=seed,
        order="by date",
        tasks=[f"task-{i}" for i in range(n)],
        dates=[f"2020-{1 + i // 28 % 12:02}-{1 + i % 28:02}" for i in range(n)],
        pools=[POOL] * n,
        reciprocal_ranks={name: (1 / found).tolist() for name, found in ranks.items()},
        answered_by=["frozen"] * (n // 2) + ["learned"] * (n - n // 2),
        learned_from=n + 3,
        copies=3,
        known_beforehand="The candidates of all tasks are known beforehand.",
    )


def document(*runs: PrequentialRun) -> PrequentialDocument:
    return make_prequential_document(runs or (run(),), None)
