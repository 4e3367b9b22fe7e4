"""Retrieval by several views of the same texts: cosines of the encoder's vectors, of hashed n-grams, and BM25.

    score(q, s) = c(q, s) - share k(s) + a (c'(q, s) - share k'(s)) + t BM25(q, s)

with c the cosine, k a solution's crowding, both of the encoder's view, c' and k' those of the hashed one. Each view may
be frozen, learned or a closed form; the weights are those of a grid with the best mean reciprocal rank on the
validation part. A weight of 0 is among them, so that a view which says nothing is left out. Sums are taken element by
element, in this order: the same ranks on every machine, where those of the views are.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ruvllm import _core
from ruvllm.evaluation.retrieval import InPlace, Ranked, Ranks
from ruvllm.evaluation.scored import AT_ONCE, Part, blocks_in_parts, ranked_by
from ruvllm.workloads.rows import take_rows
from ruvllm.workloads.workload import Retrieval

__all__ = ["Grid", "Hybrid", "HybridForm", "View", "Weights", "fit_hybrid"]

Rows = NDArray[np.float32]
View = Callable[[Retrieval], InPlace]
"""What stands in place of a question's vectors; the discount, if there is one, is the whole crowding."""


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each part of a score counts; the encoder's cosines count 1."""

    share: float
    """Of the crowding."""
    hashed: float
    bm25: float


@dataclass(frozen=True, slots=True)
class Grid:
    """Weights to choose from: all combinations, 0 first, so that of equally good ones the simplest is taken."""

    shares: Sequence[float]
    hashed: Sequence[float]
    bm25: Sequence[float]

    def __iter__(self) -> Iterator[Weights]:
        return (Weights(*each) for each in itertools.product(self.shares, self.hashed, self.bm25))


@dataclass(frozen=True, slots=True, eq=False)
class Hybrid:
    """What stands in place of one question's vectors: used as an InPlace is."""

    views: Sequence[InPlace]
    """The encoder's, and the hashed one if there is one."""
    weights: Weights

    def ranks(self, question: Retrieval, isa: str) -> Ranks:
        """Ranks (n,) of the right solutions, each among those of its group."""
        return self.ranked(question, isa, most=0).ranks

    def ranked(self, question: Retrieval, isa: str, most: int) -> Ranked:
        """The ranks, and what stood first for the first `most` queries."""
        parts = _parts(question, self.views, isa)
        return ranked_by(question, ((part.place, part.scores(self.weights)) for part in parts), most)


@dataclass(frozen=True, slots=True, eq=False)
class HybridForm:
    """Views and their weights, for any question of a type."""

    views: Sequence[View]
    weights: Weights
    reciprocal: NDArray[np.float64]
    """(n,): reciprocal ranks of the validation queries by which the weights were chosen."""

    def in_place(self, question: Retrieval) -> Hybrid:
        return Hybrid(_of(self.views, question), self.weights)


def fit_hybrid(views: Sequence[View], validation: Retrieval, grid: Grid, isa: str) -> HybridForm:
    """Chooses the weights by the queries of one type. Without queries all but the encoder's view count nothing."""
    choices = list(grid) if len(validation.queries) > 0 else [Weights(0.0, 0.0, 0.0)]
    reciprocal = np.empty((len(choices), len(validation.queries)))
    for part in _parts(validation, _of(views, validation), isa):
        for found, weights in zip(reciprocal, choices, strict=True):
            found[part.place.members] = 1.0 / part.place.ranks(part.scores(weights))
    best = int(np.argmax([math.fsum(found) for found in reciprocal.tolist()]))
    return HybridForm(views, choices[best], reciprocal[best])


def _of(views: Sequence[View], question: Retrieval) -> list[InPlace]:
    """Of the question, and where there is a second view, of its hashed twin."""
    twins = (question,) if question.hashed is None else (question, question.hashed)
    return [view(twin) for view, twin in zip(views, twins, strict=True)]


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """Some queries of a group, before weights."""

    place: Part
    cosines: Sequence[Rows]
    """(k, j) of each view."""
    crowding: Sequence[Rows]
    """(j,) of each view; of none where nothing is known of it."""
    words: Rows
    """(k, j)"""

    def scores(self, weights: Weights) -> Rows:
        found: Rows = np.zeros_like(self.cosines[0])
        for weight, cosines, crowded in zip((1.0, weights.hashed), self.cosines, self.crowding, strict=False):
            if weight != 0.0:
                found += np.float32(weight) * (cosines - np.float32(weights.share) * crowded)
        if weights.bm25 != 0.0:
            found += np.float32(weights.bm25) * self.words
        return self.place.settled(found)


def _parts(question: Retrieval, views: Sequence[InPlace], isa: str) -> Iterator[_Part]:
    for block, parts in blocks_in_parts(question, AT_ONCE):
        solutions = [take_rows(view.solutions, block.candidates) for view in views]
        crowding = [
            np.zeros(len(block.candidates), np.float32) if view.discount is None else view.discount[block.candidates]
            for view in views
        ]
        kind, words = int(question.types[block.members[0]]), question.words
        for part in parts:
            members = part.members
            cosines = [
                _core.cosine_matrix(take_rows(view.queries, members), rows, isa=isa)
                for view, rows in zip(views, solutions, strict=True)
            ]
            said = np.zeros_like(cosines[0]) if words is None else words.scores(members, part.candidates, kind)
            yield _Part(part, cosines, crowding, said)
