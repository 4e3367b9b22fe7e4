"""Bugs and other names in other languages than Python: edits keep length and sense, renaming keeps everything else."""

from __future__ import annotations

import language_samples as samples
import pytest

from ruvllm.workloads.languages.edits import find_edits, is_sound
from ruvllm.workloads.languages.functions import functions_of_source
from ruvllm.workloads.languages.grammars import parse_function
from ruvllm.workloads.languages.names import renamed
from ruvllm.workloads.languages.printing import tokens
from ruvllm.workloads.languages.syntax import GrammarSyntax

CHANGES = [
    ("first - other", "first + other"), ("first - other", "other - first"), ("i < other", "i > other"),
    ("total > first", "total < first"), ("&& i", "|| i"), ("!= 3", "== 3"), ("!= 3", "!= 2"), ("!= 3", "!= 4"),
    ("+= i", "-= i"), ("i * 2", "i + 2"), ("i * 2", "i / 2"), ("i * 2", "i * 1"), ("i * 2", "i * 3"),
    ("total > first", "other > first"), ("total > first", "total > other"), ("first - other", "total - other"),
    ("river(basket, total)", "river(total, basket)"), ("river(basket, total)", "river(basket, first)"),
]  # fmt: skip
JAVASCRIPT = [(a.replace("!= ", "!== "), b.replace("!= ", "!== ").replace("== 3", "=== 3").replace("!===", "!=="))
              for a, b in CHANGES]  # fmt: skip


def code_of(language: str, number: int = 0) -> str:
    source = samples.source(language, samples.function(language, number))
    (only,) = functions_of_source(language, source.encode(), f"a{samples.ENDING[language]}").functions
    return only.code


def words(language: str, code: str) -> list[tuple[str, str]]:
    """The kind and text of each token."""
    parsed = parse_function(language, code.encode())
    assert parsed is not None
    tree, begin = parsed
    source = b" " * begin + code.encode()
    ends = begin + len(code.encode())
    inside = (token for token in tokens(tree.root_node) if begin <= token.start and token.end <= ends)
    return [(token.kind, source[token.start : token.end].decode()) for token in inside]


@pytest.mark.parametrize("language", samples.LANGUAGES)
def test_each_kind_of_edit_is_found(language: str) -> None:
    code = code_of(language)
    results = {edit.apply(code.encode()).decode() for edit in find_edits(language, code.encode())}
    for before, after in JAVASCRIPT if language in ("javascript", "typescript") else CHANGES:
        if language == "rust" and before.startswith("i <"):  # 0..other
            continue
        assert code.count(before) == 1, before
        assert code.replace(before, after) in results, (before, after)


@pytest.mark.parametrize("language", samples.LANGUAGES)
def test_edits_keep_the_length_change_the_program_and_can_be_parsed(language: str) -> None:
    code = code_of(language)
    source, original = code.encode(), words(language, code)
    results = [edit.apply(source) for edit in find_edits(language, source)]
    assert len(results) == len(set(results)) > 15
    for result in results:
        assert len(result) == len(source)
        assert is_sound(language, result), result.decode()
        assert words(language, result.decode()) != original


@pytest.mark.parametrize(("language", "kept", "code"), [
    ("typescript", "function f<T extends A<B>>(a: Map<C, D>, b?: E & F): A<B> {", " a - b; }"),
    ("cpp", "template <class T = U> T<V>* f(A<T>& a, int* b, int&& c) {", " a - b; }"),
    ("rust", "fn f<'a, T: A<'a> + B>(a: &'a mut [T], b: *const T) -> A<T> {", " a - b }"),
    ("java", "void f(List<? extends A> a, Object... b) {", " a -= b; }"),
    ("go", "func f(a *A, b <-chan int, c ...int) {", " a -= b }"),
    ("javascript", "function f(a, b) { g('1 < 2', /a+b/, 'c');", " a - b; }"),
])  # fmt: skip
def test_types_and_texts_are_left_alone(language: str, kept: str, code: str) -> None:
    results = [edit.apply(f"{kept}{code}".encode()).decode() for edit in find_edits(language, f"{kept}{code}".encode())]
    own = [result for result in results if result.startswith(kept)]
    assert kept + code.replace("-", "+") in own
    assert own == results or language == "javascript"  # whose arguments change places
    assert all(text in result for result in results for text in ("'1 < 2'", "/a+b/") if text in kept)


def test_what_cannot_be_parsed_is_refused() -> None:
    with pytest.raises(SyntaxError, match="cannot be parsed as go"):
        find_edits("go", b"func f( {")
    assert not is_sound("rust", b"fn f( {")


@pytest.mark.parametrize("language", samples.LANGUAGES)
def test_renaming_keeps_every_other_token(language: str) -> None:
    code = code_of(language)
    new = renamed(language, code)
    assert new is not None
    before, after = words(language, code), words(language, new)
    assert [kind for kind, _ in before] == [kind for kind, _ in after]
    changed = {(a, b) for (_, a), (_, b) in zip(before, after, strict=True) if a != b}
    assert changed == {("first", "v1"), ("other", "v2"), ("total", "v3"), ("i", "v4")} - (
        {("i", "v4")} if language == "rust" else set()  # a pattern, of which more than one kind binds names
    )


NAMED = "let one = 1; let two = 2; let three = one + two;"


@pytest.mark.parametrize(("language", "code", "new"), [
    # short forms of objects, in both directions
    ("javascript", f"function f(a, b) {{ {NAMED} return {{ one, a: b }}; }}",
     "function f(v1, v2) { let one = 1; let v3 = 2; let v4 = one + v3; return { one, a: v2 }; }"),
    ("javascript", "function f(a, { b }, c, d) { return a.b + b + c[d] + d.a; }",
     "function f(v1, { b }, v2, v3) { return v1.b + b + v2[v3] + v3.a; }"),
    # used behind its block, and before it is declared
    ("javascript", "function f(a, b, c) { if (a) { var d = b; } return d + c; }",
     "function f(v1, v2, v3) { if (v1) { var d = v2; } return d + v3; }"),
    ("go", "func f(a, b, c int) { url := url.Parse(a, b, c)\n return url }",
     "func f(v1, v2, v3 int) { url := url.Parse(v1, v2, v3)\n return url }"),
    ("go", "func f(a, b, c int) T { return T{a: b, c: a} }", None),
    # loops with variables of one name, and a variable inside another one's scope
    ("java", "int f(int a, int b) { for (int i = a; i < b; i++) g(i); for (int i = b; i < a; i++) g(i); return i(); }",
     "int f(int v1, int v2) { for (int v3 = v1; v3 < v2; v3++) g(v3); for (int v3 = v2; v3 < v1; v3++) g(v3); "
     "return i(); }"),
    ("java", "void f(int a, int b, int c) { this.a = a; o.b = b; c(c); a.b(); }",
     "void f(int v1, int v2, int v3) { this.a = v1; o.b = v2; c(v3); v1.b(); }"),
    ("java", "void f(int a, int b, int c) { new A() { int a; void g() { a = b + c; } }; }", None),
    ("cpp", "A::f(int a, int* b, const T& c) : a(a), b_(b) { x.c = c; y->a(); }",
     "A::f(int v1, int* v2, const T& v3) : a(v1), b_(v2) { x.c = v3; y->a(); }"),
    ("cpp", "int f(int a, int b, int c) {\n#ifdef X\n  a = b;\n#endif\n  return c; }", None),
    ("rust", "fn f(a: u8, b: u8, c: u8, d: u8) { println!(\"{a} {}\", b); let e = c + d; g(e) }",
     "fn f(a: u8, b: u8, v1: u8, v2: u8) { println!(\"{a} {}\", b); let v3 = v1 + v2; g(v3) }"),
    ("rust", "fn f<'a>(a: &'a T, b: u8, c: u8, d: u8) -> S { S { b, c: d, x: a::y(c) } }", None),
    ("javascript", "function f(a, b, c) { return eval('a + b + c'); }", None),
    ("javascript", "function f(a, b, c) { return a + b + c + arguments.length; }", None),
    ("javascript", "function f(a, b, c) { return a + b + c + v2; }", None),
    ("javascript", "function f(a, b) { return a + b; }", None),
    ("typescript", "constructor(private a: A, b: B, c: C) { this.d = b + c + a; }", None),
    ("typescript", "f<T>(a: T, b?: number, ...c: T[]): a is X { return g((d: T) => d, a, b, ...c); }",
     "f<T>(v1: T, v2?: number, ...v3: T[]): v1 is X { return g((v4: T) => v4, v1, v2, ...v3); }"),
])  # fmt: skip
def test_names_change_only_where_they_certainly_are_variables(language: str, code: str, new: str | None) -> None:
    assert renamed(language, code) == new


def test_a_language_says_what_it_offers() -> None:
    assert GrammarSyntax("go").types == ("code_completion", "bug_fix", "refactor")
    assert GrammarSyntax("go").rewritten("func f( {") is None
