"""Repeats: a learner that has seen a task gains on its copy, so no copy may be in another part, however it came about.

Prompts say nothing of solutions in these inputs: whoever resolves more than chance on unseen tasks remembers.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ruvllm.workloads.checks import check_workload
from ruvllm.workloads.code.functions import DocumentedFunction
from ruvllm.workloads.code.reading import read_code
from ruvllm.workloads.inputs import InputOptions, read_input
from ruvllm.workloads.repeats.finding import THRESHOLD, copies_of, find_repeats
from ruvllm.workloads.repeats.leak_check import check_leaks
from ruvllm.workloads.repeats.normal_form import normal_form
from ruvllm.workloads.splits import PARTS, SPLITTERS, Fold
from ruvllm.workloads.swebench import Issue, issue_of_record, issue_tasks
from ruvllm.workloads.tasks import TextTask
from ruvllm.workloads.text import TextInput

N = 150
RANDOM = np.random.default_rng(3)


def words(n: int = 12) -> str:
    letters = RANDOM.integers(ord("a"), ord("z") + 1, size=(n, 6))
    return " ".join("".join(map(chr, word)) for word in letters.tolist())


def exchanged(text: str, n: int = 1) -> str:
    """The text with n other words."""
    found = text.split(" ")
    for i in RANDOM.choice(len(found), n, replace=False).tolist():
        found[i] = words(1)
    return " ".join(found)


def wide(text: str) -> str:
    """The text in full-width letters."""
    return "".join(c if c == " " else chr(ord(c) + 0xFEE0) for c in text)


ONCE = [TextTask(words(), words(), 0, place=f"line {i}") for i in range(N)]
Copy = Callable[[TextTask], TextTask]
EXACT: dict[str, Copy] = {
    "the same": lambda t: t,
    "letter case": lambda t: replace(t, prompt=t.prompt.upper(), solution=t.solution.title()),
    "spacing": lambda t: replace(t, prompt=t.prompt.replace(" ", "\n\t"), solution=f"  {t.solution} "),
    "other forms of letters": lambda t: replace(t, prompt=wide(t.prompt)),
    "another name": lambda t: replace(t, id="other", place="elsewhere"),
}
GROUPED: dict[str, Copy] = {
    "a word exchanged": lambda t: replace(t, prompt=exchanged(t.prompt), solution=exchanged(t.solution)),
    "two words exchanged": lambda t: replace(t, prompt=exchanged(t.prompt, 2), solution=exchanged(t.solution, 2)),
    "words added": lambda t: replace(t, prompt=f"please {t.prompt}!", solution=f"{t.solution}  # {words(2)}"),
    "punctuation": lambda t: replace(t, prompt=t.prompt.replace(" ", ", ") + ".", solution=f"({t.solution});"),
    "equal solution, other prompt": lambda t: replace(t, prompt=words()),
    "equal prompt, other solution": lambda t: replace(t, solution=words()),
    "one more than the other": lambda t: replace(t, prompt=exchanged(t.prompt, 4), solution=f"{t.solution} end"),
    "another type": lambda t: replace(t, type=2),
    "other wrong answers": lambda t: replace(t, wrong=(words(), words())),
}
SPLITS = list(SPLITTERS)


def parts_of(task_input: TextInput, seed: int, fold: Fold) -> dict[int, str]:
    split = "file" if task_input.splits else ""
    parts = task_input.split(split, seed, fold)
    return {i: name for name in PARTS for i in parts.part(name).tolist()}


def leaks(task_input: TextInput, seed: int = 0, fold: Fold = Fold(1, 5)) -> int:  # noqa: B008 -- frozen
    """Tasks of all parts that have a copy in another one, by looking at every pair of similar tasks."""
    part, copies = parts_of(task_input, seed, fold), task_input.repeats.copies
    found = 0
    for name in PARTS:
        inside = np.array([i for i, own in part.items() if own == name], dtype=np.uint32)
        outside = np.array([i for i, own in part.items() if own != name], dtype=np.uint32)
        _, similarity = copies.nearest(inside, outside)
        found += int(np.count_nonzero(similarity >= THRESHOLD))
    return found


# exact repeats


@pytest.mark.parametrize("how", EXACT)
@pytest.mark.parametrize("times", [1, 2])
def test_exact_repeats_change_nothing_but_what_is_said(how: str, times: int) -> None:
    again = [EXACT[how](task) for task in ONCE]
    once, more = TextInput("jsonl", "tasks", ONCE), TextInput("jsonl", "tasks", ONCE + times * again)
    assert more.repeats.exact == times * N
    assert more.digest == once.digest
    assert parts_of(more, 1, Fold(1, 5)) == parts_of(once, 1, Fold(1, 5))
    (line,) = more.repeats.sentences
    assert line.startswith(f"{times * N} of {(1 + times) * N} tasks are exact repeats of others and left out")


def test_the_first_of_equal_records_is_kept_and_the_message_names_it() -> None:
    tasks = [*ONCE, replace(ONCE[4], place="line 900")]
    kept, found = find_repeats(tasks)
    assert list(kept) == ONCE
    assert found.first == (("line 900", "line 4"),)
    assert "line 900 repeats line 4" in found.sentences[0]


def test_wrong_answers_may_differ_in_letter_case_alone() -> None:
    one = TextTask("p", "X", 0, ("x", "y"))
    kept, _ = find_repeats([one, replace(one, wrong=("y", "x")), replace(one, wrong=("x", "Y"))])
    assert [task.wrong for task in kept] == [("x", "y"), ("x", "Y")]


def test_the_normal_form_is_that_of_unicode_without_case_and_spacing() -> None:
    assert normal_form(" Straße\u00a0\ufb01nd\n") == "strasse find"
    assert normal_form(unicodedata.normalize("NFD", "größe")) == normal_form("GRÖßE")


# groups


@pytest.mark.parametrize("how", GROUPED)
@pytest.mark.parametrize("fold", [Fold(1, 5), Fold(2, 3), Fold(5, 5)], ids=str)
def test_copies_are_in_one_part(how: str, fold: Fold) -> None:
    task_input = TextInput("jsonl", "tasks", ONCE + [GROUPED[how](task) for task in ONCE])
    assert task_input.n_tasks == 2 * N
    assert task_input.repeats.groups.tolist() == 2 * list(range(N))
    part = parts_of(task_input, 2, fold)
    assert all(part[i] == part[i + N] for i in range(N))
    assert leaks(task_input, 2, fold) == 0
    assert f"{2 * N} of {2 * N} tasks are copies of one another" in task_input.repeats.sentences[0]


@pytest.mark.parametrize("how", GROUPED)
def test_the_leak_check_sees_what_the_grouping_prevents(how: str) -> None:
    """It is given a split that knows nothing of groups."""
    tasks = ONCE + [GROUPED[how](task) for task in ONCE]
    parts = SPLITTERS["function"]([""] * len(tasks), 2, Fold(1, 5), None)
    found = check_leaks(copies_of([(t.prompt, t.solution) for t in tasks]), tasks, parts.test, parts.train)
    train = set(parts.train.tolist())
    leaked = [i for i in parts.test.tolist() if (i + N) % (2 * N) in train]
    assert len(leaked) > 20
    assert found.leaked == len(leaked)
    assert found.largest >= THRESHOLD
    assert found.pair[0] == found.pair[1] or how in GROUPED  # copies say where their first stands


def test_the_users_groups_are_kept_together_and_the_leak_check_knows_them() -> None:
    tasks = [replace(task, group=f"g{i % 40}" if i % 3 else "") for i, task in enumerate(ONCE)]
    task_input = TextInput("jsonl", "tasks", tasks)
    part = parts_of(task_input, 0, Fold(1, 5))
    for name in {task.group for task in tasks} - {""}:
        assert len({part[i] for i, task in enumerate(tasks) if task.group == name}) == 1
    parts = SPLITTERS["function"]([""] * N, 0, Fold(1, 5), None)
    assert check_leaks(copies_of([(t.prompt, t.solution) for t in tasks]), tasks, parts.test, parts.train).leaked > 10


def test_a_repeat_that_is_left_out_still_joins_its_groups() -> None:
    tasks = [*ONCE, replace(ONCE[0], group="a"), replace(ONCE[0], group="b")]
    tasks[5], tasks[9] = replace(tasks[5], group="a"), replace(tasks[9], group="b")
    groups = TextInput("jsonl", "tasks", tasks).repeats.groups
    assert groups[[0, 5, 9]].tolist() == [0, 0, 0]


def test_equal_texts_join_over_any_number_of_steps() -> None:
    chain = [TextTask(f"p{i // 2} {words(4)}" if i % 2 == 0 else "", "", 0) for i in range(6)]
    chain = [TextTask(t.prompt or chain[i - 1].prompt, f"s{(i + 1) // 2}", 0) for i, t in enumerate(chain)]
    assert set(find_repeats(chain)[1].groups.tolist()) == {0}


def test_what_many_tasks_have_in_common_makes_no_copies() -> None:
    prompts = [f"give the answer to question number {i} of all" for i in range(90)]
    tasks = [TextTask(prompt, f"the answer is {words(2)}", 0) for prompt in prompts]
    found = find_repeats(tasks)[1]
    assert len(found.sizes) == 0
    assert found.sentences == []


def test_few_solutions_for_many_prompts_are_labels() -> None:
    tasks = [TextTask(words(), f"intent {i % 12}", 0) for i in range(240)]
    task_input = TextInput("jsonl", "tasks", [*tasks, *(replace(t, prompt=exchanged(t.prompt)) for t in tasks)])
    assert task_input.repeats.by_prompt
    assert task_input.repeats.groups.tolist() == 2 * list(range(240))
    assert any("labels" in line for line in task_input.repeats.sentences)


def test_one_group_of_more_than_half_is_said() -> None:
    tasks = [*ONCE, *(TextTask("the same prompt", words(), 0) for _ in range(200))]
    lines = TextInput("jsonl", "tasks", tasks).repeats.sentences
    assert any("one group holds 200 of 350 tasks, more than half" in line for line in lines)


def test_parts_keep_their_sizes_with_groups_and_large_groups_are_trained_on() -> None:
    tasks = ONCE + [replace(task, solution=words()) for task in ONCE[:60]]
    tasks += [TextTask("the same prompt", words(), 0) for _ in range(25)]
    task_input = TextInput("jsonl", "tasks", tasks)
    for seed in range(5):
        parts = task_input.split("", seed)
        sizes = [len(parts.part(name)) for name in PARTS]
        assert np.allclose(sizes, [127, 42, 42, 23], atol=2)
        assert set(range(210, 235)) <= set(parts.train.tolist())


def test_without_repeats_the_split_and_the_run_block_are_as_ever() -> None:
    task_input = TextInput("jsonl", "tasks", ONCE)
    parts = SPLITTERS["function"]([""] * N, 7, Fold(1, 5), None)
    assert all(np.array_equal(task_input.split("", 7).part(name), parts.part(name)) for name in PARTS)
    workload = task_input.build(dim=64, seed=7, split="")
    assert "generator" not in workload.details
    assert workload.leak_check is not None
    assert workload.leak_check.leaked == 0
    grouped = TextInput("jsonl", "tasks", [*ONCE, replace(ONCE[0], prompt=words())])
    assert grouped.build(dim=64, seed=7, split="").details["generator"] == 2


def test_an_input_with_copies_keeps_the_contract() -> None:
    tasks = ONCE + [GROUPED["a word exchanged"](task) for task in ONCE[:70]] + ONCE[:20]
    check_workload(TextInput("sums", "addition", [replace(t, place="") for t in tasks]))


# source trees


def function(path: str, line: int, **changes: str) -> DocumentedFunction:
    texts = {"docstring": words(), "code": f"def f(a, b):\n    {words(16)}"}
    return DocumentedFunction(**texts | changes, path=path, qualname="f", line=line)  # type: ignore[arg-type]


def write_tree(root: Path, functions: Sequence[DocumentedFunction]) -> None:
    for f in functions:
        path = root / f.path
        path.parent.mkdir(parents=True, exist_ok=True)
        name = "f" + "".join(chr(ord("a") + int(c)) for c in str(f.line))
        names = f.code.split("\n    ")[1].split(" ")
        lines = [f"    {a} = {b}.{c}({d}, a)" for a, b, c, d in zip(*(iter(names),) * 4, strict=True)]
        with path.open("a") as file:
            file.write(f'def {name}(a, b):\n    """{f.docstring}."""\n' + "\n".join(lines) + "\n    return b\n\n\n")


TREE = [function(f"src/m{i // 5}.py", i % 5) for i in range(N)]


def copied_tree(tmp_path: Path, changed: Callable[[DocumentedFunction], DocumentedFunction]) -> str:
    write_tree(tmp_path, [*TREE, *(replace(changed(f), path=f"build/lib/{f.path[4:]}") for f in TREE)])
    return str(tmp_path)


@pytest.mark.parametrize("kind", ["docstring", "all"])
def test_a_copied_tree_is_read_once(tmp_path: Path, kind: str) -> None:
    found = read_code(copied_tree(tmp_path, lambda f: f), InputOptions(kind))
    assert isinstance(found, TextInput)
    assert found.n_tasks <= N
    assert [each.sentence for each in found.left_out] == [
        f"{N} of {2 * N} functions left out: exact copies of others, which are kept"
    ]


@pytest.mark.parametrize("kind", ["docstring", "all"])
@pytest.mark.parametrize("split", ["file", "function"])
def test_copied_and_changed_functions_are_in_the_part_of_their_first(tmp_path: Path, kind: str, split: str) -> None:
    def changed(f: DocumentedFunction) -> DocumentedFunction:
        code = f"def f(a, b):\n    {exchanged(f.code[17:])}"
        return replace(f, docstring=exchanged(f.docstring), code=code, line=f.line + 10)

    found = read_code(copied_tree(tmp_path, changed), InputOptions(kind))
    assert isinstance(found, TextInput)
    assert found.n_tasks > 1.5 * N
    for fold in (Fold(1, 5), Fold(3, 5)):
        parts = found.split(split, 1, fold)
        part = {found.tasks[i].place: name for name in PARTS for i in parts.part(name).tolist()}
        by_file = {(place.split(":")[0].rpartition("/")[2], name) for place, name in part.items()}
        if split == "file":
            assert len(by_file) == 30
        _, similarity = found.repeats.copies.nearest(parts.test, parts.train)
        assert similarity.max() < THRESHOLD


# issues


def test_an_issue_that_was_reported_twice_is_in_the_stretch_of_its_first_report() -> None:
    issues = [Issue(f"r{i % 3}", f"2020-{i:03}", words(30), f"src/m{i % 10}.py") for i in range(90)]
    again = [replace(i, text=exchanged(i.text, 3), created=f"2021-{k:03}") for k, i in enumerate(issues)]
    everything = sorted([*issues, *again], key=lambda i: (i.repo, i.created))
    task_input = TextInput("jsonl", "issues", issue_tasks(everything), splits=("date",), closed_pools=True)
    assert task_input.repeats.by_prompt
    assert task_input.repeats.sizes.tolist() == [2] * 90
    for number in range(1, 6):
        assert leaks(task_input, 0, Fold(number, 5)) == 0


def test_one_fix_of_two_issues_is_one_group() -> None:
    patch = "diff --git a/{0} b/{0}\n--- a/{0}\n+++ b/{0}\n@@ -{1},2 +{1},2 @@\n a\n-    {2}\n+    return {2}\n"

    def record(i: int, line: int, change: str, **more: object) -> dict[str, object]:
        path = f"src/m{i % 5}.py"
        return {"repo": "a/b", "problem_statement": words(20), "patch": patch.format(path, line, change), **more}

    records = [record(i, 10, f"value{i}") for i in range(30)]
    again = [record(i, 99, f" value{i}") for i in range(10)]  # elsewhere, and indented otherwise
    own = [record(40 + i, 1, f"other{i}", group="g") for i in range(2)]
    tasks = issue_tasks([issue_of_record(each) for each in (*records, *again, *own)])
    groups = find_repeats(tasks, closed_pools=True)[1].groups.tolist()
    assert groups == [*range(30), *range(10), 40, 40]


# transfer


def test_transfer_tasks_that_training_has_seen_are_left_out_and_counted() -> None:
    copied = [how(task) for how, task in zip(EXACT.values(), ONCE, strict=False)]
    copied += [how(task) for how, task in zip(GROUPED.values(), ONCE[20:], strict=False)]
    new = [TextTask(words(), words(), 0) for _ in range(30)]
    task_input = TextInput("jsonl", "tasks", ONCE, InputOptions(transfer=[*copied, *new, new[0]]))
    assert list(task_input.options.transfer) == new
    n = len(copied) + 31
    assert [each.sentence for each in task_input.left_out] == [
        f"1 of {n} transfer tasks left out: exact repeats of others",
        f"{len(copied)} of {n} transfer tasks left out: copies of tasks that training may have seen",
    ]
    workload = task_input.build(dim=64, seed=0, split="")
    assert workload.question is not None
    assert workload.question.transfer is not None
    assert len(workload.question.transfer.queries) == 30
    with pytest.raises(ValueError, match="all 3 tasks of the transfer input are copies"):
        TextInput("jsonl", "tasks", ONCE, InputOptions(transfer=copied[:3]))


# files


def write(path: Path, records: Sequence[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return f"jsonl:{path}"


def test_whoever_reads_a_file_hears_of_its_repeats(tmp_path: Path) -> None:
    notes: list[str] = []
    records = [{"prompt": task.prompt, "solution": task.solution} for task in ONCE]
    read_input(write(tmp_path / "t.jsonl", records + records[:9]), warn=notes.append)
    assert len(notes) == 1
    said = "t.jsonl: 9 of 159 tasks are exact repeats of others and left out (line 151 repeats line 1"
    assert notes[0].startswith(said)
