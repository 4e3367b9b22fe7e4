"""Results files of every kind for tests of reports: small, made by hand, no two numbers alike where that matters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bench_samples import hand_made
from experiment_samples import ablated, blocked
from json_samples import Entry, make_ablation_document, make_document, make_forgetting_document, make_simd_document

from ruvllm.benchmark.plan import Options
from ruvllm.benchmark.simd import PLAIN_LOOP, WORKS
from ruvllm.encoders.models import MODELS

TYPES = ("code_completion", "bug_fix", "refactor", "test_gen")
COMMAND = ["ruvllm-bench", "--protocol", "all", "--seeds", "2"]

NANOSECONDS = {PLAIN_LOOP: 1000.0, "scalar": 1250.0, "sse4.1": 250.0, "avx2": 62.5, "avx512": 50.0}
ISAS = list(NANOSECONDS)[1:]


def simd_document() -> dict[str, Any]:
    """The same times for all works, with a spread of 10%."""
    measurements = [
        {
            "work": work.name,
            "sizes": work.sizes,
            "isa": isa,
            "seconds": {
                "median": ns * 1e-9,
                "medianAbsoluteDeviation": 0.1 * ns * 1e-9,
                "min": 0.5 * ns * 1e-9,
                "max": 2 * ns * 1e-9,
            },
            "perSecond": 1e9 / ns,
            "bytesPerSecond": None if work.bytes_per_call is None else 1e9 * 1e3 / ns,
            "speedup": NANOSECONDS[work.baseline] / ns,
            "speedupOver": work.baseline,
        }
        for work in WORKS
        for isa, ns in NANOSECONDS.items()
        if isa != PLAIN_LOOP or work.name == "dot"
    ]
    return make_simd_document(measurements, ISAS, 9, ["ruvllm-bench", "simd"])


def learned_entry(model: int = 3, protocol: str = "v3", seed: int = 0, epochs: int = 4, **changes: Any) -> Entry:
    """A run with everything that a report shows; the higher the protocol, the more is learned."""
    profile = MODELS[model]
    before = [1] * (4 + model) + [0] * (36 - model)
    n = {"v1": 14, "v2": 28, "v3": 37}[protocol] + seed
    after = [1] * n + [0] * (40 - n)
    start, end = sum(before) / 40, sum(after) / 40
    history = [
        {
            "epoch": i + 1,
            "test": {"resolveRate": start + (end - start) * (i + 1) / epochs, "confidence": 0.3 + 0.1 * i, "ece": 0.1,
                     "brier": 0.2},
            "dynamicDifficulty": 0.3 + 0.1 * i,
            "learningRate": 0.001 * (i + 1),
        }
        for i in range(epochs)
    ]  # fmt: skip
    bins = [{"low": i / 10, "high": (i + 1) / 10, "count": 4 * (i % 5 + 1), "confidence": i / 10 + 0.05,
             "accuracy": min(1.0, i / 10 + 0.1)} for i in range(10)]  # fmt: skip
    bins[0] |= {"count": 0, "confidence": None, "accuracy": None}
    return hand_made(
        profile.name, params=profile.params_b, protocol=protocol, seed=seed, before=before, after=after,
        sure=[0.5 + 0.01 * model + 0.001 * i for i in range(40)],
        history=history, epochs=epochs, tasksPerEpoch=20, reliability={"initial": bins, "final": bins},
        taskTypeAccuracy={kind: 0.9 + 0.02 * i for i, kind in enumerate(TYPES)},
        transitions={kind: {"kept": 3 + i, "gained": 5, "lost": 1, "never": 1} for i, kind in enumerate(TYPES)},
        stateHash=f"{model}{protocol[1]}{seed}" * 21 + "0", runHash=f"{seed}{model}{protocol[1]}" * 21 + "1", **changes,
    )  # fmt: skip


def benchmark_document(
    *,
    models: tuple[int, ...] = (3, 4, 5),
    protocols: tuple[str, ...] = ("v1", "v2", "v3"),
    seeds: tuple[int, ...] = (0, 1),
    **changes: Any,
) -> dict[str, Any]:
    runs = [learned_entry(m, p, seed) for p in protocols for m in models for seed in seeds]
    return {**make_document(runs, COMMAND, "auto"), **changes}


def code_document(**retrieval: Any) -> dict[str, Any]:
    """The code workload; further keys of each summary's retrieval."""
    ranks = ([0.5] * 40, [1.0] * 20 + [0.5] * 20)
    runs = [
        hand_made(name, params=params, seed=seed, before=[0] * 40, after=[1] * 40, ranks=ranks)
        for name, params in (("Qwen2.5-Coder-1.5B", 1.5), ("CodeLlama-7B", 7.0))
        for seed in (0, 1)
    ]
    document = make_document(runs, ["ruvllm-bench", "--workload", "code", "--split", "function"], "auto")
    document["options"] |= {"workload": "code", "tasks": "all", "split": "function", "encoder": "hash"}
    for summary in document["summaries"]:
        for key in ("byType", "transfer", "comparison"):  # a test that wants them brings its own
            summary.pop(key, None)
        summary["retrieval"] |= retrieval
    return document


def ablation_document() -> dict[str, Any]:
    runs = [
        ablated(without, model=model, seed=seed, resolveRate=0.9 - 0.1 * (without == "lora") - 0.01 * seed,
                tasksTo90=100.0 + 50 * (without == "replay") + seed)
        for model in ("A", "B") for seed in (0, 1, 2)
        for without in (None, "heads", "lora", "contrastive", "contrastive-memory", "replay", "replay-policy", "ewc",
                        "patterns", "dda", "curriculum", "learning-rate", "temperature", "momentum")
    ]  # fmt: skip
    options = Options(protocols=("v3",), seeds=(0, 1, 2))
    return make_ablation_document(runs, options, ["ruvllm-bench", "ablate", "--seeds", "3"])


def stream_document() -> dict[str, Any]:
    runs = [
        blocked(model=model, seed=seed, adapter=adapter, ewc=ewc, forgetting=0.125 + 0.05 * seed - 0.1 * ewc)
        for model in ("A", "B") for seed in (0, 1) for adapter in ("heads", "single") for ewc in (True, False)
    ]  # fmt: skip
    return make_forgetting_document(runs, ["ruvllm-bench", "--stream", "blocked", "--seeds", "2"], "auto")


EVERY_KIND = {
    "benchmark": benchmark_document,
    "code": code_document,
    "ablation": ablation_document,
    "stream": stream_document,
    "simd": simd_document,
}


def write_document(path: Path, document: dict[str, Any]) -> Path:
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def write_every_kind(folder: Path) -> Path:
    """A folder with a file of each kind."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in EVERY_KIND.items():
        write_document(folder / f"{name}.json", make())
    return folder
