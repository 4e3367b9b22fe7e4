"""Candidates: hard ones by difficulty, from solutions of similar length, never the right one's twin."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ruvllm.workloads.candidates import WINDOW, CandidateTable, TooFewSolutionsError
from ruvllm.workloads.encoding import EncodedTasks
from ruvllm.workloads.tasks import TextTask


def on_a_circle(texts: list[str]) -> EncodedTasks:
    """Tasks whose solutions lie on a quarter of a circle, in their order: neighbours are the most similar."""
    n = len(texts)
    angles = np.arange(n) * (np.pi / (2 * n))
    solutions = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    numbers = {text: i for i, text in reversed(list(enumerate(texts)))}
    return EncodedTasks(
        tasks=[TextTask(f"prompt {i}", text, 0) for i, text in enumerate(texts)],
        queries=solutions,
        solutions=solutions,
        own_rows=[range(n, n)] * n,
        bodies=np.array([numbers[text] for text in texts], dtype=np.int64),
        vectors_digest="",
    )


def filled(encoded: EncodedTasks, difficulty: float, n_candidates: int = 8) -> CandidateTable:
    n = len(encoded.tasks)
    table = CandidateTable(encoded, np.full(n, difficulty), n_candidates=n_candidates, seed=1)
    table.fill(np.arange(n, dtype=np.uint32))
    return table


@pytest.mark.parametrize(("difficulty", "n_hard"), [(0.0, 0), (0.07, 0), (0.08, 1), (0.5, 4), (0.93, 7), (1.0, 7)])
def test_the_number_of_hard_negatives_is_the_share_of_the_difficulty(difficulty: float, n_hard: int) -> None:
    table = filled(on_a_circle([f"text {i:03}" for i in range(WINDOW)]), difficulty)  # the window is everybody
    for task in range(4, WINDOW - 4):
        distance = sorted(abs(int(j) - task) for j in table.rows[task])
        assert distance[: n_hard + 1] == [0, 1, 1, 2, 2, 3, 3, 4][: n_hard + 1]
        assert table.rows[task, table.right[task]] == task
    if n_hard < 7:  # the others are far away more often than not
        farthest = np.abs(table.rows - np.arange(WINDOW)[:, None]).max(axis=1)
        assert np.median(farthest) > WINDOW / 4


def test_distractors_are_of_similar_length_and_the_right_one_lies_anywhere_among_them() -> None:
    n = 400
    lengths = np.random.default_rng(0).permutation(n)
    encoded = on_a_circle([f"{i} {'x' * length}" for i, length in enumerate(lengths.tolist())])
    table = filled(encoded, 0.5)
    rank = np.argsort(np.argsort([len(task.solution) for task in encoded.tasks], kind="stable"))
    away = rank[table.rows] - rank[:, None]
    assert np.abs(away).max() < WINDOW
    shorter = np.count_nonzero(away < 0, axis=1)
    assert np.bincount(shorter, minlength=8).min() > 0.5 * n / 8
    assert np.bincount(table.right, minlength=8).min() > 0.5 * n / 8


def test_solutions_like_the_right_one_are_never_distractors() -> None:
    texts = [f"text {i:03}" for i in range(90)]
    texts[::3] = ["the same text"] * 30
    table = filled(on_a_circle(texts), 1.0)
    for row in table.rows.tolist():
        found = [texts[j] for j in row]
        assert len(set(found)) == 8
    with pytest.raises(TooFewSolutionsError, match="8 candidates need as many different solutions in each part, not 7"):
        filled(on_a_circle(["the same text"] * 20 + texts[1:90:15]), 1.0)


def test_what_is_drawn_depends_on_the_seed() -> None:
    encoded = on_a_circle([f"text {i:03}" for i in range(60)])
    one, other = filled(encoded, 0.5), CandidateTable(encoded, np.full(60, 0.5), n_candidates=8, seed=2)
    other.fill(np.arange(60, dtype=np.uint32))
    assert not np.array_equal(one.rows, other.rows)
    assert np.array_equal(one.rows, filled(replace(encoded), 0.5).rows)


@pytest.mark.parametrize("n", [120, 12])  # more than a window, and so few that others fill up
def test_right_answers_of_other_tasks_are_as_if_they_were_not_there(n: int) -> None:
    drawn = np.random.default_rng(n)
    bodies = drawn.integers(0, n - 2, n)
    encoded = on_a_circle([f"text {'x' * (body % 40)} {body}" for body in bodies.tolist()])
    others = {i: [j for j in drawn.choice(n, 3).tolist() if bodies[j] != bodies[i]] for i in range(0, n, 2)}
    table = CandidateTable(encoded, np.full(n, 0.5), n_candidates=5, seed=3, other_answers=others)
    table.fill(np.arange(n, dtype=np.uint32))
    for i, right_too in others.items():
        left = np.flatnonzero(~np.isin(bodies, bodies[right_too])).astype(np.uint32)
        without = CandidateTable(encoded, np.full(n, 0.5), n_candidates=5, seed=3)
        without.fill(left)
        assert table.rows[i].tolist() == without.rows[i].tolist()
