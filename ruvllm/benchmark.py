"""The benchmark: which cells there are, run side by side, and what their results say together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Protocol as Interface

from ruvllm import code_tasks
from ruvllm.cell import Cell, CellResult, run_cell
from ruvllm.corpus import Corpus
from ruvllm.models import MODELS, ModelProfile
from ruvllm.protocols import PROTOCOLS, lora_rank
from ruvllm.schedulers import BASE_RATE
from ruvllm.simulated import build_simulated_workload
from ruvllm.training import RunPlan
from ruvllm.workload import Workload

__all__ = ["CODE_MODELS", "Options", "Reporter", "make_cells", "models_of", "run_cells"]

CODE_MODELS = ("Qwen2.5-Coder-1.5B", "CodeLlama-7B")
"""The code workload has no encoder of its own per model, only its dimension: d = 1536 and d = 4096."""
QUICK_MODELS = 3


@dataclass(frozen=True, slots=True)
class Options:
    """Everything that decides the result, but for the corpus."""

    protocols: tuple[str, ...] = ("v3",)
    profile: str = "full"
    models: tuple[ModelProfile, ...] = MODELS
    workload: str = "simulated"
    """"simulated" or "code"."""
    split: str = "file"
    """Of the code workload: "file" or "function"."""
    seeds: tuple[int, ...] = (0,)
    rank: int | None = None
    """None: the protocol's own; 16 on the code workload."""
    isa: str = "auto"


class Reporter(Interface):
    """Hears what happens; called from several threads."""

    def start(self, cells: Sequence[Cell]) -> None: ...
    def epoch(self, cell: Cell, done: int, total: int, test_resolve_rate: float | None) -> None: ...
    def finish(self, cell: Cell, result: CellResult) -> None: ...


def models_of(workload: str, profile: str) -> tuple[ModelProfile, ...]:
    """The models that run when none are named."""
    if workload == "code":
        return tuple(model for model in MODELS if model.name in CODE_MODELS)
    return MODELS[:QUICK_MODELS] if profile == "quick" else MODELS


def make_cells(options: Options, corpus: Corpus | None = None) -> list[Cell]:
    """One cell per protocol, model and seed, in this order. The code workload needs its corpus."""
    return [
        _make_cell(options, name, model, seed, corpus)
        for name in options.protocols
        for model in options.models
        for seed in options.seeds
    ]


def _make_cell(options: Options, protocol_name: str, model: ModelProfile, seed: int, corpus: Corpus | None) -> Cell:
    protocol = PROTOCOLS[protocol_name]
    size = protocol.size(options.profile)
    build: Callable[[], Workload]
    if corpus is None:
        rank, rate = lora_rank(protocol, model.params_b), BASE_RATE
        build = partial(build_simulated_workload, model, size, seed, options.isa)
    else:
        rank, rate = code_tasks.RANK, code_tasks.BASE_RATE
        build = partial(
            code_tasks.build_code_tasks, corpus, dim=model.embedding_dim, seed=seed, split=options.split
        )
    plan = RunPlan(protocol, size, options.rank or rank, seed, base_rate=rate, isa=options.isa)
    return Cell(model, plan, options.profile, build)


def run_cells(cells: Sequence[Cell], folder: Path, jobs: int, reporter: Reporter) -> list[CellResult]:
    """Runs the cells, `jobs` at once, and returns their results in their order.

    Threads suffice: the loop over tasks holds no lock of Python's. On an error or an interrupt the others stop soon;
    checkpoints that were written stay.
    """
    stop = threading.Event()

    def run(cell: Cell) -> CellResult:
        result = run_cell(cell, folder, partial(reporter.epoch, cell), stop.is_set)
        reporter.finish(cell, result)
        return result

    reporter.start(cells)
    pool = ThreadPoolExecutor(max_workers=jobs)
    finished: SimpleQueue[Future[CellResult]] = SimpleQueue()
    try:
        futures = [pool.submit(run, cell) for cell in cells]
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
