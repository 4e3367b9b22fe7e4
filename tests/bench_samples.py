"""What the tests of the benchmark share: the command, small runs, a small corpus, results made by hand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from json_samples import Entry
from msgspec import structs

from ruvllm.benchmark.cell import Cell
from ruvllm.encoders.models import ModelProfile, find_models
from ruvllm.evaluation.statistics import mean
from ruvllm.learning.constants import Size
from ruvllm.learning.protocols import PROTOCOLS, lora_rank
from ruvllm.learning.training_run import RunPlan
from ruvllm.workloads.inputs import InputOptions
from ruvllm.workloads.simulated import build_simulated_workload
from ruvllm.workloads.splits import ORDINARY, Fold

BENCH_COMMAND = [
    *(sys.executable, "-W", "error", "-c"),
    "import sys; from ruvllm.commands.bench import main; sys.exit(main())",
]
SMALL_MODEL = find_models(["Qwen2.5-Coder-1.5B"])[0]
DOCSTRING = InputOptions("docstring")
"""The docstring question of a source tree."""
SMALL_RUN = ("--profile", "quick", "--models", SMALL_MODEL.name)
"""Arguments of the shortest run there is."""
UNBOUNDED = ("--profile", "full", "--seeds", "1000")
"""Hours of work: a test that ends has found out before."""

METRIC_KEYS = {"resolveRate", "confidence", "ece", "brier"}
CONTROL_NAMES = {"frozen", "randomGradient", "shuffled"}
LEARNED = ("frozen", "learned")


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
    p = PROTOCOLS[protocol]
    fields: dict[str, Any] = {
        "protocol": structs.replace(p, base_rate=changes.pop("base_rate", p.base_rate)),
        "size": Size(epochs, tasks),
        "rank": lora_rank(p, SMALL_MODEL.params_b),
        "seed": seed,
    }
    return RunPlan(**{**fields, **changes})


def small_cell(plan: RunPlan | None = None, fold: Fold | None = None, model: ModelProfile = SMALL_MODEL) -> Cell:
    """A cell on few simulated tasks, of the smallest dimension unless it is another model's."""
    plan = plan or small_plan()
    build = partial(build_simulated_workload, model, plan.size.attempts, plan.seed, plan.isa, fold or ORDINARY)
    return Cell(model, plan, "quick", build, fold)


def stored(entry: Entry) -> dict[str, Any]:
    """The checkpoint of an entry."""
    document: dict[str, Any] = json.loads(Path(entry["checkpoint"]).read_text(encoding="utf-8"))
    return document


def hashes(entry: Entry) -> tuple[str, str]:
    return entry["stateHash"], entry["runHash"]


def results_file(folder: Path, kind: str = "benchmark") -> Path:
    (path,) = folder.glob(f"{kind}-*.json")
    return path


def leftovers(folder: Path) -> list[Path]:
    """Files that are neither results nor checkpoints with their resume files, nor kept to be gone on from."""
    kept = (".json", ".resume.safetensors")
    files = [path for path in folder.rglob("*") if path.is_file() and path.parent.name != "unfinished"]
    return [path for path in files if not path.name.endswith(kept)]


def checkpoints(folder: Path) -> list[Path]:
    """The checkpoints of a results folder, without the files beside them."""
    return sorted((folder / "checkpoints").glob("*.json"))


def error_line(done: subprocess.CompletedProcess[str]) -> str:
    """The only line of a failure."""
    (line,) = done.stderr.splitlines()
    assert line.startswith("ruvllm-bench: ")
    return line


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
    params: float = 3.8,
    before: Sequence[int] = (1, 0, 0, 0),
    after: Sequence[int] = (1, 1, 1, 0),
    sure: Sequence[float] | None = None,
    initial: float | None = None,
    final: float | None = None,
    confidence: float | None = None,
    ranks: tuple[Sequence[float], Sequence[float]] | None = None,
    **changes: Any,
) -> Entry:
    """An entry without a run, from what came of each test task before and after: resolved or not, and how sure.

    `ranks` are the reciprocal ranks of retrieval. `initial`, `final` and `confidence` replace the means where only they
    matter; `changes` replace fields.
    """
    sure = [0.5 if confidence is None else confidence] * len(after) if sure is None else sure
    start = {"resolveRate": mean(before) if initial is None else initial, "confidence": 0.4, "ece": 0.1, "brier": 0.2}
    end = {
        "resolveRate": mean(after) if final is None else final,
        "confidence": mean(sure) if confidence is None else confidence,
        "ece": 0.15,
        "brier": 0.25,
    }
    entry: dict[str, Any] = {
        "protocol": "v3",
        "workload": "simulated" if ranks is None else "code",
        "model": model,
        "paramsB": params,
        "loraRank": 2,
        "seed": 0,
        "epochs": 1,
        "tasksPerEpoch": 4,
        "taskSet": "2" * 64,
        "initial": start,
        "final": {**end, "resolveRateCI95": [0.3, 0.95]},
        "calibrated": {
            "initial": {"temperature": 2.0, "confidence": 0.3, "ece": 0.05, "brier": 0.125},
            "final": {"temperature": 0.5, "confidence": 0.8, "ece": 0.025, "brier": 0.0625},
        },
        "reliability": {"initial": [], "final": []},
        "taskTypeAccuracy": {"bug_fix": end["resolveRate"]},
        "train": end,
        "holdout": end,
        "controls": {
            "frozen": {"initial": start, "final": start},
            "randomGradient": {"initial": start, "final": {**start, "resolveRate": start["resolveRate"] + 0.01}},
            "shuffled": {"initial": start, "final": {**start, "resolveRate": start["resolveRate"] + 0.02}},
        },
        "patterns": 20,
        "efficiency": end["resolveRate"] / params,
        "seconds": 1.5,
        "microsecondsPerTask": 20.0,
        "transitions": {},
        "history": [],
        "answers": {
            "tasks": list(range(len(after))),
            "resolvedInitially": list(before),
            "resolved": list(after),
            "confidence": list(sure),
        },
        "stateHash": "0" * 64,
        "runHash": "1" * 64,
        "checkpoint": "results/checkpoints/x.json",
    }
    if ranks is not None:
        entry["answers"]["types"] = [0] * len(ranks[0])
        entry["answers"] |= {"reciprocalRankInitially": list(ranks[0]), "reciprocalRank": list(ranks[1])}
        entry["retrieval"] = {
            "queries": len(after),
            "recallAt1": {when: mean([float(x == 1) for x in r]) for when, r in zip(LEARNED, ranks, strict=True)},
            "recallAt5": {when: mean([float(x >= 0.2) for x in r]) for when, r in zip(LEARNED, ranks, strict=True)},
            "mrr": {when: mean(r) for when, r in zip(LEARNED, ranks, strict=True)},
        }
    return {**entry, **changes}
