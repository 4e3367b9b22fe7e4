"""Having a plan's cells made by any executor: each until its file is there, whatever becomes of workers."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import CancelledError, Executor, Future
from pathlib import Path
from queue import Empty, SimpleQueue

from ruvllm.benchmark.sweep import Reporter
from ruvllm.benchmark.sweeps.cell_files import CELLS, cell_path, survey
from ruvllm.benchmark.sweeps.events import Event, EventReporter, report_event
from ruvllm.benchmark.sweeps.executors import Workers, open_workers
from ruvllm.benchmark.sweeps.jobs import Job
from ruvllm.benchmark.sweeps.plans import Plan, adopt_plan, read_plan
from ruvllm.benchmark.sweeps.running import CHECKPOINTS, UNFINISHED
from ruvllm.files.atomic import ensure_writable_folder, remove_abandoned, remove_empty_folder
from ruvllm.files.ignoring import ignore

__all__ = ["MOST_LOSSES", "LostWorkersError", "run_plan"]

MOST_LOSSES = 3
"""Times in a row that workers may be lost without a cell that is done."""
SECONDS_TO_ASK = 10.0
"""Without a cell that has ended, until the engine is asked whether anybody works."""


class LostWorkersError(RuntimeError):
    """Workers are lost again and again. The message is one line."""


def run_plan(
    plan: Plan | str | os.PathLike[str],
    folder: str | os.PathLike[str],
    executor: Executor | str = "processes",
    *,
    shard: tuple[int, int] | None = None,
    jobs: int = 1,
    isa: str = "auto",
    reporter: Reporter | None = None,
) -> list[Path]:
    """Makes those cells of a plan that are not finished, and returns the files of all of them, in the plan's order.

    `executor` is any concurrent.futures.Executor, which stays open, or one of `processes`, `dask:ADDRESS`,
    `ray[:ADDRESS]` and `mpi4py`; `jobs` is the number of processes that are started here. Its workers must see the same
    folder. `shard` (i, n) is every n-th cell from the i-th, counted from 1. A cell whose worker is lost is made again;
    an executor of the caller's that breaks is not replaced. `reporter` hears of progress. Raises ValueError for a file
    in the folder that is broken or not of this plan, for a worker with another version or other input, and for a cell
    that cannot be made; LostWorkersError; OSError. What is written stays, and the same call goes on.
    """
    plan = plan if isinstance(plan, Plan) else read_plan(Path(plan))
    own, place = plan if shard is None else plan.shard(*shard), Path(os.path.abspath(folder))
    _prepare(place, plan, own)
    found = survey(place, plan.jobs)
    found.refuse_wrong(Path(folder))
    todo = [job for job in own.jobs if job.key not in found.finished]
    reporter = reporter or EventReporter(ignore)
    reporter.start([job.label for job in todo], [job.model.name for job in todo])
    if todo:
        _Dispatch(str(place), isa, reporter).run(todo, executor, jobs)
    for inside in (UNFINISHED, CHECKPOINTS):
        remove_empty_folder(place / inside)
    return [cell_path(Path(folder), job.key) for job in own.jobs]


def _prepare(folder: Path, plan: Plan, own: Plan) -> None:
    """Finds out before the first cell what could stop it later."""
    inside = [CELLS, UNFINISHED, *([CHECKPOINTS] if any(job.keep for job in own.jobs) else [])]
    for each in (folder, *(folder / name for name in inside)):
        ensure_writable_folder(each)
        remove_abandoned(each)
    adopt_plan(folder, plan)


class _Dispatch:
    """Jobs that are being made."""

    def __init__(self, folder: str, isa: str, reporter: Reporter) -> None:
        self._folder, self._isa, self._reporter = folder, isa, reporter
        self._running: dict[Future[str], Job] = {}
        self._ended: SimpleQueue[Future[str]] = SimpleQueue()
        self._done: set[str] = set()
        self._losses = 0
        self._shortage: str | None = None

    def run(self, jobs: Sequence[Job], executor: Executor | str, n: int) -> None:
        """Returns once all are done. Raises the first error, after the others were told to stop."""
        is_open = isinstance(executor, Executor)
        self._workers = Workers(executor) if isinstance(executor, Executor) else open_workers(executor, n, self._hear)
        at_once = True
        try:
            self._submit(jobs)
            while self._running:
                # Not concurrent.futures.wait: Ctrl-C while it holds the locks of all futures would leave them locked.
                ended = self._next()
                if ended in self._running:  # else it was given up with its executor
                    self._take(ended)
            at_once = False
        finally:
            for future in list(self._running):
                future.cancel()
            if not is_open:
                self._workers.close(at_once=at_once)

    def _next(self) -> Future[str]:
        while True:
            try:
                return self._ended.get(timeout=SECONDS_TO_ASK)
            except Empty:
                self._say_shortage()

    def _say_shortage(self) -> None:
        """Says once that nobody works, until somebody does."""
        before, self._shortage = self._shortage, self._workers.shortage()
        if self._shortage is not None and before is None:
            self._reporter.warn(f"{self._shortage}: cells wait until one comes ({len(self._running)} are not done)")

    def _hear(self, event: Event) -> None:
        if event.label not in self._done:  # a result may overtake what was said before it
            report_event(event, self._reporter)

    def _submit(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            future = self._workers.submit(job, self._folder, self._isa)
            self._running[future] = job
            future.add_done_callback(self._ended.put)

    def _take(self, ended: Future[str]) -> None:
        job = self._running.pop(ended)
        try:
            line = ended.result()
        except self._workers.lost as error:
            return self._again(job, error)
        except CancelledError as error:
            raise LostWorkersError(f"{job.label}: given up by the executor") from error
        except (ValueError, ArithmeticError, LookupError, TypeError) as error:
            raise ValueError(f"{job.label}: {error}") from error
        self._losses = 0
        self._done.add(job.label)
        self._reporter.finish(job.label, f"{job.label}: {line}")

    def _again(self, job: Job, error: BaseException) -> None:
        """Has this job made once more, and all others that were lost with an executor that is broken."""
        self._losses += 1
        if self._losses > MOST_LOSSES or not self._workers.renew():
            times = f"{self._losses} times in a row" if self._losses > 1 else "and its executor is broken"
            reason = f": {error}" if str(error) else ""
            raise LostWorkersError(f"{job.label}: its worker was lost, {times}{reason}") from error
        others = []
        if self._workers.are_lost_together:
            others = list(self._running.values())  # those that were done all the same have their files
            self._running.clear()
        self._submit([job, *others])
