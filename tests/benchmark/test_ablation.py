"""Ablation: what a component is, the smallest run of all of them, and when the goal is reached."""

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bench_samples import DOCSTRING
from experiment_samples import SHORTEST, Listener, Run
from hypothesis import given
from hypothesis import strategies as st
from json_samples import make_ablation_document, run_ablation
from msgspec import structs
from scipy import stats
from simulated_samples import SMALL_MODEL, STRONG_MODEL

from ruvllm._core import LearnFrom, ReplayPolicy
from ruvllm.benchmark.ablation.running import tasks_to_goal
from ruvllm.benchmark.plan import Options, make_cell
from ruvllm.benchmark.run import measure_cell, run_cell
from ruvllm.commands.progress import QuietReporter
from ruvllm.evaluation.retrieval import CSLS_SHARES
from ruvllm.evaluation.statistics import student_t_interval
from ruvllm.learning.components import COMPONENTS, Component, components_of, variants_of
from ruvllm.learning.constants import Protocol, Size, changed, constants
from ruvllm.learning.presets import on_code, on_docstrings
from ruvllm.learning.protocols import PROTOCOLS
from ruvllm.learning.training import TrainedRun, train
from ruvllm.learning.training_run import RunPlan
from ruvllm.workloads.code.functions import Corpus, DocumentedFunction
from ruvllm.workloads.code.reading import code_input
from ruvllm.workloads.simulated import build_simulated_workload

# what each component changes in v3: the field, with it and without it
CHANGES: dict[str, dict[str, tuple[Any, Any]]] = {
    "heads": {"multi_head": (True, False)},
    "lora": {"use_lora": (True, False)},
    "contrastive": {
        "learn_from": (LearnFrom.EVERYTHING, LearnFrom.SUCCESSES_AND_CONFIDENT_FAILURES),
        "use_contrastive": (True, False),
    },
    "contrastive-memory": {"use_contrastive": (True, False)},
    "replay": {"replays_per_epoch": (None, 0)},
    "replay-policy": {"replay_policy": (ReplayPolicy.PRIORITIZED, ReplayPolicy.UNIFORM)},
    "ewc": {"ewc.lambda_": (400.0, 0.0)},
    "patterns": {"use_patterns": (True, False)},
    "dda": {"adaptive_difficulty": (True, False)},
    "curriculum": {"curriculum": (True, False)},
    "learning-rate": {"learning_rate": ("meta", "fixed")},
    "temperature": {"final_temperature": (0.25, 1.0)},
    "momentum": {"momentum": (0.9, 0.0)},
    "centring": {"centre": (True, False)},
    "intercept": {"intercept": (0.5, 0.0)},
    "blocks": {"associations.block_size": (256, 0)},
    "episodes": {"associations.episodes.capacity": (4096, 0)},
    "lexical-view": {"lexical.weights": ((0.0, 0.25, 0.5, 1.0, 2.0), (0.0,))},
    "bm25": {"lexical.bm25_weights": ((0.0, 0.02, 0.05, 0.1, 0.2), (0.0,))},
    "crowding": {"crowding_shares": (CSLS_SHARES, (0.0,))},
}
ON_REAL_INPUT = ("centring", "intercept", "blocks", "episodes", "lexical-view", "bm25", "crowding")
ON_SIMULATED_INPUT = [name for name in CHANGES if name not in ON_REAL_INPUT]
DOCSTRINGS = on_docstrings(PROTOCOLS["v3"])  # with what it has on real input only
ON_DOCSTRINGS = ["centring", "blocks", "episodes", "lexical-view", "bm25", "crowding"]
ADDED = ["lora", "replay", "ewc", "patterns", "contrastive-memory", "curriculum"]
WHOLE = changed(
    PROTOCOLS["v3"],
    {
        **{"centre": True, "intercept": 0.5, "crowding_shares": CSLS_SHARES},
        **{"associations.block_size": 256, "associations.episodes.capacity": 4096},
        "lexical.weights": (0.0, 0.25, 0.5, 1.0, 2.0),
        "lexical.bm25_weights": (0.0, 0.02, 0.05, 0.1, 0.2),
    },
)
"""v3 with all that it has on any input."""
V1 = ["lora", "replay", "ewc", "patterns"]
V2 = [*V1[:2], "replay-policy", *V1[2:], "curriculum", "learning-rate", "temperature", "momentum"]

CODE_TASKS = tuple(
    DocumentedFunction(
        f"Count the {w} of group {i}.", f"def f({w}):\n    return {w} + {i} * len({w!r})", f"m{i % 12}.py", w, i
    )
    for i in range(120)
    for w in [f"{'aeiou'[i % 5]}{i}rows"]
)
CORPUS = Corpus(CODE_TASKS, Path("."), n_files=12, n_skipped=0, digest="0" * 64)
WORDS = ("row", "tree", "file", "lock", "node", "page", "word", "gene", "band", "coin")
DRAWN = [random.Random(i).choices(WORDS, k=6) for i in range(240)]
HARD = replace(
    CORPUS,
    functions=tuple(
        DocumentedFunction(
            f"Give the {a} and {b} of a {c}, or a {d}.",
            f"def f({d}, {x}):\n    return {a}[{i % 7}] + {y} * {i % 5}",
            *(f"m{i % 12}.py", f"f{i}", i),
        )
        for i, (a, b, c, d, x, y) in enumerate(DRAWN)
    ),
)
"""Many functions answer as well by their words: what is first is no matter of course."""


def names(components: Sequence[Component]) -> list[str]:
    return [component.name for component in components]


def differences(before: Protocol, after: Protocol) -> dict[str, tuple[Any, Any]]:
    there = dict(constants(after))
    return {name: (value, there[name]) for name, value in constants(before) if value != there[name]}


def plain_run(protocol: Protocol, seed: int) -> TrainedRun:
    """What `ruvllm-bench --profile quick` does for a model of rank 1, without its controls."""
    size = Size(6, 40)
    return train(RunPlan(protocol, size, rank=1, seed=seed), build_simulated_workload(SMALL_MODEL, size.attempts, seed))


def record(runs: Sequence[Run], seed: int, without: str | None) -> Run:
    (found,) = [run for run in runs if (run["seed"], run["without"]) == (seed, without)]
    return found


@pytest.fixture(scope="module")
def listener() -> Listener:
    return Listener()


@pytest.fixture(scope="module")
def runs(listener: Listener) -> list[Run]:
    return run_ablation(SHORTEST, None, 1, listener)


def test_v3_has_the_components_of_its_input() -> None:
    assert names(components_of(DOCSTRINGS)) == ON_DOCSTRINGS
    assert names(components_of(WHOLE)) == names(COMPONENTS) == list(CHANGES)
    assert names(components_of(PROTOCOLS["v3"])) == ON_SIMULATED_INPUT


def test_what_says_how_the_low_rank_adapter_learns_is_no_part_where_it_does_not() -> None:
    without = names(components_of(changed(WHOLE, {"use_lora": False})))
    assert [name for name in CHANGES if name not in without] == [
        *("heads", "lora", "learning-rate", "momentum")
    ]
    nothing_drawn = {"adaptive_difficulty": False, "use_patterns": False, "replays_per_epoch": 0}
    without = names(components_of(changed(WHOLE, nothing_drawn)))
    assert [name for name in CHANGES if name not in without] == [
        *("replay", "replay-policy", "patterns", "dda", "temperature")
    ]


def test_what_real_input_leaves_out_can_be_added_and_nothing_else() -> None:
    added = [each for each in variants_of(DOCSTRINGS, additions=True) if each.added]
    assert [each.name for each in added] == ADDED
    assert all(each.protocol != DOCSTRINGS and each.said for each in added)
    back = {name: value for name, value in constants(PROTOCOLS["v3"])}
    for each in added:
        for name, (before, after) in differences(DOCSTRINGS, each.protocol).items():
            assert before != after == back[name], each.name  # as v3 has it on simulated input
    on_types = [each.name for each in variants_of(on_code(PROTOCOLS["v3"]), additions=True) if each.added]
    assert on_types == ["lora-for-all", "heads", "momentum", *ADDED[1:]]
    assert not any(each.added for each in variants_of(PROTOCOLS["v3"], additions=True))
    assert not any(each.added for each in variants_of(DOCSTRINGS, additions=False))


def test_v1_has_neither_heads_nor_contrast_nor_anything_that_changes_from_epoch_to_epoch() -> None:
    assert names(components_of(PROTOCOLS["v1"])) == V1


def test_v2_has_no_heads_no_contrast_and_no_difficulty_adjustment() -> None:
    assert names(components_of(PROTOCOLS["v2"])) == V2


@pytest.mark.parametrize("component", COMPONENTS, ids=names(COMPONENTS))
def test_a_component_taken_off_changes_its_fields_and_no_others(component: Component) -> None:
    without = component.removed_from(WHOLE)
    assert differences(WHOLE, without) == CHANGES[component.name]
    assert component.removed_from(without) == without
    assert component.said


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=list(PROTOCOLS))
def test_a_protocol_is_another_one_without_a_component_it_has_and_no_two_are_the_same(protocol: Protocol) -> None:
    variants = [protocol, *(component.removed_from(protocol) for component in components_of(protocol))]
    assert all(a != b for i, a in enumerate(variants) for b in variants[:i])


def test_a_protocol_does_not_have_what_was_taken_off_it() -> None:
    for component in components_of(PROTOCOLS["v3"]):
        without = component.removed_from(PROTOCOLS["v3"])
        assert component.name not in names(components_of(without))


def test_each_seed_has_the_full_run_first_then_one_without_each_component(runs: list[Run]) -> None:
    assert [(run["seed"], run["without"]) for run in runs] == [
        (seed, without) for seed in (3, 4) for without in (None, *ON_SIMULATED_INPUT)
    ]
    assert {run["model"] for run in runs} == {"Qwen2.5-Coder-1.5B"}
    fields = {"model", "seed", "without", "resolveRate", "confidence", "ece", "tasksTo90", "reached90"}
    assert all(set(run) == fields for run in runs)


@pytest.mark.parametrize("seed", [3, 4])
@pytest.mark.parametrize(
    ("without", "changes"),
    [
        (None, {}),
        ("ewc", {"ewc.lambda_": 0.0}),
        ("heads", {"multi_head": False}),
        ("learning-rate", {"learning_rate": "fixed"}),
        ("lora", {"use_lora": False}),
    ],
)
def test_the_numbers_are_those_of_a_plain_run_of_the_changed_protocol(
    runs: list[Run], seed: int, without: str | None, changes: dict[str, Any]
) -> None:
    plain = plain_run(changed(PROTOCOLS["v3"], changes), seed)
    found, expected = record(runs, seed, without), plain.final.summary()
    assert found["resolveRate"] == expected["resolveRate"] == plain.history[-1]["test"]["resolveRate"]
    assert (found["confidence"], found["ece"]) == (expected["confidence"], expected["ece"])


def test_every_component_has_a_way_to_the_outcome(runs: list[Run]) -> None:
    for seed in (3, 4):
        assert len({run["confidence"] for run in runs if run["seed"] == seed}) == 1 + len(ON_SIMULATED_INPUT)


@pytest.mark.parametrize("seed", [3, 4])
def test_without_lora_a_run_ends_near_its_start_and_below_the_full_one(runs: list[Run], seed: int) -> None:
    plain = plain_run(PROTOCOLS["v3"], seed)
    without = record(runs, seed, "lora")
    assert abs(without["resolveRate"] - plain.initial.resolve_rate) < 0.08
    assert record(runs, seed, None)["resolveRate"] - without["resolveRate"] > 0.05


def test_runs_are_reproducible_and_do_not_depend_on_how_many_are_made_at_once(runs: list[Run]) -> None:
    assert run_ablation(SHORTEST, None, 3, QuietReporter()) == runs


def test_the_reporter_hears_of_every_run_and_epoch(listener: Listener, runs: list[Run]) -> None:
    labels = [
        f"Qwen2.5-Coder-1.5B v3 seed {seed}, {what}"
        for seed in (3, 4)
        for what in ("full", *(f"without {name}" for name in ON_SIMULATED_INPUT))
    ]
    assert listener.started == labels
    assert listener.epochs == {label: [(epoch, 6) for epoch in range(1, 7)] for label in labels}
    assert listener.finished == {
        label: f"{label}: {run['resolveRate']:.1%} of the test tasks" for label, run in zip(labels, runs, strict=True)
    }


def test_models_follow_one_another() -> None:
    options = Options(protocols=("v1",), profile="quick", models=(STRONG_MODEL, SMALL_MODEL), seeds=(0,))
    found = [(run["model"], run["without"]) for run in run_ablation(options, None, 2, QuietReporter())]
    variants = [None, *V1]
    assert found == [(model, w) for model in ("Qwen2.5-Coder-7B", "Qwen2.5-Coder-1.5B") for w in variants]


def test_a_run_that_gets_to_90_percent_has_the_tasks_at_the_crossing() -> None:
    options = Options(protocols=("v2",), profile="full", models=(STRONG_MODEL,), seeds=(0,))
    full = run_ablation(options, None, 2, QuietReporter())[0]
    plan = RunPlan(PROTOCOLS["v2"], Size(10, 100), rank=4, seed=0)
    plain = train(plan, build_simulated_workload(STRONG_MODEL, 12 * 120, seed=0))
    rates = [plain.initial.resolve_rate, *(epoch["test"]["resolveRate"] for epoch in plain.history)]
    assert full["reached90"] is True
    epoch = next(i for i, rate in enumerate(rates) if rate >= 0.9)
    assert 100 * (epoch - 1) < full["tasksTo90"] <= 100 * epoch
    assert np.interp(full["tasksTo90"] / 100, range(11), rates) == pytest.approx(0.9)


def test_an_ablation_on_code_learns_from_the_corpus_at_its_rank_and_rate() -> None:
    options = Options(protocols=("v1",), profile="quick", models=(SMALL_MODEL,), seeds=(1,), workload="code")
    full = run_ablation(options, code_input(CORPUS, DOCSTRING), 1, QuietReporter())[0]
    plan = RunPlan(PROTOCOLS["v1"], Size(3, 20), rank=16, seed=1)
    plain = train(plan, code_input(CORPUS, DOCSTRING).build(dim=256, seed=1, split="file"))
    assert [full[key] for key in ("resolveRate", "confidence", "ece")] == [
        plain.final.summary()[key] for key in ("resolveRate", "confidence", "ece")
    ]


def test_folds_of_a_seed_are_one_value_of_its_interval() -> None:
    options = Options(protocols=("v1",), profile="quick", models=(SMALL_MODEL,), seeds=(1, 2), folds=3, parts=("lora",))
    runs = run_ablation(options, None, 1, QuietReporter())
    places = [(seed, fold) for seed in (1, 2) for fold in (1, 2, 3)]
    assert [(run["seed"], run["fold"]) for run in runs if run["without"] is None] == places
    rates = {(run["seed"], run["fold"], run["without"]): run["resolveRate"] for run in runs}
    (lora,) = make_ablation_document(runs, options, ["ruvllm-bench", "ablate"])["components"]
    means = [np.mean([rates[seed, fold, "lora"] - rates[seed, fold, None] for fold in (1, 2, 3)]) for seed in (1, 2)]
    found = lora["overall"]["resolveRate"]
    assert found["difference"] == pytest.approx(np.mean(means)) and len(set(rates.values())) > 4
    assert found["ci95"] == pytest.approx(student_t_interval(means))
    assert lora["reached90"]["of"] == 6


def test_on_code_the_ablation_has_what_is_only_there_and_retrieval() -> None:
    options = Options(protocols=("v3",), profile="quick", models=(SMALL_MODEL,), seeds=(1, 2), workload="code")
    runs = run_ablation(options, code_input(CORPUS, DOCSTRING), 2, QuietReporter())
    assert [run["without"] for run in runs] == 2 * [None, *ON_DOCSTRINGS, *ADDED]
    assert [run["without"] for run in runs if run.get("added")] == 2 * ADDED
    document = make_ablation_document(runs, options, ["ruvllm-bench", "ablate"])
    assert [component["name"] for component in document["components"]] == [*ON_DOCSTRINGS, *ADDED]
    assert [component["name"] for component in document["components"] if component.get("added")] == ADDED
    full, plain = (next(run for run in runs if run["without"] == name) for name in (None, "crowding"))
    assert plain["resolveRate"] == full["resolveRate"]  # it is of retrieval only
    plainly = structs.replace(DOCSTRINGS, crowding_shares=(0.0,))
    cell = make_cell(options, plainly, SMALL_MODEL, 1, code_input(CORPUS, DOCSTRING))
    measured = measure_cell(structs.replace(cell, controls=False), cell.build())
    assert plain["recallAt1"] == measured.metrics["hybrid"]["recallAt1"]["learned"]
    assert plain["mrr"] == measured.metrics["hybrid"]["mrr"]["learned"]
    assert plain["frozen"]["recallAt1"] == measured.metrics["retrieval"]["recallAt1"]["frozen"]
    assert document["frozen"]["recallAt1"] == pytest.approx(
        sum(run["frozen"]["recallAt1"] for run in runs if run["without"] is None) / 2
    )
    found = next(component for component in document["components"] if component["name"] == "crowding")
    differences = [
        run["recallAt1"] - whole["recallAt1"]
        for run, whole in zip(
            [r for r in runs if r["without"] == "crowding"], [r for r in runs if r["without"] is None], strict=True
        )
    ]
    assert found["overall"]["recallAt1"]["difference"] == pytest.approx(sum(differences) / 2)


def test_the_ensemble_of_the_full_system_is_that_of_the_run_and_loses_each_kind_of_its_members() -> None:
    options = Options(
        protocols=("v3",), profile="quick", models=(SMALL_MODEL,), seeds=(1, 2), workload="code", parts=("bm25",)
    )
    runs = run_ablation(options, code_input(HARD, DOCSTRING), 2, QuietReporter())
    assert [run["without"] for run in runs] == 2 * [None, "bm25"]
    assert [("ensembles" in run) for run in runs] == 2 * [True, False]
    found = runs[0]["ensembles"]
    kinds = ["learned", "ridge", "back", "ridge-and-back", "room", "words", "vectors"]
    assert list(found) == ["ensemble", *kinds]  # these vectors are n-grams
    cell = make_cell(options, DOCSTRINGS, SMALL_MODEL, 1, code_input(HARD, DOCSTRING))
    answers = run_cell(structs.replace(cell, controls=False), None).answers
    assert found["ensemble"]["mrr"] == pytest.approx(np.mean(answers.ensemble))
    assert found["learned"]["mrr"] == pytest.approx(np.mean(answers.closed_forms["ensembleClosed"]))
    assert len({figures["mrr"] for figures in found.values()}) > 4  # what is taken away was there
    document = make_ablation_document(runs, options, ["ruvllm-bench", "ablate"])
    whole = [run["ensembles"] for run in runs if run["without"] is None]
    assert document["ensemble"]["full"]["mrr"] == pytest.approx(np.mean([each["ensemble"]["mrr"] for each in whole]))
    for kind in document["ensemble"]["kinds"]:
        lost = [each[kind["name"]]["recallAt1"] - each["ensemble"]["recallAt1"] for each in whole]
        interval = stats.t.interval(0.95, 1, loc=np.mean(lost), scale=stats.sem(lost)) if any(lost) else (0.0, 0.0)
        assert kind["recallAt1"]["difference"] == pytest.approx(np.mean(lost))
        assert kind["recallAt1"]["ci95"] == pytest.approx(interval, abs=1e-9)


def test_a_part_that_is_not_there_is_refused_before_anything_runs() -> None:
    with pytest.raises(ValueError, match="there is no part 'lexical-view' to take away or to add; there are heads, "):
        run_ablation(structs.replace(SHORTEST, parts=("lexical-view",)), None, 1, QuietReporter())


def test_without_words_an_ablation_takes_none_away() -> None:
    options = Options(
        protocols=("v3",), profile="quick", models=(SMALL_MODEL,), seeds=(1,), workload="code", lexical=False
    )
    found = [run["without"] for run in run_ablation(options, code_input(CORPUS, DOCSTRING), 2, QuietReporter())]
    assert found == [None, *(name for name in (*ON_DOCSTRINGS, *ADDED) if name not in ("lexical-view", "bm25"))]


@pytest.mark.parametrize("protocols", [(), ("v2", "v3")])
def test_an_ablation_is_of_one_protocol(protocols: tuple[str, ...]) -> None:
    with pytest.raises(ValueError):
        run_ablation(structs.replace(SHORTEST, protocols=protocols), None, 1, QuietReporter())


@pytest.mark.parametrize(
    ("rates", "tasks", "reached"),
    [
        ([0.1, 0.2, 0.3], 80.0, False),  # never: all tasks
        ([0.1, 0.2, 0.89999], 80.0, False),
        ([0.3], 0.0, False),
        ([0.9, 0.1, 0.2], 0.0, True),  # at the start
        ([0.95, 1.0, 1.0], 0.0, True),
        ([0.5, 0.75, 0.9], 80.0, True),  # exactly at an epoch, here the last one
        ([0.0, 0.9, 1.0], 40.0, True),
        ([0.8, 1.0, 1.0], 20.0, True),  # between epochs
        ([0.5, 0.7, 0.95], 72.0, True),
        ([0.8, 1.0, 0.5, 0.8, 1.0], 20.0, True),  # the first crossing counts although it falls later
        ([0.7, 0.6, 1.0], 70.0, True),  # from the epoch before, not from the start
    ],
)
def test_tasks_until_the_goal(rates: list[float], tasks: float, reached: bool) -> None:
    found = tasks_to_goal(rates, 40)
    assert found == (pytest.approx(tasks), reached)


def test_another_goal() -> None:
    assert tasks_to_goal([0.25, 0.75, 1.0], 40, goal=0.5) == (20.0, True)
    assert tasks_to_goal([0.25, 0.75, 1.0], 40, goal=1.0) == (80.0, True)


@given(st.lists(st.integers(0, 20), min_size=1, max_size=12), st.integers(1, 150))
def test_the_goal_is_on_the_line_between_epochs_and_no_epoch_before_it_is_there(
    twentieths: list[int], per_epoch: int
) -> None:
    rates = [n / 20 for n in twentieths]
    tasks, reached = tasks_to_goal(rates, per_epoch, goal=0.5)
    assert reached == (max(twentieths) >= 10)
    if not reached:
        assert tasks == (len(rates) - 1) * per_epoch
        return
    epoch = next(i for i, n in enumerate(twentieths) if n >= 10)
    assert tasks == 0 if epoch == 0 else (epoch - 1) * per_epoch < tasks <= epoch * per_epoch
    line = np.interp(tasks, [i * per_epoch for i in range(len(rates))], rates)
    assert line == pytest.approx(0.5) or (epoch == 0 and tasks == 0)
