"""scripts/build_wheels.sh and check_wheel.py: which wheels there are, and that a bad one is found. Builds none."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import check_wheel
import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "build_wheels.sh"
HASHES = {"a.json": ("state", "run")}


def test_both_ways_make_wheels_for_the_same_interpreters() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    versions = re.search(r"for version in ([\d. ]+); do", SCRIPT.read_text(encoding="utf-8"))
    assert versions is not None
    built = [f"cp{version.replace('.', '')}-*" for version in versions[1].split()]
    assert settings["tool"]["cibuildwheel"]["build"].split() == built
    assert settings["project"]["requires-python"] == f">={versions[1].split()[0]}"


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize("arguments", [["--best"], ["one", "two"], ["--check", "--check"]])
def test_a_wrong_argument_is_one_line(arguments: list[str], tmp_path: Path) -> None:
    done = subprocess.run(["bash", str(SCRIPT), *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr == "scripts/build_wheels.sh: usage: scripts/build_wheels.sh [--check] [FOLDER]\n"
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The interpreters of the quick runs, which are not made."""
    asked: list[list[str]] = []

    def hashes(python: list[str], out: Path, path: str) -> dict[str, tuple[str, str]]:
        asked.append(python)
        return HASHES

    monkeypatch.setattr(check_wheel, "install", lambda wheel, interpreter, folder: folder / "venv" / "bin" / "python")
    monkeypatch.setattr(check_wheel, "run_main_command", lambda python, folder: None)
    monkeypatch.setattr(check_wheel, "quick_hashes", hashes)
    return asked


def sparse(path: Path, size: int) -> Path:
    with path.open("wb") as file:
        file.truncate(size)
    return path


def test_a_good_wheel_has_no_problem(runs: list[list[str]], tmp_path: Path) -> None:
    wheel = sparse(tmp_path / "a.whl", check_wheel.MOST_BYTES)
    assert check_wheel.check(wheel, "python", tmp_path) == []
    assert len(runs) == 2 + any(map(shutil.which, ("qemu-x86_64", "qemu-x86_64-static")))


def test_a_large_wheel_and_other_hashes_are_problems(
    runs: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    different = iter([HASHES, {"a.json": ("other", "run")}, HASHES])
    monkeypatch.setattr(check_wheel, "quick_hashes", lambda python, out, path: next(different))
    wheel = sparse(tmp_path / "a.whl", check_wheel.MOST_BYTES + 1)
    assert check_wheel.check(wheel, "python", tmp_path) == [
        "a.whl has 5000001 bytes, more than 5000000",
        "hashes from the wheel are not those from source",
    ]


def test_no_compiler_and_no_other_ruvllm_come_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    monkeypatch.setenv("CXX", "g++")
    found = check_wheel.environment("only/this")
    assert found["PATH"] == "only/this"
    assert not {"PYTHONPATH", "CXX"} & found.keys()
    assert found.keys() - {"PATH"} <= os.environ.keys()
