"""Several scores of the same candidates, weighed together.

    score(q, s) = sum over members i of w_i f_i(q, s) / spread_i

`spread_i` is the standard deviation of a member's scores within a list of candidates, the mean over the validation
queries. The weights are never below 0 and are fitted to the validation queries, as chances that the right candidate is
chosen, with a penalty on their distance to a prior (_core.listwise_weights): few queries move them little. A member may
come to 0, so that each of them alone is one of the answers that the fit can give.

Scores pass through BLAS, whose last bits differ between machines: nothing of this is hashed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ruvllm import _core
from ruvllm.evaluation.retrieval import Ranked, Ranks
from ruvllm.evaluation.scored import AT_ONCE, Part, Scores, no_scores, parts_of, ranked_by
from ruvllm.workloads.workload import Retrieval

__all__ = ["Ensemble", "EnsembleForm", "Fitting", "Member"]

Rows = NDArray[np.float32]
Weights = NDArray[np.float64]

PENALTY = 30.0
"""Of the weights' distance to the prior."""
HARDEST = 64
"""Candidates of a query by which weights are fitted: the right one, and the best of the others by the prior."""
LEAST_PENALTY, SURE = 1e-3, 1e-3
"""Of how sure the prior is: it is fitted nearly freely, and never 0."""
FOLDS = 5
"""By which the ensemble is judged on queries that its weights have not seen."""
MOST_SCORES = 1 << 24
"""Of queries that are gone through together."""
KEPT_BYTES = 1 << 28
"""Scores of validation queries in memory at most; above it they are computed again."""


@dataclass(frozen=True, slots=True)
class Member:
    """One kind of score."""

    name: str
    prior: float
    """Its weight before anything is fitted, as a share of the others'."""
    of: Callable[[Retrieval], Scores]
    """Its scores of the queries of a question, all of one type."""
    kinds: tuple[str, ...] = ()
    """What it is one of; an ablation takes away all of a kind together."""


@dataclass(frozen=True, slots=True, eq=False)
class Ensemble:
    """What answers one question: used as an InPlace is."""

    scores: Sequence[Scores]
    weights: Weights

    def ranks(self, question: Retrieval, isa: str) -> Ranks:
        """Ranks (n,) of the right solutions, each among those of its group."""
        return self.ranked(question, isa, most=0).ranks

    def ranked(self, question: Retrieval, isa: str, most: int) -> Ranked:
        """The ranks, and what stood first for the first `most` queries. `isa` decides nothing here."""
        parts = parts_of(question, AT_ONCE)
        return ranked_by(question, ((part, part.settled(self._weighed(part))) for part in parts), most)

    def _weighed(self, part: Part) -> Rows:
        found = no_scores(part)
        for weight, scores in zip(self.weights.tolist(), self.scores, strict=True):
            if weight > 0.0:
                found += np.float32(weight) * scores(part)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class EnsembleForm:
    """Members and their weights, for any question of a type."""

    members: Sequence[Member]
    weights: Weights
    """(members,): on scores as they are."""
    shares: Weights
    """(members,): on scores over their spread, adding up to 1; all 0 where each speaks against the right candidates."""
    reciprocal: NDArray[np.float64]
    """(n,): reciprocal ranks of the validation queries, each by weights that were fitted without it."""

    def in_place(self, question: Retrieval) -> Ensemble:
        scores = [m.of(question) if w > 0.0 else no_scores for m, w in zip(self.members, self.weights, strict=True)]
        return Ensemble(scores, self.weights)

    def named_shares(self) -> dict[str, float]:
        return {member.name: share for member, share in zip(self.members, self.shares.tolist(), strict=True)}


class Fitting:
    """Members and the validation queries, n >= 2 of one type, to which their weights are fitted."""

    def __init__(self, members: Sequence[Member], validation: Retrieval) -> None:
        self.members = members
        self._lists = _Lists([member.of(validation) for member in members], validation)
        self._spread = self._lists.spread()

    def fit(self, without: Collection[str] = ()) -> EnsembleForm:
        """Fits the weights; members of these names or kinds get none."""
        off = set(without)
        spread, free = self._spread, np.array([off.isdisjoint((m.name, *m.kinds)) for m in self.members])
        prior = np.array([member.prior for member in self.members]) * free
        hardest = [(features / spread)[:, free] for features in self._lists.hardest(prior / spread)]
        fold = np.arange(len(hardest)) % min(FOLDS, len(hardest))
        shares, others = np.zeros(len(free)), np.zeros((fold.max() + 1, len(free)))
        shares[free] = _fitted(hardest, prior[free])
        for i, weights in enumerate(others):
            weights[free] = _fitted([x for x, f in zip(hardest, fold, strict=True) if f != i], prior[free])
        reciprocal = 1.0 / self._lists.ranks((others / spread)[fold])
        return EnsembleForm(self.members, shares / spread, shares / (shares.sum() or 1.0), reciprocal)


def _fitted(lists: Sequence[NDArray[np.float64]], prior: Weights) -> Weights:
    """Weights (members,) from the features (h, members) of each query's candidates, of which the first is right.

    How sure the prior is comes from the same queries.
    """
    sizes = np.array([len(features) for features in lists], dtype=np.int64)
    features, right = np.concatenate(lists), np.zeros_like(sizes)
    by_prior = np.ascontiguousarray((features @ prior)[:, None])
    sure = _core.listwise_weights(by_prior, sizes, right, np.ones(1), penalty=LEAST_PENALTY)
    return _core.listwise_weights(features, sizes, right, np.maximum(sure, SURE) * prior, penalty=PENALTY)


class _Lists:
    """The scores of all members for the queries of a question."""

    def __init__(self, scores: Sequence[Scores], question: Retrieval) -> None:
        self._scores, self._question = scores, question
        at_once = MOST_SCORES // (len(scores) * max(len(question.solutions), 1))
        self._parts = list(parts_of(question, min(AT_ONCE, max(at_once, 1))))
        size = 4 * len(scores) * sum(len(part.members) * len(part.candidates) for part in self._parts)
        self._kept = [self._of(part) for part in self._parts] if size <= KEPT_BYTES else None

    def _of(self, part: Part) -> Rows:
        """(k, j, members)"""
        return np.stack([scores(part) for scores in self._scores], axis=2)

    def _each(self) -> Iterator[tuple[Part, Rows]]:
        for i, part in enumerate(self._parts):
            yield part, self._of(part) if self._kept is None else self._kept[i]

    def spread(self) -> Weights:
        """(members,)"""
        squares = np.zeros(len(self._scores))
        for _, scores in self._each():
            squares += np.var(scores, axis=1, dtype=np.float64).sum(axis=0)
        spread: Weights = np.sqrt(squares / len(self._question.queries))
        return np.where(spread > 0.0, spread, 1.0)

    def hardest(self, weights: Weights) -> list[NDArray[np.float64]]:
        """Scores (h, members) of each query's right candidate, and of the best others by these weights."""
        found: list[NDArray[np.float64]] = [np.empty(0)] * len(self._question.queries)
        for part, scores in self._each():
            weighed = part.settled((scores @ weights).astype(np.float32))
            weighed[np.arange(len(weighed)), part.right] = np.inf
            for query, of_query, by_prior in zip(part.members.tolist(), scores, weighed, strict=True):
                best = np.argsort(-by_prior, kind="stable")[: min(HARDEST, np.count_nonzero(by_prior > -np.inf))]
                found[query] = of_query[best].astype(np.float64)
        return found

    def ranks(self, weights: Weights) -> NDArray[np.int64]:
        """Ranks (n,) by weights (n, members), each query by its own."""
        found = np.empty(len(self._question.queries), dtype=np.int64)
        for part, scores in self._each():
            weighed = np.einsum("kjm,km->kj", scores, weights[part.members]).astype(np.float32)
            found[part.members] = part.ranks(part.settled(weighed))
        return found
