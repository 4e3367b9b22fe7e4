"""The files of a repository before a fix: of a git repository at a commit, or of unpacked releases.

Git is asked itself (`ls-tree`, `cat-file --batch`); nothing is checked out, fetched or written. Releases are plain
folders such as `django-3.1`: of those before an issue's version the newest is taken, and of its patches the first, so
that no file is younger than the fix.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from ruvllm.workloads.localization.candidates import is_candidate

__all__ = [
    "MAX_FILE_BYTES", "GitOrReleases", "GitRepository", "MissingTreeError", "Releases", "Repository", "SourceTree",
    "version_of",
]  # fmt: skip

MAX_FILE_BYTES = 1 << 20
"""Of a larger file this much is read: it is a table more often than code."""
MAX_FILES = 200_000
"""Of a repository. More would be no question about one file."""
MOST_ENDS = 50
"""How often git may end before it has read everything."""
_COMMIT = re.compile(r"[0-9a-fA-F]{7,64}")
_VERSION = re.compile(r"v?(\d+(?:\.\d+)*)")
_TOGETHER = 200
"""Blobs read at once: few enough for a pipe, so that neither side waits for the other."""
_QUIET = {"GIT_TERMINAL_PROMPT": "0", "GIT_NO_LAZY_FETCH": "1", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
"""Environment of git: it asks nobody, fetches nothing and takes no locks."""


class MissingTreeError(ValueError):
    """There is no tree before the fix. The message says why, in some words."""


@dataclass(frozen=True, slots=True)
class SourceTree:
    """The candidates of one question: paths in order, and by which name the contents of each are found."""

    paths: tuple[str, ...]
    blobs: tuple[str, ...]
    origin: str
    """Where it comes from: `commit 1a2b3c4d5e6f` or `release 3.0`."""


class Repository(Protocol):
    """Where trees and contents come from."""

    def tree(self, commit: str, version: str) -> SourceTree:
        """Returns the candidates before a fix. Raises MissingTreeError."""

    def contents(self, blobs: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """Yields the names of blobs and their first MAX_FILE_BYTES, in this order. Raises MissingTreeError."""


class GitRepository:
    """A git repository, bare or not."""

    def __init__(self, folder: Path) -> None:
        """`folder` holds `objects` and `HEAD`."""
        self.folder = folder

    def tree(self, commit: str, version: str) -> SourceTree:
        """Returns the candidates at `commit`. Raises MissingTreeError."""
        if not _COMMIT.fullmatch(commit):
            raise MissingTreeError(f"{commit[:20]!r} is no commit")
        command = self._command("ls-tree", "-r", "-z", "--full-tree", commit)
        try:
            done = subprocess.run(command, capture_output=True, env=os.environ | _QUIET)
        except OSError as error:
            raise MissingTreeError(f"git cannot be run: {error.strerror}") from None
        if done.returncode:
            raise MissingTreeError(f"commit {commit[:12]} is not in the repository")
        entries = (entry.partition(b"\t") for entry in done.stdout.split(b"\0") if entry)
        files = {
            path.decode("utf-8", "surrogateescape"): about.split()[2].decode()
            for about, _, path in entries
            if about[:3] == b"100"  # regular files: no links, no submodules
        }
        return _tree(files, f"commit {commit[:12]}")

    def contents(self, blobs: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """Yields blobs and their contents, nothing for those that a partial clone lacks.

        Raises MissingTreeError if git ends MOST_ENDS times: at an object that it would have to fetch it may.
        """
        left, ends = list(blobs), 0
        while left:
            done = 0
            for found in self._read(left):
                done += 1
                yield found
            if done < len(left):
                ends += 1
                if ends > MOST_ENDS:
                    raise MissingTreeError("git cannot read the repository")
                yield left[done], b""
                done += 1
            left = left[done:]

    def _read(self, blobs: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """Yields blobs and their contents until git ends."""
        command = self._command("cat-file", "--batch")
        pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
        with (
            contextlib.suppress(OSError),  # of a pipe whose reader has ended
            subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=nowhere, env=os.environ | _QUIET) as process,
        ):
            assert process.stdin is not None
            assert process.stdout is not None
            for first in range(0, len(blobs), _TOGETHER):
                wanted = blobs[first : first + _TOGETHER]
                process.stdin.write("".join(f"{blob}\n" for blob in wanted).encode())
                process.stdin.flush()
                for blob in wanted:
                    data = _next_blob(process.stdout)
                    if data is None:
                        return
                    yield blob, data

    def _command(self, *words: str) -> list[str]:
        own = ["-c", "safe.directory=*", "-c", "core.fsmonitor=false", "-c", "protocol.allow=never"]
        return ["git", "--no-replace-objects", *own, f"--git-dir={self.folder}", *words]


class Releases:
    """Unpacked releases of one project, by version."""

    def __init__(self, folders: Mapping[str, Path]) -> None:
        """`folders`: version -> folder, `3.1` -> `.../django-3.1`."""
        self.folders = dict(folders)

    def tree(self, commit: str, version: str) -> SourceTree:
        """Returns the candidates of the release before `version`. Raises MissingTreeError."""
        wanted = version_of(version)
        if not wanted:
            raise MissingTreeError(f"{version[:20]!r} is no version, and there is no git repository")
        before = [each for each in self.folders if version_of(each)[:2] < wanted[:2]]
        if not before:
            raise MissingTreeError(f"no release before {version} among {', '.join(sorted(self.folders))}")
        chosen = min(before, key=lambda each: ([-n for n in version_of(each)[:2]], version_of(each)))
        top = self.folders[chosen]
        return _tree({path: f"{chosen}:{path}" for path in _files_below(top)}, f"release {chosen}")

    def contents(self, blobs: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """Yields blobs and their contents. Raises MissingTreeError if a file cannot be read."""
        for blob in blobs:
            version, _, path = blob.partition(":")
            try:
                with (self.folders[version] / path).open("rb") as file:
                    yield blob, file.read(MAX_FILE_BYTES)
            except OSError as error:
                raise MissingTreeError(f"cannot read {path} of release {version}: {error.strerror}") from None


class GitOrReleases:
    """A git repository, and unpacked releases for commits that it lacks: shallow clones have few."""

    def __init__(self, git: GitRepository, releases: Releases) -> None:
        self.git, self.releases = git, releases

    def tree(self, commit: str, version: str) -> SourceTree:
        """Returns the candidates before a fix. Raises MissingTreeError, with git's reason, if neither has them."""
        try:
            return self.git.tree(commit, version)
        except MissingTreeError as error:
            with contextlib.suppress(MissingTreeError):
                return self.releases.tree(commit, version)
            raise error from None

    def contents(self, blobs: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """Yields blobs and their contents; all of them are of one tree. Raises MissingTreeError."""
        of_release = bool(blobs) and ":" in blobs[0]
        return self.releases.contents(blobs) if of_release else self.git.contents(blobs)


def version_of(text: str) -> tuple[int, ...]:
    """Returns the numbers of a version, at least two: (3, 1) for "3.1" and "v3.1rc1", (3, 0) for "3"; () for none."""
    match = _VERSION.match(text)
    numbers = [] if match is None else [int(part[:9]) for part in match[1].split(".")]
    return tuple(numbers + [0] * (2 - len(numbers))) if numbers else ()


def _tree(files: Mapping[str, str], origin: str) -> SourceTree:
    if len(files) > MAX_FILES:
        raise MissingTreeError(f"{origin} has {len(files)} files, more than {MAX_FILES}")
    paths = sorted(filter(is_candidate, files))
    return SourceTree(tuple(paths), tuple(files[path] for path in paths), origin)


def _next_blob(stream: IO[bytes]) -> bytes | None:
    """Returns the beginning of the next blob, nothing of one that is not there, None at the end of the stream."""
    header = stream.readline().split()
    if len(header) != 3:
        return b"" if header else None
    size = int(header[2])
    data = stream.read(min(size, MAX_FILE_BYTES))
    left = size - len(data) + 1  # and the line break behind it
    while left > 0 and (skipped := stream.read(min(left, MAX_FILE_BYTES))):
        left -= len(skipped)
    return data


def _files_below(top: Path) -> Iterator[str]:
    """Yields the paths of regular files below a folder, with forward slashes; links are not followed."""
    for folder, _, names in os.walk(top):
        for name in names:
            place = Path(folder, name)
            if stat.S_ISREG(place.lstat().st_mode):
                yield place.relative_to(top).as_posix()
