"""One LoRA learning step at batch 1 beside hand-written NumPy and PyTorch's autograd."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from peers_measure import Row, Section, measure_side_by_side, peer, require_near

from ruvllm import MicroLoRA

CANDIDATES = 8
TAU, LEARNING_RATE, MOMENTUM = 0.07, 0.05, 0.9
CHECKED_STEPS = 3

Array = npt.NDArray[Any]


class Problem:
    """A query (d,), candidates (8, d) of length 1, and parameters to start from: A's rows before B's, (2 r, d)."""

    def __init__(self, dim: int, rank: int) -> None:
        generator = np.random.default_rng(dim + rank)
        rows = generator.normal(size=(1 + CANDIDATES + 2 * rank, dim))
        rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
        self.dim, self.rank = dim, rank
        self.h, self.candidates, self.start = rows[0], rows[1 : 1 + CANDIDATES], rows[1 + CANDIDATES :]
        self.steps = 0

    def next_right(self) -> int:
        """Each candidate in turn, so that the adapter never ends up certain and steps stay alike."""
        self.steps += 1
        return self.steps % CANDIDATES


Step = Callable[[int], float]  # of the right candidate's number; returns the loss before the step
Learner = tuple[Step, Callable[[], Array]]  # the step, and a look at the parameters (2 r, d)


def ours(problem: Problem) -> Learner:
    lora = MicroLoRA(problem.dim, problem.rank)
    lora.load_parameters(problem.start.ravel())
    h, candidates = problem.h, problem.candidates

    def step(right: int) -> float:
        return lora.learn(h, candidates, right, tau=TAU, learning_rate=LEARNING_RATE, momentum=MOMENTUM)

    return step, lambda: lora.parameters.reshape(2 * problem.rank, problem.dim)


def by_hand(problem: Problem, dtype: type[np.floating[Any]] = np.float32) -> Learner:
    """NumPy with the formulas as one writes them down; in float64 the naive twin."""
    h, s, r = problem.h.astype(dtype), problem.candidates.astype(dtype), problem.rank
    a, b = problem.start[:r].astype(dtype), problem.start[r:].astype(dtype)
    velocity_a, velocity_b = np.zeros_like(a), np.zeros_like(b)

    def step(right: int) -> float:
        nonlocal velocity_a, velocity_b
        u = a @ h
        z = h + u @ b
        norm = np.linalg.norm(z)
        logits = s @ z / (norm * TAU)
        p = np.exp(logits - logits.max())
        p /= p.sum()
        loss = -float(np.log(p[right]))
        p[right] -= 1
        v, unit = p @ s, z / norm
        g = (v - unit * (unit @ v)) / (norm * TAU)
        velocity_a = MOMENTUM * velocity_a + (1 - MOMENTUM) * np.outer(b @ g, h)
        velocity_b = MOMENTUM * velocity_b + (1 - MOMENTUM) * np.outer(u, g)
        np.subtract(a, LEARNING_RATE * velocity_a, out=a)
        np.subtract(b, LEARNING_RATE * velocity_b, out=b)
        return loss

    return step, lambda: np.concatenate([a, b])


def tuned_by_hand(problem: Problem) -> Learner:
    """The same in as few passes as NumPy allows, with every large array kept from step to step."""
    h, s, r = problem.h, problem.candidates, problem.rank
    dtype = np.float32
    theta = problem.start.copy()
    a, b = theta[:r], theta[r:]
    velocity, gradient = np.zeros_like(theta), np.empty_like(theta)

    def step(right: int) -> float:
        u = a @ h
        z = h + u @ b
        norm = np.sqrt(z @ z)
        p = s @ z
        p /= norm * dtype(TAU)
        p -= p.max()
        np.exp(p, out=p)
        p /= p.sum()
        loss = -float(np.log(p[right]))
        p[right] -= 1
        g = p @ s
        g -= z * (g @ z / (norm * norm))
        g /= dtype(TAU) * norm
        np.multiply.outer(b @ g, h, out=gradient[:r])
        np.multiply.outer(u, g, out=gradient[r:])
        np.multiply(gradient, dtype(1 - MOMENTUM), out=gradient)
        np.multiply(velocity, dtype(MOMENTUM), out=velocity)
        np.add(velocity, gradient, out=velocity)
        np.multiply(velocity, dtype(LEARNING_RATE), out=gradient)
        np.subtract(theta, gradient, out=theta)
        return loss

    return step, lambda: theta


def with_torch(torch: Any, problem: Problem) -> Learner:
    h, s = torch.from_numpy(problem.h), torch.from_numpy(problem.candidates)
    r = problem.rank
    a, b = (torch.from_numpy(rows.copy()).requires_grad_() for rows in (problem.start[:r], problem.start[r:]))
    optimizer = torch.optim.SGD([a, b], lr=LEARNING_RATE, momentum=MOMENTUM, dampening=MOMENTUM)
    for parameter in (a, b):  # else the first step would skip the dampening
        optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
    targets = [torch.tensor(right) for right in range(CANDIDATES)]

    def step(right: int) -> float:
        optimizer.zero_grad(set_to_none=False)
        z = h + (a @ h) @ b
        loss = torch.nn.functional.cross_entropy((s @ z) / (z.norm() * TAU), targets[right])
        loss.backward()
        optimizer.step()
        return float(loss.detach())

    return step, lambda: np.concatenate([a.detach().numpy(), b.detach().numpy()])


def check(label: str, learner: Learner, twin: Learner) -> None:
    """Losses and parameters of the first steps; that PyTorch passes says that the written-out gradient is right."""
    for right in range(CHECKED_STEPS):
        require_near(f"loss, {label}", learner[0](right), twin[0](right), 1e-5)
    require_near(f"parameters, {label}", learner[1](), twin[1](), 1e-6)


def call_of(step: Step, problem: Problem) -> Callable[[], object]:
    return lambda: step(problem.next_right())


def row(dim: int, rank: int, repetitions: int) -> Row:
    problem = Problem(dim, rank)
    makers: dict[str, Callable[[], Learner]] = {
        "ours": lambda: ours(problem),
        "numpy": lambda: by_hand(problem),
        "numpy, tuned": lambda: tuned_by_hand(problem),
    }
    torch = peer("torch")
    if torch is not None:
        makers["torch"] = lambda: with_torch(torch, problem)
    calls: dict[str, Callable[[], object]] = {}
    for name, make in makers.items():
        check(f"{name}, r={rank}, d={dim}", make(), by_hand(problem, np.float64))
        calls[name] = call_of(make()[0], problem)
    microseconds = {name: 1e6 * s for name, s in measure_side_by_side(calls, repetitions).items()}
    return Row(f"r={rank}, d={dim}", "us per step", microseconds.pop("ours"), microseconds)


def rows(repetitions: int) -> list[Row]:
    return [row(dim, rank, repetitions) for dim in (1536, 4096) for rank in (1, 2, 4)]


def sections() -> list[Section]:
    compared = (
        "One learning step of an adapter on one query: forward, InfoNCE over 8 candidates, gradient, momentum. "
        "NumPy has the gradient written out, once plainly and once with all arrays kept; PyTorch uses autograd and SGD"
    )
    return [Section("lora", compared, ("numpy", "torch"), rows)]
