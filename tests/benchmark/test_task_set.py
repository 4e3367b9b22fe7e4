"""Which tasks a cell is tested on: the same for all protocols, others for each seed and model, each once over folds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bench_samples import DOCSTRING, SMALL_MODEL, small_cell, small_plan, stored, write_corpus
from json_samples import Entry, make_document, run_cell
from msgspec import structs
from numpy.typing import NDArray

from ruvllm.benchmark.plan import Options, dataset_size, make_cells
from ruvllm.encoders.models import MODELS
from ruvllm.learning.constants import Size
from ruvllm.learning.protocols import PROTOCOLS
from ruvllm.workloads.code.functions import read_corpus
from ruvllm.workloads.code.reading import code_input
from ruvllm.workloads.inputs import read_input
from ruvllm.workloads.splits import Fold

QUICK = Options(profile="quick", models=(SMALL_MODEL,))


def entries(folder: Path, **changes: Any) -> list[Entry]:
    return [run_cell(cell, folder) for cell in make_cells(structs.replace(QUICK, **changes))]


# protocols, seeds and models


@pytest.fixture(scope="module")
def of_protocols(tmp_path_factory: pytest.TempPathFactory) -> list[Entry]:
    return entries(tmp_path_factory.mktemp("checkpoints"), protocols=("v1", "v2", "v3"))


def test_all_protocols_of_a_profile_are_tested_on_the_same_tasks(of_protocols: list[Entry]) -> None:
    first, *others = of_protocols
    for other in others:
        assert other["taskSet"] == first["taskSet"]
        assert other["answers"]["tasks"] == first["answers"]["tasks"]
        assert other["answers"]["resolvedInitially"] == first["answers"]["resolvedInitially"]
        assert other["initial"] == first["initial"]
        assert other["antiOverfitting"]["stratifiedSplit"] == first["antiOverfitting"]["stratifiedSplit"]
    assert len({entry["runHash"] for entry in of_protocols}) == 3


def test_each_protocol_keeps_its_own_length_on_them(of_protocols: list[Entry]) -> None:
    assert [(e["epochs"], e["tasksPerEpoch"]) for e in of_protocols] == [(3, 20), (5, 30), (6, 40)]
    details = [stored(entry)["run"]["workloadDetails"] for entry in of_protocols]
    assert [(d["attempts"], d["tasks"]) for d in details] == [(240, 450)] * 3


@pytest.mark.parametrize(("profile", "epochs", "tasks"), [("quick", 6, 40), ("standard", 8, 60), ("full", 12, 120)])
def test_there_are_tasks_for_the_longest_protocol(profile: str, epochs: int, tasks: int) -> None:
    assert dataset_size(profile) == Size(epochs, tasks)
    assert all(p.size(profile).epochs * p.size(profile).tasks_per_epoch <= epochs * tasks for p in PROTOCOLS.values())


def test_other_seeds_and_models_have_other_tasks(of_protocols: list[Entry], tmp_path: Path) -> None:
    first = of_protocols[-1]
    for changes in ({"seeds": (1,)}, {"models": MODELS[1:2]}):
        (other,) = entries(tmp_path, **changes)
        assert other["taskSet"] != first["taskSet"]
        assert other["answers"]["tasks"] != first["answers"]["tasks"]
    assert SMALL_MODEL.simulation is not None
    stronger = structs.replace(SMALL_MODEL.simulation, habit=SMALL_MODEL.simulation.habit + 0.5)
    seldom = structs.replace(SMALL_MODEL, simulation=stronger)  # the same numbers, other vectors
    (other,) = entries(tmp_path, models=(seldom,))
    assert other["taskSet"] != first["taskSet"]
    assert other["answers"]["tasks"] == first["answers"]["tasks"]


def test_rank_jobs_and_instruction_set_are_not_part_of_the_task_set(of_protocols: list[Entry], tmp_path: Path) -> None:
    (other,) = entries(tmp_path, rank=3, isa="scalar")
    assert other["taskSet"] == of_protocols[-1]["taskSet"]


def test_code_tasks_of_another_corpus_or_split_are_another_set(tmp_path: Path) -> None:
    def task_set(name: str, split: str = "file", **changes: Any) -> str:
        corpus = read_corpus(write_corpus(tmp_path / f"{name} {split}", **changes))
        options = structs.replace(QUICK, workload="code", split=split, rank=1, protocols=("v1",))
        (cell,) = make_cells(options, code_input(corpus, DOCSTRING))
        found: str = run_cell(cell, tmp_path)["taskSet"]
        return found

    sets = [task_set("one"), task_set("two"), task_set("one", "function"), task_set("fewer", files=15)]
    assert sets[0] == sets[1]
    assert len(set(sets[1:])) == 3


# folds


@pytest.fixture(scope="module")
def of_folds(tmp_path_factory: pytest.TempPathFactory) -> list[Entry]:
    return entries(tmp_path_factory.mktemp("checkpoints"), folds=5, seeds=(0, 1))


def test_there_is_an_entry_for_each_seed_and_fold(of_folds: list[Entry]) -> None:
    assert [(e["seed"], e["fold"], e["folds"]) for e in of_folds] == [(s, f, 5) for s in (0, 1) for f in range(1, 6)]
    for entry in of_folds:
        assert entry["antiOverfitting"]["folds"] == {"fold": entry["fold"], "of": 5}
        run = stored(entry)["run"]
        assert (run["fold"], run["folds"], run["seed"]) == (entry["fold"], 5, entry["seed"])
    assert len({entry["runHash"] for entry in of_folds}) == 10


@pytest.mark.parametrize("seed", [0, 1])
def test_folds_test_each_task_outside_the_holdout_once(seed: int, of_folds: list[Entry]) -> None:
    own = [entry for entry in of_folds if entry["seed"] == seed]
    tested = np.concatenate([entry["answers"]["tasks"] for entry in own])
    assert len(np.unique(tested)) == len(tested) == 450 - 45
    assert {entry["taskSet"] for entry in own} == {own[0]["taskSet"]}
    assert all(e["antiOverfitting"]["stratifiedSplit"]["holdout"] == 45 for e in own)


def test_code_tasks_of_another_fold_are_another_set(tmp_path: Path) -> None:
    corpus = read_corpus(write_corpus(tmp_path / "tree"))
    options = structs.replace(QUICK, workload="code", split="function", rank=1, protocols=("v1", "v2"), folds=3)
    found = [run_cell(cell, tmp_path) for cell in make_cells(options, code_input(corpus, DOCSTRING))]
    sets = [entry["taskSet"] for entry in found]
    assert sets[:3] == sets[3:]  # of v1 and of v2
    assert len(set(sets)) == 3  # term weights come from the fold's train part, wrong candidates from its test part
    tested = [task for entry in found[:3] for task in entry["answers"]["tasks"]]
    assert len(set(tested)) == len(tested) == 160 - 16


def test_the_first_fold_of_five_is_the_ordinary_run_under_another_name(
    of_folds: list[Entry], of_protocols: list[Entry]
) -> None:
    fold, ordinary = of_folds[0], of_protocols[-1]
    assert "fold" not in ordinary and "folds" not in ordinary
    for key in ("taskSet", "answers", "initial", "final", "holdout", "history", "controls", "calibrated", "stateHash"):
        assert fold[key] == ordinary[key], key
    assert fold["runHash"] != ordinary["runHash"]  # it says which fold it is


def test_the_summary_is_over_all_seeds_and_folds(of_folds: list[Entry]) -> None:
    (summary,) = make_document(of_folds, [], "auto")["summaries"]
    assert (summary["seeds"], summary["folds"]) == ([0, 1], 5)
    rates = [entry["final"]["resolveRate"] for entry in of_folds]
    assert summary["resolveRate"] == pytest.approx(sum(rates) / 10)
    low, high = summary["resolveRateCI95"]
    assert min(rates) < low < summary["resolveRate"] < high < max(rates)


def test_the_smallest_number_of_folds_runs_too(tmp_path: Path) -> None:
    found = [run_cell(small_cell(small_plan(), Fold(number, 3)), tmp_path) for number in (1, 2, 3)]
    sizes = [entry["antiOverfitting"]["stratifiedSplit"] for entry in found]
    n = sum(sizes[0].values())
    assert sizes == [{"train": 3 * n // 10, "valid": 3 * n // 10, "test": 3 * n // 10, "holdout": n // 10}] * 3


# what a run says of its input


def test_a_run_says_what_its_tasks_were_made_of_and_the_same_texts_and_vectors_have_the_same_digests(
    tmp_path: Path,
) -> None:
    lines = [{"prompt": f"asks {i} {i * i % 97}", "solution": f"says {i} {i * i % 89}"} for i in range(120)]
    for name, kept in (("one", lines), ("again", lines), ("other", [*lines[1:], lines[0]])):
        text = "".join(json.dumps(line) + "\n" for line in kept)
        (tmp_path / f"{name}.jsonl").write_text(text, encoding="utf-8")
    shared: dict[str, float] = {"by": 1.0}

    class Letters:
        name, dim = "letters", 24

        def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
            counts = [[shared["by"] + ord(c) % 7 * text.count(c) for c in "0123456789asky sentoru:."] for text in texts]
            return np.array(counts, dtype=np.float32)

    def found(name: str, seed: int = 0, encoder: Letters | None = None) -> dict[str, Any]:
        task_input = read_input(f"jsonl:{tmp_path}/{name}.jsonl", encoder=encoder)
        model = structs.replace(SMALL_MODEL, embedding_dim=24)
        options = structs.replace(QUICK, workload="jsonl", models=(model,), seeds=(seed,), rank=2)
        (cell,) = make_cells(structs.replace(options, controls=False), task_input)
        record: dict[str, Any] = run_cell(cell, tmp_path)["input"]
        return record

    first = found("one")
    assert (first["source"], first["name"]) == (f"jsonl:{tmp_path}/one.jsonl", "one.jsonl")
    assert (first["tasks"], first["candidates"], first["encoder"]) == (120, 8, "hashed-ngram-logtf-idf")
    assert "encoderDigest" not in first  # fitted anew by each run
    assert found("again", seed=3)["textsDigest"] == first["textsDigest"] != found("other")["textsDigest"]
    own = found("one", encoder=Letters())
    assert own["encoder"] == "letters"
    assert found("one", seed=3, encoder=Letters()) == own
    shared["by"] = 2.0
    changed = found("one", encoder=Letters())
    assert changed["encoderDigest"] != own["encoderDigest"]
    assert {**changed, "encoderDigest": own["encoderDigest"]} == own


def test_the_simulated_workload_has_no_input(of_protocols: list[Entry]) -> None:
    assert all("input" not in entry for entry in of_protocols)
