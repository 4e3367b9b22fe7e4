"""The results files of ablations, of blocked streams and of measurements of the kernels' speed."""

from __future__ import annotations

from typing import Annotated, Generic

from msgspec import Meta, field

from ruvllm.results.records import Count, Difference, Header, MeanWithInterval, Name, Record, Seed, Seeds, T
from ruvllm.results.run_records import InputIdentity

Method = dict[str, str | float]
"""How the numbers were made, in words, and the constants of it."""


class AblationMeasures(Record, Generic[T], kw_only=True):
    """What an ablation compares; recall@1 and MRR among all test solutions are of real input only."""

    resolve_rate: T
    recall_at_1: T | None = None
    mrr: T | None = None
    tasks_to_90: T
    ece: T


class MeanRetrieval(Record):
    """How test queries are answered."""

    recall_at_1: float
    mrr: float


class AblationRun(AblationMeasures[float], kw_only=True):
    """One run of an ablation: of the full system if `without` is None, else without that component, or with it as well
    where `added` is true.
    """

    model: Name
    seed: Seed
    without: str | None
    confidence: float
    reached_90: bool
    added: bool | None = None
    fold: Count | None = None
    """From 1 on, where a seed is cross-validated."""
    frozen: MeanRetrieval | None = None
    ensembles: dict[str, MeanRetrieval] | None = None
    """Of the full system where words count: all scores weighed together, and the same without each kind of them."""
    input: InputIdentity | None = None
    """Of real input; once in the document, not in its runs."""


class Reached(Record):
    """How many runs resolved 90% of the test tasks at some time, and how many there were."""

    runs: Count
    of: Count


class AblationComponent(Record):
    """What changes without a component; trimmed files have no differences of single models."""

    name: Name
    without: str
    overall: AblationMeasures[Difference]
    reached_90: Reached
    effect_on: list[str]
    """Keys of the measures whose interval leaves out 0."""
    added: bool | None = None
    """Whether the component is no part of the full system: differences are with it minus the full system."""
    models: dict[str, AblationMeasures[Difference]] | None = None


class EnsembleKind(Record):
    """What changes where an ensemble has no members of a kind."""

    name: Name
    without: str
    recall_at_1: Difference
    mrr: Difference


class EnsembleAblation(Record):
    """The ensemble of the full system, and what it loses without each kind of its members."""

    full: MeanRetrieval
    kinds: list[EnsembleKind]


class AblationDocument(Header, kw_only=True, tag="ablation"):
    """The results file of an ablation; trimmed files have no runs."""

    protocol: Name
    profile: str
    workload: Name
    models: Annotated[list[Name], Meta(min_length=1)]
    seeds: Seeds
    method: Method
    full: AblationMeasures[float]
    frozen: MeanRetrieval | None = None
    components: Annotated[list[AblationComponent], Meta(min_length=1)]
    ensemble: EnsembleAblation | None = None
    input: InputIdentity | None = None
    """None for the simulated workload, and in files of before version 0.3.0."""
    runs: list[AblationRun] | None = None
    trimmed: bool = False


class StreamMeasures(Record, Generic[T]):
    """What a blocked stream is measured by."""

    final_accuracy: T
    backward_transfer: T
    forgetting: T


class StreamRun(StreamMeasures[float], kw_only=True):
    """One run of a blocked stream: test resolve rates of T types before learning (T,) and after each stage (T, T)."""

    protocol: Name
    model: Name
    seed: Seed
    adapter: Name
    ewc: bool
    types: list[str]
    before: list[float]
    rates: list[list[float]]
    ewc_penalty: float

    def __post_init__(self) -> None:
        n = len(self.types)
        if len(self.before) != n or len(self.rates) != n or any(len(row) != n for row in self.rates):
            raise ValueError(f"before and each row of rates must have a number for each of the {n} types")


class EwcEffect(Record):
    """A measure with EWC on and off, and the paired difference."""

    ewc_on: MeanWithInterval
    ewc_off: MeanWithInterval
    difference: MeanWithInterval


class EwcRates(Record):
    """A mean rate with EWC on and off."""

    ewc_on: float
    ewc_off: float


class StreamSummary(Record):
    """What EWC changes for one protocol and kind of adapter, for all models together and for each."""

    protocol: Name
    adapter: Name
    overall: StreamMeasures[EwcEffect]
    models: dict[str, StreamMeasures[EwcEffect]]
    final_accuracy_of_types: dict[str, EwcRates]


class StreamDocument(Header, kw_only=True, tag="stream"):
    """The results file of a blocked stream."""

    method: Method
    runs: Annotated[list[StreamRun], Meta(min_length=1)]
    summaries: Annotated[list[StreamSummary], Meta(min_length=1)]
    trimmed: bool = False


class Seconds(Record):
    """Time of one call over several repetitions."""

    median: float
    median_absolute_deviation: float
    min: float
    max: float


class Speed(Record):
    """Calls per second, and the speed-up over the baseline."""

    per_second: float
    speedup: float


class SimdMeasurement(Record):
    """One kernel on one instruction set; bytes per second are None where memory does not decide."""

    work: Name
    sizes: dict[str, Count]
    isa: Name
    seconds: Seconds
    per_second: float
    bytes_per_second: float | None
    speedup: float
    speedup_over: str


class PublishedSpeedRow(Record):
    """Our dot products on an instruction set, by dimension, beside the published speed."""

    isa: Name
    ours: dict[str, Speed]
    published: Speed = field(name="report")


class SimdDocument(Header, kw_only=True, tag="simd"):
    """The results file of `ruvllm-bench simd`."""

    method: Method
    isas: list[str]
    measurements: Annotated[list[SimdMeasurement], Meta(min_length=1)]
    beside_published: list[PublishedSpeedRow] = field(name="besideTheReport")
    trimmed: bool = False
