"""How fast the kernels are on each instruction set."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from ruvllm.report.drawing import draw_grouped_bars
from ruvllm.report.parts import Block, Figure, Panel, Section, Table
from ruvllm.results.reading import Source

__all__ = ["simd_section"]

EXPLAINED = (
    "Median of several measurements, with their median absolute deviation; one thread; each answer was first compared "
    "with a naive one. Times: how often as fast as what the last column names."
)
BESIDE = "The report says neither on how many elements nor on which machine it measured."


def simd_section(source: Source) -> Section:
    document = source.document
    measurements: list[dict[str, Any]] = document["measurements"]
    blocks: list[Block] = [_host(document), _figure(measurements)]
    beside = document.get("besideTheReport") or []
    if beside:
        blocks.append(_beside(beside))
    rows = tuple(
        (
            _work(m),
            m["isa"],
            _time(m["seconds"]["median"]),
            f"{100 * m['seconds']['medianAbsoluteDeviation'] / m['seconds']['median']:.0f}%",
            f"{m['speedup']:.1f}x",
            m["speedupOver"],
        )
        for m in measurements
    )
    blocks.append(Table("Every kernel", ("Work", "Instruction set", "Time", "Deviation", "Times", "over"), rows,
                        EXPLAINED, folded=True))  # fmt: skip
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
    return Table("Dot products beside the report's", ("Instruction set", *(f"n = {n}" for n in sizes), "report"), cells,
                 BESIDE, headline=True)  # fmt: skip


def _time(seconds: float) -> str:
    for factor, unit in ((1e9, "ns"), (1e6, "µs"), (1e3, "ms")):
        if seconds * factor < 1000:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds:.3g} s"
