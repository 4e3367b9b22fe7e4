"""What is known at a moment of a stream: the tasks before it, with their answers, and the candidates of all tasks.

Nothing of a later task reaches what is learned: not its prompt (so the default encoder's weights are fitted on the
candidates and the prompts so far), not its answer (so wrong candidates to learn from are answers so far), not the means
of its vectors. The pool that a task is answered from is known beforehand, as a set of texts, and results say so.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ruvllm._core import CorpusSource, Purpose, RandomStream
from ruvllm.encoders.base import Encoder
from ruvllm.encoders.hashed import HashedNgramEncoder
from ruvllm.files.json_writing import canonical_json
from ruvllm.workloads.candidates import CANDIDATES, FEWEST, CandidateTable, difficulties
from ruvllm.workloads.encoding import EncodedTasks, encode_tasks
from ruvllm.workloads.question import make_retrieval
from ruvllm.workloads.repeats.finding import copies_of, joined
from ruvllm.workloads.splits import Numbers, Parts
from ruvllm.workloads.streams.order import order_of
from ruvllm.workloads.text import TextInput
from ruvllm.workloads.workload import Details, Question, Retrieval, Vectors, Workload

__all__ = ["FEWEST_TASKS", "Moment", "TaskStream"]

FEWEST_TASKS = 30
"""Of a stream that are no copies of earlier ones: fewer show nothing."""
VALIDATED = 5
"""One of so many known tasks, the latest of them, chooses settings before it is learned from too."""
POOL_WORDS = "The candidates, all solutions of the input, are known beforehand; which of them is right is not."
CLOSED_WORDS = (
    "The candidates, which are the files that any issue of the data changes, are known beforehand, and each is right "
    "for some issue: figures are not those of finding a file among all of a repository."
)


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """A learner's view of a stream after its first tasks."""

    workload: Workload | None
    """Of the tasks so far, split into train and validation, which is the test part too; None if they are too few."""
    shuffled: Workload | None
    """The same for a control: each task's answer is that of a task drawn at random among those so far."""
    question: Retrieval
    """Every task of the input by number, each among its pool, as vectors of this moment."""


class TaskStream:
    """The tasks of an input in the order in which they come."""

    def __init__(self, task_input: TextInput, *, dim: int, seed: int) -> None:
        """Raises ValueError, one line, for an input with too few tasks."""
        self.input, self.dim, self.seed = task_input, dim, seed
        self.order = order_of(task_input.tasks)
        self.numbers = self.order.numbers
        self.groups = _alike(task_input)
        self.again = self._again()
        new = len(self) - int(self.again.sum())
        if new < FEWEST_TASKS:
            raise ValueError(
                f"{task_input.title}: a stream needs at least {FEWEST_TASKS} tasks that are no copies of earlier ones, "
                f"not {new}"
            )
        self._difficulty = difficulties(task_input.tasks, seed)
        self._types = np.array([task.type for task in task_input.tasks], dtype=np.uint8)
        kinds = [(task.type, task.pool) for task in task_input.tasks]
        self._kinds = np.unique([f"{kind} {pool}" for kind, pool in kinds], return_inverse=True)[1]
        self._encoded: EncodedTasks | None = None

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def name(self) -> str:
        return self.input.name

    @property
    def known_beforehand(self) -> str:
        """What is known of later tasks before they come."""
        return CLOSED_WORDS if self.input.closed_pools else POOL_WORDS

    @property
    def details(self) -> Details:
        """What decides the stream beside the seed and the protocol."""
        found: Details = {
            "kind": self.input.kind,
            "dim": self.dim,
            "encoder": (self.input.encoder or HashedNgramEncoder(self.dim, sublinear_tf=True)).name,
            "candidates": self.input.options.candidates or CANDIDATES,
            "tasks": len(self),
            "inputDigest": self.input.digest,
            **({"hints": True} if self.input.options.hints else {}),
            "order": hashlib.sha256(canonical_json(self.numbers.tolist())).hexdigest(),
        }
        if self.vectors_digest is not None:
            found["vectors"] = self.vectors_digest
        return found

    @property
    def solution_texts(self) -> list[str]:
        """The texts behind Retrieval.numbers: right solutions, then own wrong answers of one task after another."""
        tasks = self.input.tasks
        return [*(task.solution for task in tasks), *(text for task in tasks for text in task.wrong)]

    @property
    def vectors_digest(self) -> str | None:
        """SHA-256 (hex) of the vectors of a user's encoder; None for the default one."""
        return None if self.input.encoder is None else self._encode(0).vectors_digest

    def moment(self, known: int, until: int, *, control: bool = False) -> Moment:
        """What is known after `known` tasks, for the tasks up to number `until` of the stream; `control` asks for
        shuffled answers too."""
        encoded = self._encode(known)
        everything = np.arange(len(self), dtype=np.uint32)
        question = make_retrieval(encoded, everything, True, self.input.repeats.other_answers)
        shuffled = self._workload(encoded, known, until, shuffled=True) if control else None
        return Moment(self._workload(encoded, known, until), shuffled, question)

    def _again(self) -> NDArray[np.bool_]:
        """(n,): whether a copy of the task at each place came before it."""
        groups = self.groups[self.numbers]
        first = np.zeros(len(groups), dtype=np.bool_)
        first[np.unique(groups, return_index=True)[1]] = True
        return ~first

    def _encoder(self, known: int) -> Encoder:
        if self.input.encoder is not None:
            return self.input.encoder
        tasks = self.input.tasks
        # each once: how many of the tasks have an answer is not known yet
        pool = dict.fromkeys(text for task in tasks for text in (task.solution, *task.wrong))
        prompts = [tasks[i].prompt for i in self.numbers[:known].tolist()]
        return HashedNgramEncoder(self.dim, sublinear_tf=True).fit([*pool, *prompts])

    def _encode(self, known: int) -> EncodedTasks:
        """Vectors of a user's encoder are the same at each moment."""
        if self._encoded is None or self.input.encoder is None:
            self._encoded = encode_tasks(self.input.tasks, self._encoder(known), self.dim)
        return self._encoded

    def _workload(
        self, encoded: EncodedTasks, known: int, until: int, *, shuffled: bool = False
    ) -> Workload | None:
        parts = self._parts(known)
        n = self._room(encoded, parts)
        if n < FEWEST or not len(parts.valid):
            return None
        others = self.input.repeats.other_answers
        table = CandidateTable(
            encoded, self._difficulty, n_candidates=n, seed=self.seed, other_answers=others
        )
        table.rows[:] = 0
        table.right[:] = 0
        if not shuffled:
            table.fill(np.sort(self.numbers[:known]))
            table.fill(parts.train)  # again: what is right for validation tasks only is not learned as wrong
        for i in self.numbers[0 if shuffled else known : until].tolist():
            self._draw(table, encoded, i, parts.train, shuffled)
        source = CorpusSource(
            queries=encoded.queries,
            solutions=encoded.solutions,
            candidates=table.rows,
            right=table.right,
            types=self._types,
        )
        validation = make_retrieval(encoded, parts.valid, True, others)
        vectors = Vectors(encoded.queries, encoded.solutions[: len(self)])
        categories = np.array([task.category for task in self.input.tasks], dtype=np.uint8)
        return Workload(
            self.name, source, self._types, self._difficulty.astype(np.float32), categories, parts,
            question=Question(validation, validation, vectors),
        )  # fmt: skip

    def _parts(self, known: int) -> Parts:
        """The latest known tasks validate, unless they are copies of those that are learned from."""
        split = known - known // VALIDATED
        train, valid = self.numbers[:split], self.numbers[split:known]
        copies = np.isin(self.groups[valid], self.groups[train])
        train, valid = (np.sort(part) for part in (np.concatenate([train, valid[copies]]), valid[~copies]))
        return Parts(train, valid, valid, valid[:0])

    def _room(self, encoded: EncodedTasks, parts: Parts) -> int:
        """Number of candidates that each train task has room for."""
        wanted = self.input.options.candidates or CANDIDATES
        others = self.input.repeats.other_answers
        bodies = set(encoded.bodies[parts.train].tolist())
        most_right = max(
            (len(bodies & {int(encoded.bodies[j]) for j in others.get(i, ())}) for i in parts.train.tolist()), default=0
        )
        return min(wanted, len(bodies) - most_right)

    def _draw(
        self, table: CandidateTable, encoded: EncodedTasks, task: int, train: Numbers, shuffled: bool
    ) -> None:
        """Candidates of a later task, for when it is learned from: answers so far, of its own pool and type first.

        `shuffled` puts the answer of any task so far in place of its own.
        """
        m = table.rows.shape[1]
        stream = RandomStream(self.seed, Purpose.DATASET, task + 1, 4 if shuffled else 3)
        alike = train[self._kinds[train] == self._kinds[task]] if shuffled else train[:0]
        i = int(alike[stream.below(len(alike))]) if len(alike) else task
        mixed = train[stream.permutation(len(train))]
        drawn = mixed[np.argsort(self._kinds[mixed] != self._kinds[i], kind="stable")]
        taken = {int(encoded.bodies[i]), *(int(encoded.bodies[j]) for j in self.input.repeats.other_answers.get(i, ()))}
        wrong = [*encoded.own_rows[i]][: m - 1]
        for j in drawn.tolist():
            if len(wrong) < m - 1 and int(encoded.bodies[j]) not in taken:
                taken.add(int(encoded.bodies[j]))
                wrong.append(j)
        wrong += [i] * (m - 1 - len(wrong))
        places = stream.permutation(m)
        table.rows[task] = np.array([i, *wrong])[places]
        table.right[task] = int(np.flatnonzero(places == 0)[0])


def _alike(task_input: TextInput) -> Numbers:
    """Returns the group (n,) of each task: near or equal prompts, or a group of the user's.

    Equal solutions make no copies here: to know the answer to a new question from older ones is what a stream is for.
    """
    tasks, repeats = task_input.tasks, task_input.repeats
    keys = [(i, ("prompt", number)) for i, number in enumerate(repeats.prompts.tolist())]
    named = [(i, ("group", task.group)) for i, task in enumerate(tasks) if task.group]
    copies = copies_of([(task.prompt, task.solution) for task in tasks], by_prompt=True)
    return copies.groups(joined(len(tasks), (*keys, *named)))
