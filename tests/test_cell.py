"""One cell: what it saves verifies and can be run again from its own words, and nothing is overwritten."""

import json
import os
import shutil
import subprocess
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bench_samples import CONTROL_NAMES, METRIC_KEYS, SMALL_MODEL, small_cell, small_plan, write_corpus
from numpy.typing import NDArray

from ruvllm import cell as cell_module
from ruvllm import training
from ruvllm._core import Control, LearningEngine, available_isas
from ruvllm.benchmark import Options, make_cells, run_cells
from ruvllm.cell import Cell, CellResult, run_cell
from ruvllm.checkpoint import CheckpointConflictError
from ruvllm.code_tasks import build_code_tasks
from ruvllm.corpus import Corpus, read_corpus
from ruvllm.metrics import Answers, answer
from ruvllm.models import find_models
from ruvllm.progress import QuietReporter
from ruvllm.protocols import PROTOCOLS, Size
from ruvllm.simulated import build_simulated_workload
from ruvllm.training import Cancelled, RunPlan
from ruvllm.verify import verify_checkpoint
from ruvllm.version import __version__
from ruvllm.workload import TASK_TYPES, Workload

NODE = shutil.which("node")
STATE_SCRIPT = Path(__file__).parent / "js" / "verify_state_hash.mjs"


def document_of(result: CellResult) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(Path(result.entry["checkpoint"]).read_text(encoding="utf-8"))
    return document


def hashes(result: CellResult) -> tuple[str, str]:
    return result.entry["stateHash"], result.entry["runHash"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("checkpoints")


@pytest.fixture(scope="module", params=list(PROTOCOLS))
def result(request: pytest.FixtureRequest, folder: Path) -> CellResult:
    return run_cell(small_cell(small_plan(request.param)), folder)


@pytest.fixture(scope="module")
def v3(folder: Path) -> CellResult:
    return run_cell(small_cell(), folder)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return read_corpus(write_corpus(tmp_path_factory.mktemp("source") / "tree"))


def code_cell(corpus: Corpus, seed: int = 2) -> Cell:
    plan = RunPlan(PROTOCOLS["v3"], Size(6, 40), 16, seed, base_rate=0.02)
    build = partial(build_code_tasks, corpus, dim=SMALL_MODEL.embedding_dim, seed=seed, split="file")
    return Cell(SMALL_MODEL, plan, "quick", build)


@pytest.fixture(scope="module")
def code(corpus: Corpus, folder: Path) -> CellResult:
    return run_cell(code_cell(corpus), folder)


def test_the_checkpoint_verifies_with_the_hashes_of_the_entry(result: CellResult, folder: Path) -> None:
    path = Path(result.entry["checkpoint"])
    assert path.parent == folder
    checkpoint = verify_checkpoint(path)
    assert (checkpoint.state_hash, checkpoint.run_hash) == hashes(result)
    assert checkpoint.version == PROTOCOLS[result.entry["protocol"]].version
    assert checkpoint.epochs == 3
    assert checkpoint.trajectories == 60
    assert checkpoint.resolve_rate == result.entry["final"]["resolveRate"]
    assert checkpoint.frozen_resolve_rate == result.entry["initial"]["resolveRate"]
    assert checkpoint.uncovered == ("timestamp", "unhashed")


@pytest.mark.skipif(NODE is None, reason="no node here")
def test_javascript_verifies_the_checkpoint(result: CellResult, code: CellResult) -> None:
    assert NODE is not None
    for entry in (result.entry, code.entry):
        command = [NODE, str(STATE_SCRIPT), entry["checkpoint"]]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stdout.strip()) == (0, entry["stateHash"])


@pytest.mark.skipif(NODE is None, reason="no node here")
def test_javascript_refuses_a_checkpoint_with_another_weight(v3: CellResult, tmp_path: Path) -> None:
    assert NODE is not None
    document = document_of(v3)
    document["loraWeights"]["b"][0][0] += 1
    changed = tmp_path / "changed.json"
    changed.write_text(json.dumps(document))
    assert subprocess.run([NODE, str(STATE_SCRIPT), str(changed)], capture_output=True, timeout=60).returncode == 1


def again(run: dict[str, Any], corpus: Corpus | None = None) -> Cell:
    """A cell from nothing but a checkpoint's `run` block and, for code, the corpus."""
    (model,) = find_models([run["model"]])
    details, seed = run["workloadDetails"], run["seed"]
    plan = RunPlan(
        PROTOCOLS[run["protocol"]], Size(run["epochs"], run["tasksPerEpoch"]), run["loraRank"], seed,
        base_rate=run["baseRate"],
    )  # fmt: skip
    if corpus is not None:
        build = partial(build_code_tasks, corpus, dim=details["dim"], seed=seed, split=details["split"])
    else:
        model = replace(model, habit=details["habit"], visibility=details["visibility"])
        build = partial(build_simulated_workload, model, plan.size, seed)
    return Cell(model, plan, run["profile"], build)


def test_the_run_block_is_enough_to_run_it_again(result: CellResult, tmp_path: Path) -> None:
    run = document_of(result)["run"]
    assert run["packageVersion"] == __version__
    assert hashes(run_cell(again(run), tmp_path)) == hashes(result)


def test_the_run_block_and_the_corpus_are_enough_to_run_it_again(
    code: CellResult, corpus: Corpus, tmp_path: Path
) -> None:
    run = document_of(code)["run"]
    assert hashes(run_cell(again(run, corpus), tmp_path)) == hashes(code)


@pytest.mark.parametrize("workload", ["simulated", "code"])
def test_the_cells_of_the_command_can_be_run_again_too(workload: str, corpus: Corpus, tmp_path: Path) -> None:
    data = corpus if workload == "code" else None
    options = Options(("v2", "v3"), "quick", (SMALL_MODEL,), workload, split="function", seeds=(3, 4), rank=3)
    cells = make_cells(options, data)
    assert [(cell.protocol.name, cell.plan.seed) for cell in cells] == [("v2", 3), ("v2", 4), ("v3", 3), ("v3", 4)]
    result = run_cell(cells[-1], tmp_path)
    assert (result.entry["epochs"], result.entry["tasksPerEpoch"], result.entry["loraRank"]) == (6, 40, 3)
    (tmp_path / "again").mkdir()
    assert hashes(run_cell(again(document_of(result)["run"], data), tmp_path / "again")) == hashes(result)


def test_the_run_block_of_the_code_workload_has_a_digest_of_its_input(
    code: CellResult, corpus: Corpus, tmp_path: Path
) -> None:
    tree = write_corpus(tmp_path / "tree")
    details = document_of(code)["run"]["workloadDetails"]
    moved = build_code_tasks(read_corpus(tree), dim=1536, seed=2, split="file")
    assert moved.digest == details["inputDigest"]
    source = (tree / "module_03.py").read_text()
    (tree / "module_03.py").write_text(source.replace("however", "whatever"))
    edited = build_code_tasks(read_corpus(tree), dim=1536, seed=2, split="file")
    assert edited.digest != moved.digest


def test_the_same_run_has_the_same_name_and_leaves_its_file(v3: CellResult, folder: Path) -> None:
    path = Path(v3.entry["checkpoint"])
    os.utime(path, ns=(1, 1))
    before, names = path.read_bytes(), sorted(os.listdir(folder))
    second = run_cell(small_cell(), folder)
    assert second.entry["checkpoint"] == str(path)
    assert hashes(second) == hashes(v3)
    assert path.stat().st_mtime_ns == 1
    assert path.read_bytes() == before
    assert sorted(os.listdir(folder)) == names


def test_another_file_of_that_name_is_an_error_and_is_not_overwritten(v3: CellResult, tmp_path: Path) -> None:
    original = Path(v3.entry["checkpoint"])
    path = tmp_path / original.name
    changed = original.read_bytes().replace(b'"resolveRate":0', b'"resolveRate":1', 1)
    assert changed != original.read_bytes()
    for content in (b"", changed):
        path.write_bytes(content)
        with pytest.raises(CheckpointConflictError, match=f"{path.name} exists and does not verify"):
            run_cell(small_cell(), tmp_path)
        assert path.read_bytes() == content
        assert os.listdir(tmp_path) == [path.name]


def test_hashes_do_not_depend_on_instruction_set_folder_jobs_or_time(v3: CellResult, tmp_path: Path) -> None:
    isas = available_isas()
    cells = [small_cell(small_plan(isa=isa)) for isa in isas]
    for i, cell in enumerate(cells):
        folder = tmp_path / f"folder {i}"
        folder.mkdir()
        (other,) = run_cells([cell], folder, 1, QuietReporter())
        assert hashes(other) == hashes(v3), isas[i]
        stored, first = document_of(other), document_of(v3)
        assert stored["unhashed"]["isa"] == isas[i]
        assert stored["timestamp"] != first["timestamp"]
        assert {k for k in stored if stored[k] != first[k]} <= {"timestamp", "unhashed"}
    # side by side with itself: both write one name
    side_by_side = run_cells([cells[-1]] * 4, tmp_path, 2, QuietReporter())
    assert {hashes(other) for other in side_by_side} == {hashes(v3)}


@pytest.mark.parametrize(
    "changes", [{"seed": 6}, {"rank": 2}, {"base_rate": 0.002}, {"epochs": 2}, {"tasks": 21}, {"protocol": "v2"}]
)
def test_run_hash_depends_on_whatever_decides_the_result(
    changes: dict[str, Any], v3: CellResult, tmp_path: Path
) -> None:
    other = run_cell(small_cell(small_plan(**changes)), tmp_path)
    assert other.entry["runHash"] != v3.entry["runHash"]
    assert other.entry["stateHash"] != v3.entry["stateHash"]


def test_run_hash_covers_the_input_that_is_not_made_from_the_seed(
    code: CellResult, tmp_path: Path
) -> None:
    fewer = read_corpus(write_corpus(tmp_path / "tree", files=15))
    assert run_cell(code_cell(fewer), tmp_path).entry["runHash"] != code.entry["runHash"]


def test_the_three_controls_are_there_and_start_like_the_run(result: CellResult, code: CellResult) -> None:
    for entry, metrics in ((r.entry, document_of(r)["metrics"]) for r in (result, code)):
        controls = entry["controls"]
        assert metrics["controls"] == controls
        assert controls.keys() == CONTROL_NAMES
        for control in controls.values():
            assert control["initial"] == entry["initial"]
            assert control["final"].keys() == METRIC_KEYS
        assert controls["frozen"]["final"] == controls["frozen"]["initial"]


def test_a_control_is_the_same_run_with_that_control(v3: CellResult) -> None:
    cell = small_cell()
    for name, control in (("randomGradient", Control.RANDOM_GRADIENT), ("shuffled", Control.SHUFFLED)):
        run = training.train(replace(cell.plan, control=control), cell.build())
        assert v3.entry["controls"][name]["final"] == run.final.summary() != run.initial.summary()


def test_the_entry_says_what_was_run_and_what_came_of_it(result: CellResult) -> None:
    entry = result.entry
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
    assert len(entry["history"]) == 3
    assert entry["seconds"] > 0
    assert "retrieval" not in entry
    assert result.recall_gains is result.reciprocal_gains is None


def test_paired_gains_add_up_to_the_gain(result: CellResult) -> None:
    entry = result.entry
    assert set(result.gains) <= {-1.0, 0.0, 1.0}
    gain = entry["final"]["resolveRate"] - entry["initial"]["resolveRate"]
    assert sum(result.gains) / len(result.gains) == pytest.approx(gain, abs=1e-12)


def test_the_state_is_that_of_the_protocol(result: CellResult) -> None:
    document = document_of(result)
    rank, d = result.entry["loraRank"], 1536
    for key in ("a", "b"):
        assert np.array(document["loraWeights"][key]).shape == (rank, d)
    heads = document.get("multiHeadLoRA", {})
    assert list(heads) == (list(TASK_TYPES) if result.entry["protocol"] == "v3" else [])
    assert len(document["ewcState"]["fisherDiagonal"]) == 2 * rank * d * (1 + len(heads))
    assert len(document["patternCentroids"]) == result.entry["patterns"]
    stats = document["trajectoryStats"]
    attempts = [entry["prequential"]["resolveRate"] for entry in result.entry["history"]]
    assert (stats["total"], stats["successful"]) == (60, round(20 * sum(attempts)))


def test_the_code_workload_answers_the_retrieval_question(code: CellResult, corpus: Corpus) -> None:
    retrieval = code.entry["retrieval"]
    assert code.recall_gains is not None and code.reciprocal_gains is not None
    assert len(code.recall_gains) == len(code.reciprocal_gains) == retrieval["queries"] == len(code.gains)
    for key, gains in (("recallAt1", code.recall_gains), ("mrr", code.reciprocal_gains)):
        frozen, learned = retrieval[key]["frozen"], retrieval[key]["learned"]
        assert 0 < frozen <= 1 and 0 < learned <= 1 and frozen != learned
        assert sum(gains) / len(gains) == pytest.approx(learned - frozen, abs=1e-12)
    assert code.entry["taskTypeAccuracy"].keys() == {"code_completion"}
    # frozen: by cosines in double precision
    question = build_code_tasks(corpus, dim=1536, seed=2, split="file").retrieval
    assert question is not None
    similarity = question.queries.astype(np.float64) @ question.solutions.astype(np.float64).T
    hits = np.argmax(similarity, axis=1) == np.arange(len(similarity))
    assert retrieval["recallAt1"]["frozen"] == pytest.approx(hits.mean())


def test_the_holdout_is_read_once_and_after_everything_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[int]] = []

    def recording(engine: LearningEngine, workload: Workload, tasks: NDArray[np.uint32]) -> Answers:
        asked.append(tasks.tolist())
        return answer(engine, workload, tasks)

    monkeypatch.setattr(training, "answer", recording)
    monkeypatch.setattr(cell_module, "answer", recording)
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


def test_an_error_in_one_cell_stops_the_others_soon(tmp_path: Path) -> None:
    class Breaking(QuietReporter):
        told = 0

        def epoch(self, cell: Cell, done: int, total: int, test_resolve_rate: float | None) -> None:
            self.told += total == 2000

        def finish(self, cell: Cell, result: CellResult) -> None:
            raise OSError("no space left")

    reporter = Breaking()
    short, long = small_cell(small_plan(epochs=1)), small_cell(small_plan(epochs=2000, tasks=10))
    with pytest.raises(OSError, match="no space left"):
        run_cells([short, long, long], tmp_path, 2, reporter)
    assert reporter.told < 1000
    assert len(os.listdir(tmp_path)) == 1  # that of the short one, written before it was told
