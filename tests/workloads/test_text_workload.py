"""A workload from texts: what is encoded where, retrieval by group, memory, encoders that are not ours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ruvllm.workloads import splits
from ruvllm.workloads.checks import check_workload
from ruvllm.workloads.inputs import InputOptions
from ruvllm.workloads.rows import empty_rows, map_rows, take_rows
from ruvllm.workloads.tasks import TextTask
from ruvllm.workloads.text import TextInput, fit_candidates
from ruvllm.workloads.workload import Retrieval, Workload


def make_tasks(n: int = 240) -> list[TextTask]:
    r = np.random.default_rng(1)
    return [
        TextTask(
            f"prompt {i} " + " ".join(f"w{w}" for w in r.integers(99, size=5)),
            f"solution {i} " + "x" * (i % 37) + " ".join(f"w{w}" for w in r.integers(99, size=5)),
            i % 4,
            wrong=[f"wrong {i} {j}" for j in range(7)] if i % 4 == 1 else (),
            category=i % 5,
            difficulty=0.25 if i % 3 == 0 else None,
        )
        for i in range(n)
    ]


TASKS = make_tasks()


def build(seed: int = 0, **options: object) -> Workload:
    task_input = TextInput("code", "all", TASKS, InputOptions(**options))  # type: ignore[arg-type]
    return task_input.build(dim=96, seed=seed, split="")


def loaded(workload: Workload) -> list[bytes]:
    return [b"".join(np.asarray(part).tobytes() for part in workload.source.load(i)) for i in range(len(TASKS))]


def test_the_same_arguments_give_the_same_tasks_and_another_seed_others() -> None:
    assert loaded(build()) == loaded(build())
    assert loaded(build()) != loaded(build(seed=1))


def test_types_categories_and_difficulties_are_those_of_the_tasks() -> None:
    workload = build()
    assert workload.types.tolist() == [task.type for task in TASKS]
    assert workload.categories.tolist() == [task.category for task in TASKS]
    assert all(workload.difficulty[i] == 0.25 for i in range(0, 240, 3))
    assert len(set(workload.difficulty.tolist())) > 150


def test_retrieval_is_among_the_solutions_of_the_type_and_own_wrong_answers_count() -> None:
    workload = build()
    question = workload.question and workload.question.test
    assert question is not None
    test = workload.parts.test
    for block in question.blocks():
        (kind,) = set(question.types[block.members].tolist())
        n = int(np.count_nonzero(workload.types[test] == kind))
        assert len(block.members) == n
        assert len(block.candidates) == (8 * n if kind == 1 else n)
        for row, right in zip(block.members, block.right, strict=True):
            _, candidates, place, _ = workload.source.load(int(test[row]))
            assert np.array_equal(question.solutions[block.candidates[right]], candidates[place])


def test_a_question_by_type_pairs_query_and_solution() -> None:
    rows = np.eye(4, dtype=np.float32)
    question = Retrieval.by_type(rows, rows, np.array([0, 2, 0, 2], dtype=np.uint8))
    assert [(b.members.tolist(), b.right.tolist(), b.candidates.tolist()) for b in question.blocks()] == [
        ([0, 2], [0, 1], [0, 2]),
        ([1, 3], [0, 1], [1, 3]),
    ]


def test_large_matrices_lie_in_a_file_and_give_the_same_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    before = loaded(build())
    monkeypatch.setattr("ruvllm.workloads.rows.IN_MEMORY_BYTES", 1000)
    assert isinstance(empty_rows(10, 100), np.memmap)
    assert loaded(build()) == before


def test_progress_ends_at_the_number_of_texts() -> None:
    seen: list[tuple[int, int]] = []
    build(watch=lambda label, done, total: seen.append((done, total)))
    assert seen[-1] == (240 * 2 + 60 * 7,) * 2
    assert seen == sorted(seen)


class LengthEncoder:
    """Another frozen encoder."""

    name, dim = "lengths", 96

    def __init__(self, shift: float = 0.0) -> None:
        self.shift = shift

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        rows = np.random.default_rng(3).standard_normal((200, 96))
        return np.stack([rows[sum(map(ord, text)) % 200] * 5 + self.shift for text in texts]).astype(np.float32)


def test_vectors_of_another_encoder_have_length_one_and_a_digest() -> None:
    workload = build(encoder=LengthEncoder())
    query, candidates, _, _ = workload.source.load(0)
    np.testing.assert_allclose(np.linalg.norm([query, *candidates], axis=1), 1, rtol=1e-6)
    assert workload.details["encoder"] == "lengths"
    assert build(encoder=LengthEncoder()).digest == workload.digest
    assert build(encoder=LengthEncoder(0.25)).digest != workload.digest
    assert build().digest != workload.digest


def test_an_encoder_whose_vectors_do_not_fit_is_refused() -> None:
    encoder = LengthEncoder()
    task_input = TextInput("code", "all", TASKS, InputOptions(encoder=encoder))
    with pytest.raises(ValueError, match=r"encoder 'lengths' must give float32 \(240, 64\), not float32 \(240, 96\)"):
        task_input.build(dim=64, seed=0, split="")
    encoder.shift = float("nan")
    with pytest.raises(ValueError, match="gave a vector that is not finite"):
        task_input.build(dim=96, seed=0, split="")


def test_rows_are_taken_and_mapped_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.random.default_rng(0).standard_normal((50, 7)).astype(np.float32)
    for at_once in (1, 7, 50, 100):
        monkeypatch.setattr("ruvllm.workloads.rows.AT_ONCE", at_once)
        indices = np.array([3, 3, 49, *range(20)])
        assert np.array_equal(take_rows(rows, indices), rows[indices])
        assert take_rows(rows, indices[:0]).shape == (0, 7)
        sizes: list[int] = []

        def doubled(some: Any, sizes: list[int] = sizes) -> Any:
            sizes.append(len(some))
            return 2 * some

        assert np.array_equal(map_rows(doubled, rows), 2 * rows)
        assert max(sizes) <= at_once and sum(sizes) == 50


def test_what_is_not_asked_stands_among_the_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = build()
    monkeypatch.setattr(splits.Parts.with_smaller_test, "__defaults__", (12,))
    some, told = build(), list[str]()
    assert len(some.parts.test) == 12 and len(whole.parts.test) > 12
    assert np.array_equal(some.parts.train, whole.parts.train)
    assert whole.question is not None and some.question is not None
    asked, everyone = some.question.test, whole.question.test
    assert len(asked.queries) == 12
    assert {row.tobytes() for row in asked.solutions} == {row.tobytes() for row in everyone.solutions}
    np.testing.assert_array_equal(asked.solutions[asked.right], some.question.vectors.solutions[some.parts.test])
    task_input = TextInput("code", "all", TASKS)
    check_workload(task_input, dim=96)
    fit_candidates(task_input, "", [0], warn=told.append)
    assert told[0].startswith(f"12 of {len(whole.parts.test)} test tasks are asked")
