"""The documented functions of a Python source tree: pairs of docstring and code.

Files are parsed, never imported or run, and nothing is downloaded. The default tree is the standard library of the
running interpreter, so the corpus differs between Python versions: its digest tells them apart.
"""

import ast
import hashlib
import json
import os
import stat
import sysconfig
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

from ruvllm.files.json_reading import read_regular_file
from ruvllm.workloads.patches.tests import is_test
from ruvllm.workloads.tasks import LeftOut

__all__ = [
    "Corpus", "DocumentedFunction", "check_folder", "corpus_digest", "left_out_of", "read_corpus",
    "standard_library",
]  # fmt: skip

SKIPPED_FOLDERS = frozenset({"test", "tests", "site-packages", "idlelib", "lib2to3", "__pycache__", "turtledemo"})
MIN_FUNCTIONS = 50
MIN_DOCSTRING = 40
"""A docstring must be longer than this, in characters after removal of its indentation."""
MIN_BODY = 80
"""A body must be longer than this, in characters of its normal form."""
MAX_FILE_BYTES = 4 << 20
"""Larger files are skipped: they are tables, not code, and parsing takes a hundred times their size in memory."""
NAMED = 5
"""Skipped files that a message names."""

Progress = Callable[[int, int], None]
"""Called with (files done, files in all)."""


@dataclass(frozen=True, slots=True)
class DocumentedFunction:
    """One function: what it is for, and the code that does it."""

    docstring: str
    """Without indentation."""
    code: str
    """The function without its docstring, in the normal form of `ast.unparse`; its name is hidden ("f")."""
    path: str
    """Source file, relative to the tree, with forward slashes."""
    qualname: str
    """Dotted name inside the file, as `__qualname__`."""
    line: int
    """Line of the `def`, from 1."""

    @property
    def place(self) -> str:
        """Returns the path and the line, as editors take them."""
        return f"{self.path}:{self.line}"


@dataclass(frozen=True, slots=True)
class Corpus:
    """What read_corpus() found. The order of the functions depends on the files alone."""

    functions: tuple[DocumentedFunction, ...]
    root: Path
    n_files: int
    """Number of Python files in the tree."""
    n_skipped: int
    """Number of files and folders that could not be read or parsed."""
    digest: str
    """corpus_digest() of the functions."""
    skipped: tuple[str, ...] = ()
    """The first of the files that were skipped, relative to the tree."""
    left_out: tuple[LeftOut, ...] | None = None
    """What was left out, if there are other reasons than those of Python files."""


def standard_library() -> Path:
    """Returns the folder of the running interpreter's standard library."""
    return Path(sysconfig.get_paths()["stdlib"])


def corpus_digest(functions: Iterable[DocumentedFunction]) -> str:
    """Returns the SHA-256 (hex) of the functions: a line of JSON (ASCII) each, a list of the fields in their order."""
    digest = hashlib.sha256()
    for function in functions:
        digest.update(json.dumps(astuple(function), ensure_ascii=True, separators=(",", ":")).encode("ascii") + b"\n")
    return digest.hexdigest()


def read_corpus(
    root: str | os.PathLike[str] | None = None, *, progress: Progress | None = None, fewest: int = MIN_FUNCTIONS
) -> Corpus:
    """Reads every documented function below `root` (default: the standard library).

    A function counts if its docstring has more than 40 characters and its body more than 80. Tests (by the names of
    files and folders, see ruvllm.workloads.patches.tests) and third-party packages are left out. Files that cannot be
    read or parsed are skipped and counted. `progress` gets (files done, files in all).

    Raises ValueError if `root` is missing, is no folder, or has fewer than `fewest` such functions.
    """
    folder = standard_library() if root is None else Path(root)
    check_folder(folder)
    paths, skipped = _python_files(folder)
    functions: list[DocumentedFunction] = []
    for done, path in enumerate(paths):
        if progress is not None:
            progress(done, len(paths))
        name = path.relative_to(folder).as_posix()
        found = _functions_of_file(path, name)
        if found is None:
            skipped.append(name)
        else:
            functions += found
    if progress is not None:
        progress(len(paths), len(paths))
    if len(functions) < fewest:
        raise ValueError(
            f"a code corpus needs at least {fewest} documented functions; {str(folder)!r} has {len(functions)} "
            f"in {len(paths)} Python files ({_named(skipped)})"
        )
    digest = corpus_digest(functions)
    return Corpus(tuple(functions), folder, len(paths), len(skipped), digest, tuple(skipped[:NAMED]))


def left_out_of(corpus: Corpus) -> tuple[LeftOut, ...]:
    """Returns what a corpus leaves out, with the reasons."""
    if corpus.left_out is not None:
        return corpus.left_out
    if not corpus.n_skipped:
        return ()
    return (LeftOut("files", corpus.n_skipped, corpus.n_files, "could not be read or parsed", corpus.skipped),)


def _named(skipped: Sequence[str]) -> str:
    first = ", ".join(skipped[:NAMED])
    return f"{len(skipped)} skipped" + (f": {first}" if first else "")


def check_folder(folder: Path) -> None:
    """Raises ValueError, one line, for what is no folder that can be seen."""
    try:
        mode = folder.stat().st_mode
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ValueError(f"a code corpus needs a folder; {str(folder)!r}: {reason}") from None
    if not stat.S_ISDIR(mode):
        raise ValueError(f"a code corpus needs a folder; {str(folder)!r} is a file")


def _python_files(root: Path) -> tuple[list[Path], list[str]]:
    """Returns the paths below root in a fixed order, and the folders that could not be listed, relative to it."""
    unlisted: list[OSError] = []
    paths: list[Path] = []
    top = root.absolute()
    if (root / "__init__.py").is_file() and not is_test(f"{top.name}/__init__.py"):  # who names tests wants them
        top = top.parent
    for folder, below, files in os.walk(root, onerror=unlisted.append):
        here = Path(folder).absolute().relative_to(top)
        below[:] = sorted(
            name for name in below if name not in SKIPPED_FOLDERS or _is_shipped(Path(folder, name), here / name)
        )
        paths += (
            Path(folder, name)
            for name in sorted(files)
            if name.endswith(".py") and not is_test((here / name).as_posix())
        )
    return paths, [f"{os.path.relpath(str(error.filename), root)}/" for error in unlisted]


def _is_shipped(folder: Path, name: Path) -> bool:
    """True for a package called test that holds no tests, such as django/test. `name` begins at the tree's top."""
    if folder.name != "test" or len(name.parts) == 1 or not (folder / "__init__.py").is_file():
        return False
    return not any(is_test(file) for _, _, files in os.walk(folder) for file in files)


def _functions_of_file(path: Path, relative: str) -> list[DocumentedFunction] | None:
    """Returns all functions of a file, or None if it cannot be read or parsed. Never returns a part of them."""
    try:
        source = read_regular_file(path, MAX_FILE_BYTES, may_be_empty=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they are for the file's author
            return list(_functions_of_module(ast.parse(source), relative))
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _functions_of_module(module: ast.Module, relative: str) -> Iterator[DocumentedFunction]:
    for function, qualname in _functions(module):
        if len(function.body) < 2:  # a docstring alone, or none
            continue
        docstring = ast.get_docstring(function)
        if docstring is None or len(docstring) <= MIN_DOCSTRING:
            continue
        function.name, function.body = "f", function.body[1:]
        code = ast.unparse(function)
        if len(code) > MIN_BODY:
            yield DocumentedFunction(docstring, code, relative, qualname, function.lineno)


Function = ast.FunctionDef | ast.AsyncFunctionDef

_BLOCKS: dict[type[ast.AST], tuple[str, ...]] = {
    kind: tuple(field for field in kind._fields if field in {"body", "handlers", "orelse", "finalbody", "cases"})
    for kind in vars(ast).values()
    if isinstance(kind, type) and issubclass(kind, ast.stmt | ast.excepthandler | ast.match_case | ast.mod)
}


def _functions(module: ast.Module) -> Iterator[tuple[Function, str]]:
    """Yields functions and their dotted names level by level, an outer one before those inside, as `ast.walk` does.

    Only statements are visited, since only they can hold a `def`: `ast.walk` takes ten times as long.
    """
    waiting: deque[tuple[ast.AST, str]] = deque([(module, "")])
    while waiting:
        node, prefix = waiting.popleft()
        qualname = ""
        inside = prefix
        if isinstance(node, Function | ast.ClassDef):
            qualname = prefix + node.name
            inside = qualname + (".<locals>." if isinstance(node, Function) else ".")
        for field in _BLOCKS.get(type(node), ()):
            block: Sequence[ast.AST] = getattr(node, field)
            waiting.extend((child, inside) for child in block)
        if isinstance(node, Function):
            yield node, qualname
