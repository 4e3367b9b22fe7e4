"""ruvllm-bench --stream time: what it prints and saves, and what it refuses."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import stream_samples as samples
from bench_samples import bench, results_file

QUICK = ("--stream", "time", "--profile", "quick", "--dim", "256", "--seeds", "1")


def stream(folder: Path, *arguments: str, dated: bool = True) -> subprocess.CompletedProcess[str]:
    samples.write(folder, *samples.records(dated=dated))
    return bench("--workload", "jsonl:questions.jsonl", *QUICK, *arguments, folder=folder)


def document_in(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(results_file(folder / "results", "prequential").read_text())
    return found


def run_of(document: dict[str, Any]) -> dict[str, Any]:
    (run,) = document["runs"]
    return {key: value for key, value in run.items() if key != "seconds"}


def test_the_verdict_the_table_and_the_record(tmp_path: Path) -> None:
    done = stream(tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1].startswith("It got better from use")
    said = " ".join(done.stdout.split())
    for part in ("each answered before", "10.0% by guessing; candidates: 10 each", "order by date, from 2024-01-01"):
        assert part in said
    document = document_in(tmp_path)
    run = run_of(document)
    assert run["tasks"][:2] == ["task-0", "task-1"]  # the file begins with the second half
    assert run["dates"] == sorted(run["dates"])
    assert set(run["reciprocalRanks"]) == {"frozen", "bm25", "ridgeCsls", "shuffled", "learningAlone", "learned"}
    assert document["options"]["stream"] == "time"
    assert run["input"]["split"] == "time"
    assert len(run["stateHash"]) == 64
    assert len(list((tmp_path / "results").rglob("*"))) == 1  # no checkpoints, nothing unfinished
    again = stream(tmp_path, "--out", "again", "--isa", "scalar", "--jobs", "2")
    assert again.returncode == 0
    assert run_of(json.loads(results_file(tmp_path / "again", "prequential").read_text())) == run


def test_without_dates_and_controls(tmp_path: Path) -> None:
    done = stream(tmp_path, "--no-controls", dated=False)
    assert done.returncode == 0, done.stderr
    assert "order as in the file, which has no dates" in " ".join(done.stdout.split())
    run = run_of(document_in(tmp_path))
    assert "dates" not in run and "shuffled" not in run["reciprocalRanks"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--workload", "code"), "--stream time is for tasks in the order in which they came"),
        (("--folds", "5", "--workload", "jsonl:x.jsonl"), "--folds, --keep and --transfer are for the mixed stream"),
        (("--keep", "all", "--workload", "jsonl:x.jsonl"), "--folds, --keep and --transfer are for the mixed stream"),
    ],
)
def test_what_makes_no_stream_is_refused(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    done = bench("--stream", "time", *arguments, folder=tmp_path)
    assert done.returncode == 2
    assert message in " ".join(done.stderr.split())


def test_too_few_tasks_are_refused_with_one_line(tmp_path: Path) -> None:
    samples.write(tmp_path, *samples.records(20))
    done = bench("--workload", "jsonl:questions.jsonl", *QUICK, folder=tmp_path)
    assert done.returncode == 1
    assert "a stream needs at least 30 tasks that are no copies of earlier ones, not 20" in done.stderr
