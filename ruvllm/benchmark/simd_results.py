"""The results file of `ruvllm-bench simd`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ruvllm.benchmark.simd import LEAST_SECONDS, PLAIN_LOOP, Measurement
from ruvllm.results.summaries import make_header

__all__ = ["REPORT", "beside_the_report", "make_simd_document"]

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
