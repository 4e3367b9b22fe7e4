"""CONTRIBUTING.md's recipes, followed to the letter in a copy of the package."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import ruvllm

TEXT = (Path(__file__).resolve().parents[2] / "CONTRIBUTING.md").read_text(encoding="utf-8")
CHECK = {
    "workload": "from ruvllm.workloads import check_workload, read_input; "
    "check_workload(read_input('notes:notes.txt'))",
    "encoder": "from ruvllm.encoders import check_encoder; from ruvllm.encoders.registry import make_encoder; "
    "check_encoder(make_encoder('pairs:64'))",
}


def follow(recipe: str, package: Path) -> None:
    """Does what the two steps of "Add a workload" or "Add an encoder" say: a new file, a line in the registry."""
    (section,) = re.findall(rf"^## Add an? {recipe}\n(.*?)^## ", TEXT, re.DOTALL | re.MULTILINE)
    new, registry = (package.parent / name for name in re.findall(r"^\d\. `(ruvllm/\S+)`", section, re.MULTILINE))
    code, line = (textwrap.dedent(block) for block in re.findall(r"```python\n(.*?)```", section, re.DOTALL))
    new.write_text(code, encoding="utf-8")
    text = registry.read_text(encoding="utf-8")
    start = re.search(r"^(?:WORKLOADS|ENCODERS): .* = \{\n", text, re.MULTILINE)
    assert start is not None and not re.search(rf'"{new.stem}"', text)
    registry.write_text(text[: start.end()] + line + text[start.end() :], encoding="utf-8")


def python(program: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(folder), "RUVLLM_CACHE": str(folder / "cache")}
    return subprocess.run(
        [sys.executable, "-c", program], cwd=folder, env=environment, capture_output=True, text=True, timeout=120
    )


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package and both recipes done in it, and notes to read."""
    folder = tmp_path_factory.mktemp("copy")
    package = folder / "ruvllm"
    shutil.copytree(Path(ruvllm.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    if not list(package.glob("_core*")):  # an editable install has the extension elsewhere
        shutil.copy(sys.modules["ruvllm._core"].__file__ or "", package)
    for recipe in CHECK:
        follow(recipe, package)
    notes = "".join(f"What is {a} times {b}?\tIt is {a * b}\n" for a in range(2, 30) for b in range(a, 30))
    (folder / "notes.txt").write_text(notes, encoding="utf-8")
    return folder


@pytest.mark.parametrize("recipe", CHECK)
def test_what_a_recipe_makes_keeps_the_contract(recipe: str, copy: Path) -> None:
    done = python(CHECK[recipe], copy)
    assert done.returncode == 0, done.stderr


def test_the_commands_take_what_the_recipes_make(copy: Path) -> None:
    run = ["--workload", "notes:notes.txt", "--encoder", "pairs:256", "--profile", "quick", "--seeds", "1"]
    done = python(f"from ruvllm.commands.bench import main; main({run})", copy)
    assert "notes.txt: 406 tasks, pairs" in done.stdout, done.stderr
    (checkpoint,) = (copy / "results" / "checkpoints").glob("*.json")
    replay = ["--replay", str(checkpoint), "--corpus", "notes:notes.txt", "--encoder", "pairs:256"]
    done = python(f"import sys; from ruvllm.commands.verify import main; sys.exit(main({replay}))", copy)
    assert done.returncode == 0, done.stdout + done.stderr
