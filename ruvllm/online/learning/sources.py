"""Whether a challenger, as it is now, is good for most sources: a burst can turn over what has earned its evidence."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ruvllm.online.judgement import Judgement
from ruvllm.online.learning.learner import Learner
from ruvllm.online.learning.rewards import reward_of
from ruvllm.online.state import State

__all__ = ["Heard", "objection_of_sources"]

TRIMMED = 0.25
"""Share of the sources that is left out at either end: so many may say anything together."""
Rows = NDArray[np.float32]
Heard = tuple[str | None, Rows, Rows, Judgement]
"""Source, query (d,), candidates (m, d), and what was said."""


def objection_of_sources(learner: Learner, recent: Sequence[Heard]) -> str:
    """Returns why a challenger should not be promoted after all, "" if nothing speaks against it.

    It is scored once more on recent feedback, beside the champion and the frozen encoder. Each source counts by the
    mean of its differences, without the quarter of the sources that liked it best and the quarter that liked it least;
    a feedback without a source counts as one of its own. What is left must not be clearly below 0.
    """
    if not recent:
        return ""
    now, frozen = learner.challenger.publish(), State(learner.settings.dim)
    for other, name in ((learner.champion, "what is served"), (frozen, "the frozen encoder")):
        middle, error = _trimmed_mean(_differences(now, other, recent))
        if middle + error < 0:
            return f"as it is now it is worse than {name} for most sources, by {-middle:.3f}"
    return ""


def _differences(now: State, other: State, recent: Sequence[Heard]) -> list[float]:
    """Of each source, the mean difference of rewards."""
    found: defaultdict[object, list[float]] = defaultdict(list)
    for number, (source, query, candidates, judgement) in enumerate(recent):
        if query.any():
            gain = reward_of(now.scores(query, candidates), judgement)
            gain -= reward_of(other.scores(query, candidates), judgement)
            found[number if source is None else source].append(gain)
    return [math.fsum(gains) / len(gains) for gains in found.values()]


def _trimmed_mean(values: list[float]) -> tuple[float, float]:
    """Mean without both ends, and its standard error."""
    cut = int(TRIMMED * len(values))
    kept = sorted(values)[cut : len(values) - cut]
    if len(kept) < 2:
        return (kept or [0.0])[0], 0.0
    middle = math.fsum(kept) / len(kept)
    variance = math.fsum((value - middle) ** 2 for value in kept) / (len(kept) - 1)
    return middle, math.sqrt(variance / len(kept))
