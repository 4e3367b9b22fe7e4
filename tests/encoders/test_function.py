"""A user's function as an encoder: what it may give back, what is said of what it may not, and when it is cached."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ruvllm.encoders.cache import CACHE_VARIABLE
from ruvllm.encoders.function import FunctionEncoder
from ruvllm.encoders.registry import make_encoder, models_for

HEAD = """
import functools, os, sys
import numpy as np
calls = []
def count(texts):
    calls.append(len(texts))
    return np.array([[t.count(c) + 1 for c in "abcdef "] for t in texts], dtype=np.float32)
"""


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setattr("sys.path", [*sys.path])
    for name in ("mine", "helper"):  # of the test before
        monkeypatch.delitem(sys.modules, name, raising=False)
    return tmp_path


def written(body: str, name: str = "mine", head: str = HEAD) -> str:
    """Writes a module of the current folder, whose function `v` is the encoder."""
    Path(f"{name}.py").write_text(head + body + "\n")
    return f"python:{name}.v"


GIVEN = {
    "float16": "count(texts).astype(np.float16)",
    "float64": "count(texts).astype(np.float64)",
    "integers": "count(texts).astype(np.int64)",
    "booleans": "count(texts) > 1",
    "lists": "count(texts).tolist()",
    "a tuple of rows": "tuple(count(texts))",
    "Fortran order": "np.asfortranarray(count(texts))",
    "a view": "np.repeat(count(texts), 2, axis=1)[:, ::2]",
}


@pytest.mark.parametrize("kind", GIVEN)
def test_any_real_numbers_will_do(kind: str) -> None:
    rows = make_encoder(written(f"def v(texts): return {GIVEN[kind]}")).encode(["abc", "ffff"])
    assert (rows.dtype, rows.shape, rows.flags.c_contiguous) == (np.float32, (2, 7), True)
    assert rows[1, 5] == (1 if kind == "booleans" else 5)


REFUSED = {
    "complex": ("return count(texts) * 1j", "array of real numbers, not a ndarray with dtype complex64"),
    "complex without an imaginary part": ("return count(texts) + 0j", "real numbers"),
    "a mask": ("return np.ma.masked_array(count(texts), mask=count(texts) > 1)", "not a masked array: fill it first"),
    "a mask of nothing": ("return np.ma.masked_array(count(texts))", "not a masked array"),
    "masked rows": ("return [np.ma.masked_array(row, mask=row > 1) for row in count(texts)]", "not a masked array"),
    "objects": ("return [[object()]] * len(texts)", "real numbers, not a list with dtype object"),
    "words": ("return [['1.0']] * len(texts)", "real numbers, not a list with dtype <U3"),
    "dates": ("return np.zeros((len(texts), 3), 'datetime64[s]')", "not a ndarray with dtype datetime64"),
    "times": ("return np.zeros((len(texts), 3), 'timedelta64[s]')", "not a ndarray with dtype timedelta64"),
    "records": ("return np.zeros((len(texts), 3), 'i4,f4')", "real numbers"),
    "nothing": ("pass", "real numbers, not None with dtype object"),
    "a generator": ("return (row for row in count(texts))", "not a generator with dtype object"),
    "rows of several widths": ("return [[1.0] * (i + 1) for i in range(2)]", "ValueError: .*inhomogeneous"),
    "one dimension": ("return count(texts)[:, 0]", r"must give an array \(1, d\), not \(1,\)"),
    "three dimensions": ("return count(texts)[None]", r"not \(1, 1, 7\)"),
    "no columns": ("return count(texts)[:, :0]", r"not \(1, 0\)"),
    "not a number": ("return count(texts) * np.nan", "gave a vector that is not finite"),
    "too large for float32": ("return count(texts).astype(float) * 1e300", r"numbers that fit float32, not 7e\+300"),
    "an array that cannot be made": (
        "class A:\n  def __array__(self, *a, **k): raise RuntimeError('no\\narray')\n return A()",
        "RuntimeError: no array"),
    "exit": ("sys.exit(0)", r"it would end the program \(SystemExit: 0\) \(mine.py, line"),
    "interrupt": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "noise": ("return np.random.rand(len(texts), 3)", "gives other vectors for the same texts"),
    "a little noise": ("return count(texts) + np.float32(1e-6) * len(calls)", "gives other vectors for the same texts"),
    "fitted on each call": (
        "return count(texts) - count(texts).mean(axis=0) + 1e-3", "another vector among others than alone"),
    "fewer rows later": ("return count(texts)[: 2 if len(calls) > 1 else None]", r"array \(3, d\), not \(2, 7\)"),
    "another width later": ("return count(texts)[:, : 3 if len(calls) > 1 else None]", "of 3 elements, and of 7"),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:overflow")
@pytest.mark.parametrize("kind", REFUSED)
def test_what_are_no_vectors_is_one_line(kind: str) -> None:
    body, message = REFUSED[kind]
    with pytest.raises(ValueError, match=message) as caught:
        make_encoder(written(f"def v(texts):\n {body}"))
    assert str(caught.value).startswith("encoder 'python:mine.v'")
    assert "\n" not in str(caught.value)


def test_an_async_function_is_one_line() -> None:
    with pytest.raises(ValueError, match="must give an array, not a coroutine: it must not be an async function"):
        make_encoder(written("async def v(texts): return count(texts)"))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("v = [1]", "is no function but a list"),
        ("def v(): return 1", r"TypeError: v\(\) takes 0 positional arguments but 1 was given"),
        ("sys.exit(0)", "it would end the program"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    ],
)
def test_a_module_that_does_not_load_is_one_line(body: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_encoder(written(body))


def test_trouble_in_a_later_call_names_the_encoder() -> None:
    encoder = make_encoder(written("def v(texts):\n if len(calls) > 5: sys.exit(0)\n return count(texts)"))
    with pytest.raises(ValueError, match=r"^encoder 'python:mine\.v': it would end the program"):
        for _ in range(4):
            encoder.encode(["a"])


@pytest.mark.parametrize("form", ["mine.v", "mine:v", "mine.py:v", "./mine.py:v", "mine:space.v", "mine.space.v"])
def test_a_function_can_be_named_by_module_or_by_file(form: str) -> None:
    written("def v(texts): return count(texts)\nclass space: v = v")
    encoder = FunctionEncoder(form)
    assert encoder.name == f"python:{form}"
    assert encoder.title in ("mine.v", "mine.space.v")
    assert encoder.encode(["ab"]).shape == (1, 7)


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ("v", "must be python:MODULE.FUNCTION or python:FILE.py:FUNCTION"),
        ("mine.py", "must be python:MODULE.FUNCTION or python:FILE.py:FUNCTION"),
        ("nowhere/mine.py:v", "FileNotFoundError: there is no file nowhere/mine.py"),
        ("nowhere.v", "ModuleNotFoundError: No module named 'nowhere'"),
        ("click.v", r"click is a module of .*click.*: write python:click\.py:v"),
    ],
)
def test_a_form_that_names_nothing_says_what_would(form: str, message: str) -> None:
    written("def v(texts): return count(texts)", name="click")
    import click  # noqa: F401 -- the installed package, which has the name already

    with pytest.raises(ValueError, match=message):
        FunctionEncoder(form)


def test_the_current_folder_hides_no_package_afterwards() -> None:
    written("def v(texts): return count(texts)")
    FunctionEncoder("mine.v")
    assert sys.path[0] != str(Path.cwd())
    assert str(Path.cwd()) in sys.path


# cache


IMPORT = "from ruvllm.encoders.registry import make_encoder"


def rows_in(form: str, text: str = "abc") -> list[float]:
    """The row that a program of its own gets, as later runs do."""
    code = f"{IMPORT}; print(make_encoder({form!r}).encode([{text!r}])[0].tolist())"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    row: list[float] = json.loads(found)
    return row


def test_two_functions_with_one_digest_share_nothing() -> None:
    written("def v(texts): return count(texts)\nv.digest = 'v1'", "first")
    written("def v(texts): return count(texts) * 2\n"
            "def w(texts): return count(texts) * 3\n"
            "v.digest = w.digest = 'v1'", "second")
    first = rows_in("python:first.v")
    assert rows_in("python:second.v") == [2 * x for x in first]
    assert rows_in("python:second.w") == [3 * x for x in first]
    assert rows_in("python:first.v") == first


def test_an_edit_leaves_no_old_vectors_behind() -> None:
    first = rows_in(written("def v(texts): return count(texts)\nv.digest = 'v1'"))
    assert rows_in(written("def v(texts): return count(texts) * 2\nv.digest = 'v1'")) == [2 * x for x in first]


def test_an_edit_of_a_module_beside_it_leaves_no_old_vectors_behind() -> None:
    Path("helper.py").write_text("FACTOR = 1\n")
    form = written("from helper import FACTOR\ndef v(texts): return count(texts) * FACTOR\nv.digest = 'v1'")
    first = rows_in(form)
    Path("helper.py").write_text("FACTOR = 200\n")
    assert rows_in(form) == [200 * x for x in first]


KNOWN = {
    "a function": ("def v(texts): return count(texts)", True),
    "a decorated one": ("@functools.lru_cache\ndef f(t): return 1\ndef v(texts): return count(texts)", True),
    "a closure": ("def made(n): return lambda texts: count(texts) * n\nv = made(3)", True),
    "a partial": ("v = functools.partial(count)", True),
    "an object": ("class V:\n def __call__(self, texts): return count(texts)\nv = V()", True),
    "generated code": ("exec('def v(texts): return count(texts)')", False),
}


@pytest.mark.parametrize("kind", KNOWN)
def test_only_what_has_a_source_is_cached(kind: str, own_folder: Path) -> None:
    body, is_cached = KNOWN[kind]
    encoder = make_encoder(written(body + "\nv.digest = 'v1'"))
    encoder.encode(["a"])
    assert bool(list((own_folder / "cache").rglob("*.rows"))) == is_cached
    assert (getattr(encoder, "digest", None) is not None) == is_cached


def test_the_same_source_has_the_same_digest() -> None:
    form = written("def v(texts): return count(texts)\nv.digest = 'v1'")
    code = [sys.executable, "-c", f"{IMPORT}; print(make_encoder({form!r}).digest)"]
    assert len({subprocess.run(code, capture_output=True, check=True).stdout for _ in range(2)}) == 1


@pytest.mark.parametrize("digest", ["", "\nv.digest = 'v1'"])
def test_a_buffer_that_is_used_again_does_no_harm(digest: str) -> None:
    body = (
        "buffer = np.zeros((50, 7), np.float32)\n"
        "def v(texts):\n buffer[: len(texts)] = count(texts)\n return buffer[: len(texts)]"
    )
    encoder = make_encoder(written(body + digest))
    first = encoder.encode(["aaa", "b"])
    kept = first.copy()
    encoder.encode(["ccc", "dd"])
    assert np.array_equal(first, kept)
    assert np.array_equal(encoder.encode(["aaa", "b"]), kept)


def test_an_encoder_called_as_a_simulated_model_is_told_from_it() -> None:
    encoder = make_encoder(written("def v(texts): return count(texts)"))
    encoder.title = "phi-3-mini-4k"  # type: ignore[attr-defined]
    assert models_for(encoder, None)[0].name == "phi-3-mini-4k (python)"
