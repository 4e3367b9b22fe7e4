"""The names of workloads, as a user writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from ruvllm.workloads.spec import WorkloadSpec, parse_spec


@pytest.mark.parametrize(
    ("text", "name", "path"),
    [
        ("simulated", "simulated", None),
        ("code", "code", None),
        ("code:src", "code", "src"),
        ("code:C:\\src", "code", "C:\\src"),
        ("jsonl:a:b.jsonl", "jsonl", "a:b.jsonl"),
    ],
)
def test_a_spec_is_a_name_and_perhaps_a_path(text: str, name: str, path: str | None) -> None:
    assert parse_spec(text) == WorkloadSpec(name, path)


@pytest.mark.parametrize("text", ["", "code:", "jsonl", "jsonl:", "simulated:x", "simulated:", ":", "real"])
def test_another_form_is_refused_with_the_forms_there_are(text: str) -> None:
    with pytest.raises(ValueError) as raised:
        parse_spec(text)
    assert str(raised.value) == f"must be simulated, code, code:PATH, jsonl:FILE or swebench:FILE, not {text!r}"


def test_a_form_that_is_almost_right_gets_the_right_one(tmp_path: Path) -> None:
    (tmp_path / "tasks.txt").write_text("")
    for text, meant in (
        ("cod", "code"), ("Code", "code"), ("cod:a:b", "code:a:b"), ("json:x.jsonl", "jsonl:x.jsonl"),
        ("x.jsonl", "jsonl:x.jsonl"), (f"{tmp_path}/tasks.txt", f"jsonl:{tmp_path}/tasks.txt"),
        (f"{tmp_path}", f"code:{tmp_path}"), (f"{tmp_path}/module.py", f"code:{tmp_path}"),
    ):  # fmt: skip
        with pytest.raises(ValueError) as raised:
            parse_spec(text)
        assert str(raised.value).endswith(f"not {text!r} (did you mean {meant}?)")


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("jsonl:data/mine.jsonl", "mine.jsonl"),
        ("jsonl:a:b.jsonl", "a:b.jsonl"),
        ("code:/usr/src/thing/", "thing"),
        ("code:some/..", "some/.."),
        ("code", "the standard library"),
        ("simulated", "simulated"),
    ],
)
def test_an_input_is_called_after_its_file_or_folder(text: str, title: str) -> None:
    if title.endswith(".."):
        title = Path.cwd().name
    assert parse_spec(text).title == title
