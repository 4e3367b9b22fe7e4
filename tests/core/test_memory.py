"""InfoNCE against scipy and finite differences; the contrastive memory against exact cosines."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.special import log_softmax

from ruvllm import ContrastiveMemory, RandomStream, available_isas, info_nce

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]


def unit_rows(seed: int, n: int, dim: int) -> Floats:
    rows = np.random.default_rng(seed).normal(size=(n, dim))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


DIM, M, RIGHT = 50, 8, 3
Z = np.random.default_rng(0).normal(size=DIM).astype(np.float32)
CANDIDATES, NEGATIVES = unit_rows(1, M, DIM), unit_rows(2, 5, DIM)


def naive_loss(z: Doubles, negatives: Floats, tau: float) -> float:
    rows = np.concatenate([CANDIDATES, negatives]).astype(np.float64)
    return float(-log_softmax(rows @ z / np.linalg.norm(z) / tau)[RIGHT])


@pytest.mark.parametrize("negatives", [None, NEGATIVES, NEGATIVES[:0]])
@pytest.mark.parametrize("tau", [0.05, 0.07, 1.0])
def test_loss_and_gradient_agree_with_float64(negatives: Floats | None, tau: float) -> None:
    others = NEGATIVES[:0] if negatives is None else negatives
    loss, gradient = info_nce(Z, CANDIDATES, RIGHT, negatives=negatives, tau=tau)
    z = Z.astype(np.float64)
    assert loss == pytest.approx(naive_loss(z, others, tau), rel=1e-5)
    expected = np.empty(DIM)
    for i in range(DIM):
        step = 1e-5 * np.eye(DIM)[i]
        expected[i] = (naive_loss(z + step, others, tau) - naive_loss(z - step, others, tau)) / 2e-5
    assert np.abs(gradient - expected).max() <= 1e-4 * np.abs(expected).max()
    assert gradient.dtype == np.float32


def test_length_of_z_does_not_matter_and_the_gradient_is_at_right_angles_to_it() -> None:
    loss, gradient = info_nce(Z, CANDIDATES, RIGHT)
    longer, shrunk = info_nce(np.float32(8) * Z, CANDIDATES, RIGHT)
    assert longer == pytest.approx(loss, rel=1e-6)
    assert np.abs(8 * shrunk - gradient).max() <= 1e-5 * np.abs(gradient).max()
    assert abs(gradient @ Z) <= 1e-5 * np.linalg.norm(gradient) * np.linalg.norm(Z)


def test_a_step_down_the_gradient_lowers_the_loss() -> None:
    z = Z.copy()
    losses = []
    for _ in range(30):
        loss, gradient = info_nce(z, CANDIDATES, RIGHT, negatives=NEGATIVES)
        losses.append(loss)
        z -= np.float32(0.5) * gradient
    assert losses[-1] < 0.2 * losses[0]


def test_zero_has_no_direction() -> None:
    loss, gradient = info_nce(np.zeros(DIM, np.float32), CANDIDATES, RIGHT)
    assert loss == 0.0 and not gradient.any()


def test_loss_has_equal_bits_on_every_isa() -> None:
    results = [info_nce(Z, CANDIDATES, RIGHT, negatives=NEGATIVES, isa=isa) for isa in [*available_isas(), "auto"]]
    assert len({(loss, gradient.tobytes()) for loss, gradient in results}) == 1


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: info_nce(Z, CANDIDATES, M), ValueError, "right candidate must be below 8, not 8"),
        (lambda: info_nce(Z, CANDIDATES[:0], 0), ValueError, "right candidate must be below 0, not 0"),
        (lambda: info_nce(Z[:9], CANDIDATES, 0), ValueError, "candidates must have 9 columns, not 50"),
        (
            lambda: info_nce(Z, CANDIDATES, 0, negatives=unit_rows(0, 2, 9)),
            ValueError,
            "negatives must have 50 columns",
        ),
        (lambda: info_nce(Z, CANDIDATES, 0, negatives=Z), ValueError, "negatives must have 2 dimensions, not 1"),
        (lambda: info_nce(Z, CANDIDATES, 0, tau=0.0), ValueError, "tau must be finite and > 0, not 0"),
        (lambda: info_nce(Z, CANDIDATES, 0, tau=float("nan")), ValueError, "tau must be finite and > 0, not nan"),
        (lambda: info_nce(Z * np.nan, CANDIDATES, 0), ValueError, "z must be finite, not hold -?nan"),
        (lambda: info_nce(Z, 2 * CANDIDATES, 0), ValueError, "candidates must have length 1, .* not have length 2"),
        (lambda: info_nce(Z, CANDIDATES, 0, negatives=NEGATIVES * np.nan), ValueError, "negatives must be finite"),
        (lambda: info_nce(Z + 1j, CANDIDATES, 0), TypeError, "z must have dtype float32"),
        (lambda: info_nce(Z, CANDIDATES, 0, NEGATIVES), TypeError, "negatives= is given by name"),  # type: ignore[misc]
    ],
)
def test_info_nce_errors(call: Callable[[], object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


WIDE = 1024  # two elements to each of the 512 sums of a sketch


def at_cosine(rows: Floats, cosine: float, seed: int) -> Floats:
    """For each unit row a unit vector at this cosine to it."""
    aside = unit_rows(seed, *rows.shape)
    aside -= np.sum(aside * rows, axis=1, keepdims=True) * rows
    aside /= np.linalg.norm(aside, axis=1, keepdims=True)
    return (cosine * rows + np.sqrt(1 - cosine**2) * aside).astype(np.float32)


def memory_of(rows: Floats, task_type: int = 0, **options: Any) -> ContrastiveMemory:
    memory = ContrastiveMemory(rows.shape[1], **options)
    for row in rows:
        memory.add_positive(row, task_type)
    return memory


def test_boost_is_the_largest_cosine_times_the_strength() -> None:
    rows = unit_rows(3, 60, WIDE)
    near = np.concatenate([at_cosine(rows[:20], 0.95, 4), at_cosine(rows[20:40], 0.8, 5)])
    boost = memory_of(rows, strength=2.0).boost(near, 0)
    assert boost == pytest.approx(2.0 * (near.astype(np.float64) @ rows.T.astype(np.float64)).max(axis=1), rel=1e-5)
    assert boost.dtype == np.float64
    assert memory_of(rows).boost(rows[:3], 0) == pytest.approx([0.1 / 0.07] * 3, rel=1e-5)


def test_at_and_below_the_threshold_there_is_no_boost() -> None:
    rows = unit_rows(6, 100, WIDE)
    memory = memory_of(rows)
    for cosine in (0.69, 0.5, 0.0, -0.9):
        assert not memory.boost(at_cosine(rows, cosine, 7), 0).any()
    assert np.all(memory_of(rows, threshold=0.6).boost(at_cosine(rows, 0.85, 7), 0) > 0)


def test_few_neighbours_just_above_the_threshold_are_missed() -> None:
    found = 0
    for seed in range(8):
        rows = unit_rows(10 + seed, 125, WIDE)
        found += int(np.count_nonzero(memory_of(rows).boost(at_cosine(rows, 0.71, 30 + seed), 0)))
    assert found >= 990  # of 1,000


def test_a_type_hears_only_its_own_past() -> None:
    rows = unit_rows(8, 10, WIDE)
    memory = memory_of(rows, task_type=2)
    assert np.all(memory.boost(rows, 2) > 0)
    assert not memory.boost(rows, 1).any()
    assert memory.positive_count == 10 and memory.negative_count == 0


def test_a_full_share_drops_its_oldest() -> None:
    rows = unit_rows(9, 7, WIDE)
    memory = memory_of(rows[:5], positives=10, types=2)  # room for 5 each
    memory.add_positive(rows[5], 0)
    assert (memory.boost(rows, 0) > 0).tolist() == [False, True, True, True, True, True, False]
    memory.add_positive(rows[6], 0)
    assert (memory.boost(rows, 0) > 0).tolist() == [False, False, True, True, True, True, True]
    assert memory.positive_count == 5


def test_negatives_are_drawn_evenly_from_their_type() -> None:
    rows = unit_rows(20, 6, DIM)
    memory = ContrastiveMemory(DIM, negatives=16, types=4, sampled_negatives=20_000)
    for i, row in enumerate(rows):  # rows 4 and 5 belong to another type
        memory.add_negative(row, 1 if i < 4 else 3)
    drawn = memory.sample_negatives(1, RandomStream(1))
    counts = np.array([np.count_nonzero((drawn == row).all(axis=1)) for row in rows])
    assert counts.sum() == 20_000 and not counts[4:].any()
    assert np.all(np.abs(counts[:4] - 5000) < 4.5 * np.sqrt(20_000 * 0.25 * 0.75))
    memory.add_negative(rows[4], 1)  # the fifth in a room for four
    drawn = memory.sample_negatives(1, RandomStream(2))
    assert {row.tobytes() for row in drawn} == {row.tobytes() for row in rows[1:5]}
    assert memory.negative_count == 6


def test_eight_negatives_are_drawn_and_none_where_there_are_none() -> None:
    memory = ContrastiveMemory(DIM)
    assert memory.sample_negatives(0, RandomStream(0)).shape == (0, DIM)
    memory.add_negative(CANDIDATES[0], 0)
    drawn = memory.sample_negatives(0, RandomStream(0))
    assert drawn.shape == (8, DIM) and np.all(drawn == CANDIDATES[0])


def test_five_hundred_of_each_kind_are_kept() -> None:
    memory = ContrastiveMemory(4)
    row = np.array([1, 0, 0, 0], np.float32)
    for i in range(4 * 130):
        memory.add_positive(row, i % 4)
        memory.add_negative(row, i % 4)
    assert (memory.positive_count, memory.negative_count) == (500, 500)


def test_boost_has_equal_bits_on_every_isa() -> None:
    rows = unit_rows(21, 40, WIDE)
    near = at_cosine(rows, 0.75, 22)
    boosts = {memory_of(rows, isa=isa).boost(near, 0).tobytes() for isa in [*available_isas(), "auto"]}
    assert len(boosts) == 1


V = np.eye(DIM, dtype=np.float32)[0]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: ContrastiveMemory(0), ValueError, "dim must lie in 1 ... 16777216, not 0"),
        (lambda: ContrastiveMemory(DIM, sampled_negatives=2**40), ValueError, "sampled_negatives must lie in 1 ..."),
        (lambda: ContrastiveMemory(DIM, types=0), ValueError, "room for one entry per type"),
        (lambda: ContrastiveMemory(DIM, positives=3), ValueError, "not 3 and 500 for 4 types"),
        (lambda: ContrastiveMemory(DIM).add_positive(V, 4), ValueError, "task type must be below 4, not 4"),
        (lambda: ContrastiveMemory(DIM).add_negative(V, 4), ValueError, "task type must be below 4, not 4"),
        (lambda: ContrastiveMemory(DIM).boost(CANDIDATES, 4), ValueError, "task type must be below 4, not 4"),
        (lambda: ContrastiveMemory(DIM).sample_negatives(4, RandomStream(0)), ValueError, "must be below 4, not 4"),
        (lambda: ContrastiveMemory(DIM).add_positive(V[:3], 0), ValueError, "solution must have 50 elements, not 3"),
        (lambda: ContrastiveMemory(DIM).boost(V, 0), ValueError, "candidates must have 2 dimensions, not 1"),
        (lambda: ContrastiveMemory(DIM).add_negative(2 * V, 0), ValueError, "solution must have length 1"),
        (lambda: ContrastiveMemory(DIM).boost(CANDIDATES * np.inf, 0), ValueError, "candidates must be finite"),
    ],
)
def test_memory_errors(call: Callable[[], object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
