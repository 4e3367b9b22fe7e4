"""QueryAdapter keeps what it learned only if that shows on queries set aside, and has scikit-learn's manners."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable

import numpy as np
import pytest
from online_samples import DIM, stream
from sklearn.base import clone
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import estimator_checks_generator

from ruvllm.online import QueryAdapter


@pytest.fixture(scope="module")
def arrays() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    turns = [turn for turn in stream(103, 420) if len(turn.ids) == 8]
    places = [turn.ids.index(turn.right) for turn in turns]
    return np.stack([t.query for t in turns]), np.stack([t.candidates for t in turns]), np.array(places)


def test_it_learns_what_shows_on_unseen_queries(arrays: tuple[np.ndarray, ...]) -> None:
    queries, candidates, places = arrays
    adapter = QueryAdapter().fit(queries[:300], candidates=candidates[:300], accepted=places[:300])
    assert adapter.gain_ is not None and adapter.gain_[1] > 0
    plain = QueryAdapter(epochs=1).fit(queries[:5], candidates=candidates[:5], accepted=places[:5])
    rest = {"candidates": candidates[300:], "accepted": places[300:]}
    assert adapter.score(queries[300:], **rest) > plain.score(queries[300:], **rest) + 0.1
    assert np.array_equal(plain.transform(queries), queries)  # too few to show anything: as they came


def test_what_does_not_show_is_not_kept(arrays: tuple[np.ndarray, ...]) -> None:
    queries, candidates, _ = arrays
    kept = 0
    for seed in range(6):
        drawn = np.random.default_rng(seed).integers(8, size=200)
        adapter = QueryAdapter(epochs=2, random_state=seed)
        adapter.fit(queries[:200], candidates=candidates[:200], accepted=drawn)
        kept += not adapter.state_.is_identity
    assert kept <= 1


def test_more_queries_are_learned_from_one_after_another(arrays: tuple[np.ndarray, ...]) -> None:
    queries, candidates, places = arrays
    at_once, in_parts = QueryAdapter(), QueryAdapter()
    at_once.partial_fit(queries[:60], candidates=candidates[:60], accepted=places[:60])
    for i in range(0, 60, 20):
        in_parts.partial_fit(queries[i : i + 20], candidates=candidates[i : i + 20], accepted=places[i : i + 20])
    assert at_once.transform(queries).tobytes() == in_parts.transform(queries).tobytes()
    again = pickle.loads(pickle.dumps(in_parts))
    for adapter in (again, in_parts):
        adapter.partial_fit(queries[60:90], candidates=candidates[60:90], accepted=places[60:90])
    assert again.transform(queries).tobytes() == in_parts.transform(queries).tobytes()


def test_it_stands_in_a_pipeline() -> None:
    rng = np.random.default_rng(1)
    centres = rng.standard_normal((6, DIM))
    y = rng.integers(6, size=300)
    noise = np.zeros((300, DIM))
    noise[:, :3] = 12 * rng.standard_normal((300, 3))  # three directions that say nothing
    X = centres[y] + noise
    plain = KNeighborsClassifier(metric="cosine").fit(X[:200], y[:200]).score(X[200:], y[200:])
    adapted = make_pipeline(QueryAdapter(rank=8, learning_rate=0.03), KNeighborsClassifier(metric="cosine"))
    assert adapted.fit(X[:200], y[:200]).score(X[200:], y[200:]) > plain
    assert clone(adapted[0]).get_params()["rank"] == 8 and repr(QueryAdapter(rank=2)) == "QueryAdapter(rank=2)"


with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # that it does not inherit from BaseEstimator, because it does not need it
    CHECKS = list(estimator_checks_generator(QueryAdapter(epochs=1)))


@pytest.mark.parametrize(("estimator", "check"), CHECKS, ids=[check.func.__name__ for _, check in CHECKS])
@pytest.mark.filterwarnings("ignore")
def test_scikit_learns_own_checks(estimator: QueryAdapter, check: Callable[[QueryAdapter], None]) -> None:
    check(estimator)


def test_wrong_arguments_are_refused_in_one_line(arrays: tuple[np.ndarray, ...]) -> None:
    queries, candidates, places = arrays
    for wrong in (
        lambda: QueryAdapter().transform(queries),
        lambda: QueryAdapter(loss="hinge").fit(queries, candidates=candidates, accepted=places),
        lambda: QueryAdapter(epochs=0).fit(queries, candidates=candidates, accepted=places),
        lambda: QueryAdapter().fit(queries, candidates=candidates, accepted=places + 8),
        lambda: QueryAdapter().fit(queries, candidates=candidates[:5], accepted=places),
        lambda: QueryAdapter().fit(queries, candidates=candidates),
        lambda: QueryAdapter().set_params(rang=3),
    ):
        with pytest.raises(ValueError) as caught:
            wrong()
        assert "\n" not in str(caught.value)
