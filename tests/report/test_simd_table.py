"""The tables of ruvllm-bench simd, from figures made by hand."""

from __future__ import annotations

import io

from experiment_samples import show_details
from report_samples import ISAS, NANOSECONDS, simd_document
from rich.console import Console

from ruvllm.benchmark.simd import PLAIN_LOOP


def printed(width: int = 80) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    show_details(console, simd_document())
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def rows_below(title: str, lines: list[str]) -> dict[str, list[str]]:
    """The cells of a table, by the name of the row."""
    start = lines.index(title)
    table = lines[start : lines.index("", start)]
    names = [*NANOSECONDS, "neon"]
    return {name: line.removeprefix(name).split() for line in table for name in names if line.startswith(f"{name} ")}


def test_everything_fits_80_columns_in_four_tables() -> None:
    lines = printed()
    assert max(map(len, lines)) <= 80
    assert not any("…" in line for line in lines)
    starts = [line.split("  ")[0].strip() for line in lines]
    assert starts.count(PLAIN_LOOP) == 2
    assert starts.count("avx2") == 4
    assert starts.count("avx512") == 3  # nothing was published of it


def test_dot_products_are_per_second_and_beside_the_plain_loop() -> None:
    rows = rows_below("Dot products per second, and times the plain loop", printed())
    assert rows == {
        PLAIN_LOOP: ["1.00", "±10%", "1.0x"] * 3,
        "scalar": ["0.80", "±10%", "0.8x"] * 3,
        "sse4.1": ["4.00", "±10%", "4.0x"] * 3,
        "avx2": ["16.0", "±10%", "16.0x"] * 3,
        "avx512": ["20.0", "±10%", "20.0x"] * 3,
    }


def test_the_other_works_have_their_units_and_are_beside_scalar() -> None:
    rows = rows_below("Retrieval and learning, and times scalar", printed(100))
    assert list(rows) == ISAS
    assert rows["avx512"] == [
        *("0.05", "±10%", "25.0x"),  # us
        *("0.05", "±10%", "25.0x"),  # us
        *("20.0", "±10%", "25.0x"),  # GB/s
        *("0.00", "±10%", "25.0x"),  # ms
    ]


def test_the_published_speed_is_beside_ours() -> None:
    rows = rows_below("Dot products beside the published ones", printed())
    assert rows == {
        PLAIN_LOOP: ["1.0x", "(1", "M/s)"] * 3 + ["1.0x", "(28", "M/s)"],
        "sse4.1": ["4.0x", "(4", "M/s)"] * 3 + ["2.9x", "(82", "M/s)"],
        "avx2": ["16.0x", "(16", "M/s)"] * 3 + ["5.2x", "(145", "M/s)"],
    }


def test_the_notes_say_how_it_was_measured() -> None:
    text = " ".join(" ".join(printed()).split())
    assert "medians of 9 with their median absolute deviation" in text
    assert "32 accumulators, because its bits are those of the others" in text
