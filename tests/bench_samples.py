"""What the tests of the benchmark share: the command, small runs, a small corpus, results made by hand."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from ruvllm.cell import Cell, CellResult
from ruvllm.models import find_models
from ruvllm.protocols import PROTOCOLS, Size, lora_rank
from ruvllm.simulated import build_simulated_workload
from ruvllm.training import RunPlan

BENCH_COMMAND = [sys.executable, "-W", "error", "-c", "import sys; from ruvllm.cli import main; sys.exit(main())"]
SMALL_MODEL = find_models(["Qwen2.5-Coder-1.5B"])[0]
SMALL_RUN = ("--profile", "quick", "--models", SMALL_MODEL.name)
"""Arguments of the shortest run there is."""

METRIC_KEYS = {"resolveRate", "confidence", "ece", "brier"}
CONTROL_NAMES = {"frozen", "randomGradient", "shuffled"}


def bench(
    *arguments: str, folder: Path, timeout: float = 120, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run ruvllm-bench in a folder, with more environment variables."""
    return subprocess.run(
        [*BENCH_COMMAND, *arguments],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=timeout,
    )


def small_plan(protocol: str = "v3", epochs: int = 3, tasks: int = 20, seed: int = 5, **changes: Any) -> RunPlan:
    fields: dict[str, Any] = {
        "protocol": PROTOCOLS[protocol],
        "size": Size(epochs, tasks),
        "rank": lora_rank(PROTOCOLS[protocol], SMALL_MODEL.params_b),
        "seed": seed,
    }
    return RunPlan(**{**fields, **changes})


def small_cell(plan: RunPlan | None = None) -> Cell:
    """A cell of the smallest dimension on simulated tasks."""
    plan = plan or small_plan()
    return Cell(
        SMALL_MODEL, plan, "quick", lambda: build_simulated_workload(SMALL_MODEL, plan.size, plan.seed, plan.isa)
    )


def write_corpus(folder: Path, files: int = 16, functions: int = 10) -> Path:
    """A source tree of documented functions, no two of them alike; the same text on every call."""
    folder.mkdir(parents=True)
    verbs = ("count", "collect", "join", "sort", "merge", "drop", "scale", "group", "search", "shift", "split")
    nouns = ("rows", "tokens", "edges", "prices", "labels", "frames", "records", "vectors", "shares", "names",
             "blocks", "offsets", "scores")  # fmt: skip
    for file in range(files):
        parts = []
        for i in range(functions):
            n = file * functions + i
            verb, noun, other = verbs[n % 11], nouns[n % 13], nouns[(3 * n + 5) % 13]
            parts.append(
                f"def {verb}_{noun}_{n}({noun}, {other}={n}):\n"
                f'    """{verb.capitalize()} what the caller hands over as {noun}, however many there are."""\n'
                f"    {verb[:3]}ed = [{noun[0]} for {noun[0]} in {noun} if {noun[0]}.{other} > {other} + {n}]\n"
                f"    {verb[:3]}ed.sort(key=lambda item: item.{other}_{n % 7}, reverse={n % 2 == 0})\n"
                f"    return {verb[:3]}ed[: {n} + len({noun})]\n"
            )
        (folder / f"module_{file:02}.py").write_text("\n\n".join(parts), encoding="utf-8")
    return folder


def hand_made(
    model: str = "Phi-3-mini-4k",
    *,
    protocol: str = "v3",
    params: float = 3.8,
    seed: int = 0,
    initial: float = 0.25,
    final: float = 0.75,
    confidence: float = 0.5,
    gains: list[float] | None = None,
    retrieval: dict[str, dict[str, float]] | None = None,
    recall_gains: list[float] | None = None,
    reciprocal_gains: list[float] | None = None,
    **changes: Any,
) -> CellResult:
    """A result without a run. `gains` must have the mean final - initial; so it is for four tasks by default."""
    before = {"resolveRate": initial, "confidence": 0.4, "ece": 0.1, "brier": 0.2}
    after = {"resolveRate": final, "confidence": confidence, "ece": 0.1, "brier": 0.2}
    entry: dict[str, Any] = {
        "protocol": protocol,
        "workload": "simulated" if retrieval is None else "code",
        "model": model,
        "paramsB": params,
        "loraRank": 2,
        "seed": seed,
        "epochs": 1,
        "tasksPerEpoch": 4,
        "initial": before,
        "final": {**after, "resolveRateCI95": [0.3, 0.95]},
        "taskTypeAccuracy": {"bug_fix": final},
        "train": after,
        "holdout": after,
        "controls": {
            "frozen": {"initial": before, "final": before},
            "randomGradient": {"initial": before, "final": {**before, "resolveRate": initial + 0.01}},
            "shuffled": {"initial": before, "final": {**before, "resolveRate": initial + 0.02}},
        },
        "patterns": 20,
        "efficiency": final / params,
        "seconds": 1.5,
        "history": [],
        "stateHash": "0" * 64,
        "runHash": "1" * 64,
        "checkpoint": "results/checkpoints/x.json",
    }
    if retrieval is not None:
        entry["retrieval"] = {"queries": len(recall_gains or []), **retrieval}
    return CellResult({**entry, **changes}, gains or [1.0, 1.0, 0.0, 0.0], recall_gains, reciprocal_gains)
