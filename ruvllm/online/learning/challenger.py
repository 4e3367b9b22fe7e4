"""What learns: an adapter of the query, one bounded step for each feedback, with the same bits on every machine.

Every loss is made of the core's InfoNCE, -log p of one candidate among several:
- accepted: InfoNCE of the accepted one among what was shown ("infonce"), or the mean over pairs with each that was
  passed over ("pairwise", Rendle et al. 2009)
- rejected: -log(1 - p), whose gradient is that of -log p times -p / (1 - p): bounded, and nothing once p is small
  (unlikelihood, Welleck et al. 2020)
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ruvllm._core import MicroLoRA, cosine_similarity, exp, info_nce, squared_norm
from ruvllm.files.arrays import StateArrays
from ruvllm.online.judgement import Judgement
from ruvllm.online.records import Settings
from ruvllm.online.state import State

__all__ = ["Challenger"]

SAME = 0.95
"""Candidates whose cosine with an accepted one is larger are no negatives: they are likely right as well."""
LARGEST_WEIGHT = 5.0
"""Of what was shown with a small probability, for 1 / propensity."""
LARGEST_STEP = 20.0
"""Longest gradient by the adapted query. One feedback cannot move the adapter further."""
Rows = NDArray[np.float32]


class Challenger:
    """A LoRA adapter with momentum, and the settings of how it learns."""

    def __init__(self, settings: Settings, start: State | None = None) -> None:
        self._dim, self._how = settings.dim, settings.learning
        self._adapter = MicroLoRA(self._dim, self._how.rank, scaling=self._how.scaling, seed=self._how.seed)
        if start is not None and not start.is_identity:
            self._adapter.load_parameters(start.parameters)

    def adapt(self, query: Rows) -> Rows:
        """The adapted query (dim,)."""
        return self._adapter.forward(query)

    def learn(
        self, query: Rows, adapted: Rows, candidates: Rows, judgement: Judgement,
        propensities: tuple[float, ...] | None = None,
    ) -> None:  # fmt: skip
        """Takes one step. `adapted` (dim,) is the query (dim,) now; candidates (m, dim) have length 1, or 0."""
        gradient = np.zeros(self._dim, np.float32)
        for weight, part in self._gradients(adapted, candidates, judgement, propensities):
            gradient += np.float32(weight) * part
        size = math.sqrt(squared_norm(gradient))
        if size > LARGEST_STEP:
            gradient *= np.float32(LARGEST_STEP / size)
        if size > 0:
            self._adapter.step(query, gradient, learning_rate=self._how.learning_rate, momentum=self._how.momentum)

    def _gradients(
        self, adapted: Rows, candidates: Rows, judgement: Judgement, propensities: tuple[float, ...] | None
    ) -> Iterator[tuple[float, Rows]]:
        """Gradients (dim,) of the loss by the adapted query, with their weights."""
        tau = self._how.temperature
        valued = [*((place, 1.0) for place in judgement.accepted), *judgement.rewards]
        liked = {place for place, value in valued if value > 0}
        for place, value in valued:
            groups = self._groups(place, liked, candidates, judgement) if value > 0 else []
            for group in groups:
                _, part = info_nce(adapted, candidates[[place, *group]], 0, tau=tau)
                yield value * _weight(place, propensities) / len(groups), part
        for place in (*judgement.rejected, *(place for place, value in judgement.rewards if value == 0)):
            loss, part = info_nce(adapted, candidates, place, tau=tau)
            p = exp(-loss)
            if p < 1:  # else it is the only candidate
                yield -p / (1 - p), part

    def _groups(self, place: int, liked: set[int], candidates: Rows, judgement: Judgement) -> list[list[int]]:
        """The candidates that an accepted one is compared with: all at once, or one after another."""
        others = [other for other in range(len(candidates)) if other not in liked]
        if others:
            near = cosine_similarity(candidates[place], candidates[others]).tolist()
            others = [other for other, cosine in zip(others, near, strict=True) if cosine <= SAME]
        if self._how.loss == "pairwise":  # those that were passed over: shown above it, and the next one
            others = [other for other in others if other <= place + 1 or other in judgement.rejected]
            return [[other] for other in others]
        return [others] if others else []

    def publish(self) -> State:
        """What it is now, to be served."""
        return State(self._dim, self._adapter.parameters, self._how.rank, self._how.scaling)

    def arrays(self) -> StateArrays:
        """All that it is."""
        return dict(self._adapter.state())

    def restore(self, arrays: StateArrays) -> None:
        """Goes on as another one. Raises ValueError for arrays of another adapter."""
        adapter = MicroLoRA.from_state(arrays)
        if (adapter.dim, adapter.rank) != (self._dim, self._how.rank):
            raise ValueError(f"the adapter has dim {adapter.dim} and rank {adapter.rank}")
        self._adapter = adapter


def _weight(place: int, propensities: tuple[float, ...] | None) -> float:
    if propensities is None or place >= len(propensities):
        return 1.0
    return min(1 / propensities[place], LARGEST_WEIGHT)
