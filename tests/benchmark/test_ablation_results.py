"""What an ablation says, against SciPy and by hand: paired differences, their intervals, effects."""

import json
import random
import re
from collections.abc import Sequence
from typing import Any

import pytest
from experiment_samples import SHORTEST, Run, ablated
from json_samples import compare_with_full, make_ablation_document
from msgspec import structs
from scipy import stats

from ruvllm.encoders.models import MODELS
from ruvllm.files.json_writing import to_json
from ruvllm.learning.components import COMPONENTS, Component, components_of
from ruvllm.learning.protocols import PROTOCOLS

EWC = next(component for component in COMPONENTS if component.name == "ewc")
HEADS = COMPONENTS[0]
ON_SIMULATED_INPUT = components_of(PROTOCOLS["v3"])
ALWAYS = ("resolveRate", "tasksTo90", "ece")


def random_runs(components: Sequence[Component], models: str, n_seeds: int) -> list[Run]:
    """Runs of made-up models; what is alike in them is the seed's own level, as in a true paired design."""
    r = random.Random(f"{models} {n_seeds}")
    return [
        ablated(
            without,
            model=model,
            seed=seed,
            resolveRate=0.01 * seed + r.random(),
            tasksTo90=10.0 * seed + r.uniform(0, 1440),
            ece=r.random(),
            reached90=r.random() < 0.5,
        )
        for model in models
        for seed in range(n_seeds)
        for without in (None, *(component.name for component in components))
    ]


def pairs(differences: dict[str, Sequence[float]], component: Component = EWC, model: str = "A") -> list[Run]:
    """Runs of one model whose measures differ so; the full system's are 0."""
    runs = []
    for seed, values in enumerate(zip(*(differences[measure] for measure in ALWAYS), strict=True)):
        runs.append(ablated(model=model, seed=seed, **dict.fromkeys(ALWAYS, 0.0)))
        runs.append(ablated(component.name, model=model, seed=seed, **dict(zip(ALWAYS, values, strict=True))))
    return runs


def effects(**differences: Sequence[float]) -> list[str]:
    n = len(next(iter(differences.values())))
    (record,) = compare_with_full(pairs({m: [0.0] * n for m in ALWAYS} | differences), [EWC])
    found: list[str] = record["effectOn"]
    return found


def over_seeds(runs: Sequence[Run], measure: str, without: str | None, models: str) -> list[float]:
    """One value per seed: the mean over these models."""
    own = [run for run in runs if run["without"] == without and run["model"] in models]
    seeds = dict.fromkeys(run["seed"] for run in own)
    return [sum(run[measure] for run in own if run["seed"] == seed) / len(models) for seed in seeds]


@pytest.mark.parametrize(("models", "n_seeds"), [("A", 2), ("AB", 3), ("ABCDEF", 10), ("AB", 40)])
def test_differences_and_intervals_are_those_of_a_paired_t_test(models: str, n_seeds: int) -> None:
    components = [HEADS, EWC]
    runs = random_runs(components, models, n_seeds)
    records = compare_with_full(runs, components)
    assert [record["name"] for record in records] == ["heads", "ewc"]
    for record in records:
        assert list(record["models"]) == list(models)
        for of_whom, found in [(models, record["overall"]), *record["models"].items()]:
            assert list(found) == ["resolveRate", "tasksTo90", "ece"]
            for measure in ALWAYS:
                without = over_seeds(runs, measure, record["name"], of_whom)
                full = over_seeds(runs, measure, None, of_whom)
                differences = [a - b for a, b in zip(without, full, strict=True)]
                paired = stats.ttest_rel(without, full).confidence_interval(0.95)
                interval = stats.t.interval(
                    0.95, n_seeds - 1, loc=sum(differences) / n_seeds, scale=stats.sem(differences)
                )
                assert found[measure]["difference"] == pytest.approx(sum(differences) / n_seeds, rel=1e-12)
                assert found[measure]["ci95"] == pytest.approx([paired.low, paired.high], rel=1e-7)
                assert found[measure]["ci95"] == pytest.approx(list(interval), rel=1e-7)


def test_an_effect_is_where_scipys_p_value_is_below_5_percent() -> None:
    components = ON_SIMULATED_INPUT
    runs = random_runs(components, "AB", 4)
    count = 0
    for record in compare_with_full(runs, components):
        sure = [
            measure
            for measure in ALWAYS
            if stats.ttest_rel(
                over_seeds(runs, measure, record["name"], "AB"), over_seeds(runs, measure, None, "AB")
            ).pvalue
            < 0.05
        ]
        assert record["effectOn"] == sure
        count += len(sure)
    assert 0 < count < len(components) * len(ALWAYS)  # both kinds were there


def test_the_order_of_the_runs_does_not_matter() -> None:
    runs = random_runs([HEADS, EWC], "AB", 5)
    shuffled = random.Random(1).sample(runs, len(runs))
    assert compare_with_full(shuffled, [HEADS, EWC]) == compare_with_full(runs, [HEADS, EWC])


def test_a_difference_is_without_minus_full() -> None:
    runs = pairs({"resolveRate": [-0.5, -0.5], "tasksTo90": [96.0, 96.0], "ece": [0.25, 0.25]})
    (record,) = compare_with_full(runs, [EWC])
    assert record["overall"] == {
        "resolveRate": {"difference": -0.5, "ci95": [-0.5, -0.5]},
        "tasksTo90": {"difference": 96.0, "ci95": [96.0, 96.0]},
        "ece": {"difference": 0.25, "ci95": [0.25, 0.25]},
    }
    assert (record["name"], record["without"]) == ("ewc", "no penalty")


@pytest.mark.parametrize(
    ("differences", "expected"),
    [
        ({"resolveRate": [0.5, 0.5001]}, ["resolveRate"]),
        ({"resolveRate": [-0.5, -0.5001]}, ["resolveRate"]),  # both signs
        ({"tasksTo90": [300.0, 301.0]}, ["tasksTo90"]),
        ({"ece": [-0.25, -0.2501]}, ["ece"]),
        ({"ece": [0.25, 0.25], "resolveRate": [-0.5, -0.5]}, ["resolveRate", "ece"]),  # in the order of the measures
        ({"resolveRate": [0.5, 0.1]}, []),  # 0.3 +- 2.5
        ({"resolveRate": [-0.5, -0.1]}, []),
        ({"resolveRate": [0.25, -0.25], "ece": [1e-9, -1e-9]}, []),
        ({"resolveRate": [0.0, 0.0]}, []),  # an interval of no width at 0
        ({"resolveRate": [0.0, 0.0, 0.0, 0.0], "tasksTo90": [5.0, 5.0, 5.0, 5.0]}, ["tasksTo90"]),
    ],
)
def test_an_effect_is_where_the_interval_leaves_out_0(
    differences: dict[str, list[float]], expected: list[str]
) -> None:
    assert effects(**differences) == expected


def test_an_effect_is_one_on_all_models_together() -> None:
    zeros = {"tasksTo90": [0.0, 0.0], "ece": [0.0, 0.0]}
    better = pairs({"resolveRate": [0.5, 0.5], **zeros}, model="A")
    worse = pairs({"resolveRate": [-0.5, -0.5], **zeros}, model="B")
    (record,) = compare_with_full([*better, *worse], [EWC])
    assert [record["models"][model]["resolveRate"]["ci95"] for model in "AB"] == [[0.5, 0.5], [-0.5, -0.5]]
    assert record["overall"]["resolveRate"] == {"difference": 0.0, "ci95": [0.0, 0.0]}
    assert record["effectOn"] == []


def test_recall_is_a_measure_where_every_run_has_it() -> None:
    runs = pairs({measure: [0.0, 0.0] for measure in ALWAYS})
    with_recall = [{**run, "recallAt1": 0.5 if run["without"] is None else 0.25} for run in runs]
    (record,) = compare_with_full(with_recall, [EWC])
    assert record["overall"]["recallAt1"] == {"difference": -0.25, "ci95": [-0.25, -0.25]}
    assert record["effectOn"] == ["recallAt1"]
    (record,) = compare_with_full([*with_recall[:-1], runs[-1]], [EWC])
    assert list(record["overall"]) == list(ALWAYS)


def test_runs_that_reached_90_percent_are_counted_over_models_and_seeds() -> None:
    runs = [
        ablated(without, model=model, seed=seed, reached90=reached)
        for model, seed, reached in (("A", 0, True), ("A", 1, False), ("B", 0, True), ("B", 1, True))
        for without in (None, "ewc")
    ]
    runs = [{**run, "reached90": True} if run["without"] is None else run for run in runs]
    (record,) = compare_with_full(runs, [EWC])
    assert record["reached90"] == {"runs": 3, "of": 4}


def test_one_seed_is_too_few() -> None:
    with pytest.raises(ValueError, match=re.escape("needs at least 2 values, not 1")):
        compare_with_full(random_runs([EWC], "AB", 1), [EWC])


def make(protocol: str) -> dict[str, Any]:
    runs = random_runs(components_of(PROTOCOLS[protocol]), "AB", 3)
    options = structs.replace(SHORTEST, protocols=(protocol,), seeds=(0, 1, 2), models=MODELS[:2], isa="scalar")
    return make_ablation_document(runs, options, ["ruvllm-bench", "ablate"])


def test_the_document_says_what_was_run_and_how() -> None:
    document = make("v3")
    assert list(document) == [
        *("kind", "schema", "version", "created", "command", "host", "options"),
        *("protocol", "profile", "workload", "models", "seeds", "method", "full", "components", "runs"),
    ]
    assert (document["schema"], document["kind"]) == (1, "ablation")
    assert document["command"] == ["ruvllm-bench", "ablate"]
    assert document["host"]["isa"] == "scalar"
    assert (document["protocol"], document["profile"], document["workload"]) == ("v3", "quick", "simulated")
    assert (document["models"], document["seeds"]) == (["Qwen2.5-Coder-1.5B", "DeepSeek-Coder-1.3B"], [0, 1, 2])
    assert list(document["method"]) == ["difference", "interval", "level", "tasksTo90", "adjustment"]
    assert document["method"]["level"] == 0.95
    assert document["runs"] == random_runs(ON_SIMULATED_INPUT, "AB", 3)
    assert document["components"] == compare_with_full(document["runs"], ON_SIMULATED_INPUT)
    for component in document["components"]:
        assert set(component) == {"name", "without", "overall", "models", "reached90", "effectOn"}


@pytest.mark.parametrize("protocol", ["v1", "v2", "v3"])
def test_the_document_has_the_components_of_its_protocol(protocol: str) -> None:
    names = [component["name"] for component in make(protocol)["components"]]
    assert names == [component.name for component in components_of(PROTOCOLS[protocol])]


def test_the_full_systems_measures_are_means_over_its_own_runs() -> None:
    document = make("v2")
    full = [run for run in document["runs"] if run["without"] is None]
    assert len(full) == 6
    assert document["full"] == {m: pytest.approx(sum(run[m] for run in full) / 6) for m in ALWAYS}


def test_the_document_is_json_as_it_stands() -> None:
    document = make("v3")
    assert json.loads(to_json(document)) == document
