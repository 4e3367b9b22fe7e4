"""Which files a patch changes, and how many lines of each: of unified diffs by git, Mercurial, Subversion and diff.

Two libraries were measured on 15 forms of one commit as git writes them (spaces, quotes, `x b/y`, renames, prefixes,
mails): unidiff 1.0.1 refuses all but merges, whatthepatch 1.0.7 leaves quotes and tabs in names, cuts `ren to` in
two and counts a mail's signature as a change. Neither tells a copy from a rename.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from ruvllm.workloads.patches.paths import ABSENT, header_path, in_both, quoted, without_prefix

__all__ = ["PatchError", "changed_files"]

_HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")
_MERGE = re.compile(r"diff --(?:cc|combined) |@@@+ -")
_CONTEXT_DIFF = re.compile(r"^\*\*\* .*\n--- .*\n\*{15}", re.MULTILINE)
_SIGNATURE = re.compile(r"-- ?\r?$")
"""What ends a patch in a mail."""


class PatchError(ValueError):
    """A patch that cannot be used. The message is one line."""


@dataclass
class _File:
    """What the lines about one file say. Paths are as they stand, prefixes and all."""

    old: str = ""
    new: str = ""
    renamed: tuple[str, str] | None = None
    """The two paths without prefixes, of a file that was renamed."""
    is_new: bool = False
    n_changed: int = 0


@dataclass
class _Reader:
    """Goes through the lines of a patch."""

    lines: Sequence[str]
    files: list[_File] = field(default_factory=list)
    at: int = 0

    def read(self) -> list[_File]:
        while self.at < len(self.lines):
            line = self._header(self.at)
            if _MERGE.match(line):
                raise PatchError("patch is of a merge (git's --cc), with several sides; give a plain diff")
            if line.startswith("diff --git "):
                old, new = in_both(line.removeprefix("diff --git ")) or ("", "")
                self.files.append(_File(old, new))
            elif self._starts_file(self.at):
                self._name_sides()
                continue
            elif self.files and (hunk := _HUNK.match(line)):
                self.at += 1
                self._hunk(*(1 if n is None else int(n) for n in hunk.groups()))
                continue
            elif self.files:
                self._extended(line)
            self.at += 1
        return self.files

    def _header(self, at: int) -> str:
        return self.lines[at].rstrip("\r") if at < len(self.lines) else ""

    def _starts_file(self, at: int) -> bool:
        """True for `--- `, `+++ ` and `@@ ` one after the other: nothing else is sure to begin a file."""
        starts = ("--- ", "+++ ", "@@ -")
        return all(self._header(at + i).startswith(start) for i, start in enumerate(starts))

    def _name_sides(self) -> None:
        old, new = (header_path(self._header(self.at + i)[4:]) for i in (0, 1))
        file = self.files[-1] if self.files else None
        if file is None or file.n_changed or not self._is_named_by(file, old, new):
            self.files.append(file := _File())
        file.is_new |= old == ABSENT
        file.old, file.new = (old if old != ABSENT else file.old), (new if new != ABSENT else file.new)
        self.at += 2

    @staticmethod
    def _is_named_by(file: _File, old: str, new: str) -> bool:
        """True if these are the sides of the file whose `diff --git` came last."""
        named = {file.old, file.new}
        return named == {""} or bool(named & {old, new})

    def _extended(self, line: str) -> None:
        """Takes git's lines between the file's name and its first hunk."""
        file = self.files[-1]
        if line.startswith(("new file mode ", "copy from ")):
            file.is_new = True
        elif line.startswith("rename from "):
            file.renamed = quoted(line.removeprefix("rename from ")), ""
        elif line.startswith("rename to ") and file.renamed is not None:
            file.renamed = file.renamed[0], quoted(line.removeprefix("rename to "))

    def _hunk(self, old_left: int, new_left: int) -> None:
        """Counts changed lines: all that the hunk's head promises, and those that follow if its numbers are too low."""
        while self.at < len(self.lines):
            line = self.lines[self.at]
            is_blank = line in ("", "\r")  # a mailer took the space away, or the hunk is over
            sign = " " if is_blank else line[0]
            is_promised = (old_left > 0 or sign == "+") and (new_left > 0 or sign == "-")
            if sign not in "+- \\" or (self._starts_file(self.at) and not (is_promised and old_left == new_left == 1)):
                return
            if not is_promised and (is_blank or _SIGNATURE.match(line)):
                return
            self.files[-1].n_changed += sign in "+-"
            old_left -= sign in "- "
            new_left -= sign in "+ "
            self.at += 1


def changed_files(patch: str) -> dict[str, int]:
    """Returns the path, and the number of changed lines, of each file that was there before the patch, in its order.

    New files and copies were not. A renamed file has its old path. Raises PatchError for the diff of a merge, and for a
    context diff.
    """
    if _CONTEXT_DIFF.search(patch):
        raise PatchError("patch is a context diff; give a unified one (diff -u)")
    files = _Reader(patch.removeprefix("\ufeff").split("\n")).read()  # not splitlines(): a form feed ends no line
    has_prefixes = any(file.old and file.new and without_prefix(file.old, file.new) != file.old for file in files)
    counts: dict[str, int] = {}
    made: set[str] = set()
    before: dict[str, str] = {}  # of a mail with several commits: what a file was called before the first
    for file in files:
        path = _old_path(file, has_prefixes)
        if file.is_new:
            made.add(_new_path(file, has_prefixes))
        elif path and path not in made:
            path = before.get(path, path)
            if file.renamed is not None:
                before[file.renamed[1]] = path
            counts[path] = counts.get(path, 0) + file.n_changed
    return counts


def _old_path(file: _File, has_prefixes: bool) -> str:
    if file.renamed is not None:
        return file.renamed[0]
    if file.old and file.new:
        return without_prefix(file.old, file.new)
    return _alone(file.old or file.new, has_prefixes or file.old.startswith("a/"))


def _new_path(file: _File, has_prefixes: bool) -> str:
    if file.old and file.new:
        return without_prefix(file.new, file.old)
    return _alone(file.new, has_prefixes or file.new.startswith("b/"))


def _alone(path: str, has_prefix: bool) -> str:
    """Returns the path of a file that only one side names: only the other files can tell whether it has a prefix."""
    return path.partition("/")[2] if has_prefix and "/" in path else path
