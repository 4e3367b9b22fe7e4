"""One run: what learns and what must not, which part of the data each step may see, what is recorded.

Stages, streams and the switches of a protocol: test_training_stages.py; progress: test_training_progress.py.
"""

import math

import numpy as np
import pytest
from msgspec import structs
from numpy.typing import NDArray
from simulated_samples import run_plan

from ruvllm._core import Control, EngineConfig, LearningEngine, TaskSource
from ruvllm.encoders.models import MODELS
from ruvllm.evaluation.answers import Answers, Scores, answer, calibrated_summary, score
from ruvllm.learning import training_run
from ruvllm.learning.protocols import PROTOCOLS, engine_config
from ruvllm.learning.training import TrainedRun, train
from ruvllm.learning.training_run import RunPlan
from ruvllm.workloads.simulated import build_simulated_workload
from ruvllm.workloads.workload import TASK_TYPES, Workload

PROTOCOL_NAMES = list(PROTOCOLS)
METRIC_KEYS = {"resolveRate", "confidence", "ece", "brier"}
HISTORY_KEYS = {
    *("epoch", "test", "prequential", "trainTestGap", "taskTypeAccuracy", "patternsLearned", "loraNorm", "perBeta"),
    *("contrastiveLoss", "replayLoss", "curriculumLevel", "dynamicDifficulty", "learningRate", "temperature"),
    *("trajectoryCount", "ewcTaskCount", "ewcPenalty"),
}
EPOCHS, TASKS = 6, 40


@pytest.fixture(scope="module")
def workload() -> Workload:
    return build_simulated_workload(MODELS[0], EPOCHS * TASKS, seed=5)


@pytest.fixture(scope="module", params=PROTOCOL_NAMES)
def plan(request: pytest.FixtureRequest) -> RunPlan:
    return run_plan(request.param, EPOCHS, TASKS)


@pytest.fixture(scope="module")
def v3(workload: Workload) -> TrainedRun:
    return train(run_plan("v3", EPOCHS, TASKS), workload)


def controlled(plan: RunPlan, control: Control) -> RunPlan:
    return structs.replace(plan, control=control)


def untouched(plan: RunPlan, workload: Workload) -> LearningEngine:
    """The engine of a plan before its first task."""
    config = engine_config(
        plan.protocol, dim=workload.source.dim, rank=plan.rank, n_types=len(TASK_TYPES), seed=plan.seed
    )
    return LearningEngine(workload.source, config)


def bits(answers: Answers) -> tuple[bytes, bytes]:
    return answers.resolved.tobytes(), answers.confidence.tobytes()


def test_v3_learns(v3: TrainedRun) -> None:
    assert v3.final.resolve_rate > v3.initial.resolve_rate + 0.3
    assert bits(v3.initial) != bits(v3.final)


def test_every_protocol_changes_the_adapter(plan: RunPlan, workload: Workload) -> None:
    run = train(plan, workload)
    assert run.engine.parameters.tobytes() != untouched(plan, workload).parameters.tobytes()


def test_the_frozen_control_is_the_same_before_and_after_every_epoch(
    plan: RunPlan, workload: Workload, monkeypatch: pytest.MonkeyPatch
) -> None:
    frozen = controlled(plan, Control.FROZEN)
    start = bits(answer(untouched(plan, workload), workload, workload.parts.test))
    seen: list[tuple[bytes, bytes]] = []
    epoch = training_run.TrainingRun.epoch

    def watched(self: training_run.TrainingRun) -> None:
        epoch(self)
        seen.append(bits(answer(self.engine, workload, workload.parts.test)))

    monkeypatch.setattr(training_run.TrainingRun, "epoch", watched)
    run = train(frozen, workload)
    assert seen == [start] * EPOCHS
    assert bits(run.initial) == bits(run.final) == start
    assert run.final.resolve_rate - run.initial.resolve_rate == 0.0
    assert run.engine.parameters.tobytes() == untouched(plan, workload).parameters.tobytes()
    assert run.engine.pattern_count == 0
    assert run.engine.memory_size == (0, 0)


def test_random_gradients_move_the_adapter_and_teach_nothing(workload: Workload) -> None:
    plan = controlled(run_plan("v3", EPOCHS, TASKS), Control.RANDOM_GRADIENT)
    run = train(plan, workload)
    assert run.engine.parameters.tobytes() != untouched(plan, workload).parameters.tobytes()
    assert run.final.resolve_rate - run.initial.resolve_rate < 0.1


def test_shuffled_answers_teach_less_than_true_ones(workload: Workload, v3: TrainedRun) -> None:
    run = train(controlled(run_plan("v3", EPOCHS, TASKS), Control.SHUFFLED), workload)
    assert bits(run.initial) == bits(v3.initial)
    assert run.final.resolve_rate < v3.final.resolve_rate - 0.2


def test_the_parts_of_a_workload_share_no_task(workload: Workload) -> None:
    parts = [workload.parts.train, workload.parts.valid, workload.parts.test, workload.parts.holdout]
    assert np.sort(np.concatenate(parts)).tolist() == list(range(len(workload.types)))


@pytest.mark.parametrize("control", [Control.NONE, Control.FROZEN, Control.RANDOM_GRADIENT, Control.SHUFFLED])
def test_learning_sees_train_schedulers_see_validation_and_the_holdout_is_seen_by_none(
    plan: RunPlan, control: Control, workload: Workload, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[NDArray[np.uint32]] = []

    def recording(engine: LearningEngine, workload: Workload, tasks: NDArray[np.uint32]) -> Scores:
        asked.append(tasks)
        return score(engine, workload, tasks)

    monkeypatch.setattr(training_run, "score", recording)
    run = train(controlled(plan, control), workload)
    assert set(run.engine.trajectories[0].tolist()) <= set(workload.parts.train.tolist())

    test, valid = workload.parts.test.tolist(), workload.parts.valid.tolist()
    n_test = sum(tasks.tolist() == test for tasks in asked)
    n_valid = sum(tasks.tolist() == valid for tasks in asked)
    assert n_test + n_valid == len(asked)
    # the start, then the end of each epoch or only the end of the last: nothing is measured twice
    assert n_test == 1 + (EPOCHS if control == Control.NONE else 1)
    has_scheduler = plan.protocol.learning_rate != "fixed" and control != Control.FROZEN
    assert n_valid == (EPOCHS + 1 if has_scheduler else 0)


def test_the_test_part_does_not_influence_learning(workload: Workload, v3: TrainedRun) -> None:
    parts = workload.parts
    other = Workload(
        "other", workload.source, workload.types, workload.difficulty, workload.categories,
        type(parts)(parts.train, parts.valid, parts.holdout, parts.test),
    )  # fmt: skip
    run = train(run_plan("v3", EPOCHS, TASKS), other)
    assert run.engine.parameters.tobytes() == v3.engine.parameters.tobytes()


def test_every_epoch_has_the_fields_of_the_report(plan: RunPlan, workload: Workload) -> None:
    run = train(plan, workload)
    assert [entry["epoch"] for entry in run.history] == list(range(1, EPOCHS + 1))
    for entry in run.history:
        assert entry.keys() == HISTORY_KEYS
        assert entry["test"].keys() == entry["prequential"].keys() == METRIC_KEYS
        assert entry["trainTestGap"] == entry["prequential"]["resolveRate"] - entry["test"]["resolveRate"]
        assert entry["taskTypeAccuracy"].keys() == set(TASK_TYPES)
        assert entry["trajectoryCount"] == entry["epoch"] * TASKS
        numbers = [value for value in entry.values() if isinstance(value, int | float)]
        assert all(math.isfinite(value) for value in numbers)
    assert run.history[-1]["test"] == run.final.summary()


TEMPERATURES = {
    "v1": [1.0] * 6,
    "v2": [1.0, 0.65, 0.3, 0.3, 0.3, 0.3],  # a third of the five steps, rounded
    "v3": [1.0, 0.85, 0.7, 0.55, 0.4, 0.25],
}
BASE_RATES = {"v1": 0.001, "v2": 0.004, "v3": 0.001}
HIGHEST_RATES = {"v1": 0.001, "v2": 0.008, "v3": 0.003}


def test_the_history_tells_what_the_schedulers_did(plan: RunPlan, workload: Workload) -> None:
    history, name = train(plan, workload).history, plan.protocol.name
    assert [entry["temperature"] for entry in history] == pytest.approx(TEMPERATURES[name])
    levels = ["easy", "easy", "medium", "medium", "hard", "hard"]
    assert [entry["curriculumLevel"] for entry in history] == ([None] * 6 if name == "v1" else levels)
    rates = [entry["learningRate"] for entry in history]
    assert rates[0] == BASE_RATES[name] and max(rates) <= HIGHEST_RATES[name]
    if name == "v1":
        assert rates == [0.001] * EPOCHS
    else:
        assert max(rates) > rates[0]
    if name == "v3":
        assert len({entry["dynamicDifficulty"] for entry in history}) > 1
    else:
        assert {entry["dynamicDifficulty"] for entry in history} == {0.3}


def test_the_first_rate_is_the_protocols(workload: Workload) -> None:
    for name in PROTOCOL_NAMES:
        assert train(run_plan(name, 1, 20), workload).history[0]["learningRate"] == BASE_RATES[name]
        assert train(run_plan(name, 1, 20, base_rate=0.02), workload).history[0]["learningRate"] == 0.02


def test_successes_and_quality_are_those_of_the_attempts_whatever_replay_made_of_them(
    plan: RunPlan, workload: Workload
) -> None:
    run = train(plan, workload)
    attempts = [entry["prequential"] for entry in run.history]
    assert run.attempts == EPOCHS * TASKS
    assert run.successes == round(sum(entry["resolveRate"] for entry in attempts) * TASKS) > 0
    confidence = sum(entry["confidence"] for entry in attempts) / EPOCHS
    assert plan.protocol.failure_quality * confidence < run.average_quality < confidence


def test_without_replay_the_engine_remembers_the_same_quality(workload: Workload) -> None:
    plan = run_plan("v3", EPOCHS, TASKS)
    run = train(structs.replace(plan, protocol=structs.replace(plan.protocol, replays_per_epoch=0)), workload)
    _, resolved, quality, _ = run.engine.trajectories
    assert run.successes == int(resolved.sum())
    assert run.average_quality == pytest.approx(float(quality.mean()))


def calibrated(engine: LearningEngine, workload: Workload) -> dict[str, float]:
    parts = workload.parts
    return calibrated_summary(score(engine, workload, parts.valid), score(engine, workload, parts.test))


def test_calibration_is_measured_before_and_after_where_it_is_asked_for(workload: Workload) -> None:
    plan = run_plan("v3", 3, 40)
    plain, asked = train(plan, workload), train(plan, workload, calibrate=True)
    assert plain.initial_calibrated is None and plain.final_calibrated is None
    assert asked.initial_calibrated == calibrated(untouched(plan, workload), workload)
    assert asked.final_calibrated == calibrated(asked.engine, workload) != asked.initial_calibrated
    assert asked.history == plain.history
    assert asked.engine.parameters.tobytes() == plain.engine.parameters.tobytes()


def test_equal_plans_give_equal_bits(plan: RunPlan, workload: Workload) -> None:
    one, two = train(plan, workload), train(plan, workload)
    assert one.history == two.history
    assert bits(one.final) == bits(two.final)
    assert one.engine.parameters.tobytes() == two.engine.parameters.tobytes()
    assert one.engine.fisher.tobytes() == two.engine.fisher.tobytes()
    assert one.engine.pattern_queries.tobytes() == two.engine.pattern_queries.tobytes()


def test_the_seed_of_the_plan_matters(workload: Workload, v3: TrainedRun) -> None:
    other = train(run_plan("v3", EPOCHS, TASKS, seed=6), workload)
    assert other.engine.parameters.tobytes() != v3.engine.parameters.tobytes()


def test_the_instruction_set_of_the_plan_is_the_engines(
    workload: Workload, v3: TrainedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Recording(LearningEngine):
        def __init__(self, source: TaskSource, config: EngineConfig, *, isa: str = "auto") -> None:
            super().__init__(source, config, isa=isa)
            asked.append(isa)

    asked: list[str] = []
    monkeypatch.setattr(training_run, "LearningEngine", Recording)
    run = train(run_plan("v3", EPOCHS, TASKS, isa="scalar"), workload)
    assert asked == ["scalar"]
    assert run.engine.parameters.tobytes() == v3.engine.parameters.tobytes()
