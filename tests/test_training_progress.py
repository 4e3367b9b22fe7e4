"""What a run tells while it goes on, and how it is stopped."""

import pytest
from simulated_samples import run_plan, small_workload

from ruvllm._core import Control
from ruvllm.protocols import PROTOCOLS, Size
from ruvllm.training import Cancelled, train
from ruvllm.workload import Workload


@pytest.fixture(scope="module")
def workload() -> Workload:
    return small_workload(seed=5, size=Size(6, 40))


def test_progress_is_told_after_each_epoch(workload: Workload) -> None:
    calls: list[tuple[int, int, float | None]] = []
    run = train(run_plan(), workload, progress=lambda *call: calls.append(call))
    assert calls == [(entry["epoch"], 3, entry["test"]["resolveRate"]) for entry in run.history]
    assert len(calls) == 3
    calls.clear()
    run = train(run_plan(stream="blocked"), workload, progress=lambda *call: calls.append(call))
    assert calls == [(entry["epoch"], 4, entry["test"]["resolveRate"]) for entry in run.history]
    assert len(calls) == 4  # one for each type
    calls.clear()
    train(run_plan(control=Control.SHUFFLED), workload, progress=lambda *call: calls.append(call))
    assert calls == [(1, 3, None), (2, 3, None), (3, 3, None)]


@pytest.mark.parametrize("control", [Control.NONE, Control.FROZEN, Control.SHUFFLED])
@pytest.mark.parametrize("stop_after", [0, 1, 2])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_run_that_is_asked_to_stop_begins_no_other_epoch(
    protocol: str, control: Control, stop_after: int, workload: Workload
) -> None:
    done: list[int] = []
    with pytest.raises(Cancelled):
        train(
            run_plan(protocol, 6, 40, control=control),
            workload,
            progress=lambda epoch, *_: done.append(epoch),
            cancelled=lambda: len(done) >= stop_after,
        )
    assert done == list(range(1, stop_after + 1))


@pytest.mark.parametrize("answers", range(6))  # before validation, before each of four chunks, before replay
def test_a_run_stops_within_an_epoch(answers: int, workload: Workload) -> None:
    noes = iter(range(answers))
    done: list[int] = []
    with pytest.raises(Cancelled):
        train(
            run_plan("v3", 1, 40),
            workload,
            progress=lambda epoch, *_: done.append(epoch),
            cancelled=lambda: next(noes, None) is None,
        )
    assert done == []
