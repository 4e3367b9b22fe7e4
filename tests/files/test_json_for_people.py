"""Results files as text: what json reads back is what was written, and a person can read it too."""

import json
import math
from typing import Any

import pytest
from experiment_samples import ablated
from hypothesis import given
from hypothesis import strategies as st

from ruvllm.files.json_writing import to_json

plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
values = st.recursive(plain, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=30)


@given(values)
def test_what_is_read_back_is_what_was_written(value: Any) -> None:
    # repr tells 1 from 1.0 and True, -0.0 from 0.0, and the order of fields
    assert repr(json.loads(to_json(value))) == repr(value)


@given(values)
def test_the_text_is_ascii_has_no_empty_line_and_ends_with_a_newline(value: Any) -> None:
    text = to_json(value)
    assert text.isascii()
    assert text.endswith("\n")
    assert all(line.strip() for line in text[:-1].split("\n"))


@given(st.lists(plain))
def test_a_list_of_plain_values_is_on_one_line(value: list[Any]) -> None:
    assert to_json(value).count("\n") == 1
    assert to_json({"a": [value, value]}).count("\n") == 6


def test_fields_are_on_lines_of_their_own_indented_by_one_space_for_each_level() -> None:
    value = {"n": 1, "of": {"rates": [0.5, 1.0, None, True, "a, b"], "empty": {}}, "rows": [{"x": []}, [[1], [2]]]}
    assert to_json(value) == (
        "{\n"
        ' "n": 1,\n'
        ' "of": {\n'
        '  "rates": [0.5, 1.0, null, true, "a, b"],\n'
        '  "empty": {}\n'
        " },\n"
        ' "rows": [\n'
        "  {\n"
        '   "x": []\n'
        "  },\n"
        "  [\n"
        "   [1],\n"
        "   [2]\n"
        "  ]\n"
        " ]\n"
        "}\n"
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [({}, "{}"), ([], "[]"), ((), "[]"), ([[]], "[\n []\n]"), ([{}], "[\n {}\n]"), ({"": []}, '{\n "": []\n}')],
)
def test_empty_objects_and_lists(value: Any, text: str) -> None:
    assert to_json(value) == text + "\n"


def test_a_tuple_is_a_list() -> None:
    assert to_json({"seeds": (0, 1), "pairs": ((1,), ())}) == to_json({"seeds": [0, 1], "pairs": [[1], []]})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Größe €", '"Gr\\u00f6\\u00dfe \\u20ac"'),
        ("😀", '"\\ud83d\\ude00"'),
        ('a"b\\c\n\t\x00', '"a\\"b\\\\c\\n\\t\\u0000"'),
        ("\u2028", '"\\u2028"'),
        (-0.0, "-0.0"),
        (1e-7, "1e-07"),
        (0.1 + 0.2, "0.30000000000000004"),
        (2**53 - 1, "9007199254740991"),
    ],
)
def test_plain_values_are_as_json_writes_them(value: Any, text: str) -> None:
    assert to_json(value) == text + "\n"
    assert to_json([value]) == f"[{text}]\n"
    if isinstance(value, str):
        assert to_json({value: {value: 1}}) == f"{{\n {text}: {{\n  {text}: 1\n }}\n}}\n"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_nan_and_infinity_are_refused_wherever_they_are(value: float) -> None:
    for holder in (value, [1.0, value], {"a": value}, {"a": [{"b": (value,)}]}):
        with pytest.raises(ValueError, match="not JSON compliant"):
            to_json(holder)


@pytest.mark.parametrize("value", [{1, 2}, b"a", [object()]])
def test_what_json_does_not_know_is_refused(value: Any) -> None:
    with pytest.raises(TypeError):
        to_json({"a": value})


def test_a_run_has_a_line_per_field() -> None:
    run = ablated("ewc", rates=[0.25, 0.5])
    lines = to_json({"runs": [run, run]}).splitlines()
    assert len(lines) == 4 + 2 * (len(run) + 2)
    assert lines.count('   "rates": [0.25, 0.5]') == 2
