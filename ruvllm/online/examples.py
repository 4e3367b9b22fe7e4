"""Feedback as examples: from a store's log, or from arrays."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ruvllm.online.batches import unit_rows
from ruvllm.online.encoding import matrix_of, vector_of
from ruvllm.online.judgement import Judgement
from ruvllm.online.opening import reading, settings_of
from ruvllm.online.store.decisions import DecisionLog
from ruvllm.online.store.log import FeedbackLog

__all__ = ["Example", "make_examples", "read_log"]

Rows = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Example:
    """A feedback with what was ranked, in the order shown."""

    query: Rows
    """(d,) of length 1."""
    candidates: Rows
    """(m, d) of length 1."""
    judgement: Judgement
    propensities: tuple[float, ...] | None = None
    """Probability that each candidate stood where it stood; None: 1, nothing was swapped."""


def read_log(store: str | os.PathLike[str]) -> list[Example]:
    """Returns the feedback of a store that counts, the oldest first: of each ranking the last, without quarantine.

    Raises StoreError.
    """
    with reading(store) as (_, database):
        settings = settings_of(DecisionLog(database))
        log = FeedbackLog(database, settings.dim, settings.guard)
        last = {entry.ranking: entry for entry in log.entries(0) if entry.status != "quarantined"}
        entries = sorted((e for e in last.values() if not e.judgement.revokes), key=lambda entry: entry.seq)
        return [Example(*log.vectors(e), e.judgement, e.body.propensities) for e in entries]


def make_examples(
    queries: object, candidates: Sequence[object], accepted: Iterable[int], propensities: Iterable[Sequence[float]] = ()
) -> list[Example]:
    """Returns examples of arrays: queries (n, d), for each its candidates (m, d) in the order shown, and one place.

    Raises ValueError for shapes that do not fit together and for what is not finite.
    """
    rows = unit_rows(matrix_of(queries, "queries", None))
    shares: list[tuple[float, ...] | None] = [tuple(map(float, each)) for each in propensities]
    shares = shares or [None] * len(rows)
    made = []
    for query, own, place, share in zip(rows, candidates, accepted, shares, strict=True):
        vectors = unit_rows(matrix_of(own, "candidates", rows.shape[1]))
        if not 0 <= place < len(vectors):
            raise ValueError(f"accepted must be from 0 to {len(vectors) - 1}, not {place}")
        made.append(Example(vector_of(query, "a query", None), vectors, Judgement(accepted=(int(place),)), share))
    return made
