"""What an engine does around an epoch: trajectories, patterns, replay, Fisher information, consolidation."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from engine_samples import TRAIN, WORKLOAD, everything, learn, make_engine
from simulated_samples import DIM, STRONG_MODEL, small_workload

from ruvllm import Control, LearnFrom, LearningEngine, ReplayPolicy
from ruvllm.learning.constants import Size
from ruvllm.workloads.workload import TASK_TYPES

STRONG = small_workload(size=Size(6, 40), model=STRONG_MODEL)
"""Tasks that are often answered surely: rightly and wrongly."""


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


def test_replay_draws_by_its_policy() -> None:
    engines = {
        policy: make_engine(STRONG.source, replay_policy=policy, replay_patterns=10)
        for policy in ReplayPolicy.__members__.values()
    }
    for engine in engines.values():
        assert engine.replay(5, learning_rate=0.001) == 0.0  # nothing to draw from
        engine.train(STRONG.parts.train[:100], learning_rate=0.0, temperature=1.0)
        engine.learn_patterns()
        assert engine.replay_beta == pytest.approx(0.4)
        assert engine.replay(50, learning_rate=0.0) > 0.0
        assert engine.trajectory_count == 100
    assert engines[ReplayPolicy.PRIORITIZED].replay_beta == pytest.approx(0.45)
    assert engines[ReplayPolicy.UNIFORM].replay_beta == pytest.approx(0.4)
    assert engines[ReplayPolicy.BEST_PATTERNS].replay_beta == pytest.approx(0.4)


def members_of(engine: LearningEngine, tasks: npt.NDArray[np.uint32]) -> list[npt.NDArray[np.int64]]:
    """Of each pattern the trajectories whose query is nearest to it, among `tasks` of which all patterns are made."""
    queries = np.stack([WORKLOAD.source.load(int(task))[0] for task in tasks]).astype(np.float64)
    nearest = (queries @ engine.pattern_queries.astype(np.float64).T).argmax(axis=1)
    return [np.flatnonzero(nearest == pattern) for pattern in range(engine.pattern_count)]


@pytest.mark.parametrize("replay_patterns", [1, 3, 10, 99])
def test_only_members_of_the_best_patterns_are_replayed(replay_patterns: int) -> None:
    engine = make_engine(
        protocol="v2", pattern_quality=0.0, learn_from=LearnFrom.EVERYTHING, replay_patterns=replay_patterns
    )
    engine.train(TRAIN[:100], learning_rate=0.0, temperature=3.0)
    engine.learn_patterns()
    tasks, _, before, _ = engine.trajectories
    members, qualities = members_of(engine, tasks), engine.pattern_qualities
    assert len(members) == 15
    assert qualities == pytest.approx([before[own].mean() for own in members])
    best = np.argsort(-qualities, kind="stable")[:replay_patterns]
    chosen = np.concatenate([members[i] for i in best])
    engine.replay(2000, learning_rate=0.0)  # sooner or later, all of them
    _, resolved, after, _ = engine.trajectories
    assert np.flatnonzero(after != before).tolist() == np.sort(chosen).tolist()
    expected = engine.evaluate(tasks[chosen])
    assert after[chosen] == pytest.approx(np.where(expected[1], expected[2], 0.6 * expected[2]), rel=1e-12)
    assert np.array_equal(resolved[chosen], expected[1])


def test_v2_replays_nothing_while_there_is_no_pattern() -> None:
    engine = make_engine(protocol="v2", pattern_minimum=101)
    engine.train(TRAIN[:100], learning_rate=0.01, temperature=1.0)
    engine.learn_patterns()
    before = everything(engine)
    assert engine.replay(50, learning_rate=0.01) == 0.0
    assert everything(engine) == before


@pytest.mark.parametrize(
    ("protocol", "kinds"),
    [("v1", {"success"}), ("v2", {"success", "sure failure"}), ("v3", {"success", "sure failure", "unsure failure"})],
)
def test_a_pattern_is_made_of_what_the_protocol_learns_from(protocol: str, kinds: set[str]) -> None:
    seen = {"success": 0, "sure failure": 0, "unsure failure": 0}
    for task in STRONG.parts.train:
        engine = make_engine(STRONG.source, protocol=protocol, pattern_quality=0.0, pattern_minimum=1)
        _, resolved, confidence, _ = engine.train(np.array([task]), learning_rate=0.0, temperature=1.0)
        kind = "success" if resolved[0] else "sure failure" if confidence[0] > 0.5 else "unsure failure"
        seen[kind] += 1
        engine.learn_patterns()
        assert engine.pattern_count == (1 if kind in kinds else 0), kind
        if engine.pattern_count:
            query, candidates, right, _ = STRONG.source.load(int(task))
            assert engine.pattern_queries[0] == pytest.approx(query, abs=1e-6)
            assert engine.pattern_solutions[0] == pytest.approx(candidates[right], abs=1e-6)
    assert min(seen.values()) >= 20


def test_a_failure_of_poor_quality_makes_no_pattern() -> None:
    """v2: 0.35 of quality is a confidence of 0.583 for a failure, though it is learned from above 0.5."""
    made = {True: 0, False: 0}
    for task in STRONG.parts.train:
        engine = make_engine(STRONG.source, protocol="v2", pattern_minimum=1)
        _, resolved, confidence, _ = engine.train(np.array([task]), learning_rate=0.0, temperature=1.0)
        if not resolved[0] and confidence[0] > 0.5:
            engine.learn_patterns()
            assert (engine.pattern_count == 1) == (0.6 * confidence[0] >= 0.35)
            made[engine.pattern_count == 1] += 1
    assert min(made.values()) >= 3


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


def test_the_penalty_is_half_lambda_times_the_weighted_squares() -> None:
    engine = make_engine()
    engine.train(TRAIN[:50], learning_rate=0.01, temperature=1.0)
    engine.replay(20, learning_rate=0.01)
    engine.end_epoch()
    assert engine.ewc_penalty == 0.0  # nothing to stay close to
    engine.consolidate()
    assert engine.ewc_penalty == 0.0
    engine.train(TRAIN[50:90], learning_rate=0.01, temperature=1.0)
    distance = engine.parameters.astype(np.float64) - engine.reference
    expected = 400.0 / 2 * math.fsum((engine.fisher * distance**2).tolist())
    assert engine.ewc_penalty == pytest.approx(expected, rel=1e-9) and expected > 0.01


def test_strong_ewc_keeps_the_parameters_where_they_were() -> None:
    def drift(ewc_lambda: float) -> float:
        engine = make_engine(use_patterns=False, protocol="v1", accumulate=False, **{"ewc.lambda_": ewc_lambda})
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


def test_patterns_of_a_buffer_that_was_pruned_since_are_not_replayed() -> None:
    engine = make_engine(protocol="v2", learn_from=LearnFrom.EVERYTHING, pattern_quality=0.0, **{"replay.capacity": 40})
    engine.train(TRAIN[:40], learning_rate=0.001, temperature=1.0)
    engine.learn_patterns()
    assert engine.pattern_count > 0
    engine.train(TRAIN[40:41], learning_rate=0.001, temperature=1.0)  # 8 trajectories go, the others move up
    assert engine.trajectory_count == 33
    before = engine.parameters.tobytes()
    assert engine.replay(2000, learning_rate=0.001) == 0.0
    assert engine.parameters.tobytes() == before
    engine.learn_patterns()
    assert engine.replay(2000, learning_rate=0.001) > 0.0
