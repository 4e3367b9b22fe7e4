"""Listwise weights against scipy's L-BFGS-B, and by the conditions of Karush, Kuhn and Tucker."""

import numpy as np
import numpy.typing as npt
import pytest
from scipy.optimize import approx_fprime, minimize
from scipy.special import log_softmax

from ruvllm import _core

Doubles = npt.NDArray[np.float64]
Lists = tuple[Doubles, list[int], list[int]]


def lists(seed: int, n: int, columns: int, truth: Doubles | None = None) -> Lists:
    """Lists of 1 to 30 candidates, whose right answers follow the weights `truth`, with noise."""
    random = np.random.default_rng(seed)
    sizes = random.integers(1, 31, n)
    features = random.normal(size=(int(sizes.sum()), columns)) * random.uniform(0.2, 3, columns)
    scores = features @ (np.zeros(columns) if truth is None else truth) + random.gumbel(size=len(features))
    right = [int(part.argmax()) for part in np.split(scores, np.cumsum(sizes)[:-1])]
    return features, sizes.tolist(), right


def mean_loss(given: Lists, w: Doubles) -> float:
    features, sizes, right = given
    parts = np.split(features @ w, np.cumsum(sizes)[:-1])
    return -float(np.mean([log_softmax(part)[i] for part, i in zip(parts, right, strict=True)]))


def objective(given: Lists, prior: Doubles, penalty: float, w: Doubles) -> float:
    return len(given[1]) * mean_loss(given, w) + penalty * float(((w - prior) ** 2).sum())


@pytest.mark.parametrize("penalty", [0.01, 1.0, 30.0])
@pytest.mark.parametrize("columns", [1, 4, 11])
def test_weights_are_those_that_scipy_finds(columns: int, penalty: float) -> None:
    truth = np.linspace(-1.0, 1.5, columns)  # some want to be negative, and are held at 0
    given, prior = lists(columns, 60, columns, truth), np.full(columns, 0.4)
    found = _core.listwise_weights(*given, prior, penalty=penalty)
    oracle = minimize(
        lambda w: objective(given, prior, penalty, w), prior, method="L-BFGS-B", bounds=[(0, None)] * columns,
        options={"ftol": 1e-15, "gtol": 1e-10, "maxiter": 5000},
    )  # fmt: skip
    assert found == pytest.approx(oracle.x, abs=2e-4)
    assert objective(given, prior, penalty, found) <= oracle.fun + 1e-9
    gradient = approx_fprime(found, lambda w: objective(given, prior, penalty, w), 1e-6)
    assert gradient[found > 0] == pytest.approx(0, abs=1e-3), "a free weight lies in the valley"
    assert (gradient[found == 0] > -1e-3).all(), "a weight at 0 would like to be below"
    assert columns == 1 or (found == 0).any(), "the bound was tested"


def test_the_loss_is_the_mean_of_log_softmax() -> None:
    given, w = lists(7, 50, 5), np.array([0.0, 0.3, 1.0, 2.0, 40.0])
    assert _core.listwise_loss(*given, w) == pytest.approx(mean_loss(given, w), rel=1e-12)
    assert _core.listwise_loss(np.empty((0, 5)), [], [], w) == 0


def test_scores_are_sums_in_order() -> None:
    features = np.random.default_rng(1).normal(size=(40, 6))
    w = np.arange(6.0)
    total = np.zeros(40)
    for k in range(6):
        total = total + w[k] * features[:, k]
    assert np.array_equal(_core.listwise_scores(features, w), total), "bit by bit"


def test_without_lists_the_prior_stays_and_few_lists_move_it_little() -> None:
    prior = np.array([1.0, 0.0, 0.25])
    assert np.array_equal(_core.listwise_weights(np.empty((0, 3)), [], [], prior), prior)
    one = _core.listwise_weights([[0, 1, 0], [0, 0, 0]], [2], [0], prior, penalty=10)
    assert one == pytest.approx(prior, abs=0.05)
    assert one[1] > 0
    assert one[0] == prior[0]


def test_weights_that_separate_all_lists_stay_finite() -> None:
    features = np.tile([[1e6], [-1e6]], (50, 1))
    weight = _core.listwise_weights(features, [2] * 50, [0] * 50, [0.0], penalty=1e-6)
    assert np.isfinite(weight).all()
    assert _core.listwise_loss(features, [2] * 50, [0] * 50, weight) == pytest.approx(0, abs=1e-5)


def test_equal_columns_share_the_weight() -> None:
    features, sizes, right = lists(3, 80, 1, np.array([2.0]))
    twice = _core.listwise_weights(np.hstack([features, features]), sizes, right, [0.5, 0.5], penalty=0.5)
    assert twice[0] == pytest.approx(twice[1], rel=1e-9)


def test_the_same_call_gives_the_same_bits() -> None:
    given = lists(5, 40, 6, np.ones(6))
    first = _core.listwise_weights(*given, np.ones(6))
    assert np.array_equal(first, _core.listwise_weights(*given, np.ones(6)))


FEATURES = np.ones((3, 2))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((FEATURES, [3], [0], [0.0]), "prior must have 2 elements, not 1"),
        ((FEATURES, [3], [0], [0.0, -1.0]), r"prior must lie in 0 \.\.\. 1e6, not hold -1"),
        ((FEATURES, [3], [0], [0.0, np.nan]), r"prior must lie in 0 \.\.\. 1e6, not hold nan"),
        ((FEATURES, [2], [0], [0.0, 0.0]), "sizes must come up to the 3 rows of features, not 2"),
        (
            (FEATURES, [3, 1], [0, 0], [0.0, 0.0]),
            r"sizes must be 1 or more and come up to the 3 rows .*, not 1 \(list 1",
        ),
        (
            (FEATURES, [3, 0], [0, 0], [0.0, 0.0]),
            r"sizes must be 1 or more and come up to the 3 rows .*, not 0 \(list 1",
        ),
        ((FEATURES, [2**62, 2**62], [0, 0], [0.0, 0.0]), "sizes must be 1 or more and come up to the 3 rows"),
        ((FEATURES, [3], [3], [0.0, 0.0]), r"right must be a candidate from 0 to 3 - 1 of its list, not 3 \(list 0"),
        ((FEATURES, [3], [-1], [0.0, 0.0]), r"right must be a candidate from 0 to 3 - 1 of its list, not -1"),
        ((FEATURES, [3], [0, 0], [0.0, 0.0]), "right must have 1 elements, not 2"),
        ((FEATURES * np.inf, [3], [0], [0.0, 0.0]), "features must be finite and within 1e6 of 0, not hold inf"),
        ((FEATURES * 1e7, [3], [0], [0.0, 0.0]), "features must be finite and within 1e6 of 0, not hold 10000000"),
        ((np.ones((3, 0)), [3], [0], []), r"columns of features must lie in 1 \.\.\. 4096, not 0"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(arguments: tuple[object, ...], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}") as caught:
        _core.listwise_weights(*arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("penalty", [0.0, -1.0, np.nan, np.inf, 1e-7])
def test_the_penalty_has_a_range(penalty: float) -> None:
    with pytest.raises(ValueError, match=r"^penalty must lie in 1e-6 \.\.\. 1e9, not "):
        _core.listwise_weights(FEATURES, [3], [0], [0.0, 0.0], penalty=penalty)
