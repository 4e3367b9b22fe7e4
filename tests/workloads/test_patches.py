"""Which files a patch changes, in every form in which patches are written."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from ruvllm.workloads.patches.changes import PatchError, changed_files
from ruvllm.workloads.patches.tests import is_test


def section(path: str, *, n: int = 2, a: str = "a/", b: str = "b/", head: str = "", end: str = "") -> str:
    """One file as git shows it: n lines exchanged. `end` stands behind both names."""
    lines = "".join(f"-old {i}\n+new {i}\n" for i in range(n))
    return (
        f"diff --git {a}{path} {b}{path}\n{head}index 1..2 100644\n--- {a}{path}{end}\n+++ {b}{path}{end}\n"
        f"@@ -4,{n + 2} +4,{n + 2} @@ def f():\n context\n{lines} context\n"
    )


def hunk(removed: str = "x", added: str = "y") -> str:
    return f"@@ -1 +1 @@\n-{removed}\n+{added}\n"


OCTAL = "gr\\303\\266\\303\\237e.py"
PLAIN = section("src/m.py")
FORMS = {
    "git": (PLAIN, {"src/m.py": 4}),
    "a space": (section("src/my file.py", end="\t"), {"src/my file.py": 4}),
    "a space that is not marked": (section("src/my file.py"), {"src/my file.py": 4}),
    "a folder named like a prefix": (section("x b/y.py", end="\t"), {"x b/y.py": 4}),
    "octal quotes": (
        f'diff --git "a/{OCTAL}" "b/{OCTAL}"\n--- "a/{OCTAL}"\n+++ "b/{OCTAL}"\n{hunk()}', {"größe.py": 2}),
    "other escapes": (
        f'diff --git "a/q\\"\\t\\\\.py" "b/q\\"\\t\\\\.py"\n--- "a/q\\"\\t\\\\.py"\n+++ "b/q\\"\\t\\\\.py"\n{hunk()}',
        {'q"\t\\.py': 2}),
    "bytes that are no UTF-8": ('diff --git "a/\\344.py" "b/\\344.py"\nold mode 100644\nnew mode 100755\n',
                                {"\\xe4.py": 0}),
    "names as they are (core.quotePath=false)": (section("größe.py"), {"größe.py": 4}),
    "CRLF": (PLAIN.replace("\n", "\r\n"), {"src/m.py": 4}),
    "a byte order mark": ("\ufeff" + PLAIN, {"src/m.py": 4}),
    "diff.noprefix": (section("src/m.py", a="", b=""), {"src/m.py": 4}),
    "diff.noprefix, a folder named a": (section("a/m.py", a="", b=""), {"a/m.py": 4}),
    "diff.noprefix, a space, no hunk": ("diff --git my file my file\nold mode 1\nnew mode 2\n", {"my file": 0}),
    "diff.mnemonicPrefix": (
        section("m.py", a="i/", b="w/") + section("n.py", a="c/", b="i/") + section("o.py", a="o/", b="w/")
        + section("p.py", a="c/", b="w/"), dict.fromkeys(("m.py", "n.py", "o.py", "p.py"), 4)),
    "prefixes of one's own": (section("src/m.py", a="old/", b="new/"), {"src/m.py": 4}),
    "a reversed patch": (section("src/m.py", a="b/", b="a/"), {"src/m.py": 4}),
    "no git line": (f"--- a/src/m.py\n+++ b/src/m.py\n{hunk()}--- a/n.py\n+++ b/n.py\n{hunk()}",
                    {"src/m.py": 2, "n.py": 2}),
    "no git line, no prefix": (f"--- src/m.py\n+++ src/m.py\n{hunk()}", {"src/m.py": 2}),
    "dates": (
        f"--- a/m.py\t2020-01-02 03:04:05.6 +0000\n+++ b/m.py\t2020-01-02 03:04:06.7 +0000\n{hunk()}",
        {"m.py": 2}),
    "dates behind a space": (
        f"--- my m.py 2020-01-02 03:04:05\n+++ my m.py 2020-01-02 03:04:06\n{hunk()}",
        {"my m.py": 2}),
    "diff -ru": (
        f"diff -ru old/m.py new/m.py\n--- old/m.py\tThu Jan  2\n+++ new/m.py\tFri Jan  3\n{hunk()}",
        {"m.py": 2}),
    "Mercurial": (
        f"diff -r 12ab m.py\n--- a/m.py\tThu Jan 02 2020\n+++ b/m.py\tFri Jan 03 2020\n{hunk()}",
        {"m.py": 2}),
    "Subversion": (
        f"Index: m.py\n{'=' * 9}\n--- m.py\t(revision 5)\n+++ m.py\t(working copy)\n{hunk()}\n"
        "Property changes on: m.py\n____\nAdded: svn:eol\n## -0,0 +1 ##\n+native\n", {"m.py": 2}),
    "a copy, whose source stays": (
        f"diff --git a/m.py b/new.py\nsimilarity index 80%\ncopy from m.py\ncopy to new.py\n--- a/m.py\n+++ b/new.py\n"
        f"{hunk()}{section('n.py')}", {"n.py": 4}),
    "a renamed file": (
        f"diff --git a/m n.py b/o.py\nsimilarity index 80%\nrename from m n.py\nrename to o.py\n--- a/m n.py\t\n"
        f"+++ b/o.py\n{hunk()}", {"m n.py": 2}),
    "renamed and not changed": (
        "diff --git a/m.py b/n o.py\nsimilarity index 100%\nrename from m.py\nrename to n o.py\n",
        {"m.py": 0}),
    "renamed, and no git line": (f"--- a/m.py\n+++ b/n.py\n{hunk()}", {"m.py": 2}),
    "a new file": (
        f"diff --git a/new.py b/new.py\nnew file mode 100644\n--- /dev/null\n+++ b/new.py\n@@ -0,0 +1 @@\n+y\n{PLAIN}",
        {"src/m.py": 4}),
    "a new empty file": ("diff --git a/a b b/a b\nnew file mode 100644\nindex 0..e69\n" + PLAIN, {"src/m.py": 4}),
    "a new file, no git line": (
        f"--- /dev/null\n+++ b/new.py\n@@ -0,0 +1 @@\n+y\n--- a/m.py\n+++ b/m.py\n{hunk()}", {"m.py": 2}),
    "a new file of diff -N": (
        "--- old/new.py\t1970-01-01 01:00:00.000000000 +0100\n+++ new/new.py\t2020-01-02 03:04:05.6 +0000\n"
        f"@@ -0,0 +1 @@\n+y\n--- old/m.py\n+++ new/m.py\n{hunk()}", {"m.py": 2}),
    "a new file of Subversion": ("--- new.py\t(nonexistent)\n+++ new.py\t(working copy)\n@@ -0,0 +1 @@\n+y\n", {}),
    "a removed file": (
        "diff --git a/m.py b/m.py\ndeleted file mode 100644\n--- a/m.py\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-x\n-y\n",
        {"m.py": 2}),
    "a removed file, no git line": ("--- a/m.py\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-x\n-y\n", {"m.py": 2}),
    "a removed file beside prefixes of one's own": (
        f"--- old/m.py\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-x\n-y\n--- old/n.py\n+++ new/n.py\n{hunk()}",
        {"m.py": 2, "n.py": 2}),
    "binaries": (
        "diff --git a/x.png b/x.png\nindex 1..2\nBinary files a/x.png and b/x.png differ\n"
        "diff --git a/y z.png b/y z.png\nindex 1..2\nGIT binary patch\nliteral 5\nMcmZ?wj(4~00012\n\n" + PLAIN,
        {"x.png": 0, "y z.png": 0, "src/m.py": 4}),
    "no newline at the end": (
        "--- a/m.py\n+++ b/m.py\n@@ -1 +1 @@\n-x\n\\ No newline at end of file\n+y\n\\ No newline at end of file\n",
        {"m.py": 2}),
    "removed SQL comments": (
        section("s.sql", n=0) + "@@ -9,3 +9,1 @@\n--- a comment\n--- another\n context\n" + PLAIN,
        {"s.sql": 2, "src/m.py": 4}),
    "added increments": (section("s.c", n=0) + "@@ -9 +9,3 @@\n context\n+++ i;\n+++ j;\n", {"s.c": 2}),
    "a comment removed, an increment added, a hunk": (
        f"--- a/s.c\n+++ b/s.c\n{hunk('- i;', '++ j;')}@@ -9 +9 @@\n-x\n+y\n", {"s.c": 4}),
    "a form feed in a line": (f"--- a/m.py\n+++ b/m.py\n{hunk(chr(12) + '+x', chr(0x2028) + '-y')}", {"m.py": 2}),
    "a head that promises too little": (
        "--- a/m.py\n+++ b/m.py\n@@ -1,1 +1,1 @@\n-x\n+y\n+z\n--- a/n.py\n+++ b/n.py\n" + hunk(),
        {"m.py": 3, "n.py": 2}),
    "a head that promises too much": (
        "--- a/m.py\n+++ b/m.py\n@@ -1,9 +1,9 @@\n-x\n+y\n--- a/n.py\n+++ b/n.py\n" + hunk(), {"m.py": 2, "n.py": 2}),
    "blank context that lost its space": (
        "--- a/m.py\n+++ b/m.py\n@@ -1,3 +1,3 @@\n-x\n+y\n\n-v\n+w\n", {"m.py": 4}),
    "mails of two commits": (
        f"From 12ab Mon Sep 17\nSubject: one\n\n- a list\n---\n m.py | 2 +-\n\n{section('m.py')}-- \n2.39.0\n\n"
        f"From 34cd Mon Sep 17\nSubject: two\n\n- a list\n+ more\n---\n{section('m.py')}{section('n.py')}-- \n2.39.0\n",
        {"m.py": 8, "n.py": 4}),
    "a file that an earlier commit made": (
        "diff --git a/new.py b/new.py\nnew file mode 100644\n--- /dev/null\n+++ b/new.py\n@@ -0,0 +1 @@\n+y\n"
        f"{section('new.py')}{PLAIN}", {"src/m.py": 4}),
    "a file that an earlier commit renamed": (
        f"diff --git a/m.py b/n.py\nrename from m.py\nrename to n.py\n{section('n.py')}", {"m.py": 4}),
    "no patch": ("it breaks\n- here\n+ there\n--- a rule\n", {}),
    "nothing": ("", {}),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_the_changed_files_are_found(form: str) -> None:
    patch, wanted = FORMS[form]
    assert changed_files(patch) == wanted
    assert list(changed_files(patch)) == list(wanted)


@pytest.mark.parametrize(
    ("patch", "reason"),
    [
        ("diff --cc m.py\nindex 1,2..3\n--- a/m.py\n+++ b/m.py\n@@@ -1,1 -1,1 +1,1 @@@\n- x\n -y\n++z\n", "of a merge"),
        ("diff --combined m.py\n", "of a merge"),
        (f"*** a/m.py\t2020\n--- b/m.py\t2021\n{'*' * 15}\n*** 1 ****\n! x\n--- 1 ----\n! y\n", "is a context diff"),
    ],
)
def test_what_is_no_plain_change_is_refused(patch: str, reason: str) -> None:
    with pytest.raises(PatchError, match=reason):
        changed_files(patch)


NAMES = ["plain.py", "my file.py", "größe.py", "数.py", 'q"uote.py', "tab\t.py", "back\\slash.py", "x b/y.py", "a/b.py"]
BODY = [f"line {i}\n" for i in range(30)]


@pytest.mark.parametrize(
    "options",
    [
        ["--no-prefix"], ["--src-prefix=old/", "--dst-prefix=new/"], ["-U0"], ["-M", "--binary"], ["-C", "-C"],
        ["--no-renames"], ["--stat", "-p"], ["-R"],
    ],
    ids=" ".join,
)  # fmt: skip
@pytest.mark.parametrize("settings", [[], ["diff.mnemonicPrefix=true"], ["core.quotePath=false"]], ids=str)
def test_git_agrees(tmp_path: Path, settings: list[str], options: list[str]) -> None:
    if shutil.which("git") is None:
        pytest.skip("git is not there")

    def git(*words: str) -> str:
        given = [word for setting in ["core.safecrlf=false", *settings] for word in ("-c", setting)]
        done = subprocess.run(["git", *given, *words], cwd=tmp_path, capture_output=True, check=True)
        return done.stdout.decode()

    git("init", "-q")
    git("config", "user.email", "a@b")
    git("config", "user.name", "a")
    for name in [*NAMES, "gone.py", "moved.py"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("".join(BODY) if name in NAMES else name + "".join(BODY * 2))
    git("add", "-A")
    git("commit", "-q", "-m", "first")
    for i, name in enumerate(NAMES):  # -- and ++ at the beginning of lines, i + 1 of them
        (tmp_path / name).write_text("".join("-- x\n" if j <= i else line for j, line in enumerate(BODY)))
    if "-R" not in options:
        (tmp_path / "gone.py").unlink()
        (tmp_path / "moved.py").rename(tmp_path / "moved to.py")
    git("add", "-A")
    found = changed_files(git("diff", "--cached", *options))
    wanted = {name: 2 * (i + 1) for i, name in enumerate(NAMES)}
    assert {name: found[name] for name in NAMES} == wanted
    extra = set() if "-R" in options else {"gone.py", "moved.py"}
    assert set(found) == {*NAMES} | extra


TESTS = """
conftest.py pkg/conftest.py pkg/test_a.py pkg/a_test.py pkg/a_tests.py app/tests.py a/b/tests/data.txt tests/a.rs
test.js test/x.c test/helpers.py testing/code/source.py t/unit/base.py pkg/run_test.go testdata/x.json src/run.test.js
src/run-test.js src/run_test.ts src/run.spec.ts src/run.test-d.ts src/__tests__/run.ts src/__snapshots__/a.snap
cypress/support/e2e.ts web/a.cy.ts packages/a/test/index.js lib/a_spec.rb spec/factories/x.rb spec/spec_helper.rb
src/foo/tests.rs src/parse_tests.rs src/test/java/a/Helper.java src/RunTest.java src/RunTests.kt src/TestRun.java
src/RunIT.java src/RunSpec.scala src/commonTest/kotlin/A.kt src/jvmTest/A.kt src/integrationTest/A.java
app/src/androidTest/java/A.java Acme.Core.Tests/Runner.cs Acme/RunTests.cs tests/Unit/Run.php src/RunTest.php
AcmeTests/Helper.swift AcmeUITests/A.swift Tests/AcmeTests/A.swift test/run_test.exs apps/a/test/support/x.ex
lib/x_test.dart integration_test/app.dart t/00-basic.t run_unittest.cc cpp/run_test.cpp RunTest.cpp unit-tests/run.cpp
"""
SHIPPED = """
django/test/client.py numpy/testing/_private/utils.py pandas/_testing/__init__.py lib/unittest/case.py setup.py
src/main/java/org/springframework/test/Context.java src/main/java/org/a/TestRule.java src/test_utils.rs
app/management/commands/test.py pkg/testing/util.go src/commands/test.ts docs/testing.md latest.py src/attest.go
contest/run.js protest.py src/Illuminate/Testing/TestResponse.php FrameworkBundle/Test/KernelTestCase.php
library/test/src/lib.rs packages/test/src/index.ts spec/openapi.yaml src/spec/parser.rs src/_pytest/python.py
src/greatest.js Latest.java AWAIT.java src/inspect.py specs.md aspect.rb src/fastest/x.py testimony/a.py
"""


@pytest.mark.parametrize("path", TESTS.split())
def test_the_tests_of_other_languages_are_known(path: str) -> None:
    assert is_test(path)


@pytest.mark.parametrize("path", SHIPPED.split())
def test_what_is_shipped_is_no_test(path: str) -> None:
    assert not is_test(path)
