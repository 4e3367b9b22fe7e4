"""From the files of cells to the results file that one core would have written: all of them, or what is missing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec import structs

from ruvllm.benchmark import forgetting
from ruvllm.benchmark.ablation import running as ablation
from ruvllm.benchmark.ablation.documents import make_ablation_document
from ruvllm.benchmark.forgetting import make_forgetting_document
from ruvllm.benchmark.streaming import prequential
from ruvllm.benchmark.sweeps.cell_files import read_cell, survey
from ruvllm.benchmark.sweeps.inputs import load_input
from ruvllm.benchmark.sweeps.jobs import BENCHMARK, Job
from ruvllm.benchmark.sweeps.plans import PLAN, Plan, read_plan
from ruvllm.benchmark.sweeps.running import CHECKPOINTS
from ruvllm.benchmark.task_table import make_task_table
from ruvllm.checkpoints.verifying import RESUME_OK, verify_checkpoint
from ruvllm.files.json_reading import InvalidFileError, shown_path
from ruvllm.results.document import make_document
from ruvllm.results.reading import Document
from ruvllm.results.records import Record, RunOptions
from ruvllm.results.run_records import BenchmarkRun
from ruvllm.results.streams.summaries import make_prequential_document
from ruvllm.results.summary_records import BenchmarkDocument

__all__ = ["Merged", "merge_cells", "plan_of_folder"]

Make = Callable[[Any, RunOptions, Sequence[str]], Document]
"""Of records, options and the command line."""
OTHERS: dict[str, Make] = {
    ablation.KIND: make_ablation_document,
    forgetting.KIND: make_forgetting_document,
    prequential.KIND: make_prequential_document,
}


@dataclass(frozen=True, slots=True)
class Merged:
    """What is in the folder of a sweep."""

    missing: Sequence[Job]
    wrong: Sequence[str]
    """A line for each file that is broken or not of the plan."""
    document: Document | None
    """The results file; None while something is missing or wrong: a part is no whole."""


def plan_of_folder(folder: Path, plan: Path | None = None) -> Plan:
    """The plan that a folder belongs to: the named one, or the copy that the first run has put there.

    Raises InvalidFileError for none, for a broken one and for two that differ, and OSError.
    """
    kept = folder / PLAN
    if plan is None and not kept.exists():
        raise InvalidFileError(f"{shown_path(folder)} has no {PLAN} in it: name the plan with --plan")
    found = read_plan(kept if plan is None else plan)
    if plan is not None and kept.exists() and list(read_plan(kept).jobs) != list(found.jobs):
        raise InvalidFileError(f"{shown_path(folder)} belongs to another plan than {shown_path(plan)}")
    return found


def merge_cells(folder: Path, plan: Plan, command: Sequence[str] = ()) -> Merged:
    """Reads all cells of the plan, in its order, and makes the document of them, if they are all there and whole.

    The input is read once more for what results say of single tasks. Raises ValueError if it is another one or cannot
    be read, and OSError.
    """
    found = survey(folder, plan.jobs)
    missing = [job for job in plan.jobs if not (job.key in found.finished or _is_named(job, found.wrong))]
    if missing or found.wrong:
        return Merged(missing, found.wrong, None)
    records: list[Record] = []
    wrong: list[str] = []
    for job in plan.jobs:
        record = read_cell(folder, job)
        if isinstance(record, BenchmarkRun) and record.checkpoint is not None:
            record = structs.replace(record, checkpoint=str(folder / CHECKPOINTS / Path(record.checkpoint).name))
            wrong += _wrong_checkpoint(job, record)
        records.append(record)
    if wrong:
        return Merged((), wrong, None)
    return Merged((), (), _document_of(plan, records, command))


def _is_named(job: Job, wrong: Sequence[str]) -> bool:
    """Whether the cell's file is there, but broken."""
    return any(line.startswith(job.key) for line in wrong)


def _wrong_checkpoint(job: Job, record: BenchmarkRun) -> list[str]:
    """A line if the checkpoint that the record names is not there, or is not of this run."""
    path = Path(record.checkpoint or "")
    try:
        found = verify_checkpoint(path)
    except InvalidFileError as error:
        return [f"{job.key}.json names the checkpoint {path.name}, which cannot be used: {error}"]
    is_right = found.run_hash == record.run_hash and found.resume == RESUME_OK
    return [] if is_right else [f"{job.key}.json names the checkpoint {path.name}: of another run, or not whole"]


def _document_of(plan: Plan, records: Sequence[Any], command: Sequence[str]) -> Document:
    if plan.kind != BENCHMARK:
        return OTHERS[plan.kind](records, plan.options, command)
    found = load_input(plan.jobs[0].input, encoder=False)
    table = None if found is None else make_task_table(records, found.tasks, texts=plan.texts)
    document: BenchmarkDocument = make_document(records, plan.options, command, tasks=table)
    return document
