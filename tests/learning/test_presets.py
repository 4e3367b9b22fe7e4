"""What real input changes of the protocols, and that nothing else does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec import structs

from ruvllm.benchmark.plan import protocol_of
from ruvllm.learning.constants import Protocol, Size, constants
from ruvllm.learning.presets import on_code, on_docstrings, on_issues, on_tasks
from ruvllm.learning.protocols import PROTOCOLS
from ruvllm.workloads.code.functions import Corpus, DocumentedFunction
from ruvllm.workloads.code.reading import code_input
from ruvllm.workloads.inputs import InputOptions
from ruvllm.workloads.text import TextInput

SIZES = {"quick", "standard", "full"}
REAL = {
    *("select", "centre", "use_contrastive", "crowding_shares"),
    *("associations.block_size", "associations.block_rate"),
    *("associations.episodes.capacity", "associations.episodes.strength"),
    *("learning_rate", "replays_per_epoch", "ewc.lambda_", "use_patterns", "curriculum", "adaptive_difficulty"),
    *("lexical.weights", "lexical.bm25_weights"),
}
CHANGED = {
    on_docstrings: SIZES | REAL | {"use_lora", "base_rate"},
    on_code: SIZES | REAL | {"lora_types", "base_rate", "intercept", "multi_head", "momentum"},
    on_tasks: SIZES | REAL | {"use_lora"},
    on_issues: SIZES | REAL | {"use_lora", "base_rate"},
}


@pytest.mark.parametrize("settings", CHANGED)
def test_v3_alone_is_changed_and_in_these_fields(settings: Callable[[Protocol], Protocol]) -> None:
    v3 = PROTOCOLS["v3"]
    changed = settings(v3)
    before = dict(constants(v3))
    assert {name for name, value in constants(changed) if value != before[name]} == CHANGED[settings]
    assert settings(PROTOCOLS["v1"]) == PROTOCOLS["v1"]
    assert settings(PROTOCOLS["v2"]) == PROTOCOLS["v2"]
    assert changed.full == Size(12, 240)  # twice the tasks


@pytest.mark.parametrize("settings", CHANGED)
def test_a_change_of_the_protocol_stays(settings: Callable[[Protocol], Protocol]) -> None:
    assert settings(structs.replace(PROTOCOLS["v3"], failure_quality=0.5)).failure_quality == 0.5


def test_each_input_has_its_own() -> None:
    corpus = Corpus((DocumentedFunction("A.", "def a(): ...", "a.py", "a", 1),), Path("."), 1, 0, "0" * 64)
    for given, settings in (
        (code_input(corpus, InputOptions("docstring")), on_docstrings),
        (code_input(corpus, InputOptions("all")), on_code),
        (code_input(corpus, InputOptions("bug_fix")), on_code),
        (TextInput("jsonl", "tasks", ()), on_tasks),
        (TextInput("jsonl", "issues", ()), on_issues),
        (TextInput("another", "thing", ()), on_tasks),
    ):
        assert protocol_of("v3", given) == settings(PROTOCOLS["v3"])
    assert protocol_of("v3", None) == PROTOCOLS["v3"]
