"""Which candidates are put first: an adapter that funnels all queries to few of them is not to be served."""

from __future__ import annotations

from collections import Counter, deque

import numpy as np
from numpy.typing import NDArray

__all__ = ["FirstPlaces"]


class FirstPlaces:
    """Names of the candidates that the frozen encoder and a challenger put first on the last `window` feedbacks."""

    def __init__(self, window: int) -> None:
        self._window = window
        self._last: deque[tuple[int, int]] = deque()
        self._frozen: Counter[int] = Counter()
        self._tried: Counter[int] = Counter()

    def add(self, frozen: int, tried: int) -> None:
        """Takes what both put first, as numbers below 2^64."""
        self._last.append((frozen, tried))
        self._frozen[frozen] += 1
        self._tried[tried] += 1
        if len(self._last) > self._window:
            for counts, name in zip((self._frozen, self._tried), self._last.popleft(), strict=True):
                counts[name] -= 1
                if not counts[name]:
                    del counts[name]

    @property
    def coverage(self) -> float:
        """Number of distinct candidates that the challenger put first, as a share of the encoder's, at most 1."""
        return min(1.0, len(self._tried) / len(self._frozen)) if self._frozen else 1.0

    def array(self) -> NDArray[np.uint64]:
        """All that it is, (2 n,)."""
        return np.array(self._last, dtype=np.uint64).reshape(-1)

    def restore(self, array: NDArray[np.uint64]) -> None:
        """Goes on as another one, from nothing. Raises ValueError for an array of another form."""
        for frozen, tried in array.reshape(-1, 2).tolist():
            self.add(frozen, tried)
