"""JSON.stringify's text, against node where there is one."""

import json
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruvllm import _core
from ruvllm.files.json_writing import stringify

NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="node is not installed: nothing to compare with")

float32s = st.floats(width=32, allow_nan=False, allow_infinity=False)  # subnormals included
json_texts = st.text(st.characters(), max_size=12)  # lone surrogates included
json_values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | json_texts,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(json_texts | st.integers(0).map(str), inner),
    max_leaves=20,
)


def node(script: str, text: str) -> str:
    """What a script that maps the string `input` to a string makes of `text`, in JavaScript."""
    assert NODE is not None
    program = f"const input = require('fs').readFileSync(0, 'utf8'); process.stdout.write(({script})(input));"
    done = subprocess.run([NODE, "-e", program], input=text.encode(), capture_output=True, check=True, timeout=60)
    return done.stdout.decode()


def hard_doubles() -> list[float]:
    """Powers of two and ten with their neighbours, and random bits: where shortest digits are ambiguous."""
    centres = [2.0**e for e in range(-1074, 1024)] + [float(f"1e{e}") for e in range(-323, 309)]
    near = [float(np.nextafter(x, to)) for x in centres for to in (0.0, np.inf)]
    bits = np.random.default_rng(0).integers(0, 2**64, 10_000, dtype=np.uint64).view(np.float64)
    values = [*centres, *near, *bits.tolist()]
    return [x for x in values if np.isfinite(x)]


@needs_node
def test_doubles_are_written_as_node_writes_them() -> None:
    doubles = hard_doubles()
    expected = node("s => JSON.stringify(JSON.parse(s))", json.dumps(doubles))
    assert stringify(doubles) == expected
    assert [_core.number_to_string(x) for x in doubles] == expected[1:-1].split(",")


@needs_node
def test_float32_text_is_what_node_makes_of_it_again() -> None:
    bits = np.random.default_rng(1).integers(0, 2**32, 10_000, dtype=np.uint32)
    edges = np.array([1, 2, 0x007FFFFF, 0x00800000, 0x7F7FFFFF, 0x80000000, 0x80000001], dtype=np.uint32)
    values = np.concatenate([bits, edges]).view(np.float32)
    values = values[np.isfinite(values)]
    text = stringify(values)
    assert node("s => JSON.stringify(JSON.parse(s))", text) == text
    back = node("s => JSON.stringify(Array.from(Float32Array.from(JSON.parse(s)), x => x))", text)
    assert np.array_equal(np.array(json.loads(back), dtype=np.float32), values)


@needs_node
def test_values_are_written_as_node_writes_them() -> None:
    samples: list[object] = [
        {"b": 1, "10": 2, "9": 3, "4294967294": 4, "4294967295": 5, "01": 6, "-1": 7, "": 8, "1.5": 9, "a": {}},
        {"text": '\x00\x08\t\n\x0b\x0c\r\x1f "\\/\x7f\x80\u2028\u2029é😀\ud800 \udc00', "\ud83d": [], "t": True},
        [[], [[]], [1, 2.5, "x"], [None], [1.0, 2.0], -0.0, 2**53 + 1, 1e21, 10**30],
        "one string",
        None,
    ]
    for sample in samples:
        assert stringify(sample) == node("s => JSON.stringify(JSON.parse(s))", json.dumps(sample))


@needs_node
def test_any_value_is_written_as_node_writes_it() -> None:
    values: list[object] = []

    @given(json_values)
    def collect(value: object) -> None:
        values.append(value)

    collect()
    assert stringify(values) == node("s => JSON.stringify(JSON.parse(s))", json.dumps(values))


def test_numbers_of_the_standard() -> None:
    values = [1e-6, 1e-7, 1e20, 1e21, -0.0, 0.1, 5e-324, 1.7976931348623157e308, 123456789012345680000.0, -2.0]
    texts = "0.000001,1e-7,100000000000000000000,1e+21,0,0.1,5e-324,1.7976931348623157e+308,123456789012345680000,-2"
    assert stringify(values) == f"[{texts}]"
    assert stringify([*values, 3]) == f"[{texts},3]"  # an int keeps the list off the fast path


def test_strings_and_keys_of_the_standard() -> None:
    assert stringify({"b": 1, "2": 2, "10": 3, "a": "\ud83d\n\x01"}) == '{"2":2,"10":3,"b":1,"a":"\\ud83d\\n\\u0001"}'
    assert stringify("\ud83d\ude00") == '"😀"'  # two escapes of one character, kept apart by Python alone


@given(st.lists(float32s, max_size=20))
def test_float32_arrays_come_back_and_are_stable(values: list[float]) -> None:
    array = np.array(values, dtype=np.float32)
    text = stringify(array)
    parsed = json.loads(text, parse_int=float)
    assert np.array_equal(np.array(parsed, dtype=np.float32), array)
    assert stringify(parsed) == text


def test_no_float32_has_a_shorter_decimal() -> None:
    bits = np.random.default_rng(2).integers(0, 0x7F800000, 2_000, dtype=np.uint32)
    for x in bits.view(np.float32):
        digits = stringify(np.array([x]))[1:-1].split("e")[0].replace(".", "").strip("0")
        one_fewer = f"{float(x):.{max(len(digits) - 2, 0)}e}"
        assert len(digits) == 1 or np.float32(one_fewer) != x, (x, digits)


def test_matrices_are_nested_lists() -> None:
    assert stringify(np.array([[1, 2], [-0.0, 1e-7]], dtype=np.float32)) == "[[1,2],[0,1e-7]]"
    assert stringify(np.zeros((0, 3), dtype=np.float32)) == "[]"
    assert stringify(np.zeros((2, 0), dtype=np.float32)) == "[[],[]]"
    assert stringify({"a": np.arange(6, dtype=np.float32)[::2]}) == '{"a":[0,2,4]}'  # a strided view
    assert stringify(np.array([1.5], dtype=">f4")) == "[1.5]"


@pytest.mark.parametrize("bad", [float("nan"), float("-inf"), [1.0, float("nan")], 10**400])
def test_numbers_that_are_not_finite_are_refused(bad: object) -> None:
    with pytest.raises(ValueError, match="must be"):
        stringify(bad)


@pytest.mark.parametrize("bad", [{1: 2}, {"a": {1, 2}}, np.float32(1), np.zeros(2), np.zeros((1, 1, 1), np.float32)])
def test_what_json_does_not_have_is_refused(bad: object) -> None:
    with pytest.raises(TypeError, match="JSON"):
        stringify(bad)


def test_the_core_refuses_other_arrays() -> None:
    with pytest.raises(TypeError, match="not be an array of complex128"):
        _core.format_float32(np.zeros(2, complex))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="1 or 2 dimensions, not 3"):
        _core.format_float64(np.zeros((1, 1, 1)))
    with pytest.raises(ValueError, match="finite, not inf"):
        _core.format_float32(np.array([np.inf], dtype=np.float32))


FLUSH = """
#include <xmmintrin.h>
void flush(void) { _mm_setcsr(_mm_getcsr() | 0x8040); }
float twice(float x) { return 2 * x; }
"""
AFTER_FLUSH = """
import ctypes, sys, numpy as np
from ruvllm import _core
library = ctypes.CDLL(sys.argv[1])
library.twice.restype, library.twice.argtypes = ctypes.c_float, [ctypes.c_float]
x = np.array([1, 0x80000001], np.uint32).view(np.float32)
smallest, tiny = float(x[0]), np.array([5e-324])
library.flush()
assert library.twice(smallest) == 0, "nothing is flushed: the test shows nothing"
print(_core.format_float32(x).decode(), _core.format_float64(tiny).decode(), _core.number_to_string(float(tiny[0])))
"""


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler, to make a library that flushes to zero")
@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="the library is written for x86-64")
def test_subnormals_are_written_where_a_library_has_switched_them_off(tmp_path: Path) -> None:
    (tmp_path / "flush.c").write_text(FLUSH)
    library = str(tmp_path / "flush.so")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, str(tmp_path / "flush.c")], check=True, timeout=60)
    command = [sys.executable, "-c", AFTER_FLUSH, library]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["[1e-45,-1e-45]", "[5e-324]", "5e-324"], done.stderr


def test_scan_counts_and_stops() -> None:
    assert _core.scan_json(b'{"a": [1, "[[["]}', max_depth=8, max_nodes=100) == (2, 5, False)
    assert _core.scan_json(b"[" * 1_000_000, max_depth=8, max_nodes=100)[0] == 9
    assert _core.scan_json(b"[1,2,3,4]", max_depth=8, max_nodes=3)[1] == 4
