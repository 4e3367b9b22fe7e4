"""The code workload: nothing leaks between the parts, candidates keep their rules, equal arguments give equal bits."""

import math
from collections.abc import Sequence
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from ruvllm.encoders.hashed import HashedNgramEncoder
from ruvllm.workloads.code.docstring_candidates import POOL_SIZE, draw_candidates
from ruvllm.workloads.code.docstring_workload import CodeWorkload, build_code_workload
from ruvllm.workloads.code.functions import DocumentedFunction
from ruvllm.workloads.splits import ORDINARY, PARTS, Fold, split_by_function

WORDS = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu"]


def make_tasks(n: int, n_files: int = 40) -> tuple[DocumentedFunction, ...]:
    """Tasks whose bodies resemble one another in groups, in files of 1 to about 3 n / n_files tasks."""
    r = np.random.default_rng(7)
    file_of = np.sort((n_files * r.random(n) ** 2).astype(int))
    tasks = []
    for i in range(n):
        words = [WORDS[j] for j in r.integers(len(WORDS), size=6)]
        tasks.append(
            DocumentedFunction(
                f"Doc {' '.join(words[:4])} {i}", f"def f(): return {words} + [{i}]", f"m{file_of[i]}.py", f"q{i}", i
            )
        )
    return tuple(tasks)


TASKS = make_tasks(600)


CASES = {
    "file": ("file", ORDINARY),
    "function": ("function", ORDINARY),
    "file, fold 3 of 3": ("file", Fold(3, 3)),
    "function, fold 7 of 10": ("function", Fold(7, 10)),
}


@pytest.fixture(scope="module", params=list(CASES))
def case(request: pytest.FixtureRequest) -> tuple[str, Fold]:
    return CASES[request.param]


@pytest.fixture(scope="module")
def workload(case: tuple[str, Fold]) -> CodeWorkload:
    return build_code_workload(TASKS, dim=256, seed=3, split=case[0], fold=case[1])


class RandomEncoder:
    """Another frozen encoder: rows of any length, from the text alone."""

    name = "random"

    def __init__(self, dim: int = 256, salt: int = 0) -> None:
        self.dim, self.salt = dim, salt

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        seeds = [sum(map(ord, text)) + self.salt for text in texts]
        return np.stack([np.random.default_rng(s).standard_normal(self.dim) * 50 for s in seeds]).astype(np.float32)


def parts_of(workload: CodeWorkload) -> list[NDArray[np.int64]]:
    return [workload.parts.train, workload.parts.valid, workload.parts.test, workload.parts.holdout]


def test_every_task_is_in_exactly_one_part(workload: CodeWorkload) -> None:
    assert np.sort(np.concatenate(parts_of(workload))).tolist() == list(range(600))
    assert all((np.diff(part) > 0).all() for part in parts_of(workload))


def test_sizes_are_near_to_the_shares(workload: CodeWorkload, case: tuple[str, Fold]) -> None:
    sizes, of = [len(part) for part in parts_of(workload)], case[1].of
    assert sizes == pytest.approx([540 - 2 * 540 / of, 540 / of, 540 / of, 60], abs=8)


def test_candidates_keep_their_rules(workload: CodeWorkload) -> None:
    part_of = {int(task): number for number, part in enumerate(parts_of(workload)) for task in part}
    assert workload.candidates.shape == (600, 8)
    for task, row in enumerate(workload.candidates.tolist()):
        assert row[workload.right[task]] == task
        assert len(set(row)) == 8
        assert {part_of[j] for j in row} == {part_of[task]}


def test_the_right_one_may_be_anywhere(workload: CodeWorkload) -> None:
    counts = np.bincount(workload.right, minlength=8)
    assert counts.min() > 40  # 75 expected, standard deviation 8.1
    assert counts.max() < 110


def test_distractors_are_harder_the_higher_the_difficulty(workload: CodeWorkload) -> None:
    def similarity(task: int) -> float:
        wrong = [j for j in workload.candidates[task] if j != task]
        return float(np.mean(workload.solutions[wrong] @ workload.solutions[task]))

    easy = [similarity(task) for task in np.flatnonzero(workload.difficulty < 0.2)]
    hard = [similarity(task) for task in np.flatnonzero(workload.difficulty > 0.8)]
    assert np.mean(hard) > np.mean(easy) + 3 * np.std(easy) / math.sqrt(len(easy))


def test_difficulty_is_uniform_and_drawn_from_the_seed(workload: CodeWorkload) -> None:
    assert 0 <= workload.difficulty.min() < workload.difficulty.max() < 1
    assert abs(workload.difficulty.mean() - 0.5) < 0.05
    other = build_code_workload(TASKS, dim=16, seed=4)
    assert not np.array_equal(other.difficulty, workload.difficulty)


@pytest.mark.parametrize(("difficulty", "n_hard"), [(0.0, 0), (0.07, 0), (0.08, 1), (0.5, 4), (0.93, 7), (1.0, 7)])
def test_the_number_of_hard_negatives_is_the_share_of_the_difficulty(difficulty: float, n_hard: int) -> None:
    # On a circle the most similar bodies are the neighbours; with few members the pool is everybody.
    angles = np.arange(200) * (np.pi / 400)
    solutions = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    everyone = np.arange(200)
    candidates, right = draw_candidates(everyone, everyone, solutions, np.full(200, difficulty), n_candidates=8, seed=1)
    for task in range(20, 180):
        distance = sorted(abs(int(j) - task) for j in candidates[task])
        neighbours = [0, 1, 1, 2, 2, 3, 3, 4][: n_hard + 1]
        assert distance[: n_hard + 1] == neighbours
        assert candidates[task, right[task]] == task
    if n_hard < 7:  # the others are far away more often than not
        assert np.median(np.abs(candidates - everyone[:, None]).max(axis=1)) > 20


def test_hard_negatives_come_from_a_random_pool() -> None:
    n = 4 * POOL_SIZE
    angles = np.arange(n) * (np.pi / (2 * n))
    solutions = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    candidates, _ = draw_candidates(np.arange(n), np.arange(n), solutions, np.ones(n), n_candidates=2, seed=1)
    distance = np.abs(candidates - np.arange(n)[:, None]).max(axis=1)
    # the nearest of a quarter of all: itself a neighbour in 1 - (3/4)^2 = 44% of cases
    assert (distance == 1).mean() == pytest.approx(0.44, abs=0.06)


def test_bodies_like_the_right_one_are_never_distractors() -> None:
    tasks = list(TASKS)
    copies = [i for i in range(600) if i % 3 == 0]
    for i in copies:
        tasks[i] = replace(tasks[i], code="def f():\n    return Same" if i % 2 else "def f():\n\treturn  same")
    workload = build_code_workload(tasks, dim=64, seed=0, split="function", n_candidates=8)
    for task, row in enumerate(workload.candidates):
        alike = [j for j in row if j in set(copies)]
        assert len(alike) <= 1, f"task {task} has candidates with the same body: {alike}"


def test_nothing_but_train_decides_the_encoder(workload: CodeWorkload) -> None:
    train = [TASKS[i] for i in workload.parts.train]
    encoder = HashedNgramEncoder(256, sublinear_tf=True)
    encoder.fit([task.docstring for task in train] + [task.code for task in train])
    np.testing.assert_array_equal(encoder.encode([task.docstring for task in TASKS]), workload.queries)
    np.testing.assert_array_equal(encoder.encode([task.code for task in TASKS]), workload.solutions)


def test_a_changed_test_body_leaves_all_else_alone() -> None:
    before = build_code_workload(TASKS, dim=64, seed=0)
    changed = int(before.parts.test[0])
    tasks = list(TASKS)
    tasks[changed] = replace(tasks[changed], code="class entirely: different = code")
    after = build_code_workload(tasks, dim=64, seed=0)
    others = np.setdiff1d(np.arange(600), before.parts.test)
    np.testing.assert_array_equal(before.queries, after.queries)
    np.testing.assert_array_equal(np.delete(before.solutions, changed, 0), np.delete(after.solutions, changed, 0))
    np.testing.assert_array_equal(before.candidates[others], after.candidates[others])
    assert before.digest != after.digest


def test_equal_arguments_give_equal_bits(workload: CodeWorkload, case: tuple[str, Fold]) -> None:
    again = build_code_workload(list(TASKS), dim=256, seed=3, split=case[0], fold=case[1])
    for name in ("queries", "solutions", "candidates", "right", "difficulty", *PARTS):
        one, other = (w.parts.part(name) if name in PARTS else getattr(w, name) for w in (workload, again))
        assert one.tobytes() == other.tobytes(), name
        assert one.dtype == other.dtype
    assert workload.digest == again.digest


def test_folds_share_candidates_nowhere_and_difficulty_everywhere() -> None:
    one, two = (build_code_workload(TASKS, dim=64, seed=3, split="function", fold=Fold(n, 5)) for n in (1, 2))
    assert one.difficulty.tobytes() == two.difficulty.tobytes()
    assert one.parts.holdout.tolist() == two.parts.holdout.tolist()
    assert one.digest == two.digest
    part = set(one.parts.test.tolist())
    assert {j for task in one.parts.test for j in one.candidates[task].tolist()} <= part
    assert not part & {j for task in two.parts.test for j in two.candidates[task].tolist()}


def test_the_digest_is_of_the_input_and_not_of_what_follows_from_it() -> None:
    digests = [
        build_code_workload(TASKS, dim=d, seed=s, split="function").digest for d, s in ((16, 0), (32, 0), (16, 1))
    ]
    assert len(set(digests)) == 1
    assert build_code_workload(TASKS[1:], dim=16, seed=0, split="function").digest not in digests


def test_vectors_of_a_users_encoder_are_scaled_and_hashed() -> None:
    workload = build_code_workload(TASKS, dim=256, seed=0, encoder=RandomEncoder())
    assert workload.encoder_name == "random"
    raw = RandomEncoder().encode([TASKS[5].docstring])[0]
    np.testing.assert_allclose(workload.queries[5], raw / np.linalg.norm(raw), rtol=0, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(workload.solutions, axis=1), 1, atol=1e-5)
    assert workload.digest != build_code_workload(TASKS, dim=256, seed=0, encoder=RandomEncoder(salt=1)).digest
    assert workload.digest == build_code_workload(TASKS, dim=256, seed=9, encoder=RandomEncoder()).digest


@pytest.mark.parametrize("scale", [1e30, 1e-30])
def test_vectors_of_any_length_become_unit_rows(scale: float) -> None:
    class Scaled(RandomEncoder):
        def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
            rows = super().encode(texts) * np.float32(scale)
            rows[0] = 0
            return rows

    workload = build_code_workload(TASKS, dim=256, seed=0, encoder=Scaled())
    assert not workload.queries[0].any()
    np.testing.assert_allclose(np.linalg.norm(workload.queries[1:], axis=1), 1, atol=1e-5)


def test_a_users_encoder_must_keep_its_word() -> None:
    class Wrong(RandomEncoder):
        def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
            return self.change(super().encode(texts))

    for change, message in (
        (lambda rows: rows[:, :5], r"must give float32 \(600, 256\), not float32 \(600, 5\)"),
        (lambda rows: rows[:-1], r"not float32 \(599, 256\)"),
        (lambda rows: rows.astype(np.float64), "not float64"),
        (lambda rows: rows * np.float32("nan"), "not finite"),
    ):
        encoder = Wrong()
        encoder.change = change
        with pytest.raises(ValueError, match=message):
            build_code_workload(TASKS, dim=256, seed=0, encoder=encoder)


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="split must be 'file' or 'function', not 'line'"):
        build_code_workload(TASKS, dim=16, seed=0, split="line")
    with pytest.raises(ValueError, match="at least 2 candidates, not 1"):
        build_code_workload(TASKS, dim=16, seed=0, n_candidates=1)
    with pytest.raises(ValueError, match="part holdout of the split by function has 6, of 60 tasks"):
        build_code_workload(TASKS[:60], dim=16, seed=0, split="function")
    with pytest.raises(ValueError, match="a part must be one of train, valid, test, holdout, not 'tests'"):
        split_by_function(10, 0).part("tests")
    with pytest.raises(ValueError, match="8 candidates need as many different bodies in a part, not 7"):
        draw_candidates(np.arange(7), np.arange(7), np.eye(7, dtype=np.float32), np.ones(7), n_candidates=8, seed=0)


def test_a_workload_cannot_be_changed(workload: CodeWorkload) -> None:
    with pytest.raises(ValueError, match="read-only"):
        workload.queries[0, 0] = 1
    with pytest.raises(FrozenInstanceError):
        workload.digest = "x"  # type: ignore[misc]
