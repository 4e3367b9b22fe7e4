"""SumTree against a plain list; PrioritizedReplay against the paper's formulas and by counting its draws."""

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ruvllm import PrioritizedReplay, RandomStream, SumTree


def naive_find(weights: list[float], target: float) -> int:
    """The first leaf whose running sum exceeds target."""
    running = 0.0
    for leaf, weight in enumerate(weights):
        running += weight
        if target < running:
            return leaf
    raise AssertionError("target is not below the total")


@pytest.mark.parametrize("capacity", [1, 2, 3, 7, 8, 9, 100])
def test_sum_tree_agrees_with_a_list(capacity: int) -> None:
    generator = random.Random(capacity)
    tree, weights = SumTree(capacity), [0.0] * capacity
    for _ in range(300):
        leaf, weight = generator.randrange(capacity), float(generator.choice([0, 0, 1, 2, 3, 1000]))
        tree.set(leaf, weight)  # whole numbers: every order of adding gives the same sums
        weights[leaf] = weight
        tree.check_valid()
        assert tree.total == sum(weights) and tree.get(leaf) == weight
        if tree.total > 0:
            target = generator.random() * tree.total
            assert tree.find(target) == naive_find(weights, target)
    assert tree.capacity == capacity


def test_find_on_the_boundaries_never_gives_a_leaf_of_weight_zero() -> None:
    weights = [0.0, 2.0, 0.0, 0.0, 3.0, 1.0, 0.0]
    tree = SumTree(len(weights))
    for leaf, weight in enumerate(weights):
        tree.set(leaf, weight)
    below = np.nextafter
    assert [tree.find(t) for t in (0.0, below(2.0, 0), 2.0, below(5.0, 0), 5.0, below(6.0, 0))] == [1, 1, 4, 4, 5, 5]


def test_rounded_sums_never_lead_to_an_empty_leaf() -> None:
    generator = random.Random(0)
    for _ in range(50):
        tree = SumTree(37)
        weights = [generator.choice([0.0, 10.0 ** generator.uniform(-12, 12)]) for _ in range(37)]
        weights[generator.randrange(37)] = 1.0
        for leaf, weight in enumerate(weights):
            tree.set(leaf, weight)
        for target in [0.0, float(np.nextafter(tree.total, 0)), *(generator.random() * tree.total for _ in range(50))]:
            assert weights[tree.find(target)] > 0.0


def full_tree() -> SumTree:
    tree = SumTree(4)
    tree.set(2, 1.5)
    return tree


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: SumTree(0), ValueError, "capacity must lie in 1 ... 4294967296, not 0"),
        (lambda: SumTree(2**63 + 1), ValueError, "capacity must lie in 1 ... 4294967296, not 9223372036854775809"),
        (lambda: SumTree(-1), ValueError, "capacity must be an integer of 0"),
        (lambda: full_tree().set(4, 1.0), IndexError, "leaf must be below 4, not 4"),
        (lambda: full_tree().get(4), IndexError, "leaf must be below 4, not 4"),
        (lambda: full_tree().set(0, -1.0), ValueError, "finite and >= 0, 1e290 at most, not -1"),
        (lambda: full_tree().set(0, float("nan")), ValueError, "finite and >= 0, 1e290 at most, not nan"),
        (lambda: full_tree().set(0, float("inf")), ValueError, "finite and >= 0, 1e290 at most, not inf"),
        (lambda: full_tree().find(1.5), ValueError, r"target must be in \[0, total = 1.5"),
        (lambda: full_tree().find(-0.1), ValueError, "target must be in"),
        (lambda: SumTree(4).find(0.0), ValueError, "target must be in"),
    ],
)
def test_sum_tree_errors(call: Callable[[], object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


TD_ERRORS = [0.0, 0.05, -0.3, 1.0, 2.5]


def filled(**options: float) -> PrioritizedReplay:
    replay = PrioritizedReplay(8, **options)
    assert [replay.add(td_error) for td_error in TD_ERRORS] == [0, 1, 2, 3, 4]
    return replay


def test_priorities_follow_the_paper() -> None:
    replay = filled(alpha=0.7, epsilon=0.02)
    expected = (np.abs(TD_ERRORS) + 0.02) ** 0.7
    assert [replay.priority(i) for i in range(5)] == pytest.approx(expected, rel=1e-12)
    assert [replay.probability(i) for i in range(5)] == pytest.approx(expected / expected.sum(), rel=1e-12)
    assert len(replay) == 5


def test_alpha_zero_is_uniform() -> None:
    replay = filled(alpha=0.0)
    assert [replay.probability(i) for i in range(5)] == [0.2] * 5


def test_draws_come_as_often_as_their_probability_says() -> None:
    replay, n = filled(), 40_000
    items, probabilities, _ = replay.sample(n, RandomStream(1))
    expected = np.array([replay.probability(i) for i in range(5)])
    assert np.array_equal(probabilities, expected[items])
    counts = np.bincount(items, minlength=5)
    assert np.all(np.abs(counts - n * expected) < 4.5 * np.sqrt(n * expected * (1 - expected)))
    changes = np.mean(items[1:] == items[:-1])  # independent draws: equal neighbours as often as chance has it
    assert abs(changes - np.sum(expected**2)) < 0.015


def test_weights_follow_the_paper_while_beta_grows_up_to_one() -> None:
    replay = filled(beta=0.5, beta_increment=0.05)
    items, probabilities, weights = replay.sample(14, RandomStream(2))
    betas = np.minimum(1.0, 0.5 + 0.05 * np.arange(14))
    expected = (5 * probabilities) ** -betas
    assert weights == pytest.approx(expected / expected.max(), rel=1e-12)
    assert weights.max() == 1.0 and weights.min() > 0.0
    assert replay.beta == 1.0
    assert (items.dtype, probabilities.dtype, weights.dtype) == (np.int64, np.float64, np.float64)


def test_at_beta_one_the_weights_undo_the_preference() -> None:
    replay = filled(beta=1.0)
    items, _, weights = replay.sample(40_000, RandomStream(3))
    value = np.array([3.0, -1.0, 4.0, 1.0, -5.0])
    weighted = float(np.sum(weights * value[items]) / np.sum(weights))
    assert abs(weighted - value.mean()) < 0.1
    assert abs(value[items].mean() - value.mean()) > 1.0  # without them the answer is another


def test_the_smallest_and_largest_priorities_can_be_drawn() -> None:
    for errors in ([0.0], [1e100, -1e100, 0.0]):
        replay = PrioritizedReplay(4, alpha=1.0, epsilon=1e-100)
        for td_error in errors:
            replay.add(td_error)
        items, _, weights = replay.sample(100, RandomStream(0))
        assert set(items.tolist()) == set(range(len(errors))) - {2}
        assert np.all((weights > 0.9) & (weights <= 1.0))


def test_an_updated_priority_counts_from_then_on() -> None:
    replay = filled()
    replay.update_priority(0, 50.0)
    assert replay.priority(0) == pytest.approx(50.01**0.6, rel=1e-12)
    items, _, _ = replay.sample(1000, RandomStream(4))
    assert np.mean(items == 0) == pytest.approx(replay.probability(0), abs=0.06)


def test_a_batch_of_updates_is_one_after_the_other_to_the_bit() -> None:
    generator = np.random.default_rng(1)
    single, batch = PrioritizedReplay(3000), PrioritizedReplay(3000)
    for replay in (single, batch):
        replay.reset(np.abs(np.sin(np.arange(3000.0))))
    for n in (0, 1, 5, 64, 500):
        items, errors = generator.integers(0, 3000, n), generator.normal(size=n) * 10
        batch.update_priorities(items, errors)
        for item, error in zip(items.tolist(), errors.tolist(), strict=True):
            single.update_priority(item, error)
        assert all(single.priority(i) == batch.priority(i) for i in range(3000))
        draws = [replay.sample(100, RandomStream(n)) for replay in (single, batch)]
        assert all(x.tobytes() == y.tobytes() for x, y in zip(*draws, strict=True))


@pytest.mark.parametrize(
    ("items", "errors", "error", "message"),
    [
        ([0, 5], [1.0, 1.0], IndexError, "item must be below 5, not 5"),
        ([0, -1], [1.0, 1.0], IndexError, "item must be >= 0, not -1"),
        ([0, 1], [1.0, np.nan], ValueError, "must be finite and within 1e100 of 0, not nan"),
        ([0, 1], [1.0, -2e100], ValueError, r"must be finite and within 1e100 of 0, not -2e\+100"),
        ([0, 1], [1.0], ValueError, "td_errors must have 2 elements, not 1"),
        ([[0]], [1.0], ValueError, "items must have 1 dimension, not 2"),
        ([0.5], [1.0], TypeError, "items must have dtype int64 or numbers that convert to it, not be .* float64"),
        ([0], [1j], TypeError, "td_errors must have dtype float64"),
    ],
)
def test_a_refused_batch_of_updates_changes_nothing(
    items: Any, errors: Any, error: type[Exception], message: str
) -> None:
    replay = filled()
    before = [replay.priority(i) for i in range(5)]
    with pytest.raises(error, match=message):
        replay.update_priorities(np.asarray(items), np.asarray(errors))
    assert [replay.priority(i) for i in range(5)] == before


def test_reset_starts_with_new_items_and_keeps_beta() -> None:
    replay = filled(beta_increment=0.1)
    replay.sample(2, RandomStream(5))
    replay.reset(np.array([1.0, 1.0]))
    assert len(replay) == 2 and replay.probability(1) == 0.5
    assert replay.beta == pytest.approx(0.6)


def test_the_stream_decides_the_draws() -> None:
    first, again, other = (filled().sample(50, RandomStream(seed))[0].tolist() for seed in (6, 6, 7))
    assert first == again != other


def test_defaults_are_those_of_the_report() -> None:
    replay = PrioritizedReplay()
    assert replay.beta == 0.4
    replay.add(0.99)
    replay.add(0.0)
    assert replay.probability(0) == pytest.approx(1 / (1 + 0.01**0.6), rel=1e-12)
    replay.sample(1, RandomStream(0))
    assert replay.beta == 0.401
    replay.reset(np.zeros(10_000))
    with pytest.raises(ValueError, match="full: capacity 10000"):
        replay.add(0.0)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: PrioritizedReplay(0), ValueError, "capacity must lie in 1 ... 4294967296, not 0"),
        (lambda: PrioritizedReplay(2**33), ValueError, "capacity must lie in 1 ... 4294967296, not 8589934592"),
        (lambda: PrioritizedReplay(4, alpha=-0.1), ValueError, r"alpha must lie in \[0, 1\], not -0.1"),
        (lambda: PrioritizedReplay(4, beta=1.1), ValueError, r"beta must lie in \[0, 1\], not 1.1"),
        (lambda: PrioritizedReplay(4, beta_increment=-1.0), ValueError, "beta_increment must be >= 0, not -1"),
        (lambda: PrioritizedReplay(4, epsilon=0.0), ValueError, r"epsilon must lie in \[1e-100, 1e100\], not 0"),
        (lambda: PrioritizedReplay(4, 0.6), TypeError, "alpha= is given by name"),  # type: ignore[misc]
        (lambda: PrioritizedReplay(4).sample(1, RandomStream(0)), RuntimeError, "empty replay buffer"),
        (lambda: filled().add(float("nan")), ValueError, "must be finite and within 1e100 of 0, not nan"),
        (lambda: filled().add(-1.7e308), ValueError, r"must be finite and within 1e100 of 0, not -1.7e\+308"),
        (lambda: filled().update_priority(0, float("inf")), ValueError, "within 1e100 of 0, not inf"),
        (lambda: filled().reset(np.array([0.0, np.inf])), ValueError, "within 1e100 of 0, not inf"),
        (lambda: filled().update_priority(5, 1.0), IndexError, "item must be below 5, not 5"),
        (lambda: filled().probability(5), IndexError, "item must be below 5, not 5"),
        (lambda: filled().reset(np.zeros(9)), ValueError, "full: capacity 8"),
        (lambda: filled().reset(np.zeros(3, bool)), TypeError, "td_errors must have dtype float64"),
    ],
)
def test_replay_errors(call: Callable[[], object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
