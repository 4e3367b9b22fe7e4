"""Retrieval by what a run has learned: queries are adapted, and solutions that are near to every query set back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import Struct, structs
from numpy.typing import NDArray

from ruvllm._core import LearningEngine
from ruvllm.evaluation.retrieval import InPlace, Ranks, mean_reciprocal_rank, ranks_in_groups, recall_at_1, recall_at_5
from ruvllm.workloads.rows import empty_rows, take_rows
from ruvllm.workloads.workload import TASK_TYPES, Retrieval, RetrievalBlock, Workload, types_in

__all__ = ["LearnedRetrieval", "figures"]


class _Place(Struct, frozen=True, eq=False):
    """What stands in place of the vectors of a question: adapted queries, solutions without the mean of their type."""

    queries: NDArray[np.float32]
    solutions: NDArray[np.float32]
    crowded: NDArray[np.float32]
    """(m,): the whole crowding."""


class LearnedRetrieval(Struct, frozen=True, eq=False):
    """An engine that ranks."""

    engine: LearningEngine
    isa: str
    neighbours: int
    """Past queries among which a solution's crowding is found."""
    shares: Mapping[int, float]
    """Of the crowding, taken from the cosines of a type's solutions."""
    known: dict[tuple[LearningEngine, Retrieval], _Place] | None = None
    """What questions came to, whatever the shares, where the engine learns no more; None where it may."""

    @classmethod
    def with_best_shares(
        cls, engine: LearningEngine, workload: Workload, *, shares: Sequence[float], neighbours: int, isa: str
    ) -> LearnedRetrieval:
        """Picks for each task type the share with the best validation MRR (the first if several tie).

        Without validation queries it uses the first share.
        """
        types = types_in(workload.types)
        first = cls(engine, isa, neighbours, dict.fromkeys(types, shares[0]))
        if len(shares) == 1 or workload.question is None:
            return first
        validation = workload.question.validation
        adapted, solutions = first._adapted(validation), first._solutions(validation)
        crowded = first._crowding(validation, solutions)
        ranks = [ranks_in_groups(validation, adapted, solutions, isa, np.float32(share) * crowded) for share in shares]
        best = {}
        for kind in types:
            of_kind = validation.types == kind
            scores = [mean_reciprocal_rank(found[of_kind]) if of_kind.any() else 0.0 for found in ranks]
            best[kind] = shares[int(np.argmax(scores))]
        return structs.replace(first, shares=best)

    def named_shares(self) -> dict[str, float]:
        return {TASK_TYPES[kind]: share for kind, share in self.shares.items()}

    def ranks(self, question: Retrieval | None) -> tuple[Ranks, Ranks] | None:
        """Ranks among all solutions of a query's group, frozen and with what was learned; None without a question."""
        if question is None:
            return None
        frozen = ranks_in_groups(question, question.queries, question.solutions, self.isa)
        return frozen, self.learned_ranks(question)

    def learned_ranks(self, question: Retrieval) -> Ranks:
        return self.in_place(question).ranks(question, self.isa)

    def in_place(self, question: Retrieval) -> InPlace:
        """Adapted queries, solutions without the mean of their type, and what is taken from their cosines."""
        place = self._place(question)
        return InPlace(place.queries, place.solutions, self._discount(question, place.crowded))

    def solutions_in_place(self, question: Retrieval) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The solutions (m, d) and the discounts (m,) of in_place()."""
        solutions = self._solutions(question)
        return solutions, self._discount(question, self._crowding(question, solutions))

    def with_whole_crowding(self) -> LearnedRetrieval:
        """The same where what is taken from the cosines is all of the crowding, for whoever weighs it."""
        return structs.replace(self, shares=dict.fromkeys(self.shares, 1.0))

    def with_learning_over(self) -> LearnedRetrieval:
        """The same for an engine that learns no more: each question is gone through once."""
        return structs.replace(self, known={})

    def _place(self, question: Retrieval) -> _Place:
        known = {} if self.known is None else self.known
        if (self.engine, question) not in known:
            solutions = self._solutions(question)
            known[self.engine, question] = _Place(
                self._adapted(question), solutions, self._crowding(question, solutions)
            )
        return known[self.engine, question]

    def _adapted(self, question: Retrieval) -> NDArray[np.float32]:
        return self.engine.adapt(question.queries, question.types)

    def _discount(self, question: Retrieval, crowded: NDArray[np.float32]) -> NDArray[np.float32]:
        """(m,) from the whole crowding (m,)."""
        discount = crowded.copy()
        for block in question.blocks():
            discount[block.candidates] *= np.float32(self.shares.get(_type_of(question, block), 0.0))
        return discount

    def _solutions(self, question: Retrieval) -> NDArray[np.float32]:
        """The solutions (m, d) without the mean of their group's type."""
        centred = empty_rows(*question.solutions.shape)
        for block in question.blocks():
            rows = take_rows(question.solutions, block.candidates)
            centred[block.candidates] = self.engine.centre_solutions(rows, _type_of(question, block))
        return centred

    def _crowding(self, question: Retrieval, solutions: NDArray[np.float32]) -> NDArray[np.float32]:
        """Of each of these solutions (m, d) of the question among the past queries of its group's type: (m,)."""
        crowded = np.zeros(len(solutions), dtype=np.float32)
        for block in question.blocks():
            rows = take_rows(solutions, block.candidates)
            crowded[block.candidates] = self.engine.crowding(
                rows, _type_of(question, block), neighbours=self.neighbours
            )
        return crowded


def _type_of(question: Retrieval, block: RetrievalBlock) -> int:
    """All queries of a group are of one type."""
    return int(question.types[block.members[0]])


def figures(ranks: tuple[Ranks, Ranks]) -> dict[str, object]:
    """Metrics of frozen and learned ranks, as results files have them."""
    frozen, learned = ranks
    return {
        "queries": len(frozen),
        "recallAt1": {"frozen": recall_at_1(frozen), "learned": recall_at_1(learned)},
        "recallAt5": {"frozen": recall_at_5(frozen), "learned": recall_at_5(learned)},
        "mrr": {"frozen": mean_reciprocal_rank(frozen), "learned": mean_reciprocal_rank(learned)},
    }
