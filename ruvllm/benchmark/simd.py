"""How long the kernels take on each instruction set: what `ruvllm-bench simd` measures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from ruvllm import _core
from ruvllm.benchmark.sweep import Reporter
from ruvllm.results.document import make_header
from ruvllm.results.experiment_records import Method, PublishedSpeedRow, Seconds, SimdDocument, SimdMeasurement, Speed
from ruvllm.results.published import PUBLISHED_SPEED

__all__ = [
    "DIMENSIONS",
    "LEAST_SECONDS",
    "PLAIN_LOOP",
    "WORKS",
    "Work",
    "beside_published",
    "chosen_isas",
    "make_simd_document",
    "measure_all",
]

PLAIN_LOOP = "plain loop"
"""The core's name of a scalar loop with one accumulator, compiled without vectorization."""
SCALAR = "scalar"
DIMENSIONS = (256, 1536, 4096)
LEAST_SECONDS = 0.01
"""Of one timed loop: 100 000 times the resolution of the clock, and short enough for many repetitions."""

METHOD: Method = {
    "statistic": "median of the repetitions, with their median absolute deviation, least and greatest",
    "repetition": "seconds per call in a loop of at least leastSeconds; instruction sets take turns",
    "check": "each answer compared with a naive one in double precision before anything is timed",
    PLAIN_LOOP: "one accumulator, compiled without vectorization: what speed-ups of dot are over",
    "scalar": "the library without vector instructions: 32 accumulators, as its bits are those of the others",
    "Fisher EMA": "bytesPerSecond counts what is read and written: 12 bytes per parameter",
}


@dataclass(frozen=True, slots=True)
class Work:
    """One thing to be timed on every instruction set."""

    name: str
    measure: Callable[..., list[list[float]]]
    sizes: dict[str, int]
    baseline: str
    """What speed-ups are over: the plain loop or scalar."""
    bytes_per_call: int | None = None
    """Read or written, where the memory's speed is what counts."""

    @property
    def label(self) -> str:
        return f"{self.name}, {', '.join(f'{size}={value}' for size, value in self.sizes.items())}"


WORKS = (
    *(Work("dot", _core.measure_dot, {"n": n}, PLAIN_LOOP) for n in DIMENSIONS),
    Work("cosine", _core.measure_cosine, {"rows": 150, "dim": 1536}, SCALAR),
    Work("LoRA step", _core.measure_lora_step, {"dim": 1536, "rank": 4, "candidates": 8}, SCALAR),
    Work("Fisher EMA", _core.measure_fisher_ema, {"n": 1_000_000}, SCALAR, bytes_per_call=12_000_000),
    Work("k-means", _core.measure_kmeans, {"n": 500, "dim": 1536, "n_clusters": 20, "max_iterations": 10}, SCALAR),
)


def chosen_isas(names: Sequence[str]) -> list[str]:
    """The instruction sets of this CPU among `names`, or with "all" every one; scalar always, to compare with."""
    return [isa for isa in _core.available_isas() if isa == SCALAR or isa in names or "all" in names]


def measure_all(isas: Sequence[str], repetitions: int, reporter: Reporter) -> list[SimdMeasurement]:
    """Every work on every instruction set. Raises RuntimeError where an answer is wrong."""
    reporter.start([work.label for work in WORKS])
    measurements: list[SimdMeasurement] = []
    for work in WORKS:
        found = _measure(work, isas, repetitions)
        measurements += found
        last = found[-1]
        took = _in_words(last.seconds.median)
        reporter.finish(work.label, f"{work.label}: answers are right; {took} with {last.isa}")
    return measurements


def _measure(work: Work, isas: Sequence[str], repetitions: int) -> list[SimdMeasurement]:
    subjects = [*([PLAIN_LOOP] if work.baseline == PLAIN_LOOP else []), *isas]
    seconds = work.measure(subjects, **work.sizes, repetitions=repetitions, least_seconds=LEAST_SECONDS)
    base = median(seconds[subjects.index(work.baseline)])
    return [_measurement(work, isa, own, base) for isa, own in zip(subjects, seconds, strict=True)]


def _measurement(work: Work, isa: str, seconds: Sequence[float], base: float) -> SimdMeasurement:
    middle = median(seconds)
    return SimdMeasurement(
        work=work.name,
        sizes=work.sizes,
        isa=isa,
        seconds=Seconds(middle, median(abs(value - middle) for value in seconds), min(seconds), max(seconds)),
        per_second=1 / middle,
        bytes_per_second=None if work.bytes_per_call is None else work.bytes_per_call / middle,
        speedup=base / middle,
        speedup_over=work.baseline,
    )


def _in_words(seconds: float) -> str:
    for factor, unit in ((1e9, "ns"), (1e6, "us")):
        if seconds * factor < 1000:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e3:.3g} ms"


def make_simd_document(
    measurements: Sequence[SimdMeasurement], isas: Sequence[str], repetitions: int, command: Sequence[str] = ()
) -> SimdDocument:
    """The results file of the kernels' speed."""
    return SimdDocument(
        **make_header(None, command),
        method={**METHOD, "repetitions": repetitions, "leastSeconds": LEAST_SECONDS, "threads": 1},
        isas=list(isas),
        measurements=list(measurements),
        beside_published=beside_published(measurements),
    )


def beside_published(measurements: Sequence[SimdMeasurement]) -> list[PublishedSpeedRow]:
    """A row per instruction set with a published speed that was measured: dot products at each dimension beside it."""
    rows = []
    for isa, published in PUBLISHED_SPEED.items():
        ours = {
            str(m.sizes["n"]): Speed(m.per_second, m.speedup)
            for m in measurements
            if m.work == "dot" and m.isa == isa
        }
        if ours:
            rows.append(PublishedSpeedRow(isa, ours, published))
    return rows
