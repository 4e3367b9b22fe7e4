"""What an entry measures: each task's answer, calibration before and after scaling, and overfitting."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from bench_samples import small_cell, small_plan
from json_samples import Entry, run_cell
from numpy.typing import NDArray
from scipy import optimize, special

from ruvllm._core import LearningEngine
from ruvllm.benchmark.cell import Cell
from ruvllm.encoders.models import find_models
from ruvllm.evaluation.answers import calibrated_summary, score
from ruvllm.learning.protocols import PROTOCOLS, engine_config
from ruvllm.learning.training import train
from ruvllm.workloads.splits import Fold
from ruvllm.workloads.workload import TASK_TYPES, Workload

Floats = NDArray[np.float64]


@dataclass
class Measured:
    cell: Cell
    entry: Entry
    workload: Workload
    untrained: LearningEngine
    trained: LearningEngine


@pytest.fixture(scope="module", params=list(PROTOCOLS))
def measured(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Measured:
    """A small run of a model that is often right from the start, and the same training without run_cell()."""
    (model,) = find_models(["Qwen2.5-Coder-7B"])
    cell = small_cell(small_plan(request.param, rank=4), model=model)
    workload = cell.build()
    config = engine_config(cell.protocol, dim=model.embedding_dim, rank=4, n_types=len(TASK_TYPES), seed=5)
    return Measured(
        cell,
        run_cell(cell, tmp_path_factory.mktemp("checkpoints")),
        workload,
        LearningEngine(workload.source, config),
        train(cell.plan, workload).engine,
    )


# answers


def test_there_is_an_answer_to_each_test_task(measured: Measured) -> None:
    answers = measured.entry["answers"]
    of_the_tasks = {"tasks", "types", "categories", "difficulty"}  # which have no texts
    assert answers.keys() == of_the_tasks | {"resolvedInitially", "resolved", "confidenceInitially", "confidence"}
    assert answers["tasks"] == measured.workload.parts.test.tolist()
    for key, engine in (("resolvedInitially", measured.untrained), ("resolved", measured.trained)):
        _, resolved, confidence, _ = engine.evaluate(measured.workload.parts.test)
        assert answers[key] == resolved.tolist()
        assert {type(value) for value in answers[key]} == {int}
        if key == "resolvedInitially":
            assert answers["confidenceInitially"] == pytest.approx(confidence.tolist(), abs=1e-6)
    assert answers["confidence"] == confidence.tolist()
    assert [answers["types"], answers["categories"]] == [
        each[measured.workload.parts.test].tolist() for each in (measured.workload.types, measured.workload.categories)
    ]


def test_the_answers_add_up_to_the_metrics(measured: Measured) -> None:
    entry, answers = measured.entry, measured.entry["answers"]
    before, after = np.array(answers["resolvedInitially"]), np.array(answers["resolved"])
    sure = np.array(answers["confidence"])
    assert entry["initial"]["resolveRate"] == pytest.approx(before.mean(), abs=1e-14)
    assert entry["final"]["resolveRate"] == pytest.approx(after.mean(), abs=1e-14)
    assert entry["final"]["confidence"] == pytest.approx(sure.mean(), abs=1e-14)
    assert entry["final"]["brier"] == pytest.approx(np.mean((sure - after) ** 2), abs=1e-14)


# calibration


def scipys_temperature(logits: Floats, right: NDArray[np.uint32]) -> float:
    def loss(log_temperature: float) -> float:
        log_p = special.log_softmax(logits / math.exp(log_temperature), axis=1)
        return float(-log_p[np.arange(len(logits)), right].mean())

    found = optimize.minimize_scalar(loss, bounds=(math.log(0.05), math.log(20)), options={"xatol": 1e-8})
    return math.exp(found.x)


def numpys_calibration(engine: LearningEngine, workload: Workload) -> dict[str, float]:
    """Temperature from the validation part; confidence, ECE and Brier score of the test part at it."""
    temperature = scipys_temperature(*engine.logits(workload.parts.valid))
    logits, right = engine.logits(workload.parts.test)
    sure = special.softmax(logits / temperature, axis=1).max(axis=1)
    resolved = logits.argmax(axis=1) == right
    bins = np.ceil(sure * 10).astype(int)
    ece = sum(abs(np.sum(sure[bins == b] - resolved[bins == b])) for b in range(1, 11)) / len(sure)
    brier = np.mean((sure - resolved) ** 2)
    return {"temperature": temperature, "confidence": sure.mean(), "ece": float(ece), "brier": float(brier)}


def test_calibrated_is_what_temperature_scaling_in_numpy_gives(measured: Measured) -> None:
    for when, engine in (("initial", measured.untrained), ("final", measured.trained)):
        found = measured.entry["calibrated"][when]
        expected = numpys_calibration(engine, measured.workload)
        assert found["temperature"] == pytest.approx(expected["temperature"], rel=1e-3)
        assert found == pytest.approx(expected, rel=1e-3, abs=1e-3)
    if measured.cell.protocol.name != "v1":  # which learns too little here to be trusted at all
        assert 0.1 < found["temperature"] < 10


def test_scaling_changes_confidence_and_not_what_is_resolved(measured: Measured) -> None:
    for when in ("initial", "final"):
        assert measured.entry["calibrated"][when]["confidence"] != measured.entry[when]["confidence"]
        assert "resolveRate" not in measured.entry["calibrated"][when]


def test_the_temperature_is_not_fitted_on_the_test_part(measured: Measured) -> None:
    on_test = scipys_temperature(*measured.trained.logits(measured.workload.parts.test))
    parts = measured.workload.parts
    valid, test = (score(measured.trained, measured.workload, part) for part in (parts.valid, parts.test))
    fitted = calibrated_summary(valid, test)["temperature"]
    assert abs(fitted / on_test - 1) > 0.01
    assert fitted == measured.entry["calibrated"]["final"]["temperature"]


def test_the_reliability_bins_hold_the_answers_and_their_weighted_distance_is_the_ece(measured: Measured) -> None:
    for when in ("initial", "final"):
        bins = measured.entry["reliability"][when]
        assert [b["low"] for b in bins] == pytest.approx([m / 10 for m in range(10)])
        assert [b["high"] for b in bins] == pytest.approx([(m + 1) / 10 for m in range(10)])
        filled = [b for b in bins if b["count"]]
        n = sum(b["count"] for b in filled)
        assert n == len(measured.workload.parts.test)
        distance = sum(b["count"] * abs(b["accuracy"] - b["confidence"]) for b in filled) / n
        assert distance == pytest.approx(measured.entry[when]["ece"], abs=1e-12)
        rate = sum(b["count"] * b["accuracy"] for b in filled) / n
        assert rate == pytest.approx(measured.entry[when]["resolveRate"], abs=1e-12)


# anti-overfitting


def test_the_anti_overfitting_rows_are_those_of_the_report(measured: Measured) -> None:
    assert list(measured.entry["antiOverfitting"]) == [
        "stratifiedSplit", "folds", "holdout", "curriculum", "temperature", "difficultyAdjustment", "ewc",
        "trainTestGap",
    ]  # fmt: skip


def test_the_split_and_the_holdout_are_those_of_the_run(measured: Measured) -> None:
    rows, n = measured.entry["antiOverfitting"], len(measured.workload.types)
    assert rows["stratifiedSplit"] == {
        "train": n * 27 // 50, "valid": n * 9 // 50, "test": n * 9 // 50, "holdout": n // 10,
    }  # fmt: skip
    _, resolved, _, _ = measured.trained.evaluate(measured.workload.parts.holdout)
    rate = float(resolved.mean())
    below = measured.entry["final"]["resolveRate"] - rate
    assert rows["holdout"] == pytest.approx({"resolveRate": rate, "belowTest": below}, abs=1e-12)
    assert rows["folds"] is None


EXPECTED: dict[str, dict[str, Any]] = {
    "v1": {"curriculum": None, "final": 1.0, "lambda": 1000.0, "consolidations": 0},
    "v2": {"curriculum": ["easy", "medium", "hard"], "final": 0.3, "lambda": 500.0, "consolidations": 2},
    "v3": {"curriculum": ["easy", "medium", "hard"], "final": 0.25, "lambda": 400.0, "consolidations": 2},
}


def test_schedules_and_ewc_are_those_of_the_protocol(measured: Measured) -> None:
    rows, expected = measured.entry["antiOverfitting"], EXPECTED[measured.cell.protocol.name]
    assert rows["curriculum"] == expected["curriculum"]
    assert rows["temperature"] == pytest.approx({"first": 1.0, "last": expected["final"]})
    assert (rows["ewc"]["lambda"], rows["ewc"]["consolidations"]) == (expected["lambda"], expected["consolidations"])
    assert rows["ewc"]["lastPenalty"] == measured.trained.ewc_penalty
    assert (rows["ewc"]["lastPenalty"] > 0) == (expected["consolidations"] > 0)
    dda = rows["difficultyAdjustment"]
    if measured.cell.protocol.name == "v3":
        assert dda == {"target": 0.6, "last": measured.entry["history"][-1]["dynamicDifficulty"]}
        assert dda["last"] != 0.3  # where it starts
    else:
        assert dda is None


def test_the_gap_is_that_of_the_tasks_just_learned_from_and_the_test_part(measured: Measured) -> None:
    gaps = [e["prequential"]["resolveRate"] - e["test"]["resolveRate"] for e in measured.entry["history"]]
    assert len(set(gaps)) == 3
    assert measured.entry["antiOverfitting"]["trainTestGap"] == {"largest": max(gaps), "last": gaps[-1]}


def test_levels_that_a_short_run_does_not_reach_are_not_claimed(tmp_path_factory: pytest.TempPathFactory) -> None:
    cell = small_cell(small_plan(epochs=2), Fold(3, 4))
    rows = run_cell(cell, tmp_path_factory.mktemp("checkpoints"))["antiOverfitting"]
    assert rows["curriculum"] == ["easy", "medium"]
    assert rows["ewc"]["consolidations"] == 1
    assert rows["folds"] == {"fold": 3, "of": 4}
    parts = cell.build().parts
    assert rows["stratifiedSplit"]["test"] == len(parts.test)
    assert rows["stratifiedSplit"]["train"] == len(parts.train)
