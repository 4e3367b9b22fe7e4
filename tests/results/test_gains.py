"""Figures by task type and of other input: from the answers of single tasks, paired, over the runs."""

from __future__ import annotations

from typing import Any

import pytest

from ruvllm.results.gains import summarise_all, summarise_by_type

RUNS: list[dict[str, Any]] = [
    {
        "types": [0, 3, 0, 3],
        "resolvedInitially": [0, 1, 0, 1],
        "resolved": [1, 1, 0, 0],
        "reciprocalRankInitially": [0.5, 1.0, 0.2, 1.0],
        "reciprocalRank": [1.0, 1.0, 0.25, 0.1],
    },
    {
        "types": [3, 0, 1],
        "resolvedInitially": [0, 0, 1],
        "resolved": [1, 1, 1],
        "reciprocalRankInitially": [1 / 3, 0.5, 1.0],
        "reciprocalRank": [1.0, 1.0, 1.0],
    },
]


def test_each_type_has_its_own_tasks_and_runs_count_alike() -> None:
    found = summarise_by_type(RUNS, 0)
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
    answers = [{key: run[key] for key in ("types", "reciprocalRankInitially", "reciprocalRank")} for run in RUNS]
    found = summarise_all(answers, 0)
    assert list(found) == ["tasks", "recallAt1", "recallAt3", "recallAt5", "mrr"]
    assert found["tasks"] == 7
    assert found["recallAt1"]["frozen"] == pytest.approx((2 / 4 + 1 / 3) / 2)
    assert found["recallAt1"]["gain"] == pytest.approx((2 / 4 + 1 - 2 / 4 - 1 / 3) / 2)
