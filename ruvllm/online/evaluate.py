"""Would it have helped? A log of feedback, learned from again in its order, beside controls, with intervals.

A log says what was accepted among what was shown. Users accept what they see, so that a log favours what ranked when it
was written; only swaps (`explore`) tell more, and off_policy() uses them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ruvllm._core import RandomStream, cosine_similarity
from ruvllm.evaluation.sequential import RunningMean
from ruvllm.evaluation.statistics import mean, student_t_interval
from ruvllm.notebook import html_table, with_interval
from ruvllm.online.examples import Example, make_examples, read_log
from ruvllm.online.judgement import Judgement
from ruvllm.online.learning.guard import do, judge_learner
from ruvllm.online.learning.learner import Learner
from ruvllm.online.learning.rewards import reward_of
from ruvllm.online.records import Guard, Learning, Settings
from ruvllm.online.state import State

__all__ = [
    "Example", "Headroom", "MethodReport", "OffPolicyReport", "PrequentialReport", "headroom", "make_examples",
    "off_policy", "prequential", "read_log",
]  # fmt: skip

CONTROLS = ("identity", "ridge", "shuffled")
RIDGE_PENALTY = 10.0
"""As much as ten queries say that the map is the identity."""
REFIT_GROWTH = 1.1
"""Ridge is fitted again whenever so many times as many queries are there."""
SATURATED = 0.97
"""Mean reward of the frozen encoder above which learning cannot show a gain."""
METHOD_COLUMNS = ("Reward", "Gain, 95% confidence sequence")
Rows = NDArray[np.float32]
Scores = Callable[[Example], Rows]


@dataclass(frozen=True, slots=True)
class MethodReport:
    """Mean reward over a stream, each feedback ranked before it was learned from."""

    reward: float
    gain: float
    """Over the frozen encoder."""
    interval: tuple[float, float]
    """95% confidence sequence of the gain: holds at every look."""

    def _repr_html_(self) -> str:
        return html_table("Mean reward over a stream", METHOD_COLUMNS, [_cells(self)])


@dataclass(frozen=True, slots=True)
class PrequentialReport:
    """What a stream says. In a notebook it shows itself as a table."""

    feedbacks: int
    methods: dict[str, MethodReport]
    """"guarded", as AdaptiveRanker serves; "unguarded", the challenger; and the controls."""
    decisions: list[tuple[int, str]]
    """Feedback after which the guard promoted, rolled back or started anew."""

    @property
    def gain(self) -> float:
        """Of what a guarded ranker would have served."""
        return self.methods["guarded"].gain

    @property
    def interval(self) -> tuple[float, float]:
        return self.methods["guarded"].interval

    def _repr_html_(self) -> str:
        rows = [(name, *_cells(method)) for name, method in self.methods.items()]
        decisions = ", ".join(f"{action.replace('_', ' ')} after {n}" for n, action in self.decisions)
        title = f"{self.feedbacks} feedbacks, each ranked before it was learned from"
        return html_table(title, ("Method", *METHOD_COLUMNS), rows, decisions)


def _cells(method: MethodReport) -> tuple[str, str]:
    return f"{method.reward:.3f}", with_interval(method.gain, method.interval)


def prequential(
    log: Sequence[Example], *, learning: Learning | None = None, guard: Guard | None = None, delay: int = 0,
    controls: Sequence[str] = CONTROLS, seed: int = 0,
) -> PrequentialReport:  # fmt: skip
    """Ranks each example before it is learned from, in the order of the log; learns from it `delay` examples later.

    Controls: "identity" is the frozen encoder; "ridge" a closed form fitted on all earlier examples; "shuffled" the
    same learner on feedback whose accepted candidates were drawn at random: it must not gain.
    Raises ValueError for an empty log, other controls, and a delay below 0.
    """
    if not log:
        raise ValueError("the log has no feedback")
    if delay < 0 or not set(controls) <= set(CONTROLS):
        raise ValueError(f"delay must be 0 or more and controls of {', '.join(CONTROLS)}: {delay}, {tuple(controls)}")
    settings = Settings(dim=len(log[0].query), learning=learning or Learning(), guard=guard or Guard())
    frozen = [reward_of(State(settings.dim).scores(e.query, e.candidates), e.judgement) for e in log]
    served, challenger, decisions = _learn(log, settings, delay)
    rewards = {"guarded": served, "unguarded": challenger}
    if "identity" in controls:
        rewards["identity"] = frozen
    if "ridge" in controls:
        rewards["ridge"] = _ridge(log, delay)
    if "shuffled" in controls:
        rewards["shuffled"] = _shuffled(log, settings, delay, seed)
    return PrequentialReport(len(log), {name: _report(found, frozen) for name, found in rewards.items()}, decisions)


def _report(rewards: Sequence[float], frozen: Sequence[float]) -> MethodReport:
    gain = RunningMean()
    for reward, plain in zip(rewards, frozen, strict=True):
        gain.add(reward - plain)
    return MethodReport(mean(rewards), gain.mean, gain.interval)


def _learn(
    log: Sequence[Example], settings: Settings, delay: int
) -> tuple[list[float], list[float], list[tuple[int, str]]]:
    """Rewards of what the guard would serve and of the challenger, and the decisions."""
    learner, served, challenger = Learner(settings), [], []
    decisions: list[tuple[int, str]] = []
    for n in range(len(log) + delay):
        if n < len(log):
            example = log[n]
            scores = learner.champion.scores(example.query, example.candidates)
            served.append(reward_of(scores, example.judgement))
            tried = cosine_similarity(learner.challenger.adapt(example.query), example.candidates)
            challenger.append(reward_of(tried, example.judgement))
        if n >= delay:
            late = log[n - delay]
            learner.take(late.query, late.candidates, late.judgement, late.propensities)
            action, _, _ = judge_learner(learner)
            if action != "held":
                decisions.append((n + 1, action))
                do(learner, action)
    return served, challenger, decisions


def _shuffled(log: Sequence[Example], settings: Settings, delay: int, seed: int) -> list[float]:
    """Rewards, by the true feedback, of what the guard serves after learning from accepted ones drawn at random."""
    chance = RandomStream(seed)
    false = [_drawn(example, chance) for example in log]
    learner, rewards = Learner(settings), []
    for n, example in enumerate(log):
        rewards.append(reward_of(learner.champion.scores(example.query, example.candidates), example.judgement))
        if n >= delay:
            learner.take(false[n - delay].query, false[n - delay].candidates, false[n - delay].judgement)
            action, _, _ = judge_learner(learner)
            do(learner, action)
    return rewards


def _drawn(example: Example, chance: RandomStream) -> Example:
    place = chance.below(len(example.candidates))
    return Example(example.query, example.candidates, Judgement(accepted=(place,)))


def _ridge(log: Sequence[Example], delay: int) -> list[float]:
    """Rewards of regression towards what was accepted: q -> q + q Q' (Q Q' + penalty I)^-1 (S - Q)."""
    scores: Scores = _frozen_scores
    rewards, fitted = [], 0
    for n, example in enumerate(log):
        known = n - delay
        if known >= 2 and known >= fitted * REFIT_GROWTH:
            scores, fitted = _fit_ridge(log[:known]), known
        rewards.append(reward_of(scores(example), example.judgement))
    return rewards


def _frozen_scores(example: Example) -> Rows:
    return cosine_similarity(example.query, example.candidates)


def _fit_ridge(log: Sequence[Example]) -> Scores:
    liked = [(e.query, e.candidates[place]) for e in log for place in e.judgement.accepted]
    if not liked:
        return _frozen_scores
    queries, targets = (np.stack(rows).astype(np.float64) for rows in zip(*liked, strict=True))
    d = queries.shape[1]
    primal = np.linalg.solve(queries.T @ queries + RIDGE_PENALTY * np.eye(d), queries.T @ (targets - queries))

    def scores(example: Example) -> Rows:
        adapted = (example.query + example.query @ primal).astype(np.float32)
        return cosine_similarity(adapted, example.candidates)

    return scores


@dataclass(frozen=True, slots=True)
class Headroom:
    """How much there is to gain on a log."""

    feedbacks: int
    reward: float
    """Mean reward of the frozen encoder: reciprocal rank of what was accepted."""
    interval: tuple[float, float]
    """95% interval of it."""
    first: float
    """Share of feedbacks in which what was accepted stood first."""
    verdict: str

    @property
    def can_help(self) -> bool:
        return self.interval[0] < SATURATED

    def _repr_html_(self) -> str:
        low, high = self.interval
        row = (self.feedbacks, f"{self.reward:.3f} [{low:.3f}, {high:.3f}]", f"{self.first:.1%}")
        return html_table("Headroom", ("Feedbacks", "Frozen encoder's reward", "Right one first"), [row], self.verdict)


def headroom(log: Sequence[Example]) -> Headroom:
    """Says how good the frozen encoder is already on a log. Raises ValueError for fewer than 2 feedbacks."""
    if len(log) < 2:
        raise ValueError(f"headroom needs 2 or more feedbacks, not {len(log)}")
    rewards = [reward_of(_frozen_scores(example), example.judgement) for example in log]
    low, high = student_t_interval(rewards)
    found = mean(rewards)
    if low >= SATURATED:
        verdict = f"cannot help here: the frozen encoder has {found:.3f} of 1 already"
    else:
        verdict = f"up to {1 - found:.3f} to be gained over the frozen encoder's {found:.3f}"
    return Headroom(len(log), found, (low, high), mean([float(reward == 1.0) for reward in rewards]), verdict)


@dataclass(frozen=True, slots=True)
class OffPolicyReport:
    """Estimated share of queries whose first candidate would be accepted, among those that are supported."""

    value: float
    interval: tuple[float, float]
    """95%, for this one look."""
    effective: float
    """Effective number of feedbacks: (sum of weights)^2 / sum of squares."""
    largest_weight: float
    supported: float
    """Share of queries whose first candidate could have been shown first. Nothing is known of the others."""

    def _repr_html_(self) -> str:
        low, high = self.interval
        row = (f"{self.value:.3f} [{low:.3f}, {high:.3f}]", f"{self.effective:.0f}", f"{self.supported:.0%}")
        columns = ("First candidate accepted, 95% interval", "Effective feedbacks", "Queries that the log can judge")
        return html_table("Off-policy estimate", columns, [row])


def off_policy(log: Sequence[Example], state: State, *, estimator: str = "snips") -> OffPolicyReport:
    """Estimates how often the first candidate of a state would be accepted, from a log with swaps made at random.

    Estimators: "ips" weights by 1 / propensity; "snips" also divides by the sum of weights; "dr" adds a model, the
    share of shown-first candidates that were accepted. Raises ValueError for a log without swaps: if all propensities
    are 1, nothing is known of what was not shown first.
    """
    if estimator not in ("ips", "snips", "dr"):
        raise ValueError(f"the estimator must be ips, snips or dr, not {estimator!r}")
    known = [(e, e.propensities) for e in log if e.propensities is not None and e.propensities[0] < 1]
    if len(known) < 2:
        raise ValueError("off-policy evaluation needs a log with swaps (explore > 0): all propensities here are 1")
    places = [int(np.argmax(state.scores(example.query, example.candidates))) for example, _ in known]
    covered = [(place, example, shares) for place, (example, shares) in zip(places, known, strict=True) if place <= 1]
    clicks = [float(0 in example.judgement.accepted) for _, example, _ in covered]
    weights = [(place == 0) / shares[0] for place, _, shares in covered]
    if len(covered) < 2 or not any(weights):
        raise ValueError("the state hardly ever puts first what could be shown first: the log says nothing of it")
    n, total = len(covered), math.fsum(weights)
    products = [weight * click for weight, click in zip(weights, clicks, strict=True)]
    if estimator == "ips":
        parts, value = products, math.fsum(products) / n
    elif estimator == "snips":
        value = math.fsum(products) / total
        parts = [value + n * w * (click - value) / total for w, click in zip(weights, clicks, strict=True)]
    else:
        model = mean(clicks)
        parts = [model + weight * (click - model) for weight, click in zip(weights, clicks, strict=True)]
        value = math.fsum(parts) / n
    effective = total * total / math.fsum(weight * weight for weight in weights)
    return OffPolicyReport(value, student_t_interval(parts), effective, max(weights), n / len(known))
