"""The order of training tasks: types in turn, each task once before any comes again, nearest in difficulty."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from simulated_samples import small_workload

from ruvllm import Purpose, RandomStream
from ruvllm.files.arrays import StateReader
from ruvllm.learning.constants import Size
from ruvllm.learning.curriculum import SPREAD, TaskOrder
from ruvllm.learning.protocols import PROTOCOLS
from ruvllm.learning.schedulers import CURRICULUM
from ruvllm.learning.stream import EpochPlan, plan_stream

WORKLOAD = small_workload(size=Size(6, 40))
TRAIN = WORKLOAD.parts.train
TYPES = (0, 1, 2, 3)
EPOCHS = 6


def planned(protocol: str, epochs: int, per_epoch: int, stream: str = "mixed") -> list[EpochPlan]:
    return plan_stream(stream, PROTOCOLS[protocol], Size(epochs, per_epoch), TYPES)


def handed_out(protocol: str, plan: list[EpochPlan], seed: int = 0) -> list[npt.NDArray[np.uint32]]:
    order = TaskOrder(WORKLOAD, PROTOCOLS[protocol], seed)
    return [order.next_chunk(epoch, epoch.tasks) for epoch in plan]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_only_train_tasks_come_and_types_take_turns(protocol: str) -> None:
    tasks = np.concatenate(handed_out(protocol, planned(protocol, EPOCHS, 40)))
    assert tasks.dtype == np.uint32 and len(tasks) == EPOCHS * 40
    assert set(tasks.tolist()) <= set(TRAIN.tolist())
    assert WORKLOAD.types[tasks].tolist() == [0, 1, 2, 3] * (EPOCHS * 10)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_blocked_stream_gets_one_type_at_a_time(protocol: str) -> None:
    epochs = handed_out(protocol, planned(protocol, EPOCHS, 40, "blocked"))
    assert [WORKLOAD.types[tasks].tolist() for tasks in epochs] == [[0] * 60, [1] * 60, [2] * 60, [3] * 60]
    assert set(np.concatenate(epochs).tolist()) <= set(TRAIN.tolist())


def test_types_that_are_not_planned_do_not_come() -> None:
    order = TaskOrder(WORKLOAD, PROTOCOLS["v2"], 0)
    tasks = order.next_chunk(EpochPlan(8, (3, 1), 0, False), 8)
    assert WORKLOAD.types[tasks].tolist() == [3, 1] * 4


@pytest.mark.parametrize("stream", ["mixed", "blocked"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_each_task_of_a_type_comes_once_before_any_comes_again(protocol: str, stream: str) -> None:
    tasks = np.concatenate(handed_out(protocol, planned(protocol, EPOCHS, 3 * len(TRAIN), stream)))
    for kind in range(4):
        own = TRAIN[WORKLOAD.types[TRAIN] == kind].tolist()
        sequence = tasks[WORKLOAD.types[tasks] == kind].tolist()
        assert len(sequence) > 10 * len(own)
        for begin in range(0, len(sequence) - len(own), len(own)):
            assert sorted(sequence[begin : begin + len(own)]) == sorted(own)


@pytest.mark.parametrize("stream", ["mixed", "blocked"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_run_of_the_planned_size_meets_no_task_twice(protocol: str, stream: str) -> None:
    size = PROTOCOLS[protocol].quick
    workload = small_workload(size=size)
    order = TaskOrder(workload, PROTOCOLS[protocol], 0)
    plan = planned(protocol, size.epochs, size.tasks_per_epoch, stream)
    tasks = np.concatenate([order.next_chunk(epoch, epoch.tasks) for epoch in plan])
    assert max(Counter(tasks.tolist()).values()) <= 2  # 2 where a type has fewer train tasks than its turns
    assert len(set(tasks.tolist())) >= 0.95 * len(tasks)


def naive_order(protocol: str, plan: list[EpochPlan], seed: int, value: float) -> list[int]:
    """The rules in plain words: list the tasks left, take the nearest; refill when all were used."""
    stream = RandomStream(seed, Purpose.SCHEDULE)
    own = [TRAIN[WORKLOAD.types[TRAIN] == kind].tolist() for kind in range(4)]
    left = [list(tasks) for tasks in own]
    chosen: list[int] = []
    for epoch in plan:
        for _ in range(epoch.tasks):
            i = len(chosen)
            if epoch.level is None:
                wanted = (i % 10) / 10
            else:
                low, high = CURRICULUM[epoch.level]
                draw = stream.uniform(1)[0]
                wanted = low + (high - low) * draw
                if protocol == "v3":
                    wanted = min(high, max(low, value + SPREAD * (2 * draw - 1)))
            kind = epoch.types[i % len(epoch.types)]
            tasks = left[kind] or own[kind]
            best = min(tasks, key=lambda task: abs(float(WORKLOAD.difficulty[task]) - wanted))
            chosen.append(best)
            left[kind] = [task for task in tasks if task != best]
    return chosen


@pytest.mark.parametrize("stream", ["mixed", "blocked"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("seed", [0, 1])
def test_the_unused_task_nearest_to_the_wanted_difficulty_is_taken(protocol: str, seed: int, stream: str) -> None:
    plan = planned(protocol, 12, 20, stream)
    assert {epoch.level for epoch in plan} == ({None} if protocol == "v1" else {0, 1, 2})
    tasks = np.concatenate(handed_out(protocol, plan, seed))
    assert tasks.tolist() == naive_order(protocol, plan, seed, value=0.3)


def test_v1_walks_through_the_difficulties() -> None:
    workload = small_workload(size=Size(12, 120))
    for stream in ("mixed", "blocked"):
        tasks = TaskOrder(workload, PROTOCOLS["v1"], 0).next_chunk(planned("v1", 12, 120, stream)[0], 50)
        assert workload.difficulty[tasks] == pytest.approx(np.tile(np.arange(10) / 10, 5), abs=0.05)


@pytest.mark.parametrize("protocol", ["v2", "v3"])
def test_the_levels_of_the_curriculum_get_harder(protocol: str) -> None:
    plan = planned(protocol, 3, 12)
    assert [epoch.level for epoch in plan] == [0, 1, 2]
    means = []
    for (low, high), tasks in zip(CURRICULUM, handed_out(protocol, plan), strict=True):
        difficulty = WORKLOAD.difficulty[tasks]
        assert np.all((difficulty > low - 0.1) & (difficulty < high + 0.1))
        means.append(difficulty.mean())
    assert means == sorted(means)


@pytest.mark.parametrize("protocol", ["v2", "v3"])
def test_the_curriculum_starts_again_with_each_type_of_a_blocked_stream(protocol: str) -> None:
    plan = planned(protocol, 12, 12, "blocked")
    means = [WORKLOAD.difficulty[tasks].mean() for tasks in handed_out(protocol, plan)]
    assert len(means) == 12
    for kind in range(4):
        easy, medium, hard = means[3 * kind : 3 * kind + 3]
        assert easy < medium < hard


def test_v3_follows_the_adaptive_difficulty_and_v2_does_not() -> None:
    workload = small_workload(size=Size(12, 120))
    hard = EpochPlan(60, TYPES, 2, False)

    def mean_difficulty(protocol: str, value: float) -> float:
        order = TaskOrder(workload, PROTOCOLS[protocol], 0)
        order.difficulty.value = value
        return float(workload.difficulty[order.next_chunk(hard, 60)].mean())

    assert mean_difficulty("v3", 0.5) == pytest.approx(0.5, abs=0.05)
    assert mean_difficulty("v3", 0.8) == pytest.approx(0.8, abs=0.05)
    assert mean_difficulty("v3", 0.1) == pytest.approx(0.4, abs=0.05)  # the level's lower end
    assert mean_difficulty("v2", 0.1) == mean_difficulty("v2", 0.9)


def test_the_seed_decides_the_order() -> None:
    plan = planned("v3", 3, 40)
    first, again, other = (np.concatenate(handed_out("v3", plan, seed)).tolist() for seed in (5, 5, 6))
    assert first == again != other


@pytest.mark.parametrize("steps", [4, 7, 2**24])
def test_the_next_task_is_the_one_that_a_look_at_all_of_them_finds(steps: int) -> None:
    """Of few different difficulties many are equally near, above and below: then the first task comes."""
    r = np.random.default_rng(steps)
    workload = replace(WORKLOAD, difficulty=(r.integers(0, steps + 1, len(WORKLOAD.types)) / steps).astype(np.float32))
    order = TaskOrder(workload, PROTOCOLS["v3"], 0)
    uses = {kind: np.zeros(int(np.count_nonzero(WORKLOAD.types[TRAIN] == kind))) for kind in TYPES}
    (epoch, *_) = planned("v3", EPOCHS, 40)
    for i in range(len(TRAIN) + 40):
        wanted = [0.0, 1.0, 0.5, r.integers(0, 2 * steps) / (2 * steps), r.random()][i % 5]
        order._wanted = lambda level, n, wanted=wanted: [wanted]  # type: ignore[method-assign]
        kind = epoch.types[i % len(epoch.types)]
        own = TRAIN[WORKLOAD.types[TRAIN] == kind]
        expected = (np.abs(workload.difficulty[own].astype(np.float64) - wanted) + 2 * uses[kind]).argmin()
        uses[kind][expected] += 1
        assert order.next_chunk(epoch, 1).tolist() == [own[expected]]
        if i == 50:  # goes on
            state, order = order.state(), TaskOrder(workload, PROTOCOLS["v3"], 0)
            order.restore(StateReader(state))
