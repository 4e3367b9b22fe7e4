"""The tables of a blocked stream: every number there, nothing cut off."""

from typing import Any

import pytest
from experiment_samples import blocked, printed, row, show_details
from json_samples import make_forgetting_document

from ruvllm.encoders.models import MODELS

NAMES = tuple(model.name for model in MODELS)
TYPES = ("code_completion", "bug_fix", "refactor", "test_gen")


def interval(mean: float, half: float = 0.1) -> dict[str, Any]:
    return {"mean": mean, "ci95": [mean - half, mean + half]}


def measures(i: int) -> dict[str, Any]:
    """Wide numbers, those of no two rows alike."""
    return {
        "finalAccuracy": {
            "ewcOn": interval(0.9 + i / 100),
            "ewcOff": interval(0.8 + i / 100),
            "difference": interval(-0.3 - i / 100),
        },
        "backwardTransfer": {
            "ewcOn": interval(0.1 + i / 100),
            "ewcOff": interval(-0.2 - i / 100),
            "difference": interval(0.3 + i / 100),
        },
        "forgetting": {
            "ewcOn": interval(-0.1 - i / 100),
            "ewcOff": interval(0.2 + i / 100),
            "difference": interval(-0.4 - i / 100),
        },
    }


def words(i: int) -> list[str]:
    """What the row made of measures(i) must say, by hand."""
    return (
        f"{90 + i}.0 {80 + i}.0 -{30 + i}.0 [-{40 + i}.0, -{20 + i}.0] "
        f"+{10 + i}.0 -{20 + i}.0 +{30 + i}.0 [+{20 + i}.0, +{40 + i}.0] "
        f"-{10 + i}.0 +{20 + i}.0 -{40 + i}.0 [-{50 + i}.0, -{30 + i}.0]"
    ).split()


def document(names: tuple[str, ...] = NAMES, adapters: tuple[str, ...] = ("heads",)) -> dict[str, Any]:
    summaries = [
        {
            "protocol": "v3",
            "adapter": adapter,
            "models": {name: measures(i) for i, name in enumerate(names)},
            "overall": measures(9),
            "finalAccuracyOfTypes": {
                kind: {"ewcOn": 0.5 + i / 8, "ewcOff": 0.25 + i / 16} for i, kind in enumerate(TYPES)
            },
        }
        for adapter in adapters
    ]
    runs = [blocked(model=name, adapter=adapter) for name in names for adapter in adapters]
    return {"kind": "stream", "runs": runs, "summaries": summaries}


@pytest.mark.parametrize("width", [80, 120, 150, 200])
def test_every_model_and_number_is_there_and_nothing_is_cut_off(width: int) -> None:
    text = printed(show_details, document(), width)
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width
    for i, name in enumerate(NAMES):
        assert row(text, name) == words(i)
    assert row(text, "all")[0] == "models"
    assert [word for word in row(text, "all") if word != "models"] == words(9)


def test_sixty_columns_are_enough_for_short_names() -> None:
    text = printed(show_details, document(("Phi-3-mini-4k", "CodeLlama-7B")), 60)
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= 60
    assert [row(text, name) for name in ("Phi-3-mini-4k", "CodeLlama-7B")] == [words(0), words(1)]


def test_the_wider_the_screen_the_fewer_the_tables() -> None:
    heads = [
        sum(line.startswith("Model ") for line in printed(show_details, document(), width).splitlines())
        for width in (200, 120, 80)
    ]
    assert heads == [1, 2, 3]


def test_the_widest_intervals_fit_into_80_columns() -> None:
    worst = document()
    for found in (*worst["summaries"][0]["models"].values(), worst["summaries"][0]["overall"]):
        for measure in found.values():
            measure["ewcOn"]["mean"] = measure["ewcOff"]["mean"] = -1.0
            measure["difference"] = {"mean": -1.0, "ci95": [-2.0, -1.5]}
    text = printed(show_details, worst, 80)
    assert "…" not in text
    assert text.count("-100.0 [-200.0, -150.0]") == 3 * (len(NAMES) + 1)


def test_models_come_first_then_all_of_them_together() -> None:
    text = printed(show_details, document(), 200)
    starts = [line.split("  ")[0] for line in text.splitlines() if line.startswith((*NAMES, "all models"))]
    assert starts == [*NAMES, "all models"]


@pytest.mark.parametrize("width", [60, 80, 150])
def test_final_accuracy_of_each_type_is_told_with_and_without_ewc(width: int) -> None:
    text = " ".join(printed(show_details, document(), width).split())
    assert (
        "Final accuracy with EWC: code completion 50.0%, bug fix 62.5%, refactor 75.0%, test generation 87.5%; "
        "without: code completion 25.0%, bug fix 31.2%, refactor 37.5%, test generation 43.8%"
    ) in text


def test_each_protocol_and_adapter_has_a_title_and_tables_of_its_own() -> None:
    both = document(adapters=("heads", "single"))
    text = printed(show_details, both, 200)
    titles = [line for line in text.splitlines() if line.startswith("Forgetting: v3")]
    assert titles == ["Forgetting: v3, shared adapter and heads", "Forgetting: v3, a single adapter"]
    assert row(text, "CodeLlama-7B") == 2 * words(5)


@pytest.mark.parametrize("width", [60, 80, 150])
def test_the_notes_explain_the_measures(width: int) -> None:
    text = " ".join(printed(show_details, document(), width).split())
    for phrase in (
        "Backward transfer: at the end minus after the type's own stage",
        "Forgetting: best after an earlier stage minus at the end",
        "EWC's effect: on minus off",
        "95% interval by Student's t over seeds",
    ):
        assert phrase in text


def test_a_terminal_that_has_only_ascii_gets_only_ascii() -> None:
    text = printed(show_details, document(), 80, encoding="ascii").replace("|", " ")
    for i, name in enumerate(NAMES):
        assert row(text, name) == words(i)


def test_no_colours_where_there_is_no_terminal() -> None:
    assert "\x1b" not in printed(show_details, document(), 80)


def test_the_results_of_runs_can_be_shown() -> None:
    runs = [
        blocked(model="Phi-3-mini-4k", seed=seed, ewc=ewc, forgetting=0.125 if ewc else 0.5)
        for seed in (0, 1)
        for ewc in (True, False)
    ]
    text = printed(show_details, make_forgetting_document(runs, [], "auto"), 200)
    expected = "43.8 43.8 +0.0 [+0.0, +0.0] -12.5 -12.5 +0.0 [+0.0, +0.0] +12.5 +50.0 -37.5 [-37.5, -37.5]"
    assert " ".join(row(text, "Phi-3-mini-4k")) == expected
    assert " ".join(row(text, "all")) == f"models {expected}"
