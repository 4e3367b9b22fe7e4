"""One cell: its entry says what was run and what came of it, its controls run beside it, and it stops when asked."""

import os
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from bench_samples import (
    CONTROL_NAMES,
    DOCSTRING,
    METRIC_KEYS,
    SMALL_MODEL,
    small_cell,
    small_plan,
    stored,
    write_corpus,
)
from json_samples import Entry, run_cell, run_cells
from msgspec import structs
from numpy.typing import NDArray

from ruvllm._core import Control, LearningEngine
from ruvllm.benchmark.cell import Cell
from ruvllm.commands.progress import QuietReporter
from ruvllm.evaluation.answers import Scores, score
from ruvllm.learning import training, training_run
from ruvllm.learning.constants import Size
from ruvllm.learning.protocols import PROTOCOLS
from ruvllm.learning.training_run import Cancelled, RunPlan
from ruvllm.workloads.code.functions import Corpus, read_corpus
from ruvllm.workloads.code.reading import code_input
from ruvllm.workloads.splits import Fold
from ruvllm.workloads.workload import TASK_TYPES, Workload

ENTRY_KEYS = {
    "protocol", "workload", "model", "paramsB", "loraRank", "seed", "epochs", "tasksPerEpoch", "taskSet", "initial",
    "final", "calibrated", "reliability", "taskTypeAccuracy", "train", "holdout", "controls", "antiOverfitting",
    "patterns", "efficiency", "seconds", "microsecondsPerTask", "transitions", "history", "answers", "stateHash",
    "runHash", "checkpoint",
}  # fmt: skip


@pytest.fixture(scope="module", params=list(PROTOCOLS))
def entry(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Entry:
    return run_cell(small_cell(small_plan(request.param)), tmp_path_factory.mktemp("checkpoints"))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return read_corpus(write_corpus(tmp_path_factory.mktemp("source") / "tree"))


@pytest.fixture(scope="module")
def code(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Entry:
    plan = RunPlan(structs.replace(PROTOCOLS["v3"], base_rate=0.02), Size(6, 40), 16, seed=2)
    build = partial(code_input(corpus, DOCSTRING).build, dim=SMALL_MODEL.embedding_dim, seed=2, split="file")
    return run_cell(Cell(SMALL_MODEL, plan, "quick", build), tmp_path_factory.mktemp("checkpoints"))


def test_the_entry_says_what_was_run_and_what_came_of_it(entry: Entry) -> None:
    assert entry.keys() == ENTRY_KEYS
    assert (entry["workload"], entry["model"], entry["paramsB"]) == ("simulated", "Qwen2.5-Coder-1.5B", 1.5)
    assert (entry["seed"], entry["epochs"], entry["tasksPerEpoch"]) == (5, 3, 20)
    assert entry["loraRank"] == (2 if entry["protocol"] == "v1" else 1)
    for key in ("initial", "train", "holdout"):
        assert entry[key].keys() == METRIC_KEYS
    assert entry["final"].keys() == METRIC_KEYS | {"resolveRateCI95"}
    low, high = entry["final"]["resolveRateCI95"]
    assert low <= entry["final"]["resolveRate"] <= high
    assert entry["taskTypeAccuracy"].keys() == set(TASK_TYPES)
    assert entry["efficiency"] == entry["final"]["resolveRate"] / 1.5
    assert [epoch["epoch"] for epoch in entry["history"]] == [1, 2, 3]
    assert entry["seconds"] > 0


def test_the_label_names_model_protocol_seed_and_fold() -> None:
    assert small_cell(small_plan("v2", seed=11)).label == "Qwen2.5-Coder-1.5B v2 seed 11"
    assert small_cell(small_plan(), Fold(2, 3)).label == "Qwen2.5-Coder-1.5B v3 seed 5 fold 2/3"


def test_the_three_controls_are_there_and_start_like_the_run(entry: Entry, code: Entry) -> None:
    for found in (entry, code):
        controls = found["controls"]
        assert stored(found)["metrics"]["controls"] == controls
        assert controls.keys() == CONTROL_NAMES
        for control in controls.values():
            assert control["initial"] == found["initial"]
            assert control["final"].keys() == METRIC_KEYS
        assert controls["frozen"]["final"] == controls["frozen"]["initial"]


def test_a_control_is_the_same_run_with_that_control(entry: Entry) -> None:
    cell = small_cell(small_plan(entry["protocol"]))
    for name, control in (("randomGradient", Control.RANDOM_GRADIENT), ("shuffled", Control.SHUFFLED)):
        run = training.train(structs.replace(cell.plan, control=control), cell.build())
        assert entry["controls"][name]["final"] == run.final.summary()


def test_controls_of_the_full_stack_do_something_else_than_the_run(code: Entry) -> None:
    finals = [code["final"]["brier"], *(control["final"]["brier"] for control in code["controls"].values())]
    assert len(set(finals)) == 4


def test_the_code_workload_answers_the_retrieval_question(code: Entry, corpus: Corpus) -> None:
    of_input = {"retrieval", "input", "repeats", "leakCheck", "leftOut"}
    assert code.keys() == (ENTRY_KEYS | of_input) - {"efficiency"}  # no model of that size has run
    retrieval, answers = code["retrieval"], code["answers"]
    before, after = np.array(answers["reciprocalRankInitially"]), np.array(answers["reciprocalRank"])
    assert len(before) == len(after) == retrieval["queries"] == len(answers["tasks"])
    assert retrieval["mrr"] == pytest.approx({"frozen": before.mean(), "learned": after.mean()}, abs=1e-12)
    hits = {"frozen": np.mean(before == 1), "learned": np.mean(after == 1)}
    assert retrieval["recallAt1"] == pytest.approx(hits, abs=1e-12)
    assert 0 < hits["frozen"] < 1 and before.tolist() != after.tolist()
    assert code["taskTypeAccuracy"].keys() == {"code_completion"}
    # frozen: by cosines in double precision
    workload = code_input(corpus, DOCSTRING).build(dim=1536, seed=2, split="file")
    assert workload.question is not None
    question = workload.question.test
    similarity = question.queries.astype(np.float64) @ question.solutions.astype(np.float64).T
    ranks = 1 + np.sum(similarity > np.diag(similarity)[:, None], axis=1)
    assert before == pytest.approx(1 / ranks)


def test_the_holdout_is_read_once_and_after_everything_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[int]] = []

    def recording(engine: LearningEngine, workload: Workload, tasks: NDArray[np.uint32]) -> Scores:
        asked.append(tasks.tolist())
        return score(engine, workload, tasks)

    monkeypatch.setattr(training_run, "score", recording)
    monkeypatch.setattr("ruvllm.learning.training.score", recording)
    cell = small_cell()
    run_cell(cell, tmp_path)
    holdout = cell.build().parts.holdout.tolist()
    assert asked[-1] == holdout
    assert sum(bool(set(tasks) & set(holdout)) for tasks in asked) == 1


def test_a_cancelled_cell_writes_nothing(tmp_path: Path) -> None:
    told: list[int] = []
    with pytest.raises(Cancelled):  # in a control, after the run itself
        run_cell(small_cell(), tmp_path, lambda done, *_: told.append(done), lambda: len(told) == 3)
    assert told == [1, 2, 3]
    assert os.listdir(tmp_path) == []


def test_a_comparison_can_be_watched_and_cancelled(corpus: Corpus, tmp_path: Path) -> None:
    plan = RunPlan(PROTOCOLS["v3"], Size(1, 10), 16, seed=2)
    build = partial(code_input(corpus, DOCSTRING).build, dim=SMALL_MODEL.embedding_dim, seed=2, split="file")
    cell = Cell(SMALL_MODEL, plan, "quick", build, controls=False)
    told: list[tuple[int, int]] = []
    run_cell(cell, tmp_path, comparing=lambda *done: told.append(done))
    assert told[0] == (0, 5) and told[-1] == (5, 5)
    del told[:]
    with pytest.raises(Cancelled):
        run_cell(cell, tmp_path, cancelled=lambda: len(told) == 2, comparing=lambda *done: told.append(done))
    assert told == [(0, 5), (1, 5)]


def test_an_error_in_one_cell_stops_the_others_soon(tmp_path: Path) -> None:
    class Breaking(QuietReporter):
        told = 0

        def epoch(self, label: str, done: int, total: int, *measured: float | None) -> None:
            self.told += total == 2000

        def finish(self, label: str, line: str) -> None:
            raise OSError("no space left")

    reporter = Breaking()
    short, long = small_cell(small_plan(epochs=1)), small_cell(small_plan(epochs=2000, tasks=10))
    with pytest.raises(OSError, match="no space left"):
        run_cells([short, long, long], tmp_path, 2, reporter)
    assert reporter.told < 1000
    assert len(list(tmp_path.glob("*.json"))) == 1  # that of the short one, written before it was told
