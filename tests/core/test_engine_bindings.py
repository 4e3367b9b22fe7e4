"""The engine's bindings: lifetimes, threads, strict arguments."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from engine_samples import TRAIN, WORKLOAD, bits, configure, corpus, everything, learn, make_engine
from simulated_samples import DIM

from ruvllm import Control, CorpusSource, EngineConfig, LearningEngine


def test_an_engine_keeps_its_source_and_a_source_its_arrays() -> None:
    arrays = corpus()
    for array in arrays.values():
        array.flags.writeable = False  # others are copied
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
    configure(made, changes)
    return made


def changed(**changes: Any) -> CorpusSource:
    return CorpusSource(**{**corpus(), **changes})


SOURCE = WORKLOAD.source
QUERIES = np.ones((2, DIM), np.float32)
TYPES = np.zeros(2, np.uint8)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda e: e.train(TRAIN + 0.0, learning_rate=0.1, temperature=1.0), TypeError, "tasks must have dtype uint32"),
        (lambda e: e.train(TRAIN - 10**6, learning_rate=0.1, temperature=1.0), IndexError, "task must be below"),
        (lambda e: e.train([0, -1], learning_rate=0.1, temperature=1.0), ValueError, "integers of 0 .*, not -1"),
        (lambda e: e.train(TRAIN, 0.1, 1.0), TypeError, "learning_rate= is given by name"),
        (lambda e: e.train(TRAIN, learning_rate=50.0, temperature=1.0), ValueError, "must be 10 or less .* not 50.0"),
        (lambda e: e.train(TRAIN, learning_rate=0.1, temperature=1e-200), ValueError, "must lie in 1e-100"),
        (lambda e: e.train(TRAIN[None, :], learning_rate=0.1, temperature=1.0), ValueError, "must have 1 dimension"),
        (lambda e: e.train(TRAIN, learning_rate=0.1, temperature=0.0), ValueError, "temperature must be > 0, not 0"),
        (lambda e: e.train(TRAIN, learning_rate=0.1, temperature=np.nan), ValueError, "must be > 0, not nan"),
        (lambda e: e.evaluate(TRAIN > 0), TypeError, "tasks must have dtype uint32 .* an array of bool"),
        (lambda e: e.evaluate(TRAIN[:2, None]), ValueError, "tasks must have 1 dimension, not 2"),
        (lambda e: e.evaluate(np.array([len(SOURCE)], np.uint32)), IndexError, None),
        (lambda e: e.logits("tasks"), TypeError, "tasks must have dtype uint32"),
        (lambda e: e.logits(TRAIN[:2, None]), ValueError, "tasks must have 1 dimension, not 2"),
        (lambda e: e.logits(np.array([len(SOURCE)], np.uint32)), IndexError, None),
        (lambda e: e.replay(-1, learning_rate=0.1), ValueError, "n must be an integer of 0"),
        (lambda e: e.step_along_sum(0.1), TypeError, "length= is given by name"),
        (lambda e: e.step_along_sum(length="0.1"), TypeError, "length must be a number, not str"),
        (lambda _: config(replay_patterns=-1), ValueError, "replay_patterns must be an integer of 0"),
        (lambda _: config(replay_pattern=1), AttributeError, "replay_pattern"),
        (lambda _: config(**{"replay.alphas": 1}), AttributeError, "alphas"),
        (lambda _: config(accumulate="yes"), TypeError, "accumulate must be True or False, not str"),
        (lambda e: e.adapt(QUERIES + 1j, TYPES), TypeError, "queries must have dtype float32"),
        (lambda e: e.adapt(QUERIES * np.nan, TYPES), ValueError, "queries must be finite, not hold nan"),
        (lambda e: e.adapt(QUERIES[:, :9].copy(), TYPES), ValueError, f"queries must have {DIM} columns, not 9"),
        (lambda e: e.adapt(QUERIES, TYPES[:1]), ValueError, "types must have 2 elements, not 1"),
        (lambda e: e.adapt(QUERIES, np.full(2, 4, np.uint8)), ValueError, "task type must be below 4, not 4"),
        (lambda e: e.lora_matrices(5), IndexError, None),
        (lambda _: LearningEngine(changed(), config()), ValueError, "dimension 256 is not the tasks' 33"),
        (lambda _: LearningEngine(SOURCE, config(tau=0.0)), ValueError, "tau must be > 0, not 0"),
        (lambda _: LearningEngine(SOURCE, config(**{"ewc.lambda_": -1.0})), ValueError, "lambda must be >= 0, not -1"),
        (lambda _: LearningEngine(SOURCE, config(**{"ewc.decay": 1.0})), ValueError, r"lie in \(0, 1\), not 1"),
        (lambda _: LearningEngine(SOURCE, config(), isa="mmx"), ValueError, "not 'mmx'"),
        (lambda _: LearningEngine(None, config()), TypeError, "source must be a .*TaskSource, not None"),
        (lambda _: EngineConfig(dim=DIM, rank=2), TypeError, r"EngineConfig\(\) needs the argument heads"),
        (lambda _: make_engine(changed(types=np.full(40, 4, np.uint8))), ValueError, "type must be below 4, not 4"),
        (lambda _: changed(queries=np.ones((40, 33))), ValueError, "queries must have length 1, .* 5.74"),
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


@pytest.mark.parametrize("method", ["train", "evaluate", "logits"])
def test_nothing_is_learned_of_a_batch_with_one_bad_task(method: str) -> None:
    engine = make_engine()
    learn(engine)
    before = everything(engine)
    rates = {"learning_rate": 0.1, "temperature": 1.0} if method == "train" else {}
    with pytest.raises(IndexError, match=f"task must be below {len(SOURCE)}, not {len(SOURCE)}"):
        getattr(engine, method)([0, 1, 2, 3, len(SOURCE), 4], **rates)
    assert everything(engine) == before


def test_tasks_and_vectors_may_be_lists_and_wider_types() -> None:
    first, second = make_engine(), make_engine()
    given, wide = (bits(list(e.evaluate(t))) for e, t in ((first, TRAIN[:9]), (second, TRAIN[:9].tolist())))
    assert given == wide
    same = [engine.adapt(q, t) for engine, q, t in ((first, QUERIES, TYPES), (second, QUERIES.tolist(), [0, 0]))]
    assert np.array_equal(*same)


def test_no_tasks_are_no_error() -> None:
    engine = make_engine()
    for columns in (engine.evaluate(TRAIN[:0]), engine.train(TRAIN[:0], learning_rate=0.1, temperature=1.0)):
        assert [len(column) for column in columns] == [0, 0, 0, 0]
    assert engine.adapt(QUERIES[:0], TYPES[:0]).shape == (0, DIM)
    logits, right = engine.logits(TRAIN[:0])
    assert (logits.shape, right.shape) == ((0, 8), (0,))
