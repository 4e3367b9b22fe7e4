"""The verdict comes first, in every output, and what is not shown is named with its reason."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from bench_samples import hand_made
from report_samples import ablation_document, benchmark_document, stream_document, write_document
from results_samples import MODEL
from rich.console import Console
from verdict_samples import NAME, document, run

from ruvllm.commands.report import main
from ruvllm.report.contents import make_report
from ruvllm.report.parts import Report
from ruvllm.report.screen import print_report
from ruvllm.results.reading import read_sources

Output = pytest.CaptureFixture[str]


def report_of(tmp_path: Path, *documents: dict[str, Any]) -> Report:
    tmp_path.mkdir(exist_ok=True)
    for i, each in enumerate(documents):
        write_document(tmp_path / f"r{i}.json", each)
    return make_report(read_sources([tmp_path]))


def three(**planted: Any) -> list[Any]:
    return [run(seed=seed, **planted) for seed in range(3)]


def other_input(name: str = "yours.jsonl", texts: str = "b", **changes: Any) -> dict[str, Any]:
    return {**run()["input"], "source": f"jsonl:{name}", "name": name, "textsDigest": texts * 64, **changes}


# the words


@pytest.mark.parametrize(
    ("planted", "begins"),
    [
        ({"before": 40, "after": 60, "free": {"ridge": 41}}, "It got better."),
        ({"before": 40, "after": 60, "free": {"ridge": 60}}, "It got better, but not shown to be better than what"),
        ({"before": 40, "after": 60, "free": {"ridge": 90}}, "It got better, but what is free of charge is better"),
        ({"before": 60, "after": 40}, "It got worse."),
        ({"before": 50, "after": 50, "shift": 25}, "Not shown that it got better."),
        ({"before": 100, "after": 100}, "Nothing left to learn: 100.0% are right before any learning."),
        ({"before": 99, "after": 99}, "Next to nothing left to learn: 99.0% are right before"),
    ],
)
def test_the_first_sentence_says_whether_it_got_better(planted: dict[str, Any], begins: str, tmp_path: Path) -> None:
    (verdict,) = report_of(tmp_path, document(*three(**planted))).verdicts
    assert verdict.title == f"mine.jsonl: 550 tasks, {NAME}"
    assert verdict.answer.startswith(begins)
    label, text = verdict.facts[0]
    gain = planted["after"] - planted["before"]
    assert label == "Learning" and text.startswith(f"{gain:+.1f} [")
    assert f"on 100 test tasks, seeds 0 to 2 ({planted['before']}.0% before, {planted['after']}.0% after): " in text


def facts(tmp_path: Path, *entries: Any) -> dict[str, str]:
    (verdict,) = report_of(tmp_path, document(*entries)).verdicts
    return dict(verdict.facts)


def test_below_it_stand_what_is_free_the_parts_and_train_against_test(tmp_path: Path) -> None:
    found = facts(tmp_path, *three(before=40, after=60, free={"ridgeCsls": 70}, train=1.0))
    assert found["Free of charge"].startswith("ridge and CSLS: +30.0 [")
    assert "by one fit without a learning loop (70.0%)" in found["Free of charge"]
    assert found["Tasks"] == "550: 300 to learn from, 100 to choose settings by, 100 to test, 50 held out."
    assert found["Train and test"].startswith("resolve rate 100.0% on tasks it learned from, 60.0% on test tasks,")
    assert found["Train and test"].endswith("40 points are memorised and do not carry over.")
    assert found["Other measure"].startswith("resolve rate +20.0 [")
    assert "Mind" not in found


@pytest.mark.parametrize(
    ("words", "after", "said"),
    [(50, 70, "beyond chance."), (60, 61, "not shown."), (70, 45, "behind it, beyond chance.")],
)
def test_words_beside_the_vectors_are_not_taken_for_learning(
    words: int, after: int, said: str, tmp_path: Path
) -> None:
    found = facts(tmp_path, *three(before=40, after=after, free={"hybridFrozen": words, "ridge": 41}))
    assert found["Words"].startswith(f"+{words - 40}.0 [")
    assert f"points of recall@1 come from words beside the vectors, with nothing learned ({words}.0%)" in found["Words"]
    assert f"What answers in the end is {after - words:+}.0 [" in found["Words"].replace("\N{MINUS SIGN}", "-")
    assert found["Words"].endswith(said)
    assert "Words" not in facts(tmp_path, *three(before=40, after=60, free={"ridge": 41}))


def test_one_seed_is_called_an_anecdote_and_a_wide_interval_wide(tmp_path: Path) -> None:
    assert facts(tmp_path, *three())["Train and test"].endswith("no overfitting seen.")
    found = facts(tmp_path, run(before=6, after=7, of=12, shift=2, train=0.8))
    assert found["Train and test"].endswith("22 points apart, which so few test tasks cannot tell from chance.")
    assert found["Mind"].startswith("One seed is an anecdote")
    assert "So few tasks cannot show a gain of less than about" in found["Mind"]
    two = facts(tmp_path, *three(before=40, after=60)[:2])
    assert two["Mind"].startswith("2 seeds are few")


def test_measures_that_disagree_are_both_shown(tmp_path: Path) -> None:
    found = facts(tmp_path, *three(before=40, after=60, resolved=(80, 50)))
    assert found["Other measure"].endswith("worse, beyond chance. The two measures disagree.")


def test_each_row_has_its_verdict_and_is_judged_as_one_of_all(tmp_path: Path) -> None:
    lucky = run(before=50, after=58, shift=3)
    alone = report_of(tmp_path, document(lucky)).verdicts
    assert [verdict.outcome for verdict in alone] == ["better"]
    others = [{**run(shift=20), "model": f"hashed n-grams, d = {dim}"} for dim in range(100, 140)]
    verdicts = report_of(tmp_path, document(lucky, *others)).verdicts
    assert len(verdicts) == 41 and {verdict.outcome for verdict in verdicts} == {"not shown"}
    assert "As one of 41 rows on this input it would need an interval farther" in dict(verdicts[0].facts)["Mind"]
    one_by_one = [document({**each, "input": {**each["input"], "encoderDigest": f"{i:064x}"}})
                  for i, each in enumerate([lucky, *others])]  # fmt: skip
    (tmp_path / "b").mkdir()
    assert {each.outcome for each in report_of(tmp_path / "b", *one_by_one).verdicts} == {"not shown"}


def test_what_differs_between_the_rows_of_an_input_is_in_their_titles(tmp_path: Path) -> None:
    entries = [run(protocol=protocol) for protocol in ("v1", "v3")]
    titles = [verdict.title for verdict in report_of(tmp_path, document(*entries)).verdicts]
    assert titles == [f"mine.jsonl: 550 tasks, {NAME} ({protocol})" for protocol in ("v1", "v3")]
    both = [run(), {**run(), "model": "hashed n-grams, d = 64"}]
    (tmp_path / "b").mkdir()
    titles = [verdict.title for verdict in report_of(tmp_path / "b", document(*both)).verdicts]
    assert titles == [f"mine.jsonl: 550 tasks, hashed n-grams (hashed n-grams, d = {dim})" for dim in (1536, 64)]


def test_simulated_models_get_no_verdict_on_users_tasks(tmp_path: Path) -> None:
    report = report_of(tmp_path, benchmark_document())
    (lead,) = report.lead
    assert report.verdicts == () and lead.startswith("Simulated workload, v3, 3 models: from ")
    assert "each gain is beyond chance. The models are simulated stand-ins" in lead
    (one_seed,) = report_of(tmp_path / "one", benchmark_document(seeds=(3,))).lead
    assert "beyond chance. One seed is an anecdote. The models are" in one_seed


# every output


@pytest.mark.parametrize("width", [40, 80, 120])
def test_the_terminal_begins_with_it_and_long_tables_wait_for_details(width: int, tmp_path: Path) -> None:
    report = report_of(tmp_path, document(*three(before=40, after=60, free={"ridge": 41})))

    def printed(details: bool) -> str:
        file = io.StringIO()
        print_report(Console(file=file, width=width), report, details)
        return file.getvalue()

    short, long = printed(False), printed(True)
    for text in (short, long):
        words = " ".join(text.split())
        assert words.startswith(f"mine.jsonl: 550 tasks, {NAME} It got better. Learning")
        assert max(map(len, text.splitlines())) <= width
    assert "Calibration" in long and "Calibration" not in short
    assert "Controls" in short
    assert len(short.splitlines()) < len(long.splitlines())


def test_page_markdown_and_csv_have_it_too(tmp_path: Path, capsys: Output) -> None:
    results = write_document(tmp_path / "r.json", document(*three(before=40, after=60, free={"ridge": 41})))
    page, text, numbers = tmp_path / "r.html", tmp_path / "r.md", tmp_path / "r.csv"
    arguments = ["--html", page, "--markdown", text, "--csv", numbers]
    assert main([str(results), *map(str, arguments)]) == 0, capsys.readouterr().err
    html, markdown = page.read_text(encoding="utf-8"), text.read_text(encoding="utf-8")
    assert html.index("It got better.") < html.index("<nav")
    assert markdown.index("**It got better.**") < markdown.index("##")
    assert "- Tasks: 550: 300 to learn from" in markdown
    with numbers.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["input"] for row in rows} == {"jsonl:data/mine.jsonl"}
    assert {row["model"] for row in rows} == {NAME}
    assert not [row for row in rows if "efficiency" in row["measure"].lower()]


# groups


def test_two_data_sets_are_two_sections_headed_by_their_files(tmp_path: Path, capsys: Output) -> None:
    one, two = document(*three()), document(*(run(seed=s, input=other_input()) for s in range(3)))
    report = report_of(tmp_path, one, two)
    assert [section.title for section in report.sections[:2]] == [
        f"{name}: 550 tasks, {NAME}" for name in ("mine.jsonl", "yours.jsonl")
    ]
    assert len(report.verdicts) == 2 and report.left_out == ()
    assert main([str(tmp_path)]) == 0
    out, err = capsys.readouterr()
    assert err == "" and "mine.jsonl" in out and "yours.jsonl" in out


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"textsDigest": "c" * 64}, "texts aaaaaaaa"),  # the same name in another folder
        ({"encoderDigest": "d" * 64}, ""),
    ],
)
def test_the_same_name_with_other_texts_or_vectors_is_another_group(
    changed: dict[str, str], said: str, tmp_path: Path
) -> None:
    first = {**run()["input"], **({"encoderDigest": "e" * 64} if "encoderDigest" in changed else {})}
    entries = [run(input=found, taskSet=digit * 64) for found, digit in ((first, "1"), ({**first, **changed}, "2"))]
    report = report_of(tmp_path, *(document(each) for each in entries))
    titles = [section.title for section in report.sections[:2]]
    assert len(set(titles)) == 2 and all(title.startswith("mine.jsonl: 550 tasks, ") for title in titles)
    assert titles[0].endswith(said or "vectors eeeeeeee")
    assert report.left_out == ()


def test_tasks_that_differ_though_all_names_are_alike_are_another_group(tmp_path: Path) -> None:
    """Files of before version 0.3.0 have no digests of their texts, but a digest of each run's tasks."""
    entries = [run(taskSet=digit * 64) for digit in "12"]
    for entry in entries:
        del entry["input"]
    report = report_of(tmp_path, *(document(entry) for entry in entries))
    assert len(report.verdicts) == 2 and report.left_out == ()


def test_other_seeds_of_the_same_tasks_are_named_as_left_out(tmp_path: Path, capsys: Output) -> None:
    few = document(*(run(seed=seed, runHash=f"{seed}" * 64) for seed in (5, 6)))
    report = report_of(tmp_path, document(*three()), few)
    line = f"r1.json: not shown: {NAME} v3 (seeds 5 to 6): r0.json has more runs of it, seeds 0 to 2"
    assert report.left_out == (line,)
    assert main([str(tmp_path), "--html", str(tmp_path / "r.html"), "--markdown", str(tmp_path / "r.md")]) == 0
    assert capsys.readouterr().err == f"ruvllm-report: {line}\n"
    for name in ("r.html", "r.md"):
        assert "seeds 5 to 6" in (tmp_path / name).read_text(encoding="utf-8")


def test_the_same_runs_twice_a_trimmed_copy_and_an_older_file_are_named(tmp_path: Path) -> None:
    whole = document(*three())
    again = {**whole, "created": "2026-03-01T00:00:00Z"}
    report = report_of(tmp_path, whole, again, {**whole, "trimmed": True, "created": "2026-02-01T00:00:00Z"})
    assert report.left_out == (
        f"r0.json: not shown: {NAME} v3 (seeds 0 to 2): r1.json has the same runs",
        f"r2.json: not shown: {NAME} v3 (seeds 0 to 2): r1.json has the same runs, and this file is a trimmed copy",
    )
    older = document(*(run(seed=seed, runHash="7" * 64) for seed in range(3)), created="2025-01-01T00:00:00Z")
    (left_out,) = report_of(tmp_path / "b", whole, older).left_out
    assert left_out.endswith("r0.json has as many runs, seeds 0 to 2, and is newer")


def test_an_older_stream_is_named_and_another_question_is_shown_beside_it(tmp_path: Path) -> None:
    newer = {**stream_document(), "created": "2026-05-01T00:00:00Z"}
    older = {**stream_document(), "created": "2026-04-01T00:00:00Z"}
    assert report_of(tmp_path, newer, older).left_out == (
        "r1.json: not shown: r0.json is newer and answers the same question",
    )


def test_ablations_of_two_data_sets_are_both_shown_and_few_seeds_are_called_few(tmp_path: Path) -> None:
    both = [
        {**ablation_document(), "workload": "jsonl", "models": [NAME], "input": found}
        for found in (run()["input"], other_input())
    ]
    report = report_of(tmp_path, *both)
    titles = [section.title for section in report.sections[:-1]]
    assert titles == [f"Ablation of v3, {name}: 550 tasks, hashed n-grams" for name in ("mine.jsonl", "yours.jsonl")]
    assert report.left_out == ()
    said = [block for block in report.sections[0].blocks if isinstance(block, str)]
    assert [block.startswith("Over 3 seeds the intervals say little") for block in said] == [False, True]


def test_ablations_with_and_without_words_and_of_other_parts_are_all_shown(tmp_path: Path) -> None:
    whole = {**ablation_document(), "workload": "jsonl", "models": [NAME], "input": run()["input"]}
    without = {**whole, "options": {**whole["options"], "lexical": False}}
    one = {**whole, "components": whole["components"][:1]}
    report = report_of(tmp_path, whole, without, one)
    assert report.left_out == ()
    titles = [section.title for section in report.sections[:-1]]
    assert len(set(titles)) == 3
    assert titles[1] == "Ablation of v3, mine.jsonl: 550 tasks, hashed n-grams, without words"


def test_ranks_that_were_asked_for_are_two_groups(tmp_path: Path) -> None:
    options = {"profile": "full", "protocols": ["v3"], "models": [NAME], "workload": "jsonl", "tasks": "tasks",
               "encoder": "hash", "seeds": [0], "stream": "mixed", "controls": True}  # fmt: skip
    documents = [document(run(), options={**options, "rank": rank}) for rank in (4, 8)]
    report = report_of(tmp_path, *documents)
    assert [section.title.rpartition(", ")[2] for section in report.sections[:2]] == ["rank 4", "rank 8"]


def test_the_note_on_stand_ins_is_on_every_section_with_simulated_models(tmp_path: Path) -> None:
    ablations = [{**ablation_document(), "workload": workload} for workload in ("simulated", "jsonl")]
    report = report_of(tmp_path, document(*three()), document(hand_made(MODEL)), stream_document(), *ablations)
    found = {
        section.title: any("simulated stand-ins" in block for block in section.blocks if isinstance(block, str))
        for section in report.sections
    }
    assert [title for title, has_it in found.items() if has_it] == [
        "Simulated workload, profile full", "Ablation of v3, simulated workload", "Forgetting in a blocked stream",
    ]  # fmt: skip
    assert len(found) > 5
