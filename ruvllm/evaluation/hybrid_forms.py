"""The hybrids of a run: its views as they are, as they were learned, and as a closed form of each has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from ruvllm.evaluation.closed_forms import CLOSED, Form
from ruvllm.evaluation.ensemble import EnsembleForm
from ruvllm.evaluation.hybrid import Grid, HybridForm, View, fit_hybrid
from ruvllm.evaluation.learned_retrieval import LearnedRetrieval
from ruvllm.evaluation.retrieval import InPlace, Ranks
from ruvllm.evaluation.selection import HYBRID, HYBRID_CLOSED, HYBRID_FROZEN
from ruvllm.workloads.workload import Question, Retrieval, types_in

__all__ = ["HybridViews", "Hybrids", "Weighed", "hybrid_ranks"]

Hybrids = dict[int, dict[str, HybridForm]]
Weighed = Mapping[int, Mapping[str, HybridForm | EnsembleForm]]
"""By task type and name."""


@dataclass(frozen=True, slots=True, eq=False)
class HybridViews:
    """What a run learned from each view, and how their weights are chosen."""

    question: Question
    """With the lexical view."""
    learned: LearnedRetrieval
    hashed: LearnedRetrieval | None
    """From the hashed n-grams, with any shares; None where the encoder's vectors are these."""
    grid: Grid

    def fit(self) -> Hybrids:
        """Weighs the views as they are, and as they were learned, for each type of the test queries."""
        learned: list[View] = [self.learned.with_whole_crowding().in_place]
        if self.hashed is not None:
            learned.append(self.hashed.with_whole_crowding().in_place)
        frozen: list[View] = [_as_it_is] * len(learned)
        return {
            kind: {HYBRID: self._fit(kind, learned, self.grid),
                   HYBRID_FROZEN: self._fit(kind, frozen, replace(self.grid, shares=(0.0,)))}
            for kind in types_in(self.question.test.types)
        }  # fmt: skip

    def fit_closed(self, forms: Mapping[int, Mapping[str, Form]], hashed: Mapping[int, Mapping[str, Form]]) -> Hybrids:
        """Weighs the closed forms of the encoder's view and of the hashed one, by type. Not of equal bits."""
        fitted: Hybrids = {}
        for kind, of_kind in forms.items():
            both = [of_kind[CLOSED], *([hashed[kind][CLOSED]] if kind in hashed else [])]
            views: list[View] = [partial(replace(form, shares=(1.0,)).in_place, isa=self.learned.isa) for form in both]
            fitted[kind] = {HYBRID_CLOSED: self._fit(kind, views, self.grid)}
        return fitted

    def _fit(self, kind: int, views: list[View], grid: Grid) -> HybridForm:
        return fit_hybrid(views, self.question.validation.of_type(kind), grid, self.learned.isa)


def hybrid_ranks(question: Retrieval, hybrids: Weighed, name: str, isa: str) -> Ranks:
    """Ranks (n,) of the right solutions under the named hybrid of each query's type; frozen where there is none."""
    ranks = np.empty(len(question.queries), dtype=np.int32)
    for kind in types_in(question.types):
        of_type, form = question.of_type(kind), hybrids.get(kind, {}).get(name)
        found = _as_it_is(of_type).ranks(of_type, isa) if form is None else form.in_place(of_type).ranks(of_type, isa)
        ranks[question.types == kind] = found
    return ranks


def _as_it_is(question: Retrieval) -> InPlace:
    return InPlace(question.queries, question.solutions)
