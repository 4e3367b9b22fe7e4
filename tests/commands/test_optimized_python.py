"""`python -O` and `-OO`, which keep neither assertions nor docstrings, change nothing that a user sees."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from bench_samples import SMALL_RUN, bench, results_file, write_corpus

from ruvllm.commands import bench as bench_module
from ruvllm.commands import report as report_module
from ruvllm.commands import verify as verify_module

COMMANDS = {"bench": bench_module.command, "verify": verify_module.command, "report": report_module.command}
WORDS = [
    (name, *sub)
    for name, command in COMMANDS.items()
    for sub in [(), *((each,) for each in (command.commands if isinstance(command, click.Group) else ()))]
]
"""Every command and subcommand that there is."""


def help_of(words: tuple[str, ...], level: str) -> str:
    name, *rest = words
    code = f"import sys; from ruvllm.commands.{name} import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", code, *rest, "--help"],
        env={**os.environ, "PYTHONOPTIMIZE": level}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("words", WORDS, ids=" ".join)
def test_help_needs_no_docstrings(words: tuple[str, ...]) -> None:
    shown = help_of(words, "2")
    assert shown == help_of(words, "")
    assert "Examples:" in shown or words == ("report", "show")


@pytest.mark.parametrize("workload", ["simulated", "code:tree"])
def test_a_run_has_the_same_hashes_and_tables(workload: str, tmp_path: Path) -> None:
    write_corpus(tmp_path / "tree", files=20)
    entries, tables = [], []
    for level in ("", "2"):
        arguments = (*SMALL_RUN, "--no-controls", "--seeds", "1", "--workload", workload, "--out", f"out{level}")
        tasks = ("--tasks", "docstring", "--split", "function") if workload != "simulated" else ()
        done = bench(*arguments, *tasks, folder=tmp_path, PYTHONOPTIMIZE=level)
        assert done.returncode == 0, done.stderr
        entries += json.loads(results_file(tmp_path / f"out{level}").read_text())["results"]
        tables.append([line for line in done.stdout.splitlines() if "out" not in line])
    assert entries[0]["runHash"] == entries[1]["runHash"]
    assert [line for line in tables[0] if "µs" not in line] == [line for line in tables[1] if "µs" not in line]
