"""Folds of a cross-validation."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["LARGEST", "ORDINARY", "SMALLEST", "Fold"]

SMALLEST, LARGEST = 3, 20
"""Least and most folds: one is the test part, one the validation part, and the train part needs the others."""


@dataclass(frozen=True, slots=True)
class Fold:
    """Fold `number` (from 1) of `of`. The holdout is set apart first and the same in all of them.

    Fold 1 of 5 is the ordinary split: 60 / 20 / 20. Raises ValueError for numbers that make no fold.
    """

    number: int
    of: int

    def __post_init__(self) -> None:
        if not SMALLEST <= self.of <= LARGEST:
            raise ValueError(f"there must be {SMALLEST} to {LARGEST} folds, not {self.of}")
        if not 1 <= self.number <= self.of:
            raise ValueError(f"a fold of {self.of} must be 1 to {self.of}, not {self.number}")

    @property
    def valid_group(self) -> int:
        """Which of the groups 0 ... of - 1 is the validation part."""
        return self.number - 1

    @property
    def test_group(self) -> int:
        """The test part: the next one, round the circle."""
        return self.number % self.of


ORDINARY = Fold(1, 5)
"""The split of a run without cross-validation."""
