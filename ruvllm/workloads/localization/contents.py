"""What the files of repositories hold, counted once for each different content: words, outlines, definitions, names.

In memory alone, and only counts and names: of a text nothing stays once it is counted. A definition is what lies
between one `def` or `class` and the next, under the names of those around it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ruvllm._core import Bm25
from ruvllm.encoders.lexical import for_bm25
from ruvllm.workloads.inputs import Watch, ignore
from ruvllm.workloads.localization.trees import Repository, SourceTree
from ruvllm.workloads.swebench import path_text

__all__ = ["Contents", "TreeContents"]

_DEFINITION = re.compile(
    r"^([ \t]*)(?:(?:async|export|default|public|private|protected|static|abstract|final|pub) +)*"
    r"(def|class|function|func|fn|interface|struct|trait|enum|module)[ \t]+(\w+)",
    re.MULTILINE,
)
_HOLDS_OTHERS = frozenset({"class", "interface", "struct", "trait", "module"})
_LONGEST_DEFINITION, _LONGEST_DOCSTRING = 4000, 1500
"""In characters; of longer ones the beginning counts."""
_MOST_DEFINITIONS = 500
"""Of a file. Files with more of them are made by machines."""
_AT_ONCE = 256
"""Files whose texts are in memory at the same time."""

Numbers = NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class _File:
    """One content under one path; numbers are of documents."""

    text: int
    outline: int
    definitions: range
    names: frozenset[str]
    """Of functions and classes."""


@dataclass(frozen=True, slots=True, eq=False)
class TreeContents:
    """The files of one tree, in the order of its paths, as documents of the three indexes."""

    texts: Numbers
    outlines: Numbers
    definitions: Numbers
    owners: NDArray[np.int64]
    """(definitions,): the file of each."""
    names: Sequence[frozenset[str]]


class Contents:
    """Counts of all files so far. Indexes: whole texts with their paths; outlines, which are paths, first docstrings
    and the names of definitions; definitions."""

    def __init__(self) -> None:
        self.texts, self.outlines, self.definitions = Bm25(), Bm25(), Bm25()
        self._files: dict[tuple[str, str], _File] = {}

    def __len__(self) -> int:
        return len(self._files)

    def of(self, repository: Repository, tree: SourceTree, watch: Watch = ignore) -> TreeContents:
        """Returns the contents of a tree, and counts those that are new. Raises MissingTreeError."""
        keys = list(zip(tree.blobs, tree.paths, strict=True))
        new = [key for key in keys if key not in self._files]
        for first in range(0, len(new), _AT_ONCE):
            watch("counting words of files", first, len(new))
            part = new[first : first + _AT_ONCE]
            found = repository.contents([blob for blob, _ in part])
            texts = [data.decode("utf-8", "replace").replace("\0", " ") for _, data in found]
            self._count(part, texts)
        if new:
            watch("counting words of files", len(new), len(new))
        files = [self._files[key] for key in keys]
        return TreeContents(
            texts=np.array([file.text for file in files], np.uint32),
            outlines=np.array([file.outline for file in files], np.uint32),
            definitions=np.array([number for file in files for number in file.definitions], np.uint32),
            owners=np.array([i for i, file in enumerate(files) for _ in file.definitions], np.int64),
            names=[file.names for file in files],
        )

    def _count(self, keys: Sequence[tuple[str, str]], texts: Sequence[str]) -> None:
        names = [path_text(path) for _, path in keys]
        parts = [_definitions(text) for text in texts]
        first = self.texts.add(for_bm25([f"{name}\n{text}" for name, text in zip(names, texts, strict=True)]))
        outlines = [
            " ".join([name, _docstring(text), *(own for own, _ in definitions)])
            for name, text, definitions in zip(names, texts, parts, strict=True)
        ]
        self.outlines.add(for_bm25(outlines))
        begin = self.definitions.add(for_bm25([code for definitions in parts for _, code in definitions]))
        for i, (key, definitions) in enumerate(zip(keys, parts, strict=True)):
            end = begin + len(definitions)
            own = frozenset(name for name, _ in definitions)
            self._files[key] = _File(first + i, first + i, range(begin, end), own)
            begin = end


def _definitions(text: str) -> list[tuple[str, str]]:
    """Returns the name of each function and class, and its code behind the names of the classes around it."""
    found: list[tuple[str, str]] = []
    around: list[tuple[int, str]] = []
    matches = list(_DEFINITION.finditer(text))[:_MOST_DEFINITIONS]
    ends = [match.start() for match in matches[1:]] + [len(text)]
    for match, end in zip(matches, ends, strict=False):  # without a match there is an end too many
        depth = len(match[1].expandtabs())
        while around and around[-1][0] >= depth:
            around.pop()
        code = text[match.start() : min(end, match.start() + _LONGEST_DEFINITION)]
        found.append((match[3], " ".join([*(name for _, name in around), code])))
        if match[2] in _HOLDS_OTHERS:
            around.append((depth, match[3]))
    return found


def _docstring(text: str) -> str:
    """Returns the beginning of the first docstring, if it comes before any definition."""
    begin = text.find('"""', 0, 20_000)
    definition = _DEFINITION.search(text)
    if begin < 0 or (definition is not None and definition.start() < begin):
        return ""
    end = text.find('"""', begin + 3)
    return text[begin + 3 : min(end if end > 0 else len(text), begin + 3 + _LONGEST_DOCSTRING)]
