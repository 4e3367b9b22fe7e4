"""bench/peers.py: runs with what is installed, checks before it times, refuses in one line."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

BENCH = Path(__file__).resolve().parents[2] / "bench"


@pytest.fixture(scope="module")
def measure() -> ModuleType:
    spec = importlib.util.spec_from_file_location("peers_measure", BENCH / "peers_measure.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["peers_measure"] = module  # dataclasses look there
    spec.loader.exec_module(module)
    return module


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(BENCH / "peers.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def test_a_section_prints_a_table_and_writes_the_same_rows(tmp_path: Path) -> None:
    result = run("--section", "pairs", "--repetitions", "1", "--json", str(tmp_path / "rows.json"))
    assert result.returncode == 0, result.stderr
    assert "medians of 1" in result.stdout
    (rows,) = json.loads((tmp_path / "rows.json").read_text(encoding="utf-8")).values()
    assert [row["label"] for row in rows] == [f"{f} {n}" for n in (256, 1536, 4096) for f in ("dot", "cosine")]
    for row in rows:
        best = min(row["peers"].values())
        assert row["ours"] > 0 and row["peers"]["numpy"] > 0
        assert row["best_peer"] in row["peers"] and row["ratio"] == pytest.approx(row["ours"] / best)
        assert row["label"] in result.stdout and f"{row['ratio']:.2f} ({row['best_peer']})" in result.stdout


def test_what_serves_and_learns_online_agrees_with_its_twin() -> None:
    result = run("--section", "online-rank", "online-feedback", "--repetitions", "1")
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("rank 100, d=") == result.stdout.count("feedback on 8, d=") == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--section", "nothing"), "there is no section 'nothing'; there are dot, cosine, pairs, k-means"),
        (("--repetitions", "0"), "--repetitions must be at least 1, not 0"),
    ],
)
def test_wrong_arguments_are_one_line(arguments: tuple[str, ...], message: str) -> None:
    result = run(*arguments)
    assert result.returncode == 2 and not result.stdout
    assert result.stderr.startswith("peers.py: " + message) and result.stderr.count("\n") == 1


def test_a_section_without_any_library_is_skipped_with_one_line(measure: ModuleType) -> None:
    section = measure.Section("x", "", ("no_such_module", "no_such_module.part"), lambda _: [])
    assert section.missing() == ["no_such_module", "no_such_module.part"]
    assert measure.peer("no_such_module") is None


def test_measuring_gives_seconds_per_call_in_turns(measure: ModuleType) -> None:
    calls: list[str] = []
    seconds = measure.measure_side_by_side(
        {"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, 3, shortest_loop_seconds=1e-4
    )
    assert seconds.keys() == {"a", "b"} and all(0 < value < 1e-4 for value in seconds.values())
    last = "".join(calls[calls.index("b") :])
    assert last.rstrip("b").count("ba") >= 2  # three turns of each, one after the other
    with pytest.raises(ValueError, match="repetitions >= 1"):
        measure.measure_side_by_side({"a": list}, 0)


def test_a_wrong_answer_is_an_error(measure: ModuleType) -> None:
    measure.require_near("x", [1.0, 2.0], [1.0, 2.5], 0.5)
    for wrong in ([1.0, 2.6], [1.0, float("nan")], [1.0]):
        with pytest.raises(measure.WrongAnswerError, match="x: "):
            measure.require_near("x", wrong, [1.0, 2.0], 0.5)


def test_the_ratio_is_to_the_fastest_peer(measure: ModuleType) -> None:
    row = measure.Row("x", "ns", 3.0, {"slow": 9.0, "fast": 4.0})
    assert row.best_peer == "fast" and row.ratio == 0.75
