"""Source trees in other languages than Python: which files are read, and which are left out with a reason.

Files are parsed, never run, and nothing is downloaded.
"""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ruvllm.files.json_reading import read_regular_file
from ruvllm.workloads.code.functions import (
    MIN_FUNCTIONS,
    NAMED,
    Corpus,
    DocumentedFunction,
    check_folder,
    corpus_digest,
    left_out_of,
    read_corpus,
)
from ruvllm.workloads.languages.functions import MOST_BYTES, functions_of_source
from ruvllm.workloads.languages.grammars import TooMuchWork, check_installed, grammar_name
from ruvllm.workloads.languages.printing import DEEPEST
from ruvllm.workloads.languages.rules import RULES, language_of
from ruvllm.workloads.patches.tests import is_test
from ruvllm.workloads.registry import ALL_LANGUAGES, LANGUAGES
from ruvllm.workloads.tasks import LeftOut

__all__ = ["grammars_of", "languages_in", "read_languages"]

SKIPPED_FOLDERS = frozenset({"node_modules", "bower_components", "jspm_packages", "vendor", "third_party"})
"""Code of others, and folders whose names begin with a dot."""
MAX_FILE_BYTES = 1 << 20
"""Larger files are skipped: they are bundles and tables."""
LONGEST_LINE = 5_000
"""Of a file that somebody wrote, in bytes."""
MEAN_LINE = 200
GENERATED = re.compile(
    rb"^[ \t]*(//|/?\*)[^\n]*(generated[^\n]*do not (edit|modify)|@generated\b)", re.IGNORECASE | re.MULTILINE
)
HEAD = 2_000
"""Bytes at a file's beginning in which a comment says that it is generated."""
UNREAD, NO_TEXT, MINIFIED, GENERATED_BY = (
    "could not be read, or are larger than 1 MiB", "are no text in UTF-8", "are minified", "say that they are generated"
)  # fmt: skip
TOO_MUCH_WORK = "take a parser too long"
TOO_LARGE = f"are longer than {MOST_BYTES >> 10} KiB or deeper than {DEEPEST} levels"

Progress = Callable[[int, int], None]
"""Called with (files done, files in all)."""


@dataclass
class _Found:
    """What was read so far."""

    functions: list[DocumentedFunction] = field(default_factory=list)
    skipped: dict[str, list[str]] = field(default_factory=dict)
    """By reason: names of files."""
    broken: list[str] = field(default_factory=list)
    """Files with functions that could not be parsed, one for each."""
    large: list[str] = field(default_factory=list)
    """Files with functions that are too long or too deep, one for each."""

    def skip(self, why: str, name: str) -> None:
        self.skipped.setdefault(why, []).append(name)


def read_languages(
    root: str | os.PathLike[str], languages: Sequence[str], *, progress: Progress | None = None
) -> Corpus:
    """Reads every documented function below `root` that is written in one of the languages, each after the other.

    Tests, code of others (`node_modules`, `vendor`) and hidden folders are left out, and no link to a folder is
    followed. Files that are too large, no UTF-8, minified, generated or endless work for a parser are skipped and
    counted, and so are functions that the grammar cannot parse, and those too long or too deep. `progress` gets
    (files done, files in all).

    Raises ValueError, one line, if a grammar is not installed, or if `root` is missing, is no folder, or has fewer than
    50 documented functions.
    """
    others = [language for language in languages if language in RULES]
    for language in others:
        check_installed(language)
    folder = Path(root)
    check_folder(folder)
    found = _Found()
    paths = _files(folder, others, found)
    for done, path in enumerate(paths):
        if progress is not None:
            progress(done, len(paths))
        _read(path, path.relative_to(folder).as_posix(), found)
    if progress is not None:
        progress(len(paths), len(paths))
    left_out, n_files = _left_out(found, len(paths)), len(paths)
    if "python" in languages:
        python = read_corpus(folder, fewest=0)
        n_files, found.functions = n_files + python.n_files, [*python.functions, *found.functions]
        left_out = (*left_out_of(python), *left_out)
    if len(found.functions) < MIN_FUNCTIONS:
        titles = " and ".join(RULES[language].title if language in RULES else "Python" for language in languages)
        why = "; ".join(each.sentence for each in left_out) or "0 skipped"
        raise ValueError(
            f"a code corpus needs at least {MIN_FUNCTIONS} documented functions; {str(folder)!r} has "
            f"{len(found.functions)} in {n_files} {titles} files ({why})"
        )
    digest = corpus_digest(found.functions)
    return Corpus(tuple(found.functions), folder, n_files, 0, digest, left_out=left_out)


def languages_in(root: str | os.PathLike[str], languages: Sequence[str]) -> tuple[str, ...]:
    """Returns the languages in the order of LANGUAGES; where all are asked for, those that a file below `root` is in.

    Raises ValueError for a language that nobody knows, and where there is no file of any.
    """
    unknown = next((name for name in languages if name not in (*LANGUAGES, ALL_LANGUAGES)), None)
    if unknown is not None:
        raise ValueError(f"a language must be {', '.join(LANGUAGES)} or {ALL_LANGUAGES}, not {unknown!r}")
    if ALL_LANGUAGES not in languages:
        return tuple(name for name in LANGUAGES if name in languages)
    check_folder(Path(root))
    suffixes = {path.suffix for path in _files(Path(root), tuple(RULES), _Found(), (".py",))}
    there = {language_of(f"_{suffix}") for suffix in suffixes}
    if not there:
        raise ValueError(f"{str(root)!r} has no source file in any of {', '.join(LANGUAGES)}")
    return tuple(name for name in LANGUAGES if name in there)


def grammars_of(languages: Sequence[str]) -> str:
    """Returns the grammars of languages with their versions, on which parses depend; "" for Python alone."""
    return ", ".join(grammar_name(language) for language in LANGUAGES if language in languages and language in RULES)


def _files(root: Path, languages: Sequence[str], found: _Found, more: tuple[str, ...] = ()) -> list[Path]:
    """Returns the paths below root in a fixed order, also of files that end in one of `more`."""
    unlisted: list[OSError] = []
    suffixes = (*(suffix for language in languages for suffix in RULES[language].suffixes), *more)
    paths: list[Path] = []
    for folder, below, files in os.walk(root, onerror=unlisted.append):
        below[:] = sorted(name for name in below if name not in SKIPPED_FOLDERS and not name.startswith("."))
        here = Path(folder).relative_to(root)
        paths += (
            Path(folder, name)
            for name in sorted(files)
            if name.endswith(suffixes) and not name.startswith(".") and not is_test((here / name).as_posix())
        )
    for error in unlisted:
        found.skip(UNREAD, f"{os.path.relpath(str(error.filename), root)}/")
    return paths


def _read(path: Path, name: str, found: _Found) -> None:
    """Adds all functions of a file, or none and the reason. Never adds a part of them."""
    try:
        source = read_regular_file(path, MAX_FILE_BYTES, may_be_empty=True)
    except (OSError, ValueError):
        found.skip(UNREAD, name)
        return
    source = source.removeprefix(codecs.BOM_UTF8).replace(b"\r\n", b"\n")
    why = _reason_to_skip(name, source)
    if why:
        found.skip(why, name)
        return
    try:
        of_file = functions_of_source(language_of(name), source, name)
    except TooMuchWork:
        found.skip(TOO_MUCH_WORK, name)
        return
    found.functions += of_file.functions
    found.broken += [name] * of_file.n_broken
    found.large += [name] * of_file.n_large


def _reason_to_skip(name: str, source: bytes) -> str:
    try:
        source.decode("utf-8")
    except UnicodeDecodeError:
        return NO_TEXT
    if b"\0" in source:
        return NO_TEXT
    lines = source.splitlines()
    if ".min." in name or max(map(len, lines), default=0) > LONGEST_LINE or len(source) > MEAN_LINE * (len(lines) + 1):
        return MINIFIED
    return GENERATED_BY if GENERATED.search(source[:HEAD]) else ""


def _left_out(found: _Found, n_files: int) -> tuple[LeftOut, ...]:
    skipped = [LeftOut("files", len(names), n_files, why, tuple(names[:NAMED])) for why, names in found.skipped.items()]
    n = len(found.functions) + len(found.broken) + len(found.large)
    for why, names in (("could not be parsed", found.broken), (TOO_LARGE, found.large)):
        if names:
            skipped.append(LeftOut("documented functions", len(names), n, why, tuple(dict.fromkeys(names))[:NAMED]))
    return tuple(skipped)
