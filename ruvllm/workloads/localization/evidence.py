"""Evidence that an issue is about a file: each candidate's features, standardised per issue.

Nothing is learned here, and nothing of other issues is used: the weights of the hashed view and of BM25 are those of
the issue's own tree.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ruvllm._core import Bm25, log
from ruvllm.encoders.hashed import HashedNgramEncoder
from ruvllm.encoders.lexical import for_bm25
from ruvllm.workloads.localization.contents import Contents, TreeContents
from ruvllm.workloads.localization.mentions import MENTIONS, Mentions
from ruvllm.workloads.localization.trees import SourceTree
from ruvllm.workloads.swebench import path_text

__all__ = ["CONTENTS", "EVIDENCE", "PATH", "START", "VECTORS", "WIDTH", "evidence_of", "title_of_issue"]

PATH, CONTENTS, VECTORS = "path", "contents", "vectors"
"""Kinds of evidence that are methods alone: hashed n-grams of the path, BM25 over contents, an encoder's cosine."""

EVIDENCE = (
    PATH, VECTORS, CONTENTS, "contentsTitle", "outlineTitle", "definition", "definitionTitle", "symbols", "fullPath",
    "module", "baseName", "lastTwo", "stem",
)  # fmt: skip
"""Names of the columns. Without an encoder of a user's own VECTORS is 0.

Chosen, as the penalty of the weights, on the issues of django, sympy, pytest and sphinx in SWE-bench Lite's train file.
Without tracebacks (last frames first), imports, names that are assigned to, and the whole issue against outlines,
which were tried too, weights found as much there.
"""
START = 0.5
"""Weight of each kind of evidence before anything is learned: all count the same."""

WIDTH = 4096
"""Of the hashed view of paths."""
_IN_CODE = re.compile(r"`([A-Za-z_]\w{2,})|\b([A-Za-z_]\w*_\w+|[a-z]*[A-Z]\w*[a-z]\w*[A-Z]\w*|[A-Za-z_]\w{2,}(?=\())")
"""Words of prose that are identifiers: in backticks, with an underscore or humps, or called."""

Column = NDArray[np.float64]


def title_of_issue(text: str) -> str:
    """Returns the first line, which is the title in SWE-bench's records."""
    return text.strip().partition("\n")[0]


def evidence_of(
    text: str, tree: SourceTree, files: TreeContents, contents: Contents, cosines: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """Returns (n candidates, EVIDENCE) of an issue. `cosines` (n,) are an encoder's, of the issue and the paths.

    Scores are standardised over the candidates, to a standard deviation of 1/2; what names a file is in [0, 1].
    """
    queries, mentions = [text, title_of_issue(text)], Mentions(text)
    in_code = frozenset(a or b for a, b in _IN_CODE.findall(text))
    scores = {
        PATH: _hashed(queries[0], tree.paths),
        VECTORS: np.zeros(len(tree.paths)) if cosines is None else cosines.astype(np.float64),
        **_both("contents", _bm25(contents.texts, queries, files.texts)),
        "outlineTitle": _bm25(contents.outlines, queries[1:], files.outlines)[0],
        **_both("definition", _best(_bm25(contents.definitions, queries, files.definitions), files)),
        "symbols": _defined(in_code, files.names),
    }
    named = dict(zip(MENTIONS, mentions.columns(tree.paths), strict=True))
    columns = [named[name] if name in named else _standardised(scores[name]) for name in EVIDENCE]
    return np.stack(columns, axis=1).astype(np.float32)


def _both(name: str, rows: NDArray[np.float64]) -> dict[str, Column]:
    return {name: rows[0], f"{name}Title": rows[1]}


def _standardised(values: Column) -> Column:
    spread = float(values.std())
    return (values - values.mean()) / (2 * spread) if spread > 1e-12 else np.zeros(len(values))


def _hashed(text: str, paths: Sequence[str]) -> Column:
    names = [path_text(path) for path in paths]
    encoder = HashedNgramEncoder(WIDTH, sublinear_tf=True).fit(names)
    query = encoder.encode([text])[0]
    found: Column = (encoder.encode(names).astype(np.float64) * query).sum(axis=1)
    return found


def _bm25(index: Bm25, queries: Sequence[str], documents: NDArray[np.uint32]) -> NDArray[np.float64]:
    if not len(documents):
        return np.zeros((len(queries), 0))
    return index.scores(for_bm25(queries), documents).astype(np.float64)


def _best(rows: NDArray[np.float64], files: TreeContents) -> NDArray[np.float64]:
    """Returns the score of each file's best definition."""
    best = np.zeros((len(rows), len(files.texts)))
    for row, scores in zip(best, rows, strict=True):
        np.maximum.at(row, files.owners, scores)
    return best


def _defined(words: frozenset[str], names: Sequence[frozenset[str]]) -> Column:
    """Returns ln(1 + sum of ln(n / df)) over the words that each of n files defines; df files define a word."""
    found = [sorted(words & own) for own in names]
    df = Counter(word for own in found for word in own)
    rarity = {word: log(len(names) / n) for word, n in df.items()}
    return np.array([log(1.0 + sum(rarity[word] for word in own)) for own in found])
