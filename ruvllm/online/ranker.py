"""AdaptiveRanker: ranks candidates for a query, and gets better from what users accept and reject."""

from __future__ import annotations

import os
import random
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import EllipsisType

import numpy as np
from numpy.typing import NDArray

from ruvllm.online.encoding import Encode, HasEncode, TextEncoder, unit_half_rows
from ruvllm.online.inputs import Inputs
from ruvllm.online.judgement import Names, judge
from ruvllm.online.opening import open_store
from ruvllm.online.records import FeedbackResult, Guard, Id, Learning, Ranking
from ruvllm.online.session import Session
from ruvllm.online.store.log import Recorded
from ruvllm.online.store.pruning import prune

__all__ = ["AdaptiveRanker"]

PRUNE_EVERY = 4096
"""Rankings of this process."""
ONES = np.ones(1024)
"""Propensities without exploration."""
ONES.flags.writeable = False
Rows = NDArray[np.float32]


class AdaptiveRanker(Session):
    """Ranks by the cosine of a query, adapted by what was learned, with candidates as a frozen encoder sees them.

    Until something was promoted, order and scores are the plain cosine's, bit for bit. What is served is replaced only
    on evidence that stays valid however often one looks, and never changes in place. Threads may share a ranker.
    """

    def __init__(
        self,
        encoder: Encode | HasEncode | None = None,
        *,
        dim: int | None = None,
        store: str | os.PathLike[str] | None = None,
        guard: Guard | None = None,
        learning: Learning | None = None,
        explore: float = 0.0,
        keep: int | None = None,
        keep_days: float | None = None,
        learns: bool | None = None,
        power_safe: bool = False,
    ) -> None:
        """Opens a store, or makes it.

        Args:
            encoder: a function from a list of n texts to vectors (n, dim), or an object with such an `encode`; None if
                only vectors are ranked.
            dim: number of elements of a vector; found from the encoder or the store if not given.
            store: a folder; None keeps everything in memory until the end of the process.
            guard, learning, keep, keep_days: settings of a new store, which a store keeps. `keep` rankings, 100,000 (in
                memory 10,000), and of `keep_days` days, 90, can still get feedback.
            explore: probability, in [0, 0.5], that two neighbours among the candidates are shown swapped. Without it
                clicks say little about candidates that were never shown high, and off-policy evaluation is impossible.
            learns: True claims the store for this process, False leaves learning to another one; None claims it if it
                is free. Feedback may come through any of them.
            power_safe: whether acknowledged feedback survives a power cut too, at some milliseconds each. It always
                survives the end of the process.

        Raises EncoderMismatchError for another encoder than the store's, StoreError for a damaged store and one with
        other settings, ValueError for settings out of bounds, and OSError where the folder cannot be written.
        """
        if not 0 <= explore <= 0.5:
            raise ValueError(f"explore must be in [0, 0.5], not {explore}")
        texts = None if encoder is None else TextEncoder(encoder, dim)
        self._explore, self._random, self._ranked = explore, random.Random(os.urandom(16)), 0
        super().__init__(
            open_store(
                None if store is None else Path(store), texts, dim, guard, learning, keep, keep_days, power_safe
            ),
            learns,
        )
        self._inputs = Inputs(texts, self.dim)

    # ranking

    def rank(
        self,
        query: str | Sequence[float] | Rows,
        candidates: Sequence[str] | None = None,
        *,
        vectors: object = None,
        ids: Sequence[Id] | None = None,
        top: int | None = None,
        context: str | None = None,
        log: bool = True,
    ) -> Ranking:
        """Ranks candidates for a query and writes the ranking down, so that feedback on it can come later.

        Args:
            query: a text, or a vector (dim,).
            candidates: texts, which are their ids too.
            vectors: instead of texts, vectors (m, dim), called by `ids` or else by their places 0 to m - 1.
            top: how many are shown, and written down; None: all.
            context: what kind of query it is, for your own analysis; it is written down with the ranking.
            log: False if nobody can judge this ranking: it is not written down, and its id is "".

        Candidates of equal score keep their order. Raises ValueError for what is not finite, of another shape, or has
        an id twice, and TypeError for texts without an encoder.
        """
        adapted, rows, names = self._inputs.take(query, candidates, vectors, ids, top)
        self._look()
        served = self._served
        shown, order, scores, _ = served.published.rank_names(adapted, rows, names, top)
        n = len(shown)
        propensities = ONES[:n] if n <= len(ONES) else np.ones(n)
        if self._explore and n > 1:
            places, propensities = self._swaps(n)
            order, scores = order[places], scores[places]
            shown = tuple(shown[place] for place in places.tolist())
        name = self._write(adapted, rows[order], shown, served.hash, context, propensities) if log else ""
        return Ranking(name, shown, scores, propensities, served.hash)

    def encode(self, texts: Sequence[str]) -> Rows:
        """Returns the encoder's vectors (n, dim) of n texts, as they are. Raises TypeError without an encoder."""
        return self._inputs.encode(texts)

    def _swaps(self, n: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Places of which 1 and 2, 3 and 4 ... are swapped, each with probability `explore`; and what was probable."""
        places, propensities = np.arange(n), np.ones(n)
        for at in range(0, n - 1, 2):
            swap = self._random.random() < self._explore
            propensities[at : at + 2] = self._explore if swap else 1 - self._explore
            if swap:
                places[[at, at + 1]] = at + 1, at
        return places, propensities

    def _write(
        self, query: Rows, rows: Rows, shown: tuple[Id, ...], state: str, context: str | None,
        propensities: NDArray[np.float64],
    ) -> str:  # fmt: skip
        half = unit_half_rows(np.concatenate([query[None], rows]))
        with self._lock:
            self._ranked += 1
            if self._ranked % PRUNE_EVERY == 0 and self._keeper is not None:
                prune(self._store.database, self._keeper.decisions, self._store.settings)
            return self._store.log.add_ranking(
                half[0], half[1:], shown, state, context, propensities if self._explore else None
            )

    # feedback

    def feedback(
        self,
        ranking: str,
        accepted: Names | EllipsisType = ...,
        *,
        rejected: Names = None,
        rewards: Mapping[Id, float] | None = None,
        source: str | None = None,
        event_id: str | None = None,
    ) -> FeedbackResult:
        """Records what a user said about a ranking, durably, and learns from it.

        It may come late, again, or through another process. A second feedback on a ranking takes the place of the
        first; `feedback(id, None)` revokes it.

        Args:
            ranking: id of the ranking.
            accepted, rejected: ids, or texts, or vectors (dim,) of candidates, one or several.
            rewards: numbers in [0, 1] by id.
            source: who says so. A source that holds too large a share of the recent feedback is put in quarantine.
            event_id: tells a retry from a second feedback: of one id only the first counts.

        Returns what became of it; see FeedbackResult. Raises ValueError for what is not finite or contradicts itself.
        """
        if accepted is ... and rejected is None and rewards is None:
            raise TypeError("a feedback says what was accepted, rejected or rewarded; feedback(id, None) revokes")
        self._look()
        named = None if accepted is ... else accepted
        for what, text in (("ranking", ranking), ("source", source), ("event_id", event_id)):
            if text is not None and (not isinstance(text, str) or len(text) > 500):
                raise TypeError(f"{what} must be a text of at most 500 characters")
        with self._lock:
            recorded = self._store.log.record(
                ranking, event_id, source, lambda shown: judge(shown, self.dim, named, rejected, rewards)
            )
            self._hear([recorded])
        return FeedbackResult(recorded.status, ranking, recorded.event, recorded.reason)

    def _hear(self, recorded: Iterable[Recorded]) -> None:
        for each in recorded:
            if each.entry is not None and self._keeper is not None:
                self._keeper.take(each.entry)
