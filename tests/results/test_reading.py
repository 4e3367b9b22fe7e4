"""Reading results files: what is in them, and one clear line for each way to be broken."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from report_samples import EVERY_KIND
from results_samples import MODEL, TASK_SET, document, entry, parsed, results, write

from ruvllm.files.json_reading import InvalidFileError, JsonLimits
from ruvllm.results.experiment_records import AblationDocument
from ruvllm.results.pairing import OtherKindError, answered_runs, read_answers
from ruvllm.results.reading import NotResultsError, parse_document
from ruvllm.results.summary_records import BenchmarkDocument

KINDS = "benchmark, ablation, stream, simd, prequential"

Change = Callable[[dict[str, Any]], object]


def refusal(changed: dict[str, Any]) -> str:
    """The message with which a document is refused."""
    with pytest.raises(InvalidFileError) as caught:
        parsed(changed)
    message = str(caught.value)
    assert message.isprintable()
    return message


def test_everything_that_a_comparison_needs_is_read(tmp_path: Path) -> None:
    first = entry([1, 0, 1], tasks=[7, 4294967295, 0], confidence=[0.0, 0.25, 1.0], ranks=[1.0, 0.001, 0.5])
    second = entry([0], model="other", protocol="v1", seed=2**53 - 1, fold=2, folds=5, ranks=[1.0])
    file = read_answers(write(tmp_path / "r.json", first, second))
    assert file.workload == "simulated"
    one, two = file.runs
    assert (one.protocol, one.model, one.seed, one.task_set, one.fold, one.folds) == (
        *("v3", MODEL, 0, TASK_SET, None, None),
    )
    assert one.answers.tasks.tolist() == [7, 4294967295, 0]
    assert one.answers.resolved.tolist() == [True, False, True]
    assert one.answers.confidence.tolist() == [0.0, 0.25, 1.0]
    assert one.answers.reciprocal_rank is not None
    assert one.answers.reciprocal_rank.tolist() == [1.0, 0.001, 0.5]
    assert (two.protocol, two.model, two.seed, two.fold, two.folds) == ("v1", "other", 2**53 - 1, 2, 5)


def test_without_ranks_there_are_none() -> None:
    assert results(entry()).runs[0].answers.reciprocal_rank is None


def test_a_file_without_a_kind_is_a_benchmark() -> None:
    older = document()
    del older["kind"]
    assert len(parsed(older).runs) == 1


# names


OLD = {"workload": "jsonl", "model": "CodeLlama-7B", "paramsB": 7.0, "efficiency": 0.1}


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({}, "hashed n-grams, d = 4096"),
        ({"command": ["ruvllm-bench", "--workload", "jsonl:x.jsonl"]}, "hashed n-grams, d = 4096"),
        ({"command": ["ruvllm-bench", "--encoder=python:mine.vectors"]}, "mine.vectors"),
        ({"command": ["ruvllm-bench", "--encoder", "sentence-transformers:org/small"]}, "small"),
        ({"options": "hash"}, "hashed n-grams, d = 4096"),
        ({"options": "python:mine.vectors"}, "mine.vectors"),
    ],
)
def test_rows_of_real_input_in_older_files_are_called_by_what_they_are(changes: dict[str, Any], name: str) -> None:
    older = document(entry(**OLD), **changes)
    older["summaries"][0] |= OLD
    if "options" in changes:
        older["options"] = {
            "profile": "full", "protocols": ["v3"], "models": ["CodeLlama-7B"], "workload": "jsonl", "seeds": [0],
            "stream": "mixed", "controls": False, "encoder": changes["options"],
        }  # fmt: skip
    read = parse_document(older)
    assert isinstance(read, BenchmarkDocument)
    for row in (*read.results, *read.summaries):
        assert (row.model, row.params_b, row.efficiency) == (name, 0.0, None)
    assert (read.rankings, read.recommendations) == (None, None)
    assert read.options is None or read.options.models == [name]
    assert answered_runs(read).runs[0].model == name


def test_simulated_models_keep_their_names_sizes_and_ranking() -> None:
    read = parse_document(document())
    assert isinstance(read, BenchmarkDocument)
    assert (read.results[0].model, read.results[0].params_b) == (MODEL, 3.8)
    assert read.results[0].efficiency is not None and read.rankings is not None and read.recommendations is not None


def test_an_encoder_of_real_input_keeps_its_name_and_size() -> None:
    own = {**OLD, "model": "mine", "paramsB": 0.02}
    older = document(entry(**own), command=["ruvllm-bench", "--encoder", "python:m.mine"])
    older["summaries"][0] |= own
    read = parse_document(older)
    assert isinstance(read, BenchmarkDocument)
    assert (read.results[0].model, read.results[0].params_b, read.results[0].efficiency) == ("mine", 0.02, None)


def test_an_older_ablation_on_real_input_names_no_model_either() -> None:
    older = EVERY_KIND["ablation"]()
    older = json.loads(json.dumps(older).replace('"A"', '"Qwen2.5-Coder-1.5B"')) | {"workload": "code"}
    older["options"]["encoder"] = "hash"
    read = parse_document(older)
    assert isinstance(read, AblationDocument) and read.runs is not None
    assert "Qwen2.5-Coder-1.5B" not in repr(read.components) + repr(read.runs) + repr(read.models)
    assert read.models[0] == read.runs[0].model == "hashed n-grams, d = 1536"


@pytest.mark.parametrize("kind", ["ablation", "stream", "simd"])
def test_results_of_another_kind_are_refused_by_name(kind: str) -> None:
    with pytest.raises(OtherKindError, match=f"holds results of kind {kind}; only those of kind benchmark"):
        parsed(EVERY_KIND[kind]())


@pytest.mark.parametrize(
    ("values", "what"),
    [
        ({"kind": "comparison", "schema": 1}, "a comparison"),
        ({"kind": "tasks", "schema": 1}, "a list of single tasks"),
        ({"version": "3.0.0", "stateHash": "ab"}, "a checkpoint"),
    ],
)
def test_other_files_of_ours_are_called_by_their_name(values: dict[str, Any], what: str) -> None:
    with pytest.raises(NotResultsError, match=f"^is {what}, not a results file$"):
        parse_document(values)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.pop("results"), "results is missing"),
        (lambda d: (d.pop("results"), d.pop("kind")), "has no results: not a results file of ruvllm-bench"),
        (lambda d: d.update(kind="x\n"), f"kind must be one of {KINDS}, not 'x\\\\n'"),
        (lambda d: d.update(kind=3), f"kind must be one of {KINDS}, not a number"),
        (lambda d: d.pop("schema"), "schema must be 1, the only one this version knows, not missing"),
        (lambda d: d.update(schema=2), "schema must be 1, the only one this version knows, not 2"),
        (lambda d: d.update(results={}), "results must be a list, not an object"),
        (lambda d: d.update(results=[]), "results must be a list of length >= 1"),
        (lambda d: d["results"].append(7), "results[1] must be an object, not an integer"),
    ],
)
def test_what_is_wrong_with_the_document(change: Change, message: str) -> None:
    broken = document()
    change(broken)
    assert refusal(broken) == message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda e: e.pop("protocol"), "protocol is missing"),
        (lambda e: e.update(protocol=""), "protocol must be a string of length >= 1"),
        (lambda e: e.update(model=None), "model must be a string, not null"),
        (lambda e: e.update(workload=["simulated"]), "workload must be a string, not a list"),
        (lambda e: e.update(seed=-1), "seed must be an integer >= 0"),
        (lambda e: e.update(seed=0.5), "seed must be an integer, not a number"),
        (lambda e: e.update(seed=2**53), "seed must be an integer <= 9007199254740991"),
        (lambda e: e.update(seed="0"), "seed must be an integer, not a string"),
        (lambda e: e.update(seed=True), "seed must be an integer, not a boolean"),
        (lambda e: e.update(taskSet="AB" * 32), "taskSet must be a string matching regex '^[0-9a-f]{64}$'"),
        (lambda e: e.update(taskSet="ab"), "taskSet must be a string matching regex '^[0-9a-f]{64}$'"),
        (lambda e: e.update(fold=1), ": folds is missing"),
        (lambda e: e.update(folds=5), ": fold is missing"),
        (lambda e: e.update(fold=0, folds=5), "fold must be an integer >= 1"),
        (lambda e: e.update(fold=6, folds=5), ": fold must be at most folds, 5, not 6"),
        (lambda e: e.update(fold=1, folds=1), "folds must be an integer >= 2"),
        (lambda e: e.update(answers=[]), "answers must be an object or null, not a list"),
    ],
)
def test_what_is_wrong_with_an_entry(change: Change, message: str) -> None:
    broken = entry(seed=1)
    change(broken)
    assert refusal(document(entry(), broken)) == f"results[1].{message}".replace(".:", ":")


@pytest.mark.parametrize("key", ["taskSet", "answers"])
def test_a_file_of_an_earlier_version_is_told_so(key: str) -> None:
    earlier = entry()
    del earlier[key]
    assert refusal(document(earlier)) == (
        f"results[0].{key} is missing: written before ruvllm-bench kept the answers of single tasks; run it again"
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tasks": []}, "tasks must be a list of length >= 1"),
        ({"tasks": "all"}, "tasks must be a list, not a string"),
        ({"tasks": [0, 1, 2, True]}, "tasks[3] must be an integer, not a boolean"),
        ({"tasks": [0, 1, 2, [3]]}, "tasks[3] must be an integer, not a list"),
        ({"tasks": [0, 1.5, 2, 3]}, "tasks[1] must be an integer, not a number"),
        ({"tasks": [0, 1, -2, 3]}, "tasks[2] must be an integer >= 0"),
        ({"tasks": [0, 1, 2, 2**32]}, "tasks[3] must be an integer <= 4294967295"),
        ({"tasks": [3, 1, 2, 3]}, ": tasks must name each task once, not 3 twice"),
        ({"resolved": [1, 0, 1]}, ": resolved must have 4 numbers, not 3"),
        ({"resolved": [1, 0, 1, 0, 1]}, ": resolved must have 4 numbers, not 5"),
        ({"resolved": [1, 0, 2, 0]}, "resolved[2] must be an integer <= 1"),
        ({"resolved": [1, 0, 0.5, 0]}, "resolved[2] must be an integer, not a number"),
        ({"resolved": [True, False, True, False]}, "resolved[0] must be an integer, not a boolean"),
        ({"resolved": None}, "resolved must be a list, not null"),
        ({"confidence": [0.5, 0.5, 0.5]}, ": confidence must have 4 numbers, not 3"),
        ({"confidence": [0.5, 1.25, 0.5, 0.5]}, "confidence[1] must be a number <= 1.0"),
        ({"confidence": [0.5, 0.5, 0.5, -1e-9]}, "confidence[3] must be a number >= 0.0"),
        ({"reciprocalRank": [1, 1, 1, 0]}, "reciprocalRank[3] must be a number > 0.0"),
        ({"reciprocalRank": [1, 1, 1.5, 1]}, "reciprocalRank[2] must be a number <= 1.0"),
        ({"reciprocalRank": [1]}, ": reciprocalRank must have 4 numbers, not 1"),
    ],
)
def test_what_is_wrong_with_the_answers(change: dict[str, Any], message: str) -> None:
    broken = entry()
    broken["answers"].update(change)
    assert refusal(document(broken)) == f"results[0].answers.{message}".replace(".:", ":")


def test_a_trimmed_file_is_told_so() -> None:
    trimmed = entry()
    del trimmed["answers"]
    assert refusal(document(trimmed, trimmed=True)) == (
        "results[0].answers is missing: the file was trimmed; compare the one it was made from"
    )


def test_answers_that_are_missing() -> None:
    broken = entry()
    del broken["answers"]["confidence"]
    assert refusal(document(broken)) == "results[0].answers.confidence is missing"


def test_nothing_is_counted_twice() -> None:
    assert refusal(document(entry(), entry(seed=1), entry())) == f"results[2] repeats results[0]: v3, {MODEL}, seed 0"
    fold = entry(fold=2, folds=5)
    assert refusal(document(fold, fold)) == f"results[1] repeats results[0]: v3, {MODEL}, seed 0"
    overlap = [entry([1, 0], tasks=tasks, fold=i + 1, folds=3) for i, tasks in enumerate(([4, 5], [6, 4]))]
    assert refusal(document(*overlap)) == f"two folds test the same task, 4: v3, {MODEL}, seed 0"
    mixed = [entry([1], tasks=[1], fold=1, folds=3), entry([1], tasks=[2])]
    assert refusal(document(*mixed)) == "results[1] has no folds, but results[0] of the same seed 3 folds"


def test_folds_seeds_models_and_protocols_may_test_the_same_numbers() -> None:
    folds = [entry([1, 0], tasks=[2 * i, 2 * i + 1], fold=i + 1, folds=3) for i in range(3)]
    others = [entry(seed=1), entry(model="other"), entry(protocol="v1")]
    assert len(results(*folds, *others).runs) == 6


def test_one_file_has_one_workload_and_ranks_for_all_or_none() -> None:
    assert refusal(document(entry(), entry(seed=1, workload="code"))) == (
        "results[1].workload must be 'simulated' as in results[0], not 'code'"
    )
    assert refusal(document(entry(), entry([1], seed=1, ranks=[1.0]))) == (
        "results[1].answers must have reciprocalRank where results[0].answers has it, only"
    )


def test_more_seeds_than_a_run_can_have_are_refused() -> None:
    entries = [entry([1], seed=seed) for seed in range(1001)]
    assert refusal(document(*entries)) == f"has 1001 seeds of v3, {MODEL}, more than the limit of 1000"
    assert len(results(*entries[:-1]).runs) == 1000


def test_control_characters_do_not_reach_the_message() -> None:
    evil = entry(model="a\x1b[2J\n")
    assert refusal(document(evil, evil)) == "results[1] repeats results[0]: v3, a\\x1b[2J\\n, seed 0"


def test_files_that_are_no_json_objects_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    for content, message in [
        (b"", "is empty"),
        (b"[]", "must hold a JSON object, not a list"),
        (b"{", "is not JSON"),
        (b'{"results": NaN}', "has NaN"),
        (b'{"a":1,"a":2}', "has the key 'a' twice"),
    ]:
        path.write_bytes(content)
        with pytest.raises(InvalidFileError, match=message):
            read_answers(path)
    with pytest.raises(InvalidFileError, match="is a folder"):
        read_answers(tmp_path)
    with pytest.raises(InvalidFileError, match="cannot be read: No such file"):
        read_answers(tmp_path / "none")


def test_limits_hold_before_the_file_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "r.json")
    with pytest.raises(InvalidFileError, match="more than the limit of 100"):
        read_answers(path, JsonLimits(size_bytes=100))
