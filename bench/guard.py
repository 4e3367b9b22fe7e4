"""Does the guard promote what helps, nothing else, and take back what harms? Streams of feedback say so.

    python bench/guard.py                                1,000 streams for each question, of up to 10,000 feedbacks
    python bench/guard.py --streams 20 --feedbacks 500   a short form
    python bench/guard.py --only shuffled harm --jobs 2
    PYTHONPATH=bench python bench/guard.py --executor dask:tcp://10.0.0.1:8786   with bench/ on the workers' path too

What is served is looked at after each feedback. Effects are of the mean reciprocal rank among 8 candidates, and are
measured in each stream's world before it begins; "discordant" is the mean square of the difference of two rewards,
which with the effect decides how much feedback a proof takes. Hostile streams go through AdaptiveRanker and its limits
on sources; all others through the part of it that learns and decides. Exit code 1 where a goal is missed.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read when NumPy is imported; the matrices are small
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))  # Python leaves it out under PYTHONSAFEPATH
from guard_streams import CALIBRATION, CANDIDATES, DIM, RANK, Stream, World, gains_of, ndcg_under

from ruvllm.benchmark.sweeps.executors import FORMS, is_executor, open_workers
from ruvllm.evaluation.statistics import wilson_interval
from ruvllm.online import AdaptiveRanker, Guard
from ruvllm.online.judgement import Judgement
from ruvllm.online.learning.challenger import Challenger
from ruvllm.online.learning.guard import do, judge_learner
from ruvllm.online.learning.learner import Learner
from ruvllm.online.records import Action, Learning, Settings
from ruvllm.online.state import State

SEED = 1000
"""Of the first stream: settings were chosen with others."""
BLOCK = 500
"""Feedbacks of a stream that are drawn at once."""
ENOUGH, PATIENCE, EVER = 150, 1000, 10**9
"""Feedbacks within which a large effect, and a small one, is to be found."""
HOSTILE, SOURCES, ALLOWED_LOSS = 0.2, 40, 0.01
FEWEST = 32
"""Sources, 4 for each hostile one: a quarter of those that were heard is left out."""
Accept = Callable[[Stream, int], int]


def decide(learner: Learner) -> Action:
    """Looks at the evidence and does what it allows, as a ranker does after each feedback."""
    action, _, _ = judge_learner(learner)
    do(learner, action)
    return action


def decisions(learner: Learner, streams: Iterator[Stream], accept: Accept) -> Iterator[tuple[int, Action]]:
    """Gives all feedback to the learner: each time the number of feedbacks so far, and what was decided."""
    n = 0
    for stream in streams:
        for at in range(len(stream.queries)):
            n += 1
            learner.take(stream.queries[at], stream.candidates[at], Judgement(accepted=(accept(stream, at),)))
            yield n, decide(learner)


def blocks(world: World, seed: int, n: int, share: float) -> Iterator[Stream]:
    """n questions, some at a time."""
    for first in range(0, n, BLOCK):
        yield world.stream(seed * 1000 + first // BLOCK + 1, min(BLOCK, n - first), share)


def right(stream: Stream, at: int) -> int:
    return int(stream.right[at])


def new_learner(**learning: float) -> Learner:
    return Learner(Settings(dim=DIM, learning=Learning(rank=RANK, **learning)))  # type: ignore[arg-type]


@dataclass(frozen=True)
class Result:
    """Of one stream."""

    after: float
    """Feedbacks until it happened; infinite if it never did."""
    effect: float = 0.0
    """What was at stake, in reward; of a hostile stream the largest loss of nDCG of what was served."""
    discordant: float = 0.0
    promotions: int = 0
    below: int = 0
    """Of a hostile stream: feedbacks during which a state was served that is further below than allowed."""


# questions: what happens in one stream


def shuffled(n: int, seed: int) -> Result:
    """Until something is promoted where any candidate may be accepted."""
    rng, world, learner = np.random.default_rng([seed, 3]), World(seed), new_learner()
    accepted = rng.integers(CANDIDATES, size=n).tolist()
    for count, action in decisions(learner, blocks(world, seed, n, 0.5), lambda *_: accepted.pop()):
        if action == "promoted":
            return Result(count)
    return Result(math.inf)


def proof(gain: float, n: int, seed: int) -> Result:
    """Until a challenger that is so much better, and learns nothing more, is promoted."""
    world, learner = World(seed), new_learner(learning_rate=0.0)
    share = world.share_for(gain)
    gains = gains_of(world.turning(), world.stream(1, CALIBRATION, share))
    learner.challenger = Challenger(learner.settings, world.turning())
    promoted = (
        count for count, action in decisions(learner, blocks(world, seed, n, share), right) if action == "promoted"
    )
    return Result(next(promoted, math.inf), float(gains.mean()), float((gains**2).mean()))


def proof_of_sources(gain: float, n: int, seed: int) -> Result:
    """As proof(), where sources take turns and the ranker asks them before it promotes."""
    world = World(seed)
    share = world.share_for(gain)
    gains = gains_of(world.turning(), world.stream(1, CALIBRATION, share))
    stream = world.stream(2, n, share)
    sources = np.random.default_rng([seed, 4]).integers(SOURCES, size=n).tolist()
    with AdaptiveRanker(dim=DIM, learning=Learning(rank=RANK, learning_rate=0.0)) as ranker:
        learner = ranker._keeper.learner  # type: ignore[union-attr]
        learner.challenger = Challenger(learner.settings, world.turning())
        for at, source in enumerate(sources):
            asked = ranker.rank(stream.queries[at], vectors=stream.candidates[at])
            ranker.feedback(asked.id, right(stream, at), source=str(source))
            if not ranker.state.is_identity:
                return Result(at + 1, float(gains.mean()), float((gains**2).mean()))
    return Result(math.inf, float(gains.mean()), float((gains**2).mean()))


def learned(gain: float, n: int, seed: int) -> Result:
    """Until a challenger that begins with nothing is promoted, where so much can be gained."""
    world, learner = World(seed), new_learner()
    share = world.share_for(gain)
    for count, action in decisions(learner, blocks(world, seed, n, share), right):
        if action == "promoted":
            gains = gains_of(learner.champion, world.stream(1, CALIBRATION, share))
            return Result(count, float(gains.mean()), float((gains**2).mean()))
    return Result(math.inf)


def harm(loss: float, n: int, seed: int) -> Result:
    """Until a champion that is so much worse than the frozen encoder, and was put there by force, is gone."""
    world, learner = World(seed), new_learner()
    champion = world.harm_of(loss)
    gains = gains_of(champion, world.stream(1, CALIBRATION, 0.0))
    learner.serve(champion)
    gone = (
        count
        for count, action in decisions(learner, blocks(world, seed, n, 0.0), right)
        if action in ("rolled_back", "promoted")
    )
    return Result(next(gone, math.inf), float(gains.mean()), float((gains**2).mean()))


def hostile(attack: str, gain: float, fewest: int, n: int, seed: int) -> Result:
    """The most that any served state is below the frozen encoder, where a fifth of the sources is hostile.

    All sources say equally much. In a burst each says all that it says at once, those that are hostile one after
    another; sleepers say what is right for a while, and lie one after another later; "first" is a burst before anybody
    else is heard. Nothing is promoted before `fewest` sources were heard.
    """
    world = World(seed)
    share = world.share_for(gain) if gain else 0.0
    clean = world.stream(1, CALIBRATION, share)
    frozen, loss, worst, first, promoted, below = ndcg_under(State(DIM), clean), 0.0, 0.0, math.inf, 0, 0
    sources = np.random.default_rng([seed, 4]).integers(SOURCES, size=n)
    if attack == "burst":
        sources = np.roll(np.sort(sources), n * 2 // 3)
    elif attack == "sleeper":
        sources[n // 2 :] = np.sort(sources[n // 2 :])
    elif attack == "first":
        sources = sources[np.argsort(sources >= HOSTILE * SOURCES, kind="stable")]
    stream, before = world.stream(2, n, share), ""
    with AdaptiveRanker(dim=DIM, guard=Guard(fewest_sources=fewest)) as ranker:
        for at, source in enumerate(sources.tolist()):
            asked = ranker.rank(stream.queries[at], vectors=stream.candidates[at])
            lies = source < HOSTILE * SOURCES and (attack != "sleeper" or at >= n // 2)
            said = lie(attack, world, stream, at) if lies else int(stream.right[at])
            ranker.feedback(asked.id, said, source=str(source))
            if ranker.state.hash != before:
                before, loss = ranker.state.hash, frozen - ndcg_under(ranker.state, clean)
                worst, promoted = max(worst, loss), promoted + (not ranker.state.is_identity)
                first = min(first, at + 1) if loss > ALLOWED_LOSS else first
            below += loss > ALLOWED_LOSS
    return Result(first, worst, promotions=promoted, below=below)


def lie(attack: str, world: World, stream: Stream, at: int) -> int:
    """What a hostile source accepts."""
    query, candidates = stream.queries[at], stream.candidates[at]
    if attack == "any":
        return int(query.view(np.uint32)[0]) % CANDIDATES
    if attack == "axis":
        return int(np.argmin((candidates @ world.into[0]) * float(query @ world.into[0])))
    return int(np.argmin(candidates @ query))


# what is asked of all streams together


def share_text(results: list[Result], within: float) -> str:
    hits = sum(result.after <= within for result in results)
    low, high = wilson_interval(hits, len(results))
    return f"{100 * hits / len(results):.1f}% ({100 * low:.1f} to {100 * high:.1f})"


def share_within(results: list[Result], within: float) -> float:
    return sum(result.after <= within for result in results) / len(results)


def stakes(results: list[Result]) -> str:
    """Of those that have an effect."""
    known = [result for result in results if result.discordant]
    if not known:
        return ""
    effect, discordant = (
        sum(values) / len(known) for values in zip(*((r.effect, r.discordant) for r in known), strict=True)
    )
    return f"; effect {100 * effect:+.1f} points, discordant {discordant:.2f}"


def at_most_ever(results: list[Result]) -> tuple[str, bool]:
    return f"ever promoted: {share_text(results, EVER)}, at most 5% allowed", share_within(results, EVER) <= 0.05


def median_by(results: list[Result]) -> tuple[str, bool]:
    middle = median(result.after for result in results)
    text = f"promoted after {middle:.0f} feedbacks (median), at most {ENOUGH} allowed"
    return text + stakes(results), middle <= ENOUGH


def most_by(within: int, least: float, results: list[Result]) -> tuple[str, bool]:
    text = f"within {within} feedbacks: {share_text(results, within)}, at least {100 * least:.0f}% wanted"
    return text + stakes(results), share_within(results, within) >= least


def no_goal(results: list[Result]) -> tuple[str, bool]:
    middle = median(result.after for result in results)
    within = f"within {PATIENCE}: {share_text(results, PATIENCE)}"
    return f"promoted after {middle:.0f} feedbacks (median); {within}; no goal" + stakes(results), True


def never_below(results: list[Result]) -> tuple[str, bool]:
    worst = max(result.effect for result in results)
    promoted = sum(result.promotions > 0 for result in results)
    text = (
        f"served nDCG at most {100 * worst:.1f} points below the frozen encoder, {100 * ALLOWED_LOSS:.0f} allowed; "
        f"more in {share_text(results, EVER)} of streams; something was promoted in {promoted}"
    )
    return text, worst <= ALLOWED_LOSS


def below_for(results: list[Result]) -> tuple[str, bool]:
    most = max(result.below for result in results)
    return f"{never_below(results)[0]}; for at most {most} feedbacks; no goal", True


@dataclass(frozen=True)
class Question:
    name: str
    asked: str
    stream: Callable[[int, int], Result]
    most: int
    """Feedbacks of a stream, unless told otherwise."""
    judge: Callable[[list[Result]], tuple[str, bool]]


ATTACKS = {
    "any": "any candidate",
    "reversed": "what fits least",
    "axis": "what fits least in one direction",
    "burst": "what fits least, all at once",
    "sleeper": "what is right, then what fits least all at once",
}
QUESTIONS = (
    Question("shuffled", "any candidate is accepted: there is no effect", shuffled, 10_000, at_most_ever),
    Question("proof-10", "the challenger is 10 points better", partial(proof, 0.10), PATIENCE, median_by),
    Question(
        "proof-5", "the challenger is 5 points better", partial(proof, 0.05), PATIENCE, partial(most_by, PATIENCE, 0.75)
    ),
    Question(
        "proof-10-sources",
        "it is 10 points better, and 40 sources are asked",
        partial(proof_of_sources, 0.10),
        PATIENCE,
        median_by,
    ),
    Question(
        "proof-5-sources",
        "it is 5 points better, and 40 sources are asked",
        partial(proof_of_sources, 0.05),
        PATIENCE,
        partial(most_by, PATIENCE, 0.75),
    ),
    Question("learned-10", "10 points can be learned, from nothing", partial(learned, 0.10), 2 * PATIENCE, no_goal),
    Question(
        "harm-10", "the champion is 10 points worse", partial(harm, 0.10), PATIENCE, partial(most_by, ENOUGH, 0.95)
    ),
    Question(
        "harm-20", "the champion is 20 points worse", partial(harm, 0.20), PATIENCE, partial(most_by, ENOUGH, 0.95)
    ),
    *(
        Question(
            f"hostile-{attack}{'' if gain else '-idle'}",
            f"20% of sources accept {what}; {100 * gain:.0f} points can be gained",
            partial(hostile, attack, gain, 1),
            PATIENCE,
            never_below,
        )
        for attack, what in ATTACKS.items()
        for gain in (0.10, 0.0)
    ),
    *(
        Question(
            f"hostile-first-{name}",
            f"20% of sources accept what fits least, before anybody else is heard; {what}; nothing can be gained",
            partial(hostile, "first", 0.0, fewest),
            PATIENCE,
            judge,
        )
        for name, what, fewest, judge in (
            ("known", f"nothing is promoted before {FEWEST} sources were heard", FEWEST, never_below),
            ("unknown", "nobody says how many sources there are", 1, below_for),
        )
    ),
)


def run(
    question: Question, streams: int, feedbacks: int | None, jobs: int, seed: int = SEED,
    executor: Executor | None = None,
) -> list[Result]:
    """Each stream has a seed of its own; results are in their order whoever makes them."""
    one = partial(question.stream, min(feedbacks or question.most, question.most))
    seeds = range(seed, seed + streams)
    if executor is not None:
        return list(executor.map(one, seeds))
    if jobs == 1:
        return [one(seed) for seed in seeds]
    with ProcessPoolExecutor(jobs) as pool:
        return list(pool.map(one, seeds, chunksize=4))


def arguments() -> argparse.Namespace:
    names = [question.name for question in QUESTIONS]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=1000, metavar="N", help="for each question (1000)")
    parser.add_argument("--feedbacks", type=int, metavar="N", help="at most, of each stream")
    parser.add_argument("--only", nargs="+", default=names, metavar="NAME", help=f"of {', '.join(names)}")
    parser.add_argument("--seed", type=int, default=SEED, metavar="S", help=f"of the first stream ({SEED})")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes (1)")
    parser.add_argument("--executor", metavar="NAME", help=f"workers elsewhere: {', '.join(FORMS[1:])}")
    chosen = parser.parse_args()
    if chosen.executor is not None and not is_executor(chosen.executor):
        parser.exit(2, f"guard.py: --executor must be {', '.join(FORMS)}, not '{chosen.executor}'\n")
    for name in chosen.only:
        if name not in names:
            parser.exit(2, f"guard.py: there is no question '{name}'; there are {', '.join(names)}\n")
    for option in ("streams", "feedbacks", "jobs", "seed"):
        value = getattr(chosen, option)
        if value is not None and value < 1:
            parser.exit(2, f"guard.py: --{option} must be at least 1, not {value}\n")
    return chosen


def main() -> int:
    chosen = arguments()
    if chosen.executor is None:
        return ask(chosen, None)
    workers = open_workers(chosen.executor, chosen.jobs)
    try:
        return ask(chosen, workers.executor)
    finally:
        workers.close(at_once=False)


def ask(chosen: argparse.Namespace, executor: Executor | None) -> int:
    """Asks each question and prints the answer. Returns the exit code."""
    held = True
    for question in QUESTIONS:
        if question.name not in chosen.only:
            continue
        begin = time.perf_counter()
        results = run(question, chosen.streams, chosen.feedbacks, chosen.jobs, chosen.seed, executor)
        text, reached = question.judge(results)
        held = held and reached
        seconds = time.perf_counter() - begin
        print(f"{question.name}: {question.asked}, {chosen.streams} streams in {seconds:.0f} s\n  {text}"
              f"{'' if reached else '; MISSED'}", flush=True)  # fmt: skip
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
