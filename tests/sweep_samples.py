"""What the tests of sweeps share: plans of few cells, an encoder that kills its worker once, digests of results.

As a script: a cluster of two dask workers, whose address it prints, until its standard input ends. Run apart from
pytest, for which every warning of dask is an error.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

KILLER = '''
"""Vectors by character counts. The first worker that encodes a run's tasks is killed in the middle of it."""

import os
import signal
from pathlib import Path

import numpy as np

KILLED = Path(__file__).with_name("killed")


def vectors(texts):
    if len(texts) > 3:  # not the probes at the beginning
        try:
            KILLED.touch(exist_ok=False)
        except FileExistsError:
            pass
        else:
            os.kill(os.getpid(), signal.SIGKILL)
    rows = np.zeros((len(texts), 64), dtype=np.float32)
    for row, text in zip(rows, texts):
        np.add.at(row, np.frombuffer(text.encode(), dtype=np.uint8) % 64, 1)
    return rows
'''


def write_killer(folder: Path) -> str:
    """Writes the encoder, and returns its name for --encoder."""
    path = folder / "killer.py"
    path.write_text(KILLER, encoding="utf-8")
    return f"python:{path}:vectors"


def digest_in(folder: Path, kind: str = "benchmark") -> str:
    """Of the only results file in the folder, without times."""
    from ruvllm.results.document import results_digest
    from ruvllm.results.reading import read_sources

    (path,) = folder.glob(f"{kind}-*.json")
    (source,) = read_sources([path]).sources
    return results_digest(source.document)


def dask_cluster() -> None:
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        print(cluster.scheduler_address, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["DASK_LOGGING__DISTRIBUTED"] = "critical"
    dask_cluster()
