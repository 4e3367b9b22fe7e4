"""The library through Python, arrays in and records out, as an application calls it."""

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
from peers_measure import Row, Section, measure_side_by_side, peer, require_near
from peers_online import DIMS, RANK, RANKED, SHOWN, Problem, by_hand, rank_by_hand, ranking_calls

from ruvllm.online import AdaptiveRanker, Learning, State
from ruvllm.online.judgement import Judgement
from ruvllm.online.learning.learner import Learner
from ruvllm.online.records import Settings
from ruvllm.online.wrappers.retriever import AdaptiveRetriever

ROWS, FOUND, WIDTH = 50_000, 10, 384


def serving(dim: int, state: State) -> AdaptiveRanker:
    """A ranker in memory that serves a state."""
    ranker = AdaptiveRanker(dim=dim)
    ranker._serve(state)
    return ranker


def ranker_row(dim: int, repetitions: int) -> Row:
    problem = Problem(dim)
    state = State(dim, problem.champion.ravel(), RANK)
    ranker, query, rows = serving(dim, state), problem.query, problem.candidates
    calls: dict[str, Callable[[], Any]] = {"ours": lambda: ranker.rank(query, vectors=rows, log=False)}
    calls["numpy"] = ranking_calls(problem)["numpy"]
    order, scores = rank_by_hand(problem, np.float64)
    found = ranker.rank(query, vectors=rows, log=False)
    require_near(f"scores, d={dim}", found.scores, scores, 1e-6)
    require_near(f"scores in this order, d={dim}", scores[np.argsort(order)][list(found.ids)], scores, 1e-6)
    microseconds = {name: 1e6 * s for name, s in measure_side_by_side(calls, repetitions).items()}
    return Row(f"rank {RANKED}, d={dim}", "us per call", microseconds.pop("ours"), microseconds)


def learner_row(dim: int, shown: int, repetitions: int) -> Row:
    problem = Problem(dim)
    learner = Learner(Settings(dim=dim, learning=Learning(directions=0)))
    learner.champion = State(dim, problem.champion.ravel(), RANK)
    said = [Judgement(accepted=(place,)) for place in range(SHOWN)]
    candidates = problem.candidates[:shown].copy()
    calls: dict[str, Callable[[], Any]] = {
        "ours": lambda: learner.take(problem.query, candidates, said[problem.next_right()])
    }
    if shown == SHOWN:
        take = by_hand(problem)[0]
        calls["numpy"] = lambda: take(problem.next_right())
    else:
        calls["numpy"] = lambda: [candidates @ problem.query for _ in range(4)]  # the products alone
    microseconds = {name: 1e6 * s for name, s in measure_side_by_side(calls, repetitions).items()}
    return Row(f"feedback on {shown}, d={dim}", "us per call", microseconds.pop("ours"), microseconds)


def turn_row(dim: int, repetitions: int) -> Row:
    """Ranks 8 candidates, then learns which was accepted; what a library wants of them is made anew, as on a stream."""
    problem, vw = Problem(dim), peer("vowpalwabbit")
    query, shown = problem.query, problem.shown
    learner = Learner(Settings(dim=dim, learning=Learning(directions=0)))
    ranker = serving(dim, State(dim, problem.champion.ravel(), RANK))
    learner.champion = ranker.state

    def ours() -> None:
        ranker.rank(query, vectors=shown, log=False)
        learner.take(query, shown, Judgement(accepted=(problem.next_right(),)))

    calls: dict[str, Callable[[], object]] = {"ours": ours}
    if peer("river") is not None:
        model = peer("river.linear_model").LogisticRegression()

        def with_river() -> None:
            features = [dict(enumerate((query * row).tolist())) for row in shown]
            for each in features:
                model.predict_proba_one(each)
            right = problem.next_right()
            for place, each in enumerate(features):
                model.learn_one(each, place == right)

        calls["river"] = with_river
    if vw is not None:
        workspace = vw.Workspace("--cb_explore_adf --quiet")

        def with_vw() -> None:
            texts = ["|c " + " ".join(f"{i}:{x:.5f}" for i, x in enumerate((query * row).tolist())) for row in shown]
            workspace.predict("\n".join(texts))
            right = problem.next_right()
            texts[right] = "0:-1:0.125 " + texts[right]
            workspace.learn("\n".join(texts))

        calls["vw"] = with_vw
    microseconds = {name: 1e6 * s for name, s in measure_side_by_side(calls, repetitions).items()}
    return Row(f"turn of {SHOWN}, d={dim}", "us per turn", microseconds.pop("ours"), microseconds)


def index_rows(repetitions: int) -> list[Row]:
    faiss, rng = peer("faiss"), np.random.default_rng(0)
    corpus = rng.standard_normal((ROWS, WIDTH), dtype=np.float32)
    corpus /= np.linalg.norm(corpus, axis=1, keepdims=True)
    index = faiss.IndexFlatIP(WIDTH)
    index.add(corpus)
    problem = Problem(WIDTH)
    ranker = serving(WIDTH, State(WIDTH, problem.champion.ravel(), RANK))
    retriever, query, found = AdaptiveRetriever(ranker, index), problem.query, corpus[:FOUND].copy()
    names = list(range(FOUND))
    calls: dict[str, Callable[[], object]] = {
        "adapt": lambda: ranker.state.adapt(query),
        "rank": lambda: ranker.rank(query, vectors=found, ids=names, log=False),
        "vectors": lambda: retriever.index.vectors(np.arange(FOUND)),
        "write": lambda: ranker.rank(query, vectors=found, ids=names),
    }
    seconds = measure_after(lambda: index.search(query[None], FOUND), calls, repetitions)
    us = {name: 1e6 * each for name, each in seconds.items()}
    faiss_alone = {"faiss": us["first"]}
    return [
        Row("adapt the query", "us per call", us["adapt"], faiss_alone),
        Row("and rank what was found", "us per call", us["adapt"] + us["vectors"] + us["rank"], faiss_alone),
        Row("and write it down", "us per call", us["adapt"] + us["vectors"] + us["write"], faiss_alone),
    ]


def measure_after(
    first: Callable[[], object], calls: dict[str, Callable[[], object]], repetitions: int
) -> dict[str, float]:
    """Median seconds of each call right after `first`, which has filled the caches with something else; and of that."""
    seconds: dict[str, list[float]] = {name: [] for name in ("first", *calls)}
    for _ in range(10 * repetitions):
        for name, call in calls.items():
            for each, made in (("first", first), (name, call)):
                begin = time.process_time()
                made()
                seconds[each].append(time.process_time() - begin)
    return {name: median(values) for name, values in seconds.items()}


def sections() -> list[Section]:
    library = (
        "What an application waits for, medians of this run: AdaptiveRanker.rank of 100 vectors (log=False, so without "
        "the database), and Learner.take, which is what feedback() does after the database: outcomes, holdout, three "
        "scores, evidence and a learning step. Goals at d = 384, 1024, 1536: 8, 12, 16 us and 10, 20, 30 us. NumPy has "
        "the same formulas without the guard; beside feedback on 100 it has the four products with the candidates alone"
    )
    stream = (
        "A turn of a stream, features or text made in it: 8 candidates are ranked, then one of them is accepted: "
        "AdaptiveRanker.rank and Learner.take; river's LogisticRegression predicts and learns each of the 8; VW's "
        "contextual bandit predicts and learns. Other models: this compares cost, not quality"
    )
    index = (
        f"Beside a search of faiss's IndexFlatIP over {ROWS:,} x {WIDTH}, the {FOUND} best: what AdaptiveRetriever "
        "adds to it, each measured right after a search, which has filled the caches with the corpus. Adapting the "
        "query is what better results cost. To rank what was found, and to write that down (here in a database in "
        "memory), is what it takes to hear feedback. Ratios are shares of the search; the goal for the first is 0.01"
    )
    return [
        Section(
            "online-ranker", library, ("numpy",),
            lambda n: [
                *(ranker_row(dim, n) for dim in DIMS),
                *(learner_row(dim, shown, n) for shown in (SHOWN, RANKED) for dim in DIMS),
            ],
        ),
        Section(
            "online-turn", stream, ("river", "vowpalwabbit"), lambda n: [turn_row(dim, n) for dim in DIMS],
        ),
        Section("online-index", index, ("faiss",), index_rows),
    ]  # fmt: skip
