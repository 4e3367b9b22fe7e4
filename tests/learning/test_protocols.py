"""The table of protocols (docs/protocols.md), line by line, and its way into the core."""

from __future__ import annotations

import math
from collections.abc import Iterator
from operator import attrgetter
from typing import Any

import pytest
from msgspec import defstruct, structs
from simulated_samples import DIM, small_workload

from ruvllm import Control, LearnFrom, LearningEngine, ReplayPolicy
from ruvllm.encoders.models import MODELS
from ruvllm.learning.constants import Protocol, Size, changed, constants
from ruvllm.learning.protocols import NOT_IN_THE_CORE, PROTOCOLS, engine_config, lora_rank

V1, V2, V3 = (PROTOCOLS[name] for name in ("v1", "v2", "v3"))
ALL = (V1, V2, V3)

TABLE: dict[str, tuple[Any, Any, Any]] = {
    "name": ("v1", "v2", "v3"),
    "version": ("1.0.0", "2.0.0", "3.0.0"),
    "quick": (Size(3, 20), Size(5, 30), Size(6, 40)),
    "standard": (Size(5, 50), Size(7, 50), Size(8, 60)),
    "full": (Size(10, 100), Size(10, 100), Size(12, 120)),
    "use_lora": (True, True, True),
    "lora_types": (None, None, None),
    "fixed_rank": (2, None, None),
    "multi_head": (False, False, True),
    "lora.head_weight": (0.5, 0.5, 0.5),
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
    "ewc.decay": (0.92, 0.95, 0.92),  # of v1 not used
    "ewc.running_sum": (True, False, False),
    "ewc.lambda_": (1000.0, 500.0, 400.0),
    "use_patterns": (True, True, True),
    "pattern_quality": (0.7, 0.35, 0.35),
    "pattern_minimum": (10, 5, 5),
    "pattern_clusters": (10, 15, 20),
    "failure_quality": (0.5, 0.6, 0.65),
    "use_contrastive": (False, False, True),
    "stages": (1, 3, 3),
    "curriculum": (False, True, True),
    "adaptive_difficulty": (False, False, True),
    "final_temperature": (1.0, 0.3, 0.25),
    "cooling": (1.0, 1 / 3, 1.0),
    "confident": (0.5, 0.5, 0.5),
    "quality_memory": (0.05, 0.05, 0.05),
    "replay.capacity": (10_000, 10_000, 10_000),
    "replay.alpha": (0.6, 0.6, 0.6),
    "replay.beta": (0.4, 0.4, 0.4),
    "replay.beta_increment": (0.001, 0.001, 0.001),
    "replay.epsilon": (0.01, 0.01, 0.01),
    "pattern_trajectories": (256, 256, 256),
    "patterns.capacity": (150, 150, 150),
    "patterns.top": (5, 5, 5),
    "patterns.threshold": (0.5, 0.5, 0.5),
    "patterns.same_type_factor": (1.2, 1.2, 1.2),
    "patterns.strength": (0.2 / 0.07, 0.2 / 0.07, 0.2 / 0.07),
    "contrastive.positives": (500, 500, 500),
    "contrastive.negatives": (500, 500, 500),
    "contrastive.sampled_negatives": (8, 8, 8),
    "contrastive.threshold": (0.7, 0.7, 0.7),
    "contrastive.strength": (0.1 / 0.07, 0.1 / 0.07, 0.1 / 0.07),
    "associations.block_size": (0, 0, 0),
    "associations.block_rate": (0.01, 0.01, 0.01),
    "associations.batch": (32, 32, 32),
    "associations.batch_negatives": (32, 32, 32),
    "rehearsals": (1, 1, 1),
    "associations.episodes.capacity": (0, 0, 0),
    "associations.episodes.neighbours": (8, 8, 8),
    "associations.episodes.strength": (0.5, 0.5, 0.5),
    "centre": (False, False, False),
    "intercept": (0.0, 0.0, 0.0),
    "select": (False, False, False),
    "lexical.dim": (1536, 1536, 1536),
    "lexical.weights": ((0.0,), (0.0,), (0.0,)),
    "lexical.bm25_weights": ((0.0,), (0.0,), (0.0,)),
    "crowding_neighbours": (10, 10, 10),
    "crowding_shares": ((0.0,), (0.0,), (0.0,)),
}


@pytest.mark.parametrize("field", TABLE)
def test_the_table_of_the_design(field: str) -> None:
    assert tuple(attrgetter(field)(p) for p in ALL) == TABLE[field]


def test_no_constant_is_missing_from_the_table() -> None:
    assert sorted(name for name, _ in constants(V3)) == sorted(TABLE)


def test_there_are_three_protocols_by_their_names() -> None:
    assert list(PROTOCOLS) == ["v1", "v2", "v3"]
    assert [p.name for p in PROTOCOLS.values()] == ["v1", "v2", "v3"]


def test_a_protocol_cannot_be_changed_by_accident() -> None:
    with pytest.raises(AttributeError):
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
    "lora.head_weight": 0.25,
    "learn_from": LearnFrom.SUCCESSES,
    "accumulate": True,
    "momentum": 0.0,
    "gradient_clip": 7.5,
    "tau": 0.11,
    "replay_policy": ReplayPolicy.BEST_PATTERNS,
    "replay_patterns": 3,
    "ewc.lambda_": 123.0,
    "ewc.decay": 0.75,
    "ewc.running_sum": True,
    "pattern_quality": 0.625,
    "pattern_minimum": 17,
    "pattern_clusters": 4,
    "failure_quality": 0.375,
    "confident": 0.75,
    "quality_memory": 0.25,
    "replay.capacity": 77,
    "replay.alpha": 0.5,
    "replay.beta": 0.25,
    "replay.beta_increment": 0.125,
    "replay.epsilon": 0.5,
    "pattern_trajectories": 33,
    "patterns.capacity": 11,
    "patterns.top": 2,
    "patterns.threshold": 0.25,
    "patterns.same_type_factor": 1.5,
    "patterns.strength": 0.5,
    "contrastive.positives": 44,
    "contrastive.negatives": 55,
    "contrastive.sampled_negatives": 3,
    "contrastive.threshold": 0.5,
    "contrastive.strength": 0.75,
    "centre": True,
    "intercept": 0.5,
    "use_patterns": False,
    "use_contrastive": False,
    "associations.block_size": 32,
    "associations.block_rate": 0.5,
    "associations.batch": 16,
    "associations.batch_negatives": 5,
    "associations.episodes.capacity": 9,
    "associations.episodes.neighbours": 3,
    "associations.episodes.strength": 0.25,
}
"""Other than any protocol's own, but exact in binary."""


BY_THE_RUN = {"seed", "lora_types", "control", "lora.dim", "lora.rank", "lora.heads", "lora.scaling"}
"""Fields of the core's configuration that no constant sets."""
FIXED = {"contrastive.types"}
"""Fields of the core's configuration that Python cannot set."""


def core_fields(group: Any, path: str = "") -> Iterator[str]:
    for name in sorted(vars(type(group))):
        if name.startswith("_"):
            continue
        value = getattr(group, name)
        if type(value).__name__.endswith("Config"):
            yield from core_fields(value, f"{path}{name}.")
        else:
            yield path + name


def test_each_field_of_the_core_is_set_by_a_constant_or_by_the_run() -> None:
    config = engine_config(V3, dim=64, rank=2, n_types=4, seed=0)
    of_the_protocol = {name for name, _ in constants(V3)} - NOT_IN_THE_CORE
    assert set(core_fields(config)) == of_the_protocol | BY_THE_RUN | FIXED
    assert of_the_protocol == set(REACHES_THE_CORE)
    for name in FIXED:
        group, field = name.split(".")
        with pytest.raises(AttributeError):
            setattr(getattr(config, group), field, 4)


def test_a_constant_that_the_core_does_not_know_is_an_error() -> None:
    strange = defstruct("Strange", [("momentums", float, 0.5)], bases=(Protocol,), frozen=True)
    protocol = strange(**{f.name: getattr(V3, f.name) for f in structs.fields(V3)})
    with pytest.raises(AttributeError, match="momentums"):
        engine_config(protocol, dim=64, rank=2, n_types=4, seed=0)


@pytest.mark.parametrize("name", ["momentums", "replay.alphas", "replays.alpha", "momentum.alpha", "replay.alpha.beta"])
def test_an_unknown_constant_cannot_be_changed(name: str) -> None:
    with pytest.raises(TypeError):
        changed(V3, {name: 0.5})


@pytest.mark.parametrize("field", REACHES_THE_CORE)
def test_the_core_is_told_each_constant_by_its_name(field: str) -> None:
    plain = engine_config(V3, dim=64, rank=2, n_types=4, seed=0)
    other = engine_config(changed(V3, {field: REACHES_THE_CORE[field]}), dim=64, rank=2, n_types=4, seed=0)
    assert attrgetter(field)(other) == REACHES_THE_CORE[field] != attrgetter(field)(plain)
    for name in REACHES_THE_CORE.keys() - {field}:
        assert attrgetter(name)(other) == attrgetter(name)(plain)


@pytest.mark.parametrize("protocol", ALL, ids=[p.name for p in ALL])
def test_the_core_is_told_all_of_a_protocol(protocol: Protocol) -> None:
    config = engine_config(protocol, dim=64, rank=2, n_types=4, seed=2**53 - 1)
    assert (config.seed, config.control) == (2**53 - 1, Control.NONE)
    for field in REACHES_THE_CORE:
        value = attrgetter(field)(protocol)
        expected = pytest.approx(value, rel=1e-6) if isinstance(value, float) else value  # some are float32 there
        assert attrgetter(field)(config) == expected, field
    assert config.use_patterns and config.use_contrastive == protocol.use_contrastive
    assert config.pattern_trajectories == 256


@pytest.mark.parametrize("protocol", ALL, ids=[p.name for p in ALL])
@pytest.mark.parametrize("patterns", [False, True])
@pytest.mark.parametrize("memory", [False, True])
def test_either_memory_can_be_switched_off(protocol: Protocol, patterns: bool, memory: bool) -> None:
    switched = structs.replace(protocol, use_patterns=patterns, use_contrastive=memory)
    for control in (Control.NONE, Control.FROZEN, Control.SHUFFLED):
        config = engine_config(switched, dim=64, rank=1, n_types=4, seed=0, control=control)
        assert (config.control, config.use_patterns, config.use_contrastive) == (control, patterns, memory)


@pytest.mark.parametrize("protocol", ALL, ids=[p.name for p in ALL])
def test_the_random_gradient_control_has_no_memory_of_true_answers(protocol: Protocol) -> None:
    switched = structs.replace(protocol, use_patterns=True, use_contrastive=True)
    config = engine_config(switched, dim=64, rank=1, n_types=4, seed=0, control=Control.RANDOM_GRADIENT)
    assert config.control == Control.RANDOM_GRADIENT
    assert not config.use_patterns and not config.use_contrastive


@pytest.mark.parametrize("rank", [1, 2, 4])
def test_the_engine_has_the_heads_and_scaling_of_its_protocol(rank: int) -> None:
    source = small_workload(size=Size(1, 10)).source
    for protocol, heads in ((V1, 0), (V2, 0), (V3, 4), (structs.replace(V3, multi_head=False), 0)):
        engine = LearningEngine(source, engine_config(protocol, dim=DIM, rank=rank, n_types=4, seed=0))
        assert engine.heads == heads
        assert engine.scaling == pytest.approx(16 / math.sqrt(rank), rel=1e-6)
        assert engine.lora_matrices(heads)[0].shape == (rank, DIM)
    halved = structs.replace(V2, lora_scale=8.0)
    engine = LearningEngine(source, engine_config(halved, dim=DIM, rank=rank, n_types=4, seed=0))
    assert engine.scaling == pytest.approx(8 / math.sqrt(rank), rel=1e-6)
