"""How fast the kernels are on each instruction set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from ruvllm.report.drawing import draw_grouped_bars
from ruvllm.report.parts import Block, Figure, Panel, Section, Table
from ruvllm.results.experiment_records import PublishedSpeedRow, SimdDocument, SimdMeasurement, Speed

__all__ = ["simd_section"]

HOW = (
    "Times are medians of {n} with their median absolute deviation, one thread. Each answer was first "
    "compared with a naive one in double precision. Instruction sets take turns, so that a busy machine slows them all."
)
PLAIN = (
    "Plain loop: one accumulator, compiled without vectorization. Scalar: the library without vector instructions; it "
    "has 32 accumulators, because its bits are those of the others."
)
WORKS = (
    "Cosine: one query with 150 rows of 1536. LoRA step: one learning step, d = 1536, rank 4, 8 candidates. Fisher "
    "EMA: moving average of squares, 10^6 parameters, 12 bytes each. k-means: seeding and at most 10 iterations, 500 "
    "rows of 1536, 20 clusters."
)
BESIDE = (
    "The RuvLLM Self-Improvement Benchmark Report, whose figures these are, says neither on how many elements nor on "
    "which machine it measured."
)


def simd_section(document: SimdDocument) -> Section:
    measurements = document.measurements
    blocks: list[Block] = [_host(document), _figure(measurements)]
    if document.beside_published:
        blocks.append(_beside(document.beside_published))
    blocks += _tables(measurements)
    blocks.append(HOW.format(n=str(document.method.get("repetitions", "several")).removesuffix(".0")))
    return Section("Instruction sets", tuple(blocks))


def _host(document: SimdDocument) -> str:
    host = document.host
    return (
        f"Measured on {host.system or 'an unknown system'} {host.machine}, one thread, compiler "
        f"{host.compiler or 'unknown'}. Speed is this machine's; the results of all other commands are the same bits "
        "on each instruction set."
    )


def _work(measurement: SimdMeasurement) -> str:
    sizes = ", ".join(f"{name} = {value:g}" if value < 1e6 else f"{name} = {value:.0f}"
                      for name, value in measurement.sizes.items())  # fmt: skip
    return f"{measurement.work} ({sizes})"


def _figure(measurements: Sequence[SimdMeasurement]) -> Figure:
    panels = []
    for work in dict.fromkeys(map(_work, measurements)):
        own = [m for m in measurements if _work(m) == work]
        names, speedups, over = [m.isa for m in own], [m.speedup for m in own], own[0].speedup_over
        said = ", ".join(f"{name} {value:.1f}" for name, value in zip(names, speedups, strict=True))
        short = work if own[0].work == "dot" else own[0].work
        panels.append(Panel(short, f"{work}, times {over}: {said}.",
                            partial(draw_grouped_bars, names=names, groups=[speedups], shown="{:.1f}x",
                                    x_label=f"times {over}")))  # fmt: skip
    height = 0.75 + 0.24 * max(len({m.isa for m in measurements}), 1)
    return Figure("simd", "Speed-up by instruction set", tuple(panels), (),
                  "Longer is faster; the table has the sizes.", height=height)  # fmt: skip


def _beside(rows: Sequence[PublishedSpeedRow]) -> Table:
    sizes = list(dict.fromkeys(n for row in rows for n in row.ours))
    cells = tuple((row.isa, *(_speed(row.ours.get(n)) for n in sizes), _speed(row.published)) for row in rows)
    columns = ("Instruction set", *(f"n = {n}" for n in sizes), "published")
    return Table("Dot products beside the published ones", columns, cells, BESIDE, headline=True)


def _speed(found: Speed | None) -> str:
    return "" if found is None else f"{found.speedup:.1f}x ({1e-6 * found.per_second:.0f} M/s)"


def _tables(measurements: Sequence[SimdMeasurement]) -> list[Block]:
    """Dot products by dimension, then the other works; a row per instruction set."""
    dots = [m for m in measurements if m.work == "dot"]
    others = [m for m in measurements if m.work != "dot"]
    tables = [
        _table("Dot products per second, and times the plain loop", dots, PLAIN,
               lambda m: (f"n = {m.sizes.get('n', 0)}, M/s", 1e-6 * m.per_second)),
        _table("Retrieval and learning, and times scalar", others, WORKS, _in_its_unit),
    ]  # fmt: skip
    return [table for table in tables if table.rows]


def _in_its_unit(measurement: SimdMeasurement) -> tuple[str, float]:
    name, seconds = measurement.work, measurement.seconds.median
    if measurement.bytes_per_second is not None:
        return f"{name}, GB/s", 1e-9 * measurement.bytes_per_second
    return (f"{name}, ms", 1e3 * seconds) if name == "k-means" else (f"{name}, µs", 1e6 * seconds)


def _table(
    title: str,
    measurements: Sequence[SimdMeasurement],
    note: str,
    value: Callable[[SimdMeasurement], tuple[str, float]],
) -> Table:
    """A row per instruction set; for each heading that `value` gives, the value with its deviation and the speed-up."""
    found = {(m.isa, heading): (number, m) for m in measurements for heading, number in [value(m)]}
    headings = list(dict.fromkeys(heading for _, heading in found))
    rows = tuple(
        (isa, *(text for heading in headings
                for text in (_cells(*found[isa, heading]) if (isa, heading) in found else ("", ""))))
        for isa in dict.fromkeys(isa for isa, _ in found)
    )  # fmt: skip
    columns = ("Instruction set", *(name for heading in headings for name in (heading, "times")))
    return Table(title, columns, rows, note, headline=True, groups=(2,) * len(headings))


def _cells(value: float, measurement: SimdMeasurement) -> tuple[str, str]:
    spread = measurement.seconds.median_absolute_deviation / measurement.seconds.median
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:.{digits}f} ±{spread:.0%}", f"{measurement.speedup:.1f}x"
