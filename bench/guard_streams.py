"""Streams of feedback for bench/guard.py: queries and candidates in which a known adapter gains or loses what we want.

A query is its document with noise. Of some queries a part of 3 dimensions is turned away, which the adapter `turning`
turns back; on all others it does a little harm. The share of those queries sets what it gains over all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ruvllm.online.records import Learning
from ruvllm.online.state import State

DIM, DOCUMENTS, CANDIDATES, TURNED = 32, 199, 8, 3  # a prime number of documents
RANK = Learning().rank
NOISE = 0.3
"""Of each element of a query: the frozen encoder finds most of what is not turned away, but not all."""
SCALING = Learning().scaling
"""Of a challenger's adapter, which may start from a state of ours."""
CALIBRATION = 10_000
"""Queries from which an effect is measured: to within a third of a point."""

Rows = NDArray[np.float32]
Places = NDArray[np.int64]


@dataclass(frozen=True)
class Stream:
    """n questions: which of the candidates belongs to the query?"""

    queries: Rows  # (n, DIM), of length 1
    candidates: Rows  # (n, CANDIDATES, DIM), of length 1
    documents: Places  # (n, CANDIDATES)
    right: Places  # (n,), in 0 ... CANDIDATES - 1


class World:
    """Documents, and what users ask for."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng([seed, 1])
        # what documents differ in, and where it is turned to
        self.into, self._out = np.split(np.linalg.qr(rng.standard_normal((DIM, 2 * TURNED)))[0].T, 2)
        spread = 0.3 * rng.standard_normal((DOCUMENTS, DIM))
        self.rows = unit(spread + 1.5 * rng.standard_normal((DOCUMENTS, TURNED)) @ self.into)

    def stream(self, seed: int, n: int, share: float) -> Stream:
        """n questions; a share of them, in [0, 1], has its query turned away."""
        rng = np.random.default_rng([seed, 2])
        steps = rng.integers(1, DOCUMENTS, size=(n, 1)) * np.arange(CANDIDATES)
        documents = (rng.integers(DOCUMENTS, size=(n, 1)) + steps) % DOCUMENTS  # all different, for it is prime
        right = rng.integers(CANDIDATES, size=n)
        queries = self.rows[documents[np.arange(n), right]].astype(np.float64)
        turned = np.where(rng.random((n, 1)) < share, queries @ self.into.T, 0.0)
        queries += turned @ (self._out - self.into) + NOISE * rng.standard_normal((n, DIM))
        return Stream(unit(queries), self.rows[documents], documents, right)

    def turning(self) -> State:
        """The adapter that turns queries back."""
        return adapter(self._out, self.into - self._out)

    def flattening(self, strength: float) -> State:
        """An adapter that takes away what tells documents apart, and does harm to all queries: at 2 it is reversed."""
        return adapter(self.into, -strength * self.into)

    def share_for(self, gain: float) -> float:
        """The share of turned queries for which `turning` gains so much reward."""
        of_turned, of_others = (mean_gain(self.turning(), self.stream(0, CALIBRATION, share)) for share in (1.0, 0.0))
        share = (gain - of_others) / (of_turned - of_others)
        if not 0 <= share <= 1:
            raise ValueError(f"the adapter gains {of_others:.3f} to {of_turned:.3f}, never {gain}")
        return share

    def harm_of(self, loss: float) -> State:
        """A `flattening` adapter that loses so much reward where no query is turned: halving finds its strength."""
        stream, below, above = self.stream(0, CALIBRATION, 0.0), 0.0, 2.0
        for _ in range(12):
            middle = (below + above) / 2
            below, above = (middle, above) if mean_gain(self.flattening(middle), stream) > -loss else (below, middle)
        return self.flattening(above)


def adapter(a: NDArray[np.float64], b: NDArray[np.float64]) -> State:
    """W = I + sum_r b_r a_r^T, as a state of rank RANK."""
    parameters = np.zeros((2, RANK, DIM), dtype=np.float32)
    parameters[0, : len(a)], parameters[1, : len(b)] = a, b / SCALING
    return State(DIM, parameters.reshape(-1), RANK, SCALING)


def unit(rows: NDArray[np.float64]) -> Rows:
    return np.asarray(rows / np.linalg.norm(rows, axis=-1, keepdims=True), dtype=np.float32)


def ranks_under(state: State, stream: Stream) -> Places:
    """Rank of each right candidate, (n,), from 1 on."""
    queries = unit(stream.queries @ state.matrix().T.astype(np.float64))
    scores = np.einsum("nd,ncd->nc", queries, stream.candidates)
    own = scores[np.arange(len(scores)), stream.right]
    return np.asarray((scores >= own[:, None]).sum(axis=1))


def gains_of(state: State, stream: Stream) -> NDArray[np.float64]:
    """Reciprocal rank of each right candidate under the state, less that of identity, (n,)."""
    return 1.0 / ranks_under(state, stream) - 1.0 / ranks_under(State(DIM), stream)


def mean_gain(state: State, stream: Stream) -> float:
    return float(gains_of(state, stream).mean())


def ndcg_under(state: State, stream: Stream) -> float:
    """Mean nDCG with one right candidate: 1 / log2(1 + rank)."""
    return float((1.0 / np.log2(1.0 + ranks_under(state, stream))).mean())
