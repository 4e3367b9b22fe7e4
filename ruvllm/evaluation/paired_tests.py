"""Tests for two runs that answered the same tasks: exact McNemar, Holm's adjustment, what could have been shown.

p-values are computed in integers: the same digits on every CPU.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ruvllm.evaluation.answers import TaskAnswers
from ruvllm.evaluation.bootstrap import bootstrap_intervals, describe
from ruvllm.evaluation.statistics import mean

__all__ = [
    "LEVEL",
    "PairedDifference",
    "PairedTests",
    "describe_tests",
    "holm_adjusted",
    "mcnemar_p",
    "paired_tests",
    "smallest_difference",
]

LEVEL = 0.05
"""Probability of a false alarm that is accepted, over all McNemar tests together."""
BOOTSTRAP_SEED = 0


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """Two means over the same tasks and how far apart they are; each is the mean of the seeds' means."""

    a: float
    b: float
    difference: float
    """b - a."""
    interval: tuple[float, float]
    """95% interval of the difference, by bootstrap over seeds and tasks."""

    @property
    def excludes_zero(self) -> bool:
        """Whether the whole interval lies on one side of 0."""
        return self.interval[0] > 0 or self.interval[1] < 0


@dataclass(frozen=True, slots=True)
class PairedTests:
    """Run A against run B on n >= 1 tasks that both answered, over one or more seeds."""

    pairs: int
    """n; a task counts once for each seed, and copies of one another count once together."""
    only_a: int
    """Of them, those resolved in A and not in B; of copies, more of them."""
    only_b: int
    p: float
    """McNemar's, of these two counts."""
    holm_p: float
    """The same, adjusted for the number of comparisons."""
    smallest: float | None
    """`smallest_difference` of these pairs and so many comparisons."""
    resolve_rate: PairedDifference
    confidence: PairedDifference
    mrr: PairedDifference | None
    """Mean reciprocal rank, where both runs have ranks."""

    @property
    def significant(self) -> bool:
        """Whether the resolve rates differ beyond chance."""
        return self.holm_p <= LEVEL


def paired_tests(comparisons: Sequence[Sequence[tuple[TaskAnswers, TaskAnswers]]]) -> list[PairedTests]:
    """Test each comparison, which holds the answers of A and B for each seed, and adjust for their number.

    Element i of both answers belongs to the same task. McNemar's test pools the tasks of all seeds and takes them for
    independent; that seeds may differ as well is in the intervals only. Copies of one another have one vote.

    Raises ValueError for a comparison without a seed, or answers of different lengths.
    """
    alone = [_test(seeds) for seeds in comparisons]
    adjusted = holm_adjusted([tests.p for tests in alone])
    return [
        replace(
            tests, holm_p=p, smallest=smallest_difference(tests.only_a + tests.only_b, tests.pairs, len(comparisons))
        )
        for tests, p in zip(alone, adjusted, strict=True)
    ]


def describe_tests() -> dict[str, object]:
    """How the numbers are made, for a report in JSON."""
    return {
        "resolveRate": "exact two-sided McNemar test, tasks pooled over seeds, one vote for all copies of a task",
        "adjustment": "Holm's step-down method over all rows",
        "level": LEVEL,
        "smallestDetectable": "smallest net share of pairs whose exact McNemar p-value times the number of rows is at "
        "most the level, with the discordant pairs there are or the fewest that can reach it",
        "differences": "B - A, means of the seeds' means, paired by task",
        "intervals": describe(BOOTSTRAP_SEED),
    }


def _votes(a: TaskAnswers, b: TaskAnswers) -> NDArray[np.int64]:
    """-1, 0 or 1 for each group of copies (n_groups,): is more of it resolved in A, as much, or more of it in B?"""
    gains = b.resolved.astype(np.int64) - a.resolved
    if a.groups is None:
        return gains
    totals = np.zeros(len(gains), dtype=np.int64)
    groups = np.unique(a.groups, return_inverse=True)[1]
    np.add.at(totals, groups, gains)
    return np.sign(totals[: groups.max() + 1])


def _test(seeds: Sequence[tuple[TaskAnswers, TaskAnswers]]) -> PairedTests:
    a, b = [pair[0] for pair in seeds], [pair[1] for pair in seeds]
    votes = np.concatenate([_votes(x, y) for x, y in seeds])
    only_a, only_b = int(np.count_nonzero(votes < 0)), int(np.count_nonzero(votes > 0))
    p = mcnemar_p(only_a, only_b)
    values = {
        "resolved": [[answers.resolved.astype(float).tolist() for answers in run] for run in (a, b)],
        "confidence": [[answers.confidence.tolist() for answers in run] for run in (a, b)],
    }
    if all(answers.reciprocal_rank is not None for answers in (*a, *b)):
        values["mrr"] = [[_ranks(answers) for answers in run] for run in (a, b)]
    differences = _differences(values, [None if each.groups is None else each.groups.tolist() for each in a])
    return PairedTests(
        pairs=len(votes),
        only_a=only_a,
        only_b=only_b,
        p=p,
        holm_p=p,
        smallest=None,
        resolve_rate=differences["resolved"],
        confidence=differences["confidence"],
        mrr=differences.get("mrr"),
    )


def _ranks(answers: TaskAnswers) -> list[float]:
    return [] if answers.reciprocal_rank is None else answers.reciprocal_rank.tolist()


def _differences(
    values: dict[str, list[list[list[float]]]], groups: Sequence[Sequence[int] | None]
) -> dict[str, PairedDifference]:
    """By metric, from the values of each task of each seed of A and B. All metrics share the bootstrap's draws.

    `groups` has the group of each task of each seed.
    """
    gains = {
        name: [[y - x for x, y in zip(*pair, strict=True)] for pair in zip(a, b, strict=True)]
        for name, (a, b) in values.items()
    }
    intervals = bootstrap_intervals(gains, BOOTSTRAP_SEED, groups=groups)
    return {
        name: PairedDifference(_mean_of_means(a), _mean_of_means(b), _mean_of_means(gains[name]), intervals[name])
        for name, (a, b) in values.items()
    }


def _mean_of_means(seeds: Sequence[Sequence[float]]) -> float:
    return mean([mean(values) for values in seeds])


def mcnemar_p(only_a: int, only_b: int) -> float:
    """Exact two-sided p-value of McNemar's test: were the pairs on which two runs differ split by a fair coin?

    `only_a` and `only_b` count the tasks that only one of them got right; tasks on which they agree say nothing.
    p = min(1, 2 P(X <= min(only_a, only_b))), X binomial with n = only_a + only_b and probability 1/2 (McNemar 1947;
    the exact form is in Agresti, Categorical Data Analysis, sec. 11.1). 1 for no such pair. Values below 1e-300 may
    come out as 0.

    Raises ValueError for a negative count.
    """
    if only_a < 0 or only_b < 0:
        raise ValueError(f"McNemar's test needs counts of at least 0, not {only_a} and {only_b}")
    return min(1.0, 2 * _lower_tail(min(only_a, only_b), only_a + only_b))


def _lower_tail(k: int, n: int) -> float:
    """P(X <= k) for X binomial (n, 1/2) and k <= n / 2, within one unit in the last place where it is above 1e-300.

    Coefficients C(n, i) in integers, relative to the middle one, which counts as 2^1200. They vanish some 40 standard
    deviations away from it, so that the time goes with sqrt(n), and C(n, i) itself never has to be computed.
    """
    middle = n // 2
    term = 1 << 1200
    tail = term if k == middle else 0
    total = term if n % 2 == 0 else 2 * term  # for an odd n there are two middle ones
    for i in range(middle, 0, -1):
        term = term * i // (n - i + 1)  # C(n, i - 1) = C(n, i) i / (n - i + 1)
        if term == 0:
            break
        total += 2 * term  # and its mirror image
        if i - 1 <= k:
            tail += term
    return tail / total


def holm_adjusted(p_values: Sequence[float]) -> list[float]:
    """p-values adjusted for their number by Holm's step-down method (Holm 1979, Scand. J. Statist. 6), in their order.

    To reject where the adjusted value is at most 0.05 makes one false rejection or more with a probability of at
    most 0.05, however the tests depend on each other. Raises ValueError for a value outside [0, 1].
    """
    for p in p_values:
        if not 0 <= p <= 1:  # NaN too
            raise ValueError(f"a p-value must be in [0, 1], not {p}")
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, i in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = highest
    return adjusted


def smallest_difference(discordant: int, n: int, comparisons: int = 1) -> float | None:
    """The smallest difference of two resolve rates, in (0, 1], that n paired tasks could have shown.

    With d discordant pairs, of which k in one direction and d - k >= k in the other, the rates differ by
    (d - 2k) / n. This is the smallest such difference whose exact McNemar p-value, times `comparisons` (Holm's factor
    for the smallest p-value of that many tests), is at most 0.05. d is the number of discordant pairs there are, but
    at least the number that reaches 0.05 when all go in one direction: 6 for one comparison, 8 for six.

    None where n is below that number: no difference at all could have been shown.

    Raises ValueError unless 0 <= discordant <= n, n >= 1 and comparisons >= 1.
    """
    if n < 1 or not 0 <= discordant <= n or comparisons < 1:
        raise ValueError(
            f"a smallest difference needs 0 <= discordant <= n, n >= 1 and comparisons >= 1, "
            f"not {discordant} of {n} and {comparisons}"
        )
    d = discordant
    while comparisons * mcnemar_p(0, d) > LEVEL:
        d += 1
    if d > n:
        return None
    fewer = bisect_right(range(d // 2 + 1), LEVEL, key=lambda k: comparisons * mcnemar_p(k, d - k)) - 1
    return (d - 2 * fewer) / n
