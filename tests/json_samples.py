"""Functions of the library with records as JSON: what goes into a results file is tested as it stands in the file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from ruvllm.benchmark import forgetting, run, simd, sweep
from ruvllm.benchmark.ablation import documents, running
from ruvllm.benchmark.plan import Options, recorded_options
from ruvllm.learning.components import Component
from ruvllm.results import document, summaries
from ruvllm.results.experiment_records import AblationRun, SimdMeasurement, StreamRun
from ruvllm.results.run_records import BenchmarkRun

Entry = dict[str, Any]
"""One run as a results file has it."""


def as_json(records: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(records))


def run_cell(*arguments: Any, **options: Any) -> Entry:
    return as_json(run.run_cell(*arguments, **options))


def run_cells(*arguments: Any, **options: Any) -> list[Entry]:
    return as_json(sweep.run_cells(*arguments, **options))


def summarise(runs: Sequence[Entry]) -> list[dict[str, Any]]:
    return as_json(summaries.summarise(msgspec.convert(runs, list[BenchmarkRun])))


def make_document(runs: Sequence[Entry], command: Sequence[str], isa: str = "auto", **options: Any) -> dict[str, Any]:
    records = msgspec.convert(runs, list[BenchmarkRun])
    return as_json(document.make_document(records, recorded_options(Options(**options)), command, isa))


def run_ablation(*arguments: Any) -> list[Entry]:
    return as_json(running.run_ablation(*arguments))


def compare_with_full(runs: Sequence[Entry], components: Sequence[Component]) -> list[dict[str, Any]]:
    records = msgspec.convert(runs, list[AblationRun])
    return as_json(documents.compare_with_full(records, components))


def make_ablation_document(runs: Sequence[Entry], options: Options, command: Sequence[str]) -> dict[str, Any]:
    records = msgspec.convert(runs, list[AblationRun])
    return as_json(documents.make_ablation_document(records, recorded_options(options), command, options.isa))


def run_blocked(*arguments: Any) -> list[Entry]:
    return as_json(forgetting.run_blocked(*arguments))


def summarise_blocked(runs: Sequence[Entry]) -> list[dict[str, Any]]:
    return as_json(forgetting.summarise_blocked(msgspec.convert(runs, list[StreamRun])))


def make_forgetting_document(runs: Sequence[Entry], command: Sequence[str], isa: str) -> dict[str, Any]:
    asked = recorded_options(Options(stream="blocked", controls=False))
    records = msgspec.convert(runs, list[StreamRun])
    return as_json(forgetting.make_forgetting_document(records, asked, command, isa))


def make_simd_document(
    measurements: Sequence[Entry], isas: Sequence[str], repetitions: int, command: Sequence[str]
) -> dict[str, Any]:
    records = msgspec.convert(measurements, list[SimdMeasurement])
    return as_json(simd.make_simd_document(records, isas, repetitions, command))
