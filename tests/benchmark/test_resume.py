"""A run that was stopped goes on: the same results, nothing done twice, nothing left behind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bench_samples import DOCSTRING, SMALL_MODEL, bench, small_cell, small_plan, stored, write_corpus
from json_samples import Entry, run_ablation, run_blocked, run_cell
from msgspec import structs

from ruvllm._core import Control
from ruvllm.benchmark.cell import Cell
from ruvllm.benchmark.plan import Options, make_cells
from ruvllm.commands.progress import QuietReporter
from ruvllm.files.arrays import read_arrays, resume_path, state_digest, to_safetensors
from ruvllm.learning import training_run
from ruvllm.learning.protocols import PROTOCOLS
from ruvllm.learning.snapshots import Snapshot, Unfinished, key_of
from ruvllm.workloads.code.functions import read_corpus
from ruvllm.workloads.code.reading import code_input
from ruvllm.workloads.splits import Fold

EPOCHS = 3
RUNS = 4
"""Learning runs of a cell: the system and its controls."""


class Killed(BaseException):
    """What an interrupt is to a run."""


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Control]]:
    """Which run each epoch that was begun belongs to."""
    epochs: list[Control] = []
    whole = training_run.TrainingRun.epoch

    def watched(self: training_run.TrainingRun) -> None:
        epochs.append(self.plan.control)
        whole(self)

    monkeypatch.setattr(training_run.TrainingRun, "epoch", watched)
    yield epochs


def stop_after(monkeypatch: pytest.MonkeyPatch, epochs: int) -> None:
    """Kills the run in the middle of the epoch after so many."""
    attempt = training_run.TrainingRun._attempt
    left = [epochs]

    def watched(self: training_run.TrainingRun, *arguments: Any) -> Any:
        result = attempt(self, *arguments)
        if left[0] == 0:
            raise Killed
        left[0] -= 1
        return result

    monkeypatch.setattr(training_run.TrainingRun, "_attempt", watched)


def kill_after(monkeypatch: pytest.MonkeyPatch, epochs: int, checkpoints: Path, unfinished: Path) -> None:
    """The small cell, killed in the middle of the epoch after so many."""
    with monkeypatch.context() as patch, pytest.raises(Killed):
        stop_after(patch, epochs)
        run_cell(small_cell(), checkpoints, unfinished=Unfinished(unfinished, resume=False))


def same(a: Entry, b: Entry) -> bool:
    return all(a[key] == b[key] for key in a if key not in ("seconds", "microsecondsPerTask", "checkpoint"))


def folders(tmp_path: Path) -> tuple[Path, Path]:
    for name in ("checkpoints", "unfinished"):
        (tmp_path / name).mkdir(parents=True)
    return tmp_path / "checkpoints", tmp_path / "unfinished"


@pytest.mark.parametrize("protocol", list(PROTOCOLS))
def test_a_run_goes_on_wherever_it_was_stopped(
    protocol: str, begun: list[Control], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = small_cell(small_plan(protocol, epochs=EPOCHS))
    (tmp_path / "unbroken").mkdir()
    unbroken = run_cell(cell, tmp_path / "unbroken")
    everything = list(begun)
    assert len(everything) == EPOCHS * RUNS
    for done in range(len(everything)):
        checkpoints, unfinished = folders(tmp_path / f"{done}")
        with monkeypatch.context() as patch, pytest.raises(Killed):
            stop_after(patch, done)
            run_cell(cell, checkpoints, unfinished=Unfinished(unfinished, resume=False))
        del begun[:]
        entry = run_cell(cell, checkpoints, unfinished=Unfinished(unfinished, resume=True))
        assert same(entry, unbroken)
        assert begun == everything[done:]
        assert [path.suffix for path in unfinished.iterdir()] == [".json"]


def test_what_was_reported_is_not_done_again(
    begun: list[Control], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = small_cell(small_plan(epochs=6))
    checkpoints, unfinished = folders(tmp_path)
    for stop in range(1, 6):
        reported = [0]
        with monkeypatch.context() as patch, pytest.raises(Killed):
            stop_after(patch, 1)
            run_cell(
                cell,
                checkpoints,
                lambda done, *_, seen=reported: seen.append(done),  # type: ignore[misc]
                unfinished=Unfinished(unfinished, resume=stop > 1),
            )
        del begun[:]
        snapshot = Unfinished(unfinished, resume=True)
        with monkeypatch.context() as patch, pytest.raises(Killed):
            stop_after(patch, 0)
            run_cell(cell, checkpoints, unfinished=snapshot)
        (path,) = unfinished.iterdir()
        assert int(read_arrays(path)["run.epochs"][0]) >= reported[-1]


def epochs_saved(unfinished: Path) -> list[int]:
    return sorted(int(read_arrays(path)["run.epochs"][0]) for path in unfinished.glob("*.safetensors"))


@pytest.mark.parametrize(("controls", "saved"), [(False, [3]), (True, [2])])
def test_snapshots_are_saved_by_time(
    controls: bool, saved: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clock that goes on by 2 s an epoch. Of four runs of a cell each may lose a quarter of the 6 s."""
    cell = structs.replace(small_cell(small_plan(epochs=6)), controls=controls)
    checkpoints, unfinished = folders(tmp_path)
    clock = [0.0]
    whole = training_run.TrainingRun.epoch

    def epoch(self: training_run.TrainingRun) -> None:
        whole(self)
        clock[0] += 2.0

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(training_run.TrainingRun, "epoch", epoch)
        patch.setattr("ruvllm.learning.snapshots.time.monotonic", lambda: clock[0])
        stop_after(patch, saved[0] + (0 if controls else 2))
        run_cell(cell, checkpoints, unfinished=Unfinished(unfinished, resume=False, seconds=6.0))
    assert epochs_saved(unfinished) == saved


def test_work_that_took_no_time_is_done_again(
    begun: list[Control], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints, unfinished = folders(tmp_path)
    (tmp_path / "unbroken").mkdir()
    unbroken = run_cell(small_cell(), tmp_path / "unbroken")
    with monkeypatch.context() as patch, pytest.raises(Killed):
        stop_after(patch, EPOCHS * RUNS - 1)
        run_cell(small_cell(), checkpoints, unfinished=Unfinished(unfinished, resume=False, seconds=3600.0))
    assert list(unfinished.iterdir()) == []
    del begun[:]
    assert same(run_cell(small_cell(), checkpoints, unfinished=Unfinished(unfinished, resume=True)), unbroken)
    assert len(begun) == EPOCHS * RUNS


@pytest.mark.parametrize("looks", [20, 31])
def test_a_run_that_is_told_to_stop_is_saved_first(looks: int, begun: list[Control], tmp_path: Path) -> None:
    """It ends the epoch that runs, however seldom snapshots are wanted."""
    checkpoints, unfinished = folders(tmp_path)
    cell = small_cell(small_plan(epochs=12))
    seen = [0]

    def cancelled() -> bool:
        seen[0] += 1
        return seen[0] > looks

    with pytest.raises(training_run.Cancelled):
        run_cell(cell, checkpoints, None, cancelled, Unfinished(unfinished, resume=False, seconds=3600.0))
    done = len(begun) - 1  # the next one was stopped at once
    assert 1 < done < 12
    assert epochs_saved(unfinished) == [done]
    del begun[:]
    (tmp_path / "unbroken").mkdir()
    entry = run_cell(cell, checkpoints, unfinished=Unfinished(unfinished, resume=True))
    assert len(begun) == 12 * RUNS - done
    assert same(entry, run_cell(cell, tmp_path / "unbroken"))


def test_a_cell_that_is_done_is_not_run_again(begun: list[Control], tmp_path: Path) -> None:
    checkpoints, unfinished = folders(tmp_path)
    cell = small_cell()
    first = run_cell(cell, checkpoints, unfinished=Unfinished(unfinished, resume=False))
    del begun[:]
    again = run_cell(cell, checkpoints, unfinished=Unfinished(unfinished, resume=True))
    assert again == first
    assert begun == []
    resume_path(Path(first["checkpoint"])).unlink()  # then it is not all there
    assert same(run_cell(cell, checkpoints, unfinished=Unfinished(unfinished, resume=True)), first)
    assert len(begun) == EPOCHS * RUNS
    assert resume_path(Path(first["checkpoint"])).exists()
    Path(first["checkpoint"]).unlink()
    assert same(run_cell(cell, checkpoints, unfinished=Unfinished(unfinished, resume=True)), first)


def test_snapshots_of_a_cell_that_is_done_are_removed_later_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found by bench/kill_and_resume.py: killed when the result was kept and the snapshots were not yet removed."""
    checkpoints, unfinished = folders(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(Snapshot, "remove", lambda self: None)
        run_cell(small_cell(), checkpoints, unfinished=Unfinished(unfinished, resume=False))
    assert len(list(unfinished.glob("*.safetensors"))) == RUNS
    run_cell(small_cell(), checkpoints, unfinished=Unfinished(unfinished, resume=True))
    assert list(unfinished.glob("*.safetensors")) == []


def test_without_resume_nothing_is_gone_on_from(begun: list[Control], tmp_path: Path) -> None:
    checkpoints, unfinished = folders(tmp_path)
    for _ in range(2):
        del begun[:]
        run_cell(small_cell(), checkpoints, unfinished=Unfinished(unfinished, resume=False))
        assert len(begun) == EPOCHS * RUNS


@pytest.mark.parametrize(
    "other",
    [
        small_cell(small_plan(seed=6)),
        small_cell(small_plan("v2")),
        small_cell(small_plan(epochs=EPOCHS + 1)),
        small_cell(small_plan(base_rate=0.002)),
        small_cell(small_plan(rank=2)),
        small_cell(fold=Fold(2, 3)),
    ],
)
def test_another_run_does_not_go_on_from_it(
    other: Cell, begun: list[Control], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints, unfinished = folders(tmp_path)
    kill_after(monkeypatch, 2, checkpoints, unfinished)
    del begun[:]
    run_cell(other, checkpoints, unfinished=Unfinished(unfinished, resume=True))
    assert len(begun) == other.plan.size.epochs * RUNS


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "exchanged"])
def test_a_broken_snapshot_counts_for_none(
    damage: str, begun: list[Control], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints, unfinished = folders(tmp_path)
    kill_after(monkeypatch, 2, checkpoints, unfinished)
    (path,) = unfinished.iterdir()
    data = bytearray(path.read_bytes())
    if damage == "flipped":
        data[len(data) // 2] ^= 1
    arrays = read_arrays(path)
    arrays["run.epochs"] = arrays["run.epochs"] + np.uint64(1)
    path.write_bytes({"cut": data[:-1], "flipped": data, "empty": b"", "exchanged": to_safetensors(arrays)}[damage])
    del begun[:]
    run_cell(small_cell(), checkpoints, unfinished=Unfinished(unfinished, resume=True))
    assert len(begun) == EPOCHS * RUNS


def test_the_code_workload_goes_on_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begun: list[Control]) -> None:
    corpus = read_corpus(write_corpus(tmp_path / "source"))
    options = Options(profile="quick", models=(SMALL_MODEL,), workload="code", seeds=(2,))
    (cell,) = make_cells(options, code_input(corpus, DOCSTRING))
    checkpoints, unfinished = folders(tmp_path)
    (tmp_path / "unbroken").mkdir()
    unbroken = run_cell(cell, tmp_path / "unbroken")
    with monkeypatch.context() as patch, pytest.raises(Killed):
        stop_after(patch, 4)
        run_cell(cell, checkpoints, unfinished=Unfinished(unfinished, resume=False))
    assert same(run_cell(cell, checkpoints, unfinished=Unfinished(unfinished, resume=True)), unbroken)


def test_the_key_depends_on_everything() -> None:
    assert key_of({"a": 1}) == key_of({"a": 1})
    assert len({key_of(x) for x in ({"a": 1}, {"a": 2}, {"b": 1}, {"a": 1, "b": 1})}) == 4


def test_a_result_that_was_changed_is_not_believed(tmp_path: Path) -> None:
    kept = Unfinished(tmp_path, resume=True)
    kept.keep_result("key", {"rate": 0.5})
    assert kept.result("key") == {"rate": 0.5}
    (path,) = tmp_path.iterdir()
    for text in (path.read_text().replace("0.5", "0.6"), "{", "[]", "{}", ""):
        path.write_text(text)
        assert kept.result("key") is None
    kept.forget_results()
    assert list(tmp_path.iterdir()) == []


def test_the_digest_of_a_state_is_of_its_content() -> None:
    state = {"b": np.arange(3, dtype=np.uint32), "a": np.array([0.5, -0.0])}
    digest = state_digest(state)
    assert state_digest(dict(reversed(state.items()))) == digest
    assert state_digest({**state, "b": state["b"].astype(">u4")}) == digest
    for other in ({**state, "a": np.array([0.5, 0.0])}, {"b": state["b"]}, {**state, "b": state["b"].view(np.uint8)}):
        assert state_digest(other) != digest


@pytest.mark.parametrize("kind", ["ablation", "blocked", "ablation of code"])
def test_runs_without_checkpoints_go_on_too(
    kind: str, begun: list[Control], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = Options(protocols=("v1",), profile="quick", models=(SMALL_MODEL,), seeds=(0, 1))
    given = None
    if kind == "ablation of code":
        given = code_input(read_corpus(write_corpus(tmp_path / "tree")), DOCSTRING)
        options = structs.replace(options, workload="code")

    def run(unfinished: Unfinished | None) -> list[dict[str, Any]]:
        if kind == "blocked":
            return run_blocked(options, 1, QuietReporter(), unfinished)
        return run_ablation(options, given, 1, QuietReporter(), unfinished)

    unbroken = run(None)
    everything = len(begun)
    for done in (0, 1, 4, everything - 1):
        _, folder = folders(tmp_path / f"{done}")
        with monkeypatch.context() as patch, pytest.raises(Killed):
            stop_after(patch, done)
            run(Unfinished(folder, resume=False))
        del begun[:]
        second = Unfinished(folder, resume=True)
        assert run(second) == unbroken
        assert len(begun) == everything - done
        del begun[:]
        assert run(Unfinished(folder, resume=True)) == unbroken
        assert begun == []  # all are done
        second.forget_results()
        assert list(folder.iterdir()) == []


@pytest.mark.parametrize("words", [("ablate", "--protocol", "v1"), ("--stream", "blocked", "--protocol", "v1")])
def test_the_commands_without_checkpoints_take_resume_and_leave_nothing(words: tuple[str, ...], tmp_path: Path) -> None:
    small = (*words, "--profile", "quick", "--models", SMALL_MODEL.name, "--seeds", "2", "-q")
    for more in ((), ("--resume",)):
        assert bench(*small, *more, folder=tmp_path).returncode == 0
        assert not (tmp_path / "results" / "unfinished").exists()
    assert not (tmp_path / "results" / "checkpoints").exists()


def test_the_command_goes_on_and_leaves_nothing_unfinished(tmp_path: Path) -> None:
    small = ("--profile", "quick", "--models", SMALL_MODEL.name, "--seeds", "2", "--json", "-q")
    unbroken = bench(*small, "--out", "unbroken", folder=tmp_path)
    first = bench(*small, folder=tmp_path)
    again = bench(*small, "--resume", folder=tmp_path)
    assert {done.returncode for done in (unbroken, first, again)} == {0}
    assert not (tmp_path / "results" / "unfinished").exists()
    hashes = [[entry["runHash"] for entry in json.loads(done.stdout)["results"]] for done in (unbroken, first, again)]
    assert hashes[0] == hashes[1] == hashes[2]


def test_unfinished_work_is_pointed_out(tmp_path: Path) -> None:
    folders(tmp_path / "results")
    (tmp_path / "results" / "unfinished" / "x.json").write_text("{}")
    done = bench("--profile", "quick", "--models", SMALL_MODEL.name, "--no-controls", folder=tmp_path)
    assert "unfinished work in results/unfinished; --resume with the same arguments goes on from it" in done.stderr


def test_the_resume_file_is_what_its_hash_says(tmp_path: Path) -> None:
    entry = run_cell(small_cell(), tmp_path)
    arrays = read_arrays(resume_path(Path(entry["checkpoint"])))
    assert state_digest(arrays) == stored(entry)["resumeHash"]
    assert int(arrays["run.epochs"][0]) == EPOCHS
