"""Single tasks on the page and in Markdown: cards, filters without a script, texts of strangers."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from headless_browser import Browser, find_browser
from report_samples import benchmark_document, simd_document, write_document
from results_samples import document, entry
from rich.console import Console
from task_samples import run_of, single_tasks
from test_report_page import CONTRASTS, SCREENSHOTS

from ruvllm.report.contents import make_report
from ruvllm.report.markdown import make_comparison
from ruvllm.report.page import make_page
from ruvllm.report.parts import CardList, Report
from ruvllm.report.screen import print_details, print_report
from ruvllm.report.tasks import section
from ruvllm.report.trimming import trimmed
from ruvllm.results.reading import parse_document, read_sources

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\x00\u202e&quot;'\" `code` " + "w" * 400


def report_of(folder: Path, **documents: dict[str, Any]) -> Report:
    for name, values in documents.items():
        write_document(folder / f"{name}.json", values)
    return make_report(read_sources([folder]))


def lists(report: Report, among: str = "candidates") -> list[CardList]:
    found = [block for part in report.sections for block in part.blocks if isinstance(block, CardList)]
    return [each for each in found if each.title.endswith(among)]


def many(n: int) -> dict[str, Any]:
    """A file with n tasks, all of them won."""
    run = entry([1] * n, workload="jsonl")
    tasks = [{"task": i, "type": "bug_fix", "id": f"T{i}", "prompt": f"p{i}"} for i in range(n)]
    return document(run, tasks={"inputTasks": n, "rule": "all", "tasks": tasks, "solutions": []}, version="0.3.0")


def test_won_and_lost_come_first_and_each_card_says_what_was_asked_and_chosen(tmp_path: Path) -> None:
    (found,) = lists(report_of(tmp_path, a=single_tasks()))
    assert [card.name for card in found.cards] == [f"ticket-{i}" for i in (4, 0, 2, 5, 3, 1)]
    assert [card.outcome for card in found.cards] == ["won", "won", "lost", "lost", "never", "kept"]
    assert dict(found.cards[2].texts) == {
        "asked": "question 2", "right": "answer 2", "chosen before": "the right one", "chosen after": "a wrong answer",
    }  # fmt: skip
    assert (found.cards[2].facts, found.cards[2].kind) == ("line 3, code completion", "code_completion")


def test_by_retrieval_they_have_a_list_of_their_own_which_comes_first_as_in_the_verdict(tmp_path: Path) -> None:
    report = report_of(tmp_path, a=single_tasks())
    first, second = lists(report, "")
    assert first.title.endswith("first among all solutions")
    assert (first.folded, second.folded) == (False, True)
    assert [(card.name, card.outcome) for card in first.cards[:2]] == [("ticket-3", "won"), ("ticket-4", "never")]
    assert ("first before", "a wrong answer") in first.cards[0].texts
    (counts,) = [table for table in report.tables if table.title.startswith("Tasks of")]
    assert [(row[0], row[1], row[-1]) for row in counts.rows] == [
        ("won", "1", "2"), ("lost", "0", "2"), ("never", "1", "1"), ("kept", "4", "1"), ("tested", "6", "6"),
    ]  # fmt: skip
    assert (counts.columns[1], counts.columns[-1]) == ("Tasks", "by resolve")


def test_more_tasks_than_there_is_room_for_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(section.MOST_CARDS, "won", 10)
    report = report_of(tmp_path, a=many(35))
    (found,) = lists(report)
    assert len(found.cards) == 10
    assert found.note.startswith("10 tasks, the surest of each outcome; not shown: 25 of 35 won.")
    assert "10 of 35 tasks" in make_page(report, 1)


def test_two_files_are_told_apart_by_their_names(tmp_path: Path) -> None:
    report = report_of(tmp_path, first=single_tasks(), second=single_tasks(0))
    names = ("first.json", "second.json")
    assert all(name in found.title for name, found in zip(names, lists(report), strict=True))
    groups = re.findall(r'name="(o-\d+)"', make_page(report, 2))
    assert len(set(groups)) == 4, "a choice in one list leaves the other alone"


def test_a_run_is_called_by_its_name(tmp_path: Path) -> None:
    report = report_of(tmp_path, a=single_tasks(name="nightly \x1b[2J"), b=simd_document())
    (found,) = lists(report)
    assert r", nightly \x1b[2J: " in found.title
    files = next(table for table in report.tables if table.title == "Files")
    assert [row[0] for row in files.rows] == [r"nightly \x1b[2J: a.json", "b.json"]


def test_of_several_protocols_the_last_one_is_shown(tmp_path: Path) -> None:
    values = single_tasks()
    values["results"] += [run_of(seed, protocol="v2") for seed in (0, 1, 2)]
    (found,) = lists(report_of(tmp_path, a=values))
    assert ", v3, " in found.title


def test_without_texts_names_and_places_are_shown(tmp_path: Path) -> None:
    values = single_tasks()
    values["tasks"]["solutions"] = []
    for each in values["tasks"]["tasks"]:
        del each["prompt"]
    (found,) = lists(report_of(tmp_path, a=values))
    assert (found.cards[0].name, found.cards[0].texts) == ("ticket-4", ())
    assert found.cards[0].facts == "line 5, code completion"


@pytest.mark.parametrize("values", [document(entry([1, 0], workload="jsonl")), benchmark_document()])
def test_of_numbers_alone_there_is_no_section(values: dict[str, Any], tmp_path: Path) -> None:
    """Simulated tasks, and those in files of older versions."""
    assert "Single tasks" not in [part.title for part in report_of(tmp_path, a=values).sections]


def test_a_trimmed_file_holds_no_texts() -> None:
    kept = trimmed(parse_document(single_tasks()))
    assert b"question" not in repr(kept).encode()


def test_the_markdown_has_the_surest_few(tmp_path: Path) -> None:
    report = report_of(tmp_path, a=single_tasks(texts={"prompt4": "a | b"}))
    text = make_comparison(report, (), None, tmp_path / "x.md")
    assert r"| won | ticket-4 | a \| b |" in text
    assert "| never | ticket-3" not in text


@pytest.mark.parametrize("printer", [print_report, print_details])
def test_on_the_screen_they_have_a_command_of_their_own(printer: Callable[..., None], tmp_path: Path) -> None:
    console = Console(record=True, file=io.StringIO(), width=120)
    printer(console, report_of(tmp_path, a=single_tasks()))
    text = console.export_text()
    assert "Single tasks" not in text
    assert "Tasks of" not in text


# texts of strangers


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.attributes: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append(tag)
        self.attributes |= {name for name, _ in attrs}


def hostile(**more: str) -> dict[str, Any]:
    texts = {f"{what}{task}": HOSTILE for what in ("prompt", "right", "id", "place") for task in range(6)}
    values = single_tasks(texts={**texts, "wrong": HOSTILE, **more})
    for number, each in enumerate(values["tasks"]["tasks"]):
        each["type"] = f"{number % 2}{HOSTILE}"
    return values


def test_texts_of_a_file_are_texts_on_the_page(tmp_path: Path) -> None:
    page = make_page(report_of(tmp_path, a=hostile()), 1)
    tags = Tags(page)
    assert not {"script", "img"} & set(tags.found)
    assert not {name for name in tags.attributes if name.startswith("on")}
    assert "&lt;/script&gt;&lt;script&gt;alert(1)" in page
    assert [c for c in page if not c.isprintable() and c != "\n"] == []
    assert "w" * 201 not in page


# in a real browser

LAST = "[...document.querySelectorAll('.single')].at(-1)"
"""The list of the choices among candidates."""
SHOWN = f"""
[...{LAST}.querySelectorAll('.task')].filter(e => e.offsetParent !== null).map(e => e.querySelector('bdi').textContent)
"""
needs_browser = pytest.mark.skipif(find_browser() is None, reason="no Chromium: no page is opened in a browser")


@needs_browser
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [400, 1280])
def test_cards_are_filtered_by_outcome_and_type(width: int, dark: bool, browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(make_page(report_of(tmp_path, a=single_tasks()), 1), encoding="utf-8")
    browser.look(width, dark=dark)
    browser.open(path)
    every = [f"ticket-{i}" for i in (4, 0, 2, 5, 3, 1)]
    browser.run(f"{LAST}.open = true")
    assert browser.run(SHOWN) == every
    for chosen, expected in (
        ("o-lost", ["ticket-2", "ticket-5"]), ("k-bug-fix", ["ticket-5"]), ("o-kept", ["ticket-1"]),
        ("o-won", []), ("k-code-completion", ["ticket-4", "ticket-0"]),
    ):  # fmt: skip
        browser.run(f"{LAST}.querySelector('.pick.{chosen}').click()")
        assert browser.run(SHOWN) == expected, chosen
        nothing = browser.run(f"getComputedStyle({LAST}.querySelector('.nothing')).display")
        assert (nothing == "block") == (not expected)
    assert browser.run("[...document.querySelectorAll('.single')][0].querySelector('.pick.any').checked")
    browser.run(f"{LAST}.querySelectorAll('.pick.any').forEach(e => e.click())")
    assert browser.run(SHOWN) == every
    assert browser.run("document.documentElement.scrollWidth") == width
    assert browser.run(CONTRASTS) == []
    assert browser.problems == []
    browser.screenshot(Path(SCREENSHOTS or tmp_path) / f"tasks-{width}-{'dark' if dark else 'light'}.png")


@needs_browser
@pytest.mark.parametrize("width", [400, 1280])
def test_hostile_texts_break_no_page(width: int, browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(make_page(report_of(tmp_path, a=hostile()), 1), encoding="utf-8")
    browser.look(width)
    browser.open(path)
    assert browser.problems == []
    assert browser.run("document.documentElement.scrollWidth") == width
    assert browser.run("document.querySelectorAll('script, img').length") == 0
    browser.run(f"{LAST}.open = true")
    assert len(browser.run(SHOWN)) == 6
