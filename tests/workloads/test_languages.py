"""Documented functions of source trees in other languages: what is found, what is cleaned, what is left out."""

from __future__ import annotations

import os
import re
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import language_samples as samples
import pytest

from ruvllm.workloads import check_workload, read_input
from ruvllm.workloads.languages import grammars, reading
from ruvllm.workloads.languages.functions import functions_of_source
from ruvllm.workloads.languages.reading import grammars_of, languages_in, read_languages
from ruvllm.workloads.languages.rules import RULES
from ruvllm.workloads.registry import LANGUAGES
from ruvllm.workloads.workload import TASK_TYPES

SAYS = "dds up the river of each basket as long as it is below the limit."
LONG = "int total = first + other; " * 4


def found(language: str, source: str, name: str = "") -> list[tuple[str, str, str]]:
    """Name, docstring and code of the functions of one file."""
    path = name or f"a{samples.ENDING[language]}"
    functions = functions_of_source(language, source.encode(), path).functions
    return [(each.qualname, each.docstring, each.code) for each in functions]


def one(language: str, source: str) -> tuple[str, str, str]:
    (only,) = found(language, source)
    return only


@pytest.mark.parametrize("language", samples.LANGUAGES)
def test_a_documented_function_is_found_with_neither_comments_nor_its_name(language: str) -> None:
    name, docstring, code = one(language, samples.source(language, samples.function(language)))
    assert name == "countRiverBasket"
    assert docstring == ("f a" if language == "go" else "A") + SAYS
    assert "secret" not in code and "countRiverBasket" not in code and "dds up" not in code
    assert "first - other" in code and code.rstrip("};").rstrip().endswith(("total)", "total);"))
    assert not any(line.strip() == "" for line in code.splitlines())


@pytest.mark.parametrize("language", samples.LANGUAGES)
def test_the_place_is_the_line_of_the_function(language: str) -> None:
    source = samples.source(language, samples.function(language), samples.function(language, 1))
    functions = functions_of_source(language, source.encode(), f"b/a{samples.ENDING[language]}").functions
    lines = source.splitlines()
    assert [each.place.partition(":")[0] for each in functions] == [f"b/a{samples.ENDING[language]}"] * 2
    assert all(each.qualname in "".join(lines[each.line - 1 : each.line + 1]) for each in functions)


@pytest.mark.parametrize("language", samples.LANGUAGES)
@pytest.mark.parametrize("change", [
    lambda text, head: text.replace(head, "\n" + head),  # an empty line between
    lambda text, head: re.sub("(?s)dds up .*the limit", "d the limit", text, count=1),  # says too little
    lambda text, head: text.replace("dds up", "dds up. Copyright by its authors,"),  # a license
])  # fmt: skip
def test_what_does_not_document_a_function_does_not_count(language: str, change: Callable[[str, str], str]) -> None:
    function = samples.function(language)
    head = {"rust": "#[inline]", "java": "    @Override", "cpp": "template"}.get(language) or next(
        line for line in function.splitlines() if "countRiverBasket(" in line or "countRiverBasket =" in line
    )
    assert change(function, head) != function
    assert found(language, samples.source(language, change(function, head))) == []


@pytest.mark.parametrize(("language", "source", "name"), [
    ("javascript", "/** DOC */\nmodule.exports.abc = function (first) { BODY }", "abc"),
    ("javascript", "/** DOC */\nFoo.prototype.abc = (first) => { BODY };", "abc"),
    ("javascript", "const all = {\n  /** DOC */\n  abc: function* (a) { BODY },\n  /** DOC */\n abd(a) { BODY } };",
     "abc abd"),
    ("javascript", "class A {\n /** DOC */\n static async abc(a) { BODY }\n /** DOC */\n #abd = (a) => { BODY } }",
     "abc #abd"),
    ("javascript", "/** DOC */\nexport default async function abc(first) { BODY }", "abc"),
    ("typescript", "class A<T> {\n /** DOC */\n @dec()\n private abc<U>(first: T): U { BODY } }", "abc"),
    ("typescript", "namespace N {\n /** DOC */\n export function abc(first: any) { BODY } }", "abc"),
    ("rust", "impl<T> A<T> {\n    /// DOC\n    #[must_use]\n    pub async fn abc(&self) -> T { BODY }\n}", "abc"),
    ("rust", "trait A {\n    /** DOC */\n    fn abc(&self) { BODY }\n    /// DOC\n    fn none(&self);\n}", "abc"),
    ("go", "package a\n/* DOC */\nfunc (a *A[T]) Abc(first int) (int, error) { BODY }", "Abc"),
    ("java", "class A { /** DOC */ A(int first) { BODY }\n /** DOC */ abstract int none(int a); }", "A"),
    ("java", "interface A { class B { /** DOC */ private static <T> T abc(T first) throws E { BODY } } }", "abc"),
    ("cpp", "// DOC\nstd::vector<int>& A::B::abc(int first) const noexcept { BODY }", "abc"),
    ("cpp", "namespace n { class A {\n public:\n  /** DOC */\n  A(int first) : a_(first) { BODY }\n  /*! DOC */\n"
     "  ~A() { BODY }\n  //! DOC\n  bool operator==(int first) const { BODY }\n  /// DOC\n  A& none() = default;\n}; }",
     "A A operator=="),
])  # fmt: skip
def test_functions_of_all_kinds_are_found(language: str, source: str, name: str) -> None:
    doc, word = f"A{SAYS}", {"rust": "let", "javascript": "let", "typescript": "let"}.get(language, "int")
    body = "total := first + other; " * 4 if language == "go" else LONG.replace("int", word)
    source = source.replace("DOC", doc).replace("BODY", body)
    names = [each for each, docstring, _ in found(language, source) if docstring == doc]
    assert names == name.split()


@pytest.mark.parametrize(("language", "comment", "said"), [
    ("javascript", "/**\n * Says *what* it is.\n *\n * See {@link Foo#bar the bar} and [more](http://x.y).\n"
     " * @returns {Foo} secret\n * secret\n */", "Says *what* it is. See Foo#bar the bar and more."),
    ("javascript", "/**\n * Says what it is.\n * @description It says more.\n * @example\n * secret(1)\n */",
     "Says what it is. It says more."),
    ("java", "/** Says {@code a < b} &amp; more.<p>Then <pre>secret();</pre> ends. @see Secret */",
     "Says a < b & more.Then ends. @see Secret"),
    ("java", "/**\n * Says what.\n * @throws Secret secret\n * @since 1.2\n */", "Says what."),
    ("rust", "/// Says [`what`] it is.\n///\n/// ```rust\n/// secret();\n/// ```\n/// And more.\n///\n/// # Panics\n"
     "/// secret", "Says [`what`] it is. And more."),
    ("go", "// Abc says what it is:\n//\n//\tsecret()\n//\n// and more.", "f says what it is: and more."),
    ("cpp", "/**\n * @brief Says what.\n *\n * Says \\a more.\n * @tparam Secret secret\n * \\code\n * secret();\n"
     " * \\endcode\n * @details At length.\n */", "Says what. Says more. At length."),
    ("cpp", "//===----------===//\n// Says what it is.\n//===----------===//", "Says what it is."),
])  # fmt: skip
def test_docstrings_lose_markers_tags_and_examples(language: str, comment: str, said: str) -> None:
    from ruvllm.workloads.languages.comments import docstring_of

    assert docstring_of(comment.splitlines() if comment.startswith("//") else [comment], "Abc") == said


def test_a_name_that_is_a_word_is_hidden_where_the_text_begins_alone() -> None:
    from ruvllm.workloads.languages.comments import hidden

    assert hidden("length returns the length", "length") == "f returns the length"
    assert hidden("see getLength or getLengthOf", "getLength") == "see f or getLengthOf"
    assert hidden("wholly $new", "new") == "wholly $new"


def test_code_keeps_line_breaks_and_texts_and_loses_uneven_spaces() -> None:
    before = (
        "\tfunction abc ( first ) {\n\n\t\tlet b = `x\n  // y ${first}`  ;   return first // z\n"
        "\t\t\t+ b/**/+'/* a text */' }"
    )
    after = "function f ( first ) {\n    let b = `x\n  // y ${first}` ; return first\n        + b +'/* a text */' }"
    assert one("javascript", f"/** A{SAYS} */\n{before}")[2] == after


def test_a_function_that_cannot_be_parsed_is_counted_and_the_others_stay(tmp_path: Path) -> None:
    samples.write_tree(tmp_path, "go")
    broken = samples.function("go", 100).replace("first - other", "first - - ) other")
    functions = samples.function("go", 101), broken, samples.function("go", 102)
    (tmp_path / "bad.go").write_text(samples.source("go", *functions))
    corpus = read_languages(tmp_path, ["go"])
    assert len(corpus.functions) == 62
    assert [each.sentence for each in corpus.left_out or ()] == [
        "1 of 63 documented functions left out: could not be parsed (bad.go)"
    ]


def test_words_of_a_preprocessor_do_not_hide_functions() -> None:
    source = f"class A {{\n  /// A{SAYS}\n  LIB_EXPORT LIB_INLINE int abc(int first) {{ {LONG} }}\n}};\n"
    assert [name for name, _, _ in found("cpp", source)] == ["abc"]


def test_functions_of_rust_tests_are_left_out() -> None:
    inside = f"#[cfg(test)]\nmod tests {{{samples.function('rust')}}}\n{samples.function('rust', 1)}"
    assert [name for name, _, _ in found("rust", inside)] == ["countRiverPlanet"]


@pytest.mark.parametrize(("name", "data", "reason"), [
    ("a.min.js", b"let a = 1;\n", "are minified"),
    ("a.js", b"let a = 1;" * 600, "are minified"),
    ("a.js", b"let a = 1;" * 60 + b"\n", "are minified"),
    ("a.js", "let a = 'é';\n".encode("latin-1"), "are no text in UTF-8"),
    ("a.js", "let a = 1;\n".encode("utf-16"), "are no text in UTF-8"),
    ("a.js", b"let a = 1;\0\n", "are no text in UTF-8"),
    ("a.js", b"// Generated by hand. DO NOT EDIT.\nlet a;\n", "say that they are generated"),
    ("a.js", b"/**\n" * 200_000, "take a parser too long"),
    ("a.js", b"/* a */\n" * 1_000 + b"let a = (\n/*\n" * 50_000, "take a parser too long"),
    ("a.js", b"let a = 1;" * 500_000, "could not be read, or are larger than 1 MiB"),
    ("a.js", b"let a;\n" * 200_000, "could not be read, or are larger than 1 MiB"),
])  # fmt: skip
def test_hostile_files_are_skipped_with_a_reason(tmp_path: Path, name: str, data: bytes, reason: str) -> None:
    samples.write_tree(tmp_path, "javascript")
    (tmp_path / name).write_bytes(data)
    corpus = read_languages(tmp_path, ["javascript"])
    assert len(corpus.functions) == 60
    assert [each.sentence for each in corpus.left_out or ()] == [f"1 of 11 files left out: {reason} ({name})"]


@pytest.mark.parametrize("body", [
    "let a = " + "(\n" * 20_000 + "1" + ")\n" * 20_000,
    "function a() {\n" * 2_000 + "}\n" * 2_000,
    "first = second + third;\n" * 6_000,
], ids=["deep", "inside", "long"])  # fmt: skip
def test_functions_that_are_too_long_or_too_deep_are_left_out_and_the_others_stay(tmp_path: Path, body: str) -> None:
    samples.write_tree(tmp_path, "javascript")
    function = f"/** A{SAYS} */\nfunction large() {{\n{body}}}\n"
    (tmp_path / "a.js").write_text(function + samples.function("javascript", 99))
    corpus = read_languages(tmp_path, ["javascript"])
    assert len(corpus.functions) == 61
    assert [each.sentence for each in corpus.left_out or ()] == [
        "1 of 62 documented functions left out: are longer than 128 KiB or deeper than 500 levels (a.js)"
    ]


@pytest.mark.parametrize("text", ["[", "![", "[](", "{@code ", "<a ", "```\n"])
def test_a_long_comment_is_read_in_one_pass(text: str) -> None:
    """No expression looks for each end through all of the text: that would take minutes."""
    from ruvllm.workloads.languages.comments import docstring_of

    assert docstring_of([f"/** Says what it is. {text * (100_000 // len(text))} */"], "abc").startswith("Says what")


@pytest.mark.parametrize("language", samples.LANGUAGES)
@pytest.mark.parametrize("text", ["(", "{", "a[", "/*", "/**", "`${", "<", "'", '"', "if (a) ", "#if\n", "\\", "//\n"])
def test_nothing_that_a_file_holds_breaks_the_reader(language: str, text: str) -> None:
    head = samples.function(language)
    for source in (text * 3_000, head + text * 3_000, text * 300 + head):
        functions_of_source(language, source.encode(), f"a{samples.ENDING[language]}")


def test_a_generator_is_not_generated(tmp_path: Path) -> None:
    samples.write_tree(tmp_path, "go")
    text = "package a\n// Generates tables.\nconst head = `// Code generated by gen. DO NOT EDIT.`\n"
    (tmp_path / "gen.go").write_text(text + samples.function("go", 99))
    assert len(read_languages(tmp_path, ["go"]).functions) == 61


def test_links_to_folders_are_not_followed_and_what_is_no_file_is_skipped(tmp_path: Path) -> None:
    samples.write_tree(tmp_path / "tree", "go")
    samples.write_tree(tmp_path / "other", "go", n=380)
    (tmp_path / "tree" / "link").symlink_to(tmp_path / "other", target_is_directory=True)
    (tmp_path / "tree" / "gone.go").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "tree" / "pipe.go")
    corpus = read_languages(tmp_path / "tree", ["go"])
    assert (len(corpus.functions), corpus.n_files) == (60, 12)
    assert [(each.count, each.first) for each in corpus.left_out or ()] == [(2, ("gone.go", "pipe.go"))]


@pytest.mark.parametrize(
    "name", ["a_test.go", "node_modules/a.go", "vendor/a.go", ".git/a.go", ".a.go", "testdata/a.go"]
)
def test_tests_and_code_of_others_are_left_out(tmp_path: Path, name: str) -> None:
    samples.write_tree(tmp_path, "go")
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(samples.source("go", samples.function("go", 99)))
    assert len(read_languages(tmp_path, ["go"]).functions) == 60


def test_byte_order_marks_and_windows_line_ends_change_nothing(tmp_path: Path) -> None:
    plain = read_languages(samples.write_tree(tmp_path / "a", "java"), ["java"])
    samples.write_tree(tmp_path / "b", "java")
    for path in (tmp_path / "b").rglob("*.java"):
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert read_languages(tmp_path / "b", ["java"]).digest == plain.digest


def test_the_order_of_functions_does_not_depend_on_how_files_came(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    samples.write_tree(one, "rust")
    for path in sorted(one.rglob("*.rs"), reverse=True):
        target = other / path.relative_to(one)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    assert read_languages(one, ["rust"]).digest == read_languages(other, ["rust"]).digest


def test_too_few_functions_are_refused_with_what_was_skipped(tmp_path: Path) -> None:
    samples.write_tree(tmp_path, "java", n=10, files=2)
    (tmp_path / "a.java").write_bytes(b"\xff")
    message = r"at least 50 documented functions; .* has 10 in 3 Java files \(1 of 3 files left out: are no text in"
    with pytest.raises(ValueError, match=message):
        read_input(f"code:{tmp_path}", languages=("java",))


def test_a_missing_grammar_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tree_sitter_go", None)
    grammars._parser.cache_clear()
    with pytest.raises(ValueError, match=r"^Go source needs tree_sitter_go, .*: pip install 'ruvllm\[languages\]'$"):
        read_input(f"code:{samples.write_tree(tmp_path, 'go')}", languages=("go",))


@pytest.mark.parametrize("language", samples.LANGUAGES)
def test_tasks_of_all_types_that_a_language_has_are_made(tmp_path: Path, language: str) -> None:
    tree = samples.write_tree(tmp_path, language)
    found = read_input(f"code:{tree}", languages=(language,))
    assert {task.category for task in found.tasks} == {LANGUAGES.index(language)}
    assert Counter(TASK_TYPES[task.type] for task in found.tasks) == {
        "code_completion": 20, "bug_fix": 20, "refactor": 20
    }  # fmt: skip


@pytest.mark.parametrize(("language", "kind"), [("rust", "docstring"), ("java", "all")])
def test_workloads_of_other_languages_keep_the_contract(tmp_path: Path, language: str, kind: str) -> None:
    tree = samples.write_tree(tmp_path, language, n=120 if kind == "docstring" else 240, files=24, words=40)
    found = read_input(f"code:{tree}", kind=kind, languages=(language,))
    check_workload(found)
    details = found.build(dim=16, seed=0, split="file").details
    assert (details["language"], details["grammar"]) == (language, grammars_of([language]))


def test_another_version_of_a_grammar_is_another_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = samples.write_tree(tmp_path, "go", n=100, files=20, words=40)

    def digest() -> object:
        return read_input(f"code:{tree}", kind="docstring", languages=("go",)).build(
            dim=16, seed=0, split="file").details["inputDigest"]  # fmt: skip

    first = digest()
    assert digest() == first
    monkeypatch.setattr(reading, "grammar_name", lambda language: "tree-sitter-go 99")
    assert digest() != first


def test_several_languages_of_one_tree_make_one_input(tmp_path: Path) -> None:
    for language in ("python", "rust", "go"):
        samples.write_tree(tmp_path, language, n=80, files=10, words=40)
    (tmp_path / "notes.txt").write_text("no source")
    assert languages_in(tmp_path, ["all"]) == ("python", "rust", "go")
    found = read_input(f"code:{tmp_path}", kind="docstring", languages=("all",))
    assert sorted({LANGUAGES[task.category] for task in found.tasks}) == ["go", "python", "rust"]
    assert {task.pool for task in found.tasks} == {"go", "python", "rust"}
    workload = found.build(dim=16, seed=0, split="file")
    assert workload.details["language"] == "python,rust,go"
    assert workload.candidates is not None
    languages = workload.categories[workload.candidates % len(found.tasks)]
    assert (languages == workload.categories[:, None]).all()


def test_languages_nobody_knows_and_trees_without_source_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"a language must be python, .* or all, not 'cobol'"):
        read_input(f"code:{tmp_path}", languages=("cobol",))
    with pytest.raises(ValueError, match="has no source file in any of python"):
        read_input(f"code:{tmp_path}", languages=("all",))
    with pytest.raises(ValueError, match="need a source tree: code:PATH"):
        read_input("code", languages=("rust",))


def test_every_grammar_comes_inside_its_package() -> None:
    for language, rules in RULES.items():
        grammars.check_installed(language)
        assert grammars_of([language]).startswith(f"{rules.package} ")
        assert grammars_of([language])[-1].isdigit()
