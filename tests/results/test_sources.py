"""Which files a report is made of, and the one line on each of the others."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from report_samples import (
    EVERY_KIND,
    benchmark_document,
    code_document,
    stream_document,
    write_document,
    write_every_kind,
)

from ruvllm.report.contents import make_report
from ruvllm.report.settings import find_settings
from ruvllm.results.reading import KINDS, read_sources
from ruvllm.results.summary_records import BenchmarkDocument


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_every_kind(tmp_path_factory.mktemp("results"))


def test_a_folder_stands_for_the_json_files_in_it(folder: Path) -> None:
    found = read_sources([folder])
    assert {Path(source.name).stem: source.document.kind for source in found.sources} == {
        "ablation": "ablation", "benchmark": "benchmark", "code": "benchmark", "simd": "simd", "stream": "stream",
    }  # fmt: skip
    assert (found.broken, found.others) == ((), ())


def test_a_file_that_is_named_twice_counts_once(folder: Path, tmp_path: Path) -> None:
    path = folder / "simd.json"
    assert len(read_sources([path, folder, path]).sources) == 5
    copied = tmp_path / "copy.json"
    copied.write_bytes(path.read_bytes())
    found = read_sources([path, copied])
    assert len(found.sources) == 1
    assert found.others == (f"{copied}: the same as {path}: left out",)


def test_sound_files_of_another_kind_are_left_out_with_a_line(tmp_path: Path) -> None:
    comparison = write_document(tmp_path / "a.json", {"schema": 1, "kind": "comparison"})
    checkpoint = write_document(tmp_path / "b.json", {"version": "3.0.0", "stateHash": "ab"})
    found = read_sources([tmp_path])
    assert found.broken == ()
    assert found.others == (
        f"{comparison}: is a comparison, not a results file: left out",
        f"{checkpoint}: is a checkpoint, not a results file: left out",
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is empty"),
        ("{", "is not JSON: "),
        ("[]", "must hold a JSON object, not a list"),
        ("{}", "has no results: not a results file of ruvllm-bench"),
        ('{"schema": NaN, "results": []}', "has NaN, which is not JSON"),
        ('{"schema": 2, "kind": "benchmark"}', "schema must be 1, the only one this version knows, not 2"),
        ('{"kind": "benchmark"}', "schema must be 1, the only one this version knows, not missing"),
        ('{"schema": 1, "kind": "poem"}', f"kind must be one of {', '.join(KINDS)}, not 'poem'"),
        ('{"schema": 1, "kind": "ablation", "version": "0.1.0"}', "created is missing"),
        ("\ufeff{}", "begins with a byte order mark"),
    ],
)
def test_a_broken_file_is_one_line(content: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(content, encoding="utf-8")
    (line,) = read_sources([path]).broken
    assert line.startswith(f"{path}: {said}")
    assert "\n" not in line


def test_what_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    missing, empty = tmp_path / "missing.json", tmp_path / "empty"
    empty.mkdir()
    found = read_sources([missing, empty])
    assert found.sources == ()
    assert found.broken == (
        f"{empty}: has no results files (*.json) in it",
        f"{missing}: cannot be read: No such file or directory",
    )


def every_place(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The place of every value, of lists the first element's."""
    below = node.items() if isinstance(node, dict) else enumerate(node[:1]) if isinstance(node, list) else ()
    return [path] * bool(path) + [place for key, value in below for place in every_place(value, (*path, key))]


def changed(document: dict[str, Any], place: tuple[Any, ...], change: Callable[[Any, Any], None]) -> dict[str, Any]:
    result = copy.deepcopy(document)
    node: Any = result
    for key in place[:-1]:
        node = node[key]
    change(node, place[-1])
    return result


def take_away(node: Any, key: Any) -> None:
    del node[key]


def make_text(node: Any, key: Any) -> None:
    node[key] = "text"


def make_null(node: Any, key: Any) -> None:
    node[key] = None


@pytest.mark.parametrize("kind", EVERY_KIND)
@pytest.mark.parametrize("change", [take_away, make_text, make_null])
def test_whatever_is_missing_or_wrong_is_a_line_or_left_out(
    kind: str, change: Callable[[Any, Any], None], tmp_path: Path
) -> None:
    make = EVERY_KIND[kind]
    document = benchmark_document(models=(3,), protocols=("v3",), seeds=(0,)) if kind == "benchmark" else make()
    refused = 0
    path = tmp_path / "x.json"
    for place in every_place(document):
        write_document(path, changed(document, place, change))
        found = read_sources([path])
        if found.broken:
            (line,) = found.broken
            refused += 1
            assert line.startswith(f"{path}: ") and len(line.splitlines()) == 1
        elif found.sources:
            try:
                make_report(found)
            except Exception as error:  # the place would not be known otherwise
                raise AssertionError(f"{change.__name__} {place}") from error
    assert refused > 10


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_keys_that_are_not_known_are_ignored(kind: str, tmp_path: Path) -> None:
    document = EVERY_KIND[kind]()

    def with_news(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: with_news(value) for key, value in node.items()} | {"fromTheFuture": {"x": [1]}}
        return [with_news(element) for element in node] if isinstance(node, list) else node

    for key in ("results", "runs", "measurements"):
        if key in document:
            document[key] = [{**run, "fromTheFuture": {"x": [1]}} for run in document[key]]
    write_document(tmp_path / "x.json", {**document, "fromTheFuture": [{"x": 1}]})
    found = read_sources([tmp_path])
    assert found.broken == ()
    make_report(found)


# settings: what may stand in one table


def test_versions_are_never_put_into_one_table(tmp_path: Path) -> None:
    write_document(tmp_path / "a.json", benchmark_document(version="0.1.0"))
    write_document(tmp_path / "b.json", benchmark_document(version="0.2.0"))
    report = make_report(read_sources([tmp_path]))
    assert report.notes == ("files of several versions, never put into one table: 0.1.0 (1 file), 0.2.0 (1 file)",)
    assert [section.title for section in report.sections] == [
        "Simulated workload, profile full, version 0.1.0",
        "Simulated workload, profile full, version 0.2.0",
        "Provenance",
    ]
    names = [figure.name for figure in report.figures]
    assert len(set(names)) == len(names)


def test_of_a_model_the_file_with_the_most_runs_counts_then_the_newest(tmp_path: Path) -> None:
    early, late = {"created": "2026-01-01T00:00:00Z"}, {"created": "2026-02-01T00:00:00Z"}
    write_document(tmp_path / "a.json", benchmark_document(models=(3,), seeds=(0, 1), **early))
    write_document(tmp_path / "b.json", benchmark_document(models=(3, 4), seeds=(2,), **late))
    write_document(tmp_path / "c.json", benchmark_document(models=(4,), seeds=(1,), **early))
    (setting,) = find_settings(read_sources([tmp_path]).of(BenchmarkDocument)).shown
    chosen = {model: Path(m.source.name).stem for (protocol, model), m in setting.measured.items() if protocol == "v3"}
    assert chosen == {"Phi-3-mini-4k": "a", "Qwen2.5-Coder-7B": "b"}


def test_files_of_one_protocol_each_stand_beside_the_report_together(tmp_path: Path) -> None:
    for protocol in ("v1", "v2", "v3"):
        document = benchmark_document(protocols=(protocol,))
        write_document(tmp_path / f"{protocol}.json", document)
    report = make_report(read_sources([tmp_path]))
    (table,) = [table for table in report.tables if table.title.startswith("Self-improvement")]
    assert table.columns == ("Model", "v1 initial", "published", "v1 final", "published", "v2 final", "published",
                             "v3 final", "published", "v3 confidence", "published")  # fmt: skip


def test_two_splits_are_two_settings(tmp_path: Path) -> None:
    document = code_document()
    other = {**document, "options": {**document["options"], "split": "file"}}
    write_document(tmp_path / "a.json", document)
    write_document(tmp_path / "b.json", other)
    titles = [setting.title for setting in find_settings(read_sources([tmp_path]).of(BenchmarkDocument)).shown]
    assert titles == [
        f"the standard library: tasks, hashed n-grams, split by {split}" for split in ("function", "file")
    ]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["ruvllm-bench", "--workload", "code"], "tasks, hashed n-grams, split by file"),
        (["ruvllm-bench", "--workload=code", "--tasks", "docstring", "--split=function", "--profile", "quick"],
         "docstring tasks, hashed n-grams, split by function, profile quick"),
        ([], "tasks, hashed n-grams, split by file, 1 x 4 tasks"),
    ],
)  # fmt: skip
def test_a_file_of_version_0_1_0_is_known_by_its_command(command: list[str], said: str, tmp_path: Path) -> None:
    document = {key: value for key, value in code_document().items() if key != "options"}
    write_document(tmp_path / "a.json", {**document, "command": command})
    (setting,) = find_settings(read_sources([tmp_path]).of(BenchmarkDocument)).shown
    assert setting.title == f"the standard library: {said}"


def test_a_file_without_a_command_line_says_what_it_is(tmp_path: Path) -> None:
    write_document(tmp_path / "a.json", {**code_document(), "command": []})
    (setting,) = find_settings(read_sources([tmp_path]).of(BenchmarkDocument)).shown
    assert setting.title == "the standard library: tasks, hashed n-grams, split by function"


def test_of_two_streams_the_newer_counts(tmp_path: Path) -> None:
    for name, day in (("a", "02"), ("b", "01")):
        write_document(tmp_path / f"{name}.json", {**stream_document(), "created": f"2026-01-{day}T00:00:00Z"})
    report = make_report(read_sources([tmp_path]))
    assert [section.title for section in report.sections] == ["Forgetting in a blocked stream", "Provenance"]


def test_files_are_plain_json(folder: Path) -> None:
    assert all(json.loads(path.read_text(encoding="utf-8")) for path in folder.iterdir())
