"""What a user writes to name a workload: `simulated`, `code`, `code:PATH` or `jsonl:FILE`."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from ruvllm.files.near_names import did_you_mean
from ruvllm.workloads.registry import WORKLOADS, WorkloadEntry

__all__ = ["WorkloadSpec", "parse_spec"]


@dataclass(frozen=True, slots=True)
class WorkloadSpec:
    """A workload by name, and the path to read it from."""

    name: str
    path: str | None = None

    @property
    def entry(self) -> WorkloadEntry:
        return WORKLOADS[self.name]

    @property
    def text(self) -> str:
        """How a user writes it."""
        return self.name if self.path is None else f"{self.name}:{self.path}"

    @property
    def title(self) -> str:
        """What to call the input: the name of its file or folder."""
        if self.path is not None:
            return Path(os.path.abspath(self.path)).name or self.path
        return self.entry.without_path or self.name


def parse_spec(text: str, names: Collection[str] = WORKLOADS) -> WorkloadSpec:
    """Returns the workload that `text` names, one of `names`. Raises ValueError if `text` has none of their forms."""
    name, colon, path = text.partition(":")
    form = WORKLOADS[name].form if name in names else ""
    may_have_path, may_lack_path = ":" in form, form == name or "[" in form
    if not form or bool(colon) != bool(path) or not (may_have_path if path else may_lack_path):
        ways = [way for each in names for way in _ways(WORKLOADS[each].form)]
        choice = f"{', '.join(ways[:-1])} or {ways[-1]}" if len(ways) > 1 else ways[0]
        raise ValueError(f"must be {choice}, not {text!r}{_meant(text, names)}")
    return WorkloadSpec(name, path or None)


def _meant(text: str, names: Collection[str]) -> str:
    """Returns what the user may have meant: a file or folder without the name of its workload, or a name mistyped."""
    name, colon, path = text.partition(":")
    if name in names or not text:
        return ""
    place = Path(os.path.expanduser(text))
    if place.suffix == ".py" and not place.is_dir():
        place, text = place.parent, str(Path(text).parent)
    kind = "code" if place.is_dir() else "jsonl"
    if kind in names and (place.exists() or (not colon and place.suffix in (".jsonl", ".json", ".ndjson"))):
        return f" (did you mean {kind}:{text}?)"
    return did_you_mean(name, names, colon + path)


def _ways(form: str) -> list[str]:
    name, bracket, path = form.partition("[")
    return [name, name + path.rstrip("]")] if bracket else [form]
