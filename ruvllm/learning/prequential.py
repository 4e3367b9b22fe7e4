"""A stream: each task is answered by what was learned from the tasks before it, and then learned from.

The engine learns from each task as it comes. At moments that lie farther and farther apart it is made anew from all
tasks so far, in several passes: the means that are taken away, the default encoder's weights and the share of crowding
are of that moment. Until the first of them the frozen vectors answer, and afterwards whatever the tasks so far say:
what was learned, or a closed form, only while it is convincingly ahead of the frozen vectors on them (selection.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from ruvllm._core import LearningEngine
from ruvllm.evaluation.closed_forms import Form, closed_form_ranks, fit_closed_forms
from ruvllm.evaluation.learned_retrieval import LearnedRetrieval
from ruvllm.evaluation.retrieval import InPlace, reciprocal_ranks
from ruvllm.evaluation.selection import FROZEN, LEARNED, choose
from ruvllm.files.arrays import state_digest
from ruvllm.learning.constants import Size
from ruvllm.learning.training_run import Cancelled, RunPlan, TrainingRun
from ruvllm.workloads.inputs import ignore
from ruvllm.workloads.splits import Numbers
from ruvllm.workloads.streams.lexical import bm25_ranks
from ruvllm.workloads.streams.moments import Moment, TaskStream
from ruvllm.workloads.workload import Retrieval

__all__ = ["ALONE", "BM25", "SHUFFLED", "TIME", "Streamed", "refits_of", "run_stream"]

TIME = "time"
"""What --stream calls such a stream."""

ALONE, SHUFFLED, BM25 = "learningAlone", "shuffled", "bm25"
"""What was learned, whether or not it answered; what was learned from shuffled answers; and what words alone say."""
REPLACEMENTS = ("ridgeCsls",)
"""Closed forms that are fitted at the same moments."""
FIRST, GROWTH = 24, 1.5
"""Tasks before the first moment, and how many times as many before the next one."""
LEAST = 10
"""Measured tasks of a type since the first moment before anything but the frozen vectors may answer them."""
MOST_LOOKS = 500
"""A stream is answered in so many groups at most: of more tasks, those of a group do not know each other's answers."""

FRESH = 16
"""Crowding is found anew when the tasks that were learned from have grown by one in so many: it moves slowly."""

Progress = Callable[[int, int, float | None], None]
"""Called with (tasks answered, tasks, share that came first so far)."""
Ranks = dict[str, NDArray[np.float64]]
"""Reciprocal ranks by method."""


@dataclass(frozen=True, slots=True, eq=False)
class Streamed:
    """A stream that was run; elements of arrays belong to its n tasks in their order."""

    reciprocal_ranks: Ranks
    """(n,) by method."""
    answered_by: list[str]
    """(n,): which method's answer LEARNED is."""
    pools: NDArray[np.int64]
    """(n,): number of candidates."""
    refits: list[int]
    """Tasks before each moment at which the learner was made anew."""
    state_hash: str
    """Of the engine at the end."""
    seconds: float


def refits_of(n: int) -> list[int]:
    """The moments in a stream of n tasks at which the learner is made anew, by the number of tasks before them."""
    found: list[int] = []
    moment = FIRST
    while moment < n:
        found.append(moment)
        moment = int(moment * GROWTH)
    return found


class _Learner:
    """What was learned at a moment, and goes on learning."""

    def __init__(
        self, plan: RunPlan, moment: Moment, upcoming: Numbers, cancelled: Callable[[], bool], *, control: bool
    ) -> None:
        """`upcoming` (k,) are the tasks until the next moment; a control learns from shuffled answers."""
        workload = moment.shuffled if control else moment.workload
        assert workload is not None and workload.question is not None
        self.question, self.isa = moment.question, plan.isa
        run = TrainingRun(_sized(plan, len(workload.parts.train)), workload, cancelled)
        while run.epochs_done < len(run.stream):
            run.epoch()
        p = plan.protocol
        shares = p.crowding_shares[:1] if control else p.crowding_shares  # a control sees no true answer
        self._new = 0
        self.learned = LearnedRetrieval.with_best_shares(
            run.engine, workload, shares=shares, neighbours=p.crowding_neighbours, isa=plan.isa
        )
        self._rate, self._rehearsing = run.rate.rate, p.associations.block_size > 0
        self._of_forms: dict[str, dict[int, float]] = {}
        if not control:
            fitted = fit_closed_forms(workload.question, workload.types, workload.parts.train, plan.isa)
            self._of_forms = self._answered_by(fitted, upcoming)
        self._known = len(workload.parts.train)
        self.learn(workload.parts.valid)
        if self._rehearsing:
            run.engine.rehearse()
        self._new = self._known

    @property
    def engine(self) -> LearningEngine:
        return self.learned.engine

    def learn(self, tasks: Numbers) -> None:
        """Learns from tasks (k,), one after another."""
        self.engine.train(tasks, learning_rate=self._rate, temperature=1.0)
        self._known, self._new = self._known + len(tasks), self._new + len(tasks)

    def ranks(self, tasks: Numbers) -> Ranks:
        """Reciprocal ranks (k,) of these tasks by what was learned and by the closed forms."""
        if FRESH * self._new >= self._known:
            self._solutions, self._discount = self.learned.solutions_in_place(self.question)
            self._new = 0
        these, rows = only(self.question, tasks)
        adapted = self.engine.adapt(these.queries, these.types)
        place = InPlace(adapted, np.ascontiguousarray(self._solutions[rows]), self._discount[rows])
        of_forms = {name: np.array([ranks[i] for i in tasks.tolist()]) for name, ranks in self._of_forms.items()}
        return {ALONE: reciprocal_ranks(place.ranks(these, self.isa)), **of_forms}

    def _answered_by(self, fitted: dict[int, dict[str, Form]], tasks: Numbers) -> dict[str, dict[int, float]]:
        """Reciprocal ranks by closed form and task: they stay as they are until the next moment."""
        chosen = {kind: {name: forms[name] for name in REPLACEMENTS} for kind, forms in fitted.items()}
        ranks = closed_form_ranks(only(self.question, tasks)[0], chosen, self.isa)
        numbers = tasks.tolist()
        return {
            name: dict(zip(numbers, reciprocal_ranks(ranks[name]).tolist(), strict=True)) for name in REPLACEMENTS
        }


def run_stream(
    plan: RunPlan,
    stream: TaskStream,
    *,
    controls: bool = True,
    progress: Progress = ignore,
    cancelled: Callable[[], bool] = lambda: False,
) -> Streamed:
    """Answers and learns the whole stream. `controls` asks for SHUFFLED too. Raises Cancelled, ValueError."""
    started = time.perf_counter()
    n, kept = len(stream), _Kept(stream)
    edges = [0, *refits_of(n), n]
    learners: dict[str, _Learner] = {}
    made = []
    for known, until in pairwise(edges):
        moment = stream.moment(known, until, control=controls)
        if known == 0:  # words say the same at every moment
            kept.reciprocal[BM25] = 1.0 / bm25_ranks(stream, moment.question)[stream.numbers]
        if moment.workload is not None:
            made.append(known)
            learners = {
                name: _Learner(plan, moment, stream.numbers[known:until], cancelled, control=name == SHUFFLED)
                for name in (ALONE, *([SHUFFLED] if controls else []))
            }
        for group in _groups(stream.numbers[known:until], n):
            if cancelled():
                raise Cancelled
            kept.answer(group, moment.question, learners, plan.isa)
            for learner in learners.values():
                learner.learn(group)
            progress(kept.done, n, kept.share_right)
    names = [FROZEN, BM25, *REPLACEMENTS, *([SHUFFLED] if controls else []), ALONE, LEARNED]
    return Streamed(
        {name: kept.reciprocal[name] for name in names},
        kept.answered_by,
        kept.pools,
        made,
        state_digest(learners[ALONE].engine.state()) if learners else state_digest({}),
        time.perf_counter() - started,
    )


class _Kept:
    """What was answered so far."""

    def __init__(self, stream: TaskStream) -> None:
        n = len(stream)
        self.reciprocal: Ranks = {name: np.zeros(n) for name in (FROZEN, *REPLACEMENTS, SHUFFLED, ALONE, LEARNED)}
        self.answered_by: list[str] = []
        self.pools = np.zeros(n, dtype=np.int64)
        self.done = 0
        self._begun: int | None = None
        self._measured = ~stream.again
        self._types = np.array([stream.input.tasks[i].type for i in stream.numbers.tolist()])

    @property
    def share_right(self) -> float:
        return float(np.mean(self.reciprocal[LEARNED][: self.done] == 1))

    def answer(self, tasks: Numbers, question: Retrieval, learners: dict[str, _Learner], isa: str) -> None:
        """Answers tasks (k,), the next ones of the stream, by every method, and chooses which of them counts."""
        at = slice(self.done, self.done + len(tasks))
        these, _ = only(question, tasks)
        frozen = frozen_ranks(these, isa)
        self.pools[at] = pool_sizes(these)
        for name, values in self.reciprocal.items():
            if name != BM25:
                values[at] = frozen
        for name, learner in learners.items():
            for method, values in learner.ranks(tasks).items():
                self.reciprocal[SHUFFLED if name == SHUFFLED else method][at] = values
        if learners and self._begun is None:
            self._begun = self.done
        methods = [self._method(kind) for kind in these.types.tolist()]
        for place, method in enumerate(methods, start=self.done):
            self.reciprocal[LEARNED][place] = self.reciprocal[method][place]
        self.answered_by += [LEARNED if method == ALONE else method for method in methods]
        self.done += len(tasks)

    def _method(self, kind: int) -> str:
        """What the measured tasks of a type since the first moment say."""
        if self._begun is None:
            return FROZEN
        past = slice(self._begun, self.done)
        members = self._measured[past] & (self._types[past] == kind)
        if np.count_nonzero(members) < LEAST:
            return FROZEN
        names = {FROZEN: FROZEN, LEARNED: ALONE} | {name: name for name in REPLACEMENTS}
        return names[choose({name: self.reciprocal[own][past][members] for name, own in names.items()}).method]


def only(question: Retrieval, tasks: NDArray[np.integer]) -> tuple[Retrieval, NDArray[np.int64]]:
    """Returns queries (k,) of a question, in this order, with all candidates of their groups, and the rows of these."""
    rows = np.flatnonzero(np.isin(question.solution_groups, question.groups[tasks]))
    too = question.right_too if question.right_too is not None else np.empty((0, 2), dtype=np.int32)
    place = {int(task): i for i, task in enumerate(tasks.tolist())}
    kept = [(place[q], int(np.searchsorted(rows, row))) for q, row in too.tolist() if q in place]
    found = Retrieval(
        queries=np.ascontiguousarray(question.queries[tasks]),
        solutions=np.ascontiguousarray(question.solutions[rows]),
        types=question.types[tasks],
        right=np.searchsorted(rows, question.right[tasks]).astype(np.int32),
        groups=question.groups[tasks],
        solution_groups=question.solution_groups[rows],
        right_too=np.array(kept, dtype=np.int32).reshape(-1, 2),
    )
    return found, rows


def frozen_ranks(question: Retrieval, isa: str) -> NDArray[np.float64]:
    """Reciprocal ranks (n,) by the vectors as they are."""
    return reciprocal_ranks(InPlace(question.queries, question.solutions).ranks(question, isa))


def pool_sizes(question: Retrieval) -> NDArray[np.int64]:
    """Number of candidates of each query (n,), without others that are right for it too."""
    groups, counts = np.unique(question.solution_groups, return_counts=True)
    sizes: NDArray[np.int64] = counts[np.searchsorted(groups, question.groups)]
    if question.right_too is not None:
        sizes = sizes - np.bincount(question.right_too[:, 0], minlength=len(sizes))
    return sizes


def _groups(tasks: Numbers, n: int) -> Iterator[Numbers]:
    """Tasks one by one, or a few at a time in a long stream."""
    size = -(-n // MOST_LOOKS)
    return (tasks[i : i + size] for i in range(0, len(tasks), size))


def _sized(plan: RunPlan, train: int) -> RunPlan:
    """As many epochs as the profile has, in each every task once, as far as the profile's number of tasks goes."""
    epochs, most = plan.size.epochs, plan.size.tasks_per_epoch
    return structs.replace(plan, size=Size(epochs, max(-(-train // epochs), min(most, train))))
