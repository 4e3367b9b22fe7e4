"""A user's own tasks from a file: {prompt, solution | candidates + answer, type?, category?, ...} per line.

A file may hold SWE-bench's records instead. A key whose value is null counts as absent: tables are written like that.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ruvllm.files.json_lines import BadLines, BadRecordError, read_records, text_or_number
from ruvllm.files.json_reading import shown
from ruvllm.workloads.inputs import NO_FIELDS, InputOptions, Note, RealInput, Watch, ignore
from ruvllm.workloads.repeats.between_files import without_copies
from ruvllm.workloads.swebench import Issue, is_issue, issue_of_record, issue_tasks, usable_issues
from ruvllm.workloads.tasks import LeftOut, TextTask
from ruvllm.workloads.text import TextInput
from ruvllm.workloads.workload import CATEGORIES, TASK_TYPES

__all__ = ["read_jsonl", "read_tasks", "task_of_record"]

MAX_CANDIDATES = 1000
MAY_BE_EMPTY = {"candidates", "type", "category", "difficulty", "id", "group"}
"""Keys that count as absent if they hold an empty text or list, as a table's empty cells do."""
OTHER_NAMES = {
    "prompt": ("question", "query", "input", "instruction", "problem", "text", "docstring", "issue"),
    "solution": ("answer", "target", "output", "response", "completion", "label", "expected", "code", "body"),
}
"""What other programs call them."""
NEEDED = {"prompt": "a prompt", "solution": "a solution (or candidates and an answer)"}
SHOWN_KEYS = 8


def read_jsonl(path: str | None, options: InputOptions) -> RealInput:
    """Reads the tasks or the issues of a file, and of a test file if there is one. Raises ValueError."""
    tasks, issues, left_out = _usable_lines(Path(str(path)), options)
    test, test_issues, more = _usable_lines(Path(options.test), options) if options.test else ((), (), [])
    left_out += more
    if (issues and test) or (tasks and test_issues):
        raise ValueError("the train file and the test file must both hold tasks, or both hold SWE-bench's issues")
    if options.hints and not issues:
        raise ValueError(f"{str(path)!r}: hints are of SWE-bench's issues, and it holds tasks")
    if issues:
        return _of_issues(str(path), issues, test_issues, options, left_out)
    if options.test:
        return _split_by_user(test, tasks, options, left_out)
    return TextInput("jsonl", "tasks", tasks, options, left_out=tuple(left_out))


def _of_issues(
    path: str, issues: Sequence[Issue], test: Sequence[Issue], options: InputOptions, left_out: list[LeftOut]
) -> TextInput:
    """The files of both are the candidates: a repository has them, whichever file tells of them."""
    usable = usable_issues((*issues, *test))
    if not usable:
        raise ValueError(f"{path!r}: no repository has enough issues")
    if len(usable) < len(issues) + len(test):
        n = len(issues) + len(test)
        left_out.append(LeftOut("issues", n - len(usable), n, "their repositories have too few issues or files"))
    tasks = issue_tasks(usable)
    if not options.test:
        return TextInput(
            "jsonl", "issues", tasks, options, ("date",), closed_pools=True, left_out=tuple(left_out)
        )
    tested = set(map(id, test))
    is_test = [id(issue) in tested for issue in usable]
    of_test, of_train = (
        tuple(task for task, own in zip(tasks, is_test, strict=True) if own == wanted) for wanted in (True, False)
    )
    return _split_by_user(of_test, of_train, options, left_out, closed_pools=True)


def _split_by_user(
    test: Sequence[TextTask],
    train: Sequence[TextTask],
    options: InputOptions,
    left_out: Sequence[LeftOut],
    *,
    closed_pools: bool = False,
) -> TextInput:
    """Returns the tasks of a test file, and those of a train file that are no copies of them."""
    kept, copies = without_copies(train, test, closed_pools=closed_pools)
    if not test or not kept:
        part = "test" if not test else "train"
        raise ValueError(f"the {part} file has no task that can be used{' and is no copy of a test task' * bool(test)}")
    kind = "issues" if closed_pools else "tasks"
    found = (*left_out, copies) if copies else tuple(left_out)
    tasks = (*test, *kept)
    return TextInput("jsonl", kind, tasks, options, ("by user",), closed_pools, left_out=found, n_test=len(test))


def _usable_lines(
    path: Path, options: InputOptions
) -> tuple[tuple[TextTask, ...], tuple[Issue, ...], list[LeftOut]]:
    """Returns the tasks and the issues of a file, and what was left out of it. Of two files each place has its name."""
    tasks, issues, bad = _read(path, options.watch, options.fields, options.hints)
    left_out = LeftOut(f"{bad.unit}s", bad.bad, bad.records, "cannot be used", tuple(bad.first))
    if options.test:
        tasks = tuple(replace(task, place=f"{path.name}, {task.place}") for task in tasks)
        issues = tuple(replace(issue, place=f"{path.name}, {issue.place}") for issue in issues)
    return tasks, issues, [left_out] if bad.bad else []


def read_tasks(
    path: str | Path,
    note: Note = ignore,
    watch: Watch = ignore,
    fields: Mapping[str, str] = NO_FIELDS,
    *,
    hints: bool = False,
) -> tuple[tuple[TextTask, ...], tuple[Issue, ...]]:
    """Returns the tasks and the issues of a file; one of the two is empty. `note` gets what is wrong with some lines.

    `fields` says how keys are called there, `hints` whether those of issues are wanted. Raises ValueError if more than
    1% of the lines are bad, or if the file holds both.
    """
    tasks, issues, bad = _read(Path(path), watch, fields, hints)
    if bad.bad:
        note(f"{path}: {bad.summary()}")
    return tasks, issues


def _read(
    path: Path, watch: Watch, fields: Mapping[str, str], hints: bool
) -> tuple[tuple[TextTask, ...], tuple[Issue, ...], BadLines]:
    bad = BadLines()
    tasks: list[TextTask] = []
    issues: list[Issue] = []
    for number, record in read_records(path, bad, lambda done, total: watch(f"reading {path.name}", done, total)):
        place = f"{bad.unit} {number}"
        record |= {key: record.pop(name) for key, name in fields.items() if name in record}
        try:
            if is_issue(record):
                issues.append(issue_of_record(record, place, hints=hints))
            else:
                tasks.append(task_of_record(record, place))
        except BadRecordError as error:
            bad.add(number, error)
    bad.check(path)
    if tasks and issues:
        raise ValueError(f"{str(path)!r} holds both tasks and SWE-bench's issues; give them as two files")
    return tuple(tasks), tuple(issues), bad


def task_of_record(record: Mapping[str, Any], place: str = "") -> TextTask:
    """Returns the task of one record, which stands at `place`. Other keys are ignored. Raises BadRecordError."""
    record = {key: value for key, value in record.items() if not _is_absent(key, value)}
    _check_keys(record)
    solution, wrong = _answers(record)
    return TextTask(
        prompt=_text(record, "prompt"),
        solution=solution,
        type=_one_of(record, "type", TASK_TYPES),
        wrong=wrong,
        category=_one_of(record, "category", CATEGORIES),
        difficulty=_difficulty(record),
        id=text_or_number(record, "id"),
        group=text_or_number(record, "group"),
        place=place,
        date=_date(record),
    )


def _is_absent(key: str, value: object) -> bool:
    return value is None or (key in MAY_BE_EMPTY and value in ("", []))


def _check_keys(record: Mapping[str, Any]) -> None:
    """Raises BadRecordError, with the keys that the record has, if it lacks a prompt or an answer."""
    lacks = [key for key in ("prompt", "solution") if key not in record]
    if "candidates" in record and "solution" in lacks:
        lacks.remove("solution")
    if not lacks:
        return
    needs = " and ".join(NEEDED[key] for key in lacks)
    named = [shown(str(key), 20) for key in list(record)[:SHOWN_KEYS]] + ["..."] * (len(record) > SHOWN_KEYS)
    guesses = [(key, next((name for name in OTHER_NAMES[key] if name in record), None)) for key in lacks]
    renamed = ",".join(f"{key}={name}" for key, name in guesses if name)
    raise BadRecordError(
        f"needs {needs}; it has {'the keys ' + ', '.join(named) if named else 'no keys'}"
        + (f": --fields {renamed}?" if renamed else "")
    )


def _answers(record: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    """Returns the right answer and the task's own wrong ones."""
    if "candidates" not in record:
        return _text(record, "solution"), ()
    if "solution" in record:
        raise BadRecordError("has both a solution and candidates")
    candidates = record["candidates"]
    if not isinstance(candidates, list) or not 2 <= len(candidates) <= MAX_CANDIDATES:
        raise BadRecordError(f"candidates must be a list of 2 to {MAX_CANDIDATES} texts")
    for candidate in candidates:
        if not isinstance(candidate, str) or not candidate.strip():
            raise BadRecordError("each candidate must be a text that is not empty")
    if len(set(candidates)) < len(candidates):
        raise BadRecordError("no candidate may come twice")
    right = _position(record, candidates)
    return candidates[right], (*candidates[:right], *candidates[right + 1 :])


def _position(record: Mapping[str, Any], candidates: list[str]) -> int:
    """Returns the place of the right candidate. `answer` is the place, from 0, or the candidate's text."""
    answer = record.get("answer")
    if isinstance(answer, str):
        if answer not in candidates:
            raise BadRecordError("the answer is none of the candidates")
        return candidates.index(answer)
    if type(answer) is not int or not 0 <= answer < len(candidates):
        raise BadRecordError(f"answer must be one of the candidates, or its place from 0 to {len(candidates) - 1}")
    return answer


def _text(record: Mapping[str, Any], key: str) -> str:
    value = record.get(key)
    if not isinstance(value, str) or not value.strip():
        raise BadRecordError(f"{key} must be a text that is not empty")
    return value


def _one_of(record: Mapping[str, Any], key: str, names: tuple[str, ...]) -> int:
    """Returns the number of the record's name, or of the first name if it has none."""
    name = record.get(key, names[0])
    if name not in names:
        raise BadRecordError(f"{key} must be one of {', '.join(names)}, not {str(name)[:40]!r}")
    return names.index(name)


def _date(record: Mapping[str, Any]) -> str:
    """Returns the date as it stands there; streams look whether it is one."""
    value = record.get("date")
    return value if isinstance(value, str) else ""


def _difficulty(record: Mapping[str, Any]) -> float | None:
    value = record.get("difficulty")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1 or math.isnan(value):
        raise BadRecordError("difficulty must be a number from 0 to 1")
    return float(value)
