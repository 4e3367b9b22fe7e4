"""What the cells say together, from results made by hand."""

import json
from typing import Any

import pytest
from bench_samples import CONTROL_NAMES, hand_made

from ruvllm.cell import CellResult
from ruvllm.results import Summary, make_document, summarise
from ruvllm.statistics import bootstrap_interval
from ruvllm.version import __version__

# the report's final table: model, parameters, resolve rate, confidence
REPORT = [
    ("Qwen2.5-Coder-7B", 7.0, 1.0, 0.951),
    ("CodeLlama-7B", 7.0, 1.0, 0.949),
    ("Phi-3-mini-4k", 3.8, 1.0, 0.90),
    ("StarCoder2-3B", 3.0, 1.0, 0.82),
    ("Qwen2.5-Coder-1.5B", 1.5, 1.0, 0.67),
    ("DeepSeek-Coder-1.3B", 1.3, 1.0, 0.65),
]


def report_results(**changes: Any) -> list[CellResult]:
    return [
        hand_made(name, params=params, final=rate, confidence=sure, **changes) for name, params, rate, sure in REPORT
    ]


def document(results: list[CellResult]) -> dict[str, Any]:
    return make_document(results, ["ruvllm-bench", "--json"], "auto")


def only(results: list[CellResult]) -> Summary:
    (summary,) = summarise(results)
    return summary


def test_a_summary_is_the_mean_over_seeds() -> None:
    summary = only(
        [
            hand_made(seed=3, initial=0.25, final=0.75, confidence=0.5, patterns=20, seconds=1.0),
            hand_made(seed=4, initial=0.5, final=0.75, confidence=0.75, patterns=17, gains=[1.0, 0.0, 0.0, 0.0]),
        ]
    )
    assert summary["seeds"] == [3, 4]
    assert (summary["protocol"], summary["workload"], summary["model"]) == ("v3", "simulated", "Phi-3-mini-4k")
    assert (summary["paramsB"], summary["loraRank"]) == (3.8, 2)
    assert (summary["initialResolveRate"], summary["resolveRate"], summary["confidence"]) == (0.375, 0.75, 0.625)
    assert summary["gain"] == 0.375
    assert summary["efficiency"] == pytest.approx(0.75 / 3.8)
    assert (summary["patterns"], summary["seconds"]) == (18.5, 1.25)
    controls = {"frozen": 0.375, "randomGradient": 0.385, "shuffled": 0.395}
    assert summary["controls"] == pytest.approx(controls)
    assert "retrieval" not in summary


def test_protocols_and_models_are_kept_apart_in_the_order_of_the_results() -> None:
    results = [
        hand_made(model, protocol=protocol, seed=seed)
        for protocol in ("v1", "v3")
        for model in ("B", "A")
        for seed in (0, 1)
    ]
    keys = [(s["protocol"], s["model"], s["seeds"]) for s in summarise(results)]
    assert keys == [("v1", "B", [0, 1]), ("v1", "A", [0, 1]), ("v3", "B", [0, 1]), ("v3", "A", [0, 1])]


def test_the_interval_of_a_gain_is_the_paired_bootstrap_over_seeds_and_tasks() -> None:
    gains = [[1.0] * 30 + [0.0] * 60 + [-1.0] * 10, [1.0] * 40 + [0.0] * 60]
    summary = only([hand_made(seed=seed, initial=0.2, final=f, gains=g) for seed, (g, f) in
                    enumerate(zip(gains, (0.4, 0.6), strict=True))])  # fmt: skip
    assert summary["gainCI95"] == list(bootstrap_interval(gains, seed=0))
    low, high = summary["gainCI95"]
    assert low < summary["gain"] < high


def test_a_gain_on_every_task_leaves_no_doubt() -> None:
    assert only([hand_made(initial=0.0, final=1.0, gains=[1.0] * 50)])["gainCI95"] == [1.0, 1.0]
    assert only([hand_made(initial=1.0, final=0.0, gains=[-1.0] * 50)])["gainCI95"] == [-1.0, -1.0]


def test_retrieval_has_means_over_seeds_and_an_interval_each() -> None:
    one = {"recallAt1": {"frozen": 0.25, "learned": 0.5}, "mrr": {"frozen": 0.5, "learned": 0.625}}
    two = {"recallAt1": {"frozen": 0.5, "learned": 0.5}, "mrr": {"frozen": 0.75, "learned": 0.75}}
    recall, reciprocal = [[1.0, 0.0, 0.0, 0.0], [0.0] * 4], [[0.5, 0.0, 0.0, 0.0], [0.0] * 4]
    results = [
        hand_made(retrieval=r, seed=i, recall_gains=recall[i], reciprocal_gains=reciprocal[i])
        for i, r in enumerate((one, two))
    ]
    summary = only(results)["retrieval"]
    assert summary["recallAt1"] == {
        "frozen": 0.375, "learned": 0.5, "gain": 0.125, "gainCI95": list(bootstrap_interval(recall, seed=0)),
    }  # fmt: skip
    assert summary["mrr"] == {
        "frozen": 0.625, "learned": 0.6875, "gain": 0.0625, "gainCI95": list(bootstrap_interval(reciprocal, seed=0)),
    }  # fmt: skip


def test_the_keys_are_those_that_tools_may_rely_on() -> None:
    found = document(report_results())
    assert found["schema"] == 1
    assert found["version"] == __version__
    assert found["command"] == ["ruvllm-bench", "--json"]
    assert {"created", "host", "results", "rankings", "recommendations"} <= found.keys()
    assert "isa" in found["host"]
    assert found["rankings"].keys() == {"byResolveRate", "byImprovement", "byEfficiency"}
    assert found["recommendations"].keys() == {"bestOverall", "bestEfficiency", "edge", "midRange"}
    assert {
        *("protocol", "workload", "model", "paramsB", "loraRank", "seed", "epochs", "tasksPerEpoch", "initial"),
        *("final", "train", "holdout", "patterns", "efficiency", "seconds", "controls", "history", "stateHash"),
        *("runHash", "checkpoint"),
    } <= found["results"][0].keys()
    assert found["summaries"][0]["controls"].keys() == CONTROL_NAMES


def test_the_document_is_json_and_says_the_same_each_time_but_for_the_date() -> None:
    one, two = document(report_results()), document(report_results())
    assert json.loads(json.dumps(one, allow_nan=False)) == one
    assert {key for key in one if one[key] != two[key]} <= {"created"}


def test_the_instruction_set_is_the_one_asked_for() -> None:
    assert make_document([hand_made()], [], "scalar")["host"]["isa"] == "scalar"
    assert make_document([hand_made()], [], "auto")["host"]["isa"] != "auto"


def test_rankings_go_from_best_to_worst() -> None:
    results = [
        hand_made("small", params=1.0, initial=0.1, final=0.7),  # gain .6, efficiency .7
        hand_made("middle", params=3.0, initial=0.7, final=0.9),  # gain .2, efficiency .3
        hand_made("large", params=7.0, initial=0.4, final=0.8),  # gain .4, efficiency .114
    ]
    assert document(results)["rankings"] == {
        "byResolveRate": ["middle", "large", "small"],
        "byImprovement": ["small", "large", "middle"],
        "byEfficiency": ["small", "middle", "large"],
    }


def test_confidence_decides_between_equals_and_each_model_is_ranked_once() -> None:
    results = [
        hand_made("low", confidence=0.3),
        hand_made("high", confidence=0.9),
        hand_made("high", protocol="v1", confidence=0.5),
    ]
    for names in document(results)["rankings"].values():
        assert names == ["high", "low"]


def test_from_the_reports_table_come_the_reports_recommendations() -> None:
    for results in (report_results(), report_results()[::-1]):
        assert document(results)["recommendations"] == {
            "bestOverall": "Qwen2.5-Coder-7B",
            "bestEfficiency": "DeepSeek-Coder-1.3B",
            "edge": "DeepSeek-Coder-1.3B",
            "midRange": "Phi-3-mini-4k",
        }


def test_confidence_does_not_make_up_for_a_resolve_rate_more_than_two_points_lower() -> None:
    sure_but_wrong = hand_made("sure", params=7.0, final=0.979, confidence=0.99)
    right = hand_made("right", params=7.0, final=1.0, confidence=0.8)
    nearly = hand_made("nearly", params=7.0, final=0.985, confidence=0.9)
    assert document([sure_but_wrong, right, nearly])["recommendations"]["bestOverall"] == "nearly"


def test_there_is_no_recommendation_where_there_is_no_model() -> None:
    recommendations = document([hand_made("large", params=7.0)])["recommendations"]
    assert recommendations == {"bestOverall": "large", "bestEfficiency": "large", "edge": None, "midRange": None}
