"""Where the repository of an issue lies below the folder that a user names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from ruvllm.workloads.localization.trees import GitOrReleases, GitRepository, MissingTreeError, Releases, Repository

__all__ = ["find_repository"]

_NAME = re.compile(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+")
_INSIDE = ("", ".git", "repo", "repo/.git", "repo.git")
"""Where a git repository lies in the folder that has its name."""


def find_repository(top: Path, name: str) -> Repository:
    """Returns the repository `owner/name` below `top`. Raises MissingTreeError.

    It is a git repository at `owner+name`, `owner/name`, `owner__name` or `name`, with `.git` behind it or not, or at
    `.git` or `repo` below it, the first that is there; and for commits that it lacks, or without one, unpacked
    releases, `name-VERSION` at `top` or in one of these folders.
    """
    if not _NAME.fullmatch(name) or ".." in name.split("/"):
        raise MissingTreeError(f"{name[:40]!r} is no name of a repository")
    places = (folder / inside for folder in _folders(top, name) for inside in _INSIDE)
    bare = (place for place in places if (place / "objects").is_dir() and (place / "HEAD").is_file())
    git = next((GitRepository(place) for place in bare), None)
    releases: dict[str, Path] = {}
    for folder in (top, *_folders(top, name)):
        for version, place in _releases(folder, name.partition("/")[2]):
            releases.setdefault(version, place)
    if git is not None:
        return GitOrReleases(git, Releases(releases)) if releases else git
    if not releases:
        raise MissingTreeError(f"no repository {name}, nor releases of it")
    return Releases(releases)


def _folders(top: Path, name: str) -> Iterator[Path]:
    owner, _, own = name.partition("/")
    for form in (f"{owner}+{own}", f"{owner}/{own}", f"{owner}__{own}", own):
        yield top / form
        yield top / f"{form}.git"


def _releases(folder: Path, name: str) -> Iterator[tuple[str, Path]]:
    """Yields the versions and folders of unpacked releases directly in `folder`, in the order of their names."""
    pattern = re.compile(rf"(?:.*[+_/])?{_spelled(name)}-v?(\d+(?:\.\d+)*)", re.IGNORECASE)
    for place in sorted(folder.iterdir()) if folder.is_dir() else ():
        match = pattern.fullmatch(place.name)
        if match is not None and place.is_dir():
            yield match[1], place


def _spelled(name: str) -> str:
    """A pattern for a name however it is spelled: scikit-learn, scikit_learn."""
    return r"[-_.]".join(map(re.escape, re.split(r"[-_.]", name)))
