"""Streams of queries and right candidates for tests of `ruvllm.online`: made here, with a gain to be had or without."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ruvllm.online import AdaptiveRanker, Ranking, State

DIM = 32
Rows = NDArray[np.float32]


@dataclass(frozen=True)
class Turn:
    """One question: which of the candidates belongs to the query?"""

    query: Rows
    candidates: Rows
    ids: list[int]
    right: int


def stream(seed: int, n: int, *, dim: int = DIM, documents: int = 200, candidates: int = 8, gain: bool = True
           ) -> Iterator[Turn]:  # fmt: skip
    """Queries are their documents, of which a part of 3 dimensions is turned away: that can be learned back.

    Without `gain` there is noise instead, and nothing to be learned.
    """
    rng = np.random.default_rng(seed)
    into, out = (np.linalg.qr(rng.standard_normal((dim, dim)))[0][:3] for _ in range(2))
    rows = _unit(0.3 * rng.standard_normal((documents, dim)) + 1.5 * rng.standard_normal((documents, 3)) @ into)
    for _ in range(n):
        right = int(rng.integers(documents))
        ids = [right, *(int(i) for i in rng.choice(documents, candidates, replace=False) if i != right)][:candidates]
        rng.shuffle(ids)
        noise = rng.standard_normal(dim)
        if gain:
            turned = into @ rows[right]
            query = rows[right] + 0.05 * noise - into.T @ turned + out.T @ turned
        else:
            query = rows[right] + 0.2 * noise
        yield Turn(_unit(query[None])[0], rows[ids], ids, right)


def _unit(rows: NDArray[np.float64]) -> Rows:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def ask(ranker: AdaptiveRanker, turn: Turn) -> Ranking:
    return ranker.rank(turn.query, vectors=turn.candidates, ids=turn.ids)


def teach(ranker: AdaptiveRanker, turns: Iterator[Turn], source: str | None = None) -> list[Ranking]:
    """Accepts the right candidate of each turn."""
    rankings = []
    for turn in turns:
        rankings.append(ask(ranker, turn))
        assert ranker.feedback(rankings[-1].id, turn.right, source=source).status == "applied"
    return rankings


def make_ranker(store: Path | None, **options: object) -> AdaptiveRanker:
    return AdaptiveRanker(dim=DIM, store=store, **options)  # type: ignore[arg-type]


def learner_hash(ranker: AdaptiveRanker) -> str:
    """Hash of all that decides what the ranker learns next."""
    assert ranker._keeper is not None
    return ranker._keeper.learner.hash()


def harmful(seed: int = 1) -> State:
    """Turns the directions that carry most of the documents around."""
    rng = np.random.default_rng(seed)
    a = 3 * np.linalg.qr(rng.standard_normal((DIM, 4)))[0].T
    return State(DIM, np.concatenate([a, -a]).astype(np.float32).reshape(-1), 4, 1.0)


def force(ranker: AdaptiveRanker, state: State) -> None:
    """Makes a state the champion without any evidence."""
    keeper = ranker._keeper
    assert keeper is not None
    keeper._write_state(state)
    keeper.serve(state.hash, "by force")
