"""What a cell saves verifies, can be run again from its own words, and nothing is overwritten."""

import json
import os
import shutil
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bench_samples import DOCSTRING, SMALL_MODEL, hashes, small_cell, small_plan, stored, write_corpus
from json_samples import Entry, run_cell, run_cells
from msgspec import structs

from ruvllm._core import available_isas
from ruvllm.benchmark.cell import Cell
from ruvllm.benchmark.plan import Options, make_cells
from ruvllm.checkpoints.verifying import verify_checkpoint
from ruvllm.checkpoints.writing import CheckpointConflictError
from ruvllm.commands.progress import QuietReporter
from ruvllm.encoders.models import Simulation, find_models
from ruvllm.learning.constants import Size
from ruvllm.learning.presets import on_docstrings
from ruvllm.learning.protocols import PROTOCOLS
from ruvllm.learning.training_run import RunPlan
from ruvllm.version import __version__
from ruvllm.workloads.code.functions import Corpus, read_corpus
from ruvllm.workloads.code.reading import code_input
from ruvllm.workloads.simulated import build_simulated_workload
from ruvllm.workloads.splits import ORDINARY, Fold
from ruvllm.workloads.workload import TASK_TYPES

NODE = shutil.which("node")
STATE_SCRIPT = Path(__file__).parents[1] / "js" / "verify_state_hash.mjs"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("checkpoints")


@pytest.fixture(scope="module", params=list(PROTOCOLS))
def entry(request: pytest.FixtureRequest, folder: Path) -> Entry:
    return run_cell(small_cell(small_plan(request.param)), folder)


@pytest.fixture(scope="module")
def v3(folder: Path) -> Entry:
    return run_cell(small_cell(), folder)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return read_corpus(write_corpus(tmp_path_factory.mktemp("source") / "tree"))


def code_cell(corpus: Corpus, fold: Fold | None = None) -> Cell:
    options = Options(profile="quick", models=(SMALL_MODEL,), workload="code", seeds=(2,))
    (cell,) = make_cells(options, code_input(corpus, DOCSTRING))
    if fold is None:
        return cell
    build = partial(code_input(corpus, DOCSTRING).build, dim=SMALL_MODEL.embedding_dim, seed=2, split="file", fold=fold)
    return structs.replace(cell, build=build, fold=fold)


@pytest.fixture(scope="module")
def code(corpus: Corpus, folder: Path) -> Entry:
    return run_cell(code_cell(corpus), folder)


def test_the_checkpoint_verifies_with_the_hashes_of_the_entry(entry: Entry, folder: Path) -> None:
    path = Path(entry["checkpoint"])
    assert path.parent == folder
    checkpoint = verify_checkpoint(path)
    assert (checkpoint.state_hash, checkpoint.run_hash) == hashes(entry)
    assert checkpoint.version == PROTOCOLS[entry["protocol"]].version
    assert checkpoint.epochs == 3
    assert checkpoint.trajectories == 60
    assert checkpoint.resolve_rate == entry["final"]["resolveRate"]
    assert checkpoint.frozen_resolve_rate == entry["initial"]["resolveRate"]
    assert checkpoint.uncovered == ("timestamp", "unhashed")


@pytest.mark.skipif(NODE is None, reason="no node here")
def test_javascript_verifies_the_checkpoint(entry: Entry, code: Entry) -> None:
    assert NODE is not None
    for found in (entry, code):
        command = [NODE, str(STATE_SCRIPT), found["checkpoint"]]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stdout.strip()) == (0, found["stateHash"])


@pytest.mark.skipif(NODE is None, reason="no node here")
def test_javascript_refuses_a_checkpoint_with_another_weight(v3: Entry, tmp_path: Path) -> None:
    assert NODE is not None
    document = stored(v3)
    document["loraWeights"]["b"][0][0] += 1
    changed = tmp_path / "changed.json"
    changed.write_text(json.dumps(document))
    assert subprocess.run([NODE, str(STATE_SCRIPT), str(changed)], capture_output=True, timeout=60).returncode == 1


def test_the_metrics_of_the_checkpoint_are_those_of_the_entry(entry: Entry, code: Entry) -> None:
    for found in (entry, code):
        metrics = stored(found)["metrics"]
        assert {**metrics, "retrieval": None} == {**{key: found[key] for key in metrics}, "retrieval": None}
        assert {"initial", "final", "calibrated", "reliability", "train", "holdout", "controls"} <= metrics.keys()
        assert stored(found)["improvementHistory"] == found["history"]
    # closed forms pass through LAPACK: what was selected among them is not hashed, what was learned alone is
    alone = [float(rank == 1) for rank in code["answers"]["reciprocalRankAlone"]]
    assert stored(code)["metrics"]["retrieval"]["recallAt1"]["learned"] == pytest.approx(sum(alone) / len(alone))


def again(run: dict[str, Any], corpus: Corpus | None = None) -> Cell:
    """A cell from nothing but a checkpoint's `run` block and, for code, the corpus."""
    (model,) = find_models([run["model"]])
    details, seed = run["workloadDetails"], run["seed"]
    protocol = PROTOCOLS[run["protocol"]]
    plan = RunPlan(
        structs.replace(protocol if corpus is None else on_docstrings(protocol), base_rate=run["baseRate"]),
        Size(run["epochs"], run["tasksPerEpoch"]), run["loraRank"], seed, stream=run["stream"],
    )  # fmt: skip
    fold = Fold(run["fold"], run["folds"]) if "fold" in run else None
    parts = fold or ORDINARY
    if corpus is not None:
        split = details["split"]
        build = partial(code_input(corpus, DOCSTRING).build, dim=details["dim"], seed=seed, split=split, fold=parts)
    else:
        model = structs.replace(model, simulation=Simulation(details["habit"], details["visibility"]))
        build = partial(build_simulated_workload, model, details["attempts"], seed, fold=parts)
    return Cell(model, plan, run["profile"], build, fold)


@pytest.mark.parametrize("plan", [small_plan("v1"), small_plan("v2"), small_plan("v3"), small_plan(stream="blocked")])
@pytest.mark.parametrize("fold", [None, Fold(2, 3)])
def test_the_run_block_is_enough_to_run_it_again(plan: RunPlan, fold: Fold | None, tmp_path: Path) -> None:
    first = run_cell(small_cell(plan, fold), tmp_path)
    run = stored(first)["run"]
    assert run["packageVersion"] == __version__
    (tmp_path / "again").mkdir()
    assert hashes(run_cell(again(run), tmp_path / "again")) == hashes(first)


@pytest.mark.parametrize("fold", [None, Fold(2, 3)])
def test_the_run_block_and_the_corpus_are_enough_to_run_it_again(
    fold: Fold | None, corpus: Corpus, tmp_path: Path
) -> None:
    first = run_cell(code_cell(corpus, fold), tmp_path)
    (tmp_path / "again").mkdir()
    assert hashes(run_cell(again(stored(first)["run"], corpus), tmp_path / "again")) == hashes(first)


@pytest.mark.parametrize("workload", ["simulated", "code"])
def test_the_cells_of_the_command_can_be_run_again_too(workload: str, corpus: Corpus, tmp_path: Path) -> None:
    data = code_input(corpus, DOCSTRING) if workload == "code" else None
    options = Options(
        ("v1", "v3"), "quick", (SMALL_MODEL,), workload, split="function", seeds=(3, 4), folds=3, rank=3
    )
    cells = make_cells(options, data)
    assert [(cell.protocol.name, cell.plan.seed, cell.fold) for cell in cells] == [
        (protocol, seed, Fold(number, 3)) for protocol in ("v1", "v3") for seed in (3, 4) for number in (1, 2, 3)
    ]
    for number, size in ((0, (3, 20)), (-1, (6, 80 if workload == "code" else 40))):
        first = run_cell(cells[number], tmp_path)
        assert (first["epochs"], first["tasksPerEpoch"], first["loraRank"]) == (*size, 3)
        second = tmp_path / f"again {number}"
        second.mkdir()
        assert hashes(run_cell(again(stored(first)["run"], None if data is None else corpus), second)) == hashes(first)


def test_the_run_block_of_the_code_workload_has_a_digest_of_its_input(
    code: Entry, corpus: Corpus, tmp_path: Path
) -> None:
    tree = write_corpus(tmp_path / "tree")
    details = stored(code)["run"]["workloadDetails"]
    moved = code_input(read_corpus(tree), DOCSTRING).build(dim=1536, seed=2, split="file")
    assert moved.digest == details["inputDigest"]
    source = (tree / "module_03.py").read_text()
    (tree / "module_03.py").write_text(source.replace("however", "whatever"))
    edited = code_input(read_corpus(tree), DOCSTRING).build(dim=1536, seed=2, split="file")
    assert edited.digest != moved.digest


def test_the_same_run_has_the_same_name_and_leaves_its_file(v3: Entry, folder: Path) -> None:
    path = Path(v3["checkpoint"])
    os.utime(path, ns=(1, 1))
    before, names = path.read_bytes(), sorted(os.listdir(folder))
    second = run_cell(small_cell(), folder)
    assert second["checkpoint"] == str(path)
    assert hashes(second) == hashes(v3)
    assert path.stat().st_mtime_ns == 1
    assert path.read_bytes() == before
    assert sorted(os.listdir(folder)) == names


def test_another_file_of_that_name_is_an_error_and_is_not_overwritten(v3: Entry, tmp_path: Path) -> None:
    original = Path(v3["checkpoint"])
    path = tmp_path / original.name
    changed = original.read_bytes().replace(b'"resolveRate":0', b'"resolveRate":1', 1)
    assert changed != original.read_bytes()
    for content in (b"", changed):
        path.write_bytes(content)
        with pytest.raises(CheckpointConflictError, match=f"{path.name} exists and does not verify"):
            run_cell(small_cell(), tmp_path)
        assert path.read_bytes() == content
        assert os.listdir(tmp_path) == [path.name]


def test_hashes_do_not_depend_on_instruction_set_folder_jobs_or_time(v3: Entry, tmp_path: Path) -> None:
    isas = available_isas()
    cells = [small_cell(small_plan(isa=isa)) for isa in isas]
    first = stored(v3)
    for i, cell in enumerate(cells):
        folder = tmp_path / f"folder {i}"
        folder.mkdir()
        (other,) = run_cells([cell], folder, 1, QuietReporter())
        assert hashes(other) == hashes(v3), isas[i]
        document = stored(other)
        assert document["unhashed"]["isa"] == isas[i]
        assert document["timestamp"] != first["timestamp"]
        assert {k for k in document if document[k] != first[k]} <= {"timestamp", "unhashed"}
    # side by side with itself: both write one name
    side_by_side = run_cells([cells[-1]] * 4, tmp_path, 2, QuietReporter())
    assert {hashes(other) for other in side_by_side} == {hashes(v3)}


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 6}, {"rank": 2}, {"base_rate": 0.002}, {"epochs": 2}, {"tasks": 21}, {"protocol": "v2"},
        {"stream": "blocked"},
    ],
)  # fmt: skip
def test_run_hash_depends_on_whatever_decides_the_result(changes: dict[str, Any], v3: Entry, tmp_path: Path) -> None:
    other = run_cell(small_cell(small_plan(**changes)), tmp_path)
    assert other["runHash"] != v3["runHash"]
    assert other["stateHash"] != v3["stateHash"]


def test_run_hash_covers_the_input_that_is_not_made_from_the_seed(code: Entry, tmp_path: Path) -> None:
    fewer = read_corpus(write_corpus(tmp_path / "tree", files=15))
    assert run_cell(code_cell(fewer), tmp_path)["runHash"] != code["runHash"]


def test_the_state_is_that_of_the_protocol(entry: Entry) -> None:
    document = stored(entry)
    rank, d = entry["loraRank"], 1536
    for key in ("a", "b"):
        assert np.array(document["loraWeights"][key]).shape == (rank, d)
    heads = document.get("multiHeadLoRA", {})
    assert list(heads) == (list(TASK_TYPES) if entry["protocol"] == "v3" else [])
    assert len(document["ewcState"]["fisherDiagonal"]) == 2 * rank * d * (1 + len(heads))
    assert len(document["patternCentroids"]) == entry["patterns"]
    stats = document["trajectoryStats"]
    attempts = [epoch["prequential"]["resolveRate"] for epoch in entry["history"]]
    assert (stats["total"], stats["successful"]) == (60, round(20 * sum(attempts)))
