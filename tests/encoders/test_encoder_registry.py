"""Encoders of a user's own: found by name, checked, and cached by what their vectors follow from."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from encoder_samples import WIDTH, missing, save_tiny_model
from numpy.typing import NDArray

from ruvllm.encoders.base import Encoder, finite_rows
from ruvllm.encoders.cache import CACHE_VARIABLE, CachedEncoder, cached
from ruvllm.encoders.models import find_models
from ruvllm.encoders.registry import UnknownEncoderError, make_encoder, models_for

TEXTS = ["def f(a):\n    return a", "def g(b): return b + 1", "x", "ein Satz über Straßen", "\ud800 alone"]


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setattr("sys.path", [*__import__("sys").path])
    return tmp_path


class CountingEncoder:
    """Knows how many texts it was asked for."""

    name, dim = "counting", 4

    def __init__(self, digest: str | None = "a", shift: float = 0.0) -> None:
        self.digest, self.shift, self.asked = digest, shift, 0

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.asked += len(texts)
        return np.array([[len(text) + self.shift, 1, 2, 3] for text in texts], dtype=np.float32).reshape(-1, 4)


# python:module.function


def test_a_function_of_the_current_folder_is_an_encoder(own_folder: Path) -> None:
    (own_folder / "my_vectors.py").write_text("def lengths(texts):\n    return [[len(t), 1.0] for t in texts]\n")
    encoder = make_encoder("python:my_vectors.lengths")
    assert isinstance(encoder, Encoder)
    assert (encoder.name, encoder.dim) == ("python:my_vectors.lengths", 2)
    assert encoder.encode(["ab", ""]).tolist() == [[2.0, 1.0], [0.0, 1.0]]
    assert not (own_folder / "cache").exists()  # what it depends on cannot be seen


def test_a_function_with_a_digest_is_cached(own_folder: Path) -> None:
    (own_folder / "kept_vectors.py").write_text(
        "def lengths(texts):\n    return [[len(t), 1.0] for t in texts]\nlengths.digest = 'v1'\n"
    )
    make_encoder("python:kept_vectors.lengths").encode(["ab"])
    assert list((own_folder / "cache" / "embeddings").rglob("*.rows"))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def vectors(texts): return [1.0 for t in texts]", r"must give an array \(1, d\), not \(1,\)"),
        ("def vectors(texts): return [[1.0]] * 7", r"must give an array \(1, d\), not \(7, 1\)"),
        ("def vectors(texts): return 1 / 0", "ZeroDivisionError: division by zero"),
        ("def other(texts): return 1", "AttributeError: .*vectors"),
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("def (", "SyntaxError"),
    ],
)
def test_a_function_that_does_not_do_is_one_line(
    own_folder: Path, source: str, message: str, request: pytest.FixtureRequest
) -> None:
    name = f"broken_{abs(hash(source))}"
    (own_folder / f"{name}.py").write_text(source + "\n")
    with pytest.raises(ValueError, match=message) as caught:
        make_encoder(f"python:{name}.vectors")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["bert", "transformers", "transformers:", "hash:2", "python:"])
def test_another_name_is_refused_with_the_forms_there_are(name: str) -> None:
    with pytest.raises(UnknownEncoderError, match="must be hash, sentence-transformers:MODEL, transformers:MODEL or"):
        make_encoder(name)


def test_a_missing_package_is_named_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "sentence_transformers", None)
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    for name in ("sentence-transformers", "transformers"):
        with pytest.raises(ValueError, match=rf"needs the package .*: pip install 'ruvllm\[{name}\]'"):
            make_encoder(f"{name}:some/model")


# model profiles


def test_a_named_profile_must_have_the_width_of_the_encoder() -> None:
    encoder = CountingEncoder()
    with pytest.raises(ValueError, match="CodeLlama-7B has embeddings of 4096, encoder 'counting' of 4"):
        models_for(encoder, find_models(["CodeLlama-7B"]))
    encoder.dim = 4096
    assert [model.name for model in models_for(encoder, find_models(["CodeLlama-7B"]))] == ["CodeLlama-7B"]
    with pytest.raises(ValueError, match="CodeLlama-7B would fit"):
        models_for(encoder, find_models(["Phi-3-mini-4k"]))


def test_without_a_name_the_encoder_is_a_profile_of_its_own() -> None:
    encoder = CountingEncoder()
    encoder.name = "transformers:folder/tiny-model/"
    (model,) = models_for(encoder, None)
    assert (model.name, model.embedding_dim) == ("tiny-model", 4)


# cache


def test_what_was_encoded_once_is_read_from_disk(own_folder: Path) -> None:
    first, second = CountingEncoder(), CountingEncoder()
    rows = cached(first).encode(["a", "bb", "a"])
    again = cached(second).encode(["bb", "ccc", "a"])
    assert (first.asked, second.asked) == (2, 1)
    assert rows.tolist() == [[1, 1, 2, 3], [2, 1, 2, 3], [1, 1, 2, 3]]
    assert again.tolist() == [[2, 1, 2, 3], [3, 1, 2, 3], [1, 1, 2, 3]]


def test_another_digest_is_another_cache(own_folder: Path) -> None:
    cached(CountingEncoder("a")).encode(["text"])
    other = CountingEncoder("b", shift=0.5)
    assert cached(other).encode(["text"])[0, 0] == 4.5
    assert other.asked == 1


def test_another_class_with_the_same_digest_is_another_cache(own_folder: Path) -> None:
    class Doubled(CountingEncoder):
        def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
            return super().encode(texts) * np.float32(2)

    assert cached(CountingEncoder()).encode(["text"])[0, 0] == 4
    assert cached(Doubled()).encode(["text"])[0, 0] == 8


@pytest.mark.parametrize("damage", ["cut rows", "cut keys", "no rows", "no keys", "empty"])
def test_a_damaged_cache_is_passed_over(own_folder: Path, damage: str) -> None:
    cached(CountingEncoder()).encode(["a", "bb"])
    (rows,) = (own_folder / "cache").rglob("*.rows")
    keys = rows.with_suffix(".keys")
    {
        "cut rows": lambda: rows.write_bytes(rows.read_bytes()[:-1]),
        "cut keys": lambda: keys.write_bytes(keys.read_bytes()[:32]),
        "no rows": rows.unlink,
        "no keys": keys.unlink,
        "empty": lambda: keys.write_bytes(b""),
    }[damage]()
    encoder = CountingEncoder()
    assert cached(encoder).encode(["a", "bb"]).tolist() == [[1, 1, 2, 3], [2, 1, 2, 3]]
    assert encoder.asked == 2


@pytest.mark.parametrize("damage", ["rows", "keys"])
def test_a_row_that_is_not_what_was_written_is_encoded_anew(own_folder: Path, damage: str) -> None:
    cached(CountingEncoder()).encode(["a", "bb"])
    (path,) = (own_folder / "cache").rglob(f"*.{damage}")
    content = bytearray(path.read_bytes())
    content[3] ^= 1  # of the first row, or of the key of the first text
    path.write_bytes(content)
    encoder = CountingEncoder()
    assert cached(encoder).encode(["a", "bb"]).tolist() == [[1, 1, 2, 3], [2, 1, 2, 3]]
    assert encoder.asked == 1
    again = CountingEncoder()
    assert cached(again).encode(["a", "bb"]).tolist() == [[1, 1, 2, 3], [2, 1, 2, 3]]


def test_rows_of_other_texts_are_not_taken(own_folder: Path) -> None:
    cached(CountingEncoder()).encode(["a"])
    cached(CountingEncoder()).encode(["bb"])
    first, second = sorted((own_folder / "cache").rglob("*.rows"))
    one, two = first.read_bytes(), second.read_bytes()
    first.write_bytes(two)
    second.write_bytes(one)
    assert cached(CountingEncoder()).encode(["a", "bb"]).tolist() == [[1, 1, 2, 3], [2, 1, 2, 3]]


@pytest.mark.parametrize("folder", ["writable", "a file"])
def test_a_buffer_of_the_encoder_is_copied(own_folder: Path, folder: str) -> None:
    class Borrowing(CountingEncoder):
        buffer = np.zeros((9, 4), dtype=np.float32)

        def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
            self.buffer[: len(texts)] = super().encode(texts)
            return self.buffer[: len(texts)]

    if folder == "a file":
        (own_folder / "cache").write_text("")
    encoder = cached(Borrowing())
    encoder.encode(["a"])
    encoder.encode(["bb", "ccc"])
    assert encoder.encode(["a", "bb", "ccc"])[:, 0].tolist() == [1, 2, 3]


def test_a_cache_that_cannot_be_written_changes_nothing_and_is_told_once(own_folder: Path) -> None:
    (own_folder / "cache").write_text("a file")
    notes: list[str] = []
    encoder = cached(CountingEncoder(), notes.append)
    assert encoder.encode(["a"]).tolist() == [[1, 1, 2, 3]]
    assert encoder.encode(["a", "b"]).tolist() == [[1, 1, 2, 3]] * 2
    (note,) = notes
    assert note.startswith("vectors are not cached: cannot write ")


def test_masked_rows_of_any_encoder_are_refused(own_folder: Path) -> None:
    class Masked(CountingEncoder):
        def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
            return np.ma.masked_array(super().encode(texts), mask=True)

    with pytest.raises(ValueError, match="must give an array without a mask"):
        finite_rows(Masked(), ["a"], 4)


def test_vectors_of_a_wrong_shape_are_not_kept(own_folder: Path) -> None:
    encoder = CountingEncoder()
    encoder.dim = 5
    with pytest.raises(ValueError, match=r"must give float32 \(1, 5\), not float32 \(1, 4\)"):
        CachedEncoder(encoder, own_folder / "cache").encode(["a"])
    assert not list(own_folder.rglob("*.rows"))


# models of other packages, built here from a configuration


@pytest.mark.filterwarnings("ignore")  # of the packages, whichever version is there
@pytest.mark.parametrize("shape", ["Qwen2", "Llama", "Phi3"])
def test_a_causal_model_gives_the_mean_of_its_last_hidden_states(own_folder: Path, shape: str) -> None:
    reason = missing("torch", "transformers")
    if reason:
        pytest.skip(reason)
    import torch
    from transformers import AutoModel, AutoTokenizer

    folder = save_tiny_model(shape, own_folder / shape)
    encoder = make_encoder(f"transformers:{folder}")
    rows = encoder.encode(TEXTS)
    assert (rows.dtype, rows.shape, encoder.dim) == (np.float32, (len(TEXTS), WIDTH), WIDTH)

    model, tokenizer = AutoModel.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    with torch.no_grad():
        for row, text in zip(rows[:4], TEXTS, strict=False):  # one at a time: no padding
            states = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0]
            np.testing.assert_allclose(row, states.mean(dim=0).numpy(), rtol=1e-4, atol=1e-5)

    again = make_encoder(f"transformers:{folder}")
    assert again.encode(TEXTS).tobytes() == rows.tobytes()
    (model,) = models_for(again, None)
    assert model.embedding_dim == WIDTH
    assert model.params_b > 0 or again.parameters < 1e6  # type: ignore[attr-defined]


@pytest.mark.filterwarnings("ignore")
def test_other_weights_are_not_taken_from_the_cache(own_folder: Path) -> None:
    reason = missing("torch", "transformers")
    if reason:
        pytest.skip(reason)
    import torch
    from transformers import AutoModel

    folder = save_tiny_model("Llama", own_folder / "model")
    before = make_encoder(f"transformers:{folder}").encode(TEXTS)
    model = AutoModel.from_pretrained(folder)
    with torch.no_grad():
        next(model.parameters()).mul_(1.5)
    model.save_pretrained(folder)
    assert not np.array_equal(make_encoder(f"transformers:{folder}").encode(TEXTS), before)


@pytest.mark.filterwarnings("ignore")
def test_sentence_embeddings_are_those_of_the_library(own_folder: Path) -> None:
    reason = missing("torch", "transformers", "sentence_transformers")
    if reason:
        pytest.skip(reason)
    from sentence_transformers import SentenceTransformer, models

    tokens = models.Transformer(str(save_tiny_model("Qwen2", own_folder / "model")))
    SentenceTransformer(modules=[tokens, models.Pooling(WIDTH)], device="cpu").save(str(own_folder / "sentences"))
    encoder = make_encoder(f"sentence-transformers:{own_folder / 'sentences'}")
    wanted = SentenceTransformer(str(own_folder / "sentences"), device="cpu").encode(TEXTS[:4])
    np.testing.assert_allclose(encoder.encode(TEXTS)[:4], wanted, rtol=1e-4, atol=1e-5)
    assert encoder.dim == WIDTH


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["transformers", "sentence-transformers"])
def test_a_folder_without_a_model_is_one_line(own_folder: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    reason = missing("torch", "transformers", "sentence_transformers")
    if reason:
        pytest.skip(reason)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    os.mkdir("empty")
    with pytest.raises(ValueError, match="cannot be loaded") as caught:
        make_encoder(f"{kind}:./empty")
    assert "\n" not in str(caught.value)
