"""Tasks as vectors: what candidates and retrieval questions are made of."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ruvllm.encoders.base import Encoder, is_computed_here, unit_rows
from ruvllm.encoders.hashed import HashedNgramEncoder
from ruvllm.workloads.rows import empty_rows
from ruvllm.workloads.tasks import TextTask

__all__ = ["EncodedTasks", "default_encoder", "encode_tasks"]

ENCODED_AT_ONCE = 1024

FloatRows = NDArray[np.float32]
Progress = Callable[[int, int], None]
"""Called with (texts encoded, texts in all)."""


@dataclass(frozen=True, slots=True, eq=False)
class EncodedTasks:
    """n tasks and their vectors."""

    tasks: Sequence[TextTask]
    queries: FloatRows
    """(n, d) unit rows: the prompts."""
    solutions: FloatRows
    """(m, d) unit rows: the right solutions of the n tasks, then the own wrong answers of each."""
    own_rows: Sequence[range]
    """Rows of each task's own wrong answers among the solutions."""
    bodies: NDArray[np.int64]
    """(n,): the same number for right solutions whose texts differ in letter case and spacing at most."""
    vectors_digest: str
    """SHA-256 (hex) of vectors that are an input of their own; of nothing if they follow from the texts."""


def default_encoder(train: Sequence[TextTask], dim: int) -> HashedNgramEncoder:
    """Returns hashed n-grams with IDF weights from the prompts and the solutions of these tasks."""
    texts = [task.prompt for task in train] + [task.solution for task in train]
    return HashedNgramEncoder(dim, sublinear_tf=True).fit(texts)


def encode_tasks(
    tasks: Sequence[TextTask], encoder: Encoder, dim: int, progress: Progress | None = None
) -> EncodedTasks:
    """Encodes all texts of the tasks, some at a time, so that only the finished rows take memory.

    Raises ValueError for an encoder whose vectors are not float32 (n, dim) and finite.
    """
    own_rows = _own_rows(tasks)
    n_rows = own_rows[-1].stop if tasks else 0
    writer = _RowWriter(encoder, dim, len(tasks) + n_rows, progress)
    queries, solutions = empty_rows(len(tasks), dim), empty_rows(n_rows, dim)
    writer.write(queries, [task.prompt for task in tasks])
    writer.write(solutions, [task.solution for task in tasks])
    writer.write_wrong_answers(solutions, tasks)
    bodies = _numbers_of([task.solution for task in tasks])
    return EncodedTasks(tasks, queries, solutions, own_rows, bodies, writer.vectors.hexdigest())


class _RowWriter:
    """Encodes texts into rows of larger matrices."""

    def __init__(self, encoder: Encoder, dim: int, total: int, progress: Progress | None) -> None:
        self._encoder, self._dim, self._total, self._progress = encoder, dim, total, progress
        self._done = 0
        self.vectors = hashlib.sha256()
        """Digest of vectors that are an input of their own. Those computed here follow from the texts: if they differ,
        the run must differ too."""

    def write(self, rows: FloatRows, texts: Sequence[str], begin: int = 0) -> None:
        """Encodes the texts into the rows from number `begin` on."""
        for first in range(0, len(texts), ENCODED_AT_ONCE):
            some = texts[first : first + ENCODED_AT_ONCE]
            encoded = unit_rows(self._encoder, some, self._dim)
            rows[begin + first : begin + first + len(some)] = encoded
            if not is_computed_here(self._encoder):
                self.vectors.update(encoded.astype("<f4").tobytes())
            self._done += len(some)
            if self._progress is not None:
                self._progress(self._done, self._total)

    def write_wrong_answers(self, rows: FloatRows, tasks: Sequence[TextTask]) -> None:
        """Encodes the own wrong answers of all tasks, one after another, into the rows after those of the tasks."""
        begin, waiting = len(tasks), list[str]()
        for task in tasks:
            waiting += task.wrong
            if len(waiting) >= ENCODED_AT_ONCE:
                self.write(rows, waiting, begin)
                begin += len(waiting)
                waiting = []
        self.write(rows, waiting, begin)


def _own_rows(tasks: Sequence[TextTask]) -> list[range]:
    rows, begin = [], len(tasks)
    for task in tasks:
        rows.append(range(begin, begin + len(task.wrong)))
        begin += len(task.wrong)
    return rows


def _numbers_of(texts: Sequence[str]) -> NDArray[np.int64]:
    numbers: dict[bytes, int] = {}
    keys = (hashlib.sha256(" ".join(text.lower().split()).encode("utf-8", "surrogatepass")).digest() for text in texts)
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.int64)
