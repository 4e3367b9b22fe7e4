"""The runs of an ablation: every component of a protocol off in turn, beside the full system, tasks and seeds the same.

On real input there are runs with each part that it leaves out, too, and all of them are of learning alone: the
validation part selects nothing. Where words count, the run of the full system is also answered by the ensemble, with
all kinds of members and without each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from threading import Lock

from msgspec import structs

from ruvllm.benchmark.cell import Cell
from ruvllm.benchmark.comparing import ensembles_without_each, learn_lexical
from ruvllm.benchmark.entry import input_of
from ruvllm.benchmark.plan import WITHOUT_LEXICAL, Options, cell_of_job, folds_of, make_job, protocol_of
from ruvllm.benchmark.sweep import Place, Reporter, Run, make_recorded, run_all
from ruvllm.benchmark.sweeps.jobs import InputSpec, Job
from ruvllm.evaluation.retrieval import Ranks, mean_reciprocal_rank, recall_at_1
from ruvllm.evaluation.selection import HYBRID
from ruvllm.learning.components import Variant, variants_of
from ruvllm.learning.constants import Protocol, changed
from ruvllm.learning.snapshots import Unfinished
from ruvllm.learning.training import TrainedRun
from ruvllm.results.experiment_records import AblationRun, MeanRetrieval
from ruvllm.workloads.inputs import RealInput
from ruvllm.workloads.workload import Workload

__all__ = [
    "GOAL", "KIND", "ablation_jobs", "ablation_line", "make_ablation_run", "prepare_ablation", "run_ablation",
    "tasks_to_goal",
]  # fmt: skip

KIND = "ablation"
"""Of jobs."""
GOAL = 0.9
"""Test resolve rate whose first crossing is timed."""


def ablation_jobs(options: Options, task_input: RealInput | None, spec: InputSpec | None = None) -> list[Job]:
    """One job per model, seed, fold and protocol: the full one first, then without (or with) each component in turn.

    Options must name one protocol; the input says which components there are. Raises ValueError for other parts.
    """
    (name,) = options.protocols
    variants = [None, *_chosen(_variants(name, options.lexical, task_input), options.parts)]
    options = structs.replace(options, controls=False)
    return [
        make_job(options, KIND, name, model, seed, fold, changes=_changes(each), words=_named(each), spec=spec)
        for model in options.models
        for seed in options.seeds
        for fold in folds_of(options)
        for each in variants
    ]


def prepare_ablation(job: Job, task_input: RealInput | None, isa: str = "auto") -> Run:
    """The job's run, with its input in memory. Raises ValueError for a component that the protocol does not have."""
    known = {str(_changes(each)): each for each in [None, *_variants(job.protocol, job.lexical, task_input)]}
    if str(job.changes) not in known:
        raise ValueError(f"{job.protocol} has no ablation {job.changes}")
    variant = known[str(job.changes)]
    protocol = _full(job.protocol, job.lexical, task_input) if variant is None else variant.protocol
    return Run(cell_of_job(job, task_input, isa, protocol), job.label, variant)


def make_ablation_run(run: Run, place: Place) -> AblationRun:
    """The record of one run; no checkpoint is kept."""
    return make_recorded(run, place, AblationRun, _record)


def run_ablation(
    options: Options, task_input: RealInput | None, jobs: int, reporter: Reporter, unfinished: Unfinished | None = None
) -> list[AblationRun]:
    """The records of ablation_jobs(), in their order. No controls and no checkpoints. `unfinished` as for run_cells().

    The workload of a model, seed and fold is built once.
    """
    runs: list[Run] = []
    planned = ablation_jobs(options, task_input)
    for _, group in groupby(planned, key=lambda job: (job.model.name, job.seed, job.fold)):
        alike = [prepare_ablation(job, task_input, options.isa) for job in group]
        build = _Shared(alike[0].cell.build, len(alike))
        runs += [structs.replace(run, cell=structs.replace(run.cell, build=build)) for run in alike]
    return run_all(runs, AblationRun, make_ablation_run, ablation_line, jobs, reporter, unfinished)


def _full(name: str, lexical: bool, task_input: RealInput | None) -> Protocol:
    """The protocol that components are removed from: nothing is selected on the validation part."""
    return changed(protocol_of(name, task_input), {"select": False} | ({} if lexical else WITHOUT_LEXICAL))


def _variants(name: str, lexical: bool, task_input: RealInput | None) -> list[Variant]:
    return variants_of(_full(name, lexical, task_input), additions=task_input is not None and name == "v3")


def _chosen(variants: Sequence[Variant], names: Sequence[str]) -> list[Variant]:
    """Those with these names; all of them if none is named. Raises ValueError for a part that is not there."""
    there = list(dict.fromkeys(each.name for each in variants))
    unknown = next((name for name in names if name not in there), None)
    if unknown is not None:
        raise ValueError(f"there is no part {unknown!r} to take away or to add; there are {', '.join(there)}")
    return [each for each in variants if not names or each.name in names]


def _changes(variant: Variant | None) -> dict[str, str]:
    return {} if variant is None else {"with" if variant.added else "without": variant.name}


class _Shared:
    """A workload that is built once for several runs, and let go when the last of them has it."""

    def __init__(self, build: Callable[[], Workload], uses: int) -> None:
        self._build = build
        self._left = uses
        self._workload: Workload | None = None
        self._lock = Lock()

    def __call__(self) -> Workload:
        with self._lock:
            workload = self._workload or self._build()
            self._left -= 1
            self._workload = workload if self._left > 0 else None
            return workload


def _named(variant: Variant | None) -> str:
    return "full" if variant is None else f"{'with' if variant.added else 'without'} {variant.name}"


def ablation_line(record: AblationRun) -> str:
    """What a run came to."""
    recall = "" if record.recall_at_1 is None else f"recall@1 {record.recall_at_1:.1%}, "
    return f"{recall}{record.resolve_rate:.1%} of the test tasks"


def _record(of: Run, workload: Workload, run: TrainedRun) -> AblationRun:
    cell, final = of.cell, run.final.summary()
    variant: Variant | None = of.variant
    tasks, reached = tasks_to_goal(
        [run.initial.resolve_rate, *(epoch["test"]["resolveRate"] for epoch in run.history)],
        cell.plan.size.tasks_per_epoch,
    )
    ranks, ensembles = _retrieval_of(cell, workload, run, variant)
    return AblationRun(
        model=cell.model.name,
        seed=cell.plan.seed,
        fold=None if cell.fold is None else cell.fold.number,
        without=None if variant is None else variant.name,
        added=True if variant is not None and variant.added else None,
        resolve_rate=final["resolveRate"],
        recall_at_1=None if ranks is None else recall_at_1(ranks[1]),
        mrr=None if ranks is None else mean_reciprocal_rank(ranks[1]),
        frozen=None if ranks is None else _means(ranks[0]),
        ensembles={name: _means(found) for name, found in ensembles.items()} or None,
        confidence=final["confidence"],
        ece=final["ece"],
        tasks_to_90=tasks,
        reached_90=reached,
        input=input_of(workload),
    )


def _retrieval_of(
    cell: Cell, workload: Workload, run: TrainedRun, variant: Variant | None
) -> tuple[tuple[Ranks, Ranks] | None, dict[str, Ranks]]:
    """Ranks of the test queries, frozen and by what was learned; those of the full system by its ensembles, too."""
    if workload.question is None:
        return None, {}
    learned = cell.retrieval(run.engine, workload)
    lexical, ranks = learn_lexical(cell, workload, learned), learned.ranks(workload.question.test)
    if ranks is None or lexical is None:
        return ranks, {}
    ensembles = ensembles_without_each(cell, workload, learned, lexical) if variant is None else {}
    return (ranks[0], lexical.ranks[HYBRID]), ensembles


def _means(ranks: Ranks) -> MeanRetrieval:
    return MeanRetrieval(recall_at_1(ranks), mean_reciprocal_rank(ranks))


def tasks_to_goal(rates: Sequence[float], tasks_per_epoch: int, goal: float = GOAL) -> tuple[float, bool]:
    """Training tasks until the test resolve rate first reaches the goal, and whether it does.

    `rates` begins before any learning and then has one rate per epoch; between two of them it is taken as linear. A
    run that never gets there counts with all its tasks: the least it can have needed.
    """
    for epoch, rate in enumerate(rates):
        if rate >= goal:
            if epoch == 0:
                return 0.0, True
            before = rates[epoch - 1]
            return (epoch - 1 + (goal - before) / (rate - before)) * tasks_per_epoch, True
    return float((len(rates) - 1) * tasks_per_epoch), False
