"""What needs no learning loop: mean removal, All-but-the-Top, ridge regression and CSLS, fitted on the same train part.

They go through BLAS and LAPACK, whose last bits differ between machines: what comes of them is reported and never
hashed. Constants are chosen among a few by MRR on the validation part.

- mean removal: x - mean, queries and solutions each by the mean of their own kind
- All-but-the-Top (Mu & Viswanath 2018): then without the k leading principal directions of both kinds together
- ridge (+ identity): centred q -> q W, W = I + (Q'Q + lambda I)^-1 Q'(S - Q): regression towards the identity
- CSLS: cosines of frozen vectors less a share of the solution's crowding among train queries, see retrieval.crowding()
- ridge and CSLS: both, the train queries mapped as well
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from ruvllm.evaluation.retrieval import CSLS_SHARES, InPlace, Ranks, mean_reciprocal_rank
from ruvllm.evaluation.scored import AT_ONCE, crowded_among, of_vectors, parts_of
from ruvllm.workloads.inputs import ignore
from ruvllm.workloads.rows import map_rows
from ruvllm.workloads.splits import Numbers
from ruvllm.workloads.workload import Question, Retrieval, Vectors, types_in

__all__ = [
    "CLOSED", "CLOSED_FORMS", "Form", "closed_form_ranks", "fit_across", "fit_back", "fit_closed_forms", "pairs_of",
]  # fmt: skip

CLOSED_FORMS = ("meanRemoval", "allButTheTop", "ridge", "csls", "ridgeCsls")
CLOSED = "ridgeCsls"
"""The one of them that hybrids and ensembles have of each view."""
DIRECTIONS = (1, 2, 3, 7)
PENALTIES = (1.0, 3.0, 10.0, 30.0)
MOST_PAIRS = 8_000
"""Of the train part of a type: memory for more is not bounded by anything."""

Rows = NDArray[np.float32]
Map = Callable[[Rows], Rows]


@dataclass(frozen=True, slots=True)
class Form:
    """A closed form, fitted."""

    of_query: Map
    of_solution: Map
    past: Rows | None = None
    """Mapped train queries, among which solutions are crowded."""
    shares: tuple[float, ...] = (0.0,)
    """Of the crowding, to choose from."""
    penalty: float | None = None
    """Of the ridge regression; None where there is none."""

    def in_place(self, question: Retrieval, isa: str) -> InPlace:
        """With the first of the shares."""
        return next(self.with_each_share(question, isa))

    def with_each_share(self, question: Retrieval, isa: str) -> Iterator[InPlace]:
        queries, solutions = map_rows(self.of_query, question.queries), map_rows(self.of_solution, question.solutions)
        crowded = np.zeros(len(solutions), np.float32) if self.past is None else crowded_among(solutions, self.past)
        for share in self.shares:
            discount: Rows = np.float32(share) * crowded
            yield InPlace(queries, solutions, discount)


def fit_closed_forms(
    question: Question,
    types: NDArray[np.uint8],
    train: Numbers,
    isa: str,
    progress: Callable[[int, int], None] = ignore,
    names: Sequence[str] = CLOSED_FORMS,
) -> dict[int, dict[str, Form]]:
    """Returns the named closed forms for each type that the test queries have, with their constants.

    Each is fitted for each task type by itself on the tasks `train` (k,); `types` are those of all tasks. Validation
    queries choose the constants. `progress` gets (fits done, fits in all).
    """
    vectors, kinds = question.vectors, types_in(question.test.types)
    fitted: dict[int, dict[str, Form]] = {}
    for i, kind in enumerate(kinds):
        pairs = pairs_of(vectors, train[types[train] == kind])
        validation = question.validation.of_type(kind)
        if len(pairs[0]) < 2 or len(validation.queries) < 2:  # nothing to fit on
            fitted[kind] = dict.fromkeys(names, Form(_unchanged, _unchanged))
            continue
        fits = _fits(*pairs)
        fitted[kind] = {}
        for j, name in enumerate(names):
            progress(i * len(names) + j, len(kinds) * len(names))
            fitted[kind][name] = _best(fits[name](), validation, isa)
    progress(len(kinds) * len(names), len(kinds) * len(names))
    return fitted


def pairs_of(vectors: Vectors, tasks: Numbers) -> tuple[Rows, Rows]:
    """The queries and the right solutions (n, d) of tasks of one type on which forms are fitted."""
    return vectors.queries[tasks[:MOST_PAIRS]], vectors.solutions[tasks[:MOST_PAIRS]]


def fit_back(queries: Rows, solutions: Rows, penalty: float) -> Form:
    """Ridge regression from solutions towards queries, of train pairs (n, d): solutions are mapped, not queries."""
    q_mean, s_mean = queries.mean(axis=0), solutions.mean(axis=0)
    q, s = queries - q_mean, solutions - s_mean
    (apply,) = _ridges(s_mean, s, q - s, [penalty])
    return Form(_minus(q_mean), apply, q)


def fit_across(queries: Rows, solutions: Rows, penalty: float) -> Form:
    """Ridge regression from queries (n, d) of one view to solutions (n, e) of another; for queries and solutions so."""
    q_mean, s_mean = queries.mean(axis=0), solutions.mean(axis=0)
    (apply,) = _regressions(queries - q_mean, solutions - s_mean, [penalty])
    return Form(lambda x: apply(x - q_mean), _minus(s_mean), apply(queries - q_mean))


def closed_form_ranks(question: Retrieval, fitted: dict[int, dict[str, Form]], isa: str) -> dict[str, Ranks]:
    """Returns the ranks (n,) of the right solutions of n queries under each of CLOSED_FORMS.

    Queries of a type for which nothing was fitted are answered by the frozen vectors.
    """
    ranks = {name: np.empty(len(question.queries), dtype=np.int32) for name in CLOSED_FORMS}
    for kind in types_in(question.types):
        of_type = question.of_type(kind)
        forms = fitted.get(kind) or dict.fromkeys(CLOSED_FORMS, Form(_unchanged, _unchanged))
        for name, form in forms.items():
            ranks[name][question.types == kind] = form.in_place(of_type, isa).ranks(of_type, isa)
    return ranks


def _best(forms: list[Form], validation: Retrieval, isa: str) -> Form:
    """With one share."""
    tried = [replace(form, shares=(share,)) for form in forms for share in form.shares]
    if len(tried) == 1:
        return tried[0]
    found = [ranks for form in forms for ranks in _ranks_by_share(form, validation, isa)]
    return tried[int(np.argmax([mean_reciprocal_rank(ranks) for ranks in found]))]


def _ranks_by_share(form: Form, validation: Retrieval, isa: str) -> Ranks:
    """(shares, n): the cosines are the same for all shares."""
    place = replace(form, shares=(1.0,)).in_place(validation, isa)
    scores, crowded = of_vectors(structs.replace(place, discount=None)), place.discount
    ranks = np.empty((len(form.shares), len(validation.queries)), dtype=np.int32)
    for part in parts_of(validation, AT_ONCE):
        cosines = scores(part)
        for found, share in zip(ranks, form.shares, strict=True):
            less = 0.0 if crowded is None else np.float32(share) * crowded[part.candidates]
            found[part.members] = part.ranks(part.settled(cosines - less))
    return ranks


def _fits(queries: Rows, solutions: Rows) -> dict[str, Callable[[], list[Form]]]:
    """Each closed form with the choices for its constants, from train pairs (n, d); fitted when it is called."""
    q_mean, s_mean = queries.mean(axis=0), solutions.mean(axis=0)
    q, s = queries - q_mean, solutions - s_mean

    def all_but_the_top() -> list[Form]:
        top = _principal_directions(np.concatenate([q, s]), max(DIRECTIONS))
        return [Form(_without(q_mean, top[:k]), _without(s_mean, top[:k])) for k in DIRECTIONS]

    @cache
    def ridges() -> list[tuple[float, Map]]:
        return list(zip(PENALTIES, _ridges(q_mean, q, s - q, PENALTIES), strict=True))

    return {
        "meanRemoval": lambda: [Form(_minus(q_mean), _minus(s_mean))],
        "allButTheTop": all_but_the_top,
        "ridge": lambda: [Form(apply, _minus(s_mean), penalty=penalty) for penalty, apply in ridges()],
        "csls": lambda: [Form(_unchanged, _unchanged, queries, CSLS_SHARES)],
        CLOSED: lambda: [
            Form(apply, _minus(s_mean), apply(queries), CSLS_SHARES, penalty) for penalty, apply in ridges()
        ],
    }


def _unchanged(x: Rows) -> Rows:
    return x


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


def _ridges(mean: Rows, queries: Rows, targets: Rows, penalties: Sequence[float]) -> list[Map]:
    """Towards the identity, with each of the penalties: centred x + x W."""

    def towards_itself(apply: Map) -> Map:
        return lambda x: _single((x - mean) + apply(x - mean))

    return [towards_itself(apply) for apply in _regressions(queries, targets, penalties)]


def _regressions(queries: Rows, targets: Rows, penalties: Sequence[float]) -> list[Map]:
    """In the dual where there are fewer pairs than dimensions: x Q' (Q Q' + lambda I)^-1 T."""
    n, d = queries.shape
    is_dual = n <= d
    gram, right = (queries @ queries.T, targets) if is_dual else (queries.T @ queries, queries.T @ targets)

    def with_penalty(penalty: float) -> Map:
        found = np.linalg.solve(gram + penalty * np.eye(len(gram), dtype=np.float32), right)
        return lambda x: _single((x @ queries.T) @ found if is_dual else x @ found)

    return [with_penalty(penalty) for penalty in penalties]


def _single(x: NDArray[np.floating]) -> Rows:
    return np.ascontiguousarray(x, dtype=np.float32)
