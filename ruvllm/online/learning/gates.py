"""Questions that evidence decides: is one state better than another? Each feedback answers several at once."""

from __future__ import annotations

import numpy as np

from ruvllm._core import BettingEvidence
from ruvllm.files.arrays import StateArrays, StateReader

__all__ = ["GATES", "Gates"]

GATES = ("beats_champion", "beats_identity", "is_worse", "champion_harms")
"""The challenger is better than the champion; than identity; is worse than the champion; identity is better than it."""
HARM = len(GATES) - 1
"""The only question that is not about the challenger."""


class Gates:
    """For each question the e-process of `evaluation.sequential.EProcess`: evidence that holds at every look."""

    def __init__(self) -> None:
        self.n = 0
        """Number of feedbacks that were weighed since the champion came."""
        self.tried = 0
        """Since the challenger began."""
        self.restarts = 0
        """Challengers of this champion that were rejected: each later one is one more chance to be lucky."""
        self._processes = [BettingEvidence() for _ in GATES]
        self._totals = [0.0] * len(GATES)

    def add(self, differences: tuple[float, float, float, float]) -> None:
        """Takes the next difference of rewards, in [-1, 1], for each question."""
        if not all(-1.0 <= x <= 1.0 for x in differences):
            raise ValueError(f"differences of rewards must be in [-1, 1], not {differences}")
        self.n += 1
        self.tried += 1
        for i, x in enumerate(differences):
            if x:  # else the evidence stays as it is
                self._processes[i].add(x)
                self._totals[i] += x

    def evidence(self, gate: str) -> float:
        """The e-value: it reaches 1 / alpha with probability alpha at most if there is no such difference."""
        return self._processes[GATES.index(gate)].evidence

    def mean(self, gate: str) -> float:
        """Mean difference so far."""
        n = self.n if GATES.index(gate) == HARM else self.tried
        return self._totals[GATES.index(gate)] / n if n else 0.0

    def restart(self) -> None:
        """Forgets what was asked of a challenger that was rejected. The champion's harm is not forgotten with it."""
        self.tried = 0
        self.restarts += 1
        self._processes[:HARM] = [BettingEvidence() for _ in range(HARM)]
        self._totals[:HARM] = [0.0] * HARM

    def arrays(self) -> StateArrays:
        """All that it is."""
        numbers = {name: np.array(process.numbers) for name, process in zip(GATES, self._processes, strict=True)}
        return {"counts": np.array([float(self.n), float(self.tried), float(self.restarts), *self._totals]), **numbers}

    @classmethod
    def of_arrays(cls, arrays: StateArrays) -> Gates:
        """Raises ValueError for arrays of another form."""
        reader, made = StateReader(arrays), cls()
        n, tried, restarts, *made._totals = reader.array("counts", np.float64, 3 + len(GATES)).tolist()
        made.n, made.tried, made.restarts = int(n), int(tried), int(restarts)
        for name, process in zip(GATES, made._processes, strict=True):
            process.restore(reader.array(name, np.float64))
        reader.finish()
        return made
