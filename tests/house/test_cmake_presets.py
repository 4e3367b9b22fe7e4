"""CMakePresets.json, and what CMake says where it cannot go on."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PRESETS: dict[str, Any] = json.loads((ROOT / "CMakePresets.json").read_text(encoding="utf-8"))
WORKFLOWS = ["dev", "test", "bench", "asan-ubsan", "tsan"]


def cmake(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("cmake")
    if program is None:
        pytest.skip("no cmake here")
    return subprocess.run([program, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("kind", ["configure", "build", "test", "workflow"])
def test_cmake_accepts_the_presets(kind: str) -> None:
    done = cmake(f"--list-presets={kind}")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.findall(r'^  "([\w-]+)"', done.stdout, re.MULTILINE) == WORKFLOWS


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_configures_builds_and_tests(name: str) -> None:
    (workflow,) = (preset for preset in PRESETS["workflowPresets"] if preset["name"] == name)
    assert [(step["type"], step["name"]) for step in workflow["steps"]] == [
        ("configure", name),
        ("build", name),
        ("test", name),
    ]


def test_the_bench_preset_runs_all_benchmarks_one_at_a_time_and_nothing_else() -> None:
    (configure,) = (preset for preset in PRESETS["configurePresets"] if preset["name"] == "bench")
    assert configure["cacheVariables"] == {"CMAKE_BUILD_TYPE": "Release", "RUVLLM_BUILD_BENCH": True}
    (test,) = (preset for preset in PRESETS["testPresets"] if preset["name"] == "bench")
    assert "filter" not in test
    assert test["execution"] == {"jobs": 1}


def test_options_of_the_presets_are_options_of_the_project() -> None:
    options = set(re.findall(r"^option\((\w+)", (ROOT / "CMakeLists.txt").read_text(encoding="utf-8"), re.MULTILINE))
    used = {name for preset in PRESETS["configurePresets"] for name in preset["cacheVariables"]}
    assert {name for name in used if name.startswith("RUVLLM_")} <= options


def test_without_xsimd_and_without_a_network_it_says_what_to_do(tmp_path: Path) -> None:
    done = cmake(
        "-S", str(ROOT), "-B", str(tmp_path), "-DRUVLLM_BUILD_PYTHON=OFF",
        *(f"-DCMAKE_DISABLE_FIND_PACKAGE_{package}=ON" for package in ("xsimd", "Python", "Git")),
    )  # fmt: skip
    assert done.returncode != 0
    message = " ".join(done.stderr.split())
    assert "The xsimd headers were not found" in message
    assert "`pip install pythran`" in message and "-Dxsimd_DIR=" in message
    assert message.count("CMake Error") == 1
