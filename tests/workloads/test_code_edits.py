"""Edits of a function: they change what it does, keep its length and touch nothing but code."""

from __future__ import annotations

import ast

import pytest

from ruvllm.workloads.code.edits import find_edits
from ruvllm.workloads.code.functions import read_corpus

SOURCE = '''def f(first, other, n: 10=1):
    """1 + 2 == 3"""
    if first == other and n < 10:
        text = f'{n + 1} {first}'
        return (first - 1, max(first, n))
    self.left = self.size[n:first] if first in other else -other
    n += len(text)
    return None
'''


def results(source: str) -> list[str]:
    return [edit.apply(source.encode()).decode() for edit in find_edits(source.encode())]


def changed(before: str, after: str) -> str:
    assert SOURCE.count(before) == 1, before
    return SOURCE.replace(before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("first == other and", "first != other and"),
        ("n < 10", "n > 10"),
        ("n < 10", "n < 11"),
        ("first - 1,", "first + 1,"),
        ("first - 1,", "1 - first,"),
        ("first - 1,", "first - 2,"),
        ("first - 1,", "first - 0,"),
        ("first == other and", "other == other and"),
        ("max(first, n)", "max(n, first)"),
        ("max(first, n)", "min(first, n)"),
        ("(first - 1, max(first, n))", "(max(first, n), first - 1)"),
        ("[n:first]", "[first:n]"),
        ("self.size[n:first] if first in other else -other", "-other if first in other else self.size[n:first]"),
        ("first in other", "other in first"),
        ("self.size[", "self.left["),
        ("-other\n", "+other\n"),
        ("n += len", "n -= len"),
        ("len(text)", "sum(text)"),
        ("return None", "return True"),
        ("n: 10=1", "n: 10=2"),
    ],
)
def test_each_kind_of_edit_is_found(before: str, after: str) -> None:
    assert changed(before, after) in results(SOURCE)


@pytest.mark.parametrize("kept", ['"""1 + 2 == 3"""', "f'{n + 1} {first}'", "def f(first, other, n: 10="])
def test_docstrings_formatted_texts_and_annotations_stay(kept: str) -> None:
    assert all(kept in result for result in results(SOURCE))


def test_positions_are_right_behind_letters_of_several_bytes() -> None:
    assert "def f(a):\n    return 'größer' + b\n" in results("def f(a):\n    return 'größer' - b\n")


def test_operators_that_are_names_of_others_are_not_cut() -> None:
    assert results("def f(a, b):\n    return a <= b") == [
        "def f(a, b):\n    return a >= b", "def f(a, b):\n    return b <= b", "def f(a, b):\n    return a <= a",
    ]  # fmt: skip


def test_what_is_no_python_is_refused() -> None:
    with pytest.raises(SyntaxError):
        find_edits(b"def f(:")


def test_every_edit_of_the_standard_library_changes_the_program_and_keeps_its_length() -> None:
    tried = 0
    for task in read_corpus().functions[::60]:
        source = task.code.encode("utf-8", "surrogatepass")
        original = ast.dump(ast.parse(source))
        texts = [edit.apply(source) for edit in find_edits(source)]
        assert len(set(texts)) == len(texts), task.qualname
        for text in texts[::4]:
            assert len(text) == len(source)
            assert ast.dump(ast.parse(text)) != original, text.decode()
            tried += 1
    assert tried > 200
