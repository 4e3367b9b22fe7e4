"""Retrieval by what was learned: which share of the crowding is taken, and from what it is found."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from engine_samples import corpus, make_engine
from msgspec import structs

from ruvllm import Control, CorpusSource, LearningEngine
from ruvllm.evaluation.learned_retrieval import LearnedRetrieval
from ruvllm.evaluation.retrieval import crowding, mean_reciprocal_rank, ranks_in_groups, retrieval_ranks
from ruvllm.workloads.splits import Parts
from ruvllm.workloads.workload import TASK_TYPES, Question, Retrieval, Vectors, Workload

N, D = 40, 33
SHARES = (0.0, 0.3, 0.9)


def retrieval(
    engine: LearningEngine, workload: Workload, shares: tuple[float, ...] = SHARES
) -> LearnedRetrieval:
    return LearnedRetrieval.with_best_shares(engine, workload, shares=shares, neighbours=10, isa="auto")


def workload(tables: dict[str, Any], source: CorpusSource) -> Workload:
    def asked(part: Any) -> Retrieval:
        return Retrieval.by_type(tables["queries"][part], tables["solutions"][part], tables["types"][part])

    train, valid, test, holdout = (np.arange(a, b, dtype=np.uint32) for a, b in ((0, 16), (16, 28), (28, 36), (36, N)))
    return Workload(
        "code",
        source,
        tables["types"],
        np.zeros(N, np.float32),
        np.zeros(N, np.uint8),
        Parts(train, valid, test, holdout),
        question=Question(asked(test), asked(valid), Vectors(tables["queries"], tables["solutions"])),
    )


def world(kinds: int = 1, **changes: Any) -> tuple[Workload, LearningEngine, dict[str, Any]]:
    """An engine that has been told the train part of a random corpus."""
    tables = corpus(N, D)
    tables["types"] = (np.arange(N) % kinds).astype(np.uint8)
    source = CorpusSource(**tables)
    some = {"associations.block_size": 16, "associations.episodes.capacity": 100, "associations.episodes.strength": 0.0}
    engine = make_engine(source, **some | changes)
    given = workload(tables, source)
    engine.train(given.parts.train, learning_rate=0.01, temperature=1.0)
    engine.rehearse()
    return given, engine, tables


def test_crowding_is_found_among_the_past_queries_of_the_type_as_they_are_adapted_now() -> None:
    _, engine, tables = world(kinds=2)
    for kind in (0, 1):
        past = engine.episodes[kind][:, 0]
        assert set(tables["types"][past].tolist()) == {kind}
        adapted = engine.adapt(np.ascontiguousarray(tables["queries"][past]), np.full(len(past), kind, np.uint8))
        for neighbours in (1, 5, 10):
            found = engine.crowding(tables["solutions"], kind, neighbours=neighbours)
            assert found.tobytes() == crowding(tables["solutions"], adapted, neighbours=neighbours).tobytes()
    assert not np.array_equal(adapted, tables["queries"][past])
    assert not engine.crowding(tables["solutions"], 2).any()  # of that type nothing was told


def test_nothing_is_crowded_where_nothing_is_remembered() -> None:
    for changes in ({"associations.episodes.capacity": 0}, {"control": Control.FROZEN}):
        _, engine, tables = world(**changes)
        assert not engine.crowding(tables["solutions"], 0).any()


def test_the_share_of_a_type_is_the_one_that_is_best_on_the_validation_part() -> None:
    given, engine, _ = world(kinds=2)
    assert given.question is not None
    found = retrieval(engine, given)
    for kind in (0, 1):
        validation = given.question.validation.of_type(kind)
        adapted = engine.adapt(validation.queries, validation.types)
        crowded = engine.crowding(validation.solutions, kind)
        scores = {
            share: mean_reciprocal_rank(
                retrieval_ranks(adapted, validation.solutions, validation.right, discount=np.float32(share) * crowded)
            )
            for share in SHARES
        }
        assert len(set(scores.values())) > 1  # it matters here
        assert found.shares[kind] == max(SHARES, key=scores.__getitem__)
    assert found.named_shares() == {TASK_TYPES[kind]: share for kind, share in found.shares.items()}


def test_test_queries_have_no_say_in_it() -> None:
    given, engine, tables = world()
    question = Retrieval.by_type(tables["queries"][:5], tables["solutions"][5:10], tables["types"][:5])
    assert given.question is not None
    for other in (given.question.validation, question):
        found = retrieval(engine, replace(given, question=replace(given.question, test=other)))
        assert found.shares == retrieval(engine, given).shares


def test_without_a_validation_part_the_first_share_is_taken() -> None:
    given, engine, _ = world()
    assert retrieval(engine, replace(given, question=None)).shares == {0: SHARES[0]}


def test_one_share_is_taken_as_it_is_and_zero_leaves_the_cosines_alone() -> None:
    given, engine, _ = world()
    assert given.question is not None
    test = given.question.test
    for share in (0.0, 0.7):
        found = retrieval(engine, given, (share,))
        assert found.shares == {0: share}
    plain = ranks_in_groups(
        test, engine.adapt(test.queries, test.types), test.solutions
    )
    frozen, learned = retrieval(engine, given, (0.0,)).ranks(test) or ((), ())
    assert np.array_equal(learned, plain)
    assert np.array_equal(
        frozen, ranks_in_groups(test, test.queries, test.solutions)
    )


def test_without_a_question_there_are_no_ranks() -> None:
    given, engine, _ = world()
    assert retrieval(engine, given).ranks(None) is None


def test_engine_refuses_what_has_no_crowding() -> None:
    _, engine, tables = world()
    with pytest.raises(ValueError, match="type must be below 4, not 4"):
        engine.crowding(tables["solutions"], 4)
    with pytest.raises(ValueError, match=f"solutions must have {D} columns, not 3"):
        engine.crowding(np.zeros((2, 3), np.float32), 0)


def test_what_a_question_came_to_is_known_only_where_learning_is_over() -> None:
    given, engine, _ = world(kinds=2)
    assert given.question is not None
    test, going_on = given.question.test, retrieval(engine, given).with_whole_crowding()
    over = going_on.with_learning_over()
    before = [each.in_place(test) for each in (going_on, over, over)]
    for each in before[1:]:
        assert each.queries.tobytes() == before[0].queries.tobytes()
        assert each.solutions.tobytes() == before[0].solutions.tobytes()
        assert each.discount is not None and before[0].discount is not None
        assert each.discount.tobytes() == before[0].discount.tobytes()
    assert before[1].queries is before[2].queries
    assert structs.replace(over, shares={0: 1.0, 1: 1.0}).in_place(test).queries is before[1].queries
    engine.train(given.parts.train, learning_rate=0.01, temperature=1.0)
    engine.rehearse()
    assert going_on.in_place(test).queries.tobytes() != before[0].queries.tobytes()
    assert going_on.solutions_in_place(test)[1].tobytes() != before[0].discount.tobytes()
