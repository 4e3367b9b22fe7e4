"""A workload is one file and one line of the registry: nothing else has to know its name."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from bench_samples import SMALL_MODEL
from json_samples import run_cell

from ruvllm.benchmark.plan import Options, make_cells
from ruvllm.commands.bench import main as bench
from ruvllm.commands.verify import main as verify
from ruvllm.learning.presets import PRESETS
from ruvllm.workloads.inputs import InputOptions, RealInput, read_input
from ruvllm.workloads.registry import WORKLOADS, WorkloadEntry, preset_of
from ruvllm.workloads.spec import parse_spec
from ruvllm.workloads.tasks import TextTask
from ruvllm.workloads.text import TextInput


def read_sums(path: str | None, options: InputOptions) -> RealInput:
    """A workload of somebody's own: sums, and what they come to."""
    del path
    words = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    tasks = [
        TextTask(f"{words[i % 10]} and {words[i // 10 % 10]} and {i}", f"makes {i % 10 + i // 10} of {i}", i % 4)
        for i in range(400)
    ]
    return TextInput("sums", "addition", tasks, options)


@pytest.fixture
def sums(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("sums_workload")
    module.read_sums = read_sums  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sums_workload", module)
    monkeypatch.setitem(WORKLOADS, "sums", WorkloadEntry("sums[:PATH]", "sums_workload:read_sums", "its sums"))


def test_the_registries_load_nothing_heavy() -> None:
    modules = "ruvllm.workloads.spec, ruvllm.encoders.registry, ruvllm.encoders"
    program = f"import sys, {modules}; sys.exit('numpy' in sys.modules or 'ruvllm._core' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def test_every_entry_has_settings_and_names_that_agree() -> None:
    for name, entry in WORKLOADS.items():
        assert entry.form.partition("[")[0].partition(":")[0] == name
        assert bool(entry.reader) == bool(entry.needs) == (name != "simulated")
        assert set(entry.presets.values()) <= PRESETS.keys()
        assert preset_of(name, "none that is known") in PRESETS


def test_a_registered_workload_is_read_run_and_replayed(
    sums: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert parse_spec("sums").name == "sums"
    assert isinstance(read_input("sums"), TextInput)
    options = Options(profile="quick", models=(SMALL_MODEL,), workload="sums", controls=False)
    (cell,) = make_cells(options, read_input("sums"))
    entry = run_cell(cell, tmp_path)
    assert (entry["workload"], len(entry["answers"]["tasks"])) == ("sums", 72)
    run = json.loads(Path(entry["checkpoint"]).read_text())["run"]
    assert run["workloadDetails"]["kind"] == "addition"
    assert verify(["--replay", entry["checkpoint"], "--corpus", "sums:x", "-q"]) == 0
    capsys.readouterr()
    assert verify(["--replay", entry["checkpoint"], "-q"]) == 4
    assert "is of the sums workload: its input is its sums: --corpus sums[:PATH]" in capsys.readouterr().err


def test_the_command_takes_it(sums: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--workload", "sums", "--profile", "quick", "--models", "Qwen2.5-Coder-1.5B", "--no-controls"]
    assert bench([*arguments, "--seeds", "1", "--out", str(tmp_path), "--json", "-q"]) in (0, 3)
    (result,) = json.loads(capsys.readouterr().out)["results"]
    assert result["workload"] == "sums"
    assert bench([*arguments, "--tasks", "docstring", "--out", str(tmp_path)]) == 2

