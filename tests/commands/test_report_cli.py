"""The command ruvllm-report: what it prints, its exit codes, and how it ends when something goes wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from report_samples import ablation_document, write_document
from results_samples import MODEL, entry, split_answers, write

from ruvllm.commands import bench
from ruvllm.commands.report import main
from ruvllm.evaluation.paired_tests import mcnemar_p, smallest_difference

PROGRAM = "import sys; from ruvllm.commands.report import main; sys.exit(main())"
REPORT_COMMAND = [sys.executable, "-W", "error", "-c", PROGRAM]
Files = tuple[str, str]
Output = pytest.CaptureFixture[str]


def files(folder: Path, counts: dict[str, int], **fields: Any) -> Files:
    """A and B, with these counts of agreement for one model and seed."""
    a, b = split_answers(**counts)
    return (
        str(write(folder / "a.json", entry(a, **fields, confidence=0.25))),
        str(write(folder / "b.json", entry(b, **fields, confidence=0.75))),
    )


@pytest.fixture
def worse(tmp_path: Path) -> Files:
    return files(tmp_path, {"both": 70, "only_a": 20, "only_b": 5, "neither": 5})


@pytest.fixture
def equal(tmp_path: Path) -> Files:
    return files(tmp_path, {"both": 70, "only_a": 4, "only_b": 5, "neither": 21})


def code_files(folder: Path, *, models: int = 2, protocols: tuple[str, ...] = ("v3",)) -> Files:
    """Files of the code workload, over two seeds, with the widest numbers that there are."""
    paths = []
    for name, right in (("a", 1), ("b", 0)):
        runs = [
            entry([right] * 500, model=f"DeepSeek-Coder-{i}.4B", seed=seed, protocol=protocol, workload="code",
                  confidence=float(right), ranks=[1.0 if right else 0.001] * 500)
            for protocol in protocols for i in range(models) for seed in (3, 4)
        ]  # fmt: skip
        paths.append(str(write(folder / f"{name}.json", *runs)))
    return paths[0], paths[1]


def table_rows(text: str, name: str) -> list[str]:
    """What the lines that begin with a model's name say of it."""
    return [line.removeprefix(name).strip() for line in text.splitlines() if line.startswith(f"{name} ")]


# the tables


def test_the_tables_have_the_tests_numbers(worse: Files, capsys: Output) -> None:
    assert main(["compare", *worse]) == 3
    out, err = capsys.readouterr()
    assert err == ""
    first, second, third = table_rows(out, MODEL)
    assert first.split()[:4] == ["100", "90.0%", "75.0%", "-15.0"]
    assert first.split()[-2:] == ["20", "5"]
    p = f"{mcnemar_p(20, 5):.4f}"
    smallest = smallest_difference(25, 100)
    assert smallest is not None
    assert second.split() == [p, p, f"{100 * smallest:.1f}"] == ["0.0041", "0.0041", "11.0"]
    assert third.split() == ["25.0%", "75.0%", "+50.0", "[+50.0,", "+50.0]"]
    assert out.startswith(f"A: {worse[0]}\nB: {worse[1]}\n")
    assert out.splitlines()[-1] == f"Verdict: B against A, beyond chance: worse for {MODEL}."
    assert "v3, simulated workload, seed 0: resolve rate" in out


@pytest.mark.parametrize("width", [80, 120])
def test_nothing_is_cut_off(width: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    assert main(["compare", *code_files(tmp_path)]) == 3
    out = capsys.readouterr().out
    lines = [line for line in out.splitlines() if not line.startswith(("A: ", "B: ", "Verdict: "))]
    assert "…" not in out
    assert max(map(len, lines)) <= width
    for i in range(2):
        words = " ".join(table_rows(out, f"DeepSeek-Coder-{i}.4B")).split()
        change = ["-100.0", "[-100.0,", "-100.0]"]
        ranks = ["100.0", "0.1", "-99.9", "[-99.9,", "-99.9]"]
        assert words == [
            *("1000", "100.0%", "0.0%", *change, "1000", "0"),
            *("<0.0001", "<0.0001", "7.2"),
            *("100.0%", "0.0%", *change, *ranks),
        ]


def test_a_wide_screen_needs_fewer_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    arguments = ["compare", *code_files(tmp_path)]
    found = []
    for width in ("80", "120"):
        monkeypatch.setenv("COLUMNS", width)
        main(arguments)
        found.append(len(table_rows(capsys.readouterr().out, "DeepSeek-Coder-0.4B")))
    assert found == [4, 2]


def test_each_protocol_has_its_tables(tmp_path: Path, capsys: Output) -> None:
    assert main(["compare", *code_files(tmp_path, models=1, protocols=("v1", "v2"))]) == 3
    out = capsys.readouterr().out
    titles = [line.strip() for line in out.splitlines() if "workload" in line]
    assert titles == [
        f"{protocol}, code workload, seeds 3 to 4: {what}"
        for protocol in ("v1", "v2") for what in ("resolve rate", "confidence and MRR")
    ]  # fmt: skip
    assert out.splitlines()[-1].endswith("worse for v1 DeepSeek-Coder-0.4B, v2 DeepSeek-Coder-0.4B.")


def test_two_protocols_are_named_in_the_title(equal: Files, tmp_path: Path, capsys: Output) -> None:
    other = write(tmp_path / "v2.json", entry([1, 0] * 50, protocol="v2"))
    main(["compare", str(other), equal[1]])
    assert "v3 against v2, simulated workload, seed 0: resolve rate" in capsys.readouterr().out


def test_notes_and_what_the_columns_mean_follow_the_tables(tmp_path: Path, capsys: Output) -> None:
    a = write(tmp_path / "a.json", entry([1] * 50), entry(seed=3), entry(seed=5))
    b = write(tmp_path / "b.json", entry([1] * 50), entry(seed=1))
    assert main(["compare", str(a), str(b)]) == 0
    words = " ".join(capsys.readouterr().out.split())
    for phrase in (
        "Note: left out, only in A: seeds 3 and 5.",
        "Note: left out, only in B: seed 1.",
        "95% interval by bootstrap over seeds and tasks",
        "the least difference, in points, that so many tasks could have shown",
        "Verdict: B against A, beyond chance: no difference shown for Phi-3-mini-4k.",
    ):
        assert phrase in words


def test_strings_of_a_file_cannot_drive_the_terminal_or_be_mark_up(tmp_path: Path, capsys: Output) -> None:
    evil = {"model": "[red]m\x1b[2J\n", "protocol": "[bold]v\x07", "workload": "[i]w\u202e"}
    a, b = files(tmp_path, {"both": 20}, **evil)
    assert main(["compare", a, b]) == 0
    out = capsys.readouterr().out
    assert len(table_rows(out, "[red]m\\x1b[2J\\n")) == 3
    assert "[bold]v\\x07, [i]w\\u202e workload" in " ".join(out.split())
    assert all(line.isprintable() for line in out.splitlines())


def test_a_terminal_that_has_only_ascii_is_enough(worse: Files) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run([*REPORT_COMMAND, "compare", *worse], capture_output=True, timeout=60, env=environment)
    assert (done.returncode, done.stderr) == (3, b"")
    assert b"Verdict: " in done.stdout.splitlines()[-1]


# exit codes


@pytest.mark.parametrize(
    ("counts", "options", "code"),
    [
        ({"both": 70, "only_a": 20, "only_b": 5}, [], 3),
        ({"both": 70, "only_a": 5, "only_b": 20}, [], 0),
        ({"both": 70, "only_a": 5, "only_b": 5}, [], 0),
        ({"both": 3, "only_b": 2}, [], 4),
        ({"both": 70, "only_a": 20, "only_b": 5}, ["--margin", "2"], 3),
        ({"both": 70, "only_a": 20, "only_b": 5}, ["--margin", "10"], 4),
        ({"both": 70, "only_a": 20, "only_b": 5}, ["--margin", "30"], 0),
        ({"both": 70, "only_a": 5, "only_b": 5}, ["--margin", "0"], 4),
        ({"both": 70, "only_a": 5, "only_b": 20}, ["--margin", "0"], 0),
    ],
)
@pytest.mark.parametrize("output", [[], ["--json"]])
def test_exit_codes(counts: dict[str, int], options: list[str], code: int, output: list[str], tmp_path: Path) -> None:
    assert main(["compare", *files(tmp_path, counts), *options, *output]) == code


def test_a_file_that_is_broken_is_one_line_and_exit_code_1(equal: Files, tmp_path: Path, capsys: Output) -> None:
    (tmp_path / "empty").mkdir()
    broken = tmp_path / "bro\nken.json"
    earlier = {key: value for key, value in entry().items() if key != "taskSet"}
    write(broken, earlier)
    shown = str(broken).replace("\n", "\\n")
    cases = [
        ([str(broken), equal[1]], f"{shown}: results[0].taskSet is missing: written before ruvllm-bench kept the "
         "answers of single tasks; run it again"),
        ([equal[0], str(tmp_path / "empty")], f"{tmp_path}/empty is a folder without results files"),
        ([equal[0], str(tmp_path / "none")], f"{tmp_path}/none: cannot be read: No such file or directory"),
    ]  # fmt: skip
    for arguments, message in cases:
        assert main(["compare", *arguments]) == 1
        assert capsys.readouterr() == ("", f"ruvllm-report: {message}\n")


def test_what_cannot_be_compared_is_one_line_and_exit_code_4(equal: Files, tmp_path: Path, capsys: Output) -> None:
    ablation = write_document(tmp_path / "ablation.json", ablation_document())
    other = write(tmp_path / "other.json", entry(model="x"))
    cases = [
        (ablation, f"{ablation}: holds results of kind ablation; only those of kind benchmark can be compared"),
        (other, f"cannot compare: no common model: A has {MODEL}, B has x"),
    ]
    for path, message in cases:
        assert main(["compare", "--json", equal[0], str(path)]) == 4
        assert capsys.readouterr() == ("", f"ruvllm-report: {message}\n")


def test_files_too_big_for_memory_are_one_line(
    equal: Files, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    def exhausted(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("ruvllm.commands.report_actions.compare", exhausted)
    assert main(["compare", *equal]) == 1
    assert capsys.readouterr().err == "ruvllm-report: the two files do not fit into memory\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--json"], "No such option"),
        ([], "name results files, or folders with results files in them"),
        (["compare"], "Missing argument 'A'."),
        (["compare", "a"], "Missing argument 'B'."),
        (["compare", "a", "b", "c"], "unexpected extra argument (c)"),
        (["compare", "a", "b", "--margin", "-1"], "'--margin': -1.0 is not in the range 0<=x<=100."),
        (["compare", "a", "b", "--margin", "100.5"], "'--margin': 100.5 is not in the range"),
        (["compare", "a", "b", "--margin", "nan"], "'--margin': nan is not in the range 0<=x<=100."),
        (["compare", "a", "b", "--margin", "2%"], "'--margin': '2%' is not a valid float"),
    ],
)
def test_wrong_usage_is_one_clear_error_and_exit_code_2(arguments: list[str], said: str, capsys: Output) -> None:
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    (line,) = err.splitlines()
    assert line.startswith("ruvllm-report: ")
    assert line.endswith("(see ruvllm-report --help)")
    assert said in line


# JSON


def test_json_is_one_object_with_everything(worse: Files, capsys: Output) -> None:
    assert main(["compare", "--json", "--margin", "10", *worse]) == 4
    out, err = capsys.readouterr()
    assert err == ""
    record = json.loads(out)
    assert (record["schema"], record["kind"], record["a"], record["b"]) == (1, "comparison", *worse)
    assert (record["workload"], record["marginPoints"]) == ("simulated", 10)
    assert record["method"]["level"] == 0.05
    assert (record["method"]["intervals"]["resamples"], record["method"]["intervals"]["seed"]) == (10_000, 0)
    text = f"B against A, margin 10 points: could not tell for {MODEL}"
    assert record["verdict"] == {"exitCode": 4, "text": text}
    assert record["notes"] == ["one seed only: how much results differ from seed to seed is not in the intervals"]
    (row,) = record["rows"]
    rate = row.pop("resolveRate")
    assert (rate["a"], rate["b"]) == (0.9, 0.75)
    assert rate["difference"] == pytest.approx(-0.15)
    assert -0.26 < rate["differenceCI95"][0] < -0.2 < -0.1 < rate["differenceCI95"][1] < -0.04
    assert rate["excludesZero"] is True
    same = [0.5, 0.5]
    assert row == {
        "model": MODEL,
        "protocolA": "v3",
        "protocolB": "v3",
        "seeds": [0],
        "pairs": 100,
        "onlyA": 20,
        "onlyB": 5,
        "mcnemarP": mcnemar_p(20, 5),
        "holmP": mcnemar_p(20, 5),
        "smallestDetectable": 0.11,
        "confidence": {"a": 0.25, "b": 0.75, "difference": 0.5, "differenceCI95": same, "excludesZero": True},
        "outcome": "could not tell",
    }


def test_json_has_mrr_where_there_is_one_and_no_margin_where_none_was_given(tmp_path: Path, capsys: Output) -> None:
    assert main(["compare", "--json", *code_files(tmp_path)]) == 3
    record = json.loads(capsys.readouterr().out)
    assert record["marginPoints"] is None
    assert [row["outcome"] for row in record["rows"]] == ["worse", "worse"]
    for row in record["rows"]:
        assert row["seeds"] == [3, 4]
        assert row["mrr"]["a"] == 1.0
        assert row["mrr"]["differenceCI95"] == pytest.approx([-0.999, -0.999])


def test_a_smallest_difference_that_does_not_exist_is_null_and_none(tmp_path: Path, capsys: Output) -> None:
    paths = files(tmp_path, {"both": 3, "only_b": 2})
    assert main(["compare", "--json", *paths]) == 4
    assert json.loads(capsys.readouterr().out)["rows"][0]["smallestDetectable"] is None
    assert main(["compare", *paths]) == 4
    out = capsys.readouterr().out
    assert table_rows(out, MODEL)[1].split()[-1] == "none"
    assert "5 pairs are too few: no difference at all could have been shown" in " ".join(out.split())


def test_the_same_files_give_the_same_bytes(worse: Files, capsys: Output) -> None:
    texts = []
    for _ in range(2):
        main(["compare", "--json", *worse])
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1]


# help, and ends that nobody chose


def test_the_command_is_installed() -> None:
    (found,) = metadata.entry_points(group="console_scripts", name="ruvllm-report")
    assert found.load() is main


@pytest.mark.parametrize("arguments", [["--help"], ["compare", "--help"], ["compare", "a"], ["--version"]])
def test_help_and_usage_errors_import_nothing_heavy(arguments: list[str]) -> None:
    script = (
        f"import sys; from ruvllm.commands.report import main; main({arguments!r})\n"
        "print(sorted({'numpy', 'rich', 'ruvllm._core'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_help_teaches(capsys: Output) -> None:
    assert main(["--help"]) == 0
    assert main(["compare", "--help"]) == 0
    words = " ".join(capsys.readouterr().out.split())
    for phrase in (
        "ruvllm-report compare old.json new.json --margin 2",
        "Exit codes: 0 not worse",
        "Exit codes: 0 done",
        "exact McNemar test",
        "does not prove that nothing is there",
    ):
        assert phrase in words


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("output", [[], ["--json"]])
def test_an_output_that_cannot_be_written_is_one_line(worse: Files, output: list[str]) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*REPORT_COMMAND, "compare", *worse, *output], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60
        )
    assert done.returncode == 1
    assert done.stderr == "ruvllm-report: cannot write the output: No space left on device\n"


@pytest.mark.skipif(os.name == "nt", reason="POSIX pipes")
@pytest.mark.parametrize("output", [[], ["--json"]])
def test_a_reader_who_goes_away_does_not_change_the_verdict(worse: Files, output: list[str]) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    try:
        done = subprocess.run(
            [*REPORT_COMMAND, "compare", *worse, *output], stdout=write_end, stderr=subprocess.PIPE, timeout=60
        )
    finally:
        os.close(write_end)
    assert (done.returncode, done.stderr) == (3, b"")


# the real thing


def test_real_results_of_two_protocols_can_be_compared(tmp_path: Path, capsys: Output) -> None:
    paths = []
    for protocol in ("v1", "v3"):
        out = tmp_path / protocol
        arguments = ["--profile", "quick", "--models", MODEL, "--protocol", protocol, "--seeds", "2", "-q"]
        assert bench.main([*arguments, "--out", str(out)]) == 0
        paths += [str(path) for path in out.glob("benchmark-*.json")]
    capsys.readouterr()
    assert main(["compare", "--json", *paths]) == 0
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    stored = [json.loads(Path(path).read_text())["summaries"][0] for path in paths]
    assert (row["protocolA"], row["protocolB"], row["seeds"]) == ("v1", "v3", [0, 1])
    for side, summary in zip("ab", stored, strict=True):
        assert row["resolveRate"][side] == pytest.approx(summary["resolveRate"])
        assert row["confidence"][side] == pytest.approx(summary["confidence"])
    assert row["onlyB"] - row["onlyA"] == pytest.approx(row["pairs"] * row["resolveRate"]["difference"])
    assert row["outcome"] == "better"
    assert main(["compare", *paths[::-1]]) == 3
