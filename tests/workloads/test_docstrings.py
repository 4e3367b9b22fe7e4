"""The docstring question: which of all functions does a docstring describe? Nothing else gives the answer away."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import FrozenInstanceError, replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ruvllm.encoders.hashed import HashedNgramEncoder
from ruvllm.workloads import text
from ruvllm.workloads.candidates import CandidateTable
from ruvllm.workloads.code.docstrings import GENERATOR, make_docstring_tasks
from ruvllm.workloads.code.functions import Corpus, DocumentedFunction, read_corpus
from ruvllm.workloads.code.reading import code_input
from ruvllm.workloads.inputs import InputOptions
from ruvllm.workloads.splits import ORDINARY, PARTS, Fold, split_by_function
from ruvllm.workloads.text import TextInput
from ruvllm.workloads.workload import Workload

WORDS = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu")


def make_functions(n: int, n_files: int = 40) -> tuple[DocumentedFunction, ...]:
    """Functions whose code is alike in groups, in files of 1 to about 3 n / n_files functions."""
    r = np.random.default_rng(7)
    file_of = np.sort((n_files * r.random(n) ** 2).astype(int))
    functions = []
    for i in range(n):
        words = [WORDS[j] for j in r.integers(len(WORDS), size=6)]
        code = f"def f(): return {words} + [{i}]"
        functions.append(DocumentedFunction(f"Doc {' '.join(words[:4])} {i}", code, f"m{file_of[i]}.py", f"q{i}", i))
    return tuple(functions)


FUNCTIONS = make_functions(600)
CASES = {
    "file": ("file", ORDINARY),
    "function": ("function", ORDINARY),
    "file, fold 3 of 3": ("file", Fold(3, 3)),
    "function, fold 7 of 10": ("function", Fold(7, 10)),
}


def docstring_input(functions: Sequence[DocumentedFunction] = FUNCTIONS, encoder: Any = None) -> TextInput:
    options = InputOptions("docstring", encoder)
    return TextInput("code", "docstring", make_docstring_tasks(functions), options, ("file", "function"))


def build(functions: Sequence[DocumentedFunction] = FUNCTIONS, encoder: Any = None, **changes: Any) -> Workload:
    return docstring_input(functions, encoder).build(**{"dim": 64, "seed": 0, "split": "file"} | changes)


@pytest.fixture(scope="module", params=list(CASES))
def case(request: pytest.FixtureRequest) -> tuple[str, Fold]:
    return CASES[request.param]


@pytest.fixture(scope="module")
def workload(case: tuple[str, Fold]) -> Workload:
    return build(dim=256, seed=3, split=case[0], fold=case[1])


def vectors(workload: Workload) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    assert workload.question is not None
    return workload.question.vectors.queries, workload.question.vectors.solutions


def candidates(workload: Workload, task: int) -> list[int]:
    """Numbers of a task's candidates: here all solutions have vectors of their own."""
    _, solutions = vectors(workload)
    return [int(np.flatnonzero((solutions == row).all(axis=1))[0]) for row in workload.source.load(task)[1]]


def test_a_task_goes_from_the_docstring_to_the_code() -> None:
    task = make_docstring_tasks(FUNCTIONS)[5]
    assert (task.prompt, task.solution) == (FUNCTIONS[5].docstring, FUNCTIONS[5].code)
    assert (task.source, task.type, task.wrong) == (FUNCTIONS[5].path, 0, ())


def test_sizes_are_near_to_the_shares(workload: Workload, case: tuple[str, Fold]) -> None:
    sizes, of = [len(workload.parts.part(name)) for name in PARTS], case[1].of
    assert sizes == pytest.approx([540 - 2 * 540 / of, 540 / of, 540 / of, 60], abs=8)


def test_candidates_keep_their_rules(workload: Workload) -> None:
    part_of = {int(task): name for name in PARTS for task in workload.parts.part(name)}
    places = []
    for task in range(600):
        numbers, right = candidates(workload, task), workload.source.load(task)[2]
        assert numbers[right] == task
        assert len(set(numbers)) == 8
        assert {part_of[j] for j in numbers} == {part_of[task]}
        places.append(right)
    counts = np.bincount(places, minlength=8)
    assert counts.min() > 40 and counts.max() < 110  # 75 expected, standard deviation 8.1


def test_distractors_are_harder_the_higher_the_difficulty(workload: Workload) -> None:
    _, solutions = vectors(workload)

    def similarity(task: int) -> float:
        wrong = [j for j in candidates(workload, task) if j != task]
        return float(np.mean(solutions[wrong] @ solutions[task]))

    easy = [similarity(task) for task in np.flatnonzero(workload.difficulty < 0.2)]
    hard = [similarity(task) for task in np.flatnonzero(workload.difficulty > 0.8)]
    assert np.mean(hard) > np.mean(easy) + 3 * np.std(easy) / len(easy) ** 0.5


def test_difficulty_is_uniform_and_drawn_from_the_seed(workload: Workload) -> None:
    assert 0 <= workload.difficulty.min() < workload.difficulty.max() < 1
    assert abs(workload.difficulty.mean() - 0.5) < 0.05
    assert not np.array_equal(build(dim=16, seed=4).difficulty, workload.difficulty)


def test_nothing_but_train_decides_the_encoder(workload: Workload) -> None:
    train = [FUNCTIONS[i] for i in workload.parts.train]
    encoder = HashedNgramEncoder(256, sublinear_tf=True)
    encoder.fit([function.docstring for function in train] + [function.code for function in train])
    queries, solutions = vectors(workload)
    np.testing.assert_array_equal(encoder.encode([function.docstring for function in FUNCTIONS]), queries)
    np.testing.assert_array_equal(encoder.encode([function.code for function in FUNCTIONS]), solutions)


def test_a_changed_test_body_leaves_all_else_alone() -> None:
    before = build()
    changed = int(before.parts.test[0])
    functions = list(FUNCTIONS)
    functions[changed] = replace(functions[changed], code="class entirely: different = code")
    after = build(functions)
    others = np.setdiff1d(np.arange(600), before.parts.test)
    np.testing.assert_array_equal(vectors(before)[0], vectors(after)[0])
    np.testing.assert_array_equal(*(np.delete(vectors(w)[1], changed, 0) for w in (before, after)))
    for task in others.tolist():
        for one, other in zip(before.source.load(task), after.source.load(task), strict=True):
            np.testing.assert_array_equal(one, other)
    assert before.digest != after.digest


def test_folds_share_candidates_nowhere_and_difficulty_everywhere() -> None:
    one, two = (build(seed=3, split="function", fold=Fold(n, 5)) for n in (1, 2))
    assert one.difficulty.tobytes() == two.difficulty.tobytes()
    assert one.parts.holdout.tolist() == two.parts.holdout.tolist()
    assert one.digest == two.digest
    part = set(one.parts.test.tolist())
    assert {j for task in one.parts.test.tolist() for j in candidates(one, task)} <= part
    assert not part & {j for task in two.parts.test.tolist() for j in candidates(two, task)}


def test_the_digest_is_of_the_input_and_not_of_what_follows_from_it() -> None:
    digests = [build(dim=d, seed=s, split="function").digest for d, s in ((16, 0), (32, 0), (16, 1))]
    assert len(set(digests)) == 1
    assert build(FUNCTIONS[1:], dim=16, split="function").digest not in digests


def test_the_run_block_names_the_generator() -> None:
    corpus = Corpus(FUNCTIONS, None, 1, 0, "")  # type: ignore[arg-type]
    details = code_input(corpus, InputOptions("docstring")).build(dim=16, seed=0, split="function").details
    assert (details["kind"], details["generator"], details["split"]) == ("docstring", GENERATOR, "function")
    assert GENERATOR == 2


def test_a_body_that_stands_twice_is_one_candidate_of_retrieval_and_right_for_both() -> None:
    functions = list(FUNCTIONS)
    for i in range(0, 600, 3):
        functions[i + 1] = replace(functions[i + 1], code=functions[i].code.upper().replace(" ", "\t"))
    workload = build(functions, split="function")
    assert workload.question is not None
    question, tasks = workload.question.test, workload.parts.test.tolist()
    right = dict(zip(tasks, question.right.tolist(), strict=True))
    twice = [i for i in tasks if i % 3 == 0]
    assert len(twice) > 30
    assert all(right[i] == right[i + 1] for i in twice)
    assert len(question.solutions) == len(tasks) - len(twice)
    for task in tasks:
        _, rows, place, _ = workload.source.load(task)
        assert np.count_nonzero((rows == rows[place]).all(axis=1)) == 1


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="split must be 'file' or 'function', not 'line'"):
        build(split="line")
    too_few = r"19 of type code_completion\): the holdout part has 1 different solution, and 2 candidates need 2 in"
    with pytest.raises(ValueError, match=too_few):
        build(FUNCTIONS[:19], split="function")
    with pytest.raises(ValueError, match="a part must be one of train, valid, test, holdout, not 'tests'"):
        split_by_function(10, 0).part("tests")


def test_a_workload_cannot_be_changed(workload: Workload) -> None:
    for rows in vectors(workload):
        with pytest.raises(ValueError, match="read-only"):
            rows[0, 0] = 1
    with pytest.raises(FrozenInstanceError):
        workload.digest = "x"  # type: ignore[misc]


# encoders of a user's


class RandomEncoder:
    """Another frozen encoder: rows of any length, from the text alone."""

    name = "random"

    def __init__(self, dim: int = 256, salt: int = 0) -> None:
        self.dim, self.salt = dim, salt

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        seeds = [sum(map(ord, text)) + self.salt for text in texts]
        return np.stack([np.random.default_rng(s).standard_normal(self.dim) * 50 for s in seeds]).astype(np.float32)


def test_vectors_of_a_users_encoder_are_scaled_and_hashed() -> None:
    workload = build(encoder=RandomEncoder(), dim=256)
    assert workload.details["encoder"] == "random"
    raw = RandomEncoder().encode([FUNCTIONS[5].docstring])[0]
    np.testing.assert_allclose(vectors(workload)[0][5], raw / np.linalg.norm(raw), rtol=0, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(vectors(workload)[1], axis=1), 1, atol=1e-5)
    assert workload.digest != build(encoder=RandomEncoder(salt=1), dim=256).digest
    assert workload.digest == build(encoder=RandomEncoder(), dim=256, seed=9).digest


@pytest.mark.parametrize("scale", [1e30, 1e-30])
def test_vectors_of_any_length_become_unit_rows(scale: float) -> None:
    class Scaled(RandomEncoder):
        def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
            rows = super().encode(texts) * np.float32(scale)
            rows[0] = 0
            return rows

    queries, _ = vectors(build(encoder=Scaled(), dim=256))
    assert not queries[0].any()
    np.testing.assert_allclose(np.linalg.norm(queries[1:], axis=1), 1, atol=1e-5)


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
            build(encoder=encoder, dim=256)


# guessers


Guess = Callable[[list[str]], int]


def longest(texts: list[str]) -> int:
    return int(np.argmax([len(text) for text in texts]))


def shortest(texts: list[str]) -> int:
    return int(np.argmin([len(text) for text in texts]))


def middle(texts: list[str]) -> int:
    return int(np.argsort([len(text) for text in texts], kind="stable")[4])


def first(_: list[str]) -> int:
    return 0


def last(_: list[str]) -> int:
    return 7


@pytest.fixture(scope="module")
def drawn() -> tuple[CandidateTable, list[str]]:
    """The candidates that are drawn for the functions of the standard library, and the solutions of all tasks."""
    tasks = make_docstring_tasks(read_corpus().functions)
    tables: list[CandidateTable] = []

    class Kept(CandidateTable):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            tables.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text, "CandidateTable", Kept)
        TextInput("code", "docstring", tasks, splits=("file", "function")).build(dim=64, seed=0, split="file")
    return tables[0], [task.solution for task in tasks]


@pytest.mark.parametrize("guess", [shortest, longest, middle, first, last])
def test_length_and_place_tell_nothing(guess: Guess, drawn: tuple[CandidateTable, list[str]]) -> None:
    table, solutions = drawn
    hits = [
        guess([solutions[row] for row in rows]) == right
        for rows, right in zip(table.rows.tolist(), table.right.tolist(), strict=True)
    ]
    assert abs(np.mean(hits) - 1 / 8) < 0.06, (guess.__name__, np.mean(hits))  # a standard deviation is 0.005
