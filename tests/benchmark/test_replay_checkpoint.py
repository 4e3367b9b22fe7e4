"""A replay tells what a hash cannot; and learning goes on from a checkpoint as if it had never been saved."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bench_samples import DOCSTRING, SMALL_MODEL, write_corpus
from checkpoint_samples import ORIGINALS, needs_originals, write_sample
from json_samples import run_cell
from msgspec import structs

import ruvllm
from ruvllm._core import Control, available_isas
from ruvllm.benchmark.plan import Options, make_cells
from ruvllm.benchmark.rebuild import CannotReplayError
from ruvllm.checkpoints.differences import first_difference
from ruvllm.checkpoints.hashes import checkpoint_id, run_hash, state_hash
from ruvllm.commands.verify import main
from ruvllm.encoders.models import hashed_profile
from ruvllm.encoders.registry import make_encoder, models_for
from ruvllm.files.arrays import read_arrays, resume_path, to_safetensors
from ruvllm.files.json_reading import InvalidFileError
from ruvllm.learning.training_run import TrainingRun
from ruvllm.workloads.code.functions import Corpus, read_corpus
from ruvllm.workloads.code.reading import code_input
from ruvllm.workloads.inputs import InputOptions, read_transfer

Edit = Callable[[dict[str, Any]], object]


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One of each protocol, one of a fold, without controls: replays are to be short."""
    folder = tmp_path_factory.mktemp("checkpoints")
    options = Options(("v1", "v2", "v3"), "quick", (SMALL_MODEL,), seeds=(3,), controls=False)
    cells = {cell.protocol.name: cell for cell in make_cells(options)}
    cells["fold"] = make_cells(structs.replace(options, protocols=("v3",), folds=3))[1]
    cells["controls"] = make_cells(structs.replace(options, protocols=("v1",), controls=True))[0]
    return {name: Path(run_cell(cell, folder)["checkpoint"]) for name, cell in cells.items()}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Corpus]:
    folder = write_corpus(tmp_path_factory.mktemp("source") / "tree")
    return folder, read_corpus(folder)


@pytest.fixture(scope="module")
def of_code(corpus: tuple[Path, Corpus], tmp_path_factory: pytest.TempPathFactory) -> Path:
    options = Options(profile="quick", models=(SMALL_MODEL,), workload="code", seeds=(2,), controls=False)
    (cell,) = make_cells(options, code_input(corpus[1], DOCSTRING))
    return Path(run_cell(cell, tmp_path_factory.mktemp("code"))["checkpoint"])


def edited(path: Path, folder: Path, edit: Edit, *, with_resume: bool = True) -> Path:
    """A copy whose content was changed and whose hashes were taken anew."""
    document = json.loads(path.read_text())
    edit(document)
    document["stateHash"] = state_hash(document)
    document["runHash"] = run_hash(document)
    document["checkpointId"] = checkpoint_id(document["runHash"])
    copy = folder / "edited.json"
    copy.write_text(json.dumps(document))
    if with_resume:
        resume_path(copy).write_bytes(resume_path(path).read_bytes())
    return copy


def said(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = main([str(word) for word in arguments])
    return code, *capsys.readouterr()


@pytest.mark.parametrize("name", ["v1", "v2", "v3", "fold", "controls"])
def test_a_true_file_is_the_same_on_every_instruction_set(
    name: str, checkpoints: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    for isa in available_isas() if name == "v3" else available_isas()[:1]:
        code, out, err = said(capsys, "--replay", checkpoints[name], "--isa", isa)
        assert code == 0, err
        assert "same: every hashed number came out again" in out
        assert "epochs of" in err.splitlines()[0]  # the cost comes first


@pytest.mark.parametrize(
    ("edit", "field"),
    [
        (lambda d: d["metrics"]["final"].update(resolveRate=1.0), "metrics.final.resolveRate"),
        (lambda d: d["improvementHistory"][2].update(loraNorm=1.5), "improvementHistory[2].loraNorm"),
        (lambda d: d["improvementHistory"].pop(), "improvementHistory[5]"),
        (lambda d: d["loraWeights"]["b"][0].__setitem__(7, 0.125), "loraWeights.b[0][7]"),
        (lambda d: d["ewcState"]["fisherDiagonal"].__setitem__(3, 2.0), "ewcState.fisherDiagonal[3]"),
        (lambda d: d["multiHeadLoRA"]["bug_fix"]["a"][0].__setitem__(0, 9.0), "multiHeadLoRA.bug_fix.a[0][0]"),
        (lambda d: d["trajectoryStats"].update(successful=1), "trajectoryStats.successful"),
        (lambda d: d["run"].update(epochs=12), "run.epochs"),
        (lambda d: d["run"]["workloadDetails"].update(habit=0.5), "run.workloadDetails.habit"),
        (lambda d: d["run"].update(baseRate=0.5), "run.baseRate"),
        (lambda d: d.update(resumeHash="0" * 64), "resumeHash"),
        (lambda d: d.update(more={"x": 1}), "more"),
        (lambda d: d["metrics"].pop("train"), "metrics.train"),
    ],
)
def test_a_file_whose_hashes_were_taken_anew_passes_verify_and_fails_a_replay(
    edit: Edit, field: str, checkpoints: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = edited(checkpoints["v3"], tmp_path, edit, with_resume=field != "resumeHash")
    assert said(capsys, path, "-q")[0] == 0
    code, out, err = said(capsys, "--replay", path, "-q", "--json")
    assert code == 1
    (record,) = json.loads(out)["files"]
    assert (record["outcome"], record["field"]) == ("different", field)
    assert len(err.splitlines()) == 1 and field in err


@pytest.mark.parametrize(
    "edit",
    [
        lambda d: d["metrics"]["final"].update(confidence=0.5),
        lambda d: d["run"].update(seed=4),
        lambda d: d["ewcState"].update({"lambda": 1.0}),
        lambda d: d["patternCentroids"][0].__setitem__(0, 0.5),
        lambda d: d["patternSolutions"][0].__setitem__(0, 0.5),
        lambda d: d["multiHeadLoRA"]["bug_fix"]["b"][0].__setitem__(0, 0.5),
        lambda d: d["improvementHistory"][0].update(temperature=0.5),
    ],
)
def test_an_edit_without_new_hashes_fails_verify(
    edit: Edit, checkpoints: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = json.loads(checkpoints["v3"].read_text())
    edit(document)
    path = tmp_path / "changed.json"
    path.write_text(json.dumps(document))
    code, _, err = said(capsys, path, "-q")
    assert code == 1 and "Hash does not match" in err


def test_a_corpus_that_is_another_is_said_so(
    of_code: Path, corpus: tuple[Path, Corpus], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = said(capsys, "--replay", of_code, "--corpus", corpus[0])
    assert code == 0, err
    other = write_corpus(tmp_path / "other", functions=11)
    code, out, err = said(capsys, "--replay", of_code, "--corpus", other, "-q")
    assert (code, out) == (4, "")
    assert "other input: run.workloadDetails." in err and "different" not in err
    code, out, err = said(capsys, "--replay", of_code, "--corpus", tmp_path / "none", "-q")
    assert (code, len(err.splitlines())) == (4, 1)


def test_a_run_on_real_input_is_found_by_its_name_and_by_the_one_it_had_before(
    of_code: Path, corpus: tuple[Path, Corpus], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Up to version 0.2.0 the default encoder was called after a model of the same width."""
    options = Options(profile="quick", models=(hashed_profile(1536),), workload="code", seeds=(2,), controls=False)
    (cell,) = make_cells(options, code_input(corpus[1], DOCSTRING))
    new = Path(run_cell(cell, tmp_path)["checkpoint"])
    names = [json.loads(path.read_text())["modelName"] for path in (of_code, new)]
    assert names == [SMALL_MODEL.name, "hashed n-grams, d = 1536"]
    learned = [json.loads(path.read_text())["stateHash"] for path in (of_code, new)]
    assert learned[0] == learned[1]
    for path in (of_code, new):
        code, out, err = said(capsys, "--replay", path, "--corpus", corpus[0])
        assert (code, "same: every hashed number" in out) == (0, True), err
        code, out, err = said(capsys, path)
        assert code == 0 and "hashed n-grams, d = 1536" in out and SMALL_MODEL.name not in out
    for name in ("hashed n-grams, d = 0", "hashed n-grams, d = 999999", "hashed n-grams, d = 1536\n"):
        path = edited(new, tmp_path, lambda d, name=name: d["run"].update(model=name))
        code, _, err = said(capsys, "--replay", path, "--corpus", corpus[0], "-q")
        assert code == 4 and "no model is called" in err


def test_tasks_of_an_older_generator_are_other_input(
    of_code: Path, corpus: tuple[Path, Corpus], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    older = edited(of_code, tmp_path, lambda d: d["run"]["workloadDetails"].pop("generator"))  # version 0.1.0 had none
    code, out, err = said(capsys, "--replay", older, "--corpus", corpus[0], "-q")
    assert (code, out) == (4, "")
    assert "other input: run.workloadDetails.generator is nothing in the file and 3 here" in err  # some are copies


def test_a_run_with_an_encoder_and_transfer_is_replayed_with_both(
    corpus: tuple[Path, Corpus], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "letters.py").write_text(
        "import numpy as np\n"
        "def encode(texts):\n"
        "    return np.array([[1 + t.count(chr(c)) for c in range(97, 113)] for t in texts], np.float32)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    tasks = [{"prompt": f"number {i} {'a' * i}", "solution": f"return {i} {'b' * i}"} for i in range(20)]
    (tmp_path / "tasks.jsonl").write_text("\n".join(map(json.dumps, tasks)))
    transfer, encoder = f"jsonl:{tmp_path / 'tasks.jsonl'}", "python:letters.encode"
    options = Options(profile="quick", models=models_for(make_encoder(encoder), None), workload="code", controls=False)
    given = code_input(corpus[1], InputOptions("docstring", make_encoder(encoder), read_transfer(transfer)))
    (cell,) = make_cells(options, given)
    path = Path(run_cell(cell, tmp_path)["checkpoint"])
    whole = ("--encoder", encoder, "--transfer", transfer)
    code, out, err = said(capsys, "--replay", path, "--corpus", corpus[0], *whole)
    assert code == 0, err
    assert "the same" in out or "same" in out
    code, _, err = said(capsys, "--replay", path, "--corpus", corpus[0], *whole[:2], "-q")
    assert code == 4 and "other input: run.workloadDetails.transferDigest" in err
    code, _, err = said(capsys, "--replay", path, "--corpus", corpus[0], *whole[2:], "-q")
    assert code == 4 and "letters.encode" in err  # whose width no other model has


def test_what_goes_with_replay_is_wrong_usage_without_it(of_code: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (("--encoder", "hash"), ("--transfer", "jsonl:x"), ("--corpus", "x"), ("--isa", "scalar")):
        assert said(capsys, of_code, *words)[0] == 2
    assert said(capsys, "--replay", of_code, "--transfer", "x")[0] == 2
    code, _, err = said(capsys, "--replay", of_code, "--encoder", "python:no_such_module.f", "-q")
    assert (code, len(err.splitlines())) == (4, 1)


def test_what_another_version_made_is_never_called_untrue(
    checkpoints: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def older(document: dict[str, Any]) -> None:
        document["run"]["packageVersion"] = "0.0.1"

    assert said(capsys, "--replay", edited(checkpoints["v1"], tmp_path, older), "-q")[0] == 0
    path = edited(checkpoints["v1"], tmp_path, lambda d: (older(d), d["loraWeights"]["b"][0].__setitem__(0, 0.5)))
    code, _, err = said(capsys, "--replay", path, "-q")
    assert code == 4
    assert "other version: loraWeights.b[0][0]" in err


@needs_originals
def test_files_of_the_original_system_are_told_that_they_cannot(capsys: pytest.CaptureFixture[str]) -> None:
    for path in ORIGINALS.glob("*.json"):
        code, out, err = said(capsys, "--replay", path)
        assert (code, out) == (4, "")
        (line,) = err.splitlines()
        assert "has no run block, as the files of the original system" in line


@pytest.mark.parametrize(
    "change",
    [
        {"model": "../../etc/passwd"},
        {"model": "os.system"},
        {"profile": "huge"},
        {"protocol": "v9"},
        {"workload": "jsonl:/etc/passwd"},
        {"loraRank": 10**6},
        {"seed": 2.0**60},
        {"fold": 9, "folds": 3},
        {"stream": "\x1b[2J"},
        {"workload": "code", "workloadDetails": {"split": "../no", "kind": "all"}},
    ],
)
def test_a_hostile_run_block_is_one_line(
    change: dict[str, Any], checkpoints: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = edited(checkpoints["v3"], tmp_path, lambda d: d["run"].update(change))
    code, out, err = said(capsys, "--replay", path, "-q")
    assert (code in (1, 4), out) == (True, "")
    assert len(err.splitlines()) == 1
    assert "\x1b" not in err


def test_a_file_without_a_runnable_block_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = said(capsys, "--replay", write_sample(tmp_path).path, tmp_path / "none", tmp_path, "-q")
    assert code == 1
    assert len(err.splitlines()) == 3


@pytest.mark.parametrize("arguments", [["--replay"], ["--list", "x", "--compare", "a", "b"], ["f", "--isa", "scalar"]])
def test_wrong_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, *arguments)[0] == 2


# the list and the comparison


def test_the_list_has_a_line_for_each_file(
    checkpoints: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "some"
    folder.mkdir()
    good = write_sample(folder).path
    (folder / "broken.json").write_text("{")
    (folder / "evil\x1b[2J.json").write_text("[]")
    (folder / "notes.txt").write_text("")
    code, out, _ = said(capsys, "--list", folder)
    assert code == 1
    lines = out.splitlines()
    assert len(lines) == 4 and "\x1b" not in out
    (line,) = [line for line in lines if line.startswith(good.name)]
    assert line.split()[1:] == ["DeepSeek-Coder-1.3B", "v3", good.stem[-16:], "75.0%", "ok,", "cannot", "go", "on"]
    code, out, _ = said(capsys, "--list", folder, "--json")
    files = json.loads(out)["files"]
    assert code == 1 and len(files) == 3
    assert {file["state"] for file in files} >= {"ok, cannot go on"}
    code, out, _ = said(capsys, "--list", checkpoints["v1"].parent)
    assert code == 0 and len(out.splitlines()) == 6
    assert said(capsys, "--list", tmp_path / "none")[0] == 1
    assert said(capsys, "--list", tmp_path)[1].endswith("has no checkpoints\n")


def test_two_side_by_side(checkpoints: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = said(capsys, "--compare", checkpoints["v1"], checkpoints["v3"])
    assert code == 0
    for text in ("protocol", "v1", "v3", "LoRA norm, shared", "LoRA norm, bug_fix", "run.protocol", "differs"):
        assert text in out
    code, out, _ = said(capsys, "--compare", checkpoints["v3"], checkpoints["v3"], "--json")
    record = json.loads(out)
    assert (code, record["same"], record["firstDifferentSetting"]) == (0, True, None)
    arrays = json.loads(checkpoints["v3"].read_text())["loraWeights"]
    norm = float(np.linalg.norm([*arrays["a"], *arrays["b"]]))
    assert record["values"]["LoRA norm, shared"][0] == pytest.approx(norm, rel=1e-12)
    code, _, err = said(capsys, "--compare", checkpoints["v3"], "none.json")
    assert (code, len(err.splitlines())) == (1, 1)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ({"x": 1.0}, {"x": 1}, None),
        ({"x": [1, {"y": 2}]}, {"x": [1, {"y": 3}]}, ("x[1].y", 2, 3)),
        ({"x": True}, {"x": 1}, ("x", True, 1)),
        ({"x": None}, {}, ("x", None, "nothing")),
        ({}, {"z": 0}, ("z", "nothing", 0)),
        ({"x": [1]}, {"x": [1, 2]}, ("x[1]", "nothing", 2)),
    ],
)
def test_the_first_difference(a: object, b: object, expected: tuple[str, object, object] | None) -> None:
    found = first_difference(a, b)
    if expected is None:
        assert found is None
    else:
        assert found is not None
        assert (found[0], *(repr(x) if repr(x) == "nothing" else x for x in found[1:])) == expected


# going on


@pytest.mark.parametrize("name", ["v1", "v2", "v3", "fold"])
def test_a_loaded_twin_goes_on_as_one_that_was_never_saved(name: str, checkpoints: dict[str, Path]) -> None:
    learner = ruvllm.load_checkpoint(checkpoints[name])
    twin = TrainingRun(learner.run.plan, learner.workload)
    while twin.epochs_done < len(twin.stream):
        twin.epoch()
    assert learner.history == twin.history
    assert learner.learn(2) == (twin.epoch(), twin.epoch(), twin.history[-2:])[2]
    states = [{key: array.tobytes() for key, array in run.state().items()} for run in (learner.run, twin)]
    assert states[0] == states[1]
    tasks = learner.workload.parts.train[:30]
    draws = [run.engine.train(tasks, learning_rate=0.002, temperature=0.7) for run in (learner.run, twin)]
    assert [a.tobytes() for a in draws[0]] == [b.tobytes() for b in draws[1]]
    assert learner.engine is learner.run.engine
    assert learner.run.plan.control == Control.NONE


def test_learning_goes_on_from_the_code_workload(of_code: Path, corpus: tuple[Path, Corpus], tmp_path: Path) -> None:
    learner = ruvllm.load_checkpoint(str(of_code), corpus=corpus[1], isa="scalar")
    assert [record["epoch"] for record in learner.learn(1)] == [7]
    with pytest.raises(CannotReplayError, match="needs a source tree"):
        ruvllm.load_checkpoint(of_code)
    with pytest.raises(ValueError, match=r"inputDigest|tasks"):
        ruvllm.load_checkpoint(of_code, corpus=read_corpus(write_corpus(tmp_path / "other", functions=11)))
    with pytest.raises(ValueError, match="at least 0, not -1"):
        learner.learn(-1)


def test_what_cannot_be_gone_on_from_is_refused(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    def refused(path: Path, words: str) -> None:
        with pytest.raises(InvalidFileError, match=words):
            ruvllm.load_checkpoint(path)

    source = checkpoints["v3"]
    copy = edited(source, tmp_path, lambda d: None)
    resume = resume_path(copy)
    arrays = read_arrays(resume)
    arrays["run.successes"] = arrays["run.successes"] + np.uint64(1)
    resume.write_bytes(to_safetensors(arrays))
    refused(copy, "is not what resumeHash says")
    assert main([str(copy), "-q"]) == 1
    resume.write_bytes(b"\x00" * 20)
    refused(copy, "is no safetensors file")
    resume.unlink()
    refused(copy, "needs 'edited.resume.safetensors' beside it")
    assert main([str(copy), "-q"]) == 0  # the checkpoint itself is whole
    refused(write_sample(tmp_path).path, "has no resumeHash")
    refused(tmp_path / "none.json", "cannot be read")
