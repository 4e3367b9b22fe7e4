"""Single tasks on a terminal: counts, then a few lines for each task, cut to its width; in a pipe they are whole."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from ruvllm.files.json_reading import shown
from ruvllm.report.parts import Card
from ruvllm.report.screen import print_notes, print_table
from ruvllm.report.tasks.cards import LINE, RIGHT, card_of, counts_table, numbers_table, of_outcome
from ruvllm.report.tasks.selection import Found, Selection
from ruvllm.report.wording import counted, words
from ruvllm.results.outcomes import Attempt, Choice, SingleTask

__all__ = ["print_tasks"]

HEADING = 16
"""Letters of "  chosen before " and the like."""
NO_TEXTS = "The file has no texts of these tasks: it was made with --no-texts, or by version 0.2.0 or before."


def print_tasks(console: Console, found: Sequence[Found], selection: Selection, limit: int) -> None:
    """Prints how many tasks had each outcome, then the tasks that were asked for: `limit` of each outcome at most."""
    for each in found:
        counts = counts_table(each.everything, selection.measure)
        print_table(console, counts)
        if each.file:
            named = f"{each.run_name}: " if each.run_name else ""
            console.print(f"From {named}{each.file}.", style="dim", highlight=False, markup=False, soft_wrap=True)
            console.print()
        if not each.selected.tasks:
            _print(console, f"None of the {counted(len(each.everything.tasks), 'task')} is {_wanted(selection)}.")
        elif selection.name:
            for task in each.selected.tasks:
                _print_whole(console, task, selection.measure)
        else:
            _print_outcomes(console, each, selection, limit)
        console.print()
    print_notes(console, list(dict.fromkeys(counts_table(each.everything, selection.measure).note for each in found)))


def _print_outcomes(console: Console, found: Found, selection: Selection, limit: int) -> None:
    for outcome, tasks in of_outcome(found.selected.tasks, selection.measure).items():
        heading = f"{outcome.capitalize()}: {counted(len(tasks), 'task')}, the surest first"
        if len(tasks) > limit:
            heading += f"; {limit} shown, --limit {len(tasks)} shows all"
        if all(task.prompt is None and not task.id for task in tasks):
            print_table(console, numbers_table(heading, tasks[:limit], selection.measure))
            continue
        console.print(heading, style="bold", highlight=False, markup=False)
        for task in tasks[:limit]:
            _print_card(console, card_of(task, selection.measure))
        console.print()
    if not found.selected.is_simulated and not found.everything.has_texts:
        print_notes(console, [NO_TEXTS])


def _print_card(console: Console, card: Card, whole: bool = False) -> None:
    console.print()
    title = f"{card.name}  ({card.facts})" if card.facts else card.name
    _print(console, title, bold=len(card.name), whole=whole)
    _print(console, f"  {card.score}", whole=whole)
    for heading, text in card.texts:
        _print(console, f"  {heading:{HEADING - 2}}{text}", whole=whole)


def _print_whole(console: Console, task: SingleTask, measure: str) -> None:
    """A task, and what each run answered to it, nothing of it cut."""
    card = card_of(task, measure)
    _print_card(console, card, whole=True)
    _print(console, f"  {'outcome':{HEADING - 2}}{card.outcome}")
    for attempt in task.attempts:
        fold = "" if attempt.fold is None else f", fold {attempt.fold}"
        console.print()
        _print(console, f"  seed {attempt.seed}{fold}")
        for heading, text in _lines_of(task, attempt):
            _print(console, f"    {heading:{HEADING + 10}}{text}", whole=True)


def _lines_of(task: SingleTask, attempt: Attempt) -> list[tuple[str, str]]:
    def choice(found: Choice | None) -> str:
        if found is None:
            return ""
        return RIGHT if found.solution == task.task else shown(found.text or f"solution {found.solution}", LINE)

    def sure(share: float | None) -> str:
        return "" if share is None else f", sure {100 * share:.1f}%"

    def right(resolved: bool, found: Choice | None) -> str:
        return choice(found) or ("right" if resolved else "wrong")

    before = right(attempt.resolved_initially, attempt.chosen_initially) + sure(attempt.confidence_initially)
    lines = [
        ("chosen before", before),
        ("chosen after", right(attempt.resolved, attempt.chosen) + sure(attempt.confidence)),
    ]
    if attempt.rank is not None:
        lines.append(("rank among all solutions", f"{attempt.rank_initially or '?'} → {attempt.rank}"))
    for heading, found in (("first before", attempt.first_initially), ("first after", attempt.first)):
        if text := choice(found):
            lines.append((heading, text))
    return lines


def _wanted(selection: Selection) -> str:
    """What was asked for, in words."""
    outcomes = " or ".join(selection.outcomes)
    kinds = " or ".join(map(words, selection.types))
    return ", of type ".join(filter(None, (outcomes or "there", kinds)))


def _print(console: Console, text: str, *, bold: int = 0, whole: bool = False) -> None:
    """Prints one line, its first letters bold: cut at the end of a terminal unless all of it is wanted."""
    line = Text(text)
    line.stylize("bold", 0, bold)
    if console.is_terminal and not whole:
        console.print(line, no_wrap=True, overflow="ellipsis", crop=True)
    else:
        console.print(line, soft_wrap=True)
