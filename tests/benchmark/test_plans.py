"""Jobs as data and plans of them: keys that are the same everywhere, and plans that are whole or refused."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path

import msgspec
import pytest
from bench_samples import DOCSTRING, write_corpus
from msgspec import structs
from sweep_samples import small_options, small_plan_of

from ruvllm.benchmark.ablation.running import ablation_jobs
from ruvllm.benchmark.forgetting import blocked_jobs
from ruvllm.benchmark.plan import cell_of_job, make_cells, make_jobs
from ruvllm.benchmark.sweeps.inputs import load_input, with_digests
from ruvllm.benchmark.sweeps.jobs import InputSpec, Job
from ruvllm.benchmark.sweeps.plans import PLAN, adopt_plan, plan_text, read_plan
from ruvllm.encoders.models import hashed_profile
from ruvllm.files.json_reading import InvalidFileError
from ruvllm.workloads.code.functions import read_corpus
from ruvllm.workloads.code.reading import code_input

SPEC = InputSpec(workload="code:tree", folder="/here", tasks="docstring", digest="1" * 64)

def jobs() -> list[Job]:
    options = small_options()
    return [*make_jobs(options, spec=SPEC), *blocked_jobs(options)]


@pytest.mark.parametrize("job", jobs(), ids=lambda job: job.label)
def test_a_key_survives_every_way_to_another_machine(job: Job) -> None:
    text = msgspec.json.encode(job)
    for other in (copy.deepcopy(job), pickle.loads(pickle.dumps(job)), msgspec.json.decode(text, type=Job)):
        assert other == job and other.key == job.key
        assert msgspec.json.encode(other) == text


def test_a_key_depends_on_everything_but_the_folder_of_paths() -> None:
    job = jobs()[0]
    assert structs.replace(job, input=structs.replace(SPEC, folder="/elsewhere")).key == job.key
    texts = {"kind", "label", "protocol", "profile", "workload", "split", "stream", "version"}
    numbers = {"seed", "fold", "folds", "rank"}
    others = [
        *(structs.replace(job, **{name: "x"}) for name in texts),
        *(structs.replace(job, **{name: 7}) for name in numbers),
        *(structs.replace(job, **{name: not getattr(job, name)}) for name in ("controls", "lexical", "keep")),
        structs.replace(job, changes={"without": "ewc"}),
        structs.replace(job, model=hashed_profile(64)),
        structs.replace(job, input=None),
        *(structs.replace(job, input=structs.replace(SPEC, **{name: "x"}))
          for name in ("workload", "tasks", "encoder", "encoder_title", "encoder_digest", "transfer", "test",
                       "digest")),
        structs.replace(job, input=structs.replace(SPEC, languages=("go",))),
    ]  # fmt: skip
    keys = {other.key for other in others}
    assert len(keys) == len(others) and job.key not in keys
    assert set(Job.__struct_fields__) == texts | numbers | {"controls", "lexical", "keep", "changes", "model", "input"}


def test_cells_are_those_of_the_jobs_in_their_order() -> None:
    options = small_options(folds=3, rank=2)
    cells, planned = make_cells(options), make_jobs(options)
    assert [cell.label for cell in cells] == [job.label for job in planned]
    assert [cell_of_job(job).plan for job in planned] == [cell.plan for cell in cells]
    assert [cell.fold for cell in cells] == [job.part for job in planned]
    assert len({job.label for job in planned}) == len(planned) == 12


def test_jobs_of_an_ablation_have_labels_of_their_own() -> None:
    found = ablation_jobs(small_options(protocols=("v3",)), None)
    assert len({job.label for job in found}) == len({job.key for job in found}) == len(found)
    assert found[0].changes == {} and found[0].label.endswith(", full")
    assert {"without": "ewc"} in [job.changes for job in found]


def test_a_plan_comes_back_as_it_was(tmp_path: Path) -> None:
    plan, path = small_plan_of(), tmp_path / "plan.jsonl"
    path.write_bytes(plan_text(plan))
    found = read_plan(path)
    assert found == plan
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines[0]["cells"] == 4
    assert [line["key"] for line in lines[1:]] == [job.key for job in plan.jobs]


def test_shards_are_all_of_the_plan_and_each_cell_once() -> None:
    plan = small_plan_of(seeds=tuple(range(5)))
    for of in (1, 2, 3, 10, 12):
        parts = [plan.shard(number, of).jobs for number in range(1, of + 1)]
        assert sorted(job.key for part in parts for job in part) == sorted(job.key for job in plan.jobs)
        assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda lines: lines[:-1], "is not whole: 3 cells, not the 4 that it was made with"),
        (lambda lines: [*lines, lines[-1]], "is not whole: 5 cells"),
        (lambda lines: [lines[0], *lines[:0:-1]], "is not whole: 4 cells, not the 4"),
        (lambda lines: [line.replace(b'"seed":1', b'"seed":2') for line in lines], "its key is not that of its job"),
        (lambda lines: lines[:1], "is not whole: 0 cells"),
        (lambda lines: [lines[0].replace(b'"plan":1', b'"plan":9'), *lines[1:]], "plan anew"),
        (lambda lines: [lines[0].replace(b'"version":"', b'"version":"9'), *lines[1:]], "plan anew"),
        (lambda lines: [line[:-5] for line in lines], "no plan"),
        (lambda lines: [b'{"schema": 1}'], "no plan"),
        (lambda lines: [b"\xff\x00"], "no plan"),
    ],
)  # fmt: skip
def test_a_plan_that_was_changed_is_refused(change: object, said: str, tmp_path: Path) -> None:
    path = tmp_path / "plan.jsonl"
    lines = plan_text(small_plan_of()).splitlines()
    path.write_bytes(b"\n".join(change(lines)) + b"\n")  # type: ignore[operator]
    with pytest.raises(InvalidFileError, match=said) as caught:
        read_plan(path)
    assert "\n" not in str(caught.value)


def test_a_folder_is_for_one_plan(tmp_path: Path) -> None:
    plan = small_plan_of()
    adopt_plan(tmp_path, plan)
    text = (tmp_path / PLAN).read_bytes()
    adopt_plan(tmp_path, plan)
    with pytest.raises(InvalidFileError, match="belongs to another plan"):
        adopt_plan(tmp_path, small_plan_of(seeds=(0,)))
    assert (tmp_path / PLAN).read_bytes() == text


# input


def test_a_worker_finds_the_input_that_the_plan_was_made_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = write_corpus(tmp_path / "tree")
    here = code_input(read_corpus(tree), DOCSTRING)
    spec = with_digests(InputSpec(workload="code:tree", folder=str(tmp_path), tasks="docstring"), here)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    found = load_input(spec)
    assert found is not None and [task.prompt for task in found.tasks] == [task.prompt for task in here.tasks]
    assert load_input(spec) is found  # once
    monkeypatch.chdir(tmp_path)  # another machine has no such folder
    other = load_input(structs.replace(spec, folder="/no/such/folder"))
    assert other is not None and len(other.tasks) == len(here.tasks)


def test_a_worker_with_another_input_refuses(tmp_path: Path) -> None:
    tree = write_corpus(tmp_path / "tree")
    spec = with_digests(InputSpec(workload=f"code:{tree}", tasks="docstring"), code_input(read_corpus(tree), DOCSTRING))
    changed = tree / "module_00.py"
    changed.write_text(changed.read_text().replace("what the caller", "whatever the caller", 1))
    with pytest.raises(ValueError, match=r"^the input code:.* is not the one of the plan: its digest here is "):
        load_input(structs.replace(spec, candidates=7))
    assert load_input(None) is None
