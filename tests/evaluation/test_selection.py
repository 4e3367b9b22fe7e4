"""Which method answers: by the validation part alone, and the frozen vectors unless another is convincingly better."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from engine_samples import corpus, make_engine
from numpy.typing import NDArray

from ruvllm import CorpusSource
from ruvllm.evaluation.closed_forms import CLOSED_FORMS, fit_closed_forms
from ruvllm.evaluation.learned_retrieval import LearnedRetrieval
from ruvllm.evaluation.retrieval import ranks_in_groups
from ruvllm.evaluation.selection import (
    ENSEMBLE,
    ENSEMBLE_CLOSED,
    FROZEN,
    HYBRID,
    HYBRID_CLOSED,
    HYBRID_FROZEN,
    LEARNED,
    REPLACEMENTS,
    Choice,
    SelectedRetrieval,
    choose,
)
from ruvllm.workloads.workload import Question, Retrieval, Vectors

Values = NDArray[np.float64]


def around(mean: float, spread: float, n: int = 100) -> Values:
    """Values with this mean and, alternating, this distance from it."""
    return np.array([mean + (spread if i % 2 else -spread) for i in range(n)])


def test_what_was_learned_answers_where_it_is_convincingly_better() -> None:
    frozen = np.full(100, 0.5)
    for gain, method in ((0.03, LEARNED), (0.01, FROZEN), (0.0, FROZEN), (-0.2, FROZEN)):
        learned = around(0.5 + gain, 0.2)  # a standard error of 0.02
        choice = choose({FROZEN: frozen, LEARNED: learned})
        assert choice.method == method
        assert choice.best == LEARNED
        assert (choice.queries, choice.figures) == (100, pytest.approx({FROZEN: 0.5, LEARNED: 0.5 + gain}))
        assert choice.gain == pytest.approx(gain, abs=1e-12)
        assert choice.standard_error == pytest.approx(0.2 / math.sqrt(99))


def test_the_gain_is_paired() -> None:
    frozen = np.linspace(0.1, 0.9, 50)  # differs far more from task to task than the gain is
    assert choose({FROZEN: frozen, LEARNED: frozen + 0.001}).method == LEARNED


def test_a_closed_form_answers_where_it_is_convincingly_better_than_what_was_learned() -> None:
    frozen, learned = np.full(100, 0.3), np.full(100, 0.5)
    close, ahead = around(0.51, 0.2), around(0.55, 0.2)
    assert choose({FROZEN: frozen, LEARNED: learned, "ridge": close}).method == LEARNED
    choice = choose({FROZEN: frozen, LEARNED: learned, "ridge": close, "csls": ahead})
    assert (choice.method, choice.best) == ("csls", "csls")
    assert choice.gain == pytest.approx(0.25)
    # the best one is compared with what was learned: of equally good ones the first
    assert choose({FROZEN: frozen, LEARNED: learned, "csls": ahead, "ridge": ahead}).method == "ridge"
    # and has to be better than the frozen vectors too
    assert choose({FROZEN: np.full(100, 0.6), LEARNED: learned, "ridge": ahead}).method == FROZEN


def test_the_ensemble_answers_unless_a_part_of_it_does_far_better() -> None:
    frozen, learned, ensemble = np.full(100, 0.3), np.full(100, 0.6), np.full(100, 0.5)
    close, ahead, better = around(0.53, 0.2), around(0.55, 0.2), around(0.57, 0.2)  # a standard error of 0.02
    all_of = {FROZEN: frozen, LEARNED: learned, ENSEMBLE: ensemble}
    assert choose(all_of).method == ENSEMBLE, "it has what was learned in itself"
    assert choose({**all_of, HYBRID: close}).method == ENSEMBLE, "one standard error and a half"
    assert choose({**all_of, HYBRID: ahead}).method == HYBRID
    assert choose({**all_of, HYBRID: ahead, "ridge": better}).method == "ridge"
    assert choose({**all_of, HYBRID: ahead, HYBRID_FROZEN: ahead}).method == HYBRID, "of equally good ones the first"


def test_words_answer_as_they_are_where_the_ensemble_convinces_nobody() -> None:
    frozen, unsure, sure = np.full(100, 0.5), around(0.51, 0.2), around(0.51, 0.05)
    choice = choose({FROZEN: frozen, LEARNED: unsure, ENSEMBLE: unsure, HYBRID_FROZEN: sure})
    assert (choice.method, choice.best) == (HYBRID_FROZEN, HYBRID_FROZEN)
    assert choice.gain == pytest.approx(0.01)
    assert choose({FROZEN: frozen, ENSEMBLE: unsure, HYBRID_FROZEN: unsure}).method == FROZEN
    assert choose({FROZEN: frozen, HYBRID_FROZEN: sure}).method == HYBRID_FROZEN
    assert choose({FROZEN: frozen}).method == FROZEN


@pytest.mark.parametrize("n", [0, 1])
def test_hardly_any_queries_choose_nothing(n: int) -> None:
    values = np.ones(n)
    assert choose({FROZEN: values / 2, LEARNED: values}) == Choice(FROZEN, n, {}, LEARNED, 0.0, 0.0)


def test_equal_methods_leave_the_frozen_vectors() -> None:
    same = np.linspace(0.1, 1.0, 20)
    assert choose(dict.fromkeys((FROZEN, LEARNED, *REPLACEMENTS), same)).method == FROZEN


# retrieval

N, D = 240, 24
TRAIN, VALID, TEST = (np.arange(a, b, dtype=np.uint32) for a, b in ((0, 120), (120, 180), (180, N)))


def rotated(noise: float) -> tuple[dict[str, Any], Question, LearnedRetrieval]:
    """Two types: solutions are queries, turned by a fixed rotation in type 0, and random ones in type 1."""
    random = np.random.default_rng(5)
    tables = corpus(N, D)
    turn = np.linalg.qr(random.standard_normal((D, D)))[0]
    turned = tables["queries"] @ turn + noise * random.standard_normal((N, D))
    kinds = (np.arange(N) % 2).astype(np.uint8)
    solutions = np.where(kinds[:, None] == 0, turned, random.standard_normal((N, D)))
    tables["solutions"] = np.ascontiguousarray(
        solutions / np.linalg.norm(solutions, axis=1, keepdims=True), dtype=np.float32
    )
    tables["types"] = kinds
    engine = make_engine(CorpusSource(**tables), **{"associations.episodes.capacity": 500, "centre": True})
    engine.centre(TRAIN)
    engine.train(TRAIN, learning_rate=0.0, temperature=1.0)

    def asked(part: Any) -> Retrieval:
        return Retrieval.by_type(tables["queries"][part], tables["solutions"][part], kinds[part])

    question = Question(asked(TEST), asked(VALID), Vectors(tables["queries"], tables["solutions"]))
    return tables, question, LearnedRetrieval(engine, "auto", 10, {0: 0.0, 1: 0.0})


def test_each_type_is_answered_by_its_method() -> None:
    tables, question, learned = rotated(0.05)
    forms = fit_closed_forms(question, tables["types"], TRAIN, "auto")
    assert forms.keys() == {0, 1}
    assert all(tuple(of_type) == CLOSED_FORMS for of_type in forms.values())
    selecting = SelectedRetrieval.on_validation(learned, forms, question)
    methods = selecting.methods(question.test)
    assert methods[0] in ("ridge", "ridgeCsls")  # learns a rotation; at a rate of 0 the engine does not
    assert methods == {kind: choice.method for kind, choice in selecting.choices.items()}
    hybrids = {ENSEMBLE, ENSEMBLE_CLOSED, HYBRID, HYBRID_CLOSED, HYBRID_FROZEN}
    assert set(selecting.choices[0].figures) == {FROZEN, LEARNED, *REPLACEMENTS} - hybrids
    ranks = selecting.ranks(question.test, methods)
    frozen = ranks_in_groups(question.test, question.test.queries, question.test.solutions)
    of_type = question.test.types == 0
    assert np.mean(1 / ranks[of_type]) > np.mean(1 / frozen[of_type]) + 0.3
    everything = selecting.ranks(question.test, {0: FROZEN, 1: FROZEN})
    assert everything.tolist() == frozen.tolist()


def test_what_stands_first_is_a_row_of_the_whole_question() -> None:
    tables, question, learned = rotated(0.05)
    selecting = SelectedRetrieval(learned, fit_closed_forms(question, tables["types"], TRAIN, "auto"), {}, {})
    found = selecting.ranked(question.test, {0: "ridge", 1: LEARNED}, most=40)
    right = found.ranks == 1
    assert found.first[:40][right[:40]].tolist() == question.test.right[:40][right[:40]].tolist()
    wrong = np.flatnonzero(~right[:40])
    assert (question.test.solution_groups[found.first[wrong]] == question.test.groups[wrong]).all()
    assert (found.first[wrong] != question.test.right[wrong]).all()
    assert (found.first[40:] == -1).all()


def test_far_input_is_answered_by_the_frozen_vectors() -> None:
    tables, question, learned = rotated(0.05)
    selecting = SelectedRetrieval.on_validation(
        learned, fit_closed_forms(question, tables["types"], TRAIN, "auto"), question
    )
    chosen = selecting.methods(question.test)
    assert selecting.methods(question.test, other_input=True) == chosen  # as near as the validation part
    opposite = np.ascontiguousarray(-tables["queries"][TRAIN[:60]])
    far = Retrieval.by_type(opposite, tables["solutions"][:60], np.zeros(60, np.uint8))
    limit = float(np.median(learned.engine.nearness(far.queries, far.types)))
    strict = SelectedRetrieval(learned, selecting.forms, selecting.choices, {0: limit + 0.01})
    assert strict.methods(far, other_input=True) == {0: FROZEN}
    assert strict.methods(far) == {0: chosen[0]}  # the run's own tasks are never far
    near = SelectedRetrieval(learned, selecting.forms, selecting.choices, {0: limit - 0.01})
    assert near.methods(far, other_input=True) == {0: chosen[0]}
    words = SelectedRetrieval(learned, selecting.forms, selecting.choices, {0: limit + 0.01}, far={0: HYBRID_FROZEN})
    assert words.methods(far, other_input=True) == {0: HYBRID_FROZEN}
    assert words.methods(far) == {0: chosen[0]}


def test_a_type_that_was_not_learned_is_answered_by_the_frozen_vectors() -> None:
    tables, question, learned = rotated(0.05)
    selecting = SelectedRetrieval.on_validation(
        learned, fit_closed_forms(question, tables["types"], TRAIN, "auto"), question
    )
    other = Retrieval.by_type(tables["queries"][:5], tables["solutions"][:5], np.full(5, 3, np.uint8))
    assert selecting.methods(other, other_input=True) == {3: FROZEN}
