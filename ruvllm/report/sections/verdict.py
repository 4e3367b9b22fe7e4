"""The verdict in words: it comes first, and says to whoever knows nothing else whether it got better."""

from __future__ import annotations

from collections.abc import Sequence

from ruvllm.evaluation.statistics import mean
from ruvllm.report.parts import Verdict as VerdictBlock
from ruvllm.report.settings import Measured, Setting, seeds_in_words
from ruvllm.report.wording import percent, points_with, words
from ruvllm.results import verdict
from ruvllm.results.audit_records import audit_sentences
from ruvllm.results.verdict import MEMORISED, FreeMethod, Judged, Verdict, judge_row

__all__ = ["EXPLAINED", "verdicts_of"]

EXPLAINED = (
    "recall@1: the right answer comes first among all answers to choose from. Resolve rate: it comes first among a "
    "task's few candidates. Test tasks are never learned from. In brackets: 95% interval of the difference, paired by "
    "task; a gain whose interval holds 0 is not shown."
)
MEASURES = {"recall_at_1": "recall@1", "resolve_rate": "resolve rate"}
PARTS = {"train": "to learn from", "valid": "to choose settings by", "test": "to test", "holdout": "held out"}
OUTCOMES = {
    verdict.BETTER: "beyond chance",
    verdict.NOT_SHOWN: "not shown",
    verdict.WORSE: "worse, beyond chance",
    verdict.CEILING: "nothing left to gain",
    verdict.LEAK: "not measured on unseen tasks",
}

CLOSED_SET = (
    "They are the files of the repository that patches in the data change. This is not SWE-bench localization, whose "
    "candidates are all its files: --workload swebench:FILE --repos DIR."
)
BESIDE = {verdict.WORSE: "beyond chance", verdict.BETTER: "behind it, beyond chance", verdict.SAME: "not shown"}
"""What was selected beside the words alone, by the outcome of these."""


def verdicts_of(setting: Setting, title: str, beside: Sequence[Setting]) -> list[VerdictBlock]:
    """One for each protocol and encoder of real input.

    Each is judged as one of all rows on the same input, in whichever of the settings `beside` it they are: who tries
    many encoders finds a good one by chance.
    """
    rows = [row for protocol in setting.protocols for row in setting.rows(protocol)]
    tried = sum(len(other.measured) for other in beside if other.subject.input == setting.subject.input)
    blocks = []
    for row in rows:
        names = [row.summary.model] if len(setting.models) > 1 else []
        names += [row.summary.protocol] if setting.protocols != ["v3"] else []
        own_title = f"{title} ({', '.join(names)})" if names else title
        blocks.append(_block(row, judge_row(row.summary, row.runs, tried), own_title))
    return blocks


def _block(row: Measured, found: Verdict, title: str) -> VerdictBlock:
    facts = [
        ("Learning", _learning(row, found)),
        ("Words", _words(found)),
        ("Free of charge", _free(found)),
        ("Other measure", _other(found)),
        ("Tasks", _tasks(found)),
        ("Candidates", _candidates(row)),
        ("Copies", _copies(row)),
        ("Train and test", _overfit(found)),
        ("Mind", " ".join(_cautions(row, found))),
    ]
    return VerdictBlock(
        title=title,
        answer=_answer(found),
        outcome=found.main.outcome,
        facts=tuple((label, text) for label, text in facts if text),
    )


def _answer(found: Verdict) -> str:
    """The one sentence that everybody reads."""
    main = found.main
    if main.outcome == verdict.LEAK:
        return "Not measured: test tasks have copies among those that were learned from."
    if main.outcome == verdict.BETTER:
        return f"It got better{_than_free(found.free)}."
    if main.outcome == verdict.WORSE:
        return "It got worse."
    if main.outcome == verdict.CEILING:
        top = "Nothing left to learn" if main.gain.frozen >= 1 else "Next to nothing left to learn"
        return f"{top}: {percent(main.gain.frozen)} are right before any learning."
    return "Not shown that it got better."


def _learning(row: Measured, found: Verdict) -> str:
    gain = found.main.gain
    seeds = seeds_in_words(row.summary.seeds) + (f", {found.folds} folds" if found.folds else "")
    return (
        f"{points_with(gain.gain, gain.gain_ci95)} points of {MEASURES[found.main.measure]} on {_count(found.tests)} "
        f"test tasks, {seeds} ({percent(gain.frozen)} before, {percent(gain.learned)} after): "
        f"{OUTCOMES[found.main.outcome]}."
    )


def _than_free(free: FreeMethod | None) -> str:
    """What a reader of the first sentence alone must know: whether learning was needed for that."""
    if free is None or free.outcome == verdict.WORSE or free.gain.gain <= 0:
        return ""
    if free.outcome == verdict.BETTER:
        return ", but what is free of charge is better still"
    return ", but not shown to be better than what is free of charge"


def _free(found: Verdict) -> str:
    free = found.free
    if free is None:
        return ""
    gain = f"{words(free.method)}: {points_with(free.gain.gain, free.gain.gain_ci95)} points of recall@1"
    return f"{gain}, by one fit without a learning loop ({percent(free.gain.learned)}). {_against(free)}"


def _words(found: Verdict) -> str:
    """How much of the gain is the lexical view's, which nobody should take for learning."""
    if found.words is None:
        return ""
    free = found.words
    gain = points_with(free.gain.gain, free.gain.gain_ci95)
    return (
        f"{gain} points of recall@1 come from words beside the vectors, with nothing learned "
        f"({percent(free.gain.learned)}). What answers in the end is {points_with(free.ahead, free.ahead_ci95)} points "
        f"ahead of that: {BESIDE[free.outcome]}."
    )


def _against(free: FreeMethod) -> str:
    ahead = points_with(free.ahead, free.ahead_ci95)
    if free.outcome == verdict.BETTER:
        return f"Better than learning, which is {ahead} points against it: beyond chance. Take that instead."
    if free.outcome == verdict.WORSE:
        return f"Learning is ahead of it by {ahead} points: beyond chance."
    return f"Learning against it: {ahead} points, no difference shown."


def _other(found: Verdict) -> str:
    if found.other is None:
        return ""
    gain = found.other.gain
    rates = f"{percent(gain.frozen)} before, {percent(gain.learned)} after"
    text = f"{MEASURES[found.other.measure]} {points_with(gain.gain, gain.gain_ci95)} points ({rates}): " + OUTCOMES[
        found.other.outcome
    ]
    return text + (". The two measures disagree." if _disagree(found.main, found.other) else ".")


def _disagree(a: Judged, b: Judged) -> bool:
    return {a.outcome, b.outcome} == {verdict.BETTER, verdict.WORSE}


def _tasks(found: Verdict) -> str:
    if not found.parts:
        return ""
    parts = ", ".join(f"{_count(found.parts[key])} {text}" for key, text in PARTS.items())
    return f"{_count(sum(found.parts.values()))}: {parts}."


def _copies(row: Measured) -> str:
    """What was found of repeats, and how near the nearest train task of each test task is."""
    first = row.runs[0]
    checks = [run.leak_check for run in row.runs if run.leak_check is not None]
    said = audit_sentences(first.repeats, checks, first.left_out or ())
    return "; ".join(said) + "." if said else ""


def _overfit(found: Verdict) -> str:
    gap = 100 * (found.train - found.test)
    text = (
        f"resolve rate {percent(found.train)} on tasks it learned from, {percent(found.test)} on test tasks, "
        f"{percent(found.holdout)} on the holdout"
    )
    if found.memorises:
        return f"{text}: {gap:.0f} points are memorised and do not carry over."
    if found.train - found.test > MEMORISED:
        return f"{text}: {gap:.0f} points apart, which so few test tasks cannot tell from chance."
    return f"{text}: no overfitting seen."


def _candidates(row: Measured) -> str:
    """How many there are, and of issues what that is not."""
    pools = [run.retrieval.pools for run in row.runs if run.retrieval is not None and run.retrieval.pools is not None]
    if not pools:
        return ""
    low, high = min(each.smallest for each in pools), max(each.largest for each in pools)
    said = f"{low}" if low == high else f"{low} to {high}"
    said = f"{said} to choose from; a guess is right in {percent(mean([each.chance for each in pools]))}."
    options = row.source.document.options
    return f"{said} {CLOSED_SET}" if options is not None and options.tasks == "issues" else said


def _cautions(row: Measured, found: Verdict) -> list[str]:
    said = []
    low, high = found.main.gain.gain_ci95
    if len(row.runs) == 1:
        said.append("One seed is an anecdote: how much results differ from seed to seed is not in the interval.")
    elif found.few_seeds:
        said.append(f"{found.seeds} seeds are few: the interval understates how much results differ between them.")
    if found.main.adjusted:
        said.append(f"As one of {found.rows} rows on this input it would need an interval farther from 0.")
    if low == high and found.main.outcome == verdict.NOT_SHOWN:
        said.append("The outcome of too few test tasks changed to show anything.")
    elif found.wide:
        half = 50 * (high - low)
        said.append(f"So few tasks cannot show a gain of less than about {half:.0f} points; more would.")
    return said


def _count(n: float) -> str:
    return f"{n:.0f}" if float(n).is_integer() else f"about {n:.0f}"
