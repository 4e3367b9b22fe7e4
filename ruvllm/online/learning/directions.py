"""Directions in which queries differ most: what a low-rank adapter can learn from, found from the first feedbacks.

A random direction says next to nothing about a query of 384 numbers. Block power iteration in one pass (Mitliagkas,
Caramanis & Jain 2013, "Memory limited, streaming PCA"): within a block y_r = mean of (a_r . q) q for the present unit
directions a_r; at its end the y are made orthogonal, and |y_r| is how much of q^2 lies along a_r. Each block is twice
as long as the one before.

Some encoders give all texts a large part in common. To learn along that would do the same to all queries, so the rows
are kept orthogonal to it.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ruvllm._core import dot
from ruvllm.files.arrays import StateArrays, StateReader

__all__ = ["Directions"]

FIRST_BLOCK = 32
SPREAD = 0.1
"""Root mean square of A_r . q: with 0.2 steps are too long, with 0.05 learning takes longer (seeds 100 and 101)."""
COMMON = 0.25
"""Share of q^2 from which on the mean of queries is a part in common, and not chance: of 32 unlike ones it has 0.03."""
NOTHING = 1e-6
"""Share of q^2 along a direction below which queries do not differ there."""
Rows = NDArray[np.float32]


class Directions:
    """Sums over the present block. Products are the core's and all else is rounded once: the same bits everywhere."""

    def __init__(self, rows: Rows, until: int) -> None:
        """`rows` (rank, dim) are those of A at first; nothing is looked for after the block that ends at `until`."""
        self.rows = _unit(rows)
        self._sums = np.zeros_like(self.rows)
        self._total = np.zeros_like(self.rows[0])
        self._until, self._known, self._start, self._end = until, 0, 0, FIRST_BLOCK
        self.are_found = until < FIRST_BLOCK

    def add(self, query: Rows) -> bool:
        """Takes a query (dim,) of length 1. Returns whether a block has ended: then there are new rows."""
        for row, own in zip(self.rows, self._sums, strict=True):
            own += np.float32(dot(row, query)) * query
        self._total += query
        self._known += 1
        return self._known == self._end

    def turn(self, a: Rows, b: Rows) -> Rows:
        """Ends a block. Returns parameters (2 rank dim,) that do to queries along the new rows what a, b did."""
        n = np.float32(self._known - self._start)
        lengths, common = [0.0] * len(self.rows), self._in_common()
        for place, own in enumerate(self._sums / n):
            for before in (*common, *self.rows[:place]):
                own = own - np.float32(dot(before, own)) * before
            lengths[place] = math.sqrt(dot(own, own))
            if lengths[place] > NOTHING:
                self.rows[place] = own / np.float32(lengths[place])
        made = np.zeros((2, *a.shape), np.float32)
        for place, (row, length) in enumerate(zip(self.rows, lengths, strict=True)):
            factor = SPREAD / math.sqrt(max(length, NOTHING)) if length > NOTHING else SPREAD
            made[0, place] = np.float32(factor) * row
            if length > NOTHING:
                for old, output in zip(a, b, strict=True):
                    made[1, place] += np.float32(dot(old, row) / factor) * output
        self._start, self._end = self._known, 2 * self._end
        self._sums = np.zeros_like(self.rows)
        self.are_found = self._end > self._until
        return made.reshape(-1)

    def _in_common(self) -> list[Rows]:
        """The direction (dim,) that all queries so far have in common; nothing if there is none."""
        mean = self._total / np.float32(self._known)
        square = dot(mean, mean)
        return [mean / np.float32(math.sqrt(square))] if square > COMMON else []

    def arrays(self) -> StateArrays:
        """All that it is."""
        sums = np.zeros(0, np.float32) if self.are_found else np.append(self._sums, self._total)
        counts = np.array([self._known, self._start, self._end, self.are_found], np.uint64)
        return {"rows": self.rows.reshape(-1).copy(), "sums": sums.copy(), "counts": counts}

    def restore(self, reader: StateReader) -> None:
        """Goes on as another one of this shape. Raises ValueError for arrays of another form."""
        shape, size = self.rows.shape, self.rows.size
        self.rows = reader.array("rows", np.float32, size).reshape(shape).copy()
        counts = reader.array("counts", np.uint64, 4).tolist()
        self._known, self._start, self._end = counts[:3]
        self.are_found = bool(counts[3])
        sums = reader.array("sums", np.float32, 0 if self.are_found else size + shape[1])
        if not self.are_found:
            self._sums, self._total = sums[:size].reshape(shape).copy(), sums[size:].copy()


def _unit(rows: Rows) -> Rows:
    lengths = [math.sqrt(dot(row, row)) for row in rows]
    return np.array([row / np.float32(length or 1.0) for row, length in zip(rows, lengths, strict=True)], np.float32)
