"""Runs side by side in one process, each kept as soon as it is done; an error or an interrupt stops all of it soon.

ruvllm.benchmark.sweeps has them made by workers, with the same functions for each run.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar
from typing import Protocol as Interface

from msgspec import Struct, structs, to_builtins

from ruvllm.benchmark.cell import Cell, described
from ruvllm.benchmark.checkpointing import kept_cells
from ruvllm.benchmark.run import kept_record, run_cell
from ruvllm.learning.snapshots import Unfinished, key_of
from ruvllm.learning.training import TrainedRun, train
from ruvllm.results.records import Record, look_up
from ruvllm.results.run_records import BenchmarkRun
from ruvllm.workloads.workload import Workload

__all__ = [
    "Place", "Reporter", "Run", "make_benchmark_run", "make_recorded", "outcome", "run_all", "run_cells",
    "run_side_by_side",
]  # fmt: skip

Item = TypeVar("Item")
Result = TypeVar("Result")
R = TypeVar("R", bound=Record)
Cancelled = Callable[[], bool]
"""True once the run is to stop."""


class Reporter(Interface):
    """Hears what happens; called from several threads.

    `start` names all runs, and for each the bar that shows it (a model's, say), where several share one.
    """

    def warn(self, text: str) -> None: ...
    def work(self, label: str, done: int, total: int) -> None: ...
    def start(self, labels: Sequence[str], bars: Sequence[str] | None = None) -> None: ...
    def epoch(
        self, label: str, done: int, total: int, test_resolve_rate: float | None, confidence: float | None
    ) -> None: ...
    def finish(self, label: str, line: str) -> None: ...


class Run(Struct, frozen=True):
    """A job whose input is in memory."""

    cell: Cell
    label: str
    """Tells the sweep's runs apart."""
    variant: Any = None
    """What makes the cell another one than the others of its model, seed and fold."""


class Place(Struct, frozen=True):
    """Where a run is made: who hears of it, who may stop it, and where it keeps what."""

    reporter: Reporter
    cancelled: Cancelled
    unfinished: Unfinished | None = None
    """Keeps progress; where that is wanted, it is gone on from."""
    checkpoints: Path | None = None
    """None: the checkpoint is not kept."""


def make_benchmark_run(run: Run, place: Place) -> BenchmarkRun:
    """The entry of a cell with its controls; raises as run_cell()."""
    progress = partial(place.reporter.epoch, run.label)
    comparing = partial(place.reporter.work, f"closed forms, {run.label}")
    return run_cell(run.cell, place.checkpoints, progress, place.cancelled, place.unfinished, comparing)


def make_recorded(
    run: Run, place: Place, kind: type[R], make_record: Callable[[Run, Workload, TrainedRun], R]
) -> R:
    """A run of which a record of that kind is kept and no checkpoint, without controls."""
    workload, unfinished = run.cell.build(), place.unfinished
    progress = partial(place.reporter.epoch, run.label)
    learn = partial(train, run.cell.plan, workload, progress=progress, cancelled=place.cancelled)
    if unfinished is None:
        return make_record(run, workload, learn())
    key = key_of(described(run.cell, workload) | {"recorded": run.label})
    snapshot = unfinished.snapshot(key)
    record = kept_record(unfinished, key, kind)
    if record is None:
        record = make_record(run, workload, learn(snapshot=snapshot))
    unfinished.keep_result(key, to_builtins(record))
    snapshot.remove()
    return record


def run_cells(
    cells: Sequence[Cell],
    folder: Path,
    jobs: int,
    reporter: Reporter,
    unfinished: Unfinished | None = None,
    keep: str = "all",
) -> list[BenchmarkRun]:
    """Runs the cells, `jobs` at once, and writes checkpoints into the folder; returns entries in their order.

    `keep` is one of KEEP: of which runs the checkpoint is written. `unfinished` keeps progress and, where that is
    wanted, is gone on from.
    """
    kept = {cells[number].label for number in kept_cells(cells, keep)}

    def make(run: Run, place: Place) -> BenchmarkRun:
        return make_benchmark_run(run, structs.replace(place, checkpoints=folder if run.label in kept else None))

    runs = [Run(cell, cell.label) for cell in cells]
    return run_all(runs, BenchmarkRun, make, outcome, jobs, reporter, unfinished)


def run_all(
    runs: Sequence[Run],
    kind: type[R],
    make: Callable[[Run, Place], R],
    line: Callable[[R], str],
    jobs: int,
    reporter: Reporter,
    unfinished: Unfinished | None = None,
) -> list[R]:
    """The records of that kind that make(run, place) makes, `jobs` at once, in the order of the runs; `line` says what
    one came to."""

    def one(run: Run, cancelled: Cancelled) -> R:
        result = make(run, Place(reporter, cancelled, unfinished))
        reporter.finish(run.label, f"{run.label}: {line(result)}")
        return result

    look_up(kind)
    reporter.start([run.label for run in runs], [run.cell.model.name for run in runs])
    return run_side_by_side(runs, one, jobs)


def outcome(entry: BenchmarkRun) -> str:
    """What a run came to: `27.2% -> 100.0% of the test tasks, confidence 90.1%, 0.7 s`."""
    return (
        f"{entry.initial.resolve_rate:.1%} -> {entry.final.resolve_rate:.1%} of the test tasks, confidence "
        f"{entry.final.confidence:.1%}, {entry.seconds or 0.0:.1f} s"
    )


def run_side_by_side(
    items: Sequence[Item], work: Callable[[Item, Cancelled], Result], jobs: int
) -> list[Result]:
    """work(item, cancelled) for each item, `jobs` at once; the results in the order of the items.

    Threads suffice: the loop over tasks holds no lock of Python's. On an error or an interrupt `cancelled()` turns true
    for the others, and this raises once they have ended.
    """
    stop = threading.Event()
    pool = ThreadPoolExecutor(max_workers=jobs)
    finished: SimpleQueue[Future[Result]] = SimpleQueue()
    try:
        futures = [pool.submit(work, item, stop.is_set) for item in items]
        for future in futures:
            future.add_done_callback(finished.put)
        for _ in futures:
            # Not concurrent.futures.wait: Ctrl-C while it holds the locks of all futures would leave them locked, and
            # the workers would wait for ever.
            finished.get().result()
        return [future.result() for future in futures]
    except BaseException:
        stop.set()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
