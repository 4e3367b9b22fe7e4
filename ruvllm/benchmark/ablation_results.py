"""What an ablation says: differences to the full system, paired over seeds, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ruvllm.benchmark.ablation import COMPONENTS, Component
from ruvllm.benchmark.plan import Options
from ruvllm.evaluation.statistics import mean, student_t_interval
from ruvllm.results.summaries import make_header

__all__ = ["MEASURES", "compare_with_full", "make_ablation_document"]

MEASURES = ("resolveRate", "recallAt1", "tasksTo90", "ece")
"""Those of them that the runs have: recall@1 among all test solutions is of real input only."""
METHOD = {
    "difference": "without the component minus the full system: same model, seed and tasks",
    "interval": "Student's t over seeds; of all models together: of each seed's mean over models",
    "level": 0.95,
    "tasksTo90": "training tasks until 90% of the test tasks are resolved, linear between epochs; a run that never "
    "gets there counts with all its tasks",
    "adjustment": "none: of 20 intervals without an effect, one is expected to leave out 0",
}

Run = dict[str, Any]


def make_ablation_document(runs: Sequence[Run], options: Options, command: Sequence[str]) -> dict[str, Any]:
    """The results file of an ablation of the one protocol in the options."""
    (protocol,) = options.protocols
    full = [run for run in runs if run["without"] is None]
    return {
        **make_header("ablation", command, options.isa),
        "protocol": protocol,
        "profile": options.profile,
        "workload": options.workload,
        "models": [model.name for model in options.models],
        "seeds": list(options.seeds),
        "method": METHOD,
        "full": {measure: mean([run[measure] for run in full]) for measure in _measures(runs)},
        "components": compare_with_full(runs, [c for c in COMPONENTS if c.name in {run["without"] for run in runs}]),
        "runs": list(runs),
    }


def compare_with_full(runs: Sequence[Run], components: Sequence[Component]) -> list[dict[str, Any]]:
    """One record per component: differences over all models and of each, and the measures on which 0 is left out.

    Needs at least 2 seeds.
    """
    found = {(run["model"], run["seed"], run["without"]): run for run in runs}
    models, measures = list(dict.fromkeys(run["model"] for run in runs)), _measures(runs)
    seeds = list(dict.fromkeys(run["seed"] for run in runs))

    def differences(component: Component, model: str, measure: str) -> list[float]:
        return [found[model, s, component.name][measure] - found[model, s, None][measure] for s in seeds]

    records = []
    for component in components:
        of_models = {
            model: {measure: _paired(differences(component, model, measure)) for measure in measures}
            for model in models
        }
        overall = {
            measure: _paired(_means_over_models([differences(component, model, measure) for model in models]))
            for measure in measures
        }
        reached = sum(found[model, s, component.name]["reached90"] for model in models for s in seeds)
        records.append(
            {
                "name": component.name,
                "without": component.without,
                "overall": overall,
                "models": of_models,
                "reached90": {"runs": reached, "of": len(models) * len(seeds)},
                "effectOn": [m for m in measures if _leaves_out_zero(overall[m]["ci95"])],
            }
        )
    return records


def _measures(runs: Sequence[Run]) -> list[str]:
    return [measure for measure in MEASURES if all(measure in run for run in runs)]


def _means_over_models(per_model: Sequence[Sequence[float]]) -> list[float]:
    return [mean(values) for values in zip(*per_model, strict=True)]


def _paired(differences: Sequence[float]) -> dict[str, Any]:
    return {"difference": mean(differences), "ci95": list(student_t_interval(differences))}


def _leaves_out_zero(interval: Sequence[float]) -> bool:
    return interval[0] > 0 or interval[1] < 0
