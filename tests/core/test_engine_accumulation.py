"""Summed gradients (protocol v1): nothing moves until one step of a given length is taken along their sum."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from engine_samples import TRAIN, bits, corpus, learned, make_engine
from scipy.special import logsumexp

from ruvllm import Control, CorpusSource, LearnFrom, LearningEngine

Doubles = npt.NDArray[np.float64]

SOURCE = CorpusSource(**corpus(n=80))
DIM, RANK = 33, 2
ALL = np.arange(80, dtype=np.uint32)
SCALING = 16 / math.sqrt(RANK)


def summing_engine(source: CorpusSource = SOURCE, **changes: Any) -> LearningEngine:
    """Protocol v1 as it is but for the changes, two steps from its start, so that A's gradient is not 0."""
    engine = make_engine(source, protocol="v1", **changes)
    for _ in range(2):
        engine.train(ALL, learning_rate=0.0, temperature=1.0)
        engine.step_along_sum(length=0.3)
    return engine


def naive_loss(theta: Doubles, task: int) -> Doubles:
    """InfoNCE of a task for each row of parameters (n, 2 rank d), in float64."""
    query, candidates, right, _ = (np.asarray(x, dtype=np.float64) for x in SOURCE.load(task))
    a, b = theta.reshape(-1, 2, RANK, DIM).transpose(1, 0, 2, 3)
    z = query + SCALING * np.einsum("nr,nrd->nd", a @ query, b)
    logits = z @ candidates.T / np.linalg.norm(z, axis=1, keepdims=True) / 0.07
    return np.asarray(logsumexp(logits, axis=1) - logits[:, int(right)])


def naive_gradient(theta: Doubles, task: int, clip: float = 10.0) -> Doubles:
    """Central differences, no longer than `clip`."""
    step = 1e-6 * np.eye(len(theta))
    gradient = (naive_loss(theta + step, task) - naive_loss(theta - step, task)) / 2e-6
    return gradient * min(1.0, clip / float(np.linalg.norm(gradient)))


def parameters(engine: LearningEngine) -> Doubles:
    return engine.parameters.astype(np.float64)


def length_of(difference: Doubles) -> float:
    return math.sqrt(math.fsum((difference**2).tolist()))


@pytest.mark.parametrize("length", [0.01, 0.36, 2.0])
@pytest.mark.parametrize("learn_from", LearnFrom.__members__.values(), ids=LearnFrom.__members__)
def test_the_step_is_as_long_as_asked_along_the_sum_of_what_was_learned_from(
    length: float, learn_from: LearnFrom
) -> None:
    engine = summing_engine(learn_from=learn_from)
    before = parameters(engine)
    _, resolved, confidence, loss = engine.train(ALL, learning_rate=9.0, temperature=1.0)  # the rate does not matter
    assert np.array_equal(parameters(engine), before)
    sure = confidence > 0.5
    learned_from = {
        LearnFrom.SUCCESSES: resolved,
        LearnFrom.SUCCESSES_AND_CONFIDENT_FAILURES: resolved | sure,
        LearnFrom.EVERYTHING: np.ones_like(resolved),
    }[learn_from]
    assert resolved.any() and (sure & ~resolved).any() and (~sure & ~resolved).any()
    assert np.array_equal(loss > 0, learned_from)

    gradients = [naive_gradient(before, int(task)) for task in ALL[learned_from]]
    clipped = [length_of(gradient) > 10 - 1e-9 for gradient in gradients]
    assert any(clipped) and not all(clipped)
    total = np.sum(gradients, axis=0)
    engine.step_along_sum(length=length)
    moved = before - parameters(engine)
    assert length_of(moved) == pytest.approx(length, rel=1e-6, abs=1e-6)
    expected = length * total / length_of(total)
    assert np.abs(moved - expected).max() <= 1e-4 * np.abs(expected).max() + 1e-7


def test_replays_turn_the_step_and_do_not_lengthen_it() -> None:
    directions = []
    for replays in (0, 40):
        engine = summing_engine()
        before = parameters(engine)
        engine.train(ALL[:40], learning_rate=0.0, temperature=1.0)
        engine.replay(replays, learning_rate=9.0)
        assert np.array_equal(parameters(engine), before)
        engine.step_along_sum(length=0.5)
        directions.append((before - parameters(engine)) / 0.5)
    assert [length_of(direction) for direction in directions] == pytest.approx([1.0, 1.0], rel=1e-5)
    assert 0.2 < float(directions[0] @ directions[1]) < 0.99


def test_a_step_uses_the_sum_up() -> None:
    engine = summing_engine()
    engine.train(ALL, learning_rate=0.0, temperature=1.0)
    engine.step_along_sum(length=0.1)
    before = bits(learned(engine))
    engine.step_along_sum(length=0.1)
    assert bits(learned(engine)) == before


def test_with_nothing_learned_there_is_no_step() -> None:
    engine = make_engine(protocol="v1")
    before = bits(learned(engine))
    engine.step_along_sum(length=0.1)
    for task in TRAIN[:40]:  # failures only
        trial = make_engine(protocol="v1")
        _, resolved, _, _ = trial.train(np.array([task]), learning_rate=0.1, temperature=1.0)
        trial.step_along_sum(length=0.1)
        assert (bits(learned(trial)) == before) == (not resolved[0])
    assert bits(learned(engine)) == before


@pytest.mark.parametrize("protocol", ["v2", "v3"])
def test_without_accumulation_it_does_nothing(protocol: str) -> None:
    engine = make_engine(protocol=protocol)
    engine.train(TRAIN[:40], learning_rate=0.01, temperature=1.0)
    before = bits(learned(engine))
    engine.step_along_sum(length=0.1)
    assert bits(learned(engine)) == before


def test_frozen_takes_no_step() -> None:
    engine = make_engine(protocol="v1", control=Control.FROZEN)
    before = bits(learned(engine))
    engine.train(TRAIN, learning_rate=0.1, temperature=1.0)
    engine.replay(20, learning_rate=0.1)
    engine.step_along_sum(length=0.1)
    assert bits(learned(engine)) == before


def test_heads_can_be_summed_too() -> None:
    engine = make_engine(protocol="v3", accumulate=True, momentum=0.0)
    start = parameters(engine)
    engine.train(TRAIN[:40], learning_rate=0.0, temperature=1.0)
    assert np.array_equal(parameters(engine), start)
    engine.step_along_sum(length=0.25)
    moved = (start - parameters(engine)).reshape(5, -1)
    assert length_of(moved.ravel()) == pytest.approx(0.25, rel=1e-5)
    assert all(np.linalg.norm(adapter) > 0 for adapter in moved)
