"""Writes a report down, in every form that was asked for."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ruvllm.files.atomic import write_in_folder
from ruvllm.report.parts import Report
from ruvllm.results.reading import Collection

__all__ = ["Targets", "missing_packages", "write_report"]


@dataclass(frozen=True, slots=True)
class Targets:
    """Where to; None: not asked for."""

    html: Path | None = None
    markdown: Path | None = None
    plots: Path | None = None
    csv: Path | None = None
    trim: Path | None = None

    @property
    def any(self) -> bool:
        return any((self.html, self.markdown, self.plots, self.csv, self.trim))


def missing_packages(targets: Targets) -> list[str]:
    """What has to be installed first."""
    needed = ["matplotlib"] if targets.html or targets.plots else []
    needed += ["jinja2"] if targets.html else []
    return [name for name in needed if importlib.util.find_spec(name) is None]


def write_report(
    report: Report, collection: Collection, targets: Targets, watch: Callable[[str], None] = lambda _: None
) -> list[str]:
    """Writes the files and returns a line on each of them. Raises OSError."""
    lines = []
    for target, write in (
        (targets.plots, _write_plots),
        (targets.html, _write_html),
        (targets.markdown, _write_markdown),
        (targets.csv, _write_csv),
        (targets.trim, _write_trimmed),
    ):
        if target is not None:
            watch(str(target))
            lines += write(report, collection, targets, target)
    return lines


def _write_html(report: Report, collection: Collection, _: Targets, target: Path) -> list[str]:
    from ruvllm.report.page import make_page

    page = make_page(report, len(collection.sources))
    _write(target, page)
    return [f"Page: {target}"]


def _write_plots(report: Report, _: Collection, __: Targets, target: Path) -> list[str]:
    from ruvllm.report.pictures import save_figure

    target.mkdir(parents=True, exist_ok=True)
    for figure in report.figures:
        save_figure(figure, target)
    return [f"Plots: {len(report.figures)} as PNG and SVG in {target}"]


def _write_markdown(report: Report, collection: Collection, targets: Targets, target: Path) -> list[str]:
    from ruvllm.report.markdown import COMPARISON, make_comparison, make_leaderboard

    pictures = None if targets.plots is None else targets.plots.absolute()
    other = target.with_name(COMPARISON)
    if other == target:
        raise OSError(f"{target} is the name of the second Markdown file, {COMPARISON}: choose another one")
    place = target.absolute()
    _write(target, make_leaderboard(report, collection.sources, pictures, place))
    _write(other, make_comparison(report, collection.sources, pictures, place))
    return [f"Markdown: {target} and {other}"]


def _write_csv(_: Report, collection: Collection, __: Targets, target: Path) -> list[str]:
    from ruvllm.report.tidy_csv import make_csv

    text = make_csv(collection.sources)
    _write(target, text)
    rows = text.count("\n") - 1
    return [f"CSV: {target}, {rows} rows"]


def _write_trimmed(_: Report, collection: Collection, __: Targets, target: Path) -> list[str]:
    from ruvllm.report.trimming import trimmed
    from ruvllm.results.document import document_text

    names = [Path(source.name).name for source in collection.sources]
    if len(set(names)) != len(names):
        raise OSError("two results files have the same name: trim them one by one")
    for source, name in zip(collection.sources, names, strict=True):
        _write(target / name, document_text(trimmed(source.document)))
    return [f"Trimmed: {len(names)} file{'' if len(names) == 1 else 's'} in {target}"]


def _write(path: Path, text: str) -> None:
    write_in_folder(path, text.encode())
