"""Who is asked before a promotion: every source for its last words, however long ago they were, and nobody twice."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from online_samples import DIM, ask, force, harmful, make_ranker, stream

from ruvllm.online import Guard, Learning
from ruvllm.online.learning.challenger import Challenger
from ruvllm.online.learning.gates import Gates
from ruvllm.online.learning.guard import required_evidence
from ruvllm.online.learning.learner import Learner
from ruvllm.online.learning.sources import Heard
from ruvllm.online.ranker import AdaptiveRanker
from ruvllm.online.records import Settings
from ruvllm.online.store.witnesses import Witnesses


def heard(ranker: AdaptiveRanker) -> list[Heard]:
    keeper = ranker._keeper
    assert keeper is not None
    return keeper._witnesses.heard(keeper.segment.cursor)


def test_each_source_is_asked_for_its_last_words_however_long_ago_they_were() -> None:
    ranker = make_ranker(None, guard=Guard(window=20, per_source=1.0, automatic=False))
    for place, turn in enumerate(stream(301, 160)):
        source = f"early {place % 4}" if place < 40 else "late" if place < 150 else None
        ranker.feedback(ask(ranker, turn).id, turn.right, source=source)
    asked = heard(ranker)
    counts = Counter(source for source, *_ in asked)
    assert counts == {"early 0": 10, "early 1": 10, "early 2": 10, "early 3": 10, "late": 10, None: 10}
    turns = list(stream(301, 160))
    last = [query for source, query, *_ in asked if source == "late"]
    for query, turn in zip(last, turns[140:150], strict=True):
        np.testing.assert_allclose(query, turn.query, atol=1e-3)


def test_what_was_revised_or_revoked_is_not_asked() -> None:
    ranker = make_ranker(None, guard=Guard(automatic=False))
    rankings = []
    for place, turn in enumerate(stream(302, 6)):
        rankings.append(ask(ranker, turn))
        ranker.feedback(rankings[-1].id, turn.right, source=f"user {place}")
    ranker.feedback(rankings[0].id, rejected=[rankings[0].ids[0]], source="user 0")
    ranker.feedback(rankings[1].id, None, source="user 1")
    asked = {source: judgement for source, _, _, judgement in heard(ranker)}
    assert set(asked) == {"user 0", "user 2", "user 3", "user 4", "user 5"} and asked["user 0"].rejected == (0,)


def test_a_ranker_that_is_opened_again_asks_the_same(tmp_path: Path) -> None:
    guard = Guard(window=10, automatic=False)
    with make_ranker(tmp_path / "s", guard=guard) as ranker:
        for place, turn in enumerate(stream(303, 90)):
            ranker.feedback(ask(ranker, turn).id, turn.right, source=f"user {place % 30}")
            if place % 7 == 0:
                heard(ranker)
        before = heard(ranker)
        keeper = ranker._keeper
        assert keeper is not None
        other = Witnesses(keeper._db, keeper._log, Settings(dim=DIM, learning=Learning(seed=1), guard=guard))
        assert [source for source, *_ in other.heard(90)] != [source for source, *_ in before]
    with make_ranker(tmp_path / "s", guard=guard) as again:
        after = heard(again)
    assert len(before) == 30 and [(s, q.tobytes(), j) for s, q, _, j in before] == [
        (s, q.tobytes(), j) for s, q, _, j in after
    ]


def test_nothing_is_promoted_before_so_many_sources_were_heard() -> None:
    ranker = make_ranker(None, guard=Guard(fewest_sources=21))
    turns = list(stream(103, 400))
    for place, turn in enumerate(turns[:300]):
        ranker.feedback(ask(ranker, turn).id, turn.right, source=f"user {place % 20}")
    assert ranker.state.is_identity and ranker.review().reason == "20 sources were heard; 21 must be"
    for turn in turns[300:]:
        ranker.feedback(ask(ranker, turn).id, turn.right, source="the next")
    assert not ranker.state.is_identity
    with pytest.raises(ValueError, match="fewest_sources must be in"):
        make_ranker(None, guard=Guard(fewest_sources=0))


# challengers that start anew


def test_a_rejected_challenger_does_not_take_the_harm_of_the_champion_with_it() -> None:
    gates = Gates()
    for _ in range(30):
        gates.add((-0.2, -0.5, 0.2, 0.3))
    harm, mean = gates.evidence("champion_harms"), gates.mean("champion_harms")
    gates.restart()
    assert gates.evidence("champion_harms") == harm > 20 and gates.mean("champion_harms") == mean
    for gate in ("beats_champion", "beats_identity", "is_worse"):
        assert gates.evidence(gate) == pytest.approx(1) and gates.mean(gate) == 0
    again = Gates.of_arrays(gates.arrays())
    assert (again.n, again.tried, again.restarts) == (30, 0, 1)


def test_all_challengers_of_a_champion_share_alpha() -> None:
    learner, spent = Learner(Settings(dim=DIM)), 0.0
    assert required_evidence(learner) == pytest.approx(25)
    for _ in range(2000):
        needed = required_evidence(learner)
        assert needed > 24.99
        spent += 1 / needed
        learner.gates.restart()
    assert 0.0499 < spent <= 0.05
    learner.serve(harmful())
    assert required_evidence(learner) == pytest.approx(25)


def test_a_challenger_starts_as_what_is_served_whatever_its_scaling_and_rank() -> None:
    settings = Settings(dim=DIM, learning=Learning(rank=6, scaling=3.0))
    query = np.random.default_rng(7).standard_normal(DIM).astype(np.float32)
    served = harmful()
    np.testing.assert_allclose(Challenger(settings, served).adapt(query), served.adapt(query), rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="cannot start from a state of dim 32 and rank 4"):
        Challenger(Settings(dim=DIM, learning=Learning(rank=3)), served)


def test_what_was_put_there_by_force_is_gone_though_challengers_are_rejected_meanwhile() -> None:
    ranker = make_ranker(None)
    force(ranker, harmful(2))
    for turn in stream(304, 150, gain=False):
        ranker.feedback(ask(ranker, turn).id, turn.right)
    assert [decision.action for decision in ranker.history()][-1] == "rolled_back" and ranker.state.is_identity
