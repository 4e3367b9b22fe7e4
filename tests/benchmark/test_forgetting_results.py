"""What blocked streams say together, against SciPy and by hand: means, intervals, what EWC changes."""

import json
import random
import re
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from experiment_samples import Run, blocked
from json_samples import make_forgetting_document, summarise_blocked
from scipy import stats

from ruvllm.files.json_writing import to_json

MEASURES = ("finalAccuracy", "backwardTransfer", "forgetting")

TYPES = ["code_completion", "bug_fix", "refactor", "test_gen"]


def random_runs(models: str = "AB", n_seeds: int = 5, protocols: Sequence[str] = ("v3",)) -> list[Run]:
    """Made-up runs with heads and with a single adapter, EWC on and off; each seed has a level of its own."""
    r = random.Random(f"{models} {n_seeds} {protocols}")
    return [
        blocked(
            protocol=protocol,
            model=model,
            seed=seed,
            adapter=adapter,
            ewc=ewc,
            rates=[[r.random() for _ in TYPES] for _ in TYPES],
            **{measure: 0.1 * seed + r.uniform(-1, 1) for measure in MEASURES},
        )
        for protocol in protocols
        for model in models
        for seed in range(n_seeds)
        for adapter in ("heads", "single")
        for ewc in (True, False)
    ]


def over_seeds(runs: Sequence[Run], summary: Run, models: str, value: Callable[[Run], float], ewc: bool) -> list[float]:
    """One value per seed: the mean over these models, of the summary's protocol and adapter."""
    group = [run for run in runs if all(run[key] == summary[key] for key in ("protocol", "adapter"))]
    own = [run for run in group if run["ewc"] == ewc and run["model"] in models]
    seeds = dict.fromkeys(run["seed"] for run in own)
    return [sum(value(run) for run in own if run["seed"] == seed) / len(models) for seed in seeds]


def t_interval(values: Sequence[float]) -> list[float]:
    centre = sum(values) / len(values)
    return list(stats.t.interval(0.95, len(values) - 1, loc=centre, scale=stats.sem(values)))


@pytest.mark.parametrize(("models", "n_seeds"), [("A", 2), ("AB", 5), ("ABCDEF", 10), ("AB", 40)])
def test_means_intervals_and_what_ewc_changes_are_scipys(models: str, n_seeds: int) -> None:
    runs = random_runs(models, n_seeds)
    summaries = summarise_blocked(runs)
    assert [summary["adapter"] for summary in summaries] == ["heads", "single"]
    for summary in summaries:
        assert list(summary["models"]) == list(models)
        for of_whom, found in [(models, summary["overall"]), *summary["models"].items()]:
            assert list(found) == ["finalAccuracy", "backwardTransfer", "forgetting"]
            for measure in MEASURES:
                on, off = (over_seeds(runs, summary, of_whom, lambda r, m=measure: r[m], ewc) for ewc in (True, False))
                for when, values in (("ewcOn", on), ("ewcOff", off)):
                    assert found[measure][when]["mean"] == pytest.approx(sum(values) / n_seeds)
                    assert found[measure][when]["ci95"] == pytest.approx(t_interval(values), rel=1e-7)
                paired = stats.ttest_rel(on, off).confidence_interval(0.95)
                difference = found[measure]["difference"]
                assert difference["mean"] == pytest.approx(sum(on) / n_seeds - sum(off) / n_seeds)
                assert difference["ci95"] == pytest.approx([paired.low, paired.high], rel=1e-7)


def test_a_difference_is_ewc_on_minus_off() -> None:
    runs = [blocked(seed=seed, ewc=ewc, forgetting=0.125 if ewc else 0.5) for seed in (0, 1) for ewc in (True, False)]
    (summary,) = summarise_blocked(runs)
    assert summary["overall"]["forgetting"] == {
        "ewcOn": {"mean": 0.125, "ci95": [0.125, 0.125]},
        "ewcOff": {"mean": 0.5, "ci95": [0.5, 0.5]},
        "difference": {"mean": -0.375, "ci95": [-0.375, -0.375]},
    }
    nothing = {"mean": 0.0, "ci95": [0.0, 0.0]}
    assert summary["overall"]["finalAccuracy"]["difference"] == nothing
    assert summary["overall"]["backwardTransfer"]["difference"] == nothing


def test_the_interval_of_a_difference_is_paired_not_that_of_two_groups() -> None:
    """The seeds lie far apart, and EWC changes each by about the same."""
    levels = {0: 0.0, 1: 0.25, 2: 0.5, 3: 0.75}
    runs = [
        blocked(seed=seed, ewc=ewc, forgetting=level - (0.125 if ewc else 0.0))
        for seed, level in levels.items()
        for ewc in (True, False)
    ]
    (summary,) = summarise_blocked(runs)
    assert summary["overall"]["forgetting"]["difference"]["ci95"] == [-0.125, -0.125]
    low, high = summary["overall"]["forgetting"]["ewcOn"]["ci95"]
    assert high - low > 1


def test_final_accuracy_of_each_type_is_the_mean_of_the_last_rows() -> None:
    runs = random_runs("AB", 3)
    for summary in summarise_blocked(runs):
        types = summary["finalAccuracyOfTypes"]
        assert list(types) == TYPES
        for column, kind in enumerate(TYPES):
            for when, ewc in (("ewcOn", True), ("ewcOff", False)):
                values = over_seeds(runs, summary, "AB", lambda run, c=column: run["rates"][3][c], ewc)
                assert types[kind][when] == pytest.approx(sum(values) / 3)


def test_each_protocol_and_adapter_has_a_summary_in_the_order_of_the_runs() -> None:
    summaries = summarise_blocked(random_runs("BA", 2, ("v3", "v1")))
    assert [(s["protocol"], s["adapter"], list(s["models"])) for s in summaries] == [
        (protocol, adapter, ["B", "A"]) for protocol in ("v3", "v1") for adapter in ("heads", "single")
    ]
    assert list(summaries[0]) == ["protocol", "adapter", "overall", "models", "finalAccuracyOfTypes"]


def test_protocols_do_not_mix() -> None:
    both = random_runs("AB", 3, ("v1", "v2"))
    alone = [run for run in both if run["protocol"] == "v2"]
    assert summarise_blocked(both)[2:] == summarise_blocked(alone)


def test_the_order_of_the_runs_does_not_matter() -> None:
    runs = random_runs()
    found = summarise_blocked(random.Random(1).sample(runs, len(runs)))
    assert sorted(found, key=lambda s: s["adapter"]) == summarise_blocked(runs)


def test_one_seed_is_too_few() -> None:
    with pytest.raises(ValueError, match=re.escape("needs at least 2 values, not 1")):
        summarise_blocked(random_runs("AB", 1))


def test_the_document_says_how_it_was_measured_and_holds_every_run() -> None:
    runs = random_runs()
    document: dict[str, Any] = make_forgetting_document(runs, ["ruvllm-bench", "--stream", "blocked"], "scalar")
    assert list(document) == [
        *("kind", "schema", "version", "created", "command", "host", "options"),
        *("method", "runs", "summaries"),
    ]
    assert (document["schema"], document["kind"]) == (1, "stream")
    assert document["command"] == ["ruvllm-bench", "--stream", "blocked"]
    assert document["host"]["isa"] == "scalar"
    assert list(document["method"]) == ["finalAccuracy", "backwardTransfer", "forgetting", "interval", "level"]
    assert document["method"]["level"] == 0.95
    assert document["runs"] == runs
    assert document["summaries"] == summarise_blocked(runs)
    assert json.loads(to_json(document)) == document
