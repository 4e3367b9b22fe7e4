"""What the cells say together, from results made by hand."""

import json
from typing import Any

import pytest
from bench_samples import CONTROL_NAMES, hand_made
from json_samples import Entry, make_document, summarise

from ruvllm.evaluation.bootstrap import bootstrap_interval, bootstrap_intervals
from ruvllm.files.json_writing import to_json
from ruvllm.results.document import make_header
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


def report_results(**changes: Any) -> list[Entry]:
    return [
        hand_made(name, params=params, final=rate, confidence=sure, **changes) for name, params, rate, sure in REPORT
    ]


def document(results: list[Entry]) -> dict[str, Any]:
    return make_document(results, ["ruvllm-bench", "--json"], "auto")


def only(results: list[Entry]) -> dict[str, Any]:
    (summary,) = summarise(results)
    return summary


def two_seeds() -> list[Entry]:
    return [
        hand_made(seed=3, before=[1, 0, 0, 0], after=[1, 1, 1, 0], sure=[0.5, 0.25, 0.75, 0.5], seconds=1.0),
        hand_made(seed=4, before=[1, 1, 0, 0], after=[1, 0, 1, 1], sure=[1.0, 0.5, 0.75, 0.75], patterns=17),
    ]


# summaries


def test_a_summary_is_the_mean_over_seeds() -> None:
    summary = only(two_seeds())
    assert (summary["seeds"], summary["folds"]) == ([3, 4], None)
    assert (summary["protocol"], summary["workload"], summary["model"]) == ("v3", "simulated", "Phi-3-mini-4k")
    assert (summary["paramsB"], summary["loraRank"]) == (3.8, 2)
    assert (summary["initialResolveRate"], summary["resolveRate"], summary["confidence"]) == (0.375, 0.75, 0.625)
    assert summary["gain"] == 0.375
    assert summary["efficiency"] == pytest.approx(0.75 / 3.8)
    assert (summary["patterns"], summary["seconds"]) == (18.5, 1.25)
    controls = {"frozen": 0.375, "randomGradient": 0.385, "shuffled": 0.395}
    assert summary["controls"] == pytest.approx(controls)
    assert "retrieval" not in summary


def test_the_intervals_are_the_bootstrap_of_the_answers_over_seeds_and_tasks() -> None:
    summary = only(two_seeds())
    expected = bootstrap_intervals(
        {
            "initialResolveRate": [[1, 0, 0, 0], [1, 1, 0, 0]],
            "resolveRate": [[1, 1, 1, 0], [1, 0, 1, 1]],
            "confidence": [[0.5, 0.25, 0.75, 0.5], [1.0, 0.5, 0.75, 0.75]],
            "gain": [[0, 1, 1, 0], [0, -1, 1, 1]],
        },
        seed=0,
        n_resamples=10_000,
        level=0.95,
    )
    assert len(set(expected.values())) == 4
    for name, interval in expected.items():
        assert summary[f"{name}CI95"] == list(interval)
        assert interval[0] < summary[name] < interval[1]


def test_the_bootstrap_is_described_where_its_results_are() -> None:
    described = document([hand_made()])["statistics"]
    assert (described["resamples"], described["seed"], described["level"]) == (10_000, 0, 0.95)
    assert "runs are drawn with replacement, then tasks within each drawn run" in described["method"]


def test_a_gain_on_every_task_leaves_no_doubt() -> None:
    assert only([hand_made(before=[0] * 50, after=[1] * 50)])["gainCI95"] == [1.0, 1.0]
    assert only([hand_made(before=[1] * 50, after=[0] * 50)])["gainCI95"] == [-1.0, -1.0]


def test_calibration_is_the_mean_over_seeds_before_and_after_raw_and_scaled() -> None:
    one, two = two_seeds()
    two["calibrated"] = {
        "initial": {"temperature": 9.0, "confidence": 0.5, "ece": 0.25, "brier": 0.375},
        "final": {"temperature": 9.0, "confidence": 0.6, "ece": 0.125, "brier": 0.1875},
    }
    two["final"] = {**two["final"], "ece": 0.25, "brier": 0.5}
    found = only([one, two])["calibration"]
    assert found["initial"] == pytest.approx(
        {"ece": 0.1, "brier": 0.2, "scaledConfidence": 0.4, "scaledEce": 0.15, "scaledBrier": 0.25}
    )
    assert found["final"] == pytest.approx(
        {"ece": 0.2, "brier": 0.375, "scaledConfidence": 0.7, "scaledEce": 0.075, "scaledBrier": 0.125}
    )


def test_folds_are_runs_of_their_own_in_means_and_intervals() -> None:
    results = [hand_made(seed=0, before=[0] * 4, after=[n] * 4, fold=n + 1, folds=3) for n in (0, 1, 1)]
    results += [hand_made(seed=1, before=[0] * 4, after=[1] * 4, fold=n, folds=3) for n in (1, 2, 3)]
    summary = only(results)
    assert (summary["seeds"], summary["folds"]) == ([0, 1], 3)
    assert summary["resolveRate"] == pytest.approx(5 / 6)
    runs = [[0.0] * 4, *[[1.0] * 4] * 5]
    assert summary["resolveRateCI95"] == list(bootstrap_interval(runs, seed=0))
    assert summary["resolveRateCI95"][0] < 0.6


def test_protocols_and_models_are_kept_apart_in_the_order_of_the_results() -> None:
    results = [
        hand_made(model, protocol=protocol, seed=seed)
        for protocol in ("v1", "v3")
        for model in ("B", "A")
        for seed in (0, 1)
    ]
    keys = [(s["protocol"], s["model"], s["seeds"]) for s in summarise(results)]
    assert keys == [("v1", "B", [0, 1]), ("v1", "A", [0, 1]), ("v3", "B", [0, 1]), ("v3", "A", [0, 1])]


def test_retrieval_has_means_over_seeds_and_an_interval_each() -> None:
    one = ([1.0, 0.5, 0.25, 0.125], [1.0, 1.0, 0.5, 0.125])
    two = ([1.0, 1.0, 0.5, 0.5], [1.0, 0.5, 1.0, 0.5])
    found = only([hand_made(ranks=ranks, seed=seed) for seed, ranks in enumerate((one, two))])["retrieval"]
    hits = [[0.0, 1.0, 0.0, 0.0], [0.0, -1.0, 1.0, 0.0]]
    gains = [[0.0, 0.5, 0.25, 0.0], [0.0, -0.5, 0.5, 0.0]]
    assert found["recallAt1"] == {
        "frozen": 0.375, "learned": 0.5, "gain": 0.125, "gainCI95": list(bootstrap_interval(hits, seed=0)),
    }  # fmt: skip
    assert found["mrr"] == {
        "frozen": 0.609375, "learned": 0.703125, "gain": 0.09375, "gainCI95": list(bootstrap_interval(gains, seed=0)),
    }  # fmt: skip


# the document


def test_the_keys_are_those_that_tools_may_rely_on() -> None:
    found = document(report_results())
    assert list(found) == [
        "kind", "schema", "version", "created", "command", "host", "options", "statistics", "results", "summaries",
        "besideTheReport", "rankings", "recommendations",
    ]  # fmt: skip
    assert (found["schema"], found["kind"]) == (1, "benchmark")
    assert found["version"] == __version__
    assert found["command"] == ["ruvllm-bench", "--json"]
    assert found["host"].keys() == {"system", "machine", "python", "cpus", "isa", "compiler"}
    assert found["rankings"].keys() == {"byResolveRate", "byImprovement", "byEfficiency"}
    assert found["recommendations"].keys() == {"bestOverall", "bestEfficiency", "edge", "midRange"}
    assert found["results"] == report_results()
    assert found["summaries"] == summarise(report_results())
    assert list(found["summaries"][0]) == [
        "protocol", "workload", "model", "paramsB", "loraRank", "seeds", "folds", "initialResolveRate",
        "initialResolveRateCI95", "resolveRate", "resolveRateCI95", "confidence", "confidenceCI95", "gain", "gainCI95",
        "calibration", "efficiency", "patterns", "controls", "seconds",
    ]  # fmt: skip
    assert found["summaries"][0]["controls"].keys() == CONTROL_NAMES


def test_every_kind_of_results_begins_with_the_same_fields() -> None:
    header = make_header(None, ["ruvllm-bench", "simd"])
    fields = ["kind", "schema", *list(header)[1:]]
    assert list(document([hand_made()]))[: len(fields)] == fields
    assert header["created"].endswith("Z") and len(header["created"]) == len("2026-01-02T03:04:05Z")


def test_the_document_is_json_and_says_the_same_each_time_but_for_the_date() -> None:
    one, two = document(report_results()), document(report_results())
    assert json.loads(json.dumps(one, allow_nan=False)) == json.loads(to_json(one)) == one
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
