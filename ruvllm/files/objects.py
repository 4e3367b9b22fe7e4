"""Objects of the core in files: whatever has state() and from_state(), as arrays in the safetensors format."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from ruvllm import _core
from ruvllm.files.arrays import StateArrays, parse_arrays, to_safetensors
from ruvllm.files.atomic import write_atomically
from ruvllm.files.json_reading import InvalidFileError, read_regular_file

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["KINDS", "MOST_OBJECT_BYTES", "load", "save"]

KINDS: Mapping[str, type[Savable]] = {
    kind.__name__: kind
    for kind in (
        *(_core.BettingEvidence, _core.ContrastiveMemory, _core.ElasticWeightConsolidation, _core.FeedbackAdapter),
        *(_core.MicroLoRA, _core.MultiHeadLoRA),
        *(_core.NgramEncoder, _core.PatternBank, _core.PrioritizedReplay, _core.RandomStream, _core.SumTree),
        _core.VectorBank,
    )
}
"""What can be saved and loaded, by its name in the file."""

MOST_OBJECT_BYTES = 2**36
"""A larger file is refused before it is read."""


class Savable(Protocol):
    """What save() takes: an object whose state is a dict of arrays (n,)."""

    def state(self) -> StateArrays: ...


T = TypeVar("T", bound=Savable)


def save(thing: Savable, path: str | os.PathLike[str]) -> None:
    """Writes the whole state of an object of the library, bit for bit, to a safetensors file.

    The file is written whole or not at all. Raises TypeError for an object of another kind (KINDS has those that can be
    saved) and OSError where the file cannot be written.
    """
    if not isinstance(thing, tuple(KINDS.values())):
        raise TypeError(f"one of {', '.join(KINDS)} can be saved, not {type(thing).__name__}")
    write_atomically(Path(path), to_safetensors(thing.state()))


def load(path: str | os.PathLike[str]) -> Savable:
    """Returns the object that save() wrote: it goes on as the saved one would have done, to the bit.

    The file may come from a stranger: it holds numbers only, and each is checked. Raises ValueError, with the path, for
    a file that is not one of these, and OSError where it cannot be read.
    """
    try:
        state = parse_arrays(read_regular_file(Path(path), MOST_OBJECT_BYTES))
        name = bytes(state["class"]).decode("ascii", "replace") if "class" in state else "nothing"
        if name not in KINDS:
            raise InvalidFileError(f"holds {name[:60]!r}, not one of {', '.join(KINDS)}")
        made: Savable = KINDS[name].from_state(state)  # type: ignore[attr-defined]
        return made
    except (ValueError, TypeError) as error:
        raise ValueError(f"{os.fspath(path)}: {error}") from None
