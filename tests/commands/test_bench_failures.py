"""ruvllm-bench when something goes wrong: one line, the right exit code, whole files."""

import signal
import subprocess
from pathlib import Path

import pytest
from bench_samples import (
    BENCH_COMMAND,
    SMALL_MODEL,
    SMALL_RUN,
    UNBOUNDED,
    bench,
    checkpoints,
    error_line,
    leftovers,
    write_corpus,
)
from checkpoint_samples import posix

from ruvllm.checkpoints.verifying import verify_checkpoint

# what goes wrong before the first epoch

DOCSTRINGS = ("--tasks", "docstring")
"""Tasks of code that a small tree is enough for."""


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
    for name, reason in (
        ("missing", "a code corpus needs a folder; 'missing': No such file or directory"),
        ("file.py", "a code corpus needs a folder; 'file.py' is a file"),
        ("few", "a code corpus needs at least 50 documented functions; 'few' has 20 in 2 Python files (0 skipped)"),
    ):
        for command in ((), ("ablate",)):
            arguments = ("-q", "--split", "function", "--workload", f"code:{name}", *DOCSTRINGS, "--out", "out")
            done = bench(*command, *UNBOUNDED, *arguments, folder=tmp_path)
            assert (done.returncode, done.stdout) == (1, "")
            assert error_line(done) == f"ruvllm-bench: {reason}"
    assert not (tmp_path / "out").exists()


def test_more_folds_than_files_is_one_line(tmp_path: Path) -> None:
    write_corpus(tmp_path / "source", files=10)
    done = bench(*UNBOUNDED, "-q", "--folds", "10", "--workload", "code:source", *DOCSTRINGS, folder=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert error_line(done) == (
        "ruvllm-bench: source: 100 tasks (100 of type code_completion): a split by file into a holdout and 10 groups "
        "needs at least 11 files with documented functions, "
        "not 10; split by function instead"
    )


def test_a_checkpoint_that_was_changed_is_one_line_and_stays(tmp_path: Path) -> None:
    assert bench(*SMALL_RUN, "-q", folder=tmp_path).returncode == 0
    (path,) = checkpoints(tmp_path / "results")
    path.write_text("{}")
    done = bench(*SMALL_RUN, "-q", folder=tmp_path)
    assert done.returncode == 1
    assert f"{path.name} exists and does not verify" in error_line(done)
    assert "nothing was overwritten" in done.stderr
    assert path.read_text() == "{}"


# interrupts


@posix
@pytest.mark.parametrize("arguments", [("ablate",), ("--stream", "blocked")])
def test_ctrl_c_ends_runs_without_checkpoints_too(arguments: tuple[str, ...], tmp_path: Path) -> None:
    command = [*BENCH_COMMAND, *arguments, *UNBOUNDED, "--models", SMALL_MODEL.name, "--jobs", "2"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("[1/")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    (line,) = (line for line in err.splitlines() if line and not line.startswith("["))
    assert line == "ruvllm-bench: interrupted; files that were written stay, --resume goes on"
    written = [path for path in (tmp_path / "results").rglob("*") if path.is_file()]
    assert {path.parent.name for path in written} == {"unfinished"}


@posix
@pytest.mark.parametrize("arguments", [(), ("--json",), ("--workload", "code:.", *DOCSTRINGS)])
def test_ctrl_c_leaves_whole_files_and_one_line(arguments: tuple[str, ...], tmp_path: Path) -> None:
    write_corpus(tmp_path / "source")
    command = [*BENCH_COMMAND, *UNBOUNDED, "--models", SMALL_MODEL.name, "--jobs", "2", "--keep", "all", *arguments]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        while not (line := process.stderr.readline()).startswith("[1/1000] "):
            notes = "Reading Python source", "no model runs on real input", f"{tmp_path.name}: "
            assert line.startswith(notes), line
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    lines = [line for line in err.splitlines() if line and not line.startswith("[")]
    assert lines == ["ruvllm-bench: interrupted; files that were written stay, --resume goes on"]
    assert leftovers(tmp_path / "results") == []
    assert list((tmp_path / "results").glob("*.json")) == []
    assert checkpoints(tmp_path / "results")
    for path in checkpoints(tmp_path / "results"):
        verify_checkpoint(path)
