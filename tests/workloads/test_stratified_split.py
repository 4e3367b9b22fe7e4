"""The simulated workload's parts: stratified, ordinary or of a cross-validation."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from simulated_samples import SMALL_MODEL, small_workload

from ruvllm import Purpose, RandomStream
from ruvllm.learning.constants import Size
from ruvllm.learning.protocols import PROTOCOLS
from ruvllm.workloads.simulated import build_simulated_workload
from ruvllm.workloads.splits import Fold, Parts, stratified_split
from ruvllm.workloads.workload import Workload


def parts_of(parts: Parts) -> list[npt.NDArray[np.uint32]]:
    return [parts.holdout, parts.train, parts.valid, parts.test]


SPLIT = small_workload(size=Size(12, 120))  # 2,700 tasks


def test_a_tenth_is_held_out_and_the_rest_divided_60_20_20() -> None:
    n = len(SPLIT.types)
    assert n % 50 == 0
    assert [len(part) for part in parts_of(SPLIT.parts)] == [n // 10, n * 27 // 50, n * 9 // 50, n * 9 // 50]
    together = np.concatenate(parts_of(SPLIT.parts))
    assert np.sort(together).tolist() == list(range(n))
    assert all(part.dtype == np.uint32 and np.all(np.diff(part.astype(np.int64)) > 0) for part in parts_of(SPLIT.parts))


def test_each_fifty_neighbours_are_divided_exactly() -> None:
    label = np.empty(len(SPLIT.types), np.int64)
    for i, part in enumerate(parts_of(SPLIT.parts)):
        label[part] = i
    order = sorted(range(len(label)), key=lambda i: (SPLIT.types[i], SPLIT.difficulty[i]))
    for begin in range(0, len(order), 50):
        assert np.bincount(label[order[begin : begin + 50]]).tolist() == [5, 27, 9, 9]


def test_every_part_has_the_same_mix() -> None:
    for part in parts_of(SPLIT.parts):
        assert np.bincount(SPLIT.types[part]) / len(part) == pytest.approx([0.25] * 4, abs=0.02)
        for kind in range(4):
            own, whole = SPLIT.difficulty[part][SPLIT.types[part] == kind], SPLIT.difficulty[SPLIT.types == kind]
            assert float(own.mean()) == pytest.approx(float(whole.mean()), abs=0.03)
            assert np.quantile(own, [0.1, 0.5, 0.9]) == pytest.approx(np.quantile(whole, [0.1, 0.5, 0.9]), abs=0.05)


@pytest.mark.parametrize("n", [1, 49, 50, 51, 120])
def test_any_number_of_tasks_is_split_without_loss(n: int) -> None:
    types, difficulty = (np.arange(n) % 4).astype(np.uint8), np.linspace(0, 1, n, dtype=np.float32)
    parts = stratified_split(types, difficulty, RandomStream(1, Purpose.SPLIT))
    assert np.sort(np.concatenate(parts_of(parts))).tolist() == list(range(n))


def test_the_split_is_drawn_by_its_stream() -> None:
    types, difficulty = np.zeros(50, np.uint8), np.linspace(0, 1, 50, dtype=np.float32)
    tests = [stratified_split(types, difficulty, RandomStream(s, Purpose.SPLIT)).test.tolist() for s in (1, 1, 2)]
    assert tests[0] == tests[1] != tests[2]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("profile", ["quick", "standard", "full"])
def test_the_train_part_has_a_task_for_each_attempt(protocol: str, profile: str) -> None:
    size = PROTOCOLS[protocol].size(profile)
    workload = small_workload(size=size)
    assert len(workload.parts.train) >= size.epochs * size.tasks_per_epoch


# folds

FOLDS = [3, 5, 10, 20]


def workload_of(fold: Fold, seed: int = 0) -> Workload:
    return build_simulated_workload(SMALL_MODEL, 12 * 120, seed, fold=fold)


def all_folds(of: int) -> list[Parts]:
    return [workload_of(Fold(number, of)).parts for number in range(1, of + 1)]


@pytest.mark.parametrize("of", FOLDS)
def test_every_task_outside_the_holdout_is_in_exactly_one_test_and_one_validation_part(of: int) -> None:
    folds = all_folds(of)
    others = sorted(set(range(len(SPLIT.types))) - set(SPLIT.parts.holdout.tolist()))
    for name in ("test", "valid"):
        assert np.sort(np.concatenate([getattr(parts, name) for parts in folds])).tolist() == others


@pytest.mark.parametrize("of", FOLDS)
def test_the_holdout_is_the_same_in_all_folds_and_no_task_is_in_two_parts(of: int) -> None:
    for parts in all_folds(of):
        assert parts.holdout.tolist() == SPLIT.parts.holdout.tolist()
        assert np.sort(np.concatenate(parts_of(parts))).tolist() == list(range(len(SPLIT.types)))


def test_the_ordinary_split_cuts_each_shuffled_block_at_5_32_and_41() -> None:
    stream, order = RandomStream(0, Purpose.SPLIT, SMALL_MODEL.number), np.lexsort((SPLIT.difficulty, SPLIT.types))
    found: list[list[int]] = [[], [], [], []]
    for begin in range(0, len(order), 50):
        for task, place in zip(order[begin : begin + 50].tolist(), stream.permutation(50).tolist(), strict=True):
            found[sum(place >= cut for cut in (5, 32, 41))].append(task)
    assert [sorted(part) for part in found] == [part.tolist() for part in parts_of(SPLIT.parts)]


def test_the_first_fold_of_five_is_the_ordinary_split() -> None:
    first = workload_of(Fold(1, 5)).parts
    assert [part.tolist() for part in parts_of(first)] == [part.tolist() for part in parts_of(SPLIT.parts)]


@pytest.mark.parametrize("of", FOLDS)
def test_the_validation_part_of_a_fold_is_the_test_part_of_the_one_before(of: int) -> None:
    folds = all_folds(of)
    for parts, following in zip(folds, [*folds[1:], folds[0]], strict=True):
        assert following.valid.tolist() == parts.test.tolist()


@pytest.mark.parametrize("of", FOLDS)
def test_each_fold_has_its_share_and_the_same_mix_of_types_and_difficulties(of: int) -> None:
    n = len(SPLIT.types)
    for parts in all_folds(of):
        assert len(parts.test) == pytest.approx(0.9 * n / of, rel=0.35 if of == 20 else 0.12)  # 45 / 20 of each 50
        assert np.bincount(SPLIT.types[parts.test]) / len(parts.test) == pytest.approx([0.25] * 4, abs=0.03)
        for part in (parts.train, parts.test):
            assert float(SPLIT.difficulty[part].mean()) == pytest.approx(float(SPLIT.difficulty.mean()), abs=0.04)


def test_folds_change_nothing_but_the_parts() -> None:
    other = workload_of(Fold(2, 3))
    assert other.details == SPLIT.details
    assert other.difficulty.tobytes() == SPLIT.difficulty.tobytes()
    for number in (0, 7):
        one, two = SPLIT.source.load(number), other.source.load(number)
        assert [one[0].tobytes(), one[1].tobytes(), one[2]] == [two[0].tobytes(), two[1].tobytes(), two[2]]


def test_other_seeds_have_other_folds() -> None:
    assert workload_of(Fold(2, 5), seed=1).parts.test.tolist() != workload_of(Fold(2, 5)).parts.test.tolist()
