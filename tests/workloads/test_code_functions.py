"""The corpus against the prototype's two-line definition, on a small tree and on the standard library."""

import ast
import hashlib
import os
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ruvllm.workloads.code.functions import (
    MIN_FUNCTIONS,
    SKIPPED_FOLDERS,
    DocumentedFunction,
    corpus_digest,
    read_corpus,
    standard_library,
)

LONG = "This sentence is a docstring of more than forty characters."


def naive_pairs(root: Path) -> Iterator[tuple[str, str, str]]:
    """Docstring, body without it, file: `ast.walk` over every file, as the definition reads."""
    for folder, below, files in os.walk(root):
        below[:] = sorted(name for name in below if name not in SKIPPED_FOLDERS)
        for path in (Path(folder, name) for name in sorted(files) if name.endswith(".py")):
            try:
                tree = ast.parse(path.read_bytes())
            except (SyntaxError, ValueError):
                continue
            for node in ast.walk(tree):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and len(node.body) > 1:
                    doc = ast.get_docstring(node)
                    if doc and len(doc) > 40:
                        node.name, node.body = "f", node.body[1:]
                        body = ast.unparse(node)
                        if len(body) > 80:
                            yield doc, body, path.relative_to(root).as_posix()


def function(name: str, doc: str = LONG) -> str:
    values = f'total, "{name}" * 20, a - b, a * b, a / b, a % b, a ** b'
    return f'def {name}(a, b):\n    """{doc}"""\n    total = a + b  # comment\n    return [{values}]\n'


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """55 plain functions in sub/many.py; tests add what they are about."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "many.py").write_text("".join(function(f"g{i}") for i in range(55)))
    return tmp_path


def added(tree: Path, source: str | bytes) -> list[DocumentedFunction]:
    """Functions of one more file."""
    (tree / "new.py").write_bytes(source if isinstance(source, bytes) else source.encode())
    return [found for found in read_corpus(tree).functions if found.path == "new.py"]


def test_the_standard_library_is_the_definitions_corpus() -> None:
    corpus = read_corpus()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = list(naive_pairs(standard_library()))
    assert [(found.docstring, found.code, found.path) for found in corpus.functions] == expected
    assert len(expected) > 3000


def test_a_task_hides_the_name_and_the_docstring(tree: Path) -> None:
    (found,) = added(tree, function("secret"))
    assert found.docstring == LONG
    assert found.code.startswith("def f(a, b):\n    total = a + b\n")
    assert LONG not in found.code
    assert "comment" not in found.code


def test_qualified_names_and_lines_are_those_of_python(tree: Path) -> None:
    source = f'''
class Outer:
    class Inner:
        async def method(self):
            """{LONG}"""
            def helper():
                """{LONG} Helper."""
                return [self, self, self, self, self, self, self, self, self, self, self, self]
            return helper, [self, self, self, self, self, self, self, self, self, self]

if True:
    try:
        pass
    except ValueError:
        pass
    else:
        match 1:
            case 1:
                {function("deep").replace(chr(10), chr(10) + " " * 16)}
'''
    tasks = {task.qualname: task.line for task in added(tree, source)}
    assert tasks == {"Outer.Inner.method": 4, "Outer.Inner.method.<locals>.helper": 6, "deep": 19}


@pytest.mark.parametrize(
    "source",
    [
        function("short_doc", "x" * 40),
        f'def short_body(a):\n    """{LONG}"""\n    return a\n',
        f'def nothing_but_doc(a):\n    """{LONG}"""\n',
        "def undocumented(a):\n    x = 1\n" + "    x += a\n" * 30,
        f'def of_bytes(a):\n    b"""{LONG}"""\n' + "    a += 1\n" * 30,
    ],
)
def test_what_is_too_short_or_undocumented_is_no_task(tree: Path, source: str) -> None:
    assert added(tree, source) == []


def test_a_docstring_of_41_characters_is_enough(tree: Path) -> None:
    assert len(added(tree, function("g", "x" * 41))) == 1


@pytest.mark.parametrize(
    "source",
    [
        b"def broken(:\n",
        b"x = '\xff'\n",
        b"x = 1\x00",
        b"# coding: no-such-codec\n",
        b"(" * 5000,
        b"x = " + b"-" * 100_000,
    ],
    ids=["syntax", "not UTF-8", "null", "codec", "parentheses", "minus signs"],
)
def test_a_file_that_cannot_be_parsed_is_skipped_and_counted(tree: Path, source: bytes) -> None:
    assert added(tree, source) == []
    corpus = read_corpus(tree)
    assert (corpus.n_files, corpus.n_skipped, len(corpus.functions)) == (2, 1, 55)


def test_a_declared_encoding_is_obeyed(tree: Path) -> None:
    (found,) = added(tree, b"# coding: latin-1\n" + function("g", LONG + " caf\u00e9").encode("latin-1"))
    assert found.docstring.endswith("café")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_does_not_hang(tree: Path) -> None:
    os.mkfifo(tree / "pipe.py")
    (tree / "dangling.py").symlink_to(tree / "nowhere")
    assert read_corpus(tree).n_skipped == 2


def test_a_huge_file_is_skipped(tree: Path) -> None:
    assert added(tree, function("g") + "#" * (4 << 20)) == []
    assert read_corpus(tree).n_skipped == 1


def test_tests_and_packages_are_left_out(tree: Path) -> None:
    for name in SKIPPED_FOLDERS:
        (tree / "sub" / name).mkdir()
        (tree / "sub" / name / "new.py").write_text(function("g"))
    assert read_corpus(tree).n_files == 1


def test_tests_beside_the_code_are_left_out_and_a_shipped_package_called_test_is_not(tree: Path) -> None:
    for name in ("pkg/test", "mixed/test", "test", "tests", "pkg/testing"):
        (tree / name).mkdir(parents=True)
        (tree / name / "__init__.py").write_text("")
        (tree / name / "client.py").write_text(function("g"))
    (tree / "mixed" / "test" / "test_client.py").write_text(function("g"))
    for name in ("test_m.py", "m_test.py", "conftest.py", "latest.py"):
        (tree / "pkg" / name).write_text(function("g"))
    found = {function.path for function in read_corpus(tree).functions} - {"sub/many.py"}
    assert found == {"pkg/test/client.py", "pkg/testing/client.py", "pkg/latest.py"}


def test_the_root_of_a_package_is_not_the_top_of_its_repository(tree: Path) -> None:
    (tree / "__init__.py").write_text("")
    for name in ("test", "testing"):
        (tree / name).mkdir()
        (tree / name / "__init__.py").write_text(function("g"))
    found = {function.path for function in read_corpus(tree).functions}
    assert found == {"sub/many.py", "test/__init__.py", "testing/__init__.py"}


def test_a_folder_of_tests_that_the_user_names_is_read(tree: Path) -> None:
    (tree / "__init__.py").write_text("")
    tree = tree.rename(tree.parent / "tests")
    assert len(read_corpus(tree).functions) == 55


def test_warnings_of_the_sources_stay_inside(tree: Path) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        (found,) = added(tree, function("g", LONG + r" \d") + "assert (1, 'always true')\n")
    assert caught == []
    assert found.docstring.endswith(r"\d")


def test_order_is_by_name_whatever_the_order_of_creation(tmp_path: Path) -> None:
    for name in ("b", "a", "c"):
        (tmp_path / name).mkdir()
        for file in ("z.py", "y.py"):
            (tmp_path / name / file).write_text("".join(function(f"g{i}") for i in range(10)))
    paths = list(dict.fromkeys(found.path for found in read_corpus(tmp_path).functions))
    assert paths == ["a/y.py", "a/z.py", "b/y.py", "b/z.py", "c/y.py", "c/z.py"]


def test_the_digest_covers_every_field_and_the_order(tree: Path) -> None:
    tasks = read_corpus(tree).functions
    first, second = tasks[:2]
    assert read_corpus(tree).digest == corpus_digest(tasks) == corpus_digest(list(tasks))
    variants = [replace(first, **{name: "x"}) for name in ("docstring", "code", "path", "qualname")]
    variants.append(replace(first, line=first.line + 1))
    digests = {corpus_digest([task, second]) for task in [first, *variants]} | {corpus_digest([second, first])}
    assert len(digests) == 7


def test_the_digest_is_of_this_text() -> None:
    # Part of the file format: a change here makes every stored digest "other input".
    task = DocumentedFunction('é"\ud800', "a\nb", "p/q.py", "C.f", 3)
    text = '["\\u00e9\\"\\ud800","a\\nb","p/q.py","C.f",3]\n'
    assert corpus_digest([task]) == hashlib.sha256(text.encode("ascii")).hexdigest()


def test_progress_counts_up_to_the_number_of_files(tree: Path) -> None:
    (tree / "other.py").write_text("")
    calls: list[tuple[int, int]] = []
    read_corpus(tree, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(0, 2), (1, 2), (2, 2)]


def test_a_missing_folder_a_file_and_too_few_tasks_are_named(tree: Path) -> None:
    with pytest.raises(ValueError, match=r"needs a folder; '.*missing': No such file"):
        read_corpus(tree / "missing")
    with pytest.raises(ValueError, match=r"needs a folder; '.*many\.py' is a file"):
        read_corpus(tree / "sub" / "many.py")
    (tree / "sub" / "many.py").write_text("".join(function(f"g{i}") for i in range(MIN_FUNCTIONS - 1)))
    with pytest.raises(ValueError, match=r"at least 50 documented functions; '.*' has 49 in 1 Python files"):
        read_corpus(tree)
    (tree / "sub" / "many.py").write_text("".join(function(f"g{i}") for i in range(MIN_FUNCTIONS)))
    assert len(read_corpus(tree).functions) == MIN_FUNCTIONS


def test_a_path_with_a_null_byte_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="needs a folder"):
        read_corpus("a\0b")
