"""RFC 8785, with the package rfc8785 as the oracle."""

import hashlib
import json
import math

import numpy as np
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from ruvllm.files.json_writing import (
    MAX_SAFE_INTEGER,
    canonical_json,
    digest_of_canonical_json,
    digest_of_json,
    stringify,
)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(texts | st.integers(0).map(str), inner, max_size=5),
    max_leaves=20,
)
matrices = st.integers(1, 4).flatmap(
    lambda n: st.lists(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=n, max_size=n))
)


@given(values)
def test_agrees_with_the_oracle(value: object) -> None:
    assert canonical_json(value) == rfc8785.dumps(value)  # type: ignore[arg-type]


@given(values)
def test_a_parsed_document_has_the_same_bytes(value: object) -> None:
    data = canonical_json(value)
    assert canonical_json(json.loads(data, parse_int=float)) == data


@given(matrices)
def test_float32_arrays_stand_for_their_shortest_decimals(rows: list[list[float]]) -> None:
    array = np.array(rows, dtype=np.float32)
    decimals = [[float(np.format_float_scientific(x, unique=True)) for x in row] for row in array]
    assert canonical_json({"m": array}) == rfc8785.dumps({"m": decimals})


def test_the_example_of_the_standard() -> None:
    # RFC 8785, section 3.2.2 and 3.2.4
    value = {
        "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": "\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"/",
        "literals": [None, True, False],
    }
    assert (
        canonical_json(value)
        == (
            '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
            '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
        ).encode()
    )


def test_keys_are_sorted_by_utf16_code_units() -> None:
    # RFC 8785, section 3.2.3; by code point the smiley would come last
    keys = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]
    names = list(json.loads(canonical_json(dict.fromkeys(keys))))
    assert names == ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]


@pytest.mark.parametrize("bad", [MAX_SAFE_INTEGER + 1, -(2**53), [10**5000], [1, 2**60]])
def test_integers_that_a_double_may_not_hold_are_refused(bad: object) -> None:
    with pytest.raises(ValueError, match=r"within ±\(2\^53 - 1\)"):
        canonical_json(bad)


@pytest.mark.parametrize("bad", [math.nan, math.inf, [1.0, -math.inf], np.array([np.nan], np.float32)])
def test_numbers_that_are_not_finite_are_refused(bad: object) -> None:
    with pytest.raises(ValueError, match="must be finite"):
        canonical_json(bad)


@pytest.mark.parametrize("bad", ["\ud800", ["a\udc00b"], {"\udfff": 1}])
def test_lone_surrogates_are_refused(bad: object) -> None:
    with pytest.raises(ValueError, match=r"no lone surrogate, not .*\\ud"):
        canonical_json(bad)


def test_what_json_does_not_have_is_refused() -> None:
    with pytest.raises(TypeError, match=r"JSON has no builtins\.bytes"):
        canonical_json(b"x")


def test_a_digest_is_of_the_same_text() -> None:
    floats = np.random.default_rng(0).normal(size=(40, 300)).astype(np.float32)
    value = {"a": floats, "long": "ä" * 5000, "list": [1, 2.5, None, {"b": [0.1] * 2000}], "s": "\u2028", "z": floats}
    for digest, text in (
        (digest_of_canonical_json(value), canonical_json(value)),
        (digest_of_json(value), stringify(value).encode()),
        (digest_of_json({}), b"{}"),
    ):
        assert digest == hashlib.sha256(text).hexdigest()
