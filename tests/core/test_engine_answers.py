"""choose() and told(): the two halves of an attempt, and learning from an answer that the engine did not draw."""

from __future__ import annotations

from typing import Any

import pytest
from engine_samples import TRAIN, WORKLOAD, everything, make_engine

from ruvllm import Control
from ruvllm.learning.protocols import PROTOCOLS

STEP = {"learning_rate": 0.01, "temperature": 0.8}
N = WORKLOAD.source.n_candidates


@pytest.mark.parametrize("control", [Control.NONE, Control.RANDOM_GRADIENT, Control.FROZEN])
@pytest.mark.parametrize("protocol", list(PROTOCOLS))
def test_choosing_and_being_told_is_training(protocol: str, control: Control) -> None:
    trained, told = (make_engine(protocol=protocol, control=control) for _ in range(2))
    tasks = TRAIN[:60]
    columns = trained.train(tasks, **STEP)
    for i, task in enumerate(tasks.tolist()):
        chosen, confidence = told.choose(task, temperature=0.8)
        outcome = told.told(task, chosen=chosen, right=WORKLOAD.source.load(task)[2], **STEP)
        assert outcome == tuple(column[i].item() for column in columns)
        assert confidence == outcome[2]
    assert everything(told) == everything(trained)
    assert states(told) == states(trained)


def states(engine: Any) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in engine.state().items()}


def test_choosing_changes_nothing() -> None:
    engine = make_engine()
    engine.train(TRAIN[:40], **STEP)
    before = states(engine)
    first = engine.choose(int(TRAIN[50]), temperature=0.5)
    engine.evaluate(TRAIN[:10])
    assert engine.choose(int(TRAIN[50]), temperature=0.5) == first
    assert states(engine) == before


def test_it_learns_from_an_answer_that_it_did_not_draw() -> None:
    task = int(TRAIN[0])
    right = WORKLOAD.source.load(task)[2]
    for answer in range(N):
        engine = make_engine()
        logits = engine.logits(TRAIN[:1])[0][0]
        engine.evaluate(TRAIN[10:20])  # what is asked in between does not matter
        chosen, resolved, confidence, loss = engine.told(task, chosen=answer, right=right, **STEP)
        assert (chosen, resolved) == (answer, answer == right)
        assert 0.0 < confidence < 1.0 and loss > 0.0
        assert engine.memory_size == (1, 0 if resolved else 1)
        assert engine.trajectory_count == 1
        assert engine.logits(TRAIN[:1])[0][0].tobytes() != logits.tobytes()


def test_it_learns_what_it_is_told_to_be_right() -> None:
    task = int(TRAIN[0])
    other = (WORKLOAD.source.load(task)[2] + 1) % N
    engine = make_engine(use_patterns=False, use_contrastive=False)
    before = engine.logits(TRAIN[:1])[0][0]
    for _ in range(20):
        assert engine.told(task, chosen=other, right=other, **STEP)[1]
    assert engine.logits(TRAIN[:1])[0][0].argmax() == other
    assert engine.logits(TRAIN[:1])[0][0][other] > before[other]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"task": 10**6}, IndexError),
        ({"task": -1}, ValueError),
        ({"chosen": N}, IndexError),
        ({"right": N}, IndexError),
        ({"temperature": 0.0}, ValueError),
        ({"temperature": float("nan")}, ValueError),
    ],
)
def test_what_is_no_answer_is_refused_and_changes_nothing(changes: dict[str, Any], error: type[Exception]) -> None:
    engine = make_engine()
    engine.train(TRAIN[:40], **STEP)
    before = states(engine)
    with pytest.raises(error):
        engine.told(**{"task": 0, "chosen": 0, "right": 1, **STEP, **changes})
    if not {"chosen", "right"} & changes.keys():
        with pytest.raises(error):
            engine.choose(**{"task": 0, "temperature": 1.0, **changes})
    assert states(engine) == before
