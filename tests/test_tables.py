"""The tables on the screen: everything there, nothing cut off, in 80 columns and in 140."""

import io
from typing import Any

import pytest
from bench_samples import hand_made
from rich.console import Console

from ruvllm.models import MODELS
from ruvllm.results import make_document
from ruvllm.tables import print_results


def printed(document: dict[str, Any], width: int, encoding: str = "utf-8") -> str:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding)
    print_results(Console(file=file, width=width), document)
    file.flush()
    return raw.getvalue().decode(encoding)


def document_of(**changes: Any) -> dict[str, Any]:
    """All six models, two seeds; no two numbers of a row are alike."""
    results = [
        hand_made(model.name, params=model.params_b, seed=seed, confidence=0.6 + 0.05 * i, loraRank=2, **changes)
        for i, model in enumerate(MODELS)
        for seed in (7, 8)
    ]
    return make_document(results, [], "auto")


def retrieval_document() -> dict[str, Any]:
    retrieval = {"recallAt1": {"frozen": 0.321, "learned": 0.443}, "mrr": {"frozen": 0.456, "learned": 0.589}}
    gains = [0.25] * 40
    return document_of(retrieval=retrieval, recall_gains=gains, reciprocal_gains=gains)


def rows(text: str, name: str) -> list[str]:
    """What the lines that begin with a model's name say of it."""
    return [line.removeprefix(name) for line in text.splitlines() if line.startswith(f"{name} ")]


@pytest.mark.parametrize("width", [80, 100, 140])
def test_every_model_and_number_is_there_and_nothing_is_cut_off(width: int) -> None:
    document = document_of(initial=0.2345, final=0.7, patterns=17, gains=[1.0] * 50)
    text = printed(document, width)
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width
    for i, model in enumerate(MODELS):
        words = " ".join(rows(text, model.name)).split()
        expected = [
            *(f"{model.params_b:g}B", "70.0%", f"{60 + 5 * i:.1f}%", f"{70 / model.params_b:.1f}%/B", "2", "17"),
            *("23.4%", "+46.5", "[+100.0,", "+100.0]", "23.4%", "24.4%", "25.4%"),
        ]
        assert words == expected


def test_a_wide_screen_has_one_table_and_a_narrow_one_two() -> None:
    document = document_of()
    assert [len(rows(printed(document, width), MODELS[0].name)) for width in (80, 140)] == [2, 1]


@pytest.mark.parametrize("width", [80, 140])
def test_the_widest_numbers_are_not_cut_off(width: int) -> None:
    worst = {"final": 0.0, "initial": 1.0, "gains": [-1.0] * 50, "patterns": 149.5, "loraRank": 256}
    results = [hand_made("Qwen2.5-Coder-1.5B", params=1.5, **worst), hand_made("DeepSeek-Coder-1.3B", **worst)]
    text = printed(make_document(results, [], "auto"), width)
    assert "…" not in text
    assert text.count("-100.0 [-100.0, -100.0]") == 2
    assert text.count("256") == text.count("149.5") == 2


def test_a_loss_has_its_sign() -> None:
    text = printed(document_of(initial=0.75, final=0.5, gains=[-1.0] * 50), 140)
    assert text.count("-25.0 [-100.0, -100.0]") == 6


@pytest.mark.parametrize("width", [80, 140])
def test_the_retrieval_table(width: int) -> None:
    text = printed(retrieval_document(), width)
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width
    assert "v3, code workload, mean of seeds 7 to 8: retrieval" in text
    for model in MODELS:
        words = " ".join(rows(text, model.name)).split()
        interval = ["[+25.0,", "+25.0]"]
        assert words[-10:] == ["32.1%", "44.3%", "+12.2", *interval, "45.6", "58.9", "+13.3", *interval]
    assert "each test query among all test solutions" in " ".join(text.split())


def test_there_is_no_retrieval_table_without_retrieval() -> None:
    assert "etrieval" not in printed(document_of(), 140)


def test_the_most_confident_model_comes_first() -> None:
    text = printed(document_of(), 140)
    names = [line.split()[0] for line in text.splitlines() if line.split() and line.split()[0] in
             {model.name for model in MODELS}]  # fmt: skip
    assert names == [model.name for model in MODELS][::-1]


def test_each_protocol_has_its_table_and_title() -> None:
    results = [hand_made(protocol=protocol, seed=4) for protocol in ("v1", "v2", "v3")]
    text = printed(make_document(results, [], "auto"), 140)
    titles = [line.strip() for line in text.splitlines() if "workload" in line]
    assert titles == [f"{protocol}, simulated workload, seed 4" for protocol in ("v1", "v2", "v3")]


def test_the_notes_explain_the_interval_and_the_controls() -> None:
    words = " ".join(printed(document_of(), 80).split())
    for phrase in ("95% interval by bootstrap over seeds and tasks", "frozen = learning off", "shuffled ="):
        assert phrase in words


def test_a_terminal_that_has_only_ascii_gets_only_ascii() -> None:
    text = printed(retrieval_document(), 80, encoding="ascii")
    assert len(rows(text, MODELS[0].name)) == 4


def test_no_colours_where_there_is_no_terminal() -> None:
    assert "\x1b" not in printed(document_of(), 80)
