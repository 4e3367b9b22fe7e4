"""Which method answers: what the validation part says of each, and how sure it has to be.

The ensemble answers, which weighs all scores that there are, unless the validation part says that one of what it was
made of does better, by two standard errors or more. Where it is not convincingly better than the frozen vectors, both
views as they are may answer in its place, and if they are not either, the frozen vectors do. Convincing is a mean
paired gain in reciprocal rank of a standard error or more. The test part has no say: whatever comes of the choice is in
its figures.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from ruvllm.evaluation.learned_retrieval import LearnedRetrieval
from ruvllm.evaluation.retrieval import InPlace, Ranked, Ranks, reciprocal_ranks
from ruvllm.evaluation.statistics import mean, sample_standard_deviation
from ruvllm.workloads.workload import Question, Retrieval, types_in

if TYPE_CHECKING:
    from ruvllm.evaluation.closed_forms import Form
    from ruvllm.evaluation.ensemble import Ensemble, EnsembleForm
    from ruvllm.evaluation.hybrid import Hybrid, HybridForm

__all__ = [
    "ENSEMBLE", "ENSEMBLE_CLOSED", "FROZEN", "HYBRID", "HYBRID_CLOSED", "HYBRID_FROZEN", "LEARNED", "REPLACEMENTS",
    "Choice", "SelectedRetrieval", "choose",
]  # fmt: skip

FROZEN, LEARNED = "frozen", "learned"
HYBRID, HYBRID_CLOSED, HYBRID_FROZEN = "hybrid", "hybridRidgeCsls", "hybridFrozen"
"""Of both views: by what was learned from each, by a closed form of each, and as they are."""
ENSEMBLE, ENSEMBLE_CLOSED = "ensemble", "ensembleClosed"
"""Of all scores that there are, weighed together, and of those alone that need no learning loop."""
REPLACEMENTS = (
    ENSEMBLE, HYBRID, ENSEMBLE_CLOSED, HYBRID_CLOSED, HYBRID_FROZEN, "ridgeCsls", "ridge", "csls", "meanRemoval",
)  # fmt: skip
"""What may answer in place of what was learned from the encoder's vectors; of equally good ones the first."""
NO_HYBRIDS: Mapping[int, Mapping[str, HybridForm | EnsembleForm]] = MappingProxyType({})
STANDARD_ERRORS = 1.0
"""So many a gain over the frozen vectors must come to on the validation part."""
OF_REPLACEMENTS = 2.0
"""So many a gain over what would answer otherwise must come to: it has most of what others have in itself, and the best
of many is partly the luckiest."""
FAR = 0.25
"""Other input is far from what was learned from if more than half of its queries are less near to the train queries
than this share of the validation queries."""


class Choice(Struct, frozen=True):
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

    There are those of FROZEN, and as many of LEARNED and REPLACEMENTS as may answer.
    """
    queries = len(reciprocal[FROZEN])
    if queries < 2:
        return Choice(FROZEN, queries, {}, LEARNED, 0.0, 0.0)
    figures = {name: mean(values.tolist()) for name, values in reciprocal.items()}
    best = next(name for name in (ENSEMBLE, LEARNED, HYBRID_FROZEN, FROZEN) if name in figures)
    others = [name for name in REPLACEMENTS if name in figures]
    other = max(others, key=lambda name: figures[name], default=best)
    needed = OF_REPLACEMENTS if best == ENSEMBLE else STANDARD_ERRORS
    if _convincing(*_gain(reciprocal[other], reciprocal[best]), needed):
        best = other
    for name in (best, HYBRID_FROZEN):
        if name in figures and _convincing(*_gain(reciprocal[name], reciprocal[FROZEN])):
            return Choice(name, queries, figures, name, *_gain(reciprocal[name], reciprocal[FROZEN]))
    return Choice(FROZEN, queries, figures, best, *_gain(reciprocal[best], reciprocal[FROZEN]))


def _gain(a: NDArray[np.float64], b: NDArray[np.float64]) -> tuple[float, float]:
    """The mean of a - b, and its standard error."""
    gains = [x - y for x, y in zip(a.tolist(), b.tolist(), strict=True)]
    return mean(gains), sample_standard_deviation(gains) / math.sqrt(len(gains))


def _convincing(gain: float, error: float, errors: float = STANDARD_ERRORS) -> bool:
    return gain > 0 and gain >= errors * error


@dataclass(frozen=True, slots=True, eq=False)
class SelectedRetrieval:
    """Retrieval by the method that the validation part chose for each task type."""

    learned: LearnedRetrieval
    forms: Mapping[int, Mapping[str, Form]]
    """Closed forms by task type."""
    choices: Mapping[int, Choice]
    """By task type."""
    least_nearness: Mapping[int, float]
    """By task type: other input whose queries are mostly less near is far."""
    hybrids: Mapping[int, Mapping[str, HybridForm | EnsembleForm]] = field(default_factory=dict)
    """Hybrids and ensembles by task type."""
    far: Mapping[int, str] = field(default_factory=dict)
    """By task type, what answers input that is far from what was learned from; FROZEN where it is not named."""

    @classmethod
    def on_validation(
        cls,
        learned: LearnedRetrieval,
        forms: Mapping[int, Mapping[str, Form]],
        question: Question,
        hybrids: Mapping[int, Mapping[str, HybridForm | EnsembleForm]] = NO_HYBRIDS,
    ) -> SelectedRetrieval:
        """Chooses on the validation part for each type that has closed forms.

        Other input that is far is answered by what learned nothing: by both views as they are where the validation part
        says that words help.
        """
        undecided = cls(learned, forms, {}, {}, hybrids)
        nearness = learned.engine.nearness(question.validation.queries, question.validation.types)
        choices, least, far = {}, {}, {}
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
            far[kind] = choose({name: r for name, r in reciprocal.items() if name in (FROZEN, HYBRID_FROZEN)}).method
            least[kind] = float(np.quantile(nearness[members], FAR)) if members.any() else 0.0
        return cls(learned, forms, choices, least, hybrids, far)

    def methods(self, question: Retrieval, *, other_input: bool = False) -> dict[int, str]:
        """By task type of the question's queries, the method that answers. `other_input`: not the run's own tasks."""
        found = {}
        for kind in types_in(question.types):
            choice = self.choices.get(kind)
            if choice is None:
                found[kind] = FROZEN
            elif other_input and self._median_nearness(question, kind) < self.least_nearness.get(kind, 0.0):
                found[kind] = self.far.get(kind, FROZEN)
            else:
                found[kind] = choice.method
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

    def _in_place(self, question: Retrieval, kind: int, method: str) -> InPlace | Hybrid | Ensemble:
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
