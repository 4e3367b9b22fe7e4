"""Every program in examples/ runs as it stands and prints what it promises; so do the examples in docstrings."""

from __future__ import annotations

import doctest
import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from docsite import names

import ruvllm

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = {
    "adapt_vectors.py": "adapted",
    "learn_from_use.py": "promoted after",
    "own_encoder.py": "own_encoder.pairs",
    "own_tasks.py": "Results: results/benchmark-",
    "compare_in_ci.sh": "not worse",
    "go_on_from_checkpoint.py": "of the test tasks",
    "read_results.py": "test tasks, among them",
}
"""File -> words that it prints."""
MAX_LINES = 40


def test_every_example_is_tried() -> None:
    assert {path.name for path in (ROOT / "examples").iterdir() if path.suffix in (".py", ".sh")} == set(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_runs(name: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    program = ["bash", name] if name.endswith(".sh") else [sys.executable, name]
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONSAFEPATH": "",  # an example may import the one beside it
        "RUVLLM_CACHE": str(tmp_path / "cache"),
    }
    done = subprocess.run(
        program, cwd=tmp_path / "examples", env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert EXAMPLES[name] in done.stdout


def test_examples_are_short() -> None:
    for name in EXAMPLES:
        assert len((ROOT / "examples" / name).read_text(encoding="utf-8").splitlines()) <= MAX_LINES


# docstrings of the public packages, and of the names that ruvllm hands out

PUBLIC = ("workloads", "encoders", "evaluation", "results", "online")
MODULES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for package in PUBLIC
    for path in sorted((ROOT / "ruvllm" / package).rglob("*.py"))
    if ">>> " in path.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_are_true(name: str) -> None:
    failed, tried = doctest.testmod(importlib.import_module(name))
    assert tried and not failed


def test_examples_of_public_names_are_true() -> None:
    """Those of what `ruvllm` hands out, and of methods; in their own modules they may be out of doctest's sight."""
    runner, finder = doctest.DocTestRunner(), doctest.DocTestParser()
    for dotted, value in names.public_names().items():
        if dotted.startswith("ruvllm.") and dotted.count(".") == 1:
            for text in names.docstrings(value):
                runner.run(finder.get_doctest(text, {"ruvllm": ruvllm}, dotted, None, None))
    assert runner.tries and not runner.failures
