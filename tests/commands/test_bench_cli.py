"""What ruvllm-bench leaves and prints when all goes well: tables, results files, checkpoints, progress."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from bench_samples import BENCH_COMMAND, SMALL_MODEL, SMALL_RUN, bench, hand_made, leftovers, results_file
from checkpoint_samples import posix
from msgspec import convert

from ruvllm.checkpoints.verifying import verify_checkpoint
from ruvllm.commands import bench_actions
from ruvllm.commands.bench import main
from ruvllm.files.json_writing import to_json
from ruvllm.results.run_records import BenchmarkRun


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    folder = tmp_path_factory.mktemp("run")
    return bench(*SMALL_RUN, folder=folder), folder


def test_the_table_is_on_standard_output_and_progress_on_standard_error(
    run: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    done, _ = run
    assert done.returncode == 0
    assert "Final results of v3 beside the published ones, seed 0" in done.stdout
    # final results in three parts, controls in two; calibration, seen and unseen tasks are details
    assert done.stdout.count(f"\n{SMALL_MODEL.name} ") == 5
    assert max(map(len, done.stdout.splitlines()[:-1])) <= 80
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"[1/1] {SMALL_MODEL.name} v3 seed 0: ")
    assert "\x1b" not in done.stdout + done.stderr


def test_results_and_checkpoints_are_where_the_last_line_says(
    run: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    done, folder = run
    path = results_file(folder / "results")
    checkpoints = Path("results", "checkpoints")
    saved = re.fullmatch(
        rf"Results: {path.relative_to(folder)} \((\d+) kB\); 1 checkpoint: {checkpoints}{os.sep} \((\d) MB\); "
        r"--keep none keeps none",
        done.stdout.splitlines()[-1],
    )
    assert saved is not None
    assert int(saved[1]) == round(path.stat().st_size / 1000)
    assert int(saved[2]) == round(sum(each.stat().st_size for each in (folder / checkpoints).iterdir()) / 1e6)
    document = json.loads(path.read_text())
    assert document["command"] == ["ruvllm-bench", *SMALL_RUN]
    assert document["results"][0]["epochs"] == 6
    (entry,) = document["results"]
    assert verify_checkpoint(folder / entry["checkpoint"]).run_hash == entry["runHash"]
    assert leftovers(folder) == []


def test_the_results_file_is_laid_out_to_be_read(run: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    text = results_file(run[1] / "results").read_text()
    assert text == to_json(json.loads(text))
    (entry,) = json.loads(text)["results"]
    lines = [line.strip().rstrip(",") for line in text.splitlines()]
    assert f'"resolved": {json.dumps(entry["answers"]["resolved"])}' in lines
    assert f'"resolveRateCI95": {json.dumps(entry["final"]["resolveRateCI95"])}' in lines
    assert not [line for line in lines if re.match(r"-?\d", line)]  # no number has a line to itself


def test_json_prints_the_saved_file_and_nothing_else(tmp_path: Path) -> None:
    done = bench(*SMALL_RUN, "--json", "--out", "here", folder=tmp_path)
    assert done.returncode == 0
    assert done.stdout == results_file(tmp_path / "here").read_text()
    document = json.loads(done.stdout)  # one object, or this fails
    assert document["schema"] == 1
    assert document["recommendations"]["bestOverall"] == SMALL_MODEL.name
    assert done.stderr.startswith("[1/1] ")


def test_quiet_is_silent_but_for_json(tmp_path: Path) -> None:
    done = bench(*SMALL_RUN, "--quiet", folder=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert json.loads(results_file(tmp_path / "results").read_text())["schema"] == 1
    done = bench(*SMALL_RUN, "-q", "--json", "--out", "other", folder=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, results_file(tmp_path / "other").read_text(), "")


def test_two_runs_in_one_folder_both_keep_their_results(tmp_path: Path) -> None:
    out = tmp_path / "shared"
    command = [*BENCH_COMMAND, *SMALL_RUN, "-q", "--out", str(out)]
    processes = [subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    for process in processes:
        _, err = process.communicate(timeout=120)
        assert (process.returncode, err) == (0, "")
    files = list(out.glob("benchmark-*.json"))
    assert len(files) == 2
    hashes = [json.loads(path.read_text())["results"][0]["runHash"] for path in files]
    assert hashes[0] == hashes[1]
    (checkpoint,) = (out / "checkpoints").glob("*.json")
    assert verify_checkpoint(checkpoint).run_hash == hashes[0]


def test_a_relative_folder_is_relative_to_where_the_user_is(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    out = os.path.join("..", "deep", "er")
    done = bench(*SMALL_RUN, "--json", "--out", out, folder=tmp_path / "elsewhere")
    assert done.returncode == 0
    assert results_file(tmp_path / "deep" / "er").read_text() == done.stdout
    (entry,) = json.loads(done.stdout)["results"]
    assert verify_checkpoint(tmp_path / "elsewhere" / entry["checkpoint"]).run_hash == entry["runHash"]
    assert os.listdir(tmp_path / "elsewhere") == []


@pytest.mark.parametrize("protocol", ["v1", "v2", "all"])
def test_every_protocol_runs(protocol: str, tmp_path: Path) -> None:
    done = bench(*SMALL_RUN, "--protocol", protocol, "--seeds", "2", "--seed", "9", "--json", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    names = ["v1", "v2", "v3"] if protocol == "all" else [protocol]
    assert [(e["protocol"], e["seed"]) for e in document["results"]] == [(n, s) for n in names for s in (9, 10)]
    sizes = {"v1": (3, 20), "v2": (5, 30), "v3": (6, 40)}
    assert all((e["epochs"], e["tasksPerEpoch"]) == sizes[e["protocol"]] for e in document["results"])
    assert [s["protocol"] for s in document["summaries"]] == names


def test_models_come_as_a_list_or_one_by_one_and_quick_runs_three(tmp_path: Path) -> None:
    arguments = ["--profile", "quick", "--json", "-q", "--out", str(tmp_path)]
    chosen = bench(*arguments, "--models", "phi-3-mini-4k,STARCODER2-3b", "--models", SMALL_MODEL.name, folder=tmp_path)
    names = [entry["model"] for entry in json.loads(chosen.stdout)["results"]]
    assert names == ["Phi-3-mini-4k", "StarCoder2-3B", "Qwen2.5-Coder-1.5B"]
    default = json.loads(bench(*arguments, folder=tmp_path).stdout)["results"]
    assert [entry["model"] for entry in default] == ["Qwen2.5-Coder-1.5B", "DeepSeek-Coder-1.3B", "StarCoder2-3B"]


def test_rank_replaces_that_of_the_protocol(tmp_path: Path) -> None:
    done = bench(*SMALL_RUN, "--rank", "3", "--json", folder=tmp_path)
    (entry,) = json.loads(done.stdout)["results"]
    assert entry["loraRank"] == 3
    assert verify_checkpoint(tmp_path / entry["checkpoint"]).shape.rank == 3


def test_a_result_below_the_frozen_start_has_exit_code_3(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def worse(*_: Any) -> list[Any]:
        harmed = hand_made("CodeLlama-7B", params=7.0, before=[1] * 75 + [0] * 25, after=[1] * 50 + [0] * 50)
        perhaps = hand_made(before=[1] * 55 + [0] * 45, after=[0] * 10 + [1] * 45 + [0] * 40 + [1] * 5)
        return convert([harmed, perhaps], list[BenchmarkRun])

    monkeypatch.setattr(bench_actions, "run_cells", worse)
    assert main(["--json", "--out", str(tmp_path)]) == 3
    out, err = capsys.readouterr()
    assert err == "ruvllm-bench: worse than the frozen start, beyond chance: CodeLlama-7B v3\n"
    assert json.loads(out)["command"] == ["ruvllm-bench", "--json", "--out", str(tmp_path)]


def test_a_terminal_that_has_only_ascii_is_enough(tmp_path: Path) -> None:
    done = bench(*SMALL_RUN, "--out", "größe", folder=tmp_path, PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii()
    assert "gr\\xf6\\xdfe" in done.stdout.splitlines()[-1]


@posix
def test_on_a_terminal_there_are_colours_and_bars(tmp_path: Path) -> None:
    import pty

    main, terminal = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "140"}
    for name in ("NO_COLOR", "CI"):
        environment.pop(name, None)
    command = [*BENCH_COMMAND, *SMALL_RUN, "--json"]
    with (
        open(main, "rb", buffering=0) as screen,
        subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=terminal) as process,
    ):
        os.close(terminal)
        assert process.stdout is not None
        shown = b""
        while chunk := read_terminal(screen):
            shown += chunk
        out = process.stdout.read()
    assert process.returncode == 0
    assert b"Resolved" in shown and b"Confidence" in shown and b"Time left" in shown
    assert b"\x1b[?25h" in shown  # the cursor is back
    assert f"{SMALL_MODEL.name} v3 seed 0:".encode() in shown
    assert json.loads(out)["schema"] == 1


def read_terminal(screen: Any) -> bytes:
    try:
        data: bytes = screen.read(65536)
    except OSError:  # the other end has closed
        return b""
    return data
