"""Plans that are run by any executor: the results of one core, each cell once, and what is refused.

Threads of this process stand for workers here; test_executors.py has processes, dask and ray.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from bench_samples import DOCSTRING, write_corpus
from msgspec import structs
from sweep_samples import small_options, small_plan_of

import ruvllm
from ruvllm.benchmark.ablation.documents import make_ablation_document
from ruvllm.benchmark.ablation.running import ablation_jobs, run_ablation
from ruvllm.benchmark.forgetting import blocked_jobs, make_forgetting_document, run_blocked
from ruvllm.benchmark.plan import make_cells, make_jobs, recorded_options, with_candidates
from ruvllm.benchmark.streaming.prequential import run_streams, stream_jobs
from ruvllm.benchmark.sweep import run_cells
from ruvllm.benchmark.sweeps import dispatch, kinds
from ruvllm.benchmark.sweeps.cell_files import CELLS, BrokenCellError, cell_path, read_cell, survey
from ruvllm.benchmark.sweeps.dispatch import LostWorkersError, run_plan
from ruvllm.benchmark.sweeps.executors import Workers
from ruvllm.benchmark.sweeps.inputs import with_digests
from ruvllm.benchmark.sweeps.jobs import InputSpec, Job
from ruvllm.benchmark.sweeps.merging import merge_cells, plan_of_folder
from ruvllm.benchmark.sweeps.plans import PLAN, Plan, plan_text
from ruvllm.benchmark.sweeps.running import run_job
from ruvllm.benchmark.task_table import make_task_table
from ruvllm.commands.progress import QuietReporter
from ruvllm.encoders.models import hashed_profile
from ruvllm.files.json_reading import InvalidFileError
from ruvllm.learning.training_run import Cancelled
from ruvllm.results.document import make_document, results_digest
from ruvllm.results.reading import Document
from ruvllm.results.streams.summaries import make_prequential_document
from ruvllm.workloads.inputs import read_input


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Plan, Path]:
    """A plan and the folder in which all of its cells are."""
    folder, plan = tmp_path_factory.mktemp("sweep") / "all", small_plan_of()
    with ThreadPoolExecutor(2) as pool:
        run_plan(plan, folder, pool)
    return plan, folder


def copied(finished: tuple[Plan, Path], folder: Path) -> Path:
    for path in finished[1].rglob("*.json*"):
        place = folder / path.relative_to(finished[1])
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(path.read_bytes())
    return folder


def merged(folder: Path, plan: Plan) -> Document:
    found = merge_cells(folder, plan)
    assert (found.missing, found.wrong) == ((), ()) and found.document is not None
    return found.document


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / CELLS).iterdir()}


# the same bytes as on one core


def test_a_plan_has_the_results_of_one_core(finished: tuple[Plan, Path]) -> None:
    plan, folder = finished
    runs = run_cells(make_cells(small_options()), folder, 1, QuietReporter(), keep="none")
    alone = make_document(runs, plan.options)
    assert results_digest(merged(folder, plan)) == results_digest(alone)
    # a digest that no difference changed would say nothing
    other = structs.replace(runs[0], final=structs.replace(runs[0].final, confidence=0.5))
    assert results_digest(make_document([other, *runs[1:]], plan.options)) != results_digest(alone)
    later = structs.replace(alone, created="2030-01-01T00:00:00Z", command=["x"], name="x")
    assert results_digest(later) == results_digest(alone)


def test_shards_in_any_order_are_the_whole(
    finished: tuple[Plan, Path], threads: ThreadPoolExecutor, tmp_path: Path
) -> None:
    plan = finished[0]
    for number in (3, 1):
        run_plan(plan, tmp_path, threads, shard=(number, 3))
    assert [job.key for job in merge_cells(tmp_path, plan).missing] == [plan.jobs[1].key]
    assert merge_cells(tmp_path, plan).document is None
    (path,) = run_plan(plan, tmp_path, threads, shard=(2, 3))
    assert path == cell_path(tmp_path, plan.jobs[1].key)
    assert results_digest(merged(tmp_path, plan)) == results_digest(merged(finished[1], plan))


@pytest.mark.parametrize("kind", ["ablation", "ablation of code", "blocked", "stream", "folds of code"])
def test_other_experiments_have_the_results_of_one_core(
    kind: str, threads: ThreadPoolExecutor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    options = small_options(protocols=("v1",))
    quiet = QuietReporter()
    alone: Document
    if kind == "ablation":
        jobs = ablation_jobs(options, None)
        asked = recorded_options(options)
        alone = make_ablation_document(run_ablation(options, None, 1, quiet), asked)
    elif kind == "blocked":
        options = structs.replace(options, stream="blocked")
        jobs = blocked_jobs(options)
        asked = recorded_options(options)
        alone = make_forgetting_document(run_blocked(options, 1, quiet), asked)
    else:
        jobs, asked, alone = of_real_input(kind, tmp_path)
    plan = Plan(jobs, asked, texts=False)
    run_plan(plan, "sweep", threads)
    assert results_digest(merged(Path("sweep"), plan)) == results_digest(alone)
    assert not Path("sweep/unfinished").exists()


def of_real_input(kind: str, folder: Path) -> tuple[list[Job], Any, Document]:
    write_corpus(folder / "tree", files=8, functions=8)
    lines = [{"prompt": f"question {n} about {n * n}", "solution": f"answer {n % 40} of {n}"} for n in range(60)]
    (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    workload, tasks = ("jsonl:log.jsonl", "all") if kind == "stream" else ("code:tree", DOCSTRING.kind)
    options = small_options(
        protocols=("v3",), workload=workload.split(":")[0], models=(hashed_profile(64),), rank=2,
        seeds=(0, 1) if kind == "ablation of code" else (0,), folds=3 if kind == "folds of code" else None,
        stream="time" if kind == "stream" else "mixed",
    )  # fmt: skip
    found = read_input(workload, kind=tasks)
    found = found if kind == "stream" else with_candidates(options, found, lambda _: None)
    spec = with_digests(InputSpec(workload=workload, folder=str(folder), tasks=tasks), found)
    asked, quiet = recorded_options(options, found), QuietReporter()
    if kind == "stream":
        runs = run_streams(options, found, 1, quiet)
        return stream_jobs(options, spec), asked, make_prequential_document(runs, asked)
    if kind == "ablation of code":
        return (
            ablation_jobs(options, found, spec), asked,
            make_ablation_document(run_ablation(options, found, 1, quiet), asked),
        )  # fmt: skip
    cells = run_cells(make_cells(options, found), folder, 1, quiet, keep="none")
    table = make_task_table(cells, found.tasks, texts=False)
    return make_jobs(options, spec=spec), asked, make_document(cells, asked, tasks=table)


def test_a_checkpoint_that_is_kept_is_where_the_results_say(threads: ThreadPoolExecutor, tmp_path: Path) -> None:
    (first, *_), asked = small_plan_of().jobs, small_plan_of().options
    plan = Plan([structs.replace(first, keep=True)], asked)
    run_plan(plan, tmp_path / "there", threads)
    (tmp_path / "there").rename(tmp_path / "here")  # gathered on another machine
    document: Any = merged(tmp_path / "here", plan)
    path = Path(document.results[0].checkpoint)
    assert path.parent == tmp_path / "here" / "checkpoints" and path.exists()
    path.unlink()
    (line,) = merge_cells(tmp_path / "here", plan).wrong
    assert line.startswith(f"{plan.jobs[0].key}.json names the checkpoint {path.name}, which cannot be used")


# each cell once


def test_a_finished_cell_is_never_made_again(
    finished: tuple[Plan, Path], threads: ThreadPoolExecutor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, folder = finished[0], copied(finished, tmp_path / "sweep")
    gone = cell_path(folder, plan.jobs[2].key)
    gone.unlink()
    before = contents(folder)
    made: list[str] = []
    watched(monkeypatch, made.append)
    run_plan(plan, folder, threads)
    assert made == [plan.jobs[2].label]
    after = contents(folder)
    assert {name: after[name] for name in before} == before and set(after) - set(before) == {gone.name}
    run_job(plan.jobs[0], folder)
    assert len(made) == 1
    run_plan(plan, folder, threads)
    assert (len(made), contents(folder)) == (1, after)


def watched(monkeypatch: pytest.MonkeyPatch, hear: Callable[[str], object]) -> None:
    """Tells which benchmark runs are made."""
    whole = kinds.KINDS["benchmark"]

    def make(run: Any, place: Any) -> Any:
        hear(run.label)
        return whole.make(run, place)

    monkeypatch.setitem(kinds.KINDS, "benchmark", replace(whole, make=make))


def test_a_job_run_directly_gives_the_record_of_its_file(finished: tuple[Plan, Path], tmp_path: Path) -> None:
    job = finished[0].jobs[0]
    record: Any = run_job(job, tmp_path)
    assert record == read_cell(tmp_path, job)
    kept: Any = read_cell(finished[1], job)
    assert (record.run_hash, record.state_hash) == (kept.run_hash, kept.state_hash)


def test_what_was_begun_is_gone_on_from(finished: tuple[Plan, Path], tmp_path: Path) -> None:
    job, epochs = finished[0].jobs[2], []

    class Listener(QuietReporter):
        def epoch(self, label: str, done: int, total: int, *_: object) -> None:
            epochs.append(done)

    with pytest.raises(Cancelled):
        run_job(job, tmp_path, reporter=Listener(), cancelled=lambda: len(epochs) >= 2)
    assert not cell_path(tmp_path, job.key).exists()
    record: Any = run_job(job, tmp_path, reporter=Listener())
    kept: Any = read_cell(finished[1], job)
    assert record.run_hash == kept.run_hash
    assert not (tmp_path / "unfinished").exists()


# what is refused


@pytest.mark.parametrize("place", [0, 0.3, 0.6, 0.99])
def test_a_file_with_a_changed_byte_is_named_and_refused(
    place: float, finished: tuple[Plan, Path], threads: ThreadPoolExecutor, tmp_path: Path
) -> None:
    plan, folder = finished[0], copied(finished, tmp_path / "sweep")
    path = cell_path(folder, plan.jobs[1].key)
    data = bytearray(path.read_bytes())
    data[int(place * (len(data) - 2))] ^= 1
    path.write_bytes(data)
    found = survey(folder, plan.jobs)
    assert plan.jobs[1].key not in found.finished and len(found.finished) == 3
    with pytest.raises(BrokenCellError, match=path.name):
        run_plan(plan, folder, threads)
    result = merge_cells(folder, plan)
    assert (list(result.missing), len(result.wrong), result.document) == ([], 1, None)
    assert path.read_bytes() == data
    path.unlink()
    run_plan(plan, folder, threads)
    assert results_digest(merged(folder, plan)) == results_digest(merged(finished[1], plan))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"), (b"{}", "is broken"), (b"[]", "is broken"), (b"\xff", "is broken"),
        (b'{"format":9,"key":"","sha256":"","job":1,"record":1}', "is of format 9, and this version reads 1"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_cell_is_refused(
    content: bytes, said: str, finished: tuple[Plan, Path], tmp_path: Path
) -> None:
    plan, folder = finished[0], copied(finished, tmp_path / "sweep")
    path = cell_path(folder, plan.jobs[0].key)
    path.write_bytes(content)
    (line,) = survey(folder, plan.jobs).wrong
    assert line.startswith(f"{path.name} ") and said in line


def test_another_cells_file_is_refused(
    finished: tuple[Plan, Path], threads: ThreadPoolExecutor, tmp_path: Path
) -> None:
    plan, folder = finished[0], copied(finished, tmp_path / "sweep")
    first, second = (cell_path(folder, job.key) for job in plan.jobs[:2])
    first.write_bytes(second.read_bytes())
    with pytest.raises(BrokenCellError, match="holds another cell"):
        run_plan(plan, folder, threads)
    first.rename(folder / CELLS / f"{'0' * 32}.json")
    with pytest.raises(BrokenCellError, match=f"{'0' * 32}.json is no cell of the plan"):
        run_plan(plan, folder, threads)
    result = merge_cells(folder, plan)
    assert [job.key for job in result.missing] == [plan.jobs[0].key] and len(result.wrong) == 1


def test_a_worker_of_another_version_refuses(tmp_path: Path) -> None:
    plan = small_plan_of()
    other = Plan([structs.replace(job, version="9.9") for job in plan.jobs], plan.options)
    with (
        ThreadPoolExecutor(1) as worker,  # of two, either could be the first to refuse
        pytest.raises(ValueError, match=r"seed 0: the plan is of version 9\.9, and this worker has "),
    ):
        run_plan(other, tmp_path, worker)
    assert list((tmp_path / CELLS).iterdir()) == []


def test_a_plan_that_is_nowhere_is_asked_for(finished: tuple[Plan, Path], tmp_path: Path) -> None:
    with pytest.raises(InvalidFileError, match=r"has no plan\.jsonl in it: name the plan with --plan"):
        plan_of_folder(tmp_path)
    path = tmp_path / "other.jsonl"
    path.write_bytes(plan_text(small_plan_of(seeds=(7,))))
    assert plan_of_folder(finished[1]) == plan_of_folder(finished[1], finished[1] / PLAN) == finished[0]
    with pytest.raises(InvalidFileError, match="belongs to another plan than"):
        plan_of_folder(finished[1], path)
    assert plan_of_folder(tmp_path, path).jobs[0].seed == 7


# workers that are lost


class Unsteady(Executor):
    """Does the work, and loses the first `losses` pieces of it."""

    def __init__(self, losses: int, error: type[Exception] = BrokenExecutor) -> None:
        self.losses, self.error, self.asked = losses, error, 0

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **options: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.asked += 1
        if self.asked <= self.losses:
            future.set_exception(self.error("gone"))
        else:
            future.set_result(function(*arguments, **options))
        return future


class Renewed(Workers):
    """Workers that are replaced."""

    def renew(self) -> bool:
        return True


def run_unsteady(executor: Unsteady, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Sequence[Path]:
    monkeypatch.setattr(dispatch, "open_workers", lambda *_: Renewed(executor))
    return run_plan(small_plan_of(), folder, "processes")


def test_the_cell_of_a_lost_worker_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    executor = Unsteady(dispatch.MOST_LOSSES)
    found = run_unsteady(executor, tmp_path, monkeypatch)
    assert len(found) == 4 and all(path.exists() for path in found)
    assert executor.asked == 4 + dispatch.MOST_LOSSES


def test_workers_that_are_lost_again_and_again_end_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LostWorkersError, match=r": its worker was lost, 4 times in a row: gone$"):
        run_unsteady(Unsteady(1000), tmp_path, monkeypatch)


def test_an_executor_of_the_callers_is_not_replaced_and_the_same_call_goes_on(
    threads: ThreadPoolExecutor, tmp_path: Path
) -> None:
    with pytest.raises(LostWorkersError, match=r"its worker was lost, and its executor is broken: gone"):
        ruvllm.run_plan(small_plan_of(), tmp_path, Unsteady(1))
    assert len(contents(tmp_path)) == 3  # this one does its work when it is asked
    assert len(ruvllm.run_plan(small_plan_of(), tmp_path, threads)) == 4


def test_a_cell_that_cannot_be_made_is_named(
    threads: ThreadPoolExecutor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(label: str) -> None:
        if label.endswith("v3 seed 1"):
            raise ValueError("no luck")

    watched(monkeypatch, refuse)
    with pytest.raises(ValueError, match=r"^Qwen2\.5-Coder-1\.5B v3 seed 1: no luck$"):
        run_plan(small_plan_of(), tmp_path, threads)


def test_the_reporter_hears_of_all_that_is_to_be_done(
    finished: tuple[Plan, Path], threads: ThreadPoolExecutor, tmp_path: Path
) -> None:
    plan, folder = finished[0], copied(finished, tmp_path / "sweep")
    cell_path(folder, plan.jobs[3].key).unlink()
    told: list[Any] = []

    class Listener(QuietReporter):
        def start(self, labels: Sequence[str], bars: Sequence[str] | None = None) -> None:
            told.append((list(labels), bars))

        def finish(self, label: str, line: str) -> None:
            told.append((label, line))

    run_plan(plan, folder, threads, reporter=Listener())
    label = plan.jobs[3].label
    assert told[0] == ([label], [plan.jobs[3].model.name])
    assert told[1][0] == label and told[1][1].startswith(f"{label}: ") and len(told) == 2


class Awaited(Workers):
    """Nobody works until it was asked why for the third time."""

    def __init__(self, executor: Executor) -> None:
        super().__init__(executor)
        self._asked = 0
        self._waiting: list[tuple[Future[str], tuple[Job, str, str]]] = []

    def submit(self, job: Job, folder: str, isa: str) -> Future[str]:
        outcome: Future[str] = Future()
        self._waiting.append((outcome, (job, folder, isa)))
        return outcome

    def shortage(self) -> str | None:
        self._asked += 1
        if self._asked < 3:
            return "nobody is here"
        for outcome, work in self._waiting:
            outcome.set_result(super().submit(*work).result())
        self._waiting.clear()
        return None


def test_a_lack_of_workers_is_told_once(
    threads: ThreadPoolExecutor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []

    class Listener(QuietReporter):
        def warn(self, text: str) -> None:
            told.append(text)

    monkeypatch.setattr(dispatch, "open_workers", lambda *arguments: Awaited(threads))
    monkeypatch.setattr(dispatch, "SECONDS_TO_ASK", 0.001)
    plan = small_plan_of()
    files = run_plan(plan, tmp_path, "awaited", reporter=Listener())
    assert told == ["nobody is here: cells wait until one comes (4 are not done)"]
    assert len(files) == 4 and all(path.exists() for path in files)


def test_a_cells_file_says_what_it_is(finished: tuple[Plan, Path]) -> None:
    job = finished[0].jobs[0]
    found = json.loads(cell_path(finished[1], job.key).read_text())
    assert (found["format"], found["key"]) == (1, job.key)
    assert msgspec.convert(found["job"], Job) == job
    assert found["record"]["seed"] == job.seed
