"""ruvllm-bench --train --test, --hints, and replays of such runs."""

from __future__ import annotations

import json
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest
import stream_samples as samples
from bench_samples import bench, results_file

from ruvllm.commands.verify import main as verify

QUICK = ("--profile", "quick", "--dim", "64", "--seeds", "2", "--no-controls")


def write_both(folder: Path) -> None:
    records = samples.records(300, dated=False)
    samples.write(folder, *records[:200], name="a.jsonl")
    samples.write(folder, *records[200:], name="b.jsonl")


def bench_both(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    write_both(folder)
    return bench("--train", "a.jsonl", "--test", "b.jsonl", *QUICK, *arguments, folder=folder)


def checkpoint_of(folder: Path) -> str:
    document: dict[str, Any] = json.loads(results_file(folder / "results", "benchmark").read_text())
    return str(folder / next(run["checkpoint"] for run in document["results"] if "checkpoint" in run))


def test_it_learns_from_one_file_and_tests_on_the_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    done = bench_both(tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("a.jsonl, tested on b.jsonl: ")
    document = json.loads(results_file(tmp_path / "results", "benchmark").read_text())
    one, other = document["results"]
    tests = one["input"]["testTasks"]
    assert (len(one["answers"]["tasks"]), one["input"]["split"]) == (tests, "by user")
    assert one["answers"]["tasks"] == other["answers"]["tasks"] == list(range(tests))
    assert document["tasks"]["tasks"][0]["place"].startswith("b.jsonl, line ")
    monkeypatch.chdir(tmp_path)
    checkpoint = checkpoint_of(tmp_path)
    assert verify(["--replay", checkpoint, "--corpus", "jsonl:a.jsonl", "--test", "b.jsonl"]) == 0
    assert verify(["--replay", checkpoint, "--corpus", "jsonl:a.jsonl"]) == 4
    assert "was made with --test FILE: replay it so" in capsys.readouterr().err


def test_seeds_are_no_further_tests(tmp_path: Path) -> None:
    """An interval over the same test tasks does not shrink with seeds that change nothing."""
    widths = []
    for seeds in ("1", "4"):
        write_both(tmp_path)
        done = bench("--train", "a.jsonl", "--test", "b.jsonl", *QUICK[:4], "--no-controls", "--keep", "none",
                     "--seeds", seeds, "--out", f"out{seeds}", folder=tmp_path)  # fmt: skip
        assert done.returncode == 0, done.stderr
        (summary,) = json.loads(results_file(tmp_path / f"out{seeds}", "benchmark").read_text())["summaries"]
        low, high = summary["retrieval"]["recallAt1"]["gainCI95"]
        widths.append(high - low)
    assert widths[1] > 0.75 * widths[0] > 0


def test_the_workload_may_name_the_train_file(tmp_path: Path) -> None:
    write_both(tmp_path)
    done = bench("--workload", "jsonl:a.jsonl", "--test", "b.jsonl", *QUICK, "--keep", "none", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("a.jsonl, tested on b.jsonl: ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--train", "a.jsonl"), "--train needs --test"),
        (("--test", "b.jsonl"), "--test and --hints are for files of tasks"),
        (("--workload", "code", "--test", "b.jsonl"), "--test and --hints are for files of tasks"),
        (("--hints",), "--test and --hints are for files of tasks"),
        (("--workload", "jsonl:x.jsonl", "--train", "a.jsonl", "--test", "b.jsonl"), "both name what to learn from"),
        (("--train", "a.jsonl", "--test", "b.jsonl", "--folds", "5"), "have no use for --test"),
        (("--train", "a.jsonl", "--test", "b.jsonl", "--stream", "time"), "have no use for --test"),
    ],
)
def test_what_does_not_fit_together_is_refused(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    done = bench(*arguments, folder=tmp_path)
    assert done.returncode == 2
    assert message in " ".join(done.stderr.split())


def issues(n: int) -> str:
    rng = random.Random(5)
    found = []
    for i in range(n):
        name = samples.words(rng, 1)[0]
        path = f"src/{name}.py"
        found.append({
            "repo": "r", "problem_statement": " ".join(samples.words(rng, 6)), "created_at": f"2020-01-{1 + i % 28:02}",
            "patch": f"--- a/{path}\n+++ b/{path}\n@@ -1,2 +1,2 @@\n old\n+{samples.words(rng, 1)[0]}\n",
            "hints_text": f"see {path}",
        })  # fmt: skip
    return json.dumps(found)


def test_hints_are_in_the_record_and_replays_know_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "issues.json").write_text(issues(60))
    done = bench("--workload", "jsonl:issues.json", "--hints", *QUICK, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    document = json.loads(results_file(tmp_path / "results", "benchmark").read_text())
    assert document["results"][0]["input"]["hints"] is True
    assert document["summaries"][0]["retrieval"]["recallAt1"]["frozen"] > 0.5  # they name the file
    monkeypatch.chdir(tmp_path)
    checkpoint = checkpoint_of(tmp_path)
    assert verify(["--replay", checkpoint, "--corpus", "jsonl:issues.json", "--hints"]) == 0
    assert verify(["--replay", checkpoint, "--corpus", "jsonl:issues.json"]) == 4
    assert "was made with --hints: replay it so" in capsys.readouterr().err
