"""The digest of a model covers whatever its vectors follow from, and nothing else."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from encoder_samples import WIDTH, missing, save_tiny_model

from ruvllm.encoders.base import Encoder
from ruvllm.encoders.cache import CACHE_VARIABLE
from ruvllm.encoders.huggingface import SentenceEncoder, TransformersEncoder, _weights_digest

pytestmark = [
    pytest.mark.filterwarnings("ignore"),  # of the packages, whichever version is there
    pytest.mark.skipif(
        missing("torch", "transformers", "sentence_transformers") is not None,
        reason=str(missing("torch", "transformers", "sentence_transformers")),
    ),
]

TEXTS = ["def f(a):", "return a b x", "F"]
Config = dict[str, Any]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of one model: `plain`, and `sentences` around it."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers import models as modules

    folder = tmp_path_factory.mktemp("models")
    tokens = modules.Transformer(str(save_tiny_model("Llama", folder / "plain")))
    SentenceTransformer(modules=[tokens, modules.Pooling(WIDTH)], device="cpu").save(str(folder / "sentences"))
    return folder


def encoder_of(source: Path) -> Encoder:
    found: Encoder = (SentenceEncoder if (source / "modules.json").exists() else TransformersEncoder)(str(source))
    return found


def edited(source: Path, copy: Path, file: str, change: Callable[[Config], object]) -> Path:
    shutil.copytree(source, copy)
    content = json.loads((copy / file).read_text())
    change(content)
    (copy / file).write_text(json.dumps(content))
    return copy


EDITS: dict[str, tuple[str, str, Callable[[Config], object]]] = {
    "activation": ("plain", "config.json", lambda c: c.update(hidden_act="relu")),
    "heads": ("plain", "config.json", lambda c: c.update(rms_norm_eps=0.1)),
    "normalizer": ("plain", "tokenizer.json", lambda c: c.update(normalizer={"type": "Lowercase"})),
    "splitting": ("plain", "tokenizer.json", lambda c: c.update(pre_tokenizer={"type": "WhitespaceSplit"})),
    "longest text": ("plain", "tokenizer_config.json", lambda c: c.update(model_max_length=2)),
    "activation, sentences": ("sentences", "config.json", lambda c: c.update(hidden_act="relu")),
    "normalizer, sentences": ("sentences", "tokenizer.json", lambda c: c.update(normalizer={"type": "Lowercase"})),
    "prompt": (
        "sentences", "config_sentence_transformers.json",
        lambda c: c.update(prompts={"query": "x x "}, default_prompt_name="query")),
    "pooling": ("sentences", "1_Pooling/config.json", lambda c: pool_by(c, "max")),
}  # fmt: skip


def pool_by(config: Config, way: str) -> None:
    """Both forms of the file that versions of the package write."""
    if "pooling_mode" in config:
        config["pooling_mode"] = way
    else:
        config.update({key: key == f"pooling_mode_{way}_tokens" for key in config if key.startswith("pooling_mode")})


@pytest.mark.parametrize("what", EDITS)
def test_an_edit_that_changes_vectors_changes_the_digest(models: Path, tmp_path: Path, what: str) -> None:
    source, file, change = EDITS[what]
    old, new = encoder_of(models / source), encoder_of(edited(models / source, tmp_path / "copy", file, change))
    assert not np.array_equal(old.encode(TEXTS), new.encode(TEXTS)), "the edit should change something"
    assert old.digest != new.digest  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", ["plain", "sentences"])
def test_the_same_model_in_another_folder_has_the_same_digest(models: Path, tmp_path: Path, kind: str) -> None:
    shutil.copytree(models / kind, tmp_path / "elsewhere" / "model")
    first, second = encoder_of(models / kind), encoder_of(tmp_path / "elsewhere" / "model")
    assert first.digest == second.digest  # type: ignore[attr-defined]
    first.encode(TEXTS)
    assert first.encode(TEXTS).tobytes() == second.encode(TEXTS).tobytes()
    assert second.title == "elsewhere"  # type: ignore[attr-defined]


def test_another_version_of_a_package_is_another_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    before = _weights_digest({}, {"a": 1})
    monkeypatch.setattr("ruvllm.encoders.huggingface.metadata.version", lambda package: "0.0")
    assert _weights_digest({}, {"a": 1}) != before


def test_a_text_longer_than_the_model_is_cut(models: Path) -> None:
    rows = encoder_of(models / "plain").encode(["a b " * 500, "a b " * 32])
    np.testing.assert_array_equal(rows[0], rows[1])


@pytest.mark.parametrize("kind", ["plain", "sentences"])
def test_a_model_that_is_known_gives_the_same_when_it_is_loaded_later(models: Path, kind: str) -> None:
    first, second = encoder_of(models / kind), encoder_of(models / kind)
    assert first._is_loaded and not second._is_loaded  # type: ignore[attr-defined]
    assert (first.dim, first.digest) == (second.dim, second.digest)  # type: ignore[attr-defined]
    assert first.encode(TEXTS).tobytes() == second.encode(TEXTS).tobytes()
