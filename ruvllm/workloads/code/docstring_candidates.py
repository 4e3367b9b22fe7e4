"""Candidates of each code task: the right body among distractors, hard ones in proportion to difficulty.

Hard negatives are the bodies most similar to the right *body*, not to the query. Chosen by the query they would be
the frozen model's own mistakes and not those of the model it is compared with: a change that makes other mistakes
would look better than it is.
"""

import numpy as np
from numpy.typing import NDArray

from ruvllm._core import Purpose, RandomStream, hardest

__all__ = ["draw_candidates"]

POOL_SIZE = 256
"""Hard negatives are the most similar ones among at most so many random solutions of the part."""

FloatRows = NDArray[np.float32]
Indices = NDArray[np.int64]
Numbers = NDArray[np.uint32]


def draw_candidates(
    members: Numbers,
    bodies: Indices,
    solutions: FloatRows,
    difficulty: NDArray[np.float64],
    *,
    n_candidates: int,
    seed: int,
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Candidates (k, M), indices into `solutions` (n, d), and the position of the right one (k,), random.

    `members` (k,) are the tasks of one part of the split, `bodies` (n,) a number for each different body and
    `difficulty` (n,) in [0, 1]. Of the M - 1 distractors the share `difficulty` (rounded half up) is hard, the rest
    random; all come from `members`, and no two candidates of a task have the same body. What is drawn for a task
    depends on the seed, the task's index and the part's members.

    Raises ValueError when the part has fewer than M different bodies.
    """
    different = members[np.unique(bodies[members], return_index=True)[1]]
    if len(different) < n_candidates:
        raise ValueError(f"{n_candidates} candidates need as many different bodies in a part, not {len(different)}")
    pools = _random_pools(members, different, bodies, seed)
    ordered = hardest(solutions[members], solutions, pools)
    candidates = np.empty((len(members), n_candidates), dtype=np.int32)
    right = np.empty(len(members), dtype=np.int32)
    for row, task in enumerate(members.tolist()):
        n_hard = int(difficulty[task] * (n_candidates - 1) + 0.5)
        hard = ordered[row, :n_hard]
        easy = pools[row][~np.isin(pools[row], hard)][: n_candidates - 1 - n_hard]
        order = RandomStream(seed, Purpose.DATASET, task + 1, 1).permutation(n_candidates)
        candidates[row] = np.concatenate([[task], hard, easy])[order]
        right[row] = np.flatnonzero(order == 0)[0]
    return candidates, right


def _random_pools(members: Numbers, different: Numbers, bodies: Indices, seed: int) -> NDArray[np.int32]:
    """For each member, random tasks of the part in random order, all of different bodies and none of its own."""
    size = min(POOL_SIZE, len(different) - 1)
    pools = np.empty((len(members), size), dtype=np.int32)
    for row, task in enumerate(members.tolist()):
        # one more than needed: the member's own body may be among them
        drawn = different[RandomStream(seed, Purpose.DATASET, task + 1).permutation(len(different))[: size + 1]]
        pools[row] = drawn[bodies[drawn] != bodies[task]][:size]
    return pools
