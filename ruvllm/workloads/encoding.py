"""Tasks as vectors: what candidates and retrieval questions are made of."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray

from ruvllm.encoders.base import Encoder, is_computed_here, unit_rows
from ruvllm.encoders.hashed import HashedNgramEncoder
from ruvllm.files.ignoring import ignore
from ruvllm.workloads.repeats.normal_form import number_texts
from ruvllm.workloads.rows import empty_rows
from ruvllm.workloads.tasks import TextTask

__all__ = ["EncodedTasks", "default_encoder", "encode_tasks"]

ENCODED_AT_ONCE = 1024

FloatRows = NDArray[np.float32]
Progress = Callable[[int, int], None]
"""Called with (texts encoded, texts in all)."""


@dataclass(frozen=True, slots=True, eq=False)
class EncodedTasks:
    """n tasks and their vectors, which are read-only."""

    tasks: Sequence[TextTask]
    queries: FloatRows
    """(n, d) unit rows: the prompts."""
    solutions: FloatRows
    """(m, d) unit rows: the right solutions of the n tasks, then the own wrong answers of each."""
    own_rows: Sequence[range]
    """Rows of each task's own wrong answers among the solutions."""
    bodies: NDArray[np.int64]
    """(n,): the same number for right solutions whose texts have the same normal form."""
    vectors_digest: str
    """SHA-256 (hex) of vectors that are an input of their own; of nothing if they follow from the texts."""


def default_encoder(train: Sequence[TextTask], dim: int) -> HashedNgramEncoder:
    """Returns hashed n-grams with IDF weights from the prompts and the solutions of these tasks."""
    texts = [task.prompt for task in train] + [task.solution for task in train]
    return HashedNgramEncoder(dim, sublinear_tf=True).fit(texts)


def encode_tasks(
    tasks: Sequence[TextTask], encoder: Encoder, dim: int, progress: Progress = ignore
) -> EncodedTasks:
    """Encodes all texts of the tasks, some at a time, so that only the finished rows take memory.

    Raises ValueError for an encoder whose vectors are not float32 (n, dim) and finite.
    """
    n = len(tasks)
    ends = list(accumulate((len(task.wrong) for task in tasks), initial=n))
    rows, done = empty_rows(n + ends[-1], dim), 0
    vectors = hashlib.sha256()
    progress(0, len(rows))  # a user's encoder may be silent for minutes
    for texts in _batches(tasks):
        encoded = unit_rows(encoder, texts, dim)
        if not is_computed_here(encoder):  # else vectors follow from the texts: if they differ, the run must differ too
            vectors.update(encoded.astype("<f4").tobytes())
        rows[done : done + len(texts)] = encoded
        done += len(texts)
        progress(done, len(rows))
    rows.setflags(write=False)
    own_rows = [range(begin, end) for begin, end in pairwise(ends)]
    return EncodedTasks(tasks, rows[:n], rows[n:], own_rows, _bodies(tasks), vectors.hexdigest())


def _batches(tasks: Sequence[TextTask]) -> Iterator[list[str]]:
    """Yields the prompts, the solutions, then the own wrong answers of all tasks, ENCODED_AT_ONCE at most."""
    yield from _cut([task.prompt for task in tasks])
    yield from _cut([task.solution for task in tasks])
    waiting: list[str] = []
    for task in tasks:
        waiting += task.wrong
        if len(waiting) >= ENCODED_AT_ONCE:
            yield from _cut(waiting)
            waiting = []
    yield from _cut(waiting)


def _cut(texts: list[str]) -> Iterator[list[str]]:
    return (texts[first : first + ENCODED_AT_ONCE] for first in range(0, len(texts), ENCODED_AT_ONCE))


def _bodies(tasks: Sequence[TextTask]) -> NDArray[np.int64]:
    return number_texts(task.solution for task in tasks).numbers.astype(np.int64)
