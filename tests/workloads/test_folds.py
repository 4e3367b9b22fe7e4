"""Folds: which group of tasks is for testing, which for validation, in each part of a cross-validation."""

import numpy as np
import pytest
from simulated_samples import small_workload

from ruvllm import Purpose, RandomStream
from ruvllm.workloads.splits import ORDINARY, Fold, Parts, stratified_split

WORKLOAD = small_workload()


def split(fold: Fold) -> Parts:
    return stratified_split(WORKLOAD.types, WORKLOAD.difficulty, RandomStream(11, Purpose.SPLIT, 0), fold)


@pytest.mark.parametrize("of", [-1, 0, 1, 2, 21, 5000])
def test_there_are_3_to_20_folds(of: int) -> None:
    with pytest.raises(ValueError) as raised:
        Fold(1, of)
    assert str(raised.value) == f"there must be 3 to 20 folds, not {of}"


@pytest.mark.parametrize(
    ("number", "of", "message"),
    [
        (0, 5, "a fold of 5 must be 1 to 5, not 0"),
        (6, 5, "a fold of 5 must be 1 to 5, not 6"),
        (-1, 3, "a fold of 3 must be 1 to 3, not -1"),
        (21, 20, "a fold of 20 must be 1 to 20, not 21"),
    ],
)
def test_a_fold_is_one_of_them_counted_from_1(number: int, of: int, message: str) -> None:
    with pytest.raises(ValueError) as raised:
        Fold(number, of)
    assert str(raised.value) == message


def test_the_fewest_and_the_most_folds_are_allowed() -> None:
    assert (Fold(1, 3).number, Fold(3, 3).number, Fold(1, 20).of, Fold(20, 20).number) == (1, 3, 20, 20)


def test_the_validation_group_is_the_own_one_and_the_test_group_the_next_round_the_circle() -> None:
    groups = [(Fold(number, 4).valid_group, Fold(number, 4).test_group) for number in range(1, 5)]
    assert groups == [(0, 1), (1, 2), (2, 3), (3, 0)]


def test_the_ordinary_split_is_fold_1_of_5() -> None:
    assert (ORDINARY.number, ORDINARY.of) == (1, 5)


@pytest.mark.parametrize("of", [3, 4, 5, 7, 20])
def test_each_task_outside_the_holdout_is_tested_in_one_fold_and_validates_in_one(of: int) -> None:
    parts = [split(Fold(number + 1, of)) for number in range(of)]
    holdout = set(parts[0].holdout.tolist())
    others = sorted(set(range(len(WORKLOAD.types))) - holdout)
    assert len(holdout) == len(WORKLOAD.types) // 10
    assert sorted(np.concatenate([part.test for part in parts]).tolist()) == others
    assert sorted(np.concatenate([part.valid for part in parts]).tolist()) == others


@pytest.mark.parametrize("of", [3, 5, 20])
def test_the_holdout_is_the_same_in_every_fold_and_no_task_is_in_two_parts(of: int) -> None:
    for number in range(1, of + 1):
        part = split(Fold(number, of))
        assert part.holdout.tolist() == split(ORDINARY).holdout.tolist()
        together = np.concatenate([part.train, part.valid, part.test, part.holdout])
        assert sorted(together.tolist()) == list(range(len(WORKLOAD.types)))


def test_the_more_folds_the_more_is_trained_on() -> None:
    """45 of 50 tasks are divided among the groups; all but two of the groups are the train part."""
    n = len(WORKLOAD.types) // 50
    assert {of: len(split(Fold(1, of)).train) // n for of in (3, 5, 9, 15)} == {3: 15, 5: 27, 9: 35, 15: 39}
