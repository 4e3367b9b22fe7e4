"""How long the kernels take on each instruction set: what `ruvllm-bench simd` measures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from ruvllm import _core
from ruvllm.benchmark.sweep import Reporter
from ruvllm.results.summaries import make_header

__all__ = [
    "DIMENSIONS",
    "LEAST_SECONDS",
    "PLAIN_LOOP",
    "REPORT",
    "WORKS",
    "Work",
    "beside_the_report",
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

REPORT = {
    PLAIN_LOOP: (28e6, 1.0),
    "sse4.1": (82e6, 2.9),
    "avx2": (145e6, 5.2),
    "neon": (98e6, 3.5),
}
"""The report's "Vector Ops/Second" and "Speedup", under our names. It says neither on how many elements nor where."""

METHOD = {
    "statistic": "median of the repetitions, with their median absolute deviation, least and greatest",
    "repetition": "seconds per call in a loop of at least leastSeconds; instruction sets take turns",
    "check": "each answer compared with a naive one in double precision before anything is timed",
    PLAIN_LOOP: "one accumulator, compiled without vectorization: what speed-ups of dot are over",
    "scalar": "the library without vector instructions: 32 accumulators, as its bits are those of the others",
    "Fisher EMA": "bytesPerSecond counts what is read and written: 12 bytes per parameter",
}

Measurement = dict[str, Any]
"""One kernel on one instruction set: its figures for the results file."""


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


def measure_all(isas: Sequence[str], repetitions: int, reporter: Reporter) -> list[Measurement]:
    """Every work on every instruction set. Raises RuntimeError where an answer is wrong."""
    reporter.start([work.label for work in WORKS])
    measurements: list[Measurement] = []
    for work in WORKS:
        found = _measure(work, isas, repetitions)
        measurements += found
        last = found[-1]
        took = _in_words(last["seconds"]["median"])
        reporter.finish(work.label, f"{work.label}: answers are right; {took} with {last['isa']}")
    return measurements


def _measure(work: Work, isas: Sequence[str], repetitions: int) -> list[Measurement]:
    subjects = [*([PLAIN_LOOP] if work.baseline == PLAIN_LOOP else []), *isas]
    seconds = work.measure(subjects, **work.sizes, repetitions=repetitions, least_seconds=LEAST_SECONDS)
    base = median(seconds[subjects.index(work.baseline)])
    return [_measurement(work, isa, own, base) for isa, own in zip(subjects, seconds, strict=True)]


def _measurement(work: Work, isa: str, seconds: Sequence[float], base: float) -> Measurement:
    middle = median(seconds)
    return {
        "work": work.name,
        "sizes": work.sizes,
        "isa": isa,
        "seconds": {
            "median": middle,
            "medianAbsoluteDeviation": median(abs(value - middle) for value in seconds),
            "min": min(seconds),
            "max": max(seconds),
        },
        "perSecond": 1 / middle,
        "bytesPerSecond": None if work.bytes_per_call is None else work.bytes_per_call / middle,
        "speedup": base / middle,
        "speedupOver": work.baseline,
    }


def _in_words(seconds: float) -> str:
    for factor, unit in ((1e9, "ns"), (1e6, "us")):
        if seconds * factor < 1000:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e3:.3g} ms"


def make_simd_document(
    measurements: Sequence[Measurement], isas: Sequence[str], repetitions: int, command: Sequence[str]
) -> dict[str, Any]:
    return {
        **make_header("simd", command, "auto"),
        "method": {**METHOD, "repetitions": repetitions, "leastSeconds": LEAST_SECONDS, "threads": 1},
        "isas": list(isas),
        "measurements": list(measurements),
        "besideTheReport": beside_the_report(measurements),
    }


def beside_the_report(measurements: Sequence[Measurement]) -> list[dict[str, Any]]:
    """A row per instruction set that the report has too: our speed-up of dot at each dimension, and the report's."""
    rows = []
    for isa, (per_second, speedup) in REPORT.items():
        ours = {m["sizes"]["n"]: m for m in measurements if m["work"] == "dot" and m["isa"] == isa}
        if ours:
            rows.append(
                {
                    "isa": isa,
                    "ours": {str(n): {"perSecond": m["perSecond"], "speedup": m["speedup"]} for n, m in ours.items()},
                    "report": {"perSecond": per_second, "speedup": speedup},
                }
            )
    return rows
