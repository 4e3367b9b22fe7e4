"""ruvllm-bench simd: what it prints and saves, and how it fails. Nothing here depends on how fast it is."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bench_samples import BENCH_COMMAND, results_file

from ruvllm import _core
from ruvllm.benchmark import simd
from ruvllm.benchmark.simd import PLAIN_LOOP, WORKS, beside_published, chosen_isas
from ruvllm.commands.bench import main
from ruvllm.files.json_writing import to_json
from ruvllm.results.published import PUBLISHED_SPEED

ISAS = _core.available_isas()
BEST = ISAS[-1]
SMALLER = {"n": 512, "rows": 20, "dim": 256, "rank": 2, "candidates": 4, "n_clusters": 3}


@pytest.fixture
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small sizes in short loops: the figures mean nothing."""
    works = [
        work if work.name == "dot" else replace(work, sizes={key: SMALLER.get(key, 5) for key in work.sizes})
        for work in WORKS
    ]
    works[-1] = replace(works[-1], sizes={**works[-1].sizes, "n": 40})
    monkeypatch.setattr(simd, "WORKS", tuple(works))
    monkeypatch.setattr(simd, "LEAST_SECONDS", 1e-6)


def run(tmp_path: Path, *arguments: str) -> int:
    return main(["simd", "--out", str(tmp_path / "results"), *arguments])


def document_of(tmp_path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(results_file(tmp_path / "results", "simd").read_text())
    return document


@pytest.mark.usefixtures("quickly")
def test_the_results_file_has_every_work_on_every_instruction_set(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, "--json") == 0
    out, err = capsys.readouterr()
    document = document_of(tmp_path)
    assert out == to_json(document)
    assert (document["schema"], document["kind"], document["isas"]) == (1, "simd", ISAS)
    assert document["host"]["isa"] == _core.active_isa()
    assert (document["method"]["repetitions"], document["method"]["threads"]) == (9, 1)
    found = [(m["work"], m["isa"]) for m in document["measurements"]]
    assert found == [
        *(("dot", isa) for _ in (256, 1536, 4096) for isa in [PLAIN_LOOP, *ISAS]),
        *((work, isa) for work in ("cosine", "LoRA step", "Fisher EMA", "k-means") for isa in ISAS),
    ]
    assert len(err.splitlines()) == 7
    assert err.startswith("[1/7] dot, n=256: answers are right; ")


@pytest.mark.usefixtures("quickly")
def test_the_figures_of_a_measurement_agree(tmp_path: Path) -> None:
    assert run(tmp_path, "-q", "--repetitions", "7") == 0
    document = document_of(tmp_path)
    bases: dict[str, float] = {}
    for m in document["measurements"]:
        seconds = m["seconds"]
        assert 0 < seconds["min"] <= seconds["median"] <= seconds["max"]
        assert 0 <= seconds["medianAbsoluteDeviation"] <= seconds["max"] - seconds["min"]
        assert m["perSecond"] == 1 / seconds["median"]
        assert (m["bytesPerSecond"] is not None) == (m["work"] == "Fisher EMA")
        assert m["speedupOver"] == (PLAIN_LOOP if m["work"] == "dot" else "scalar")
        base = bases.setdefault(f"{m['work']} {m['sizes']}", seconds["median"])  # the first is the baseline
        assert m["speedup"] == base / seconds["median"]
    assert {row["isa"] for row in document["besideTheReport"]} == {PLAIN_LOOP, *ISAS} & set(PUBLISHED_SPEED)
    for row in document["besideTheReport"]:
        assert list(row["ours"]) == ["256", "1536", "4096"]


def test_the_published_speeds_are_those_that_were_published() -> None:
    assert {isa: speed.speedup for isa, speed in PUBLISHED_SPEED.items()} == {
        PLAIN_LOOP: 1.0,
        "sse4.1": 2.9,
        "avx2": 5.2,
        "neon": 3.5,
    }
    for speed in PUBLISHED_SPEED.values():
        assert speed.per_second / PUBLISHED_SPEED[PLAIN_LOOP].per_second == pytest.approx(speed.speedup, abs=0.05)
    assert beside_published([]) == []


@pytest.mark.usefixtures("quickly")
def test_the_tables_and_the_path_are_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path) == 0
    out, _ = capsys.readouterr()
    assert out.startswith("Instruction sets\n") and "\nDot products per second, and times the plain loop\n" in out
    path = results_file(tmp_path / "results", "simd")
    assert re.fullmatch(rf"Results: {re.escape(str(path))} \(\d+ kB\)", out.splitlines()[-1])


@pytest.mark.usefixtures("quickly")
@pytest.mark.parametrize("words", [["--isa", BEST], ["--isa", f"scalar,{BEST}"], ["--isa", "scalar", "--isa", BEST]])
def test_one_instruction_set_is_measured_beside_scalar(words: list[str], tmp_path: Path) -> None:
    assert run(tmp_path, "-q", *words) == 0
    expected = ["scalar", BEST] if len(ISAS) > 1 else ["scalar"]
    assert document_of(tmp_path)["isas"] == expected


def test_all_is_every_instruction_set_of_this_cpu() -> None:
    assert chosen_isas(["all"]) == ISAS
    assert chosen_isas(["scalar"]) == ["scalar"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--repetitions", "6"], "'--repetitions': 6 is not in the range 7<=x<=1000"),
        (["--seed", "1"], "--seed"),
        (["avx2"], "unexpected extra argument (avx2)"),
    ],
)
def test_wrong_usage_is_one_line(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, *words) == 2
    out, err = capsys.readouterr()
    (line,) = err.splitlines()
    assert out == "" and said in line
    assert not (tmp_path / "results").exists()


def test_a_wrong_answer_ends_with_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(*_: object, **__: object) -> list[list[float]]:
        raise RuntimeError("cosine on avx2 is wrong: 1 is not within 0 of 2")

    monkeypatch.setattr(simd, "WORKS", (replace(WORKS[0], measure=wrong),))
    assert run(tmp_path) == 1
    out, err = capsys.readouterr()
    assert (out, err) == ("", "ruvllm-bench: cosine on avx2 is wrong: 1 is not within 0 of 2\n")
    assert not (tmp_path / "results").exists()


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_ctrl_c_ends_it_in_one_line(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*BENCH_COMMAND, "simd", "--repetitions", "1000"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while not (tmp_path / "results").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert (out, err.splitlines()[-1]) == ("", "ruvllm-bench: interrupted; files that were written stay")
    assert "Traceback" not in err
