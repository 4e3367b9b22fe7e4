"""MicroLoRA and MultiHeadLoRA: values and gradients against float64, steps by the formula, strict arguments."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from ruvllm import ElasticWeightConsolidation, MicroLoRA, MultiHeadLoRA, available_isas, info_nce

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

DIM, RANK, HEADS, WEIGHT, SCALING = 48, 3, 4, 0.5, 1.7
TARGET = np.random.default_rng(1).normal(size=DIM)


def random_floats(seed: int, *shape: int) -> Floats:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def multi_head(**options: Any) -> MultiHeadLoRA:
    """Random parameters everywhere: B = 0, as it starts, would hide half of the mathematics."""
    lora = MultiHeadLoRA(DIM, RANK, HEADS, head_weight=WEIGHT, scaling=SCALING, **options)
    lora.load_parameters(0.2 * random_floats(2, len(lora.parameters)))
    return lora


def single(**options: Any) -> MicroLoRA:
    lora = MicroLoRA(DIM, RANK, scaling=SCALING, **options)
    lora.load_parameters(0.2 * random_floats(3, len(lora.parameters)))
    return lora


def naive_forward(theta: Doubles, h: Doubles, task_type: int | None) -> Doubles:
    """z from all parameters (adapters, A or B, rank, d): the formula in plain float64."""
    adapters = theta.reshape(-1, 2, RANK, DIM)
    a, b = adapters[0] if task_type is None else adapters[0] + WEIGHT * adapters[1 + task_type]
    return h + SCALING * sum((a[r] @ h) * b[r] for r in range(RANK))


def loss(z: Doubles) -> float:
    """Anything smooth that is not linear in z."""
    return float(np.log1p((z - TARGET) @ (z - TARGET)))


def loss_gradient(z: Doubles) -> Doubles:
    difference = z - TARGET
    return 2 * difference / (1 + difference @ difference)


def finite_differences(f: Callable[[Doubles], float], theta: Doubles, step: float = 1e-5) -> Doubles:
    gradient = np.empty_like(theta)
    for i in range(len(theta)):
        up, down = theta.copy(), theta.copy()
        up[i] += step
        down[i] -= step
        gradient[i] = (f(up) - f(down)) / (2 * step)
    return gradient


def assert_close(actual: npt.NDArray[Any], expected: npt.NDArray[Any], relative: float) -> None:
    """Within `relative` of the largest expected value."""
    assert actual.shape == expected.shape
    assert np.abs(actual - expected).max() <= relative * np.abs(expected).max()


H = random_floats(4, DIM)


def test_it_starts_as_the_identity() -> None:
    assert MicroLoRA(DIM, RANK, scaling=5.0).forward(H).tobytes() == H.tobytes()
    assert MultiHeadLoRA(DIM, RANK, HEADS).forward(H, 2).tobytes() == H.tobytes()


def test_a_is_normal_with_variance_one_over_dim_and_heads_start_at_half_the_deviation() -> None:
    dim, rank = 4096, 4  # 16,384 numbers: the deviation is known to about 0.6%
    lora = MultiHeadLoRA(dim, rank, 2, seed=3)
    for adapter, expected in ((0, 1.0), (1, 0.5), (2, 0.5)):
        a, b = lora.lora_matrices(adapter)
        assert a.shape == b.shape == (rank, dim) and not b.any()
        scaled = a.astype(np.float64) * np.sqrt(dim)
        assert abs(scaled.std() / expected - 1) < 0.03
        assert abs(scaled.mean()) < 0.04 * expected
        assert abs(np.mean(np.abs(scaled) < expected) - 0.6827) < 0.02  # the share within one deviation
    assert abs(np.corrcoef(*(lora.lora_matrices(i)[0].ravel() for i in (1, 2)))[0, 1]) < 0.04


def test_the_seed_decides_the_start_and_a_single_adapter_is_the_shared_one() -> None:
    assert MicroLoRA(DIM, RANK, seed=1).parameters.tobytes() == MicroLoRA(DIM, RANK, seed=1).parameters.tobytes()
    assert MicroLoRA(DIM, RANK, seed=1).parameters.tobytes() != MicroLoRA(DIM, RANK, seed=2).parameters.tobytes()
    assert np.array_equal(MultiHeadLoRA(DIM, RANK, HEADS, seed=1).lora_matrices(0)[0], MicroLoRA(DIM, RANK, seed=1).a)


def test_forward_agrees_with_float64() -> None:
    lora = single()
    assert_close(lora.forward(H), naive_forward(lora.parameters.astype(np.float64), H.astype(np.float64), None), 1e-6)
    heads = multi_head()
    theta = heads.parameters.astype(np.float64)
    results = [heads.forward(H, t) for t in range(HEADS)]
    for t, z in enumerate(results):
        assert_close(z, naive_forward(theta, H.astype(np.float64), t), 1e-6)
    assert not np.array_equal(results[0], results[1])


def test_without_heads_every_type_uses_the_shared_adapter() -> None:
    lora, plain = MultiHeadLoRA(DIM, RANK, 0, scaling=SCALING), single()
    lora.load_parameters(plain.parameters)
    assert lora.forward(H, 0).tobytes() == lora.forward(H, 7).tobytes() == plain.forward(H).tobytes()


def test_gradient_agrees_with_finite_differences() -> None:
    lora, h = single(), H.astype(np.float64)
    theta = lora.parameters.astype(np.float64)
    g = loss_gradient(naive_forward(theta, h, None)).astype(np.float32)
    expected = finite_differences(lambda p: loss(naive_forward(p, h, None)), theta)
    assert_close(np.concatenate(lora.gradient(H, g)).ravel(), expected, 1e-4)


@pytest.mark.parametrize("task_type", range(HEADS))
def test_gradient_of_shared_adapter_and_head_agrees_with_finite_differences(task_type: int) -> None:
    lora, h = multi_head(), H.astype(np.float64)
    theta = lora.parameters.astype(np.float64)
    g = loss_gradient(naive_forward(theta, h, task_type)).astype(np.float32)
    expected = finite_differences(lambda p: loss(naive_forward(p, h, task_type)), theta).reshape(1 + HEADS, -1)
    gradient = np.concatenate(lora.gradient(H, g, task_type)).ravel()
    assert_close(gradient, expected[0], 1e-4)
    assert_close(WEIGHT * gradient, expected[1 + task_type], 1e-4)
    assert not np.delete(expected, [0, 1 + task_type], axis=0).any()


def test_a_step_moves_the_shared_adapter_and_one_head_against_the_gradient() -> None:
    lora = multi_head()
    before = lora.parameters.reshape(1 + HEADS, -1)
    g = random_floats(5, DIM)
    gradient = np.concatenate(lora.gradient(H, g, 2)).ravel()
    lora.step(H, g, 2, learning_rate=0.01, momentum=0.0)
    moved = lora.parameters.reshape(1 + HEADS, -1) - before
    assert_close(moved[0], -0.01 * gradient, 1e-4)
    assert_close(moved[3], -0.01 * WEIGHT * gradient, 1e-4)
    assert not moved[[1, 2, 4]].any()


def test_momentum_follows_its_recursion() -> None:
    lora = single()
    theta = lora.parameters.astype(np.float64)
    velocity = np.zeros_like(theta)
    for i in range(6):
        h, g = random_floats(10 + i, DIM), random_floats(20 + i, DIM)
        velocity = 0.8 * velocity + 0.2 * np.concatenate(lora.gradient(h, g)).ravel().astype(np.float64)
        theta -= 0.05 * velocity
        lora.step(h, g, learning_rate=0.05, momentum=0.8)
    assert_close(lora.parameters, theta, 1e-5)


def test_a_step_with_ewc_adds_the_gradient_of_the_penalty() -> None:
    lora = multi_head()
    n = len(lora.parameters)
    ewc = ElasticWeightConsolidation(n, ewc_lambda=40.0, fisher_decay=0.0)
    ewc.add_example(random_floats(6, n))
    ewc.update_fisher()
    ewc.consolidate(random_floats(7, n))
    before, g = lora.parameters.astype(np.float64), random_floats(8, DIM)
    gradient = np.concatenate(lora.gradient(H, g, 1)).ravel()
    pull = 40.0 * ewc.fisher.astype(np.float64) * (before - ewc.reference)
    lora.step(H, g, 1, learning_rate=1e-3, momentum=0.0, ewc=ewc)
    expected = np.zeros((1 + HEADS, len(gradient)))
    expected[0], expected[2] = -1e-3 * gradient, -1e-3 * WEIGHT * gradient
    expected[[0, 2]] -= 1e-3 * pull.reshape(1 + HEADS, -1)[[0, 2]]
    assert_close((lora.parameters - before).reshape(1 + HEADS, -1), expected, 1e-4)


def test_a_penalty_that_is_too_stiff_for_the_rate_ends_at_its_reference() -> None:
    lora, ewc = single(), consolidated(len(single().parameters), ewc_lambda=1e9)
    for _ in range(300):
        lora.step(H, np.zeros_like(H), learning_rate=0.1, momentum=0.9, ewc=ewc)
    assert_close(lora.parameters, ewc.reference.astype(np.float64), 1e-4)


def test_ewc_has_no_say_before_the_first_consolidation() -> None:
    plain, guarded = single(), single()
    ewc = ElasticWeightConsolidation(len(plain.parameters))
    ewc.add_example(random_floats(6, len(plain.parameters)))
    ewc.update_fisher()
    plain.step(H, H, learning_rate=0.1)
    guarded.step(H, H, learning_rate=0.1, ewc=ewc)
    assert plain.parameters.tobytes() == guarded.parameters.tobytes()


def unit_rows(seed: int, n: int) -> Floats:
    rows = random_floats(seed, n, DIM)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def consolidated(n_parameters: int, ewc_lambda: float = 40.0) -> ElasticWeightConsolidation:
    """With a penalty that is felt."""
    ewc = ElasticWeightConsolidation(n_parameters, ewc_lambda=ewc_lambda)
    ewc.add_example(random_floats(6, n_parameters))
    ewc.update_fisher()
    ewc.consolidate(random_floats(7, n_parameters))
    return ewc


@pytest.mark.parametrize("with_ewc", [False, True])
def test_learn_is_forward_loss_and_step_to_the_bit(with_ewc: bool) -> None:
    heads, heads_apart, plain, plain_apart = multi_head(), multi_head(), single(), single()
    start = heads.parameters.tobytes(), plain.parameters.tobytes()
    for i in range(8):
        h, candidates, right, t = unit_rows(100 + i, 1)[0], unit_rows(200 + i, 8), 3 * i % 8, i % HEADS
        options: dict[str, Any] = {"learning_rate": 0.05, "momentum": 0.8}
        ewc = consolidated(len(heads.parameters)) if with_ewc else None
        loss, g = info_nce(heads_apart.forward(h, t), candidates, right, tau=0.1)
        heads_apart.step(h, g, t, ewc=ewc, **options)
        assert heads.learn(h, candidates, right, t, tau=0.1, ewc=ewc, **options) == loss
        assert heads.parameters.tobytes() == heads_apart.parameters.tobytes()
        ewc = consolidated(len(plain.parameters)) if with_ewc else None
        loss, g = info_nce(plain_apart.forward(h), candidates, right, tau=0.1)
        plain_apart.step(h, g, ewc=ewc, **options)
        assert plain.learn(h, candidates, right, tau=0.1, ewc=ewc, **options) == loss
        assert plain.parameters.tobytes() == plain_apart.parameters.tobytes()
    assert start[0] != heads.parameters.tobytes() and start[1] != plain.parameters.tobytes()


def test_learning_makes_the_right_candidate_likelier() -> None:
    lora, h, candidates = single(), unit_rows(1, 1)[0], unit_rows(2, 8)
    losses = [lora.learn(h, candidates, 5, learning_rate=0.01) for _ in range(50)]
    assert losses[0] > 1.0 and losses[-1] < 0.1 * losses[0]


@pytest.mark.parametrize("bad", [H + 1j, H.astype(str), H > 0, "h", None])
def test_learn_refuses_what_is_no_real_number(bad: Any) -> None:
    lora, candidates = single(), unit_rows(2, 8)
    for name, arguments in (("h", (bad, candidates)), ("candidates", (H, bad))):
        with pytest.raises(TypeError, match=f"^{name} must have dtype float32 or numbers that convert to it, not be "):
            lora.learn(*arguments, 0, learning_rate=0.1)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"h": H[:5]}, ValueError, "h must have 48 elements, not 5"),
        ({"h": H[None, :]}, ValueError, "h must have 1 dimension, not 2"),
        ({"candidates": H}, ValueError, "candidates must have 2 dimensions, not 1"),
        ({"candidates": random_floats(1, 8, 5)}, ValueError, "candidates must have 48 columns, not 5"),
        ({"candidates": random_floats(1, 0, DIM)}, ValueError, "right candidate must be below 0, not 7"),
        ({"right": 8}, ValueError, "right candidate must be below 8, not 8"),
        ({"right": -1}, ValueError, "right must be an integer of 0 ... 18446744073709551615, not -1"),
        ({"type": HEADS}, ValueError, "task type must be below 4, not 4"),
        ({"tau": 0.0}, ValueError, "tau must be finite and > 0, not 0"),
        ({"learning_rate": 50.0}, ValueError, r"learning_rate must be 10 or less \(0.001 to 0.1 is usual\), not 50"),
        ({"h": H * np.nan}, ValueError, "h must be finite, not hold -?nan"),
        ({"h": H * np.inf}, ValueError, "h must be finite, not hold -?inf"),
        ({"candidates": 3 * unit_rows(2, 8)}, ValueError, r"candidates must have length 1, .* length 3.* \(row 0\)"),
        ({"candidates": np.vstack([unit_rows(2, 7), H * np.nan])}, ValueError, "candidates must be finite"),
        ({"tau": 1e-300}, ValueError, "a gradient of length 1e12 at most"),
        ({"learning_rate": -1.0}, ValueError, "learning_rate must be finite and >= 0, not -1"),
        ({"momentum": 1.0}, ValueError, "momentum must lie in"),
        ({"ewc": ElasticWeightConsolidation(7)}, ValueError, "ewc must be for 1440 parameters, not 7"),
    ],
)
def test_a_refused_learn_changes_nothing(change: dict[str, Any], error: type[Exception], message: str) -> None:
    lora = multi_head()
    before = lora.parameters.tobytes()
    arguments: dict[str, Any] = {"h": H, "candidates": unit_rows(2, 8), "right": 7, "type": 1, "learning_rate": 0.1}
    with pytest.raises(error, match=message):
        lora.learn(**{**arguments, **change})
    assert lora.parameters.tobytes() == before


def test_accumulated_fisher_is_the_mean_of_squared_gradients() -> None:
    lora = multi_head()
    ewc = ElasticWeightConsolidation(len(lora.parameters), fisher_decay=0.0)
    expected = np.zeros((1 + HEADS, 2 * RANK * DIM))
    for i, task_type in enumerate((0, 2, 2)):
        h, g = random_floats(30 + i, DIM), random_floats(40 + i, DIM)
        squares = np.concatenate(lora.gradient(h, g, task_type)).ravel().astype(np.float64) ** 2 / 3
        expected[0] += squares
        expected[1 + task_type] += WEIGHT**2 * squares
        lora.accumulate_fisher(ewc, h, g, task_type)
    assert not ewc.fisher.any()  # the batch is not folded in yet
    ewc.update_fisher()
    assert_close(ewc.fisher.reshape(1 + HEADS, -1), expected, 1e-5)


def test_a_single_adapter_accumulates_what_add_example_does() -> None:
    lora, g = single(), random_floats(9, DIM)
    direct, by_hand = (ElasticWeightConsolidation(len(lora.parameters)) for _ in range(2))
    lora.accumulate_fisher(direct, H, g)
    by_hand.add_example(np.concatenate(lora.gradient(H, g)).ravel())
    for ewc in (direct, by_hand):
        ewc.update_fisher()
    assert_close(direct.fisher, by_hand.fisher, 1e-6)


def test_steps_find_a_low_rank_map() -> None:
    lora = MicroLoRA(DIM, 1, seed=0)
    direction = random_floats(50, DIM) / np.float32(np.sqrt(DIM))

    def excess(h: Floats) -> Floats:
        """dL/dz of half the squared distance to the map that is to be found."""
        return lora.forward(h) - h - np.float32(2.0) * (direction @ h) * direction

    def error() -> float:
        return float(np.mean([np.sum(excess(h) ** 2) for h in random_floats(51, 20, DIM)]))

    before = error()
    for h in random_floats(52, 1500, DIM):
        lora.step(h, excess(h), learning_rate=0.02, momentum=0.5)
    assert error() < 0.01 * before


def test_equal_bits_on_every_isa() -> None:
    def run(isa: str) -> bytes:
        lora = multi_head(isa=isa)
        results = []
        for i in range(20):
            h, g, t = random_floats(60 + i, DIM), random_floats(90 + i, DIM), i % HEADS
            results += [lora.forward(h, t), *lora.gradient(h, g, t)]
            lora.step(h, g, t, learning_rate=0.01)
            results.append(np.float64(lora.learn(h, unit_rows(i, 8), i % 8, t, learning_rate=0.01)))
        return b"".join(x.tobytes() for x in [*results, lora.parameters])

    assert len({run(isa) for isa in [*available_isas(), "auto"]}) == 1


def test_parameters_are_copies_in_the_order_that_is_loaded() -> None:
    lora = multi_head()
    values = lora.parameters
    values[:] = 0
    assert lora.parameters.any()
    matrices = [m for i in range(1 + HEADS) for m in lora.lora_matrices(i)]
    assert np.array_equal(np.concatenate(matrices).ravel(), lora.parameters)
    plain = single()
    assert np.array_equal(np.concatenate([plain.a, plain.b]).ravel(), plain.parameters)
    twin = MultiHeadLoRA(DIM, RANK, HEADS, seed=9, head_weight=WEIGHT, scaling=SCALING)
    twin.load_parameters(lora.parameters)
    assert twin.forward(H, 3).tobytes() == lora.forward(H, 3).tobytes()


def test_sizes_are_readable() -> None:
    lora = MultiHeadLoRA(DIM, RANK, HEADS, head_weight=0.25, scaling=2.0)
    assert (lora.dim, lora.rank, lora.heads, lora.head_weight, lora.scaling) == (DIM, RANK, HEADS, 0.25, 2.0)
    assert len(lora.parameters) == (1 + HEADS) * 2 * RANK * DIM
    assert (single().dim, single().rank) == (DIM, RANK)


@pytest.mark.parametrize("bad", [H + 1j, H.astype(object), H.astype(str), {}, None])
@pytest.mark.parametrize(
    "call",
    [
        lambda x: single().forward(x),
        lambda x: single().gradient(x, H),
        lambda x: single().gradient(H, x),
        lambda x: single().step(H, x, learning_rate=0.1),
        lambda x: multi_head().forward(x, 0),
        lambda x: multi_head().step(x, H, 0, learning_rate=0.1),
        lambda x: single().load_parameters(x),
    ],
)
def test_other_types_and_layouts_are_refused(call: Callable[[Any], object], bad: Any) -> None:
    with pytest.raises(TypeError):
        call(bad)


def test_options_are_keyword_only() -> None:
    with pytest.raises(TypeError):
        MicroLoRA(DIM, RANK, 1.0)  # type: ignore[misc]
    with pytest.raises(TypeError):
        single().step(H, H, 0.1)  # type: ignore[misc, call-arg]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: MicroLoRA(DIM, 0), ValueError, "1 <= rank <= dim, not rank 0"),
        (lambda: MicroLoRA(4, 5), ValueError, "1 <= rank <= dim, not rank 5 and dim 4"),
        (lambda: MicroLoRA(0, 0), ValueError, "dim must lie in 1 ... 16777216, not 0"),
        (lambda: MicroLoRA(2**32, 2**31), ValueError, "dim must lie in 1 ... 16777216, not 4294967296"),
        (lambda: MultiHeadLoRA(DIM, RANK, 2**16), ValueError, "heads must lie in 0 ... 65535, not 65536"),
        (lambda: MicroLoRA(DIM, RANK, isa="sse2"), ValueError, "not 'sse2'"),
        (lambda: MicroLoRA(DIM, RANK, seed=-1), ValueError, "seed must be an integer of 0"),
        (lambda: single().forward(H[:5]), ValueError, "h must have 48 elements, not 5"),
        (lambda: single().forward(H[None, :]), ValueError, "h must have 1 dimension, not 2"),
        (lambda: single().gradient(H, H[:5]), ValueError, "g must have 48 elements, not 5"),
        (
            lambda: single().step(H, H, learning_rate=-0.1),
            ValueError,
            "learning_rate must be finite and >= 0, not -0.1",
        ),
        (lambda: single().step(H, H, learning_rate=np.nan), ValueError, "learning_rate must be .* not nan"),
        (lambda: single().step(H, H, learning_rate=0.1, momentum=1.0), ValueError, r"momentum must lie in \[0, 1\)"),
        (lambda: single().load_parameters(H), ValueError, "parameters must have 288 elements, not 48"),
        (lambda: multi_head().forward(H, HEADS), ValueError, "task type must be below 4, not 4"),
        (lambda: multi_head().gradient(H, H, 9), ValueError, "task type must be below 4, not 9"),
        (lambda: multi_head().step(H, H, 9, learning_rate=0.1), ValueError, "task type must be below 4, not 9"),
        (lambda: multi_head().lora_matrices(5), IndexError, "adapter must be below 5, not 5"),
        (
            lambda: single().step(H, H, learning_rate=0.1, ewc=ElasticWeightConsolidation(7)),
            ValueError,
            "ewc must be for 288 parameters, not 7",
        ),
        (
            lambda: multi_head().accumulate_fisher(ElasticWeightConsolidation(288), H, H, 0),
            ValueError,
            "ewc must be for 1440 parameters, not 288",
        ),
    ],
)
def test_errors_state_rule_and_value(call: Callable[[], object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_a_refused_step_changes_nothing() -> None:
    lora = multi_head()
    before = lora.parameters
    for task_type, momentum in ((HEADS, 0.9), (0, 1.5)):
        with pytest.raises(ValueError):
            lora.step(H, H, task_type, learning_rate=0.1, momentum=momentum)
    assert lora.parameters.tobytes() == before.tobytes()
