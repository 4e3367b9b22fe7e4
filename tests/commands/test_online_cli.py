"""The command ruvllm-online: what it prints, its exit codes, and its page."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from online_samples import DIM, ask, force, harmful, make_ranker, stream, teach

from ruvllm.commands.online.command import main
from ruvllm.online import Guard

Output = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cli") / "s"
    with make_ranker(path) as ranker:
        for place, turn in enumerate(stream(103, 220)):
            ranker.feedback(ask(ranker, turn).id, turn.right, source=f"<user {place % 30}>")
        ranker.rollback("identity")
    return path


@pytest.fixture
def store(template: Path, tmp_path: Path) -> Path:
    shutil.copytree(template, tmp_path / "s")
    return tmp_path / "s"


def test_status_says_whether_it_is_better(store: Path, capsys: Output) -> None:
    before = hashlib.sha256((store / "log.sqlite").read_bytes()).hexdigest()
    assert main(["status", str(store)]) == 0
    lines = dict(line.split("  ", 1) for line in capsys.readouterr().out.splitlines() if not line.startswith(" "))
    assert lines["served"].strip() == "identity" and "95% confidence sequence" in lines["gain"]
    assert main(["status", str(store), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["gain"]["feedbacks"] == 220 and found["settings"]["dim"] == DIM and found["waiting"] == 0
    assert [decision["action"] for decision in found["decisions"]][-1] == "rolled_back"
    assert hashlib.sha256((store / "log.sqlite").read_bytes()).hexdigest() == before


def test_review_says_with_its_exit_code_what_the_evidence_allows(tmp_path: Path, capsys: Output) -> None:
    with make_ranker(tmp_path / "s", guard=Guard(automatic=False)) as ranker:
        for turn in stream(103, 200):
            ranker.feedback(ask(ranker, turn).id, turn.right)
    name = str(tmp_path / "s")
    assert main(["review", name, "--dry-run"]) == 0
    assert main(["review", name, "--json"]) == 0
    promoted = json.loads(capsys.readouterr().out.split("\n", 1)[1])
    assert promoted["action"] == "promoted" and promoted["evidence"] >= 20
    assert main(["review", name]) == 4
    assert "held after" in capsys.readouterr().out
    with make_ranker(tmp_path / "s") as ranker:
        force(ranker, harmful())
        teach(ranker, stream(105, 100, gain=False))
    assert main(["review", name]) == 3


def test_rollback_and_freeze(store: Path, capsys: Output) -> None:
    assert main(["rollback", str(store)]) == 0
    assert "rolled back after 220 feedbacks, identity -> " in capsys.readouterr().out
    assert main(["freeze", str(store)]) == main(["freeze", str(store), "--off"]) == 0
    assert main(["rollback", str(store), "--to", "nonsense"]) == 1
    assert capsys.readouterr().err.startswith("ruvllm-online: 'nonsense' names 0 of the ")


def test_verify(store: Path, capsys: Output) -> None:
    assert main(["verify", str(store), "--replay"]) == 0
    assert "OK: 220 rankings, 220 feedbacks" in capsys.readouterr().out
    state = next(store.glob("state-*"))
    state.write_bytes(state.read_bytes()[:-1] + b"\0")
    assert main(["verify", str(store), "--json"]) == 1
    out = capsys.readouterr()
    assert json.loads(out.out)["ok"] is False and out.err.startswith("ruvllm-online: ") and out.err.count("\n") == 1


def test_a_store_that_is_in_use_is_left_alone(store: Path, capsys: Output) -> None:
    code = f"from online_samples import *\nr = make_ranker(Path({str(store)!r}))\nprint(1, flush=True)\ninput()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": ":".join(path for path in sys.path if path)},
    ) as other:  # fmt: skip
        assert other.stdout is not None and other.stdout.readline()
        for words in (["review"], ["rollback"], ["freeze"]):
            assert main([*words, str(store)]) == 1
            assert capsys.readouterr().err == "ruvllm-online: another process learns from this store\n"
        assert main(["status", str(store)]) == main(["verify", str(store), "--replay"]) == 0
        other.communicate(b"\n")


def test_export(store: Path, tmp_path: Path, capsys: Output) -> None:
    npz, audit = tmp_path / "out/w.npz", tmp_path / "audit.jsonl"
    with make_ranker(store) as ranker:
        name = ranker.rollback().state_after
        state, turn = ranker.state, next(stream(1, 1))
    assert main(["export", str(store), "--npz", str(npz), "--audit", str(audit)]) == 0
    with np.load(npz) as arrays:
        assert str(arrays["state"]) == name
        np.testing.assert_allclose(arrays["W"] @ turn.query, state.adapt(turn.query), rtol=1e-4, atol=1e-6)
        whole = np.eye(DIM) + arrays["scaling"] * arrays["B"].T @ arrays["A"]
        np.testing.assert_allclose(arrays["W"], whole, rtol=1e-5, atol=1e-6)
    before = bytes(32)
    for line in audit.read_text().splitlines():
        text = line.removeprefix('{"decision":').rsplit(',"sha256"', 1)[0]
        before = hashlib.sha256(before + text.encode()).digest()
        assert json.loads(line)["sha256"] == before.hex()
    assert main(["export", str(store), "--npz", str(npz), "--state", "identity"]) == 0
    with np.load(npz) as arrays:
        assert np.array_equal(arrays["W"], np.eye(DIM)) and arrays["A"].shape == (0, DIM)
    both = ["--sentence-transformers", str(tmp_path / "m"), "--peft", str(tmp_path / "p")]
    assert main(["export", str(store), *both]) == 0
    assert (tmp_path / "m/modules.json").is_file() and (tmp_path / "p/adapter_config.json").is_file()
    capsys.readouterr()
    assert main(["export", str(store), "--sentence-transformers", str(tmp_path / "n"), "--base", str(tmp_path)]) == 1
    assert capsys.readouterr().err.endswith("has no modules.json: it is no saved SentenceTransformer\n")
    assert main(["export", str(store)]) == main(["export", str(store), "--base", "x", "--peft", "y"]) == 2


class Links(HTMLParser):
    """What a page loads."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        loads = {"src", *(["href"] if tag == "link" else [])}
        self.loaded += [f"{tag} {value}" for name, value in attrs if name in loads]


def test_the_report_is_one_page_that_loads_nothing(store: Path, tmp_path: Path, capsys: Output) -> None:
    assert main(["report", str(store)]) == 0
    shown = capsys.readouterr().out
    assert "Does it get better from use?" in shown and "rolled back" in shown and "by hand" in shown
    assert main(["report", str(store), "--html", str(tmp_path / "r.html")]) == 0
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    links = Links()
    links.feed(page)
    assert links.loaded == ["link data:,"] and "<script" not in page
    assert "Gain over the frozen encoder" in page and "&lt;user 3&gt;" in page and "<user" not in page
    assert "ruvllm-online report" in page and "results file" not in page


def test_an_empty_store_has_a_report_too(tmp_path: Path, capsys: Output) -> None:
    make_ranker(tmp_path / "s").close()
    assert main(["report", str(tmp_path / "s"), "--html", str(tmp_path / "r.html")]) == 0
    assert main(["status", str(tmp_path / "s")]) == 0
    assert "no feedback yet" in capsys.readouterr().out


def test_what_is_no_store_ends_in_one_line(tmp_path: Path, capsys: Output) -> None:
    (tmp_path / "log.sqlite").write_text("no database")
    for words in (["status"], ["review"], ["verify"], ["report"], ["export", "--audit", str(tmp_path / "a")]):
        for place in (tmp_path, tmp_path / "nothing"):
            assert main([words[0], str(place), *words[1:]]) == 1
            assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "nothing").exists()
    assert main([]) == 2 and main(["status"]) == 2


def test_help_loads_neither_numpy_nor_the_core() -> None:
    code = (
        "import sys; from ruvllm.commands.online.command import main; main(['--help']); main(['review', '--help']);"
        "sys.exit(bool({'numpy', 'ruvllm._core', 'msgspec', 'rich', 'sqlite3'} & set(sys.modules)))"
    )
    paths = {"PYTHONPATH": ":".join(path for path in sys.path if path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | paths)
    assert done.returncode == 0, done.stderr
    assert "ruvllm-online verify suggestions --replay" in done.stdout and "Exit codes" in done.stdout
