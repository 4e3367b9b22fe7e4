"""Tables on a screen: groups of columns side by side as far as they fit, the others below, nothing lost."""

from collections.abc import Sequence
from typing import Any

import pytest
from experiment_samples import printed
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from ruvllm.report.screen import Columns, in_points, print_notes, print_table

ROWS = [{"name": "rowA"}, {"name": "rowB"}]
KEY = ("Key", lambda row: str(row["name"]))


def group(name: str, *widths: int) -> Columns:
    """Columns whose cells are so wide; the name of column 1 of group g is g1."""

    def column(number: int, width: int) -> tuple[str, Any]:
        return f"{name}{number}", lambda row: f"{name}{number}{row['name']}".ljust(width, ".")

    return [column(i + 1, width) for i, width in enumerate(widths)]


def screen(groups: Sequence[Columns], width: int, title: str = "A title", rows: Sequence[dict[str, Any]] = ROWS) -> str:
    def show(console: Console, _: dict[str, Any]) -> None:
        print_table(console, title, KEY, groups, rows)

    return printed(show, {}, width)


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
    cells = [line.removeprefix("rowA").split() for line in text.splitlines()[3:5]]
    assert "".join(word for words in cells for word in words) == "g1rowA".ljust(30, ".")


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
    for name in ("rowA", "rowB"):
        cells = [word for line in text.splitlines() if line.startswith(f"{name} ") for word in line.split()[1:]]
        assert cells == [cell({"name": name}) for columns in groups for _, cell in columns]
    assert max(map(len, text.splitlines())) <= width


def test_the_title_comes_first_and_once_and_is_taken_as_it_is() -> None:
    text = screen(THREE, 17, title="[b]v3[/b]")
    assert text.splitlines()[0] == "[b]v3[/b]"
    assert text.count("v3") == 1


def test_a_heading_of_two_lines_and_brackets_are_kept() -> None:
    columns: Columns = [("Rate\n[95%]", lambda row: "+1.0 [+0.5, +1.5]")]
    lines = screen([columns], 80).splitlines()
    assert [line.split() for line in lines[1:3]] == [["Rate"], ["Key", "[95%]"]]
    assert lines[4].split() == ["rowA", "+1.0", "[+0.5,", "+1.5]"]


def test_a_table_without_rows_has_its_headings() -> None:
    assert tables(screen(THREE, 80, rows=[])) == [["f1", "g1", "h1"]]


def test_no_groups_leave_the_title_alone() -> None:
    assert screen([], 80) == "A title\n"


def test_notes_follow_one_another_and_are_wrapped_between_words() -> None:
    notes = ("The first note has [95%] in it and goes on and on.", "The second one.")

    def show(console: Console, _: dict[str, Any]) -> None:
        print_notes(console, notes)

    assert printed(show, {}, 80) == "\n".join(notes) + "\n"
    narrow = printed(show, {}, 20)
    assert narrow.split() == " ".join(notes).split()
    assert max(map(len, narrow.splitlines())) <= 20


@pytest.mark.parametrize(
    ("value", "interval", "text"),
    [
        (0.0349, (-0.0121, 0.05), "+3.5 [-1.2, +5.0]"),
        (-0.5, (-1.0, -0.0004), "-50.0 [-100.0, -0.0]"),
        (0.0, (0.0, 0.0), "+0.0 [+0.0, +0.0]"),
    ],
)
def test_a_difference_in_points_has_its_sign_and_its_interval(
    value: float, interval: tuple[float, float], text: str
) -> None:
    assert in_points(value, interval) == text
