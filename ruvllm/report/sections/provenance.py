"""Where every number comes from, and how to get it again."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ruvllm.report.parts import Block, Section, Table
from ruvllm.results.reading import Document, Source
from ruvllm.results.summary_records import BenchmarkDocument

__all__ = ["command_of", "provenance_section"]

REPLAY = (
    "To replay a file: install the version that it names, run its command again, and compare. Everything but times, "
    "dates, host and paths must come out the same on any CPU: `ruvllm-report compare OLD.json NEW.json` pairs the "
    "tasks, and each run's two hashes must be the ones below. A hash shows that a file is intact; running it again "
    "shows that its numbers are true: `ruvllm-verify --replay FILE` does that for a checkpoint, and names the first "
    "number that differs."
)
COVERED = (
    "The first 16 of 64 digits. stateHash covers what was learned (adapter, EWC, patterns), runHash everything "
    "deterministic, metrics included; a run's checkpoint has the first 16 digits of its runHash in its name."
)


def provenance_section(sources: Sequence[Source[Document]]) -> Section:
    names = _short_names(sources)
    blocks: list[Block] = [REPLAY, _files(sources, names), _makers(sources, names)]
    hashes = _hashes(sources, names)
    if hashes.rows:
        blocks.append(hashes)
    return Section("Provenance", tuple(blocks))


def _short_names(sources: Sequence[Source[Document]]) -> dict[str, str]:
    """Returns the names of runs and files, the latter without folders if no two are alike: a page is read elsewhere."""
    short = {source.name: Path(source.name).name for source in sources}
    names = short if len(set(short.values())) == len(short) else {name: name for name in short}
    runs = {source.name: source.run_name for source in sources if source.run_name}
    return {name: f"{runs[name]}: {file}" if name in runs else file for name, file in names.items()}


def _files(sources: Sequence[Source[Document]], names: Mapping[str, str]) -> Table:
    rows = tuple(
        (
            names[source.name],
            command_of(source),
            source.digest[:16],
        )
        for source in sources
    )
    columns = ("File", "Command", "SHA-256 of the file")
    return Table("Files", columns, rows, "The last column has the first 16 of 64 digits.")


def _makers(sources: Sequence[Source[Document]], names: Mapping[str, str]) -> Table:
    rows = tuple(
        (
            names[source.name],
            found.kind,
            found.version,
            found.created,
            found.host.isa,
            found.host.compiler,
            f"Python {found.host.python or '?'}, {found.host.system or '?'} {found.host.machine}".strip(),
        )
        for source in sources
        for found in [source.document]
    )
    columns = ("File", "Kind", "Version", "Created", "ISA", "Compiler", "Host")
    return Table("What made them", columns, rows)


def _hashes(sources: Sequence[Source[Document]], names: Mapping[str, str]) -> Table:
    rows = tuple(
        (
            f"{run.model} {run.protocol}",
            f"{run.seed}" if run.fold is None else f"{run.seed}, fold {run.fold}",
            run.state_hash[:16],
            run.run_hash[:16],
            names[source.name],
        )
        for source in sources
        if isinstance(source.document, BenchmarkDocument)
        for run in source.document.results
    )
    columns = ("Run", "Seed", "stateHash", "runHash", "File")
    return Table("Hashes of the runs", columns, rows, COVERED, folded=True)


def command_of(source: Source[Any]) -> str:
    """Returns the exact command as a shell takes it."""
    return shlex.join(source.document.command)
