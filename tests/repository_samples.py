"""Small git repositories with issues of their own, made in a test's folder."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

AREAS = ("parsing", "drawing", "sending", "storing", "sorting", "joining", "cutting", "signing")
"""Packages of the sample: each has files about what its name says."""
KINDS = ("core", "tools", "errors", "options")


def git(folder: Path, *words: str) -> str:
    own = ["-c", "user.name=Someone", "-c", "user.email=someone@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *own, *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(folder: Path, files: Mapping[str, str]) -> str:
    """Writes files into a repository, which is made first if need be, and returns the commit."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / ".git").exists():
        git(folder, "init", "-q", "-b", "main")
    write(folder, files)
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "changes", "--allow-empty")
    return git(folder, "rev-parse", "HEAD")


def write(folder: Path, files: Mapping[str, str]) -> None:
    for path, text in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")


def source_files() -> dict[str, str]:
    """32 source files, whose words tell them apart, and some that are no candidates."""
    files = {
        f"pkg/{area}/{kind}.py": (
            f'"""{kind.title()} of {area}."""\n\nLIMIT_{area.upper()} = 3\n\n\nclass {area.title()}{kind.title()}:\n'
            f"    def {area}_{kind}(self, {area}_value):\n        return {area}_value.{kind}_of_{area}()\n"
        )
        for area in AREAS
        for kind in KINDS
    }
    return {
        **files, "setup.py": "x = 1\n", "tests/test_parsing.py": "def test(): pass\n", "docs/conf.py": "y = 2\n",
        "README.md": "read me\n", "pkg/parsing/tests/test_core.py": "def test(): pass\n",
    }  # fmt: skip


def patch_of(path: str, mark: str = "") -> str:
    return f"diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n@@ -1,1 +1,1 @@\n-old {mark}\n+new {mark}\n"


def issue(number: int, repo: str, base: str, path: str, text: str, **more: Any) -> dict[str, Any]:
    """A record in SWE-bench's form."""
    return {
        "repo": repo, "instance_id": f"{repo.replace('/', '__')}-{number}", "base_commit": base, "version": "3.1",
        "problem_statement": text, "hints_text": "", "patch": patch_of(path, f"{path} {number}"),
        "created_at": f"2024-01-{1 + number // 24:02d}T{number % 24:02d}:00:00Z", **more,
    }  # fmt: skip


def issues(base: str, repo: str = "acme/pkg", n: int = 24) -> list[dict[str, Any]]:
    """Issues that name what the right file defines, in words of other files as well, which come more often."""
    found = []
    for i in range(n):
        area, kind, other = AREAS[i % 8], KINDS[i // 8 % 4], AREAS[(i + 3) % 8]
        text = (
            f"{kind} fails number {i}\n\nWhen I use {other} and {other} {other} again, calling `{area}_{kind}` raises "
            f"an error in the {kind} of it, see {other} {KINDS[(i + 1) % 4]}."
        )
        found.append(issue(i, repo, base, f"pkg/{area}/{kind}.py", text))
    return found


def write_issues(path: Path, records: list[dict[str, Any]]) -> Path:
    path.write_text(json.dumps(records), encoding="utf-8")
    return path


def sample(folder: Path, n: int = 24) -> tuple[Path, Path]:
    """Returns the file of issues and the folder of repositories."""
    base = commit(folder / "repos" / "acme+pkg", source_files())
    return write_issues(folder / "issues.json", issues(base, n=n)), folder / "repos"
