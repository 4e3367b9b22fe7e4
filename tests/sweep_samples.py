"""What the tests of sweeps share: plans of few cells, an encoder that kills or holds its worker, digests of results.

As a script: a cluster of dask workers, whose address it prints, until its standard input ends; each line there says how
many. Run apart from pytest, for which every warning of dask is an error.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Any

from bench_samples import SMALL_MODEL
from msgspec import structs

from ruvllm.benchmark.plan import Options, make_jobs, recorded_options
from ruvllm.benchmark.sweeps.plans import Plan
from ruvllm.results.document import results_digest
from ruvllm.results.reading import read_sources

ENCODER = '''
"""Vectors by character counts. What a run's worker does in the middle of it is for a file beside this one to say."""

import os
import signal
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent


def vectors(texts):
    if len(texts) > 3:  # not the probes at the beginning
        try:
            (HERE / "kill").unlink()  # one worker can
        except FileNotFoundError:
            pass
        else:
            os.kill(os.getpid(), signal.SIGKILL)
        while (HERE / "hold").exists() and any((HERE / "sweep" / "cells").glob("*.json")):
            time.sleep(0.01)
    rows = np.zeros((len(texts), 64), dtype=np.float32)
    for row, text in zip(rows, texts):
        np.add.at(row, np.frombuffer(text.encode(), dtype=np.uint8) % 64, 1)
    return rows
'''


def write_encoder(folder: Path) -> str:
    """Writes the encoder, and returns its name for --encoder.

    With a file `kill` beside it the first worker in the middle of a run is killed. With a file `hold` all stand still
    there once a cell is finished in the folder `sweep`.
    """
    path = folder / "encoder.py"
    path.write_text(ENCODER, encoding="utf-8")
    return f"python:{path}:vectors"


def small_options(**changes: Any) -> Options:
    """Four cells of a tenth of a second, unless changes say otherwise."""
    return structs.replace(Options(("v1", "v3"), "quick", (SMALL_MODEL,), seeds=(0, 1), controls=False), **changes)


def small_plan_of(**changes: Any) -> Plan:
    """The plan of small_options()."""
    options = small_options(**changes)
    return Plan(make_jobs(options), recorded_options(options))


def digest_in(folder: Path, kind: str = "benchmark") -> str:
    """Of the only results file in the folder, without times."""
    (path,) = folder.glob(f"{kind}-*.json")
    (source,) = read_sources([path]).sources
    return results_digest(source.document)


def dask_cluster() -> None:
    from distributed import LocalCluster

    with LocalCluster(n_workers=0, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        print(cluster.scheduler_address, flush=True)
        for line in sys.stdin:
            cluster.scale(int(line))


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    dask_cluster()
