"""`swebench:FILE`: issues, and for each the source files of its repository before the fix.

SWE-bench as the literature takes it. Candidates are all source files but tests, documentation, examples and benchmarks,
whether or not any patch in the data changes them. What cannot be asked is named and left out.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ruvllm.encoders.base import Encoder
from ruvllm.workloads.inputs import InputOptions
from ruvllm.workloads.jsonl import read_tasks
from ruvllm.workloads.localization.places import find_repository
from ruvllm.workloads.localization.trees import MissingTreeError, Repository, SourceTree
from ruvllm.workloads.repeats.finding import Numbers, Repeats, copies_of, joined
from ruvllm.workloads.splits import ORDINARY, Fold
from ruvllm.workloads.streams.order import StreamOrder, order_of
from ruvllm.workloads.swebench import Issue, issue_tasks
from ruvllm.workloads.tasks import LeftOut, TextTask, texts_digest
from ruvllm.workloads.workload import Workload

__all__ = ["LocalizationInput", "PlacedIssue", "read_localization"]

NAMED = 5
"""Issues that a message names."""


@dataclass(frozen=True, slots=True)
class PlacedIssue:
    """An issue with its candidates."""

    issue: Issue
    task: TextTask
    repository: Repository
    tree: SourceTree
    right: int
    """Place of the right file among the tree's paths."""
    train: bool
    """True if it is of the train file while another is the test file."""


@dataclass(frozen=True, slots=True, eq=False)
class LocalizationInput:
    """Issues in the order in which they are asked: a RealInput whose tasks are a stream."""

    issues: Sequence[PlacedIssue]
    options: InputOptions
    order: StreamOrder
    left_out: tuple[LeftOut, ...] = ()
    name: str = "swebench"
    kind: str = "issues"
    repeats: Repeats | None = None
    """None: a stream measures no copies, see `groups`."""
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "digest", texts_digest(self.tasks))

    @property
    def encoder(self) -> Encoder | None:
        return self.options.encoder

    @property
    def tasks(self) -> Sequence[TextTask]:
        return [each.task for each in self.issues]

    @property
    def n_tasks(self) -> int:
        return len(self.issues)

    @property
    def title(self) -> str:
        """What to call the input: the name of its file, and of the test file if there is one."""
        name = Path(self.options.source.partition(":")[2]).name or self.name
        return name if self.options.test is None else f"{name}, tested on {Path(self.options.test).name}"

    def groups(self) -> Numbers:
        """Returns the group (n,) of each issue: alike texts, an equal fix, or the user's own group."""
        named = [(i, ("group", task.pool, task.group)) for i, task in enumerate(self.tasks) if task.group]
        copies = copies_of([(task.prompt, task.solution) for task in self.tasks], by_prompt=True)
        return copies.groups(joined(len(self.tasks), named))

    def build(self, *, dim: int, seed: int, split: str, fold: Fold = ORDINARY) -> Workload:
        """Raises ValueError: weights of evidence are learned from a stream of issues, not from a split into parts."""
        raise ValueError("issues with the files of their repositories are a stream, not a workload with parts")


def read_localization(path: str | None, options: InputOptions) -> LocalizationInput:
    """Reads the issues of the file at `path`, and of the test file if there is one, and finds their trees.

    Raises ValueError, one line, for files that cannot be used, and if no issue has a tree.
    """
    if options.repositories is None:
        raise ValueError("swebench:FILE needs --repos DIR, the folder with the repositories of the issues")
    top = Path(os.path.expanduser(options.repositories))
    if not top.is_dir():
        raise ValueError(f"--repos: {str(top)!r} is no folder")
    train = _issues_of(str(path), options)
    test = [] if options.test is None else _issues_of(options.test, options)
    issues = [(issue, options.test is not None) for issue in train] + [(issue, False) for issue in test]
    placed, left_out = _with_trees(issues, top, options)
    if not any(not each.train for each in placed):
        raise ValueError(f"no issue has a tree before its fix: {'; '.join(each.sentence for each in left_out)}")
    by_date = order_of([each.task for each in placed])
    ordered = [placed[i] for i in by_date.numbers.tolist()]
    ordered.sort(key=lambda each: not each.train)  # stable
    return LocalizationInput(ordered, options, by_date, tuple(left_out))


def _issues_of(path: str, options: InputOptions) -> list[Issue]:
    """Raises ValueError for a file without issues."""
    tasks, issues = read_tasks(
        os.path.expanduser(path), options.note, options.watch, options.fields, hints=options.hints
    )
    if tasks:
        raise ValueError(f"{path!r} holds no issues in SWE-bench's form; jsonl:FILE takes tasks")
    return list(issues)


def _with_trees(
    issues: Sequence[tuple[Issue, bool]], top: Path, options: InputOptions
) -> tuple[list[PlacedIssue], list[LeftOut]]:
    """Returns the issues that can be asked, and what was left out, by reason."""
    tasks = issue_tasks([issue for issue, _ in issues])
    repositories: dict[str, Repository | MissingTreeError] = {}
    placed: list[PlacedIssue] = []
    missing: dict[str, list[str]] = {}
    for number, ((issue, train), task) in enumerate(zip(issues, tasks, strict=True)):
        options.watch("finding files before the fix", number, len(issues))
        name = issue.id or issue.place
        try:
            repository = _repository(repositories, top, issue.repo)
            tree = repository.tree(issue.commit, issue.version)
        except MissingTreeError as error:
            missing.setdefault(str(error), []).append(name)
            continue
        if issue.path not in tree.paths:
            missing.setdefault("the fixed file is not among the source files before the fix", []).append(name)
            continue
        placed.append(PlacedIssue(issue, task, repository, tree, tree.paths.index(issue.path), train))
    options.watch("finding files before the fix", len(issues), len(issues))
    left_out = [LeftOut("issues", len(ids), len(issues), why, tuple(ids[:NAMED])) for why, ids in missing.items()]
    return placed, left_out


def _repository(known: dict[str, Repository | MissingTreeError], top: Path, name: str) -> Repository:
    if name not in known:
        try:
            known[name] = find_repository(top, name)
        except MissingTreeError as error:
            known[name] = error
    found = known[name]
    if isinstance(found, MissingTreeError):
        raise found
    return found
