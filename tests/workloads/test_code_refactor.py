"""A rewritten function looks different and does the same."""

from __future__ import annotations

import ast
from typing import Any

import pytest

from ruvllm.workloads.code.functions import read_corpus
from ruvllm.workloads.code.refactor import refactored


def test_names_spacing_comparisons_and_branches_change() -> None:
    source = """def f(self, count, limit=3):
    total = 0
    for item in self.items:
        if item.size < limit:
            total += item.size
        else:
            _log('too  large', item, key=count)
    return total if count else None"""
    assert refactored(source) == """def f(self,v1,v2=3):
  v3=0
  for v4 in self.a1:
    if not v2>v4.size:
      g2('too  large',v4,key=v1)
    else:
      v3=v3+v4.size
  return None if not v1 else v3"""


FUNCTIONS: list[tuple[str, list[tuple[Any, ...]]]] = [
    ("def f(a, b, c=2):\n    d = a\n    d += b\n    return d * c if a < b else d - c", [(1, 2), (5, 1), (0, 0, 3)]),
    (
        "def f(words, n):\n    found = {}\n    for word in words:\n        if word not in found:\n"
        "            found[word] = 1\n        elif len(word) > n:\n            found[word] += 1\n"
        "        else:\n            continue\n    return found",
        [(["a", "bb", "bb", "a"], 1), ([], 0)],
    ),
    (
        "def f(x, y, z):\n    try:\n        value = x[y]\n    except LookupError as error:\n"
        "        return str(type(error))\n    inner = lambda k, key=z: k + key\n"
        "    return [inner(v, key=1) for v in value if not v == z]",
        [([[1, 2], [3]], 0, 2), ([[1]], 5, 0)],
    ),
    (
        "def f(p, q, r):\n    match p:\n        case [first, *rest]:\n            return (first, rest, q)\n        case"
        " {'k': found}:\n            return found\n        case other:\n            return (other, f'{q!r:>{r}}')",
        [([1, 2, 3], 0, 4), ({"k": 7}, 0, 4), (5, "t", 9)],
    ),
]


@pytest.mark.parametrize(("source", "calls"), FUNCTIONS)
def test_the_rewritten_function_gives_the_same_results(source: str, calls: list[tuple[Any, ...]]) -> None:
    rewritten = refactored(source)
    assert rewritten is not None
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    exec(source, before)
    exec(rewritten, after)
    for call in calls:
        assert after["f"](*call) == before["f"](*call)


@pytest.mark.parametrize(
    "source",
    [
        "def f(a, b, c):\n    return locals()",
        "def f(a, b, c):\n    return eval(a)",
        "def f(a):\n    return a",  # too few names
        "def f(a, b, v1):\n    return v1 + a",  # a name that would be given is there
        "def f(x, y, z):\n    return v2 + x",
        "def f(x, y, z):\n    return g1(x) + _private(y)",
        "def f(self, x, y, z):\n    return x.a1 + self.size",
    ],
)
def test_a_function_that_cannot_be_rewritten_safely_is_left_alone(source: str) -> None:
    assert refactored(source) is None


def test_texts_stay_as_they_are() -> None:
    source = "def f(a, b, c):\n    return a + 'x  =  y' + \"it's  a\" + b + rb'\\d  ' + c"
    rewritten = refactored(source)
    assert rewritten is not None
    constants = {node.value for node in ast.walk(ast.parse(rewritten)) if isinstance(node, ast.Constant)}
    assert constants == {"x  =  y", "it's  a", b"\\d  "}


def test_the_standard_library_stays_python() -> None:
    rewritten = [refactored(function.code) for function in read_corpus().functions[::40]]
    found = [text for text in rewritten if text is not None]
    assert len(found) > len(rewritten) / 2
    for text in found:
        ast.parse(text)
