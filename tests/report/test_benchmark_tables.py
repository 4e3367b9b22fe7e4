"""The tables on the screen: everything there, nothing cut off, in 80 columns and in 140."""

import io
import re
from typing import Any

import pytest
from bench_samples import hand_made
from experiment_samples import show_details
from json_samples import Entry, make_document
from rich.console import Console

from ruvllm.encoders.models import MODELS
from ruvllm.results.published import PUBLISHED

NAMES = [model.name for model in MODELS]


def printed(document: dict[str, Any], width: int, encoding: str = "utf-8") -> str:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding)
    show_details(Console(file=file, width=width), document)
    file.flush()
    return raw.getvalue().decode(encoding)


def results_of(seeds: tuple[int, ...] = (7, 8), **changes: Any) -> list[Entry]:
    """All six models; no two numbers of a row are alike."""
    return [
        hand_made(model.name, params=model.params_b, seed=seed, confidence=0.6 + 0.05 * i, loraRank=2, **changes)
        for i, model in enumerate(MODELS)
        for seed in seeds
    ]


def document_of(**changes: Any) -> dict[str, Any]:
    return make_document(results_of(**changes), [], "auto")


def retrieval_document() -> dict[str, Any]:
    return document_of(ranks=([0.5] * 40, [1.0] * 40), before=[0] * 40, after=[1] * 40)


def all_protocols() -> dict[str, Any]:
    """10 of 50 tasks are resolved at the start, and 15, 40 and 49 after v1, v2 and v3."""
    before, after = [1] * 10 + [0] * 40, {"v1": 15, "v2": 40, "v3": 49}
    results = [
        entry
        for protocol, n in after.items()
        for entry in results_of(protocol=protocol, before=before, after=[1] * n + [0] * (50 - n))
    ]
    return make_document(results, [], "auto")


def rows(text: str, name: str, title: str = "") -> list[str]:
    """What the lines that begin with a model's name say of it, below a title."""
    lines = text[text.index(title) :].splitlines()
    return [line.removeprefix(name) for line in lines if line.startswith(f"{name} ")]


def words(text: str, name: str, title: str = "") -> list[str]:
    return " ".join(rows(text, name, title)).split()


# the final table


@pytest.mark.parametrize("width", [80, 100, 140])
def test_every_model_and_number_is_there_and_nothing_is_cut_off(width: int) -> None:
    document = document_of(initial=0.2345, final=0.7, patterns=17, before=[0] * 50, after=[1] * 50)
    text = printed(document, width)
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width
    for i, model in enumerate(MODELS):
        sure, published = f"{60 + 5 * i:.1f}", PUBLISHED[model.name]
        whole = ["70.0%", "[100.0,", "100.0]"]
        gain = ["+46.5", "[+100.0,", "+100.0]"]
        final = [
            *gain, "23.4%", *whole, f"{100 * published.v3_final:.0f}%",
            f"{sure}%", f"[{sure},", f"{sure}]", f"{100 * published.v3_confidence:.0f}%",
            f"{70 / model.params_b:.1f}%/B", f"{100 * published.v3_final / model.params_b:.1f}%/B",
            "2", f"{model.params_b:g}B",
        ]  # fmt: skip
        controls = [*gain, "23.4%", "70.0%", "23.4%", "24.4%", "25.4%"]
        calibration = ["0.100", "0.050", "0.200", "0.150", "0.025", "0.250", "80.0%"]
        assert words(text, model.name)[: len(final) + len(controls)] == final + controls
        assert words(text, model.name, "Calibration of v3")[: len(calibration)] == calibration
        assert words(text, model.name, "Seen and unseen tasks")[-1] == "17"


def test_a_wide_screen_has_fewer_tables_than_a_narrow_one() -> None:
    document = document_of()
    counts = [len(rows(printed(document, width), NAMES[0])) for width in (60, 80, 140, 200)]
    assert counts == sorted(counts, reverse=True) and counts[0] > counts[-1] == 4


@pytest.mark.parametrize("width", [80, 140])
def test_the_widest_numbers_are_not_cut_off(width: int) -> None:
    worst: dict[str, Any] = {"before": [1] * 50, "after": [0] * 50, "loraRank": 256}
    results = [
        hand_made(name, params=1.5, seed=seed, patterns=149 + seed, **worst)
        for name in ("Qwen2.5-Coder-1.5B", "DeepSeek-Coder-1.3B") for seed in (0, 1)
    ]  # fmt: skip
    text = printed(make_document(results, [], "auto"), width)
    assert "…" not in text
    assert text.count("-100.0 [-100.0, -100.0]") == 4  # final results and controls
    assert text.count("256") == text.count("149.5") == 2


def test_a_loss_has_its_sign() -> None:
    text = printed(document_of(initial=0.75, final=0.5, before=[1] * 50, after=[0] * 50), 140)
    assert text.count("-25.0 [-100.0, -100.0]") == 12


def test_the_most_confident_model_comes_first() -> None:
    text = printed(document_of(), 200)
    names = [line.split()[0] for line in text.splitlines() if line.split() and line.split()[0] in NAMES]
    assert names == NAMES[::-1] * 4


def test_each_protocol_has_its_tables_and_title() -> None:
    results = [hand_made(protocol=protocol, seed=4) for protocol in ("v1", "v2", "v3")]
    text = printed(make_document(results, [], "auto"), 140)
    for protocol in ("v1", "v2", "v3"):
        assert re.search(f"^Final results of {protocol}.*, seed 4 *$", text, re.MULTILINE)
        assert re.search(f"^Calibration of {protocol} *$", text, re.MULTILINE)
        assert re.search(f"^Controls of {protocol} *$", text, re.MULTILINE)


def test_a_cross_validation_says_so_in_the_title() -> None:
    results = [hand_made(seed=2, fold=number, folds=5) for number in range(1, 6)]
    text = printed(make_document(results, [], "auto"), 140)
    assert re.search("^Simulated workload, .*, 5-fold cross-validation *$", text, re.MULTILINE)


# retrieval


@pytest.mark.parametrize("width", [80, 140])
def test_the_retrieval_table(width: int) -> None:
    text = printed(retrieval_document(), width)
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width
    table = text[text.index("Retrieval of v3, seeds 7 to 8") :]
    assert not [name for name in NAMES if name in table]  # no model has seen a task
    for name in (f"hashed n-grams, d = {model.embedding_dim}" for model in MODELS):
        assert re.search(rf"^recall@1 +{name} +\+100.0 \[\+100.0, \+100.0\] +0.0% +100.0%", table, re.MULTILINE)
        assert re.search(rf"^MRR +{name} +\+50.0 \[\+50.0, \+50.0\] +50.0% +100.0%", table, re.MULTILINE)
    assert "Each test query among all test solutions" in " ".join(text.split())


def test_there_is_no_retrieval_table_without_retrieval() -> None:
    assert "etrieval" not in printed(document_of(), 140)


# beside the published figures


@pytest.mark.parametrize("width", [80, 140, 200])
def test_ours_stands_beside_the_published_figures_where_all_protocols_ran(width: int) -> None:
    document = all_protocols()
    text = printed(document, width)
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width
    title = "Self-improvement over training, ours beside the published figures"
    (row,) = (row for row in document["besideTheReport"] if row["model"] == "Phi-3-mini-4k")
    expected = []
    for key, ours, published in (
        ("v1Initial", "20.0", "28.4"), ("v1Final", "30.0", "39.1"), ("v2Final", "80.0", "100.0"),
        ("v3Final", "98.0", "100.0"), ("v3Confidence", "75.0", "90.0"),
    ):  # fmt: skip
        low, high = row[key]["ci95"]
        expected += [f"{ours}%", f"[{100 * low:.1f},", f"{100 * high:.1f}]", f"{published}%"]
    table = text[text.index(title) :]
    assert words(table, "Phi-3-mini-4k")[: len(expected)] == expected
    order = [line.split()[0] for line in table.splitlines() if line.split()[:1] and line.split()[0] in NAMES]
    assert order[:6] == NAMES[::-1]  # the most confident first


def test_one_protocol_alone_has_no_table_over_protocols() -> None:
    assert "Self-improvement" not in printed(document_of(), 140)


# notes and terminals


def test_the_notes_explain_the_intervals_the_controls_and_calibration() -> None:
    text = " ".join(printed(document_of(), 80).split())
    for phrase in (
        "95% intervals by bootstrap over runs (seeds and folds) and test tasks, 10,000 resamples",
        "Frozen: learning is off",
        "Shuffled answers: a random candidate is passed off as the right one",
        "temperature scaling fitted on the validation split (Guo et al. 2017)",
        "Their confidence is too low by design",
    ):
        assert text.count(phrase) == 1
    assert "too low by design" not in printed(retrieval_document(), 80)


def test_a_terminal_that_has_only_ascii_gets_only_ascii() -> None:
    text = printed(retrieval_document(), 80, encoding="ascii")
    assert len(rows(text, NAMES[0])) == len(rows(printed(retrieval_document(), 80), NAMES[0]))


def test_no_colours_where_there_is_no_terminal() -> None:
    assert "\x1b" not in printed(document_of(), 80)
