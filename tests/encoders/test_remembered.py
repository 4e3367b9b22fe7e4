"""A model whose folder is known is loaded when a text is new, and not before; whatever changed is seen."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ruvllm.encoders.cache import CACHE_VARIABLE, CachedEncoder
from ruvllm.encoders.foreign import ForeignError
from ruvllm.encoders.huggingface import _FolderEncoder
from ruvllm.encoders.remembered import ModelFacts, key_of_folder


class FileEncoder(_FolderEncoder):
    """A model that is a number in a file."""

    extra, packages = "file", ()
    loads = 0

    def _loaded(self, model: str) -> ModelFacts:
        type(self).loads += 1
        self._number = json.loads((Path(model) / "model.json").read_text())["number"]
        return ModelFacts(f"digest of {self._number}", 2, 7)

    def _rows(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.array([[len(text), self._number] for text in texts], dtype=np.float32).reshape(-1, 2)


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setattr(FileEncoder, "loads", 0)
    folder = tmp_path / "model"
    (folder / "part").mkdir(parents=True)
    (folder / "model.json").write_text(json.dumps({"number": 3}))
    (folder / "part" / "weights.bin").write_bytes(bytes(9))
    return folder


def test_a_known_model_is_loaded_for_new_texts_only(model: Path, tmp_path: Path) -> None:
    rows = CachedEncoder(FileEncoder(str(model)), tmp_path / "vectors").encode(["a", "bc"])
    assert FileEncoder.loads == 1
    encoder = FileEncoder(str(model))
    again = CachedEncoder(encoder, tmp_path / "vectors")
    assert (again.digest, again.dim, again.parameters) == ("digest of 3", 2, 7)
    assert again.encode(["bc", "a"]).tobytes() == rows[::-1].tobytes()
    assert FileEncoder.loads == 1
    assert encoder.encode(["def"]).tolist() == [[3.0, 3.0]]
    assert FileEncoder.loads == 2


EDITS: dict[str, Callable[[Path], object]] = {
    "content": lambda model: (model / "part" / "weights.bin").write_bytes(bytes(8) + b"x"),
    "a name": lambda model: (model / "part" / "weights.bin").rename(model / "part" / "bias.bin"),
    "one file more": lambda model: (model / "empty").touch(),
    "bytes from one file to the next": lambda model: [
        (model / name).write_bytes(b"x" * n) for name, n in (("part/weights.bin", 8), ("part/x", 1))
    ],
}


@pytest.mark.parametrize("what", EDITS)
def test_a_folder_with_an_edit_is_another_one(model: Path, what: str) -> None:
    before = key_of_folder(str(model), {})
    assert before == key_of_folder(str(model), {})
    EDITS[what](model)
    assert before != key_of_folder(str(model), {}) is not None


def test_another_reader_is_another_key(model: Path) -> None:
    keys = {key_of_folder(str(model), {"versions": {"torch": version}}) for version in ("1", "2")}
    assert len(keys) == 2


OUTSIDE: dict[str, Callable[[Path], object]] = {
    "code": lambda model: (model / "modeling.py").touch(),
    "code of a hub": lambda model: (model / "config.json").write_text('{"auto_map": {"AutoModel": "a--b.C"}}'),
    "a module of others": lambda model: (model / "modules.json").write_text('[{"path": "", "type": "mine.Pooling"}]'),
    "an adapter": lambda model: (model / "adapter_config.json").write_text("{}"),
    "a linked folder": lambda model: (model / "more").symlink_to(model.parent, target_is_directory=True),
}


@pytest.mark.parametrize("what", OUTSIDE)
def test_nothing_is_remembered_of_what_other_files_decide(model: Path, what: str) -> None:
    OUTSIDE[what](model)
    assert key_of_folder(str(model), {}) is None
    FileEncoder(str(model)), FileEncoder(str(model))
    assert FileEncoder.loads == 2


def test_a_name_of_a_hub_has_no_key() -> None:
    assert key_of_folder("all-MiniLM-L6-v2", {}) is None


def test_a_module_of_the_library_is_known(model: Path) -> None:
    (model / "modules.json").write_text(
        '[{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Pooling"}]'
    )
    assert key_of_folder(str(model), {}) is not None


@pytest.mark.parametrize("damage", [lambda text: text[:9], lambda text: text.replace("of 3", "of 4")])
def test_a_damaged_memory_is_no_memory(model: Path, tmp_path: Path, damage: Callable[[str], str]) -> None:
    FileEncoder(str(model))
    (kept,) = (tmp_path / "cache" / "models").iterdir()
    kept.write_text(damage(kept.read_text()))
    assert FileEncoder(str(model)).digest == "digest of 3"
    assert FileEncoder.loads == 2


def test_a_model_that_changed_before_it_was_loaded_is_refused(model: Path) -> None:
    FileEncoder(str(model))
    encoder = FileEncoder(str(model))
    (model / "model.json").write_text(json.dumps({"number": 4}))
    with pytest.raises(ForeignError, match="its files changed after they were read"):
        encoder.encode(["a"])
