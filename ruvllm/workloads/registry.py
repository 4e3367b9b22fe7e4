"""Input from files: read once, made into a workload for each run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from typing import Protocol as Interface

from ruvllm.encoders.base import Encoder
from ruvllm.files.json_lines import BadLines, BadRecordError, read_records
from ruvllm.learning.presets import on_code, on_docstrings, on_issues, on_tasks
from ruvllm.learning.protocols import Protocol
from ruvllm.workloads.candidates import TooFewSolutionsError
from ruvllm.workloads.code.docstrings import build_docstring_workload
from ruvllm.workloads.code.functions import Corpus, read_corpus
from ruvllm.workloads.code.task_types import make_code_tasks
from ruvllm.workloads.jsonl import task_of_record
from ruvllm.workloads.spec import parse_spec
from ruvllm.workloads.splits import ORDINARY, Fold, split_by_date, split_by_file, split_by_function
from ruvllm.workloads.swebench import Issue, is_issue, issue_of_record, issue_tasks, usable_issues
from ruvllm.workloads.tasks import TextTask, texts_digest
from ruvllm.workloads.text import TextInput, build_text_workload
from ruvllm.workloads.workload import Workload

__all__ = [
    "DocstringInput",
    "IssueInput",
    "RealInput",
    "TaskInput",
    "code_input",
    "read_input",
    "read_tasks",
    "read_transfer",
]

Watch = Callable[[str, int, int], None]
"""Called with (what is being done, done, in all)."""
Note = Callable[[str], None]


def _nobody(*_: Any) -> None: ...


class RealInput(Interface):
    """What tasks are made from."""

    @property
    def encoder(self) -> Encoder | None:
        """None for the default one."""

    @property
    def n_tasks(self) -> int:
        """Tasks in all."""

    def settings(self, protocol: Protocol) -> Protocol:
        """The protocol as it is on this input."""

    def build(self, *, dim: int, seed: int, split: str, fold: Fold = ORDINARY) -> Workload:
        """The workload of one run, at dimension d. Raises ValueError."""


@dataclass(frozen=True, slots=True, eq=False)
class DocstringInput:
    """Docstring to body: which of the functions does a docstring describe?"""

    corpus: Corpus
    encoder: Encoder | None = None
    transfer: Sequence[TextTask] = ()

    @property
    def n_tasks(self) -> int:
        return len(self.corpus.functions)

    def settings(self, protocol: Protocol) -> Protocol:
        return on_docstrings(protocol)

    def build(self, *, dim: int, seed: int, split: str, fold: Fold = ORDINARY) -> Workload:
        return build_docstring_workload(
            self.corpus, dim=dim, seed=seed, split=split, fold=fold, encoder=self.encoder, transfer=self.transfer
        )


@dataclass(frozen=True, slots=True, eq=False)
class TaskInput:
    """Tasks that stand as they are, whatever the split."""

    name: str
    tasks: tuple[TextTask, ...]
    digest: str
    details: dict[str, Any]
    encoder: Encoder | None = None
    transfer: Sequence[TextTask] = ()
    watch: Watch = _nobody

    @property
    def n_tasks(self) -> int:
        return len(self.tasks)

    def settings(self, protocol: Protocol) -> Protocol:
        return on_code(protocol) if self.name == "code" else on_tasks(protocol)

    def build(self, *, dim: int, seed: int, split: str, fold: Fold = ORDINARY) -> Workload:
        details, parts = dict(self.details), split_by_function(len(self.tasks), seed, fold)
        if self.name == "code":
            details["split"] = split
            if split == "file":
                parts = split_by_file([task.source for task in self.tasks], seed, fold)
        task_input = TextInput(
            self.name, self.tasks, parts, details=details, digest=self.digest, transfer=self.transfer
        )
        return _build(task_input, dim, seed, self.encoder, self.watch)


@dataclass(frozen=True, slots=True, eq=False)
class IssueInput:
    """Issues of repositories, to be matched with files."""

    issues: tuple[Issue, ...]
    encoder: Encoder | None = None
    transfer: Sequence[TextTask] = ()
    watch: Watch = _nobody

    @property
    def n_tasks(self) -> int:
        return len(self.issues)

    def settings(self, protocol: Protocol) -> Protocol:
        return on_issues(protocol)

    def build(self, *, dim: int, seed: int, split: str, fold: Fold = ORDINARY) -> Workload:
        parts = split_by_date([issue.repo for issue in self.issues], seed, fold)
        task_input = TextInput(
            "jsonl",
            issue_tasks(self.issues),
            parts,
            closed=True,
            details={"kind": "issues", "split": "date"},
            transfer=self.transfer,
        )
        return _build(task_input, dim, seed, self.encoder, self.watch)


def _build(task_input: TextInput, dim: int, seed: int, encoder: Encoder | None, watch: Watch) -> Workload:
    label = f"encoding {task_input.name}, seed {seed}, d = {dim}"
    try:
        return build_text_workload(
            task_input, dim=dim, seed=seed, encoder=encoder, progress=lambda done, total: watch(label, done, total)
        )
    except TooFewSolutionsError as error:
        hint = "; a larger tree will do, or --tasks docstring" if task_input.name == "code" else ""
        raise TooFewSolutionsError(f"{error}{hint}") from None


def read_input(
    workload: str,
    *,
    kind: str = "all",
    encoder: Encoder | None = None,
    transfer: str | None = None,
    note: Note = _nobody,
    watch: Watch = _nobody,
) -> RealInput:
    """What `code`, `code:PATH` or `jsonl:FILE` names; `kind` is one of CODE_TASKS, for code.

    `encoder` None is the default one, fitted on each run's train part. `transfer` is a `jsonl:FILE` for retrieval only.
    Raises ValueError, one line each, for input that does not do.
    """
    spec = parse_spec(workload)
    others = () if transfer is None else read_transfer(transfer, note, watch)
    if spec.name == "jsonl":
        return _read_file(Path(str(spec.path)), encoder, others, note, watch)
    note(f"Reading Python source: {spec.path or 'the standard library'}")
    corpus = read_corpus(spec.path, progress=lambda done, total: watch("reading files", done, total))
    return code_input(corpus, kind, encoder, others, watch)


def code_input(
    corpus: Corpus,
    kind: str,
    encoder: Encoder | None = None,
    transfer: Sequence[TextTask] = (),
    watch: Watch = _nobody,
) -> RealInput:
    """The tasks of a source tree; `kind` is one of CODE_TASKS."""
    if kind == "docstring":
        return DocstringInput(corpus, encoder, transfer)
    tasks = make_code_tasks(
        corpus.functions, kind, progress=lambda done, total: watch("making tasks of functions", done, total)
    )
    return TaskInput("code", tasks, texts_digest(tasks), {"kind": kind}, encoder, transfer, watch)


def read_transfer(spec: str, note: Note = _nobody, watch: Watch = _nobody) -> tuple[TextTask, ...]:
    """The tasks of a `jsonl:FILE`, for retrieval only. Raises ValueError."""
    tasks, issues = read_tasks(Path(str(parse_spec(spec).path)), note, watch)
    if issues:
        raise ValueError("transfer is measured on tasks with a prompt and a solution, not on SWE-bench's issues")
    return tasks


def _read_file(
    path: Path, encoder: Encoder | None, transfer: Sequence[TextTask], note: Note, watch: Watch
) -> RealInput:
    tasks, issues = read_tasks(path, note, watch)
    if not issues:
        return TaskInput("jsonl", tasks, texts_digest(tasks), {"kind": "tasks"}, encoder, transfer, watch)
    usable = usable_issues(issues)
    if len(usable) < len(issues):
        note(f"{len(issues) - len(usable)} of {len(issues)} issues left out: their repositories have too few")
    if not usable:
        raise ValueError(f"{str(path)!r}: no repository has enough issues")
    return IssueInput(usable, encoder, transfer, watch)


def read_tasks(
    path: Path, note: Note = _nobody, watch: Watch = _nobody
) -> tuple[tuple[TextTask, ...], tuple[Issue, ...]]:
    """The tasks, or the issues, of a file: one of the two is empty. What is wrong with some lines goes to `note`.

    Raises ValueError where more than 1% of the lines are bad, or the file holds both.
    """
    bad = BadLines()
    tasks: list[TextTask] = []
    issues: list[Issue] = []
    for number, record in read_records(path, bad, lambda done, total: watch(f"reading {path.name}", done, total)):
        try:
            if is_issue(record):
                issues.append(issue_of_record(record))
            else:
                tasks.append(task_of_record(record))
        except BadRecordError as error:
            bad.add(number, error)
    bad.check(path)
    if bad.bad:
        note(f"{path}: {bad.summary()}")
    if tasks and issues:
        raise ValueError(f"{str(path)!r} holds both tasks and SWE-bench's issues; give them as two files")
    return tuple(tasks), tuple(issues)
