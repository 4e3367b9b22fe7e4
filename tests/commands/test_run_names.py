"""A run can be called something: the name goes into the results file and nowhere else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from bench_samples import SMALL_RUN, bench

from ruvllm.commands import bench as command


def test_the_name_is_in_the_results_file_and_moves_no_hash(tmp_path: Path) -> None:
    found = []
    for words in ([], ["--name", "nightly, cœur"]):
        done = bench(*SMALL_RUN, "--no-controls", "--json", "-q", *words, folder=tmp_path)
        assert done.returncode == 0, done.stderr
        found.append(json.loads(done.stdout))
    without, named = found
    assert "name" not in without
    assert named["name"] == "nightly, cœur"
    assert [run["runHash"] for run in named["results"]] == [run["runHash"] for run in without["results"]]


@pytest.mark.parametrize("name", ["", "  ", "a\x1b[2J", "two\nlines", "x" * 101])
def test_what_is_no_name_is_refused_in_one_line(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--name", name]) == 2
    message = capsys.readouterr().err
    assert "a name has 1 to 100 characters that can be printed" in message
    assert message.count("\n") == 1
    assert message.rstrip("\n").isprintable()


def test_a_run_of_real_input_ends_with_the_command_that_shows_its_tasks(tmp_path: Path) -> None:
    lines = [
        json.dumps({"prompt": f"alpha{i} beta{i} gamma{i}", "solution": f"gamma{i} delta{i}" + " x" * (i % 7)})
        for i in range(120)
    ]
    (tmp_path / "mine.jsonl").write_text("\n".join(lines))
    words = ("--workload", "jsonl:mine.jsonl", "--profile", "quick", "--seeds", "1", "--no-controls")
    done = bench(*words, "--out", "my results", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    (path,) = (tmp_path / "my results").glob("*.json")
    assert done.stdout.splitlines()[-2] == f"Tasks won and lost: ruvllm-report tasks 'my results/{path.name}'"
