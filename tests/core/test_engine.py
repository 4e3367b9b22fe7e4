"""The learning engine through its bindings: what learns, what must not, how it answers, equal bits everywhere.

Its epochs: test_engine_epoch.py; summed gradients: test_engine_accumulation.py; lifetimes, threads and errors:
test_engine_bindings.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from engine_samples import TEST, TRAIN, WORKLOAD, bits, everything, learn, learned, make_engine
from scipy.special import softmax
from simulated_samples import small_workload

from ruvllm import Control, LearnFrom, available_isas
from ruvllm.learning.constants import Size
from ruvllm.learning.protocols import PROTOCOLS


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_frozen_changes_nothing(protocol: str) -> None:
    engine = make_engine(protocol=protocol, control=Control.FROZEN)
    before, answers = bits(learned(engine)), bits(list(engine.evaluate(TEST)))
    learn(engine)
    assert bits(learned(engine)) == before
    assert bits(list(engine.evaluate(TEST))) == answers
    assert engine.trajectory_count == 180  # it attempts, and learns nothing from it


def test_learning_changes_every_component() -> None:
    engine = make_engine()
    before = bits(learned(engine))
    learn(engine)
    assert all(a != b for a, b in zip(before, bits(learned(engine)), strict=True))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_same_bits_on_every_isa_and_in_a_second_engine(protocol: str) -> None:
    def run(isa: str) -> list[Any]:
        workload = small_workload(size=Size(6, 40), isa=isa)
        engine = make_engine(workload.source, protocol=protocol, isa=isa)
        return [*bits(learn(engine, workload)), *everything(engine), *bits(list(engine.evaluate(TEST)))]

    expected = run("auto")
    for isa in [*available_isas(), "auto"]:
        assert run(isa) == expected, isa


def test_the_seed_decides_the_run() -> None:
    def run(seed: int) -> list[Any]:
        engine = make_engine(seed=seed)
        return [*bits(learn(engine)), *everything(engine)]

    assert run(3) == run(3) != run(4)


def test_evaluate_changes_nothing_now_or_later() -> None:
    quiet, asked = make_engine(), make_engine()
    for engine in (quiet, asked):
        learn(engine)
    before = everything(asked)
    assert bits(list(asked.evaluate(TEST))) == bits(list(asked.evaluate(TEST)))
    assert everything(asked) == before
    assert bits(learn(asked, epochs=1)) == bits(learn(quiet, epochs=1))
    assert everything(asked) == everything(quiet)


def test_evaluate_answers_each_task_by_itself() -> None:
    engine = make_engine()
    learn(engine)
    together = engine.evaluate(TEST)
    for column, alone in zip(together, engine.evaluate(TEST[::-1].copy()), strict=True):
        assert np.array_equal(column, alone[::-1])
    confidence = engine.evaluate(TEST)[2]
    assert np.all((confidence >= 1 / 8) & (confidence <= 1))  # the best of eight has at least its share


@pytest.mark.parametrize("seed", range(3))
def test_it_learns_and_the_controls_do_not(seed: int) -> None:
    workload = small_workload(seed, PROTOCOLS["v3"].full)
    test = workload.parts.test

    def gain(control: Control) -> float:
        engine = make_engine(workload.source, control=control, seed=seed)
        start = np.count_nonzero(engine.evaluate(test)[1])
        learn(engine, workload, epochs=10, tasks=120)
        return float(np.count_nonzero(engine.evaluate(test)[1]) - start) / len(test)

    assert gain(Control.NONE) > 0.5
    assert gain(Control.FROZEN) == 0.0
    assert abs(gain(Control.RANDOM_GRADIENT)) < 0.08
    assert gain(Control.SHUFFLED) < 0.25


def test_random_gradients_move_the_parameters_as_far_as_true_ones() -> None:
    def distance(control: Control) -> float:
        engine = make_engine(control=control, use_patterns=False, use_contrastive=False)
        before = engine.parameters
        engine.train(TRAIN[:1], learning_rate=0.01, temperature=1.0)
        return float(np.linalg.norm(engine.parameters - before))

    assert distance(Control.RANDOM_GRADIENT) == pytest.approx(distance(Control.NONE), rel=1e-3)


def test_the_answer_is_the_best_ranked_candidate_and_confidence_its_probability() -> None:
    engine = make_engine(use_patterns=False, use_contrastive=False)
    learn(engine)
    chosen, resolved, confidence, loss = engine.evaluate(TEST)
    for i, task in enumerate(TEST):
        query, candidates, right, task_type = WORKLOAD.source.load(int(task))
        z = engine.adapt(query[None, :].copy(), np.array([task_type], np.uint8))[0].astype(np.float64)
        logits = candidates.astype(np.float64) @ z / np.linalg.norm(z) / 0.07
        p = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
        assert chosen[i] == p.argmax() and resolved[i] == (p.argmax() == right)
        assert confidence[i] == pytest.approx(p.max(), rel=1e-4)
    assert not loss.any()
    assert [column.dtype for column in (chosen, resolved, confidence, loss)] == [np.uint32, bool, float, float]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_logits_are_what_answers_are_made_of(protocol: str) -> None:
    engine = make_engine(protocol=protocol)
    learn(engine)
    before = everything(engine)
    logits, right = engine.logits(TEST)
    assert everything(engine) == before
    assert (logits.shape, logits.dtype, right.dtype) == ((len(TEST), 8), np.float64, np.uint32)
    assert right.tolist() == [WORKLOAD.source.load(int(task))[2] for task in TEST]
    chosen, resolved, confidence, _ = engine.evaluate(TEST)
    assert logits.argmax(axis=1).tolist() == chosen.tolist()
    assert (logits.argmax(axis=1) == right).tolist() == resolved.tolist()
    assert softmax(logits, axis=1).max(axis=1) == pytest.approx(confidence, rel=1e-12)


def test_training_samples_its_answers_at_the_temperature() -> None:
    engine = make_engine(control=Control.FROZEN)
    best, _, sure, _ = engine.evaluate(TRAIN)
    cold = engine.train(TRAIN, learning_rate=0.1, temperature=1e-3)
    assert np.mean(cold[0] == best) > 0.99
    warm = engine.train(TRAIN, learning_rate=0.1, temperature=1.0)
    agree, expected = np.mean(warm[0] == best), sure.mean()
    assert abs(agree - expected) < 4.5 * np.sqrt(expected * (1 - expected) / len(TRAIN))
    hot = engine.train(TRAIN, learning_rate=0.1, temperature=1e6)
    assert hot[2] == pytest.approx(np.full(len(TRAIN), 1 / 8), rel=1e-3)
    assert np.all(np.abs(np.bincount(hot[0], minlength=8) - len(TRAIN) / 8) < 5 * np.sqrt(len(TRAIN) / 8))


@pytest.mark.parametrize(
    ("learn_from", "learns"),
    [
        (LearnFrom.SUCCESSES, lambda resolved, confidence: resolved),
        (LearnFrom.SUCCESSES_AND_CONFIDENT_FAILURES, lambda resolved, confidence: resolved | (confidence > 0.5)),
        (LearnFrom.EVERYTHING, lambda resolved, confidence: np.ones_like(resolved)),
    ],
)
def test_it_learns_from_the_outcomes_that_it_should(learn_from: LearnFrom, learns: Callable[[Any, Any], Any]) -> None:
    engine = make_engine(learn_from=learn_from)
    for task in TRAIN[:80]:
        before = engine.parameters.tobytes()
        _, resolved, confidence, loss = engine.train(np.array([task]), learning_rate=0.01, temperature=1.0)
        should = bool(learns(resolved, confidence)[0])
        assert (engine.parameters.tobytes() != before) == should == bool(loss[0] > 0)


def test_matrices_adapt_queries_as_the_formula_says() -> None:
    engine = make_engine()
    learn(engine)
    queries = np.stack([WORKLOAD.source.load(int(t))[0] for t in TEST[:8]])
    types = WORKLOAD.types[TEST[:8]]
    (a, b), scaling = engine.lora_matrices(0), 16 / np.sqrt(2)
    for query, kind, z in zip(queries, types, engine.adapt(queries, types), strict=True):
        head_a, head_b = engine.lora_matrices(1 + int(kind))
        full_a, full_b = a + 0.5 * head_a, b + 0.5 * head_b
        assert z == pytest.approx(query + scaling * (full_a @ query) @ full_b, abs=1e-5)
    assert (engine.heads, engine.ewc_lambda) == (4, 400.0)
    assert engine.scaling == pytest.approx(scaling, rel=1e-6)
    matrices = [m for i in range(5) for m in engine.lora_matrices(i)]
    assert np.array_equal(np.concatenate(matrices).ravel(), engine.parameters)


@pytest.mark.parametrize("heads", [0, 4])
def test_the_adapter_is_for_some_types_alone(heads: int) -> None:
    protocol = "v3" if heads else "v2"
    alone = {"use_patterns": False, "use_contrastive": False}
    engine, other = (make_engine(protocol=protocol, lora_types=0b0110, **alone) for _ in range(2))
    types = WORKLOAD.types[TRAIN]
    inside = TRAIN[np.isin(types, (1, 2))]
    for_others = TRAIN[np.isin(types, (0, 3))]
    fresh = engine.parameters.tobytes()
    loss = engine.train(for_others[:40], learning_rate=0.01, temperature=1.0)[3]
    assert loss.max() > 0 and engine.parameters.tobytes() == fresh  # it is told of them and learns nothing
    engine.train(inside[:40], learning_rate=0.01, temperature=1.0)
    other.train(inside[:40], learning_rate=0.01, temperature=1.0)
    assert engine.parameters.tobytes() == other.parameters.tobytes() != fresh
    queries = np.stack([WORKLOAD.source.load(int(t))[0] for t in TEST])
    kinds = WORKLOAD.types[TEST]
    moved = (engine.adapt(queries, kinds) != queries).any(axis=1)
    assert np.array_equal(moved, np.isin(kinds, (1, 2)))
    frozen = make_engine(protocol=protocol, **alone).logits(TEST)[0]
    differs = (engine.logits(TEST)[0] != frozen).any(axis=1)
    assert np.array_equal(differs, np.isin(kinds, (1, 2)))


def test_an_adapter_for_no_type_is_none() -> None:
    engine = make_engine(lora_types=0)
    before = engine.parameters.tobytes()
    learn(engine)
    assert engine.parameters.tobytes() == before


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_many_queries_are_adapted_to_the_bits_of_one_at_a_time(protocol: str) -> None:
    changes: dict[str, Any] = {"associations.block_size": 16, "associations.episodes.capacity": 50}
    engine = make_engine(protocol=protocol, **changes)
    learn(engine)
    engine.rehearse()
    loaded = [WORKLOAD.source.load(int(task)) for task in np.resize(TEST, 150)]
    queries = np.array([query for query, *_ in loaded], dtype=np.float32)
    types = np.array([kind for *_, kind in loaded], dtype=np.uint8)
    for order in (np.arange(150), np.argsort(types, kind="stable")):  # as they come, and in long runs of a type
        together = engine.adapt(queries[order], types[order])
        alone = [engine.adapt(queries[i : i + 1], types[i : i + 1])[0] for i in order]
        assert together.tobytes() == np.array(alone).tobytes()
    changes["associations.episodes.capacity"] = 0
    memoryless = make_engine(protocol=protocol, **changes)
    learn(memoryless)
    memoryless.rehearse()
    assert memoryless.adapt(queries, types).tobytes() != engine.adapt(queries, types).tobytes()
