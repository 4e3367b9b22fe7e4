"""Few tasks: candidates become fewer, and it is said; what cannot run says what is there and what is needed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ruvllm.workloads.candidates import TooFewSolutionsError
from ruvllm.workloads.inputs import read_input
from ruvllm.workloads.splits import PARTS, Fold
from ruvllm.workloads.tasks import TextTask
from ruvllm.workloads.text import TextInput, fit_candidates


def make_tasks(n: int, n_types: int = 1) -> list[TextTask]:
    words = np.random.default_rng(1).integers(10_000, size=(n, 2, 8))
    texts = [[" ".join(f"w{word}" for word in row) for row in rows] for rows in words.tolist()]
    return [TextTask(prompt, solution, i % n_types) for i, (prompt, solution) in enumerate(texts)]


@pytest.mark.parametrize(("n", "n_candidates"), [(20, 2), (40, 4), (59, 5), (80, 8), (400, 8)])
@pytest.mark.parametrize("n_types", [1, 2])
def test_there_are_as_many_candidates_as_the_smallest_part_has_solutions(
    n: int, n_candidates: int, n_types: int
) -> None:
    workload = TextInput("jsonl", "tasks", make_tasks(n, n_types)).build(dim=64, seed=0, split="")
    assert workload.source.n_candidates == workload.details["candidates"] == n_candidates
    for name in PARTS:
        part = set(workload.parts.part(name).tolist())
        for task in part:
            assert workload.candidates is not None
            assert len(set(workload.candidates[task].tolist())) == n_candidates
            assert set(workload.candidates[task].tolist()) <= part


def test_all_runs_have_the_same_number_and_a_user_hears_of_it() -> None:
    tasks = make_tasks(40)
    tasks += [TextTask(f"other {i}", tasks[0].solution, 0) for i in range(20)]  # where they go, little is different
    task_input, said = TextInput("jsonl", "tasks", tasks), []
    alone = {seed: task_input.build(dim=64, seed=seed, split="").source.n_candidates for seed in range(6)}
    fitted = fit_candidates(task_input, "", range(6), warn=said.append)
    together = {fitted.build(dim=64, seed=seed, split="").source.n_candidates for seed in range(6)}
    assert together == {min(alone.values())}
    assert len(said) == 1
    assert f"60 tasks: {min(alone.values())} candidates each, not 8, because the" in said[0]
    assert "a guess is right in" in said[0]


def test_enough_tasks_are_nothing_to_say() -> None:
    said: list[str] = []
    folds = [Fold(1, 3), Fold(2, 3)]
    fitted = fit_candidates(TextInput("jsonl", "tasks", make_tasks(90)), "", [0, 1], folds, said.append)
    assert fitted.build(dim=64, seed=0, split="").details["candidates"] == 8
    assert said == []


def test_own_wrong_answers_need_no_others() -> None:
    wrong = [tuple(f"wrong {i} {k}" for k in range(7)) for i in range(20)]
    tasks = [TextTask(t.prompt, t.solution, 0, own) for t, own in zip(make_tasks(20), wrong, strict=True)]
    assert TextInput("jsonl", "tasks", tasks).build(dim=64, seed=0, split="").source.n_candidates == 8


def write(path: Path, tasks: list[TextTask]) -> str:
    types = ("code_completion", "bug_fix")
    lines = [{"prompt": t.prompt, "solution": t.solution, "type": types[t.type]} for t in tasks]
    path.write_text("\n".join(map(json.dumps, lines)))
    return f"jsonl:{path}"


def test_the_number_may_be_chosen_and_the_message_says_what_is_needed(tmp_path: Path) -> None:
    spec = write(tmp_path / "few.jsonl", make_tasks(40, 2))
    assert read_input(spec, candidates=3).build(dim=64, seed=0, split="").source.n_candidates == 3
    message = (
        r"^few\.jsonl: 40 tasks \(20 of type code_completion, 20 of type bug_fix\): the holdout part has 4 different "
        r"solutions, and 6 candidates need 6 in each part; about 60 tasks would do, or --candidates 4$"
    )
    with pytest.raises(TooFewSolutionsError, match=message):
        read_input(spec, candidates=6).build(dim=64, seed=0, split="")


@pytest.mark.parametrize(
    ("n", "message"),
    [
        (9, r"f\.jsonl: 9 tasks \(9 of type code_completion\): the holdout part has 0 different solutions, and 2 cand"),
        (19, r"the holdout part has 1 different solution, and 2 candidates need 2 in each part; about 20 tasks wo"),
    ],
)
def test_what_is_too_few_in_any_case_is_one_line(tmp_path: Path, n: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_input(write(tmp_path / "f.jsonl", make_tasks(n))).build(dim=64, seed=0, split="")
