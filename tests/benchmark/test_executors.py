"""Real workers: processes, dask and ray, one of them killed in the middle of a cell; Ctrl-C; results by their digest.

Everything runs in child processes, for every warning of dask or ray would be an error here. An encoder of the test's
own kills its worker, or makes all of them wait, so that nothing depends on when somebody looks.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest
from bench_samples import bench, write_corpus
from checkpoint_samples import posix
from sweep_samples import digest_in, write_encoder

from ruvllm.files.atomic import ABANDONED_SECONDS

SAMPLES = Path(__file__).resolve().parents[1] / "sweep_samples.py"
COMMAND = [sys.executable, "-c", "import sys; from ruvllm.commands.bench import main; sys.exit(main())"]
"""Without the BENCH_COMMAND's errors for warnings: those of dask and ray are theirs."""
PATIENT = {
    "RAY_AUTH_MODE": "disabled", "RAY_health_check_failure_threshold": "100", "RAY_health_check_timeout_ms": "60000",
    "RAY_worker_niceness": "0",  # it is 15
    "DASK_LOGGING__DISTRIBUTED": "critical", "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "180s",
    "DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP": "180s",
}  # fmt: skip
"""So that no limit of time of theirs is reached on a machine that is busy."""
SEEDS = 4
LIMIT = 900
"""Seconds after which a test gives up rather than hang."""

pytestmark = posix


@dataclass(frozen=True)
class Sweep:
    """A plan of few cells of real input, and what one core makes of it."""

    folder: Path
    digest: str


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    folder = tmp_path_factory.mktemp("executors")
    write_corpus(folder / "tree", files=8, functions=8)
    options = (
        "--workload", "code:tree", "--tasks", "docstring", "--profile", "quick", "--seeds", f"{SEEDS}", "--rank", "2",
        "--encoder", write_encoder(folder), "--no-controls", "--no-lexical", "-q",
    )  # fmt: skip
    planned = bench("plan", *options, folder=folder)
    assert planned.returncode == 0, planned.stderr
    (folder / "plan.jsonl").write_text(planned.stdout, encoding="utf-8")
    alone = bench(*options, "--out", "alone", folder=folder)
    assert alone.returncode in (0, 3), alone.stderr
    return Sweep(folder, digest_in(folder / "alone"))


def run(sweep: Sweep, out: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, "run", "--plan", "plan.jsonl", out, *arguments],
        cwd=sweep.folder, env={**os.environ, **PATIENT}, capture_output=True, text=True, timeout=LIMIT,
    )  # fmt: skip


def finished(sweep: Sweep, out: str) -> list[Path]:
    return sorted((sweep.folder / out / "cells").glob("*.json"))


def check_whole(sweep: Sweep, out: str) -> None:
    """All cells are there, and their results are those of one core."""
    assert len(finished(sweep, out)) == SEEDS
    done = bench("merge", out, "-q", folder=sweep.folder)
    assert done.returncode in (0, 3), done.stderr
    assert digest_in(sweep.folder / out) == sweep.digest
    left = [path for path in (sweep.folder / out).rglob(".ruvllm-*")]
    assert left == [] and not (sweep.folder / out / "unfinished").exists()


def check_with_a_killed_worker(sweep: Sweep, out: str, *executor: str) -> None:
    kill = sweep.folder / "kill"
    kill.touch()
    done = run(sweep, out, *executor)
    assert done.returncode == 0, done.stderr
    assert not kill.exists(), "no worker was killed"
    check_whole(sweep, out)


def test_a_process_that_is_killed_in_the_middle_of_a_cell(sweep: Sweep) -> None:
    check_with_a_killed_worker(sweep, "processes", "--jobs", "2")


def test_one_process_that_is_killed(sweep: Sweep) -> None:
    check_with_a_killed_worker(sweep, "process")


@pytest.fixture
def dask() -> Iterator[tuple[str, IO[str]]]:
    """The address of a scheduler without workers, and where to write how many it is to have."""
    pytest.importorskip("distributed", reason="the extra dask is not installed")
    cluster = subprocess.Popen(
        [sys.executable, str(SAMPLES)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        text=True, env={**os.environ, **PATIENT, "PYTHONPATH": with_samples()},
    )  # fmt: skip
    assert cluster.stdin is not None and cluster.stdout is not None
    try:
        yield f"dask:{cluster.stdout.readline().strip()}", cluster.stdin
    finally:
        cluster.stdin.close()
        cluster.wait(LIMIT)
        cluster.stdout.close()


def with_samples() -> str:
    """PYTHONPATH with the folder of the samples, which Python does not look into of itself under PYTHONSAFEPATH."""
    return os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH", ""), str(SAMPLES.parent))))


def set_workers(wanted: IO[str], number: int) -> None:
    wanted.write(f"{number}\n")
    wanted.flush()


def test_a_dask_worker_that_is_killed_in_the_middle_of_a_cell(sweep: Sweep, dask: tuple[str, IO[str]]) -> None:
    address, wanted = dask
    set_workers(wanted, 2)
    check_with_a_killed_worker(sweep, "dask", "--executor", address)


def test_a_dask_scheduler_without_workers_is_told_of_until_one_comes(sweep: Sweep, dask: tuple[str, IO[str]]) -> None:
    address, wanted = dask
    waiting = subprocess.Popen(
        [*COMMAND, "run", "--plan", "plan.jsonl", "awaited", "--executor", address],
        cwd=sweep.folder, env={**os.environ, **PATIENT}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert waiting.stderr is not None
    said = ""
    while "has no workers" not in said and (line := waiting.stderr.readline()):
        said += line
    set_workers(wanted, 1)
    _, rest = waiting.communicate(timeout=LIMIT)
    assert waiting.returncode == 0, said + rest
    scheduler = address.removeprefix("dask:")
    told = f"the dask scheduler at {scheduler} has no workers: cells wait until one comes ({SEEDS} are not done)\n"
    assert (said + rest).count(told) == 1
    check_whole(sweep, "awaited")


def test_a_ray_worker_that_is_killed_in_the_middle_of_a_cell(sweep: Sweep) -> None:
    pytest.importorskip("ray", reason="the extra ray is not installed")
    for _ in range(3):
        (sweep.folder / "kill").touch()
        done = run(sweep, "ray", "--executor", "ray", "--jobs", "2")
        if "ray did not start" not in done.stderr:
            break
    else:
        pytest.skip("ray itself did not start within its 30 seconds, three times")
    assert done.returncode == 0, done.stderr
    assert not (sweep.folder / "kill").exists(), "no worker was killed"
    check_whole(sweep, "ray")


# the end of the one who started it


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM", "SIGKILL"])
def test_an_interrupt_ends_all_processes_and_loses_nothing_written(
    number: str, sweep: Sweep
) -> None:
    hold, out = sweep.folder / "hold", sweep.folder / "sweep"
    hold.touch()
    try:
        command = subprocess.Popen(
            [*COMMAND, "run", "--plan", "plan.jsonl", "sweep", "--jobs", "2"],
            cwd=sweep.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        end = time.monotonic() + LIMIT
        while not finished(sweep, "sweep") and time.monotonic() < end:
            time.sleep(0.01)
        before = {path: path.read_bytes() for path in finished(sweep, "sweep")}
        assert 0 < len(before) < SEEDS  # those that are left wait
        if number == "SIGINT":  # as a terminal sends it
            os.killpg(command.pid, signal.SIGINT)
        else:
            command.send_signal(signal.Signals[number])
        _, said = command.communicate(timeout=LIMIT)  # once no process has the pipe any more
        assert command.returncode == {"SIGINT": 130, "SIGTERM": 143, "SIGKILL": -9}[number], said
        if number != "SIGKILL":
            assert "interrupted" in said.splitlines()[-1] and said.splitlines()[-1].endswith("the same command goes on")
            assert "Traceback" not in said
        hold.unlink()
        assert {path: path.read_bytes() for path in before} == before
        time.sleep(2 * ABANDONED_SECONDS)  # what a killed worker was writing counts as abandoned from then on
        assert run(sweep, "sweep", "--jobs", "2").returncode == 0
        assert {path: path.read_bytes() for path in before} == before
        check_whole(sweep, "sweep")
    finally:
        hold.unlink(missing_ok=True)
        shutil.rmtree(out, ignore_errors=True)
