"""What a user is told who wrote something slightly wrong, or whose disk, home or patience is at an end."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bench_samples import BENCH_COMMAND, SMALL_RUN, bench, checkpoints, error_line, results_file
from checkpoint_samples import VERIFY_COMMAND, posix

from ruvllm.commands import bench as bench_command
from ruvllm.commands import bench_actions, report_actions, verify_actions
from ruvllm.commands import report as report_command
from ruvllm.commands import verify as verify_command

REPORT_COMMAND = [sys.executable, "-c", "import sys; from ruvllm.commands.report import main; sys.exit(main())"]
RUN = (*SMALL_RUN, "--no-controls", "-q")


def said(words: list[str], folder: Path, **environment: str) -> tuple[int, str]:
    """The exit code and the only line of a command that fails."""
    done = subprocess.run(
        words, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, timeout=120
    )
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    return done.returncode, line.partition(": ")[2]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    assert bench(*RUN, folder=folder).returncode == 0
    return folder / "results"


# names


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (("--workload", "own.jsonl"), "jsonl:own.jsonl"),
        (("--workload", "./own.txt"), "jsonl:./own.txt"),
        (("--workload", "missing.jsonl"), "jsonl:missing.jsonl"),
        (("--workload", "tree"), "code:tree"),
        (("--workload", "tree/a.py"), "code:tree"),
        (("--workload", "Code"), "code"),
        (("--workload", "cod:tree"), "code:tree"),
        (("--workload", "jsnl:own.jsonl"), "jsonl:own.jsonl"),
        (("--workload", "code", "--transfer", "own.jsonl"), "jsonl:own.jsonl"),
        (("--models", "Phi3"), "Phi-3-mini-4k"),
        (("--models", "StarCoder2-3B,codelama 7b"), "CodeLlama-7B"),
        (("--workload", "code", "--encoder", "mine.encode"), "python:mine.encode"),
        (("--workload", "code", "--encoder", "tree"), "sentence-transformers:tree"),
        (("--workload", "code", "--encoder", "transformer:x/y"), "transformers:x/y"),
    ],
)
def test_the_nearest_right_word_is_named(words: tuple[str, ...], meant: str, tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    for name in ("own.jsonl", "own.txt", "tree/a.py"):
        (tmp_path / name).write_text("")
    done = bench(*words, folder=tmp_path)
    assert done.returncode == 2
    assert f" (did you mean {meant}?)" in error_line(done)


@pytest.mark.parametrize("words", [("--workload", "real"), ("--models", "gpt-5"), ("--models", "qwen")])
def test_nothing_is_suggested_where_nothing_is_near(words: tuple[str, ...], tmp_path: Path) -> None:
    assert "did you mean" not in error_line(bench(*words, folder=tmp_path))


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--seeds", "abc"), "'--seeds': 'abc' is not a valid integer in the range 1<=x<=1000."),
        (("--folds", "1.5"), "'--folds': '1.5' is not a valid integer in the range 3<=x<=20."),
        (("simd", "--repetitions", ""), "'--repetitions': '' is not a valid integer in the range 7<=x<=1000."),
    ],
)
def test_a_number_that_is_none_is_told_with_the_bounds(words: tuple[str, ...], reason: str, tmp_path: Path) -> None:
    done = bench(*words, folder=tmp_path)
    assert done.returncode == 2
    assert reason in error_line(done)


@pytest.mark.parametrize("margin", ["x", "nan", "", "101"])
def test_a_margin_too(margin: str, tmp_path: Path) -> None:
    code, line = said([*REPORT_COMMAND, "compare", "a.json", "b.json", "--margin", margin], tmp_path)
    assert code == 2
    assert "in the range 0<=x<=100" in line


def test_an_encoder_that_is_narrower_than_the_rank_says_which_rank_would_do(tmp_path: Path) -> None:
    lines = [json.dumps({"prompt": f"do number {i}", "solution": f"x = {i}"}) for i in range(160)]
    (tmp_path / "own.jsonl").write_text("\n".join(lines))
    (tmp_path / "narrow.py").write_text(
        "import numpy as np\n"
        "def encode(texts):\n"
        "    return np.array([np.frombuffer(t.encode().ljust(8)[:8], np.uint8) for t in texts], np.float32)\n"
    )
    words = ("--workload", "jsonl:own.jsonl", "--encoder", "python:narrow.encode", "--profile", "quick", "-q",
             "--seeds", "1", "--no-controls")  # fmt: skip
    done = bench(*words, folder=tmp_path, PYTHONPATH=os.pathsep.join([str(tmp_path), *sys.path]))
    assert done.returncode == 1
    assert error_line(done).endswith("has 8 elements, fewer than the LoRA rank of 16: give --rank 8 or less")
    done = bench(*words, "--rank", "8", folder=tmp_path, PYTHONPATH=os.pathsep.join([str(tmp_path), *sys.path]))
    assert done.returncode in (0, 3), done.stderr


# paths


def test_a_tilde_that_the_shell_left_is_the_home_folder(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    done = bench(*RUN, "--out=~/kept", folder=tmp_path, HOME=str(home))
    assert done.returncode == 0, done.stderr
    assert results_file(home / "kept").exists()
    assert not (tmp_path / "~").exists()
    for workload, words in (("jsonl", "cannot read"), ("code", "a code corpus needs a folder")):
        done = bench("-q", "--workload", f"{workload}:~/none", folder=tmp_path, HOME=str(home))
        assert done.returncode == 1
        assert words in done.stderr and f"'{home}/none'" in done.stderr
    done = subprocess.run(
        [*REPORT_COMMAND, "~/kept", "--csv=~/table.csv"], cwd=tmp_path, env={**os.environ, "HOME": str(home)},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert (home / "table.csv").exists()


def test_compare_takes_a_folder_with_one_results_file_and_names_those_of_a_fuller_one(
    results: Path, tmp_path: Path
) -> None:
    words = [*REPORT_COMMAND, "compare", str(results), str(results_file(results))]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"A: {results_file(results)}\n")
    for i in range(7):
        shutil.copy(results_file(results), tmp_path / f"benchmark-{i}.json")
    code, line = said([*REPORT_COMMAND, "compare", ".", str(results)], tmp_path)
    assert code == 1
    assert line.startswith(". has 7 results files, name one: benchmark-6.json, benchmark-5.json, ")
    assert line.endswith(" and 2 more")
    (tmp_path / "empty").mkdir()
    code, line = said([*REPORT_COMMAND, "compare", str(results), "empty"], tmp_path)
    assert (code, line) == (1, "empty is a folder without results files")


def test_verify_says_what_to_do_with_a_folder_and_with_none(results: Path, tmp_path: Path) -> None:
    code, line = said([*VERIFY_COMMAND, str(results)], tmp_path)
    assert code == 1 and line.endswith(f"; --list {results} lists the checkpoints in it")
    for words in (["results/checkpoints/*.json"], ["--list"]):
        code, line = said([*VERIFY_COMMAND, *words], tmp_path)
        assert code == 1 and line.endswith("; a run with --keep none leaves no checkpoints")


def test_a_replay_says_which_encoder_and_input_are_missing(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    words = [f"word{i}" for i in range(400)]
    lines = [
        json.dumps({"prompt": " ".join(random.choice(words, 6)), "solution": " ".join(random.choice(words, 9))})
        for _ in range(160)
    ]
    (tmp_path / "own.jsonl").write_text("\n".join(lines))
    (tmp_path / "mine.py").write_text(
        "import zlib\nimport numpy as np\n"
        "def encode(texts):\n"
        "    return np.stack([np.random.default_rng(zlib.crc32(t.encode())).random(24, np.float32) for t in texts])\n"
        "other = encode\n"
    )
    path = os.pathsep.join([str(tmp_path), *sys.path])
    small = ("--workload", "jsonl:own.jsonl", "--profile", "quick", "--seeds", "1", "--no-controls", "-q")
    own = bench(*small, "--encoder", "python:mine.encode", "--out", "own", folder=tmp_path, PYTHONPATH=path)
    default = bench(*small, "--out", "default", folder=tmp_path)
    assert own.returncode in (0, 3) and default.returncode in (0, 3), own.stderr + default.stderr
    of_own, of_default = (str(checkpoints(tmp_path / name)[0]) for name in ("own", "default"))
    replay = [*VERIFY_COMMAND, "--replay"]
    for named in ([], ["--corpus", "jsonl:own.jsonl"]):
        code, line = said([*replay, of_own, *named], tmp_path, PYTHONPATH=path)
        assert code == 4 and line.endswith("--encoder python:mine.encode (and its tasks with --corpus jsonl:FILE)")
    code, line = said([*replay, of_own, "--encoder", "python:mine.encode", "--corpus", "own.jsonl"], tmp_path,
                      PYTHONPATH=path)  # fmt: skip
    assert code == 4 and line.endswith(": --corpus jsonl:own.jsonl")
    code, line = said([*replay, of_default, "--encoder", "python:mine.encode"], tmp_path, PYTHONPATH=path)
    assert code == 4 and line.endswith("its vectors came from the default encoder: replay it without --encoder")


# disks


def limited(words: list[str], folder: Path, size: int) -> subprocess.CompletedProcess[str]:
    """Run a command none of whose files may be larger, as under `ulimit -f`."""
    import resource

    return subprocess.run(
        words, cwd=folder, capture_output=True, text=True, timeout=120,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
    )  # fmt: skip


@posix
def test_a_file_that_gets_too_large_is_named_with_what_it_needs(results: Path, tmp_path: Path) -> None:
    report = [*REPORT_COMMAND, str(results)]
    for words, name in (
        ([*BENCH_COMMAND, *RUN], "results/checkpoints/"),
        ([*BENCH_COMMAND, *RUN, "--snapshot-seconds", "0"], "results/unfinished/"),
        ([*report, "--csv", "table.csv"], "table.csv"),
        ([*report, "--html", "page.html"], "page.html"),
        ([*report, "--csv", "new/deep/table.csv"], "new/deep/table.csv"),
        ([*report, "--plots", "plots"], "plots/"),
        ([*report, "--markdown", "board.md"], "board.md"),
        ([*report, "--trim", "small"], "small/benchmark-"),
    ):
        done = limited(words, tmp_path, 1000)
        assert (done.returncode, done.stdout) == (1, "")
        (line,) = done.stderr.splitlines()
        assert f"cannot write {name}" in line
        assert ": File too large: it needs " in line and "ulimit -f" in line
        assert ".tmp" not in line
    assert [path.name for path in tmp_path.rglob("*")] in ([], ["plots"])


@posix
def test_a_full_disk_is_told_with_the_file_and_its_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from ruvllm.files import atomic

    write = atomic._write_and_sync

    def full(path: Path, data: Sequence[bytes]) -> None:
        if sum(map(len, data)) > 100_000:
            raise OSError(28, "No space left on device", str(path))
        write(path, data)

    monkeypatch.setattr(atomic, "_write_and_sync", full)
    assert bench_command.main([*RUN, "--snapshot-seconds", "0", "--out", str(tmp_path / "out")]) == 1
    line = capsys.readouterr().err
    assert line.startswith(f"ruvllm-bench: cannot write {tmp_path}/out/unfinished/")
    assert "No space left on device: the file needs " in line and " kB\n" in line
    assert not (tmp_path / "out").exists()


@posix
def test_a_page_whose_folder_cannot_be_made_is_named(results: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    code, line = said([*REPORT_COMMAND, str(results), "--html", "file/page.html"], tmp_path)
    assert code == 1
    assert line.startswith("cannot write file/page.html: its folder cannot be made: ")


def test_a_home_that_cannot_be_written_is_no_matter_for_a_page(results: Path, tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file, so that nothing can be made below it")
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("XDG_", "MPL"))}
    clean |= {"HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path)}
    words = [*REPORT_COMMAND, str(results), "--html", "page.html"]
    done = subprocess.run(words, cwd=tmp_path, env=clean, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, "Page: page.html\n", "")
    assert sorted(os.listdir(tmp_path)) == ["home", "page.html"]


# signals


@posix
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_every_command_says_that_a_signal_ended_it(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    number = signal.Signals[name]

    def interrupted(*_: Any) -> int:
        os.kill(os.getpid(), number)
        return 0

    before = signal.getsignal(number)
    by = "" if name == "SIGINT" else f" by {name}"
    for main, actions, action, words, rest in (
        (bench_command.main, bench_actions, "benchmark", [], "; files that were written stay, --resume goes on"),
        (bench_command.main, bench_actions, "ablate", ["ablate"], "; files that were written stay, --resume goes on"),
        (bench_command.main, bench_actions, "measure_simd", ["simd"], "; files that were written stay"),
        (report_command.main, report_actions, "show", ["results"], ""),
        (report_command.main, report_actions, "compare_files", ["compare", "a", "b"], ""),
        (verify_command.main, verify_actions, "verify_files", ["x.json"], ""),
        (verify_command.main, verify_actions, "replay_files", ["--replay", "x.json"], ""),
    ):
        monkeypatch.setattr(actions, action, interrupted)
        assert main(words) == 128 + number
        assert capsys.readouterr().err.strip().endswith(f": interrupted{by}{rest}")
    assert signal.getsignal(number) == before


@posix
def test_a_signal_that_is_ignored_stays_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as under nohup
    try:
        monkeypatch.setattr(report_actions, "show", lambda *_: os.kill(os.getpid(), signal.SIGHUP) or 0)
        assert report_command.main(["results"]) == 0
    finally:
        signal.signal(signal.SIGHUP, before)
