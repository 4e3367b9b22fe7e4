"""The table of an ablation: every number there, nothing cut off, no effect said in a word."""

from typing import Any

import pytest
from experiment_samples import ablated, printed, row, show_details
from json_samples import make_ablation_document

from ruvllm.benchmark.plan import Options
from ruvllm.learning.components import COMPONENTS

EFFECTS = (["resolveRate", "tasksTo90", "ece"], ["resolveRate"], ["tasksTo90"], ["ece"], [], ["resolveRate", "ece"])
SHOWN = ("resolve rate, tasks to 90%, ECE", "resolve rate", "tasks to 90%", "ECE", "none", "resolve rate, ECE")

def measure(difference: float, low: float, high: float) -> dict[str, Any]:
    return {"difference": difference, "ci95": [low, high]}


def document(names: tuple[str, ...] = (), **changes: Any) -> dict[str, Any]:
    """All components of v3 or some, with the widest numbers; those of no two rows are alike."""
    components = [
        {
            "name": component.name,
            "without": component.said,
            "overall": {
                "resolveRate": measure(-0.5 - i / 100, -0.6 - i / 100, -0.4 - i / 100),
                "tasksTo90": measure(1000.4 + i, 900.4 + i, 1100.4 + i),
                "ece": measure(0.12 + i / 100, 0.101 + i / 100, 0.14 + i / 100),
            },
            "models": {},
            "reached90": {"runs": i, "of": 60},
            "effectOn": EFFECTS[i % 6],
        }
        for i, component in enumerate(COMPONENTS)
        if not names or component.name in names
    ]
    return {
        "kind": "ablation",
        "profile": "full",
        "protocol": "v3",
        "workload": "simulated",
        "models": ["A", "B"],
        "seeds": [3, 4, 5],
        "full": {"resolveRate": 0.9876, "tasksTo90": 304.6, "ece": 0.3174},
        "components": components,
        **changes,
    }


@pytest.mark.parametrize("width", [80, 100, 150, 250])
def test_every_component_and_number_is_there_and_nothing_is_cut_off(width: int) -> None:
    text = printed(show_details, document(), width)
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width
    for i, component in enumerate(COMPONENTS):
        expected = (
            f"-{50 + i}.0 [-{60 + i}.0, -{40 + i}.0] +{1000 + i} [+{900 + i}, +{1100 + i}] "
            f"+{12 + i}.0 [+{10 + i}.1, +{14 + i}.0] {i}/60 {SHOWN[i % 6]} {component.said}"
        )
        assert row(text, component.name) == expected.split()


def test_a_wide_screen_has_one_table_and_a_narrower_one_two() -> None:
    headings = [
        sum(line.startswith("Without  ") for line in printed(show_details, document(), width).splitlines())
        for width in (250, 150)
    ]
    assert headings == [1, 2]


def test_a_component_without_an_effect_says_none() -> None:
    only = document(("ewc",))
    only["components"][0]["effectOn"] = []
    assert row(printed(show_details, only, 80), "ewc")[-3:] == ["none", "no", "penalty"]


def test_the_title_says_what_was_run() -> None:
    def title(**changes: Any) -> str:
        return " ".join(printed(show_details, document(("ewc",), **changes), 100).split())

    said = "Ablation of v3, simulated workload Each component off in turn, over 2 models and seeds 3 to 5. The full"
    assert title().startswith(said)
    assert title(models=["A"], protocol="v1").startswith("Ablation of v1, ")
    assert "over 1 model and seeds 3 to 5" in title(models=["A"])
    real = "Ablation of v3, the standard library: tasks, hashed n-grams, split by file"
    assert title(workload="code").startswith(real)


@pytest.mark.parametrize("width", [60, 80, 150])
def test_the_notes_give_the_full_systems_numbers_and_explain_the_others(width: int) -> None:
    words = " ".join(printed(show_details, document(), width).split())
    assert "The full system: resolve rate 98.8%, tasks to 90% 305, ECE 0.317." in words
    for phrase in (
        "Without the component minus the full system",
        "Student's t",
        "none: the component is shown as having none",
    ):
        assert phrase in words


def test_a_terminal_that_has_only_ascii_gets_only_ascii() -> None:
    text = printed(show_details, document(), 150, encoding="ascii")
    for component in COMPONENTS:
        words = row(text.replace("|", " "), component.name)
        assert words == row(printed(show_details, document(), 150), component.name)


def test_no_colours_where_there_is_no_terminal() -> None:
    assert "\x1b" not in printed(show_details, document(), 150)


def test_what_an_ensemble_is_made_of_is_a_table_of_its_own() -> None:
    def means(recall: float) -> dict[str, float]:
        return {"recallAt1": recall, "mrr": 0.75}

    runs = [
        ablated(None, seed=0, ensembles={"ensemble": means(0.5), "words": means(0.25), "learned": means(0.5)}),
        ablated("ewc", seed=0),
        ablated(None, seed=1, ensembles={"ensemble": means(0.625), "words": means(0.375), "learned": means(0.875)}),
        ablated("ewc", seed=1),
    ]
    text = printed(show_details, make_ablation_document(runs, Options(seeds=(0, 1)), []), 200)
    assert "With all: recall@1 56.2%, MRR 75.0%." in " ".join(text.split())
    assert " ".join(row(text, "words")).startswith("-25.0 [-25.0, -25.0] +0.0 [+0.0, +0.0] recall@1 no BM25")
    assert " ".join(row(text, "learned")).startswith("+12.5 [-146.3, +171.3] +0.0 [+0.0, +0.0] none nothing that was")
    with_one = [run if run["seed"] else {**run, "ensembles": None} for run in runs]
    assert "What the ensemble is made of" not in printed(
        show_details, make_ablation_document(with_one, Options(seeds=(0, 1)), []), 200
    )


def test_the_results_of_runs_can_be_shown() -> None:
    runs = [
        ablated(without, seed=seed, resolveRate=0.75 if without == "lora" else 1.0)
        for seed in (0, 1)
        for without in (None, *(component.name for component in COMPONENTS))
    ]
    text = printed(show_details, make_ablation_document(runs, Options(seeds=(0, 1)), []), 150)
    shown = {component.name: " ".join(row(text, component.name)) for component in COMPONENTS}
    assert shown["lora"].startswith("-25.0 [-25.0, -25.0] +0 [+0, +0] +0.0 [+0.0, +0.0] 2/2 resolve rate ")
    assert shown["ewc"].startswith("+0.0 [+0.0, +0.0] +0 [+0, +0] +0.0 [+0.0, +0.0] 2/2 none ")
