"""Streams are answered before they are learned from, and what was learned answers only where it is ahead."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
import stream_samples as samples
from msgspec import structs

from ruvllm._core import available_isas
from ruvllm.learning.prequential import ALONE, FIRST, SHUFFLED, Streamed, refits_of, run_stream
from ruvllm.learning.presets import on_tasks
from ruvllm.learning.protocols import PROTOCOLS
from ruvllm.learning.training_run import Cancelled, RunPlan
from ruvllm.workloads.streams.moments import TaskStream
from ruvllm.workloads.tasks import TextTask
from ruvllm.workloads.text import TextInput

Record = dict[str, str]


def plan(isa: str = "auto") -> RunPlan:
    protocol = on_tasks(PROTOCOLS["v3"])
    return RunPlan(protocol, protocol.quick, 8, seed=100, isa=isa)


def stream_of(records: list[Record]) -> TaskStream:
    tasks = [TextTask(each["prompt"], each["solution"], 0, date=each.get("date", "")) for each in records]
    return TaskStream(TextInput("jsonl", "tasks", tasks), dim=256, seed=100)


@cache
def usual() -> Streamed:
    return run_stream(plan(), stream_of(samples.records(dated=False)))


def hits(streamed: Streamed, method: str) -> float:
    return float(np.mean(streamed.reciprocal_ranks[method] == 1))


def test_it_gets_better_from_use_and_not_from_shuffled_answers() -> None:
    streamed = usual()
    assert hits(streamed, "learned") > hits(streamed, "frozen") + 0.4
    assert hits(streamed, ALONE) > hits(streamed, "frozen") + 0.4
    assert hits(streamed, SHUFFLED) < hits(streamed, "frozen") + 0.05


def test_the_frozen_vectors_answer_until_something_is_ahead() -> None:
    streamed = usual()
    assert set(streamed.answered_by[:FIRST]) == {"frozen"}
    assert streamed.answered_by[-1] != "frozen"
    ranks = streamed.reciprocal_ranks
    for place, method in enumerate(streamed.answered_by):
        assert ranks["learned"][place] == ranks[ALONE if method == "learned" else method][place]


def test_earlier_answers_do_not_depend_on_later_tasks() -> None:
    records = samples.records(dated=False)
    swapped = records[:90] + [
        {"prompt": f"something else {i} {each['prompt'][::-1]}", "solution": records[-1 - i]["solution"]}
        for i, each in enumerate(records[90:])
    ]
    other = run_stream(plan(), stream_of(swapped))
    for method, ranks in usual().reciprocal_ranks.items():
        assert np.array_equal(ranks[:90], other.reciprocal_ranks[method][:90]), method
    assert usual().answered_by[:90] == other.answered_by[:90]
    assert other.state_hash != usual().state_hash


@pytest.mark.parametrize("isa", [isa for isa in ("scalar", *available_isas()[-1:])])
def test_the_same_bits_on_every_instruction_set(isa: str) -> None:
    again = run_stream(plan(isa), stream_of(samples.records(dated=False)), controls=False)
    assert again.state_hash == usual().state_hash
    assert np.array_equal(again.reciprocal_ranks[ALONE], usual().reciprocal_ranks[ALONE])
    assert SHUFFLED not in again.reciprocal_ranks


def test_moments_lie_farther_and_farther_apart() -> None:
    found = refits_of(1000)
    assert found[0] == FIRST
    assert all(b >= 1.4 * a for a, b in pairwise(found))
    assert refits_of(FIRST) == []


def test_pools_are_the_candidates_of_each_task() -> None:
    assert usual().pools.tolist() == [samples.PAGES] * 150
    assert all(ranks.min() >= 1 / samples.PAGES for ranks in usual().reciprocal_ranks.values())


def test_progress_is_heard_and_a_run_can_be_stopped() -> None:
    heard: list[tuple[int, int]] = []

    def stop_after(n: int) -> Callable[[], bool]:
        return lambda: len(heard) >= n

    with pytest.raises(Cancelled):
        run_stream(
            structs.replace(plan()),
            stream_of(samples.records(dated=False)),
            progress=lambda done, total, _: heard.append((done, total)),
            cancelled=stop_after(5),
        )
    assert heard == [(i, 150) for i in range(1, 6)]
