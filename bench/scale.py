"""What 10^4, 10^5 and 10^6 functions cost: to be read, encoded, learned from and measured, and to be searched.

    python bench/scale.py runs --sizes 10000 100000 1000000     ruvllm-bench on so many functions
    python bench/scale.py search --rows 1000000                 exact and approximate search of one query
    python bench/scale.py search --rows 100000 --vectors F.npz  of your encoder's vectors: `queries`, `solutions` (n, d)

Functions are those of the standard library told again in other words (scale_functions.py). `runs` prints processor time
and peak memory for each function, and by how much they grow from step to step; the goal is at most 1.2.

`search` prints medians for single queries on one thread: exact search beside the time in which the same bytes are read,
and an approximate index with its recall. Vectors are hashed n-grams of the functions, or made of yours: each telling
turns the sign of some principal components, of queries and solutions alike, so that their spread and what belongs
together stay. How many rows an index has to look at depends on the encoder.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"  # read when libraries are loaded
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))  # Python leaves it out under PYTHONSAFEPATH
from scale_functions import tellings, write_tasks

from ruvllm._core import squared_norm
from ruvllm.encoders.hashed import HashedNgramEncoder
from ruvllm.online import SearchIndex
from ruvllm.workloads.rows import empty_rows

GROWTH, SLOWEST_MS, RECALL, OVER_FLOOR = 1.2, 5.0, 0.98, 1.3
COMMAND = "import sys; from ruvllm.commands.bench import main; sys.exit(main())"
QUERIES, OTHERS, TIMED = 200, 500, 101
"""Queries by which an index is chosen, others by which its recall is measured again, and as many of them are timed."""
BLOCK = 1024
READ_AT_ONCE = 1 << 16
"""Floats that stay in a processor's own cache."""

Rows = np.ndarray


def run(n: int, arguments: list[str], folder: Path) -> tuple[float, float]:
    """Processor seconds and peak megabytes of the benchmark on n functions."""
    tasks = folder / f"functions-{n}.jsonl"
    write_tasks(tasks, n)
    command = [sys.executable, "-P", "-c", COMMAND, "--workload", f"jsonl:{tasks}", "--quiet", *arguments]
    child = subprocess.Popen([*command, "--out", str(folder / f"results-{n}")])
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    tasks.unlink()
    if child.returncode != 0:
        sys.exit(f"scale.py: the run on {n} functions ended with {child.returncode}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def runs(sizes: list[int], arguments: list[str]) -> bool:
    """Prints a line for each size. Returns True if time and memory for each function grow by no more than GROWTH."""
    print(f"{'functions':>10} {'ms each':>8} {'growth':>7} {'KB each':>8} {'growth':>7} {'peak MB':>8}")
    before: tuple[float, float] | None = None
    good = True
    for n in sizes:
        with tempfile.TemporaryDirectory() as folder:
            seconds, megabytes = run(n, arguments, Path(folder))
        each = 1000 * seconds / n, 1024 * megabytes / n
        growth = ["", ""] if before is None else [f"{now / then:.2f}" for now, then in zip(each, before, strict=True)]
        good &= before is None or all(now <= GROWTH * then for now, then in zip(each, before, strict=True))
        print(f"{n:>10} {each[0]:>8.2f} {growth[0]:>7} {each[1]:>8.1f} {growth[1]:>7} {megabytes:>8.0f}", flush=True)
        before = each
    return good


def hashed_vectors(n: int, dim: int) -> tuple[Rows, Rows]:
    """Queries and solutions (n, dim) of n functions."""
    first = list(tellings(2000))
    encoder = HashedNgramEncoder(dim, sublinear_tf=True).fit([text for pair in first for text in pair])
    queries, solutions, done = empty_rows(n, dim), empty_rows(n, dim), 0
    waiting: list[tuple[str, str]] = []
    for pair in tellings(n):
        waiting.append(pair)
        if len(waiting) == BLOCK or done + len(waiting) == n:
            for rows, texts in zip((queries, solutions), zip(*waiting, strict=True), strict=True):
                rows[done : done + len(waiting)] = encoder.encode(list(texts))
            done, waiting = done + len(waiting), []
    return queries, solutions


def more_vectors(path: Path, n: int) -> tuple[Rows, Rows]:
    """Queries and solutions (n, d) made of those in a file."""
    with np.load(path) as file:
        known = [file[name].astype(np.float32) for name in ("queries", "solutions")]
    known = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in known]
    means = [rows.mean(axis=0) for rows in known]
    centred = [rows - mean for rows, mean in zip(known, means, strict=True)]
    axes = np.linalg.svd(np.vstack(centred), full_matrices=False)[2]
    m, dim = known[0].shape
    made = empty_rows(n, dim), empty_rows(n, dim)
    for begin in range(0, n, m):
        of = min(m, n - begin)
        signs = np.random.default_rng([1, begin]).choice([-1.0, 1.0], dim) if begin else np.ones(dim)
        for rows, parts, mean in zip(made, centred, means, strict=True):
            told = (parts[:of] @ axes.T * signs) @ axes + mean
            rows[begin : begin + of] = told / np.linalg.norm(told, axis=1, keepdims=True)
    return made


def milliseconds(call: Callable[[Rows], object], queries: Rows) -> float:
    """Median of one call each, after three to warm up."""
    taken = []
    for query in (*queries[:3], *queries):
        begin = time.perf_counter()
        call(query[None])
        taken.append(time.perf_counter() - begin)
    return 1000 * median(taken[3:])


def read_milliseconds(rows: Rows, repetitions: int = 7) -> float:
    """Median time in which one thread reads all rows: the faster of two ways that do little else."""
    flat, ones = rows.reshape(-1), np.ones(READ_AT_ONCE, dtype=np.float32)
    blocks = [flat[at : at + READ_AT_ONCE] for at in range(0, len(flat), READ_AT_ONCE)]

    def median_of(read: Callable[[Rows], object]) -> float:
        taken = []
        for _ in range(repetitions + 1):
            begin = time.perf_counter()
            for block in blocks:
                read(block)
            taken.append(time.perf_counter() - begin)
        return 1000 * median(taken[1:])

    return min(median_of(lambda block: np.dot(block, ones[: len(block)])), median_of(squared_norm))


def search(n: int, dim: int, vectors: Path | None, kind: str) -> bool:
    """Prints what searches take. Returns True if the goals are met."""
    queries, solutions = hashed_vectors(n, dim) if vectors is None else more_vectors(vectors, n)
    drawn = queries[np.random.default_rng(0).choice(n, QUERIES + OTHERS, replace=False)]
    measured_by, asked = drawn[:QUERIES], drawn[QUERIES:]
    rows = np.array(solutions)  # in memory, whatever the size
    del queries, solutions
    exact = SearchIndex(rows, kind="exact")
    right = np.array_equal(exact.search(asked[:3], 1)[:, 0], np.argmax(asked[:3] @ rows.T, axis=1))
    floor, took = read_milliseconds(rows), milliseconds(exact.search, asked[:15])
    print(f"{n} x {rows.shape[1]}, one thread, medians; the answer is {'right' if right else 'WRONG'}")
    print(f"exact    {took:8.2f} ms   the same bytes read {floor:8.2f} ms   ratio {took / floor:.2f}", flush=True)
    del exact
    begin = time.process_time()
    index = SearchIndex(rows, kind=kind, queries=measured_by, wanted=RECALL)
    built = 1000 * (time.process_time() - begin) / n
    if index.kind == "exact":
        print("index    none: it would have to look at so many rows that exact search is as fast")
        return right and took <= OVER_FLOOR * floor
    through = milliseconds(index.search, asked[:TIMED])
    recall = index.measured(asked)
    print(f"{index.kind:<8} {through:8.2f} ms   recall {recall}   built in {built:.2f} ms a row")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    return right and took <= OVER_FLOOR * floor and through <= SLOWEST_MS and recall.share >= RECALL


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    whole = commands.add_parser("runs", help="the benchmark on so many functions; other arguments go to ruvllm-bench")
    whole.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    one = commands.add_parser("search", help="search of one query among so many")
    one.add_argument("--rows", type=int, default=1_000_000)
    one.add_argument("--dim", type=int, default=384, help="of hashed n-grams")
    one.add_argument("--vectors", type=Path, help="an npz with your encoder's `queries` and `solutions`")
    one.add_argument("--kind", default="auto", choices=["auto", "lists", "faiss", "usearch"])
    arguments, others = parser.parse_known_args()
    if arguments.command == "runs":
        defaults = ["--no-controls", "--no-texts", "--dim", "384"]
        return 0 if runs(arguments.sizes, [*defaults, *others]) else 1
    if others:
        parser.error(f"unrecognized arguments: {' '.join(others)}")
    return 0 if search(arguments.rows, arguments.dim, arguments.vectors, arguments.kind) else 1


if __name__ == "__main__":
    sys.exit(main())
