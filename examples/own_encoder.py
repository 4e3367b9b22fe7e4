"""Brings an encoder of your own: any function from texts to vectors.

    ruvllm-bench --workload code --encoder python:own_encoder.pairs

Run as a program it tries that on the source of one package of the standard library.
"""

import itertools
import logging
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np

DIM = 512


def pairs(texts: Sequence[str]) -> np.ndarray:
    """Counts of pairs of letters, folded into DIM places: (n, DIM) float32."""
    rows = np.zeros((len(texts), DIM), dtype=np.float32)
    for row, text in zip(rows, texts, strict=True):
        for a, b in itertools.pairwise(text):
            row[(31 * ord(a) + ord(b)) % DIM] += 1
    return np.log1p(rows)


pairs.digest = "pairs of letters, 1"  # with it, vectors are cached

if __name__ == "__main__":
    code = ["--workload", f"code:{Path(logging.__file__).parent}", "--tasks", "docstring", "--split", "function"]
    subprocess.run(["ruvllm-bench", *code, "--encoder", "python:own_encoder.pairs", "--profile", "quick"], check=True)
