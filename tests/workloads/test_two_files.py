"""A train file and a test file: what is learned from, what is tested, and that nothing is in both."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ruvllm.workloads.checks import check_workload
from ruvllm.workloads.inputs import read_input
from ruvllm.workloads.repeats.between_files import without_copies
from ruvllm.workloads.tasks import TextTask
from ruvllm.workloads.text import TextInput


def words(*numbers: int) -> str:
    return " ".join("".join(random.Random(n).choices("abcdefghijklmnopqrstuvwxyz", k=7)) for n in numbers)


def task(i: int, **changes: Any) -> dict[str, Any]:
    return {"prompt": words(i, i + 1000, i + 2000), "solution": words(i + 3000, i + 4000, i + 5000), **changes}


def write(folder: Path, name: str, records: list[dict[str, Any]]) -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def issue(repo: str, i: int, **changes: Any) -> dict[str, Any]:
    path = f"src/{repo}{i}.py"
    patch = f"--- a/{path}\n+++ b/{path}\n@@ -1,2 +1,2 @@\n old\n+{words(i)}\n"
    return {"repo": repo, "problem_statement": words(i, i + 500), "patch": patch, "instance_id": f"{repo}-{i}",
            "created_at": f"2020-01-{1 + i % 28:02}", "hints_text": f"look at {words(i + 900)}", **changes}  # fmt: skip


def read(train: Path, test: Path, **options: Any) -> tuple[TextInput, list[str]]:
    said: list[str] = []
    found = read_input(f"jsonl:{train}", test=str(test), warn=said.append, **options)
    assert isinstance(found, TextInput)
    return found, said


def test_the_test_part_is_the_test_file_and_the_others_are_of_the_train_file(tmp_path: Path) -> None:
    train = write(tmp_path, "a.jsonl", [task(i, id=f"a{i}") for i in range(100)])
    test = write(tmp_path, "b.jsonl", [task(i, id=f"b{i}") for i in range(200, 240)])
    found, said = read(train, test)
    assert said == []
    for seed in (0, 1):
        parts = found.split("", seed)
        assert {found.tasks[i].id for i in parts.test.tolist()} == {f"b{i}" for i in range(200, 240)}
        of_train = np.concatenate([parts.train, parts.valid, parts.holdout])
        assert {found.tasks[i].id for i in of_train.tolist()} == {f"a{i}" for i in range(100)}
        assert (len(parts.holdout), len(parts.valid), len(parts.train)) == (10, 18, 72)
    assert not np.array_equal(found.split("", 0).valid, found.split("", 1).valid)
    assert found.tasks[0].place == "b.jsonl, line 1"
    check_workload(found)


def test_the_run_block_and_the_title_name_both(tmp_path: Path) -> None:
    train = write(tmp_path, "a.jsonl", [task(i) for i in range(100)])
    test = write(tmp_path, "b.jsonl", [task(i) for i in range(200, 240)])
    workload = read(train, test)[0].build(dim=64, seed=0, split="")
    assert workload.details["testTasks"] == 40
    assert workload.origin is not None
    assert workload.origin.name == "a.jsonl, tested on b.jsonl"
    assert workload.question is not None
    assert len(workload.question.test.solutions) == 40  # ranked among the test file's own


def test_copies_of_test_tasks_are_not_learned_from(tmp_path: Path) -> None:
    tests = [task(i) for i in range(200, 240)]
    near = {**task(203), "prompt": task(203)["prompt"] + " too"}
    trains = [*(task(i) for i in range(100)), task(200), task(201, solution=words(1)), near, task(300, group="g")]
    train = write(tmp_path, "a.jsonl", trains)
    test = write(tmp_path, "b.jsonl", [*tests, task(400, group="g")])
    found, said = read(train, test)
    assert "4 of 104 train tasks left out: copies of test tasks" in said[0]
    assert len(found.tasks) == 100 + 41
    workload = found.build(dim=64, seed=0, split="")
    assert workload.leak_check is not None
    assert workload.leak_check.leaked == 0


def test_what_is_joined_to_a_test_task_by_other_train_tasks_goes_too() -> None:
    def made(prompt: str, solution: str) -> TextTask:
        return TextTask(prompt, solution, 0)

    test = [made(words(1), words(2))]
    train = [made(words(1), words(3)), made(words(4), words(3)), made(words(5), words(6))]
    kept, left_out = without_copies(train, test)
    assert kept == (train[2],)
    assert left_out is not None and (left_out.count, left_out.of) == (2, 3)


def test_issues_have_the_files_of_both_as_candidates(tmp_path: Path) -> None:
    train = write(tmp_path, "a.jsonl", [issue("r", i) for i in range(40)] + [issue("s", 40 + i) for i in range(12)])
    test = write(tmp_path, "b.jsonl", [issue("r", i) for i in range(60, 70)])
    found, _ = read(train, test)
    parts = found.split("", 0)
    assert {found.tasks[i].id for i in parts.test.tolist()} == {f"r-{i}" for i in range(60, 70)}
    workload = found.build(dim=64, seed=0, split="")
    assert workload.question is not None
    assert len(workload.question.test.solutions) >= 50
    assert workload.candidates is not None
    trained = set(workload.candidates[parts.train].ravel().tolist())
    assert trained <= set(parts.train.tolist())  # no file of the test file's alone is learned as wrong


def test_hints_belong_to_the_text_if_wanted(tmp_path: Path) -> None:
    path = write(tmp_path, "a.jsonl", [issue("r", i) for i in range(50)] + [issue("r", 50, hints_text=None)])
    plain, hinted = (read_input(f"jsonl:{path}", hints=hints) for hints in (False, True))
    by_id = {task.id: task for task in plain.tasks}
    assert isinstance(hinted, TextInput) and isinstance(plain, TextInput)
    for each in hinted.tasks:
        i = int(each.id.partition("-")[2])
        assert each.prompt == by_id[each.id].prompt + (f"\n\nlook at {words(i + 900)}" if i < 50 else "")
    assert hinted.build(dim=64, seed=0, split="date").details["hints"] is True
    assert "hints" not in plain.build(dim=64, seed=0, split="date").details


@pytest.mark.parametrize(
    ("train", "test", "options", "message"),
    [
        ([task(i) for i in range(50)], [issue("r", i) for i in range(50)], {}, "must both hold tasks, or both hold"),
        ([task(i) for i in range(50)], [task(i) for i in range(50)], {}, "the train file has no task that can be used"),
        ([task(i) for i in range(50)], [task(99)], {"hints": True}, "hints are of SWE-bench's issues"),
        ([task(i) for i in range(50)], [], {}, "b.jsonl"),
    ],
)
def test_files_that_do_not_fit_are_refused(
    tmp_path: Path, train: list[dict[str, Any]], test: list[dict[str, Any]], options: dict[str, Any], message: str
) -> None:
    files = write(tmp_path, "a.jsonl", train), write(tmp_path, "b.jsonl", test)
    with pytest.raises(ValueError, match=message):
        read(*files, **options)


def test_one_task_cannot_be_tested(tmp_path: Path) -> None:
    found, _ = read(write(tmp_path, "a.jsonl", [task(i) for i in range(50)]), write(tmp_path, "b.jsonl", [task(99)]))
    with pytest.raises(ValueError, match="the test part has 1 different solution"):
        found.build(dim=64, seed=0, split="")
