"""A run of which a record is kept and no checkpoint: one of an ablation, or of a blocked stream."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ruvllm.benchmark.cell import Cell, described
from ruvllm.benchmark.plan import Reporter
from ruvllm.learning.snapshots import Unfinished, key_of
from ruvllm.learning.training import TrainedRun, train
from ruvllm.workloads.workload import Workload

__all__ = ["recorded_run"]

Record = dict[str, Any]


def recorded_run(
    cell: Cell,
    label: str,
    make_record: Callable[[Workload, TrainedRun], Record],
    reporter: Reporter,
    cancelled: Callable[[], bool],
    unfinished: Unfinished | None = None,
) -> Record:
    """Runs the cell and makes its record, which JSON must be able to hold.

    `label` tells the command's runs apart. `unfinished` is where progress is kept and, where that is wanted, gone on
    from: a run that is done is not done again. Raises Cancelled, OSError, ValueError.
    """
    workload = cell.build()
    learn = partial(train, cell.plan, workload, progress=partial(reporter.epoch, label), cancelled=cancelled)
    if unfinished is None:
        return make_record(workload, learn())
    key = key_of(described(cell, workload) | {"recorded": label})
    snapshot = unfinished.snapshot(key)
    record = unfinished.result(key)
    if record is None:
        record = make_record(workload, learn(snapshot=snapshot))
    unfinished.keep_result(key, record)
    snapshot.remove()
    return record
