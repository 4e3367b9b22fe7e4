"""The conditions that the results must meet, on seeds that nothing was fitted to: 0, 1 and 2.

One full run of the command over all six models, and one of the code workload on the standard library.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ruvllm.models import MODELS
from ruvllm.statistics import mean
from ruvllm.verify import verify_checkpoint

SEEDS = 3
REPORT_START = {
    "Qwen2.5-Coder-7B": 0.352,
    "CodeLlama-7B": 0.338,
    "Phi-3-mini-4k": 0.284,
    "StarCoder2-3B": 0.246,
    "Qwen2.5-Coder-1.5B": 0.182,
    "DeepSeek-Coder-1.3B": 0.158,
}
REPORT_CONFIDENCE = {
    "Qwen2.5-Coder-7B": 0.95,
    "CodeLlama-7B": 0.95,
    "Phi-3-mini-4k": 0.90,
    "StarCoder2-3B": 0.82,
    "Qwen2.5-Coder-1.5B": 0.67,
    "DeepSeek-Coder-1.3B": 0.65,
}
NAMES = [model.name for model in MODELS]
MEMORY_LIMIT_MB = 300

# The peak is read inside the process: what its parent could read has the parent's own memory in it.
SCRIPT = """
import sys
from ruvllm.cli import main
code = main()
try:
    with open("/proc/self/status") as status:
        sys.stderr.write("".join(line for line in status if line.startswith("VmHWM:")))
except OSError:
    pass
sys.exit(code)
"""


@dataclass(frozen=True)
class Run:
    document: dict[str, Any]
    folder: Path
    peak_mb: float | None
    """Largest resident memory; None where it cannot be read."""

    def mean_of(self, name: str, value: Callable[[dict[str, Any]], float]) -> float:
        values = [value(entry) for entry in self.document["results"] if entry["model"] == name]
        assert len(values) == SEEDS
        return mean(values)


def run_command(folder: Path, *arguments: str) -> Run:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, "--seeds", str(SEEDS), "--jobs", "2", "--quiet", "--json", *arguments],
        cwd=folder,
        env={key: value for key, value in os.environ.items() if key != "RUVLLM_ISA"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    peak = float(done.stderr.split()[1]) / 1024 if done.stderr.startswith("VmHWM:") else None
    return Run(json.loads(done.stdout), folder, peak)


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = run_command(tmp_path_factory.mktemp("full"), "--profile", "full")
    assert [(e["model"], e["seed"]) for e in run.document["results"]] == [(n, s) for n in NAMES for s in range(SEEDS)]
    assert {(e["protocol"], e["workload"], e["epochs"], e["tasksPerEpoch"]) for e in run.document["results"]} == {
        ("v3", "simulated", 12, 120)
    }
    return run


def final(entry: dict[str, Any]) -> float:
    rate: float = entry["final"]["resolveRate"]
    return rate


def start(entry: dict[str, Any]) -> float:
    rate: float = entry["initial"]["resolveRate"]
    return rate


@pytest.mark.parametrize("name", NAMES)
def test_almost_every_test_task_is_resolved_at_the_end(name: str, full: Run) -> None:
    assert full.mean_of(name, final) >= 0.98


@pytest.mark.parametrize("name", NAMES)
def test_the_frozen_start_is_that_of_the_report(name: str, full: Run) -> None:
    assert full.mean_of(name, start) == pytest.approx(REPORT_START[name], abs=0.05)


@pytest.mark.parametrize("name", NAMES)
def test_the_final_confidence_is_that_of_the_report(name: str, full: Run) -> None:
    assert full.mean_of(name, lambda e: e["final"]["confidence"]) == pytest.approx(REPORT_CONFIDENCE[name], abs=0.03)


@pytest.mark.parametrize("name", NAMES)
def test_the_holdout_agrees_with_the_test_part(name: str, full: Run) -> None:
    assert full.mean_of(name, lambda e: e["holdout"]["resolveRate"]) >= 0.98


def test_without_learning_nothing_changes_at_all(full: Run) -> None:
    for entry in full.document["results"]:
        frozen = entry["controls"]["frozen"]
        assert frozen["final"] == frozen["initial"] == entry["initial"]


@pytest.mark.parametrize("name", NAMES)
def test_random_gradients_teach_nothing(name: str, full: Run) -> None:
    def gain(entry: dict[str, Any]) -> float:
        return final(entry["controls"]["randomGradient"]) - start(entry)

    assert full.mean_of(name, gain) <= 0.03


@pytest.mark.parametrize("name", NAMES)
def test_true_answers_teach_far_more_than_shuffled_ones(name: str, full: Run) -> None:
    assert full.mean_of(name, lambda e: final(e) - final(e["controls"]["shuffled"])) >= 0.30


@pytest.mark.parametrize("name", NAMES)
def test_the_gain_is_beyond_chance(name: str, full: Run) -> None:
    (summary,) = [s for s in full.document["summaries"] if s["model"] == name]
    low, high = summary["gainCI95"]
    assert 0.5 < low <= summary["gain"] <= high


def test_the_recommendations_are_those_of_the_report(full: Run) -> None:
    recommendations = full.document["recommendations"]
    assert recommendations["bestEfficiency"] == recommendations["edge"] == "DeepSeek-Coder-1.3B"
    assert recommendations["midRange"] == "Phi-3-mini-4k"
    assert recommendations["bestOverall"] in ("Qwen2.5-Coder-7B", "CodeLlama-7B")  # equal in the report's table


def test_every_checkpoint_verifies(full: Run) -> None:
    for entry in full.document["results"]:
        checkpoint = verify_checkpoint(full.folder / entry["checkpoint"])
        assert (checkpoint.state_hash, checkpoint.run_hash) == (entry["stateHash"], entry["runHash"])


def test_a_full_run_of_two_jobs_stays_small(full: Run) -> None:
    if full.peak_mb is None:
        pytest.skip("the peak of resident memory (VmHWM in /proc/self/status) cannot be read here")
    assert 20 < full.peak_mb < MEMORY_LIMIT_MB


# real input


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run_command(tmp_path_factory.mktemp("code"), "--workload", "code", "--split", "function")


@pytest.mark.parametrize(("name", "dim"), [("Qwen2.5-Coder-1.5B", 1536), ("CodeLlama-7B", 4096)])
@pytest.mark.parametrize("metric", ["recallAt1", "mrr"])
def test_retrieval_on_the_standard_library_gets_better_beyond_chance(
    name: str, dim: int, metric: str, code: Run
) -> None:
    (summary,) = [s for s in code.document["summaries"] if s["model"] == name]
    assert summary["seeds"] == [0, 1, 2]
    entries = [e for e in code.document["results"] if e["model"] == name]
    for entry in entries:
        stored = json.loads((code.folder / entry["checkpoint"]).read_text(encoding="utf-8"))
        details = stored["run"]["workloadDetails"]
        assert (details["split"], details["dim"]) == ("function", dim)
        assert entry["retrieval"]["queries"] > 500
    found = summary["retrieval"][metric]
    low, high = found["gainCI95"]
    assert 0 < low <= found["gain"] <= high


def test_without_learning_nothing_changes_on_code(code: Run) -> None:
    for entry in code.document["results"]:
        assert entry["controls"]["frozen"]["final"] == entry["controls"]["frozen"]["initial"] == entry["initial"]
