"""Figures by task type and of other input: from the answers of single tasks, paired, over the runs."""

from __future__ import annotations

from typing import Any

import pytest
from json_samples import as_json
from msgspec import structs

from ruvllm.evaluation.bootstrap import bootstrap_interval
from ruvllm.results.gains import gains_of_answers, gains_of_transfer
from ruvllm.results.run_records import Answers, TransferAnswers
from ruvllm.results.summary_records import MethodRow
from ruvllm.workloads.workload import TASK_TYPES

RUNS: list[dict[str, Any]] = [
    {
        "types": [0, 3, 0, 3],
        "resolved_initially": [0, 1, 0, 1],
        "resolved": [1, 1, 0, 0],
        "reciprocal_rank_initially": [0.5, 1.0, 0.2, 1.0],
        "reciprocal_rank": [1.0, 1.0, 0.25, 0.1],
    },
    {
        "types": [3, 0, 1],
        "resolved_initially": [0, 0, 1],
        "resolved": [1, 1, 1],
        "reciprocal_rank_initially": [1 / 3, 0.5, 1.0],
        "reciprocal_rank": [1.0, 1.0, 1.0],
    },
]


@pytest.mark.parametrize("times", [2, 6])
def test_copies_in_the_test_part_make_no_interval_narrower(times: int) -> None:
    def found(times: int, grouped: bool) -> Any:
        runs = []
        for run in RUNS:
            n = len(run["types"])
            copied = {name: values * times for name, values in run.items()}
            groups = list(range(n)) * times if grouped else None
            runs.append(Answers(**copied, tasks=list(range(n * times)), confidence=[0.5] * n * times, groups=groups))
        return as_json(gains_of_answers(runs)().overall)

    once, grouped, feigned = found(1, False), found(times, True), found(times, False)
    assert {**grouped, "tasks": 0} == {**once, "tasks": 0}
    for measure in ("resolveRate", "recallAt1", "mrr"):
        (low, high), (feigned_low, feigned_high) = (each[measure]["gainCI95"] for each in (once, feigned))
        assert feigned_high - feigned_low < high - low


def test_to_answer_the_same_tasks_under_more_seeds_makes_no_interval_narrower() -> None:
    n = 40

    def found(seeds: int, **how: bool) -> tuple[float, float]:
        runs = [
            Answers(
                tasks=list(range(n)), confidence=[0.5] * n, resolved_initially=[0] * n, resolved=[0] * n, types=[0] * n,
                reciprocal_rank_initially=[0.5] * n, reciprocal_rank=[1.0 if i % 3 == 0 else 0.5 for i in range(n)],
            )
            for _ in range(seeds)
        ]  # fmt: skip
        gain = gains_of_answers(runs, **how)().overall.recall_at_1
        assert gain is not None
        return gain.gain_ci95

    (low, high), (low_of_many, high_of_many) = found(1), found(10, tasks_recur=True)
    assert low_of_many == pytest.approx(low, abs=0.03) and high_of_many == pytest.approx(high, abs=0.03)
    feigned = found(10)
    assert feigned[1] - feigned[0] < 0.5 * (high - low)


def test_a_task_is_the_same_in_all_runs_and_so_are_copies_of_it() -> None:
    def width(*groups_of_runs: list[int]) -> float:
        runs = [
            Answers(
                tasks=[100 * number + i for i in range(40)], groups=groups, confidence=[0.5] * 40,
                resolved_initially=[0] * 40, resolved=[int(i < 20) for i in range(40)],
            )
            for number, groups in enumerate(groups_of_runs)
        ]  # fmt: skip
        gain = gains_of_answers(runs, tasks_recur=True)().overall.resolve_rate
        assert gain is not None
        return gain.gain_ci95[1] - gain.gain_ci95[0]

    first = list(range(40))
    assert width(first, first, first, first) > 1.2 * width(*([100 * run + i for i in first] for run in range(4)))


def test_each_type_has_its_own_tasks_and_runs_count_alike() -> None:
    sizes = [len(run["types"]) for run in RUNS]
    answers = [Answers(**run, tasks=list(range(n)), confidence=[0.5] * n) for run, n in zip(RUNS, sizes, strict=True)]
    found = as_json(gains_of_answers(answers)().by_type)
    assert list(found) == ["code_completion", "test_gen"]  # bug_fix is not in every run
    completion, uses = found["code_completion"], found["test_gen"]
    assert (completion["tasks"], uses["tasks"]) == (3, 3)
    assert completion["resolveRate"] | {"gainCI95": None} == {
        "frozen": 0.0, "learned": 0.75, "gain": 0.75, "gainCI95": None,
    }  # fmt: skip
    assert completion["recallAt1"]["learned"] == pytest.approx((1 / 2 + 1) / 2)
    assert completion["recallAt3"]["frozen"] == pytest.approx((1 / 2 + 1) / 2)
    assert completion["recallAt5"]["frozen"] == 1.0  # rank 5 is within 5
    assert uses["recallAt3"]["frozen"] == 1.0  # rank 3 is within 3
    assert uses["recallAt5"]["learned"] == pytest.approx(0.75)
    assert uses["mrr"]["gain"] == pytest.approx((1.1 / 2 + 1.0 - 1.0 - 1 / 3) / 2)
    low, high = completion["resolveRate"]["gainCI95"]
    assert low <= 0.75 <= high


def test_other_input_is_taken_as_a_whole_and_has_no_resolve_rate() -> None:
    keys = ("types", "reciprocal_rank_initially", "reciprocal_rank")
    gains, methods = gains_of_transfer([TransferAnswers(*(run[key] for key in keys)) for run in RUNS])()
    found = as_json(gains)
    assert methods == []  # without closed forms
    assert list(found) == ["tasks", "recallAt1", "recallAt3", "recallAt5", "mrr"]
    assert found["tasks"] == 7
    assert found["recallAt1"]["frozen"] == pytest.approx((2 / 4 + 1 / 3) / 2)
    assert found["recallAt1"]["gain"] == pytest.approx((2 / 4 + 1 - 2 / 4 - 1 / 3) / 2)


# beside what needs no learning loop


def answers_of(frozen: list[float], ridge: list[float], learned: list[float], types: list[str]) -> Answers:
    """The ranks of a run; what is resolved does not matter."""
    n = len(types)
    return Answers(
        tasks=list(range(n)),
        resolved_initially=[0] * n,
        resolved=[1] * n,
        confidence=[0.5] * n,
        types=[TASK_TYPES.index(name) for name in types],
        reciprocal_rank_initially=frozen,
        reciprocal_rank=learned,
        closed_forms={"ridge": ridge},
    )


def test_rows_per_type_and_method_with_paired_differences() -> None:
    types = ["bug_fix", "bug_fix", "test_gen", "test_gen"]
    one = answers_of([0.5, 0.1, 1.0, 0.2], [1.0, 0.2, 1.0, 0.2], [1.0, 1.0, 0.5, 1.0], types)
    rows = {(row.type, row.method): row for row in gains_of_answers([one, one])().comparison}
    assert list(rows) == [(t, m) for t in ("all", "bug_fix", "test_gen") for m in ("frozen", "ridge", "learned")]
    assert [rows["all", m].recall_at_1 for m in ("frozen", "ridge", "learned")] == [0.25, 0.5, 0.75]
    assert [rows["bug_fix", m].recall_at_5 for m in ("frozen", "ridge", "learned")] == [0.5, 1.0, 1.0]
    assert rows["bug_fix", "learned"].mrr == 1.0
    assert rows["test_gen", "learned"].gain["recallAt1"].mean == 0.0
    assert rows["bug_fix", "ridge"].learned_ahead["recallAt1"].mean == 0.5
    low, high = rows["all", "learned"].gain["recallAt1"].ci95
    assert low < 0.5 < high


def test_there_are_no_rows_without_closed_forms() -> None:
    one = answers_of([1.0], [1.0], [1.0], ["bug_fix"])
    assert gains_of_answers([structs.replace(one, closed_forms=None)])().comparison == []


def test_drawn_together_intervals_have_the_digits_that_they_have_alone() -> None:
    types = ["bug_fix"] * 4 + ["refactor"] * 3
    one = answers_of([0.5, 0.1, 1.0, 0.2, 1.0, 0.3, 0.5], [1.0] * 7, [1.0, 1.0, 0.5, 1.0, 0.25, 0.4, 0.5], types)
    two = answers_of([1.0] * 7, [0.5] * 7, [0.3, 1.0, 0.5, 1.0, 0.125, 0.5, 1.0], types)

    def alone(pairs: list[tuple[list[float], list[float]]]) -> tuple[float, float]:
        return bootstrap_interval([[b - a for a, b in zip(*pair, strict=True)] for pair in pairs], 0)

    found = gains_of_answers([one, two])()
    rows: dict[tuple[str, str], MethodRow] = {(row.type, row.method): row for row in found.comparison}
    for kind, part in (("all", slice(None)), ("bug_fix", slice(4)), ("refactor", slice(4, None))):
        frozen, learned = (
            [(getattr(each, name) or [])[part] for each in (one, two)]
            for name in ("reciprocal_rank_initially", "reciprocal_rank")
        )
        ridge = [(each.closed_forms or {})["ridge"][part] for each in (one, two)]
        gain = alone(list(zip(frozen, learned, strict=True)))
        assert rows[kind, "learned"].gain["mrr"].ci95 == gain
        assert rows[kind, "ridge"].learned_ahead["mrr"].ci95 == alone(list(zip(ridge, learned, strict=True)))
        of_kind = (found.overall if kind == "all" else found.by_type[kind]).mrr
        assert of_kind is not None and of_kind.gain_ci95 == gain
