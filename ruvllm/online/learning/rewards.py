"""How good an order of candidates was, by what the user said of them: a number in [0, 1]."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ruvllm.online.judgement import Judgement

__all__ = ["reward_of"]


def reward_of(scores: NDArray[np.float32], judgement: Judgement) -> float:
    """Returns the reward of ranking by these scores (m,).

    With one accepted candidate it is its reciprocal rank. With several, and with rewards, it is the sum of
    reward / rank over the best possible sum. With rejections alone it is 1 less the same sum over the rejected ones:
    the deeper they stand, the better. Candidates of equal score share the worst rank among them.
    """
    valued = [*((place, 1.0) for place in judgement.accepted), *judgement.rewards]
    if any(value > 0 for _, value in valued):
        return _share(scores, valued)
    wrong = [*((place, 1.0) for place in judgement.rejected), *((place, 1.0) for place, value in valued if value == 0)]
    return 1.0 - _share(scores, wrong)


def _share(scores: NDArray[np.float32], valued: list[tuple[int, float]]) -> float:
    got = 0.0
    for place, value in valued:
        got += value / int(np.count_nonzero(scores >= scores[place]))
    best = 0.0
    for rank, value in enumerate(sorted((value for _, value in valued), reverse=True), start=1):
        best += value / rank
    return min(1.0, got / best)
