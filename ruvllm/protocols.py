"""Protocols v1, v2 and v3: which parts of SONA are on, and their constants (design, section 3)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ruvllm._core import Control, EngineConfig, LearnFrom, ReplayPolicy

__all__ = ["PROTOCOLS", "Protocol", "Size", "engine_config", "lora_rank"]

TAU = 0.07
LORA_SCALE = 16.0
"""Scaling of the adapter's output is LORA_SCALE / sqrt(rank), so that ranks start with steps of one size."""


@dataclass(frozen=True, slots=True)
class Size:
    epochs: int
    tasks_per_epoch: int


@dataclass(frozen=True, slots=True)
class Protocol:
    """One version of the benchmark."""

    name: str
    version: str
    """Version in the checkpoint."""
    quick: Size
    standard: Size
    full: Size
    fixed_rank: int | None
    """None: by the model's size."""
    multi_head: bool
    """A head per task type beside the shared adapter."""
    learn_from: LearnFrom
    replay_policy: ReplayPolicy
    replays_per_epoch: int | None
    """None: as many as tasks per epoch."""
    fisher_decay: float
    """Decay of the Fisher EMA; 0: a running sum."""
    ewc_lambda: float
    pattern_quality: float
    pattern_minimum: int
    pattern_clusters: int
    failure_quality: float
    """Quality of a failure, as a share of its confidence."""
    contrastive: bool
    curriculum: bool
    adaptive_difficulty: bool
    learning_rate: str
    """"fixed", "momentum" or "meta": see schedulers.py."""
    final_temperature: float

    def size(self, profile: str) -> Size:
        """Epochs and tasks per epoch of profile quick, standard or full."""
        return {"quick": self.quick, "standard": self.standard, "full": self.full}[profile]


PROTOCOLS = {
    "v1": Protocol(
        name="v1",
        version="1.0.0",
        quick=Size(3, 20),
        standard=Size(5, 50),
        full=Size(10, 100),
        fixed_rank=2,
        multi_head=False,
        learn_from=LearnFrom.SUCCESSES,
        replay_policy=ReplayPolicy.UNIFORM,
        replays_per_epoch=10,
        fisher_decay=0.0,
        ewc_lambda=1000.0,
        pattern_quality=0.7,
        pattern_minimum=10,
        pattern_clusters=10,
        failure_quality=0.5,
        contrastive=False,
        curriculum=False,
        adaptive_difficulty=False,
        learning_rate="fixed",
        final_temperature=1.0,
    ),
    "v2": Protocol(
        name="v2",
        version="2.0.0",
        quick=Size(5, 30),
        standard=Size(7, 50),
        full=Size(10, 100),
        fixed_rank=None,
        multi_head=False,
        learn_from=LearnFrom.SUCCESSES_AND_CONFIDENT_FAILURES,
        replay_policy=ReplayPolicy.BEST_QUALITY,
        replays_per_epoch=10,
        fisher_decay=0.95,
        ewc_lambda=500.0,
        pattern_quality=0.35,
        pattern_minimum=5,
        pattern_clusters=15,
        failure_quality=0.6,
        contrastive=False,
        curriculum=True,
        adaptive_difficulty=False,
        learning_rate="momentum",
        final_temperature=0.3,
    ),
    "v3": Protocol(
        name="v3",
        version="3.0.0",
        quick=Size(6, 40),
        standard=Size(8, 60),
        full=Size(12, 120),
        fixed_rank=None,
        multi_head=True,
        learn_from=LearnFrom.EVERYTHING,
        replay_policy=ReplayPolicy.PRIORITIZED,
        replays_per_epoch=None,
        fisher_decay=0.92,
        ewc_lambda=400.0,
        pattern_quality=0.35,
        pattern_minimum=5,
        pattern_clusters=20,
        failure_quality=0.65,
        contrastive=True,
        curriculum=True,
        adaptive_difficulty=True,
        learning_rate="meta",
        final_temperature=0.25,
    ),
}


def lora_rank(protocol: Protocol, params_b: float) -> int:
    """The protocol's own rank, or by size: 1 below 3B, 2 below 7B, 4 from there on."""
    if protocol.fixed_rank is not None:
        return protocol.fixed_rank
    return 1 if params_b < 3 else 2 if params_b < 7 else 4


def engine_config(
    protocol: Protocol, *, dim: int, rank: int, n_types: int, seed: int, control: Control = Control.NONE
) -> EngineConfig:
    """The core's configuration of a run.

    The random-gradient control is about gradients alone: the two memories, which would hold true answers, are off.
    """
    config = EngineConfig(
        dim=dim, rank=rank, heads=n_types if protocol.multi_head else 0, scaling=LORA_SCALE / math.sqrt(rank)
    )
    config.seed = seed
    config.control = control
    config.learn_from = protocol.learn_from
    config.replay_policy = protocol.replay_policy
    config.tau = TAU
    config.ewc_lambda = protocol.ewc_lambda
    config.fisher_decay = protocol.fisher_decay
    config.pattern_quality = protocol.pattern_quality
    config.pattern_minimum = protocol.pattern_minimum
    config.pattern_clusters = protocol.pattern_clusters
    config.failure_quality = protocol.failure_quality
    config.use_patterns = control != Control.RANDOM_GRADIENT
    config.use_contrastive = protocol.contrastive and control != Control.RANDOM_GRADIENT
    return config
