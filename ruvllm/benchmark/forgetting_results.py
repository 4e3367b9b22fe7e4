"""What a blocked stream says: final accuracy, backward transfer and forgetting, and what EWC changes in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ruvllm.evaluation.statistics import mean, student_t_interval
from ruvllm.results.summaries import make_header
from ruvllm.workloads.workload import TASK_TYPES

__all__ = ["MEASURES", "make_forgetting_document", "summarise_blocked"]

MEASURES = ("finalAccuracy", "backwardTransfer", "forgetting")
METHOD = {
    "finalAccuracy": "mean over types of the test resolve rate at the end of the stream",
    "backwardTransfer": "mean over all types but the last: rate at the end minus rate after the type's own stage "
    "(Lopez-Paz & Ranzato 2017)",
    "forgetting": "mean over all types but the last: best rate after an earlier stage minus rate at the end "
    "(Chaudhry et al. 2018)",
    "interval": "Student's t over seeds; of all models together: of each seed's mean over models; of EWC: paired",
    "level": 0.95,
}


def make_forgetting_document(runs: Sequence[dict[str, Any]], command: Sequence[str], isa: str) -> dict[str, Any]:
    """The results file of a blocked stream."""
    return {
        **make_header("stream", command, isa),
        "method": METHOD,
        "runs": list(runs),
        "summaries": summarise_blocked(runs),
    }


def summarise_blocked(runs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """One record per protocol and adapter: each measure with EWC on and off and their paired difference, for all models
    together and for each. Needs at least 2 seeds.
    """
    records = []
    for protocol, adapter in dict.fromkeys((run["protocol"], run["adapter"]) for run in runs):
        own = [run for run in runs if (run["protocol"], run["adapter"]) == (protocol, adapter)]
        models = list(dict.fromkeys(run["model"] for run in own))
        records.append(
            {
                "protocol": protocol,
                "adapter": adapter,
                "overall": {measure: _compare(own, models, measure) for measure in MEASURES},
                "models": {
                    model: {measure: _compare(own, [model], measure) for measure in MEASURES} for model in models
                },
                "finalAccuracyOfTypes": {
                    kind: {
                        when: mean([run["rates"][-1][number] for run in own if run["ewc"] == ewc])
                        for when, ewc in (("ewcOn", True), ("ewcOff", False))
                    }
                    for number, kind in enumerate(TASK_TYPES)
                },
            }
        )
    return records


def _compare(runs: Sequence[dict[str, Any]], models: Sequence[str], measure: str) -> dict[str, Any]:
    seeds = list(dict.fromkeys(run["seed"] for run in runs))
    found = {(run["model"], run["seed"], run["ewc"]): run[measure] for run in runs}
    on, off = ([mean([found[model, seed, ewc] for model in models]) for seed in seeds] for ewc in (True, False))
    return {
        "ewcOn": _with_interval(on),
        "ewcOff": _with_interval(off),
        "difference": _with_interval([a - b for a, b in zip(on, off, strict=True)]),
    }


def _with_interval(values: Sequence[float]) -> dict[str, Any]:
    return {"mean": mean(values), "ci95": list(student_t_interval(values))}
