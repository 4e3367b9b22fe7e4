"""Writing and verifying a 7B v3 checkpoint beside node's JSON.stringify and SHA-256, and the size of the file.

    python bench/checkpoint_speed.py [--repetitions 9]

Both write atomically with both hashes, and both read, parse and take the hashes again; both hashes of both must agree
before anything is timed. We also check form, limits and duplicate keys; node keeps no such promises. Rounds alternate;
medians. The size is compared with the same file whose numbers have the 17 digits that a double is written with.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from ruvllm.checkpoints.verifying import verify_checkpoint
from ruvllm.checkpoints.writing import CheckpointState, write_checkpoint
from ruvllm.encoders.models import find_models
from ruvllm.workloads.workload import TASK_TYPES

SCRIPT = Path(__file__).with_name("js_checkpoint.mjs")
MODEL = find_models(["Qwen2.5-Coder-7B"])[0]
RANK, PATTERNS, EPOCHS = 4, 20, 12


def content() -> dict[str, Any]:
    """A checkpoint of the largest shape, with numbers as dense as real ones."""
    random = np.random.default_rng(0)

    def matrix(*shape: int) -> np.ndarray[Any, np.dtype[np.float32]]:
        return (0.02 * random.standard_normal(shape)).astype(np.float32)

    d, n = MODEL.embedding_dim, 2 * RANK * MODEL.embedding_dim * (1 + len(TASK_TYPES))
    state = CheckpointState(
        lora_a=matrix(RANK, d), lora_b=matrix(RANK, d), lora_alpha=8.0,
        heads={name: (matrix(RANK, d), matrix(RANK, d)) for name in TASK_TYPES},
        fisher=matrix(n) ** 2, optimal=matrix(n), task_count=2, ewc_lambda=400.0,
        pattern_centroids=matrix(PATTERNS, d), pattern_qualities=matrix(PATTERNS) ** 2,
        pattern_solutions=matrix(PATTERNS, d), pattern_types=[TASK_TYPES[i % 4] for i in range(PATTERNS)],
        trajectories=1440, successes=1301, average_quality=0.625,
    )  # fmt: skip
    history = [{"epoch": i + 1, "test": {"resolveRate": i / 12, "confidence": 0.5}} for i in range(EPOCHS)]
    return {
        "version": "3.0.0", "model_name": MODEL.name, "state": state, "history": history,
        "metrics": {"final": {"resolveRate": 0.995}}, "run": {"seed": 0, "model": MODEL.name},
    }  # fmt: skip


def size_with_17_digits(path: Path) -> int:
    """Of the same file with every number of a matrix or vector written as the double that it is."""

    def text(value: Any) -> str:
        if isinstance(value, list) and value and isinstance(value[0], float):
            return "[" + ",".join(f"{float(np.float32(x)):.17g}" for x in value) + "]"
        if isinstance(value, list):
            return "[" + ",".join(map(text, value)) + "]"
        if isinstance(value, dict):
            return "{" + ",".join(f"{json.dumps(key)}:{text(inner)}" for key, inner in value.items()) + "}"
        return json.dumps(value, ensure_ascii=False)

    return len(text(json.loads(path.read_text(encoding="utf-8"), parse_int=float)).encode())


def ours(arguments: dict[str, Any], folder: Path) -> tuple[float, float]:
    """Milliseconds to write and to verify."""
    for path in folder.iterdir():
        path.unlink()
    start = time.perf_counter()
    path = write_checkpoint(folder, timestamp="2026-01-02T03:04:05.678Z", **arguments).path
    written = time.perf_counter()
    verify_checkpoint(path)
    return 1000 * (written - start), 1000 * (time.perf_counter() - written)


def node(source: Path, folder: Path) -> tuple[float, float]:
    done = subprocess.run(
        ["node", str(SCRIPT), str(source), str(folder / "node.json")], capture_output=True, text=True, check=True
    )
    written, verified = map(float, done.stdout.split())
    return written, verified


def run(repetitions: int) -> int:
    arguments = content()
    with tempfile.TemporaryDirectory() as name:
        folder, kept = Path(name, "ours"), Path(name, "kept")
        folder.mkdir()
        kept.mkdir()
        ours(arguments, folder)
        (path,) = folder.iterdir()
        source = kept / "source.json"
        source.write_bytes(path.read_bytes())
        size, wide = source.stat().st_size, size_with_17_digits(source)
        print(f"{MODEL.name}, rank {RANK}: {size / 1e6:.2f} MB; with 17 digits {wide / 1e6:.2f} MB: {size / wide:.1%}")
        if shutil.which("node") is None:
            print("node is not installed: nothing to compare the time with", file=sys.stderr)
            return 0
        node(source, kept)
        rounds = [(ours(arguments, folder), node(source, kept)) for _ in range(repetitions)]
    for i, what in enumerate(("write", "verify")):
        a, b = (statistics.median(r[side][i] for r in rounds) for side in (0, 1))
        print(f"{what:<7} ours {a:6.0f} ms   node {b:6.0f} ms   ratio {a / b:.2f}")
    a, b = (statistics.median(sum(r[side]) for r in rounds) for side in (0, 1))
    print(f"both    ours {a:6.0f} ms   node {b:6.0f} ms   ratio {a / b:.2f}   (medians of {repetitions})")
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write and verify a 7B v3 checkpoint, beside node.")
    parser.add_argument("--repetitions", type=int, default=9, help="at least 7 (default: 9)")
    sys.exit(run(max(7, parser.parse_args().repetitions)))
