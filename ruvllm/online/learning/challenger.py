"""What learns: an adapter of the query, one bounded step of the core for each feedback."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ruvllm._core import FeedbackAdapter
from ruvllm.files.arrays import StateArrays, StateReader
from ruvllm.online.judgement import Judgement
from ruvllm.online.learning.directions import SPREAD, Directions
from ruvllm.online.records import Settings
from ruvllm.online.state import State

__all__ = ["Challenger"]

LARGEST_WEIGHT = 5.0
"""Of what was shown with a small probability, for 1 / propensity."""
ACCEPTED, REJECTED, PASSED_OVER = 1, 255, 2
"""As unsigned bytes: 255 is -1."""
Rows = NDArray[np.float32]
Propensities = tuple[float, ...] | None
Said = tuple[NDArray[np.int8], Rows | None, float]
"""Outcomes (m,), rewards (m,) or None for 1, weight: as the core takes them."""


class Challenger:
    """A low-rank adapter with momentum, and the settings of how it learns."""

    def __init__(self, settings: Settings, start: State | None = None, like: Challenger | None = None) -> None:
        """Starts as identity or another state. It knows the directions of queries that `like` has found."""
        how = settings.learning
        self._dim, self._how = settings.dim, how
        self._core = FeedbackAdapter(
            settings.dim, how.rank, scaling=how.scaling, seed=how.seed, loss=how.loss, learning_rate=how.learning_rate,
            momentum=how.momentum, tau=how.temperature, clip=how.clip, largest_change=how.largest_change,
        )  # fmt: skip
        self._directions: Directions = Directions(self._core.a, how.directions) if like is None else like._directions
        if start is not None and not start.is_identity:
            self._core.load_parameters(self._fitted(start))
            self._directions.are_found = True  # the state has its own
        elif like is not None:
            rows = self._directions.rows.reshape(-1)
            self._core.load_parameters(np.concatenate([np.float32(SPREAD) * rows, np.zeros_like(rows)]))

    def _fitted(self, start: State) -> Rows:
        """A state's parameters for an adapter of this rank and scaling, which then does the same to a query.

        Raises ValueError for a state that has another width or a larger rank.
        """
        if start.dim != self._dim or start.rank > self._how.rank:
            raise ValueError(
                f"a challenger of dim {self._dim} and rank {self._how.rank} cannot start from a state of dim "
                f"{start.dim} and rank {start.rank}"
            )
        fitted = self._core.parameters.reshape(2, self._how.rank, self._dim)
        fitted[1] = 0.0  # rows that the state does not have do nothing yet, and can learn
        fitted[:, : start.rank] = start.parameters.reshape(2, start.rank, self._dim)
        fitted[1] *= np.float32(start.scaling / self._how.scaling)
        return fitted.reshape(-1)

    def adapt(self, query: Rows) -> Rows:
        """The adapted query (dim,)."""
        return self._core.forward(query)

    def take(
        self, query: Rows, candidates: Rows, judgement: Judgement, propensities: Propensities, champion: State,
        *, learn: bool,
    ) -> tuple[tuple[float, float, float], tuple[int, int, int]]:  # fmt: skip
        """Scores a feedback, then learns from it.

        query (dim,), candidates (m, dim): float32, of length 1. Returns the rewards of identity, champion and
        challenger, and which candidate each puts first.
        """
        outcomes, rewards, weight = _said(judgement, len(candidates), propensities)
        published = None if champion.is_identity else champion.published
        found = self._core.take(query, candidates, outcomes, rewards, weight, champion=published, learn=learn)
        if learn and not self._directions.are_found:
            self._look_at(query)
        return found

    def learn(self, query: Rows, candidates: Rows, judgement: Judgement, propensities: Propensities = None) -> None:
        """Learns from a feedback, as take() does."""
        self._core.learn(query, candidates, *_said(judgement, len(candidates), propensities))
        if not self._directions.are_found:
            self._look_at(query)

    def _look_at(self, query: Rows) -> None:
        if self._directions.add(query):
            self._core.load_parameters(self._directions.turn(self._core.a, self._core.b))

    def publish(self) -> State:
        """What it is now, to be served."""
        return State(self._dim, self._core.parameters, self._how.rank, self._how.scaling)

    def arrays(self) -> StateArrays:
        """All that it is."""
        return self._core.state() | {f"directions.{name}": a for name, a in self._directions.arrays().items()}

    def restore(self, arrays: StateArrays) -> None:
        """Goes on as another one. Raises ValueError for arrays of another adapter."""
        reader = StateReader(arrays)
        directions = StateReader(reader.under("directions."))
        adapter = FeedbackAdapter.from_state({k: a for k, a in arrays.items() if not k.startswith("directions.")})
        if (adapter.dim, adapter.rank) != (self._dim, self._how.rank):
            raise ValueError(f"the adapter has dim {adapter.dim} and rank {adapter.rank}")
        self._directions.restore(directions)
        directions.finish()
        self._core = adapter


def _said(judgement: Judgement, m: int, propensities: Propensities) -> Said:
    outcomes = bytearray(m)  # faster than an array for a few places
    rewards = None
    accepted = judgement.accepted
    right = [*accepted, *(place for place, value in judgement.rewards if value > 0)] if judgement.rewards else accepted
    if right:
        last = max(right)
        outcomes[:last] = bytes([PASSED_OVER]) * last  # those above
    for place in judgement.rejected:
        outcomes[place] = REJECTED
    if judgement.rewards:
        rewards = np.ones(m, np.float32)
        for place, value in judgement.rewards:
            outcomes[place], rewards[place] = ACCEPTED, value
    for place in accepted:
        outcomes[place] = ACCEPTED
    return np.frombuffer(outcomes, np.int8), rewards, _weight(right, propensities) if propensities else 1.0


def _weight(right: Sequence[int], propensities: tuple[float, ...]) -> float:
    if not right or right[0] >= len(propensities):
        return 1.0
    return min(1 / propensities[right[0]], LARGEST_WEIGHT)
