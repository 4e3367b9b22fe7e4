"""Sweeps on real engines: what two workers of dask and ray take beside one, and whether killed workers lose anything.

    python bench/sweeps.py                         the cells of --protocol all --seeds 5, one worker and two in turn
    python bench/sweeps.py --kills 50              50 sweeps with a worker killed in the middle of a cell
    python bench/sweeps.py --kills 3 --engines processes --seeds 2 --profile quick

Two workers need two free cores. Starting a cluster is not counted: a sweep finds it there. Results are compared by
their digest with those of one core by the ordinary command. Exit code 1 where a goal is missed or results differ.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median
from typing import Any

os.environ.setdefault("RAY_AUTH_MODE", "disabled")
os.environ.setdefault("RAY_worker_niceness", "0")  # it is 15, so that workers wait for whatever else is running

from ruvllm.benchmark.sweeps.cell_files import CELLS
from ruvllm.benchmark.sweeps.dispatch import run_plan
from ruvllm.benchmark.sweeps.merging import merge_cells
from ruvllm.benchmark.sweeps.plans import Plan, read_plan
from ruvllm.results.document import results_digest
from ruvllm.results.reading import read_sources

GOAL = 0.6
"""Of one worker's time, with two."""
ENGINES = ("processes", "dask", "ray")
MOST_LATER = 0.2
"""Seconds after a cell until a worker is killed, at most: about the length of a cell."""
COMMAND = [sys.executable, "-c", "import sys; from ruvllm.commands.bench import main; sys.exit(main())"]


def bench(*words: str, folder: Path) -> str:
    return subprocess.run([*COMMAND, *words], cwd=folder, check=True, stdout=subprocess.PIPE, text=True).stdout


def digest(folder: Path, plan: Plan) -> str:
    merged = merge_cells(folder, plan)
    if merged.document is None:
        return f"not whole: {len(merged.missing)} missing, {len(merged.wrong)} wrong"
    return results_digest(merged.document)


@contextmanager
def cluster(engine: str, workers: int) -> Iterator[tuple[str, Callable[[], list[int]]]]:
    """The name of an executor with so many workers that have loaded the package, and how to ask for their processes."""
    if engine == "processes":
        yield "processes", lambda: [process.pid for process in multiprocessing.active_children() if process.pid]
    elif engine == "dask":
        import dask
        from distributed import Client, LocalCluster

        with (
            # A cluster looks 15 s after a loss whether that worker is back, and else closes its place for good. By
            # then the same one may have been killed again, and be about to start.
            dask.config.set({"distributed.deploy.lost-worker-timeout": "1 day"}),
            LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=":0", silence_logs=50) as found,
            Client(found) as client,
        ):
            client.run(_load)
            yield f"dask:{found.scheduler_address}", lambda: [n.pid for n in found.workers.values() if n.pid]
    else:
        import ray

        ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False)
        try:
            load = ray.remote(_load)
            ray.get([load.remote() for _ in range(2 * workers)])
            yield "ray", _ray_workers
        finally:
            ray.shutdown()


def _load() -> None:
    import ruvllm.benchmark.sweeps.running

    assert ruvllm
    time.sleep(0.2)  # so that each worker gets one


def _ray_workers() -> list[int]:
    """Grandchildren of this process that work for ray, as their title says; those of another's ray are not touched."""
    return [pid for pid in _processes_named(b"ray::_call") if _parent(_parent(pid)) == os.getpid()]


def _processes_named(title: bytes) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended
            if path.read_bytes().startswith(title):
                found.append(int(path.parent.name))
    return found


def _parent(pid: int) -> int:
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rsplit(")", 1)[1].split()[1])
    return 0


def speed(engine: str, plan: Plan, repetitions: int, expected: str, folder: Path) -> bool:
    """One worker and two in turn; says the ratio of the medians."""
    seconds: dict[int, list[float]] = {1: [], 2: []}
    right = True
    for repetition in range(repetitions):
        for workers in (1, 2) if repetition % 2 == 0 else (2, 1):
            out = folder / f"{engine}-{workers}-{repetition}"
            with cluster(engine, workers) as (name, _):
                begin = time.perf_counter()
                run_plan(plan, out, name, jobs=workers)
                seconds[workers].append(time.perf_counter() - begin)
            right = right and digest(out, plan) == expected
            shutil.rmtree(out)
    ratio = median(seconds[2]) / median(seconds[1])
    spread = ", ".join(f"{b / a:.2f}" for a, b in zip(seconds[1], seconds[2], strict=True))
    print(
        f"{engine}: {len(plan.jobs)} cells, {median(seconds[1]):.1f} s with one worker, {median(seconds[2]):.1f} s "
        f"with two: {ratio:.2f} of it (each: {spread}; goal {GOAL}); results {'the same' if right else 'DIFFER'}",
        flush=True,
    )
    return right and ratio <= GOAL


def kills(engine: str, plan: Plan, times: int, expected: str, folder: Path) -> bool:
    """So many sweeps by the same workers, one of which is killed in each; each must end with the same results."""
    draw, good, killed, longest = random.Random(17), 0, 0, 0.0
    with cluster(engine, 2) as (name, workers):
        for number in range(times):
            out, begin = folder / f"{engine}-kill-{number}", time.perf_counter()
            killed += _killed_while_running(plan, out, name, workers, draw)
            took = time.perf_counter() - begin
            longest = max(longest, took)
            good += digest(out, plan) == expected
            shutil.rmtree(out)
            so_far = f"{engine}: {good} of {number + 1} whole, {killed} killed, {took:.1f} s "
            print(so_far, end="\r", file=sys.stderr, flush=True)
    said = f"{good} of {times} sweeps are whole, with the same results; a worker was killed in {killed}"
    print(f"{engine}: {said}; the longest took {longest:.1f} s", flush=True)
    return good == killed == times


def _killed_while_running(
    plan: Plan, out: Path, name: str, workers: Callable[[], list[int]], draw: random.Random
) -> bool:
    """Runs the plan, and kills one worker once a random number of its cells is there. Returns whether one was."""
    ended, killed = threading.Event(), threading.Event()
    wanted, later = draw.randrange(max(1, len(plan.jobs) // 2)), draw.random() * MOST_LATER

    def kill() -> None:
        while len(list((out / CELLS).glob("*.json"))) < wanted and not ended.is_set():
            time.sleep(0.01)
        time.sleep(later)
        while not (ended.is_set() or killed.is_set()):
            for pid in draw.sample(found := workers(), min(1, len(found))):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    killed.set()
            time.sleep(0.01)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        run_plan(plan, out, name, jobs=2)
    finally:
        ended.set()
        thread.join()
    return killed.is_set()


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=["dask", "ray"])
    parser.add_argument("--kills", type=int, metavar="N", help="kill a worker in each of N sweeps, and measure nothing")
    parser.add_argument("--repetitions", type=int, default=3, metavar="N", help="of each measurement (3)")
    parser.add_argument("--seeds", type=int, default=5, metavar="N")
    parser.add_argument("--profile", default="full", choices=("quick", "standard", "full"))
    return parser.parse_args()


def main() -> int:
    chosen: Any = arguments()
    options = ("--protocol", "all", "--seeds", str(chosen.seeds), "--profile", chosen.profile, "--keep", "none", "-q")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "plan.jsonl").write_text(bench("plan", *options, folder=folder), encoding="utf-8")
        plan = read_plan(folder / "plan.jsonl")
        bench(*options, "--out", "alone", folder=folder)
        (source,) = read_sources([folder / "alone"]).sources
        expected = results_digest(source.document)
        print(f"{len(plan.jobs)} cells; results of one core by the ordinary command: {expected}", flush=True)
        if chosen.kills:
            held = [kills(engine, plan, chosen.kills, expected, folder) for engine in chosen.engines]
        else:
            held = [speed(engine, plan, chosen.repetitions, expected, folder) for engine in chosen.engines]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
