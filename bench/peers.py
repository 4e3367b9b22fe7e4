"""Measures ruvllm beside well-known libraries: one process, one thread, repetitions in turns, medians.

Sections are in peers_<topic>.py; a library that is not installed is left out, a section without any is skipped.
Answers are checked against naive twins in double precision before anything is timed.
"""

import argparse
import importlib
import json
import math
import platform
import sys
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))  # Python leaves it out under PYTHONSAFEPATH
from peers_measure import Row, Section, WrongAnswerError, installed

import ruvllm

MODULES = ("peers_similarity", "peers_clusters", "peers_lora", "peers_fisher", "peers_replay", "peers_online",
           "peers_ranker")


def all_sections() -> list[Section]:
    return [section for name in MODULES if installed(name) for section in importlib.import_module(name).sections()]


def arguments(known: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--section", nargs="+", metavar="NAME", default=known, help=f"of {', '.join(known)}")
    parser.add_argument("--repetitions", type=int, default=7, metavar="N", help="of which the median is taken (7)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="writes the rows there too")
    chosen = parser.parse_args()
    for name in chosen.section:
        if name not in known:
            parser.exit(2, f"peers.py: there is no section '{name}'; there are {', '.join(known)}\n")
    if chosen.repetitions < 1:
        parser.exit(2, f"peers.py: --repetitions must be at least 1, not {chosen.repetitions}\n")
    return chosen


def significant(value: float) -> str:
    """Three significant digits, and never fewer than the whole number has."""
    return f"{value:.{max(0, 2 - math.floor(math.log10(value)))}f}" if value > 0 else "0"


def print_rows(section: Section, rows: list[Row]) -> None:
    names = list(dict.fromkeys(name for row in rows for name in row.peers))
    print(f"\n{section.name}: {section.compared}.")
    header = ["", "unit", "ours", *names, "ours / best"]
    table = [header]
    for row in rows:
        others = [significant(row.peers[name]) if name in row.peers else "–" for name in names]
        table.append([row.label, row.unit, significant(row.ours), *others, f"{row.ratio:.2f} ({row.best_peer})"])
    widths = [max(len(line[i]) for line in table) for i in range(len(header))]
    for line in table:
        print(
            "  ".join(
                cell.ljust(w) if i < 2 else cell.rjust(w) for i, (cell, w) in enumerate(zip(line, widths, strict=True))
            )
        )


def main() -> None:
    sections = {section.name: section for section in all_sections()}
    chosen = arguments(list(sections))
    print(
        f"ruvllm {ruvllm.__version__} ({ruvllm.active_isa()}), {platform.machine()}, "
        f"Python {platform.python_version()}, one thread, medians of {chosen.repetitions}"
    )
    written = {}
    for name in dict.fromkeys(chosen.section):
        section = sections[name]
        missing = section.missing()
        if len(missing) == len(section.packages):
            print(f"\n{name}: skipped, needs one of {', '.join(missing)}")
            continue
        try:
            rows = section.run(chosen.repetitions)
        except WrongAnswerError as error:
            sys.exit(f"peers.py: {error}")
        print_rows(section, rows)
        if missing:
            print(f"not installed: {', '.join(missing)}")
        written[name] = [asdict(row) | {"ratio": row.ratio, "best_peer": row.best_peer} for row in rows]
    if chosen.json:
        try:
            chosen.json.write_text(json.dumps(written, indent=2, allow_nan=False) + "\n", encoding="utf-8")
        except OSError as error:
            sys.exit(f"peers.py: --json: {error}")


if __name__ == "__main__":
    main()
