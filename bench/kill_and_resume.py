"""Kill ruvllm-bench at random moments and let it go on: are all files whole, and the results those of an unbroken run?

    python bench/kill_and_resume.py                 200 runs killed with SIGKILL, 40 whose disk is full
    python bench/kill_and_resume.py --runs 8 --full 4

Each run is killed once or several times, then ends with --resume. After each kill every checkpoint must verify and
every snapshot be whole (each epoch is saved); no epoch whose snapshot was on disk may be begun again; at the end the
hashes must be those of the unbroken run and nothing may be left unfinished. "Full" is a limit on the size of files
(RLIMIT_FSIZE), at which a write fails after some bytes, as on a full disk. POSIX only. Exit code 1 where one
of this does not hold.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ruvllm.checkpoints.verifying import verify_checkpoint
from ruvllm.commands.bench import main as run_bench
from ruvllm.files.arrays import read_arrays
from ruvllm.learning import snapshots, training_run

ARGUMENTS = ["--profile", "quick", "--models", "Qwen2.5-Coder-1.5B", "-q", "--snapshot-seconds", "0"]
MOST_KILLS = 4
SLOWEST = 60.0

Watched = Callable[..., Any]


def watch(log: Path) -> None:
    """Writes down which epoch of which run begins, and which is on disk: a line each, at once."""
    begin, save = training_run.TrainingRun.epoch, snapshots.Snapshot.save

    def note(*words: object) -> None:
        with open(log, "a", encoding="utf-8") as file:
            file.write(" ".join(map(str, words)) + "\n")

    def begun(self: training_run.TrainingRun) -> None:
        note("begun", self.plan.control.name, self.epochs_done + 1)
        begin(self)

    def saved(self: snapshots.Snapshot, state: Any, *rest: Any) -> None:
        save(self, state, *rest)
        note("saved", int(state["run.epochs"][0]))

    training_run.TrainingRun.epoch = begun  # type: ignore[method-assign]
    snapshots.Snapshot.save = saved  # type: ignore[method-assign]


def start(folder: Path, *more: str, most_bytes: int | None = None) -> int:
    """The command in a child process; returns its number."""
    child = os.fork()
    if child == 0:
        code = 70
        try:
            for name, number in (("out", 1), ("err", 2)):
                os.dup2(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666), number)
            watch(folder / "log")
            if most_bytes is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))
            code = run_bench([*ARGUMENTS, "--out", str(folder / "results"), *more])
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    return child


def end(child: int) -> int:
    """Waits for it; its exit code, below 0 for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def hashes(folder: Path) -> list[tuple[str, str]]:
    (path,) = (folder / "results").glob("benchmark-*.json")
    return [(entry["stateHash"], entry["runHash"]) for entry in json.loads(path.read_text())["results"]]


def check_files(folder: Path) -> int:
    """Raises for a file that is not whole; returns how many there were."""
    results = folder / "results"
    found = 0
    for path in (results / "checkpoints").glob("*.json"):
        verify_checkpoint(path)
        found += 1
    for path in (results / "unfinished").glob("*.safetensors"):
        snapshot = snapshots.Snapshot(path, wanted=True)
        assert "snapshot.digest" in read_arrays(path) and snapshot.load() is not None, path
        found += 1
    for path in (results / "unfinished").glob("*.json"):
        assert snapshots.Unfinished(results / "unfinished", resume=True).result(path.stem) is not None, path
        found += 1
    for path in results.glob("*.json"):
        json.loads(path.read_text())
    return found


def check_log(folder: Path) -> None:
    """No epoch begins again whose snapshot was on disk before. The four runs of a cell come one after the other."""
    on_disk: dict[str, int] = {}
    control = ""
    for line in (folder / "log").read_text().splitlines():
        kind, *name, number = line.split()
        if kind == "begun":
            (control,) = name
            assert int(number) > on_disk.get(control, 0), f"{control} began epoch {number} again"
        else:
            on_disk[control] = max(on_disk.get(control, 0), int(number))


def killed(folder: Path, seconds: float, draw: random.Random) -> int:
    """Kills it some times, at any moment of what is left of it; then lets it end. Returns the number of kills."""
    kills = 0
    for _ in range(draw.randint(1, MOST_KILLS)):
        child = start(folder, *(["--resume"] if (folder / "log").exists() else []))
        time.sleep(draw.uniform(0, seconds))
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        stopped = end(child) == -signal.SIGKILL
        if stopped and not any((folder / "results").glob("benchmark-*.json")):
            kills += 1
        else:
            forget_the_end(folder)
        check_files(folder)
    return kills


def forget_the_end(folder: Path) -> None:
    """It was sooner done, or had written all and was about to: nothing to go on from, and the next one begins anew."""
    for path in [*(folder / "results").glob("benchmark-*.json"), folder / "log"]:
        path.unlink(missing_ok=True)


def full(folder: Path, draw: random.Random) -> int:
    """A disk that is full at some file; the command must say so in one line. Returns 1 where it came to that."""
    child = start(folder, most_bytes=round(10 ** draw.uniform(2, 6.5)))
    code = end(child)
    lines = (folder / "err").read_text().splitlines()
    assert code in (0, 1), f"exit code {code}: {lines}"
    if code == 1:
        assert len(lines) == 1 and "Traceback" not in lines[0], lines
    else:
        forget_the_end(folder)
    check_files(folder)
    return int(code == 1)


def finish(folder: Path, unbroken: list[tuple[str, str]]) -> None:
    code = end(start(folder, "--resume"))
    assert code == 0, f"exit code {code}: {(folder / 'err').read_text()}"
    assert hashes(folder) == unbroken, "the hashes are not those of the unbroken run"
    check_files(folder)
    check_log(folder)
    assert list((folder / "results" / "unfinished").glob("*.*s*")) == [], "something is left unfinished"


def campaign(runs: int, disks: int, seed: int) -> int:
    draw = random.Random(seed)
    broken = kills = 0
    with tempfile.TemporaryDirectory() as name:
        first = Path(name, "unbroken")
        first.mkdir()
        started = time.perf_counter()
        assert end(start(first)) == 0, (first / "err").read_text()
        seconds, unbroken = time.perf_counter() - started, hashes(first)
        for i in range(runs + disks):
            folder = Path(name, str(i))
            folder.mkdir()
            try:
                kills += killed(folder, seconds, draw) if i < runs else full(folder, draw)
                finish(folder, unbroken)
            except Exception as error:  # all are counted, whatever is wrong with one
                broken += 1
                print(f"run {i}: {error}", flush=True)
            for path in sorted(folder.rglob("*"), reverse=True):
                path.rmdir() if path.is_dir() else path.unlink()
    print(f"{runs} runs killed and {disks} on a full disk, {kills} times in all: {runs + disks - broken} ended with "
          f"the hashes of the unbroken run and whole files, {broken} did not")  # fmt: skip
    return 1 if broken else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Kill ruvllm-bench at random moments and let it go on.")
    parser.add_argument("--runs", type=int, default=200, help="runs that are killed (default: 200)")
    parser.add_argument("--full", type=int, default=40, help="runs whose disk is full (default: 40)")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    sys.exit(campaign(given.runs, given.full, given.seed))
