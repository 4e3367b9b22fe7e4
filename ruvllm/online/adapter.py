"""QueryAdapter: the adapter of a ranker for batches, with scikit-learn's manners. It does not need scikit-learn."""

from __future__ import annotations

import importlib
import inspect
import sys
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ruvllm._core import RandomStream, cosine_similarity
from ruvllm.evaluation.statistics import student_t_interval
from ruvllm.online.batches import Rows, Task, queries_of, tasks_of, unit_rows
from ruvllm.online.judgement import Judgement
from ruvllm.online.learning.challenger import Challenger
from ruvllm.online.opening import check_settings, fitted
from ruvllm.online.records import Learning, Settings
from ruvllm.online.state import State

__all__ = ["QueryAdapter"]

ENOUGH = 20
"""Queries from which on a part is set aside to see whether the adapter is better than none."""


class QueryAdapter:
    """Learns a low-rank map of queries from accepted candidates: W = I + scaling * B^T A.

    `fit` sets a fifth of the queries aside and keeps what was learned only if the 95% interval of its gain in mean
    reciprocal rank over no adapter lies above 0 on them; else `transform` returns its input. With fewer than 20 queries
    nothing can be shown, and it returns its input too. `rank` is at most the number of features.
    """

    _challenger: Challenger

    def __init__(
        self, rank: int = 8, *, loss: str = "infonce", learning_rate: float = 0.01, temperature: float = 0.07,
        momentum: float = 0.9, scaling: float = 2.0, epochs: int = 5, validation: float = 0.2, random_state: int = 0,
    ) -> None:  # fmt: skip
        self.rank = rank
        self.loss = loss
        self.learning_rate = learning_rate
        self.temperature = temperature
        self.momentum = momentum
        self.scaling = scaling
        self.epochs = epochs
        self.validation = validation
        self.random_state = random_state

    def fit(
        self, X: ArrayLike, y: ArrayLike | None = None, *, candidates: ArrayLike | None = None,
        accepted: ArrayLike | None = None,
    ) -> Self:  # fmt: skip
        """Learns from queries and their accepted candidates.

        Args:
            X: queries (n, d).
            y: classes of the queries (n,), if there are no candidates: the mean vectors of the classes are the
                candidates then, and each query should find its own.
            candidates: (m, d), the same for all queries, or (n, m, d).
            accepted: places (n,) of the accepted candidates, 0 to m - 1.

        Sets `gain_` (mean, low, high) on the queries set aside, None where too few; `baseline_score_`, the mean
        reciprocal rank there without an adapter; `state_`, what was kept; `n_features_in_`. Raises ValueError for
        shapes that do not fit together and for what is not finite.
        """
        tasks = self._begin(X, y, candidates, accepted)
        order = RandomStream(int(self.random_state)).permutation(len(tasks)).tolist()
        aside = round(self.validation * len(tasks)) if len(tasks) >= ENOUGH else 0
        kept, held = [tasks[i] for i in order[aside:]], [tasks[i] for i in order[:aside]]
        best = State(self.n_features_in_)
        before = [_reciprocal_rank(best, task) for task in held]
        highest = _mean(before)
        for _ in range(self.epochs):
            self._learn(kept)
            now = self._challenger.publish()
            score = _mean([_reciprocal_rank(now, task) for task in held])
            if score > highest:
                best, highest = now, score
        self.baseline_score_ = _mean(before)
        self.gain_ = _gain(before, [_reciprocal_rank(best, task) for task in held])
        self.state_ = best if self.gain_ is not None and self.gain_[1] > 0 else State(self.n_features_in_)
        return self

    def partial_fit(
        self, X: ArrayLike, y: ArrayLike | None = None, *, candidates: ArrayLike | None = None,
        accepted: ArrayLike | None = None,
    ) -> Self:  # fmt: skip
        """Learns once from more queries, and keeps the outcome unseen: nothing is set aside.

        AdaptiveRanker has a guard for that. Classes without candidates (`y` alone) must be those of the first call.
        """
        if hasattr(self, "_challenger"):
            self._check_features(queries_of(X))
            tasks = self._tasks(X, y, candidates, accepted)
        else:
            tasks = self._begin(X, y, candidates, accepted)
            self.baseline_score_, self.gain_ = float("nan"), None
        self._learn(tasks)
        self.state_ = self._challenger.publish()
        return self

    def transform(self, X: ArrayLike) -> Rows:
        """Returns the adapted queries (n, d), float32; the input itself, as float32, where nothing was kept."""
        self._check_fitted()
        rows = queries_of(X)
        self._check_features(rows)
        if self.state_.is_identity or not len(rows):
            return rows
        return np.stack([self.state_.adapt(row) for row in rows])

    def fit_transform(self, X: ArrayLike, y: ArrayLike | None = None, **candidates: ArrayLike) -> Rows:
        """As fit() and then transform()."""
        return self.fit(X, y, **candidates).transform(X)

    def score(
        self, X: ArrayLike, y: ArrayLike | None = None, *, candidates: ArrayLike | None = None,
        accepted: ArrayLike | None = None,
    ) -> float:  # fmt: skip
        """Returns the mean reciprocal rank of the accepted candidates; arguments as for fit()."""
        self._check_fitted()
        self._check_features(queries_of(X))
        return _mean([_reciprocal_rank(self.state_, task) for task in self._tasks(X, y, candidates, accepted)])

    # scikit-learn's manners

    def get_params(self, deep: bool = True) -> dict[str, object]:
        """Returns the arguments that it was made with."""
        return {name: getattr(self, name) for name in self._names()}

    def set_params(self, **params: object) -> Self:
        """Changes arguments. Raises ValueError for a name that is none."""
        for name, value in params.items():
            if name not in self._names():
                raise ValueError(f"QueryAdapter has no parameter {name!r}; it has {', '.join(self._names())}")
            setattr(self, name, value)
        return self

    @classmethod
    def _names(cls) -> list[str]:
        return sorted(set(inspect.signature(cls.__init__).parameters) - {"self"})

    def __repr__(self) -> str:
        defaults = inspect.signature(type(self).__init__).parameters
        changed = [f"{k}={v!r}" for k, v in self.get_params().items() if v != defaults[k].default]
        return f"QueryAdapter({', '.join(changed)})"

    def __sklearn_tags__(self) -> Any:
        tags = importlib.import_module("sklearn.utils")  # has no types

        return tags.Tags(
            estimator_type=None, target_tags=tags.TargetTags(required=True),
            transformer_tags=tags.TransformerTags(preserves_dtype=["float32"]), non_deterministic=False,
        )  # fmt: skip

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "state_")

    # pickling: arrays, not objects of the core

    def __getstate__(self) -> dict[str, object]:
        state = dict(self.__dict__)
        if "state_" in state:
            state["state_"] = self.state_.arrays()
            state["_challenger"] = self._challenger.arrays()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if "state_" in state:
            self.state_ = State.of_arrays(state["state_"])
            self._challenger = Challenger(self._settings(self.n_features_in_))
            self._challenger.restore(state["_challenger"])

    # inside

    def _settings(self, dim: int) -> Settings:
        how = Learning(
            rank=self.rank, learning_rate=self.learning_rate, temperature=self.temperature, momentum=self.momentum,
            scaling=self.scaling, loss=self.loss, seed=int(self.random_state), directions=0,
        )  # fmt: skip
        settings = fitted(Settings(dim=dim, learning=how))
        check_settings(settings)
        return settings

    def _begin(
        self, X: ArrayLike, y: ArrayLike | None, candidates: ArrayLike | None, accepted: ArrayLike | None
    ) -> list[Task]:
        if not self.epochs >= 1 or not 0 < self.validation < 1:
            raise ValueError(f"epochs must be 1 or more and validation in (0, 1): {self.epochs}, {self.validation}")
        dim = queries_of(X).shape[1]
        settings = self._settings(dim)
        for name in ("classes_", "_means", "state_"):
            self.__dict__.pop(name, None)
        tasks = self._tasks(X, y, candidates, accepted)
        self.n_features_in_ = dim
        self._challenger = Challenger(settings)
        return tasks

    def _learn(self, tasks: list[Task]) -> None:
        for query, candidates, place in tasks:
            if query.any():  # else it has no direction
                self._challenger.learn(query, candidates, Judgement(accepted=(place,)))

    def _tasks(
        self, X: ArrayLike, y: ArrayLike | None, candidates: ArrayLike | None, accepted: ArrayLike | None
    ) -> list[Task]:
        queries = queries_of(X)
        if candidates is not None:
            places = y if accepted is None else accepted
            if places is None:
                raise ValueError("candidates need accepted: the place of the right one for each query")
            return list(tasks_of(queries, candidates, places))
        if y is None:
            raise ValueError("QueryAdapter requires y to be passed, but the target y is None: classes or candidates")
        labels = np.asarray(y)
        if labels.shape != (len(queries),):
            raise ValueError(f"y must have {len(queries)} classes, not the shape {labels.shape}")
        return list(tasks_of(queries, *self._classes(queries, labels)))

    def _classes(self, queries: Rows, labels: NDArray[np.generic]) -> tuple[Rows, NDArray[np.int64]]:
        """Mean vectors of the classes that fit() saw, and the class of each query."""
        if not hasattr(self, "classes_"):
            self.classes_, found = np.unique(labels, return_inverse=True)
            units = unit_rows(queries)
            self._means = np.stack([units[found == i].mean(axis=0) for i in range(len(self.classes_))])
            return self._means, found
        places = np.minimum(np.searchsorted(self.classes_, labels), len(self.classes_) - 1)
        if not np.array_equal(self.classes_[places], labels):
            raise ValueError("y has classes that fit() did not see")
        return self._means, places

    def _check_fitted(self) -> None:
        if not hasattr(self, "state_"):
            error: type[Exception] = ValueError
            if "sklearn" in sys.modules:
                error = importlib.import_module("sklearn.exceptions").NotFittedError  # a ValueError too
            raise error("this QueryAdapter is not fitted yet: call fit() or partial_fit()")

    def _check_features(self, rows: Rows) -> None:
        if rows.shape[1] != self.n_features_in_:
            raise ValueError(
                f"X has {rows.shape[1]} features, but QueryAdapter is expecting {self.n_features_in_} features as input"
            )


def _reciprocal_rank(state: State, task: Task) -> float:
    query, candidates, place = task
    scores = cosine_similarity(state.adapt(query), candidates)
    return 1.0 / int(np.count_nonzero(scores >= scores[place]))


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else float("nan")


def _gain(before: list[float], after: list[float]) -> tuple[float, float, float] | None:
    if len(before) < 2:
        return None
    differences = [b - a for a, b in zip(before, after, strict=True)]
    return _mean(differences), *student_t_interval(differences)
