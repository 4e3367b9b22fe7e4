"""Which method answers: what the validation part says of each, and how sure it has to be.

What was learned from the encoder's vectors answers, unless both views as they are do convincingly better on the
validation part; then these, unless what was learned from both is better than they are, and then unless another form
without a learning loop is. The frozen vectors stay unless what would answer in their place is convincingly better than
they are. Convincing is a mean paired gain in reciprocal rank of a standard error or more. The test part has no say:
whatever comes of the choice is in its figures.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from ruvllm.evaluation.closed_forms import Form
from ruvllm.evaluation.hybrid import Hybrid, HybridForm
from ruvllm.evaluation.learned_retrieval import LearnedRetrieval
from ruvllm.evaluation.retrieval import InPlace, Ranked, Ranks, reciprocal_ranks
from ruvllm.evaluation.statistics import mean, sample_standard_deviation
from ruvllm.workloads.workload import Question, Retrieval

__all__ = ["FROZEN", "HYBRID", "HYBRID_CLOSED", "HYBRID_FROZEN", "LEARNED", "REPLACEMENTS", "Choice",
           "SelectedRetrieval", "choose"]  # fmt: skip

FROZEN, LEARNED = "frozen", "learned"
HYBRID, HYBRID_CLOSED, HYBRID_FROZEN = "hybrid", "hybridRidgeCsls", "hybridFrozen"
"""Of both views: by what was learned from each, by a closed form of each, and as they are."""
REPLACEMENTS = (HYBRID, HYBRID_CLOSED, HYBRID_FROZEN, "ridgeCsls", "ridge", "csls", "meanRemoval")
"""What may answer in place of what was learned from the encoder's vectors; of equally good ones the first."""
NO_HYBRIDS: Mapping[int, Mapping[str, HybridForm]] = MappingProxyType({})
STANDARD_ERRORS = 1.0
"""So many a gain on the validation part must come to. On seeds from 100 on, 271 pairs of text and code in 5 folds,
recall@1 gained 11.8 points with all-MiniLM-L6-v2 (20 runs) and 5.2 with the hashed encoder (10 runs) where the frozen
vectors stayed below none, a half or one; 10.9 and 2.5 at 1.645. With words, 159 issues in 5 folds (15 runs) gained
13.2 where what was learned from both views had to be better than these as they are, and 12.0 where it had not; the
pairs 13.7 and 14.2, docstrings the same."""
FAR = 0.25
"""Other input is far from what was learned from if more than half of its queries are less near to the train queries
than this share of the validation queries."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What the validation part chose, and why."""

    method: str
    """FROZEN, LEARNED or one of REPLACEMENTS."""
    queries: int
    """On which the choice was made."""
    figures: dict[str, float]
    """Mean reciprocal rank on them, in (0, 1], by method; empty for fewer than 2 queries."""
    best: str
    """The method that would answer in place of the frozen vectors."""
    gain: float
    """That method's figure minus the frozen vectors'."""
    standard_error: float
    """Of the gain."""


def choose(reciprocal: Mapping[str, NDArray[np.float64]]) -> Choice:
    """Chooses by the reciprocal ranks (n,) of the same n validation queries.

    There are those of FROZEN, LEARNED, and as many of REPLACEMENTS as may answer.
    """
    queries = len(reciprocal[FROZEN])
    if queries < 2:
        return Choice(FROZEN, queries, {}, LEARNED, 0.0, 0.0)
    figures = {name: mean(values.tolist()) for name, values in reciprocal.items()}
    best = LEARNED
    for others in ((HYBRID_FROZEN,), (HYBRID,), REPLACEMENTS):
        names = [name for name in others if name in figures]
        other = max(names, key=lambda name: figures[name], default=best)
        if _convincing(*_gain(reciprocal[other], reciprocal[best])):
            best = other
    gain, error = _gain(reciprocal[best], reciprocal[FROZEN])
    return Choice(best if _convincing(gain, error) else FROZEN, queries, figures, best, gain, error)


def _gain(a: NDArray[np.float64], b: NDArray[np.float64]) -> tuple[float, float]:
    """The mean of a - b, and its standard error."""
    gains = [x - y for x, y in zip(a.tolist(), b.tolist(), strict=True)]
    return mean(gains), sample_standard_deviation(gains) / math.sqrt(len(gains))


def _convincing(gain: float, error: float) -> bool:
    return gain > 0 and gain >= STANDARD_ERRORS * error


@dataclass(frozen=True, slots=True, eq=False)
class SelectedRetrieval:
    """Retrieval by the method that the validation part chose for each task type."""

    learned: LearnedRetrieval
    forms: Mapping[int, Mapping[str, Form]]
    """Closed forms by task type."""
    choices: Mapping[int, Choice]
    """By task type."""
    least_nearness: Mapping[int, float]
    """By task type: other input whose queries are mostly less near is answered by the frozen vectors."""
    hybrids: Mapping[int, Mapping[str, HybridForm]] = field(default_factory=dict)
    """Hybrids by task type; none without a lexical view."""

    @classmethod
    def on_validation(
        cls,
        learned: LearnedRetrieval,
        forms: Mapping[int, Mapping[str, Form]],
        question: Question,
        hybrids: Mapping[int, Mapping[str, HybridForm]] = NO_HYBRIDS,
    ) -> SelectedRetrieval:
        """Chooses on the validation part for each type that has closed forms."""
        undecided = cls(learned, forms, {}, {}, hybrids)
        nearness = learned.engine.nearness(question.validation.queries, question.validation.types)
        choices, least = {}, {}
        for kind in forms:
            members = question.validation.types == kind
            of_type = question.validation.of_type(kind)
            reciprocal = {FROZEN: np.empty(0)}
            if members.any():
                reciprocal = {
                    name: reciprocal_ranks(undecided._in_place(of_type, kind, name).ranks(of_type, learned.isa))
                    for name in (FROZEN, LEARNED, *forms[kind])
                    if name in (FROZEN, LEARNED, *REPLACEMENTS)
                }
                reciprocal |= {name: form.reciprocal for name, form in hybrids.get(kind, {}).items()}
            choices[kind] = choose(reciprocal)
            least[kind] = float(np.quantile(nearness[members], FAR)) if members.any() else 0.0
        return cls(learned, forms, choices, least, hybrids)

    def methods(self, question: Retrieval, *, other_input: bool = False) -> dict[int, str]:
        """By task type of the question's queries, the method that answers. `other_input`: not the run's own tasks."""
        found = {}
        for kind in np.unique(question.types).tolist():
            choice = self.choices.get(kind)
            far = other_input and self._median_nearness(question, kind) < self.least_nearness.get(kind, 0.0)
            found[kind] = FROZEN if choice is None or far else choice.method
        return found

    def ranks(self, question: Retrieval, methods: Mapping[int, str]) -> Ranks:
        return self.ranked(question, methods, most=0).ranks

    def ranked(self, question: Retrieval, methods: Mapping[int, str], most: int) -> Ranked:
        """The ranks, and what stood first for the first `most` queries, each type answered by its method."""
        ranks = np.empty(len(question.queries), dtype=np.int32)
        first = np.full(len(question.queries), -1, dtype=np.int32)
        for kind, method in methods.items():
            members, of_type = np.flatnonzero(question.types == kind), question.of_type(kind)
            rows = question.rows_of_type(kind)
            own = int(np.count_nonzero(members < most))
            found = self._in_place(of_type, kind, method).ranked(of_type, self.learned.isa, own)
            ranks[members] = found.ranks
            first[members] = np.where(found.first < 0, -1, rows[found.first])
        return Ranked(ranks, first)

    def _in_place(self, question: Retrieval, kind: int, method: str) -> InPlace | Hybrid:
        """Of a question whose queries are all of this type."""
        if method == LEARNED:
            return self.learned.in_place(question)
        if (hybrid := self.hybrids.get(kind, {}).get(method)) is not None:
            return hybrid.in_place(question)
        form = self.forms.get(kind, {}).get(method)
        return (
            InPlace(question.queries, question.solutions) if form is None else form.in_place(question, self.learned.isa)
        )

    def _median_nearness(self, question: Retrieval, kind: int) -> float:
        of_type = question.types == kind
        return float(np.median(self.learned.engine.nearness(question.queries[of_type], question.types[of_type])))
