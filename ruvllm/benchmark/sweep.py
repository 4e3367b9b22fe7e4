"""A sweep: many runs side by side, each kept as soon as it is done; an error or an interrupt stops all of it soon."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar
from typing import Protocol as Interface

from msgspec import to_builtins

from ruvllm.benchmark.cell import Cell, described
from ruvllm.benchmark.checkpointing import kept_cells
from ruvllm.benchmark.run import kept_record, run_cell
from ruvllm.learning.snapshots import Unfinished, key_of
from ruvllm.learning.training import TrainedRun, train
from ruvllm.results.records import Record
from ruvllm.results.run_records import BenchmarkRun
from ruvllm.workloads.workload import Workload

__all__ = ["Job", "Reporter", "outcome", "run_cells", "run_jobs", "run_recorded", "run_side_by_side"]

Item = TypeVar("Item")
Result = TypeVar("Result")
R = TypeVar("R", bound=Record)
Cancelled = Callable[[], bool]
"""True once the run is to stop."""


class Reporter(Interface):
    """Hears what happens; called from several threads.

    `start` names all runs, and for each the bar that shows it (a model's, say), where several share one.
    """

    def work(self, label: str, done: int, total: int) -> None: ...
    def start(self, labels: Sequence[str], bars: Sequence[str] | None = None) -> None: ...
    def epoch(
        self, label: str, done: int, total: int, test_resolve_rate: float | None, confidence: float | None
    ) -> None: ...
    def finish(self, label: str, line: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Job:
    """One run of a sweep."""

    cell: Cell
    label: str
    """Tells the sweep's runs apart."""
    variant: Any = None
    """What makes the cell another one than the others of its model, seed and fold."""


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

    def run(job: Job, cancelled: Cancelled) -> BenchmarkRun:
        comparing = partial(reporter.work, f"closed forms, {job.label}")
        place = folder if job.label in kept else None
        return run_cell(job.cell, place, partial(reporter.epoch, job.label), cancelled, unfinished, comparing)

    return run_jobs([Job(cell, cell.label) for cell in cells], run, outcome, jobs, reporter)


def run_recorded(
    runs: Sequence[Job],
    kind: type[R],
    make_record: Callable[[Job, Workload, TrainedRun], R],
    line: Callable[[R], str],
    jobs: int,
    reporter: Reporter,
    unfinished: Unfinished | None = None,
) -> list[R]:
    """Runs of which a record is kept and no checkpoint, without controls; returns the records in their order.

    `kind` is the type of the records, `line` says what one came to. `unfinished` as for run_cells().
    """

    def run(job: Job, cancelled: Cancelled) -> R:
        workload = job.cell.build()
        learn = partial(
            train, job.cell.plan, workload, progress=partial(reporter.epoch, job.label), cancelled=cancelled
        )
        if unfinished is None:
            return make_record(job, workload, learn())
        key = key_of(described(job.cell, workload) | {"recorded": job.label})
        snapshot = unfinished.snapshot(key)
        record = kept_record(unfinished, key, kind)
        if record is None:
            record = make_record(job, workload, learn(snapshot=snapshot))
        unfinished.keep_result(key, to_builtins(record))
        snapshot.remove()
        return record

    return run_jobs(runs, run, line, jobs, reporter)


def run_jobs(
    runs: Sequence[Job],
    run: Callable[[Job, Cancelled], Result],
    line: Callable[[Result], str],
    jobs: int,
    reporter: Reporter,
) -> list[Result]:
    """The results of run(job, cancelled) for each job, `jobs` at once, in their order; `line` says what one came to."""

    def one(job: Job, cancelled: Cancelled) -> Result:
        result = run(job, cancelled)
        reporter.finish(job.label, f"{job.label}: {line(result)}")
        return result

    reporter.start([job.label for job in runs], [job.cell.model.name for job in runs])
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
