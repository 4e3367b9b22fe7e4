"""Encoders of a user's own on the command line: whatever their code does, one clear outcome."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from bench_samples import bench

HEAD = """
import atexit, ctypes, os, sys, time
import numpy as np
calls = []
def count(texts):
    calls.append(len(texts))
    return np.array([[t.count(c) + 0.5 for c in "0123456789 w"] for t in texts], dtype=np.float32)
"""
NOISE = """
print("at import")
os.write(1, b"at import, by descriptor\\n")
atexit.register(lambda: print("at exit"))
atexit.register(os.write, 1, b"at exit, by descriptor\\n")
def v(texts):
    print("half a line", end="")
    sys.stdout.buffer.write(b"bytes")
    os.system("echo a child")
    ctypes.CDLL(None).puts(b"a C library")
    return count(texts)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    lines = [json.dumps({"prompt": f"prompt {i}", "solution": f"what {i * 3}"}) for i in range(120)]
    (tmp_path / "tasks.jsonl").write_text("\n".join(lines) + "\n")
    return tmp_path


def run(folder: Path, body: str, *options: str) -> subprocess.CompletedProcess[str]:
    (folder / "mine.py").write_text(HEAD + body)
    small = ("--profile", "quick", "--seeds", "1", "--rank", "2", "--no-controls", "--workload", "jsonl:tasks.jsonl")
    cache = str(folder / "cache")
    return bench(*small, "--encoder", "python:mine.v", *options, folder=folder, RUVLLM_CACHE=cache)


def test_json_is_alone_on_standard_output(folder: Path) -> None:
    done = run(folder, NOISE, "--json")
    assert done.returncode in (0, 3), done.stderr
    assert json.loads(done.stdout)["results"][0]["model"] == "mine.v"
    for text in ("at import", "at exit", "by descriptor", "half a line", "bytes", "a child", "a C library"):
        assert text in done.stderr


def test_nothing_is_seen_of_it_if_quiet(folder: Path) -> None:
    done = run(folder, NOISE, "-q", "--json")
    assert done.returncode in (0, 3), done.stderr
    json.loads(done.stdout)
    for text in ("at import", "at exit", "by descriptor", "half a line", "bytes", "a child", "a C library"):
        assert text not in done.stderr


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("sys.exit(0)", r"encoder 'python:mine\.v': it would end the program \(SystemExit: 0\)"),
        ("def v(texts): sys.exit(0)", "it would end the program"),
        ("def v(texts):\n if len(calls) > 4: sys.exit(0)\n return count(texts)", "it would end the program"),
        ("def v(texts):\n if len(calls) > 4: raise KeyboardInterrupt\n return count(texts)", "KeyboardInterrupt"),
        ("def v(texts): return count(texts)[: None if len(calls) < 5 else -1]", r"must give an array \(120, d\)"),
        ("def v(texts): return count(texts) * 1j", "real numbers, not a ndarray with dtype complex64"),
    ],
)
def test_trouble_is_one_line_and_exit_code_1(folder: Path, body: str, message: str) -> None:
    done = run(folder, body, "--json")
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("ruvllm-bench: encoder 'python:mine.v'") and re.search(message, line)
    assert not list((folder / "results").glob("*.json"))


def test_an_encoder_that_leaves_the_folder_does_not_take_the_results_along(folder: Path) -> None:
    done = run(folder, "def v(texts):\n os.chdir('/')\n np.seterr(all='raise')\n return count(texts)", "-q")
    assert done.returncode in (0, 3), done.stderr
    assert list((folder / "results").glob("benchmark-*.json"))


def test_a_cache_that_cannot_be_written_is_told(folder: Path) -> None:
    (folder / "cache").write_text("a file")
    done = run(folder, "def v(texts): return count(texts)\nv.digest = '1'")
    assert done.returncode in (0, 3)
    assert done.stderr.count("vectors are not cached: cannot write ") == 1


def test_vectors_that_drift_are_told(folder: Path) -> None:
    done = run(folder, "def v(texts): return count(texts) + (len(calls) > 6)", "--seeds", "2")
    assert done.returncode in (0, 3), done.stderr
    assert "gave other vectors for the same texts than before: no replay will give the same numbers" in done.stderr
    steady = run(folder, "def v(texts): return count(texts)", "--seeds", "2")
    assert "other vectors" not in steady.stderr


def test_long_encoding_says_so(folder: Path) -> None:
    done = run(folder, "def v(texts):\n time.sleep(1.5 if len(texts) > 3 else 0)\n return count(texts)")
    assert "encoding 240 texts with mine.v, seed 0 ..." in done.stderr.splitlines()


def test_an_encoder_is_called_what_the_user_says_and_replayed_without_that(folder: Path) -> None:
    done = run(folder, "def v(texts): return count(texts)", "--encoder-name", "my counts", "--json")
    (entry,) = json.loads(done.stdout)["results"]
    assert entry["model"] == "my counts"

    def verify(*options: str) -> subprocess.CompletedProcess[str]:
        code = "import sys; from ruvllm.commands.verify import main; sys.exit(main())"
        command = [sys.executable, "-c", code, "--replay", entry["checkpoint"], "--corpus", "jsonl:tasks.jsonl"]
        return subprocess.run([*command, *options], cwd=folder, capture_output=True, text=True, timeout=120)

    without = verify()
    assert without.returncode == 4
    assert "its vectors came from encoder python:mine.v: name it with --encoder python:mine.v" in without.stderr
    assert "(and its tasks with --corpus jsonl:FILE)" in without.stderr
    again = verify("--encoder", "python:mine.v", "--json")
    assert json.loads(again.stdout)["files"][0]["outcome"] == "same"
    (folder / "mine.py").write_text(HEAD + NOISE + "\ndef v(texts):\n print('hello')\n return count(texts) + 1")
    other = verify("--encoder", "python:mine.v", "--json")
    assert json.loads(other.stdout)["files"][0]["outcome"] == "other input"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--encoder-name", "x"), "--encoder-name is for --encoder"),
        (("--encoder", "python:mine.v", "--encoder-name", "a\nb"), "must be 1 to 60 letters that can be printed"),
        (("--encoder", "python:mine.v", "--encoder-name", " "), "must be 1 to 60 letters"),
        (("--encoder", "python:mine.v", "--encoder-name", "x" * 61), "must be 1 to 60 letters"),
    ],
)
def test_a_name_for_nothing_is_wrong_usage(folder: Path, options: tuple[str, ...], message: str) -> None:
    done = bench("--workload", "jsonl:tasks.jsonl", *options, folder=folder)
    assert done.returncode == 2
    assert message in done.stderr
