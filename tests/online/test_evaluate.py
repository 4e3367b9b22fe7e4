"""Evaluation of a log: prequential beside controls, headroom, and off-policy estimates against the truth."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from online_samples import ask, harmful, make_ranker, stream, teach

from ruvllm.online import State, evaluate
from ruvllm.online.evaluate import Example


def log_of(seed: int, n: int, *, gain: bool = True) -> list[Example]:
    turns = list(stream(seed, n, gain=gain))
    places = [turn.ids.index(turn.right) for turn in turns]
    return evaluate.make_examples([turn.query for turn in turns], [turn.candidates for turn in turns], places)


def test_a_stream_is_measured_beside_its_controls() -> None:
    report = evaluate.prequential(log_of(103, 400))
    methods = report.methods
    assert set(methods) == {"guarded", "unguarded", "identity", "ridge", "shuffled"}
    assert report.interval[0] > 0 and report.interval[0] < report.gain < report.interval[1]
    assert methods["identity"].gain == 0 and methods["shuffled"].interval[0] < 0.02
    assert methods["unguarded"].gain > methods["guarded"].gain > methods["shuffled"].gain
    assert methods["ridge"].gain > 0.05
    assert (report.decisions[0][1], report.feedbacks) == ("promoted", 400)


def test_it_is_what_a_ranker_would_have_gained(tmp_path: Path) -> None:
    with make_ranker(tmp_path / "s") as ranker:
        teach(ranker, stream(103, 250))
        gain, promoted = ranker.gain(), [d.feedbacks for d in ranker.history() if d.action == "promoted"]
    log = evaluate.read_log(tmp_path / "s")
    report = evaluate.prequential(log, controls=())
    assert report.gain == pytest.approx(gain.mean) and [at for at, _ in report.decisions] == promoted
    late = evaluate.prequential(log, controls=(), delay=100)
    assert late.gain < report.gain and late.decisions[0][0] >= promoted[0] + 100


def test_nothing_is_found_where_nothing_is() -> None:
    report = evaluate.prequential(log_of(230, 300, gain=False), controls=("shuffled",))
    assert report.interval[0] < 0.01 and report.gain > -0.03


def test_headroom_says_where_learning_cannot_help() -> None:
    hard, easy = evaluate.headroom(log_of(103, 200)), evaluate.headroom(log_of(231, 200, gain=False))
    assert hard.can_help and hard.reward < 0.9 and "to be gained" in hard.verdict
    same = [Example(e.candidates[0], e.candidates, e.judgement) for e in log_of(103, 50)]
    perfect = [Example(e.query, e.candidates, type(e.judgement)(accepted=(0,))) for e in same]
    assert not evaluate.headroom(perfect).can_help and "cannot help" in evaluate.headroom(perfect).verdict
    assert easy.first > hard.first


@pytest.mark.parametrize("estimator", ["ips", "snips", "dr"])
def test_off_policy_estimates_cover_the_truth(tmp_path: Path, estimator: str) -> None:
    ranker = make_ranker(tmp_path / "s", explore=0.3)
    ranker._random = random.Random(1)
    other = harmful(2)
    truth = []
    for turn in stream(240, 500):
        ranking = ask(ranker, turn)
        ranker.feedback(ranking.id, turn.right)
        first = turn.ids[int(np.argmax(other.scores(turn.query, turn.candidates)))]
        if first in ranking.ids[:2]:
            truth.append(first == turn.right)
    ranker.close()
    found = evaluate.off_policy(evaluate.read_log(tmp_path / "s"), other, estimator=estimator)
    assert found.interval[0] <= np.mean(truth) <= found.interval[1]
    assert found.supported == pytest.approx(len(truth) / 500, abs=0.01) and found.effective <= len(truth) + 5
    assert found.largest_weight == pytest.approx(1 / 0.3)


def test_a_log_without_swaps_cannot_be_used_for_another_state() -> None:
    with pytest.raises(ValueError, match="all propensities here are 1"):
        evaluate.off_policy(log_of(103, 20), State(32))
    with pytest.raises(ValueError, match="no feedback"):
        evaluate.prequential([])
    with pytest.raises(ValueError, match="ips, snips or dr"):
        evaluate.off_policy([], State(32), estimator="ml")
