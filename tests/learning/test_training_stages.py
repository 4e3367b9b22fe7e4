"""A run's stages: when EWC consolidates, when summed gradients are applied, what a blocked stream learns from; and what
is left when a part of a protocol is switched off."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from operator import attrgetter
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from simulated_samples import STRONG_MODEL, run_plan, small_workload

from ruvllm._core import Control, EngineConfig, LearningEngine, TaskSource
from ruvllm.learning import training_run
from ruvllm.learning.constants import Size
from ruvllm.learning.protocols import PROTOCOLS, engine_config
from ruvllm.learning.training import TrainedRun, train
from ruvllm.learning.training_run import RunPlan
from ruvllm.workloads.splits import Parts
from ruvllm.workloads.workload import TASK_TYPES, Workload

PROTOCOL_NAMES = list(PROTOCOLS)
WORKLOAD = small_workload(seed=5, size=Size(12, 30), model=STRONG_MODEL)
EPOCHS, TASKS = 12, 30

Floats = NDArray[np.float32]


def start_of(plan: RunPlan) -> Floats:
    """The parameters before the first task."""
    source = WORKLOAD.source
    config = engine_config(plan.protocol, dim=source.dim, rank=plan.rank, n_types=len(TASK_TYPES), seed=plan.seed)
    return LearningEngine(source, config).parameters


Watch = Callable[[RunPlan], tuple[TrainedRun, list[Floats]]]


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watch:
    """Runs a plan; returns the parameters after each epoch as well."""
    epoch = training_run.TrainingRun.epoch

    def run(plan: RunPlan) -> tuple[TrainedRun, list[Floats]]:
        seen: list[Floats] = []

        def one(self: training_run.TrainingRun) -> None:
            epoch(self)
            seen.append(self.engine.parameters)

        monkeypatch.setattr(training_run.TrainingRun, "epoch", one)
        return train(plan, WORKLOAD), seen

    return run


def lengths(start: Floats, seen: list[Floats]) -> list[float]:
    """How far each epoch moved the parameters."""
    rows = np.array([start, *seen], dtype=np.float64)
    return [float(x) for x in np.linalg.norm(np.diff(rows, axis=0), axis=1)]


@pytest.mark.parametrize(
    ("protocol", "counts"),
    [("v1", [0] * 12), ("v2", [0] * 3 + [1] * 4 + [2] * 5), ("v3", [0] * 3 + [1] * 4 + [2] * 5)],
)
def test_ewc_consolidates_between_the_stages_of_a_mixed_run(protocol: str, counts: list[int]) -> None:
    history = train(run_plan(protocol, EPOCHS, TASKS), WORKLOAD).history
    assert [entry["ewcTaskCount"] for entry in history] == counts


@pytest.mark.parametrize("protocol", PROTOCOL_NAMES)
def test_a_blocked_run_learns_one_type_at_a_time_and_consolidates_three_times(protocol: str) -> None:
    run = train(run_plan(protocol, EPOCHS, TASKS, stream="blocked"), WORKLOAD)
    tasks = run.engine.trajectories[0]
    assert WORKLOAD.types[tasks].tolist() == [0] * 90 + [1] * 90 + [2] * 90 + [3] * 90
    assert set(tasks.tolist()) <= set(WORKLOAD.parts.train.tolist())
    counts = [entry["ewcTaskCount"] for entry in run.history]
    assert counts == [0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 3]
    assert run.engine.ewc_task_count == 3
    levels = [None] * 12 if protocol == "v1" else ["easy", "medium", "hard"] * 4
    assert [entry["curriculumLevel"] for entry in run.history] == levels
    assert [entry["trajectoryCount"] for entry in run.history] == list(range(30, 361, 30))
    assert run.attempts == 360


def test_a_blocked_run_measures_all_types_after_every_epoch() -> None:
    for entry in train(run_plan("v2", 4, TASKS, stream="blocked"), WORKLOAD).history:
        assert entry["taskTypeAccuracy"].keys() == set(TASK_TYPES)


def test_a_blocked_run_has_only_the_types_of_the_train_part() -> None:
    parts = WORKLOAD.parts
    odd = parts.train[np.isin(WORKLOAD.types[parts.train], [1, 3])]
    workload = replace(WORKLOAD, parts=Parts(odd, parts.valid, parts.test, parts.holdout))
    run = train(run_plan("v2", 4, TASKS, stream="blocked"), workload)
    assert workload.types[run.engine.trajectories[0]].tolist() == [1] * 60 + [3] * 60
    assert [entry["ewcTaskCount"] for entry in run.history] == [0, 1, 1, 1]
    one = replace(WORKLOAD, parts=Parts(odd[WORKLOAD.types[odd] == 1], parts.valid, parts.test, parts.holdout))
    with pytest.raises(ValueError, match="at least 2 types, not 1"):
        train(run_plan("v2", 4, TASKS, stream="blocked"), one)


def test_an_unknown_stream_is_refused() -> None:
    with pytest.raises(ValueError, match="mixed or blocked, not 'circular'"):
        train(run_plan(stream="circular"), WORKLOAD)


def test_v1_applies_its_sum_once_when_the_run_ends(watched: Watch) -> None:
    plan = run_plan("v1", EPOCHS, TASKS)
    _, seen = watched(plan)
    *idle, last = lengths(start_of(plan), seen)
    assert idle == [0.0] * 11
    assert last == pytest.approx(0.001 * 360, rel=1e-5)  # rate x attempts


def test_v1_applies_its_sum_at_the_end_of_each_block(watched: Watch) -> None:
    plan = run_plan("v1", EPOCHS, TASKS, stream="blocked")
    _, seen = watched(plan)
    moved = lengths(start_of(plan), seen)
    assert [n for n, length in enumerate(moved, 1) if length > 0] == [3, 6, 9, 12]
    assert [length for length in moved if length > 0] == pytest.approx([0.001 * 90] * 4, rel=1e-5)


def test_stages_of_v1_are_steps_too(watched: Watch) -> None:
    plan = run_plan("v1", EPOCHS, TASKS, stages=2)
    _, seen = watched(plan)
    assert lengths(start_of(plan), seen) == pytest.approx(([0.0] * 5 + [0.001 * 180]) * 2, rel=1e-5)


def test_the_length_of_the_step_follows_the_rate_of_the_plan(watched: Watch) -> None:
    plan = run_plan("v1", EPOCHS, TASKS, base_rate=0.01)
    _, seen = watched(plan)
    assert lengths(start_of(plan), seen)[-1] == pytest.approx(0.01 * 360, rel=1e-5)


@pytest.mark.parametrize("control", [Control.RANDOM_GRADIENT, Control.SHUFFLED, Control.FROZEN])
def test_the_controls_of_v1_step_as_far_and_the_frozen_one_not_at_all(watched: Watch, control: Control) -> None:
    plan = run_plan("v1", EPOCHS, TASKS, control=control)
    _, seen = watched(plan)
    *idle, last = lengths(start_of(plan), seen)
    assert idle == [0.0] * 11
    assert last == (0.0 if control == Control.FROZEN else pytest.approx(0.36, rel=1e-5))


@pytest.mark.parametrize("protocol", ["v2", "v3"])
def test_without_a_sum_every_epoch_moves_the_adapter(watched: Watch, protocol: str) -> None:
    plan = run_plan(protocol, EPOCHS, TASKS)
    assert min(lengths(start_of(plan), watched(plan)[1])) > 0


def test_the_penalty_is_zero_until_the_first_stage_is_over() -> None:
    penalties = [entry["ewcPenalty"] for entry in train(run_plan("v2", EPOCHS, TASKS), WORKLOAD).history]
    assert [n for n, penalty in enumerate(penalties, 1) if penalty == 0.0] == [1, 2, 3, 4]
    assert min(penalties[4:]) > 0.0


@pytest.mark.parametrize("protocol", PROTOCOL_NAMES)
def test_without_its_adapter_a_protocol_still_has_its_memories(protocol: str, watched: Watch) -> None:
    plan = run_plan(protocol, EPOCHS, TASKS, use_lora=False, base_rate=0.01)
    run, seen = watched(plan)
    assert {parameters.tobytes() for parameters in seen} == {start_of(plan).tobytes()}
    assert {entry["learningRate"] for entry in run.history} == {0.0}
    assert run.engine.pattern_count > 0
    assert (run.engine.memory_size != (0, 0)) == (protocol == "v3")
    assert run.final.confidence.tobytes() != run.initial.confidence.tobytes()  # patterns speak without an adapter


@pytest.mark.parametrize("protocol", PROTOCOL_NAMES)
def test_without_patterns_none_are_made(protocol: str) -> None:
    run = train(run_plan(protocol, EPOCHS, TASKS, use_patterns=False), WORKLOAD)
    assert [entry["patternsLearned"] for entry in run.history] == [0] * EPOCHS
    assert run.engine.parameters.tobytes() != start_of(run_plan(protocol)).tobytes()


def test_without_contrastive_memory_none_is_kept() -> None:
    assert train(run_plan("v3", EPOCHS, TASKS), WORKLOAD).engine.memory_size != (0, 0)
    assert train(run_plan("v3", EPOCHS, TASKS, use_contrastive=False), WORKLOAD).engine.memory_size == (0, 0)


SWITCHES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    # changed in the protocol; expected in the engine's configuration
    ({"use_patterns": False}, {"use_patterns": False, "use_contrastive": True}),
    ({"use_contrastive": False}, {"use_patterns": True, "use_contrastive": False}),
    ({"momentum": 0.0}, {"momentum": 0.0}),
    ({"ewc.lambda_": 0.0}, {"ewc.lambda_": 0.0}),
    ({"tau": 0.125}, {"tau": 0.125}),
    ({"accumulate": True}, {"accumulate": True}),
]


@pytest.mark.parametrize(("changes", "expected"), SWITCHES, ids=[next(iter(changes)) for changes, _ in SWITCHES])
def test_switches_reach_the_engine_of_a_run(
    changes: dict[str, Any], expected: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Recording(LearningEngine):
        def __init__(self, source: TaskSource, config: EngineConfig, *, isa: str = "auto") -> None:
            super().__init__(source, config, isa=isa)
            seen.append(config)

    seen: list[EngineConfig] = []
    monkeypatch.setattr(training_run, "LearningEngine", Recording)
    plain, changed = (train(run_plan("v3", 3, 20, **some), WORKLOAD) for some in ({}, changes))
    for name, value in expected.items():
        assert attrgetter(name)(seen[1]) == value
    assert any(attrgetter(name)(seen[0]) != value for name, value in expected.items())
    differs = changed.engine.parameters.tobytes() != plain.engine.parameters.tobytes()
    assert differs or changed.final.confidence.tobytes() != plain.final.confidence.tobytes()


def test_the_curriculum_and_the_temperature_can_be_switched_off() -> None:
    history = train(run_plan("v2", 3, 20, curriculum=False, final_temperature=1.0), WORKLOAD).history
    assert [(entry["curriculumLevel"], entry["temperature"]) for entry in history] == [(None, 1.0)] * 3
    assert [entry["ewcTaskCount"] for entry in history] == [1, 2, 2]  # stages stay


@pytest.mark.parametrize("protocol", PROTOCOL_NAMES)
def test_blocked_runs_have_the_same_bits_a_second_time(protocol: str) -> None:
    plan = run_plan(protocol, 4, TASKS, stream="blocked")
    one, two = train(plan, WORKLOAD), train(plan, WORKLOAD)
    assert one.history == two.history
    assert one.engine.parameters.tobytes() == two.engine.parameters.tobytes()


def replayed(plan: RunPlan, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Of each replay: how many were asked for, and how many patterns there were."""
    calls: list[tuple[int, int]] = []

    class Recording(LearningEngine):
        def replay(self, n: int, *, learning_rate: float) -> float:
            calls.append((n, self.pattern_count))
            return super().replay(n, learning_rate=learning_rate)

    monkeypatch.setattr(training_run, "LearningEngine", Recording)
    train(plan, WORKLOAD)
    return calls


def test_patterns_are_there_before_the_first_replay(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = replayed(run_plan("v2", 3, 40), monkeypatch)
    assert [n for n, _ in calls] == [40] * 3
    assert calls[0][1] > 0


@pytest.mark.parametrize(("protocol", "n"), [("v1", 10), ("v2", 60), ("v3", 60)])
def test_as_many_are_replayed_as_the_protocol_says(protocol: str, n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [n for n, _ in replayed(run_plan(protocol, 6, 40, stream="blocked"), monkeypatch)] == [n] * 4
    monkeypatch.undo()
    assert [n for n, _ in replayed(run_plan(protocol, 2, 30, replays_per_epoch=7), monkeypatch)] == [7] * 2


def test_the_workload_is_large_enough_for_these_runs() -> None:
    workload: Workload = WORKLOAD
    assert all(np.count_nonzero(workload.types[workload.parts.train] == kind) >= 90 for kind in range(4))
