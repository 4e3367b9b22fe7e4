"""A prompt may have several right solutions: none of them counts as wrong, neither as a candidate nor in retrieval."""

from __future__ import annotations

import numpy as np
import pytest

from ruvllm.evaluation.retrieval import first_in_groups, ranks_in_groups
from ruvllm.workloads.question import shares_wrong_answers
from ruvllm.workloads.splits import PARTS
from ruvllm.workloads.tasks import TextTask
from ruvllm.workloads.text import TextInput
from ruvllm.workloads.workload import Retrieval

WORDS = np.random.default_rng(4).integers(100_000, size=(400, 2, 9))
TEXTS = [tuple(" ".join(f"w{word}" for word in row) for row in rows) for rows in WORDS.tolist()]
ONCE = [TextTask(prompt, solution, 0) for prompt, solution in TEXTS[:200]]
AGAIN = [TextTask(f"  {ONCE[i].prompt.upper()}", TEXTS[200 + i][1], 0) for i in range(120)]
"""Other solutions for the same prompts."""


def answered(task_input: TextInput, i: int) -> set[str]:
    """All solutions that are right for the prompt of task i."""
    prompt = " ".join(task_input.tasks[i].prompt.lower().split())
    return {t.solution for t in task_input.tasks if " ".join(t.prompt.lower().split()) == prompt}


@pytest.mark.parametrize("closed", [False, True])
def test_no_candidate_but_the_tasks_own_is_right_for_its_prompt(closed: bool) -> None:
    task_input = TextInput("jsonl", "tasks", ONCE + AGAIN, closed_pools=closed)
    workload = task_input.build(dim=64, seed=0, split="")
    assert workload.candidates is not None
    several = 0
    for i, row in enumerate(workload.candidates.tolist()):
        right = answered(task_input, i)
        several += len(right) > 1
        assert sum(task_input.tasks[j].solution in right for j in row) == 1
        assert len({task_input.tasks[j].solution for j in row}) == 8
    assert several == 240


def test_own_wrong_answers_that_are_right_elsewhere_are_left_out() -> None:
    choices = ("yes", "no", "both", "none")
    wrong = {right: tuple(c for c in choices if c != right) for right in ("yes", "both")}
    tasks = [TextTask("which of these?", right, 0, own) for right, own in wrong.items()]
    kept = TextInput("jsonl", "tasks", [*ONCE, *tasks]).tasks[-2:]
    assert [task.wrong for task in kept] == [("no", "none"), ("no", "none")]


def test_retrieval_asks_for_one_right_solution_and_leaves_the_others_out() -> None:
    task_input = TextInput("jsonl", "tasks", ONCE + AGAIN)
    workload = task_input.build(dim=64, seed=0, split="")
    assert workload.question is not None
    question, asked = workload.question.test, workload.parts.test.tolist()
    assert question.numbers is not None
    assert question.right_too is not None
    assert len(question.right_too) == sum(len(answered(task_input, i)) > 1 for i in asked) > 20
    for query, row in question.right_too.tolist():
        assert row != question.right[query]
        assert task_input.tasks[question.numbers[row]].solution in answered(task_input, asked[query])


def by_hand(
    cosines: list[list[float]], right: list[int], right_too: list[tuple[int, int]], types: list[int]
) -> Retrieval:
    """Queries whose cosines with the solutions are given."""
    table = np.array(cosines, dtype=np.float32)
    queries = np.eye(len(table), table.shape[1] + 1, dtype=np.float32)
    solutions = np.zeros((table.shape[1], table.shape[1] + 1), dtype=np.float32)
    solutions[:, : len(table)] = table.T
    solutions[:, -1] = np.sqrt(1 - np.square(table).sum(axis=0))
    kinds = np.array(types, dtype=np.uint8)
    groups = kinds.astype(np.int32)
    of = np.array([types[0]] * table.shape[1], dtype=np.int32)
    pairs = np.array(right_too, dtype=np.int32).reshape(-1, 2)
    return Retrieval(queries, solutions, kinds, np.array(right, dtype=np.int32), groups, of, None, pairs)


@pytest.mark.parametrize(
    ("too", "rank"),
    [([], 3), ([1], 2), ([2], 2), ([1, 2], 1), ([3], 3), ([1, 2, 3], 1)],
)
def test_the_rank_counts_wrong_solutions_alone(too: list[int], rank: int) -> None:
    """Solution 1 is nearer than the right one, 2 as near, 3 farther off."""
    question = by_hand([[0.4, 0.6, 0.4, 0.2]], [0], [(0, row) for row in too], [0])
    ranks = ranks_in_groups(question, question.queries, question.solutions)
    assert ranks.tolist() == [rank]
    first = first_in_groups(question, question.queries, question.solutions, ranks, most=1).tolist()
    assert first == [next((row for row in (1, 2) if row not in too), 0)]
    assert ranks_in_groups(question.of_type(0), question.queries, question.solutions).tolist() == [rank]


def test_wrong_answers_that_tasks_share_stand_once_and_never_against_themselves() -> None:
    labels = ["positive", "negative", "neutral", "mixed"]
    tasks = [
        TextTask(prompt, labels[i % 4], 0, tuple(label for label in labels if label != labels[i % 4]))
        for i, (prompt, _) in enumerate(TEXTS)
    ]
    task_input = TextInput("jsonl", "tasks", tasks)
    workload = task_input.build(dim=64, seed=0, split="")
    assert workload.question is not None
    assert len(workload.question.test.solutions) == 4
    assert workload.source.n_candidates == 4
    assert workload.details["generator"] == 2
    assert shares_wrong_answers(tasks)
    own = [TextTask(t.prompt, t.solution, 0, (f"{t.solution} not",)) for t in ONCE]
    assert not shares_wrong_answers(own)
    assert not shares_wrong_answers(ONCE)
    assert "generator" not in TextInput("jsonl", "tasks", own).build(dim=64, seed=0, split="").details


def test_every_part_has_room_for_candidates_without_the_other_right_ones() -> None:
    tasks = [*ONCE[:60], *(TextTask(ONCE[0].prompt, TEXTS[200 + k][1], 0) for k in range(5))]
    task_input = TextInput("jsonl", "tasks", tasks)
    for seed in range(8):
        workload = task_input.build(dim=64, seed=seed, split="")
        assert workload.source.n_candidates == min(room.most for room in task_input.rooms(workload.parts))
        assert all(len(workload.parts.part(name)) for name in PARTS)
