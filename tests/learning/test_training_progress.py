"""What a run tells while it goes on, and how it is stopped."""

import pytest
from simulated_samples import run_plan, small_workload

from ruvllm._core import Control
from ruvllm.learning.constants import Size
from ruvllm.learning.protocols import PROTOCOLS
from ruvllm.learning.training import TrainedRun, train
from ruvllm.learning.training_run import Cancelled
from ruvllm.workloads.workload import Workload


@pytest.fixture(scope="module")
def workload() -> Workload:
    return small_workload(seed=5, size=Size(6, 40))


def test_progress_is_told_after_each_epoch(workload: Workload) -> None:
    calls: list[tuple[int, int, float | None, float | None]] = []

    def told(run: TrainedRun, epochs: int) -> list[tuple[int, int, float, float]]:
        tests = [(entry["epoch"], entry["test"]) for entry in run.history]
        return [(epoch, epochs, test["resolveRate"], test["confidence"]) for epoch, test in tests]

    run = train(run_plan(), workload, progress=lambda *call: calls.append(call))
    assert calls == told(run, 3)
    assert len(calls) == 3
    calls.clear()
    run = train(run_plan(stream="blocked"), workload, progress=lambda *call: calls.append(call))
    assert calls == told(run, 4)
    assert len(calls) == 4  # one for each type
    calls.clear()
    train(run_plan(control=Control.SHUFFLED), workload, progress=lambda *call: calls.append(call))
    assert calls == [(epoch, 3, None, None) for epoch in (1, 2, 3)]


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
