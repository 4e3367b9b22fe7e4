"""What the evidence allows: to promote the challenger, to roll back the champion, to start the challenger anew."""

from __future__ import annotations

import math
import os

from ruvllm.online.learning.learner import Learner
from ruvllm.online.records import Action
from ruvllm.online.state import State

__all__ = ["do", "is_switched_off", "judge_learner", "required_evidence", "required_feedback"]

HELD_OUT_AT_LEAST = 8
FIRST = 0.8
"""Share of alpha that belongs to the first challenger of a champion. The rest is for those after it."""


def is_switched_off() -> bool:
    """Whether RUVLLM_FREEZE asks that nothing that is served changes."""
    return os.environ.get("RUVLLM_FREEZE", "") not in ("", "0")


def judge_learner(learner: Learner) -> tuple[Action, str, float]:
    """Returns what to do, why, and the e-value that decides.

    The order matters: harm is ended before anything new is tried.
    """
    gates, enough = learner.gates, 1 / learner.settings.guard.alpha
    harm = gates.evidence("champion_harms")
    if not learner.champion.is_identity and harm >= enough:
        loss = gates.mean("champion_harms")
        return "rolled_back", f"what was served is worse than the frozen encoder by {loss:.3f}", harm
    worse = gates.evidence("is_worse")
    if worse >= enough:
        return "rejected", f"the challenger is worse than what is served by {gates.mean('is_worse'):.3f}", worse
    value, needed = min(gates.evidence("beats_champion"), gates.evidence("beats_identity")), required_evidence(learner)
    if value < needed:
        return "held", f"the evidence is {value:.3g}, and {needed:.3g} is needed", value
    reason = _objection(learner)
    if reason:
        return "held", reason, value
    gain = gates.mean("beats_champion")
    return "promoted", f"the challenger is better by {gain:.3f} over {gates.tried} feedbacks", value


def required_evidence(learner: Learner) -> float:
    """Returns the e-value at which the challenger is promoted.

    Evidence begins anew with each challenger. So that all of one champion together are promoted by luck with a
    probability of alpha at most, the first may spend 0.8 alpha of it, the k-th after it 0.2 alpha / (k (k + 1)).
    """
    k, alpha = learner.gates.restarts, learner.settings.guard.alpha
    return 1 / (alpha * (FIRST if k == 0 else (1 - FIRST) / (k * (k + 1))))


def do(learner: Learner, action: Action) -> None:
    """Does what the evidence allows; nothing for "held"."""
    if action == "promoted":
        learner.promote()
    elif action == "rejected":
        learner.reject()
    elif action == "rolled_back":
        learner.serve(State(learner.settings.dim))


def _objection(learner: Learner) -> str:
    """Returns what speaks against a challenger with enough evidence, "" if nothing does."""
    floor, coverage = learner.settings.guard.coverage_floor, learner.first_places.coverage
    if coverage < floor:
        return f"it puts {coverage:.2f} as many candidates first as the frozen encoder; the floor is {floor}"
    unseen = learner.held_out
    if unseen.n >= HELD_OUT_AT_LEAST and unseen.mean + _standard_error(learner) < 0:
        return f"on {unseen.n} held-out feedbacks it is worse by {-unseen.mean:.3f}"
    return ""


def _standard_error(learner: Learner) -> float:
    n, _, variance = learner.held_out.numbers
    return math.sqrt(variance) / n


def required_feedback(effect: float, alpha: float = 0.05, discordant: float = 0.2) -> int:
    """Returns about how many feedbacks it takes to prove a gain of this size, in (0, 1], of the mean reward.

    `discordant` is the mean square of the difference of two rewards. A rule of thumb from the growth rate of the best
    fixed bet, log(1 / 0.8 alpha) / (effect^2 / (2 discordant)); the median of the simulations in bench/ lies near it.
    """
    if not 0 < effect <= 1:
        raise ValueError(f"an effect must be in (0, 1], not {effect}")
    return math.ceil(math.log(1 / (FIRST * alpha)) * 2 * max(discordant, effect * effect) / (effect * effect))
