"""The tables of `ruvllm-bench simd`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from rich.console import Console

from ruvllm.benchmark.simd import DIMENSIONS
from ruvllm.report.screen import Columns, print_notes, print_table

__all__ = ["print_simd"]

Measurement = dict[str, Any]
UNITS: dict[str, tuple[str, Callable[[Measurement], float]]] = {
    "cosine": ("Cosine\nus", lambda m: 1e6 * float(m["seconds"]["median"])),
    "LoRA step": ("LoRA\nus", lambda m: 1e6 * float(m["seconds"]["median"])),
    "Fisher EMA": ("Fisher\nGB/s", lambda m: 1e-9 * float(m["bytesPerSecond"])),
    "k-means": ("k-means\nms", lambda m: 1e3 * float(m["seconds"]["median"])),
}
EXPLAINED = (
    "Medians of {repetitions} with their median absolute deviation, one thread. Each answer was first compared with a "
    "naive one in double precision. Instruction sets take turns, so that a busy machine slows them all.",
    "plain loop: one accumulator, compiled without vectorization. scalar: the library without vector instructions; it "
    "has 32 accumulators, because its bits are those of the others.",
    "Cosine: one query with 150 rows of 1536. LoRA: one learning step, d = 1536, rank 4, 8 candidates. Fisher: moving "
    "average of squares, 10^6 parameters, 12 bytes each. k-means: seeding and at most 10 iterations, 500 rows of 1536, "
    "20 clusters.",
)


def print_simd(console: Console, document: dict[str, Any]) -> None:
    """Dot products, whole operations, the report's speed-ups beside ours; a row per instruction set in each."""
    key = ("\nISA", lambda row: str(row["isa"]))
    dots: dict[str, dict[str, Any]] = {}
    others: dict[str, dict[str, Any]] = {}
    for m in document["measurements"]:
        rows, name = (dots, str(m["sizes"]["n"])) if m["work"] == "dot" else (others, m["work"])
        rows.setdefault(m["isa"], {"isa": m["isa"]})[name] = m
    groups = [_columns(str(n), f"n = {n}\nM/s", lambda m: 1e-6 * float(m["perSecond"])) for n in DIMENSIONS]
    print_table(console, "Dot products per second, and times the plain loop", key, groups, list(dots.values()))
    groups = [_columns(name, heading, value) for name, (heading, value) in UNITS.items()]
    print_table(console, "Retrieval and learning, and times scalar", key, groups, list(others.values()))
    _print_report(console, document["besideTheReport"])
    print_notes(console, [text.format(**document["method"]) for text in EXPLAINED])


def _print_report(console: Console, rows: list[dict[str, Any]]) -> None:
    ours: Columns = [(("Ours\n" if i == 0 else "\n") + str(n), partial(_times_of, n)) for i, n in enumerate(DIMENSIONS)]
    report: Columns = [
        ("The report\nspeed-up", lambda row: _times(row["report"]["speedup"])),
        ("\nM/s", lambda row: _short(1e-6 * row["report"]["perSecond"])),
    ]
    key = ("\nISA", lambda row: str(row["isa"]))
    print_table(console, "Speed-up of the dot product over the plain loop", key, [ours, report], rows)


def _columns(name: str, heading: str, value: Callable[[Measurement], float]) -> Columns:
    return (
        (heading, lambda row: f"{_short(value(row[name]))} {_spread(row[name]['seconds'])}"),
        ("", lambda row: _times(row[name]["speedup"])),
    )


def _times_of(n: int, row: Mapping[str, Any]) -> str:
    return _times(row["ours"][str(n)]["speedup"])


def _times(value: float) -> str:
    return f"{value:.1f}x"


def _spread(seconds: Mapping[str, float]) -> str:
    return f"±{seconds['medianAbsoluteDeviation'] / seconds['median']:.0%}"


def _short(value: float) -> str:
    """Three digits, more before the point."""
    return f"{value:.{0 if value >= 100 else 1 if value >= 10 else 2}f}"
