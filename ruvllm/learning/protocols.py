"""Protocols v1, v2 and v3: which parts of SONA are on, and all their constants (docs/protocols.md)."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from ruvllm._core import Control, EngineConfig, LearnFrom, ReplayPolicy

__all__ = ["PROTOCOLS", "Protocol", "Size", "engine_config", "lora_rank"]


@dataclass(frozen=True, slots=True)
class Size:
    epochs: int
    tasks_per_epoch: int

    @property
    def attempts(self) -> int:
        """Number of training attempts in all epochs."""
        return self.epochs * self.tasks_per_epoch


@dataclass(frozen=True, slots=True)
class Protocol:
    """One version of the benchmark: all its constants, none of which depends on the model but the adaptive rank."""

    name: str
    version: str
    """Version in the checkpoint."""
    quick: Size
    standard: Size
    full: Size

    lora: bool
    """Whether the adapter learns."""
    fixed_rank: int | None
    """None: by the model's size."""
    multi_head: bool
    """A head per task type beside the shared adapter."""
    head_weight: float
    lora_scale: float
    """Scaling of the adapter's output is lora_scale / sqrt(rank), so that ranks start with steps of one size."""

    learn_from: LearnFrom
    accumulate: bool
    """Gradients are summed and applied once, as one step of length rate x attempts, when a stage or the run ends."""
    momentum: float
    gradient_clip: float
    """Longest gradient of one example."""
    tau: float
    """Temperature of the cosines, in the score and in InfoNCE."""
    learning_rate: str
    """"fixed", "momentum" or "meta": see schedulers.py."""
    base_rate: float
    lowest_rate: float
    highest_rate: float
    """Both as multiples of the base."""

    replay_policy: ReplayPolicy
    replays_per_epoch: int | None
    """None: as many as tasks per epoch."""
    replay_patterns: int
    """Policy BEST_PATTERNS: from so many patterns."""
    fisher_decay: float
    """Decay of the Fisher EMA; 0: a running sum."""
    ewc_lambda: float

    patterns: bool
    pattern_quality: float
    pattern_minimum: int
    pattern_clusters: int
    failure_quality: float
    """Quality of a failure, as a share of its confidence."""
    contrastive_memory: bool

    stages: int
    """Equal parts of a mixed run; EWC consolidates between them."""
    curriculum: bool
    """Whether the tasks get harder from stage to stage."""
    adaptive_difficulty: bool
    final_temperature: float
    """Of the answers while training; it starts at 1."""
    cooling: float
    """Share of the run over which the temperature falls; then it stays."""

    # The same in all versions, as far as they have the part.
    confident: float = 0.5
    """A failure of higher confidence is a confident one."""
    quality_memory: float = 0.05
    """Weight of a new quality in its type's running mean, from which the TD error is measured."""
    replay_capacity: int = 10_000
    replay_alpha: float = 0.6
    """Priority exponent."""
    replay_beta: float = 0.4
    """Importance-sampling exponent at the start."""
    replay_beta_increment: float = 0.001
    """Per draw."""
    replay_epsilon: float = 0.01
    """Added to each |TD error|."""
    pattern_trajectories: int = 256
    """The latest so many are clustered."""
    pattern_capacity: int = 150
    pattern_top: int = 5
    """Patterns that speak on a query."""
    pattern_threshold: float = 0.5
    """Least cosine of a pattern that speaks."""
    pattern_same_type_factor: float = 1.2
    pattern_strength: float = 0.2 / 0.07
    """In units of a logit; so is memory_strength."""
    memory_positives: int = 500
    memory_negatives: int = 500
    memory_sampled_negatives: int = 8
    """Per learning step."""
    memory_threshold: float = 0.7
    """Cosine above which a remembered solution speaks for a candidate."""
    memory_strength: float = 0.1 / 0.07

    # Off except on real input: see presets.py.
    block_size: int = 0
    """Of the block-diagonal adapter that is learned in batches beside the low-rank one; 0: none."""
    block_rate: float = 0.01
    """Its learning rate, on the sum of a batch's losses."""
    block_batch: int = 32
    block_negatives: int = 32
    """Further solutions that it is told apart from, beside those of the batch."""
    rehearsals: int = 1
    """Passes over all that was told so far, after each epoch."""
    episode_capacity: int = 0
    """Past queries and their told solutions that are kept per task type; 0: none."""
    episode_neighbours: int = 8
    """So many speak on a query."""
    episode_strength: float = 0.5
    crowding_neighbours: int = 10
    """Among so many of the past queries the crowding of a solution is found, see retrieval.crowding()."""
    crowding_shares: tuple[float, ...] = (0.0,)
    """So much of it is taken from the solution's cosines in retrieval; of several, the best on the validation part."""

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
        lora=True,
        fixed_rank=2,
        multi_head=False,
        head_weight=0.5,
        lora_scale=16.0,
        learn_from=LearnFrom.SUCCESSES,
        accumulate=True,
        momentum=0.0,
        gradient_clip=10.0,
        tau=0.07,
        learning_rate="fixed",
        base_rate=0.001,
        lowest_rate=1.0,
        highest_rate=1.0,
        replay_policy=ReplayPolicy.UNIFORM,
        replays_per_epoch=10,
        replay_patterns=0,
        fisher_decay=0.0,
        ewc_lambda=1000.0,
        patterns=True,
        pattern_quality=0.7,
        pattern_minimum=10,
        pattern_clusters=10,
        failure_quality=0.5,
        contrastive_memory=False,
        stages=1,
        curriculum=False,
        adaptive_difficulty=False,
        final_temperature=1.0,
        cooling=1.0,
    ),
    "v2": Protocol(
        name="v2",
        version="2.0.0",
        quick=Size(5, 30),
        standard=Size(7, 50),
        full=Size(10, 100),
        lora=True,
        fixed_rank=None,
        multi_head=False,
        head_weight=0.5,
        lora_scale=16.0,
        learn_from=LearnFrom.SUCCESSES_AND_CONFIDENT_FAILURES,
        accumulate=False,
        momentum=0.9,
        gradient_clip=30.0,
        tau=0.07,
        learning_rate="momentum",
        base_rate=0.004,
        lowest_rate=1.0,
        highest_rate=2.0,
        replay_policy=ReplayPolicy.BEST_PATTERNS,
        replays_per_epoch=None,
        replay_patterns=10,
        fisher_decay=0.95,
        ewc_lambda=500.0,
        patterns=True,
        pattern_quality=0.35,
        pattern_minimum=5,
        pattern_clusters=15,
        failure_quality=0.6,
        contrastive_memory=False,
        stages=3,
        curriculum=True,
        adaptive_difficulty=False,
        final_temperature=0.3,
        cooling=1 / 3,
    ),
    "v3": Protocol(
        name="v3",
        version="3.0.0",
        quick=Size(6, 40),
        standard=Size(8, 60),
        full=Size(12, 120),
        lora=True,
        fixed_rank=None,
        multi_head=True,
        head_weight=0.5,
        lora_scale=16.0,
        learn_from=LearnFrom.EVERYTHING,
        accumulate=False,
        momentum=0.9,
        gradient_clip=10.0,
        tau=0.07,
        learning_rate="meta",
        base_rate=0.001,
        lowest_rate=0.1,
        highest_rate=3.0,
        replay_policy=ReplayPolicy.PRIORITIZED,
        replays_per_epoch=None,
        replay_patterns=0,
        fisher_decay=0.92,
        ewc_lambda=400.0,
        patterns=True,
        pattern_quality=0.35,
        pattern_minimum=5,
        pattern_clusters=20,
        failure_quality=0.65,
        contrastive_memory=True,
        stages=3,
        curriculum=True,
        adaptive_difficulty=True,
        final_temperature=0.25,
        cooling=1.0,
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

    The random-gradient control is about gradients alone: patterns and memories, which would hold true answers, are off.
    """
    config = EngineConfig(
        dim=dim,
        rank=rank,
        heads=n_types if protocol.multi_head else 0,
        scaling=protocol.lora_scale / math.sqrt(rank),
    )
    config.seed = seed
    config.control = control
    for name in _SAME_NAMES:
        setattr(config, name, getattr(protocol, name))
    config.use_patterns = protocol.patterns and control != Control.RANDOM_GRADIENT
    config.use_contrastive = protocol.contrastive_memory and control != Control.RANDOM_GRADIENT
    if control == Control.RANDOM_GRADIENT:
        config.episode_capacity = 0
    return config


_SAME_NAMES = tuple(field.name for field in fields(Protocol) if hasattr(EngineConfig, field.name))
"""Constants that the core's configuration has under the same name."""
