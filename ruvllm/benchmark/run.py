"""One cell, run: learned beside its controls, measured, kept and saved."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from msgspec import structs

from ruvllm._core import Control
from ruvllm.benchmark.cell import Cell, described
from ruvllm.benchmark.checkpointing import save_checkpoint
from ruvllm.benchmark.entry import MeasuredCell, make_entry, metrics_of
from ruvllm.evaluation.learned_retrieval import LearnedRetrieval, figures
from ruvllm.evaluation.retrieval import InPlace, Ranked
from ruvllm.files.json_reading import InvalidFileError
from ruvllm.learning.snapshots import Snapshot, Unfinished, key_of
from ruvllm.learning.training import Progress, TrainedRun, train
from ruvllm.learning.training_run import Cancelled
from ruvllm.results.run_records import BenchmarkRun
from ruvllm.results.task_records import MOST_TASKS
from ruvllm.workloads.workload import Retrieval, Workload

if TYPE_CHECKING:
    from ruvllm.benchmark.comparing import Compared, MeasuredLexical

__all__ = ["CONTROLS", "kept_record", "measure_cell", "run_cell"]

T = TypeVar("T")

CONTROLS = {
    "frozen": Control.FROZEN,
    "randomGradient": Control.RANDOM_GRADIENT,
    "shuffled": Control.SHUFFLED,
}
VIEW = "LEXICAL"
"""In place of a control: what is learned from the lexical view."""


def run_cell(
    cell: Cell,
    folder: Path | None,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] = lambda: False,
    unfinished: Unfinished | None = None,
    comparing: Callable[[int, int], None] = lambda done, total: None,
) -> BenchmarkRun:
    """Runs the cell and writes its checkpoint into the folder, unless that is None; returns its entry in the results.

    `comparing` hears of what needs no learning loop, as (fits done, fits in all): with large input it takes minutes.
    `unfinished` is where progress is kept and, where that is wanted, gone on from. Raises Cancelled, OSError,
    ValueError.
    """
    workload = cell.build()
    key = key_of(described(cell, workload) | {"profile": cell.profile, "controls": cell.controls})
    if unfinished is not None and (kept := _kept(unfinished, key, folder)) is not None:
        _keep(cell, workload, key, kept, unfinished)
        return kept
    measured = measure_cell(cell, workload, progress, cancelled, unfinished)
    saved = save_checkpoint(cell, measured, folder)
    compared = None if workload.question is None else _compared(cell, measured, cancelled, comparing)
    entry = make_entry(cell, measured, saved, compared)
    if unfinished is not None:
        _keep(cell, workload, key, entry, unfinished)
    return entry


def measure_cell(
    cell: Cell,
    workload: Workload,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] = lambda: False,
    unfinished: Unfinished | None = None,
) -> MeasuredCell:
    """Runs the cell on its workload and saves nothing but progress."""

    def learned(control: Control, **options: Any) -> TrainedRun:
        snapshot = None if unfinished is None else _snapshot(cell, workload, control, unfinished)
        plan = structs.replace(cell.plan, control=control)
        return train(plan, workload, cancelled=cancelled, snapshot=snapshot, **options)

    run = learned(Control.NONE, progress=progress, calibrate=True, keep_state=True)
    controls = {}
    for name, control in CONTROLS.items() if cell.controls else ():
        controlled = learned(control)
        controls[name] = {"initial": controlled.initial.summary(), "final": controlled.final.summary()}
    retrieval = cell.retrieval(run.engine, workload).with_learning_over()
    question = workload.question
    lexical = None if question is None else _lexical(cell, workload, retrieval, cancelled, unfinished)
    ranked = None if question is None else _ranked(retrieval, question.test)
    transfer = None if question is None else retrieval.ranks(question.transfer)
    metrics = metrics_of(workload, run, controls)
    if ranked is not None:
        ranks = (ranked[0].ranks, ranked[1].ranks)
        metrics["retrieval"] = figures(ranks) | {"crowdingShare": retrieval.named_shares()}
    if transfer is not None:
        metrics["transfer"] = figures(transfer)
    if lexical is not None:
        metrics["hybrid"] = lexical.figures()
    return MeasuredCell(workload, run, metrics, retrieval, ranked, transfer, lexical)


# The methods that are compared have much code of their own, and simulated tasks, which ask no question of retrieval, no
# use for it: it is loaded where there is a question.


def _lexical(
    cell: Cell,
    workload: Workload,
    retrieval: LearnedRetrieval,
    cancelled: Callable[[], bool],
    unfinished: Unfinished | None,
) -> MeasuredLexical | None:
    from ruvllm.benchmark.comparing import learn_lexical

    snapshot = None if unfinished is None else _snapshot(cell, workload, VIEW, unfinished)
    return learn_lexical(cell, workload, retrieval, cancelled, snapshot)


def _compared(
    cell: Cell, measured: MeasuredCell, cancelled: Callable[[], bool], comparing: Callable[[int, int], None]
) -> Compared | None:
    from ruvllm.benchmark.comparing import compare_methods

    def on_comparison(done: int, total: int) -> None:
        if cancelled():
            raise Cancelled
        comparing(done, total)

    return compare_methods(cell, measured.workload, measured.learned, measured.lexical, on_comparison)


def _ranked(retrieval: LearnedRetrieval, question: Retrieval) -> tuple[Ranked, Ranked]:
    """By the frozen vectors, and by what was learned."""
    frozen = InPlace(question.queries, question.solutions)
    first, second = (
        each.ranked(question, retrieval.isa, MOST_TASKS) for each in (frozen, retrieval.in_place(question))
    )
    return first, second


def _snapshot(cell: Cell, workload: Workload, control: Control | str, unfinished: Unfinished) -> Snapshot:
    name = control if isinstance(control, str) else control.name
    runs = 1 + (len(CONTROLS) if cell.controls else 0) + (workload.lexical is not None)
    return unfinished.snapshot(key_of(described(cell, workload) | {"control": name}), runs)


def _keep(cell: Cell, workload: Workload, key: str, entry: BenchmarkRun, unfinished: Unfinished) -> None:
    """Keeps the entry, then removes what it was made from: a run may have been killed between the two."""
    unfinished.keep_result(key, msgspec.to_builtins(entry))
    if not unfinished.has_snapshots():
        return
    learned: list[Control | str] = [Control.NONE, *CONTROLS.values(), VIEW]
    for control in learned:
        _snapshot(cell, workload, control, unfinished).remove()


def _kept(unfinished: Unfinished, key: str, folder: Path | None) -> BenchmarkRun | None:
    """The kept entry if its checkpoint is in the folder and whole, or is not wanted; its path is put right."""
    kept = kept_record(unfinished, key, BenchmarkRun)
    if kept is not None and folder is None:
        return structs.replace(kept, checkpoint=None)
    if kept is None or folder is None or kept.checkpoint is None:
        return None
    from ruvllm.checkpoints.verifying import RESUME_OK, verify_checkpoint

    path = folder / Path(kept.checkpoint).name
    try:
        found = verify_checkpoint(path)
    except InvalidFileError:
        return None
    whole = found.run_hash == kept.run_hash and found.resume == RESUME_OK
    return structs.replace(kept, checkpoint=str(path)) if whole else None


def kept_record(unfinished: Unfinished, key: str, kind: type[T]) -> T | None:
    """The record that was kept under this key. Raises ValueError for another kind of record."""
    kept = unfinished.result(key)
    return None if kept is None else msgspec.convert(kept, kind)
