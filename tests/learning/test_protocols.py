"""The table of protocols (docs/protocols.md), line by line, and its way into the core."""

from __future__ import annotations

import math
from dataclasses import FrozenInstanceError, fields, replace
from typing import Any

import pytest
from simulated_samples import DIM, small_workload

from ruvllm import Control, LearnFrom, LearningEngine, ReplayPolicy
from ruvllm.encoders.models import MODELS
from ruvllm.learning.protocols import PROTOCOLS, Protocol, Size, engine_config, lora_rank

V1, V2, V3 = (PROTOCOLS[name] for name in ("v1", "v2", "v3"))
ALL = (V1, V2, V3)

TABLE: dict[str, tuple[Any, Any, Any]] = {
    "name": ("v1", "v2", "v3"),
    "version": ("1.0.0", "2.0.0", "3.0.0"),
    "quick": (Size(3, 20), Size(5, 30), Size(6, 40)),
    "standard": (Size(5, 50), Size(7, 50), Size(8, 60)),
    "full": (Size(10, 100), Size(10, 100), Size(12, 120)),
    "lora": (True, True, True),
    "fixed_rank": (2, None, None),
    "multi_head": (False, False, True),
    "head_weight": (0.5, 0.5, 0.5),
    "lora_scale": (16.0, 16.0, 16.0),
    "learn_from": (LearnFrom.SUCCESSES, LearnFrom.SUCCESSES_AND_CONFIDENT_FAILURES, LearnFrom.EVERYTHING),
    "accumulate": (True, False, False),
    "momentum": (0.0, 0.9, 0.9),
    "gradient_clip": (10.0, 30.0, 10.0),
    "tau": (0.07, 0.07, 0.07),
    "learning_rate": ("fixed", "momentum", "meta"),
    "base_rate": (0.001, 0.004, 0.001),
    "lowest_rate": (1.0, 1.0, 0.1),
    "highest_rate": (1.0, 2.0, 3.0),
    "replay_policy": (ReplayPolicy.UNIFORM, ReplayPolicy.BEST_PATTERNS, ReplayPolicy.PRIORITIZED),
    "replays_per_epoch": (10, None, None),
    "replay_patterns": (0, 10, 0),
    "fisher_decay": (0.0, 0.95, 0.92),
    "ewc_lambda": (1000.0, 500.0, 400.0),
    "patterns": (True, True, True),
    "pattern_quality": (0.7, 0.35, 0.35),
    "pattern_minimum": (10, 5, 5),
    "pattern_clusters": (10, 15, 20),
    "failure_quality": (0.5, 0.6, 0.65),
    "contrastive_memory": (False, False, True),
    "stages": (1, 3, 3),
    "curriculum": (False, True, True),
    "adaptive_difficulty": (False, False, True),
    "final_temperature": (1.0, 0.3, 0.25),
    "cooling": (1.0, 1 / 3, 1.0),
    "confident": (0.5, 0.5, 0.5),
    "quality_memory": (0.05, 0.05, 0.05),
    "replay_capacity": (10_000, 10_000, 10_000),
    "replay_alpha": (0.6, 0.6, 0.6),
    "replay_beta": (0.4, 0.4, 0.4),
    "replay_beta_increment": (0.001, 0.001, 0.001),
    "replay_epsilon": (0.01, 0.01, 0.01),
    "pattern_trajectories": (256, 256, 256),
    "pattern_capacity": (150, 150, 150),
    "pattern_top": (5, 5, 5),
    "pattern_threshold": (0.5, 0.5, 0.5),
    "pattern_same_type_factor": (1.2, 1.2, 1.2),
    "pattern_strength": (0.2 / 0.07, 0.2 / 0.07, 0.2 / 0.07),
    "memory_positives": (500, 500, 500),
    "memory_negatives": (500, 500, 500),
    "memory_sampled_negatives": (8, 8, 8),
    "memory_threshold": (0.7, 0.7, 0.7),
    "memory_strength": (0.1 / 0.07, 0.1 / 0.07, 0.1 / 0.07),
    "block_size": (0, 0, 0),
    "block_rate": (0.01, 0.01, 0.01),
    "block_batch": (32, 32, 32),
    "block_negatives": (32, 32, 32),
    "rehearsals": (1, 1, 1),
    "episode_capacity": (0, 0, 0),
    "episode_neighbours": (8, 8, 8),
    "episode_strength": (0.5, 0.5, 0.5),
    "crowding_neighbours": (10, 10, 10),
    "crowding_shares": ((0.0,), (0.0,), (0.0,)),
}


@pytest.mark.parametrize("field", TABLE)
def test_the_table_of_the_design(field: str) -> None:
    assert tuple(getattr(p, field) for p in ALL) == TABLE[field]


def test_no_constant_is_missing_from_the_table() -> None:
    assert [field.name for field in fields(Protocol)] == list(TABLE)


def test_there_are_three_protocols_by_their_names() -> None:
    assert list(PROTOCOLS) == ["v1", "v2", "v3"]
    assert [p.name for p in PROTOCOLS.values()] == ["v1", "v2", "v3"]


def test_a_protocol_cannot_be_changed_by_accident() -> None:
    with pytest.raises(FrozenInstanceError):
        V1.momentum = 0.5  # type: ignore[misc]


@pytest.mark.parametrize("profile", ["quick", "standard", "full"])
def test_profiles(profile: str) -> None:
    assert tuple(p.size(profile) for p in ALL) == TABLE[profile]


def test_an_unknown_profile_is_an_error() -> None:
    with pytest.raises(KeyError):
        V1.size("huge")


def test_lora_ranks() -> None:
    sizes = (0.5, 1.3, 2.99, 3.0, 3.8, 6.99, 7.0, 70.0)
    assert [lora_rank(V1, size) for size in sizes] == [2] * 8
    for protocol in (V2, V3):
        assert [lora_rank(protocol, size) for size in sizes] == [1, 1, 1, 2, 2, 2, 4, 4]
    assert [lora_rank(V3, model.params_b) for model in MODELS] == [1, 1, 2, 2, 4, 4]


REACHES_THE_CORE: dict[str, Any] = {
    "head_weight": 0.25,
    "learn_from": LearnFrom.SUCCESSES,
    "accumulate": True,
    "momentum": 0.0,
    "gradient_clip": 7.5,
    "tau": 0.11,
    "replay_policy": ReplayPolicy.BEST_PATTERNS,
    "replay_patterns": 3,
    "ewc_lambda": 123.0,
    "fisher_decay": 0.75,
    "pattern_quality": 0.625,
    "pattern_minimum": 17,
    "pattern_clusters": 4,
    "failure_quality": 0.375,
    "confident": 0.75,
    "quality_memory": 0.25,
    "replay_capacity": 77,
    "replay_alpha": 0.5,
    "replay_beta": 0.25,
    "replay_beta_increment": 0.125,
    "replay_epsilon": 0.5,
    "pattern_trajectories": 33,
    "pattern_capacity": 11,
    "pattern_top": 2,
    "pattern_threshold": 0.25,
    "pattern_same_type_factor": 1.5,
    "pattern_strength": 0.5,
    "memory_positives": 44,
    "memory_negatives": 55,
    "memory_sampled_negatives": 3,
    "memory_threshold": 0.5,
    "memory_strength": 0.75,
}
"""Other than any protocol's own, but exact in binary."""


@pytest.mark.parametrize("field", REACHES_THE_CORE)
def test_the_core_is_told_each_constant_by_its_name(field: str) -> None:
    plain = engine_config(V3, dim=64, rank=2, n_types=4, seed=0)
    changed = engine_config(replace(V3, **{field: REACHES_THE_CORE[field]}), dim=64, rank=2, n_types=4, seed=0)
    assert getattr(changed, field) == REACHES_THE_CORE[field] != getattr(plain, field)
    for other in REACHES_THE_CORE.keys() - {field}:
        assert getattr(changed, other) == getattr(plain, other)


@pytest.mark.parametrize("protocol", ALL, ids=[p.name for p in ALL])
def test_the_core_is_told_all_of_a_protocol(protocol: Protocol) -> None:
    config = engine_config(protocol, dim=64, rank=2, n_types=4, seed=2**53 - 1)
    assert (config.seed, config.control) == (2**53 - 1, Control.NONE)
    for field in REACHES_THE_CORE:
        value = getattr(protocol, field)
        expected = pytest.approx(value, rel=1e-6) if isinstance(value, float) else value  # some are float32 there
        assert getattr(config, field) == expected, field
    assert config.use_patterns and config.use_contrastive == protocol.contrastive_memory
    assert config.pattern_trajectories == 256


@pytest.mark.parametrize("protocol", ALL, ids=[p.name for p in ALL])
@pytest.mark.parametrize("patterns", [False, True])
@pytest.mark.parametrize("memory", [False, True])
def test_either_memory_can_be_switched_off(protocol: Protocol, patterns: bool, memory: bool) -> None:
    switched = replace(protocol, patterns=patterns, contrastive_memory=memory)
    for control in (Control.NONE, Control.FROZEN, Control.SHUFFLED):
        config = engine_config(switched, dim=64, rank=1, n_types=4, seed=0, control=control)
        assert (config.control, config.use_patterns, config.use_contrastive) == (control, patterns, memory)


@pytest.mark.parametrize("protocol", ALL, ids=[p.name for p in ALL])
def test_the_random_gradient_control_has_no_memory_of_true_answers(protocol: Protocol) -> None:
    switched = replace(protocol, patterns=True, contrastive_memory=True)
    config = engine_config(switched, dim=64, rank=1, n_types=4, seed=0, control=Control.RANDOM_GRADIENT)
    assert config.control == Control.RANDOM_GRADIENT
    assert not config.use_patterns and not config.use_contrastive


@pytest.mark.parametrize("rank", [1, 2, 4])
def test_the_engine_has_the_heads_and_scaling_of_its_protocol(rank: int) -> None:
    source = small_workload(size=Size(1, 10)).source
    for protocol, heads in ((V1, 0), (V2, 0), (V3, 4), (replace(V3, multi_head=False), 0)):
        engine = LearningEngine(source, engine_config(protocol, dim=DIM, rank=rank, n_types=4, seed=0))
        assert engine.heads == heads
        assert engine.scaling == pytest.approx(16 / math.sqrt(rank), rel=1e-6)
        assert engine.lora_matrices(heads)[0].shape == (rank, DIM)
    halved = replace(V2, lora_scale=8.0)
    engine = LearningEngine(source, engine_config(halved, dim=DIM, rank=rank, n_types=4, seed=0))
    assert engine.scaling == pytest.approx(8 / math.sqrt(rank), rel=1e-6)
