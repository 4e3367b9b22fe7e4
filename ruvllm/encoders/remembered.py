"""What is known of a model in a folder from an earlier time, so that it need not be loaded where no text is new.

Loading a model takes seconds, reading its files a fraction of one. What loading found is kept in the cache under a
digest of all files of the folder and of whatever reads them; whoever loads the model later compares.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec

from ruvllm.encoders.cache import cache_folder
from ruvllm.files.atomic import write_atomically
from ruvllm.version import __version__

__all__ = ["ModelFacts", "facts_of", "key_of_folder", "remember"]

_SETTINGS_BYTES = 1 << 20
"""Larger files hold weights and vocabularies, which name no code."""
_MODULE = re.compile(rb'"path"\s*:\s*"[^"]*",\s*"type"\s*:\s*"([^"]*)"')
"""The class of a module in modules.json."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What a run asks of an encoder before it encodes."""

    digest: str
    dim: int
    parameters: int


@dataclass(frozen=True, slots=True)
class _Kept:
    """A file of the cache."""

    facts: ModelFacts
    check: str
    """Of key and facts: a cache may be damaged, but it must never be wrong."""


def key_of_folder(model: str, readers: Mapping[str, object]) -> str | None:
    """Returns a digest (hex) of all files of the folder, by name and content, and of what reads them.

    None where that is not all that decides the vectors: a name of the hub, a folder with code or with links to other
    folders, an adapter of another model. Nothing of `.git` and other hidden folders is read.
    """
    if not os.path.isdir(model):
        return None
    digest = hashlib.sha256(msgspec.json.encode({**readers, "ruvllm": __version__}, order="sorted"))
    try:
        files = _files(Path(model))
        if files is None:
            return None
        for path in files:
            content = _digest_of(path)
            if content is None:
                return None
            name = os.fsencode(path.relative_to(model))
            digest.update(len(name).to_bytes(8, "little") + name + content)
    except OSError:
        return None
    return digest.hexdigest()


def facts_of(key: str) -> ModelFacts | None:
    """Returns what was remembered under the key; None where there is nothing, or something that is damaged."""
    try:
        kept = msgspec.json.decode(_path(key).read_bytes(), type=_Kept)
    except (OSError, msgspec.DecodeError):
        return None
    return kept.facts if kept.check == _check(key, kept.facts) else None


def remember(key: str, facts: ModelFacts) -> None:
    """Keeps the facts, unless the cache cannot be written: then the model is loaded another time."""
    kept = msgspec.json.encode(_Kept(facts, _check(key, facts)))
    with contextlib.suppress(OSError):
        _path(key).parent.mkdir(parents=True, exist_ok=True)
        write_atomically(_path(key), kept)


def _path(key: str) -> Path:
    return cache_folder() / "models" / f"{key[:32]}.json"


def _check(key: str, facts: ModelFacts) -> str:
    return hashlib.sha256(msgspec.json.encode([key, asdict(facts)])).hexdigest()


def _files(folder: Path) -> list[Path] | None:
    """All files in order; None if some folder is a link. Raises OSError for what cannot be read."""

    def fail(error: OSError) -> None:
        raise error

    found = []
    for place, folders, names in os.walk(folder, onerror=fail):
        folders[:] = [name for name in folders if not name.startswith(".")]
        if any(os.path.islink(os.path.join(place, name)) for name in folders):
            return None
        found += [Path(place, name) for name in names if not name.startswith(".")]
    return sorted(found)


def _digest_of(path: Path) -> bytes | None:
    """None for a file that says that something outside of the folder decides."""
    if path.suffix == ".py" or path.name == "adapter_config.json":
        return None
    with path.open("rb") as file:
        if path.suffix == ".json" and not _is_of_the_libraries(file.read(_SETTINGS_BYTES)):
            return None
        file.seek(0)
        return hashlib.file_digest(file, "sha256").digest()


def _is_of_the_libraries(settings: bytes) -> bool:
    """True unless the start of a JSON file names code of others, or another model's tokenizer."""
    if b"auto_map" in settings or b"tokenizer_name_or_path" in settings:
        return False
    return all(kind.startswith(b"sentence_transformers.") for kind in _MODULE.findall(settings))
