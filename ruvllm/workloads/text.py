"""From tasks as texts to a workload: vectors, candidates, parts and the retrieval question, whatever the texts are.

Every part of the split stands alone, unless the pools are closed: its distractors come from the part itself, and the
weights of the default encoder from the train part only.
"""

from __future__ import annotations

import copy
import hashlib
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ruvllm.encoders.base import Encoder
from ruvllm.encoders.registry import title_of
from ruvllm.workloads.candidates import CANDIDATES, FEWEST, CandidateTable, Room, TooFewSolutionsError, difficulties
from ruvllm.workloads.encoding import EncodedTasks, default_encoder, encode_tasks
from ruvllm.workloads.inputs import InputOptions, Note, RealInput, ignore
from ruvllm.workloads.question import make_question, shares_wrong_answers, with_lexical
from ruvllm.workloads.repeats.finding import Repeats, find_repeats, without_other_answers
from ruvllm.workloads.repeats.leak_check import check_leaks
from ruvllm.workloads.repeats.transfer import new_tasks
from ruvllm.workloads.spec import parse_spec
from ruvllm.workloads.splits import ORDINARY, PARTS, SPLITTERS, Fold, Numbers, Parts, split_by_user
from ruvllm.workloads.tasks import LeftOut, TextTask, texts_digest
from ruvllm.workloads.workload import TASK_TYPES, Details, LexicalView, Origin, Question, Workload

__all__ = ["TextInput", "fit_candidates"]


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
    parsed: Mapping[str, str] = field(default_factory=dict)
    """What else the tasks depend on, and a run block names: the `language` of a source tree and its `grammar`."""
    n_test: int = 0
    """So many tasks come first and are the test part, if the user has split them; 0 if not. None of the others may be
    a copy of them."""
    repeats: Repeats = field(init=False)
    """What comes again; `tasks` and `origins` have lost exact repeats."""
    digest: str = field(init=False)
    """SHA-256 (hex) of the tasks."""
    vectors: dict[bool, str] = field(init=False, default_factory=dict, repr=False, compare=False)
    """Digests of the vectors of a user's encoder that came first, of the tasks (True) and of those of --transfer."""
    transfer_answers: Mapping[int, Sequence[int]] = field(init=False, default_factory=dict)
    """For a transfer task whose prompt has several right solutions: the tasks with the other ones."""

    def __post_init__(self) -> None:
        kept, repeats = find_repeats(self.tasks, self.origins, closed_pools=self.closed_pools)
        if self.origins is not None:
            object.__setattr__(self, "origins", [self.origins[i] for i in repeats.kept])
        object.__setattr__(self, "n_test", sum(i < self.n_test for i in repeats.kept))
        object.__setattr__(self, "tasks", without_other_answers(kept, repeats))
        object.__setattr__(self, "repeats", repeats)
        object.__setattr__(self, "digest", texts_digest(self.tasks))
        if self.options.transfer:
            self._leave_out_known_transfer()

    def _leave_out_known_transfer(self) -> None:
        known = self.origins or [(task.prompt, task.solution) for task in self.tasks]
        new = new_tasks(self.options.transfer, known, by_prompt=self.repeats.by_prompt)
        if not new.tasks:
            raise ValueError(f"{self.title}: all {len(self.options.transfer)} tasks of the transfer input are copies")
        object.__setattr__(self, "left_out", (*self.left_out, *new.left_out))
        object.__setattr__(self, "options", replace(self.options, transfer=new.tasks))
        object.__setattr__(self, "transfer_answers", new.other_answers)

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
        encoded = self._encoded(self.tasks, encoder, dim, f"seed {seed}")
        difficulty = difficulties(self.tasks, seed)
        table = self._candidates(encoded, difficulty, parts, seed)
        types = np.array([task.type for task in self.tasks], dtype=np.uint8)
        made_of = {"texts": self.digest, "encoder": encoder.name, "vectors": encoded.vectors_digest}
        digest = _digest_of({**made_of, **self.parsed})
        workload = Workload(
            self.name,
            table.source(encoded, types),
            types,
            difficulty.astype(np.float32),
            np.array([task.category for task in self.tasks], dtype=np.uint8),
            parts,
            digest=digest,
            details=self._details(split, dim, encoder, digest, table.rows.shape[1]),
            question=self._question(encoded, self._others(encoder, dim), parts),
            origin=self._origin(encoded),
            candidates=table.rows,
            repeats=self.repeats,
            leak_check=check_leaks(self.repeats.copies, self.tasks, parts.test, parts.train),
            left_out=self.left_out,
        )
        return replace(workload, lexical=partial(self._lexical, workload, table))

    def _lexical(self, workload: Workload, table: CandidateTable, dim: int) -> LexicalView:
        """Words, and n-grams hashed to `dim` elements, unless the vectors of the workload are some."""
        tasks, transfer, parts = self.tasks, self.options.transfer, workload.parts
        if self.encoder is None:
            return LexicalView(with_lexical(workload.question, tasks, transfer, parts), None)
        encoder = default_encoder([tasks[i] for i in parts.train.tolist()], dim)
        encoded = encode_tasks(tasks, encoder, dim)
        twin = self._question(encoded, encode_tasks(transfer, encoder, dim) if transfer else None, parts)
        hashed = replace(workload, source=table.source(encoded, workload.types), question=twin)
        return LexicalView(with_lexical(workload.question, tasks, transfer, parts, twin), hashed)

    def split(self, split: str, seed: int, fold: Fold = ORDINARY) -> Parts:
        """Returns the parts of a run; the arguments are those of build(). Raises ValueError for too few tasks."""
        sources, groups = [task.source for task in self.tasks], self.repeats.groups
        try:
            if self.n_test:
                return split_by_user(len(self.tasks), self.n_test, seed, groups).with_smaller_test()
            return SPLITTERS[self._way_to_split(split)](sources, seed, fold, groups).with_smaller_test()
        except ValueError as error:
            raise ValueError(f"{self.title}: {self._count()}: {error}") from None

    def _origin(self, encoded: EncodedTasks) -> Origin:
        source = self.options.source
        return Origin(
            source=source or self.name,
            name=self.title,
            texts_digest=self.digest,
            encoder_digest=None if self.encoder is None else encoded.vectors_digest,
        )

    def _encoded(self, tasks: Sequence[TextTask], encoder: Encoder, dim: int, which: str) -> EncodedTasks:
        """Encodes tasks in sight of the user. Raises as encode_tasks() does."""
        n_texts = sum(2 + len(task.wrong) for task in tasks)
        label = f"encoding {self.name}, {which}, d = {dim}"
        if self.encoder is not None:
            label = f"encoding {n_texts} texts with {title_of(encoder)}, {which}"
        encoded = encode_tasks(tasks, encoder, dim, lambda done, total: self.options.watch(label, done, total))
        if self.vectors.setdefault(tasks is self.tasks, encoded.vectors_digest) != encoded.vectors_digest:
            self.options.note(
                f"encoder {encoder.name!r} gave other vectors for the same texts than before: no replay will give the "
                "same numbers"
            )
        return encoded

    def _way_to_split(self, split: str) -> str:
        if len(self.splits) < 2:
            return self.splits[0] if self.splits else "function"
        if split not in self.splits:
            raise ValueError(f"split must be {' or '.join(map(repr, self.splits))}, not {split!r}")
        return split

    def _candidates(
        self, encoded: EncodedTasks, difficulty: NDArray[np.float64], parts: Parts, seed: int
    ) -> CandidateTable:
        rooms = self.rooms(parts)
        n_candidates = self._fitting(rooms)
        others = self.repeats.other_answers
        table = CandidateTable(encoded, difficulty, n_candidates=n_candidates, seed=seed, other_answers=others)
        for numbers in self._filled(parts).values():
            table.fill(numbers)
        return table

    def _filled(self, parts: Parts) -> dict[str, Numbers]:
        """Returns the tasks that draw their candidates from one another, by what messages call them."""
        if self.closed_pools:  # train tasks again: what is right in other parts only must not be trained on as wrong
            return {"all": np.arange(len(self.tasks), dtype=np.uint32), "train": parts.train}
        return {name: parts.part(name) for name in PARTS} | {"test": np.union1d(parts.test, parts.unasked)}

    def rooms(self, parts: Parts) -> list[Room]:
        """Returns how many candidates each part has room for."""
        rooms, solutions = [], self.repeats.solutions
        others = {i: len(np.unique(solutions[found])) for i, found in self.repeats.other_answers.items()}
        for name, members in self._filled(parts).items():
            most_right = max((others.get(i, 0) for i in members.tolist()), default=0)
            different = len(np.unique(solutions[members])) - most_right
            rooms.append(Room(name, different, min((len(self.tasks[i].wrong) for i in members.tolist()), default=-1)))
        return rooms

    def _fitting(self, rooms: Sequence[Room]) -> int:
        """Returns the number of candidates. Raises TooFewSolutionsError if there is no room for them."""
        tightest = min(rooms, key=lambda room: room.most)
        wanted = self.options.candidates or max(FEWEST, min(CANDIDATES, tightest.most))
        if tightest.most < wanted:
            raise TooFewSolutionsError(self._too_few(tightest, wanted))
        return wanted

    def _too_few(self, room: Room, wanted: int) -> str:
        part = "every repository together has" if room.part == "all" else f"the {room.part} part has"
        enough = math.ceil(len(self.tasks) * wanted / room.most) if room.most > 1 else 10 * wanted
        ways = [f"about {max(enough, len(self.tasks) + 1)} tasks would do"]
        ways += [self.advice] if self.advice else []
        ways += [f"or --candidates {room.most}"] if room.most >= FEWEST else []
        found = f"{room.different} different solution{'s' * (room.different != 1)}"
        return (
            f"{self.title}: {self._count()}: {part} {found}, and {wanted} candidates need {wanted} in each part; "
            f"{', '.join(ways)}"
        )

    def _count(self) -> str:
        """Returns the number of tasks in all and of each type."""
        counts = Counter(TASK_TYPES[task.type] for task in self.tasks)
        return f"{len(self.tasks)} tasks ({', '.join(f'{n} of type {name}' for name, n in counts.items())})"

    @property
    def title(self) -> str:
        """What messages call the input."""
        title = parse_spec(self.options.source).title if self.options.source else self.name
        return f"{title}, tested on {Path(self.options.test).name}" if self.options.test else title

    def with_candidates(self, n: int) -> TextInput:
        """Returns the same input with n candidates for each task."""
        changed = copy.copy(self)
        object.__setattr__(changed, "options", replace(self.options, candidates=n))
        return changed

    def _details(self, split: str, dim: int, encoder: Encoder, digest: str, n_candidates: int) -> Details:
        details: Details = {"kind": self.kind}
        generator = self.generator + (self.repeats.changes_tasks or shares_wrong_answers(self.tasks))
        if generator > 1:
            details["generator"] = generator
        if self.splits:
            details["split"] = self._way_to_split(split)
        details |= {**self.parsed, **({"testTasks": self.n_test} if self.n_test else {})}
        details |= {"hints": True} if self.options.hints else {}
        details |= {"dim": dim, "encoder": encoder.name, "candidates": n_candidates}
        details |= {"tasks": len(self.tasks), "inputDigest": digest}
        if self.options.transfer:
            details["transferDigest"] = texts_digest(self.options.transfer)
        return details

    def _others(self, encoder: Encoder, dim: int) -> EncodedTasks | None:
        """The transfer tasks."""
        return self._encoded(self.options.transfer, encoder, dim, "transfer") if self.options.transfer else None

    def _question(self, encoded: EncodedTasks, others: EncodedTasks | None, parts: Parts) -> Question:
        right_too = self.repeats.other_answers, self.transfer_answers
        return make_question(encoded, others, parts, right_too, closed=self.closed_pools)


def fit_candidates(
    task_input: RealInput, split: str, seeds: Sequence[int], folds: Sequence[Fold] = (ORDINARY,), warn: Note = ignore
) -> RealInput:
    """Returns the input with as many candidates as every part of every run has room for: runs must be comparable.

    `warn` hears if they are fewer than usual, or not all test tasks asked. Raises ValueError for too few solutions.
    """
    if not isinstance(task_input, TextInput):
        return task_input
    parts = [task_input.split(split, seed, fold) for seed in seeds for fold in folds]
    rooms = [room for each in parts for room in task_input.rooms(each)]
    if unasked := len(parts[0].unasked):
        n = len(parts[0].test)
        warn(f"{n} of {n + unasked} test tasks are asked, evenly spaced, each among the solutions of all of them")
    n, tightest = task_input._fitting(rooms), min(rooms, key=lambda room: room.most)
    if task_input.options.candidates is None and n < CANDIDATES:
        warn(
            f"{task_input.title}: {len(task_input.tasks)} tasks: {n} candidates each, not {CANDIDATES}, because the "
            f"{tightest.part} part has {tightest.different} different solutions; a guess is right in {1 / n:.0%}"
        )
    return task_input.with_candidates(n)


def _digest_of(values: dict[str, str]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode("ascii")).hexdigest()
