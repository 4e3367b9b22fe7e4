"""scripts/calibrate.py: its targets are the report's, its seeds its own, and encoders/models.py holds its output."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
from msgspec import structs

from ruvllm.encoders.models import MODELS, ModelProfile, find_models
from ruvllm.results.published import PUBLISHED

ROOT = Path(__file__).resolve().parents[2]
SMALLEST = "Qwen2.5-Coder-1.5B"

# the report: v1 initial resolve rate and v3 final confidence
TARGETS = {
    "Qwen2.5-Coder-7B": (0.352, 0.95),
    "CodeLlama-7B": (0.338, 0.95),
    "Phi-3-mini-4k": (0.284, 0.90),
    "StarCoder2-3B": (0.246, 0.82),
    "Qwen2.5-Coder-1.5B": (0.182, 0.67),
    "DeepSeek-Coder-1.3B": (0.158, 0.65),
}


@pytest.fixture(scope="module")
def calibrate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("calibrate", ROOT / "scripts" / "calibrate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def model() -> ModelProfile:
    (found,) = find_models([SMALLEST])
    return found


def test_the_targets_are_two_columns_of_the_report(calibrate: ModuleType) -> None:
    assert calibrate.PUBLISHED is PUBLISHED
    assert {name: (figures.v1_initial, figures.v3_confidence) for name, figures in PUBLISHED.items()} == TARGETS
    assert {model.name for model in MODELS} == set(TARGETS)


def test_nothing_is_fitted_to_the_seeds_that_results_are_reported_for(calibrate: ModuleType) -> None:
    assert list(calibrate.SEEDS) == [100, 101, 102, 103, 104, 105, 106, 107, 108, 109]


def test_a_habit_lowers_the_frozen_start(
    calibrate: ModuleType, model: ModelProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibrate, "SEEDS", (100, 101))
    starts = [calibrate.start(calibrate.with_constants(model, habit=habit)) for habit in (0.0, 1.0, 2.0)]
    assert starts[0] > starts[1] + 0.1
    assert starts[1] > starts[2] + 0.1


def test_the_stored_habit_is_what_calibration_finds(calibrate: ModuleType, model: ModelProfile) -> None:
    anew = calibrate.with_start(calibrate.with_constants(model, habit=0.0), TARGETS[SMALLEST][0])
    assert model.simulation is not None
    assert anew.simulation.habit == pytest.approx(model.simulation.habit, abs=0.05)
    assert anew.simulation.visibility == model.simulation.visibility


def test_the_search_finds_the_two_constants_that_give_the_targets(
    calibrate: ModuleType, model: ModelProfile, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # a stand-in for the runs: the start falls with the habit, confidence grows with the visibility
    monkeypatch.setattr(calibrate, "start", lambda m: 0.4 - 0.1 * m.simulation.habit)
    monkeypatch.setattr(calibrate, "final_confidence", lambda m: 4 * m.simulation.visibility**0.5)
    found = calibrate.calibrate(calibrate.with_constants(model, habit=0.5, visibility=0.5))
    assert found.simulation.habit == pytest.approx((0.4 - 0.182) / 0.1, abs=0.02)
    assert found.simulation.visibility == pytest.approx((0.67 / 4) ** 2, rel=0.05)
    assert structs.replace(found, simulation=model.simulation) == model
    assert len(capsys.readouterr().out.splitlines()) == 7


def test_check_prints_each_fit_beside_its_target_and_searches_nothing(
    calibrate: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(calibrate, "start", lambda m: PUBLISHED[m.name].v1_initial + 0.012)
    monkeypatch.setattr(calibrate, "final_confidence", lambda m: PUBLISHED[m.name].v3_confidence - 0.034)
    monkeypatch.setattr(calibrate, "calibrate", None)
    monkeypatch.setattr(sys, "argv", ["calibrate.py", "--check", SMALLEST, "CodeLlama-7B"])
    calibrate.main()
    head, _, *lines = capsys.readouterr().out.splitlines()
    assert head.split() == ["v1", "initial", "v3", "confidence"]
    models = find_models([SMALLEST, "CodeLlama-7B"])
    constants = [[m.name, f"{m.simulation.habit:.3f}", f"{m.simulation.visibility:.4f}"] for m in models]
    assert [line.split() for line in lines] == [
        [*constants[0], "18.2%", "19.4%", "+1.2", "67.0%", "63.6%", "-3.4"],
        [*constants[1], "33.8%", "35.0%", "+1.2", "95.0%", "91.6%", "-3.4"],
    ]


def test_a_fit_is_measured_by_runs(
    calibrate: ModuleType, model: ModelProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibrate, "SEEDS", (100,))
    assert model.simulation is not None
    name, habit, visibility, _, start, _, _, confidence, _ = calibrate.fit(model).split()
    assert (name, float(habit), float(visibility)) == (SMALLEST, model.simulation.habit, model.simulation.visibility)
    assert abs(float(start.rstrip("%")) - 18.2) < 4
    assert abs(float(confidence.rstrip("%")) - 67) < 6
