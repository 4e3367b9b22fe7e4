"""How the tasks of a corpus are parted: 10% holdout first, the rest into as many groups as there are folds."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ruvllm._core import Purpose, RandomStream
from ruvllm.workloads.folds import ORDINARY, Fold

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


def split_by_function(n: int, seed: int, fold: Fold = ORDINARY) -> Split:
    """A random split of n tasks: the corpus stays the same, the queries are new."""
    order = RandomStream(seed, Purpose.SPLIT).permutation(n)
    holdout, *groups = np.split(order, np.cumsum(_targets(n, fold.of)))
    return _parts(np.sort(holdout), [np.sort(group) for group in groups], fold)


def split_by_file(paths: Sequence[str], seed: int, fold: Fold = ORDINARY) -> Split:
    """A random split of tasks (one path each) that keeps every file whole: transfer to files never seen.

    Files are taken in random order. The holdout, then each group but the last in turn takes a file while that brings
    its size nearer to its share of what is left, and at least one. Raises ValueError where there are fewer files than
    the holdout and the groups.
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


def _targets(n: int, groups: int) -> list[int]:
    """Sizes of the holdout and of each group but the last, which is the rest."""
    n_holdout = n // 10
    return [n_holdout, *[(n - n_holdout) // groups] * (groups - 1)]


def _parts(holdout: Indices, groups: Sequence[Indices], fold: Fold) -> Split:
    rest = [group for i, group in enumerate(groups) if i not in (fold.valid_group, fold.test_group)]
    return Split(np.sort(np.concatenate(rest)), groups[fold.valid_group], groups[fold.test_group], holdout)


def _nearest_files(waiting: Sequence[str], sizes: dict[str, int], target: int) -> list[str]:
    taken: list[str] = []
    missing = target
    for name in waiting:
        if sizes[name] < 2 * missing:  # |missing - size| < missing
            taken.append(name)
            missing -= sizes[name]
    return taken or [min(waiting, key=lambda name: sizes[name])]
