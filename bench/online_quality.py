"""Does a ranking get better from use on a real encoder? Simulated users, real pairs of a query and what answers it.

    python bench/online_quality.py code --encoder sentence-transformers:MODEL
    python bench/online_quality.py jsonl:../shared/data/codesearch-dev.jsonl --encoder python:FILE.py:FUNCTION --rank 16

Each query comes once, in an order drawn from the seed. The ranker shows the 10 best of all documents, and the user
accepts the right one if it is among them; else there is no feedback. A ranking is measured before anything is learned
from it, by nDCG@10 over all documents, beside the frozen encoder: what the guard serves, its challenger alone, ridge
regression fitted on the same accepted pairs again and again, and what the guard serves after feedback drawn at random
from what was shown. Intervals are 95% confidence sequences of one stream's mean gain: they hold at every look.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ruvllm.encoders.registry import make_encoder
from ruvllm.evaluation.sequential import RunningMean
from ruvllm.online import AdaptiveRanker, Learning
from ruvllm.workloads.inputs import read_input

SHOWN, SOURCES = 10, 50
PENALTY, REFIT_GROWTH = 10.0, 1.1
"""As `ruvllm.online.evaluate` has them: ten queries' worth of identity; growth after which it is fitted anew."""
METHODS = ("guarded", "challenger", "ridge", "shuffled")

Rows = npt.NDArray[np.float32]
Accept = Callable[[tuple[int, ...], int], int | None]  # what was shown, what is right: what is accepted


def unit(rows: npt.NDArray[np.floating]) -> Rows:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-30), dtype=np.float32)


def ndcg(scores: Rows, right: int) -> float:
    """Of one right document, at 10. Equal scores share the worst rank."""
    rank = int(np.count_nonzero(scores >= scores[right]))
    return 1 / math.log2(1 + rank) if rank <= SHOWN else 0.0


@dataclass
class Pairs:
    """Queries (n, d), documents (m, d), of length 1, and which document is right for each query."""

    queries: Rows
    documents: Rows
    right: list[int]


@dataclass
class Ridge:
    """q -> q + q Q' (Q Q' + penalty I)^-1 (S - Q) over the accepted pairs so far."""

    dim: int
    known: int = 0
    fitted: int = 0
    parts: list[npt.NDArray[np.float64]] = field(default_factory=list)
    map: npt.NDArray[np.float64] | None = None

    def learn(self, query: Rows, document: Rows) -> None:
        q, s = query.astype(np.float64), document.astype(np.float64)
        self.parts = self.parts or [PENALTY * np.eye(self.dim), np.zeros((self.dim, self.dim))]
        self.parts[0] += np.outer(q, q)
        self.parts[1] += np.outer(q, s - q)
        self.known += 1
        if self.known >= max(2, self.fitted * REFIT_GROWTH):
            self.map, self.fitted = np.linalg.solve(*self.parts), self.known

    def adapt(self, query: Rows) -> Rows:
        return query if self.map is None else np.asarray(query + query @ self.map, dtype=np.float32)


def stream(
    pairs: Pairs, order: npt.NDArray[np.int64], learning: Learning, accept: Accept, gains: dict[str, RunningMean],
    guarded: str,
) -> Iterator[int]:  # fmt: skip
    """Ranks each query before anything is learned from it; yields how many were promoted so far."""
    ranker, ridge = AdaptiveRanker(dim=pairs.documents.shape[1], learning=learning), Ridge(pairs.documents.shape[1])
    for turn, place in enumerate(order.tolist()):
        query, right = pairs.queries[place], pairs.right[place]
        frozen = ndcg(pairs.documents @ query, right)
        learner = ranker._keeper.learner  # type: ignore[union-attr]
        adapted = {guarded: ranker.state.adapt(query)}
        if guarded == "guarded":
            adapted |= {"challenger": learner.challenger.adapt(query), "ridge": ridge.adapt(query)}
        for name, vector in adapted.items():
            gains[name].add(ndcg(pairs.documents @ vector, right) - frozen)
        ranking = ranker.rank(query, vectors=pairs.documents, top=SHOWN)
        accepted = accept(tuple(map(int, ranking.ids)), right)
        if accepted is not None:
            ranker.feedback(ranking.id, accepted=accepted, source=f"user {turn % SOURCES}")
            ridge.learn(query, pairs.documents[accepted])
        yield sum(decision.action == "promoted" for decision in ranker.history())


def one_seed(pairs: Pairs, seed: int, n: int, learning: Learning) -> tuple[dict[str, RunningMean], list[int]]:
    """Gains of all methods over one order, and after how many queries something was promoted."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(pairs.right))[:n]
    gains = {name: RunningMean() for name in METHODS}
    promotions: list[int] = []

    def chosen(shown: tuple[int, ...], right: int) -> int | None:
        return right if right in shown else None

    def drawn(shown: tuple[int, ...], right: int) -> int | None:
        return int(rng.choice(shown)) if right in shown else None

    for turn, count in enumerate(stream(pairs, order, learning, chosen, gains, "guarded"), start=1):
        if count > len(promotions):
            promotions.append(turn)
    for _ in stream(pairs, order, learning, drawn, gains, "shuffled"):
        pass
    return gains, promotions


def read_pairs(workload: str, encoder: str) -> Pairs:
    made = make_encoder(encoder)
    kind = "docstring" if workload.split(":")[0] == "code" else None
    tasks = read_input(workload, **({"kind": kind} if kind else {}), encoder=None).tasks
    places = {text: place for place, text in enumerate(dict.fromkeys(task.solution for task in tasks))}
    queries, documents = made.encode([task.prompt for task in tasks]), made.encode(list(places))
    return Pairs(unit(queries), unit(documents), [places[task.solution] for task in tasks])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workload", nargs="?", default="code", help="code[:PATH] (docstrings) or jsonl:FILE")
    parser.add_argument("--encoder", help="as ruvllm-bench takes it; its vectors are cached")
    parser.add_argument("--seeds", type=int, default=5, help="orders 0, 1, ...")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--queries", type=int, default=10**9)
    parser.add_argument("--rank", type=int, default=Learning().rank)
    parser.add_argument("--scaling", type=float, default=Learning().scaling)
    options = parser.parse_args()
    if options.encoder is None:
        print("skipped: this asks for a real encoder, --encoder sentence-transformers:MODEL or python:FILE.py:FUNCTION")
        return 0
    pairs = read_pairs(options.workload, options.encoder)
    learning = Learning(rank=options.rank, scaling=options.scaling)
    frozen = statistics.fmean(ndcg(pairs.documents @ q, r) for q, r in zip(pairs.queries, pairs.right, strict=True))
    print(f"{len(pairs.right)} queries, {len(pairs.documents)} documents: nDCG@10 of the frozen encoder {frozen:.3f}")
    means: dict[str, list[float]] = {name: [] for name in METHODS}
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        gains, promotions = one_seed(pairs, seed, options.queries, learning)
        for name, gain in gains.items():
            low, high = gain.interval
            note = f", promoted after {', '.join(map(str, promotions)) or 'nothing'}" if name == "guarded" else ""
            row = f"seed {seed} {name:10s} {gain.mean:+.4f} ({low:+.4f} to {high:+.4f}, {gain.n} queries){note}"
            print(row, flush=True)
            means[name].append(gain.mean)
    print(f"mean of {options.seeds} seeds, over the frozen encoder: "
          + ", ".join(f"{name} {statistics.fmean(values):+.4f}" for name, values in means.items()))  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
