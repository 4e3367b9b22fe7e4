"""The command ruvllm-bench as a user and a script meet it: streams, exit codes, files, interrupts."""

import json
import os
import platform
import shlex
import signal
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from bench_samples import BENCH_COMMAND, SMALL_MODEL, SMALL_RUN, bench, hand_made, write_corpus
from checkpoint_samples import posix

from ruvllm import benchmark, cli
from ruvllm.verify import verify_checkpoint

UNBOUNDED = ("--profile", "full", "--seeds", "1000")
"""Hours of work: a test that ends has found out before."""


def results_file(folder: Path) -> Path:
    (path,) = folder.glob("benchmark-*.json")
    return path


def leftovers(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".json"]


def error_line(done: subprocess.CompletedProcess[str]) -> str:
    """The only line of a failure."""
    (line,) = done.stderr.splitlines()
    assert line.startswith("ruvllm-bench: ")
    return line


# what a run leaves and prints


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    folder = tmp_path_factory.mktemp("run")
    return bench(*SMALL_RUN, folder=folder), folder


def test_the_table_is_on_standard_output_and_progress_on_standard_error(
    run: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    done, _ = run
    assert done.returncode == 0
    assert "v3, simulated workload, seed 0" in done.stdout
    assert done.stdout.count(SMALL_MODEL.name) == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"[1/1] {SMALL_MODEL.name} v3 seed 0: ")
    assert "\x1b" not in done.stdout + done.stderr


def test_results_and_checkpoints_are_where_the_last_line_says(
    run: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    done, folder = run
    path = results_file(folder / "results")
    checkpoints = Path("results", "checkpoints")
    assert done.stdout.splitlines()[-1] == f"Results: {path.relative_to(folder)}; checkpoints: {checkpoints}{os.sep}"
    document = json.loads(path.read_text())
    assert document["command"] == ["ruvllm-bench", *SMALL_RUN]
    assert document["results"][0]["epochs"] == 6
    (entry,) = document["results"]
    assert verify_checkpoint(folder / entry["checkpoint"]).run_hash == entry["runHash"]
    assert leftovers(folder) == []


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
    (checkpoint,) = (out / "checkpoints").iterdir()
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


def test_code_runs_on_any_folder_with_three_seeds_and_a_retrieval_table(tmp_path: Path) -> None:
    write_corpus(tmp_path / "source")
    arguments = ["--workload", "code:source", "--profile", "quick", "--models", SMALL_MODEL.name]
    done = bench(*arguments, folder=tmp_path, COLUMNS="140")
    assert done.returncode in (0, 3), done.stderr
    assert "v3, code workload, mean of seeds 0 to 2: retrieval" in done.stdout
    assert done.stderr.splitlines()[0] == "Reading Python source: source"
    document = json.loads(results_file(tmp_path / "results").read_text())
    assert [entry["seed"] for entry in document["results"]] == [0, 1, 2]
    assert {entry["loraRank"] for entry in document["results"]} == {16}
    for split in ("file", "function"):
        one = bench(*arguments, "--seeds", "1", "--split", split, "--json", "-q", folder=tmp_path)
        (entry,) = json.loads(one.stdout)["results"]
        stored = json.loads((tmp_path / entry["checkpoint"]).read_text())
        assert stored["run"]["workloadDetails"]["split"] == split


def test_a_result_below_the_frozen_start_has_exit_code_3(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def worse(*_: Any) -> list[Any]:
        harmed = hand_made("CodeLlama-7B", params=7.0, initial=0.75, final=0.5, gains=[-1.0] * 25 + [0.0] * 75)
        return [harmed, hand_made(initial=0.5, final=0.45, gains=[-1.0] * 10 + [0.0] * 88 + [1.0] * 5)]

    monkeypatch.setattr(benchmark, "run_cells", worse)
    assert cli.main(["--json", "--out", str(tmp_path)]) == 3
    out, err = capsys.readouterr()
    assert err == "ruvllm-bench: worse than the frozen start, beyond chance: CodeLlama-7B\n"
    assert json.loads(out)["command"] == ["ruvllm-bench", "--json", "--out", str(tmp_path)]


# help and wrong usage


def test_the_command_is_installed() -> None:
    (entry,) = metadata.entry_points(group="console_scripts", name="ruvllm-bench")
    assert entry.load() is cli.main


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys; from ruvllm.cli import main; code = main(['--help'])\n"
        "print(sorted({'numpy', 'rich', 'ruvllm._core'} & set(sys.modules)), code)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("Usage: ruvllm-bench")
    assert done.stdout.splitlines()[-1] == "[] 0", done.stderr


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"ruvllm-bench, version {metadata.version('ruvllm')}\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--models", "gpt-5"], "'--models': no model is called 'gpt-5'; there are Qwen2.5-Coder-1.5B, "),
        (["--models", "Phi-3-mini-4k,,"], "'--models': no model is called ''"),
        (["--workload", "real"], "'--workload': must be simulated, code or code:PATH, not 'real'"),
        (["--workload", "code:"], "'--workload': must be simulated, code or code:PATH, not 'code:'"),
        (["--workload", "simulated:x"], "'--workload': must be"),
        (["--isa", "mmx"], "'--isa': 'mmx' is not one of"),
        (["--seed", "-1"], "'--seed': -1 is not in the range 0<=x<=9007199254740991"),
        (["--seed", "9007199254740992"], "'--seed': 9007199254740992 is not in the range"),
        (["--seed", "1.5"], "'--seed': '1.5' is not a valid integer"),
        (["--seed", "9007199254740990", "--seeds", "3"], "'--seeds': the last seed must be at most 9007199254740991"),
        (["--seeds", "0"], "'--seeds': 0 is not in the range"),
        (["--rank", "0"], "'--rank': 0 is not in the range"),
        (["--rank", "257"], "'--rank': 257 is not in the range"),
        (["--split", "line"], "'--split': 'line' is not one of"),
        (["--jobs", "0"], "'--jobs': 0 is not in the range"),
        (["--profile", "huge"], "'--profile': 'huge' is not one of"),
        (["--protocol", "v4"], "'--protocol': 'v4' is not one of"),
        (["--no-such-option"], "--no-such-option"),
        (["word"], "unexpected extra argument"),
    ],
)
def test_wrong_usage_is_one_clear_error_and_exit_code_2(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([*UNBOUNDED, "--out", str(tmp_path / "out"), *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    (error,) = err.splitlines()
    assert error.startswith("ruvllm-bench: ")
    assert error.endswith(" (see ruvllm-bench --help)")
    assert said in error
    assert not (tmp_path / "out").exists()


def test_an_instruction_set_of_another_cpu_is_wrong_usage(tmp_path: Path) -> None:
    missing = "avx2" if platform.machine() in ("aarch64", "arm64") else "neon"
    done = bench(*UNBOUNDED, "--isa", missing, folder=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith(
        f"ruvllm-bench: Invalid value for '--isa': {missing} is not available on this CPU; there is scalar"
    )


@pytest.mark.parametrize("arguments", [[], ["--isa", "scalar"]])
def test_a_wrong_instruction_set_in_the_environment_is_wrong_usage(arguments: list[str], tmp_path: Path) -> None:
    done = bench(*UNBOUNDED, *arguments, folder=tmp_path, RUVLLM_ISA="mmx")
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("ruvllm-bench: RUVLLM_ISA: instruction set must be one of scalar, ")
    assert "not 'mmx'" in line


# what goes wrong before the first epoch


@pytest.mark.parametrize(
    ("out", "reason"),
    [
        ("file", "cannot write in the folder 'file': File exists"),
        ("file/below", "cannot write in the folder 'file/below': Not a directory"),
        ("taken", "cannot write in the folder 'taken/checkpoints': File exists"),
        ("/proc/none", "cannot write in the folder '/proc/none': No such file or directory"),
    ],
)
def test_a_folder_that_cannot_be_written_is_found_out_before_the_first_epoch(
    out: str, reason: str, tmp_path: Path
) -> None:
    if out.startswith("/proc") and not Path("/proc/self").exists():
        pytest.skip("no /proc here")
    (tmp_path / "file").write_text("content")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "checkpoints").write_text("content")
    done = bench(*UNBOUNDED, "--out", out, folder=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert error_line(done) == f"ruvllm-bench: {reason}"
    assert (tmp_path / "file").read_text() == "content"


def test_a_code_folder_that_does_not_do_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file.py").write_text("")
    write_corpus(tmp_path / "few", files=2, functions=10)
    write_corpus(tmp_path / "small parts", files=6, functions=10)
    for name, reason in (
        ("missing", "a code corpus needs a folder; 'missing': No such file or directory"),
        ("file.py", "a code corpus needs a folder; 'file.py' is a file"),
        ("few", "a code corpus needs at least 50 documented functions; 'few' has 20 in 2 Python files (0 skipped)"),
        ("small parts", "8 candidates need as many different bodies in each part; part holdout of the split by "
                        "function has 6, of 60 tasks in all"),
    ):  # fmt: skip
        done = bench(
            *UNBOUNDED, "-q", "--split", "function", "--workload", f"code:{name}", "--out", "out", folder=tmp_path
        )
        assert (done.returncode, done.stdout) == (1, "")
        assert error_line(done) == f"ruvllm-bench: {reason}"
    assert list((tmp_path / "out").glob("*.json")) == []


def test_a_checkpoint_that_was_changed_is_one_line_and_stays(tmp_path: Path) -> None:
    assert bench(*SMALL_RUN, "-q", folder=tmp_path).returncode == 0
    (path,) = (tmp_path / "results" / "checkpoints").iterdir()
    path.write_text("{}")
    done = bench(*SMALL_RUN, "-q", folder=tmp_path)
    assert done.returncode == 1
    assert f"{path.name} exists and does not verify" in error_line(done)
    assert "nothing was overwritten" in done.stderr
    assert path.read_text() == "{}"


# interrupts and streams


@posix
@pytest.mark.parametrize("arguments", [(), ("--json",), ("--workload", "code:.")])
def test_ctrl_c_leaves_whole_files_and_one_line(arguments: tuple[str, ...], tmp_path: Path) -> None:
    write_corpus(tmp_path / "source")
    command = [*BENCH_COMMAND, *UNBOUNDED, "--models", SMALL_MODEL.name, "--jobs", "2", *arguments]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        while not (line := process.stderr.readline()).startswith("[1/1000] "):
            assert line.startswith("Reading Python source"), line
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    lines = [line for line in err.splitlines() if line and not line.startswith("[")]
    assert lines == ["ruvllm-bench: interrupted; checkpoints that were written stay"]
    assert leftovers(tmp_path / "results") == []
    assert list((tmp_path / "results").glob("*.json")) == []
    checkpoints = list((tmp_path / "results" / "checkpoints").iterdir())
    assert checkpoints
    for path in checkpoints:
        verify_checkpoint(path)


@posix
@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_a_reader_who_goes_away_is_no_failure(flags: tuple[str, ...], tmp_path: Path) -> None:
    command = shlex.join([*BENCH_COMMAND, *SMALL_RUN, *flags])
    script = f"set -o pipefail; {command} | true"  # nobody reads when the results come
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    (line,) = done.stderr.splitlines()
    assert line.startswith("[1/1]")
    assert json.loads(results_file(tmp_path / "results").read_text())["schema"] == 1


@posix
def test_head_gets_its_line(tmp_path: Path) -> None:
    script = f"{shlex.join([*BENCH_COMMAND, *SMALL_RUN])} | head -1"
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "v3, simulated workload, seed 0"
    (line,) = done.stderr.splitlines()
    assert line.startswith("[1/1] ")


@posix
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("arguments", [SMALL_RUN, (*SMALL_RUN, "--json"), ("--help",)])
def test_an_output_that_cannot_be_written_is_one_line(arguments: tuple[str, ...], tmp_path: Path) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*BENCH_COMMAND, *arguments], cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60
        )
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if not line.startswith("[1/1]")]
    assert lines == ["ruvllm-bench: cannot write the output: No space left on device"]


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
    assert b"all runs" in shown
    assert b"\x1b[?25h" in shown  # the cursor is back
    assert f"{SMALL_MODEL.name} v3 seed 0:".encode() in shown
    assert json.loads(out)["schema"] == 1


def read_terminal(screen: Any) -> bytes:
    try:
        data: bytes = screen.read(65536)
    except OSError:  # the other end has closed
        return b""
    return data
