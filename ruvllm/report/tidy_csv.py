"""Everything that is measured as one long table: a row is one number of one run."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence

from msgspec import to_builtins

from ruvllm.results.experiment_records import AblationDocument, SimdDocument, StreamDocument
from ruvllm.results.reading import Document, Source
from ruvllm.results.records import Record
from ruvllm.results.streams.records import PrequentialDocument
from ruvllm.results.summary_records import BenchmarkDocument

__all__ = ["COLUMNS", "make_csv"]

COLUMNS = ("file", "kind", "version", "workload", "input", "protocol", "model", "seed", "fold", "variant",
           "epoch", "measure", "value")  # fmt: skip
LEFT_OUT = {"answers", "transferAnswers", "history", "reliability", "seed", "fold", "folds", "epoch", "sizes",
            "input"}  # fmt: skip
"""What has a column of its own, comes epoch by epoch, or is no single number."""

Row = dict[str, str | int | float]
"""Cells by column."""


def make_csv(sources: Sequence[Source[Document]]) -> str:
    """Tidy data: `variant` is the component left out, the kind of adapter, the instruction set or a stream's method;
    `epoch` is empty for what is known at the end; `measure` is a path in the results file.
    """
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for source in sources:
        common: Row = {"file": source.name, "kind": source.document.kind, "version": source.document.version}
        writer.writerows(common | row for row in _rows(source.document))
    return out.getvalue()


def _rows(document: Document) -> Iterator[Row]:
    if isinstance(document, BenchmarkDocument):
        return _benchmark(document)
    if isinstance(document, AblationDocument):
        return _ablation(document)
    if isinstance(document, PrequentialDocument):
        return _prequential(document)
    return _stream(document) if isinstance(document, StreamDocument) else _simd(document)


def _benchmark(document: BenchmarkDocument) -> Iterator[Row]:
    for run in document.results:
        own: Row = {"workload": run.workload, "protocol": run.protocol, "model": run.model, "seed": run.seed}
        own["fold"] = "" if run.fold is None else run.fold
        own["input"] = "" if run.input is None else run.input.source
        yield from _measured(own, run)
        for epoch in run.history:
            yield from _measured(own | {"epoch": epoch.epoch}, epoch)


def _ablation(document: AblationDocument) -> Iterator[Row]:
    common: Row = {"workload": document.workload, "protocol": document.protocol}
    common["input"] = "" if document.input is None else document.input.source
    for run in document.runs or ():
        own: Row = {**common, "model": run.model, "seed": run.seed, "fold": "" if run.fold is None else run.fold}
        yield from _measured({**own, "variant": run.without or "full"}, run)
    for component in document.components:
        yield from _measured({**common, "variant": component.name}, component)
    for kind in () if document.ensemble is None else document.ensemble.kinds:
        yield from _measured({**common, "variant": f"ensemble without {kind.name}"}, kind)


def _stream(document: StreamDocument) -> Iterator[Row]:
    for run in document.runs:
        own: Row = {"workload": "simulated", "protocol": run.protocol, "model": run.model, "seed": run.seed}
        own["variant"] = f"{run.adapter}, EWC {'on' if run.ewc else 'off'}"
        yield from _measured(own, run)
        for stage, (kind, rates) in enumerate(zip(run.types, run.rates, strict=True)):
            for other, rate in zip(run.types, rates, strict=True):
                yield {**own, "epoch": stage + 1, "measure": f"rates.after {kind}.{other}", "value": _plain(rate)}


def _prequential(document: PrequentialDocument) -> Iterator[Row]:
    """A row for every rank: `variant` is the method, `epoch` the place in the stream."""
    for run in document.runs:
        own: Row = {"workload": run.workload, "protocol": run.protocol, "model": run.model, "seed": run.seed}
        own["input"] = "" if run.input is None else run.input.source
        for method, ranks in run.reciprocal_ranks.items():
            for place, rank in enumerate(ranks, start=1):
                yield {**own, "variant": method, "epoch": place, "measure": "reciprocalRank", "value": _plain(rank)}


def _simd(document: SimdDocument) -> Iterator[Row]:
    for measurement in document.measurements:
        sizes = ", ".join(f"{name}={value:g}" for name, value in measurement.sizes.items())
        yield from _measured({"workload": f"{measurement.work}, {sizes}", "variant": measurement.isa}, measurement)


def _measured(own: Row, record: Record) -> Iterator[Row]:
    """A row for every number of a record."""
    kept = {key: value for key, value in to_builtins(record).items() if key not in LEFT_OUT}
    yield from ({**own, "measure": name, "value": value} for name, value in _numbers(kept))


def _numbers(node: dict[str, object], path: str = "") -> Iterator[tuple[str, int | float]]:
    """Every number below, with its path; the two ends of an interval as .low and .high."""
    for key, value in node.items():
        name = f"{path}.{key}" if path else key
        if isinstance(value, dict):
            yield from _numbers(value, name)
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            yield name, _plain(value)
        elif isinstance(value, tuple) and key.lower().endswith("ci95"):
            yield f"{name}.low", value[0]
            yield f"{name}.high", value[1]


def _plain(value: int | float) -> int | float:
    """A whole number without a point."""
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value
