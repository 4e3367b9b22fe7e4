"""What needs no learning loop: mean removal, All-but-the-Top and ridge regression, fitted on the same train part.

They go through BLAS and LAPACK, whose last bits differ between machines: what comes of them is reported and never
hashed. Constants are chosen among a few by MRR on the validation part.

- mean removal: x - mean, queries and solutions each by the mean of their own kind
- All-but-the-Top (Mu & Viswanath 2018): then without the k leading principal directions of both kinds together
- ridge (+ identity): centred q -> q W, W = I + (Q'Q + lambda I)^-1 Q'(S - Q): regression towards the identity
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from ruvllm.retrieval import Ranks, mean_reciprocal_rank, ranks_in_groups
from ruvllm.workload import Retrieval, Vectors

__all__ = ["CLOSED_FORMS", "closed_form_ranks"]

CLOSED_FORMS = ("meanRemoval", "allButTheTop", "ridge")
DIRECTIONS = (1, 2, 3, 7)
PENALTIES = (1.0, 3.0, 10.0, 30.0)
MOST_PAIRS = 8_000
"""Of the train part of a type: memory for more is not bounded by anything."""

Rows = NDArray[np.float32]
Map = Callable[[Rows], Rows]
Maps = tuple[Map, Map]
"""Of queries and of solutions."""


def closed_form_ranks(
    vectors: Vectors,
    types: NDArray[np.uint8],
    train: NDArray[np.uint32],
    valid: NDArray[np.uint32],
    question: Retrieval,
    isa: str,
) -> dict[str, Ranks]:
    """Ranks (n,) of the question's right solutions under each of CLOSED_FORMS, fitted for each task type by itself."""
    frozen = ranks_in_groups(question, question.queries, question.solutions, isa)
    ranks = {name: frozen.copy() for name in CLOSED_FORMS}  # where there is nothing to fit on
    for kind in np.unique(question.types):
        seen, held = (part[types[part] == kind] for part in (train, valid))
        if len(seen) < 2 or len(held) < 2:
            continue
        watched = Retrieval.by_type(vectors.queries[held], vectors.solutions[held], types[held])
        members = question.types == kind
        for name, maps in _fits(vectors.queries[seen[:MOST_PAIRS]], vectors.solutions[seen[:MOST_PAIRS]]):
            ranks[name][members] = _best(maps, watched, question, isa)[members]
    return ranks


def _best(maps: list[Maps], watched: Retrieval, asked: Retrieval, isa: str) -> Ranks:
    scores = [mean_reciprocal_rank(_ranks(m, watched, isa)) for m in maps] if len(maps) > 1 else [1.0]
    return _ranks(maps[int(np.argmax(scores))], asked, isa)


def _ranks(maps: Maps, question: Retrieval, isa: str) -> Ranks:
    of_query, of_solution = maps
    return ranks_in_groups(question, of_query(question.queries), of_solution(question.solutions), isa)


def _fits(queries: Rows, solutions: Rows) -> Iterator[tuple[str, list[Maps]]]:
    """Each closed form with the choices for its constant, from train pairs (n, d)."""
    q_mean, s_mean = queries.mean(axis=0), solutions.mean(axis=0)
    q, s = queries - q_mean, solutions - s_mean
    yield "meanRemoval", [(_minus(q_mean), _minus(s_mean))]
    top = _principal_directions(np.concatenate([q, s]), max(DIRECTIONS))
    yield "allButTheTop", [(_without(q_mean, top[:k]), _without(s_mean, top[:k])) for k in DIRECTIONS]
    yield "ridge", [(_ridge(q_mean, q, s - q, penalty), _minus(s_mean)) for penalty in PENALTIES]


def _minus(mean: Rows) -> Map:
    return lambda x: x - mean


def _without(mean: Rows, directions: Rows) -> Map:
    def apply(x: Rows) -> Rows:
        centred = x - mean
        return _single(centred - (centred @ directions.T) @ directions)

    return apply


def _principal_directions(rows: Rows, k: int) -> Rows:
    """The k leading ones (k, d), by orthogonal iteration: the spectrum's head is all that is needed."""
    basis: NDArray[np.floating] = np.random.default_rng(0).standard_normal((rows.shape[1], k + 8), dtype=np.float32)
    for _ in range(12):
        basis = np.linalg.qr(rows.T @ (rows @ basis))[0]
    _, _, directions = np.linalg.svd(rows @ basis, full_matrices=False)
    return _single((basis @ directions.T).T[:k])


def _ridge(mean: Rows, queries: Rows, targets: Rows, penalty: float) -> Map:
    """In the dual where there are fewer pairs than dimensions: x + x Q' (Q Q' + lambda I)^-1 T."""
    n, d = queries.shape
    if n <= d:
        dual = np.linalg.solve(queries @ queries.T + penalty * np.eye(n, dtype=np.float32), targets)
        return lambda x: _single((x - mean) + ((x - mean) @ queries.T) @ dual)
    primal = np.linalg.solve(queries.T @ queries + penalty * np.eye(d, dtype=np.float32), queries.T @ targets)
    return lambda x: _single((x - mean) + (x - mean) @ primal)


def _single(x: NDArray[np.floating]) -> Rows:
    return np.ascontiguousarray(x, dtype=np.float32)
