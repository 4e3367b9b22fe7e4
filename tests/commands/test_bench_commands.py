"""The other runs of ruvllm-bench: cross-validation, code, the blocked stream, an ablation, the constants."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from bench_samples import SMALL_MODEL, SMALL_RUN, bench, checkpoints, leftovers, results_file, write_corpus

from ruvllm.encoders.models import MODELS
from ruvllm.files.json_writing import to_json
from ruvllm.learning.constants import constants
from ruvllm.learning.protocols import PROTOCOLS
from ruvllm.workloads.workload import TASK_TYPES

Ran = tuple[subprocess.CompletedProcess[str], Path]


def document_of(ran: Ran, kind: str) -> dict[str, Any]:
    """The results file of a run that went well; there is no other, and it is laid out like all of them."""
    done, folder = ran
    assert done.returncode == 0, done.stderr
    (path,) = (folder / "results").glob("*.json")
    text = path.read_text()
    document: dict[str, Any] = json.loads(text)
    assert path == results_file(folder / "results", kind)
    assert text == to_json(document)
    assert (document["schema"], document["kind"]) == (1, kind)
    assert leftovers(folder) == []
    return document


def check_without_checkpoints(ran: Ran, kind: str) -> None:
    done, folder = ran
    assert [path for path in folder.rglob("*.json") if path.parent.name == "checkpoints"] == []
    path = results_file(folder / "results", kind)
    size = round(path.stat().st_size / 1000)
    assert done.stdout.splitlines()[-1] == f"Results: {path.relative_to(folder)} ({size} kB)"


# without controls


def test_without_controls_the_runs_are_the_same_and_the_tables_narrower(tmp_path: Path) -> None:
    beside = bench(*SMALL_RUN, "--out", "beside", folder=tmp_path)
    alone = bench(*SMALL_RUN, "--no-controls", folder=tmp_path)
    document = document_of((alone, tmp_path), "benchmark")
    other = json.loads(results_file(tmp_path / "beside", "benchmark").read_text())
    (entry,), (usual,) = document["results"], other["results"]
    assert entry["controls"] == {} == document["summaries"][0]["controls"]
    assert entry["stateHash"] == usual["stateHash"] and entry["history"] == usual["history"]
    assert entry["runHash"] != usual["runHash"]  # the run was asked for something else
    checkpoint = json.loads((tmp_path / entry["checkpoint"]).read_text())
    assert checkpoint["run"]["controls"] is False
    assert "Control" in beside.stdout and "Control" not in alone.stdout
    for shown in ("Frozen", "Gain, points", f"{usual['final']['resolveRate']:.1%}"):
        assert shown in beside.stdout and shown in alone.stdout


# cross-validation


def test_folds_run_side_by_side_and_end_in_one_table(tmp_path: Path) -> None:
    done = bench(*SMALL_RUN, "--folds", "3", "--jobs", "2", "--keep", "all", folder=tmp_path)
    document = document_of((done, tmp_path), "benchmark")
    assert [(entry["fold"], entry["folds"]) for entry in document["results"]] == [(1, 3), (2, 3), (3, 3)]
    (summary,) = document["summaries"]
    assert (summary["seeds"], summary["folds"]) == ([0], 3)
    assert "Simulated workload, profile quick, 3-fold cross-validation\n" in done.stdout
    lines = sorted(line.partition("] ")[2].partition(": ")[0] for line in done.stderr.splitlines())
    assert lines == [f"{SMALL_MODEL.name} v3 seed 0 fold {number}/3" for number in (1, 2, 3)]
    assert len(checkpoints(tmp_path / "results")) == 3


def test_all_protocols_end_in_the_table_beside_the_report(tmp_path: Path) -> None:
    done = bench(*SMALL_RUN, "--protocol", "all", folder=tmp_path, COLUMNS="200")
    document = document_of((done, tmp_path), "benchmark")
    (row,) = document["besideTheReport"]
    assert list(row) == ["model", "v1Initial", "v1Final", "v2Final", "v3Final", "v3Confidence"]
    _, _, table = done.stdout.partition("Self-improvement over training, ours beside the published figures\n")
    line = next(line for line in table.splitlines() if line.startswith(SMALL_MODEL.name))
    words = line.split()[1:]
    assert words[::4] == [f"{100 * cell['ours']:.1f}%" for cell in list(row.values())[1:]]
    assert words[3::4] == ["18.2%", "26.4%", "74.0%", "100.0%", "67.0%"]


# code

CODE = ("--workload", "code:source", "--tasks", "docstring")


def test_code_runs_on_any_folder_with_three_seeds_and_a_retrieval_table(tmp_path: Path) -> None:
    write_corpus(tmp_path / "source")
    arguments = [*CODE, "--profile", "quick"]
    done = bench(*arguments, folder=tmp_path, COLUMNS="140")
    assert done.returncode in (0, 3), done.stderr
    assert "Retrieval of v3, seeds 0 to 2" in done.stdout
    assert done.stderr.splitlines()[0] == "Reading Python source: source"
    document = json.loads(results_file(tmp_path / "results").read_text())
    assert [entry["seed"] for entry in document["results"]] == [0, 1, 2]
    assert {entry["loraRank"] for entry in document["results"]} == {16}
    assert document["besideTheReport"] == []
    for split in ("file", "function"):
        one = bench(*arguments, "--seeds", "1", "--split", split, "--json", "-q", folder=tmp_path)
        (entry,) = json.loads(one.stdout)["results"]
        stored = json.loads((tmp_path / entry["checkpoint"]).read_text())
        assert stored["run"]["workloadDetails"]["split"] == split


def test_code_is_cross_validated_with_files_kept_whole(tmp_path: Path) -> None:
    write_corpus(tmp_path / "source")
    arguments = [*SMALL_RUN, *CODE, "--seeds", "1", "--folds", "3", "--rank", "2"]
    done = bench(*arguments, "--json", "-q", folder=tmp_path)
    assert done.returncode in (0, 3), done.stderr
    results = json.loads(done.stdout)["results"]
    tested = [task for entry in results for task in entry["answers"]["tasks"]]
    assert len(tested) == len(set(tested)) == 160 - results[0]["antiOverfitting"]["stratifiedSplit"]["holdout"]
    files = [{task // 10 for task in entry["answers"]["tasks"]} for entry in results]  # of 10 functions each
    assert not files[0] & files[1] and not files[1] & files[2] and not files[0] & files[2]


# the blocked stream


@pytest.fixture(scope="module")
def blocked(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    folder = tmp_path_factory.mktemp("blocked")
    return bench(*SMALL_RUN, "--stream", "blocked", "--seeds", "2", "--protocol", "v2", folder=folder), folder


def test_a_blocked_stream_runs_each_adapter_with_ewc_on_and_off(blocked: Ran) -> None:
    document = document_of(blocked, "stream")
    runs = [(run["protocol"], run["seed"], run["adapter"], run["ewc"]) for run in document["runs"]]
    assert runs == [("v2", s, adapter, ewc) for s in (0, 1) for adapter in ("heads", "single") for ewc in (True, False)]
    for run in document["runs"]:
        assert run["types"] == list(TASK_TYPES)
        assert [len(row) for row in run["rates"]] == [4] * 4
    assert [(s["protocol"], s["adapter"]) for s in document["summaries"]] == [("v2", "heads"), ("v2", "single")]
    assert document["command"][:3] == ["ruvllm-bench", "--profile", "quick"]


def test_a_blocked_stream_prints_its_tables_and_keeps_no_checkpoints(blocked: Ran) -> None:
    done, _ = blocked
    check_without_checkpoints(blocked, "stream")
    assert done.stdout.startswith("Forgetting in a blocked stream\n")
    assert "\nForgetting: v2, shared adapter and heads\n" in done.stdout
    assert "\nForgetting: v2, a single adapter\n" in done.stdout
    assert done.stdout.count("\nall models ") == 6  # three measures, one below the other, for each kind of adapter
    assert "…" not in done.stdout and "\x1b" not in done.stdout
    assert len(done.stderr.splitlines()) == 8
    assert f"{SMALL_MODEL.name} v2 seed 1, single, EWC off: final " in done.stderr


def test_a_blocked_stream_has_five_seeds_unless_told_otherwise(tmp_path: Path) -> None:
    done = bench(*SMALL_RUN, "--stream", "blocked", "--protocol", "v1", "--json", "-q", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == results_file(tmp_path / "results", "stream").read_text()
    assert sorted({run["seed"] for run in json.loads(done.stdout)["runs"]}) == [0, 1, 2, 3, 4]


# ablation


@pytest.fixture(scope="module")
def ablation(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    folder = tmp_path_factory.mktemp("ablation")
    return bench("ablate", *SMALL_RUN, "--protocol", "v2", "--seeds", "2", folder=folder, COLUMNS="200"), folder


def test_an_ablation_runs_each_component_beside_the_full_system(ablation: Ran) -> None:
    document = document_of(ablation, "ablation")
    assert (document["protocol"], document["profile"], document["seeds"]) == ("v2", "quick", [0, 1])
    assert document["models"] == [SMALL_MODEL.name]
    names = [component["name"] for component in document["components"]]
    assert {"lora", "replay", "ewc", "patterns", "curriculum", "learning-rate", "temperature", "momentum"} <= set(names)
    assert "heads" not in names  # v2 has none
    assert [(run["seed"], run["without"]) for run in document["runs"]] == [
        (seed, without) for seed in (0, 1) for without in (None, *names)
    ]
    assert document["command"] == ["ruvllm-bench", "ablate", *SMALL_RUN, "--protocol", "v2", "--seeds", "2"]


def test_an_ablation_prints_a_row_per_component_and_keeps_no_checkpoints(ablation: Ran) -> None:
    done, _ = ablation
    check_without_checkpoints(ablation, "ablation")
    assert done.stdout.startswith("Ablation of v2, simulated workload\n")
    assert "over 1 model and seeds 0 to 1" in done.stdout
    for component in document_of(ablation, "ablation")["components"]:
        (line,) = (line for line in done.stdout.splitlines() if line.startswith(f"{component['name']} "))
        assert component["without"] in line
        found = component["overall"]["resolveRate"]
        low, high = found["ci95"]
        assert f"{100 * found['difference']:+.1f} [{100 * low:+.1f}, {100 * high:+.1f}]" in line
    assert "The full system: resolve rate " in done.stdout
    assert f"{SMALL_MODEL.name} v2 seed 0, full: " in done.stderr.splitlines()[0]


def test_an_ablation_of_code_is_quiet_but_for_json(tmp_path: Path) -> None:
    write_corpus(tmp_path / "source")
    arguments = [*CODE, "--protocol", "v1", "--seeds", "2", "--rank", "2", "--jobs", "2"]
    done = bench("ablate", *SMALL_RUN, *arguments, "--json", "-q", folder=tmp_path)
    assert done.returncode == 0
    (line,) = done.stderr.splitlines()  # what a number of the results cannot be read without
    assert line.startswith("source: 34 of 160 tasks are copies of one another or share a group: ")
    assert done.stdout == results_file(tmp_path / "results", "ablation").read_text()
    assert json.loads(done.stdout)["workload"] == "code"


# constants


def test_protocols_prints_every_constant_of_all_three_side_by_side(tmp_path: Path) -> None:
    done = bench("protocols", folder=tmp_path, COLUMNS="120")
    assert (done.returncode, done.stderr) == (0, "")
    assert "…" not in done.stdout
    table = [line.split("  ")[0] for line in done.stdout.splitlines()]
    names = [name for name, _ in constants(PROTOCOLS["v3"]) if name != "name"]
    words = [name.replace(".", " ").replace("_", " ").strip() for name in names]
    assert [name for name in table if name in words] == words
    (weights,) = (line.split() for line in done.stdout.splitlines() if line.startswith("ewc lambda"))
    assert weights == ["ewc", "lambda", "1000", "500", "400"]
    assert list(tmp_path.iterdir()) == []


# tasks and encoders of a user's own


def write_tasks(path: Path, n: int = 160, first: int = 0) -> Path:
    """Tasks number `first` and following: files of other numbers have other tasks."""
    words = [f"w{(7 * i * i + j * j) % 211} w{(i + 3 * j) % 97}" for i in range(first, first + n) for j in range(3)]
    records = [
        {
            "prompt": f"asks {words[3 * i]}",
            "solution": f"says {first + i} {words[3 * i]} {words[3 * i + 1]}",
            "type": kind,
        }
        for i, kind in zip(range(n), ["bug_fix", "refactor"] * n, strict=False)
    ]
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def test_a_file_of_tasks_runs_with_a_table_by_type_and_names_its_bad_lines(tmp_path: Path) -> None:
    with write_tasks(tmp_path / "tasks.jsonl").open("a") as file:
        file.write("{broken\n")
    words = (*SMALL_RUN, "--workload", "jsonl:tasks.jsonl", "--seeds", "2", "--rank", "2", "--details")
    done = bench(*words, folder=tmp_path)
    assert done.returncode in (0, 3), done.stderr
    assert "tasks.jsonl: 1 of 161 lines left out: cannot be used (line 161: is not JSON" in done.stderr
    assert re.search(r"bug fix, recall@1 +\+0\.0 \[", done.stdout)
    document = json.loads(results_file(tmp_path / "results").read_text())
    (summary,) = document["summaries"]
    assert list(summary["byType"]) == ["bug_fix", "refactor"]
    whole = summary["retrieval"]["recallAt1"]["frozen"]
    parts = [summary["byType"][name]["recallAt1"]["frozen"] for name in summary["byType"]]
    assert min(parts) <= whole <= max(parts)


def test_transfer_is_a_table_of_its_own_and_changes_nothing_else(tmp_path: Path) -> None:
    write_tasks(tmp_path / "tasks.jsonl")
    write_tasks(tmp_path / "other.jsonl", 20, first=1000)
    arguments = (*SMALL_RUN, "--workload", "jsonl:tasks.jsonl", "--seeds", "1", "--rank", "2", "--no-controls")
    done = bench(*arguments, "--transfer", "jsonl:other.jsonl", "--out", "with", "--details", folder=tmp_path)
    assert done.returncode in (0, 3), done.stderr
    assert re.search(r"transfer, recall@5 +[+-]\d+\.\d \[", done.stdout)
    bench(*arguments, "-q", "--out", "without", folder=tmp_path)
    with_it, without = (json.loads(results_file(tmp_path / name).read_text()) for name in ("with", "without"))
    assert with_it["results"][0]["stateHash"] == without["results"][0]["stateHash"]
    assert with_it["results"][0]["answers"] == without["results"][0]["answers"]
    assert 0 < with_it["summaries"][0]["transfer"]["recallAt5"]["frozen"] <= 1


def test_a_function_is_an_encoder_of_any_width(tmp_path: Path) -> None:
    write_tasks(tmp_path / "tasks.jsonl")
    (tmp_path / "mine.py").write_text(
        "import numpy as np\n"
        "def vectors(texts):\n"
        "    return [[text.count(c) + 0.5 for c in ' 0123456789w'] for text in texts]\n"
    )
    arguments = ("--profile", "quick", "--workload", "jsonl:tasks.jsonl", "--seeds", "1", "--rank", "2", "-q")
    done = bench(*arguments, "--encoder", "python:mine.vectors", folder=tmp_path)
    assert done.returncode in (0, 3), done.stderr
    (entry,) = json.loads(results_file(tmp_path / "results").read_text())["results"]
    assert (entry["model"], entry["paramsB"]) == ("mine.vectors", 0.0)
    assert "efficiency" not in entry


def test_on_real_input_no_model_is_named_for_none_has_seen_a_task(tmp_path: Path) -> None:
    write_tasks(tmp_path / "tasks.jsonl")
    arguments = ("--profile", "quick", "--workload", "jsonl:tasks.jsonl", "--seeds", "1", "--rank", "2")
    default = bench(*arguments, "--no-controls", "--out", "default", folder=tmp_path)
    assert default.returncode in (0, 3), default.stderr
    document = json.loads(results_file(tmp_path / "default").read_text())
    assert [entry["model"] for entry in document["results"]] == ["hashed n-grams, d = 1536"]  # one width
    assert document["options"]["models"] == ["hashed n-grams, d = 1536"]
    assert not {"rankings", "recommendations"} & document.keys()
    (checkpoint,) = checkpoints(tmp_path / "default")
    assert checkpoint.name.startswith("hashed_n_grams_d_1536_v3_")
    said = default.stdout + default.stderr + json.dumps(document) + checkpoint.name
    for claim in (*(model.name for model in MODELS), "Efficiency", "Params", "Ranking", "est overall", "per parameter"):
        assert claim not in said, claim
    both = bench(*arguments, "--no-controls", "--dim", "64", "--models", SMALL_MODEL.name, folder=tmp_path)
    assert both.returncode in (0, 3), both.stderr
    assert "no model runs on real input: --models chooses the width of the encoder alone" in both.stderr
    entries = json.loads(results_file(tmp_path / "results").read_text())["results"]
    assert [entry["model"] for entry in entries] == ["hashed n-grams, d = 64", "hashed n-grams, d = 1536"]
    assert entries[1]["runHash"] == document["results"][0]["runHash"]


def test_a_file_with_too_many_bad_lines_does_not_start(tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_text('{"prompt": "p"}\n' * 3)
    done = bench(*SMALL_RUN, "--workload", "jsonl:bad.jsonl", folder=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "more than 1% of it cannot be used: 3 of 3 lines are bad: line 1: needs a solution" in done.stderr
    assert not list(tmp_path.rglob("benchmark-*"))


def test_run_is_the_command_without_a_subcommand(tmp_path: Path) -> None:
    found = []
    for words in ([], ["run"]):
        done = bench(*words, *SMALL_RUN, "--no-controls", "--json", "-q", "--keep", "none", folder=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        found.append(json.loads(done.stdout))
    assert [document["results"][0]["runHash"] for document in found] == [found[0]["results"][0]["runHash"]] * 2
    assert found[1]["command"][:2] == ["ruvllm-bench", "run"]
    done = bench("--seeds", "2", "run", folder=tmp_path)
    assert done.returncode == 2 and "options of run come after its name" in done.stderr
    assert bench("run", "--stream", "blocked", "--keep", "all", folder=tmp_path).returncode == 2
