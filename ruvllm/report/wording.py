"""Numbers and names as a report writes them."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = [
    "STAND_INS", "THE_REPORT", "counted", "efficiency", "listed", "model_size", "percent", "percent_with",
    "points_with", "seed_range", "short", "words",
]  # fmt: skip

STAND_INS = (
    "The models are simulated stand-ins: nothing here is said of the real models of these names."
)
THE_REPORT = (
    "The published figures are those of the RuvLLM Self-Improvement Benchmark Report (December 2025, version 3.0.0), "
    "which this project implements. It came with the npm package ruvllm and names no author. The system behind it "
    "simulated its models too: no figure of it was measured on a real one."
)
NAMES = {
    "meanRemoval": "mean removal",
    "allButTheTop": "All-but-the-Top",
    "ridge": "ridge regression",
    "csls": "CSLS",
    "ridgeCsls": "ridge and CSLS",
    "learningAlone": "learning alone",
    "hybrid": "learning, hybrid",
    "hybridFrozen": "hybrid, nothing learned",
    "hybridRidgeCsls": "hybrid, ridge and CSLS",
    "ensemble": "ensemble of all",
    "ensembleClosed": "ensemble, nothing learned",
    "randomGradient": "random gradient",
    "shuffled": "shuffled answers",
    "handSet": "hand-set weights",
    "bm25": "BM25",
    "hashedPath": "path, hashed n-grams",
    "encodedPath": "path, encoder",
    "code_completion": "code completion",
    "bug_fix": "bug fix",
    "refactor": "refactor",
    "test_gen": "test generation",
}


def words(key: str) -> str:
    """Returns a key of a results file in words: `allButTheTop` is All-but-the-Top, `someNewKey` some new key."""
    if key in NAMES:
        return NAMES[key]
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", key).replace("_", " ").lower()


def short(key: str) -> str:
    """Returns a key in words for a narrow column: two lines of few letters."""
    known = {"code_completion": "com-\nplete", "refactor": "refac-\ntor", "test_gen": "test\ngen."}
    return known.get(key, words(key).replace(" ", "\n"))


def percent(value: float) -> str:
    return f"{100 * value:.1f}%"


def percent_with(value: float, interval: Sequence[float]) -> str:
    return f"{100 * value:.1f}% [{100 * interval[0]:.1f}, {100 * interval[1]:.1f}]"


def points_with(value: float, interval: Sequence[float], digits: int = 1, factor: float = 100) -> str:
    """Returns a difference with its interval, both signed; in points if the factor is 100."""
    low, high = interval
    return f"{factor * value:+.{digits}f} [{factor * low:+.{digits}f}, {factor * high:+.{digits}f}]"


def model_size(billions: float) -> str:
    """Returns a number of parameters in words; 0 means that nobody has said how many."""
    return f"{billions:g}B" if billions else "?"


def efficiency(rate: float | None) -> str:
    """Returns a resolve rate per billion parameters, if their number is known."""
    return f"{percent(rate)}/B" if rate else "?"


def counted(n: int, what: str) -> str:
    """Returns "1 model" or "2 models"."""
    return f"{n} {what}{'' if n == 1 else 's'}"


def listed(names: Sequence[str]) -> str:
    """Joins names for a sentence."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def seed_range(seeds: Sequence[int]) -> str:
    """Returns "seed 0", "seeds 0 to 4" or, of ascending seeds with gaps, "3 seeds from 0 to 9"."""
    first, last = seeds[0], seeds[-1]
    if len(seeds) == 1:
        return f"seed {first}"
    gaps = last - first >= len(seeds)
    return f"{len(seeds)} seeds from {first} to {last}" if gaps else f"seeds {first} to {last}"
