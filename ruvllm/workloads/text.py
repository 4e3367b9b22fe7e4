"""A workload from texts: vectors, candidates, parts and the retrieval question, whatever the texts are.

Every part of the split stands alone, unless the pools are closed: its distractors come from itself, and the weights of
the default encoder from the train part only.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ruvllm._core import CorpusSource, Purpose, RandomStream
from ruvllm.encoders.base import Encoder, is_computed_here, unit_rows
from ruvllm.encoders.hashed import HashedNgramEncoder
from ruvllm.workloads.candidates import CandidateTable
from ruvllm.workloads.rows import empty_rows, take_rows
from ruvllm.workloads.splits import PARTS, Numbers, Parts
from ruvllm.workloads.tasks import TextTask, texts_digest
from ruvllm.workloads.workload import Question, Retrieval, Vectors, Workload, validation_sample

__all__ = ["CANDIDATES", "TextInput", "build_text_workload", "default_encoder", "transfer_question"]

CANDIDATES = 8
ENCODED_AT_ONCE = 1024

FloatRows = NDArray[np.float32]
Progress = Callable[[int, int], None]
"""Called with (texts encoded, texts in all)."""


@dataclass(frozen=True, slots=True, eq=False)
class TextInput:
    """What a workload is made from."""

    name: str
    """Of the workload."""
    tasks: Sequence[TextTask]
    parts: Parts
    closed: bool = False
    """Whether a pool's solutions are all known beforehand: those of every part are then candidates, of the train part
    its own only, and retrieval is among the pool's solutions, not the type's."""
    details: dict[str, Any] = field(default_factory=dict)
    """For the `run` block of a checkpoint."""
    digest: str | None = None
    """Of the tasks, where it is known already."""
    transfer: Sequence[TextTask] = ()
    """Tasks of other input, for retrieval only."""


def build_text_workload(
    task_input: TextInput, *, dim: int, seed: int, encoder: Encoder | None = None, progress: Progress | None = None
) -> Workload:
    """The workload of some texts at dimension d. The same arguments give the same bits.

    `encoder` defaults to hashed n-grams of `dim` elements, with IDF weights from prompts and solutions of the train
    part. Raises ValueError for a part with too few different solutions, or an encoder whose vectors do not fit.
    """
    tasks, parts = task_input.tasks, task_input.parts
    encoder = encoder or default_encoder([tasks[i] for i in parts.train.tolist()], dim)
    own_rows = _own_rows(tasks)
    n_rows = own_rows[-1].stop if tasks else 0
    rows = _RowWriter(encoder, dim, 2 * len(tasks) + (n_rows - len(tasks)), progress)
    queries, solutions = rows.encode(tasks, n_rows)

    difficulty = _difficulty(tasks, seed)
    bodies = _numbers_of([task.solution for task in tasks])
    table = CandidateTable(tasks, solutions, own_rows, bodies, difficulty, n_candidates=CANDIDATES, seed=seed)
    if task_input.closed:
        table.fill(np.arange(len(tasks), dtype=np.uint32))
        table.fill(parts.train)  # again: what only other parts call right must not be told to be wrong
    else:
        for name in PARTS:
            table.fill(parts.part(name))

    types = np.array([task.type for task in tasks], dtype=np.uint8)
    source = CorpusSource(
        queries=queries, solutions=solutions, candidates=table.rows, right=table.right, types=types
    )
    digest = _input_digest(task_input, encoder, rows.vectors.hexdigest())
    details = {
        **task_input.details,
        "dim": dim,
        "encoder": encoder.name,
        "candidates": CANDIDATES,
        "tasks": len(tasks),
        "inputDigest": digest,
    }
    if task_input.transfer:
        details["transferDigest"] = texts_digest(task_input.transfer)
    return Workload(
        task_input.name,
        source,
        types,
        difficulty.astype(np.float32),
        np.array([task.category for task in tasks], dtype=np.uint8),
        parts,
        digest=digest,
        details=details,
        question=Question(
            test=_retrieval(task_input, parts.test, queries, solutions, own_rows, bodies),
            validation=_retrieval(task_input, validation_sample(parts.valid), queries, solutions, own_rows, bodies),
            vectors=Vectors(queries, solutions[: len(tasks)]),
            transfer=transfer_question(task_input.transfer, encoder, dim) if task_input.transfer else None,
        ),
    )


def default_encoder(train: Sequence[TextTask], dim: int) -> HashedNgramEncoder:
    """Returns hashed n-grams with IDF weights from the prompts and the solutions of these tasks."""
    texts = [task.prompt for task in train] + [task.solution for task in train]
    return HashedNgramEncoder(dim, sublinear_tf=True).fit(texts)


class _RowWriter:
    """Encodes texts some at a time, so that only the finished rows take memory."""

    def __init__(self, encoder: Encoder, dim: int, total: int, progress: Progress | None) -> None:
        self._encoder, self._dim, self._total, self._progress = encoder, dim, total, progress
        self._done = 0
        self.vectors = hashlib.sha256()
        """Digest of vectors that are an input of their own. Those computed here follow from the texts: if they differ,
        the run must differ too."""

    def encode(self, tasks: Sequence[TextTask], n_rows: int) -> tuple[FloatRows, FloatRows]:
        """Queries (n, dim), and solutions (n_rows, dim): the right ones, then the own wrong ones of all tasks."""
        queries, solutions = empty_rows(len(tasks), self._dim), empty_rows(n_rows, self._dim)
        self._write(queries, [task.prompt for task in tasks])
        self._write(solutions, [task.solution for task in tasks])
        self._write_each(solutions, len(tasks), tasks)
        return queries, solutions

    def _write(self, rows: FloatRows, texts: Sequence[str], begin: int = 0) -> None:
        for first in range(0, len(texts), ENCODED_AT_ONCE):
            some = texts[first : first + ENCODED_AT_ONCE]
            encoded = unit_rows(self._encoder, some, self._dim)
            rows[begin + first : begin + first + len(some)] = encoded
            if not is_computed_here(self._encoder):
                self.vectors.update(encoded.astype("<f4").tobytes())
            self._done += len(some)
            if self._progress is not None:
                self._progress(self._done, self._total)

    def _write_each(self, rows: FloatRows, begin: int, tasks: Sequence[TextTask]) -> None:
        """The own wrong answers of all tasks, one after another from row `begin` on."""
        waiting: list[str] = []
        for task in tasks:
            waiting += task.wrong
            if len(waiting) >= ENCODED_AT_ONCE:
                self._write(rows, waiting, begin)
                begin += len(waiting)
                waiting = []
        self._write(rows, waiting, begin)


def _own_rows(tasks: Sequence[TextTask]) -> list[range]:
    """Rows of each task's own wrong answers: after the right solutions of all tasks."""
    rows, begin = [], len(tasks)
    for task in tasks:
        rows.append(range(begin, begin + len(task.wrong)))
        begin += len(task.wrong)
    return rows


def _difficulty(tasks: Sequence[TextTask], seed: int) -> NDArray[np.float64]:
    drawn = RandomStream(seed, Purpose.DATASET).uniform(len(tasks)).tolist()
    return np.array([d if t.difficulty is None else t.difficulty for t, d in zip(tasks, drawn, strict=True)])


def _numbers_of(texts: Sequence[str]) -> NDArray[np.int64]:
    """The same number for texts that differ in letter case and spacing at most."""
    numbers: dict[bytes, int] = {}
    keys = (hashlib.sha256(" ".join(text.lower().split()).encode("utf-8", "surrogatepass")).digest() for text in texts)
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.int64)


def _retrieval(
    task_input: TextInput,
    part: Numbers,
    queries: FloatRows,
    solutions: FloatRows,
    own_rows: Sequence[range],
    bodies: NDArray[np.int64],
) -> Retrieval:
    """Each query of a part among the solutions of its group, each of them once.

    These are those of the part's tasks of its type and their own wrong answers, or, where pools are closed, those of
    all tasks of its pool.
    """
    tasks = task_input.tasks
    group_names: dict[tuple[int, str], int] = {}

    def group(i: int) -> int:
        return group_names.setdefault((tasks[i].type, tasks[i].pool if task_input.closed else ""), len(group_names))

    place: dict[tuple[int, int], int] = {}
    rows: list[int] = []
    groups: list[int] = []
    for i in np.arange(len(tasks)).tolist() if task_input.closed else part.tolist():
        for row in (i, *own_rows[i]):
            key = (group(i), int(bodies[i]) if row == i else -row)
            if key not in place:
                place[key] = len(rows)
                rows.append(row)
                groups.append(group(i))
    return Retrieval(
        queries=take_rows(queries, part),
        solutions=take_rows(solutions, np.array(rows)),
        types=np.array([tasks[i].type for i in part.tolist()], dtype=np.uint8),
        right=np.array([place[group(i), int(bodies[i])] for i in part.tolist()], dtype=np.int32),
        groups=np.array([group(i) for i in part.tolist()], dtype=np.int32),
        solution_groups=np.array(groups, dtype=np.int32),
    )


def transfer_question(tasks: Sequence[TextTask], encoder: Encoder, dim: int) -> Retrieval:
    """All tasks of other input as test queries, encoded as the workload's own texts are."""
    everything = np.arange(len(tasks), dtype=np.uint32)
    nothing = everything[:0]
    own_rows = _own_rows(tasks)
    rows = _RowWriter(encoder, dim, 0, None)
    queries, solutions = rows.encode(tasks, own_rows[-1].stop)
    task_input = TextInput("transfer", tasks, Parts(nothing, nothing, everything, nothing))
    bodies = _numbers_of([task.solution for task in tasks])
    return _retrieval(task_input, everything, queries, solutions, own_rows, bodies)


def _input_digest(task_input: TextInput, encoder: Encoder, vectors: str) -> str:
    parts = {
        "texts": task_input.digest or texts_digest(task_input.tasks),
        "encoder": encoder.name,
        "vectors": vectors,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode("ascii")).hexdigest()
