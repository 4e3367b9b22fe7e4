"""A stream of questions in words that the answers do not have: what they mean can be learned only from use."""

from __future__ import annotations

import json
import random
from pathlib import Path

PAGES, WORDS = 10, 12


def words(rng: random.Random, n: int) -> list[str]:
    return ["".join(rng.choice("bcdfglmnprstv") + rng.choice("aeiou") for _ in range(3)) for _ in range(n)]


def records(n: int = 150, *, dated: bool = True, seed: int = 1) -> list[dict[str, str]]:
    """n tasks, not in the order of their dates: a page each, asked for in its own jargon and a word of any page."""
    rng = random.Random(seed)
    jargon = [words(rng, WORDS) for _ in range(PAGES)]
    pages = [f"page {i}: {' '.join(words(rng, 8))}" for i in range(PAGES)]
    found = []
    for i in range(n):
        page = rng.randrange(PAGES)
        asked = [*rng.sample(jargon[page], 4), rng.choice(pages[rng.choice([page, *range(PAGES)])].split())]
        found.append({"id": f"task-{i}", "prompt": " ".join(asked), "solution": pages[page]})
    if dated:
        for i, record in enumerate(found):
            record["date"] = f"2024-{1 + i // 28 % 12:02}-{1 + i % 28:02}"
        found = found[n // 2 :] + found[: n // 2]
    return found


def write(folder: Path, *tasks: dict[str, str], name: str = "questions.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(task) + "\n" for task in tasks))
    return path
