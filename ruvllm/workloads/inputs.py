"""Input from files: read once, and made into a workload for each run."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

from ruvllm.encoders.base import Encoder
from ruvllm.files.ignoring import ignore
from ruvllm.workloads.repeats.finding import Repeats
from ruvllm.workloads.spec import parse_spec
from ruvllm.workloads.splits import ORDINARY, Fold
from ruvllm.workloads.tasks import LeftOut, TextTask
from ruvllm.workloads.workload import Workload

__all__ = ["NO_FIELDS", "InputOptions", "Note", "RealInput", "Watch", "ignore", "read_input", "read_transfer"]

Watch = Callable[[str, int, int], None]
"""Called with (what is being done, done, in all)."""
Note = Callable[[str], None]
"""Called with a line that a user should read."""


NO_FIELDS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class InputOptions:
    """How an input is to be read and encoded."""

    kind: str = "all"
    """Kind of tasks to make, one of the registry entry's `tasks`."""
    encoder: Encoder | None = None
    """None for the default encoder, fitted on each run's train part."""
    transfer: Sequence[TextTask] = ()
    """Tasks of other input, for retrieval only."""
    note: Note = ignore
    watch: Watch = ignore
    source: str = ""
    """The input as the user wrote it, `code:PATH` or `jsonl:FILE`; empty if no file was named."""
    candidates: int | None = None
    """Of each task; None for as many as every part has different solutions for, at most 8."""
    fields: Mapping[str, str] = field(default_factory=dict)
    """What a file of tasks calls `prompt`, `solution` and so on, where it calls them otherwise."""
    test: str | None = None
    """Path of a file of its own with the tasks to test on; None if a part of the input is tested on."""
    hints: bool = False
    """Whether what was said below an issue of SWE-bench (`hints_text`) belongs to its text."""
    repositories: str | None = None
    """Folder with the repositories of SWE-bench's issues."""
    languages: tuple[str, ...] = ()
    """Of a source tree, from LANGUAGES; empty for Python."""


class RealInput(Protocol):
    """Tasks that were read from somewhere, for any number of runs."""

    @property
    def name(self) -> str:
        """Name of the workload in the registry."""

    @property
    def kind(self) -> str:
        """Kind of the tasks, by which the registry entry chooses the learner's settings."""

    @property
    def encoder(self) -> Encoder | None:
        """None for the default encoder."""

    @property
    def tasks(self) -> Sequence[TextTask]:
        """All tasks by number, for whoever has to show one."""

    @property
    def n_tasks(self) -> int:
        """Number of tasks in all parts."""

    @property
    def repeats(self) -> Repeats | None:
        """What comes again among the tasks; None if nobody has looked."""

    @property
    def left_out(self) -> Sequence[LeftOut]:
        """What was there to be read and is in no task."""

    def build(self, *, dim: int, seed: int, split: str, fold: Fold = ORDINARY) -> Workload:
        """Makes the workload of one run at dimension d. The same arguments give the same bits. Raises ValueError."""


def read_input(
    workload: str,
    *,
    kind: str = "all",
    encoder: Encoder | None = None,
    transfer: str | None = None,
    candidates: int | None = None,
    fields: Mapping[str, str] = NO_FIELDS,
    test: str | None = None,
    hints: bool = False,
    repositories: str | None = None,
    languages: tuple[str, ...] = (),
    folder: str = "",
    note: Note = ignore,
    warn: Note = ignore,
    watch: Watch = ignore,
) -> RealInput:
    """Reads the real input that `code`, `code:PATH` or `jsonl:FILE` names; `kind` is one of its kinds of tasks.

    `encoder` None is the default one, fitted on each run's train part. `transfer` is a `jsonl:FILE` for retrieval only.
    `candidates` is their number, None for as many as fit; `fields` what a file calls `prompt` and so on.
    `test` is the path of a file of the same form with the tasks to test on, and `hints` asks for those of SWE-bench's
    issues. `repositories` is the folder with theirs, `folder` the one in which relative paths are meant, if it is not
    the current one. `languages` are those of a source tree, empty for Python. `warn` hears what was left out and what
    repeats. Raises ValueError, one line each, for input that cannot be used.
    """
    spec = parse_spec(workload)
    if not spec.entry.reader:
        raise ValueError(f"the {spec.name} workload has no input to read")
    others = () if transfer is None else read_transfer(transfer, note, watch, fields, folder)
    test, repositories = _within(folder, test), _within(folder, repositories)
    options = InputOptions(
        kind, encoder, others, note, watch, spec.text, candidates, fields, test, hints, repositories, languages
    )
    found = spec.entry.read(_within(folder, spec.path), options)
    for line in (*(each.sentence for each in found.left_out), *(found.repeats.sentences if found.repeats else ())):
        warn(f"{spec.title}: {line}")
    return found


def read_transfer(
    spec: str, note: Note = ignore, watch: Watch = ignore, fields: Mapping[str, str] = NO_FIELDS, folder: str = ""
) -> tuple[TextTask, ...]:
    """Reads the tasks of a `jsonl:FILE`, for retrieval only. Raises ValueError."""
    from ruvllm.workloads.jsonl import read_tasks  # a reader, which imports this module

    tasks, issues = read_tasks(_within(folder, parse_spec(spec, ["jsonl"]).path) or "", note, watch, fields)
    if issues:
        raise ValueError("transfer is measured on tasks with a prompt and a solution, not on SWE-bench's issues")
    return tasks


def _within(folder: str, path: str | None) -> str | None:
    """Returns the path as it is meant in the folder, or None for none."""
    return None if path is None else os.path.join(folder, os.path.expanduser(path))
