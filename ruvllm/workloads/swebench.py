"""SWE-bench as retrieval: from the text of an issue to the file that the accepted patch changes.

Candidates are the files of the same repository that any patch in the data changes. A file is its path: what patches
show of a file's lines would tell of its own issue (with the lines that patches of the train part show, the frozen
encoder found 5 points fewer, since files without such lines fell behind).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ruvllm._core import Purpose, RandomStream
from ruvllm.files.json_lines import BadRecordError
from ruvllm.workloads.folds import Fold
from ruvllm.workloads.splits import Split
from ruvllm.workloads.tasks import TextTask
from ruvllm.workloads.workload import TASK_TYPES

__all__ = ["Issue", "is_issue", "issue_of_record", "issue_tasks", "split_by_date", "usable_issues"]

FEWEST_ISSUES, FEWEST_FILES = 5, 4
"""Of a repository: fewer issues make no five stretches of time, and with fewer files the third place is a gift."""
_HEADER = re.compile(r"^diff --git a/(\S+) b/(\S+)$", re.MULTILINE)
_TEST = re.compile(r"(^|/)(tests?|testing)/|(^|/)test_|_test\.py$")


@dataclass(frozen=True, slots=True)
class Issue:
    """One record."""

    repo: str
    created: str
    """ISO date, "" where there is none."""
    text: str
    path: str
    """The file with the most changed lines, tests aside."""


def is_issue(record: Mapping[str, Any]) -> bool:
    """Whether a record has SWE-bench's form."""
    return "problem_statement" in record and "patch" in record and "repo" in record


def issue_of_record(record: Mapping[str, Any]) -> Issue:
    """Raises BadRecordError."""
    for key in ("repo", "problem_statement", "patch"):
        if not isinstance(record.get(key), str) or not record[key].strip():
            raise BadRecordError(f"{key} must be a text that is not empty")
    created = record.get("created_at", "")
    if not isinstance(created, str):
        raise BadRecordError("created_at must be a text")
    files = _files_of(record["patch"])
    if not files:
        raise BadRecordError("patch changes no file")
    path, _ = max(files, key=lambda file: (not _TEST.search(file[0]), _n_changed(file[1])))
    return Issue(record["repo"], created, record["problem_statement"], path)


def usable_issues(issues: Sequence[Issue]) -> tuple[Issue, ...]:
    """Those of repositories with enough issues and files, by repository and date."""
    by_repo: dict[str, list[Issue]] = {}
    for issue in issues:
        by_repo.setdefault(issue.repo, []).append(issue)
    return tuple(
        issue
        for _, group in sorted(by_repo.items())
        if len(group) >= FEWEST_ISSUES and len({i.path for i in group}) >= FEWEST_FILES
        for issue in sorted(group, key=lambda i: i.created)
    )


def split_by_date(issues: Sequence[Issue], seed: int, fold: Fold) -> Split:
    """A random tenth of each repository is the holdout, the rest in as many stretches of time as there are folds.

    `issues` as usable_issues() gives them. One stretch is tested, the one before it (round the circle) validates, and
    the others are trained on: those before and those after. Raises ValueError where a part would be empty.
    """
    holdout: list[int] = []
    groups: list[list[int]] = [[] for _ in range(fold.of)]
    for repo in dict.fromkeys(issue.repo for issue in issues):
        members = [i for i, issue in enumerate(issues) if issue.repo == repo]
        order = RandomStream(seed, Purpose.SPLIT, members[0]).permutation(len(members))
        held = {members[j] for j in order[: len(members) // 10].tolist()}
        holdout += held
        rest = [i for i in members if i not in held]
        for group, part in zip(groups, np.array_split(rest, fold.of), strict=True):
            group += part.tolist()
    train = [i for g, group in enumerate(groups) if g not in (fold.valid_group, fold.test_group) for i in group]
    parts = [np.sort(np.array(part, dtype=np.int64)) for part in
             (train, groups[fold.valid_group], groups[fold.test_group], holdout)]  # fmt: skip
    if any(len(part) == 0 for part in parts):
        raise ValueError(f"{len(issues)} issues are too few for a holdout and {fold.of} stretches of time")
    return Split(*parts)


def issue_tasks(issues: Sequence[Issue]) -> tuple[TextTask, ...]:
    """One task per issue, in a pool per repository."""
    kind = TASK_TYPES.index("bug_fix")
    return tuple(TextTask(i.text, _path_text(i.path), kind, pool=i.repo, source=i.repo) for i in issues)


def _path_text(path: str) -> str:
    """The path as it stands, and its words."""
    return f"{path} {re.sub(r'[^0-9A-Za-z]+', ' ', path.rpartition('.')[0])}"


def _files_of(patch: str) -> list[tuple[str, str]]:
    """Path and hunks of each file that a patch changes or removes; new files were not there to be found."""
    headers = list(_HEADER.finditer(patch))
    ends = [*(header.start() for header in headers[1:]), len(patch)]
    files = [(header[1], patch[header.end() : end]) for header, end in zip(headers, ends, strict=False)]
    return [(path, hunks) for path, hunks in files if "\nnew file mode" not in hunks]


def _n_changed(hunks: str) -> int:
    return sum(_is_change(line) for line in hunks.splitlines())


def _is_change(line: str) -> bool:
    return line.startswith(("+", "-")) and not line.startswith(("+++ ", "--- "))
