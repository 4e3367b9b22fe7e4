"""Equal arguments give equal hashes: in another process, on every instruction set, with any number of jobs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from bench_samples import DOCSTRING, SMALL_MODEL, SMALL_RUN, bench, hashes, write_corpus
from json_samples import Entry, run_cells

from ruvllm._core import available_isas
from ruvllm.benchmark.cell import Cell
from ruvllm.benchmark.plan import Options, make_cells
from ruvllm.commands.progress import QuietReporter
from ruvllm.encoders.models import hashed_profile
from ruvllm.workloads.code.functions import Corpus, read_corpus
from ruvllm.workloads.code.reading import code_input

ISAS = available_isas()
PROTOCOLS = {"simulated": ("v1", "v2", "v3"), "code": ("v3",)}
RANK = {"simulated": None, "code": 2}  # the default of 16 takes the scalar kernels too long

Hashes = list[tuple[str, str]]


def all_hashes(entries: list[Entry]) -> Hashes:
    return [hashes(entry) for entry in entries]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus") / "source")


@pytest.fixture(scope="module")
def corpus(tree: Path) -> Corpus:
    corpus = read_corpus(tree)
    assert len(corpus.functions) > 100
    return corpus


def make(workload: str, corpus: Corpus, isa: str) -> list[Cell]:
    model = hashed_profile(SMALL_MODEL.embedding_dim) if workload == "code" else SMALL_MODEL
    options = Options(PROTOCOLS[workload], "quick", (model,), workload, seeds=(4,), rank=RANK[workload], isa=isa)
    return make_cells(options, code_input(corpus, DOCSTRING) if workload == "code" else None)


def run_in_process(workload: str, corpus: Corpus, folder: Path, isa: str = "auto", jobs: int = 1) -> Hashes:
    return all_hashes(run_cells(make(workload, corpus, isa), folder, jobs, QuietReporter()))


def run_command(workload: str, tree: Path, folder: Path, *arguments: str, **environment: str) -> Hashes:
    """The same cells by the command, in a process of its own."""
    folder.mkdir()
    if workload == "code":
        source = [f"code:{tree}", "--tasks", "docstring", "--protocol", "v3", "--rank", str(RANK[workload])]
    else:
        source = [workload, "--protocol", "all"]
    done = bench(
        *SMALL_RUN, "--seed", "4", "--seeds", "1", "--json", "-q", "--workload", *source, *arguments,
        folder=folder, **environment,
    )  # fmt: skip
    assert done.returncode in (0, 3), done.stderr  # a small corpus may teach nothing
    return all_hashes(json.loads(done.stdout)["results"])


@pytest.fixture(scope="module", params=list(PROTOCOLS))
def workload(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def expected(workload: str, corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Hashes:
    found = run_in_process(workload, corpus, tmp_path_factory.mktemp("expected"))
    assert len({state for state, _ in found}) == len({run for _, run in found}) == len(PROTOCOLS[workload])
    return found


def test_a_second_run_is_the_same(workload: str, corpus: Corpus, tmp_path: Path, expected: Hashes) -> None:
    assert run_in_process(workload, corpus, tmp_path) == expected


@pytest.mark.parametrize("jobs", [2, 5])
def test_jobs_change_nothing(jobs: int, workload: str, corpus: Corpus, tmp_path: Path, expected: Hashes) -> None:
    assert run_in_process(workload, corpus, tmp_path, jobs=jobs) == expected


@pytest.mark.parametrize("isa", ISAS)
def test_the_instruction_set_asked_for_changes_nothing(
    isa: str, workload: str, corpus: Corpus, tmp_path: Path, expected: Hashes
) -> None:
    assert run_in_process(workload, corpus, tmp_path, isa=isa) == expected


@pytest.mark.parametrize("isa", ISAS)
def test_the_instruction_set_of_the_environment_changes_nothing(
    isa: str, workload: str, tree: Path, tmp_path: Path, expected: Hashes
) -> None:
    assert run_command(workload, tree, tmp_path / "run", RUVLLM_ISA=isa) == expected


def test_the_command_with_other_jobs_hash_seed_and_locale_is_the_same(
    workload: str, tree: Path, tmp_path: Path, expected: Hashes
) -> None:
    found = run_command(
        workload, tree, tmp_path / "run", "--jobs", "2", "--isa", ISAS[-1],
        PYTHONHASHSEED="7", LC_ALL="C", TZ="Asia/Tokyo",
    )  # fmt: skip
    assert found == expected


def test_another_copy_of_the_corpus_is_the_same_input(corpus: Corpus, tmp_path: Path) -> None:
    copy = read_corpus(write_corpus(tmp_path / "copy"))
    assert copy.digest == corpus.digest
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    assert run_in_process("code", copy, folders[0]) == run_in_process("code", corpus, folders[1])


KINDS = {
    "seeds": ("--seeds", "2", "--protocol", "all"),
    "folds": ("--folds", "3", "--protocol", "v1"),
    "blocked": ("--stream", "blocked", "--seeds", "2"),
    "ablate": ("--protocol", "v3", "--seeds", "2"),
}


@pytest.mark.parametrize("kind", list(KINDS))
def test_the_whole_document_is_the_same_but_for_time_and_place(kind: str, tmp_path: Path) -> None:
    command = ("ablate",) if kind == "ablate" else ()
    documents = []
    for name, arguments in (("one", ()), ("two", ("--jobs", "2", "--isa", ISAS[:2][-1]))):
        (tmp_path / name).mkdir()
        done = bench(*command, *SMALL_RUN, *KINDS[kind], *arguments, "--json", "-q", folder=tmp_path / name)
        assert done.returncode == 0, done.stderr
        document: dict[str, Any] = json.loads(done.stdout)
        for key in ("created", "command", "host"):
            del document[key]
        for part in (*document.get("results", []), *document.get("summaries", [])):
            part.pop("seconds", None)
            part.pop("microsecondsPerTask", None)
        documents.append(document)
    assert documents[0] == documents[1]
