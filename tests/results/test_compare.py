"""Comparing results: what is paired with what, what is left out, and the verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from results_samples import MODEL, document, entry, parsed, results, split_answers

from ruvllm.evaluation.paired_tests import PairedDifference, PairedTests, holm_adjusted, mcnemar_p
from ruvllm.results.compare import Comparison, Row, compare, judge
from ruvllm.results.pairing import CannotCompareError

OTHER_SET = "cd" * 32


def refusal(a: Sequence[dict[str, Any]], b: Sequence[dict[str, Any]]) -> str:
    with pytest.raises(CannotCompareError) as caught:
        compare(results(*a), results(*b))
    assert str(caught.value).isprintable()
    return str(caught.value)


def two_runs(counts: dict[str, int], **fields: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    a, b = split_answers(**counts)
    return entry(a, **fields), entry(b, **fields)


def compare_two(*pairs: tuple[dict[str, Any], dict[str, Any]]) -> Comparison:
    return compare(results(*(a for a, _ in pairs)), results(*(b for _, b in pairs)))


# settings

OPTIONS = {"profile": "quick", "protocols": ["v3"], "models": [MODEL], "workload": "simulated", "seeds": [0],
           "stream": "mixed", "controls": True}  # fmt: skip


def test_other_settings_are_named() -> None:
    """Two runs may differ in more than what is to be compared."""
    a = document(entry(), options=OPTIONS)
    b = document(entry(), options={**OPTIONS, "profile": "full", "rank": 8, "seeds": [0, 1]}, version="0.9.0")
    found = compare(parsed(a), parsed(b)).notes
    expected = "version 0.1.0 in A, 0.9.0 in B; profile quick in A, full in B; rank default in A, 8 in B"
    assert f"run with other settings: {expected}" in found
    assert not [note for note in compare(parsed(a), parsed(a)).notes if "settings" in note]
    assert not [note for note in compare(parsed(a), parsed(document(entry()))).notes if "settings" in note]


# pairing


def test_tasks_are_paired_by_their_number_not_their_place() -> None:
    a = entry([1, 1, 0, 0], tasks=[10, 11, 12, 13], confidence=[0.1, 0.2, 0.3, 0.4])
    b = entry([0, 1, 0, 1], tasks=[13, 12, 11, 10], confidence=[0.4, 0.3, 0.2, 0.1])
    (row,) = compare(results(a), results(b)).rows
    # 10: both, 11: only A, 12: only B, 13: neither
    assert (row.tests.pairs, row.tests.only_a, row.tests.only_b) == (4, 1, 1)
    assert row.tests.confidence.interval == (0.0, 0.0)


def test_seeds_are_pooled_and_kept_apart() -> None:
    comparison = compare_two(
        two_runs({"both": 3, "only_a": 1}, seed=4), two_runs({"only_b": 2, "neither": 2}, seed=9, taskSet=OTHER_SET)
    )
    (row,) = comparison.rows
    assert row.seeds == (4, 9)
    assert (row.tests.pairs, row.tests.only_a, row.tests.only_b) == (8, 1, 2)


def test_folds_of_a_seed_are_pooled() -> None:
    a = [entry([1, 0], tasks=[2 * i, 2 * i + 1], fold=i + 1, folds=3) for i in range(3)]
    b = [entry([1, 1], tasks=[i, i + 3], fold=i + 1, folds=3) for i in range(3)]  # other folds of the same tasks
    (row,) = compare(results(*a), results(*b)).rows
    assert (row.seeds, row.tests.pairs, row.tests.only_a, row.tests.only_b) == ((0,), 6, 0, 3)


def test_folds_whose_vectors_differ_are_paired_fold_by_fold() -> None:
    def runs(resolved: list[int]) -> list[dict[str, Any]]:
        return [entry(resolved, tasks=[2 * i, 2 * i + 1], fold=i + 1, folds=2, taskSet=s) for i, s in
                enumerate((OTHER_SET, "ef" * 32))]  # fmt: skip

    (row,) = compare(results(*runs([1, 0])), results(*runs([1, 1]))).rows
    assert (row.tests.pairs, row.tests.only_b) == (4, 2)


def test_the_same_number_in_another_task_set_is_another_task() -> None:
    a, b = (
        [entry([1, 0], tasks=[2 * i, 2 * i + 1], fold=i + 1, folds=2, taskSet=s) for i, s in enumerate(sets)]
        for sets in ((OTHER_SET, "ef" * 32), (OTHER_SET, "01" * 32))
    )
    comparison = compare(results(*a), results(*b))
    assert comparison.rows[0].tests.pairs == 2
    assert "left out, tested only in A: 2 of 4 tasks" in comparison.notes


def test_a_task_that_only_one_tested_is_left_out_and_counted() -> None:
    a = [entry([1, 0, 0], tasks=[1, 2, 3])]
    b = [entry([0, 1], tasks=[2, 7])]
    comparison = compare(results(*a), results(*b))
    assert comparison.rows[0].tests.pairs == 1
    assert "left out, tested only in A: 2 of 3 tasks" in comparison.notes
    assert "left out, tested only in B: 1 of 2 tasks" in comparison.notes


def test_models_have_a_row_each_in_the_order_of_a() -> None:
    pairs = [two_runs({"both": 2, "only_a": i}, model=f"m{i}") for i in (2, 1, 3)]
    a, b = results(*(a for a, _ in pairs)), results(*(b for _, b in reversed(pairs)))
    assert [(row.model, row.tests.only_a) for row in compare(a, b).rows] == [("m2", 2), ("m1", 1), ("m3", 3)]


def test_holm_adjusts_over_the_models() -> None:
    comparison = compare_two(*(two_runs({"both": 9, "only_a": 6 + i}, model=f"m{i}") for i in range(3)))
    expected = holm_adjusted([mcnemar_p(6 + i, 0) for i in range(3)])
    assert [row.tests.holm_p for row in comparison.rows] == expected


def test_one_protocol_each_is_compared_though_they_differ() -> None:
    a, b = two_runs({"both": 3, "only_b": 6})
    (row,) = compare(results({**a, "protocol": "v2"}), results(b)).rows
    assert row.protocols == ("v2", "v3")


def test_several_protocols_are_compared_each_with_itself() -> None:
    comparison = compare_two(
        two_runs({"both": 5, "only_a": 1}, protocol="v1"), two_runs({"both": 4, "only_b": 2}, protocol="v2")
    )
    assert [(row.protocols, row.tests.only_a, row.tests.only_b) for row in comparison.rows] == [
        (("v1", "v1"), 1, 0),
        (("v2", "v2"), 0, 2),
    ]


@pytest.mark.parametrize("side", "AB")
def test_of_several_protocols_against_one_the_same_one_is_compared(side: str) -> None:
    one, several = results(entry([1])), results(entry([0], protocol="v2"), entry([1]), entry([0], protocol="v1"))
    comparison = compare(several, one) if side == "A" else compare(one, several)
    assert [(row.protocols, row.tests.resolve_rate.difference) for row in comparison.rows] == [(("v3", "v3"), 0.0)]
    assert comparison.notes[0] == f"left out, only in {side}: protocols v2 and v1"


def test_what_only_one_file_has_is_left_out_and_named() -> None:
    both = [entry(), entry(seed=1)]
    a = [*both, entry(seed=2), entry(model="x"), entry(protocol="v1")]
    b = [*both, entry(seed=3), entry(seed=4), entry(seed=5), entry(model="y"), entry(model="z"), entry(protocol="v2")]
    comparison = compare(results(*a), results(*b))
    assert [(row.model, row.seeds) for row in comparison.rows] == [(MODEL, (0, 1))]
    assert comparison.notes[:6] == (
        "left out, only in A: protocol v1",
        "left out, only in B: protocol v2",
        "left out, only in A: model x",
        "left out, only in B: models y and z",
        "left out, only in A: seed 2",
        "left out, only in B: seeds 3 to 5",
    )


def test_a_note_names_the_models_that_it_is_about_unless_it_is_about_all() -> None:
    a = [entry(model=m, seed=s) for m in "xyz" for s in (0, 1)]
    b = [entry(model="x"), entry(model="y"), entry(model="z"), entry(model="z", seed=1)]
    notes = compare(results(*a), results(*b)).notes
    assert "x and y: left out, only in A: seed 1" in notes
    assert "left out, only in A: seed 1" in compare(results(*a[:4]), results(*b[:2])).notes


def test_a_seed_with_other_tasks_is_left_out() -> None:
    a = [entry(seed=s) for s in range(4)]
    b = [entry(), entry(seed=1, taskSet=OTHER_SET), entry(seed=2, tasks=[4, 5, 6, 7]), entry(seed=3)]
    comparison = compare(results(*a), results(*b))
    assert comparison.rows[0].seeds == (0, 3)
    assert "left out, for its tasks differ: seeds 1 and 2" in comparison.notes


def test_a_model_that_cannot_be_paired_is_left_out_with_its_reason() -> None:
    a = [entry(), entry(model="x", seed=1)]
    b = [entry(), entry(model="x", seed=2)]
    comparison = compare(results(*a), results(*b))
    assert [row.model for row in comparison.rows] == [MODEL]
    assert "x: no common seed: A has 1, B has 2" in comparison.notes


def test_a_protocol_that_cannot_be_paired_is_left_out_with_its_reason() -> None:
    a = [entry(protocol="v1"), entry(protocol="v2", model="x")]
    b = [entry(protocol="v1"), entry(protocol="v2", model="y")]
    comparison = compare(results(*a), results(*b))
    assert [row.protocols for row in comparison.rows] == [("v1", "v1")]
    assert "v2: no common model: A has x, B has y" in comparison.notes


def test_a_file_compared_with_itself_shows_no_difference() -> None:
    file = results(entry([1, 0] * 50), entry([0, 1] * 50, model="x"))
    comparison = compare(file, file)
    assert [(row.tests.p, row.tests.resolve_rate.difference) for row in comparison.rows] == [(1.0, 0.0)] * 2
    assert judge(comparison).exit_code == 0
    assert judge(comparison, margin=0).exit_code == 0


# what cannot be compared


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ([{"workload": "code"}], [{}], "the workloads differ: code in A, simulated in B"),
        ([{"protocol": "v1"}, {"protocol": "v2"}], [{}], "no common protocol: A has v1 and v2, B has v3 "
         "(two different ones can be compared if each file has only one)"),
        ([{"model": "x"}], [{"model": "y"}, {"model": "z"}], "no common model: A has x, B has y and z"),
        ([{"seed": 0}, {"seed": 1}, {"seed": 2}], [{"seed": 7}], "no common seed: A has 0 to 2, B has 7"),
        ([{}, {"seed": 1}], [{"taskSet": OTHER_SET}, {"seed": 1, "taskSet": OTHER_SET}],
         "the tasks differ: taskSet is another one in B, seeds 0 and 1"),
        ([{}], [{"tasks": [4, 5, 6, 7]}], "no task was tested in both A and B, seed 0"),
        ([{"model": "\x1b[2J"}], [{"model": "y"}], "no common model: A has \\x1b[2J, B has y"),
    ],
)  # fmt: skip
def test_nothing_in_common_names_the_rule(a: list[dict[str, Any]], b: list[dict[str, Any]], message: str) -> None:
    assert refusal([entry(**fields) for fields in a], [entry(**fields) for fields in b]) == message


def test_of_several_reasons_the_one_that_came_furthest_is_told() -> None:
    a = [entry(model="x"), entry(model="y"), entry(model="z")]
    b = [entry(model="x", seed=1), entry(model="y", taskSet=OTHER_SET), entry(model="z", seed=2)]
    assert refusal(a, b) == "the tasks differ: taskSet is another one in B, seed 0"


def test_long_lists_are_cut() -> None:
    a, b = [entry(model=f"m{i}") for i in range(9)], [entry(model="x")]
    assert refusal(a, b) == "no common model: A has m0, m1, m2, m3, m4 and 4 more, B has x"


# cautions


def test_one_seed_and_full_agreement_are_pointed_out() -> None:
    notes = compare_two(two_runs({"both": 100})).notes
    assert "A and B agree on all 100 pairs; 3.0 points could hide (rule of three)" in notes
    assert "one seed only: how much results differ from seed to seed is not in the intervals" in notes
    of_two_seeds = compare_two(two_runs({"both": 9}), two_runs({"both": 9}, seed=1))
    assert of_two_seeds.notes == ("A and B agree on all 18 pairs; 16.7 points could hide (rule of three)",)


def test_seeds_that_contradict_each_other_are_pointed_out() -> None:
    seeds = [two_runs({"both": 50, "only_a": 14, "neither": 50}, seed=0), two_runs({"both": 114}, seed=1)]
    comparison = compare_two(*seeds)
    assert comparison.rows[0].tests.significant
    assert "beyond chance by McNemar's test, but the interval over seeds and tasks holds 0" in comparison.notes


# the verdict


def row(
    net: int = 0,
    interval: tuple[float, float] = (-0.01, 0.01),
    *,
    holm_p: float = 1.0,
    mrr: tuple[float, float] | None = None,
    smallest: float | None = 0.02,
    model: str = MODEL,
) -> Row:
    """A row made by hand; `net` is how many tasks more B resolved."""
    difference = PairedDifference(0.5, 0.5, 0.0, interval)
    tests = PairedTests(
        pairs=400,
        only_a=10 - min(net, 0),
        only_b=10 + max(net, 0),
        p=holm_p,
        holm_p=holm_p,
        smallest=smallest,
        resolve_rate=difference,
        confidence=replace(difference, interval=(-0.5, -0.4)),
        mrr=None if mrr is None else replace(difference, interval=mrr),
    )
    return Row(model, ("v3", "v3"), (0,), tests)


def verdict(*rows: Row, margin: float | None = None) -> tuple[int, tuple[str, ...]]:
    judged = judge(Comparison("simulated", rows, ()), margin)
    return judged.exit_code, judged.outcomes


@pytest.mark.parametrize(
    ("of_row", "code", "outcome"),
    [
        (row(-20, holm_p=0.05), 3, "worse"),
        (row(-20, holm_p=0.0501), 0, "no difference shown"),
        (row(20, holm_p=0.05), 0, "better"),
        (row(20, holm_p=0.0501), 0, "no difference shown"),
        (row(0), 0, "no difference shown"),
        (row(0, mrr=(-0.2, -0.0001)), 3, "worse"),
        (row(20, holm_p=0.001, mrr=(-0.2, -0.0001)), 3, "worse"),
        (row(0, mrr=(-0.2, 0.0)), 0, "no difference shown"),
        (row(0, mrr=(0.0001, 0.2)), 0, "better"),
        (row(0, smallest=None), 4, "could not tell"),
        (row(0, smallest=None, mrr=(-0.2, -0.1)), 3, "worse"),
    ],
)
def test_without_a_margin_the_tests_decide(of_row: Row, code: int, outcome: str) -> None:
    assert verdict(of_row) == (code, (outcome,))


@pytest.mark.parametrize(
    ("interval", "margin", "code", "outcome"),
    [
        ((-0.019, 0.03), 2, 0, "not worse"),
        ((-0.02, 0.03), 2, 0, "not worse"),
        ((-0.02 - 1e-14, 0.03), 2, 0, "not worse"),  # the bootstrap's rounding
        ((-0.0201, 0.03), 2, 4, "could not tell"),
        ((-0.05, -0.02), 2, 4, "could not tell"),
        ((-0.05, -0.0201), 2, 3, "worse"),
        ((-0.05, -0.01), 0, 3, "worse"),
        ((-0.05, 0.0), 0, 4, "could not tell"),
        ((0.0, 0.0), 0, 0, "not worse"),
        ((-1.0, -0.9), 100, 0, "not worse"),
        ((-0.019, 0.03), 1.5, 4, "could not tell"),
    ],
)
def test_with_a_margin_the_interval_decides(
    interval: tuple[float, float], margin: float, code: int, outcome: str
) -> None:
    assert verdict(row(-20, interval, holm_p=0.001), margin=margin) == (code, (outcome,))


def test_with_a_margin_mrr_does_not_matter_and_too_few_pairs_tell_nothing() -> None:
    assert verdict(row(mrr=(-0.5, -0.4)), margin=2) == (0, ("not worse",))
    assert verdict(row(smallest=None), margin=2) == (4, ("could not tell",))


def test_one_that_is_worse_outweighs_one_that_could_not_be_told() -> None:
    rows = [row((-20), (-0.5, -0.4), model="x"), row(0, (-0.5, 0.4), model="y"), row(0, model="z")]
    assert verdict(*rows, margin=2) == (3, ("worse", "could not tell", "not worse"))
    assert verdict(*rows[1:], margin=2) == (4, ("could not tell", "not worse"))


def test_the_verdict_in_words() -> None:
    rows = (row(20, holm_p=0.01, model="x\n"), row(-9, holm_p=0.01, model="y"), row(9, holm_p=0.01, model="z"))
    comparison = Comparison("simulated", rows, ())
    assert judge(comparison).text == "B against A, beyond chance: worse for y; better for x\\n, z"
    assert judge(comparison, 2.5).text == "B against A, margin 2.5 points: not worse for x\\n, y, z"
    several = (rows[1], replace(rows[1], protocols=("v2", "v2")))
    assert judge(Comparison("simulated", several, ())).text == "B against A, beyond chance: worse for v3 y, v2 y"
