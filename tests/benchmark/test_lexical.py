"""The lexical view beside a user's encoder: learned from, weighed, saved, replayed, gone on from, and left out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from bench_samples import bench, stored
from json_samples import Entry, run_cell, summarise
from msgspec import structs

from ruvllm.benchmark.ablation import running as ablation
from ruvllm.benchmark.cell import Cell
from ruvllm.benchmark.learner import load_checkpoint
from ruvllm.benchmark.plan import Options, make_cell, protocol_of
from ruvllm.benchmark.rebuild import cell_of
from ruvllm.benchmark.replay import SAME, replay
from ruvllm.encoders.models import ModelProfile
from ruvllm.files.arrays import read_arrays, resume_path
from ruvllm.learning.components import COMPONENTS, components_of
from ruvllm.learning.constants import Size
from ruvllm.learning.snapshots import Unfinished
from ruvllm.learning.training import train
from ruvllm.learning.training_run import Cancelled
from ruvllm.results.run_records import BenchmarkRun
from ruvllm.workloads.inputs import InputOptions
from ruvllm.workloads.tasks import TextTask
from ruvllm.workloads.text import TextInput
from ruvllm.workloads.workload import Retrieval

MODEL = ModelProfile("lengths", 24, 0.0)
N = 120


class Lengths:
    """Vectors that say little of the texts: where words help, the lexical view has to say so."""

    name, dim, digest, parameters, title = "lengths", MODEL.embedding_dim, "lengths 1", 0, ""

    def encode(self, texts: list[str]) -> np.ndarray:
        rows = np.array([[1 + (len(text) * (i + 1)) % 7 + text.count("e") * (i % 3) for i in range(self.dim)]
                         for text in texts])  # fmt: skip
        return rows.astype(np.float32)


def tasks() -> list[TextTask]:
    names = ["alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india", "juliet", "kilo"]
    made = []
    for i in range(N):
        a, b = names[i % 11], names[(i // 11) % 11]
        wrong = (f"def {a}_other(x{i}): return {i}",) if i % 2 else ()
        made.append(TextTask(f"Give the {a} of the {b} as number {i * 37}.",
                             f"def get{a.title()}{b.title()}(items):\n    return items[{i * 37}]", i % 2,
                             wrong=wrong))  # fmt: skip
    return made


def text_input(*, encoder: Any = None, transfer: bool = False) -> TextInput:
    others = [
        TextTask(task.prompt.replace("number", "item"), task.solution.replace("items", "everything"), 0)
        for task in tasks()[: 9 if transfer else 0]
    ]
    return TextInput("jsonl", "tasks", tasks(), InputOptions(encoder=encoder, transfer=tuple(others)))


def cell(*, encoder: Any = None, transfer: bool = False, lexical: bool = True, **options: Any) -> Cell:
    given = text_input(encoder=encoder, transfer=transfer)
    asked = Options(profile="quick", models=(MODEL,), workload="jsonl", controls=False, lexical=lexical, **options)
    return make_cell(asked, protocol_of("v3", given), MODEL, 3, given)


@pytest.fixture(scope="module")
def entry(tmp_path_factory: pytest.TempPathFactory) -> Entry:
    return run_cell(cell(encoder=Lengths(), transfer=True), tmp_path_factory.mktemp("lexical"))


def test_the_texts_of_a_question_are_those_of_its_tasks() -> None:
    given = text_input(encoder=Lengths(), transfer=True)
    workload = given.build(dim=24, seed=1, split="function")
    assert workload.lexical is not None
    view = workload.lexical(64)
    assert view.hashed is not None and view.hashed.question is not None
    assert (view.hashed.source.dim, view.hashed.parts) == (64, workload.parts)
    solutions = [task.solution for task in given.tasks] + [text for task in given.tasks for text in task.wrong]
    for asked, part in ((view.question.test, workload.parts.test), (view.question.validation, workload.parts.valid)):
        check_texts(asked, [given.tasks[i].prompt for i in part.tolist()], solutions, 0)
        for kind in (0, 1):
            check_texts(asked.of_type(kind), None, solutions, 0)
    others = given.options.transfer
    assert view.question.transfer is not None
    check_texts(view.question.transfer, [task.prompt for task in others], [t.solution for t in others], len(solutions))
    words = view.question.test.words
    assert words is not None
    assert len(words.index) == len(solutions) + len(others)
    train = workload.parts.train
    assert {kind: numbers.tolist() for kind, numbers in words.statistics.items()} == {
        kind: train[workload.types[train] == kind].tolist() for kind in (0, 1)
    }
    assert text_input().build(dim=64, seed=1, split="function").lexical(64).hashed is None, "it is the encoder's view"


def check_texts(asked: Retrieval, prompts: list[str] | None, solutions: list[str], first: int) -> None:
    assert asked.words is not None and asked.hashed is not None and asked.numbers is not None
    if prompts is not None:
        assert [text.decode() for text in asked.words.prompts] == prompts
    assert asked.words.documents.tolist() == (asked.numbers + first).tolist()
    assert np.array_equal(asked.hashed.right, asked.right)
    assert np.array_equal(asked.hashed.numbers, asked.numbers)
    assert asked.hashed.queries.shape == (len(asked.queries), 64)
    own = asked.words.scores(np.array([0]), np.array([asked.right[0]]), int(asked.types[0]))
    alone = asked.words.index.scores(
        [asked.words.prompts[0]], [asked.numbers[asked.right[0]] + first],
        statistics=asked.words.statistics[int(asked.types[0])],
    )  # fmt: skip
    assert np.array_equal(own, alone)
    assert own[0, 0] > 0


def test_words_help_an_encoder_that_says_little_and_the_figures_tell_the_views_apart(entry: Entry) -> None:
    run = msgspec.convert(entry, BenchmarkRun)
    assert run.hybrid is not None and run.answers is not None and run.answers.closed_forms is not None
    assert run.hybrid.weights is not None and run.hybrid.frozen_weights is not None
    assert set(run.hybrid.weights) == {"code_completion", "bug_fix"}
    for weights in run.hybrid.weights.values():
        assert set(weights) == {"share", "hashed", "bm25"}
    hybrid, frozen = run.answers.hybrid, run.answers.closed_forms["hybridFrozen"]
    assert hybrid is not None
    assert run.hybrid.mrr.learned == pytest.approx(np.mean(hybrid))
    assert run.hybrid.mrr.frozen == pytest.approx(np.mean(frozen))
    assert np.mean(frozen) > np.mean(run.answers.reciprocal_rank_initially or []) + 0.1
    assert run.transfer_answers is not None and run.transfer_answers.hybrid is not None
    assert run.selection is not None
    chosen = {each.retrieval.method for each in run.selection.values() if each.retrieval is not None}
    words = {"ensemble", "ensembleClosed", "hybrid", "hybridFrozen", "hybridRidgeCsls"}
    assert chosen <= words, "the validation part saw it"
    of_view = {f"{view} {kind}" for view in ("vectors", "n-grams") for kind in ("learned", "ridge", "back", "room")}
    for each in run.selection.values():
        assert each.ensemble is not None
        assert set(each.ensemble) == of_view | {"vectors to n-grams", "n-grams to vectors", "words"}
        assert sum(each.ensemble.values()) == pytest.approx(1.0) or not any(each.ensemble.values())
        assert min(each.ensemble.values()) >= 0.0
    assert run.answers.ensemble is not None and run.transfer_answers.ensemble is not None
    assert np.mean(run.answers.ensemble) > np.mean(run.answers.reciprocal_rank_initially or []) + 0.1
    (summary,) = summarise([entry])
    methods = {row["method"] for row in summary["comparison"] if row["type"] == "all"}
    assert methods >= {*words, "learned", "learningAlone"}


def test_a_replay_gives_the_same_and_learning_goes_on_as_if_never_saved(entry: Entry) -> None:
    document = stored(entry)
    given = text_input(encoder=Lengths(), transfer=True)
    again = cell_of(document, given, isa="scalar")
    assert replay(document, again).outcome == SAME
    state = read_arrays(resume_path(Path(entry["checkpoint"])))
    assert any(name.startswith("lexical.engine.") for name in state)
    whole, parts = (load_checkpoint(entry["checkpoint"], corpus=given) for _ in range(2))
    whole.learn(2)
    parts.learn(1)
    parts.learn(1)
    assert whole.lexical is not None and parts.lexical is not None
    for a, b in ((whole.run, parts.run), (whole.lexical, parts.lexical)):
        first, second = a.state(), b.state()
        assert all(first[name].tobytes() == second[name].tobytes() for name in first)
    assert whole.lexical.workload.source.dim == 1536


def test_a_changed_number_of_the_view_is_found(entry: Entry) -> None:
    document = stored(entry)
    document["metrics"]["hybrid"]["weights"]["bug_fix"]["bm25"] = 0.3
    found = replay(document, cell_of(document, text_input(encoder=Lengths(), transfer=True)))
    assert (found.outcome, found.field) == ("different", "metrics.hybrid.weights.bug_fix.bm25")


def test_without_words_there_is_nothing_of_them(tmp_path: Path) -> None:
    found = run_cell(cell(encoder=Lengths(), lexical=False), tmp_path)
    assert "hybrid" not in found and "hybrid" not in found["answers"]
    assert not {"hybridFrozen", "hybridRidgeCsls"} & found["answers"]["closedForms"].keys()
    for each in found["selection"].values():
        assert set(each["ensemble"]) == {f"vectors {kind}" for kind in ("learned", "ridge", "back", "room")}
    document = stored(found)
    assert document["run"]["lexical"] is False
    assert not any(name.startswith("lexical") for name in read_arrays(resume_path(Path(found["checkpoint"]))))
    again = cell_of(document, text_input(encoder=Lengths()))
    assert not again.protocol.lexical.on
    assert replay(document, again).outcome == SAME
    assert load_checkpoint(found["checkpoint"], corpus=text_input(encoder=Lengths())).lexical is None


def test_the_default_encoder_has_bm25_beside_it(tmp_path: Path) -> None:
    found = run_cell(cell(), tmp_path)
    assert {weights["hashed"] for weights in found["hybrid"]["weights"].values()} == {0.0}
    assert found["answers"]["hybrid"] is not None
    assert "lexical" not in stored(found)["run"]
    assert not any(name.startswith("lexical") for name in read_arrays(resume_path(Path(found["checkpoint"]))))


def test_a_run_that_was_stopped_goes_on_in_the_view_too(entry: Entry, tmp_path: Path) -> None:
    stopped, looks, most = cell(encoder=Lengths(), transfer=True), 0, 10**9

    def cancelled() -> bool:
        nonlocal looks
        looks += 1
        return looks > most

    run_cell(cell(encoder=Lengths(), transfer=True, lexical=False), None, None, cancelled)
    most, looks = looks + 2, 0  # more than what learns from the encoder's vectors asks
    with pytest.raises(Cancelled):
        run_cell(stopped, tmp_path, None, cancelled, Unfinished(tmp_path / "unfinished", resume=True))
    assert len(list((tmp_path / "unfinished").iterdir())) == 2, "a snapshot of each view"
    found = run_cell(stopped, tmp_path, None, lambda: False, Unfinished(tmp_path / "unfinished", resume=True))
    assert found["runHash"] == entry["runHash"]
    assert [path.suffix for path in (tmp_path / "unfinished").iterdir()] == [".json"]


def test_the_components_of_the_view_can_be_left_out() -> None:
    protocol = protocol_of("v3", text_input())
    components = {component.name: component for component in components_of(protocol)}
    without = components["lexical-view"].removed_from(protocol)
    assert not any(without.lexical.weights) and without.lexical.on
    assert not components["bm25"].removed_from(without).lexical.on


def test_an_ablation_measures_what_was_learned_from_both_views() -> None:
    given = text_input(encoder=Lengths())
    protocol = structs.replace(protocol_of("v3", given), quick=Size(2, 40))
    options = Options(profile="quick", models=(MODEL,), workload="jsonl", controls=False)
    recalls = []
    for variant in (protocol, components_without(protocol)):
        one = make_cell(options, variant, MODEL, 3, given)
        workload = one.build()
        run = train(one.plan, workload)
        recalls.append(ablation._record(ablation.Run(one, "one"), workload, run).recall_at_1)
    assert recalls[0] > recalls[1]


def components_without(protocol: Any) -> Any:
    for component in COMPONENTS:
        if component.name in ("lexical-view", "bm25"):
            protocol = component.removed_from(protocol)
    return protocol


def test_the_option_is_for_real_input(tmp_path: Path) -> None:
    done = bench("--no-lexical", "--profile", "quick", folder=tmp_path)
    assert done.returncode == 2
    assert "--no-lexical is for real input" in done.stderr
    done = bench("--no-lexical", "--workload", "jsonl:tasks.jsonl", "--stream", "time", folder=tmp_path)
    assert (done.returncode, "--no-lexical is for the mixed stream" in done.stderr) == (2, True)
    (tmp_path / "tasks.jsonl").write_text("\n".join(
        json.dumps({"prompt": task.prompt, "solution": task.solution}) for task in tasks()
    ))  # fmt: skip
    done = bench("--workload", "jsonl:tasks.jsonl", "--profile", "quick", "--seeds", "1", "--no-lexical", "--json",
                 "--no-controls", "-q", "--keep", "none", folder=tmp_path)  # fmt: skip
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["options"]["lexical"] is False
    assert "hybrid" not in document["results"][0]


