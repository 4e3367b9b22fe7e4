"""The plan of a benchmark: which cells there are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from msgspec import Struct

from ruvllm.benchmark.cell import Cell
from ruvllm.benchmark.sweeps.jobs import BENCHMARK, InputSpec, Job, label_of
from ruvllm.encoders.models import DEFAULT_DIM, MODELS, ModelProfile, find_models, hashed_profile
from ruvllm.encoders.registry import DEFAULT_ENCODER
from ruvllm.learning.constants import Protocol, Size, changed
from ruvllm.learning.presets import PRESETS, RANK
from ruvllm.learning.protocols import PROTOCOLS, lora_rank
from ruvllm.learning.training_run import RunPlan
from ruvllm.results.records import RunOptions
from ruvllm.workloads.registry import WORKLOADS, preset_of
from ruvllm.workloads.simulated import build_simulated_workload
from ruvllm.workloads.splits import ORDINARY, Fold
from ruvllm.workloads.workload import Workload

if TYPE_CHECKING:
    from ruvllm.workloads.inputs import Note, RealInput

__all__ = [
    "WITHOUT_LEXICAL",
    "Options",
    "cell_of_job",
    "dataset_size",
    "make_cell",
    "make_cells",
    "make_job",
    "make_jobs",
    "models_of",
    "protocol_of",
    "recorded_options",
    "with_candidates",
]

QUICK_MODELS = 3
WITHOUT_LEXICAL = {"lexical.weights": (0.0,), "lexical.bm25_weights": (0.0,)}


class Options(Struct, frozen=True):
    """Everything that decides the result, but for what files hold."""

    protocols: tuple[str, ...] = ("v3",)
    profile: str = "full"
    models: tuple[ModelProfile, ...] = MODELS
    workload: str = "simulated"
    """Name in WORKLOADS."""
    split: str = "file"
    """Of the code workload: "file" or "function"."""
    language: str | None = None
    """Of the code workload: its languages with commas; None for Python."""
    seeds: tuple[int, ...] = (0,)
    folds: int | None = None
    """Of a cross-validation; None: one run per seed, on the ordinary split."""
    stream: str = "mixed"
    controls: bool = True
    """Each run once more under each control: nothing learned, random gradients, shuffled answers."""
    lexical: bool = True
    """On real input, whether retrieval may count words beside the encoder's vectors."""
    rank: int | None = None
    """None: the protocol's own; 16 on real input."""
    isa: str = "auto"
    parts: tuple[str, ...] = ()
    """Of an ablation: these alone, by their names; empty for all."""


def recorded_options(options: Options, task_input: RealInput | None = None) -> RunOptions:
    """The options as the header of a results file has them."""
    encoder = None if task_input is None else task_input.encoder
    return RunOptions(
        profile=options.profile,
        protocols=list(options.protocols),
        models=[model.name for model in options.models],
        workload=options.workload,
        tasks=None if task_input is None else task_input.kind,
        split=options.split if WORKLOADS[options.workload].splits else None,
        language=options.language,
        encoder=None if task_input is None else DEFAULT_ENCODER if encoder is None else encoder.name,
        seeds=list(options.seeds),
        folds=options.folds,
        stream=options.stream,
        controls=options.controls,
        lexical=None if task_input is None else options.lexical,
        rank=options.rank,
    )


def models_of(
    workload: str, profile: str, names: Sequence[str] = (), dims: Sequence[int] = ()
) -> tuple[ModelProfile, ...]:
    """Returns what runs: the named models or the default ones; on real input the default encoder at each width.

    There a name of a model stands for its width alone. Raises ValueError for an unknown name.
    """
    named = find_models(names)
    if WORKLOADS[workload].reader:
        widths = [*dims, *(model.embedding_dim for model in named)] or [DEFAULT_DIM]
        return tuple(hashed_profile(dim) for dim in dict.fromkeys(widths))
    return named or (MODELS[:QUICK_MODELS] if profile == "quick" else MODELS)


def make_jobs(options: Options, kind: str = BENCHMARK, spec: InputSpec | None = None) -> list[Job]:
    """One job per protocol, model, seed and fold, in this order. `spec`: None where jobs do not leave the process."""
    return [
        make_job(options, kind, name, model, seed, fold, spec=spec)
        for name in options.protocols
        for model in options.models
        for seed in options.seeds
        for fold in folds_of(options)
    ]


def make_job(
    options: Options,
    kind: str,
    protocol: str,
    model: ModelProfile,
    seed: int,
    fold: Fold | None = None,
    *,
    changes: Mapping[str, str] | None = None,
    words: str = "",
    spec: InputSpec | None = None,
) -> Job:
    """One run of the options. `changes` are those of the protocol, by names; `words` tell its label from others."""
    return Job(
        kind=kind,
        label=label_of(model.name, protocol, seed, fold) + (f", {words}" if words else ""),
        protocol=protocol,
        changes=dict(changes or {}),
        model=model,
        seed=seed,
        fold=None if fold is None else fold.number,
        folds=None if fold is None else fold.of,
        profile=options.profile,
        workload=options.workload,
        split=options.split,
        stream=options.stream,
        controls=options.controls,
        lexical=options.lexical,
        rank=options.rank,
        input=spec,
    )


def make_cells(options: Options, task_input: RealInput | None = None) -> list[Cell]:
    """The cell of each of make_jobs(). `task_input`: None for the simulated workload."""
    return [cell_of_job(job, task_input, options.isa) for job in make_jobs(options)]


def cell_of_job(
    job: Job, task_input: RealInput | None = None, isa: str = "auto", protocol: Protocol | None = None
) -> Cell:
    """The cell of a job, with its input in memory; `protocol` is the job's own where it changes it."""
    options = Options(
        protocols=(job.protocol,),
        profile=job.profile,
        models=(job.model,),
        workload=job.workload,
        split=job.split,
        seeds=(job.seed,),
        folds=job.folds,
        stream=job.stream,
        controls=job.controls,
        lexical=job.lexical,
        rank=job.rank,
        isa=isa,
    )
    protocol = protocol or protocol_of(job.protocol, task_input)
    return make_cell(options, protocol, job.model, job.seed, task_input, job.part)


def protocol_of(name: str, task_input: RealInput | None) -> Protocol:
    """Returns the named protocol, with the settings for this kind of input (None means the simulated workload)."""
    protocol = PROTOCOLS[name]
    return protocol if task_input is None else PRESETS[preset_of(task_input.name, task_input.kind)](protocol)


def make_cell(
    options: Options,
    protocol: Protocol,
    model: ModelProfile,
    seed: int,
    task_input: RealInput | None = None,
    fold: Fold | None = None,
) -> Cell:
    """One cell of a protocol, which may be a changed one."""
    size = protocol.size(options.profile)
    parts = ORDINARY if fold is None else fold
    rank = lora_rank(protocol, model.params_b)
    if not options.lexical:
        protocol = changed(protocol, WITHOUT_LEXICAL)
    build: Callable[[], Workload]
    if task_input is None:
        attempts = dataset_size(options.profile).attempts
        build = partial(build_simulated_workload, model, attempts, seed, options.isa, parts)
    else:
        rank = RANK
        build = partial(task_input.build, dim=model.embedding_dim, seed=seed, split=options.split, fold=parts)
    if (options.rank or rank) > model.embedding_dim:
        raise ValueError(
            f"a vector of {model.name} has {model.embedding_dim} elements, fewer than the LoRA rank of "
            f"{options.rank or rank}: give --rank {model.embedding_dim} or less"
        )
    plan = RunPlan(protocol, size, options.rank or rank, seed, stream=options.stream, isa=options.isa)
    return Cell(model, plan, options.profile, build, fold, options.controls)


def dataset_size(profile: str) -> Size:
    """The largest of the protocols' sizes: all of them are measured on the same tasks."""
    return max((p.size(profile) for p in PROTOCOLS.values()), key=lambda size: size.attempts)


def with_candidates(options: Options, task_input: RealInput, warn: Note) -> RealInput:
    """Returns the input with the number of candidates that all of these runs have room for. Raises ValueError."""
    from ruvllm.workloads.text import fit_candidates

    folds = [ORDINARY if fold is None else fold for fold in folds_of(options)]
    return fit_candidates(task_input, options.split, options.seeds, folds, warn)


def folds_of(options: Options) -> Sequence[Fold | None]:
    """The folds of each seed; None alone where nothing is cross-validated."""
    return [None] if options.folds is None else [Fold(i + 1, options.folds) for i in range(options.folds)]
