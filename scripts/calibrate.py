"""Find habit and visibility of each model, the only constants that differ between them in the simulated workload.

    python scripts/calibrate.py                 # all six models, some minutes; prints lines for encoders/models.py
    python scripts/calibrate.py Phi-3-mini-4k
    python scripts/calibrate.py --check         # how well the constants that are there fit, without a search

What it fits: two columns of the report, the v1 initial resolve rate (habit) and the v3 final confidence (visibility).
At the end it prints each fit beside its target. Nothing else is fitted to a model; every other number is an outcome.
Only seeds 100 to 109 are used, so that nothing is fitted to the seeds that results are reported for. The search is two
nested bisections: the frozen start falls with the habit, the final confidence grows with the visibility.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from msgspec import structs

from ruvllm._core import EngineConfig, LearningEngine
from ruvllm.encoders.models import MODELS, ModelProfile, find_models
from ruvllm.evaluation.statistics import mean
from ruvllm.learning.protocols import PROTOCOLS, lora_rank
from ruvllm.learning.training import train
from ruvllm.learning.training_run import RunPlan
from ruvllm.results.published import PUBLISHED
from ruvllm.workloads.simulated import build_simulated_workload

SEEDS = tuple(range(100, 110))
PROTOCOL = PROTOCOLS["v3"]


def start(model: ModelProfile) -> float:
    """Resolve rate of the frozen model over all tasks of all seeds."""
    rates = []
    for seed in SEEDS:
        workload = build_simulated_workload(model, PROTOCOL.full.attempts, seed)
        engine = LearningEngine(
            workload.source, EngineConfig(dim=model.embedding_dim, rank=1, heads=0, scaling=1.0)
        )
        _, resolved, _, _ = engine.evaluate(np.arange(len(workload.types), dtype=np.uint32))
        rates.append(np.count_nonzero(resolved) / len(resolved))
    return mean(rates)


def final_confidence(model: ModelProfile) -> float:
    """Mean test confidence after a full v3 run."""
    confidences = []
    for seed in SEEDS:
        plan = RunPlan(PROTOCOL, PROTOCOL.full, lora_rank(PROTOCOL, model.params_b), seed)
        run = train(plan, build_simulated_workload(model, PROTOCOL.full.attempts, seed))
        confidences.append(run.final.summary()["confidence"])
    return mean(confidences)


def with_constants(model: ModelProfile, **constants: float) -> ModelProfile:
    return structs.replace(model, simulation=structs.replace(model.simulation, **constants))


def with_start(model: ModelProfile, target: float) -> ModelProfile:
    low, high = 0.0, 4.0
    for _ in range(9):
        habit = round((low + high) / 2, 3)
        model = with_constants(model, habit=habit)
        low, high = (habit, high) if start(model) > target else (low, habit)
    return model


def calibrate(model: ModelProfile) -> ModelProfile:
    target = PUBLISHED[model.name]
    low, high = 0.01, 0.32
    for _ in range(7):
        visibility = round((low * high) ** 0.5, 4)
        model = with_start(with_constants(model, visibility=visibility), target.v1_initial)
        confidence = final_confidence(model)
        print(f"  {model.name}: habit {model.simulation.habit}, visibility {visibility}: {confidence:.4f}", flush=True)
        low, high = (visibility, high) if confidence < target.v3_confidence else (low, visibility)
    return model


def fit(model: ModelProfile) -> str:
    """One line: what is fitted, beside its target."""
    target, constants = PUBLISHED[model.name], model.simulation
    found_start, found_confidence = start(model), final_confidence(model)
    return (
        f"{model.name:20} {constants.habit:8.3f} {constants.visibility:10.4f} "
        f"{target.v1_initial:13.1%} {found_start:6.1%} "
        f"{100 * (found_start - target.v1_initial):+6.1f} {target.v3_confidence:13.1%} {found_confidence:6.1%} "
        f"{100 * (found_confidence - target.v3_confidence):+6.1f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=[model.name for model in MODELS])
    parser.add_argument("--check", action="store_true", help="only print how well the present constants fit")
    arguments = parser.parse_args()
    models = find_models(arguments.models)
    with ThreadPoolExecutor(2) as pool:
        if not arguments.check:
            models = tuple(pool.map(calibrate, models))
            for model in models:
                found = model.simulation
                print(f"{model.name:20} habit={found.habit:.3f}, visibility={found.visibility:.4f}")
        seeds = f"seeds {SEEDS[0]} to {SEEDS[-1]}"
        print(f"{'':40} v1 initial                  v3 confidence")
        print(f"{seeds:20}    habit visibility        target    fit    off        target    fit    off")
        for line in pool.map(fit, models):
            print(line, flush=True)


if __name__ == "__main__":
    main()
