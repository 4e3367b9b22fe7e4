"""Protocols v1, v2 and v3: which parts of SONA are on, and all their constants (docs/protocols.md)."""

from __future__ import annotations

import math
from functools import reduce
from typing import Any

from ruvllm._core import Control, EngineConfig, LearnFrom, ReplayPolicy
from ruvllm.learning.constants import Ewc, Protocol, Size, constants

__all__ = ["NOT_IN_THE_CORE", "PROTOCOLS", "engine_config", "lora_rank", "protocol_rows"]


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
        accumulate=True,
        momentum=0.0,
        gradient_clip=10.0,
        learning_rate="fixed",
        base_rate=0.001,
        lowest_rate=1.0,
        highest_rate=1.0,
        replay_policy=ReplayPolicy.UNIFORM,
        replays_per_epoch=10,
        replay_patterns=0,
        ewc=Ewc(lambda_=1000.0, running_sum=True),
        pattern_quality=0.7,
        pattern_minimum=10,
        pattern_clusters=10,
        failure_quality=0.5,
        use_contrastive=False,
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
        fixed_rank=None,
        multi_head=False,
        learn_from=LearnFrom.SUCCESSES_AND_CONFIDENT_FAILURES,
        accumulate=False,
        momentum=0.9,
        gradient_clip=30.0,
        learning_rate="momentum",
        base_rate=0.004,
        lowest_rate=1.0,
        highest_rate=2.0,
        replay_policy=ReplayPolicy.BEST_PATTERNS,
        replays_per_epoch=None,
        replay_patterns=10,
        ewc=Ewc(lambda_=500.0, decay=0.95),
        pattern_quality=0.35,
        pattern_minimum=5,
        pattern_clusters=15,
        failure_quality=0.6,
        use_contrastive=False,
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
        fixed_rank=None,
        multi_head=True,
        learn_from=LearnFrom.EVERYTHING,
        accumulate=False,
        momentum=0.9,
        gradient_clip=10.0,
        learning_rate="meta",
        base_rate=0.001,
        lowest_rate=0.1,
        highest_rate=3.0,
        replay_policy=ReplayPolicy.PRIORITIZED,
        replays_per_epoch=None,
        replay_patterns=0,
        ewc=Ewc(lambda_=400.0, decay=0.92),
        pattern_quality=0.35,
        pattern_minimum=5,
        pattern_clusters=20,
        failure_quality=0.65,
        use_contrastive=True,
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
    if protocol.lora_types is not None or not protocol.use_lora:
        config.lora_types = sum(1 << kind for kind in protocol.lora_types or ()) if protocol.use_lora else 0
    _copy(protocol, config)
    config.associations.block_size = min(config.associations.block_size, dim)
    if control == Control.RANDOM_GRADIENT:
        config.use_patterns = config.use_contrastive = False
        config.associations.episodes.capacity = 0
    return config


NOT_IN_THE_CORE = frozenset([
    *("name", "version", "quick", "standard", "full"),
    *("use_lora", "lora_types", "fixed_rank", "multi_head", "lora_scale"),
    *("learning_rate", "base_rate", "lowest_rate", "highest_rate", "replays_per_epoch", "rehearsals"),
    *("stages", "curriculum", "adaptive_difficulty", "final_temperature", "cooling"),
    *("crowding_neighbours", "crowding_shares", "select"),
    *("lexical.dim", "lexical.weights", "lexical.bm25_weights"),
])  # fmt: skip
"""Constants that are used on the Python side. The core's configuration has all others under the same names."""


def _copy(protocol: Protocol, config: Any) -> None:
    """Sets each constant in the same group of the core; AttributeError for one that it does not know."""
    for name, value in constants(protocol):
        if name not in NOT_IN_THE_CORE:
            *groups, last = name.split(".")
            setattr(reduce(getattr, groups, config), last, value)


def protocol_rows() -> tuple[list[str], list[list[str]]]:
    """Returns the headings of a table of all constants, and for each its name and its value in each protocol."""
    columns = [dict(constants(protocol)) for protocol in PROTOCOLS.values()]
    names = [name for name in columns[0] if name != "name"]
    rows = [[_words(name), *(_shown(name, column) for column in columns)] for name in names]
    return ["Constant", *PROTOCOLS], rows


def _words(name: str) -> str:
    return name.replace(".", " ").replace("_", " ").strip()


def _shown(name: str, column: dict[str, Any]) -> str:
    value = column[name]
    if isinstance(value, Size):
        return f"{value.epochs} x {value.tasks_per_epoch}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name == "ewc.decay" and column["ewc.running_sum"]:
        return "none"
    if value is None:
        return {"fixed_rank": "by size", "replays_per_epoch": "as tasks", "lora_types": "all"}[name]
    if isinstance(value, float):
        return f"{value:.3g}" if value < 1000 else f"{value:g}"
    named = getattr(value, "name", value)  # an enumeration of the core, or plain text
    return str(named).lower().replace("_", " ").replace(" and ", " and\n")  # v3 would not fit into 80 columns
