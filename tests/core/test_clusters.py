"""Spherical k-means and the pattern bank against float64, scikit-learn, and by counting what is drawn."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from ruvllm import PatternBank, available_isas, spherical_kmeans

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]


def unit_rows(seed: int, n: int, dim: int) -> Floats:
    rows = np.random.default_rng(seed).normal(size=(n, dim))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def groups(seed: int, n_groups: int, per_group: int, dim: int, noise: float) -> tuple[Floats, npt.NDArray[np.int64]]:
    centers = unit_rows(seed, n_groups, dim)
    truth = np.repeat(np.arange(n_groups), per_group)
    rows = centers[truth] + noise * unit_rows(seed + 1, len(truth), dim)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), truth


def assign(rows: Doubles, centers: Doubles) -> tuple[npt.NDArray[np.int64], float]:
    cosines = rows @ centers.T
    return cosines.argmax(axis=1), float(np.sum(1 - cosines.max(axis=1)))


@pytest.mark.parametrize("world", range(3))
def test_the_best_of_some_starts_finds_the_groups_that_scikit_learn_finds(world: int) -> None:
    rows, truth = groups(10 * world, 6, 20, 64, noise=0.3)
    runs = [spherical_kmeans(rows, None, 6, seed=seed, max_iterations=20) for seed in range(8)]
    centers, labels, _ = min(runs, key=lambda run: float(run[2][-1]))
    oracle = KMeans(6, n_init=10, random_state=0).fit(rows)
    assert adjusted_rand_score(truth, labels) == adjusted_rand_score(oracle.labels_, labels) == 1
    for label in range(6):
        mean = rows[labels == label].astype(np.float64).mean(axis=0)
        assert centers[label] == pytest.approx(mean / np.linalg.norm(mean), abs=1e-6)


def test_iterations_are_those_of_lloyd_on_the_sphere() -> None:
    rows = unit_rows(0, 300, 24)
    centers, _, _ = spherical_kmeans(rows, None, 7, seed=3, max_iterations=0)
    exact, expected = rows.astype(np.float64), []
    reference = centers.astype(np.float64)
    for _ in range(6):
        labels, inertia = assign(exact, reference)
        expected.append(inertia)
        sums = np.array([exact[labels == c].sum(axis=0) for c in range(7)])
        reference = sums / np.linalg.norm(sums, axis=1, keepdims=True)
    result, result_labels, inertia_history = spherical_kmeans(rows, None, 7, seed=3, max_iterations=5)
    assert inertia_history == pytest.approx(expected, rel=1e-5)
    assert np.array_equal(result_labels, labels)
    _, _, started = spherical_kmeans(rows, None, 7, seed=3, max_iterations=0)
    assert started.tolist() == inertia_history[:1].tolist()
    assert np.linalg.norm(result, axis=1) == pytest.approx(np.ones(7), abs=1e-6)


@pytest.mark.parametrize("seed", range(10))
def test_labels_and_inertia_belong_to_the_centers_and_inertia_never_grows(seed: int) -> None:
    rows = unit_rows(seed, 90, 16)
    centers, labels, inertia = spherical_kmeans(rows, None, 9, seed=seed, max_iterations=50)
    expected_labels, expected_inertia = assign(rows.astype(np.float64), centers.astype(np.float64))
    assert np.array_equal(labels, expected_labels)
    assert inertia[-1] == pytest.approx(expected_inertia, rel=1e-5)
    assert np.all(np.diff(inertia) < 0) and 2 <= len(inertia) < 51
    assert (centers.dtype, labels.dtype, inertia.dtype) == (np.float32, np.uint32, np.float64)


@pytest.mark.parametrize("diversity", [0.0, 0.5])
def test_centers_are_drawn_as_often_as_the_formula_says(diversity: float) -> None:
    rows = np.array([[1, 0, 0], [0.8, 0.6, 0], [0, 1, 0], [0, 0.6, -0.8], [-1, 0, 0]], np.float32)
    weights = np.array([1.0, 2.0, 1.0, 3.0, 0.5])
    cosines = rows.astype(np.float64) @ rows.astype(np.float64).T
    chances = weights * (1 - cosines) * (1 - diversity * cosines)  # of the second, given the first
    np.fill_diagonal(chances, 0)
    expected = (weights / weights.sum())[:, None] * chances / chances.sum(axis=1, keepdims=True)
    n, counts = 20_000, np.zeros((5, 5))
    for seed in range(n):
        first, second = spherical_kmeans(rows, weights, 2, seed=seed, max_iterations=0, diversity=diversity)[0]
        counts[np.argmin(np.abs(rows - first).sum(axis=1)), np.argmin(np.abs(rows - second).sum(axis=1))] += 1
    assert np.all(np.abs(counts - n * expected) <= 4.5 * np.sqrt(n * expected * (1 - expected)))
    assert not np.diag(counts).any()


def test_rows_of_weight_zero_are_no_start_while_others_are_left() -> None:
    rows, weights = unit_rows(1, 20, 8), np.zeros(20)
    weights[[3, 11]] = 1.0
    for seed in range(20):
        centers, _, _ = spherical_kmeans(rows, weights, 2, seed=seed, max_iterations=0)
        assert {c.tobytes() for c in centers} == {rows[3].tobytes(), rows[11].tobytes()}


def test_there_are_never_more_clusters_than_rows() -> None:
    rows = unit_rows(2, 4, 8)
    centers, labels, inertia = spherical_kmeans(rows, None, 9)
    assert centers.shape == (4, 8) and sorted(labels.tolist()) == [0, 1, 2, 3]
    assert inertia[-1] == pytest.approx(0.0, abs=1e-6)


def test_equal_rows_give_equal_centers_and_no_nan() -> None:
    rows = np.tile(unit_rows(3, 1, 8), (6, 1))
    centers, labels, inertia = spherical_kmeans(rows, None, 3)
    assert np.abs(centers - rows[:3]).max() < 1e-6
    assert labels.tolist() == [labels[0]] * 6 and np.all(np.abs(inertia) < 1e-5)


def test_clusters_have_equal_bits_on_every_isa() -> None:
    rows = unit_rows(4, 200, 70)

    def run(isa: str) -> bytes:
        return b"".join(x.tobytes() for x in spherical_kmeans(rows, None, 12, seed=5, isa=isa))

    assert len({run(isa) for isa in [*available_isas(), "auto"]}) == 1


ROWS = unit_rows(5, 10, 6)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: spherical_kmeans(ROWS[:0], None, 2), ValueError, "n >= 1"),
        (lambda: spherical_kmeans(ROWS, None, 0), ValueError, "clusters >= 1 .* not 0 clusters"),
        (lambda: spherical_kmeans(ROWS[0], None, 2), ValueError, "rows must have 2 dimensions, not 1"),
        (lambda: spherical_kmeans(ROWS, np.ones(9), 2), ValueError, "weights must have 10 elements, not 9"),
        (lambda: spherical_kmeans(ROWS, -np.ones(10), 2), ValueError, "weights must be finite and >= 0, .* not -1"),
        (lambda: spherical_kmeans(ROWS, np.full(10, np.nan), 2), ValueError, "finite and >= 0, .* not nan"),
        (
            lambda: spherical_kmeans(ROWS, None, 2, diversity=1.5),
            ValueError,
            r"diversity must lie in \[0, 1\], not 1.5",
        ),
        (lambda: spherical_kmeans(ROWS * np.nan, None, 2), ValueError, "rows must be finite"),
        (lambda: spherical_kmeans(3 * ROWS, None, 2), ValueError, "rows must have length 1, .* not have length 3"),
        (lambda: spherical_kmeans(ROWS + 1j, None, 2), TypeError, "rows must have dtype float32"),
        (lambda: spherical_kmeans(ROWS, None, 2, 7), TypeError, "seed= is given by name"),  # type: ignore[misc]
    ],
)
def test_cluster_errors(call: Callable[[], object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


DIM = 40


def bank_with_neighbours(n: int = 30, **options: Any) -> tuple[PatternBank, Floats]:
    """Patterns at all distances from the first unit vector, which is the query; types 0 ... 3 in turn."""
    bank = PatternBank(DIM, **options)
    query = np.eye(1, DIM, dtype=np.float32)[0]
    rest = unit_rows(6, n, DIM)
    rest[:, 0] = 0
    for i, other in enumerate(rest / np.linalg.norm(rest, axis=1, keepdims=True)):
        cosine = np.cos(np.pi * (i + 0.5) / n)
        pattern = (cosine * query + np.sqrt(1 - cosine**2) * other).astype(np.float32)
        bank.add(pattern, unit_rows(100 + i, 1, DIM)[0], quality=i / n, type=i % 4)
    return bank, query


def naive_match(bank: PatternBank, query: Floats, task_type: int, top: int) -> list[tuple[int, float, float]]:
    cosines = bank.queries.astype(np.float64) @ query.astype(np.float64)
    near = sorted((i for i in range(len(bank)) if cosines[i] > 0.5), key=lambda i: -cosines[i])[:top]
    return [(i, cosines[i], cosines[i] * (1.2 if bank.types[i] == task_type else 1.0)) for i in near]


@pytest.mark.parametrize("task_type", [0, 1, 3, 9])
@pytest.mark.parametrize("top", [1, 5, 100])
def test_match_agrees_with_float64(task_type: int, top: int) -> None:
    bank, query = bank_with_neighbours(top=top)
    patterns, similarity, weight = bank.match(query, task_type)
    expected = naive_match(bank, query, task_type, top)
    assert patterns.tolist() == [i for i, _, _ in expected]
    assert similarity == pytest.approx([s for _, s, _ in expected], abs=1e-6)
    assert weight == pytest.approx([w for _, _, w in expected], abs=1e-6)
    assert len(patterns) == min(top, 10)  # a third of the circle lies within 60 degrees


@pytest.mark.parametrize("task_type", [1, 9])
def test_evidence_agrees_with_float64(task_type: int) -> None:
    bank, query = bank_with_neighbours(strength=2.0)
    candidates = unit_rows(7, 8, DIM)
    matches = naive_match(bank, query, task_type, 5)
    cosines = candidates.astype(np.float64) @ bank.solutions.astype(np.float64).T
    expected = sum(2.0 * w * cosines[:, i] for i, _, w in matches) / sum(w for _, _, w in matches)
    evidence = bank.evidence(query, candidates, task_type)
    assert evidence == pytest.approx(expected, abs=1e-6)
    assert evidence.dtype == np.float64


def test_evidence_speaks_for_the_solution_of_the_pattern_at_full_strength() -> None:
    bank, solutions = PatternBank(DIM), unit_rows(8, 3, DIM)
    query = unit_rows(9, 1, DIM)[0]
    bank.add(query, solutions[1], quality=1.0, type=0)
    assert bank.evidence(query, solutions, 0)[1] == pytest.approx(0.2 / 0.07, rel=1e-6)
    assert bank.evidence(query, solutions, 0).argmax() == 1


def test_no_pattern_near_means_no_evidence() -> None:
    bank, query = bank_with_neighbours()
    candidates = unit_rows(10, 4, DIM)
    assert bank.evidence(-query, candidates, 0).any()  # the other side of the circle has patterns too
    bank.clear()
    assert len(bank) == 0 and not bank.evidence(query, candidates, 0).any()
    far = unit_rows(11, 1, DIM)[0]
    bank.add(far, far, quality=1.0, type=0)
    aside = query - (query @ far) * far
    assert not bank.evidence((aside / np.linalg.norm(aside)).astype(np.float32), candidates, 0).any()


def test_the_bank_keeps_what_was_added_in_order() -> None:
    bank, _ = bank_with_neighbours()
    assert bank.qualities.tolist() == [i / 30 for i in range(30)]
    assert bank.types.tolist() == [i % 4 for i in range(30)]
    assert bank.queries.shape == bank.solutions.shape == (30, DIM)
    assert bank.solutions[7].tobytes() == unit_rows(107, 1, DIM)[0].tobytes()


def test_the_bank_holds_150_patterns_and_says_when_it_is_full() -> None:
    bank, row = PatternBank(2), np.array([1, 0], np.float32)
    for _ in range(150):
        bank.add(row, row, quality=1.0, type=0)
    with pytest.raises(ValueError, match="full: capacity 150"):
        bank.add(row, row, quality=1.0, type=0)


V = np.eye(DIM, dtype=np.float32)[0]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: PatternBank(0), ValueError, "dim must lie in 1 ... 16777216, not 0"),
        (lambda: PatternBank(DIM).add(V[:3], V, quality=1.0, type=0), ValueError, "query must have 40 elements, not 3"),
        (lambda: PatternBank(DIM).add(V, V[:3], quality=1.0, type=0), ValueError, "solution must have 40 elements"),
        (lambda: PatternBank(DIM).add(V, V, quality=1.0, type=256), ValueError, "type must be an integer of 0 ... 255"),
        (lambda: PatternBank(DIM).match(V[:3], 0), ValueError, "query must have 40 elements, not 3"),
        (lambda: PatternBank(DIM).evidence(V, V, 0), ValueError, "candidates must have 2 dimensions, not 1"),
        (lambda: PatternBank(DIM).evidence(V, V[None, :9].copy(), 0), ValueError, "must have 40 columns, not 9"),
        (lambda: PatternBank(DIM).match(9 * V, 0), ValueError, "query must have length 1"),
        (lambda: PatternBank(DIM).add(V, 7 * V, quality=1.0, type=0), ValueError, "solution must have length 1"),
        (lambda: PatternBank(DIM).add(V, V, quality=np.nan, type=0), ValueError, "quality must be finite, not nan"),
        (lambda: PatternBank(DIM).match(V > 0, 0), TypeError, "query must have dtype float32"),
    ],
)
def test_bank_errors(call: Callable[[], object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
