"""Records and summaries of prequential runs."""

import msgspec
import prequential_samples as samples
import pytest
from msgspec import structs

from ruvllm.evaluation.sequential import confidence_sequence
from ruvllm.results.document import document_text
from ruvllm.results.reading import parse_document
from ruvllm.results.streams.records import PrequentialRow, PrequentialRun, PrequentialSummary
from ruvllm.results.streams.summaries import gain_so_far, outcome_of, strongest_other, summarise_prequential
from ruvllm.results.verdict import BETTER, CEILING, NOT_SHOWN, WORSE


def summary(*runs: PrequentialRun) -> PrequentialSummary:
    (found,) = summarise_prequential(runs or (samples.run(),))
    return found


def row(found: PrequentialSummary, method: str) -> PrequentialRow:
    return next(each for each in found.rows if each.method == method)


def test_figures_are_means_over_tasks_and_gains_their_differences() -> None:
    run, found = samples.run(), summary()
    for method, ranks in run.reciprocal_ranks.items():
        assert row(found, method).recall_at_1 == pytest.approx(sum(r == 1 for r in ranks) / 240)
        assert row(found, method).recall_at_3 == pytest.approx(sum(r >= 1 / 3 for r in ranks) / 240)
        assert row(found, method).mrr == pytest.approx(sum(ranks) / 240)
    ahead = row(found, "frozen").learned_ahead["mrr"]
    assert ahead.mean == pytest.approx(row(found, "learned").mrr - row(found, "frozen").mrr)
    assert ahead.ci95[0] < ahead.mean < ahead.ci95[1]
    assert row(found, "learned").learned_ahead == {}


def test_chance_follows_from_the_pools() -> None:
    chance = row(summary(structs.replace(samples.run(4), pools=[1, 2, 4, 4])), "chance")
    assert chance.recall_at_1 == pytest.approx((1 + 1 / 2 + 1 / 4 + 1 / 4) / 4)
    assert chance.recall_at_3 == pytest.approx((1 + 1 + 3 / 4 + 3 / 4) / 4)
    assert chance.mrr == pytest.approx((1 + 3 / 4 + 2 * (1 + 1 / 2 + 1 / 3 + 1 / 4) / 4) / 4)


def test_thirds_cover_the_stream() -> None:
    found = summary(samples.run(100))
    assert [third.tasks for third in found.thirds] == [34, 33, 33]
    of_thirds = sum(third.tasks * third.rows[0].recall_at_1 for third in found.thirds)
    assert of_thirds == pytest.approx(100 * found.rows[0].recall_at_1)
    assert summary(samples.run(2)).thirds == []


def test_the_curve_ends_at_the_mean_gain_and_its_interval_holds_always() -> None:
    means, always = gain_so_far([samples.run()], "frozen", "recall_at_1")
    found = row(summary(), "frozen")
    assert means[-1] == pytest.approx(found.learned_ahead["recallAt1"].mean)
    assert found.always is not None
    assert found.always["recallAt1"] == always[-1]
    low, high = found.learned_ahead["recallAt1"].ci95
    assert always[-1][0] < low < high < always[-1][1]


def test_seeds_are_no_further_tasks() -> None:
    """The same stream under five seeds has the interval of one."""
    run = samples.run()
    once = row(summary(run), "frozen").learned_ahead
    again = row(summary(*(structs.replace(run, seed=seed) for seed in range(5))), "frozen").learned_ahead
    assert again == once


def test_copies_are_drawn_together() -> None:
    run = samples.run()
    in_tens = structs.replace(run, groups=[i // 10 for i in range(240)], reciprocal_ranks={
        name: [ranks[i // 10] for i in range(240)] for name, ranks in run.reciprocal_ranks.items()})  # fmt: skip
    wide, narrow = (row(summary(each), "frozen").learned_ahead["mrr"].ci95
                    for each in (in_tens, structs.replace(in_tens, groups=None)))  # fmt: skip
    assert wide[1] - wide[0] > 2 * (narrow[1] - narrow[0])


@pytest.mark.parametrize(("gain", "outcome"), [(0.3, BETTER), (-0.3, WORSE), (0.002, NOT_SHOWN)])
def test_outcomes(gain: float, outcome: str) -> None:
    run = samples.run(gain=gain)
    assert outcome_of(summary(run), [run]) == outcome


def test_a_perfect_start_leaves_nothing_to_gain() -> None:
    run = structs.replace(samples.run(20), reciprocal_ranks={"frozen": [1.0] * 20, "learned": [1.0] * 20})
    assert outcome_of(summary(run), [run]) == CEILING


def test_five_changed_tasks_show_nothing() -> None:
    ranks = [0.5] * 20
    run = structs.replace(samples.run(20), reciprocal_ranks={"frozen": ranks, "learned": [1.0] * 5 + ranks[5:]})
    assert row(summary(run), "frozen").learned_ahead["recallAt1"].ci95[0] > 0
    assert outcome_of(summary(run), [run]) == NOT_SHOWN


def test_the_strongest_other_is_neither_a_control_nor_chance() -> None:
    assert strongest_other(summary(samples.run(methods=()))) is None
    run = samples.run(methods=("handSet", "bm25", "shuffled"))
    best = dict(run.reciprocal_ranks) | {"shuffled": [1.0] * 240, "bm25": [1.0] * 240}
    found = strongest_other(summary(structs.replace(run, reciprocal_ranks=best)))
    assert found is not None
    assert found.method == "bm25"


def test_runs_of_other_tasks_are_refused() -> None:
    with pytest.raises(ValueError, match="differ in their tasks or methods"):
        summarise_prequential([samples.run(), structs.replace(samples.run(seed=1), pools=[3] * 240)])


def test_documents_are_read_as_they_were_written() -> None:
    made = samples.document(samples.run(), samples.run(seed=1))
    assert parse_document(msgspec.json.decode(document_text(made))) == made


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pools": [20]}, "pools must have an element for each of the 240 tasks, not 1"),
        ({"reciprocal_ranks": {"frozen": [1.0] * 240, "x": [1.0] * 240}}, "reciprocalRanks must have learned"),
        ({"reciprocal_ranks": {"frozen": [0.0] * 240, "learned": [1.0] * 240}}, "above 0 and at most 1"),
        ({"answered_by": []}, "answeredBy must have an element"),
    ],
)
def test_broken_records_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        structs.replace(samples.run(), **change)


def test_the_interval_of_the_sample_is_that_of_its_gains() -> None:
    run = samples.run()
    gains = [float(a == 1) - float(b == 1) for a, b in
             zip(run.reciprocal_ranks["learned"], run.reciprocal_ranks["handSet"], strict=True)]  # fmt: skip
    assert gain_so_far([run], "handSet", "recall_at_1")[1] == confidence_sequence(gains)
