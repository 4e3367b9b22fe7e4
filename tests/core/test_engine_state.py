"""The state of an engine as arrays: a restored twin goes on alike, and no member of a learning class is forgotten."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from engine_samples import WORKLOAD, bits, corpus, everything, learn, make_engine

from ruvllm import Control, CorpusSource, available_isas
from ruvllm.learning.protocols import PROTOCOLS

INCLUDE = Path(__file__).resolve().parents[2] / "cpp" / "include" / "ruvllm"

# Members that hold state are named in the archive() of their class. Of all the others it is said here why they are not
# state: what is given to the constructor, what is written before it is read, what follows from the state.
GIVEN = {"k_", "kernels_", "source_", "c_", "config_", "dim_", "rank_", "capacity_", "tau_", "leaves_"}
GIVEN |= {"lora_types_", "use_patterns_", "use_contrastive_"}
SCRATCH = {"logits_", "dots_", "patterns_spoke_", "u_", "z_", "g_", "directed_", "candidate_", "query_", "right_"}
SCRATCH |= {"squared_norm_"}
SCRATCH |= {"projections_", "to_patterns_", "gradient_", "powers_", "task_", "probabilities_", "material_"}
FOLLOWS = {"tree_", "nodes_", "size_", "first_halves_", "second_halves_", "vectors_", "combined_"}
IN_ITS_HEADER = {
    "components/block_adapter.hpp": {"weights_"},  # state, saved by the associations through weights()
    "components/episodic_memory.hpp": {"queries_", "solutions_", "oldest_", "typical_"},  # follow from the episodes
    "engine/associations.hpp": {"seen_", "queries_", "solutions_"},  # follows from the episodes; scratch
    "engine/learned_model.hpp": {"queries_", "compared_", "speakers_", "screen_"},  # what was found, and would be again
}
WITHOUT_ARCHIVE = {"components/sum_tree.hpp", "components/block_adapter.hpp", "components/episodic_memory.hpp"}
STATEFUL = (
    *("components/micro_lora.hpp", "components/multi_head_lora.hpp", "components/pattern_bank.hpp"),
    *("components/contrastive_memory.hpp", "components/elastic_weight_consolidation.hpp"),
    *("components/prioritized_replay.hpp", "components/sum_tree.hpp"),
    *("components/block_adapter.hpp", "components/episodic_memory.hpp", "engine/associations.hpp"),
    *("engine/learned_model.hpp", "engine/learning_engine.hpp", "engine/trajectory_buffer.hpp"),
)


def member_names(header: str) -> set[str]:
    """The data members that a header declares: names with a trailing underscore in lines without parentheses."""
    text = re.sub(r" *//.*", "", (INCLUDE / header).read_text(encoding="utf-8"))
    declared = re.findall(r"^ +(?!return\b|using\b)[\w:<>,*&\[\] ]+?[ *&](\w+_(?:\{\}|\s*=\s*[\w.]+)?(?:,\s*\w+_\s*"
                          r"(?:=\s*[\w.]+)?)*);$", text, re.MULTILINE)  # fmt: skip
    return {name for names in declared for name in re.findall(r"\b[a-z]\w*_\b", names)}


def saved_members(header: str) -> set[str]:
    """The data members that the archive() functions of a header name."""
    text = (INCLUDE / header).read_text(encoding="utf-8")
    functions = list(re.finditer(r"^( +)static void archive\(Self& self.*?^\1}$", text, re.MULTILINE | re.DOTALL))
    assert functions or header in WITHOUT_ARCHIVE, f"{header} has no archive()"
    return {name for function in functions for name in re.findall(r"\bself\.(\w+_)\b", function.group())}


@pytest.mark.parametrize("header", STATEFUL)
def test_every_member_is_state_or_said_to_be_none(header: str) -> None:
    found = member_names(header)
    assert found, f"no members found in {header}: has it changed its style?"
    unknown = found - saved_members(header) - GIVEN - SCRATCH - FOLLOWS - IN_ITS_HEADER.get(header, set())
    assert not unknown, f"{header}: put {sorted(unknown)} into archive() or say here why it is no state"


@pytest.mark.parametrize("control", [Control.NONE, Control.RANDOM_GRADIENT, Control.SHUFFLED, Control.FROZEN])
@pytest.mark.parametrize("protocol", list(PROTOCOLS))
def test_a_restored_twin_makes_the_same_next_draws(protocol: str, control: Control) -> None:
    engine = make_engine(protocol=protocol, control=control)
    learn(engine)
    state = engine.state()
    twin = make_engine(protocol=protocol, control=control)
    twin.restore(state)
    assert everything(twin) == everything(engine)
    assert bits(learn(twin)) == bits(learn(engine))
    assert everything(twin) == everything(engine)


def test_the_twin_may_use_another_instruction_set() -> None:
    engine = make_engine()
    learn(engine)
    states = []
    for isa in available_isas():
        twin = make_engine(isa=isa)
        twin.restore(engine.state())
        learn(twin)
        states.append({name: array.tobytes() for name, array in twin.state().items()})
    assert all(state == states[0] for state in states)


def test_tasks_of_a_corpus() -> None:
    source = CorpusSource(**corpus())
    engine, twin = (make_engine(source) for _ in range(2))
    tasks = np.arange(40, dtype=np.uint32)
    engine.train(tasks, learning_rate=0.01, temperature=1.0)
    twin.restore(engine.state())
    for e in (engine, twin):
        e.replay(30, learning_rate=0.01)
    assert everything(twin) == everything(engine)


def test_a_state_is_a_copy() -> None:
    engine = make_engine()
    learn(engine)
    before = everything(engine)
    for array in engine.state().values():
        array.fill(0)
    assert everything(engine) == before


def changed(state: dict[str, Any], name: str, array: Any) -> dict[str, Any]:
    return {**state, name: array}


@pytest.mark.parametrize(
    ("name", "array", "error"),
    [
        ("lora.0.parameters", np.zeros(3, np.float32), ValueError),
        ("lora.0.parameters", np.zeros((2, 2), np.float32), ValueError),
        ("lora.0.parameters", [1.0, 2.0], TypeError),
        ("lora.0.parameters", np.zeros(3, np.int16), TypeError),
        ("trajectories.task", np.full(180, 2**32 - 1, np.uint32), IndexError),
        ("memory.positives.0.origins", np.full(3, 2**64 - 1, np.uint64), IndexError),
        ("replay.beta", np.array([np.nan]), ValueError),
        ("other", np.zeros(1), ValueError),
    ],
)
def test_what_is_no_state_is_refused_and_changes_nothing(name: str, array: Any, error: type[Exception]) -> None:
    engine = make_engine()
    learn(engine)
    before = everything(engine)
    with pytest.raises(error):
        engine.restore(changed(engine.state(), name, array))
    assert everything(engine) == before


def test_a_state_of_other_sizes_is_refused() -> None:
    engine = make_engine(WORKLOAD.source)
    with pytest.raises(ValueError, match="must have"):
        make_engine(CorpusSource(**corpus())).restore(engine.state())
