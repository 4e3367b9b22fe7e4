"""The simulated workload: its reproducibility, and the geometry of design section 4."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from simulated_samples import SMALL_MODEL, small_workload

from ruvllm import EngineConfig, LearningEngine, SimulatedWorld, available_isas
from ruvllm.encoders.models import MODELS, ModelProfile
from ruvllm.learning.constants import Size
from ruvllm.workloads.simulated import build_simulated_workload

Floats = npt.NDArray[np.float32]


SPLIT = small_workload(size=Size(12, 120))  # 2,700 tasks


def rows(workload: Any, n: int = 20) -> bytes:
    return b"".join(array.tobytes() for i in range(n) for array in workload.source.load(i)[:2])


def test_equal_seeds_give_equal_tasks_on_every_isa_and_others_give_others() -> None:
    first = small_workload(1)
    for isa in available_isas():
        again = small_workload(1, isa=isa)
        assert rows(again) == rows(first)
        assert again.difficulty.tobytes() == first.difficulty.tobytes()
        assert again.parts.test.tobytes() == first.parts.test.tobytes()
    other = small_workload(2)
    assert rows(other) != rows(first)
    assert other.difficulty.tobytes() != first.difficulty.tobytes()
    assert other.parts.test.tobytes() != first.parts.test.tobytes()


def test_models_have_tasks_of_their_own() -> None:
    size = Size(1, 10)
    one, two = (build_simulated_workload(model, size.attempts, 0) for model in MODELS[:2])
    assert one.difficulty.tobytes() != two.difficulty.tobytes()
    assert [one.source.dim, two.source.dim] == [1536, 2048]
    assert one.details["habit"] == MODELS[0].simulation.habit and one.details["tasks"] == len(one.types)


def test_types_come_evenly_and_everything_else_by_chance() -> None:
    assert SPLIT.types.tolist() == (list(range(4)) * len(SPLIT.types))[: len(SPLIT.types)]
    assert np.bincount(SPLIT.categories, minlength=5) / len(SPLIT.types) == pytest.approx([0.2] * 5, abs=0.04)
    assert abs(SPLIT.difficulty.mean() - 0.5) < 0.02
    right = [SPLIT.source.load(i)[2] for i in range(len(SPLIT.types))]
    assert np.bincount(right, minlength=8) / len(right) == pytest.approx([1 / 8] * 8, abs=0.03)


DIM, N = 1024, 600


def world(
    *, kind: int = 0, family: int = 0, difficulty: float = 0.5, habit: float = 0.0, visibility: float = 0.0,
    first_key: int = 0, model: int = 0, seed: int = 0, share: float = 0.5,
) -> SimulatedWorld:  # fmt: skip
    """N tasks of one type, family and difficulty."""
    return SimulatedWorld(
        dim=DIM,
        model=model,
        habit=habit,
        visibility=visibility,
        seed=seed,
        keys=np.arange(first_key, first_key + N, dtype=np.uint64),
        difficulty=np.full(N, difficulty, np.float32),
        types=np.full(N, kind, np.uint8),
        families=np.full(N, family, np.uint8),
        family_share=share,
    )


def queries_and_right(source: SimulatedWorld) -> tuple[Floats, Floats]:
    tasks = [source.load(i) for i in range(N)]
    return np.stack([task[0] for task in tasks]), np.stack([task[1][task[2]] for task in tasks])


def between(a: Floats, b: Floats) -> float:
    """Mean cosine of unit rows of different tasks: each with its successor."""
    return float(np.mean(np.sum(a.astype(np.float64) * np.roll(b, 1, axis=0), axis=1)))


def test_queries_and_candidates_have_length_one() -> None:
    source = world(habit=1.0, visibility=0.2)
    for i in range(50):
        query, candidates, right, kind = source.load(i)
        assert np.linalg.norm(query) == pytest.approx(1, abs=1e-5)
        assert np.linalg.norm(candidates, axis=1) == pytest.approx(np.ones(8), abs=1e-5)
        assert 0 <= right < 8 and kind == 0


@pytest.mark.parametrize("difficulty", [0.0, 0.5, 1.0])
def test_candidates_share_more_the_harder_the_task(difficulty: float) -> None:
    source, right_wrong, wrong_wrong = world(difficulty=difficulty), [], []
    for i in range(N):
        _, s, right, _ = source.load(i)
        wrong = np.delete(s, right, axis=0)
        right_wrong.append(float(np.mean(wrong @ s[right])))
        wrong_wrong.append(float((np.sum(wrong @ wrong.T) - 7) / 42))
    rho = 0.2 + 0.4 * difficulty
    assert np.mean(right_wrong) == pytest.approx(rho, abs=0.01)  # never of one family
    assert np.mean(wrong_wrong) == pytest.approx(rho + (1 - rho) * 0.5 / 4, abs=0.01)  # of one family in four


def test_the_query_is_as_near_to_a_wrong_candidate_as_its_shared_part_says() -> None:
    for difficulty in (0.0, 1.0):
        source, right_cosines, wrong_cosines = world(difficulty=difficulty, share=0.0), [], []
        for i in range(N):
            query, s, right, _ = source.load(i)
            cosines = s @ query
            right_cosines.append(cosines[right])
            wrong_cosines.append(np.delete(cosines, right).mean())
        rho = 0.2 + 0.4 * difficulty
        assert np.mean(wrong_cosines) / np.mean(right_cosines) == pytest.approx(rho, abs=0.03)
        zeta = np.random.default_rng(0).normal(size=100_000)
        assert np.mean(right_cosines) == pytest.approx(np.mean(0.5 / np.sqrt(5.25 + 2.25 * zeta**2)), abs=0.005)


@pytest.mark.parametrize(("other", "agreement"), [(0, 1), (1, 0), (2, -1), (3, 0)])
def test_types_of_a_pair_share_the_surface_with_opposite_habits(other: int, agreement: int) -> None:
    habit = 1.5
    mine, _ = queries_and_right(world(habit=habit, family=1))
    theirs, _ = queries_and_right(world(kind=other, habit=habit, family=2, first_key=10_000))
    x = np.random.default_rng(1).normal(size=200_000) - habit  # zeta - g c for c = 1
    norm = np.sqrt(0.25 + 2.25 * x**2 + 4 + 1)
    surface, context = 2.25 * np.mean(x / norm) ** 2, 4 * np.mean(1 / norm) ** 2
    expected = agreement * surface + (context if other == 0 else 0)  # the context direction is the type's own
    assert between(mine, theirs) == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize(("other", "agreement"), [(0, 1), (1, 0), (2, -1), (3, 0)])
@pytest.mark.parametrize("difficulty", [0.0, 1.0])
def test_right_answers_follow_the_convention_of_their_type(other: int, agreement: int, difficulty: float) -> None:
    v = 0.3
    _, mine = queries_and_right(world(visibility=v, difficulty=difficulty, share=0.0))
    _, theirs = queries_and_right(world(kind=other, visibility=v, difficulty=difficulty, share=0.0, first_key=10_000))
    w = 5 * (1 - 0.4 * difficulty) + np.random.default_rng(2).normal(size=200_000)
    expected = agreement * np.mean(v * w / np.sqrt(1 + (v * w) ** 2)) ** 2
    assert between(mine, theirs) == pytest.approx(expected, abs=0.01)


def test_wrong_answers_follow_no_convention() -> None:
    def wrong(kind: int, family: int, first_key: int) -> Floats:
        source = world(kind=kind, visibility=0.3, family=family, first_key=first_key, share=0.0)
        tasks = [source.load(i) for i in range(N)]
        return np.stack([task[1][(task[2] + 1) % 8] for task in tasks])

    assert between(wrong(0, 1, 0), wrong(2, 2, 10_000)) == pytest.approx(0.0, abs=0.01)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_tasks_of_one_family_resemble_one_another(share: float) -> None:
    def right(family: int, first_key: int, **options: Any) -> Floats:
        return queries_and_right(world(family=family, first_key=first_key, share=share, **options))[1]

    own_share = (1 - 0.4) * share  # rho is 0.4 at difficulty 0.5
    assert between(right(1, 0), right(1, 10_000)) == pytest.approx(own_share, abs=0.01)
    assert between(right(1, 0), right(2, 10_000)) == pytest.approx(0.0, abs=0.05)  # two fixed directions at random
    assert between(right(1, 0), right(1, 10_000, kind=1)) == pytest.approx(0.0, abs=0.05)


def test_the_seed_draws_the_families_and_the_model_the_directions() -> None:
    def right(**options: Any) -> Floats:
        return queries_and_right(world(share=1.0, **options))[1]

    assert between(right(), right(seed=1, first_key=10_000)) == pytest.approx(0.0, abs=0.06)
    queries, _ = queries_and_right(world(habit=2.0))
    of_other_seed, _ = queries_and_right(world(habit=2.0, seed=1, first_key=10_000))
    of_other_model, _ = queries_and_right(world(habit=2.0, model=1, first_key=10_000))
    assert between(queries, of_other_seed) > 0.7  # type and habit are the model's
    assert between(queries, of_other_model) == pytest.approx(0.0, abs=0.08)


REPORTED_START = {
    "Qwen2.5-Coder-1.5B": 0.182,
    "DeepSeek-Coder-1.3B": 0.158,
    "StarCoder2-3B": 0.246,
    "Phi-3-mini-4k": 0.284,
    "Qwen2.5-Coder-7B": 0.352,
    "CodeLlama-7B": 0.338,
}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_the_frozen_start_is_near_the_reported_one(model: ModelProfile) -> None:
    workload = build_simulated_workload(model, 12 * 120, 7)  # no seed of the calibration
    config = EngineConfig(dim=model.embedding_dim, rank=1, heads=0, scaling=1.0)
    _, resolved, _, _ = LearningEngine(workload.source, config).evaluate(
        np.arange(len(workload.types), dtype=np.uint32)
    )
    assert np.mean(resolved) == pytest.approx(REPORTED_START[model.name], abs=0.05)


def made(**changes: Any) -> SimulatedWorld:
    fields: dict[str, Any] = {
        "dim": 64, "model": 0, "habit": 1.0, "visibility": 0.1, "seed": 0, "keys": np.zeros(3, np.uint64),
        "difficulty": np.zeros(3, np.float32), "types": np.zeros(3, np.uint8), "families": np.zeros(3, np.uint8),
    }  # fmt: skip
    return SimulatedWorld(**{**fields, **changes})


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"dim": 100}, ValueError, "multiple of 32, not 100"),
        ({"dim": 0}, ValueError, r"dim must lie in 1 \.\.\. 16777216, not 0"),
        ({"n_candidates": 1}, ValueError, "at least 2 candidates and 2 families, not 1 and 5"),
        ({"families_per_type": 1}, ValueError, "not 8 and 1"),
        ({"types": np.full(3, 4, np.uint8)}, ValueError, "needs type < 4"),
        ({"families": np.full(3, 5, np.uint8)}, ValueError, "family < 5"),
        ({"difficulty": np.full(3, 1.5, np.float32)}, ValueError, r"difficulty in \[0, 1\], not .* 1.5"),
        ({"difficulty": np.full(3, np.nan, np.float32)}, ValueError, r"difficulty in \[0, 1\]"),
        ({"difficulty": np.zeros(2, np.float32)}, ValueError, "difficulty must have 3 elements, not 2"),
        ({"types": np.zeros(2, np.uint8)}, ValueError, "types must have 3 elements, not 2"),
        ({"keys": np.array([0, -1, 0])}, ValueError, "keys must hold integers of 0"),
        ({"difficulty": np.zeros(3, bool)}, TypeError, "difficulty must have dtype float32"),
        ({"families": np.full(3, 256)}, ValueError, "families must hold integers of 0 ... 255, not 256"),
        ({"isa": "mmx"}, ValueError, "not 'mmx'"),
    ],
)
def test_errors_state_rule_and_value(changes: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        made(**changes)


def test_there_is_no_task_beyond_the_last() -> None:
    assert len(made()) == 3
    with pytest.raises(IndexError):
        made().load(3)


def test_the_small_model_of_the_tests_is_the_first_but_for_its_size() -> None:
    assert SMALL_MODEL.number == 0 and SMALL_MODEL.simulation == MODELS[0].simulation
