"""How fast the kernels are on each instruction set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ruvllm.report.drawing import draw_grouped_bars
from ruvllm.report.parts import Block, Figure, Panel, Section, Table
from ruvllm.results.reading import Source

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
BESIDE = "The report says neither on how many elements nor on which machine it measured."


def simd_section(source: Source) -> Section:
    document = source.document
    measurements: list[dict[str, Any]] = document["measurements"]
    blocks: list[Block] = [_host(document), _figure(measurements)]
    beside = document.get("besideTheReport") or []
    if beside:
        blocks.append(_beside(beside))
    blocks += _tables(measurements)
    n = document["method"].get("repetitions")
    blocks.append(HOW.format(n="several" if n is None else str(n).removesuffix(".0")))
    return Section("Instruction sets", tuple(blocks))


def _host(document: dict[str, Any]) -> str:
    host = document.get("host", {})
    return (
        f"Measured on {host.get('system', 'an unknown system')} {host.get('machine', '')}, one thread, compiler "
        f"{host.get('compiler', 'unknown')}. Speed is this machine's; the results of all other commands are the same "
        "bits on each instruction set."
    )


def _work(measurement: dict[str, Any]) -> str:
    sizes = ", ".join(f"{name} = {value:g}" if value < 1e6 else f"{name} = {value:.0f}"
                      for name, value in measurement["sizes"].items())  # fmt: skip
    return f"{measurement['work']} ({sizes})"


def _figure(measurements: Sequence[dict[str, Any]]) -> Figure:
    panels = []
    for work in dict.fromkeys(map(_work, measurements)):
        own = [m for m in measurements if _work(m) == work]
        names = [m["isa"] for m in own]
        speedups = [m["speedup"] for m in own]
        said = ", ".join(f"{name} {value:.1f}" for name, value in zip(names, speedups, strict=True))
        short = work if own[0]["work"] == "dot" else own[0]["work"]
        panels.append(Panel(short, f"{work}, times {own[0]['speedupOver']}: {said}.",
                            partial(_draw, names=names, values=speedups, over=own[0]["speedupOver"])))  # fmt: skip
    height = 0.75 + 0.24 * max(len({m["isa"] for m in measurements}), 1)
    return Figure("simd", "Speed-up by instruction set", tuple(panels), (),
                  "Longer is faster; the table has the sizes.", height=height)  # fmt: skip


def _draw(axes: Any, *, names: Sequence[str], values: Sequence[float], over: str) -> None:
    draw_grouped_bars(axes, names, [values], x_label=f"times {over}", shown="{:.1f}x")


def _beside(rows: Sequence[dict[str, Any]]) -> Table:
    sizes = list(dict.fromkeys(n for row in rows for n in row["ours"]))
    cells = tuple(
        (
            row["isa"],
            *(f"{row['ours'][n]['speedup']:.1f}x ({1e-6 * row['ours'][n]['perSecond']:.0f} M/s)" if n in row["ours"]
              else "" for n in sizes),
            f"{row['report']['speedup']:.1f}x ({1e-6 * row['report']['perSecond']:.0f} M/s)",
        )
        for row in rows
    )  # fmt: skip
    columns = ("Instruction set", *(f"n = {n}" for n in sizes), "published")
    return Table("Dot products beside the published ones", columns, cells, BESIDE, headline=True)  # fmt: skip


def _tables(measurements: Sequence[dict[str, Any]]) -> list[Block]:
    """Dot products by dimension, then the other works; a row per instruction set."""
    dots = [m for m in measurements if m["work"] == "dot"]
    others = [m for m in measurements if m["work"] != "dot"]
    tables = [
        _table("Dot products per second, and times the plain loop", dots, PLAIN,
               lambda m: (f"n = {m['sizes'].get('n', 0):g}, M/s", 1e-6 * m["perSecond"])),
        _table("Retrieval and learning, and times scalar", others, WORKS, _in_its_unit),
    ]  # fmt: skip
    return [table for table in tables if table.rows]


def _in_its_unit(measurement: dict[str, Any]) -> tuple[str, float]:
    name, seconds = measurement["work"], measurement["seconds"]["median"]
    if measurement["bytesPerSecond"] is not None:
        return f"{name}, GB/s", 1e-9 * measurement["bytesPerSecond"]
    return (f"{name}, ms", 1e3 * seconds) if name == "k-means" else (f"{name}, µs", 1e6 * seconds)


def _table(
    title: str, measurements: Sequence[dict[str, Any]], note: str, value: Callable[[dict[str, Any]], tuple[str, float]]
) -> Table:
    """A row per instruction set; for each heading that `value` gives, the value with its deviation and the speed-up."""
    found = {(m["isa"], heading): (number, m) for m in measurements for heading, number in [value(m)]}
    headings = list(dict.fromkeys(heading for _, heading in found))
    rows = tuple(
        (isa, *(text for heading in headings
                for text in (_cells(*found[isa, heading]) if (isa, heading) in found else ("", ""))))
        for isa in dict.fromkeys(isa for isa, _ in found)
    )  # fmt: skip
    columns = ("Instruction set", *(name for heading in headings for name in (heading, "times")))
    return Table(title, columns, rows, note, headline=True, groups=(2,) * len(headings))


def _cells(value: float, measurement: dict[str, Any]) -> tuple[str, str]:
    spread = measurement["seconds"]["medianAbsoluteDeviation"] / measurement["seconds"]["median"]
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:.{digits}f} ±{spread:.0%}", f"{measurement['speedup']:.1f}x"
