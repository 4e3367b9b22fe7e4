"""Small simulated worlds for the tests, and plans of short runs."""

from __future__ import annotations

from typing import Any

from msgspec import structs

from ruvllm.encoders.models import MODELS, ModelProfile, find_models
from ruvllm.learning.constants import Size, changed
from ruvllm.learning.protocols import PROTOCOLS, lora_rank
from ruvllm.learning.training_run import RunPlan
from ruvllm.workloads.simulated import build_simulated_workload
from ruvllm.workloads.workload import Workload

DIM = 256
SMALL_MODEL = structs.replace(MODELS[0], embedding_dim=DIM)
STRONG_MODEL = structs.replace(find_models(["Qwen2.5-Coder-7B"])[0], embedding_dim=DIM)
"""Right often enough from the start for every protocol to find patterns soon."""


def small_workload(
    seed: int = 0,
    size: Size = Size(3, 40),  # noqa: B008 -- frozen
    isa: str = "auto",
    model: ModelProfile = SMALL_MODEL,
) -> Workload:
    """A model's tasks, by default the first one's, at dimension 256."""
    return build_simulated_workload(model, size.attempts, seed, isa)


def run_plan(protocol: str = "v3", epochs: int = 3, tasks: int = 20, seed: int = 5, **changes: Any) -> RunPlan:
    """A run of the first model. A name that is not the plan's is the protocol's: run_plan("v2", momentum=0.0)."""
    of_plan = {name: changes.pop(name) for name in ("control", "stream", "isa") if name in changes}
    p = changed(PROTOCOLS[protocol], changes)
    return RunPlan(p, Size(epochs, tasks), rank=lora_rank(p, SMALL_MODEL.params_b), seed=seed, **of_plan)
