"""How tasks are split: a tenth as the holdout first, the rest into as many groups as there are folds.

One group is the test part, one the validation part, and all others are the train part.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ruvllm._core import Purpose, RandomStream

__all__ = [
    "BLOCK", "LARGEST", "ORDINARY", "PARTS", "SMALLEST", "SPLITTERS", "Fold", "Numbers", "Parts",
    "split_by_date", "split_by_file", "split_by_function", "stratified_split",
]  # fmt: skip

PARTS = ("train", "valid", "test", "holdout")

SMALLEST, LARGEST = 3, 20
"""Smallest and largest number of folds. With three, one group is left for training."""

BLOCK = 50
"""Neighbours in the order of (type, difficulty) that stratified_split() divides together."""
BLOCK_HOLDOUT = 5
"""Tasks of each block that go to the holdout."""

Numbers = NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Fold:
    """Fold `number` (from 1) of `of` in a cross-validation. All folds have the same holdout.

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
        """Number of the group, 0 to of - 1, that is the validation part."""
        return self.number - 1

    @property
    def test_group(self) -> int:
        """Number of the group that is the test part: the next one, in a circle."""
        return self.number % self.of


ORDINARY = Fold(1, 5)
"""The split of a run without cross-validation."""


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """Numbers of the tasks in each part, ascending. No task is in two parts."""

    train: Numbers
    valid: Numbers
    test: Numbers
    holdout: Numbers

    def part(self, name: str) -> Numbers:
        """Returns the part of that name. Raises ValueError for a name that is not in PARTS."""
        if name not in PARTS:
            raise ValueError(f"a part must be one of {', '.join(PARTS)}, not {name!r}")
        numbers: Numbers = getattr(self, name)
        return numbers


def stratified_split(
    types: NDArray[np.uint8], difficulty: NDArray[np.float32], stream: RandomStream, fold: Fold = ORDINARY
) -> Parts:
    """Splits tasks so that all parts have the same mix of types (n,) and difficulties (n,).

    Tasks are ordered by type and difficulty. Each 50 neighbours are divided at random: 5 go to the holdout, the others
    evenly to the groups.
    """
    order = np.lexsort((difficulty, types))
    labels = np.empty(len(types), dtype=np.int64)
    for begin in range(0, len(order), BLOCK):
        block = order[begin : begin + BLOCK]
        labels[block] = stream.permutation(BLOCK)[: len(block)]
    group_of = ((labels - BLOCK_HOLDOUT) * fold.of // (BLOCK - BLOCK_HOLDOUT) + 2) % fold.of
    holdout = labels < BLOCK_HOLDOUT
    groups = [np.flatnonzero(~holdout & (group_of == group)) for group in range(fold.of)]
    return _parts(np.flatnonzero(holdout), groups, fold)


def split_by_function(n: int, seed: int, fold: Fold = ORDINARY) -> Parts:
    """Splits n tasks at random: training knows the files, the queries are new."""
    order = RandomStream(seed, Purpose.SPLIT).permutation(n)
    sizes = [n // 10, *[(n - n // 10) // fold.of] * (fold.of - 1)]  # the last group gets the rest
    holdout, *groups = np.split(order, np.cumsum(sizes))
    return _parts(holdout, groups, fold)


def split_by_file(paths: Sequence[str], seed: int, fold: Fold = ORDINARY) -> Parts:
    """Splits tasks, one path each, at random and keeps every file in one part: the test files are never seen.

    Files are taken in random order. First the holdout, then each group but the last takes a file if that brings its
    size nearer to its share of what is left, and takes at least one. Raises ValueError if there are fewer files than
    the holdout and the groups need.
    """
    sizes: dict[str, int] = {}
    for path in paths:
        sizes[path] = sizes.get(path, 0) + 1
    if len(sizes) < 1 + fold.of:
        raise ValueError(
            f"a split by file into a holdout and {fold.of} groups needs at least {1 + fold.of} files with documented "
            f"functions, not {len(sizes)}; split by function instead"
        )
    names = sorted(sizes)
    waiting = [names[i] for i in RandomStream(seed, Purpose.SPLIT).permutation(len(names))]
    group_of: dict[str, int] = {}
    left = len(paths)
    for number in range(fold.of):  # 0 is the holdout
        later = fold.of - number  # groups that need a file as well
        share = left // 10 if number == 0 else left // (1 + later)
        taken = _nearest_files(waiting, sizes, share)[: len(waiting) - later]
        left -= sum(sizes[name] for name in taken)
        group_of.update(dict.fromkeys(taken, number))
        waiting = [name for name in waiting if name not in group_of]
    numbers = np.array([group_of.get(path, fold.of) for path in paths])
    holdout, *groups = (np.flatnonzero(numbers == number) for number in range(1 + fold.of))
    return _parts(holdout, groups, fold)


def split_by_date(repositories: Sequence[str], seed: int, fold: Fold = ORDINARY) -> Parts:
    """Splits tasks, one repository each, by date: the tasks of a repository stand in the order of their dates.

    A random tenth of each repository is the holdout. The rest is cut into as many stretches of time as there are folds.
    One stretch is tested, the one before it (in a circle) validates, and the earlier and later ones are trained on.
    Raises ValueError if a part would be empty.
    """
    holdout: list[int] = []
    groups: list[list[int]] = [[] for _ in range(fold.of)]
    for repository in dict.fromkeys(repositories):
        members = [i for i, name in enumerate(repositories) if name == repository]
        order = RandomStream(seed, Purpose.SPLIT, members[0]).permutation(len(members))
        kept_back = {members[j] for j in order[: len(members) // 10].tolist()}
        holdout += kept_back
        rest = [i for i in members if i not in kept_back]
        for group, stretch in zip(groups, np.array_split(rest, fold.of), strict=True):
            group += stretch.tolist()
    parts = _parts(np.array(holdout), [np.array(group) for group in groups], fold)
    if any(len(parts.part(name)) == 0 for name in PARTS):
        raise ValueError(f"{len(repositories)} issues are too few for a holdout and {fold.of} stretches of time")
    return parts


SPLITTERS: dict[str, Callable[[Sequence[str], int, Fold], Parts]] = {
    "function": lambda sources, seed, fold: split_by_function(len(sources), seed, fold),
    "file": split_by_file,
    "date": split_by_date,
}
"""Ways to split tasks by name, from the source of each task: its file or its repository."""


def _parts(holdout: NDArray[np.int64], groups: Sequence[NDArray[np.int64]], fold: Fold) -> Parts:
    train = np.concatenate([group for i, group in enumerate(groups) if i not in (fold.valid_group, fold.test_group)])
    parts = (train, groups[fold.valid_group], groups[fold.test_group], holdout)
    return Parts(*(np.sort(part).astype(np.uint32) for part in parts))


def _nearest_files(waiting: Sequence[str], sizes: dict[str, int], target: int) -> list[str]:
    """Returns files of about `target` tasks in all, at least one, in the order in which they wait."""
    taken: list[str] = []
    missing = target
    for name in waiting:
        if sizes[name] < 2 * missing:  # |missing - size| < missing
            taken.append(name)
            missing -= sizes[name]
    return taken or [min(waiting, key=lambda name: sizes[name])]
