"""How the tasks of a corpus are parted: 10% holdout first, the rest 60 / 20 / 20 into train, valid and test."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ruvllm._core import Purpose, RandomStream

__all__ = ["PARTS", "Split", "split_by_file", "split_by_function"]

PARTS = ("train", "valid", "test", "holdout")

Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Split:
    """Indices of the tasks in each part, ascending; every task is in exactly one."""

    train: Indices
    valid: Indices
    test: Indices
    holdout: Indices

    def part(self, name: str) -> Indices:
        """The part of that name. Raises ValueError for a name that is none of PARTS."""
        if name not in PARTS:
            raise ValueError(f"a part must be one of {', '.join(PARTS)}, not {name!r}")
        indices: Indices = getattr(self, name)
        return indices


def split_by_function(n: int, seed: int) -> Split:
    """A random split of n tasks: the corpus stays the same, the queries are new."""
    order = RandomStream(seed, Purpose.SPLIT).permutation(n)
    n_holdout, n_valid, n_test = _targets(n)
    ends = np.cumsum([n_holdout, n_valid, n_test])
    holdout, valid, test, train = (np.sort(part) for part in np.split(order, ends))
    return Split(train, valid, test, holdout)


def split_by_file(paths: Sequence[str], seed: int) -> Split:
    """A random split of tasks (one path each) that keeps every file whole: transfer to files never seen.

    Files are taken in random order. Each small part in turn takes a file while that brings its size nearer to its
    share, and at least one; what is left is train. Raises ValueError for fewer than four files.
    """
    sizes: dict[str, int] = {}
    for path in paths:
        sizes[path] = sizes.get(path, 0) + 1
    if len(sizes) < len(PARTS):
        raise ValueError(
            f"a split by file needs at least {len(PARTS)} files with documented functions, not {len(sizes)}; "
            "split by function instead"
        )
    names = sorted(sizes)
    waiting = [names[i] for i in RandomStream(seed, Purpose.SPLIT).permutation(len(names))]
    part_of: dict[str, str] = {}
    for part, target in zip(("holdout", "valid", "test"), _targets(len(paths)), strict=True):
        taken = _nearest_files(waiting, sizes, target)
        part_of.update(dict.fromkeys(taken, part))
        waiting = [name for name in waiting if name not in part_of]
    parts = np.array([part_of.get(path, "train") for path in paths])
    return Split(*(np.flatnonzero(parts == part) for part in PARTS))


def _targets(n: int) -> tuple[int, int, int]:
    """Sizes of holdout, valid and test; train is the rest."""
    n_holdout = n // 10
    fifth = (n - n_holdout) // 5
    return n_holdout, fifth, fifth


def _nearest_files(waiting: Sequence[str], sizes: dict[str, int], target: int) -> list[str]:
    taken: list[str] = []
    missing = target
    for name in waiting:
        if sizes[name] < 2 * missing:  # |missing - size| < missing
            taken.append(name)
            missing -= sizes[name]
    return taken or [min(waiting, key=lambda name: sizes[name])]
