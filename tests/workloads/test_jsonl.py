"""A user's own tasks from a file: read as a stream, refused line by line, and not at all when too many are bad."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ruvllm.files.json_lines import BadLines, BadRecordError, read_records
from ruvllm.workloads.encoding import default_encoder
from ruvllm.workloads.inputs import read_input
from ruvllm.workloads.jsonl import read_tasks, task_of_record
from ruvllm.workloads.tasks import texts_digest
from ruvllm.workloads.text import TextInput

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
GOOD = {"prompt": "adds", "solution": "a + b"}


def write(path: Path, *lines: str | bytes) -> Path:
    data = [line if isinstance(line, bytes) else line.encode() for line in lines]
    path.write_bytes(b"\n".join(data) + b"\n")
    return path


def good_lines(n: int) -> list[str]:
    words = np.random.default_rng(0).integers(1000, size=(n, 6))
    texts = [" ".join(f"w{word}" for word in row) for row in words]
    return [json.dumps({"prompt": f"words {text}", "solution": f"s{i} {text}"}) for i, text in enumerate(texts)]


# reader


def test_records_come_with_their_lines_and_bad_ones_are_named(tmp_path: Path) -> None:
    path = write(
        tmp_path / "f.jsonl", json.dumps(GOOD), "", "{broken", "[1]", b'{"a": "\xff"}', '{"a": NaN}', '{"a":1,"a":2}',
        "[" * 100_000, '{"a": ' + "1" * 5000 + "}", "  " + json.dumps(GOOD),
    )  # fmt: skip
    bad = BadLines()
    assert [number for number, _ in read_records(path, bad)] == [1, 10]
    assert (bad.records, bad.bad) == (9, 7)
    assert bad.first == [
        "line 3: is not JSON: Expecting property name enclosed in double quotes, column 2, character 1 of 8",
        "line 4: must be an object, not a list",
        "line 5: is not UTF-8: byte 0xff at offset 7",
        "line 6: has NaN, which is not JSON",
        "line 7: has the key 'a' twice in one object",
    ]
    assert bad.summary().endswith("; and 2 more")


def test_a_line_that_is_too_long_is_bad_and_the_next_one_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ruvllm.files.json_lines.MAX_LINE_BYTES", 100)
    path = write(tmp_path / "f.jsonl", "x" * 1000, json.dumps(GOOD), "y" * 101, json.dumps(GOOD))
    bad = BadLines()
    assert [number for number, _ in read_records(path, bad)] == [2, 4]
    assert bad.first[0] == "line 1: has more than 100 bytes"


def test_a_list_is_read_too_and_counts_its_records(tmp_path: Path) -> None:
    path = write(tmp_path / "f.json", "\n [", json.dumps(GOOD), ",", "7", ",", json.dumps(GOOD), "]")
    bad = BadLines()
    assert [number for number, _ in read_records(path, bad)] == [1, 3]
    assert bad.first == ["record 2: must be an object, not a number"]


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"[{]", "is not JSON: "), (b"[1", "is not JSON: "), (b'["\xff"]', "is not UTF-8"), (b"", "holds no records")],
)
def test_a_broken_file_is_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "f").write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        read_tasks(tmp_path / "f")
    assert "\n" not in str(caught.value)


def test_what_is_no_file_is_one_line(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, message in [
        (tmp_path / "missing", "cannot read '.*missing': No such file or directory"),
        (tmp_path, "is a folder, not a regular file"),
        (tmp_path / "pipe", "is a FIFO, not a regular file"),
    ]:
        with pytest.raises(ValueError, match=message):
            read_tasks(path)


def test_a_run_refuses_to_start_when_more_than_one_percent_is_bad(tmp_path: Path) -> None:
    notes: list[str] = []
    path = write(tmp_path / "one", *good_lines(99), "{}")
    assert len(read_tasks(path, notes.append)[0]) == 99
    assert notes == [f"{path}: 1 of 100 lines are bad: line 100: needs a prompt and a solution "
                     "(or candidates and an answer); it has no keys"]
    with pytest.raises(ValueError, match=r"more than 1% of it cannot be used: 2 of 100 lines are bad: line 1: "):
        read_tasks(write(tmp_path / "two", "{}", *good_lines(98), "{}"))


# tasks


def test_a_task_has_what_its_line_says() -> None:
    task = task_of_record({**GOOD, "type": "refactor", "category": "rust", "difficulty": 1, "more": [1]})
    assert (task.prompt, task.solution, task.wrong) == ("adds", "a + b", ())
    assert (task.type, task.category, task.difficulty) == (2, 3, 1.0)
    plain = task_of_record(GOOD)
    assert (plain.type, plain.category, plain.difficulty) == (0, 0, None)


def test_a_task_keeps_its_name_its_group_and_its_place(tmp_path: Path) -> None:
    lines = [{**GOOD, "id": "a-7", "group": 12}, {**GOOD, "id": 3.0, "group": " x "}, {**GOOD, "id": 0, "group": None}]
    tasks, _ = read_tasks(write(tmp_path / "f.jsonl", *map(json.dumps, lines), "", json.dumps(GOOD)))
    assert [task.id for task in tasks] == ["a-7", "3", "0", ""]
    assert [task.group for task in tasks] == ["12", "x", "", ""]
    assert [task.place for task in tasks] == ["line 1", "line 2", "line 3", "line 5"]


def test_names_and_places_are_no_part_of_the_digest_and_groups_are() -> None:
    plain = texts_digest([task_of_record(GOOD)])
    assert texts_digest([task_of_record({**GOOD, "id": "a"}, "line 9")]) == plain
    assert texts_digest([task_of_record({**GOOD, "group": "a"})]) != plain


def test_a_value_that_is_null_counts_as_absent() -> None:
    keys = ("candidates", "answer", "type", "category", "difficulty", "id", "group")
    assert task_of_record({**GOOD, **dict.fromkeys(keys)}) == task_of_record(GOOD)
    chosen = {"prompt": "p", "candidates": ["a", "b"], "answer": 0}
    assert task_of_record({**chosen, "solution": None}) == task_of_record(chosen)


@pytest.mark.parametrize("key", ["candidates", "type", "category", "difficulty", "id", "group"])
def test_an_empty_cell_counts_as_absent(key: str) -> None:
    assert task_of_record({**GOOD, key: ""}) == task_of_record(GOOD)
    assert task_of_record({**GOOD, "candidates": []}) == task_of_record(GOOD)


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"data": [1]}, r"^needs a prompt and a solution \(or candidates and an answer\); it has the keys data$"),
        ({"prompt": "p", "Solution": "s"}, r"^needs a solution .* it has the keys prompt, Solution$"),
        ({"question": "p", "answer": "s"}, r"keys question, answer: --fields prompt=question,solution=answer\?$"),
        ({"prompt": "p", "target": "s"}, r"keys prompt, target: --fields solution=target\?$"),
        ({f"k{i}": i for i in range(30)}, r"it has the keys k0, k1, k2, k3, k4, k5, k6, k7, \.\.\.$"),
        ({"a\x1b[2J": 1}, r"it has the keys a\\x1b\[2J$"),
    ],
)
def test_a_record_that_lacks_a_text_is_told_which_keys_it_has(record: dict[str, Any], message: str) -> None:
    with pytest.raises(BadRecordError, match=message):
        task_of_record(record)


def test_keys_may_be_called_otherwise(tmp_path: Path) -> None:
    lines = [json.dumps({"q": f"p{i}", "target": f"s{i}", "nr": i}) for i in range(3)]
    path = write(tmp_path / "f.jsonl", *lines, json.dumps({**GOOD, "nr": 9}))
    tasks, _ = read_tasks(path, fields={"prompt": "q", "solution": "target", "id": "nr"})
    assert [(task.prompt, task.solution, task.id) for task in tasks] == [
        ("p0", "s0", "0"), ("p1", "s1", "1"), ("p2", "s2", "2"), ("adds", "a + b", "9")
    ]  # fmt: skip


# files of other programs


@pytest.mark.parametrize(
    "wrap", [lambda lines: "\n".join(lines), lambda lines: f" [{','.join(lines)}]"], ids=["lines", "list"]
)
def test_a_byte_order_mark_is_no_part_of_a_file(tmp_path: Path, wrap: Any) -> None:
    lines = good_lines(90)
    (tmp_path / "plain").write_text(wrap(lines), encoding="utf-8")
    (tmp_path / "marked").write_text(wrap(lines), encoding="utf-8-sig")
    assert read_tasks(tmp_path / "marked") == read_tasks(tmp_path / "plain")


def test_files_with_marks_may_be_put_together(tmp_path: Path) -> None:
    one = "".join(f"{line}\n" for line in good_lines(5)).encode("utf-8-sig")
    (tmp_path / "f").write_bytes(one + one)
    assert len(read_tasks(tmp_path / "f")[0]) == 10


@pytest.mark.parametrize(
    ("encode", "message"),
    [
        (lambda text: text.encode("utf-16"), r"f' looks like UTF-16; it must be UTF-8: iconv -f UTF-16 -t UTF-8 f > "),
        (lambda text: text.encode("utf-16-le"), "looks like UTF-16;"),
        (lambda text: text.encode("utf-16-be"), "looks like UTF-16;"),
        (lambda text: text.encode("utf-32"), "looks like UTF-32;"),
        (lambda text: b"\x1f\x8b\x08" + text.encode(), "looks like gzip; unpack or export it as JSON Lines in UTF-8"),
        (lambda text: b"PK\x03\x04" + text.encode(), "looks like a zip archive;"),
        (lambda text: text.replace("words", "größe").encode("latin-1"), "not UTF-8.*iconv -f windows-1252 -t UTF-8"),
        (lambda text: json.dumps({"n": 1, "data": [GOOD]}), "it has the keys n, data; the file is one object: write "),
        (lambda text: json.dumps({"rows": [GOOD]}, indent=1), "the file is one object: write the list under 'rows' al"),
    ],
)  # fmt: skip
def test_another_format_is_one_line_that_says_what_to_do(tmp_path: Path, encode: Any, message: str) -> None:
    data = encode("\n".join(good_lines(9)))
    (tmp_path / "f").write_bytes(data if isinstance(data, bytes) else data.encode())
    with pytest.raises(ValueError, match=message) as caught:
        read_tasks(tmp_path / "f")
    assert "\n" not in str(caught.value)


# candidates


@pytest.mark.parametrize("answer", [1, "b"])
def test_candidates_have_their_answer_by_place_or_by_text(answer: Any) -> None:
    task = task_of_record({"prompt": "p", "candidates": ["a", "b", "c"], "answer": answer})
    assert (task.solution, task.wrong) == ("b", ("a", "c"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prompt": ""}, "prompt must be a text that is not empty"),
        ({"prompt": 3}, "prompt must be a text"),
        ({"solution": None}, "needs a solution"),
        ({"solution": []}, "solution must be a text"),
        ({"id": [1]}, "id must be a text or a whole number"),
        ({"id": 1.5}, "id must be a text or a whole number"),
        ({"group": True}, "group must be a text or a whole number"),
        ({"candidates": ["a", "b"]}, "has both a solution and candidates"),
        ({"type": "poetry"}, "type must be one of code_completion, .*, not 'poetry'"),
        ({"type": ["refactor"]}, "type must be one of"),
        ({"category": "cobol"}, "category must be one of python"),
        ({"difficulty": 1.5}, "difficulty must be a number from 0 to 1"),
        ({"difficulty": True}, "difficulty must be a number"),
        ({"difficulty": "0.5"}, "difficulty must be a number"),
    ],
)
def test_a_line_that_is_no_task_is_refused_by_name(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(BadRecordError, match=message):
        task_of_record({**GOOD, **changes})


@pytest.mark.parametrize(
    ("candidates", "answer", "message"),
    [
        (["a"], 0, "a list of 2 to 1000 texts"),
        ("ab", 0, "a list of 2 to 1000 texts"),
        (["a", 1], 0, "each candidate must be a text"),
        (["a", " "], 0, "each candidate must be a text"),
        (["a", "a"], 0, "no candidate may come twice"),
        (["a", "b"], 2, "answer must be one of the candidates, or its place from 0 to 1"),
        (["a", "b"], -1, "answer must be"),
        (["a", "b"], True, "answer must be"),
        (["a", "b"], None, "answer must be"),
        (["a", "b"], "c", "the answer is none of the candidates"),
    ],
)
def test_candidates_that_do_not_do_are_refused(candidates: Any, answer: Any, message: str) -> None:
    with pytest.raises(BadRecordError, match=message):
        task_of_record({"prompt": "p", "candidates": candidates, "answer": answer})


# workload


def test_a_file_makes_a_workload(tmp_path: Path) -> None:
    given = read_input(f"jsonl:{write(tmp_path / 'f', *good_lines(200))}")
    assert isinstance(given, TextInput)
    workload = given.build(dim=128, seed=1, split="file")
    assert (workload.name, given.kind, given.n_tasks, len(workload.source)) == ("jsonl", "tasks", 200, 200)
    assert [len(part) for part in (workload.parts.train, workload.parts.valid, workload.parts.test)] == [108, 36, 36]
    question = workload.question and workload.question.test
    assert question is not None
    assert question.queries.shape == question.solutions.shape == (36, 128)
    query, candidates, right, kind = workload.source.load(int(workload.parts.test[0]))
    assert kind == 0
    assert np.array_equal(query, question.queries[0])
    assert np.array_equal(candidates[right], question.solutions[question.right[0]])


def test_equal_solutions_are_one_candidate_of_retrieval(tmp_path: Path) -> None:
    lines = good_lines(100)
    twice = [json.dumps({**json.loads(line), "prompt": f"again {i}"}) for i, line in enumerate(lines)]
    workload = read_input(f"jsonl:{write(tmp_path / 'f', *lines, *twice)}").build(dim=64, seed=1, split="file")
    assert workload.question is not None
    solutions = workload.question.test.solutions
    assert len(np.unique(solutions, axis=0)) == len(solutions) <= len(workload.question.test.queries)


def test_own_candidates_come_before_other_tasks_solutions(tmp_path: Path) -> None:
    records = [json.loads(line) for line in good_lines(200)]
    for i, record in enumerate(records):
        n_wrong = (1, 7, 12)[i % 3]
        own = [f"own {i} {j} " + "x" * j for j in range(n_wrong)]
        record.update(candidates=[*own, record.pop("solution")], answer=n_wrong, difficulty=0.5)
    given = read_input(f"jsonl:{write(tmp_path / 'f', *map(json.dumps, records))}")
    assert isinstance(given, TextInput)
    workload = given.build(dim=256, seed=0, split="file")
    encoder = default_encoder([given.tasks[i] for i in workload.parts.train.tolist()], 256)
    for i in range(30):
        own_rows = {row.tobytes() for row in encoder.encode(given.tasks[i].wrong)}
        _, candidates, right, _ = workload.source.load(i)
        assert candidates[right].tobytes() == encoder.encode([given.tasks[i].solution])[0].tobytes()
        found = sum(row.tobytes() in own_rows for row in candidates)
        assert found == min(7, len(given.tasks[i].wrong))
        assert len({row.tobytes() for row in candidates}) == 8


def test_the_digest_sees_every_field(tmp_path: Path) -> None:
    record = {"prompt": "p", "candidates": ["a", "b", "c"], "answer": 0}
    changes: list[dict[str, Any]] = [
        {}, {"prompt": "q"}, {"answer": 1}, {"candidates": ["a", "b", "d"]}, {"type": "refactor"}, {"category": "go"},
        {"difficulty": 0.5},
    ]  # fmt: skip
    assert len({texts_digest([task_of_record({**record, **change})]) for change in changes}) == len(changes)


def test_too_few_tasks_are_one_line(tmp_path: Path) -> None:
    given = read_input(f"jsonl:{write(tmp_path / 'f', *good_lines(19))}")
    with pytest.raises(ValueError, match="the holdout part has 1 different solution, and 2 candidates need 2 in each"):
        given.build(dim=16, seed=0, split="file")


def test_transfer_is_a_question_of_its_own_about_every_task(tmp_path: Path) -> None:
    known = write(tmp_path / "known", *good_lines(200))
    other = write(tmp_path / "other", *good_lines(230)[200:])
    workload = read_input(f"jsonl:{known}", transfer=f"jsonl:{other}").build(dim=64, seed=0, split="file")
    alone = read_input(f"jsonl:{known}").build(dim=64, seed=0, split="file")
    assert workload.question is not None and workload.question.transfer is not None
    transfer = workload.question.transfer
    assert transfer.queries.shape == transfer.solutions.shape == (30, 64)
    assert "transferDigest" in workload.details
    assert alone.question is not None and alone.question.transfer is None
    for i in (0, 100):  # nothing of it is in what is learned from
        assert all(np.array_equal(a, b) for a, b in zip(workload.source.load(i), alone.source.load(i), strict=True))


def test_the_shared_sample_loads_as_it_is() -> None:
    path = SHARED / "codesearch-dev.jsonl"
    if not path.is_file():
        pytest.skip(f"{path.name} is not there: ../shared/data")
    notes: list[str] = []
    tasks, issues = read_tasks(path, notes.append)
    assert (len(tasks), issues, notes) == (271, (), [])
