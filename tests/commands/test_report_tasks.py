"""`ruvllm-report tasks`: what it lists, in which forms, and what it says where there is nothing."""

from __future__ import annotations

import csv
import io
import json
import os
import random
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from report_samples import stream_document, write_document
from results_samples import document, entry
from task_samples import OUTCOMES, run_of, single_tasks

from ruvllm.commands.report import main

Output = pytest.CaptureFixture[str]
HOSTILE = "\x1b[31mred\x1b[0m\x00 \u202eright to left\u2069 </script><b>\x9b2J \x07\u2028'\"=cmd|"
"""What a terminal obeys, an end of a line, quotes."""


@pytest.fixture
def file(tmp_path: Path) -> str:
    return str(write_document(tmp_path / "mine.json", single_tasks()))


def tasks(*words: str) -> int:
    return main(["tasks", *words])


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def printed(capsys: Output, *words: str) -> str:
    assert tasks(*words) == 0
    return capsys.readouterr().out


def names(text: str) -> list[str]:
    """The tasks of a printed list."""
    return [line.split()[0] for line in text.splitlines() if line.startswith(("ticket", "line", "task "))]


# the screen


def test_won_and_lost_tasks_come_with_their_texts_and_the_rest_as_numbers(file: str, capsys: Output) -> None:
    text = printed(capsys, file)
    assert names(text) == ["ticket-4", "ticket-0", "ticket-2", "ticket-5"]
    block = text[text.index("ticket-2") : text.index("ticket-5")]
    for words in ("line 3, code completion", "asked         question 2", "right         answer 2",
                  "chosen before the right one", "chosen after  a wrong answer", "sure 25% → 70%",
                  "right in 3 of 3 runs before, in 0 after"):  # fmt: skip
        assert words in block, words
    for row in ("won          2", "lost         2", "never        1", "kept         1", "tested       6"):
        assert row in text
    assert "mine.json" in text
    assert "chance alone wins some and loses some" in " ".join(text.split())


def test_where_not_all_runs_chose_the_same_the_number_is_said(file: str, capsys: Output) -> None:
    text = printed(capsys, file)
    block = text[text.index("ticket-4") : text.index("ticket-0")]
    assert "chosen before a wrong answer  (2 of 3 runs)" in block
    assert "chosen after  the right one  (2 of 3 runs)" in block


@pytest.mark.parametrize("outcome", ["won", "lost", "never", "kept"])
def test_an_outcome_can_be_asked_for(outcome: str, file: str, capsys: Output) -> None:
    text = printed(capsys, file, "--outcome", outcome)
    assert {f"ticket-{task}" for task, found in OUTCOMES.items() if found == outcome} == set(names(text))


def test_all_outcomes_a_type_a_limit(file: str, capsys: Output) -> None:
    assert len(names(printed(capsys, file, "--outcome", "all"))) == 6
    assert names(printed(capsys, file, "--type", "bug_fix")) == ["ticket-5"]
    text = printed(capsys, file, "--limit", "1")
    assert names(text) == ["ticket-4", "ticket-2"]
    assert "Won: 2 tasks, the surest first; 1 shown, --limit 2 shows all" in text


def test_by_retrieval_other_tasks_are_won_and_what_stood_first_is_shown(file: str, capsys: Output) -> None:
    text = printed(capsys, file, "--measure", "retrieval")
    assert names(text) == ["ticket-3"]
    assert "first before  a wrong answer" in text
    assert "rank 4, 4, 4 → 1, 1, 1 among all solutions" in text


def test_one_seed_alone_counts_its_own_answers(file: str, capsys: Output) -> None:
    assert names(printed(capsys, file, "--seed", "1")) == ["ticket-0", "ticket-2"]
    assert names(printed(capsys, file, "--seed", "0", "--outcome", "won")) == ["ticket-4", "ticket-0"]


@pytest.mark.parametrize("name", ["ticket-2", "line 3", "2"])
def test_one_task_is_shown_in_full_whatever_its_outcome(name: str, file: str, capsys: Output) -> None:
    text = printed(capsys, file, "--id", name)
    assert names(text) == ["ticket-2"]
    assert [line.strip() for line in text.splitlines() if line.startswith("  seed")] == ["seed 0", "seed 1", "seed 2"]
    assert "chosen after              a wrong answer, sure 70.0%" in text
    assert "rank among all solutions  1 → 1" in text


def test_an_id_that_looks_like_a_number_is_an_id(tmp_path: Path, capsys: Output) -> None:
    path = str(write_document(tmp_path / "a.json", single_tasks(texts={"id2": "5", "place2": "line 1"})))
    assert "line 1, code completion" in printed(capsys, path, "--id", "5")
    assert "ticket-5" not in printed(capsys, path, "--id", "5")
    assert names(printed(capsys, path, "--id", "3")) == ["ticket-3"]


def test_a_filter_that_nothing_passes_says_so(file: str, capsys: Output) -> None:
    assert "None of the 6 tasks is won or lost, of type test generation." in printed(capsys, file, "--type", "test_gen")


@pytest.mark.parametrize("width", [80, 120])
def test_on_a_terminal_each_line_is_cut_and_in_a_pipe_it_is_whole(
    width: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    path = str(write_document(tmp_path / "a.json", single_tasks(texts={"prompt0": "long " * 40})))
    assert "asked         " + "long " * 39 in printed(capsys, path)
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    text = printed(capsys, path)
    (line,) = [each for each in text.splitlines() if "long" in each]
    assert len(line) == width
    assert line.endswith("…")


# names that are not there


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--id", "ticket-9"], "no tested task has the id, place or number 'ticket-9'; near it: ticket-"),
        (["--id", "\x1b[2J"], r"number '\x1b[2J'"),
        (["--model", "Gemma"], "no run has the model 'Gemma'; there is hashed n-grams"),
        (["--protocol", "v1"], "no run has the protocol 'v1'; there is v3"),
        (["--seed", "9"], "no run has the seed '9'; there is 0, 1 and 2"),
    ],
)
def test_a_name_that_is_not_there_ends_it_in_one_line(
    words: list[str], message: str, file: str, capsys: Output
) -> None:
    assert tasks(file, *words) == 1
    found = capsys.readouterr()
    assert message in found.err
    assert found.err.count("\n") == 1
    assert found.out == ""


@pytest.mark.parametrize("words", [[], ["a.json", "--outcome", "wins"], ["a.json", "--csv", "x", "--json"]])
def test_wrong_usage(words: list[str], capsys: Output) -> None:
    assert tasks(*words) == 2
    assert capsys.readouterr().err.count("\n") == 1


# several files


def test_each_file_is_shown_by_its_name_and_what_is_left_out_is_named(tmp_path: Path, capsys: Output) -> None:
    write_document(tmp_path / "one.json", single_tasks())
    write_document(tmp_path / "two.json", single_tasks(0))
    write_document(tmp_path / "old.json", document(entry([1, 0], workload="jsonl")))
    write_document(tmp_path / "blocked.json", stream_document())
    trimmed = single_tasks(1, trimmed=True)
    for run in trimmed["results"]:
        del run["answers"]
    write_document(tmp_path / "trimmed.json", trimmed)
    assert tasks(str(tmp_path)) == 0
    found = capsys.readouterr()
    assert [name for name in ("one", "two", "old") if f"{name}.json." in found.out] == ["one", "two", "old"]
    assert "blocked.json: results of kind stream have no single tasks: left out" in found.err
    assert "trimmed.json: has no answers to single tasks, for it was trimmed: left out" in found.err


def test_without_any_single_task_it_fails(tmp_path: Path, capsys: Output) -> None:
    assert tasks(str(write_document(tmp_path / "blocked.json", stream_document()))) == 1
    assert "there are no single tasks in these results" in capsys.readouterr().err


def test_a_broken_file_is_named_and_the_others_are_listed(file: str, tmp_path: Path, capsys: Output) -> None:
    (tmp_path / "broken.json").write_text("{")
    assert tasks(file, str(tmp_path / "broken.json")) == 1
    found = capsys.readouterr()
    assert "broken.json" in found.err
    assert "ticket-4" in found.out


def test_a_file_with_numbers_only_is_listed_by_numbers(tmp_path: Path, capsys: Output) -> None:
    """Of an older version, or without texts, or simulated."""
    path = str(write_document(tmp_path / "old.json", document(entry([1, 0], workload="jsonl", ranks=[1.0, 0.5]))))
    text = printed(capsys, path, "--outcome", "all")
    assert "task 0" in text
    assert "The file has no texts of these tasks" in text
    simulated = entry([1, 0])
    simulated["answers"] |= {"types": [0, 1], "categories": [1, 2], "difficulty": [0.125, 0.5]}
    path = str(write_document(tmp_path / "simulated.json", document(simulated)))
    text = printed(capsys, path, "--outcome", "all")
    for words in ("task 1 of seed 0", "bug fix", "javascript", "0.50", "50%"):
        assert words in text, words


def test_a_run_is_called_by_its_name(tmp_path: Path, capsys: Output) -> None:
    path = str(write_document(tmp_path / "a.json", single_tasks(name="nightly")))
    assert f"From nightly: {path}." in printed(capsys, path)
    assert json.loads(printed(capsys, path, "--json"))["sets"][0]["name"] == "nightly"


# CSV and JSON


def test_the_id_goes_from_the_users_line_to_the_csv(tmp_path: Path) -> None:
    """With the real commands: a run of a file of tasks, then the table of its single tasks."""
    r = random.Random(4)
    texts = [[" ".join(f"word{r.randrange(2000)}" for _ in range(6)) for _ in "ab"] for _ in range(200)]
    lines = [
        json.dumps({"id": f"T-{i}", "type": "bug_fix", "prompt": a, "solution": f"{a.split()[0]} {b}{' z' * (i % 5)}"})
        for i, (a, b) in enumerate(texts)
    ]
    (tmp_path / "mine.jsonl").write_text("\n".join(lines))
    bench, report = ("ruvllm.commands.bench", "ruvllm.commands.report")

    def run(module: str, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", module, *words], cwd=tmp_path, capture_output=True, text=True, timeout=120,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    common = ("--workload", "jsonl:mine.jsonl", "--profile", "quick", "--seeds", "1", "--no-controls", "-q")
    run(bench, *common, "--out", "with")
    found = rows(run(report, "tasks", "with", "--outcome", "all", "--csv", "-"))
    assert found
    for row in found:
        number = int(row["task"])
        assert (row["id"], row["place"]) == (f"T-{number}", f"line {number + 1}")
        assert row["prompt"] == texts[number][0]
        assert row["right"] == json.loads(lines[number])["solution"]
        assert (row["chosen_after"] == row["right"]) == (row["outcome"] in ("won", "kept"))
        assert row["input"] == "mine.jsonl"
    run(bench, *common, "--out", "without", "--no-texts")
    others = rows(run(report, "tasks", "without", "--outcome", "all", "--csv", "-"))
    keys = ("id", "place", "outcome", "confidence_after")
    assert sorted([row[key] for key in keys] for row in others) == sorted([row[key] for key in keys] for row in found)
    assert {row["prompt"] + row["right"] + row["chosen_after"] for row in others} == {""}
    (path,) = (tmp_path / "without").glob("*.json")
    assert re.search(r"word\d", path.read_text()) is None


def test_the_csv_has_a_row_for_each_task(file: str, tmp_path: Path, capsys: Output) -> None:
    target = tmp_path / "new" / "tasks.csv"
    assert printed(capsys, file, "--outcome", "all", "--csv", str(target)) == f"CSV: {target}, 6 tasks\n"
    found = rows(target.read_text())
    assert {row["id"]: row["outcome"] for row in found} == {f"ticket-{i}": what for i, what in OUTCOMES.items()}
    assert len(rows(printed(capsys, file, "--limit", "1", "--csv", "-"))) == 1
    (row,) = [row for row in found if row["id"] == "ticket-4"]
    assert (row["runs"], row["right_before"], row["right_after"]) == ("3", "1", "2")
    assert (row["confidence_before"], row["confidence_after"], row["rank_after"]) == ("0.25", "0.8", "2")
    assert (row["right"], row["chosen_before"], row["chosen_after"]) == ("answer 4", "a wrong answer", "answer 4")


def test_the_json_has_every_attempt(file: str, capsys: Output) -> None:
    found = json.loads(printed(capsys, file, "--outcome", "lost", "--json"))
    assert (found["kind"], found["measure"], found["outcomes"]) == ("tasks", "resolve", ["lost"])
    (only,) = found["sets"]
    assert only["counts"] == {"won": 2, "lost": 2, "never": 1, "kept": 1}
    assert [task["id"] for task in only["tasks"]] == ["ticket-2", "ticket-5"]
    first = only["tasks"][0]
    assert first["outcome"] == "lost"
    assert [attempt["seed"] for attempt in first["attempts"]] == [0, 1, 2]
    assert first["attempts"][0]["chosen"] == {"solution": 7, "text": "a wrong answer"}


def test_what_was_left_out_stands_in_the_json_too(file: str, tmp_path: Path, capsys: Output) -> None:
    other = str(write_document(tmp_path / "blocked.json", stream_document()))
    found = json.loads(printed(capsys, file, other, "--json"))
    assert [note for note in found["notes"] if "blocked.json" in note]


def test_its_own_json_is_no_results_file(file: str, tmp_path: Path, capsys: Output) -> None:
    path = tmp_path / "tasks.json"
    path.write_text(printed(capsys, file, "--json"))
    assert main([str(path)]) == 1
    assert "is a list of single tasks, not a results file" in capsys.readouterr().err


# texts of strangers


def hostile(tmp_path: Path) -> str:
    texts = {f"{what}{task}": HOSTILE for what in ("prompt", "right", "id", "place") for task in range(6)}
    values: dict[str, Any] = single_tasks(texts={**texts, "wrong": HOSTILE})
    values["results"] = [run_of(seed, model=f"model {HOSTILE}") for seed in (0, 1, 2)]
    return str(write_document(tmp_path / "hostile.json", values))


@pytest.mark.parametrize("words", [[], ["--outcome", "all"], ["--id", "2"], ["--csv", "-"], ["--json"]])
def test_no_control_character_of_a_text_reaches_the_terminal(
    words: list[str], tmp_path: Path, capsys: Output
) -> None:
    text = printed(capsys, hostile(tmp_path), *words)
    assert [c for c in text if not c.isprintable() and c != "\n"] == []
    assert "right to left" in text
    if words == ["--csv", "-"]:
        assert {row["prompt"] for row in rows(text)} == {rows(text)[0]["prompt"]}
        assert rows(text)[0]["prompt"].endswith("'\"=cmd|")
    if words == ["--json"]:
        assert json.loads(text)["sets"][0]["tasks"][0]["prompt"] == HOSTILE


def test_texts_that_are_longer_than_ours_are_cut_on_the_screen(tmp_path: Path, capsys: Output) -> None:
    path = str(write_document(tmp_path / "long.json", single_tasks(texts={"prompt0": "x" * 10**6, "id0": "y" * 10**6})))
    assert max(map(len, printed(capsys, path).splitlines())) < 300
