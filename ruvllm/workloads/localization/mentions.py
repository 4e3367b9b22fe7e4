"""Files that a text names: by their paths and as modules."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray

__all__ = ["MENTIONS", "Mentions", "module_of"]

_DOTTED = re.compile(r"(?<![\w.])[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")
_PATH = re.compile(r"[\w.+\-]+(?:[/\\]+[\w.+\-]+)*")
_WORD = re.compile(r"\w+")

Column = NDArray[np.float64]


def module_of(path: str) -> str:
    """Returns the dotted name of the module that a path is: a.b for the file b of a, or for the package b of a."""
    return path.rpartition(".")[0].replace("/", ".").removesuffix(".__init__")


class Mentions:
    """What one text names."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.words = frozenset(_WORD.findall(text))

    def columns(self, paths: Sequence[str]) -> list[Column]:
        """Returns, for each of MENTIONS, a number (n,) in [0, 1] for each path: 0 where it is not named."""
        each: list[Callable[[str], float]] = [self._full, self._module, self._base, self._last_two, self._stem]
        return [np.array([of(path) for path in paths], np.float64) for of in each]

    def _full(self, path: str) -> float:
        return float("/" in path and path in self.text)

    def _module(self, path: str) -> float:
        return float(module_of(path) in self._prefixes)

    def _base(self, path: str) -> float:
        name = path.rpartition("/")[2]
        return float(not name.startswith("__init__.") and name in self._names)

    def _last_two(self, path: str) -> float:
        parts = path.split("/")[-2:]
        stem = parts[-1].rpartition(".")[0]
        return float(len(parts) == 2 and ("/".join(parts) in self._pairs or f"{parts[0]}.{stem}" in self._dotted_pairs))

    def _stem(self, path: str) -> float:
        folder, _, name = path.rpartition("/")
        stem = name.rpartition(".")[0]
        if stem == "__init__":
            return 0.5 * (folder.rpartition("/")[2] in self.words)
        return float(stem in self.words)

    @cached_property
    def _prefixes(self) -> frozenset[str]:
        """Of dotted names: a.b and a.b.c of a.b.c."""
        parts = (name.split(".") for name in _DOTTED.findall(self.text))
        return frozenset(prefix for own in parts for prefix in list(accumulate(own, "{}.{}".format))[1:])

    @cached_property
    def _dotted_pairs(self) -> frozenset[str]:
        """Neighbours in dotted names: a.b and b.c of a.b.c."""
        return frozenset(
            f"{a}.{b}" for name in _DOTTED.findall(self.text) for a, b in pairwise(name.split("."))
        )

    @cached_property
    def _split_paths(self) -> list[list[str]]:
        return [re.split(r"[/\\]+", path.strip(".")) for path in _PATH.findall(self.text)]

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(parts[-1] for parts in self._split_paths)

    @cached_property
    def _pairs(self) -> frozenset[str]:
        return frozenset("/".join(parts[-2:]) for parts in self._split_paths if len(parts) > 1)


MENTIONS = ("fullPath", "module", "baseName", "lastTwo", "stem")
"""Names of the columns."""
