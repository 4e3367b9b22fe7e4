"""Everything that is measured as one long table: a row is one number of one run."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any

from ruvllm.results.reading import Source

__all__ = ["COLUMNS", "make_csv"]

COLUMNS = ("file", "kind", "version", "workload", "protocol", "model", "seed", "fold", "variant", "epoch", "measure",
           "value")  # fmt: skip
LEFT_OUT = {"answers", "history", "reliability", "seed", "fold", "folds"}
"""Of a run: what has a column of its own, comes epoch by epoch, or is no single number."""

Row = dict[str, Any]


def make_csv(sources: Sequence[Source]) -> str:
    """Tidy data: `variant` is the component left out, the kind of adapter or the instruction set; `epoch` is empty for
    what is known at the end; `measure` is a path in the results file.
    """
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for source in sources:
        common = {"file": source.name, "kind": source.kind, "version": source.version}
        writer.writerows({**common, **row} for row in _ROWS[source.kind](source.document))
    return out.getvalue()


def _benchmark(document: dict[str, Any]) -> Iterator[Row]:
    for entry in document["results"]:
        fold = entry.get("fold")
        run = {key: entry[key] for key in ("workload", "protocol", "model")} | {
            "seed": _plain(entry["seed"]), "fold": "" if fold is None else _plain(fold)}  # fmt: skip
        kept = {key: value for key, value in entry.items() if key not in LEFT_OUT}
        yield from ({**run, "measure": name, "value": value} for name, value in _numbers(kept))
        for epoch in entry.get("history", []):
            number = _plain(epoch["epoch"])
            yield from (
                {**run, "epoch": number, "measure": name, "value": value}
                for name, value in _numbers({key: value for key, value in epoch.items() if key != "epoch"})
            )


def _ablation(document: dict[str, Any]) -> Iterator[Row]:
    common = {"workload": document["workload"], "protocol": document["protocol"]}
    for run in document.get("runs", []):
        own = {**common, "model": run["model"], "seed": _plain(run["seed"]), "variant": run["without"] or "full"}
        yield from ({**own, "measure": name, "value": value} for name, value in _numbers(run) if name != "seed")
    for component in document["components"]:
        own = {**common, "variant": component["name"]}
        yield from ({**own, "measure": name, "value": value} for name, value in _numbers(component))


def _stream(document: dict[str, Any]) -> Iterator[Row]:
    for run in document["runs"]:
        own = {"workload": "simulated", "protocol": run["protocol"], "model": run["model"],
               "seed": _plain(run.get("seed", "")), "variant": f"{run['adapter']}, EWC {'on' if run['ewc'] else 'off'}"}
        yield from ({**own, "measure": name, "value": value} for name, value in _numbers(run) if name != "seed")
        for stage, (kind, rates) in enumerate(zip(run["types"], run["rates"], strict=False)):
            for other, rate in zip(run["types"], rates, strict=False):
                yield {**own, "epoch": stage + 1, "measure": f"rates.after {kind}.{other}", "value": _plain(rate)}


def _simd(document: dict[str, Any]) -> Iterator[Row]:
    for m in document["measurements"]:
        sizes = ", ".join(f"{name}={value:g}" for name, value in m["sizes"].items())
        own = {"workload": f"{m['work']}, {sizes}", "variant": m["isa"]}
        yield from (
            {**own, "measure": name, "value": value} for name, value in _numbers(m) if not name.startswith("sizes")
        )


_ROWS = {"benchmark": _benchmark, "ablation": _ablation, "stream": _stream, "simd": _simd}


def _numbers(node: dict[str, Any], path: str = "") -> Iterator[tuple[str, int | float]]:
    """Every number below, with its path; the two ends of an interval as .low and .high."""
    for key, value in node.items():
        name = f"{path}.{key}" if path else key
        if isinstance(value, dict):
            yield from _numbers(value, name)
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            yield name, _plain(value)
        elif isinstance(value, list) and key.lower().endswith("ci95") and len(value) == 2:
            yield f"{name}.low", value[0]
            yield f"{name}.high", value[1]


def _plain(value: Any) -> Any:
    """A whole number without a point, as it was written."""
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value
