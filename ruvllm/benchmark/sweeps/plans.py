"""Plans: which cells a sweep has, a line of JSON for each, after one that says what was asked for and how many."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from ruvllm.benchmark.sweeps.jobs import Job, Key
from ruvllm.benchmark.sweeps.kinds import kind_of
from ruvllm.files.atomic import write_once
from ruvllm.files.json_reading import InvalidFileError, read_regular_file, shown, shown_path
from ruvllm.results.records import Count, HexDigest, Record, RunOptions
from ruvllm.version import __version__

__all__ = ["PLAN", "Plan", "adopt_plan", "plan_text", "read_plan"]

PLAN = "plan.jsonl"
"""Name of the plan's copy in the folder of a sweep."""
FORMAT = 1
MOST_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class Plan:
    """The cells of a sweep, in the order of their results."""

    jobs: Sequence[Job]
    """All of one kind."""
    options: RunOptions
    """As the header of the results file has them."""
    texts: bool = True
    """Whether the results file shows how prompts and solutions begin."""

    @property
    def kind(self) -> str:
        return self.jobs[0].kind

    def shard(self, number: int, of: int) -> Plan:
        """Part `number`, from 1, of `of`: every `of`-th cell, so that parts take about as long."""
        return Plan(self.jobs[number - 1 :: of], self.options, self.texts)


class _Head(Record, kw_only=True):
    """The first line of a plan."""

    plan: int
    version: str
    cells: Count
    digest: HexDigest
    """SHA-256 of all keys in their order: a plan that was cut or put together otherwise is none."""
    options: RunOptions
    texts: bool


class _Line(Record, kw_only=True):
    """Every other line."""

    key: Key
    job: Job


def plan_text(plan: Plan) -> bytes:
    """The file of a plan."""
    keys = [job.key for job in plan.jobs]
    head = _Head(
        plan=FORMAT, version=__version__, cells=len(keys), digest=_digest(keys), options=plan.options, texts=plan.texts
    )
    lines = [_Line(key=key, job=job) for key, job in zip(keys, plan.jobs, strict=True)]
    return b"".join(msgspec.json.encode(line) + b"\n" for line in (head, *lines))


def read_plan(path: Path) -> Plan:
    """Reads the file of a plan. Raises InvalidFileError, one line, if it is none, and OSError if it cannot be read."""
    try:
        first, *others = read_regular_file(path, MOST_BYTES).splitlines()
        head = msgspec.json.decode(first, type=_Head)
        if head.plan != FORMAT or head.version != __version__:
            raise InvalidFileError(f"is of version {shown(head.version)}, and this is {__version__}: plan anew")
        lines = [msgspec.json.decode(line, type=_Line) for line in others]
        for number, line in enumerate(lines, start=2):
            if line.key != line.job.key:
                raise InvalidFileError(f"line {number} is broken: its key is not that of its job")
            kind_of(line.job)
        keys = [line.key for line in lines]
        if not keys or (len(keys), _digest(keys)) != (head.cells, head.digest) or len({*keys}) < len(keys):
            raise InvalidFileError(f"is not whole: {len(keys)} cells, not the {head.cells} that it was made with")
        if len({line.job.kind for line in lines}) > 1:
            raise InvalidFileError("has cells of several kinds")
    except (InvalidFileError, ValueError) as error:
        raise InvalidFileError(f"{shown_path(path)} is no plan: {shown(str(error), 300)}") from error
    return Plan([line.job for line in lines], head.options, head.texts)


def adopt_plan(folder: Path, plan: Plan) -> None:
    """Puts a copy of the plan into the folder, which belongs to this plan from then on.

    Raises InvalidFileError if it belongs to another one, and OSError.
    """
    path = folder / PLAN
    if write_once(path, plan_text(plan)):
        return
    kept = read_plan(path)
    if (list(kept.jobs), kept.options, kept.texts) != (list(plan.jobs), plan.options, plan.texts):
        raise InvalidFileError(f"{shown_path(folder)} belongs to another plan, {PLAN} in it: a folder is for one plan")


def _digest(keys: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(keys).encode()).hexdigest()
