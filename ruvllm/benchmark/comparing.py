"""What was learned from one view and from two, beside what needs no learning loop, and which of it is selected.

Closed forms pass through BLAS and LAPACK, whose last bits differ between machines: nothing of this is hashed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from msgspec import structs

from ruvllm.benchmark.cell import Cell
from ruvllm.evaluation.closed_forms import CLOSED, Form, closed_form_ranks, fit_closed_forms, pairs_of
from ruvllm.evaluation.ensemble import EnsembleForm
from ruvllm.evaluation.ensemble_members import (
    ENSEMBLE_KINDS,
    N_GRAMS,
    VECTORS,
    EnsembleView,
    fit_ensembles,
    fit_without_each,
)
from ruvllm.evaluation.hybrid import Grid, HybridForm
from ruvllm.evaluation.hybrid_forms import Hybrids, HybridViews, Weighed, hybrid_ranks
from ruvllm.evaluation.learned_retrieval import LearnedRetrieval, figures
from ruvllm.evaluation.retrieval import Ranked, Ranks, reciprocal_ranks
from ruvllm.evaluation.selection import (
    ENSEMBLE,
    ENSEMBLE_CLOSED,
    HYBRID,
    HYBRID_CLOSED,
    HYBRID_FROZEN,
    Choice,
    SelectedRetrieval,
)
from ruvllm.files.ignoring import ignore
from ruvllm.learning.snapshots import Snapshot
from ruvllm.learning.training import learn_view
from ruvllm.learning.training_run import TrainingRun
from ruvllm.results.task_records import MOST_TASKS
from ruvllm.workloads.workload import TASK_TYPES, Retrieval, Workload

__all__ = [
    "Compared", "MeasuredLexical", "Others", "compare_methods", "ensembles_without_each", "learn_lexical",
    "selection_of",
]  # fmt: skip

Forms = Mapping[int, Mapping[str, Form]]
"""Closed forms by task type and name."""
Progress = Callable[[int, int], None]
"""Hears of (fits done, fits in all)."""


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredLexical:
    """The lexical view of a run, learned from and weighed; all of it has the same bits everywhere."""

    hashed: Workload | None
    """The tasks by hashed n-grams, and what was learned from them; None where the encoder's vectors are these."""
    run: TrainingRun | None
    views: HybridViews
    hybrids: Hybrids
    """As the views are, and as they were learned."""
    ranks: Mapping[str, Ranks]
    """Of the right solutions of the test queries (n,), by the same names."""

    def figures(self) -> dict[str, Any]:
        """Of the test queries, `frozen` with both views as they are; and the weights by task type."""
        weights = {
            key: {TASK_TYPES[kind]: asdict(of_kind[name].weights) for kind, of_kind in self.hybrids.items()}
            for key, name in (("frozenWeights", HYBRID_FROZEN), ("weights", HYBRID))
        }
        return figures((self.ranks[HYBRID_FROZEN], self.ranks[HYBRID])) | weights


@dataclass(frozen=True, slots=True, eq=False)
class Others:
    """Other answers to the n queries of a question than those of what was learned."""

    closed_forms: dict[str, Ranks]
    """The hybrids and the ensemble that learn nothing among them."""
    hybrid: Ranks | None
    """What was learned from both views; None without a lexical one."""
    ensemble: Ranks
    """All scores that there are, weighed together."""
    selected: Ranked
    """Each type answered by its method."""
    methods: dict[int, str]
    """The method of each type."""

    def reciprocal(self) -> dict[str, list[float]]:
        """Reciprocal ranks (n,) by closed form."""
        return {name: reciprocal_ranks(ranks).tolist() for name, ranks in self.closed_forms.items()}


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """The retrieval question of a run, answered by other methods too."""

    test: Others
    transfer: Others | None
    choices: Mapping[int, Choice]
    """What the validation part chose for each type; empty where the protocol does not ask it."""
    shares: Mapping[int, dict[str, float]]
    """By type, how much each score counts in the ensemble."""


def learn_lexical(
    cell: Cell,
    workload: Workload,
    learned: LearnedRetrieval,
    cancelled: Callable[[], bool] = lambda: False,
    snapshot: Snapshot | None = None,
) -> MeasuredLexical | None:
    """Learns from hashed n-grams as `learned` did from the encoder's vectors, and weighs both beside BM25.

    Returns None without texts, and where the protocol wants no words. Raises Cancelled.
    """
    settings = cell.protocol.lexical
    if workload.lexical is None or not settings.on:
        return None
    view = workload.lexical(settings.dim)
    run = hashed = None
    if view.hashed is not None:
        run = learn_view(cell.plan, view.hashed, cancelled, snapshot)
        hashed = structs.replace(learned, engine=run.engine)  # what is known of questions is known by engine
    grid = Grid(cell.protocol.crowding_shares, (0.0,) if run is None else settings.weights, settings.bm25_weights)
    views = HybridViews(view.question, learned, hashed, grid)
    hybrids = views.fit()
    names, test = (HYBRID_FROZEN, HYBRID), view.question.test
    ranks = {name: hybrid_ranks(test, hybrids, name, learned.isa) for name in names}
    return MeasuredLexical(view.hashed, run, views, hybrids, ranks)


def compare_methods(
    cell: Cell,
    workload: Workload,
    learned: LearnedRetrieval,
    lexical: MeasuredLexical | None,
    progress: Progress,
) -> Compared | None:
    """Returns None without a retrieval question. `progress` hears of (fits done, fits in all)."""
    if workload.question is None:
        return None
    question, isa = workload.question if lexical is None else lexical.views.question, cell.plan.isa
    forms = fit_closed_forms(question, workload.types, workload.parts.train, isa, progress)
    hybrids = _weighed(workload, learned, lexical, forms, progress)
    selecting = SelectedRetrieval(learned, forms, {}, {}, hybrids)
    if cell.protocol.select:
        selecting = SelectedRetrieval.on_validation(learned, forms, question, hybrids)

    def others(retrieval: Retrieval, known: Mapping[str, Ranks], *, other_input: bool) -> Others:
        methods = selecting.methods(retrieval, other_input=other_input)
        selected = selecting.ranked(retrieval, methods, 0 if other_input else MOST_TASKS)
        free = closed_form_ranks(retrieval, forms, isa)
        names = (ENSEMBLE, ENSEMBLE_CLOSED, *(() if lexical is None else (HYBRID_FROZEN, HYBRID_CLOSED, HYBRID)))
        of_both = {
            name: known[name] if name in known else hybrid_ranks(retrieval, hybrids, name, isa) for name in names
        }
        hybrid, ensemble = of_both.pop(HYBRID, None), of_both.pop(ENSEMBLE)
        return Others(free | of_both, hybrid, ensemble, selected, methods)

    transfer = question.transfer
    beside = None if transfer is None else others(transfer, {}, other_input=True)
    test = others(question.test, {} if lexical is None else lexical.ranks, other_input=False)
    return Compared(test, beside, selecting.choices, _shares(hybrids))


def ensembles_without_each(
    cell: Cell, workload: Workload, learned: LearnedRetrieval, lexical: MeasuredLexical
) -> dict[str, Ranks]:
    """Ranks (n,) of the test queries by the ensemble, and without each kind of its members, by the kind's name.

    A type whose ensemble has none of a kind is answered by all that it has.
    """
    question, isa = lexical.views.question, cell.plan.isa
    forms = fit_closed_forms(question, workload.types, workload.parts.train, isa, ignore, (CLOSED,))
    hashed = _hashed_forms(learned, lexical, ignore)
    found = {
        kind: fit_without_each(
            _views(workload, learned, lexical, forms, hashed, kind), question.validation.of_type(kind), kind
        )
        for kind in forms
    }
    names = [ENSEMBLE, *(name for name in ENSEMBLE_KINDS if any(name in of_kind for of_kind in found.values()))]
    whole = {
        kind: {name: of_kind.get(name, of_kind[ENSEMBLE]) for name in names}
        for kind, of_kind in found.items()
        if of_kind
    }
    return {name: hybrid_ranks(question.test, whole, name, isa) for name in names}


def _weighed(
    workload: Workload,
    learned: LearnedRetrieval,
    lexical: MeasuredLexical | None,
    forms: Forms,
    progress: Progress,
) -> dict[int, dict[str, HybridForm | EnsembleForm]]:
    """All hybrids and ensembles of a run by type."""
    question = workload.question if lexical is None else lexical.views.question
    if question is None:
        return {}
    hashed = _hashed_forms(learned, lexical, progress)
    found: dict[int, dict[str, HybridForm | EnsembleForm]] = {kind: {} for kind in forms}
    if lexical is not None:
        closed = lexical.views.fit_closed(forms, hashed)
        found = {kind: {**lexical.hybrids.get(kind, {}), **closed.get(kind, {})} for kind in forms}
    for kind in forms:
        views = _views(workload, learned, lexical, forms, hashed, kind)
        found[kind] |= fit_ensembles(views, question.validation.of_type(kind), kind)
    return found


def _hashed_forms(learned: LearnedRetrieval, lexical: MeasuredLexical | None, progress: Progress) -> Forms:
    """The closed form of hashed n-grams by type; none where there is no such view."""
    twin = None if lexical is None else lexical.hashed
    if twin is None or twin.question is None:
        return {}
    return fit_closed_forms(twin.question, twin.types, twin.parts.train, learned.isa, progress, (CLOSED,))


def _views(
    workload: Workload,
    learned: LearnedRetrieval,
    lexical: MeasuredLexical | None,
    forms: Forms,
    hashed: Forms,
    kind: int,
) -> list[EnsembleView]:
    views = [_view(VECTORS, workload, learned, forms, kind, _as_it_is)]
    if lexical is not None and lexical.hashed is not None and lexical.views.hashed is not None:
        views.append(_view(N_GRAMS, lexical.hashed, lexical.views.hashed, hashed, kind, _in_n_grams))
    return views


def _shares(weighed: Weighed) -> dict[int, dict[str, float]]:
    ensembles = {kind: of_kind.get(ENSEMBLE) for kind, of_kind in weighed.items()}
    return {kind: form.named_shares() for kind, form in ensembles.items() if isinstance(form, EnsembleForm)}


def _view(
    name: str,
    workload: Workload,
    learned: LearnedRetrieval,
    forms: Forms,
    kind: int,
    in_view: Callable[[Retrieval], Retrieval],
) -> EnsembleView:
    train = workload.parts.train
    if workload.question is None:
        raise ValueError(f"{name}: there is no question of retrieval")
    pairs = pairs_of(workload.question.vectors, train[workload.types[train] == kind])
    return EnsembleView(name, learned, forms[kind][CLOSED], pairs, in_view)


def _as_it_is(question: Retrieval) -> Retrieval:
    return question


def _in_n_grams(question: Retrieval) -> Retrieval:
    return question if question.hashed is None else question.hashed


def selection_of(candidates: Mapping[int, Choice], compared: Compared | None) -> dict[str, Any] | None:
    """The choices as a results file has them; None where there are none."""
    retrieval = {} if compared is None else compared.choices
    transfer = {} if compared is None or compared.transfer is None else compared.transfer.methods
    kinds = sorted({*candidates, *retrieval})
    return {
        TASK_TYPES[kind]: {
            "retrieval": _as_json(retrieval.get(kind)),
            "candidates": _as_json(candidates.get(kind)),
            "transfer": transfer.get(kind) if retrieval else None,
            "ensemble": None if compared is None or not retrieval else compared.shares.get(kind),
        }
        for kind in kinds
    } or None


def _as_json(choice: Choice | None) -> dict[str, Any] | None:
    if choice is None:
        return None
    fields = structs.asdict(choice)
    return {**fields, "standardError": fields.pop("standard_error")}
