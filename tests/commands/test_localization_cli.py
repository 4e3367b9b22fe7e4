"""ruvllm-bench --workload swebench:FILE --repos DIR: what it prints and saves, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import repository_samples as samples
from bench_samples import bench, results_file


def run_of(folder: Path) -> dict[str, Any]:
    (run,) = json.loads(results_file(folder, "prequential").read_text())["runs"]
    return {key: value for key, value in run.items() if key != "seconds"}


def test_a_stream_of_issues(tmp_path: Path) -> None:
    samples.sample(tmp_path)
    records = json.loads((tmp_path / "issues.json").read_text())
    records += [records[0] | {"instance_id": "acme__pkg-again"}, samples.issue(99, "acme/none", "", "a.py", "left out")]
    samples.write_issues(tmp_path / "issues.json", records)
    words = ("--workload", "swebench:issues.json", "--repos", "repos")
    done = bench(*words, "--details", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "acme__none-99" in done.stderr
    said = " ".join(done.stdout.split())
    for part in (
        "24 tasks as a stream", "By repository", "Weights of evidence", "3.1% by guessing", "candidates: 32 each",
        "weighs the same", "no repository acme/none", "1 of 25 tasks are copies",
        "each answered before it was learned from",
        "Candidates: all source files but tests", "at the commit that the fix was made upon (24 issues)",
    ):  # fmt: skip
        assert part in said, part
    run = run_of(tmp_path / "results")
    assert set(run["reciprocalRanks"]) == {"frozen", "bm25", "hashedPath", "learned", "shuffled"}
    assert run["pools"] == [32] * 24
    assert run["localization"]["repositories"] == ["acme/pkg"] * 24
    assert run["localization"]["right"][0] == "pkg/parsing/core.py"
    assert run["dates"] == sorted(run["dates"])
    assert "vectors" not in run["localization"]["weights"]
    found = {name: sum(rank == 1 for rank in ranks) / 24 for name, ranks in run["reciprocalRanks"].items()}
    assert found["learned"] >= 0.9 > found["bm25"], "what is called is defined in one file; words are of many"
    again = bench(*words, "--out", "again", "--isa", "scalar", "-q", folder=tmp_path)
    assert again.returncode == 0, again.stderr
    assert run_of(tmp_path / "again") == run


def test_train_and_test_files_hints_and_an_encoder(tmp_path: Path) -> None:
    _, repos = samples.sample(tmp_path)
    base = samples.git(repos / "acme+pkg", "rev-parse", "HEAD")
    records = samples.issues(base)
    samples.write_issues(tmp_path / "train.json", records[:16])
    hint = {"hints_text": "it is pkg/cutting/options.py"}
    copy = records[3] | {"instance_id": "acme__pkg-copy"}
    samples.write_issues(
        tmp_path / "test.json",
        [*records[16:], samples.issue(70, "acme/pkg", base, "pkg/cutting/options.py", "What is it?", **hint), copy],
    )
    (tmp_path / "letters.py").write_text(
        "import numpy as np\ndef encode(texts):\n"
        "    return np.array([[text.count(c) + 0.1 for c in 'aeiourstln'] for text in texts], dtype=np.float32)\n"
    )
    words = ("--workload", "swebench:train.json", "--test", "test.json", "--repos", "repos")
    done = bench(*words, "--hints", "--encoder", "python:letters.py:encode", "--details", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    said = " ".join(done.stdout.split())
    assert "none of them learned from: weights are of 15 train issues" in said, "a copy of a test issue is left out"
    assert "as a stream" not in said and "each task was answered by what was learned" not in said
    assert "train.json, tested on test.json: 10 tasks" in said
    run = run_of(tmp_path / "results")
    assert len(run["tasks"]) == 10
    assert run["refits"] == [15]
    assert run["localization"]["fittedBefore"] == 15
    assert run["localization"]["hints"] is True
    assert "encodedPath" in run["reciprocalRanks"]
    assert run["reciprocalRanks"]["learned"][run["tasks"].index("acme__pkg-70")] == 1
    assert len(run["input"]["encoderDigest"]) == 64


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--workload", "swebench:issues.json"), "needs --repos DIR"),
        (("--workload", "jsonl:issues.json", "--repos", "repos"), "--repos is for SWE-bench's issues"),
        (("--workload", "swebench:issues.json", "--repos", "repos", "--folds", "3"), "--folds: not for"),
        (("--workload", "swebench:issues.json", "--repos", "repos", "--rank", "3"), "--rank: not for"),
        (("--workload", "swebench:issues.json", "--repos", "nowhere"), "'nowhere' is no folder"),
        (("ablate", "--workload", "swebench:issues.json", "--repos", "repos"), "are a stream, not a workload"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    samples.sample(tmp_path, n=2)
    done = bench(*arguments, folder=tmp_path)
    assert done.returncode != 0
    assert message in done.stderr, done.stderr
    assert "Traceback" not in done.stderr


def test_the_closed_set_says_that_it_is_not_localization(tmp_path: Path) -> None:
    samples.sample(tmp_path)
    words = ("--profile", "quick", "--dim", "64", "--folds", "3", "--seeds", "1", "--no-controls")
    done = bench("--workload", "jsonl:issues.json", *words, folder=tmp_path)
    assert done.returncode in (0, 3), done.stderr
    said = " ".join(done.stdout.split())
    assert "24 to choose from; a guess is right in 4.2%." in said
    assert "This is not SWE-bench localization, whose candidates are all its files" in said
    (pools,) = {
        tuple(run["retrieval"]["pools"].values())
        for run in json.loads(results_file(tmp_path / "results", "benchmark").read_text())["results"]
    }
    assert pools == (24, 24.0, 24, pytest.approx(1 / 24))
