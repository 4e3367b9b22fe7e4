"""Learns how much each kind of evidence counts: weights of features of files, from issues whose file is known.

An issue is answered with weights fitted to the issues before it, then learned from; or all weights are fitted to train
issues and then left alone. Without any issue the weights set by hand answer. The more issues, the freer the weights:
their distance to those set by hand is penalised as a whole (listwise_weights.hpp).
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ruvllm._core import Purpose, RandomStream, listwise_scores, listwise_weights
from ruvllm.files.arrays import state_digest
from ruvllm.files.ignoring import ignore

__all__ = ["FROZEN", "LEARNED", "PENALTY", "SHUFFLED", "Localized", "Question", "localize", "rank_of"]

FROZEN, LEARNED, SHUFFLED = "frozen", "learned", "shuffled"
"""Weights set by hand; what answers; and weights learned from wrong answers, which must gain nothing."""
PENALTY = 10.0
"""Of the squared distance to the weights set by hand. Chosen on SWE-bench Lite's train file among 3, 10 and 30."""
GROWTH = 1.02
"""Weights are fitted anew after each issue, and of many issues once there are so many times as many."""
LEAST_LOOK = 10
"""Measured issues before what was learned can be found to be behind."""

Weights = NDArray[np.float64]
Progress = Callable[[int, int, float | None], None]
"""Called with (issues answered, issues, share whose file came first so far)."""


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """One issue: evidence (n, K) of n candidates, and which of them is right."""

    evidence: NDArray[np.float32]
    right: int
    measured: bool = True
    """False for one that is learned from alone: a train issue, or a copy of an earlier one."""


@dataclass(frozen=True, slots=True, eq=False)
class Localized:
    """What came of all measured issues, in their order."""

    reciprocal_ranks: dict[str, list[float]]
    """By method."""
    answered_by: list[str]
    """Whether the learned weights answered, or those set by hand."""
    refits: list[int]
    """After how many issues the weights were fitted."""
    weights: list[float]
    """At the end."""
    state_hash: str
    seconds: float


class _Learner:
    """Weights that are fitted to the issues so far."""

    def __init__(self, prior: Weights) -> None:
        self.prior, self.weights = prior, prior
        self.refits: list[int] = []
        self._features: list[NDArray[np.float32]] = []
        self._right: list[int] = []
        self._due = 1

    def add(self, evidence: NDArray[np.float32], right: int) -> None:
        self._features.append(evidence)
        self._right.append(right)

    def fit(self, *, last: bool = False) -> None:
        """Fits the weights if there are enough more issues than last time, or if there are any and it is the end."""
        n = len(self._right)
        if not n or n < (self.refits[-1] + 1 if last and self.refits else self._due):
            return
        sizes = [len(each) for each in self._features]
        self.weights = listwise_weights(
            np.concatenate(self._features), sizes, self._right, self.prior, penalty=PENALTY
        )
        self.refits.append(n)
        self._due = max(n + 1, math.ceil(n * GROWTH))


def localize(
    questions: Sequence[Question],
    prior: Sequence[float],
    alone: Mapping[str, int],
    *,
    seed: int,
    stream: bool = True,
    controls: bool = True,
    progress: Progress = ignore,
    cancelled: Callable[[], bool] = lambda: False,
) -> Localized:
    """Answers the issues in their order and learns from each; without `stream` not from those that are measured.

    `prior` (K,) are the weights set by hand, `alone` the columns that are methods by themselves, by name. Raises
    ValueError if no issue is measured.
    """
    n, begin = len(questions), time.perf_counter()
    if not any(question.measured for question in questions):
        raise ValueError("no issue is left to be measured")
    hand = np.array(prior, dtype=np.float64)
    learner, shuffled = _Learner(hand), _Learner(hand)
    wrong = RandomStream(seed, Purpose.SCHEDULE, 15)
    names = [FROZEN, *alone, LEARNED, *([SHUFFLED] if controls else [])]
    found: dict[str, list[float]] = {name: [] for name in names}
    candid: list[float] = []
    answered_by: list[str] = []
    for done, question in enumerate(questions):
        if cancelled():
            break
        evidence, right = question.evidence, question.right
        if question.measured:
            learner.fit()
            ranks = {FROZEN: rank_of(listwise_scores(evidence, hand), right)}
            ranks |= {name: rank_of(evidence[:, column].astype(np.float64), right) for name, column in alone.items()}
            candid.append(1 / rank_of(listwise_scores(evidence, learner.weights), right))
            behind = _is_behind(candid[:-1], found[FROZEN])
            answered_by.append(FROZEN if behind else LEARNED)
            if controls:
                shuffled.fit()
                ranks[SHUFFLED] = rank_of(listwise_scores(evidence, shuffled.weights), right)
            for name, rank in ranks.items():
                found[name].append(1 / rank)
            found[LEARNED].append(found[FROZEN][-1] if behind else candid[-1])
        if stream or not question.measured:
            learner.add(evidence, right)
            shuffled.add(evidence, wrong.below(len(evidence)))
        first = [value == 1 for value in found[LEARNED]]
        progress(done + 1, n, sum(first) / len(first) if first else None)
    learner.fit(last=True)
    return Localized(
        reciprocal_ranks=found,
        answered_by=answered_by,
        refits=learner.refits,
        weights=learner.weights.tolist(),
        state_hash=_state_hash(questions, learner),
        seconds=time.perf_counter() - begin,
    )


def rank_of(scores: NDArray[np.float64], right: int) -> int:
    """Returns the place of the right candidate, from 1; ties count against it."""
    return int(np.count_nonzero(scores >= scores[right]))


def _is_behind(learned: Sequence[float], frozen: Sequence[float]) -> bool:
    """True if the learned weights have been worse than those set by hand so far, by a standard error or more."""
    gains = np.array(learned) - np.array(frozen)
    if len(gains) < LEAST_LOOK:
        return False
    mean, error = float(gains.mean()), float(gains.std(ddof=1)) / math.sqrt(len(gains))
    return mean < 0 and mean <= -error


def _state_hash(questions: Sequence[Question], learner: _Learner) -> str:
    """Returns a digest of the weights and of all that they were learned from."""
    digest = hashlib.sha256()
    for question in questions:
        digest.update(f"{question.right} {question.measured} {len(question.evidence)}\n".encode())
        digest.update(question.evidence.astype("<f4").tobytes())
    evidence = np.frombuffer(digest.digest(), dtype=np.uint8)
    return state_digest({"evidence": evidence, "prior": learner.prior, "weights": learner.weights})
