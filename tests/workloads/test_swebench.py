"""SWE-bench: which file does the accepted patch change? Among the files of the same repository."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ruvllm.files.json_lines import BadRecordError
from ruvllm.workloads.inputs import read_input
from ruvllm.workloads.splits import Fold, split_by_date
from ruvllm.workloads.swebench import Issue, is_issue, issue_of_record, issue_tasks, usable_issues
from ruvllm.workloads.text import TextInput

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


def patch(*files: tuple[str, int], header: str = "") -> str:
    return "".join(
        f"diff --git a/{path} b/{path}\n{header}--- a/{path}\n+++ b/{path}\n@@ -1,2 +1,2 @@ f()\n old\n" + "+x\n" * n
        for path, n in files
    )


def record(**changes: Any) -> dict[str, Any]:
    return {
        "repo": "a/b",
        "problem_statement": "It fails.",
        "patch": patch(("src/m.py", 1)),
        "created_at": "2020-01-02",
        **changes,
    }


def make_issues(sizes: dict[str, int]) -> list[Issue]:
    return [
        Issue(repo, f"20{(7 * i) % n:02d}-01-01", f"issue {repo} {i}", f"{repo}/file{i}.py")
        for repo, n in sizes.items()
        for i in range(n)
    ]


def issue_input(issues: list[Issue]) -> TextInput:
    return TextInput("jsonl", "issues", issue_tasks(usable_issues(issues)), splits=("date",), closed_pools=True)


def test_an_issue_is_its_text_and_the_file_that_changes() -> None:
    assert is_issue(record())
    assert issue_of_record(record()) == Issue("a/b", "2020-01-02", "It fails.", "src/m.py")


def test_an_issue_keeps_its_name_and_its_place_and_needs_no_date() -> None:
    found = issue_of_record(record(instance_id="a__b-1", created_at=None), "line 3")
    assert (found.id, found.place, found.created) == ("a__b-1", "line 3", "")
    (task,) = issue_tasks([found])
    assert (task.id, task.place) == ("a__b-1", "line 3")


def test_of_several_files_the_one_with_most_changes_is_right_tests_and_new_files_aside() -> None:
    files = patch(("tests/test_m.py", 9), ("src/a.py", 2), ("src/b.py", 3), ("pkg/test_x.py", 8))
    new = patch(("src/new.py", 20), header="new file mode 100644\n")
    assert issue_of_record(record(patch=files + new)).path == "src/b.py"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"problem_statement": " "}, "problem_statement must be a text that is not empty"),
        ({"repo": 1}, "repo must be a text"),
        ({"patch": None}, "patch must be a text that is not empty"),
        ({"patch": "diff --cc src/m.py\n"}, "patch is of a merge"),
        ({"patch": "no patch"}, "patch changes no file"),
        ({"patch": patch(("new.py", 1), header="new file mode 100644\n")}, "patch changes no file"),
        ({"created_at": 5}, "created_at must be a text"),
    ],
)
def test_a_record_that_is_no_issue_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(BadRecordError, match=message):
        issue_of_record(record(**changes))


@pytest.mark.parametrize("created", [None, "", " "])
def test_a_column_without_a_date_is_no_date(created: str | None) -> None:
    assert issue_of_record(record(created_at=created)).created == ""
    without = {key: value for key, value in record().items() if key != "created_at"}
    assert issue_of_record(without).created == ""


def test_a_file_with_a_space_does_not_lose_its_lines_to_its_neighbour() -> None:
    assert issue_of_record(record(patch=patch(("docs/note.txt", 1), ("src/my file.py", 9)))).path == "src/my file.py"


def test_tests_of_other_languages_are_not_right_and_a_shipped_package_called_test_is() -> None:
    assert issue_of_record(record(patch=patch(("run_test.go", 9), ("run.go", 1)))).path == "run.go"
    shipped = patch(("django/test/client.py", 9), ("docs/releases.txt", 1))
    assert issue_of_record(record(patch=shipped)).path == "django/test/client.py"
    assert issue_of_record(record(patch=patch(("run_test.go", 1), ("b_test.go", 2)))).path == "b_test.go"


def test_repositories_with_too_few_issues_or_files_are_left_out_and_the_others_are_in_order_of_date() -> None:
    few_files = [Issue("one file", "2020", f"i{i}", "same.py") for i in range(20)]
    found = usable_issues([*make_issues({"z": 10, "few": 4, "a": 5}), *few_files])
    assert [issue.repo for issue in found] == ["a"] * 5 + ["z"] * 10
    dates = [issue.created for issue in found if issue.repo == "z"]
    assert dates == sorted(dates)


@pytest.mark.parametrize("number", [1, 2, 5])
def test_each_stretch_of_time_of_each_repository_is_tested_whole(number: int) -> None:
    issues = usable_issues(make_issues({"a": 30, "b": 12}))
    split = split_by_date([issue.repo for issue in issues], 3, Fold(number, 5))
    parts = [split.train, split.valid, split.test, split.holdout]
    assert np.sort(np.concatenate(parts)).tolist() == list(range(42))
    assert len(split.holdout) == 3 + 1
    held = set(split.holdout.tolist())
    for repo in ("a", "b"):
        members = [i for i, issue in enumerate(issues) if issue.repo == repo and i not in held]
        places = [members.index(i) for i in split.test.tolist() if issues[i].repo == repo]
        assert places == list(range(places[0], places[0] + len(places)))  # neighbours in time


def test_every_issue_outside_the_holdout_is_tested_once() -> None:
    repositories = [issue.repo for issue in usable_issues(make_issues({"a": 30, "b": 12}))]
    tested = [i for number in range(1, 6) for i in split_by_date(repositories, 3, Fold(number, 5)).test.tolist()]
    held = split_by_date(repositories, 3, Fold(1, 5)).holdout.tolist()
    assert sorted(tested + held) == list(range(42))


def test_the_candidates_are_all_files_of_the_repository_in_whichever_part() -> None:
    issues = [*make_issues({"a": 20, "b": 12}), Issue("a", "2099", "again", "a/file3.py")]
    task_input = issue_input(issues)
    workload = task_input.build(dim=128, seed=0, split="file", fold=Fold(2, 5))
    question = workload.question and workload.question.test
    assert question is not None
    sizes = {len(block.candidates) for block in question.blocks()}
    assert sizes == {20, 12}
    usable = usable_issues(issues)
    for query, i in enumerate(workload.parts.test.tolist()):
        _, candidates, right, _ = workload.source.load(i)
        assert np.array_equal(candidates[right], question.solutions[question.right[query]])
        assert task_input.tasks[i].solution.startswith(usable[i].path + " ")


def test_no_file_that_only_other_parts_change_is_told_to_be_wrong() -> None:
    workload = issue_input(make_issues({"a": 40, "b": 30})).build(dim=128, seed=0, split="file", fold=Fold(2, 5))
    parts = workload.parts

    def candidates_of(part: Any) -> set[bytes]:
        return {row.tobytes() for i in part.tolist() for row in workload.source.load(i)[1]}

    def right_in(part: Any) -> set[bytes]:
        return {c[y].tobytes() for i in part.tolist() for _, c, y, _ in [workload.source.load(i)]}

    assert candidates_of(parts.train) <= right_in(parts.train)
    assert not candidates_of(parts.test) <= right_in(parts.train) | right_in(parts.test)  # there, all files


def test_too_few_issues_are_one_line(tmp_path: Path) -> None:
    path = tmp_path / "f.json"
    path.write_text(json.dumps([record(patch=patch((f"m{i}.py", 1))) for i in range(3)]))
    with pytest.raises(ValueError, match="no repository has enough issues"):
        read_input(f"jsonl:{path}")
    with pytest.raises(ValueError, match="6 issues are too few for a holdout and 5 stretches of time"):
        split_by_date(["a"] * 6, 0, Fold(1, 5))


def test_tasks_and_issues_are_not_mixed(tmp_path: Path) -> None:
    path = tmp_path / "f.jsonl"
    path.write_text(json.dumps(record()) + '\n{"prompt": "p", "solution": "s"}\n')
    with pytest.raises(ValueError, match="holds both tasks and SWE-bench's issues"):
        read_input(f"jsonl:{path}")
    path.write_text(json.dumps(record()) + "\n")
    with pytest.raises(ValueError, match="transfer is measured on tasks with a prompt"):
        read_input("code", transfer=f"jsonl:{path}")


def test_the_shared_sample_loads_as_it_is() -> None:
    path = SHARED / "swebench-lite-train.json"
    if not path.is_file():
        pytest.skip(f"{path.name} is not there: ../shared/data")
    given = read_input(f"jsonl:{path}")
    assert isinstance(given, TextInput) and given.kind == "issues"
    assert given.n_tasks == 159
    assert [(left.count, left.of, left.what) for left in given.left_out] == [(15, 174, "issues")]
    repositories = ("django/django", "sympy/sympy")
    assert [len({task.solution for task in given.tasks if task.pool == repo}) for repo in repositories] == [45, 33]
