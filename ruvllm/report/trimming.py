"""Results files made small enough to be kept: without what no table and no figure of a report shows."""

from __future__ import annotations

from typing import Any

from ruvllm.report.tidy_csv import _plain

__all__ = ["trimmed"]

OF_A_RUN = ("answers", "antiOverfitting", "checkpoint", "seconds")
OF_AN_EPOCH = ("epoch", "test", "learningRate", "dynamicDifficulty")
OF_A_BIN = ("count", "confidence", "accuracy")


def trimmed(document: dict[str, Any]) -> dict[str, Any]:
    """A copy without single answers and without most of the history; a report from it has the same tables and figures.

    It says so under `trimmed`. `ruvllm-report compare` needs the answers and refuses such a file.
    """
    small: dict[str, Any] = {**document, "trimmed": True}
    if document.get("kind", "benchmark") == "benchmark":
        small["results"] = [_run(entry) for entry in document["results"]]
        small["summaries"] = [{key: value for key, value in summary.items() if key != "seconds"}
                              for summary in document["summaries"]]  # fmt: skip
    if document.get("kind") == "ablation":
        small.pop("runs", None)
        small["components"] = [{key: value for key, value in component.items() if key != "models"}
                               for component in document["components"]]  # fmt: skip
    result: dict[str, Any] = _whole_numbers(small)
    return result


def _run(entry: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in entry.items() if key not in OF_A_RUN}
    if "history" in kept:
        kept["history"] = [
            {key: _scores(value) if key == "test" else value for key, value in epoch.items() if key in OF_AN_EPOCH}
            for epoch in kept["history"]
        ]
    if "reliability" in kept:
        kept["reliability"] = {
            when: [{key: value for key, value in each.items() if key in OF_A_BIN} for each in bins]
            for when, bins in kept["reliability"].items()
        }
    return kept


def _scores(test: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in test.items() if key in ("resolveRate", "confidence")}


def _whole_numbers(value: Any) -> Any:
    """A parsed file has floats only: 5.0 becomes 5 again."""
    if isinstance(value, dict):
        return {key: _whole_numbers(element) for key, element in value.items()}
    if isinstance(value, list):
        return [_whole_numbers(element) for element in value]
    return _plain(value)
