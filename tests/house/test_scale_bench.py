"""bench/scale.py: functions told again are other functions, its commands run, and searches are right."""

import re
import subprocess
import sys
from itertools import islice
from pathlib import Path

import numpy as np

BENCH = Path(__file__).resolve().parents[2] / "bench"
sys.path.insert(0, str(BENCH))
from scale_functions import tellings  # noqa: E402

from ruvllm.workloads.code.functions import DocumentedFunction  # noqa: E402
from ruvllm.workloads.repeats.finding import copies_of  # noqa: E402

KNOWN = (
    DocumentedFunction(
        "Return the parent folder of a path, or the path itself.",
        "def f(path, parent):\n    return parent or path.folder",
        "a.py", "f", 1,
    ),
    DocumentedFunction(
        "Count the words of a long text and return their number.",
        "def f(text):\n    return len(text.words())",
        "a.py", "g", 9,
    ),
)  # fmt: skip


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(BENCH / "scale.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def test_a_function_is_told_again_in_other_words() -> None:
    told = list(tellings(8, KNOWN))
    assert told[:2] == [(f.docstring, f.code) for f in KNOWN]
    assert told[:5] == list(islice(tellings(5, KNOWN), 5))
    assert len(set(told)) == 8
    docstring, code = told[2]
    assert code.startswith("def f(") and "return" in code
    names = re.findall(r"[a-z]+", docstring.lower())
    first, second = re.search(r"\((\w+), (\w+)\)", code).groups()  # type: ignore[union-attr]
    assert first in names and second in names  # what both sides share stays shared


def test_tellings_are_no_near_copies() -> None:
    from ruvllm.workloads.code.functions import read_corpus

    known = read_corpus().functions[:60]
    pairs = list(tellings(180, known))
    groups = copies_of(pairs).groups(np.arange(180, dtype=np.uint32))
    across = [i for i in range(60, 180) if groups[i] < 60]
    assert len(across) <= 2


def test_search_is_right_and_says_what_it_takes() -> None:
    done = run("search", "--rows", "3000", "--dim", "64")
    assert "3000 x 64, one thread, medians; the answer is right" in done.stdout, done.stderr
    assert re.search(r"exact +\d+\.\d\d ms +the same bytes read", done.stdout)


def test_what_is_no_argument_is_refused() -> None:
    done = run("search", "--sizes", "3")
    assert done.returncode == 2 and "unrecognized arguments: --sizes 3" in done.stderr
