"""Small simulated worlds for the tests."""

from __future__ import annotations

from dataclasses import replace

from ruvllm.models import MODELS
from ruvllm.protocols import Size
from ruvllm.simulated import build_simulated_workload
from ruvllm.workload import Workload

DIM = 256
SMALL_MODEL = replace(MODELS[0], embedding_dim=DIM)


def small_workload(seed: int = 0, size: Size = Size(3, 40), isa: str = "auto") -> Workload:  # noqa: B008 -- frozen
    """The tasks of the first model at dimension 256."""
    return build_simulated_workload(SMALL_MODEL, size, seed, isa)
