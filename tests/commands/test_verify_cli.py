"""The command ruvllm-verify: what it prints, its exit codes, and how it ends when something goes wrong."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from checkpoint_samples import ORIGINALS, VERIFY_COMMAND, needs_originals, posix, sample_state, write_sample

from ruvllm.commands.verify import main


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return write_sample(tmp_path, unhashed={"host": "h"}).path


def test_summary_and_exit_code_0(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(good)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    for text in (
        "DeepSeek-Coder-1.3B",
        "rank 2 × 5, 4 heads: code_completion",
        "480, 123 successful",
        "resolve rate 75.0%",
        "frozen start resolve rate 18.0%",
        "OK, covers loraWeights, ewcState, patternCentroids",
        "covers timestamp, unhashed",
        "does not show that the numbers are true",
    ):
        assert text in out


@needs_originals
def test_the_words_about_an_original_file(capsys: pytest.CaptureFixture[str]) -> None:
    (path,) = ORIGINALS.glob("*_v3_*")
    assert main([str(path)]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  no hash")]
    for key in ("multiHeadLoRA", "patternQualities", "trajectoryStats", "improvementHistory"):
        assert key in line


def test_a_bad_file_is_one_line_and_the_others_are_verified(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = good.with_name("bad.json")
    bad.write_text("{")
    assert main([str(bad), str(good), str(good.parent)]) == 1
    out, err = capsys.readouterr()
    assert "DeepSeek-Coder-1.3B" in out
    first, second = err.splitlines()
    assert first.startswith(f"ruvllm-verify: {bad}: is not JSON")
    assert second.startswith(f"ruvllm-verify: {good.parent}: is a folder, not a regular file; --list ")


@pytest.mark.parametrize("arguments", [[], ["--no-such-option", "x"]])
def test_usage_errors_exit_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("ruvllm-verify: ")
    assert line.endswith("(see ruvllm-verify --help)")


def test_json_is_one_object(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = good.with_name("bad.json")
    bad.write_text("[]")
    assert main(["--json", str(good), str(bad)]) == 1
    result = json.loads(capsys.readouterr().out)
    assert [result["ok"], *(file["ok"] for file in result["files"])] == [False, True, False]
    assert result["files"][0]["checkpointId"] == good.stem[-16:]
    assert result["files"][0]["uncovered"] == ["timestamp", "unhashed"]
    assert result["files"][1]["error"] == "must hold a JSON object, not a list"


def test_quiet_prints_errors_only(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-q", str(good)]) == 0
    assert capsys.readouterr() == ("", "")
    assert main(["-q", str(good), "none"]) == 1
    assert capsys.readouterr() == ("", "ruvllm-verify: none: cannot be read: No such file or directory\n")


def test_text_from_files_and_names_cannot_drive_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_sample(tmp_path, model_name="evil\x1b[2J\r\n[red]\u202e" + "x" * 10_000)
    (path,) = tmp_path.iterdir()
    odd = path.with_name("new\nline\x1b.json")
    path.rename(odd)
    assert main([str(odd)]) == 0
    out = capsys.readouterr().out
    assert "evil\\x1b[2J\\r\\n[red]\\u202e" in out
    assert "new\\nline\\x1b.json" in out
    assert all(line.isprintable() and len(line) < 400 for line in out.splitlines())


def test_a_terminal_gets_a_table_without_mark_up_from_files(
    good: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_sample(good.parent, model_name="[bold]m[/bold]").path
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "100")
    assert main([str(path)]) == 0
    out = capsys.readouterr().out
    assert "[bold]m[/bold]" in out
    assert "rank 2 × 5" in out


def test_a_file_too_big_for_memory_is_one_line(
    good: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def exhausted(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("ruvllm.commands.verify_actions.verify_checkpoint", exhausted)
    assert main([str(good)]) == 1
    assert capsys.readouterr().err == f"ruvllm-verify: {good}: does not fit into memory\n"


@posix
def test_ctrl_c_ends_cleanly(tmp_path: Path) -> None:
    state = sample_state(rank=4, dimension=2000)
    path = write_sample(tmp_path, state=state).path
    with subprocess.Popen(
        [*VERIFY_COMMAND, *[str(path)] * 2000], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.read(1)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"Traceback" not in err


@posix
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_an_output_that_cannot_be_written_is_one_line(good: Path) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run([*VERIFY_COMMAND, str(good)], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr == "ruvllm-verify: cannot write the output: No space left on device\n"


def test_a_terminal_without_the_multiplication_sign_is_enough(good: Path) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "koi8-r"}
    done = subprocess.run([*VERIFY_COMMAND, str(good)], capture_output=True, text=True, timeout=60, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert "rank 2 \\xd7 5" in done.stdout


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys; from ruvllm.commands.verify import main; code = main(['--help'])\n"
        "print(sorted({'numpy', 'rich', 'ruvllm._core'} & set(sys.modules)), code)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "[] 0", done.stderr
