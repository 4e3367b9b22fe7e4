"""The code workload as a run needs it: tasks behind a source, parts, and the retrieval question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ruvllm._core import CorpusSource
from ruvllm.code_workload import build_code_workload
from ruvllm.corpus import Corpus
from ruvllm.encoders import Encoder
from ruvllm.folds import ORDINARY, Fold
from ruvllm.protocols import Protocol, Size
from ruvllm.text_tasks import TextTask, texts_digest
from ruvllm.text_workload import CANDIDATES, transfer_question
from ruvllm.workload import TASK_TYPES, Parts, Retrieval, Vectors, Workload

__all__ = ["CANDIDATES", "RANK", "base_rate", "build_code_tasks", "settings"]

RANK = 16
RATES = {"v3": 0.002}
"""Beside the block adapter, whose steps are larger. v1 and v2 keep theirs. All chosen on seeds from 100 on."""
TASKS_FACTOR = 2
"""Times as many tasks per epoch as on simulated input: so that v3's full profile sees each train task."""


def settings(protocol: Protocol) -> Protocol:
    """The protocol on real input. v3, which learns from every answer, gets a block adapter and an episodic memory."""
    if protocol.name != "v3":
        return protocol
    return replace(
        protocol,
        quick=_larger(protocol.quick),
        standard=_larger(protocol.standard),
        full=_larger(protocol.full),
        block_size=256,
        episode_capacity=4096,
    )


def _larger(size: Size) -> Size:
    return Size(size.epochs, TASKS_FACTOR * size.tasks_per_epoch)


def base_rate(protocol: Protocol) -> float:
    """The learning rate of a protocol on this workload."""
    return RATES.get(protocol.name, protocol.base_rate)


def build_code_tasks(
    corpus: Corpus,
    *,
    dim: int,
    seed: int,
    split: str,
    fold: Fold = ORDINARY,
    encoder: Encoder | None = None,
    transfer: Sequence[TextTask] = (),
) -> Workload:
    """Docstring to body, at dimension d: complete the function that a docstring describes. All are of one type."""
    code = build_code_workload(
        corpus.tasks, dim=dim, seed=seed, split=split, fold=fold, n_candidates=CANDIDATES, encoder=encoder
    )
    n = len(code.tasks)
    types = np.full(n, TASK_TYPES.index("code_completion"), dtype=np.uint8)
    categories = np.zeros(n, dtype=np.uint8)  # all Python
    source = CorpusSource(
        queries=code.queries, solutions=code.solutions, candidates=code.candidates, right=code.right, types=types
    )
    parts = Parts(*(_numbers(part) for part in (code.train, code.valid, code.test, code.holdout)))
    details = {
        "kind": "docstring",
        "split": split,
        "dim": dim,
        "encoder": code.encoder_name,
        "candidates": CANDIDATES,
        "tasks": n,
        "inputDigest": code.digest,
    }
    if transfer:
        details["transferDigest"] = texts_digest(transfer)
    return Workload(
        "code",
        source,
        types,
        code.difficulty.astype(np.float32),
        categories,
        parts,
        digest=code.digest,
        details=details,
        retrieval=Retrieval.by_type(code.queries[parts.test], code.solutions[parts.test], types[parts.test]),
        transfer=transfer_question(transfer, code.encoder, dim) if transfer else None,
        vectors=Vectors(code.queries, code.solutions),
    )


def _numbers(indices: NDArray[np.int64]) -> NDArray[np.uint32]:
    return indices.astype(np.uint32)
