"""The learning engine through its bindings: what learns, what must not, equal bits everywhere, lifetimes, errors."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from simulated_samples import DIM, small_workload

from ruvllm import (
    Control,
    CorpusSource,
    EngineConfig,
    LearnFrom,
    LearningEngine,
    ReplayPolicy,
    TaskSource,
    available_isas,
)
from ruvllm.protocols import PROTOCOLS, Size, engine_config
from ruvllm.workload import TASK_TYPES, Workload

WORKLOAD = small_workload(size=Size(6, 40))
TRAIN, TEST = WORKLOAD.parts.train, WORKLOAD.parts.test


def make_engine(
    source: TaskSource = WORKLOAD.source,
    *,
    protocol: str = "v3",
    control: Control = Control.NONE,
    seed: int = 0,
    isa: str = "auto",
    **changes: Any,
) -> LearningEngine:
    config = engine_config(
        PROTOCOLS[protocol], dim=source.dim, rank=2, n_types=len(TASK_TYPES), seed=seed, control=control
    )
    for name, value in changes.items():
        setattr(config, name, value)
    return LearningEngine(source, config, isa=isa)


def learn(engine: LearningEngine, workload: Workload = WORKLOAD, epochs: int = 3, tasks: int = 60) -> list[Any]:
    """Epochs of attempts, replay, patterns and one consolidation; what the engine returned."""
    returned: list[Any] = []
    for epoch in range(epochs):
        order = np.resize(workload.parts.train, (epoch + 1) * tasks)[epoch * tasks :]
        returned += engine.train(order, learning_rate=0.003, temperature=0.8)
        returned.append(engine.replay(tasks, learning_rate=0.003))
        engine.learn_patterns()
        engine.end_epoch()
        if epoch == 0:
            engine.consolidate()
    return returned


def learned(engine: LearningEngine) -> list[Any]:
    """All that an engine has learned, without the record of its attempts."""
    return [
        *(engine.parameters, engine.fisher, engine.reference, engine.ewc_task_count),
        *(engine.pattern_queries, engine.pattern_solutions, engine.pattern_qualities, engine.pattern_types),
        engine.memory_size,
    ]


def bits(values: list[Any]) -> list[Any]:
    return [value.tobytes() if isinstance(value, np.ndarray) else value for value in values]


def everything(engine: LearningEngine) -> list[Any]:
    return bits([*learned(engine), *engine.trajectories, engine.replay_beta])


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


def test_trajectories_record_quality_and_td_error() -> None:
    engine = make_engine(control=Control.FROZEN)
    _, resolved, confidence, _ = engine.train(TRAIN, learning_rate=0.1, temperature=1.0)
    tasks, recorded, quality, td_error = engine.trajectories
    assert np.array_equal(tasks, TRAIN) and np.array_equal(recorded, resolved)
    assert quality == pytest.approx(np.where(resolved, confidence, 0.65 * confidence), rel=1e-12)
    means = [0.5] * len(TASK_TYPES)
    for i, task in enumerate(TRAIN):
        kind = int(WORKLOAD.types[task])
        assert td_error[i] == pytest.approx(quality[i] - means[kind], abs=1e-12)
        means[kind] += 0.05 * (quality[i] - means[kind])


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


def test_replay_draws_by_its_policy() -> None:
    prioritized = make_engine(replay_policy=ReplayPolicy.PRIORITIZED)
    uniform = make_engine(replay_policy=ReplayPolicy.UNIFORM)
    best = make_engine(replay_policy=ReplayPolicy.BEST_QUALITY)
    for engine in (prioritized, uniform, best):
        assert engine.replay(5, learning_rate=0.001) == 0.0  # nothing to draw from
        engine.train(TRAIN[:100], learning_rate=0.0, temperature=1.0)
        assert engine.replay_beta == pytest.approx(0.4)
        assert engine.replay(50, learning_rate=0.0) > 0.0
        assert engine.trajectory_count == 100
    assert prioritized.replay_beta == pytest.approx(0.45)
    assert uniform.replay_beta == best.replay_beta == pytest.approx(0.4)


def test_the_best_are_replayed() -> None:
    engine = make_engine(replay_policy=ReplayPolicy.BEST_QUALITY, use_contrastive=False)
    engine.train(TRAIN[:100], learning_rate=0.0, temperature=1.0)
    tasks, _, quality, _ = engine.trajectories
    best = np.argsort(-quality, kind="stable")[:10]
    engine.replay(10, learning_rate=0.0)
    _, resolved, again, _ = engine.trajectories
    expected = engine.evaluate(tasks[best])
    assert again[best] == pytest.approx(np.where(expected[1], expected[2], 0.65 * expected[2]), rel=1e-12)
    assert np.array_equal(resolved[best], expected[1])
    others = np.setdiff1d(np.arange(100), best)
    assert np.array_equal(again[others], quality[others])


def test_the_fisher_batch_counts_at_the_end_of_the_epoch() -> None:
    engine = make_engine()
    engine.train(TRAIN[:50], learning_rate=0.001, temperature=1.0)
    engine.replay(20, learning_rate=0.001)
    assert not engine.fisher.any()
    engine.end_epoch()
    assert engine.fisher.max() > 0 and engine.fisher.min() >= 0


def test_consolidation_takes_the_present_parameters() -> None:
    engine = make_engine()
    learn(engine, epochs=2)
    assert engine.ewc_task_count == 1
    engine.consolidate()
    assert engine.ewc_task_count == 2
    assert engine.reference.tobytes() == engine.parameters.tobytes()


def test_strong_ewc_keeps_the_parameters_where_they_were() -> None:
    def drift(ewc_lambda: float) -> float:
        engine = make_engine(ewc_lambda=ewc_lambda, use_patterns=False, use_contrastive=False, protocol="v1")
        engine.train(TRAIN, learning_rate=0.01, temperature=1.0)
        engine.replay(50, learning_rate=0.01)
        engine.end_epoch()
        engine.consolidate()
        held = engine.fisher > np.median(engine.fisher)  # what mattered is what EWC holds
        before = engine.parameters
        engine.train(TRAIN, learning_rate=0.01, temperature=1.0)
        return float(np.linalg.norm((engine.parameters - before)[held]))

    assert drift(100.0) < 0.9 * drift(0.0)


def test_patterns_need_enough_good_trajectories() -> None:
    engine = make_engine(pattern_minimum=30)
    engine.train(TRAIN[:10], learning_rate=0.001, temperature=1.0)
    engine.learn_patterns()
    assert engine.pattern_count == 0
    engine = make_engine(pattern_quality=2.0)  # which no quality reaches
    engine.train(TRAIN, learning_rate=0.001, temperature=1.0)
    engine.learn_patterns()
    assert engine.pattern_count == 0


def test_patterns_are_unit_vectors_of_what_was_met_and_at_most_150() -> None:
    engine = make_engine(pattern_clusters=200, pattern_quality=0.0)
    engine.train(TRAIN, learning_rate=0.001, temperature=1.0)
    engine.learn_patterns()
    assert engine.pattern_count == 150 == len(engine.pattern_types) == len(engine.pattern_qualities)
    assert engine.pattern_queries.shape == engine.pattern_solutions.shape == (150, DIM)
    for rows in (engine.pattern_queries, engine.pattern_solutions):
        assert np.linalg.norm(rows, axis=1) == pytest.approx(np.ones(150), abs=1e-5)
    assert set(engine.pattern_types.tolist()) == {0, 1, 2, 3}
    assert engine.pattern_qualities.min() > 0 and engine.pattern_qualities.max() <= 1


def test_both_memories_reach_the_answer() -> None:
    def confidence(**changes: bool) -> bytes:
        engine = make_engine(**changes)
        engine.train(TRAIN, learning_rate=0.0, temperature=1.0)  # the adapter stays: what differs is memory
        engine.learn_patterns()
        return engine.evaluate(TRAIN)[2].tobytes()

    results = [confidence(use_patterns=p, use_contrastive=c) for p in (False, True) for c in (False, True)]
    assert len(set(results)) == 4


def test_a_full_buffer_keeps_the_best_four_fifths() -> None:
    workload = small_workload(size=Size(1, 10))
    engine = make_engine(workload.source, control=Control.FROZEN)
    tasks = np.resize(workload.parts.train, 10_000)
    engine.train(tasks, learning_rate=0.1, temperature=1.0)
    assert engine.trajectory_count == 10_000
    quality = engine.trajectories[2]
    engine.train(tasks[:1], learning_rate=0.1, temperature=1.0)
    assert engine.trajectory_count == 8_001
    assert np.sort(engine.trajectories[2][:-1]).tolist() == np.sort(quality)[2_000:].tolist()


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


def corpus(n: int = 40, dim: int = 33) -> dict[str, npt.NDArray[Any]]:
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(2 * n, dim)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return {
        "queries": rows[:n].copy(),
        "solutions": rows[n:].copy(),
        "candidates": generator.integers(0, n, (n, 5)).astype(np.int32),
        "right": generator.integers(0, 5, n).astype(np.int32),
        "types": (np.arange(n) % 4).astype(np.uint8),
    }


def test_an_engine_keeps_its_source_and_a_source_its_arrays() -> None:
    arrays = corpus()
    free = [sys.getrefcount(array) for array in arrays.values()]
    source = CorpusSource(**arrays)
    count = sys.getrefcount(source)
    engine = make_engine(source)
    assert sys.getrefcount(source) == count + 1
    del source
    gc.collect()
    assert [sys.getrefcount(array) for array in arrays.values()] == [count + 1 for count in free]
    engine.train(np.arange(40, dtype=np.uint32), learning_rate=0.01, temperature=1.0)
    del engine
    gc.collect()
    assert [sys.getrefcount(array) for array in arrays.values()] == free


def test_a_corpus_gives_its_rows() -> None:
    arrays = corpus()
    source = CorpusSource(**arrays)
    assert (len(source), source.dim, source.n_candidates) == (40, 33, 5)
    for i in range(40):
        query, candidates, right, kind = source.load(i)
        assert np.array_equal(query, arrays["queries"][i])
        assert np.array_equal(candidates, arrays["solutions"][arrays["candidates"][i]])
        assert (right, kind) == (arrays["right"][i], arrays["types"][i])


def test_engines_in_two_threads_give_the_bits_of_one_after_the_other() -> None:
    def run(seed: int, results: dict[int, list[Any]], ready: threading.Barrier | None = None) -> None:
        engine = make_engine(seed=seed)
        if ready is not None:
            ready.wait()
        results[seed] = [*bits(learn(engine, epochs=8)), *everything(engine)]

    alone: dict[int, list[Any]] = {}
    together: dict[int, list[Any]] = {}
    for seed in (0, 1):
        run(seed, alone)
    barrier = threading.Barrier(2)
    threads = [threading.Thread(target=run, args=(seed, together, barrier)) for seed in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together == alone
    assert alone[0] != alone[1]


def test_other_threads_run_while_an_engine_learns() -> None:
    engine, order = make_engine(control=Control.FROZEN), np.resize(TRAIN, 50_000)
    started, finished = threading.Event(), threading.Event()

    def work() -> None:
        started.set()
        engine.train(order, learning_rate=0.1, temperature=1.0)
        finished.set()

    thread = threading.Thread(target=work)
    thread.start()
    started.wait()  # with the GIL held by train(), this would return when it is over
    was_finished = finished.is_set()
    thread.join()
    assert not was_finished


def config(**changes: Any) -> EngineConfig:
    made = EngineConfig(dim=DIM, rank=2, heads=4, scaling=1.0)
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def changed(**changes: Any) -> CorpusSource:
    return CorpusSource(**{**corpus(), **changes})


SOURCE = WORKLOAD.source
QUERIES = np.ones((2, DIM), np.float32)
TYPES = np.zeros(2, np.uint8)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda e: e.train(TRAIN.astype(np.int64), learning_rate=0.1, temperature=1.0), TypeError, "incompatible"),
        (lambda e: e.train(TRAIN[::2], learning_rate=0.1, temperature=1.0), TypeError, "incompatible"),
        (lambda e: e.train(TRAIN.tolist(), learning_rate=0.1, temperature=1.0), TypeError, "incompatible"),
        (lambda e: e.train(TRAIN, 0.1, 1.0), TypeError, "incompatible"),
        (lambda e: e.train(TRAIN[None, :], learning_rate=0.1, temperature=1.0), ValueError, "must have 1 dimension"),
        (lambda e: e.train(TRAIN, learning_rate=0.1, temperature=0.0), ValueError, "temperature must be > 0, not 0"),
        (lambda e: e.train(TRAIN, learning_rate=0.1, temperature=np.nan), ValueError, "must be > 0, not nan"),
        (lambda e: e.evaluate(TRAIN.astype(np.int32)), TypeError, "incompatible"),
        (lambda e: e.evaluate(TRAIN[:2, None]), ValueError, "tasks must have 1 dimension, not 2"),
        (lambda e: e.evaluate(np.array([len(SOURCE)], np.uint32)), IndexError, None),
        (lambda e: e.replay(-1, learning_rate=0.1), TypeError, "incompatible"),
        (lambda e: e.adapt(QUERIES.astype(np.float64), TYPES), TypeError, "incompatible"),
        (lambda e: e.adapt(np.asfortranarray(QUERIES), TYPES), TypeError, "incompatible"),
        (lambda e: e.adapt(QUERIES[:, :9].copy(), TYPES), ValueError, f"queries must have {DIM} columns, not 9"),
        (lambda e: e.adapt(QUERIES, TYPES[:1]), ValueError, "types must have 2 elements, not 1"),
        (lambda e: e.adapt(QUERIES, np.full(2, 4, np.uint8)), ValueError, "task type must be below 4, not 4"),
        (lambda e: e.lora_matrices(5), IndexError, None),
        (lambda _: LearningEngine(changed(), config()), ValueError, "dimension 256 is not the tasks' 33"),
        (lambda _: LearningEngine(SOURCE, config(tau=0.0)), ValueError, "tau must be > 0, not 0"),
        (lambda _: LearningEngine(SOURCE, config(ewc_lambda=-1.0)), ValueError, "lambda must be >= 0, not -1"),
        (lambda _: LearningEngine(SOURCE, config(fisher_decay=1.0)), ValueError, r"lie in \(0, 1\), not 1"),
        (lambda _: LearningEngine(SOURCE, config(), isa="mmx"), ValueError, "not 'mmx'"),
        (lambda _: LearningEngine(None, config()), TypeError, "incompatible"),
        (lambda _: EngineConfig(dim=DIM, rank=2), TypeError, "incompatible"),
        (lambda _: make_engine(changed(types=np.full(40, 4, np.uint8))), ValueError, "type must be below 4, not 4"),
        (lambda _: changed(queries=np.ones((40, 33))), TypeError, "incompatible"),
        (lambda _: changed(queries=np.ones((40, 32), np.float32)), ValueError, "solutions must have 32 columns"),
        (lambda _: changed(queries=np.ones((39, 33), np.float32)), ValueError, "do not fit together"),
        (lambda _: changed(candidates=np.full((40, 5), 40, np.int32)), ValueError, "a row below 40, not 40"),
        (lambda _: changed(candidates=np.zeros((40, 1), np.int32)), ValueError, "do not fit together"),
        (lambda _: changed(right=np.full(40, 5, np.int32)), ValueError, "must be below 5, not 5"),
        (lambda _: changed(right=np.full(40, -1, np.int32)), ValueError, "must be below 5, not -1"),
        (lambda _: changed(types=np.zeros(39, np.uint8)), ValueError, "do not fit together"),
        (lambda _: changed().load(40), IndexError, "task must be below 40, not 40"),
    ],
)
def test_errors_state_rule_and_value(
    call: Callable[[Any], object], error: type[Exception], message: str | None
) -> None:
    with pytest.raises(error, match=message):
        call(make_engine())


def test_no_tasks_are_no_error() -> None:
    engine = make_engine()
    for columns in (engine.evaluate(TRAIN[:0]), engine.train(TRAIN[:0], learning_rate=0.1, temperature=1.0)):
        assert [len(column) for column in columns] == [0, 0, 0, 0]
    assert engine.adapt(QUERIES[:0], TYPES[:0]).shape == (0, DIM)
