"""In which order tasks come, and that nothing of later ones is known before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import stream_samples as samples

from ruvllm.workloads.inputs import InputOptions, read_input
from ruvllm.workloads.streams.lexical import bm25_ranks
from ruvllm.workloads.streams.moments import TaskStream
from ruvllm.workloads.streams.order import order_of, parse_date
from ruvllm.workloads.tasks import TextTask
from ruvllm.workloads.text import TextInput
from ruvllm.workloads.workload import Workload

WORDS = [f"{a}{b}{a}q" for a in "bdfgkl" for b in "aeiouy"]


def tasks(*dates: str) -> list[TextTask]:
    return [TextTask(f"prompt {i}", f"solution {i}", 0, date=date) for i, date in enumerate(dates)]


def test_by_date_where_all_have_one_those_of_one_date_as_in_the_file() -> None:
    found = order_of(tasks("2024-02-01", "2023-12-31T23:00:00-02:00", "2024-01-01T00:30:00Z", "2024-02-01"))
    assert (found.numbers.tolist(), found.words, found.by_date) == ([2, 1, 0, 3], "by date", True)


@pytest.mark.parametrize(
    ("dates", "words"),
    [
        (("", ""), "as in the file, which has no dates"),
        (("2024-01-02", "yesterday", "2024-01-01"), "as in the file, where 1 of 3 tasks have no date"),
    ],
)
def test_as_in_the_file_where_a_date_is_missing(dates: tuple[str, ...], words: str) -> None:
    found = order_of(tasks(*dates))
    assert (found.numbers.tolist(), found.words, found.by_date) == (list(range(len(dates))), words, False)


def test_dates_without_a_zone_are_universal_time() -> None:
    assert parse_date("2024-01-01T01:00:00+01:00") == parse_date("2024-01-01")


def made(found: list[dict[str, str]], **options: object) -> TextInput:
    given = [TextTask(each["prompt"], each["solution"], 0, date=each.get("date", "")) for each in found]
    return TextInput("jsonl", "tasks", given, InputOptions(**options))  # type: ignore[arg-type]


def test_copies_of_earlier_tasks_are_found_in_the_order_of_the_stream() -> None:
    found = samples.records(60)
    stream = TaskStream(made([*found, {**found[0], "solution": found[1]["solution"]}]), dim=64, seed=0)
    assert 1 <= stream.again.sum() < 20
    places = {int(task): place for place, task in enumerate(stream.numbers)}
    groups = stream.groups
    for task, again in zip(stream.numbers.tolist(), stream.again.tolist(), strict=True):
        earlier = [other for other in range(61) if groups[other] == groups[task] and places[other] < places[task]]
        assert again == bool(earlier)


def test_the_workload_of_a_moment_has_tasks_before_it_only() -> None:
    stream = TaskStream(made(samples.records(100)), dim=64, seed=0)
    workload = stream.moment(40, 60).workload
    assert workload is not None and workload.candidates is None
    known = set(stream.numbers[:40].tolist())
    parts = workload.parts
    assert {*parts.train.tolist(), *parts.valid.tolist()} == known
    assert not set(parts.train.tolist()) & set(parts.valid.tolist())
    assert set(parts.valid.tolist()) <= set(stream.numbers[32:40].tolist())


def test_a_moment_does_not_depend_on_later_prompts_and_answers() -> None:
    """Later tasks swap answers and ask something else: vectors, candidates and means before them stay."""
    found = samples.records(100, dated=False)
    later = [{**each, "prompt": f"other {i}", "solution": found[99 - i]["solution"]} for i, each in
             enumerate(found[50:])]  # fmt: skip
    one, other = (TaskStream(made(records), dim=64, seed=3) for records in (found, found[:50] + later))
    a, b = (stream.moment(40, 50) for stream in (one, other))
    assert a.workload is not None and b.workload is not None
    assert np.array_equal(a.question.queries[:50], b.question.queries[:50])
    for name in ("train", "valid"):
        assert np.array_equal(getattr(a.workload.parts, name), getattr(b.workload.parts, name))


def test_bm25_ranks_what_shares_rare_words_and_ties_count_against_it() -> None:
    found = [{"prompt": f"{word} common", "solution": f"{word} thing common", "date": ""} for word in WORDS]
    found.append({"prompt": f"{WORDS[0]} common", "solution": "one more answer", "date": ""})
    found.append({"prompt": "nothing shared", "solution": "an answer", "date": ""})
    stream = TaskStream(made(found), dim=64, seed=0)
    ranks = bm25_ranks(stream, stream.moment(0, 1).question).tolist()
    assert ranks[: len(WORDS)] == [1] * len(WORDS)
    assert ranks[-1] == len(found)  # no word in common: as far as any other
    assert ranks[-2] == len(found) - 1  # the first answer is right for the same prompt, and is left out


def test_a_control_hears_answers_that_have_nothing_to_do_with_the_task() -> None:
    stream = TaskStream(made(samples.records(140, dated=False)), dim=64, seed=0)
    moment = stream.moment(100, 140, control=True)
    assert moment.workload is not None and moment.shuffled is not None
    assert moment.workload.question is not None
    solutions = moment.workload.question.vectors.solutions

    def own_answers(workload: Workload) -> int:
        loaded = ((i, *workload.source.load(i)) for i in range(140))
        return sum(np.array_equal(candidates[right], solutions[i]) for i, _, candidates, right, _ in loaded)

    assert own_answers(moment.workload) == 140
    assert own_answers(moment.shuffled) < 30  # of 10 pages one in ten is the same by chance
    assert moment.shuffled.parts.train.tolist() == moment.workload.parts.train.tolist()


def test_too_few_tasks_are_refused() -> None:
    with pytest.raises(ValueError, match="needs at least 30 tasks that are no copies of earlier ones, not "):
        TaskStream(made(samples.records(29)), dim=64, seed=0)


def test_dates_are_read_from_files_and_do_not_change_the_tasks(tmp_path: Path) -> None:
    path = samples.write(tmp_path, *samples.records(40))
    dated = read_input(f"jsonl:{path}")
    assert dated.tasks[0].date == "2024-01-21"
    assert isinstance(dated, TextInput)
    assert dated.digest == TextInput("jsonl", "tasks", [replace(task, date="") for task in dated.tasks]).digest
