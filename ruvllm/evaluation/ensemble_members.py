"""What an ensemble weighs: what was learned from each view, ridge maps of queries and of solutions, words, and room.

    learned     the adapted query and the solution
    ridge       a query through the map of closed_forms.py, and the solution
    back        the query, and a solution through the ridge map from solutions to queries
    across      a query through the ridge map from one view's queries to the other view's solutions
    words       BM25
    room        minus the crowding of a solution among the other candidates

All of vectors are cosines less a share of the solution's crowding among train queries. Members of one kind differ in
what they get wrong: together they answer more than each by itself. Where pairs are few, both ridge maps are needed.
Recall@1 of 271 pairs in 5 folds without each, in points (seeds 100 to 115, 95% intervals; MiniLM is all-MiniLM-L6-v2):
    without         hashed                  MiniLM
    ridge           -0.8 [-1.3, -0.3]       -0.6 [-0.9, -0.2]
    back            -0.9 [-1.5, -0.4]       -0.5 [-0.9, -0.0]
    both            -3.0 [-3.9, -2.0]       -2.3 [-2.9, -1.7]
Without words, a docstring's function in unseen files is found less well without `room`: MiniLM, seeds 106 to 129, MRR
-0.2 [-0.3, -0.1]. With words nobody misses it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from ruvllm.evaluation.closed_forms import Form, fit_across, fit_back
from ruvllm.evaluation.ensemble import EnsembleForm, Fitting, Member
from ruvllm.evaluation.learned_retrieval import LearnedRetrieval
from ruvllm.evaluation.retrieval import crowding
from ruvllm.evaluation.scored import Part, Scores, no_scores, of_vectors
from ruvllm.evaluation.selection import ENSEMBLE, ENSEMBLE_CLOSED, LEARNED
from ruvllm.workloads.rows import take_rows
from ruvllm.workloads.workload import Retrieval

__all__ = ["ENSEMBLE_KINDS", "N_GRAMS", "VECTORS", "EnsembleView", "fit_ensembles", "fit_without_each", "members_of"]

Rows = NDArray[np.float32]

SHARE = 0.6
"""Of the crowding. On seeds from 100 on, with all-MiniLM-L6-v2, recall@1 gained 9.9, 10.1, 10.0, 9.6 points on unseen
files (4 seeds) at shares of 0.4, 0.5, 0.6, 0.7, and 20.2, 20.8, 21.3, 21.5 on known files (2 seeds)."""
WITHIN, ACROSS, WORDS = 1.0, 0.5, 2.0
"""Prior weights of what stays within a view, of what goes across views, and of words: one member of the latter stands
beside three of each view."""
RIDGE, BACK, BOTH_WAYS, ACROSS_VIEWS = "ridge", "back", "ridge-and-back", "across"
OF_WORDS, ROOM = "words", "room"
VECTORS, N_GRAMS = "vectors", "n-grams"
ENSEMBLE_KINDS = {
    LEARNED: "nothing that was learned",
    RIDGE: "no ridge map from queries to solutions",
    BACK: "no ridge map from solutions to queries",
    BOTH_WAYS: "neither of the two",
    ACROSS_VIEWS: "no ridge map from one view to the other",
    ROOM: "no room around a solution",
    OF_WORDS: "no BM25",
    N_GRAMS: "no hashed n-grams beside the encoder's vectors",
    VECTORS: "none of the encoder's vectors",
}
"""Kinds of members, and what an ensemble has without one."""
NEIGHBOURS = 10
"""Other candidates among which one's room is found."""
MOST_OTHERS = 1 << 14
"""Candidates, evenly spaced, among which neighbours are looked for: the pairs of a million are 10^12."""


@dataclass(frozen=True, slots=True, eq=False)
class EnsembleView:
    """One view of the tasks of one type, and what was made of it."""

    name: str
    learned: LearnedRetrieval
    form: Form
    """Ridge and CSLS."""
    pairs: tuple[Rows, Rows]
    """Queries and solutions (n, d) on which forms are fitted."""
    in_view: Callable[[Retrieval], Retrieval]
    """The question in this view."""

    @property
    def penalty(self) -> float:
        """Of all ridge regressions from this view."""
        return 1.0 if self.form.penalty is None else self.form.penalty

    def members(self) -> Iterator[Member]:
        isa, back = self.learned.isa, replace(fit_back(*self.pairs, self.penalty), shares=(SHARE,))
        learned = structs.replace(self.learned, shares=dict.fromkeys(self.learned.shares, SHARE))
        form = replace(self.form, shares=(SHARE,))
        yield self._member((LEARNED,), lambda question: of_vectors(learned.in_place(question)))
        yield self._member((RIDGE, BOTH_WAYS), lambda question: of_vectors(form.in_place(question, isa)))
        yield self._member((BACK, BOTH_WAYS), lambda question: of_vectors(back.in_place(question, isa)))
        yield self._member((ROOM,), lambda question: _room(learned, question), prior=0.0)

    def _member(self, kinds: tuple[str, ...], of: Callable[[Retrieval], Scores], *, prior: float = WITHIN) -> Member:
        in_view = _latest(lambda question: of(self.in_view(question)))
        return Member(f"{self.name} {kinds[0]}", prior, in_view, (*kinds, self.name))


def members_of(views: Sequence[EnsembleView], kind: int, *, words: bool) -> list[Member]:
    """All members for a type: of each view, from each to each other, and BM25 if there are words."""
    found = [member for view in views for member in view.members()]
    found += [_across(a, b) for a in views for b in views if a is not b]
    if words:
        found.append(Member(OF_WORDS, WORDS, lambda question: _words(question, kind), (OF_WORDS,)))
    return found


def fit_ensembles(views: Sequence[EnsembleView], validation: Retrieval, kind: int) -> dict[str, EnsembleForm]:
    """Fits both ensembles to n queries of one type; none where they are fewer than 2 or there are no forms."""
    fitting = _fitting(views, validation, kind)
    return {} if fitting is None else {ENSEMBLE: fitting.fit(), ENSEMBLE_CLOSED: fitting.fit(without=(LEARNED,))}


def fit_without_each(views: Sequence[EnsembleView], validation: Retrieval, kind: int) -> dict[str, EnsembleForm]:
    """Fits the ensemble, by the name ENSEMBLE, and one without each of ENSEMBLE_KINDS that it has members of."""
    fitting = _fitting(views, validation, kind)
    if fitting is None:
        return {}
    there = {each for member in fitting.members for each in member.kinds}
    off = [each for each in ENSEMBLE_KINDS if each in there and any(each not in m.kinds for m in fitting.members)]
    return {ENSEMBLE: fitting.fit()} | {each: fitting.fit(without=(each,)) for each in off}


def _fitting(views: Sequence[EnsembleView], validation: Retrieval, kind: int) -> Fitting | None:
    if len(validation.queries) < 2 or any(view.form.penalty is None for view in views):
        return None
    return Fitting(members_of(views, kind, words=validation.words is not None), validation)


def _across(a: EnsembleView, b: EnsembleView) -> Member:
    form = replace(fit_across(a.pairs[0], b.pairs[1], a.penalty), shares=(SHARE,))

    def of(question: Retrieval) -> Scores:
        twin = replace(a.in_view(question), solutions=b.in_view(question).solutions)
        return of_vectors(form.in_place(twin, a.learned.isa))

    return Member(f"{a.name} to {b.name}", ACROSS, _latest(of), (ACROSS_VIEWS, a.name, b.name))


def _latest(of: Callable[[Retrieval], Scores]) -> Callable[[Retrieval], Scores]:
    """The same, which remembers one question: several ensembles answer one after the other."""
    return lru_cache(maxsize=1)(of)


def _words(question: Retrieval, kind: int) -> Scores:
    words = question.words
    if words is None:
        return no_scores
    return lambda part: words.scores(part.members, part.candidates, kind)


def _room(learned: LearnedRetrieval, question: Retrieval) -> Scores:
    """Minus the mean cosine of each candidate with the others nearest to it; 0 where there are hardly any others."""
    solutions = learned.in_place(question).solutions
    crowded = np.zeros(len(solutions), dtype=np.float32)
    for block in question.blocks():
        if len(block.candidates) > NEIGHBOURS:
            crowded[block.candidates] = _crowded_by_others(take_rows(solutions, block.candidates), learned.isa)

    def scores(part: Part) -> Rows:
        room: Rows = np.broadcast_to(-crowded[part.candidates], (len(part.members), len(part.candidates)))
        return room

    return scores


def _crowded_by_others(rows: Rows, isa: str) -> Rows:
    """The mean cosine (n,) of each row (n, d) with the others nearest to it, of MOST_OTHERS at most."""
    step = -(-len(rows) // MOST_OTHERS)
    some = np.ascontiguousarray(rows[::step])
    with_itself = crowding(some, some, neighbours=NEIGHBOURS + 1, isa=isa)
    crowded = with_itself if step == 1 else crowding(rows, some, neighbours=NEIGHBOURS, isa=isa)
    crowded[::step] = ((NEIGHBOURS + 1) * with_itself - 1.0) / NEIGHBOURS
    return crowded
