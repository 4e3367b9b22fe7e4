"""bench/guard.py: its worlds have the effects that it says, its questions run, and its verdict can be both."""

from __future__ import annotations

import importlib
import math
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

BENCH = Path(__file__).resolve().parents[2] / "bench"


@pytest.fixture(scope="module")
def guard() -> ModuleType:
    sys.path.insert(0, str(BENCH))
    try:
        return importlib.import_module("guard")
    finally:
        sys.path.remove(str(BENCH))


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(BENCH / "guard.py"), *arguments], capture_output=True, text=True, timeout=300
    )


def test_effects_are_what_is_asked_for(guard: ModuleType) -> None:
    world = guard.World(1)
    share = world.share_for(0.1)
    assert abs(guard.gains_of(world.turning(), world.stream(7, 4000, share)).mean() - 0.1) < 0.015
    assert abs(guard.gains_of(world.harm_of(0.2), world.stream(7, 4000, 0.0)).mean() + 0.2) < 0.015
    with pytest.raises(ValueError, match=r"never 0\.99"):
        world.share_for(0.99)


def test_a_stream_has_different_candidates_among_them_the_right_one(guard: ModuleType) -> None:
    stream = guard.World(2).stream(1, 300, 0.5)
    assert all(len(set(row)) == guard.CANDIDATES for row in stream.documents.tolist())
    np.testing.assert_array_equal(stream.candidates, guard.World(2).rows[stream.documents])
    again = guard.World(2).stream(1, 300, 0.5)
    assert again.queries.tobytes() == stream.queries.tobytes()


def test_a_few_streams(guard: ModuleType) -> None:
    found = {
        question.name: guard.run(question, 2, 250, 1) for question in guard.QUESTIONS if "hostile" not in question.name
    }
    assert [result.after for result in found["shuffled"]] == [math.inf, math.inf]
    assert all(result.after < math.inf and abs(result.effect - 0.1) < 0.01 for result in found["proof-10"])
    assert all(result.after < guard.ENOUGH and result.effect < -0.19 for result in found["harm-20"])


def test_any_executor_gives_the_same_streams(guard: ModuleType) -> None:
    (question,) = [question for question in guard.QUESTIONS if question.name == "harm-20"]
    with ThreadPoolExecutor(2) as executor:
        found = guard.run(question, 3, 60, 1, executor=executor)
    assert found == guard.run(question, 3, 60, 1)


def test_hostile_streams_say_what_was_served_at_worst(guard: ModuleType) -> None:
    result = guard.hostile("any", 0.0, 1, 60, 1)
    assert result == guard.hostile("any", 0.0, 1, 60, 1)  # a stream is a function of its seed
    assert result.effect == 0 and result.promotions == 0


def test_verdicts(guard: ModuleType) -> None:
    never, early, late = (guard.Result(n, 0.1, 0.2) for n in (math.inf, 100, 400))
    assert guard.at_most_ever([never] * 19 + [early])[1] and not guard.at_most_ever([never] * 18 + [early] * 2)[1]
    assert guard.median_by([early, early, never])[1] and not guard.median_by([early, late, never])[1]
    assert guard.most_by(150, 0.75, [early] * 3 + [never])[1] and not guard.most_by(150, 0.75, [early, late])[1]
    bad = guard.Result(90, 0.02, promotions=1)
    assert not guard.never_below([never, bad])[1] and guard.never_below([guard.Result(math.inf)])[1]
    assert "2.0 points below" in guard.never_below([bad])[0] and "in 1" in guard.never_below([bad])[0]


def test_the_command(guard: ModuleType) -> None:
    done = run("--streams", "1", "--feedbacks", "40", "--only", "shuffled")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("shuffled: any candidate is accepted") and "ever promoted: 0.0%" in done.stdout
    assert run("--streams", "1", "--feedbacks", "10", "--only", "proof-10").returncode == 1  # so few prove nothing
    for wrong, message in (
        (("--only", "luck"), "there is no question 'luck'"),
        (("--streams", "0"), "at least 1, not 0"),
        (("--executor", "dask"), "--executor must be processes, dask:ADDRESS, ray[:ADDRESS], mpi4py, not 'dask'"),
    ):
        done = run(*wrong)
        assert done.returncode == 2 and message in done.stderr and done.stderr.count("\n") == 1
