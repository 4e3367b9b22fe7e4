"""Making one job, wherever it is: from data alone to one file, which is written once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Lock

from msgspec import structs

from ruvllm.benchmark.sweep import Place, Reporter, Run
from ruvllm.benchmark.sweeps.cell_files import cell_path, read_cell, write_cell
from ruvllm.benchmark.sweeps.events import EventReporter
from ruvllm.benchmark.sweeps.inputs import load_input
from ruvllm.benchmark.sweeps.jobs import Job
from ruvllm.benchmark.sweeps.kinds import kind_of
from ruvllm.files.atomic import remove_empty_folder
from ruvllm.files.ignoring import ignore
from ruvllm.learning.snapshots import Result, Unfinished
from ruvllm.results.records import Record
from ruvllm.version import __version__
from ruvllm.workloads.workload import Workload

__all__ = ["CHECKPOINTS", "UNFINISHED", "line_of_job", "run_job"]

CHECKPOINTS, UNFINISHED = "checkpoints", "unfinished"
"""Folders of a sweep beside that of the cells."""


def run_job(
    job: Job,
    folder: Path,
    *,
    isa: str = "auto",
    reporter: Reporter = EventReporter(ignore),  # noqa: B008 -- has no state
    cancelled: Callable[[], bool] = lambda: False,
) -> Record:
    """Makes the job's record and writes its file in the folder, unless it is there; returns what the file holds.

    A run that was stopped goes on. Raises BrokenCellError for a file that is not this cell, ValueError for another
    version of this package or other input than the job's, OSError, and whatever the run itself raises.
    """
    kind = kind_of(job)
    if not cell_path(folder, job.key).exists():
        if job.version != __version__:
            raise ValueError(f"the plan is of version {job.version}, and this worker has {__version__}")
        run = kind.prepare(job, load_input(job.input), isa)
        if kind.shares_workloads:
            run = structs.replace(run, cell=structs.replace(run.cell, build=partial(_WORKLOADS.build, job, run)))
        unfinished = _Progress(folder / UNFINISHED, resume=True)
        place = Place(reporter, cancelled, unfinished, folder / CHECKPOINTS if job.keep else None)
        write_cell(folder, job, kind.make(run, place))
        remove_empty_folder(unfinished.folder)
    return read_cell(folder, job)


def line_of_job(job: Job, folder: str, isa: str, reporter: Reporter | None = None) -> str:
    """Runs the job; returns what its record says in a line. What an executor is given: little goes to and fro."""
    record = run_job(job, Path(folder), isa=isa, reporter=reporter or EventReporter(ignore))
    return kind_of(job).line(record)


class _Progress(Unfinished):
    """Progress of runs; their results are kept by the files of cells."""

    def result(self, key: str) -> Result | None:
        return None

    def keep_result(self, key: str, result: Result) -> None:
        pass


class _LastWorkload:
    """The workload of the job before, as the next job of an ablation has the same one; for threads of one process."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._last: tuple[Job, Workload] | None = None

    def build(self, job: Job, run: Run) -> Workload:
        """What run.cell.build() gives."""
        same = structs.replace(job, label="-", changes={}, keep=False)
        with self._lock:
            if self._last is None or self._last[0] != same:
                self._last = None  # first: two take twice the memory
                self._last = same, run.cell.build()
            return self._last[1]


_WORKLOADS = _LastWorkload()
