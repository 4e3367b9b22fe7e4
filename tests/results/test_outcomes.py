"""Single tasks: who won and who lost, counted over runs."""

from __future__ import annotations

from typing import Any

import pytest
from results_samples import document, entry
from task_samples import OUTCOMES, SURE, WRONG, run_of, single_tasks

from ruvllm.results.outcomes import RESOLVE, RETRIEVAL, Choice, SingleTask, answered_tasks, outcome_counts
from ruvllm.results.reading import parse_document
from ruvllm.results.summary_records import BenchmarkDocument


def tasks_of(values: dict[str, Any]) -> list[SingleTask]:
    found = parse_document(values)
    assert isinstance(found, BenchmarkDocument)
    (tested,) = answered_tasks(found)
    return tested.tasks


def test_what_most_runs_gave_decides() -> None:
    tasks = tasks_of(single_tasks())
    assert {task.task: task.outcome_by(RESOLVE) for task in tasks} == OUTCOMES
    assert tasks[4].times_right(RESOLVE) == (1, 2)
    assert outcome_counts(tasks, RESOLVE) == {"won": 2, "lost": 2, "never": 1, "kept": 1}


def test_half_of_the_runs_is_not_most_of_them_before_as_after() -> None:
    """Or else a task that changes nothing might be won."""
    tasks = tasks_of(single_tasks(0, 1))
    assert tasks[4].times_right(RESOLVE) == (1, 2)
    assert tasks[4].outcome_by(RESOLVE) == "won"
    assert tasks[5].times_right(RESOLVE) == (1, 1)
    assert tasks[5].outcome_by(RESOLVE) == "never"


def test_by_retrieval_a_task_is_right_where_its_solution_stood_first() -> None:
    tasks = tasks_of(single_tasks())
    outcomes = {task.task: task.outcome_by(RETRIEVAL) for task in tasks}
    assert outcomes == {0: "kept", 1: "kept", 2: "kept", 3: "won", 4: "never", 5: "kept"}
    assert (tasks[3].attempts[0].rank_initially, tasks[3].attempts[0].rank) == (4, 1)
    assert tasks[3].attempts[0].first_initially == Choice(WRONG, "a wrong answer")


def test_a_task_has_its_names_texts_and_choices() -> None:
    (task,) = [each for each in tasks_of(single_tasks()) if each.task == 2]
    assert (task.id, task.place, task.type, task.prompt, task.right) == (
        "ticket-2", "line 3", "code_completion", "question 2", "answer 2",
    )  # fmt: skip
    assert [attempt.seed for attempt in task.attempts] == [0, 1, 2]
    assert task.attempts[0].chosen_initially == Choice(2, "answer 2")
    assert task.attempts[0].chosen == Choice(WRONG, "a wrong answer")
    assert task.confidence == pytest.approx(SURE[2])
    assert task.confidence_initially == pytest.approx(0.25)


@pytest.mark.parametrize(("id_", "place", "name"), [("a", "line 1", "a"), ("", "line 1", "line 1"), ("", "", "task 0")])
def test_a_task_is_called_by_its_id_else_its_place_else_its_number(id_: str, place: str, name: str) -> None:
    assert tasks_of(single_tasks(texts={"id0": id_, "place0": place}))[0].name == name


def test_the_surest_of_each_outcome_comes_first_and_what_was_won_and_lost_before_the_rest() -> None:
    found = parse_document(single_tasks())
    assert isinstance(found, BenchmarkDocument)
    (tested,) = answered_tasks(found)
    assert [task.task for task in tested.most_telling_first(RESOLVE)] == [4, 0, 2, 5, 3, 1]


def test_a_run_that_stands_twice_counts_once() -> None:
    values = single_tasks()
    values["results"].append(values["results"][0])
    assert all(len(task.attempts) == 3 for task in tasks_of(values))


def test_each_model_and_protocol_stands_by_itself() -> None:
    values = single_tasks()
    values["results"] += [run_of(0, model="other"), run_of(0, protocol="v2")]
    found = parse_document(values)
    assert isinstance(found, BenchmarkDocument)
    assert [(each.protocol, each.model == "other", len(each.seeds)) for each in answered_tasks(found)] == [
        ("v3", False, 3), ("v3", True, 1), ("v2", False, 1),
    ]  # fmt: skip


def test_simulated_tasks_of_two_seeds_are_not_the_same_ones() -> None:
    tasks = tasks_of(document(entry([1, 0]), entry([0, 0], seed=1)))
    assert [(task.task, task.seed) for task in tasks] == [(0, 0), (1, 0), (0, 1), (1, 1)]
    assert {len(task.attempts) for task in tasks} == {1}
    assert [task.outcome_by(RESOLVE) for task in tasks] == ["won", "never", "never", "never"]


def test_a_file_of_an_older_version_has_numbers_only() -> None:
    """It has neither what was chosen nor how sure the start was."""
    tasks = tasks_of(document(entry([1, 0], workload="jsonl", ranks=[1.0, 0.5])))
    assert [task.name for task in tasks] == ["task 0", "task 1"]
    assert [task.outcome_by(RESOLVE) for task in tasks] == ["won", "never"]
    (attempt,) = tasks[1].attempts
    assert (attempt.chosen, attempt.confidence_initially, attempt.rank) == (None, None, 2)
    assert tasks[0].confidence_initially is None


def test_a_trimmed_file_has_no_tasks() -> None:
    values = single_tasks()
    for run in values["results"]:
        del run["answers"]
    found = parse_document(values)
    assert isinstance(found, BenchmarkDocument)
    assert answered_tasks(found) == []


def test_numbers_that_are_not_there_end_nothing() -> None:
    """A stranger's file may name types and solutions that no table has, and the smallest rank that there is."""
    values = single_tasks(0)
    answers = values["results"][0]["answers"]
    answers["types"] = [99] * 6
    answers["chosen"] = [4_000_000_000] * 6
    answers["reciprocalRank"] = [5e-324] * 6
    values["tasks"]["tasks"] = []
    task = tasks_of(values)[0]
    assert (task.type, task.attempts[0].chosen, task.attempts[0].rank) == (
        "number 99", Choice(4_000_000_000), 2**53,
    )  # fmt: skip
