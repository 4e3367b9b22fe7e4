"""AdaptiveRanker: identity at first, better from use, and feedback that comes late, again, otherwise or not at all."""

from __future__ import annotations

import hashlib
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from online_samples import DIM, ask, learner_hash, make_ranker, stream, teach

import ruvllm
from ruvllm.online import AdaptiveRanker, EncoderMismatchError, Guard, Learning, StoreError


def encode(texts: list[str]) -> np.ndarray:
    """Vectors that differ from text to text, of any length."""
    rows = [np.frombuffer(hashlib.sha256(text.encode()).digest(), np.uint8)[:DIM] for text in texts]
    return np.array(rows, dtype=np.float64) - 127.5


def renamed(texts: list[str]) -> np.ndarray:
    """The same model in half precision, scaled to length 1."""
    rows = encode(texts)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)


def other(texts: list[str]) -> np.ndarray:
    return encode([f"other {text}" for text in texts])


@pytest.fixture
def ranker() -> AdaptiveRanker:
    return make_ranker(None)


# ranking


def test_before_a_promotion_order_and_scores_are_the_plain_cosines_bit_for_bit(ranker: AdaptiveRanker) -> None:
    for turn in stream(100, 50):
        ranking = ask(ranker, turn)
        scores = ruvllm.cosine_similarity(turn.query, turn.candidates)
        order = np.argsort(-scores, kind="stable")
        assert ranking.ids == tuple(turn.ids[i] for i in order)
        assert ranking.scores.tobytes() == scores[order].tobytes()
        assert ranking.state == "identity" and (ranking.propensities == 1).all()
        ranker.feedback(ranking.id, turn.right)  # what is learned does not show until it is promoted
    assert ranker.state.adapt(turn.query) is turn.query


def test_texts_are_encoded_and_are_their_own_ids() -> None:
    ranker = AdaptiveRanker(encode, dim=DIM)
    texts = ["strptime", "fromisoformat", "isoparse"]
    ranking = ranker.rank("parse an ISO date", texts, top=2)
    scores = ruvllm.cosine_similarity(encode(["parse an ISO date"])[0], encode(texts))
    assert ranking.ids == tuple(texts[i] for i in np.argsort(-scores, kind="stable")[:2])
    assert ranker.feedback(ranking.id, accepted=ranking.ids[1]).status == "applied"


def test_an_object_with_encode_is_an_encoder_too() -> None:
    class Model:
        def encode(self, texts: list[str]) -> list[list[float]]:
            return encode(texts).tolist()

    assert AdaptiveRanker(Model()).dim == DIM


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused_and_nothing_changes(ranker: AdaptiveRanker, bad: float) -> None:
    turn = next(stream(101, 1))
    known = ask(ranker, turn)
    before = learner_hash(ranker)
    wrong = turn.query.copy()
    wrong[3] = bad
    for call in (
        lambda: ranker.rank(wrong, vectors=turn.candidates),
        lambda: ranker.rank(turn.query, vectors=np.where(turn.candidates > 0, bad, 0)),
        lambda: ranker.feedback(known.id, wrong),
        lambda: ranker.feedback(known.id, rewards={turn.right: bad}),
    ):
        with pytest.raises(ValueError, match=r"finite|reward"):
            call()
    assert learner_hash(ranker) == before


@pytest.mark.parametrize("scale", [0.0, 1e-40, 1e30])
def test_extreme_vectors_leave_the_learner_finite(ranker: AdaptiveRanker, scale: float) -> None:
    for turn in stream(102, 20):
        ranking = ranker.rank(turn.query * np.float32(scale), vectors=turn.candidates * np.float32(scale), ids=turn.ids)
        assert ranker.feedback(ranking.id, turn.right).status == "applied"
    assert all(np.isfinite(array).all() for array in ranker._keeper.learner.arrays().values())  # type: ignore[union-attr]


def test_wrong_arguments_are_refused_in_one_line(ranker: AdaptiveRanker) -> None:
    turn = next(stream(103, 1))
    for error, call in (
        (TypeError, lambda: ranker.rank("text", ["a", "b"])),
        (TypeError, lambda: ranker.rank(turn.query)),
        (ValueError, lambda: ranker.rank(turn.query[:5], vectors=turn.candidates)),
        (ValueError, lambda: ranker.rank(turn.query, vectors=turn.candidates, ids=[1] * len(turn.ids))),
        (ValueError, lambda: ranker.rank(turn.query, vectors=turn.candidates[:0])),
        (ValueError, lambda: ranker.rank(turn.query, vectors=turn.candidates, top=0)),
        (TypeError, lambda: ranker.feedback("an id")),
        (ValueError, lambda: AdaptiveRanker(dim=DIM, explore=0.7)),
        (ValueError, lambda: AdaptiveRanker(dim=DIM, guard=Guard(alpha=0))),
        (ValueError, lambda: AdaptiveRanker()),
        (TypeError, lambda: AdaptiveRanker(3, dim=DIM)),  # type: ignore[arg-type]
    ):
        with pytest.raises(error) as caught:
            call()
        assert "\n" not in str(caught.value)


# feedback


def test_it_gets_better_from_use_and_says_by_how_much(ranker: AdaptiveRanker) -> None:
    rankings = teach(ranker, stream(104, 700))
    assert [decision.action for decision in ranker.history()][:2] == ["created", "promoted"]
    assert rankings[0].state == "identity" and rankings[-1].state == ranker.state.hash != "identity"
    gain = ranker.gain()
    assert gain.feedbacks == 700 and gain.low > 0 and gain.low < gain.mean < gain.high
    later = list(stream(104, 1000))[700:]  # of the same documents and map, never seen
    right = [ask(ranker, turn).ids[0] == turn.right for turn in later]
    plain = [turn.ids[int(np.argmax(turn.candidates @ turn.query))] == turn.right for turn in later]
    assert np.mean(right) > np.mean(plain) + 0.1


def test_the_same_feedback_counts_once(ranker: AdaptiveRanker) -> None:
    turns = list(stream(105, 3))
    rankings = [ask(ranker, turn) for turn in turns]
    for ranking, turn in zip(rankings, turns, strict=True):
        assert ranker.feedback(ranking.id, turn.right, event_id=f"of {ranking.id}").status == "applied"
    before = learner_hash(ranker)
    for _ in range(100):
        for ranking, turn in zip(reversed(rankings), reversed(turns), strict=True):
            assert ranker.feedback(ranking.id, turn.right).status == "duplicate"
            assert ranker.feedback(ranking.id, turn.ids[0], event_id=f"of {ranking.id}").status == "duplicate"
    assert learner_hash(ranker) == before


def test_a_revision_is_as_if_only_the_last_had_come() -> None:
    revised, straight = (make_ranker(None, guard=Guard(automatic=False)) for _ in range(2))
    turns = list(stream(106, 150))
    first = [(ask(revised, turn), ask(straight, turn)) for turn in turns]
    for place, (turn, (a, b)) in enumerate(zip(turns, first, strict=True)):
        if place % 7 == 3:  # said wrongly at first
            revised.feedback(a.id, turn.ids[0] if turn.ids[0] != turn.right else turn.ids[1])
        else:
            revised.feedback(a.id, turn.right)
            straight.feedback(b.id, turn.right)
    for place, (turn, (a, b)) in enumerate(zip(turns, first, strict=True)):
        if place % 7 == 3:
            assert revised.feedback(a.id, turn.right).status == "revised"
            straight.feedback(b.id, turn.right)
    assert learner_hash(revised) == learner_hash(straight)


def test_what_is_revoked_was_never_learned() -> None:
    revoked, straight = (make_ranker(None, guard=Guard(automatic=False)) for _ in range(2))
    for place, turn in enumerate(stream(107, 100)):
        ranking = ask(revoked, turn)
        revoked.feedback(ranking.id, turn.right)
        if place % 5 == 0:
            assert revoked.feedback(ranking.id, None).status == "revised"
            assert revoked.feedback(ranking.id, None).status == "duplicate"
        else:
            straight.feedback(ask(straight, turn).id, turn.right)
    assert learner_hash(revoked) == learner_hash(straight)


def test_unknown_and_expired_rankings_are_refused_softly(ranker: AdaptiveRanker) -> None:
    turn = next(stream(108, 1))
    known, before = ask(ranker, turn), learner_hash(ranker)
    assert ranker.feedback("f" * 32, turn.right).status == "unknown"
    assert ranker.feedback("anything", turn.right).status == "unknown"
    assert ranker.feedback(ask(make_ranker(None), turn).id, turn.right).status == "unknown"
    missing = ranker.feedback(known.id, 12345)
    assert missing.status == "unknown" and "12345" in missing.reason
    assert ranker.feedback(known.id, None).status == "duplicate"
    assert learner_hash(ranker) == before


def test_old_rankings_expire(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ruvllm.online.keeper.SEGMENT", 64)
    ranker = make_ranker(tmp_path / "s", keep=100, guard=Guard(automatic=False))
    turn = next(stream(109, 1))
    first = ask(ranker, turn)
    rankings = teach(ranker, stream(109, 400))
    assert ranker.feedback(first.id, turn.right).status == "expired"
    assert ranker.feedback(rankings[10].id, None).status == "expired"
    assert ranker.feedback(rankings[-1].id, None).status == "revised"
    ranker.close()
    assert ruvllm.online.verify(tmp_path / "s", replay=True).pruned >= 256


def test_rejections_alone_never_raise_what_was_rejected() -> None:
    for turn in stream(110, 20):
        ranker = make_ranker(None, guard=Guard(holdout=0, automatic=False))
        keeper = ranker._keeper
        assert keeper is not None
        place = int(np.argmax(turn.candidates @ turn.query))
        others = [i for i in range(len(turn.ids)) if i != place]
        lead = []
        for _ in range(8):
            scores = keeper.learner.challenger.publish().scores(turn.query, turn.candidates)
            lead.append(float(scores[place] - scores[others].mean()))
            ranker.feedback(ask(ranker, turn).id, rejected=turn.ids[place])
        assert all(after <= before + 1e-6 for before, after in pairwise(lead)) and lead[-1] < lead[0]


def test_a_candidate_that_was_not_shown_can_be_given_as_a_vector(ranker: AdaptiveRanker) -> None:
    turn = next(stream(111, 1))
    ranking, before = ask(ranker, turn), learner_hash(ranker)
    assert ranker.feedback(ranking.id, turn.query + 1).status == "applied"
    assert learner_hash(ranker) != before


def test_a_source_with_too_large_a_share_is_put_in_quarantine(ranker: AdaptiveRanker) -> None:
    turns = list(stream(112, 260))
    for place, turn in enumerate(turns[:200]):
        ranker.feedback(ask(ranker, turn).id, turn.right, source=f"user {place % 40}")
    before = learner_hash(ranker)
    statuses = [ranker.feedback(ask(ranker, turn).id, turn.ids[0], source="user 3").status for turn in turns[200:]]
    assert statuses[:5] == ["applied"] * 5 and set(statuses[10:]) == {"quarantined"}
    assert learner_hash(ranker) != before
    heard = learner_hash(ranker)
    assert ranker.feedback(ask(ranker, turns[0]).id, turns[0].right, source="user 3").status == "quarantined"
    assert learner_hash(ranker) == heard
    assert ranker.feedback(ask(ranker, turns[0]).id, turns[0].right, source="user 39").status == "applied"


def test_swaps_are_logged_with_their_probability() -> None:
    ranker = make_ranker(None, explore=0.2)
    turn = next(stream(113, 1))
    plain = tuple(turn.ids[i] for i in np.argsort(-(turn.candidates @ turn.query), kind="stable"))
    rankings = [ask(ranker, turn) for _ in range(400)]
    swapped = [ranking.ids[0] == plain[1] for ranking in rankings]
    assert 40 < sum(swapped) < 120
    for ranking, swap in zip(rankings, swapped, strict=True):
        assert ranking.propensities[0] == ranking.propensities[1] == pytest.approx(0.2 if swap else 0.8)
        assert set(ranking.ids) == set(plain)


# the encoder


def test_a_rank_above_dim_is_taken_as_dim(tmp_path: Path) -> None:
    AdaptiveRanker(dim=4, store=tmp_path).close()
    AdaptiveRanker(store=tmp_path, learning=Learning(rank=9)).close()
    with pytest.raises(StoreError, match="made with rank 4, not 2"):
        AdaptiveRanker(store=tmp_path, learning=Learning(rank=2))


def test_another_encoder_of_the_same_width_is_refused_and_a_renamed_one_is_not(tmp_path: Path) -> None:
    AdaptiveRanker(encode, store=tmp_path / "s").close()
    AdaptiveRanker(renamed, store=tmp_path / "s").close()
    with pytest.raises(EncoderMismatchError, match=r"another encoder: the vector of .* has cosine"):
        AdaptiveRanker(other, store=tmp_path / "s")
    with pytest.raises(StoreError, match="dim 32, not 16"):
        AdaptiveRanker(lambda texts: encode(texts)[:, :16], store=tmp_path / "s")
    AdaptiveRanker(store=tmp_path / "s").close()  # vectors only


@pytest.mark.parametrize(
    "wrong",
    [lambda texts: encode(texts)[:-1], lambda texts: encode(texts)[0], lambda texts: ["a"] * len(texts),
     lambda texts: encode(texts) * np.nan],
)  # fmt: skip
def test_an_encoder_that_gives_no_vectors_is_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match="encoder"):
        AdaptiveRanker(wrong)  # type: ignore[arg-type]
