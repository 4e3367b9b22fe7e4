"""The table of protocols (design, section 3), line by line."""

from __future__ import annotations

import math

import pytest
from simulated_samples import DIM, small_workload

from ruvllm import Control, LearnFrom, LearningEngine, ReplayPolicy
from ruvllm.models import MODELS
from ruvllm.protocols import PROTOCOLS, Protocol, Size, engine_config, lora_rank
from ruvllm.schedulers import BASE_RATE, MetaRate, MomentumRate, RateScheduler, make_rate_scheduler

V1, V2, V3 = (PROTOCOLS[name] for name in ("v1", "v2", "v3"))
ALL = (V1, V2, V3)


def test_there_are_three_protocols_by_their_names() -> None:
    assert list(PROTOCOLS) == [p.name for p in ALL] == ["v1", "v2", "v3"]
    assert [p.version for p in ALL] == ["1.0.0", "2.0.0", "3.0.0"]


@pytest.mark.parametrize(
    ("profile", "sizes"),
    [
        ("quick", [(3, 20), (5, 30), (6, 40)]),
        ("standard", [(5, 50), (7, 50), (8, 60)]),
        ("full", [(10, 100), (10, 100), (12, 120)]),
    ],
)
def test_profiles(profile: str, sizes: list[tuple[int, int]]) -> None:
    assert [p.size(profile) for p in ALL] == [Size(*size) for size in sizes]


def test_an_unknown_profile_is_an_error() -> None:
    with pytest.raises(KeyError):
        V1.size("huge")


def test_lora_ranks() -> None:
    sizes = (0.5, 1.3, 2.99, 3.0, 3.8, 6.99, 7.0, 70.0)
    assert [lora_rank(V1, size) for size in sizes] == [2] * 8
    for protocol in (V2, V3):
        assert [lora_rank(protocol, size) for size in sizes] == [1, 1, 1, 2, 2, 2, 4, 4]
    assert [lora_rank(V3, model.params_b) for model in MODELS] == [1, 1, 2, 2, 4, 4]


def test_adapters_and_heads() -> None:
    assert [p.multi_head for p in ALL] == [False, False, True]
    config = engine_config(V3, dim=8, rank=1, n_types=4, seed=0)
    assert config.head_weight == 0.5


def test_what_is_learned_from() -> None:
    assert [p.learn_from for p in ALL] == [
        LearnFrom.SUCCESSES,
        LearnFrom.SUCCESSES_AND_CONFIDENT_FAILURES,
        LearnFrom.EVERYTHING,
    ]
    assert [p.contrastive for p in ALL] == [False, False, True]


def test_replay() -> None:
    assert [p.replay_policy for p in ALL] == [
        ReplayPolicy.UNIFORM,
        ReplayPolicy.BEST_QUALITY,
        ReplayPolicy.PRIORITIZED,
    ]
    assert V2.replays_per_epoch == 10


def test_fisher_and_lambda() -> None:
    assert [p.fisher_decay for p in ALL] == [0.0, 0.95, 0.92]
    assert [p.ewc_lambda for p in ALL] == [1000.0, 500.0, 400.0]


def test_patterns() -> None:
    assert [p.pattern_quality for p in ALL] == [0.7, 0.35, 0.35]
    assert [p.pattern_minimum for p in ALL] == [10, 5, 5]
    assert [p.pattern_clusters for p in ALL] == [10, 15, 20]


def test_quality_of_a_failure() -> None:
    assert [p.failure_quality for p in ALL] == [0.5, 0.6, 0.65]


def test_difficulty() -> None:
    assert [p.curriculum for p in ALL] == [False, True, True]
    assert [p.adaptive_difficulty for p in ALL] == [False, False, True]


def test_learning_rate() -> None:
    assert BASE_RATE == 0.001
    assert [type(make_rate_scheduler(p.learning_rate)) for p in ALL] == [RateScheduler, MomentumRate, MetaRate]


def test_temperature() -> None:
    assert [p.final_temperature for p in ALL] == [1.0, 0.3, 0.25]


@pytest.mark.parametrize("protocol", ALL, ids=[p.name for p in ALL])
@pytest.mark.parametrize("rank", [1, 2, 4])
def test_the_core_is_told_all_of_it(protocol: Protocol, rank: int) -> None:
    p = protocol
    config = engine_config(p, dim=64, rank=rank, n_types=4, seed=2**53 - 1)
    assert (config.seed, config.control) == (2**53 - 1, Control.NONE)
    assert (config.learn_from, config.replay_policy) == (p.learn_from, p.replay_policy)
    assert (config.ewc_lambda, config.tau, config.failure_quality) == (p.ewc_lambda, 0.07, p.failure_quality)
    assert (config.pattern_minimum, config.pattern_clusters) == (p.pattern_minimum, p.pattern_clusters)
    assert config.fisher_decay == pytest.approx(p.fisher_decay, rel=1e-6)
    assert config.pattern_quality == pytest.approx(p.pattern_quality, rel=1e-6)
    assert config.momentum == pytest.approx(0.9, rel=1e-6)
    assert config.gradient_clip == 10.0
    assert config.use_patterns and config.use_contrastive == p.contrastive


@pytest.mark.parametrize("rank", [1, 2, 4])
def test_the_engine_has_the_heads_and_scaling_of_its_protocol(rank: int) -> None:
    source = small_workload(size=Size(1, 10)).source
    for protocol, heads in ((V1, 0), (V2, 0), (V3, 4)):
        engine = LearningEngine(source, engine_config(protocol, dim=DIM, rank=rank, n_types=4, seed=0))
        assert engine.heads == heads
        assert engine.scaling == pytest.approx(16 / math.sqrt(rank), rel=1e-6)
        assert engine.lora_matrices(heads)[0].shape == (rank, DIM)


@pytest.mark.parametrize("protocol", ALL, ids=[p.name for p in ALL])
def test_the_random_gradient_control_has_no_memory_of_true_answers(protocol: Protocol) -> None:
    p = protocol
    config = engine_config(p, dim=64, rank=1, n_types=4, seed=0, control=Control.RANDOM_GRADIENT)
    assert not config.use_patterns and not config.use_contrastive
    for control in (Control.FROZEN, Control.SHUFFLED):
        config = engine_config(p, dim=64, rank=1, n_types=4, seed=0, control=control)
        assert config.control == control
        assert config.use_patterns and config.use_contrastive == p.contrastive
