"""The guard promotes nothing by luck, keeps no harm, and hears no single voice; and its own arithmetic is right."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from online_samples import DIM, ask, force, harmful, learner_hash, make_ranker, stream, teach

from ruvllm.evaluation.sequential import EProcess, RunningMean, confidence_sequence, running_intervals
from ruvllm.online import Guard, Learning, StoreError
from ruvllm.online.judgement import Judgement
from ruvllm.online.learning.challenger import Challenger
from ruvllm.online.learning.gates import GATES, Gates
from ruvllm.online.learning.guard import required_feedback
from ruvllm.online.learning.holdout import _hash
from ruvllm.online.learning.learner import Learner
from ruvllm.online.learning.rewards import reward_of
from ruvllm.online.learning.sources import objection_of_sources
from ruvllm.online.state import State

# what is promoted


def test_shuffled_feedback_promotes_nothing() -> None:
    promoted = 0
    for seed in range(12):
        ranker, rng = make_ranker(None), np.random.default_rng(seed)
        for turn in stream(200 + seed, 250):
            ranker.feedback(ask(ranker, turn).id, int(rng.choice(turn.ids)))
        promoted += any(decision.action == "promoted" for decision in ranker.history())
    assert promoted <= 1


def test_a_harmful_champion_is_rolled_back() -> None:
    for seed in range(3):
        ranker = make_ranker(None)
        force(ranker, harmful(seed))
        teach(ranker, stream(210 + seed, 250, gain=False))
        back = [decision for decision in ranker.history() if decision.action == "rolled_back"][-1]
        assert back.state_after == "identity" and back.evidence >= 20 and back.feedbacks <= 150
        assert ranker.gain().mean < 0  # and the harm is not hidden


def test_a_burst_of_wrong_accepts_does_not_reach_what_is_served() -> None:
    ranker = make_ranker(None)
    for place, turn in enumerate(stream(103, 400)):
        ranker.feedback(ask(ranker, turn).id, turn.right, source=f"user {place % 40}")
    before = ranker.state.hash
    assert before != "identity"
    statuses = []
    for turn in list(stream(103, 425))[400:]:
        worst = turn.ids[int(np.argmin(turn.candidates @ turn.query))]
        statuses.append(ranker.feedback(ask(ranker, turn).id, worst, source="bad").status)
    assert statuses.count("quarantined") >= 10
    assert ranker.state.hash in (before, "identity")  # nothing that a burst has taught


def test_a_burst_of_many_sources_does_not_reach_what_is_served_either() -> None:
    """Eight of forty, one after another: what they teach earns evidence by what they say, and most do not like it."""
    ranker, served = make_ranker(None), []
    turns = list(stream(222, 480, gain=False))
    for place, turn in enumerate(turns):
        block, at = divmod(place, 240)
        hostile = block == 1 and at < 96
        source = f"hostile {at // 12}" if hostile else f"user {place % 32}"
        said = turn.ids[int(np.argmin(turn.candidates @ turn.query))] if hostile else turn.right
        ranker.feedback(ask(ranker, turn).id, said, source=source)
        served.append(ranker.state.hash)
    states = {name: ranker._keeper._state(name) for name in set(served)}  # type: ignore[union-attr]
    for state in states.values():
        gains = [reward_of(state.scores(t.query, t.candidates), Judgement(accepted=(t.ids.index(t.right),)))
                 - reward_of(State(DIM).scores(t.query, t.candidates), Judgement(accepted=(t.ids.index(t.right),)))
                 for t in turns]  # fmt: skip
        assert np.mean(gains) > -0.01


def test_most_sources_must_like_what_is_promoted() -> None:
    learner = make_ranker(None)._keeper.learner  # type: ignore[union-attr]
    learner.challenger = Challenger(learner.settings, harmful())
    turns = list(stream(223, 200, gain=False))
    said = [Judgement(accepted=(turn.ids.index(turn.right),)) for turn in turns]
    heard = [(f"user {i % 20}", turn.query, turn.candidates, said[i]) for i, turn in enumerate(turns)]
    assert "not clearly better than the frozen encoder for 15 of 20 voices" in objection_of_sources(learner, heard, 20)
    now = learner.challenger.publish()
    liked = [(source, q, c, Judgement(accepted=(int(np.argmax(now.scores(q, c))),))) for source, q, c, _ in heard]
    assert objection_of_sources(learner, liked, 20) == "" == objection_of_sources(learner, [], 1)
    few = [a if int(str(a[0]).split()[1]) < 5 else b for a, b in zip(liked, heard, strict=True)]  # a quarter likes it
    assert objection_of_sources(learner, few, 20)


def test_a_source_is_one_voice_however_much_it_says_and_so_is_feedback_without_any() -> None:
    learner = make_ranker(None)._keeper.learner  # type: ignore[union-attr]
    learner.challenger = Challenger(learner.settings, harmful())
    now, frozen, turns = learner.challenger.publish(), State(DIM), list(stream(224, 128, gain=False))
    for loud in ("loud", None):
        heard = []
        for place, turn in enumerate(turns):
            liker = place < 64  # half of the feedback, of one; the others are eight
            best = (now if liker else frozen).scores(turn.query, turn.candidates)
            source = loud if liker else f"user {place % 8}"
            heard.append((source, turn.query, turn.candidates, Judgement(accepted=(int(np.argmax(best)),))))
        assert "for 7 of 9 voices" in objection_of_sources(learner, heard, 20)


def test_a_worse_challenger_is_started_anew() -> None:
    ranker = make_ranker(None, learning=Learning(learning_rate=1e-6, largest_change=1000))
    learner = ranker._keeper.learner  # type: ignore[union-attr]
    learner.challenger = Challenger(learner.settings, harmful())
    teach(ranker, stream(221, 150, gain=False))
    assert [decision.action for decision in ranker.history()][:2] == ["created", "rejected"]
    assert learner.challenger.publish().hash != harmful().hash and ranker.gain().mean == 0


def test_nothing_changes_without_a_review_unless_it_is_automatic() -> None:
    ranker = make_ranker(None, guard=Guard(automatic=False))
    teach(ranker, stream(103, 150))
    assert ranker.state.is_identity and len(ranker.history()) == 1
    would = ranker.review(dry_run=True)
    assert would.action == "promoted" and would.state_after != "identity" and ranker.state.is_identity
    decision = ranker.review()
    assert decision.action == "promoted" and decision.state_after == would.state_after == ranker.state.hash
    assert ranker.review().action == "held"


def test_a_frozen_ranker_hears_and_learns_but_serves_what_it_served(monkeypatch: pytest.MonkeyPatch) -> None:
    ranker = make_ranker(None)
    assert ranker.freeze().action == "frozen"
    before = learner_hash(ranker)
    teach(ranker, stream(103, 150))
    assert ranker.state.is_identity and learner_hash(ranker) != before
    assert ranker.review().reason.startswith("frozen; else: promoted")
    monkeypatch.setenv("RUVLLM_FREEZE", "1")
    assert ranker.freeze(False).action == "thawed"
    assert ranker.review().action == "held"
    monkeypatch.setenv("RUVLLM_FREEZE", "0")
    assert ranker.review().action == "promoted"


def test_rollback_serves_any_state_of_the_history(tmp_path: Path) -> None:
    with make_ranker(tmp_path / "s") as ranker:
        teach(ranker, stream(103, 300))
        states = [decision.state_after for decision in ranker.history() if decision.action == "promoted"]
        assert ranker.rollback().state_after == ([*["identity"], *states])[-2]
        assert ranker.rollback(to=states[0][:10]).state_after == states[0]
        assert ranker.rollback(to="identity").state_after == "identity"
        for wrong in ("abc", "f" * 64, ""):
            with pytest.raises(StoreError, match="names 0 of"):
                ranker.rollback(to=wrong)
    with make_ranker(tmp_path / "s") as again:
        assert again.state.is_identity and again.history()[-1].reason == "by hand"


def test_held_out_queries_are_scored_and_never_learned_from() -> None:
    ranker = make_ranker(None, guard=Guard(holdout=0.5, automatic=False))
    learner = ranker._keeper.learner  # type: ignore[union-attr]
    for turn in stream(222, 80):
        before = learner.challenger.publish().hash
        held = learner.held_out.n
        ranker.feedback(ask(ranker, turn).id, turn.right)
        assert (learner.challenger.publish().hash == before) == (learner.held_out.n > held)
        ranker.feedback(ask(ranker, turn).id, turn.right)  # the same query again: the same side
        assert learner.held_out.n in (held, held + 2)
    assert 20 < learner.held_out.n / 2 < 60 and ranker.gain().feedbacks == 160


def test_a_source_is_held_out_whatever_it_asks_unless_it_is_among_the_first() -> None:
    ranker = make_ranker(None, guard=Guard(holdout=0.4, automatic=False))
    learner = ranker._keeper.learner  # type: ignore[union-attr]
    heard: dict[str, set[bool]] = {}
    for place, turn in enumerate(stream(223, 240)):
        before, source = learner.challenger.publish().hash, f"user {place % 80}"
        ranker.feedback(ask(ranker, turn).id, turn.right, source=source)
        heard.setdefault(source, set()).add(learner.challenger.publish().hash != before)
    never = {source for source, learned in heard.items() if learned == {False}}
    by_source = {source for source in heard if learner.holdout._has_source(_hash(source))}
    assert by_source <= never and 4 < len(by_source) < 25
    assert not by_source & {f"user {number}" for number in range(20)}
    again = Learner.of_arrays(learner.settings, learner.arrays(), learner.champion)
    assert again.hash() == learner.hash() and len(again.holdout.array()) == 20
    with pytest.raises(ValueError, match="first sources"):
        again.holdout.restore(np.arange(21, dtype=np.uint64))


# arithmetic


def test_gates_are_the_e_process_of_evaluation() -> None:
    rng = np.random.default_rng(3)
    gates, single = Gates(), [EProcess() for _ in GATES]
    for _ in range(300):
        x = tuple(rng.choice([-1.0, -0.5, 0.0, 0.25, 1.0], size=4).tolist())
        gates.add(x)
        for process, value in zip(single, x, strict=True):
            process.add(value)
    for name, process in zip(GATES, single, strict=True):
        assert gates.evidence(name) == pytest.approx(process.evidence, rel=1e-12)
    again = Gates.of_arrays(gates.arrays())
    assert {k: v.tobytes() for k, v in again.arrays().items()} == {k: v.tobytes() for k, v in gates.arrays().items()}


def test_the_gate_is_fair_to_both_sides() -> None:
    one, other, equal = Gates(), Gates(), Gates()
    for x in np.random.default_rng(4).choice([-1.0, 0.0, 1.0], p=[0.05, 0.8, 0.15], size=400).tolist():
        one.add((x, x, -x, 0.0))
        other.add((-x, -x, x, 0.0))
        equal.add((0.0, 0.0, 0.0, 0.0))
    assert one.evidence("beats_champion") == other.evidence("is_worse") > 20
    assert one.evidence("is_worse") == other.evidence("beats_champion") < 1
    assert equal.evidence("beats_champion") == pytest.approx(1)  # the same state twice is never promoted
    for wrong in (1.5, float("nan")):
        with pytest.raises(ValueError, match="differences"):
            one.add((wrong, 0.0, 0.0, 0.0))


def test_a_running_mean_has_the_confidence_sequence_of_all_its_values() -> None:
    values = np.random.default_rng(5).uniform(-1, 1, 200).tolist()
    running, kept = RunningMean(), []
    for value in values:
        running.add(value)
        kept.append(running.numbers)
    np.testing.assert_allclose(running_intervals(kept), confidence_sequence(values), rtol=1e-9)
    assert running.interval == running_intervals(kept)[-1] and RunningMean().interval == (-1.0, 1.0)
    with pytest.raises(ValueError, match="from -1 to 1"):
        running.add(float("nan"))


@pytest.mark.parametrize(
    ("scores", "judgement", "reward"),
    [
        ([0.9, 0.5, 0.1], Judgement(accepted=(0,)), 1.0),
        ([0.9, 0.5, 0.1], Judgement(accepted=(2,)), 1 / 3),
        ([0.5, 0.5, 0.1], Judgement(accepted=(0,)), 1 / 2),  # a tie is no success
        ([0.9, 0.5, 0.1], Judgement(accepted=(1, 2)), (1 / 2 + 1 / 3) / (1 + 1 / 2)),
        ([0.9, 0.5, 0.1], Judgement(rewards=((0, 0.2), (1, 1.0))), (0.2 + 0.5) / (1.0 + 0.1)),
        ([0.9, 0.5, 0.1], Judgement(rejected=(0,)), 0.0),
        ([0.9, 0.5, 0.1], Judgement(rejected=(2,)), 2 / 3),
        ([0.9, 0.5, 0.1], Judgement(rewards=((0, 0.0),)), 0.0),
    ],
)
def test_rewards(scores: list[float], judgement: Judgement, reward: float) -> None:
    assert reward_of(np.array(scores, np.float32), judgement) == pytest.approx(reward)


def test_required_feedback_grows_with_the_square_of_what_is_to_be_shown() -> None:
    assert required_feedback(0.1) * 3.8 < required_feedback(0.05) < required_feedback(0.1) * 4.1
    assert 80 < required_feedback(0.1) < 160
    with pytest.raises(ValueError, match="in \\(0, 1\\]"):
        required_feedback(0)
