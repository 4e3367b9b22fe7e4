"""Saving and showing results, and the exit code of what they say."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec import structs

from ruvllm.commands.bench_options import OutputArguments
from ruvllm.commands.common import WORSE, save_text
from ruvllm.commands.streams import optional_output
from ruvllm.files.arrays import resume_path
from ruvllm.results.document import document_text
from ruvllm.results.streams.records import PrequentialDocument
from ruvllm.results.summary_records import BenchmarkDocument, Summary

if TYPE_CHECKING:
    from ruvllm.results.reading import Document

__all__ = ["CHECKPOINTS", "PROGRAM", "exit_code", "give_out", "worse_in"]

PROGRAM = "ruvllm-bench"
CHECKPOINTS = "checkpoints"
"""Folder beside the results files."""


def give_out(arguments: OutputArguments, document: Document, details: bool = True) -> None:
    """Saves the document, then prints it: as JSON, as its report with all tables or the main ones, or not at all."""
    document = structs.replace(document, name=arguments.name or "")
    text = document_text(document)
    path = save_text(text, document.kind, document.created, arguments.out)
    if arguments.as_json:
        click.echo(text, nl=False)
    elif not arguments.quiet:
        from rich.console import Console

        from ruvllm.report.contents import make_report
        from ruvllm.report.screen import print_report
        from ruvllm.results.reading import in_memory

        with optional_output(PROGRAM, f"the results are in {path}"):
            console = Console()
            print_report(console, make_report(in_memory(document)), details)
            for line in (*_what_to_look_at(path, document), _what_was_saved(path, document)):
                console.print(line, markup=False, highlight=False, soft_wrap=True)


def _what_to_look_at(path: Path, document: Document) -> list[str]:
    """Returns the command that shows single tasks, if they are more than numbers."""
    has_tasks = isinstance(document, BenchmarkDocument) and document.tasks is not None
    return [f"Tasks won and lost: ruvllm-report tasks {shlex.quote(str(path))}"] if has_tasks else []


def _what_was_saved(path: Path, document: Document) -> str:
    """Returns the last line: files and their sizes."""
    line = f"Results: {path} ({_size([path])})"
    if not isinstance(document, BenchmarkDocument):
        return line
    files = {Path(run.checkpoint) for run in document.results if run.checkpoint is not None}
    if not files:
        return f"{line}; no checkpoints; --keep last keeps some"
    number = f"{len(files)}" if len(files) == len(document.results) else f"{len(files)} of {len(document.results)}"
    number += " checkpoint" if number == "1" else " checkpoints"
    place, size = f"{path.parent / CHECKPOINTS}{os.sep}", _size([*files, *map(resume_path, files)])
    return f"{line}; {number}: {place} ({size}); --keep none keeps none"


def _size(files: Sequence[Path]) -> str:
    from rich.filesize import decimal

    return decimal(sum(file.stat().st_size for file in files if file.exists()), precision=0)


def worse_in(document: Document) -> list[str]:
    """What ended below its frozen start, beyond chance. Other kinds of results only measure."""
    if isinstance(document, BenchmarkDocument):
        return [f"{s.model} {s.protocol}" for s in document.summaries if _ended_below_its_start(s)]
    if not isinstance(document, PrequentialDocument):
        return []
    from ruvllm.results.streams.summaries import outcome_of, runs_of
    from ruvllm.results.verdict import WORSE as WORSE_THAN_ITS_START

    found = zip(document.summaries, runs_of(document.runs).values(), strict=True)
    return [f"{s.model} {s.protocol}" for s, runs in found if outcome_of(s, runs) == WORSE_THAN_ITS_START]


def exit_code(worse: Sequence[str]) -> int:
    if worse:
        click.echo(f"{PROGRAM}: worse than the frozen start, beyond chance: {', '.join(worse)}", err=True)
    return WORSE if worse else 0


def _ended_below_its_start(summary: Summary) -> bool:
    """Whether the whole interval of a gain lies below 0: of the resolve rate, or of recall@1 where that was asked."""
    recall = None if summary.retrieval is None else summary.retrieval.recall_at_1
    return summary.gain_ci95[1] < 0 or (recall is not None and recall.gain_ci95[1] < 0)
