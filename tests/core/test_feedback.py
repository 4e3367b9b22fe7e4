"""FeedbackAdapter and PublishedAdapter: the bits of MicroLoRA and of the plain cosine, rewards, strict input."""

import copy
import math
import pickle
import threading
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import ruvllm
from ruvllm import FeedbackAdapter, MicroLoRA, PublishedAdapter, available_isas, cosine_similarity
from ruvllm._core import feedback_reward, vector_hash

Floats = npt.NDArray[np.float32]

DIM, RANK = 40, 3
OFF: dict[str, Any] = {"clip": None, "largest_change": None}
REJECTED, NOT_JUDGED, ACCEPTED, PASSED_OVER = -1, 0, 1, 2


def unit_rows(seed: int, n: int) -> Floats:
    rows = np.random.default_rng(seed).normal(size=(n, DIM))
    unit: Floats = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return unit


def said(*outcomes: int) -> npt.NDArray[np.int8]:
    return np.array(outcomes, dtype=np.int8)


def trained(**options: Any) -> FeedbackAdapter:
    adapter = FeedbackAdapter(DIM, RANK, scaling=2.0, learning_rate=0.05, **options)
    for i in range(30):
        adapter.learn(unit_rows(i, 1)[0], unit_rows(100 + i, 5), said(2, 1, 0, -1, 0))
    return adapter


@pytest.mark.parametrize("isa", available_isas())
def test_one_accepted_candidate_is_a_step_of_micro_lora_to_the_bit(isa: str) -> None:
    adapter = FeedbackAdapter(DIM, RANK, scaling=2.0, seed=7, learning_rate=0.03, momentum=0.8, isa=isa, **OFF)
    twin = MicroLoRA(DIM, RANK, scaling=2.0, seed=7, isa=isa)
    for i in range(30):
        query, candidates, right = 3 * unit_rows(i, 1)[0], unit_rows(100 + i, 6), i % 6
        outcomes = np.eye(6, dtype=np.int8)[right]
        loss = twin.learn(query, candidates, right, learning_rate=0.03, momentum=0.8)
        assert adapter.learn(query, candidates, outcomes) == loss
    assert adapter.parameters.tobytes() == twin.parameters.tobytes()
    assert adapter.forward(query).tobytes() == twin.forward(query).tobytes()


@pytest.mark.parametrize("loss", ["infonce", "pairwise", "unlikelihood"])
def test_learning_raises_what_was_accepted_and_lowers_what_was_rejected(loss: str) -> None:
    query, candidates = unit_rows(1, 1)[0], unit_rows(2, 5)
    for outcomes, place, sign in ((said(2, 1, -1, 0, 0), 1, 1), (said(0, 0, -1, 0, 0), 2, -1)):
        adapter = FeedbackAdapter(DIM, RANK, loss=loss, learning_rate=0.05)
        before = adapter.scores(query, candidates)
        losses = [adapter.learn(query, candidates, outcomes) for _ in range(30)]
        after = adapter.scores(query, candidates)
        assert losses[-1] < losses[0]
        moved = (after - before) - np.delete(after - before, place).mean()
        assert sign * moved[place] > 0.002


def test_rewards_and_weights_are_factors_of_the_gradient() -> None:
    query, candidates, outcomes = unit_rows(1, 1)[0], unit_rows(2, 4), said(0, 1, 0, 0)
    half = np.array([0, 0.5, 0, 0], np.float32)
    by_reward, by_weight = trained(**OFF), trained(**OFF)
    assert by_reward.learn(query, candidates, outcomes, half) == by_weight.learn(query, candidates, outcomes) / 2
    by_reward, by_weight = trained(**OFF), trained(**OFF)
    by_reward.learn(query, candidates, outcomes, half)
    by_weight.learn(query, candidates, outcomes, weight=0.5)
    assert np.abs(by_reward.parameters - by_weight.parameters).max() < 1e-6


def test_the_query_at_hand_moves_by_the_largest_change_at_most() -> None:
    adapter = FeedbackAdapter(DIM, RANK, scaling=2.0, learning_rate=1.0, clip=None, largest_change=0.25)
    changes = []
    for i in range(50):
        query = unit_rows(i, 1)[0]
        adapter.learn(query, unit_rows(100 + i, 5), said(0, 1, 0, 0, 0))
        changes.append(float(np.linalg.norm(adapter.forward(query) - query)))
    assert 0.2499 < max(changes) < 0.25001


BAD = [
    ({"query": np.full(DIM, np.nan)}, "query must be finite, not hold nan"),
    ({"query": np.zeros(DIM)}, "query must not be all zeros"),
    ({"query": np.ones(DIM - 1)}, f"query must have {DIM} elements, not {DIM - 1}"),
    ({"candidates": np.full((3, DIM), np.inf)}, "candidates must be finite, not hold inf"),
    ({"candidates": np.ones((3, DIM))}, "must have length 1"),
    ({"outcomes": [1, 0]}, "outcomes must have 3 elements, not 2"),
    ({"outcomes": [1, 0, 3]}, "outcomes must be -1, 0, 1 or 2, not 3 (candidate 2)"),
    ({"outcomes": [0, 0, 2]}, "must accept or reject a candidate"),
    ({"rewards": [1.5, 0, 0]}, "rewards must lie in [0, 1], not be 1.5"),
    ({"rewards": [math.nan, 0, 0]}, "rewards must lie in [0, 1], not be nan"),
    ({"weight": 0.0}, "weight must lie above 0"),
    ({"weight": math.inf}, "weight must lie above 0"),
]


@pytest.mark.parametrize(("change", "message"), BAD)
def test_what_is_out_of_range_is_refused_and_nothing_changes(change: dict[str, Any], message: str) -> None:
    adapter = trained()
    before = adapter.state()
    arguments: dict[str, Any] = {
        "query": unit_rows(1, 1)[0], "candidates": unit_rows(2, 3), "outcomes": said(1, 0, -1), **change,
    }  # fmt: skip
    for call in (adapter.learn, adapter.take):
        with pytest.raises(ValueError) as caught:
            call(**arguments)
        assert message in str(caught.value)
    after = adapter.state()
    assert all(after[name].tobytes() == before[name].tobytes() for name in before)


def test_a_candidate_without_words_is_one_among_others() -> None:
    adapter, query, candidates = trained(), unit_rows(1, 1)[0], unit_rows(2, 3)
    candidates[2] = 0
    losses = [adapter.learn(query, candidates, said(0, 1, 0)) for _ in range(10)]
    assert 0 < losses[-1] < losses[0] and np.isfinite(adapter.parameters).all()


@pytest.mark.parametrize(
    "options",
    [{"loss": "hinge"}, {"learning_rate": 11.0}, {"momentum": 1.0}, {"tau": 0.0}, {"clip": 0.0}, {"clip": math.nan},
     {"largest_change": -1.0}, {"rank": DIM + 1}, {"scaling": math.inf}],
)  # fmt: skip
def test_settings_out_of_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"must|needs"):
        FeedbackAdapter(**{"dim": DIM, "rank": RANK, **options})


def test_states_are_compared_before_learning() -> None:
    adapter, champion = trained(), PublishedAdapter(DIM)
    champion.publish(trained(seed=3).parameters, "first", scaling=2.0)
    query, candidates, outcomes = unit_rows(1, 1)[0], unit_rows(2, 7), said(0, 0, 2, 1, 0, -1, 0)
    scores = [
        cosine_similarity(query, candidates),
        champion.scores(query, candidates),
        adapter.scores(query, candidates),
    ]
    rewards, best = adapter.compare(query, candidates, outcomes, champion=champion)
    assert rewards == tuple(1 / np.count_nonzero(s >= s[3]) for s in scores)
    assert best == tuple(int(s.argmax()) for s in scores)
    twin = copy.deepcopy(adapter)
    assert adapter.take(query, candidates, outcomes, champion=champion, learn=False) == (rewards, best)
    assert adapter.parameters.tobytes() == twin.parameters.tobytes()
    assert adapter.take(query, candidates, outcomes, champion=champion) == (rewards, best)
    twin.learn(query, candidates, outcomes)
    assert adapter.parameters.tobytes() == twin.parameters.tobytes()
    served = adapter.compare(query, candidates, outcomes)[0]
    assert served[0] == served[1] == rewards[0]


def test_rewards_of_several_and_of_rejections_alone() -> None:
    adapter, query = FeedbackAdapter(DIM, RANK), unit_rows(1, 1)[0]
    candidates = unit_rows(2, 4)
    candidates = candidates[np.argsort(-cosine_similarity(query, candidates))]
    graded = np.array([0.5, 1, 0, 0], np.float32)
    assert adapter.compare(query, candidates, said(1, 1, 0, 0), graded)[0][0] == (0.5 + 1 / 2) / (1 + 0.5 / 2)
    assert adapter.compare(query, candidates, said(-1, 0, 0, 0))[0][0] == 0.0
    assert adapter.compare(query, candidates, said(0, 0, -1, 0))[0][0] == 1 - 1 / 3
    assert adapter.compare(query, candidates, said(0, 0, 1, 0), np.zeros(4, np.float32))[0][0] == 1 - 1 / 3


def test_the_reward_of_an_order_is_that_of_its_scores() -> None:
    scores = np.array([0.9, 0.5, 0.5, 0.1], np.float32)
    assert feedback_reward(scores, said(0, 1, 0, 0)) == 1 / 3  # the worst rank of equal ones
    assert feedback_reward(scores, said(1, 0, 0, 1), [1, 0, 0, 0.5]) == (1 + 0.5 / 4) / (1 + 0.5 / 2)
    assert feedback_reward(scores, said(0, 0, 0, -1)) == 1 - 1 / 4
    for bad in ([math.nan, 0, 0, 0], [1, 2, 3]):
        with pytest.raises(ValueError, match="scores must"):
            feedback_reward(bad, said(1, 0, 0, 0))


def test_a_saved_one_goes_on_to_the_bit() -> None:
    adapter = trained(loss="pairwise", largest_change=None)
    for twin in (
        copy.deepcopy(adapter), pickle.loads(pickle.dumps(adapter)), FeedbackAdapter.from_state(adapter.state()),
    ):  # fmt: skip
        assert (twin.loss, twin.largest_change, twin.clip, twin.learning_rate) == ("pairwise", math.inf, 5.0, 0.05)
        first = copy.deepcopy(adapter)
        for i in range(5):
            arguments = unit_rows(i, 1)[0], unit_rows(50 + i, 4), said(2, 1, -1, 0)
            assert twin.learn(*arguments) == first.learn(*arguments)
        assert twin.parameters.tobytes() == first.parameters.tobytes()
    bad = adapter.state() | {"learningRate": np.array([100.0])}
    with pytest.raises(ValueError, match="the state is not one of a FeedbackAdapter"):
        FeedbackAdapter.from_state(bad)


def test_identity_ranks_by_the_plain_cosine_to_the_bit() -> None:
    query, candidates = unit_rows(1, 1)[0], unit_rows(2, 50)
    candidates[30] = candidates[10]  # equal scores: the earlier one first
    expected = cosine_similarity(query, candidates)
    served = PublishedAdapter(DIM)
    order, scores, name = served.rank(query, candidates)
    assert order.tolist() == np.argsort(-expected, kind="stable").tolist()
    assert scores.tobytes() == expected[order].tobytes() and name == "identity"
    assert served.scores(query, candidates).tobytes() == expected.tobytes()
    assert FeedbackAdapter(DIM, RANK).scores(query, candidates).tobytes() == expected.tobytes()
    assert served.adapt(query).tobytes() == query.tobytes()
    assert served.rank(query, candidates, 3)[0].tolist() == order[:3].tolist()
    assert served.rank(query, candidates[:0])[0].tolist() == []


def test_candidates_are_named_in_the_order_of_their_ranks() -> None:
    query, candidates, served = unit_rows(1, 1)[0], unit_rows(2, 6), PublishedAdapter(DIM)
    order, scores, name = served.rank(query, candidates, 4)
    places = order.tolist()
    for names in (list("abcdef"), tuple("abcdef"), range(10, 16), np.arange(6), ["a", 1, "b", 2, np.int64(7), "c"]):
        shown, again, same, state = served.rank_names(query, candidates, names, 4)
        assert shown == tuple(list(names)[place] for place in places)
        assert all(type(each) in (str, int) for each in shown)
        assert (again.tobytes(), same.tobytes(), state) == (order.tobytes(), scores.tobytes(), name)
    assert served.rank_names(query, candidates)[0] == tuple(served.rank(query, candidates)[0].tolist())
    for error, names, top in (
        (ValueError, "abcde", None), (ValueError, "abcdea", None), (ValueError, None, 0), (TypeError, [1.5] * 6, None),
        (TypeError, [True, 2, 3, 4, 5, 6], None), (TypeError, [None, 2, 3, 4, 5, 6], None), (TypeError, 7, None),
    ):  # fmt: skip
        with pytest.raises(error):
            served.rank_names(query, candidates, names, top)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="1 or more candidates"):
        served.rank_names(query, candidates[:0])


def test_vectors_are_told_apart_by_their_hash() -> None:
    rows = unit_rows(1, 200)
    assert len({vector_hash(row) for row in rows}) == 200 and vector_hash(rows[3].copy()) == vector_hash(rows[3])
    assert vector_hash(np.frombuffer(b"xxh64 by", np.float32)) == 0xD8B4A28DBDF78EE5


def test_what_is_published_ranks_as_what_it_was_made_of() -> None:
    adapter, served = trained(), PublishedAdapter(DIM)
    query, candidates = unit_rows(1, 1)[0], unit_rows(2, 20)
    served.publish(adapter.parameters, "first", scaling=2.0)
    assert served.name == "first" and served.adapt(query).tobytes() == adapter.forward(query).tobytes()
    assert served.scores(query, candidates).tobytes() == adapter.scores(query, candidates).tobytes()
    for bad in (np.full(2 * RANK * DIM, np.nan), np.zeros(DIM), np.zeros(0)):
        with pytest.raises(ValueError, match="parameters must"):
            served.publish(bad, "bad")
    assert served.rank(query, candidates)[2] == "first"
    served.publish(None, "identity")
    assert served.scores(query, candidates).tobytes() == cosine_similarity(query, candidates).tobytes()
    for place in ("query", "candidates"):
        arguments = {"query": query, "candidates": candidates, place: np.full_like(locals()[place], np.nan)}
        with pytest.raises(ValueError, match=f"{place} must be finite"):
            served.rank(**arguments)


def test_every_ranking_comes_from_the_state_that_it_names() -> None:
    rng = np.random.default_rng(1)
    states = [rng.normal(size=2 * RANK * DIM).astype(np.float32) for _ in range(4)]
    query, candidates = unit_rows(1, 1)[0], unit_rows(2, 30)
    expected = []
    for parameters in states:
        alone = PublishedAdapter(DIM)
        alone.publish(parameters, "")
        expected.append(alone.rank(query, candidates)[1].tobytes())
    served, wrong, stop = PublishedAdapter(DIM, name="0"), [], threading.Event()
    served.publish(states[0], "0")

    def read() -> None:
        while not stop.is_set():
            _, scores, name = served.rank(query, candidates)
            if scores.tobytes() != expected[int(name)]:
                wrong.append(name)

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    for i in range(500):
        served.publish(states[i % 4], str(i % 4))
    stop.set()
    for reader in readers:
        reader.join()
    assert not wrong


def test_evidence_has_the_bits_of_a_gambler_in_plain_python() -> None:
    gains = np.random.default_rng(3).uniform(-1, 1, size=200)
    shares = [0.5 / 2 ** (k // 2) / (math.sqrt(2) if k % 2 else 1) for k in range(24)]
    wealth = [*(1 / ((k + 1) * (k + 2)) for k in range(23)), 1 / 24]
    evidence, largest = ruvllm.BettingEvidence(), 1.0
    for gain in gains.tolist():
        wealth = [w * (1.0 + share * gain) for w, share in zip(wealth, shares, strict=True)]
        total = 0.0
        for w in wealth:
            total += w
        largest = max(largest, total)
        assert evidence.add(gain) == evidence.evidence == total  # powers of two change no digit
    assert (evidence.n, evidence.low, evidence.largest) == (200, -1.0, largest)
    twin = pickle.loads(pickle.dumps(evidence))
    other = ruvllm.BettingEvidence(-0.5)
    other.restore(evidence.numbers)
    assert twin.add(0.5) == other.add(0.5) == evidence.add(0.5)
    for bad in (-1.01, math.nan, math.inf):
        with pytest.raises(ValueError, match="a gain must be at least"):
            evidence.add(bad)
    with pytest.raises(ValueError, match="below 0"):
        ruvllm.BettingEvidence(0.0)
    assert evidence.numbers.tolist() == twin.numbers.tolist()
