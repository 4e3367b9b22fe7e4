"""Paired tests against SciPy, exact fractions and hand-worked cases."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from results_samples import split_answers
from scipy import stats

from ruvllm.evaluation.answers import TaskAnswers
from ruvllm.evaluation.bootstrap import bootstrap_interval
from ruvllm.evaluation.paired_tests import (
    PairedDifference,
    describe_tests,
    holm_adjusted,
    mcnemar_p,
    paired_tests,
    smallest_difference,
)


def exact_p(only_a: int, only_b: int) -> Fraction:
    """McNemar's p-value as it is defined, in fractions."""
    n = only_a + only_b
    tail = sum(math.comb(n, k) for k in range(min(only_a, only_b) + 1))
    return min(Fraction(1), Fraction(2 * tail, 2**n))


# McNemar


@pytest.mark.parametrize(
    ("only_a", "only_b", "p"),
    [(0, 0, 1.0), (0, 1, 1.0), (0, 5, 0.0625), (0, 6, 0.03125), (9, 1, 2 * 11 / 1024), (3, 3, 1.0), (3, 4, 1.0)],
)
def test_mcnemar_by_hand(only_a: int, only_b: int, p: float) -> None:
    assert mcnemar_p(only_a, only_b) == p


def test_mcnemar_is_the_exact_sum_for_all_small_counts() -> None:
    for only_a, only_b in itertools.product(range(46), repeat=2):
        exact = float(exact_p(only_a, only_b))
        assert abs(mcnemar_p(only_a, only_b) - exact) <= math.ulp(exact)


@pytest.mark.parametrize(
    ("only_a", "only_b"),
    [(0, 900), (400, 700), (1000, 1000), (1000, 1001), (1000, 1100), (50_000, 50_700), (150_001, 148_000),
     (1_000_000, 1_003_000)],
)  # fmt: skip
def test_mcnemar_is_scipys_for_large_counts(only_a: int, only_b: int) -> None:
    expected = stats.binomtest(only_a, only_a + only_b).pvalue
    assert mcnemar_p(only_a, only_b) == pytest.approx(expected, rel=1e-9)


def test_mcnemar_is_exact_down_to_the_smallest_doubles() -> None:
    for only_a, only_b in [(0, 900), (3, 980), (40, 1200), (500, 2000)]:
        assert mcnemar_p(only_a, only_b) == pytest.approx(float(exact_p(only_a, only_b)), rel=3e-16)
        assert exact_p(only_a, only_b) > 0


def test_a_p_value_below_all_doubles_is_zero() -> None:
    assert mcnemar_p(0, 5000) == 0.0


@given(st.integers(0, 3000), st.integers(0, 3000))
def test_mcnemar_does_not_mind_which_run_is_which(only_a: int, only_b: int) -> None:
    assert 0 <= mcnemar_p(only_a, only_b) == mcnemar_p(only_b, only_a) <= 1


@pytest.mark.parametrize("counts", [(-1, 3), (3, -1)])
def test_mcnemar_refuses_negative_counts(counts: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=f"at least 0, not {counts[0]} and {counts[1]}"):
        mcnemar_p(*counts)


# Holm


def holm_by_closed_testing(p_values: list[float]) -> list[float]:
    """Holm's method as the closure of Bonferroni's: the worst over all sets of tests that one belongs to."""
    tests = range(len(p_values))
    sets = [s for size in tests for s in itertools.combinations(tests, size + 1)]
    return [max(min(1.0, len(s) * min(p_values[j] for j in s)) for s in sets if i in s) for i in tests]


def test_holm_by_hand() -> None:
    # sorted 0.01, 0.03, 0.04 times 3, 2, 1 are 0.03, 0.06 and 0.04; the last may not fall below the one before
    assert holm_adjusted([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06], rel=1e-15)
    assert holm_adjusted([0.2]) == [0.2]
    assert holm_adjusted([]) == []
    assert holm_adjusted([0.6, 1.0]) == [1.0, 1.0]


@given(st.lists(st.sampled_from([0.0, 0.001, 0.01, 0.01, 0.02, 0.05, 0.3, 0.9, 1.0]), min_size=1, max_size=7))
def test_holm_is_closed_testing_with_bonferroni(p_values: list[float]) -> None:
    assert holm_adjusted(p_values) == pytest.approx(holm_by_closed_testing(p_values), rel=1e-15)


@pytest.mark.parametrize("p", [-0.1, 1.1, math.nan])
def test_holm_refuses_what_is_no_p_value(p: float) -> None:
    with pytest.raises(ValueError, match=r"in \[0, 1\], not"):
        holm_adjusted([0.5, p])


def test_false_alarms_stay_rare_over_six_models() -> None:
    draws = np.random.default_rng(0).binomial(40, 0.5, size=(1000, 6))
    alarms = sum(min(holm_adjusted([mcnemar_p(int(k), 40 - int(k)) for k in row])) <= 0.05 for row in draws)
    assert 5 <= alarms <= 70  # an exact test of few pairs stays below its level


# the smallest difference


@pytest.mark.parametrize(
    ("discordant", "n", "comparisons", "expected"),
    [
        (0, 100, 1, 6 / 100),  # 6 in one direction: p = 1/32
        (6, 100, 1, 6 / 100),
        (3, 6, 1, 6 / 6),
        (0, 100, 6, 8 / 100),  # 6 * 2 / 2^8 = 0.047
        (10, 100, 1, 8 / 100),  # 1 against 9: p = 0.021; 2 against 8: 0.109
        (20, 100, 1, 10 / 100),  # 5 against 15: p = 0.041; 6 against 14: 0.115
        (20, 100, 6, 14 / 100),  # 3 against 17: p = 0.0026; 4 against 16: 0.0118, times 6
        (0, 5, 1, None),
        (5, 5, 1, None),
        (7, 7, 6, None),
    ],
)
def test_smallest_difference_by_hand(discordant: int, n: int, comparisons: int, expected: float | None) -> None:
    assert smallest_difference(discordant, n, comparisons) == expected


@pytest.mark.parametrize("comparisons", [1, 2, 6, 18])
def test_smallest_difference_is_the_first_that_reaches_the_level(comparisons: int) -> None:
    fewest = next(d for d in range(100) if comparisons * exact_p(0, d) <= Fraction(1, 20))
    for discordant in range(70):
        d = max(discordant, fewest)
        net = min(d - 2 * k for k in range(d // 2 + 1) if comparisons * exact_p(k, d - k) <= Fraction(1, 20))
        assert smallest_difference(discordant, 1000, comparisons) == net / 1000


@pytest.mark.parametrize("arguments", [(0, 0), (-1, 5), (6, 5), (3, 5, 0)])
def test_smallest_difference_refuses_what_is_no_count(arguments: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=f"not {arguments[0]} of {arguments[1]}"):
        smallest_difference(*arguments)


# all of it


def task_answers(resolved: list[int], confidence: float = 0.5, ranks: list[float] | None = None) -> TaskAnswers:
    return TaskAnswers(
        np.arange(len(resolved)),
        np.array(resolved, dtype=bool),
        np.full(len(resolved), confidence),
        None if ranks is None else np.array(ranks),
    )


def pair(counts: dict[str, int], confidences: tuple[float, float] = (0.5, 0.5)) -> tuple[TaskAnswers, TaskAnswers]:
    a, b = split_answers(**counts)
    return task_answers(a, confidences[0]), task_answers(b, confidences[1])


def test_counts_are_pooled_over_seeds() -> None:
    first = pair({"both": 10, "only_a": 1, "only_b": 7, "neither": 2})
    second = pair({"both": 5, "only_a": 2, "only_b": 9, "neither": 4})
    (tests,) = paired_tests([[first, second]])
    assert (tests.pairs, tests.only_a, tests.only_b) == (40, 3, 16)
    assert tests.p == tests.holm_p == float(exact_p(3, 16))
    assert tests.significant
    assert tests.resolve_rate.a == pytest.approx(18 / 40)
    assert tests.resolve_rate.b == pytest.approx(31 / 40)
    assert tests.resolve_rate.difference == pytest.approx(13 / 40)
    assert tests.smallest == smallest_difference(19, 40)


def test_copies_of_one_task_have_one_vote() -> None:
    once = pair({"both": 10, "only_a": 2, "only_b": 7, "neither": 1})
    groups = np.tile(np.arange(20), 4)
    copied = [
        structs.replace(
            each,
            tasks=np.arange(80),
            resolved=np.tile(each.resolved, 4),
            confidence=np.tile(each.confidence, 4),
            groups=groups,
        )
        for each in once
    ]
    (alone,) = paired_tests([[once]])
    (tests,) = paired_tests([[(copied[0], copied[1])]])
    assert tests == alone


def test_copies_that_disagree_vote_as_most_of_them_do() -> None:
    a, b = task_answers([1, 1, 0, 0, 1]), task_answers([0, 0, 1, 1, 0])
    votes = structs.replace(a, groups=np.array([0, 0, 0, 3, 4])), structs.replace(b, groups=np.array([0, 0, 0, 3, 4]))
    (tests,) = paired_tests([[votes]])
    assert (tests.pairs, tests.only_a, tests.only_b) == (3, 2, 1)


def test_each_seed_weighs_the_same_in_a_difference() -> None:
    (tests,) = paired_tests([[pair({"only_b": 10}), pair({"neither": 1000})]])
    assert (tests.resolve_rate.a, tests.resolve_rate.b, tests.resolve_rate.difference) == (0.0, 0.5, 0.5)


def test_a_difference_has_the_bootstrap_interval_of_its_paired_gains() -> None:
    seeds = [pair({"both": 20, "only_a": i, "only_b": 6 - i, "neither": 9}, (0.5, 0.5 + 0.1 * i)) for i in range(3)]
    (tests,) = paired_tests([seeds])
    gains = [(b.resolved.astype(float) - a.resolved.astype(float)).tolist() for a, b in seeds]
    assert tests.resolve_rate.interval == bootstrap_interval(gains, seed=0)
    gains = [(b.confidence - a.confidence).tolist() for a, b in seeds]
    assert tests.confidence.interval == bootstrap_interval(gains, seed=0)
    assert tests.confidence.difference == pytest.approx(0.1)


def test_ranks_are_compared_where_both_have_them() -> None:
    a = task_answers([1, 0, 1, 1], ranks=[1.0, 0.5, 0.25, 1.0])
    b = task_answers([1, 0, 1, 1], ranks=[1.0, 1.0, 0.5, 1.0])
    (tests,) = paired_tests([[(a, b)]])
    assert tests.mrr is not None
    assert (tests.mrr.a, tests.mrr.b, tests.mrr.difference) == (0.6875, 0.875, 0.1875)
    assert tests.mrr.interval == bootstrap_interval([[0.0, 0.5, 0.25, 0.0]], seed=0)
    (tests,) = paired_tests([[(a, task_answers([1, 0, 1, 1]))]])
    assert tests.mrr is None


def test_the_number_of_comparisons_makes_a_test_stricter() -> None:
    alone = pair({"both": 50, "only_a": 6})
    assert paired_tests([[alone]])[0].significant
    tests = paired_tests([[alone], [pair({"both": 50, "only_a": 1})], [pair({"both": 50, "only_b": 12})]])
    assert [t.holm_p for t in tests] == holm_adjusted([1 / 32, 1.0, 2 / 2**12])
    assert [t.significant for t in tests] == [False, False, True]
    assert [t.smallest for t in tests] == [7 / 56, 7 / 51, 10 / 62]


def test_exchanging_the_runs_mirrors_everything() -> None:
    seeds = [pair({"both": 20, "only_a": 2, "only_b": 9, "neither": 9}, (0.25, 0.75)) for _ in range(2)]
    (there,), (back,) = paired_tests([seeds]), paired_tests([[(b, a) for a, b in seeds]])
    assert (there.only_a, there.only_b, there.p) == (back.only_b, back.only_a, back.p)
    for one, other in ((there.resolve_rate, back.resolve_rate), (there.confidence, back.confidence)):
        assert one.difference == -other.difference
        assert one.interval == (-other.interval[1], -other.interval[0])


def test_the_interval_and_the_test_find_a_true_difference_and_leave_chance_alone() -> None:
    r = np.random.default_rng(7)
    found = {0.0: 0, 0.15: 0}
    for gain in found:
        for _ in range(40):
            a, b = r.random(300) < 0.5, r.random(300) < 0.5 + gain
            (tests,) = paired_tests([[(task_answers(a.tolist()), task_answers(b.tolist()))]])
            found[gain] += tests.significant and tests.resolve_rate.excludes_zero
    assert found[0.0] <= 6
    assert found[0.15] >= 30


def test_an_interval_excludes_zero_only_beyond_it() -> None:
    inside = [(-0.1, 0.1), (0.0, 0.2), (-0.2, 0.0), (0.0, 0.0)]
    assert not any(PairedDifference(0.0, 0.0, 0.0, interval).excludes_zero for interval in inside)
    assert all(PairedDifference(0.0, 0.0, 0.0, interval).excludes_zero for interval in [(0.1, 0.2), (-0.2, -0.1)])


def test_the_description_names_level_resamples_and_seed() -> None:
    method = describe_tests()
    assert (method["level"], method["intervals"]["resamples"], method["intervals"]["seed"]) == (0.05, 10_000, 0)
