"""Which files of a repository are tests, by their paths alone, in many languages."""

from __future__ import annotations

import re

__all__ = ["is_test"]

_NAMES = re.compile(
    r"test_.*\.pyi?|.*_tests?\.py|(conftest|tests)\.py"  # Python
    r"|.*_(test|tests|unittest)\.(go|exs?|dart|rb|rs|c|cc|cpp|cxx|php|clj[cs]?|ml|lua|jl|sh)"  # Go, Elixir, Ruby, C++
    r"|.*_spec\.(rb|cr|lua)|(test|spec)_helper\.(rb|exs)"
    r"|.*([._-]tests?|[._]spec|\.e2e|\.cy|\.test-d)\.[cm]?[jt]sx?|.*\.snap"  # JavaScript, TypeScript
    r"|test_.*\.(rb|c|cc|cpp|cxx|exs?|ml|jl|sh|lua)|test-.*\.(c|cc|cpp|cxx|sh)"
    r"|tests?\.rs|.*\.(t|bats)"  # Rust, Perl, Bash
)
_CAPITALS = re.compile(
    r"(.+Tests?|.+TestCase|.+[a-z0-9]IT|Test[A-Z].*)\.(java|kts?|scala|groovy)"  # Java and its relatives
    r"|.+Tests?\.(cs|fs|vb|swift|mm?|php|cc|cpp|hs)|.+Spec\.(scala|groovy|kt|hs|swift)"
)
_FOLDERS = re.compile(
    r"(.+[_-])?tests|__(tests|mocks|snapshots|fixtures)__|testdata|test[_-]data|(.*[_-])?testsuites?|unittests"
    r"|(integration|androidtest|e2e)([_-]tests?)?|integrationtests?"
)
"""Folders of tests wherever they lie, in small letters."""
_PROJECTS = re.compile(r".+\.(Unit|Integration|Functional)?(Tests?|Specs)|.*[A-Za-z]Tests")
"""Test projects of .NET and Xcode: Acme.Core.Tests, AcmeTests, AcmeUITests."""
_SOURCE_SETS = re.compile(r"test(Fixtures)?|[a-z]\w*Test")
"""What stands behind `src/` for tests with Maven and Gradle: test, integrationTest, commonTest."""
_AT_THE_TOP = frozenset({"test", "testing", "t", "xt", "cypress"})
"""Folders of tests at the top of a repository. Further down they may be packages that are shipped."""
_NAMES_AT_THE_TOP = re.compile(r"tests?\.([cm]?[jt]sx?|py)")
_SPEC_CODE = re.compile(r".*\.(rb|cr|lua|[cm]?[jt]sx?)")
"""Files that make `spec/` a folder of tests. Of others it may be a specification."""


def is_test(path: str) -> bool:
    """True if the file at `path` is a test, or serves tests alone; `path` begins at the top of its repository.

    Its name says so in the way of its language (`run_test.go`, `run.spec.ts`, `RunTest.java`, `conftest.py`), or a
    folder does (`tests/`, `__tests__/`, `src/test/`). `test/` and `testing/` say so at the top only. Further down they
    may be shipped (`django/test/`, `numpy/testing/`), though `test/` seldom is in other languages than Python.
    What lies in `src/main/` is no test.
    """
    *folders, name = path.split("/")
    pairs = list(zip(["", *folders], [*folders, ""], strict=True))
    if ("src", "main") in pairs:
        return False
    if _NAMES.fullmatch(name) or _CAPITALS.fullmatch(name):
        return True
    if not folders:
        return _NAMES_AT_THE_TOP.fullmatch(name) is not None
    if folders[0].lower() in _AT_THE_TOP:
        return True
    is_python = name.endswith((".py", ".pyi", ".pyx", ".pxd"))
    return any(
        _FOLDERS.fullmatch(folder.lower())
        or _PROJECTS.fullmatch(folder)
        or (above == "src" and _SOURCE_SETS.fullmatch(folder))
        or (folder in ("spec", "specs") and _SPEC_CODE.fullmatch(name))
        for above, folder in pairs
    ) or (not is_python and any(folder == "test" and below != "src" for folder, below in pairs))
