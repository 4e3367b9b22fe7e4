"""The records of what the runs of a benchmark say together, and its whole results file."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, field

from ruvllm.notebook import html_table, with_interval
from ruvllm.results.records import Count, Header, Interval, MeanWithInterval, Name, Record, Seeds, StartAndEnd
from ruvllm.results.run_records import BenchmarkRun
from ruvllm.results.streams.records import PrequentialRun
from ruvllm.results.task_records import TaskTable


class Gain(Record):
    """What learning brought on one measure: means over runs, their difference, its paired 95% interval."""

    frozen: float
    learned: float
    gain: float
    gain_ci95: Interval


class Gains(Record):
    """What learning brought on some tasks, counted over all runs; None for a measure that was not asked for."""

    tasks: Count | None = None
    resolve_rate: Gain | None = None
    recall_at_1: Gain | None = None
    recall_at_3: Gain | None = None
    recall_at_5: Gain | None = None
    mrr: Gain | None = None


class MethodRow(Record):
    """One method on the test queries of a task type, or of all types together if `type` is "all"."""

    type: str
    method: str
    queries: float
    """Mean over runs."""
    recall_at_1: float
    recall_at_5: float
    mrr: float
    gain: dict[str, MeanWithInterval]
    """By metric, the difference to the frozen vectors."""
    learned_ahead: dict[str, MeanWithInterval]
    """By metric, how far what was learned is ahead of the method."""


class MeanCalibration(Record):
    """Means over runs of calibration error and Brier score, as they are and after temperature scaling."""

    ece: float
    brier: float
    scaled_confidence: float
    scaled_ece: float
    scaled_brier: float


class Summary(Record, kw_only=True):
    """Means over the runs of one protocol and model, with 95% intervals by bootstrap over runs and tasks."""

    protocol: Name
    workload: Name
    model: Name
    params_b: float
    lora_rank: Count
    seeds: Seeds
    folds: Count | None
    initial_resolve_rate: float
    initial_resolve_rate_ci95: Interval
    resolve_rate: float
    resolve_rate_ci95: Interval
    confidence: float
    confidence_ci95: Interval
    gain: float
    gain_ci95: Interval
    calibration: StartAndEnd[MeanCalibration]
    efficiency: float | None = None
    """None on real input, where no model of that size is run."""
    patterns: float
    controls: dict[str, float]
    """Final resolve rate under each control."""
    seconds: float | None = None
    retrieval: Gains | None = None
    by_type: dict[str, Gains] | None = None
    by_language: dict[str, Gains] | None = None
    """None where all tasks are in one language."""
    comparison: list[MethodRow] | None = None
    microseconds_per_task: float | None = None
    transfer: Gains | None = None
    selected: dict[str, dict[str, Count]] | None = None
    """By task type, in how many runs the validation part chose which method for retrieval; also of `transfer`."""


class BesidePublished(Record):
    """One of our figures, its 95% interval, and the published one."""

    ours: float
    ci95: Interval
    published: float = field(name="report")


class PublishedRow(Record):
    """A model's figures beside the published ones; None for a protocol that did not run."""

    model: str
    v1_initial: BesidePublished
    v1_final: BesidePublished | None = None
    v2_final: BesidePublished | None = None
    v3_final: BesidePublished | None = None
    v3_confidence: BesidePublished | None = None


class Rankings(Record):
    """Names of the models, best first."""

    by_resolve_rate: list[str]
    by_improvement: list[str]
    by_efficiency: list[str]


class Recommendations(Record):
    """The name of the best model for each use, None if there is no model of that size."""

    best_overall: str | None
    best_efficiency: str | None
    edge: str | None
    mid_range: str | None


class BootstrapMethod(Record):
    """How the intervals were made."""

    method: str
    resamples: Count
    seed: Count
    level: float


class BenchmarkDocument(Header, kw_only=True, tag="benchmark"):
    """The results file of a benchmark."""

    statistics: BootstrapMethod
    results: Annotated[list[BenchmarkRun], Meta(min_length=1)]
    summaries: Annotated[list[Summary], Meta(min_length=1)]
    beside_published: list[PublishedRow] = field(name="besideTheReport")
    tasks: TaskTable | None = None
    """What the tested tasks are; None for the simulated workload, and in files of version 0.2.0 and before."""
    prequential: list[PrequentialRun] | None = None
    """Streams beside the runs, where they were asked for."""
    rankings: Rankings | None = None
    """Like the recommendations of the simulated workload only: elsewhere no models are compared."""
    recommendations: Recommendations | None = None
    trimmed: bool = False

    def _repr_html_(self) -> str:
        columns = ["Model", "Protocol", "Seeds", "Resolved before", "after", "Gain in points"]
        rows = [
            [each.model, each.protocol, len(each.seeds), f"{each.initial_resolve_rate:.1%}", f"{each.resolve_rate:.1%}",
             _points(each.gain, each.gain_ci95)]
            for each in self.summaries
        ]  # fmt: skip
        if any(recalls := [_recall(each.retrieval) for each in self.summaries]):
            columns.append("Gain in recall@1")
            rows = [[*row, recall] for row, recall in zip(rows, recalls, strict=True)]
        title = f"{self.summaries[0].workload}: unseen test tasks"
        return html_table(title, columns, rows, "95% intervals by bootstrap")


def _points(gain: float, interval: Interval) -> str:
    return with_interval(100 * gain, (100 * interval[0], 100 * interval[1]), digits=1)


def _recall(found: Gains | None) -> str:
    gain = None if found is None else found.recall_at_1
    return "" if gain is None else _points(gain.gain, gain.gain_ci95)
