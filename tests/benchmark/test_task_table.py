"""What a run of real input records of each test task: the answers that were chosen, and the tasks' names and texts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bench_samples import SMALL_MODEL
from json_samples import as_json

from ruvllm.benchmark import task_table
from ruvllm.benchmark.plan import Options, make_cells
from ruvllm.benchmark.run import measure_cell
from ruvllm.benchmark.sweep import run_cells
from ruvllm.benchmark.task_table import beginning, make_task_table
from ruvllm.evaluation import retrieval
from ruvllm.evaluation.retrieval import first_in_groups, ranks_in_groups
from ruvllm.learning.snapshots import Unfinished
from ruvllm.results.run_records import Answers
from ruvllm.workloads.inputs import InputOptions
from ruvllm.workloads.swebench import Issue, issue_tasks
from ruvllm.workloads.tasks import TextTask
from ruvllm.workloads.text import TextInput
from ruvllm.workloads.workload import TASK_TYPES, Retrieval

QUICK = Options(profile="quick", models=(SMALL_MODEL,), workload="jsonl", controls=False, seeds=(0, 1))


class Silent:
    """A reporter that says nothing."""

    def __getattr__(self, name: str) -> Any:
        return lambda *_: None


def make_tasks(n: int = 160) -> list[TextTask]:
    """Two types; each bug fix has wrong answers of its own, as near to the prompt as the right one."""
    r = np.random.default_rng(3)
    tasks = []
    for i in range(n):
        words = [f"w{w}" for w in r.integers(400, size=8)]
        others = r.integers(400, size=(8, 5))
        right, *own = (" ".join(["solution", *words[:3], *(f"v{v}" for v in row)]) for row in others)
        tasks.append(
            TextTask("prompt\n " + " ".join(words), right, i % 2, own if i % 2 else (), id=f"task-{i}",
                     place=f"line {i + 1}")
        )  # fmt: skip
    return tasks


TASKS = make_tasks()
INPUT = TextInput("jsonl", "tasks", TASKS, InputOptions())


def text_of(number: int, tasks: Sequence[TextTask] = TASKS) -> str:
    """The solution of a number, counted out."""
    return [*(task.solution for task in tasks), *(text for task in tasks for text in task.wrong)][number]


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("checkpoints")
    return [run["answers"] for run in as_json(run_cells(make_cells(QUICK, INPUT), folder, 1, Silent()))]


# answers


def test_the_chosen_candidate_is_the_one_that_the_engine_ranks_first() -> None:
    cell = make_cells(QUICK, INPUT)[0]
    workload = cell.build()
    measured = measure_cell(cell, workload)
    assert workload.candidates is not None
    run = measured.run
    logits, right = run.engine.logits(workload.parts.test)
    if run.untrained is not None:  # what was learned was not selected for some types
        frozen = np.isin(workload.types[workload.parts.test], run.frozen_types)
        logits[frozen] = run.untrained.logits(workload.parts.test[frozen])[0]
    numbers = workload.candidates[workload.parts.test]
    assert numbers[np.arange(len(right)), right].tolist() == workload.parts.test.tolist()
    assert measured.run.final.chosen is not None
    assert measured.run.final.chosen.tolist() == logits.argmax(axis=1).tolist()
    for task, row in zip(workload.parts.test.tolist(), numbers.tolist(), strict=True):
        if TASKS[task].wrong:  # its own and no others
            assert {text_of(number) for number in row} == {TASKS[task].solution, *TASKS[task].wrong}
        else:
            assert all(number < len(TASKS) and TASKS[number].type == TASKS[task].type for number in row)


def test_a_task_is_resolved_where_its_own_solution_was_chosen_and_first_where_its_rank_is_1(
    answers: list[dict[str, Any]],
) -> None:
    for run in answers:
        for when in ("Initially", ""):
            own = [int(found == task) for found, task in zip(run[f"chosen{when}"], run["tasks"], strict=True)]
            assert own == run[f"resolved{when}"]
            first = [float(found == task) for found, task in zip(run[f"first{when}"], run["tasks"], strict=True)]
            assert first == [float(rank == 1) for rank in run[f"reciprocalRank{when}"]]
        assert 0 < sum(run["resolved"]) < len(run["tasks"]), "both outcomes are there to be told apart"
        assert any(number >= len(TASKS) for number in run["chosen"]), "wrong answers of a task's own are chosen as well"


def test_what_stood_first_is_what_numpy_finds() -> None:
    r = np.random.default_rng(5)
    queries, solutions = (r.normal(size=(n, 24)).astype(np.float32) for n in (40, 55))
    groups, of_solution = np.arange(40, dtype=np.int32) % 3, np.arange(55, dtype=np.int32) % 3
    right = np.array([r.choice(np.flatnonzero(of_solution == g)) for g in groups], dtype=np.int32)
    question = Retrieval(queries, solutions, groups.astype(np.uint8), right, groups, of_solution)
    discount = r.uniform(0, 0.4, size=55).astype(np.float32)
    ranks = ranks_in_groups(question, queries, solutions, discount=discount)
    first = first_in_groups(question, queries, solutions, ranks, discount=discount, most=30)
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (queries, solutions)]
    cosines = np.where(groups[:, None] == of_solution, unit[0] @ unit[1].T - discount, -9)
    assert first[:30].tolist() == cosines.argmax(axis=1)[:30].tolist()
    assert first[30:].tolist() == [-1] * 10


def test_of_equals_the_wrong_one_stood_first() -> None:
    """A wrong solution that is as near as the right one counts against it."""
    rows = np.ones((3, 4), dtype=np.float32)
    question = Retrieval.by_type(rows, rows, np.zeros(3, dtype=np.uint8))
    ranks = ranks_in_groups(question, rows, rows)
    assert ranks.tolist() == [3, 3, 3]
    assert first_in_groups(question, rows, rows, ranks, most=3).tolist() == [1, 0, 0]


def test_the_answers_of_a_run_that_is_gone_on_from_are_the_same(
    answers: list[dict[str, Any]], tmp_path: Path
) -> None:
    (tmp_path / "kept").mkdir()
    for _ in range(2):
        runs = run_cells(
            make_cells(QUICK, INPUT), tmp_path, 1, Silent(), Unfinished(tmp_path / "kept", resume=True)
        )
        assert [run["answers"] for run in as_json(runs)] == answers


# the table


def table_of(answers: list[dict[str, Any]], tasks: Sequence[TextTask] = TASKS, **options: Any) -> dict[str, Any]:
    class Run:
        def __init__(self, found: dict[str, Any]) -> None:
            self.answers = Answers(**{snake(key): value for key, value in found.items()})

    def snake(key: str) -> str:
        return "".join(f"_{c.lower()}" if c.isupper() else c for c in key)

    found: dict[str, Any] = as_json(make_task_table([Run(each) for each in answers], tasks, **options))  # type: ignore[misc]
    return found


def test_every_tested_task_stands_once_in_the_table_with_its_name_place_and_texts(
    answers: list[dict[str, Any]],
) -> None:
    table = table_of(answers)
    tested = sorted({task for run in answers for task in run["tasks"]})
    assert [entry["task"] for entry in table["tasks"]] == tested
    for entry in table["tasks"]:
        task = TASKS[entry["task"]]
        assert (entry["id"], entry["place"]) == (task.id, task.place)
        assert entry["prompt"] == " ".join(task.prompt.split())
        assert entry["type"] == ("bug_fix" if task.wrong else "code_completion")
    texts = {entry["solution"]: entry["text"] for entry in table["solutions"]}
    assert len(texts) == len(table["solutions"])
    keys = ("tasks", "chosenInitially", "chosen", "firstInitially", "first")
    assert texts.keys() == {number for run in answers for key in keys for number in run[key]}
    assert all(text == " ".join(text_of(number).split()) for number, text in texts.items())
    assert table["inputTasks"] == len(TASKS)


def test_without_texts_there_are_names_and_places_only(answers: list[dict[str, Any]]) -> None:
    table = table_of(answers, texts=False)
    assert table["solutions"] == []
    assert all("prompt" not in entry for entry in table["tasks"])
    assert table["tasks"][0]["id"].startswith("task-")
    assert "--no-texts" in table["rule"]
    words = json.dumps(table)
    assert "solution " not in words.replace("solutions", "")
    assert "w1" not in words


def one_run(before: Sequence[int], after: Sequence[int]) -> dict[str, Any]:
    n = len(before)
    return {
        "tasks": list(range(n)), "resolvedInitially": list(before), "resolved": list(after), "confidence": [0.5] * n,
        "chosenInitially": list(range(n)), "chosen": list(range(n)),
    }  # fmt: skip


def test_of_too_many_tasks_those_keep_their_texts_that_were_won_or_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_table, "MOST_TASKS", 4)
    #                        kept never won kept lost never kept won
    run = one_run([1, 0, 0, 1, 1, 0, 1, 0], [1, 0, 1, 1, 0, 0, 1, 1])
    run["confidence"][5] = 0.75  # it is wrong, and surer than the other one
    table = table_of([run])
    assert [entry["task"] for entry in table["tasks"] if "prompt" in entry] == [2, 4, 5, 7]
    assert [entry["id"] for entry in table["tasks"]] == [f"task-{i}" for i in range(8)], "names stay"
    assert [entry["solution"] for entry in table["solutions"]] == [2, 4, 5, 7]
    assert "of 4 of 8 tasks: first those that a run won or lost" in table["rule"]


def test_a_wrong_answer_that_begins_as_the_right_one_does_is_shown_where_they_differ() -> None:
    body = "total = 0 " * 20
    right, wrong = f"{body}if a <= b: return total {body}", f"{body}if a < b: return total {body}"
    task = TextTask("p", right, 1, wrong=[wrong, "short", right + " more"])
    run = {**one_run([0], [0]), "chosenInitially": [1], "chosen": [3]}
    texts = {entry["solution"]: entry["text"] for entry in table_of([run], [task])["solutions"]}
    assert texts[1] == (
        "…otal = 0 total = 0 if a < b: return total total =… where the right one has "
        "…otal = 0 total = 0 if a <= b: return total total =…"
    )
    assert " more" in texts[3].partition(" where the right one has ")[0]
    assert max(map(len, texts.values())) <= 200


def test_a_solution_is_shown_as_it_is_called() -> None:
    """The text of an issue's right file is made for encoders: its path is what a reader looks for."""
    issues = [
        Issue(repo="r", created="2024", text=f"issue {i}", path=f"src/a file/{i % 4}.py", id=f"r-{i}")
        for i in range(8)
    ]
    table = table_of([one_run([0] * 8, [1] * 8)], issue_tasks(issues))
    assert [entry["id"] for entry in table["tasks"]] == [f"r-{i}" for i in range(8)]
    assert [entry["text"] for entry in table["solutions"]] == [f"src/a file/{i % 4}.py" for i in range(8)]


def test_there_are_not_too_many_solutions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that are right come first."""
    monkeypatch.setattr(task_table, "MOST_SOLUTIONS", 10)
    run = {**one_run([0] * 8, [0] * 8), "chosen": list(range(20, 28))}
    table = table_of([run])
    assert [entry["solution"] for entry in table["solutions"]] == [*range(8), 20, 21]


def test_where_very_many_are_ranked_what_stood_first_is_found_for_some(
    answers: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrieval, "MOST_COSINES", 500)
    first, *_ = as_json(run_cells(make_cells(QUICK, INPUT)[:1], tmp_path, 1, Silent()))
    found = first["answers"]["first"]
    assert 0 < sum(number is not None for number in found) < len(found)
    assert all(number in (None, full) for number, full in zip(found, answers[0]["first"], strict=True))


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("  a\n\tb  c ", "a b c"),
        ("x" * 200, "x" * 200),
        ("x" * 201, "x" * 199 + "…"),
        ("a" + " " * 10**6 + "b", "a…"),
        ("word " * 10**5, ("word " * 40)[:199] + "…"),
        ("half \ud800 a character", "half \ufffd a character"),
        ("\U0001f600" * 200, "\U0001f600" * 200),
    ],
)
def test_a_long_text_is_cut(text: str, begins: str) -> None:
    assert beginning(text) == begins


def test_a_name_is_kept_as_it_is_but_for_its_length() -> None:
    task = TextTask("p", "s", 0, id="a  b\n" + "c" * 300)
    (entry,) = table_of([one_run([0], [1])], [task])["tasks"]
    assert entry["id"] == "a  b\n" + "c" * 194 + "…"


def test_a_table_of_many_tasks_stays_small() -> None:
    """Half a kilobyte a task at most, if each text is as long as may be."""
    tasks = [TextTask("p " * 300, f"{i} " + "s " * 300, 0, id=f"id-{i}", place=f"line {i}") for i in range(1000)]
    table = table_of([one_run([0] * 1000, [1] * 1000)], tasks)
    assert len(json.dumps(table)) < 1000 * 560


def test_the_outcome_is_that_of_the_method_which_the_validation_part_chose(tmp_path: Path) -> None:
    for run in as_json(run_cells(make_cells(QUICK, INPUT)[:2], tmp_path, 1, Silent())):
        answers = run["answers"]
        for kind, selection in run["selection"].items():
            for choice in (selection["retrieval"], selection["candidates"]):
                assert choice["method"] in {"frozen", choice["best"]}
                frozen_stays = choice["gain"] <= 0 or choice["gain"] < choice["standardError"]
                assert (choice["method"] == "frozen") == frozen_stays
            figures = selection["retrieval"]["figures"]
            hybrids = {"ensemble", "ensembleClosed", "hybrid", "hybridFrozen", "hybridRidgeCsls"}
            one_view = {"frozen", "learned", "meanRemoval", "ridge", "csls", "ridgeCsls"}
            assert not figures or figures.keys() == one_view | hybrids
            of_method = {
                "learned": answers["reciprocalRankAlone"],
                "frozen": answers["reciprocalRankInitially"],
                "hybrid": answers["hybrid"],
                "ensemble": answers["ensemble"],
                **answers["closedForms"],
            }
            of_type = [i for i, own in enumerate(answers["types"]) if TASK_TYPES[own] == kind]
            wanted = of_method[selection["retrieval"]["method"]]
            assert [answers["reciprocalRank"][i] for i in of_type] == [wanted[i] for i in of_type]
        mean = sum(answers["reciprocalRank"]) / len(answers["tasks"])
        assert run["retrieval"]["mrr"]["learned"] == pytest.approx(mean)
