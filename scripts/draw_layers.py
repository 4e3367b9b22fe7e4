#!/usr/bin/env python3
"""Draws docs/images/architecture.svg, and its dark version, from the imports and includes of the sources.

    python scripts/draw_layers.py            draw both pictures
    python scripts/draw_layers.py --check    change nothing; exit code 1 where a picture is not up to date

Packages and C++ layers are boxes, lower layers further down. An arrow is drawn where it is the only way from a package
to another; imports that jump over layers stand in the box as text. Needs nothing but the standard library.
"""

from __future__ import annotations

import argparse
import itertools
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path

from layers import ROOT, read_imports

IMAGES = ROOT / "docs" / "images"
CORE = "_core"
TOP, HEIGHT, GAP = 40, 84, 30
"""Of the rows of boxes, in pixels."""
SIZE = (760, 940)
LIGHT = {"ink": "#1f2328", "muted": "#59636e", "paper": "#ffffff", "box": "#f3f6fa", "line": "#c3ccd6",
         "python": "#0072b2", "cpp": "#007a5a"}  # fmt: skip
DARK = {"ink": "#e6edf3", "muted": "#a3adb8", "paper": "#0d1117", "box": "#171d25", "line": "#3d4650",
        "python": "#58b4f0", "cpp": "#3ac79b"}  # fmt: skip
THEMES = {"architecture.svg": LIGHT, "architecture-dark.svg": DARK}


@dataclass(frozen=True)
class Box:
    name: str
    what: str
    row: int
    left: int
    right: int
    color: str = "python"

    @property
    def top(self) -> int:
        return TOP + self.row * (HEIGHT + GAP)

    @property
    def bottom(self) -> int:
        return self.top + HEIGHT


PYTHON = [
    Box("commands", "what a user types", 0, 12, 472),
    Box("report", "results, for people", 1, 12, 222),
    Box("benchmark", "plans, runs and replays", 1, 242, 472),
    Box("online", "adapts to use", 2, 12, 134),
    Box("results", "the results file", 2, 148, 304),
    Box("learning", "the epochs", 2, 318, 436),
    Box("evaluation", "what a number means", 3, 12, 436),
    Box("workloads", "where tasks come from", 4, 12, 436),
    Box("encoders", "texts to vectors", 5, 12, 232),
    Box("checkpoints", "files to verify", 5, 252, 472),
    Box("files", "whole files, and hostile ones", 6, 12, 472),
    Box(CORE, "the C++ core, bound in bindings/", 7, 12, 472, "cpp"),
]
CPP = [
    Box("engine", "the learner", 3, 516, 620, "cpp"),
    Box("measure", "timing", 3, 631, 736, "cpp"),
    Box("tasks", "its worlds", 4, 516, 620, "cpp"),
    Box("components", "what learns", 5, 516, 654, "cpp"),
    Box("text", "n-grams", 5, 664, 736, "cpp"),
    Box("numeric", "random, exp, log", 6, 516, 736, "cpp"),
    Box("simd", "kernels, 32 lanes", 7, 516, 736, "cpp"),
]
PANEL = (504, 366, 244, 562)
"""Left, top, width and height of what frames the C++ layers."""
LEGEND = [
    "An arrow points at what is imported",
    "(in C++: included); the number says in",
    "how many places. Small print: imports",
    "that jump over layers.",
    "",
    "Nothing points upwards:",
    "tests/house/test_codebase.py",
]


def python_arrows() -> Counter[tuple[str, str]]:
    """(importing, imported) package, or the core -> number of places."""
    drawn = {box.name for box in PYTHON}
    found = Counter(found.packages for found in read_imports())
    return Counter({arrow: n for arrow, n in found.items() if arrow[0] != arrow[1] and arrow[1] in drawn})


def cpp_arrows() -> Counter[tuple[str, str]]:
    """(including, included) layer -> number of places; "bindings" is the layer above all others."""
    include = ROOT / "cpp" / "include" / "ruvllm"
    found: Counter[tuple[str, str]] = Counter()
    for folder, layer in [(path, path.name) for path in include.iterdir()] + [(ROOT / "bindings", "bindings")]:
        for path in folder.glob("*.?pp"):
            targets = re.findall(r'#\s*include [<"]ruvllm/(\w+)/', path.read_text(encoding="utf-8"))
            found.update((layer, target) for target in targets if target != layer)
    return found


def necessary(arrows: Mapping[tuple[str, str], int]) -> set[tuple[str, str]]:
    """The arrows that no way over others replaces (transitive reduction)."""
    below: dict[str, set[str]] = {}
    for source, target in arrows:
        below.setdefault(source, set()).add(target)

    def reached(start: str) -> set[str]:
        found: set[str] = set()
        todo = [start]
        while todo:
            for name in below.get(todo.pop(), set()) - found:
                found.add(name)
                todo.append(name)
        return found

    return {(a, b) for a, b in arrows if not any(b in reached(other) for other in below[a] - {b})}


def draw(theme: Mapping[str, str]) -> str:
    width, height = SIZE
    python, cpp = python_arrows(), cpp_arrows()
    bound = sum(n for (source, _), n in cpp.items() if source == "bindings")
    inner = Counter({arrow: n for arrow, n in cpp.items() if arrow[0] != "bindings"})
    left, top, panel_width, panel_height = PANEL
    core = PYTHON[-1]
    middle = (core.top + core.bottom) / 2
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        'role="img" font-family="system-ui, -apple-system, Segoe UI, Noto Sans, DejaVu Sans, sans-serif">',
        "<title>Packages and C++ layers of RuvLLM, each importing only those below it</title>",
        f'<rect width="{width}" height="{height}" fill="{theme["paper"]}"/>',
        *(_marker(name, theme[name]) for name in ("python", "cpp")),
        _text(12, 26, "ruvllm/: Python packages", theme["muted"], 14, bold=True),
        f'<rect x="{left}" y="{top}" width="{panel_width}" height="{panel_height}" rx="10" fill="none" '
        f'stroke="{theme["line"]}" stroke-dasharray="5 4"/>',
        _text(left, top - 12, "cpp/: header-only layers", theme["muted"], 14, bold=True),
        *(_text(left, 60 + 20 * i, line, theme["muted"], 13) for i, line in enumerate(LEGEND)),
        *_boxes(PYTHON, python, theme),
        *_boxes(CPP, inner, theme),
        _arrow((core.right, middle), (left, middle), bound, "cpp", theme, straight=True),
    ]
    return "\n".join([*lines, "</svg>", ""])


def _boxes(boxes: list[Box], arrows: Counter[tuple[str, str]], theme: Mapping[str, str]) -> Iterator[str]:
    named = {box.name: box for box in boxes}
    if missing := {name for arrow in arrows for name in arrow} - set(named):
        raise ValueError(f"no place in the picture for {', '.join(sorted(missing))}: see PYTHON and CPP")
    ways = {arrow: _way(named[arrow[0]], named[arrow[1]], boxes) for arrow in sorted(necessary(arrows))}
    drawn = {arrow: way for arrow, way in ways.items() if way is not None}
    for box in boxes:
        rest = Counter({target: n for (source, target), n in arrows.items()
                        if source == box.name and (source, target) not in drawn})  # fmt: skip
        yield from _box(box, rest, theme)
    for (source, target), way in drawn.items():
        color = "cpp" if target == CORE else named[source].color
        yield _arrow((way[0], named[source].bottom), (way[1], named[target].top), arrows[source, target], color, theme)


def _way(source: Box, target: Box, boxes: list[Box]) -> tuple[float, float] | None:
    """Where an arrow leaves and arrives, across the page; None where boxes stand in between."""
    low, high = max(source.left, target.left), min(source.right, target.right)
    if target.row == source.row + 1 and high < low:  # side by side: from corner to corner
        return (low + 20, high - 20) if source.left > target.left else (high - 20, low + 20)
    between = [box for box in boxes if source.row < box.row < target.row]
    edges = sorted({low, high, *(edge for box in between for edge in (box.left, box.right) if low < edge < high)})
    for a, b in itertools.pairwise(edges):
        if b - a >= 20 and not any(box.left < b and a < box.right for box in between):
            return (a + b) / 2, (a + b) / 2
    return None


def _box(box: Box, rest: Counter[str], theme: Mapping[str, str]) -> Iterator[str]:
    color = theme[box.color]
    yield (f'<rect x="{box.left}" y="{box.top}" width="{box.right - box.left}" height="{HEIGHT}" rx="7" '
           f'fill="{theme["box"]}" stroke="{theme["line"]}"/>')  # fmt: skip
    yield f'<rect x="{box.left}" y="{box.top + 8}" width="4" height="{HEIGHT - 16}" rx="2" fill="{color}"/>'
    left = box.left + 14
    yield _text(left, box.top + 24, box.name, theme["ink"], 16, bold=True)
    yield _text(left, box.top + 40, box.what, theme["muted"], 12.5)
    words = [f"{name.removeprefix('_')} {rest[name]}" for name in sorted(rest, key=lambda name: (-rest[name], name))]
    for i, line in enumerate(_broken(words, (box.right - left - 6) // 6)):
        yield _text(left, box.top + 54 + 12 * i, line, theme["muted"], 11)


def _broken(words: list[str], room: int) -> list[str]:
    """Lines of at most `room` letters."""
    lines = [""]
    for word in words:
        longer = f"{lines[-1]} · {word}" if lines[-1] else word
        if len(longer) > room:
            lines.append(word)
        else:
            lines[-1] = longer
    return [line for line in lines if line]


def _marker(name: str, color: str) -> str:
    return (f'<marker id="{name}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
            f'<path d="M0 0.5 8 4 0 7.5z" fill="{color}"/></marker>')  # fmt: skip


def _arrow(
    start: tuple[float, float], end: tuple[float, float], n: int, color: str, theme: Mapping[str, str],
    straight: bool = False,
) -> str:  # fmt: skip
    (x1, y1), (x2, y2) = start, end
    bend = "" if straight else f"C{x1:g} {y1 + GAP - 5:g} {x2:g} {y2 - GAP + 5:g} "
    path = f"M{x1:g} {y1:g}{bend or 'L'}{x2:g} {y2 - (0 if straight else 1):g}"
    x, y, half = (x1 + x2) / 2, (y1 + y2) / 2, 5 + 4 * len(str(n))
    return (f'<path d="{path}" fill="none" stroke="{theme[color]}" stroke-width="1.6" marker-end="url(#{color})"/>'
            + ("" if straight else f'<rect x="{x - half:g}" y="{y - 11:g}" width="{2 * half}" height="18" rx="9" '
               f'fill="{theme["paper"]}"/>')
            + _text(x, y - 8 if straight else y + 3, str(n), theme[color], 13, bold=True, middle=True))  # fmt: skip


def _text(
    x: float, y: float, words: str, color: str, size: float, *, bold: bool = False, middle: bool = False
) -> str:
    extra = (' font-weight="600"' if bold else "") + (' text-anchor="middle"' if middle else "")
    return f'<text x="{x:g}" y="{y:g}" fill="{color}" font-size="{size:g}"{extra}>{escape(words)}</text>'


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="only compare")
    check = parser.parse_args().check
    stale = [name for name, theme in THEMES.items() if _kept(IMAGES / name) != draw(theme)]
    for name in stale:
        if check:
            print(f"docs/images/{name} is not up to date: run scripts/draw_layers.py", file=sys.stderr)
        else:
            (IMAGES / name).write_text(draw(THEMES[name]), encoding="utf-8")
    return int(check and bool(stale))


def _kept(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


if __name__ == "__main__":
    sys.exit(main())
