"""How a corpus is parted: files whole or at random, ordinary or into the folds of a cross-validation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from ruvllm.workloads.splits import PARTS, Fold, Parts, split_by_file, split_by_function

FILE_OF = np.sort((40 * np.random.default_rng(7).random(600) ** 2).astype(int))
PATHS = [f"m{number}.py" for number in FILE_OF]
"""600 tasks in files of 3 to 86 tasks."""


def test_shares_of_the_split_by_function_are_exact() -> None:
    split = split_by_function(601, seed=0)
    assert [len(split.part(name)) for name in PARTS] == [325, 108, 108, 60]


@pytest.mark.parametrize("seed", range(20))
def test_a_file_is_never_in_two_parts(seed: int) -> None:
    split = split_by_file(PATHS, seed)
    files = [{PATHS[i] for i in split.part(name)} for name in PARTS]
    assert sum(map(len, files)) == len(set(PATHS))
    # no other file would bring the holdout nearer to its share
    sizes = Counter(PATHS)
    missing = 60 - len(split.holdout)
    assert all(abs(missing - sizes[name]) >= abs(missing) for name in set(PATHS) - files[PARTS.index("holdout")])


def test_large_files_may_fall_into_any_part() -> None:
    ((largest, _),) = Counter(PATHS).most_common(1)
    found = {
        name for seed in range(60) for name in PARTS if PATHS.index(largest) in split_by_file(PATHS, seed).part(name)
    }
    assert found == set(PARTS)


def test_few_files_of_any_size_still_fill_each_part() -> None:
    few = ["big.py"] * 1000 + ["a.py"] * 500 + ["b.py"] * 400 + ["c.py"] * 300 + ["d.py"] * 20 + ["e.py"]
    for seed in range(20):
        split = split_by_file(few, seed)
        assert all(len(split.part(name)) for name in PARTS)
    with pytest.raises(ValueError, match="at least 6 files with documented functions, not 3; split by function"):
        split_by_file(few[:1900], 0)


def test_the_seed_decides_the_split() -> None:
    for one, again, other in (
        (split_by_function(600, 1), split_by_function(600, 1), split_by_function(600, 2)),
        (split_by_file(PATHS, 1), split_by_file(PATHS, 1), split_by_file(PATHS, 2)),
    ):
        assert one.test.tolist() == again.test.tolist() != other.test.tolist()


# folds

FOLDS = [3, 5, 10]
SPLITS = {
    "file": lambda fold, seed: split_by_file(PATHS, seed, fold),
    "function": lambda fold, seed: split_by_function(len(PATHS), seed, fold),
}

MakeSplit = Callable[[Fold, int], Parts]


@pytest.fixture(params=list(SPLITS))
def make(request: pytest.FixtureRequest) -> MakeSplit:
    found: MakeSplit = SPLITS[request.param]
    return found


def all_folds(make: MakeSplit, of: int, seed: int) -> list[Parts]:
    return [make(Fold(number, of), seed) for number in range(1, of + 1)]


@pytest.mark.parametrize("of", FOLDS)
@pytest.mark.parametrize("seed", [0, 4])
def test_every_task_outside_the_holdout_is_in_exactly_one_test_and_one_validation_part(
    of: int, seed: int, make: MakeSplit
) -> None:
    folds = all_folds(make, of, seed)
    others = sorted(set(range(600)) - set(folds[0].holdout.tolist()))
    for name in ("test", "valid"):
        assert np.sort(np.concatenate([split.part(name) for split in folds])).tolist() == others


@pytest.mark.parametrize("of", FOLDS)
@pytest.mark.parametrize("seed", [0, 4])
def test_the_holdout_is_the_same_in_all_folds_and_no_task_is_in_two_parts(
    of: int, seed: int, make: MakeSplit
) -> None:
    folds = all_folds(make, of, seed)
    assert len({tuple(split.holdout.tolist()) for split in folds}) == 1
    for split in folds:
        assert np.sort(np.concatenate([split.part(name) for name in PARTS])).tolist() == list(range(600))
        assert all((np.diff(split.part(name)) > 0).all() for name in PARTS)


@pytest.mark.parametrize("seed", [0, 4])
def test_the_holdout_does_not_depend_on_the_number_of_folds(seed: int, make: MakeSplit) -> None:
    assert len({tuple(make(Fold(1, of), seed).holdout.tolist()) for of in FOLDS}) == 1


def test_the_first_fold_of_five_is_the_ordinary_split(make: MakeSplit) -> None:
    first = make(Fold(1, 5), 3)
    ordinary = split_by_file(PATHS, 3) if make is SPLITS["file"] else split_by_function(600, 3)
    assert [first.part(name).tolist() for name in PARTS] == [ordinary.part(name).tolist() for name in PARTS]


@pytest.mark.parametrize("of", FOLDS)
def test_the_validation_part_of_a_fold_is_the_test_part_of_the_one_before(of: int, make: MakeSplit) -> None:
    folds = all_folds(make, of, 1)
    for split, following in zip(folds, [*folds[1:], folds[0]], strict=True):
        assert following.valid.tolist() == split.test.tolist()


@pytest.mark.parametrize("of", FOLDS)
def test_folds_by_function_have_equal_shares(of: int) -> None:
    assert [len(split.test) for split in all_folds(SPLITS["function"], of, 1)] == [540 // of] * of


@pytest.mark.parametrize("of", FOLDS)
@pytest.mark.parametrize("seed", range(5))
def test_files_stay_whole_in_every_fold(of: int, seed: int) -> None:
    for split in all_folds(SPLITS["file"], of, seed):
        files = [{PATHS[i] for i in split.part(name)} for name in PARTS]
        assert sum(map(len, files)) == len(set(PATHS))


@pytest.mark.parametrize("of", [3, 20])
def test_as_many_files_as_parts_are_just_enough(of: int) -> None:
    paths = [f"{number}.py" for number in range(of + 1) for _ in range(1 + number % 7)]
    for split in [split_by_file(paths, 2, Fold(number, of)) for number in range(1, of + 1)]:
        assert [len({paths[i] for i in split.part(name)}) for name in PARTS] == [of - 2, 1, 1, 1]
    message = f"a holdout and {of} groups needs at least {of + 1} files with documented functions, not {of}"
    with pytest.raises(ValueError, match=message):
        split_by_file([path for path in paths if path != "0.py"], 2, Fold(1, of))


def test_of_a_large_test_part_some_are_asked_evenly_spaced() -> None:
    whole = split_by_function(601, seed=0)
    assert whole.with_smaller_test(108) is whole
    some = whole.with_smaller_test(40)
    assert len(some.test) == 40 and len(some.unasked) == 68
    assert sorted([*some.test, *some.unasked]) == whole.test.tolist()
    places = np.searchsorted(whole.test, some.test)
    assert set(np.diff(places).tolist()) == {2, 3}
    assert np.array_equal(some.train, whole.train)
