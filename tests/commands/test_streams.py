"""Streams that are closed, full, without a reader, not blocking or not UTF-8: no run ends for them, no traceback."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest
from bench_samples import BENCH_COMMAND, SMALL_RUN, bench, checkpoints, results_file
from checkpoint_samples import posix

pytestmark = posix
RUN = (*SMALL_RUN, "--no-controls")
FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")


def command_of(name: str) -> list[str]:
    words = f"import sys; from ruvllm.commands.{name} import main; sys.exit(main())"
    return [sys.executable, "-W", "error", "-c", words]


def in_shell(words: list[str], redirection: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command with its streams as a shell's redirection says. A pipe's exit code is the command's."""
    script = f"set -o pipefail; {shlex.join(words)} {redirection}"
    return subprocess.run(["bash", "-c", script], cwd=folder, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    assert bench(*RUN, "-q", folder=folder).returncode == 0
    return folder


def commands(results: Path) -> dict[str, list[str]]:
    """Each command whose output is all that it is run for."""
    file, checkpoint = str(results_file(results / "results")), str(checkpoints(results / "results")[0])
    bench_words, verify, report = map(command_of, ("bench", "verify", "report"))
    return {
        "version": [*bench_words, "--version"],
        "help": [*bench_words, "--help"],
        "usage": [*bench_words, "ablate", "--help"],
        "protocols": [*bench_words, "protocols"],
        "verify": [*verify, checkpoint],
        "verify --json": [*verify, "--json", checkpoint],
        "verify --list": [*verify, "--list", str(results / "results" / "checkpoints")],
        "verify --compare": [*verify, "--compare", checkpoint, checkpoint],
        "verify --version": [*verify, "--version"],
        "report": [*report, file],
        "tasks": [*report, "tasks", file],
        "tasks --csv": [*report, "tasks", file, "--csv", "-"],
        "compare": [*report, "compare", file, file],
        "compare --json": [*report, "compare", "--json", file, file],
    }


NAMES = ("version", "help", "usage", "protocols", "verify", "verify --json", "verify --list", "verify --compare",
         "verify --version", "report", "tasks", "tasks --csv", "compare", "compare --json")  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_whatever_becomes_of_the_streams_there_is_no_traceback(name: str, results: Path, tmp_path: Path) -> None:
    words = commands(results)[name]
    program = f"ruvllm-{name.split()[0] if name.startswith('verify') else ''}"
    for redirection in ("2>&-", ">&- 2>&- <&-", "2>&1 | true", "| true", "| head -1"):
        done = in_shell(words, redirection, tmp_path)
        assert (redirection, done.returncode, done.stderr) == (redirection, 0, "")
    closed = in_shell(words, ">&-", tmp_path)
    assert closed.returncode == 0  # whoever closes it wants nothing from it
    assert re.fullmatch(rf"{program}\S*: cannot write the output: it is closed\n", closed.stderr)
    if Path("/dev/full").exists():
        full = in_shell(words, ">/dev/full", tmp_path)
        assert full.returncode == 1
        assert re.fullmatch(rf"{program}\S*: cannot write the output: No space left on device\n", full.stderr)
        assert in_shell(words, "2>/dev/full", tmp_path).returncode == 0


@pytest.mark.parametrize("redirection", [">&-", "2>&-", ">&- 2>&- <&-", "| true", "2>&1 >out | true", "| head -1"])
def test_a_run_saves_its_results_whatever_becomes_of_the_streams(redirection: str, tmp_path: Path) -> None:
    done = in_shell([*BENCH_COMMAND, *RUN], redirection, tmp_path)
    assert done.returncode == 0, done.stderr
    file = results_file(tmp_path / "results")
    assert json.loads(file.read_text())["schema"] == 1
    assert len(checkpoints(tmp_path / "results")) == 1
    progress, *rest = done.stderr.splitlines() or [""]
    assert progress.startswith("[1/1] ") or not progress
    expected = f"ruvllm-bench: cannot write to standard output: it is closed; the results are in results/{file.name}"
    assert rest == ([expected] if redirection == ">&-" else [])
    if redirection.endswith("head -1"):
        assert done.stdout.startswith("Simulated workload, v3, 1 model: ")


@FULL
@pytest.mark.parametrize("redirection", [">/dev/full", "2>/dev/full", ">/dev/full 2>&1"])
def test_a_full_disk_behind_a_stream_ends_no_run(redirection: str, tmp_path: Path) -> None:
    done = in_shell([*BENCH_COMMAND, *RUN], redirection, tmp_path)
    assert done.returncode == 0, done.stderr
    file = results_file(tmp_path / "results")
    if redirection == ">/dev/full":
        assert done.stderr.splitlines()[1:] == [
            "ruvllm-bench: cannot write to standard output: No space left on device; the results are in "
            f"results/{file.name}"
        ]
    elif redirection == "2>/dev/full":
        assert f"Results: results/{file.name}" in done.stdout


@FULL
def test_json_that_cannot_be_written_is_a_failure_after_the_results_are_saved(tmp_path: Path) -> None:
    done = in_shell([*BENCH_COMMAND, *RUN, "--json"], ">/dev/full", tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines()[1:] == ["ruvllm-bench: cannot write the output: No space left on device"]
    assert results_file(tmp_path / "results").exists()
    gone = in_shell([*BENCH_COMMAND, *RUN, "--json", "--out", "other"], "| true", tmp_path)
    assert gone.returncode == 0
    assert len(gone.stderr.splitlines()) == 1


def test_files_of_a_report_are_written_when_nothing_can_be_said_about_them(results: Path, tmp_path: Path) -> None:
    words = [*command_of("report"), str(results / "results"), "--csv", "table.csv"]
    done = in_shell(words, ">&-", tmp_path)
    assert done.returncode == 0
    assert done.stderr == "ruvllm-report: cannot write to standard output: it is closed; the files are written\n"
    assert (tmp_path / "table.csv").read_text().startswith("file,")


def test_wrong_usage_has_its_exit_code_when_nobody_hears_why(tmp_path: Path) -> None:
    for redirection in ("2>&-", "2>&1 | true"):
        assert in_shell([*BENCH_COMMAND, "--seeds", "0"], redirection, tmp_path).returncode == 2


def test_a_pipe_that_does_not_block_gets_everything(tmp_path: Path) -> None:
    import fcntl

    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    with subprocess.Popen([*BENCH_COMMAND, *RUN, "-q", "--json"], cwd=tmp_path, stdout=writing) as process:
        os.close(writing)
        while not list(tmp_path.glob("results/benchmark-*.json")) and process.poll() is None:
            time.sleep(0.01)  # the pipe is full before anybody reads
        with open(reading, "rb") as pipe:
            out = pipe.read()
    assert process.returncode == 0
    assert out.decode() == results_file(tmp_path / "results").read_text()
    assert len(out) > 4 * 4096 - 100


@pytest.mark.parametrize("environment", [
    {"LC_ALL": "C"}, {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}, {"PYTHONIOENCODING": "latin-1"},
    {"PYTHONIOENCODING": "ascii:strict"}, {"PYTHONIOENCODING": "utf-16"},
])  # fmt: skip
def test_any_encoding_of_the_streams_does(environment: dict[str, str], results: Path, tmp_path: Path) -> None:
    for name in ("help", "verify", "report", "compare --json"):
        words = commands(results)[name]
        done = subprocess.run(words, cwd=tmp_path, env={**os.environ, **environment}, capture_output=True, timeout=60)
        assert (done.returncode, done.stderr) == (0, b"")
        assert done.stdout


@pytest.mark.parametrize("columns", ["0", "-5", "abc", "", "1000000", "²", "1e3", "99999999999999999999"])
def test_a_width_that_no_terminal_has_counts_as_unset(columns: str, results: Path, tmp_path: Path) -> None:
    clean = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "LINES")}
    for name in ("help", "protocols", "report", "verify"):
        words = commands(results)[name]
        shown = [
            subprocess.run(words, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60)
            for env in (clean, {**clean, "COLUMNS": columns, "LINES": columns})
        ]
        assert shown[0].stdout and shown[1].stdout == shown[0].stdout
        assert (shown[1].returncode, shown[1].stderr) == (0, "")


def test_a_width_that_a_terminal_has_is_kept(results: Path, tmp_path: Path) -> None:
    done = bench("protocols", folder=tmp_path, COLUMNS="40")
    assert max(map(len, done.stdout.splitlines())) <= 40
