"""Ours beside the report's figures: which rows there are, and that the figures are the report's."""

from typing import Any

from bench_samples import hand_made
from json_samples import Entry, make_document

from ruvllm.results.published import PUBLISHED


def document(results: list[Entry]) -> dict[str, Any]:
    return make_document(results, [], "auto")


def all_protocols(name: str = "Phi-3-mini-4k") -> list[Entry]:
    """1 of 5 tasks is resolved at the start, and 2, 3 and 4 of them after v1, v2 and v3."""
    before, after = [1, 0, 0, 0, 0], {"v1": [1, 1, 0, 0, 0], "v2": [1, 1, 1, 0, 0], "v3": [1, 1, 1, 1, 0]}
    sure = [0.9, 0.8, 0.7, 0.6, 0.5]
    return [hand_made(name, protocol=protocol, before=before, after=after[protocol], sure=sure) for protocol in after]


def test_ours_stands_beside_the_reports_figures() -> None:
    (row,) = document(all_protocols())["besideTheReport"]
    assert row["model"] == "Phi-3-mini-4k"
    assert {key: (cell["ours"], cell["report"]) for key, cell in row.items() if key != "model"} == {
        "v1Initial": (0.2, 0.284),
        "v1Final": (0.4, 0.391),
        "v2Final": (0.6, 1.0),
        "v3Final": (0.8, 1.0),
        "v3Confidence": (0.7, 0.9),
    }


def test_beside_the_report_has_the_intervals_of_the_summaries() -> None:
    found = document(all_protocols())
    (row,) = found["besideTheReport"]
    of = {summary["protocol"]: summary for summary in found["summaries"]}
    assert row["v1Initial"]["ci95"] == of["v1"]["initialResolveRateCI95"]
    assert [row[f"{name}Final"]["ci95"] for name in of] == [of[name]["resolveRateCI95"] for name in of]
    assert row["v3Confidence"]["ci95"] == of["v3"]["confidenceCI95"]


def test_protocols_that_did_not_run_have_no_figure() -> None:
    v1, v2, v3 = all_protocols()
    assert [list(row) for row in document([v3])["besideTheReport"]] == [
        ["model", "v1Initial", "v3Final", "v3Confidence"]
    ]
    assert [list(row) for row in document([v1, v2])["besideTheReport"]] == [
        ["model", "v1Initial", "v1Final", "v2Final"]
    ]


def test_only_simulated_models_of_the_report_stand_beside_it() -> None:
    assert document([hand_made(ranks=([1.0, 0.5, 0.5, 0.5], [1.0] * 4))])["besideTheReport"] == []
    rows = document([hand_made("Mine"), *all_protocols("CodeLlama-7B"), *all_protocols()])["besideTheReport"]
    assert [row["model"] for row in rows] == ["CodeLlama-7B", "Phi-3-mini-4k"]
    assert rows[0]["v1Final"]["report"] == 0.452


def test_the_figures_are_those_of_the_report() -> None:
    literal = {
        "Qwen2.5-Coder-1.5B": (0.182, 0.264, 0.74, 1.0, 0.67),
        "DeepSeek-Coder-1.3B": (0.158, 0.226, 0.66, 1.0, 0.65),
        "StarCoder2-3B": (0.246, 0.338, 1.0, 1.0, 0.82),
        "Phi-3-mini-4k": (0.284, 0.391, 1.0, 1.0, 0.90),
        "Qwen2.5-Coder-7B": (0.352, 0.486, 1.0, 1.0, 0.95),
        "CodeLlama-7B": (0.338, 0.452, 1.0, 1.0, 0.95),
    }
    found = {
        name: (f.v1_initial, f.v1_final, f.v2_final, f.v3_final, f.v3_confidence) for name, f in PUBLISHED.items()
    }
    assert found == literal
