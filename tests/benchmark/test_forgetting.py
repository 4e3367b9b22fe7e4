"""Backward transfer and forgetting by the papers' definitions, and the smallest run of a blocked stream."""

from collections.abc import Sequence
from fractions import Fraction

import pytest
from experiment_samples import SHORTEST, Listener, Run
from hypothesis import given
from hypothesis import strategies as st
from json_samples import run_blocked
from msgspec import structs
from simulated_samples import SMALL_MODEL, STRONG_MODEL

from ruvllm.benchmark.forgetting import backward_transfer, forgetting
from ruvllm.commands.progress import QuietReporter
from ruvllm.learning.constants import Protocol, Size, changed
from ruvllm.learning.protocols import PROTOCOLS
from ruvllm.learning.training import TrainedRun, train
from ruvllm.learning.training_run import RunPlan
from ruvllm.workloads.simulated import build_simulated_workload

TYPES = ["code_completion", "bug_fix", "refactor", "test_gen"]
VARIANTS = [("heads", True), ("heads", False), ("single", True), ("single", False)]
RECORD_KEYS = [
    *("protocol", "model", "seed", "adapter", "ewc", "types", "before", "rates"),
    *("finalAccuracy", "backwardTransfer", "forgetting", "ewcPenalty"),
]

Matrix = list[list[float]]


def naive_backward_transfer(r: Sequence[Sequence[Fraction]]) -> Fraction:
    """Lopez-Paz & Ranzato 2017, eq. 3: 1 / (T - 1) sum over i = 1 ... T - 1 of R[T, i] - R[i, i]."""
    t = len(r)
    total = Fraction(0)
    for i in range(1, t):
        total += r[t - 1][i - 1] - r[i - 1][i - 1]
    return total / (t - 1)


def naive_forgetting(a: Sequence[Sequence[Fraction]]) -> Fraction:
    """Chaudhry et al. 2018, eq. 3, k = T: 1 / (k - 1) sum over j < k of max over l < k of a[l, j] - a[k, j]."""
    k = len(a)
    total = Fraction(0)
    for j in range(1, k):
        total += max(a[el - 1][j - 1] - a[k - 1][j - 1] for el in range(1, k))
    return total / (k - 1)


matrices = st.integers(2, 6).flatmap(
    lambda t: st.lists(st.lists(st.integers(0, 20), min_size=t, max_size=t), min_size=t, max_size=t)
)


@given(matrices)
def test_both_measures_are_the_papers(twentieths: list[list[int]]) -> None:
    exact = [[Fraction(n, 20) for n in row] for row in twentieths]
    rates = [[n / 20 for n in row] for row in twentieths]
    assert backward_transfer(rates) == pytest.approx(float(naive_backward_transfer(exact)), abs=1e-14)
    assert forgetting(rates) == pytest.approx(float(naive_forgetting(exact)), abs=1e-14)


@pytest.mark.parametrize(
    ("rates", "transfer", "forgotten"),
    [
        # two types: what was learned of the first, less what is left of it; the last column does not count
        ([[0.75, 0.0], [0.25, 1.0]], -0.5, 0.5),
        ([[0.25, 0.5], [0.75, 0.0]], 0.5, -0.5),
        # nothing is forgotten, nothing is gained
        ([[0.5, 0.0, 0.0], [0.5, 0.5, 0.0], [0.5, 0.5, 0.5]], 0.0, 0.0),
        # the first falls by a half, the second rises by a quarter
        ([[1.0, 0.0, 0.0], [0.75, 0.5, 0.0], [0.5, 0.75, 0.25]], -0.125, 0.125),
        # best of the first type after the second stage, of the second one before its own
        ([[0.25, 1.0, 0.0], [0.75, 0.5, 0.0], [0.25, 0.5, 1.0]], 0.0, 0.5),
        ([[0.5, 0, 0, 0], [0.5, 0.5, 0, 0], [0.5, 0.5, 0.5, 0], [0.25, 0.375, 0.5, 0.625]], -0.125, 0.125),
        # nothing at all
        ([[0.0] * 2] * 2, 0.0, 0.0),
        ([[0.0] * 4] * 4, 0.0, 0.0),
    ],
)
def test_worked_by_hand(rates: Matrix, transfer: float, forgotten: float) -> None:
    assert (backward_transfer(rates), forgetting(rates)) == (transfer, forgotten)


@given(matrices)
def test_forgetting_is_at_least_the_backward_transfer_lost(twentieths: list[list[int]]) -> None:
    rates = [[n / 20 for n in row] for row in twentieths]
    assert forgetting(rates) >= -backward_transfer(rates) - 1e-14


@given(st.lists(st.lists(st.integers(0, 20), min_size=2, max_size=2), min_size=2, max_size=2))
def test_of_two_types_one_is_the_other_with_its_sign_changed(twentieths: list[list[int]]) -> None:
    rates = [[n / 20 for n in row] for row in twentieths]
    assert forgetting(rates) == -backward_transfer(rates)


def test_a_single_type_cannot_be_forgotten() -> None:
    for measure in (backward_transfer, forgetting):
        with pytest.raises(ValueError, match="at least 1 value, not 0"):
            measure([[0.5]])


def plain_run(protocol: Protocol, seed: int, *, size: Size = Size(6, 40)) -> TrainedRun:  # noqa: B008 -- frozen
    plan = RunPlan(protocol, size, rank=1, seed=seed, stream="blocked")
    return train(plan, build_simulated_workload(SMALL_MODEL, size.attempts, seed))


@pytest.fixture(scope="module")
def listener() -> Listener:
    return Listener()


@pytest.fixture(scope="module")
def runs(listener: Listener) -> list[Run]:
    return run_blocked(SHORTEST, 1, listener)


def test_each_model_and_seed_has_four_variants(runs: list[Run]) -> None:
    assert [(run["seed"], run["adapter"], run["ewc"]) for run in runs] == [
        (seed, adapter, ewc) for seed in (3, 4) for adapter, ewc in VARIANTS
    ]
    assert {(run["protocol"], run["model"]) for run in runs} == {("v3", "Qwen2.5-Coder-1.5B")}
    assert all(sorted(run) == sorted(RECORD_KEYS) for run in runs)


def test_protocols_come_first_then_models_then_seeds() -> None:
    options = structs.replace(SHORTEST, protocols=("v1", "v2"), models=(STRONG_MODEL, SMALL_MODEL), seeds=(0, 7))
    found = run_blocked(options, 2, QuietReporter())
    assert [(run["protocol"], run["model"], run["seed"], run["adapter"], run["ewc"]) for run in found] == [
        (protocol, model, seed, adapter, ewc)
        for protocol in ("v1", "v2")
        for model in ("Qwen2.5-Coder-7B", "Qwen2.5-Coder-1.5B")
        for seed in (0, 7)
        for adapter, ewc in VARIANTS
    ]


def test_rates_are_a_row_per_stage_and_a_column_per_type(runs: list[Run]) -> None:
    for run in runs:
        assert run["types"] == TYPES
        assert len(run["before"]) == len(run["rates"]) == 4
        assert all(len(row) == 4 and all(0 <= rate <= 1 for rate in row) for row in run["rates"])


def test_the_measures_are_those_of_the_rates(runs: list[Run]) -> None:
    for run in runs:
        exact = [[Fraction(rate) for rate in row] for row in run["rates"]]
        assert run["finalAccuracy"] == pytest.approx(float(sum(exact[-1]) / 4))
        assert run["backwardTransfer"] == pytest.approx(float(naive_backward_transfer(exact)))
        assert run["forgetting"] == pytest.approx(float(naive_forgetting(exact)))


@pytest.mark.parametrize("variant", range(4))
def test_the_numbers_are_those_of_a_plain_run_of_the_changed_protocol(runs: list[Run], variant: int) -> None:
    changes = [
        {"multi_head": True, "ewc.lambda_": 400.0},
        {"multi_head": True, "ewc.lambda_": 0.0},
        {"multi_head": False, "ewc.lambda_": 400.0},
        {"multi_head": False, "ewc.lambda_": 0.0},
    ][variant]
    plain = plain_run(changed(PROTOCOLS["v3"], changes), seed=4)
    found = runs[4 + variant]
    assert found["before"] == [plain.initial.by_type()[kind] for kind in TYPES]
    assert found["rates"] == [[epoch["taskTypeAccuracy"][kind] for kind in TYPES] for epoch in plain.history]
    assert found["ewcPenalty"] == plain.history[-1]["ewcPenalty"]


def test_a_stage_of_several_epochs_counts_with_its_last_one() -> None:
    options = structs.replace(SHORTEST, profile="standard", seeds=(1,))
    found = run_blocked(options, 2, QuietReporter())[0]
    plain = plain_run(PROTOCOLS["v3"], 1, size=Size(8, 60))
    assert len(plain.history) == 8
    ends = [plain.history[number - 1]["taskTypeAccuracy"] for number in (2, 4, 6, 8)]
    assert found["rates"] == [[end[kind] for kind in TYPES] for end in ends]


def test_without_ewc_there_is_no_penalty_and_with_it_there_is(runs: list[Run]) -> None:
    assert [run["ewcPenalty"] for run in runs if not run["ewc"]] == [0.0] * 4
    assert all(run["ewcPenalty"] > 0 for run in runs if run["ewc"])


def test_ewc_changes_nothing_before_the_end_of_the_first_stage_and_something_after_it(runs: list[Run]) -> None:
    for on, off in zip(runs[::2], runs[1::2], strict=True):
        assert (on["adapter"], on["seed"], on["before"]) == (off["adapter"], off["seed"], off["before"])
        assert on["rates"][0] == off["rates"][0]
        assert on["rates"][1:] != off["rates"][1:]


def test_the_type_of_a_stage_is_the_one_that_is_learned(runs: list[Run]) -> None:
    own = [run for run in runs if (run["adapter"], run["ewc"]) == ("heads", False)]
    assert len(own) == 2
    for run in own:
        assert sum(run["rates"][stage][stage] - run["before"][stage] for stage in range(4)) / 4 > 0.1


def test_the_options_stream_makes_no_difference(runs: list[Run]) -> None:
    assert run_blocked(structs.replace(SHORTEST, stream="blocked"), 1, QuietReporter()) == runs


def test_runs_are_reproducible_and_do_not_depend_on_how_many_are_made_at_once(runs: list[Run]) -> None:
    assert run_blocked(SHORTEST, 3, QuietReporter()) == runs


def test_the_reporter_hears_of_every_run_and_epoch(listener: Listener, runs: list[Run]) -> None:
    labels = [
        f"Qwen2.5-Coder-1.5B v3 seed {seed}, {variant}"
        for seed in (3, 4)
        for variant in ("heads, EWC on", "heads, EWC off", "single, EWC on", "single, EWC off")
    ]
    assert listener.started == labels
    assert listener.epochs == {label: [(epoch, 4) for epoch in range(1, 5)] for label in labels}
    for label, run in zip(labels, runs, strict=True):
        end = f"final {run['finalAccuracy']:.1%}, forgetting {run['forgetting']:+.1%}"
        assert listener.finished[label] == f"{label}: {end}"
