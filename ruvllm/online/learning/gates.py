"""Questions that evidence decides: is one state better than another? Each feedback answers several at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ruvllm.evaluation.sequential import SHARES, WEIGHTS
from ruvllm.files.arrays import StateArrays, StateReader

__all__ = ["GATES", "Gates"]

GATES = ("beats_champion", "beats_identity", "is_worse", "champion_harms")
"""The challenger is better than the champion; than identity; is worse than the champion; identity is better than it."""
MOST_WEALTH = 1e250
"""Products do not overflow. Long before, the evidence has decided."""
_SHARES = np.array(SHARES)


class Gates:
    """For each question the e-process of `evaluation.sequential.EProcess`: evidence that holds at every look.

    Sums are taken in one order, and products element by element, so that the bits are the same on every machine.
    """

    def __init__(self) -> None:
        self.n = 0
        """Number of feedbacks that were weighed."""
        self._wealth = np.tile(np.array(WEIGHTS), (len(GATES), 1))
        self._totals = [0.0] * len(GATES)

    def add(self, differences: tuple[float, float, float, float]) -> None:
        """Takes the next difference of rewards, in [-1, 1], for each question."""
        if not all(-1.0 <= x <= 1.0 for x in differences):
            raise ValueError(f"differences of rewards must be in [-1, 1], not {differences}")
        self.n += 1
        if any(differences):  # else all stays as it is
            factors = 1.0 + _SHARES * np.array(differences)[:, None]
            np.minimum(self._wealth * factors, MOST_WEALTH, out=self._wealth)
            self._totals = [total + x for total, x in zip(self._totals, differences, strict=True)]

    def evidence(self, gate: str) -> float:
        """The e-value: it reaches 1 / alpha with probability alpha at most if there is no such difference."""
        total = 0.0
        for wealth in self._wealth[GATES.index(gate)].tolist():
            total += wealth
        return total

    def mean(self, gate: str) -> float:
        """Mean difference so far."""
        return self._totals[GATES.index(gate)] / self.n if self.n else 0.0

    def arrays(self) -> StateArrays:
        """All that it is."""
        numbers: NDArray[np.float64] = np.array([float(self.n), *self._totals])
        return {"numbers": numbers, "wealth": self._wealth.reshape(-1).copy()}

    @classmethod
    def of_arrays(cls, arrays: StateArrays) -> Gates:
        """Raises ValueError for arrays of another form."""
        reader, made = StateReader(arrays), cls()
        n, *made._totals = reader.array("numbers", np.float64, 1 + len(GATES)).tolist()
        made.n = int(n)
        made._wealth = reader.array("wealth", np.float64, made._wealth.size).reshape(len(GATES), -1).copy()
        reader.finish()
        return made
