"""What to call a model in tables: the name that it brings along, not that of the folder it happens to lie in."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

__all__ = ["title_of_model"]

_GENERIC = re.compile(
    r"|\W*|(my|the|best|final|last|saved|trained)?[_-]?(model|models|encoder|checkpoint|output|outputs|weights|export)s?"
    r"|model[_-]files|main|latest|best|final|data|files|dist|build|tmp|results?"
    r"|checkpoint[_-]\d+|epoch[_-]?\d+|step[_-]?\d+|v?\d+([._]\d+)*|\d_\w+|[0-9a-f]{8,64}|snapshots|hf|transformers"
    r"|sentence[_-]?transformers?|onnx|torch|pytorch",
    re.IGNORECASE,
)
"""Names of folders that say nothing of the model inside."""
_HUB = re.compile(r"models--(?:.*--)?(.+)")
_MOST_BYTES = 1 << 20
_MOST_LETTERS = 60


def title_of_model(model: str) -> str:
    """Returns a short name for MODEL, a folder or a name of the hub, whose last part it is then.

    For a folder it is the name in its model card; else that of the folder, or of the next one above whose name says
    something. In place of a folder such as `model` the name in its configuration comes first, unless it is of
    sentence-transformers: there, as beside a folder with a name, that is the model that this one was trained from.
    """
    folder = Path(model).expanduser()
    if not folder.is_dir():
        return _short(model.rstrip("/").rpartition("/")[2] or model)
    parts = Path(os.path.abspath(folder)).parts[::-1]
    said = _card_name(folder)
    if said is None and _GENERIC.fullmatch(parts[0]) and not (folder / "modules.json").is_file():
        said = _configured_name(folder)
    for name in parts:
        if said is None and (match := _HUB.fullmatch(name)):
            said = match[1]
        elif said is None and not _GENERIC.fullmatch(name):
            said = name
    return _short(said or _configured_name(folder) or parts[0])


def _short(name: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in name).strip()[:_MOST_LETTERS] or "encoder"


def _card_name(folder: Path) -> str | None:
    """Returns the name in the head of README.md, or its first heading if that is one word, as on the hub."""
    text = _text(folder / "README.md")
    head = re.match(r"---\s*\n(.*?)\n---", text, re.DOTALL)
    if head and (match := re.search(r"^(?:model_name|model-index:\s*\n- name): *(.+)$", head[1], re.MULTILINE)):
        return _last_part(match[1].strip("\"' "))
    heading = re.search(r"^# +(\S+) *$", text[head.end() if head else 0 :], re.MULTILINE)
    name = None if heading is None else _last_part(heading[1])
    return None if name is None or _is_library(name) else name


def _is_library(name: str) -> bool:
    """True for the headings of generated cards that were never filled in: `# SentenceTransformer`, `# {MODEL_NAME}`."""
    return "{" in name or _GENERIC.fullmatch(name) is not None or name in ("SentenceTransformer", "Model")


def _configured_name(folder: Path) -> str | None:
    for file in ("config.json", "config_sentence_transformers.json", "0_Transformer/config.json"):
        try:
            config = json.loads(_text(folder / file) or "{}")
        except ValueError:
            continue
        for key in ("model_name", "name", "_name_or_path", "model_name_or_path"):
            name = config.get(key) if isinstance(config, dict) else None
            if isinstance(name, str) and (short := _last_part(name)) is not None and not _GENERIC.fullmatch(short):
                return short
    return None


def _last_part(name: str) -> str | None:
    return name.rstrip("/\\").replace("\\", "/").rpartition("/")[2] or None


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_MOST_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
