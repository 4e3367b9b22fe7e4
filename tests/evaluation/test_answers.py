"""Numbers of the results file from outcomes made by hand, and what an evaluation asks the engine for."""

import math
from dataclasses import replace

import numpy as np
import pytest
from bench_samples import SMALL_MODEL, small_plan

from ruvllm._core import LearningEngine
from ruvllm.evaluation.answers import Answers, answer, calibrated_summary, score, transitions
from ruvllm.learning.protocols import PROTOCOLS, engine_config
from ruvllm.workloads.simulated import build_simulated_workload
from ruvllm.workloads.workload import TASK_TYPES, Workload


def answers(resolved: list[int], confidence: list[float], types: list[int]) -> Answers:
    return Answers(np.array(resolved, dtype=bool), np.array(confidence), np.array(types, dtype=np.uint8))


FIVE = answers([1, 1, 0, 1, 0], [0.95, 0.91, 0.93, 0.35, 0.32], [0, 0, 0, 3, 3])


def test_the_resolve_rate_is_the_share_resolved() -> None:
    assert FIVE.resolve_rate == 3 / 5


def test_the_summary_is_what_paper_and_pencil_give() -> None:
    summary = FIVE.summary()
    assert summary.keys() == {"resolveRate", "confidence", "ece", "brier"}
    assert summary["resolveRate"] == 0.6
    assert summary["confidence"] == pytest.approx((0.95 + 0.91 + 0.93 + 0.35 + 0.32) / 5, abs=1e-15)
    # two bins: (0.9, 1] has three answers, two of them right; (0.3, 0.4] has two, one right
    assert summary["ece"] == pytest.approx((abs(0.95 + 0.91 + 0.93 - 2) + abs(0.35 + 0.32 - 1)) / 5, abs=1e-15)
    squares = [0.05**2, 0.09**2, 0.93**2, 0.65**2, 0.32**2]
    assert summary["brier"] == pytest.approx(sum(squares) / 5, abs=1e-15)


def test_the_reliability_bins_are_those_of_the_answers() -> None:
    filled = {round(b["high"], 1): b for b in FIVE.reliability() if b["count"]}
    assert filled.keys() == {0.4, 1.0}
    assert (filled[0.4]["count"], filled[0.4]["accuracy"]) == (2, 0.5)
    assert (filled[1.0]["count"], filled[1.0]["accuracy"]) == (3, 2 / 3)
    assert filled[1.0]["confidence"] == pytest.approx(0.93, abs=1e-15)


def test_numbers_are_plain_so_that_json_can_hold_them() -> None:
    assert {type(value) for value in FIVE.summary().values()} == {float}
    assert {type(value) for value in FIVE.by_type().values()} == {float}


def test_the_interval_is_wilsons() -> None:
    eight_of_ten = answers([1] * 8 + [0] * 2, [0.5] * 10, [0] * 10)
    summary = eight_of_ten.summary_with_interval()
    assert summary["resolveRateCI95"] == pytest.approx([0.490162, 0.943318], abs=1e-6)
    assert {k: v for k, v in summary.items() if k != "resolveRateCI95"} == eight_of_ten.summary()


def test_rates_by_type_leave_out_types_that_do_not_occur() -> None:
    assert FIVE.by_type() == {"code_completion": 2 / 3, "test_gen": 1 / 2}


@pytest.fixture(scope="module")
def workload() -> Workload:
    return build_simulated_workload(SMALL_MODEL, small_plan().size.attempts, seed=1)


@pytest.fixture
def engine(workload: Workload) -> LearningEngine:
    plan = small_plan()
    config = engine_config(plan.protocol, dim=workload.source.dim, rank=1, n_types=len(TASK_TYPES), seed=1)
    return LearningEngine(workload.source, config)


def test_the_answer_is_the_best_candidate_and_confidence_its_probability_at_temperature_1(
    workload: Workload, engine: LearningEngine
) -> None:
    tasks = workload.parts.test[:20]
    got = answer(engine, workload, tasks)
    for i, task in enumerate(tasks.tolist()):
        query, candidates, right, _ = workload.source.load(task)
        q, s = query.astype(np.float64), candidates.astype(np.float64)
        logits = s @ q / (np.linalg.norm(s, axis=1) * np.linalg.norm(q) * PROTOCOLS["v3"].tau)
        best = int(np.argmax(logits))
        assert bool(got.resolved[i]) == (best == right)
        assert got.confidence[i] == pytest.approx(1 / sum(math.exp(x - logits[best]) for x in logits), rel=1e-4)


def test_types_belong_to_the_tasks_asked_in_their_order(workload: Workload, engine: LearningEngine) -> None:
    tasks = np.ascontiguousarray(workload.parts.test[::-1][:7])
    assert answer(engine, workload, tasks).types.tolist() == [workload.source.load(t)[3] for t in tasks.tolist()]


def test_an_evaluation_teaches_nothing(workload: Workload, engine: LearningEngine) -> None:
    engine.train(workload.parts.train[:20], learning_rate=0.001, temperature=1.0)
    engine.learn_patterns()
    before = engine.parameters.tobytes(), engine.trajectory_count, engine.pattern_count, engine.memory_size
    first, second = (answer(engine, workload, workload.parts.test) for _ in range(2))
    assert before == (engine.parameters.tobytes(), engine.trajectory_count, engine.pattern_count, engine.memory_size)
    assert first.confidence.tobytes() == second.confidence.tobytes()
    assert first.resolved.tolist() == second.resolved.tolist()


def calibrated(engine: LearningEngine, workload: Workload) -> dict[str, float]:
    parts = workload.parts
    return calibrated_summary(score(engine, workload, parts.valid), score(engine, workload, parts.test))


def test_scaled_confidence_keeps_the_answers(workload: Workload, engine: LearningEngine) -> None:
    engine.train(workload.parts.train[:40], learning_rate=0.004, temperature=1.0)
    parameters = engine.parameters.tobytes()
    found = calibrated(engine, workload)
    assert found.keys() == {"temperature", "confidence", "ece", "brier"}
    assert {type(value) for value in found.values()} == {float}
    logits, right = engine.logits(workload.parts.test)
    scores = np.exp((logits - logits.max(axis=1, keepdims=True)) / found["temperature"])
    sure = (scores / scores.sum(axis=1, keepdims=True)).max(axis=1)
    assert found["confidence"] == pytest.approx(sure.mean(), rel=1e-9)
    resolved = answer(engine, workload, workload.parts.test).resolved
    assert (logits.argmax(axis=1) == right).tolist() == resolved.tolist()
    assert found["brier"] == pytest.approx(np.mean((sure - resolved) ** 2), rel=1e-9)
    assert engine.parameters.tobytes() == parameters


def test_the_scaling_is_fitted_on_the_validation_part_alone(workload: Workload, engine: LearningEngine) -> None:
    parts = workload.parts
    test_only = replace(workload, parts=replace(parts, valid=parts.test))
    assert calibrated(engine, replace(workload, parts=replace(parts, train=parts.test[:1]))) == (
        calibrated(engine, workload)
    )
    engine.train(parts.train[:100], learning_rate=0.004, temperature=1.0)
    own, other = calibrated(engine, workload), calibrated(engine, test_only)
    assert own["temperature"] != other["temperature"]


def test_transitions_count_what_became_of_each_types_tasks() -> None:
    types = np.array([0, 0, 0, 0, 2, 2], dtype=np.uint8)
    sure = np.full(6, 0.5)
    before = Answers(np.array([1, 1, 0, 0, 0, 1], dtype=bool), sure, types)
    after = Answers(np.array([1, 0, 1, 0, 1, 1], dtype=bool), sure, types)
    assert transitions(before, after) == {
        "code_completion": {"kept": 1, "gained": 1, "lost": 1, "never": 1},
        "refactor": {"kept": 1, "gained": 1, "lost": 0, "never": 0},
    }
