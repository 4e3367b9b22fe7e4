"""The running average of squared gradients beside NumPy and PyTorch."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from peers_measure import Row, Section, measure_side_by_side, peer, require_near

from ruvllm._core import ema_of_squares

N = 1_000_000
DECAY, WEIGHT = 0.92, 0.08

Update = Callable[[npt.NDArray[np.float32], npt.NDArray[np.float32]], Callable[[], object]]  # of x and f, in place


def ours(x: npt.NDArray[np.float32], f: npt.NDArray[np.float32]) -> Callable[[], object]:
    return lambda: ema_of_squares(DECAY, WEIGHT, x, f)


def with_numpy(x: npt.NDArray[np.float32], f: npt.NDArray[np.float32]) -> Callable[[], object]:
    square = np.empty_like(x)  # kept: a new array in each call would cost more than the arithmetic
    decay, weight = np.float32(DECAY), np.float32(WEIGHT)

    def update() -> None:
        np.multiply(x, x, out=square)
        np.multiply(square, weight, out=square)
        np.multiply(f, decay, out=f)
        np.add(f, square, out=f)

    return update


def with_torch(x: npt.NDArray[np.float32], f: npt.NDArray[np.float32]) -> Callable[[], object]:
    torch = peer("torch")
    gradient, fisher = torch.from_numpy(x), torch.from_numpy(f)
    return lambda: fisher.mul_(DECAY).addcmul_(gradient, gradient, value=WEIGHT)


def rows(repetitions: int) -> list[Row]:
    generator = np.random.default_rng(0)
    x, start = (generator.normal(size=N).astype(np.float32) for _ in range(2))
    start = start * start
    expected = DECAY * start.astype(np.float64) + WEIGHT * x.astype(np.float64) ** 2
    updates: dict[str, Update] = {"ours": ours, "numpy": with_numpy}
    if peer("torch") is not None:
        updates["torch"] = with_torch
    calls: dict[str, Callable[[], object]] = {}
    for name, make in updates.items():
        f = start.copy()
        calls[name] = make(x.copy(), f)
        calls[name]()
        require_near(f"Fisher EMA, {name}", f, expected, 4e-7 * float(expected.max()))
    microseconds = {name: 1e6 * s for name, s in measure_side_by_side(calls, repetitions).items()}
    return [Row(f"n={N}", "us per update", microseconds.pop("ours"), microseconds)]


def sections() -> list[Section]:
    compared = (
        "f = 0.92 f + 0.08 x^2 in place on 10^6 float32, 12 MB read or written. What plain C++ makes of the same loop: "
        "bench_fisher"
    )
    return [Section("fisher", compared, ("numpy", "torch"), rows)]
