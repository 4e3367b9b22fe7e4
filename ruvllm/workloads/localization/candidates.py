"""Which files of a repository are candidates: source files that are no tests, documentation, examples or benchmarks."""

from __future__ import annotations

import re

from ruvllm.workloads.patches.tests import is_test

__all__ = ["is_candidate"]

_SOURCE = re.compile(
    r".+\.(py|pyx|pxd|pyi|c|h|cc|cpp|cxx|hpp|hh|cu|m|mm|java|kt|kts|scala|groovy|go|rs|rb|php|cs|fs|vb|swift"
    r"|[cm]?[jt]sx?|vue|svelte|lua|pl|pm|r|jl|hs|ml|mli|clj|cljs|ex|exs|erl|dart|f|f90|sh|sql)",
    re.IGNORECASE,
)
_OTHER_FOLDERS = re.compile(
    r"docs?|doc[_-]?src|documentation|examples?|samples?|demos?|tutorials?|gallery|galleries|benchmarks?|asv_bench"
    r"|bench|vendor|third[_-]?party|node_modules|\.[^/]+",
    re.IGNORECASE,
)
_OTHER_AT_THE_TOP = re.compile(r"release|tools|scripts|maintainers?|ci|build_tools", re.IGNORECASE)
"""Folders that are packages further down and serve the project's makers at the top."""
_MINIFIED = re.compile(r".*[.-]min\.[cm]?js", re.IGNORECASE)


def is_candidate(path: str) -> bool:
    """True if a fix may be looked for in the file at `path`, which begins at the top of its repository."""
    *folders, name = path.split("/")
    if not _SOURCE.fullmatch(name) or _MINIFIED.fullmatch(name) or is_test(path):
        return False
    if not folders:
        return name.partition(".")[0] != "setup"
    return not _OTHER_AT_THE_TOP.fullmatch(folders[0]) and not any(map(_OTHER_FOLDERS.fullmatch, folders))
