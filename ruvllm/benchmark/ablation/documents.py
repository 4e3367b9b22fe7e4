"""The results file of an ablation: differences to the full system, paired over seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from msgspec import structs

from ruvllm.evaluation.ensemble_members import ENSEMBLE_KINDS
from ruvllm.evaluation.selection import ENSEMBLE
from ruvllm.evaluation.statistics import mean, student_t_interval
from ruvllm.learning.components import ADDITIONS, COMPONENTS, Addition, Component
from ruvllm.results.document import make_header
from ruvllm.results.experiment_records import (
    AblationComponent,
    AblationDocument,
    AblationMeasures,
    AblationRun,
    EnsembleAblation,
    EnsembleKind,
    MeanRetrieval,
    Method,
    Reached,
)
from ruvllm.results.records import Difference, RunOptions, camel_case

__all__ = ["MEASURES", "compare_with_full", "make_ablation_document"]

MEASURES = ("resolve_rate", "recall_at_1", "mrr", "tasks_to_90", "ece")
METHOD: Method = {
    "difference": "without the component minus the full system: same model, seed and tasks",
    "interval": "Student's t over seeds: of each seed's mean over models and folds, of one model over its folds",
    "level": 0.95,
    "tasksTo90": "training tasks until 90% of the test tasks are resolved, linear between epochs; a run that never "
    "gets there counts with all its tasks",
    "adjustment": "none: of 20 intervals without an effect, one is expected to leave out 0",
}

OF_ADDED = "of a part that is added: with it minus the full system"
OF_ENSEMBLE = (
    "the same trained runs, answered by the ensemble: its weights are fitted again without a kind of members; without "
    "minus with it"
)
OF_RETRIEVAL = "recall@1 and MRR among all test solutions by what was learned alone: nothing is selected on validation"

T = TypeVar("T")
Value = Callable[[AblationRun], float]
"""One measure of a run."""


def make_ablation_document(
    runs: Sequence[AblationRun], options: RunOptions, command: Sequence[str] = (), isa: str = "auto"
) -> AblationDocument:
    """The results file of an ablation of the one protocol in the options."""
    (protocol,) = options.protocols
    full = [run for run in runs if run.without is None]
    frozen = [run.frozen for run in full if run.frozen is not None]
    ensemble = _compare_ensembles(full)
    of_ensemble: Method = {} if ensemble is None else {"ensemble": OF_ENSEMBLE}
    return AblationDocument(
        **make_header(options, command, isa),
        protocol=protocol,
        profile=options.profile,
        workload=options.workload,
        models=options.models,
        seeds=options.seeds,
        method=METHOD if not frozen else METHOD | {"added": OF_ADDED, "retrieval": OF_RETRIEVAL} | of_ensemble,
        full=_each_measure(runs, lambda value: mean([value(run) for run in full])),
        frozen=_mean_of(frozen) if frozen else None,
        components=compare_with_full(runs, _parts(runs)),
        ensemble=ensemble,
        input=runs[0].input,
        runs=[structs.replace(run, input=None) for run in runs],
    )


def _mean_of(found: Sequence[MeanRetrieval]) -> MeanRetrieval:
    return MeanRetrieval(mean([f.recall_at_1 for f in found]), mean([f.mrr for f in found]))


def _compare_ensembles(full: Sequence[AblationRun]) -> EnsembleAblation | None:
    """What the ensembles of the full system's runs lose without a kind; None where none answered."""
    found = [run.ensembles for run in full if run.ensembles is not None]
    if not found or len(found) < len(full):
        return None
    kinds = []
    for name, said in ENSEMBLE_KINDS.items():
        if all(name in each for each in found):
            recall = _paired([each[name].recall_at_1 - each[ENSEMBLE].recall_at_1 for each in found], full)
            mrr = _paired([each[name].mrr - each[ENSEMBLE].mrr for each in found], full)
            kinds.append(EnsembleKind(name, said, recall, mrr))
    return EnsembleAblation(_mean_of([each[ENSEMBLE] for each in found]), kinds)


def _paired(differences: Sequence[float], runs: Sequence[AblationRun]) -> Difference:
    """Of each seed's mean over the models and folds of the runs (n,), as the differences (n,) are in their order."""
    seeds = dict.fromkeys(run.seed for run in runs)
    means = [mean([d for d, run in zip(differences, runs, strict=True) if run.seed == seed]) for seed in seeds]
    return Difference(mean(means), student_t_interval(means))


def _parts(runs: Sequence[AblationRun]) -> list[Component | Addition]:
    """The parts that runs are without, then those that they are with."""
    off, added = ({run.without for run in runs if bool(run.added) == more} for more in (False, True))
    return [*(c for c in COMPONENTS if c.name in off), *(a for a in ADDITIONS if a.name in added)]


def compare_with_full(
    runs: Sequence[AblationRun], components: Sequence[Component | Addition]
) -> list[AblationComponent]:
    """One record per component: differences over all models and of each, and the measures whose interval leaves out 0.

    Needs at least 2 seeds.
    """
    found = {(run.model, run.seed, run.fold, run.without): run for run in runs}
    models = list(dict.fromkeys(run.model for run in runs))
    places = list(dict.fromkeys((run.seed, run.fold) for run in runs))

    def paired(component: Component | Addition, of_models: Sequence[str]) -> AblationMeasures[Difference]:
        full = [found[model, *place, None] for model in of_models for place in places]

        def measured(value: Value) -> Difference:
            without = [found[run.model, run.seed, run.fold, component.name] for run in full]
            return _paired([value(a) - value(b) for a, b in zip(without, full, strict=True)], full)

        return _each_measure(runs, measured)

    records = []
    for component in components:
        overall = paired(component, models)
        reached = sum(found[model, *place, component.name].reached_90 for model in models for place in places)
        effects = {name: getattr(overall, name) for name in MEASURES}
        added = isinstance(component, Addition)
        records.append(
            AblationComponent(
                component.name,
                component.said,
                overall,
                Reached(reached, len(models) * len(places)),
                [camel_case(name) for name, effect in effects.items() if effect is not None and effect.excludes_zero],
                True if added else None,
                {model: paired(component, [model]) for model in models},
            )
        )
    return records


def _each_measure(runs: Sequence[AblationRun], measured: Callable[[Value], T]) -> AblationMeasures[T]:
    """What `measured` makes of each measure; those of retrieval only if all runs have them."""
    with_recall, with_mrr = (all(getattr(run, name) is not None for run in runs) for name in ("recall_at_1", "mrr"))
    return AblationMeasures(
        resolve_rate=measured(lambda run: run.resolve_rate),
        recall_at_1=measured(lambda run: run.recall_at_1 or 0.0) if with_recall else None,
        mrr=measured(lambda run: run.mrr or 0.0) if with_mrr else None,
        tasks_to_90=measured(lambda run: run.tasks_to_90),
        ece=measured(lambda run: run.ece),
    )
