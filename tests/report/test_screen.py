"""Tables on a screen: groups of columns side by side as far as they fit, the others below, nothing lost."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from experiment_samples import printed
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from ruvllm.report.parts import Report, Section, Table
from ruvllm.report.screen import print_details, print_notes, print_table

ROWS = ("rowA", "rowB")
Group = tuple[tuple[str, int], ...]
"""Headings of columns, and how wide their cells are."""


def group(name: str, *widths: int) -> Group:
    """The heading of column 1 of group g is g1."""
    return tuple((f"{name}{i + 1}", width) for i, width in enumerate(widths))


def cells(row: str, groups: Sequence[Group]) -> list[str]:
    return [f"{heading}{row}".ljust(width, ".") for columns in groups for heading, width in columns]


def table_of(groups: Sequence[Group], title: str = "A title", rows: Sequence[str] = ROWS) -> Table:
    headings = ("Key", *(heading for columns in groups for heading, _ in columns))
    return Table(title, headings, tuple((row, *cells(row, groups)) for row in rows), groups=tuple(map(len, groups)))


def shown(table: Table, width: int) -> str:
    return printed(lambda console, _: print_table(console, table), {}, width)


def screen(groups: Sequence[Group], width: int, title: str = "A title", rows: Sequence[str] = ROWS) -> str:
    return shown(table_of(groups, title, rows), width)


def tables(text: str) -> list[list[str]]:
    """The headings of each table."""
    return [line.split()[1:] for line in text.splitlines() if line.startswith("Key ")]


THREE = [group("f", 10), group("g", 10), group("h", 10)]


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (150, [["f1", "g1", "h1"]]),
        (41, [["f1", "g1", "h1"]]),
        (39, [["f1", "g1"], ["h1"]]),
        (29, [["f1", "g1"], ["h1"]]),
        (27, [["f1"], ["g1"], ["h1"]]),
        (17, [["f1"], ["g1"], ["h1"]]),
        (15, [["f1"], ["g1"], ["h1"]]),
    ],
)
def test_groups_stand_side_by_side_as_far_as_they_fit(width: int, expected: list[list[str]]) -> None:
    text = screen(THREE, width)
    assert tables(text) == expected
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width


def test_columns_are_two_spaces_apart_or_one_where_a_group_alone_is_too_wide() -> None:
    wide, narrow = (screen([group("g", 10, 10)], width) for width in (80, 26))
    assert "rowA  g1rowA....  g2rowA...." in wide
    assert "rowA g1rowA.... g2rowA...." in narrow


def test_the_columns_of_a_group_are_never_parted() -> None:
    groups = [group("f", 10), group("g", 10, 10), group("h", 10)]
    assert tables(screen(groups, 39)) == [["f1"], ["g1", "g2"], ["h1"]]


def test_a_wide_group_stands_alone_and_the_ones_after_it_begin_anew() -> None:
    groups = [group("f", 10), group("g", 40), group("h", 10), group("i", 10)]
    assert tables(screen(groups, 50)) == [["f1"], ["g1"], ["h1", "i1"]]


def test_what_cannot_fit_at_all_goes_on_in_the_next_line() -> None:
    text = screen([group("g", 30)], 20)
    assert "…" not in text and max(map(len, text.splitlines())) <= 20
    words = [line.removeprefix("rowA").split() for line in text.splitlines()[3:5]]
    assert "".join(word for line in words for word in line) == "g1rowA".ljust(30, ".")


def expected_tables(widths: Sequence[Sequence[int]], width: int) -> list[list[str]]:
    """The greedy packing again: 4 for the names, 2 between columns, 1 at the end."""
    found: list[list[str]] = []
    room = 0
    for number, columns in enumerate(widths):
        names = [f"{'abcdef'[number]}{i + 1}" for i in range(len(columns))]
        need = sum(columns) + 2 * len(columns)
        if found and need <= room:
            found[-1] += names
        else:
            found.append(names)
            room = width - 5
        room -= need
    return found


@given(
    st.lists(st.lists(st.integers(7, 25), min_size=1, max_size=3), min_size=1, max_size=6),
    st.integers(5 + 3 * 27, 180),
)
def test_every_cell_is_shown_once_in_its_order_in_as_few_tables_as_greed_allows(
    widths: list[list[int]], width: int
) -> None:
    groups = [group("abcdef"[number], *columns) for number, columns in enumerate(widths)]
    text = screen(groups, width)
    assert tables(text) == expected_tables(widths, width)
    for name in ROWS:
        found = [word for line in text.splitlines() if line.startswith(f"{name} ") for word in line.split()[1:]]
        assert found == cells(name, groups)
    assert max(map(len, text.splitlines())) <= width


def test_the_title_comes_first_and_once_and_is_taken_as_it_is() -> None:
    text = screen(THREE, 17, title="[b]v3[/b]")
    assert text.splitlines()[0] == "[b]v3[/b]"
    assert text.count("v3") == 1


def test_a_heading_is_not_wider_than_its_cells_and_brackets_are_kept() -> None:
    table = Table("A title", ("Key", "A rate of some kind [95%]"), (("rowA", "+1.0 [+0.5, +1.5]"),))
    lines = shown(table, 80).splitlines()
    assert [line.split() for line in lines[1:3]] == [["A", "rate", "of", "some"], ["Key", "kind", "[95%]"]]
    assert lines[4].split() == ["rowA", "+1.0", "[+0.5,", "+1.5]"]


def test_columns_of_no_group_stand_for_themselves() -> None:
    table = replace(table_of(THREE), groups=())
    assert tables(shown(table, 39)) == [["f1", "g1"], ["h1"]]


def test_a_table_without_rows_has_its_headings() -> None:
    assert tables(screen(THREE, 80, rows=[])) == [["f1", "g1", "h1"]]


def test_no_columns_leave_the_title_alone() -> None:
    assert screen([], 80) == "A title\n"


def test_details_are_every_paragraph_and_table_and_each_note_once() -> None:
    noted = [replace(table_of(THREE, title), note="A note.") for title in ("A title", "More")]
    blocks = ("A paragraph.", *noted)
    report = Report("Title", ("What came out.",), (Section("[b]One", blocks), Section("Provenance", ("no",))))
    text = printed(lambda console, _: print_details(console, report), {}, 80)
    lines = [line for line in text.splitlines() if line and not line.startswith(("Key", "row", "─"))]
    assert lines == ["What came out.", "[b]One", "A paragraph.", "A title", "A note.", "More"]


def test_notes_follow_one_another_and_are_wrapped_between_words() -> None:
    notes = ("The first note has [95%] in it and goes on and on.", "The second one.")

    def show(console: Console, _: dict[str, Any]) -> None:
        print_notes(console, notes)

    assert printed(show, {}, 80) == "\n".join(notes) + "\n"
    narrow = printed(show, {}, 20)
    assert narrow.split() == " ".join(notes).split()
    assert max(map(len, narrow.splitlines())) <= 20
