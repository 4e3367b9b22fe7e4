"""Source trees in other languages than Python: one function in each, and trees of as many as a test needs."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

WORDS = (
    "river", "basket", "planet", "window", "engine", "garden", "mirror", "ladder", "castle", "bottle",
    "button", "candle", "forest", "island", "jacket", "kettle", "lantern", "magnet", "needle", "orchard",
)  # fmt: skip
ENDING = {
    "python": ".py", "javascript": ".js", "typescript": ".ts", "rust": ".rs", "go": ".go", "java": ".java",
    "cpp": ".hpp",
}  # fmt: skip

# NAME, WORD and OTHER are replaced. Each has a comment inside that must not be seen.
FUNCTION = {
    "python": '''
def NAME(first, other):
    """Adds up the WORD of each OTHER as long as it is below the limit."""
    note(WORD, OTHER)
    total = first - other
    for i in range(other):  # secret
        if total > first and i != 3:
            total += i * 2
    return WORD(OTHER, total)
''',
    "javascript": """
/**
 * Adds up the WORD of each OTHER as long as it is below the limit.
 * @param {number} first the secret one
 */
export function NAME(first, other) {
  note(WORD, OTHER);
  let total = first - other; // secret
  for (let i = 0; i < other; i++) {
    /* secret */
    if (total > first && i !== 3) total += i * 2;
  }
  return WORD(OTHER, total);
}
""",
    "typescript": """
/**
 * Adds up the WORD of each OTHER as long as it is below the limit.
 * @param first the secret one
 */
export const NAME = (first: number, other: number): number => {
  note(WORD, OTHER);
  let total = first - other; // secret
  for (let i = 0; i < other; i++) {
    if (total > first && i !== 3) total += i * 2;
  }
  return WORD(OTHER, total);
};
""",
    "rust": """
/// Adds up the WORD of each OTHER as long as it is below the limit.
///
/// # Examples
///
/// ```
/// assert_eq!(secret(1), 2);
/// ```
#[inline]
pub fn NAME<'a>(first: i64, other: i64) -> i64 {
    note(WORD, OTHER);
    let mut total = first - other; // secret
    for i in 0..other {
        if total > first && i != 3 {
            total += i * 2;
        }
    }
    WORD(OTHER, total)
}
""",
    "go": """
// NAME adds up the WORD of each OTHER
// as long as it is below the limit.
//
//go:noinline secret
func NAME(first, other int) int {
	note(WORD, OTHER)
	total := first - other // secret
	for i := 0; i < other; i++ {
		if total > first && i != 3 {
			total += i * 2
		}
	}
	return WORD(OTHER, total)
}
""",
    "java": """
    /**
     * Adds up the <b>WORD</b> of each {@code OTHER} as long as it is below the limit.
     *
     * @param first the secret one
     */
    @Override
    public int NAME(int first, int other) {
        note(WORD, OTHER);
        int total = first - other; // secret
        for (int i = 0; i < other; i++) {
            if (total > first && i != 3) total += i * 2;
        }
        return WORD(OTHER, total);
    }
""",
    "cpp": """
/// \\brief Adds up the WORD of each OTHER as long as it is below the limit.
/// \\param first the secret one
template <class T>
int NAME(const T& first, int other) {
  note(WORD, OTHER);
  int total = first - other;  // secret
  for (int i = 0; i < other; ++i) {
    if (total > first && i != 3) total += i * 2;
  }
  return WORD(OTHER, total);
}
""",
}
AROUND = {"java": ("class Sample {\n", "}\n"), "go": ("package sample\n", "")}
LANGUAGES = tuple(FUNCTION)[1:]


def function(language: str, number: int = 0, words: int = 1) -> str:
    """A documented function; up to 380 numbers give different ones, no copies of one another with many words."""
    word, other = list(itertools.permutations(WORDS, 2))[number]
    draw = random.Random(f"{language} {number}")
    more = ["".join(draw.choices("bdfgklmnprstvz", k=3)) + draw.choice("aeiou") for _ in range(words - 1)]
    lines = FUNCTION[language].replace("NAME", f"count{word.title()}{other.title()}").replace("WORD", word).split("\n")
    said, called = " ".join([other, *more]), ", ".join([other, *more])
    return "\n".join(line.replace("OTHER", said if "dds up" in line else called) for line in lines)


def source(language: str, *functions: str) -> str:
    before, after = AROUND.get(language, ("", ""))
    return before + "".join(functions) + after


def write_tree(folder: Path, language: str, n: int = 60, files: int = 10, words: int = 1) -> Path:
    """A tree with n functions in so many files."""
    for file in range(files):
        functions = [function(language, number, words) for number in range(file, n, files)]
        path = folder / f"part{file % 3}" / f"file{file}{ENDING[language]}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source(language, *functions), encoding="utf-8")
    return folder
