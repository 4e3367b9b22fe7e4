"""Prioritized replay beside cpprb's PrioritizedReplayBuffer."""

from typing import Any

import numpy as np
import numpy.typing as npt
from peers_measure import Row, Section, measure_side_by_side, peer, require_near

from ruvllm import PrioritizedReplay, RandomStream

CAPACITY, BATCH = 10_000, 64
ALPHA, BETA, EPSILON = 0.6, 0.4, 0.01

Doubles = npt.NDArray[np.float64]


def naive_priorities(td_errors: Doubles) -> Doubles:
    return (np.abs(td_errors) + EPSILON) ** ALPHA


def check_ours(replay: PrioritizedReplay, td_errors: Doubles) -> None:
    """All priorities, and of one batch probabilities, weights and where the stream's draws fell."""
    priorities = naive_priorities(td_errors)
    require_near("our priorities", [replay.priority(i) for i in range(CAPACITY)], priorities, 1e-12)
    beta = replay.beta + 0.001 * np.arange(BATCH)
    items, probability, weight = replay.sample(BATCH, RandomStream(1))
    share = priorities / priorities.sum()
    require_near("our probabilities", probability, share[items], 1e-15)
    expected = (CAPACITY * share[items]) ** -np.minimum(beta, 1.0)
    require_near("our weights", weight, expected / expected.max(), 1e-12)
    ends = np.cumsum(share)
    targets = RandomStream(1).uniform(BATCH)
    middle = ends[items] - 0.5 * share[items]
    outside = np.maximum(np.abs(targets - middle) - 0.5 * share[items], 0.0)
    require_near("our draws", outside, np.zeros(BATCH), 1e-12)


def check_theirs(buffer: Any, td_errors: Doubles) -> None:
    """Weights of a batch fall with the priorities as the formula says; theirs are relative to another maximum."""
    sample = buffer.sample(BATCH, beta=BETA)
    expected = naive_priorities(td_errors)[sample["indexes"]] ** -BETA
    require_near("cpprb's weights", sample["weights"] / sample["weights"].max(), expected / expected.max(), 1e-3)


class Buffers:
    """Ours and theirs, filled with the same TD errors (CAPACITY,)."""

    def __init__(self, cpprb: Any) -> None:
        generator = np.random.default_rng(0)
        self.td_errors = generator.normal(size=CAPACITY)
        self.ours = PrioritizedReplay(CAPACITY, alpha=ALPHA, beta=BETA, epsilon=EPSILON)
        self.theirs = cpprb.PrioritizedReplayBuffer(CAPACITY, {"done": {}}, alpha=ALPHA, eps=EPSILON)
        for td_error in self.td_errors.tolist():
            self.ours.add(td_error)
            self.theirs.add(done=0.0, priorities=abs(td_error))
        self.items, _, _ = self.ours.sample(BATCH, RandomStream(2))
        self.items = np.unique(self.items)  # of a repeated item the last update would count
        self.items = np.concatenate(
            [self.items, np.setdiff1d(np.arange(CAPACITY), self.items)[: BATCH - len(self.items)]]
        )
        self.new_errors = generator.normal(size=BATCH)
        self.stream = RandomStream(3)

    def check(self) -> None:
        check_ours(self.ours, self.td_errors)
        check_theirs(self.theirs, self.td_errors)

    def update_ours(self) -> None:
        self.ours.update_priorities(self.items, self.new_errors)

    def update_theirs(self) -> None:
        self.theirs.update_priorities(self.items, np.abs(self.new_errors))


def add_to(replay: PrioritizedReplay) -> None:
    """Ours is full at its capacity, what to drop is for the owner; theirs overwrites the oldest."""
    if len(replay) == CAPACITY:
        replay.reset(np.empty(0))
    replay.add(0.3)


def rows(repetitions: int) -> list[Row]:
    buffers = Buffers(peer("cpprb"))
    buffers.check()
    buffers.update_ours()
    buffers.update_theirs()
    buffers.td_errors[buffers.items] = buffers.new_errors
    buffers.check()
    adding = PrioritizedReplay(CAPACITY)
    theirs, absolute = buffers.theirs, np.abs(buffers.new_errors)
    calls = {
        "sample 64": (
            lambda: buffers.ours.sample(BATCH, buffers.stream),
            lambda: theirs.sample(BATCH, beta=BETA),
        ),
        "update 64": (
            buffers.update_ours,
            lambda: theirs.update_priorities(buffers.items, absolute),
        ),
        "add": (  # last: it overwrites theirs
            lambda: add_to(adding),
            lambda: theirs.add(done=0.0, priorities=0.3),
        ),
    }
    result = []
    for label, (call_ours, call_theirs) in calls.items():
        seconds = measure_side_by_side({"ours": call_ours, "cpprb": call_theirs}, repetitions)
        result.append(Row(label, "us per call", 1e6 * seconds["ours"], {"cpprb": 1e6 * seconds["cpprb"]}))
    return result


def sections() -> list[Section]:
    compared = (
        f"Prioritized replay of {CAPACITY} items: add one, sample {BATCH}, update {BATCH} priorities. cpprb with the "
        "smallest item it can store; ours stores none"
    )
    return [Section("replay", compared, ("cpprb",), rows)]
