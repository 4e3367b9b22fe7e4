"""What learns from a log: a challenger, the evidence for it and against what is served. A pure function of the log."""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from ruvllm._core import vector_hash
from ruvllm.evaluation.sequential import RunningMean
from ruvllm.files.arrays import StateArrays, StateReader, state_digest
from ruvllm.online.judgement import Judgement
from ruvllm.online.learning.challenger import Challenger
from ruvllm.online.learning.first_places import FirstPlaces
from ruvllm.online.learning.gates import Gates
from ruvllm.online.learning.holdout import Holdout
from ruvllm.online.learning.rewards import reward_of
from ruvllm.online.records import Gain, Settings
from ruvllm.online.state import State

__all__ = ["Learner", "Outcome", "OutcomeNumbers"]

Rows = NDArray[np.float32]
OutcomeNumbers = tuple[float, float, float, float, float, float]
"""Rewards of what was served, of the challenger and of the frozen encoder; then those of the gain so far."""


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """Rewards that the three states got for one feedback, before it was learned from, in [0, 1]."""

    served: float
    challenger: float
    frozen: float
    held_out: bool


class Learner:
    """Champion, challenger and what is known about them. The champion is replaced, never changed."""

    def __init__(self, settings: Settings, champion: State | None = None) -> None:
        self.settings = settings
        self.champion = champion or State(settings.dim)
        self.challenger = Challenger(settings)
        self.gain = RunningMean()
        self._served = self._frozen = 0.0
        self.learned = 0
        self.holdout = Holdout(settings.guard.holdout)
        self._forget_evidence()

    def _forget_evidence(self) -> None:
        self.gates = Gates()
        self._forget_challenger()

    def _forget_challenger(self) -> None:
        self.held_out = RunningMean()
        self.first_places = FirstPlaces(self.settings.guard.window)

    def take(
        self, query: Rows, candidates: Rows, judgement: Judgement, propensities: tuple[float, ...] | None = None,
        source: str | None = None,
    ) -> Outcome:  # fmt: skip
        """Scores all three on a feedback, then learns from it unless its query or its source is held out.

        query (dim,), candidates (m, dim): float32, of length 1.
        """
        if not query[0] and not query.any():  # it has no direction: all candidates are equal to all states
            reward = reward_of(np.zeros(len(candidates), np.float32), judgement)
            return self._weigh(Outcome(reward, reward, reward, True))
        held_out = self.holdout.has(query, source)
        (frozen, served, tried), (first, _, other) = self.challenger.take(
            query, candidates, judgement, propensities, self.champion, learn=not held_out
        )
        name = vector_hash(candidates[first])
        self.first_places.add(name, name if other == first else vector_hash(candidates[other]))
        self.learned += not held_out
        return self._weigh(Outcome(served, tried, frozen, held_out))

    def _weigh(self, outcome: Outcome) -> Outcome:
        served, frozen = outcome.served, outcome.frozen
        ahead = outcome.challenger - served
        self.gates.add((ahead, outcome.challenger - frozen, -ahead, frozen - served))
        if outcome.held_out:
            self.held_out.add(ahead)
        self.gain.add(served - frozen)
        self._served += served
        self._frozen += frozen
        return outcome

    def gain_so_far(self) -> Gain:
        n = self.gain.n
        low, high = self.gain.interval
        return Gain(self.gain.mean, low, high, n, self._served / n if n else 0.0, self._frozen / n if n else 0.0)

    def numbers_of(self, outcome: Outcome) -> OutcomeNumbers:
        """What is written down of the last feedback."""
        n, total, variance = self.gain.numbers
        return outcome.served, outcome.challenger, outcome.frozen, float(n), total, variance

    def promote(self) -> State:
        """Makes the challenger as it is now the champion. It goes on learning."""
        self.champion = self.challenger.publish()
        self._forget_evidence()
        return self.champion

    def serve(self, state: State) -> None:
        """Makes a state the champion, and lets the challenger start anew from it."""
        self.champion = state
        self.challenger = Challenger(self.settings, state, self.challenger)
        self._forget_evidence()

    def reject(self) -> None:
        """Lets the challenger start anew from the champion, against which the evidence stays."""
        self.challenger = Challenger(self.settings, self.champion, self.challenger)
        self.gates.restart()
        self._forget_challenger()

    def hash(self) -> str:
        """Of everything that decides what comes next."""
        return state_digest(self.arrays())

    def arrays(self) -> StateArrays:
        arrays: StateArrays = {
            "champion": np.frombuffer(self.champion.hash.encode(), np.uint8),
            "counts": np.array([self.learned], np.uint64),
            "rewards": np.array([self._served, self._frozen]),
            "gain": np.array(self.gain.numbers, dtype=np.float64),
            "tops": self.first_places.array(),
            "held_out": np.array(self.held_out.numbers, dtype=np.float64),
            "first_sources": self.holdout.array(),
        }
        arrays |= {f"gates.{name}": array for name, array in self.gates.arrays().items()}
        return arrays | {f"challenger.{name}": array for name, array in self.challenger.arrays().items()}

    @classmethod
    def of_arrays(cls, settings: Settings, arrays: StateArrays, champion: State) -> Learner:
        """Raises ValueError for arrays that are no learner of these settings, or belong to another champion."""
        reader = StateReader(arrays)
        if bytes(reader.array("champion", np.uint8)).decode() != champion.hash:
            raise ValueError("the learner belongs to another champion")
        made = cls(settings, champion)
        made.learned = reader.count("counts")
        made._served, made._frozen = reader.array("rewards", np.float64, 2).tolist()
        made.gain = _running(reader, "gain")
        made.first_places.restore(reader.array("tops", np.uint64))
        made.held_out = _running(reader, "held_out")
        made.holdout.restore(reader.array("first_sources", np.uint64))
        made.gates = Gates.of_arrays(reader.under("gates."))
        made.challenger.restore(reader.under("challenger."))
        reader.finish()
        return made


def _running(reader: StateReader, name: str) -> RunningMean:
    n, total, variance = reader.array(name, np.float64, 3).tolist()
    return RunningMean(int(n), total, variance)

