"""scripts/calibrate.py: its targets are the report's, its seeds are its own, and ruvllm/models.py holds its output."""

import importlib.util
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from ruvllm.models import MODELS, find_models

ROOT = Path(__file__).resolve().parents[1]

# the report: v1 initial resolve rate and v3 final confidence
REPORT = {
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


def test_the_targets_are_the_columns_of_the_report(calibrate: ModuleType) -> None:
    assert calibrate.TARGETS == REPORT
    assert {model.name for model in MODELS} == set(REPORT)


def test_nothing_is_fitted_to_the_seeds_that_results_are_reported_for(calibrate: ModuleType) -> None:
    assert set(calibrate.SEEDS).isdisjoint({0, 1, 2})
    assert len(set(calibrate.SEEDS)) == 3


def test_the_stored_habit_is_what_calibration_finds(calibrate: ModuleType) -> None:
    (model,) = find_models(["Qwen2.5-Coder-1.5B"])
    anew = calibrate.with_start(replace(model, habit=0.0), calibrate.TARGETS[model.name][0])
    assert anew.habit == pytest.approx(model.habit, abs=0.05)
    assert anew.visibility == model.visibility


def test_a_habit_lowers_the_frozen_start(calibrate: ModuleType) -> None:
    (model,) = find_models(["Qwen2.5-Coder-1.5B"])
    starts = [calibrate.start(replace(model, habit=habit)) for habit in (0.0, 1.0, 2.0)]
    assert starts[0] > starts[1] + 0.1
    assert starts[1] > starts[2] + 0.1
