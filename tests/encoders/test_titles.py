"""What a model is called: by the name that it brings along, never by a folder such as `model`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ruvllm.encoders.titles import title_of_model


def folder_of(path: Path, *, card: str = "", config: dict[str, str] | None = None, sentences: bool = False) -> str:
    path.mkdir(parents=True)
    (path / "config.json").write_text(json.dumps(config or {}))
    if card:
        (path / "README.md").write_text(card)
    if sentences:
        (path / "modules.json").write_text("[]")
    return str(path)


def test_a_name_of_the_hub_is_its_last_part() -> None:
    assert title_of_model("sentence-transformers/all-MiniLM-L6-v2") == "all-MiniLM-L6-v2"
    assert title_of_model("gpt2") == "gpt2"


@pytest.mark.parametrize(
    ("path", "title"),
    [
        ("tiny-model", "tiny-model"),
        ("tiny-model/model", "tiny-model"),
        ("tiny/final_model", "tiny"),
        ("tiny/checkpoint-500", "tiny"),
        ("tiny/checkpoints/best", "tiny"),
        ("tiny/0_Transformer", "tiny"),
        ("models--acme--tiny-2/snapshots/0123456789abcdef0123", "tiny-2"),
        ("tiny/1.2/output", "tiny"),
    ],
)
def test_a_folder_that_says_nothing_is_passed_over(tmp_path: Path, path: str, title: str) -> None:
    assert title_of_model(folder_of(tmp_path / path)) == title
    assert title_of_model(folder_of(tmp_path / "again" / path) + "/") == title


def test_the_model_card_comes_first(tmp_path: Path) -> None:
    heading = "---\nlicense: mit\n---\n\n# acme/tiny-3\n\nA model."
    assert title_of_model(folder_of(tmp_path / "mine", card=heading)) == "tiny-3"
    head = '---\nmodel_name: "acme/tiny-4"\n---\n# Some Words'
    assert title_of_model(folder_of(tmp_path / "yours", card=head)) == "tiny-4"
    index = "---\nmodel-index:\n- name: tiny-5\n  results: []\n---\n"
    assert title_of_model(folder_of(tmp_path / "theirs", card=index)) == "tiny-5"


@pytest.mark.parametrize("card", ["# SentenceTransformer\n", "# {MODEL_NAME}\n", "# Two words\n", "\xff"])
def test_a_card_that_nobody_filled_in_says_nothing(tmp_path: Path, card: str) -> None:
    assert title_of_model(folder_of(tmp_path / "tiny" / "model", card=card)) == "tiny"


def test_the_configuration_names_what_lies_in_a_folder_called_model(tmp_path: Path) -> None:
    config = {"_name_or_path": "acme/tiny-6"}
    assert title_of_model(folder_of(tmp_path / "x" / "model", config=config)) == "tiny-6"
    path = {"_name_or_path": "/home/me/model"}
    assert title_of_model(folder_of(tmp_path / "y" / "model", config=path)) == "y"


def test_the_model_that_it_was_trained_from_is_another(tmp_path: Path) -> None:
    config = {"_name_or_path": "acme/base"}
    assert title_of_model(folder_of(tmp_path / "tuned", config=config)) == "tuned"
    assert title_of_model(folder_of(tmp_path / "tuned-2" / "model", config=config, sentences=True)) == "tuned-2"


def test_a_title_fits_a_table(tmp_path: Path) -> None:
    assert title_of_model(folder_of(tmp_path / ("x" * 100))) == "x" * 60
    assert title_of_model(folder_of(tmp_path / "a\x1b[1m\nb")) == "a [1m b"
