"""SWE-bench as retrieval: from the text of an issue to the file that the accepted patch changes.

Candidates are the files of the same repository that any patch in the data changes. A file's text is its path alone: the
lines that patches show would give away its own issue. (With the lines that patches of the train part show, the frozen
encoder found 5 points fewer, because files without such lines fell behind.)
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ruvllm.files.json_lines import BadRecordError, text_or_number
from ruvllm.workloads.patches.changes import PatchError, changed_files
from ruvllm.workloads.patches.tests import is_test
from ruvllm.workloads.repeats.finding import joined
from ruvllm.workloads.tasks import TextTask
from ruvllm.workloads.workload import TASK_TYPES

__all__ = ["Issue", "is_issue", "issue_of_record", "issue_tasks", "path_text", "usable_issues"]

FEWEST_ISSUES, FEWEST_FILES = 5, 4
"""Fewest of a repository: five stretches of time need five issues, and of three files any guess is often right."""


@dataclass(frozen=True, slots=True)
class Issue:
    """An issue and the file that its accepted patch changes."""

    repo: str
    created: str
    """ISO date; empty if unknown."""
    text: str
    path: str
    """The file with the most changed lines, apart from tests."""
    id: str = ""
    """Its `instance_id`."""
    place: str = ""
    """Where it stands in the data: `line 12`."""
    fix: str = field(default="", compare=False)
    """Digest of the lines that the patch changes: equal where one fix closes several issues."""
    group: str = ""
    """The user's own: issues with the same one belong together."""
    commit: str = field(default="", compare=False)
    """Its `base_commit`: what the fix was made upon."""
    version: str = field(default="", compare=False)
    """Which version of the project was being made then."""


def is_issue(record: Mapping[str, Any]) -> bool:
    """True if the record has SWE-bench's keys."""
    return "problem_statement" in record and "patch" in record and "repo" in record


def issue_of_record(record: Mapping[str, Any], place: str = "", *, hints: bool = False) -> Issue:
    """Returns the issue of one record, which stands at `place`, with its hints if wanted. Raises BadRecordError."""
    for key in ("repo", "problem_statement", "patch"):
        if not isinstance(record.get(key), str) or not record[key].strip():
            raise BadRecordError(f"{key} must be a text that is not empty")
    created, name = record.get("created_at"), record.get("instance_id")
    if not isinstance(created, str | None):
        raise BadRecordError("created_at must be a text")
    return Issue(
        repo=record["repo"],
        created=(created or "").strip(),
        text=record["problem_statement"] + (_hints(record) if hints else ""),
        path=_right_file(record["patch"]),
        id=name if isinstance(name, str) else "",
        place=place,
        fix=_digest_of_changes(record["patch"]),
        group=text_or_number(record, "group"),
        commit=_text_or_nothing(record, "base_commit"),
        version=_text_or_nothing(record, "version"),
    )


def _hints(record: Mapping[str, Any]) -> str:
    """Returns what was said below the issue before it was fixed, to be appended to it."""
    text = record.get("hints_text")
    if not isinstance(text, str | None):
        raise BadRecordError("hints_text must be a text")
    return f"\n\n{text.strip()}" if text and text.strip() else ""


def _text_or_nothing(record: Mapping[str, Any], key: str) -> str:
    value = record.get(key)
    return value.strip() if isinstance(value, str) else ""


def usable_issues(issues: Sequence[Issue]) -> tuple[Issue, ...]:
    """Returns the issues of repositories with enough issues and files, by repository and date."""
    by_repo: dict[str, list[Issue]] = {}
    for issue in issues:
        by_repo.setdefault(issue.repo, []).append(issue)
    return tuple(
        issue
        for _, group in sorted(by_repo.items())
        if len(group) >= FEWEST_ISSUES and len({i.path for i in group}) >= FEWEST_FILES
        for issue in sorted(group, key=lambda i: i.created)
    )


def issue_tasks(issues: Sequence[Issue]) -> tuple[TextTask, ...]:
    """Returns one task per issue, with a pool and a source per repository."""
    kind = TASK_TYPES.index("bug_fix")
    return tuple(
        TextTask(
            issue.text,
            path_text(issue.path),
            kind,
            pool=issue.repo,
            source=issue.repo,
            id=issue.id,
            group=group,
            place=issue.place,
            label=issue.path,
            date=issue.created,
        )
        for issue, group in zip(issues, _groups(issues), strict=True)
    )


def _groups(issues: Sequence[Issue]) -> list[str]:
    """Returns a name for those that the user's group or an equal fix joins, "" for the others."""
    keys = [(i, ("group", issue.group)) for i, issue in enumerate(issues) if issue.group]
    keys += [(i, (issue.path, issue.fix)) for i, issue in enumerate(issues) if issue.fix]
    first: list[int] = joined(len(issues), keys).tolist()
    sizes = Counter(first)
    return [f"with issue {i}" if sizes[i] > 1 else issue.group for issue, i in zip(issues, first, strict=True)]


def _digest_of_changes(patch: str) -> str:
    """Returns the SHA-256 (hex) of the added and removed lines without their spacing, "" if there are none."""
    lines = (line for line in patch.splitlines() if line[:1] in ("+", "-") and not line.startswith(("+++", "---")))
    changes = "\n".join(line[:1] + "".join(line[1:].split()) for line in lines if line[1:].strip())
    return hashlib.sha256(changes.encode("utf-8", "surrogatepass")).hexdigest() if changes else ""


def _right_file(patch: str) -> str:
    """Returns the file with the most changed lines, a test only if there is nothing else. Raises BadRecordError."""
    try:
        files = changed_files(patch)
    except PatchError as error:
        raise BadRecordError(str(error)) from None
    if not files:
        raise BadRecordError("patch changes no file that was there before")
    return max(files, key=lambda path: (not is_test(path), files[path]))


def path_text(path: str) -> str:
    """Returns the path as it stands, and its words."""
    return f"{path} {re.sub(r'[^0-9A-Za-z]+', ' ', path.rpartition('.')[0])}"
