"""From tasks as texts to a workload: vectors, candidates, parts and the retrieval question, whatever the texts are.

Every part of the split stands alone, unless the pools are closed: its distractors come from the part itself, and the
weights of the default encoder from the train part only.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ruvllm._core import CorpusSource, Purpose, RandomStream
from ruvllm.encoders.base import Encoder
from ruvllm.encoders.registry import title_of
from ruvllm.workloads.candidates import CandidateTable, TooFewSolutionsError
from ruvllm.workloads.encoding import EncodedTasks, default_encoder, encode_tasks
from ruvllm.workloads.inputs import InputOptions
from ruvllm.workloads.repeats.finding import Repeats, find_repeats, without_other_answers
from ruvllm.workloads.repeats.leak_check import check_leaks
from ruvllm.workloads.rows import take_rows
from ruvllm.workloads.spec import parse_spec
from ruvllm.workloads.splits import ORDINARY, PARTS, SPLITTERS, Fold, Numbers, Parts
from ruvllm.workloads.tasks import LeftOut, TextTask, texts_digest
from ruvllm.workloads.workload import Details, Origin, Question, Retrieval, Vectors, Workload, validation_sample

__all__ = ["CANDIDATES", "TextInput"]

CANDIDATES = 8


@dataclass(frozen=True, slots=True, eq=False)
class TextInput:
    """Tasks as texts, numbered in their order: a RealInput."""

    name: str
    kind: str
    tasks: Sequence[TextTask]
    options: InputOptions = InputOptions()  # noqa: RUF009 -- frozen
    splits: tuple[str, ...] = ()
    """Ways to split that a run may choose from, keys of SPLITTERS. Empty: at random, and the run block says nothing."""
    closed_pools: bool = False
    """True if all solutions of a pool are known in advance (the files of a repository). Validation and test tasks then
    draw candidates from the whole pool, training tasks from the training part only, and retrieval ranks the pool
    instead of the task type."""
    generator: int = 1
    """Raised whenever the same input begins to make other tasks of this kind. The run block names it from 2 on."""
    advice: str = ""
    """What to do if a part has too few different solutions."""
    origins: Sequence[tuple[str, str]] | None = None
    """What each task was made from, if copies are to be found by that; see find_repeats()."""
    left_out: tuple[LeftOut, ...] = ()
    """What the reader could not use."""
    repeats: Repeats = field(init=False)
    """What comes again; `tasks` and `origins` have lost exact repeats."""
    digest: str = field(init=False)
    """SHA-256 (hex) of the tasks."""

    def __post_init__(self) -> None:
        kept, repeats = find_repeats(self.tasks, self.origins, closed_pools=self.closed_pools)
        if self.origins is not None:
            object.__setattr__(self, "origins", [self.origins[i] for i in repeats.kept])
        object.__setattr__(self, "tasks", without_other_answers(kept, repeats))
        object.__setattr__(self, "repeats", repeats)
        object.__setattr__(self, "digest", texts_digest(self.tasks))

    @property
    def encoder(self) -> Encoder | None:
        return self.options.encoder

    @property
    def n_tasks(self) -> int:
        return len(self.tasks)

    def build(self, *, dim: int, seed: int, split: str, fold: Fold = ORDINARY) -> Workload:
        """Makes the workload of one run at dimension d. The same arguments give the same bits.

        `split` is one of `splits`; if there are fewer than two, it is not asked. Raises ValueError for another split, a
        part with too few different solutions, or an encoder whose vectors do not fit.
        """
        parts = self.split(split, seed, fold)
        encoder = self.encoder or default_encoder([self.tasks[i] for i in parts.train.tolist()], dim)
        label = self._label(encoder, seed)
        encoded = encode_tasks(self.tasks, encoder, dim, lambda done, total: self.options.watch(label, done, total))
        difficulty = _difficulty(self.tasks, seed)
        table = self._candidates(encoded, difficulty, parts, seed)
        types = np.array([task.type for task in self.tasks], dtype=np.uint8)
        source = CorpusSource(
            queries=encoded.queries, solutions=encoded.solutions, candidates=table.rows, right=table.right, types=types
        )
        digest = _digest_of({"texts": self.digest, "encoder": encoder.name, "vectors": encoded.vectors_digest})
        return Workload(
            self.name,
            source,
            types,
            difficulty.astype(np.float32),
            np.array([task.category for task in self.tasks], dtype=np.uint8),
            parts,
            digest=digest,
            details=self._details(split, dim, encoder, digest),
            question=self._question(encoded, parts, encoder, dim),
            origin=self._origin(encoded),
            candidates=table.rows,
            repeats=self.repeats,
            leak_check=check_leaks(self.repeats.copies, self.tasks, parts.test, parts.train),
            left_out=self.left_out,
        )

    def split(self, split: str, seed: int, fold: Fold = ORDINARY) -> Parts:
        """Returns the parts of a run; the arguments are those of build()."""
        sources = [task.source for task in self.tasks]
        return SPLITTERS[self._way_to_split(split)](sources, seed, fold, self.repeats.groups)

    def _origin(self, encoded: EncodedTasks) -> Origin:
        source = self.options.source
        return Origin(
            source=source or self.name,
            name=parse_spec(source).title if source else self.name,
            texts_digest=self.digest,
            encoder_digest=None if self.encoder is None else encoded.vectors_digest,
        )

    def _label(self, encoder: Encoder, seed: int) -> str:
        if self.encoder is None:
            return f"encoding {self.name}, seed {seed}, d = {encoder.dim}"
        n_texts = sum(2 + len(task.wrong) for task in self.tasks)
        return f"encoding {n_texts} texts with {title_of(encoder)}, seed {seed}"

    def _way_to_split(self, split: str) -> str:
        if len(self.splits) < 2:
            return self.splits[0] if self.splits else "function"
        if split not in self.splits:
            raise ValueError(f"split must be {' or '.join(map(repr, self.splits))}, not {split!r}")
        return split

    def _candidates(
        self, encoded: EncodedTasks, difficulty: NDArray[np.float64], parts: Parts, seed: int
    ) -> CandidateTable:
        table = CandidateTable(encoded, difficulty, n_candidates=CANDIDATES, seed=seed)
        members = {f"part {name}": parts.part(name) for name in PARTS}
        if self.closed_pools:  # train tasks again: what is right in other parts only must not be trained on as wrong
            members = {"all": _all_of(self.tasks), "part train": parts.train}
        for name, numbers in members.items():
            try:
                table.fill(numbers)
            except TooFewSolutionsError as error:
                advice = f"; {self.advice}" if self.advice else ""
                raise TooFewSolutionsError(f"{error} as {name} of {len(self.tasks)} tasks has{advice}") from None
        return table

    def _details(self, split: str, dim: int, encoder: Encoder, digest: str) -> Details:
        details: Details = {"kind": self.kind}
        generator = self.generator + self.repeats.changes_tasks
        if generator > 1:
            details["generator"] = generator
        if self.splits:
            details["split"] = self._way_to_split(split)
        details |= {
            "dim": dim,
            "encoder": encoder.name,
            "candidates": CANDIDATES,
            "tasks": len(self.tasks),
            "inputDigest": digest,
        }
        if self.options.transfer:
            details["transferDigest"] = texts_digest(self.options.transfer)
        return details

    def _question(self, encoded: EncodedTasks, parts: Parts, encoder: Encoder, dim: int) -> Question:
        transfer = self.options.transfer
        return Question(
            test=_retrieval(encoded, parts.test, self.closed_pools),
            validation=_retrieval(encoded, validation_sample(parts.valid), self.closed_pools),
            vectors=Vectors(encoded.queries, encoded.solutions[: len(self.tasks)]),
            transfer=_retrieval(encode_tasks(transfer, encoder, dim), _all_of(transfer), False) if transfer else None,
        )


def _all_of(tasks: Sequence[TextTask]) -> Numbers:
    return np.arange(len(tasks), dtype=np.uint32)


def _difficulty(tasks: Sequence[TextTask], seed: int) -> NDArray[np.float64]:
    drawn = RandomStream(seed, Purpose.DATASET).uniform(len(tasks)).tolist()
    return np.array([d if t.difficulty is None else t.difficulty for t, d in zip(tasks, drawn, strict=True)])


def _retrieval(encoded: EncodedTasks, part: Numbers, closed: bool) -> Retrieval:
    """Returns the queries of a part (k,), each among the solutions of its group; no solution stands there twice.

    A group has the part's tasks of one type and their own wrong answers. If pools are closed, it has all tasks of one
    type and pool.
    """
    tasks = encoded.tasks
    group_names: dict[tuple[int, str], int] = {}

    def group(i: int) -> int:
        return group_names.setdefault((tasks[i].type, tasks[i].pool if closed else ""), len(group_names))

    place: dict[tuple[int, int], int] = {}
    rows: list[int] = []
    groups: list[int] = []
    for i in range(len(tasks)) if closed else part.tolist():
        for row in (i, *encoded.own_rows[i]):
            key = (group(i), int(encoded.bodies[i]) if row == i else -row)
            if key not in place:
                place[key] = len(rows)
                rows.append(row)
                groups.append(group(i))
    return Retrieval(
        queries=take_rows(encoded.queries, part),
        solutions=take_rows(encoded.solutions, np.array(rows)),
        types=np.array([tasks[i].type for i in part.tolist()], dtype=np.uint8),
        right=np.array([place[group(i), int(encoded.bodies[i])] for i in part.tolist()], dtype=np.int32),
        groups=np.array([group(i) for i in part.tolist()], dtype=np.int32),
        solution_groups=np.array(groups, dtype=np.int32),
        numbers=np.array(rows, dtype=np.int32),
    )


def _digest_of(values: dict[str, str]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode("ascii")).hexdigest()
