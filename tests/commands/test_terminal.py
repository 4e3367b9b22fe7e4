"""What ruvllm-bench looks like on a terminal of 60, 80 and 120 columns, through a pipe, and without colours."""

from __future__ import annotations

import contextlib
import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from bench_samples import BENCH_COMMAND, bench

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
TWO_MODELS = ("--profile", "quick", "--models", "Qwen2.5-Coder-1.5B,DeepSeek-Coder-1.3B")
ESCAPE = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])")


def on_terminal(columns: int, folder: Path, *arguments: str, **environment: str) -> str:
    """Everything that a terminal of so many columns is sent, on both streams."""
    import fcntl
    import pty
    import termios

    main, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    clean = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "CI", "COLUMNS", "LINES")}
    command = [*BENCH_COMMAND, *arguments]
    shown = b""
    with (
        open(main, "rb", buffering=0) as screen,
        subprocess.Popen(
            command, cwd=folder, env={**clean, "TERM": "xterm-256color", **environment}, stdin=terminal,
            stdout=terminal, stderr=terminal,
        ) as process,
    ):  # fmt: skip
        os.close(terminal)
        with contextlib.suppress(OSError):  # the other end is closed
            while chunk := screen.read(65536):
                shown += chunk
    assert process.returncode == 0
    return shown.decode("utf-8")


def lines_of(shown: str) -> list[str]:
    """Every line that was ever on the screen, without its colours."""
    return [line.rstrip() for line in re.split(r"[\r\n]+", ESCAPE.sub("", shown)) if line.strip()]


@posix
@pytest.mark.parametrize("columns", [60, 80, 120])
def test_bars_tables_controls_and_ranking_fit_the_terminal(columns: int, tmp_path: Path) -> None:
    shown = on_terminal(columns, tmp_path, *TWO_MODELS)
    lines = lines_of(shown)
    own = [line for line in lines if not line.startswith("Results: ") and "of the test tasks" not in line]
    assert max(map(len, own)) <= columns
    assert "…" not in shown
    heading = next(line for line in lines if "Epoch" in line)
    words = ("Right", "Sure", "Left") if columns < 80 else ("Resolved", "Confidence", "Time left")
    assert all(word in heading for word in words)
    bars = [line for line in lines if re.match(r"Qwen2\.5-Coder-1\.5B +[━╸╺]", line)]
    assert any(re.search(r" (\d/6|controls|done) +\d+\.\d% +\d+\.\d%( +\d+:\d\d)?$", line) for line in bars)
    assert any(line.startswith("all ") for line in lines)
    table = "\n".join(lines[max(i for i, line in enumerate(lines) if line.startswith("Final results of v3")) - 1 :])
    for name in ("Qwen2.5-Coder-1.5B", "DeepSeek-Coder-1.3B"):
        assert name in table
    text = "\n".join(lines)
    for words_in_order in ("Resolve", "Control", "shuffled", "Ranking"):
        assert words_in_order in text
    assert "\x1b[?25h" in shown[shown.rindex("\x1b[?25l") :]  # the cursor is back
    assert "\x1b[3m" in shown or "\x1b[1m" in shown or "\x1b[2m" in shown


@posix
def test_no_color_is_respected_and_ci_gets_plain_lines(tmp_path: Path) -> None:
    shown = on_terminal(80, tmp_path, *TWO_MODELS, NO_COLOR="1")
    colours = {code for code, letter in ESCAPE.findall(shown) if letter == "m"}
    assert not [code for code in colours if re.search(r"(^|;)(3[0-8]|4[0-8]|9\d)", code)]
    shown = on_terminal(80, tmp_path, *TWO_MODELS, CI="true")
    assert "\x1b[?25l" not in shown  # no bars
    assert "[1/2] Qwen2.5-Coder-1.5B v3 seed 0: " in shown


def test_a_pipe_gets_plain_lines_and_the_tables(tmp_path: Path) -> None:
    done = bench(*TWO_MODELS, folder=tmp_path, COLUMNS="100")
    assert done.returncode == 0
    assert "\x1b" not in done.stdout + done.stderr
    first, second = done.stderr.splitlines()
    rest = r"/2\] \S+ v3 seed 0: \d+\.\d% -> \d+\.\d% of the test tasks, confidence \d+\.\d%, \d+\.\d s"
    assert re.fullmatch(r"\[1" + rest, first) and re.fullmatch(r"\[2" + rest, second)
    assert "Ranking" in done.stdout and "shuffled" in done.stdout


def test_quiet_and_json(tmp_path: Path) -> None:
    quiet = bench(*TWO_MODELS, "--quiet", folder=tmp_path)
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "", "")
    both = bench(*TWO_MODELS, "--quiet", "--json", folder=tmp_path)
    assert both.stdout.startswith("{") and both.stderr == ""
