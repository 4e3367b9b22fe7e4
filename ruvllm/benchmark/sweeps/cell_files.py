"""One file for each finished cell: written whole, once, and believed only if its digest is that of its content."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from msgspec import Raw, Struct

from ruvllm.benchmark.sweeps.jobs import Job
from ruvllm.benchmark.sweeps.kinds import kind_of
from ruvllm.files.atomic import write_once
from ruvllm.files.json_reading import InvalidFileError, read_regular_file, shown
from ruvllm.results.records import Record

__all__ = ["CELLS", "BrokenCellError", "Survey", "cell_path", "read_cell", "survey", "write_cell"]

CELLS = "cells"
"""Folder of the files, in that of the sweep."""
FORMAT = 1
MOST_BYTES = 256 << 20
SHOWN = 5
"""Files that one message names."""


class BrokenCellError(InvalidFileError):
    """A file that is not the finished cell that its name says. The message is one line without the name."""


class CellFile(Struct, frozen=True):
    """What a file holds."""

    format: int
    key: str
    sha256: str
    """Of the bytes of job and record."""
    job: Raw
    record: Raw


_FILES, _JOBS = msgspec.json.Decoder(CellFile), msgspec.json.Decoder(Job)
"""Made here, by one thread: see ruvllm.results.records.look_up()."""


def cell_path(folder: Path, key: str) -> Path:
    return folder / CELLS / f"{key}.json"


def write_cell(folder: Path, job: Job, record: Record) -> bool:
    """Writes the file of a finished cell, unless it is there. Returns whether this call did. Raises OSError."""
    parts = Raw(msgspec.json.encode(job)), Raw(msgspec.json.encode(record))
    found = CellFile(FORMAT, job.key, _digest(*parts), *parts)
    return write_once(cell_path(folder, job.key), msgspec.json.encode(found) + b"\n")


def read_cell(folder: Path, job: Job) -> Record:
    """The record of a finished cell. Raises BrokenCellError, and OSError if it cannot be read."""
    try:
        found = _FILES.decode(read_regular_file(cell_path(folder, job.key), MOST_BYTES))
        if found.format != FORMAT:
            raise BrokenCellError(f"is of format {found.format}, and this version reads {FORMAT}")
        if _digest(found.job, found.record) != found.sha256:
            raise BrokenCellError("is broken: its digest is not that of its content")
        theirs = _JOBS.decode(found.job)
        if not found.key == theirs.key == job.key:
            raise BrokenCellError(f"holds another cell: {shown(theirs.label)} with the key {theirs.key}")
        return msgspec.json.decode(found.record, type=kind_of(job).record)
    except msgspec.DecodeError as error:
        raise BrokenCellError(f"is broken: {shown(str(error))}") from error


def _digest(job: Raw, record: Raw) -> str:
    return hashlib.sha256(bytes(job) + b"\n" + bytes(record)).hexdigest()


@dataclass(frozen=True, slots=True)
class Survey:
    """What is in the folder of a sweep."""

    finished: Collection[str]
    """Keys of the plan's cells whose files are whole."""
    wrong: Sequence[str]
    """A line for each file that is broken or not of the plan."""

    def refuse_wrong(self, folder: Path) -> None:
        """Raises BrokenCellError, one line, if there is something wrong."""
        if self.wrong:
            more = f"; and {len(self.wrong) - SHOWN} more" if len(self.wrong) > SHOWN else ""
            what = "; ".join(self.wrong[:SHOWN])
            raise BrokenCellError(f"{folder / CELLS}: {what}{more}: remove what is not of this plan")


def survey(folder: Path, jobs: Sequence[Job]) -> Survey:
    """Reads every file in the folder and says which cells are finished."""
    planned = {job.key: job for job in jobs}
    finished: dict[str, None] = {}
    wrong: list[str] = []
    for path in sorted((folder / CELLS).glob("*.json")):
        job = planned.get(path.stem)
        if job is None:
            wrong.append(f"{shown(path.name)} is no cell of the plan")
            continue
        try:
            read_cell(folder, job)
            finished[job.key] = None
        except (InvalidFileError, OSError) as error:
            wrong.append(f"{path.name} {error.strerror if isinstance(error, OSError) else error}")
    return Survey(finished, wrong)
