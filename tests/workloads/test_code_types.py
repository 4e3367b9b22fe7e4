"""The four task types: fit to be asked, and not to be told by length, by position or by the docstring."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable

import numpy as np
import pytest

from ruvllm.workloads.code.examples import CallIndex, hide_name, split_docstring
from ruvllm.workloads.code.functions import Corpus, DocumentedFunction, read_corpus
from ruvllm.workloads.code.task_types import make_code_tasks
from ruvllm.workloads.registry import CODE_TASKS
from ruvllm.workloads.tasks import TextTask, texts_digest
from ruvllm.workloads.text import TextInput
from ruvllm.workloads.workload import TASK_TYPES, Workload

COMPLETION, BUG_FIX, REFACTOR, TEST_GEN = range(4)
Guess = Callable[[str, list[str]], int]


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return read_corpus()


@pytest.fixture(scope="module")
def tasks(corpus: Corpus) -> tuple[TextTask, ...]:
    """As a workload has them: exact repeats once."""
    return tuple(TextInput("code", "all", make_code_tasks(corpus.functions)).tasks)


@pytest.fixture(scope="module")
def workload(tasks: tuple[TextTask, ...]) -> Workload:
    """At few dimensions: what is near matters little here."""
    return TextInput("code", "all", tasks, splits=("file", "function")).build(dim=64, seed=0, split="file")


def answers(task: TextTask) -> list[str]:
    return [task.solution, *task.wrong]


# what they are made of


def test_the_types_share_the_functions_and_each_makes_one_task(tasks: tuple[TextTask, ...], corpus: Corpus) -> None:
    counts = np.bincount([task.type for task in tasks])
    assert len(counts) == 4
    assert counts.max() < 1.3 * counts.min()  # some are fit for test_gen alone
    assert 0.9 * len(corpus.functions) < len(tasks) <= len(corpus.functions)


def test_the_tasks_follow_from_the_corpus_alone(tasks: tuple[TextTask, ...], corpus: Corpus) -> None:
    some = corpus.functions[:300]
    assert texts_digest(make_code_tasks(some)) == texts_digest(make_code_tasks(some))


@pytest.mark.parametrize("kind", TASK_TYPES)
def test_one_type_alone_has_every_function_that_is_fit_for_it(kind: str, corpus: Corpus) -> None:
    found = make_code_tasks(corpus.functions[:400], kind)
    assert {TASK_TYPES[task.type] for task in found} == {kind}
    assert len(found) > 150


def test_another_kind_is_refused(corpus: Corpus) -> None:
    assert ("all", "docstring", *TASK_TYPES) == CODE_TASKS
    with pytest.raises(ValueError, match=r"tasks must be all or one of code_completion, .*, not 'docstring'"):
        make_code_tasks(corpus.functions, "docstring")


def test_a_completion_is_the_whole_function_in_two_parts(tasks: tuple[TextTask, ...], corpus: Corpus) -> None:
    bodies = {" ".join(function.code.split()) for function in corpus.functions}
    for task in (t for t in tasks if t.type == COMPLETION):
        assert " ".join(f"{task.prompt} {task.solution}".split()) in bodies


def test_a_bug_changes_the_program_and_one_candidate_takes_it_back(tasks: tuple[TextTask, ...]) -> None:
    for task in [t for t in tasks if t.type == BUG_FIX][::10]:
        buggy = task.wrong.source.decode()  # type: ignore[attr-defined]
        assert task.prompt.endswith(buggy)
        original = ast.dump(ast.parse(task.solution))
        assert ast.dump(ast.parse(buggy)) != original
        for wrong in task.wrong:
            assert ast.dump(ast.parse(wrong)) != original
        assert buggy not in answers(task)


def difference(a: str, b: str) -> int:
    """Lines of a that are not those of b."""
    return sum(x != y for x, y in zip(a.splitlines(), b.splitlines(), strict=True))


@pytest.mark.parametrize("kind", [BUG_FIX, REFACTOR])
def test_the_right_one_is_no_nearer_to_the_others_than_they_are_to_each_other(
    kind: int, tasks: tuple[TextTask, ...]
) -> None:
    chosen = 0
    some = [t for t in tasks if t.type == kind]
    for task in some:
        texts = answers(task)
        assert len(texts) == len(set(texts)) == 8
        assert len({len(text.encode("utf-8", "surrogatepass")) for text in texts}) == 1
        sums = np.array([sum(difference(a, b) for b in texts) for a in texts])
        chosen += (np.flatnonzero(sums == sums.min()) == 0).sum() / (sums == sums.min()).sum()
    assert chosen / len(some) < 0.125 + 0.05


def test_test_gen_asks_for_use_where_there_is_some(tasks: tuple[TextTask, ...]) -> None:
    pools = {task.pool for task in tasks if task.type == TEST_GEN}
    assert pools == {"doctest", "call", "code"}
    for task in (t for t in tasks if t.type == TEST_GEN):
        assert ">>>" not in task.prompt
        rest = task.prompt.rpartition("\n")[2]
        assert re.match(r"(async )?def f\(", rest)


def test_no_answer_holds_its_docstring(tasks: tuple[TextTask, ...], corpus: Corpus) -> None:
    """Nor does any hold the docstring of another function."""
    first_lines = {f.docstring.splitlines()[0] for f in corpus.functions if len(f.docstring.splitlines()[0]) > 60}
    text = "\n".join(answer for task in tasks for answer in answers(task)[:2])
    leaked = [line for line in first_lines if line in text]
    assert len(leaked) < 3, leaked  # a text that a program prints may be its docstring


# guessers


def shortest(_: str, texts: list[str]) -> int:
    return int(np.argmin([len(text) for text in texts]))


def longest(_: str, texts: list[str]) -> int:
    return int(np.argmax([len(text) for text in texts]))


def middle(_: str, texts: list[str]) -> int:
    return int(np.argsort([len(text) for text in texts], kind="stable")[3])


def as_long_as_the_prompt(prompt: str, texts: list[str]) -> int:
    return int(np.argmin([abs(len(text) - len(prompt)) for text in texts]))


def first_place(_: str, texts: list[str]) -> int:
    return 0


def last_place(_: str, texts: list[str]) -> int:
    return len(texts) - 1


def like_the_others(_: str, texts: list[str]) -> int:
    lengths = [len(text) for text in texts]
    return int(np.argmax([lengths.count(n) for n in lengths]))


def words_of(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))


def words_of_the_docstring(prompt: str, texts: list[str]) -> int:
    """For bug_fix: the docstring stands before the code."""
    words = words_of(prompt.partition("\ndef f(")[0])
    return int(np.argmax([len(words & words_of(text)) for text in texts]))


def resolved(workload: Workload, tasks: tuple[TextTask, ...], kind: int, guess: Guess) -> tuple[float, int]:
    """Share of a type's tasks that a guesser resolves, ties going to the first, which is random."""
    right = n = 0
    rows = [text for task in tasks for text in task.wrong]
    solutions = [*(task.solution for task in tasks), *rows]
    for i in (i for i, task in enumerate(tasks) if task.type == kind):
        candidates, place = CANDIDATES_OF[i]
        right += guess(tasks[i].prompt, [solutions[row] for row in candidates]) == place
        n += 1
    return right / n, n


CANDIDATES_OF: dict[int, tuple[list[int], int]] = {}


@pytest.fixture(scope="module", autouse=True)
def candidates(tasks: tuple[TextTask, ...]) -> None:
    """The rows of each task's candidates, as a build draws them."""
    from ruvllm.workloads import text as text_workload

    tables = []

    class Kept(text_workload.CandidateTable):
        def __init__(self, *args: object, **options: object) -> None:
            super().__init__(*args, **options)  # type: ignore[arg-type]
            tables.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_workload, "CandidateTable", Kept)
        TextInput("code", "all", tasks, splits=("file", "function")).build(dim=64, seed=0, split="file")
    (table,) = tables
    CANDIDATES_OF.update({i: (table.rows[i].tolist(), int(table.right[i])) for i in range(len(tasks))})


@pytest.mark.parametrize("kind", range(4), ids=TASK_TYPES)
@pytest.mark.parametrize(
    "guess", [shortest, longest, middle, as_long_as_the_prompt, first_place, last_place, like_the_others]
)
def test_length_and_place_tell_nothing(
    workload: Workload, tasks: tuple[TextTask, ...], kind: int, guess: Guess
) -> None:
    share, n = resolved(workload, tasks, kind, guess)
    assert abs(share - 1 / 8) < 0.06, (guess.__name__, share, n)  # a standard deviation is 0.011


@pytest.mark.parametrize("kind", [BUG_FIX], ids=["bug_fix"])
def test_the_words_of_the_docstring_do_not_tell_the_bug(
    workload: Workload, tasks: tuple[TextTask, ...], kind: int
) -> None:
    share, _ = resolved(workload, tasks, kind, words_of_the_docstring)
    assert abs(share - 1 / 8) < 0.06


def test_distractors_are_of_the_same_part_type_and_way_of_use(tasks: tuple[TextTask, ...], workload: Workload) -> None:
    part_of = {int(i): name for name in ("train", "valid", "test", "holdout") for i in getattr(workload.parts, name)}
    other_ways = 0
    for i, (rows, place) in CANDIDATES_OF.items():
        assert rows[place] == i
        assert len(set(rows)) == 8
        others = [j for j in rows if j < len(tasks)]
        assert {part_of[j] for j in others} == {part_of[i]}
        assert {tasks[j].type for j in others} == {tasks[i].type}
        other_ways += len({tasks[j].pool for j in others}) > 1
    assert other_ways < 0.02 * len(tasks)


# examples


def test_a_docstring_is_parted_from_its_examples() -> None:
    text, code = split_docstring("Adds two.\n\n>>> x = add(1,\n...         2)\n>>> x\n3\n\nMore text.\n")
    assert text.splitlines() == ["Adds two.", "More text."]
    assert code.splitlines() == ["x = add(1,", "        2)", "x"]
    assert split_docstring("Plain.") == ("Plain.", "")
    broken = "Broken.\n\n  >>> f(1)\n 2\n"
    assert split_docstring(broken) == (broken, "")


def test_the_name_is_hidden_as_a_word() -> None:
    assert hide_name("add(x) + addition(x).add", "Sum.add") == "f(x) + addition(x).f"


def code_task(qualname: str, body: str, path: str = "m.py") -> DocumentedFunction:
    return DocumentedFunction("doc", f"def f(self):\n{body}", path, qualname, 1)


def test_a_call_counts_only_where_it_is_surely_one_of_the_function() -> None:
    body = "    first = 1\n    value = {}.measure(first, 'some long argument')\n    return value"
    method, function = code_task("A.measure", "    pass"), code_task("measure", "    pass")
    by_self, by_other = code_task("A.g", body.format("self")), code_task("A.h", body.format("other"))
    bare = code_task("k", body.replace("{}.", ""))
    stranger = code_task("B.g", body.format("self"))
    foreign = code_task("k", body.replace("{}.", ""), "other.py")
    assert CallIndex([method, by_self]).call_of(0) == (
        "first = 1\nvalue = self.f(first, 'some long argument')\nreturn value"
    )
    assert CallIndex([method, by_other, bare, stranger]).call_of(0) is None
    assert CallIndex([function, bare]).call_of(0) is not None
    assert CallIndex([function, by_self, foreign]).call_of(0) is None


def test_a_function_that_is_nested_too_deeply_makes_no_task_of_that_kind() -> None:
    deep = DocumentedFunction("doc", "def f(a, b, c):\n    return " + " + ".join(["a"] * 900), "m.py", "f", 1)
    assert len(make_code_tasks([deep], "bug_fix")) <= 1
    assert len(make_code_tasks([deep], "refactor")) <= 1
