"""How tasks are split: a tenth as the holdout first, the rest into as many groups as there are folds.

One group is the test part, one the validation part, and all others are the train part. Tasks that are copies of one
another are in one part, whatever the way to split.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ruvllm._core import Purpose, RandomStream

__all__ = [
    "BLOCK", "LARGEST", "LARGEST_TEST", "ORDINARY", "PARTS", "SMALLEST", "SPLITTERS", "Fold", "Numbers", "Parts",
    "split_by_date", "split_by_file", "split_by_function", "split_by_user", "stratified_split",
]  # fmt: skip

PARTS = ("train", "valid", "test", "holdout")

SMALLEST, LARGEST = 3, 20
"""Smallest and largest number of folds. With three, one group is left for training."""

LARGEST_TEST = 4_096
"""Test tasks that are answered, at most: each is ranked among the solutions of all of them, by every method."""

BLOCK = 50
"""Neighbours in the order of (type, difficulty) that stratified_split() divides together."""
BLOCK_HOLDOUT = 5
"""Tasks of each block that go to the holdout."""

Numbers = NDArray[np.uint32]
Unit = TypeVar("Unit", str, int)
"""What stays together in a split."""


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
    unasked: Numbers = field(default_factory=lambda: np.empty(0, dtype=np.uint32))
    """Of the test part: tasks that are not asked, and whose solutions stand among the candidates."""

    def part(self, name: str) -> Numbers:
        """Returns the part of that name. Raises ValueError for a name that is not in PARTS."""
        if name not in PARTS:
            raise ValueError(f"a part must be one of {', '.join(PARTS)}, not {name!r}")
        numbers: Numbers = getattr(self, name)
        return numbers

    def with_smaller_test(self, most: int = LARGEST_TEST) -> Parts:
        """Returns the parts with a test part of at most so many tasks, evenly spaced; the others are not asked."""
        if len(self.test) <= most:
            return self
        places = np.arange(most) * len(self.test) // most
        return replace(self, test=self.test[places], unasked=np.delete(self.test, places))


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


def split_by_function(n: int, seed: int, fold: Fold = ORDINARY, copies: Numbers | None = None) -> Parts:
    """Splits n tasks at random: training knows the files, the queries are new.

    `copies` (n,) has the same number for tasks that are copies of one another. Each takes the place of the first of
    them, and parts have the sizes that they would have without copies, as nearly as that goes. Raises ValueError if
    there are fewer groups than parts.
    """
    order = RandomStream(seed, Purpose.SPLIT).permutation(n)
    holdout, share = n // 10, (n - n // 10) // fold.of
    if copies is None or len(np.unique(copies)) == n:
        held, *groups = np.split(order, np.cumsum([holdout, *[share] * (fold.of - 1)]))  # the last gets the rest
        return _parts(held, groups, fold)
    sizes = Counter(copies.tolist())
    if len(sizes) < 1 + fold.of:
        raise ValueError(
            f"a holdout and {fold.of} groups need at least {1 + fold.of} tasks that are no copies of one another, not "
            f"{len(sizes)}"
        )
    waiting = list(dict.fromkeys(copies[order].tolist()))
    # a part that is one large group would test one thing: such groups wait for the train part
    waiting.sort(key=lambda group: 2 * sizes[group] > (share if holdout == 0 else min(holdout, share)))
    part_of = _deal(waiting, sizes, fold, lambda number, left: max(1, left - (n - holdout - number * share)))
    return _numbered_parts([part_of[copy] for copy in copies.tolist()], fold)


def split_by_file(
    paths: Sequence[str], seed: int, fold: Fold = ORDINARY, copies: Numbers | None = None
) -> Parts:
    """Splits tasks, one path each, at random and keeps every file in one part: the test files are never seen.

    Files are taken in random order. First the holdout, then each group but the last takes a file if that brings its
    size nearer to its share of what is left, and takes at least one. Files with copies of the same tasks (`copies` as
    for split_by_function) go together. Raises ValueError if there are fewer files than the holdout and the groups need.
    """
    names = sorted(set(paths))
    first = names if copies is None else _first_of_joined(names, paths, copies)
    together = dict(zip(names, first, strict=True))
    sizes = Counter(together[path] for path in paths)
    if len(sizes) < 1 + fold.of:
        raise ValueError(_too_few_files(len(names), len(sizes), fold))
    order = RandomStream(seed, Purpose.SPLIT).permutation(len(names)).tolist()
    waiting = list(dict.fromkeys(together[names[i]] for i in order))
    part_of = _deal(
        waiting, sizes, fold, lambda number, left: left // 10 if number == 0 else left // (1 + fold.of - number)
    )
    return _numbered_parts([part_of[together[path]] for path in paths], fold)


def split_by_date(
    repositories: Sequence[str], seed: int, fold: Fold = ORDINARY, copies: Numbers | None = None
) -> Parts:
    """Splits tasks, one repository each, by date: the tasks of a repository stand in the order of their dates.

    A random tenth of each repository is the holdout. The rest is cut into as many stretches of time as there are folds.
    One stretch is tested, the one before it (in a circle) validates, and the earlier and later ones are trained on.
    `copies` (n,) is the first of each task's copies: the others go where that is, and only first ones are counted.
    Raises ValueError if a part would be empty.
    """
    first = np.arange(len(repositories)) if copies is None else copies
    part_of = np.empty(len(repositories), dtype=np.int64)
    for repository in dict.fromkeys(repositories):
        members = [i for i, name in enumerate(repositories) if name == repository and first[i] == i]
        if not members:
            continue
        order = RandomStream(seed, Purpose.SPLIT, members[0]).permutation(len(members))
        kept_back = {members[j] for j in order[: len(members) // 10].tolist()}
        part_of[list(kept_back)] = 0
        rest = [i for i in members if i not in kept_back]
        for number, stretch in enumerate(np.array_split(rest, fold.of), start=1):
            part_of[stretch.astype(np.int64)] = number
    part_of = part_of[first]
    parts = _numbered_parts(part_of.tolist(), fold)
    if any(len(parts.part(name)) == 0 for name in PARTS):
        raise ValueError(f"{len(repositories)} issues are too few for a holdout and {fold.of} stretches of time")
    return parts


def split_by_user(n: int, n_test: int, seed: int, copies: Numbers) -> Parts:
    """Returns the first `n_test` of n tasks as the test part.

    Of the others a random tenth is the holdout, a fifth of the rest validates, and what is left is trained on; copies
    (n,) stay together. Raises ValueError if there are fewer groups than parts.
    """
    rest = split_by_function(n - n_test, seed, copies=copies[n_test:])
    train = np.sort(np.concatenate([rest.train, rest.test]))
    shift = np.uint32(n_test)
    return Parts(train + shift, rest.valid + shift, np.arange(n_test, dtype=np.uint32), rest.holdout + shift)


SPLITTERS: dict[str, Callable[[Sequence[str], int, Fold, Numbers | None], Parts]] = {
    "function": lambda sources, seed, fold, copies: split_by_function(len(sources), seed, fold, copies),
    "file": split_by_file,
    "date": split_by_date,
}
"""Ways to split tasks by name, from the source of each task (its file or its repository) and its group of copies."""


def _parts(holdout: NDArray[np.int64], groups: Sequence[NDArray[np.int64]], fold: Fold) -> Parts:
    train = np.concatenate([group for i, group in enumerate(groups) if i not in (fold.valid_group, fold.test_group)])
    parts = (train, groups[fold.valid_group], groups[fold.test_group], holdout)
    return Parts(*(np.sort(part).astype(np.uint32) for part in parts))


def _numbered_parts(part_of: Sequence[int], fold: Fold) -> Parts:
    """Makes parts of the number of each task: 0 for the holdout, then the groups from 1."""
    numbers = np.array(part_of)
    holdout, *groups = (np.flatnonzero(numbers == number) for number in range(1 + fold.of))
    return _parts(holdout, groups, fold)


def _deal(
    waiting: Sequence[Unit], sizes: Mapping[Unit, int], fold: Fold, share: Callable[[int, int], int]
) -> dict[Unit, int]:
    """Returns the number of each unit, tasks that stay together: 0 for the holdout, then the groups from 1.

    Units are taken in the order in which they wait. `share` says how many of so many tasks left a number gets; the
    last gets what remains. There must be a unit for each.
    """
    part_of: dict[Unit, int] = {}
    left = sum(sizes[unit] for unit in waiting)
    for number in range(fold.of):
        later = fold.of - number  # numbers that need a unit as well
        taken = _nearest(waiting, sizes, share(number, left))[: len(waiting) - later]
        left -= sum(sizes[unit] for unit in taken)
        part_of.update(dict.fromkeys(taken, number))
        waiting = [unit for unit in waiting if unit not in part_of]
    return part_of | dict.fromkeys(waiting, fold.of)


def _nearest(waiting: Sequence[Unit], sizes: Mapping[Unit, int], target: int) -> list[Unit]:
    """Returns units of about `target` tasks in all, at least one, in the order in which they wait."""
    taken: list[Unit] = []
    missing = target
    for unit in waiting:
        if sizes[unit] < 2 * missing:  # |missing - size| < missing
            taken.append(unit)
            missing -= sizes[unit]
    return taken or [min(waiting, key=sizes.__getitem__)]


def _first_of_joined(names: Sequence[str], paths: Sequence[str], copies: Numbers) -> list[str]:
    """Returns, for each file, the first of those that it is joined to by copies, over any number of steps."""
    from ruvllm.workloads.repeats.finding import joined  # not for simulated tasks, which have no files

    place = {name: i for i, name in enumerate(names)}
    first = joined(len(names), zip(map(place.__getitem__, paths), copies.tolist(), strict=True))
    return [names[i] for i in first.tolist()]


def _too_few_files(n_files: int, n_units: int, fold: Fold) -> str:
    found = f"{n_files}" if n_units == n_files else f"{n_units} ({n_files} files, of which some hold copies of others)"
    return (
        f"a split by file into a holdout and {fold.of} groups needs at least {1 + fold.of} files with documented "
        f"functions, not {found}; split by function instead"
    )
