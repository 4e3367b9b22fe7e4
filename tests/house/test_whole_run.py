"""bench/whole_run.py: the command it measures runs, and the parts add up to the whole."""

import re
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "bench" / "whole_run.py"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, timeout=300)


def test_the_parts_add_up() -> None:
    done = run("--repetitions", "1", "--model", "Qwen2.5-Coder-1.5B")
    assert done.returncode == 0, done.stderr
    assert re.search(r"--no-controls --quiet: \d+\.\d\d s of processor time, \d+ MB", done.stdout)
    spent = {name.strip(): float(ms) for name, ms in re.findall(r"^  (.+?) +(\d+\.\d)$", done.stdout, re.MULTILINE)}
    assert spent.keys() > {"answers without learning", "replays", "patterns", "Python", "sum"}
    whole = spent.pop("sum")
    assert abs(sum(spent.values()) - whole) < 1.0 < whole


def test_no_repetitions_are_refused_in_one_line() -> None:
    done = run("--repetitions", "0")
    assert done.returncode == 2
    assert done.stderr == "whole_run.py: --repetitions must be at least 1, not 0\n"
