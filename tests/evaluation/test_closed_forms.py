"""Closed forms: the fits against plain formulas."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ruvllm.evaluation.closed_forms import CLOSED_FORMS, closed_form_ranks, fit_closed_forms
from ruvllm.evaluation.retrieval import CSLS_SHARES
from ruvllm.workloads.workload import Question, Retrieval, Vectors

N, D = 60, 24


def unit(rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def world() -> tuple[Vectors, np.ndarray[Any, Any]]:
    """Queries are solutions behind a fixed rotation of a part of the space, with noise."""
    random = np.random.default_rng(3)
    solutions = unit(random.standard_normal((N, D)))
    turn = np.linalg.qr(random.standard_normal((D, D)))[0]
    queries = unit(solutions @ (0.4 * np.eye(D) + turn) + 0.05 * random.standard_normal((N, D)))
    return Vectors(queries, solutions), np.zeros(N, dtype=np.uint8)


TRAIN, VALID, TEST = (np.arange(a, b, dtype=np.uint32) for a, b in ((0, 36), (36, 48), (48, 60)))


def fitted(vectors: Vectors, types: np.ndarray[Any, Any], *more: Any) -> dict[str, Any]:
    """The ranks of the test part under each closed form."""
    validation, test = (
        Retrieval.by_type(vectors.queries[part], vectors.solutions[part], types[part]) for part in (VALID, TEST)
    )
    fitted = fit_closed_forms(Question(test, validation, vectors), types, TRAIN, "auto", *more)
    return closed_form_ranks(test, fitted, "auto")


def test_closed_forms_are_what_their_formulas_say(world: tuple[Vectors, np.ndarray[Any, Any]]) -> None:
    vectors, types = world
    found = fitted(vectors, types)
    assert tuple(found) == CLOSED_FORMS
    q, s = vectors.queries.astype(np.float64), vectors.solutions.astype(np.float64)
    q, s = q - q[TRAIN].mean(axis=0), s - s[TRAIN].mean(axis=0)
    assert found["meanRemoval"].tolist() == ranks(q[TEST], s[TEST])
    inverse = {p: np.linalg.inv(q[TRAIN].T @ q[TRAIN] + p * np.eye(D)) for p in (1.0, 3.0, 10.0, 30.0)}
    moved = {p: q + q @ inverse[p] @ q[TRAIN].T @ (s - q)[TRAIN] for p in inverse}
    best = max(inverse, key=lambda p: np.mean(1 / np.array(ranks(moved[p][VALID], s[VALID]))))
    assert found["ridge"].tolist() == ranks(moved[best][TEST], s[TEST])
    top = np.linalg.svd(np.concatenate([q[TRAIN], s[TRAIN]]))[2]
    without = {k: np.eye(D) - top[:k].T @ top[:k] for k in (1, 2, 3, 7)}
    best = max(without, key=lambda k: np.mean(1 / np.array(ranks(q[VALID] @ without[k], s[VALID] @ without[k]))))
    assert found["allButTheTop"].tolist() == ranks(q[TEST] @ without[best], s[TEST] @ without[best])
    frozen = vectors.queries.astype(np.float64), vectors.solutions.astype(np.float64)
    crowded = [(c, *(x[VALID] for x in frozen), frozen[0][TRAIN]) for c in CSLS_SHARES]
    share = max(crowded, key=lambda tried: np.mean(1 / np.array(ranks(*tried[1:3], csls(*tried)))))[0]
    q, s = (x[TEST] for x in frozen)
    assert found["csls"].tolist() == ranks(q, s, csls(share, q, s, frozen[0][TRAIN]))


def test_csls_is_fitted_on_the_train_queries_after_ridge(world: tuple[Vectors, np.ndarray[Any, Any]]) -> None:
    vectors, types = world
    found = fitted(vectors, types)
    q, s = vectors.queries.astype(np.float64), vectors.solutions.astype(np.float64)
    q, s = q - q[TRAIN].mean(axis=0), s - s[TRAIN].mean(axis=0)
    best: tuple[float, list[int]] = (0.0, [])
    for penalty in (1.0, 3.0, 10.0, 30.0):
        inverse = np.linalg.inv(q[TRAIN].T @ q[TRAIN] + penalty * np.eye(D))
        z = q + q @ inverse @ q[TRAIN].T @ (s - q)[TRAIN]
        for share in CSLS_SHARES:
            mrr = np.mean(1 / np.array(ranks(z[VALID], s[VALID], csls(share, z[VALID], s[VALID], z[TRAIN]))))
            if mrr > best[0]:
                best = mrr, ranks(z[TEST], s[TEST], csls(share, z[TEST], s[TEST], z[TRAIN]))
    assert found["ridgeCsls"].tolist() == best[1]


def test_progress_is_told_of_every_fit(world: tuple[Vectors, np.ndarray[Any, Any]]) -> None:
    vectors, _ = world
    types = (np.arange(N) % 2).astype(np.uint8)
    told: list[tuple[int, int]] = []
    fitted(vectors, types, lambda *done: told.append(done))
    n = 2 * len(CLOSED_FORMS)
    assert told == [(i, n) for i in range(n + 1)]


def unit64(rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def csls(share: float, _: Any, s: np.ndarray[Any, Any], train: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return share * np.sort(unit64(s) @ unit64(train).T, axis=1)[:, -10:].mean(axis=1)


def ranks(queries: np.ndarray[Any, Any], solutions: np.ndarray[Any, Any], discount: Any = 0.0) -> list[int]:
    similar = unit64(queries) @ unit64(solutions).T - discount
    return [int(r) for r in (similar >= np.diag(similar)[:, None]).sum(axis=1)]
