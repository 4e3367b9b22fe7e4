"""Issues with the files of their repositories: where these lie, what they hold, and what an issue says of them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import numpy as np
import pytest
import repository_samples as samples

from ruvllm.workloads.inputs import InputOptions, read_input
from ruvllm.workloads.localization.candidates import is_candidate
from ruvllm.workloads.localization.contents import Contents
from ruvllm.workloads.localization.evidence import EVIDENCE, evidence_of
from ruvllm.workloads.localization.mentions import MENTIONS, Mentions
from ruvllm.workloads.localization.places import find_repository
from ruvllm.workloads.localization.reading import LocalizationInput, read_localization
from ruvllm.workloads.localization.trees import GitRepository, MissingTreeError, Releases, version_of


@pytest.mark.parametrize(
    ("path", "candidate"),
    [
        ("sympy/core/numbers.py", True), ("src/_pytest/python.py", True), ("django/test/client.py", True),
        ("django/contrib/admindocs/views.py", True), ("lib/core/draw.cpp", True), ("pkg/tools/run.py", True),
        ("pkg/main.js", True), ("pkg/main.min.js", False), ("setup.py", False), ("conftest.py", False),
        ("tests/test_x.py", False), ("pkg/tests/test_x.py", False), ("docs/conf.py", False), ("pkg/data.json", False),
        ("examples/a.py", False), ("sympy/benchmarks/bench.py", False), ("tools/release.py", False), ("a.md", False),
        (".github/x.py", False),
    ],
)  # fmt: skip
def test_candidates_are_source_files(path: str, candidate: bool) -> None:
    assert is_candidate(path) == candidate


@pytest.mark.parametrize("form", ["acme+pkg", "acme/pkg", "acme__pkg", "pkg", "acme+pkg/repo", "pkg/repo"])
def test_a_repository_is_found_in_each_layout(tmp_path: Path, form: str) -> None:
    base = samples.commit(tmp_path / form, {"pkg/a.py": "x = 1\n"})
    assert find_repository(tmp_path, "acme/pkg").tree(base, "").paths == ("pkg/a.py",)


@pytest.mark.parametrize("form", ["acme+pkg", "acme/pkg.git", "acme__pkg/repo"])
def test_a_bare_repository_is_found(tmp_path: Path, form: str) -> None:
    base = samples.commit(tmp_path / "work", {"pkg/a.py": "x = 1\n"})
    bare = tmp_path / "repos" / form
    bare.parent.mkdir(parents=True, exist_ok=True)
    samples.git(tmp_path, "clone", "-q", "--bare", "work", str(bare))
    repository = find_repository(tmp_path / "repos", "acme/pkg")
    tree = repository.tree(base, "")
    assert tree.origin == f"commit {base[:12]}"
    assert dict(repository.contents(tree.blobs)) == {tree.blobs[0]: b"x = 1\n"}


def test_the_tree_is_that_of_the_commit_and_nothing_is_written(tmp_path: Path) -> None:
    folder = tmp_path / "acme+pkg"
    first = samples.commit(folder, {"pkg/a.py": "old\n", "pkg/b c.py": "b\n", "pkg/é.py": "e\n"})
    (folder / "pkg" / "link.py").symlink_to("a.py")
    samples.commit(folder, {"pkg/a.py": "new\n", "pkg/later.py": "later\n"})
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    repository = find_repository(tmp_path, "acme/pkg")
    tree = repository.tree(first, "")
    assert tree.paths == ("pkg/a.py", "pkg/b c.py", "pkg/é.py")
    assert [data for _, data in repository.contents(tree.blobs)] == [b"old\n", b"b\n", b"e\n"]
    second = samples.git(folder, "rev-parse", "HEAD")
    later = ("pkg/a.py", "pkg/b c.py", "pkg/later.py", "pkg/é.py")
    assert repository.tree(second, "").paths == later, "links are left out"
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_many_blobs_and_large_ones_come_whole(tmp_path: Path) -> None:
    files = {f"pkg/f{i:03}.py": f"{i}\n" * i for i in range(450)} | {"pkg/large.py": "x" * (1 << 20) + "yz"}
    base = samples.commit(tmp_path / "acme+pkg", files)
    repository = find_repository(tmp_path, "acme/pkg")
    tree = repository.tree(base, "")
    found = [data.decode() for _, data in repository.contents(tree.blobs)]
    assert found == [files[path][: 1 << 20] for path in tree.paths]


def test_what_a_partial_clone_lacks_counts_as_empty(tmp_path: Path) -> None:
    folder = tmp_path / "acme+pkg"
    base = samples.commit(folder, {f"pkg/f{i}.py": f"{i}\n" for i in range(5)})
    repository = find_repository(tmp_path, "acme/pkg")
    tree = repository.tree(base, "")
    gone = tree.blobs[2]
    (folder / ".git" / "objects" / gone[:2] / gone[2:]).unlink()
    assert [data for _, data in repository.contents(tree.blobs)] == [b"0\n", b"1\n", b"", b"3\n", b"4\n"]
    # a promisor's object would be fetched: git ends, and nothing is fetched
    samples.git(folder, "config", "remote.origin.url", "https://127.0.0.1:9/none")
    samples.git(folder, "config", "remote.origin.promisor", "true")
    samples.git(folder, "config", "extensions.partialClone", "origin")
    samples.git(folder, "config", "core.repositoryFormatVersion", "1")
    assert [data for _, data in repository.contents(tree.blobs)] == [b"0\n", b"1\n", b"", b"3\n", b"4\n"]


def test_a_git_that_reads_nothing_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    samples.commit(tmp_path / "acme+pkg", {"pkg/a.py": "x"})
    repository = find_repository(tmp_path, "acme/pkg")
    (tmp_path / "git").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(MissingTreeError, match="git cannot read the repository"):
        list(repository.contents([f"{i:040x}" for i in range(100)]))


@pytest.mark.parametrize("commit", ["0" * 40, "--output=/tmp/x", "HEAD", "main", "", "abc def1"])
def test_a_commit_that_is_not_there_is_named(tmp_path: Path, commit: str) -> None:
    samples.commit(tmp_path / "acme+pkg", {"pkg/a.py": "x\n"})
    with pytest.raises(MissingTreeError) as caught:
        find_repository(tmp_path, "acme/pkg").tree(commit, "")
    assert "\n" not in str(caught.value)


def test_names_that_lead_elsewhere_are_refused(tmp_path: Path) -> None:
    for name in ("../pkg", "acme/..", "pkg", "acme/pkg/x", "acme/p\nkg"):
        with pytest.raises(MissingTreeError):
            find_repository(tmp_path, name)


def test_of_releases_the_one_before_is_taken(tmp_path: Path) -> None:
    for version in ("2.2", "3.0", "3.0.14", "3.1", "3.2"):
        samples.write(tmp_path / f"Pkg-{version}", {"pkg/a.py": version})
    repository = find_repository(tmp_path, "acme/pkg")
    assert isinstance(repository, Releases)
    origins = {version: repository.tree("", version).origin for version in ("3.2", "3.1", "3.1.5", "3.0", "10.0")}
    assert origins == {
        "3.2": "release 3.1", "3.1": "release 3.0", "3.1.5": "release 3.0", "3.0": "release 2.2", "10.0": "release 3.2"
    }  # fmt: skip
    tree = repository.tree("", "3.1")
    assert dict(repository.contents(tree.blobs)) == {"3.0:pkg/a.py": b"3.0"}
    for version in ("2.2", "1.9"):
        with pytest.raises(MissingTreeError, match=r"^no release before .* among 2\.2, 3\.0, "):
            repository.tree("", version)
    with pytest.raises(MissingTreeError, match="no version"):
        repository.tree("", "")


def test_git_comes_before_releases_which_stand_in_for_commits_that_it_lacks(tmp_path: Path) -> None:
    samples.write(tmp_path / "pkg-3.0", {"pkg/a.py": "released"})
    base = samples.commit(tmp_path / "acme__pkg", {"pkg/a.py": "committed"})
    repository = find_repository(tmp_path, "acme/pkg")
    trees = repository.tree(base, "3.1"), repository.tree("1" * 40, "3.1")
    assert [tree.origin for tree in trees] == [f"commit {base[:12]}", "release 3.0"]
    found = [data for tree in trees for _, data in repository.contents(tree.blobs)]
    assert found == [b"committed", b"released"]
    with pytest.raises(MissingTreeError, match="commit 111111111111 is not in the repository"):
        repository.tree("1" * 40, "2.0")


def test_without_git_there_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = samples.commit(tmp_path / "acme__pkg", {"pkg/a.py": "x\n"})
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingTreeError, match=r"^git cannot be run: No such file"):
        GitRepository(tmp_path / "acme__pkg" / ".git").tree(base, "")


def test_versions() -> None:
    assert [version_of(text) for text in ("3.1", "v3.1rc1", "3", "", "x", "3.0.14")] == [
        (3, 1), (3, 1), (3, 0), (), (), (3, 0, 14)
    ]  # fmt: skip


PATHS = ("a/__init__.py", "a/b/__init__.py", "a/b/names.py", "a/b/other.py", "c/names.py", "lib/draw.cpp")


def named(text: str) -> dict[str, dict[str, float]]:
    """Which paths are named in which way."""
    columns = dict(zip(MENTIONS, Mentions(text).columns(PATHS), strict=True))
    return {
        name: {path: float(value) for path, value in zip(PATHS, column, strict=True) if value}
        for name, column in columns.items()
        if column.any()
    }


def test_what_a_text_names() -> None:
    assert named("nothing here") == {}
    found = named("In a/b/names.py, see")
    assert found["fullPath"] == {"a/b/names.py": 1}
    assert found["baseName"] == {"a/b/names.py": 1, "c/names.py": 1}
    assert found["lastTwo"] == {"a/b/names.py": 1}
    assert named("it is a.b.names.Thing")["module"] == {"a/b/__init__.py": 1, "a/b/names.py": 1}
    assert "module" not in named("xa.b.names and a.b_names")
    assert named("the names of it")["stem"] == {"a/b/names.py": 1, "c/names.py": 1}
    assert named("lib/draw.cpp:12")["fullPath"] == {"lib/draw.cpp": 1}
    assert named(r'File "C:\x\a\b\other.py", line 3')["lastTwo"] == {"a/b/other.py": 1}


def test_evidence_is_standardised_and_finds_the_file(tmp_path: Path) -> None:
    base = samples.commit(tmp_path / "acme+pkg", samples.source_files())
    repository = find_repository(tmp_path, "acme/pkg")
    tree = repository.tree(base, "")
    assert len(tree.paths) == 32
    contents = Contents()
    files = contents.of(repository, tree)
    found = evidence_of("Title\n\nCalling `drawing_tools(x)` fails", tree, files, contents)
    assert found.shape == (32, len(EVIDENCE))
    assert np.isfinite(found).all()
    for name in ("contents", "definition", "path", "symbols"):
        column = found[:, EVIDENCE.index(name)]
        assert column.mean() == pytest.approx(0, abs=1e-6)
        assert column.std() == pytest.approx(0.5, abs=1e-5)
    assert not found[:, EVIDENCE.index("vectors")].any()
    assert not found[:, EVIDENCE.index("contentsTitle")].any(), "no file has the word: nobody is ahead"
    assert tree.paths[int(found.sum(axis=1).argmax())] == "pkg/drawing/tools.py"
    assert len(contents) == 32
    again = Contents()
    assert np.array_equal(found, evidence_of(
        "Title\n\nCalling `drawing_tools(x)` fails", tree, again.of(repository, tree), again
    ))  # fmt: skip


def test_contents_are_counted_once(tmp_path: Path) -> None:
    folder = tmp_path / "acme+pkg"
    first = samples.commit(folder, {"pkg/a.py": "def one(): pass\n", "pkg/b.py": "def two(): pass\n"})
    second = samples.commit(folder, {"pkg/a.py": "def three(): pass\n"})
    repository, contents = find_repository(tmp_path, "acme/pkg"), Contents()
    one = contents.of(repository, repository.tree(first, ""))
    two = contents.of(repository, repository.tree(second, ""))
    assert len(contents) == 3
    assert one.texts[1] == two.texts[1] and one.texts[0] != two.texts[0]
    assert [sorted(names) for names in two.names] == [["three"], ["two"]]


def test_hostile_files_are_counted(tmp_path: Path) -> None:
    files = {
        "pkg/empty.py": "", "pkg/deep.py": "".join(f"{'  ' * i}class A{i}:\n" for i in range(300)),
        "pkg/quotes.py": '"""' * 1001, "pkg/defs.py": "def f(): pass\n" * 5000, "pkg/spaces.py": " \n" * 200_000,
        "pkg/line.py": "x=" * 200_000,
    }  # fmt: skip
    base = samples.commit(tmp_path / "acme+pkg", files)
    (tmp_path / "acme+pkg" / "pkg" / "bytes.py").write_bytes(b"\xff\xfe\x00def x(): pass\n")
    base = samples.commit(tmp_path / "acme+pkg", {})
    repository, contents = find_repository(tmp_path, "acme/pkg"), Contents()
    tree = repository.tree(base, "")
    found = evidence_of("empty deep `f()` \ud800 \0", tree, contents.of(repository, tree), contents)
    assert np.isfinite(found).all()


def test_what_cannot_be_asked_is_named(tmp_path: Path) -> None:
    path, repos = samples.sample(tmp_path)
    records = samples.issues(samples.git(repos / "acme+pkg", "rev-parse", "HEAD"))
    records += [
        samples.issue(90, "acme/pkg", "1" * 40, "pkg/parsing/core.py", "no commit"),
        samples.issue(91, "acme/nowhere", "1" * 40, "a.py", "no repository"),
        samples.issue(92, "acme/pkg", records[0]["base_commit"], "docs/conf.py", "no candidate"),
    ]
    lines: list[str] = []
    found = read_input(f"swebench:{samples.write_issues(path, records)}", repositories=str(repos), warn=lines.append)
    assert isinstance(found, LocalizationInput)
    assert found.n_tasks == 24
    assert len(lines) == 3
    assert any("acme__nowhere-91" in line and "no repository acme/nowhere" in line for line in lines)
    assert any("acme__pkg-90" in line and "commit 111111111111 is not in the repository" in line for line in lines)
    assert any("acme__pkg-92" in line and "not among the source files" in line for line in lines)


def test_clear_errors(tmp_path: Path) -> None:
    path, repos = samples.sample(tmp_path, n=3)
    with pytest.raises(ValueError, match=r"needs --repos DIR"):
        read_localization(str(path), InputOptions())
    with pytest.raises(ValueError, match=r"is no folder"):
        read_localization(str(path), InputOptions(repositories=str(tmp_path / "none")))
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"^no issue has a tree before its fix: 3 of 3 issues left out"):
        read_localization(str(path), InputOptions(repositories=str(tmp_path / "empty")))
    (tmp_path / "tasks.jsonl").write_text('{"prompt": "a", "solution": "b"}\n')
    with pytest.raises(ValueError, match=r"holds no issues in SWE-bench's form"):
        read_localization(str(tmp_path / "tasks.jsonl"), InputOptions(repositories=str(repos)))


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_release_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    samples.write(tmp_path / "pkg-3.0", {"pkg/a.py": "x"})
    place = tmp_path / "pkg-3.0" / "pkg" / "a.py"
    place.chmod(stat.S_IWUSR)
    repository = find_repository(tmp_path, "acme/pkg")
    with pytest.raises(MissingTreeError, match=r"cannot read pkg/a\.py of release 3\.0"):
        list(repository.contents(repository.tree("", "3.1").blobs))
