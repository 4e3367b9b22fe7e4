"""Short forms of the scripts that kill runs and fuzz the reader; the long ones are for the hand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from checkpoint_samples import posix

BENCH = Path(__file__).resolve().parents[2] / "bench"


def script(name: str, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(BENCH / name), *arguments], cwd=folder, capture_output=True, text=True, timeout=300
    )


@posix
def test_killed_runs_go_on(tmp_path: Path) -> None:
    done = script("kill_and_resume.py", "--runs", "3", "--full", "2", folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 ended with the hashes of the unbroken run and whole files, 0 did not" in done.stdout


def test_changed_files_are_taken_or_refused(tmp_path: Path) -> None:
    done = script("fuzz_checkpoint.py", "--inputs", "5000", "--seed", "1", folder=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "5000 inputs:" in done.stdout and ", 0 wrong;" in done.stdout
    assert list(tmp_path.iterdir()) == []
