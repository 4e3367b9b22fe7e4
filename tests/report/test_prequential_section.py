"""What a report says of a stream, and shows."""

from pathlib import Path

import prequential_samples as samples
import pytest

from ruvllm.report.contents import make_report
from ruvllm.report.parts import Figure, Report
from ruvllm.report.pictures import save_figure
from ruvllm.report.tidy_csv import make_csv
from ruvllm.report.trimming import trimmed
from ruvllm.results.reading import in_memory
from ruvllm.results.streams.records import PrequentialRun


def report(*runs: PrequentialRun) -> Report:
    return make_report(in_memory(samples.document(*runs)))


def facts(found: Report) -> dict[str, str]:
    return dict(found.verdicts[0].facts)


@pytest.mark.parametrize(
    ("run", "answer"),
    [
        (samples.run(methods=()), "It got better from use."),
        (samples.run(gain=0.1), "It got better from use, but not shown to be better than hand-set weights."),
        (samples.run(gain=-0.3, methods=()), "It got worse from use."),
        (samples.run(gain=0.002, methods=()), "Not shown that it got better from use."),
    ],
)
def test_the_verdict_comes_first(run: PrequentialRun, answer: str) -> None:
    assert report(run).verdicts[0].answer == answer


def test_what_belongs_to_the_verdict() -> None:
    said = facts(report())
    assert "points of recall@1 on 240 tasks, each answered before it was learned from, seed 0" in said["Learning"]
    assert "which holds at every look at the stream" in said["At any time"]
    assert said["Free of charge"].startswith("hand-set weights: ")
    assert said["Chance"] == "5.0% by guessing; candidates: 20 each."
    assert "shuffled answers" in said["Control"]
    assert "order by date, from 2020-01-01" in said["Stream"]
    assert "3 of 243 tasks are copies of earlier ones: learned from, but not measured" in said["Stream"]
    assert "answered 50.0% of them" in said["Stream"]
    assert said["Thirds"].count(";") == 2


def test_tables_have_every_method_and_each_third() -> None:
    stream, thirds = report().tables[:2]
    names = ["frozen", "hand-set weights", "shuffled answers", "learned", "chance"]
    assert [row[0] for row in stream.rows] == names == [row[0] for row in thirds.rows]
    assert "first 80 tasks" in thirds.columns


def test_the_picture_has_a_panel_for_frozen_and_for_hand_set_weights(tmp_path: Path) -> None:
    (figure,) = (found for found in report().figures if isinstance(found, Figure))
    assert [panel.title for panel in figure.panels] == ["over frozen", "over hand-set weights"]
    assert "holds at every number of tasks at once" in figure.note
    assert "at the end +" in figure.panels[0].alt
    png, svg = save_figure(figure, tmp_path)
    assert png.stat().st_size > 5000
    assert "<svg" in svg.read_text()


def test_every_rank_is_in_the_csv() -> None:
    found = make_csv(in_memory(samples.document()).sources)
    assert found.count("reciprocalRank") == 240 * 4
    assert ",handSet,240,reciprocalRank," in found


def test_a_trimmed_file_has_the_same_report() -> None:
    whole = samples.document()
    assert make_report(in_memory(trimmed(whole))).tables == make_report(in_memory(whole)).tables
