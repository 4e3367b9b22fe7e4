"""Whether a challenger, as it is now, is good for most sources: a few can turn over what has earned its evidence."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ruvllm.online.judgement import Judgement
from ruvllm.online.learning.learner import Learner
from ruvllm.online.learning.rewards import reward_of
from ruvllm.online.state import State

__all__ = ["VOICE", "Heard", "objection_of_sources"]

VOICE = 8
"""Feedbacks that a voice rests on. Most differences of rewards are 0: of fewer the middle would say nothing."""
Rows = NDArray[np.float32]
Heard = tuple[str | None, Rows, Rows, Judgement]
"""Source, query (d,), candidates (m, d), and what was said."""


def objection_of_sources(learner: Learner, heard: Sequence[Heard], sources: int) -> str:
    """Returns why a challenger should not be promoted after all, "" if nothing speaks against it.

    `sources` is how many were heard at all; there must be `Guard.fewest_sources`. The challenger is scored once more on
    what was heard, beside the champion and the frozen encoder. Each source is a voice, and counts by the mean of its
    differences however much it said; sources of fewer than 8 feedbacks share a voice with others; all feedback without
    a source is of one source. Without the quarter of the voices that likes the challenger best (`Guard.left_out`) the
    mean of the others must be above 0 by more than its standard error. The end at which the challenger is liked least
    stays: with both ends left out, so many hostile voices would make up for harm.
    """
    guard = learner.settings.guard
    if sources < guard.fewest_sources:
        return f"{sources} source{' was' if sources == 1 else 's were'} heard; {guard.fewest_sources} must be"
    now, frozen = learner.challenger.publish(), State(learner.settings.dim)
    others = [(frozen, "the frozen encoder")]
    if not learner.champion.is_identity:
        others.append((learner.champion, "what is served"))
    heard = [each for each in heard if each[1].any()]
    rewards = _rewards(now, heard)
    for other, name in others:
        gains = [a - b for a, b in zip(rewards, _rewards(other, heard), strict=True)]
        voices = sorted(_voices([each[0] for each in heard], gains))
        if voices:
            kept = voices[: len(voices) - int(guard.left_out * len(voices))]
            mean, error = _mean(kept)
            if mean <= error:
                return (
                    f"as it is now it is not clearly better than {name} for {len(kept)} of {len(voices)} voices: "
                    f"{mean:+.3f}"
                )
    return ""


def _rewards(state: State, heard: Sequence[Heard]) -> list[float]:
    return [reward_of(state.scores(query, candidates), judgement) for _, query, candidates, judgement in heard]


def _voices(sources: Sequence[str | None], gains: Sequence[float]) -> list[float]:
    """Of each voice, the mean of its gains."""
    of_source: dict[str | None, list[float]] = {}
    for source, gain in zip(sources, gains, strict=True):
        of_source.setdefault(source, []).append(gain)
    voices: list[float] = []
    some: list[float] = []
    for more in of_source.values():
        some += more
        if len(some) >= VOICE:
            voices.append(math.fsum(some) / len(some))
            some = []
    if some and not voices:
        voices.append(math.fsum(some) / len(some))
    return voices


def _mean(values: list[float]) -> tuple[float, float]:
    """Mean and its standard error, 0 for one value."""
    n = len(values)
    mean = math.fsum(values) / n
    return mean, math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n * max(1, n - 1)))
