"""ruvllm-bench --language: runs, their replays, reports and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import language_samples as samples
import pytest
from bench_samples import bench, results_file

from ruvllm.commands.report import main as report
from ruvllm.commands.verify import main as verify

QUICK = ("--profile", "quick", "--dim", "64", "--no-controls", "--tasks", "docstring")


def document_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(results_file(folder / "results", "benchmark").read_text())
    return found


def test_a_run_names_its_language_and_is_replayed_in_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    samples.write_tree(tmp_path / "tree", "go", n=160, files=20, words=40)
    samples.write_tree(tmp_path / "tree", "rust", n=160, files=20, words=40)
    done = bench("--workload", "code:tree", "--language", "go", *QUICK, "--seeds", "1", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    document = document_of(tmp_path)
    run = document["results"][0]
    assert done.stdout.startswith("tree (go): 160 docstring tasks")
    assert document["options"]["language"] == "go"
    assert "byLanguage" not in document["summaries"][0]
    assert run["input"]["language"] == "go"
    assert run["input"]["grammar"].startswith("tree-sitter-go ")
    assert run["input"]["tasks"] == 160
    assert set(run["answers"]["categories"]) == {4}
    monkeypatch.chdir(tmp_path)
    checkpoint = run["checkpoint"]
    assert verify([checkpoint]) == 0
    assert verify(["--replay", checkpoint, "--corpus", "tree"]) == 0  # the file says in which language
    assert report(["tasks", str(results_file(tmp_path / "results", "benchmark"))]) == 0
    assert "go" in capsys.readouterr().out.replace(",", " ").split()
    Path("tree/part0/more.go").write_text(samples.source("go", samples.function("go", 200, 40)))
    assert verify(["--replay", checkpoint, "--corpus", "tree"]) == 4


def test_several_languages_are_reported_one_by_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for language in ("python", "rust"):
        samples.write_tree(tmp_path / "tree", language, n=90, files=15, words=40)
    done = bench("--workload", "code:tree", "--language", "all", *QUICK, "--seeds", "2", "--details", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("tree (python, rust): 180 docstring tasks")
    document = document_of(tmp_path)
    assert document["options"]["language"] == "all"
    (summary,) = document["summaries"]
    assert list(summary["byLanguage"]) == ["python", "rust"]
    tests = sum(len(run["answers"]["tasks"]) for run in document["results"])
    assert sum(gains["tasks"] for gains in summary["byLanguage"].values()) == tests
    weighed = [
        gains["tasks"] * gains["recallAt1"]["learned"] for gains in summary["byLanguage"].values()
    ]  # each run's mean counts once, and the runs have about as many of each
    assert abs(sum(weighed) / tests - summary["retrieval"]["recallAt1"]["learned"]) < 0.05
    assert "recall@1 by language of v3" in done.stdout


@pytest.mark.parametrize(("words", "message"), [
    (("--workload", "code:.", "--language", "cobol"), "must be python, javascript, typescript, rust, go, java, cpp or"),
    (("--workload", "code:.", "--language", "jva"), "did you mean java?"),
    (("--workload", "code", "--language", "rust"), "--language is for a source tree: --workload code:PATH"),
    (("--language", "rust"), "--language is for a source tree: --workload code:PATH"),
    (("--workload", "code:.", "--language", "go,rust", "--tasks", "test_gen"),
     "--tasks test_gen is for python; for rust, go there are all, docstring, code_completion, bug_fix and refactor"),
])  # fmt: skip
def test_what_cannot_be_is_refused_at_once(tmp_path: Path, words: tuple[str, ...], message: str) -> None:
    done = bench(*words, folder=tmp_path)
    assert done.returncode == 2
    assert message in " ".join(done.stderr.split())


def test_a_tree_without_functions_of_the_language_is_one_line(tmp_path: Path) -> None:
    samples.write_tree(tmp_path / "tree", "go")
    done = bench("--workload", "code:tree", "--language", "java", folder=tmp_path)
    assert done.returncode == 1
    assert "'tree' has 0 in 0 Java files (0 skipped)" in done.stderr
