"""The order of training tasks: types in turn, each task once before any comes again, nearest in difficulty."""

from __future__ import annotations

from collections import Counter

import numpy as np
import numpy.typing as npt
import pytest
from simulated_samples import small_workload

from ruvllm import Purpose, RandomStream
from ruvllm.curriculum import SPREAD, TaskOrder
from ruvllm.protocols import PROTOCOLS, Size
from ruvllm.schedulers import CURRICULUM, curriculum_stage

WORKLOAD = small_workload(size=Size(6, 40))
TRAIN = WORKLOAD.parts.train
EPOCHS = 6


def handed_out(protocol: str, epochs: int, per_epoch: int, seed: int = 0) -> list[npt.NDArray[np.uint32]]:
    order = TaskOrder(WORKLOAD, PROTOCOLS[protocol], epochs, seed)
    return [order.next_chunk(epoch, per_epoch) for epoch in range(epochs)]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_only_train_tasks_come_and_types_take_turns(protocol: str) -> None:
    tasks = np.concatenate(handed_out(protocol, EPOCHS, 40))
    assert tasks.dtype == np.uint32 and len(tasks) == EPOCHS * 40
    assert set(tasks.tolist()) <= set(TRAIN.tolist())
    assert WORKLOAD.types[tasks].tolist() == [0, 1, 2, 3] * (EPOCHS * 10)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_each_task_of_a_type_comes_once_before_any_comes_again(protocol: str) -> None:
    tasks = np.concatenate(handed_out(protocol, EPOCHS, 3 * len(TRAIN)))
    for kind in range(4):
        own = TRAIN[WORKLOAD.types[TRAIN] == kind].tolist()
        sequence = tasks[WORKLOAD.types[tasks] == kind].tolist()
        assert len(sequence) > 10 * len(own)
        for begin in range(0, len(sequence) - len(own), len(own)):
            assert sorted(sequence[begin : begin + len(own)]) == sorted(own)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_run_of_the_planned_size_meets_no_task_twice(protocol: str) -> None:
    size = PROTOCOLS[protocol].quick
    workload = small_workload(size=size)
    order = TaskOrder(workload, PROTOCOLS[protocol], size.epochs, 0)
    tasks = np.concatenate([order.next_chunk(epoch, size.tasks_per_epoch) for epoch in range(size.epochs)])
    assert max(Counter(tasks.tolist()).values()) <= 2  # 2 where a type has fewer train tasks than its turns
    assert len(set(tasks.tolist())) >= 0.95 * len(tasks)


def naive_order(protocol: str, seed: int, value: float) -> list[int]:
    """The rules in plain words: list the tasks left, take the nearest; refill when all were used."""
    stream = RandomStream(seed, Purpose.SCHEDULE)
    own = [TRAIN[WORKLOAD.types[TRAIN] == kind].tolist() for kind in range(4)]
    left = [list(tasks) for tasks in own]
    chosen = []
    for epoch in range(EPOCHS):
        low, high = CURRICULUM[curriculum_stage(epoch, EPOCHS)]
        for _ in range(40):
            i = len(chosen)
            if protocol == "v1":
                wanted = (i % 10) / 10
            elif protocol == "v2":
                wanted = low + (high - low) * stream.uniform(1)[0]
            else:
                wanted = min(high, max(low, value + SPREAD * (2 * stream.uniform(1)[0] - 1)))
            tasks = left[i % 4] or own[i % 4]
            best = min(tasks, key=lambda task: abs(float(WORKLOAD.difficulty[task]) - wanted))
            chosen.append(best)
            left[i % 4] = [task for task in tasks if task != best]
    return chosen


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("seed", [0, 1])
def test_the_unused_task_nearest_to_the_wanted_difficulty_is_taken(protocol: str, seed: int) -> None:
    tasks = np.concatenate(handed_out(protocol, EPOCHS, 40, seed))
    assert tasks.tolist() == naive_order(protocol, seed, value=0.3)


def test_v1_walks_through_the_difficulties() -> None:
    workload = small_workload(size=Size(12, 120))
    tasks = TaskOrder(workload, PROTOCOLS["v1"], 5, 0).next_chunk(0, 50)
    assert workload.difficulty[tasks] == pytest.approx(np.tile(np.arange(10) / 10, 5), abs=0.05)


@pytest.mark.parametrize("protocol", ["v2", "v3"])
def test_the_stages_of_the_curriculum_get_harder(protocol: str) -> None:
    means = []
    for epoch, tasks in enumerate(handed_out(protocol, 3, 12)):
        low, high = CURRICULUM[epoch]
        difficulty = WORKLOAD.difficulty[tasks]
        assert np.all((difficulty > low - 0.1) & (difficulty < high + 0.1))
        means.append(difficulty.mean())
    assert means == sorted(means)


def test_v3_follows_the_adaptive_difficulty_and_v2_does_not() -> None:
    workload = small_workload(size=Size(12, 120))

    def mean_difficulty(protocol: str, value: float) -> float:
        order = TaskOrder(workload, PROTOCOLS[protocol], 3, 0)
        order.difficulty.value = value
        return float(workload.difficulty[order.next_chunk(2, 60)].mean())

    assert mean_difficulty("v3", 0.5) == pytest.approx(0.5, abs=0.05)
    assert mean_difficulty("v3", 0.8) == pytest.approx(0.8, abs=0.05)
    assert mean_difficulty("v3", 0.1) == pytest.approx(0.4, abs=0.05)  # the stage's lower end
    assert mean_difficulty("v2", 0.1) == mean_difficulty("v2", 0.9)


def test_the_seed_decides_the_order() -> None:
    first, again, other = (np.concatenate(handed_out("v3", 3, 40, seed)).tolist() for seed in (5, 5, 6))
    assert first == again != other
