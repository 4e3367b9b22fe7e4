"""ruvllm-bench --keep: which checkpoints stay, that results and hashes do not depend on it; nothing empty is left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from bench_samples import BENCH_COMMAND, SMALL_RUN, bench, checkpoints, error_line, results_file
from checkpoint_samples import VERIFY_COMMAND, posix

from ruvllm.benchmark import checkpointing
from ruvllm.commands.limits import KEEP
from ruvllm.files.arrays import resume_path

SWEEP = (*SMALL_RUN, "--no-controls", "--protocol", "all", "--seed", "7", "--seeds", "2")


def entries_of(folder: Path) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = json.loads(results_file(folder).read_text())["results"]
    return results


def empty_folders(folder: Path) -> list[str]:
    return [str(path) for path in folder.rglob("*") if path.is_dir() and not any(path.iterdir())]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same sweep of two seeds and three protocols under each choice, and by default."""
    root = tmp_path_factory.mktemp("kept")
    for keep in (*KEEP, "default"):
        choice = () if keep == "default" else ("--keep", keep)
        assert bench(*SWEEP, "-q", *choice, "--out", keep, folder=root).returncode == 0
    return {keep: root / keep for keep in (*KEEP, "default")}


def test_the_choices_are_those_of_the_benchmark() -> None:
    assert KEEP == checkpointing.KEEP


def test_which_checkpoints_stay(kept: dict[str, Path]) -> None:
    places = {keep: [entry.get("checkpoint") for entry in entries_of(folder)] for keep, folder in kept.items()}
    assert None not in places["all"] and len(set(places["all"])) == 6
    assert [place is not None for place in places["last"]] == [False, True] * 3  # of each protocol the last seed
    assert places["none"] == [None] * 6
    assert [None if p is None else Path(p).name for p in places["default"]] == [
        None if p is None else Path(p).name for p in places["last"]
    ]
    for keep, folder in kept.items():
        files = checkpoints(folder) if keep != "none" else []
        assert sorted(path.name for path in files) == sorted(Path(p).name for p in places[keep] if p is not None)
        assert all(resume_path(path).exists() for path in files)


def test_results_and_hashes_do_not_depend_on_it(kept: dict[str, Path]) -> None:
    def without_places(folder: Path) -> list[dict[str, Any]]:
        varying = ("checkpoint", "seconds", "microsecondsPerTask")
        return [{key: value for key, value in entry.items() if key not in varying} for entry in entries_of(folder)]

    assert without_places(kept["all"]) == without_places(kept["last"]) == without_places(kept["none"])
    assert all(len(entry["runHash"]) == 64 for entry in entries_of(kept["none"]))


def test_nothing_empty_is_left(kept: dict[str, Path]) -> None:
    for folder in kept.values():
        assert empty_folders(folder) == []
        assert not (folder / "unfinished").exists()
    assert [path.suffix for path in kept["none"].iterdir()] == [".json"]


def test_a_run_that_never_began_leaves_nothing_and_a_folder_of_the_users_stays(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    for out in ("mine", "new/deep"):
        done = bench("--workload", "jsonl:missing.jsonl", "--out", out, folder=tmp_path)
        assert done.returncode == 1
    assert os.listdir(tmp_path) == ["mine"]
    assert os.listdir(tmp_path / "mine") == []


def test_the_last_line_says_what_stays(tmp_path: Path) -> None:
    ends = {"last": "; 1 of 2 checkpoints: ", "all": "; 2 checkpoints: ", "none": "; no checkpoints; --keep last"}
    for keep, end in ends.items():
        done = bench(*SMALL_RUN, "--no-controls", "--seeds", "2", "--keep", keep, "--out", keep, folder=tmp_path)
        last = done.stdout.splitlines()[-1]
        assert last.startswith("Results: ") and end in last


@posix
@pytest.mark.parametrize(("first", "then"), [("none", "none"), ("all", "none"), ("none", "all"), ("last", "all")])
def test_an_interrupted_run_goes_on_with_any_choice(first: str, then: str, tmp_path: Path) -> None:
    arguments = [*SMALL_RUN, "--no-controls", "--seeds", "4"]
    command = [*BENCH_COMMAND, *arguments, "--seeds", "1000", "--keep", first]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("[1/1000] ")
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 143
    assert err.splitlines()[-1] == (
        "ruvllm-bench: interrupted by SIGTERM; files that were written stay, --resume goes on"
    )
    assert any((tmp_path / "results" / "unfinished").iterdir())
    done = bench(*arguments, "--resume", "--keep", then, "-q", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    whole = bench(*arguments, "-q", "--out", "whole", folder=tmp_path)
    assert whole.returncode == 0
    found, expected = entries_of(tmp_path / "results"), entries_of(tmp_path / "whole")
    assert [entry["runHash"] for entry in found] == [entry["runHash"] for entry in expected]
    assert all(("checkpoint" in entry) == (then == "all") for entry in found)
    assert all((tmp_path / entry["checkpoint"]).exists() for entry in found if "checkpoint" in entry)


def test_it_is_refused_where_it_would_change_nothing(tmp_path: Path) -> None:
    done = bench("--stream", "blocked", "--keep", "all", folder=tmp_path)
    assert done.returncode == 2
    assert "--keep is for the mixed stream" in error_line(done)
    assert bench("ablate", "--keep", "all", folder=tmp_path).returncode == 2


def test_runs_of_one_folder_may_end_while_others_begin(tmp_path: Path) -> None:
    command = [*BENCH_COMMAND, *SMALL_RUN, "--no-controls", "-q"]
    keeps = ["none", "last", "all", "none", "last", "none"]
    processes = [
        subprocess.Popen([*command, "--keep", keep, "--seed", str(i % 3)], cwd=tmp_path, stderr=subprocess.PIPE)
        for i, keep in enumerate(keeps)
    ]
    for process in processes:
        _, err = process.communicate(timeout=120)
        assert (process.returncode, err) == (0, b"")
    assert len(list((tmp_path / "results").glob("benchmark-*.json"))) == len(keeps)
    assert empty_folders(tmp_path) == []


def test_verify_says_of_a_results_file_which_checkpoints_there_are(kept: dict[str, Path]) -> None:
    words = {
        "all": " and 5 more", "last": " and 2 more", "none": "; no checkpoint was kept (ruvllm-bench --keep all|last)",
    }  # fmt: skip
    for keep, end in words.items():
        path = results_file(kept[keep])
        done = subprocess.run([*VERIFY_COMMAND, str(path)], capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stdout) == (1, "")
        (line,) = done.stderr.splitlines()
        assert line.startswith(f"ruvllm-verify: {path}: is a results file, which ruvllm-report reads; ")
        assert line.endswith(end)


def test_verify_says_what_a_resume_file_is(kept: dict[str, Path]) -> None:
    path = resume_path(checkpoints(kept["last"])[0])
    done = subprocess.run([*VERIFY_COMMAND, path.name], cwd=path.parent, capture_output=True, text=True, timeout=60)
    name = path.name.replace(".resume.safetensors", ".json")
    assert done.returncode == 1
    assert done.stderr == (
        f"ruvllm-verify: {path.name}: is the resume file of a checkpoint: verify {name}, which checks both\n"
    )


def test_a_kept_checkpoint_can_be_replayed(kept: dict[str, Path]) -> None:
    words = [*VERIFY_COMMAND, "--replay", str(checkpoints(kept["default"])[0])]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "same: every hashed number came out again" in done.stdout
