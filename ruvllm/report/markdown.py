"""A report as Markdown: the leaderboard, and the detailed comparison beside it."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from ruvllm.encoders.models import MODELS
from ruvllm.report.parts import CardList, Figure, Report, Section, Table
from ruvllm.report.sections.provenance import command_of
from ruvllm.report.wording import THE_REPORT
from ruvllm.results.reading import Document, Source
from ruvllm.version import __version__

__all__ = ["COMPARISON", "make_comparison", "make_leaderboard", "markdown_table"]

COMPARISON = "small-model-comparison.md"
"""The name of the second file: the report that this project implements gives it."""
GENERATED = "<!-- Written by ruvllm-report: change the results, not this file. -->"
WHAT_IT_IS_NOT = (
    "**What this is not.** The models of the simulated workload are stand-ins with two calibrated constants each, and "
    f"no task of SWE-bench is in it. {THE_REPORT} The path of this page comes from it. It says how the learning stack "
    "behaves when a frozen encoder starts where the report's models start. It says nothing about the real models of "
    "these names."
)


def make_leaderboard(report: Report, sources: Sequence[Source[Document]], pictures: Path | None, target: Path) -> str:
    """`pictures` is the folder of the plots, where there are some; links are relative to the file `target`."""
    parts = [GENERATED, "# Leaderboard", *_beginning(report)]
    if _is_simulated(report):
        parts.append(WHAT_IT_IS_NOT)
    for section in report.sections:
        tables = [block for block in section.blocks if isinstance(block, Table) and block.headline]
        if tables:
            parts.append(f"## {section.title}")
            parts += [text for table in tables for text in _table(table, 3)]
            if pictures is not None:
                parts += [_picture(figure, pictures, target) for figure in _first_figure(section)]
    parts.append(f"[All tables, model by model]({COMPARISON}).")
    parts += _origin(sources)
    return "\n\n".join(parts) + "\n"


def make_comparison(report: Report, sources: Sequence[Source[Document]], pictures: Path | None, target: Path) -> str:
    """Everything that a report has, and the models' facts."""
    parts = [GENERATED, "# Small models compared", *_beginning(report)]
    if _is_simulated(report):
        parts.append(WHAT_IT_IS_NOT)
    parts += ["## The models", *_facts()]
    for section in report.sections[:-1]:  # the last one is where it comes from
        parts.append(f"## {section.title}")
        for block in section.blocks:
            if isinstance(block, str):
                parts.append(block)
            elif isinstance(block, Table):
                parts += _table(block, 3)
            elif isinstance(block, CardList):
                parts += [*_table(block.short, 4), block.note]
            elif pictures is not None:
                parts += [f"### {block.title}", _picture(block, pictures, target), block.note]
    parts += _origin(sources)
    return "\n\n".join(part for part in parts if part) + "\n"


def _beginning(report: Report) -> list[str]:
    """The verdicts, what the results say, and what was left out."""
    parts = []
    for verdict in report.verdicts:
        facts = "\n".join(f"- {label}: {text}" for label, text in verdict.facts)
        parts += [f"**{_plain(verdict.title)}**", f"**{verdict.answer}**", facts]
    parts += [report.explained, *report.lead]
    if report.notes:
        parts.append("What to mind:\n\n" + "\n".join(f"- {_plain(note)}" for note in report.notes))
    return [part for part in parts if part]


def _plain(text: str) -> str:
    """A name of a file or an encoder, whose letters are no mark-up."""
    return re.sub(r"([\\`*_\[\]<>])", r"\\\1", text)


def markdown_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A GitHub table; columns of numbers to the right."""
    numbers = Table("", tuple(columns), tuple(map(tuple, rows))).numeric
    lines = [_line(columns), "|" + "".join(" ---: |" if number else " --- |" for number in numbers)]
    return "\n".join([*lines, *map(_line, rows)])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|').replace(chr(10), ' ') for cell in cells)} |"


def _table(table: Table, level: int) -> list[str]:
    return [part for part in (f"{'#' * level} {table.title}", markdown_table(table.columns, table.rows), table.note)
            if part]  # fmt: skip


def _facts() -> list[str]:
    columns = ("Model", "Params", "Context", "Embedding", "Hidden", "Layers", "Heads", "Vocabulary", "Quantization",
               "Provider")  # fmt: skip
    rows = [
        (m.name, f"{m.params_b:g}B", str(m.context), str(m.embedding_dim), str(m.hidden_dim), str(m.layers),
         str(m.heads), str(m.vocab), m.quantization, m.provider)
        for m in MODELS
    ]  # fmt: skip
    return [markdown_table(columns, rows), "Public facts about the architectures; none but the size, which decides the "
            "adapter's rank, and the embedding dimension enters a run."]  # fmt: skip


def _first_figure(section: Section) -> list[Figure]:
    return [block for block in section.blocks if isinstance(block, Figure)][:1]


def _picture(figure: Figure, pictures: Path, target: Path) -> str:
    link = Path(os.path.relpath(pictures / f"{figure.name}.svg", target.parent)).as_posix()
    alt = "; ".join(f"{panel.title}: {panel.alt}" if panel.title else panel.alt for panel in figure.panels)
    return f"![{figure.title}. {alt.replace('[', '(').replace(']', ')')}](<{link}>)"


def _origin(sources: Sequence[Source[Document]]) -> list[str]:
    rows = [
        (Path(source.name).name, found.version, found.created, found.host.isa, f"`{command_of(source)}`")
        for source in sources
        for found in [source.document]
    ]
    return [
        "## Where it comes from",
        markdown_table(("File", "Version", "Created", "ISA", "Command"), rows),
        f"Written by `ruvllm-report` {__version__}.",
    ]


def _is_simulated(report: Report) -> bool:
    return any("imulated workload" in text for text in (*report.lead, *(section.title for section in report.sections)))
