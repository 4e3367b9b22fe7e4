"""Parts of the learning stack: how a protocol is without one that it has, with one that real input leaves out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ruvllm._core import LearnFrom, ReplayPolicy
from ruvllm.learning.constants import Protocol, changed, constants
from ruvllm.learning.presets import WITH_WRONG_ANSWERS

__all__ = ["ADDITIONS", "COMPONENTS", "Addition", "Component", "Variant", "components_of", "variants_of"]

Changes = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Component:
    """A part of the learning stack and how a protocol is without it."""

    name: str
    said: str
    """What is done instead."""
    changes: Changes
    """Constants of the protocol, by their names as in protocols.constants()."""

    def removed_from(self, protocol: Protocol) -> Protocol:
        return changed(protocol, self.changes)


COMPONENTS = (
    Component("heads", "one adapter for all task types", {"multi_head": False}),
    Component("lora", "the adapter learns nothing", {"use_lora": False}),
    Component(
        "contrastive",
        "no memory; learns from successes and confident failures",
        {"learn_from": LearnFrom.SUCCESSES_AND_CONFIDENT_FAILURES, "use_contrastive": False},
    ),
    Component("contrastive-memory", "no memory of past solutions", {"use_contrastive": False}),
    Component("replay", "nothing is learned again", {"replays_per_epoch": 0}),
    Component("replay-policy", "uniform draws", {"replay_policy": ReplayPolicy.UNIFORM}),
    Component("ewc", "no penalty", {"ewc.lambda_": 0.0}),
    Component("patterns", "no pattern bank", {"use_patterns": False}),
    Component("dda", "difficulty drawn from the curriculum's range", {"adaptive_difficulty": False}),
    Component("curriculum", "no order from easy to hard", {"curriculum": False}),
    Component("learning-rate", "fixed at its start", {"learning_rate": "fixed"}),
    Component("temperature", "1 from first to last", {"final_temperature": 1.0}),
    Component("momentum", "plain gradient steps", {"momentum": 0.0}),
    Component("centring", "means are not taken away", {"centre": False}),
    Component("intercept", "nothing constant in centred queries", {"intercept": 0.0}),
    Component("blocks", "no block-diagonal adapter", {"associations.block_size": 0}),
    Component("episodes", "no memory of past queries", {"associations.episodes.capacity": 0}),
    Component("lexical-view", "no hashed n-grams beside the encoder's vectors", {"lexical.weights": (0.0,)}),
    Component("bm25", "no BM25 beside the vectors", {"lexical.bm25_weights": (0.0,)}),
    Component("crowding", "in retrieval, cosines as they are", {"crowding_shares": (0.0,)}),
)


@dataclass(frozen=True, slots=True)
class Addition:
    """A part of the learning stack that real input leaves out, and how a protocol is with it."""

    name: str
    said: str
    """What is done as well."""
    changes: Changes
    """As of a Component."""
    needs: Mapping[str, Any] = field(default_factory=dict)
    """Constants of a protocol to which it can be added."""


_LORA: Changes = {"use_lora": True, "learning_rate": "meta"}
_REPLAY: Changes = {"replays_per_epoch": None}
ADDITIONS = (
    Addition("lora", "the low-rank adapter learns as well", _LORA, {"use_lora": False}),
    Addition("lora-for-all", "the low-rank adapter learns from every task type", {"lora_types": None},
             {"use_lora": True, "lora_types": WITH_WRONG_ANSWERS}),
    Addition("heads", "a head of the low-rank adapter for each task type", {"multi_head": True},
             {"use_lora": True, "multi_head": False}),
    Addition("momentum", "the low-rank adapter's steps have momentum", {"momentum": 0.9},
             {"use_lora": True, "momentum": 0.0}),
    Addition("replay", "the low-rank adapter learns, also from replays", _LORA | _REPLAY, {"replays_per_epoch": 0}),
    Addition("ewc", "the same under a penalty", _LORA | _REPLAY | {"ewc.lambda_": 400.0}, {"ewc.lambda_": 0.0}),
    Addition("patterns", "a pattern bank speaks too", {"use_patterns": True}, {"use_patterns": False}),
    Addition("contrastive-memory", "a memory of past solutions speaks too", {"use_contrastive": True},
             {"use_contrastive": False}),
    Addition("curriculum", "from easy to hard, by an adaptive difficulty",
             {"curriculum": True, "adaptive_difficulty": True}, {"curriculum": False}),
)  # fmt: skip
"""Replays feed nothing but the low-rank adapter, and EWC protects nothing else."""


@dataclass(frozen=True, slots=True)
class Variant:
    """A protocol with one part more or less."""

    name: str
    """Of the part."""
    said: str
    """What is done instead, or as well."""
    protocol: Protocol
    added: bool = False


def components_of(protocol: Protocol) -> list[Component]:
    """Those that the protocol has: each of their fields is another one without them, what they are a part of is on."""
    present = dict(constants(protocol))
    return [
        each
        for each in COMPONENTS
        if all(present[name] != value for name, value in each.changes.items())
        and _matters(each, protocol)
    ]


def _matters(component: Component, p: Protocol) -> bool:
    """False for what says how another part works that the protocol lacks."""
    if component.name == "temperature":  # of the answers that are drawn: somebody has to look at them
        looked_at = p.adaptive_difficulty or p.use_patterns or p.replays_per_epoch != 0
        return looked_at or p.learn_from != LearnFrom.EVERYTHING
    if component.name == "replay-policy":
        return p.replays_per_epoch != 0
    return p.use_lora or component.name not in ("heads", "learning-rate", "momentum")


def variants_of(protocol: Protocol, *, additions: bool) -> list[Variant]:
    """The protocol without each part that it has and, on demand, with each of ADDITIONS that it lacks."""
    found = [Variant(each.name, each.said, each.removed_from(protocol)) for each in components_of(protocol)]
    present = dict(constants(protocol))
    if additions:
        found += [
            Variant(each.name, each.said, changed(protocol, each.changes), added=True)
            for each in ADDITIONS
            if all(present[name] == value for name, value in each.needs.items())
        ]
    return found
