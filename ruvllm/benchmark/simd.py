"""How long the kernels take on each instruction set: what `ruvllm-bench simd` measures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from ruvllm import _core
from ruvllm.commands.progress import QuietReporter

__all__ = ["DIMENSIONS", "LEAST_SECONDS", "PLAIN_LOOP", "WORKS", "Work", "chosen_isas", "measure_all"]

PLAIN_LOOP = "plain loop"
"""The core's name of a scalar loop with one accumulator, compiled without vectorization."""
SCALAR = "scalar"
DIMENSIONS = (256, 1536, 4096)
LEAST_SECONDS = 0.01
"""Of one timed loop: 100 000 times the resolution of the clock, and short enough for many repetitions."""

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


def measure_all(isas: Sequence[str], repetitions: int, reporter: QuietReporter) -> list[Measurement]:
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
