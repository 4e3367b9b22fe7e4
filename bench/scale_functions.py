"""Many functions made of few: real documented functions, each told again in other words.

A telling replaces every word of names and docstrings by another word of the corpus, the same one everywhere: what
docstring and code share stays shared, and no two tellings of a function are near copies.
"""

from __future__ import annotations

import json
import keyword
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from ruvllm.workloads.code.functions import DocumentedFunction, read_corpus

__all__ = ["tellings", "write_tasks"]

WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]{2,}")
KEPT = frozenset(map(str.lower, [*keyword.kwlist, *keyword.softkwlist, "self", "cls"]))
"""Words that are the language's."""
SEED = 100


def tellings(n: int, functions: tuple[DocumentedFunction, ...] | None = None) -> Iterator[tuple[str, str]]:
    """Yields n pairs of docstring and code, the real ones first. The same n-th pair whatever n is."""
    known = read_corpus().functions if functions is None else functions
    words = sorted({w.lower() for f in known for w in WORD.findall(f.docstring + f.code)} - KEPT)
    others: dict[str, str] = {}
    for i in range(n):
        telling, which = divmod(i, len(known))
        function = known[which]
        if which == 0 and telling > 0:
            shuffled = np.random.default_rng([SEED, telling]).permutation(len(words)).tolist()
            others = {word: words[at] for word, at in zip(words, shuffled, strict=True)}
        yield _retold(function.docstring, others), _retold(function.code, others)


def _retold(text: str, others: Mapping[str, str]) -> str:
    def replaced(match: re.Match[str]) -> str:
        word = match[0]
        new = others.get(word.lower())
        if new is None:
            return word
        return new.upper() if word.isupper() and len(word) > 1 else new.capitalize() if word[0].isupper() else new

    return WORD.sub(replaced, text)


def write_tasks(path: Path, n: int) -> None:
    """Writes n tasks as lines of JSON."""
    with path.open("w", encoding="utf-8", errors="replace") as file:
        for i, (prompt, solution) in enumerate(tellings(n)):
            file.write(json.dumps({"id": str(i), "prompt": prompt, "solution": solution}) + "\n")
