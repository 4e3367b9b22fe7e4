"""Ranking with what is served, and one feedback scored under three states: beside NumPy, PyTorch, river and VW."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from peers_measure import Row, Section, measure_side_by_side, peer, require_near

from ruvllm._core import FeedbackAdapter, PublishedAdapter
from ruvllm.online import Learning

DIMS = (384, 1024, 1536)
RANKED, SHOWN, RANK = 100, 8, Learning().rank
TAU, LEARNING_RATE, MOMENTUM, CLIP, LARGEST_CHANGE = 0.07, 0.01, 0.9, 5.0, 0.5
CHECKED_STEPS = 12

Array = npt.NDArray[Any]
Rewards = tuple[float, ...]
Feedback = Callable[[int], Rewards]  # of the accepted candidate's number; returns the rewards of the three states
Learner = tuple[Feedback, Callable[[], Array]]  # the call, and a look at the parameters (2 r, d)


def unit(rows: Array) -> Array:
    return np.asarray(rows / np.linalg.norm(rows, axis=-1, keepdims=True), dtype=np.float32)


class Problem:
    """A query (d,), candidates (100, d) of length 1, and the parameters (2 r, d) of champion and challenger."""

    def __init__(self, dim: int) -> None:
        generator = np.random.default_rng(dim)
        self.dim = dim
        self.query = unit(generator.normal(size=dim))
        self.candidates = unit(generator.normal(size=(RANKED, dim)))
        self.shown = self.candidates[:SHOWN].copy()
        self.champion, self.challenger = (0.5 * unit(generator.normal(size=(2 * RANK, dim))) for _ in range(2))
        self.outcomes = np.eye(SHOWN, dtype=np.int8)
        self.turn = 0

    def next_right(self) -> int:
        """Each candidate in turn, so that steps stay alike."""
        self.turn += 1
        return self.turn % SHOWN


def published(problem: Problem) -> PublishedAdapter:
    served = PublishedAdapter(problem.dim)
    served.publish(problem.champion.ravel(), "champion")
    return served


# ranking


def adapted(query: Array, parameters: Array) -> Array:
    return np.asarray(query + (parameters[:RANK] @ query) @ parameters[RANK:])


def cosines(query: Array, rows: Array) -> Array:
    return np.asarray(rows @ query / (np.linalg.norm(rows, axis=1) * np.linalg.norm(query)))


def rank_by_hand(problem: Problem, dtype: type[np.floating[Any]] = np.float32) -> tuple[Array, Array]:
    query, rows, parameters = (x.astype(dtype) for x in (problem.query, problem.candidates, problem.champion))
    scores = cosines(adapted(query, parameters), rows)
    order = np.argsort(-scores, kind="stable")
    return order, scores[order]


def ranking_calls(problem: Problem) -> dict[str, Callable[[], Any]]:
    served, query, rows, parameters = published(problem), problem.query, problem.candidates, problem.champion
    calls: dict[str, Callable[[], Any]] = {"ours": lambda: served.rank(query, rows)}

    def by_hand() -> tuple[Array, Array]:
        scores = cosines(adapted(query, parameters), rows)
        order = np.argsort(-scores, kind="stable")
        return order, scores[order]

    calls["numpy"] = by_hand
    torch = peer("torch")
    if torch is not None:
        q, s, p = (torch.from_numpy(x) for x in (query, rows, parameters))

        def with_torch() -> Any:
            with torch.inference_mode():
                z = q + (p[:RANK] @ q) @ p[RANK:]
                return torch.sort(torch.nn.functional.cosine_similarity(s, z[None]), descending=True, stable=True)[::-1]

        calls["torch"] = with_torch
    return calls


def ranking_row(dim: int, repetitions: int) -> Row:
    problem = Problem(dim)
    order, scores = rank_by_hand(problem, np.float64)
    calls = ranking_calls(problem)
    for name, call in calls.items():
        found = call()
        require_near(f"scores, {name}, d={dim}", found[1], scores, 1e-6)
        require_near(
            f"scores in {name}'s order, d={dim}", scores[np.argsort(order)][np.asarray(found[0])], scores, 1e-6
        )
    microseconds = {name: 1e6 * s for name, s in measure_side_by_side(calls, repetitions).items()}
    return Row(f"rank {RANKED}, d={dim}", "us per call", microseconds.pop("ours"), microseconds)


# feedback


def ours(problem: Problem) -> Learner:
    challenger = FeedbackAdapter(
        problem.dim, RANK, learning_rate=LEARNING_RATE, momentum=MOMENTUM, tau=TAU, clip=CLIP,
        largest_change=LARGEST_CHANGE,
    )  # fmt: skip
    challenger.load_parameters(problem.challenger.ravel())
    champion, query, shown, outcomes = published(problem), problem.query, problem.shown, list(problem.outcomes)

    def take(right: int) -> Rewards:
        return challenger.take(query, shown, outcomes[right], champion=champion)[0]

    return take, lambda: challenger.parameters.reshape(2 * RANK, problem.dim)


def reward(scores: Array, right: int) -> float:
    return float(1 / np.count_nonzero(scores >= scores[right]))


def by_hand(problem: Problem, dtype: type[np.floating[Any]] = np.float32) -> Learner:
    """NumPy with the formulas as one writes them down; in float64 the naive twin."""
    h, s, champion, theta = (
        x.astype(dtype) for x in (problem.query, problem.shown, problem.champion, problem.challenger)
    )
    velocity = np.zeros_like(theta)

    def step(right: int, u: Array, z: Array) -> None:
        nonlocal velocity
        a, b, norm = theta[:RANK], theta[RANK:], np.linalg.norm(z)
        p = np.exp((logits := s @ z / (norm * TAU)) - logits.max())
        p /= p.sum()
        p[right] -= 1
        v, towards = p @ s, z / norm
        g = (v - towards * (towards @ v)) / (norm * TAU)
        gradient = np.concatenate([np.outer(b @ g, h), np.outer(u, g)])
        gradient *= min(1, CLIP / np.linalg.norm(gradient))
        velocity = MOMENTUM * velocity + (1 - MOMENTUM) * gradient
        np.subtract(theta, LEARNING_RATE * velocity, out=theta)
        after = a @ h
        change = after @ b
        excess = np.linalg.norm(change) / (LARGEST_CHANGE * np.linalg.norm(h))
        if excess > 1:
            b -= np.outer(after, change) * (1 - 1 / excess) / (after @ after)

    def take(right: int) -> Rewards:
        u = theta[:RANK] @ h
        z = h + u @ theta[RANK:]
        found = tuple(reward(cosines(query, s), right) for query in (h, adapted(h, champion), z))
        step(right, u, z)
        return found

    return take, lambda: theta


def with_torch(torch: Any, problem: Problem) -> Learner:
    """Autograd, and SGD with the gradient clipped; without the bound on the change."""
    h, s, champion = (torch.from_numpy(x) for x in (problem.query, problem.shown, problem.champion))
    theta = torch.from_numpy(problem.challenger.copy()).requires_grad_()
    optimizer = torch.optim.SGD([theta], lr=LEARNING_RATE, momentum=MOMENTUM, dampening=MOMENTUM)
    optimizer.state[theta]["momentum_buffer"] = torch.zeros_like(theta)  # else the first step skips the dampening
    targets = [torch.tensor(right) for right in range(SHOWN)]

    def take(right: int) -> Rewards:
        optimizer.zero_grad(set_to_none=False)
        z = h + (theta[:RANK] @ h) @ theta[RANK:]
        scores = (s @ z) / z.norm()
        with torch.no_grad():
            served = h + (champion[:RANK] @ h) @ champion[RANK:]
            all_scores = (s @ h, s @ served, scores)
            found = tuple(1 / int((x >= x[right]).sum()) for x in all_scores)
        torch.nn.functional.cross_entropy(scores / TAU, targets[right]).backward()
        torch.nn.utils.clip_grad_norm_([theta], CLIP)
        optimizer.step()
        return found

    return take, lambda: theta.detach().numpy()


def with_river(problem: Problem) -> Callable[[int], object]:
    """A logistic regression on one candidate; dicts of its product with the query are made beforehand."""
    model = peer("river.linear_model").LogisticRegression()
    features = [dict(enumerate((problem.query * row).tolist())) for row in problem.shown]
    return lambda right: model.learn_one(features[right], True)


def with_vw(vw: Any, problem: Problem) -> Callable[[int], object]:
    """A contextual bandit over the candidates; its text is made beforehand."""
    workspace = vw.Workspace("--cb_explore_adf --quiet")
    rows = [" ".join(f"{i}:{x:.5f}" for i, x in enumerate((problem.query * row).tolist())) for row in problem.shown]
    texts = [
        "\n".join(f"{'0:-1:0.125 ' if j == right else ''}|c {row}" for j, row in enumerate(rows))
        for right in range(SHOWN)
    ]
    return lambda right: workspace.learn(texts[right])


def check(label: str, learner: Learner, twin: Learner) -> None:
    """Rewards and parameters of the first steps; that PyTorch passes says that the written-out gradient is right."""
    for turn in range(CHECKED_STEPS):
        require_near(f"rewards, {label}", learner[0](turn % SHOWN), twin[0](turn % SHOWN), 1e-9)
    require_near(f"parameters, {label}", learner[1](), twin[1](), 1e-6)


def feedback_row(dim: int, repetitions: int) -> Row:
    problem, torch, vw = Problem(dim), peer("torch"), peer("vowpalwabbit")
    makers: dict[str, Callable[[], Learner]] = {"ours": lambda: ours(problem), "numpy": lambda: by_hand(problem)}
    if torch is not None:
        makers["torch"] = lambda: with_torch(torch, problem)
    learners: dict[str, Callable[[int], object]] = {}
    for name, make in makers.items():
        check(f"{name}, d={dim}", make(), by_hand(problem, np.float64))
        learners[name] = make()[0]
    if peer("river") is not None:
        learners["river"] = with_river(problem)
    if vw is not None:
        learners["vw"] = with_vw(vw, problem)
    calls = {name: (lambda take=take: take(problem.next_right())) for name, take in learners.items()}
    microseconds = {name: 1e6 * s for name, s in measure_side_by_side(calls, repetitions).items()}
    return Row(f"feedback on {SHOWN}, d={dim}", "us per call", microseconds.pop("ours"), microseconds)


def sections() -> list[Section]:
    ranking = (
        f"100 candidates in the order of their cosines with the adapted query, rank {RANK}: PublishedAdapter.rank, and "
        "the same in NumPy and PyTorch"
    )
    feedback = (
        "One feedback on 8 candidates: rewards of the frozen encoder, champion and challenger, then a bounded learning "
        "step. FeedbackAdapter.take, the same in NumPy, and with PyTorch's autograd and SGD. river (logistic "
        "regression, one learn_one) and VW (a contextual bandit over the 8, text made beforehand) only learn, and "
        "other models: this compares cost, not quality"
    )
    return [
        Section("online-rank", ranking, ("numpy", "torch"), lambda n: [ranking_row(dim, n) for dim in DIMS]),
        Section(
            "online-feedback", feedback, ("numpy", "torch", "river", "vowpalwabbit"),
            lambda n: [feedback_row(dim, n) for dim in DIMS],
        ),
    ]  # fmt: skip
