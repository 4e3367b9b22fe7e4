"""The verdict on planted results: it says gain, loss, ceiling, and what is free, where they are, and nowhere else."""

from __future__ import annotations

from typing import Any

import pytest
from bench_samples import hand_made
from msgspec import structs
from verdict_samples import judged, run

from ruvllm.results import verdict
from ruvllm.results.verdict import judge_row, widened


def outcome(*entries: Any, rows: int = 1) -> str:
    return judge_row(*judged(*entries), rows).main.outcome


def three(**planted: Any) -> list[Any]:
    return [run(seed=seed, **planted) for seed in range(3)]


def test_a_gain_is_a_gain_and_its_mirror_is_a_loss() -> None:
    found = judge_row(*judged(*three(before=40, after=60)))
    assert (found.main.measure, found.main.outcome) == ("recall_at_1", verdict.BETTER)
    assert found.main.gain.gain == pytest.approx(0.2) and found.main.gain.gain_ci95[0] > 0
    assert (found.main.gain.frozen, found.main.gain.learned) == pytest.approx((0.4, 0.6))
    assert outcome(*three(before=60, after=40)) == verdict.WORSE


def test_no_gain_is_not_shown_however_many_tasks_change() -> None:
    found = judge_row(*judged(*three(before=50, after=50, shift=25)))
    assert found.main.gain.gain == 0
    assert found.main.outcome == verdict.NOT_SHOWN
    assert found.main.gain.gain_ci95[0] < 0 < found.main.gain.gain_ci95[1]


def test_a_start_at_the_top_leaves_nothing_to_learn() -> None:
    assert outcome(*three(before=100, after=100)) == verdict.CEILING
    assert outcome(*three(before=99, after=100)) == verdict.CEILING
    assert outcome(*three(before=100, after=60)) == verdict.WORSE  # harm is harm wherever it starts
    assert outcome(*three(before=97, after=97)) == verdict.NOT_SHOWN


@pytest.mark.parametrize(("changed", "shown"), [(5, verdict.NOT_SHOWN), (6, verdict.BETTER)])
def test_too_few_changes_show_nothing_though_a_bootstrap_of_equal_values_has_no_width(changed: int, shown: str) -> None:
    """All of n tasks were won: the interval is [100, 100], but the exact sign test needs 6."""
    found = judge_row(*judged(run(before=0, after=changed, of=changed)))
    assert found.main.gain.gain_ci95 == (1.0, 1.0)
    assert found.main.outcome == shown


def test_the_best_of_many_rows_needs_more_than_one_alone() -> None:
    planted = [run(before=50, after=58, shift=3)]
    alone, one_of_many = (judge_row(*judged(*planted), rows) for rows in (1, 1000))
    assert alone.main.outcome == verdict.BETTER
    assert (one_of_many.main.outcome, one_of_many.main.adjusted) == (verdict.NOT_SHOWN, True)
    assert alone.main.gain == one_of_many.main.gain  # what is shown is the same interval
    harm = run(before=58, after=47, shift=3)
    assert outcome(harm, rows=1000) == verdict.WORSE  # a warning that is missed costs more than a false one


def test_widening_is_bonferronis() -> None:
    assert widened(0.1, (0.0, 0.3), 1) == pytest.approx((0.0, 0.3))
    low, high = widened(0.0, (-1.959964, 1.959964), 10)
    assert (low, high) == pytest.approx((-2.807034, 2.807034), abs=1e-5)  # z of 0.9975


def test_what_is_free_is_the_best_of_its_closed_forms_and_is_compared_with_learning() -> None:
    better = judge_row(*judged(*three(before=40, after=50, free={"ridge": 45, "ridgeCsls": 80, "meanRemoval": 41})))
    assert better.free is not None
    assert (better.free.method, better.free.outcome) == ("ridgeCsls", verdict.BETTER)
    assert better.free.gain.gain == pytest.approx(0.4) and better.free.ahead == pytest.approx(-0.3)
    assert better.words is None
    same = judge_row(*judged(*three(before=40, after=60, free={"ridge": 59, "csls": 41})))
    assert same.free is not None and (same.free.method, same.free.outcome) == ("ridge", verdict.SAME)
    behind = judge_row(*judged(*three(before=40, after=80, free={"csls": 42})))
    assert behind.free is not None and (behind.free.method, behind.free.outcome) == ("csls", verdict.WORSE)


def test_words_are_free_and_what_was_learned_from_them_is_not() -> None:
    runs = three(before=40, after=60, free={"hybridFrozen": 55, "ridge": 41})
    for entry in runs:
        entry["answers"]["hybrid"] = [1.0] * 100
    found = judge_row(*judged(*runs))
    assert found.free is not None and found.words is not None
    assert (found.free.method, found.words.method) == ("hybridFrozen", "hybridFrozen")
    assert found.words.gain.gain == pytest.approx(0.15)
    assert found.words.ahead == pytest.approx(0.05)



def test_without_closed_forms_nothing_is_said_of_them() -> None:
    summary, runs = judged(*three(before=40, after=60))
    assert judge_row(structs.replace(summary, comparison=None), runs).free is None


def test_a_wide_gap_between_train_and_test_is_memorising_and_a_narrow_one_is_not() -> None:
    assert judge_row(*judged(*three(train=1.0))).memorises
    assert not judge_row(*judged(*three(train=0.55))).memorises
    assert not judge_row(*judged(*(run(before=5, after=5, of=10, train=0.75, seed=s) for s in range(3)))).memorises


def test_the_other_measure_stands_beside_it_and_may_disagree() -> None:
    found = judge_row(*judged(*three(before=40, after=60, resolved=(80, 50))))
    assert found.other is not None
    assert (found.main.outcome, found.other.measure, found.other.outcome) == (
        *(verdict.BETTER, "resolve_rate", verdict.WORSE),
    )


def test_the_simulated_workload_is_judged_by_the_resolve_rate() -> None:
    entries = [hand_made(seed=seed, before=[0] * 60 + [1] * 40, after=[0] * 40 + [1] * 60) for seed in range(3)]
    found = judge_row(*judged(*entries))
    assert (found.main.measure, found.main.outcome, found.other, found.free) == (
        *("resolve_rate", verdict.BETTER, None, None),
    )


def test_sizes_seeds_and_width() -> None:
    found = judge_row(*judged(run(before=4, after=6, of=10)))
    assert found.parts == {"train": 300, "valid": 100, "test": 10, "holdout": 50}
    assert (found.tests, found.seeds, found.few_seeds, found.wide) == (10, 1, True, True)
    summary, runs = judged(*three())
    assert not judge_row(summary, runs).few_seeds
    silent = [structs.replace(each, anti_overfitting=None) for each in runs]
    assert judge_row(summary, silent).parts == {}


def test_a_trimmed_file_is_judged_alike() -> None:
    summary, runs = judged(*three(before=40, after=60))
    trimmed = [structs.replace(each, answers=None) for each in runs]
    assert judge_row(summary, trimmed).main == judge_row(summary, runs).main
