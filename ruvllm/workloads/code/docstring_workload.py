"""The code workload: which function does a docstring describe? Vectors, candidates and a split from a real corpus.

Every part of the split stands alone: its distractors come from itself, and the encoder's weights from train only, so
nothing of a test body is seen before the test.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ruvllm._core import Purpose, RandomStream
from ruvllm.encoders.base import Encoder, is_computed_here, unit_rows
from ruvllm.workloads.code.docstring_candidates import draw_candidates
from ruvllm.workloads.code.functions import DocumentedFunction, corpus_digest
from ruvllm.workloads.encoding import default_encoder
from ruvllm.workloads.splits import ORDINARY, PARTS, Fold, Parts, split_by_file, split_by_function
from ruvllm.workloads.tasks import TextTask

__all__ = ["CodeWorkload", "build_code_workload"]

FloatRows = NDArray[np.float32]
Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class CodeWorkload:
    """n tasks as arrays; row i of each belongs to `tasks[i]`. The arrays are read-only."""

    tasks: tuple[DocumentedFunction, ...]
    queries: FloatRows
    """(n, d) unit rows: the docstrings."""
    solutions: FloatRows
    """(n, d) unit rows: the bodies; solution i is the right one of query i."""
    candidates: NDArray[np.int32]
    """(n, M) indices into `solutions`: the right one and M - 1 distractors from the task's own part."""
    right: NDArray[np.int32]
    """(n,) position of the right one among the candidates, random."""
    difficulty: NDArray[np.float64]
    """(n,) in [0, 1), drawn uniformly from the seed: the share of hard negatives among the distractors."""
    parts: Parts
    """Numbers of the tasks in train, valid, test and holdout."""
    encoder: Encoder
    """What made the vectors, fitted."""
    digest: str
    """SHA-256 of the input: the corpus, the encoder's name and, where the encoder is not ours, its vectors."""

    @property
    def encoder_name(self) -> str:
        return self.encoder.name

    @property
    def dim(self) -> int:
        return int(self.queries.shape[1])


def build_code_workload(
    tasks: Sequence[DocumentedFunction],
    *,
    dim: int,
    seed: int,
    split: str = "file",
    fold: Fold = ORDINARY,
    n_candidates: int = 8,
    encoder: Encoder | None = None,
) -> CodeWorkload:
    """Vectors, candidates and a split for the tasks of a corpus; the same arguments give the same bits.

    `split` is "file" (each source file whole in one part) or "function" (random). `encoder` defaults to hashed
    n-grams of `dim` elements, with IDF weights from the docstrings and bodies of the train part and sublinear tf.

    Raises ValueError for another split, fewer than 2 candidates, a part with fewer different bodies than
    candidates, or an encoder whose vectors are not float32 (n, dim) and finite.
    """
    tasks = tuple(tasks)
    if n_candidates < 2:
        raise ValueError(f"a task needs at least 2 candidates, not {n_candidates}")
    parts = _split(tasks, split, seed, fold)
    bodies = _body_numbers(tasks)
    _check_sizes(parts, bodies, n_candidates, split)

    train = (tasks[i] for i in parts.train.tolist())
    encoder = encoder or default_encoder([TextTask(task.docstring, task.code, 0) for task in train], dim)
    queries = unit_rows(encoder, [task.docstring for task in tasks], dim)
    solutions = unit_rows(encoder, [task.code for task in tasks], dim)
    difficulty = RandomStream(seed, Purpose.DATASET).uniform(len(tasks))
    candidates = np.empty((len(tasks), n_candidates), dtype=np.int32)
    right = np.empty(len(tasks), dtype=np.int32)
    for name in PARTS:
        members = parts.part(name)
        candidates[members], right[members] = draw_candidates(
            members, bodies, solutions, difficulty, n_candidates=n_candidates, seed=seed
        )
    for array in (queries, solutions, candidates, right, difficulty):
        array.setflags(write=False)
    digest = _input_digest(tasks, encoder, queries, solutions)
    return CodeWorkload(tasks, queries, solutions, candidates, right, difficulty, parts, encoder, digest)


def _split(tasks: Sequence[DocumentedFunction], split: str, seed: int, fold: Fold) -> Parts:
    if split == "file":
        return split_by_file([task.path for task in tasks], seed, fold)
    if split == "function":
        return split_by_function(len(tasks), seed, fold)
    raise ValueError(f"split must be 'file' or 'function', not {split!r}")


def _body_numbers(tasks: Sequence[DocumentedFunction]) -> Indices:
    """The same number for bodies of the same text, letter case and spacing aside (n,)."""
    numbers: dict[str, int] = {}
    texts = (" ".join(task.code.lower().split()) for task in tasks)
    return np.array([numbers.setdefault(text, len(numbers)) for text in texts], dtype=np.int64)


def _check_sizes(parts: Parts, bodies: Indices, n_candidates: int, split: str) -> None:
    for name in PARTS:
        n_bodies = len(np.unique(bodies[parts.part(name)]))
        if n_bodies < n_candidates:
            raise ValueError(
                f"{n_candidates} candidates need as many different bodies in each part; part {name} of the split "
                f"by {split} has {n_bodies}, of {len(bodies)} tasks in all"
            )


def _input_digest(
    tasks: Sequence[DocumentedFunction], encoder: Encoder, queries: FloatRows, solutions: FloatRows
) -> str:
    """Our own vectors are left out: they follow from the corpus, and a difference there must show as one."""
    vectors = hashlib.sha256()
    if not is_computed_here(encoder):
        for rows in (queries, solutions):
            vectors.update(rows.astype("<f4").tobytes())
    parts = {"corpus": corpus_digest(tasks), "encoder": encoder.name, "vectors": vectors.hexdigest()}
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode("ascii")).hexdigest()
