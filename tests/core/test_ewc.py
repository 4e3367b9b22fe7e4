"""Elastic weight consolidation: the Fisher average and the penalty against float64."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from ruvllm import ElasticWeightConsolidation

N = 37


def random_floats(seed: int, *shape: int) -> npt.NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def trained(fisher_decay: float, ewc_lambda: float = 400.0, batches: int = 3) -> ElasticWeightConsolidation:
    """Batches of 4, 5, 6 ... examples, then one consolidation."""
    ewc = ElasticWeightConsolidation(N, ewc_lambda=ewc_lambda, fisher_decay=fisher_decay)
    for batch in range(batches):
        for gradient in random_floats(batch, 4 + batch, N):
            ewc.add_example(gradient)
        ewc.update_fisher()
    ewc.consolidate(random_floats(100, N))
    return ewc


def batch_mean(batch: int) -> npt.NDArray[np.float64]:
    return np.mean(random_floats(batch, 4 + batch, N).astype(np.float64) ** 2, axis=0)


def test_fisher_is_an_exponential_average_of_batch_means() -> None:
    expected = np.zeros(N)
    for batch in range(3):
        expected = 0.9 * expected + 0.1 * batch_mean(batch)
    assert trained(0.9).fisher == pytest.approx(expected, rel=1e-5)


def test_decay_zero_is_a_running_sum() -> None:
    assert trained(0.0).fisher == pytest.approx(sum(batch_mean(batch) for batch in range(3)), rel=1e-5)


def test_an_empty_batch_changes_nothing() -> None:
    ewc = trained(0.9)
    before = ewc.fisher.tobytes()
    ewc.update_fisher()
    assert ewc.fisher.tobytes() == before


def test_a_batch_is_used_once() -> None:
    ewc = ElasticWeightConsolidation(N, fisher_decay=0.0)
    ewc.add_example(np.ones(N, np.float32))
    ewc.update_fisher()
    ewc.add_example(np.full(N, 3, np.float32))
    ewc.update_fisher()
    assert ewc.fisher.tolist() == [10.0] * N


def test_penalty_agrees_with_float64() -> None:
    ewc, theta = trained(0.9), random_floats(101, N)
    distance = theta.astype(np.float64) - random_floats(100, N)
    assert ewc.penalty(theta) == pytest.approx(200.0 * np.sum(ewc.fisher.astype(np.float64) * distance**2), rel=1e-9)
    assert ewc.penalty(ewc.reference) == 0.0


def test_the_gradient_of_the_penalty_is_lambda_fisher_distance() -> None:
    ewc, theta = trained(0.9), random_floats(102, N)
    expected = ewc.active_lambda * ewc.fisher.astype(np.float64) * (theta - ewc.reference.astype(np.float64))
    for i in range(N):
        up, down = theta.copy(), theta.copy()
        up[i] += 0.01
        down[i] -= 0.01
        slope = (ewc.penalty(up) - ewc.penalty(down)) / (float(up[i]) - float(down[i]))
        assert slope == pytest.approx(expected[i], rel=1e-4, abs=1e-4 * np.abs(expected).max())


def test_nothing_is_held_before_the_first_consolidation() -> None:
    ewc = ElasticWeightConsolidation(N, ewc_lambda=500.0)
    ewc.add_example(np.ones(N, np.float32))
    ewc.update_fisher()
    assert (ewc.task_count, ewc.active_lambda, ewc.penalty(np.ones(N, np.float32))) == (0, 0.0, 0.0)
    assert not ewc.reference.any()
    ewc.consolidate(np.zeros(N, np.float32))
    assert (ewc.task_count, ewc.active_lambda) == (1, 500.0)
    assert ewc.penalty(np.ones(N, np.float32)) > 0.0


def test_consolidate_copies_and_counts() -> None:
    ewc, theta = trained(0.9), random_floats(103, N)
    ewc.consolidate(theta)
    theta[:] = 0
    assert np.array_equal(ewc.reference, random_floats(103, N))
    assert ewc.task_count == 2


def test_defaults_are_those_of_protocol_v3() -> None:
    ewc = ElasticWeightConsolidation(1)
    ewc.add_example(np.ones(1, np.float32))
    ewc.update_fisher()
    ewc.consolidate(np.zeros(1, np.float32))
    assert ewc.fisher[0] == pytest.approx(0.08, rel=1e-5)
    assert ewc.active_lambda == 400.0


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: ElasticWeightConsolidation(0), ValueError, "parameters must lie in 1 ... 1099511627776, not 0"),
        (lambda: ElasticWeightConsolidation(N, fisher_decay=1.0), ValueError, r"must lie in \(0, 1\), not 1"),
        (lambda: ElasticWeightConsolidation(N, fisher_decay=-0.5), ValueError, r"must lie in \(0, 1\), not -0.5"),
        (lambda: ElasticWeightConsolidation(N, ewc_lambda=-1.0), ValueError, "lambda must be >= 0, not -1"),
        (lambda: ElasticWeightConsolidation(N, 400.0), TypeError, "ewc_lambda= is given by name"),  # type: ignore[misc]
        (lambda: trained(0.9).add_example(np.ones(N - 1, np.float32)), ValueError, "must have 37 elements, not 36"),
        (lambda: trained(0.9).consolidate(np.ones(N + 1, np.float32)), ValueError, "needs 37 parameters, not 38"),
        (lambda: trained(0.9).penalty(np.ones(N + 1, np.float32)), ValueError, "must have 37 elements, not 38"),
        (lambda: trained(0.9).penalty(np.ones((1, N), np.float32)), ValueError, "must have 1 dimension, not 2"),
        (lambda: trained(0.9).add_example(np.full(N, 1e16)), ValueError, "gradient must be .* within 1e15 of 0"),
        (lambda: trained(0.9).penalty(np.full(N, np.nan)), ValueError, "parameters must be finite, not hold nan"),
    ],
)
def test_errors_state_rule_and_value(call: Callable[[], object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
