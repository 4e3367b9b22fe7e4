"""What ruvllm-report writes: Markdown, plots, CSV, smaller results files; and what it says where it cannot."""

from __future__ import annotations

import csv
import json
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from report_samples import benchmark_document, code_document, stream_document, write_document, write_every_kind

from ruvllm.commands.report import main
from ruvllm.report import output
from ruvllm.report.contents import make_report
from ruvllm.report.settings import find_settings
from ruvllm.results.reading import read_sources
from ruvllm.results.summary_records import BenchmarkDocument

Output = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_every_kind(tmp_path_factory.mktemp("results"))


def test_everything_at_once_and_a_line_on_each(tmp_path: Path, capsys: Output) -> None:
    path = write_document(tmp_path / "a.json", benchmark_document(models=(3, 4), protocols=("v3",)))
    new = tmp_path / "new" / "folder"
    arguments = ["--html", new / "r.html", "--markdown", new / "README.md", "--plots", new / "plots", "--csv",
                 new / "r.csv", "--trim", new / "small"]  # fmt: skip
    assert main([str(path), *map(str, arguments)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert [line.partition(":")[0] for line in out.splitlines()] == ["Plots", "Page", "Markdown", "CSV", "Trimmed"]
    assert sorted(p.name for p in new.iterdir()) == ["README.md", "plots", "r.csv", "r.html", "small",
                                                     "small-model-comparison.md"]  # fmt: skip
    plots = sorted(p.name for p in (new / "plots").iterdir())
    assert plots == sorted(
        f"simulated-full-{what}.{ending}" for ending in ("png", "svg")
        for what in ("resolve-rate", "confidence", "reliability", "task-types", "schedules")
    )  # fmt: skip
    for plot in (new / "plots").glob("*.png"):
        data = plot.read_bytes()
        width, height = struct.unpack(">II", data[16:24])
        assert data.startswith(b"\x89PNG") and width > 500 and height > 200
    text = (new / "README.md").read_text(encoding="utf-8")
    assert "](<plots/simulated-full-resolve-rate.svg>)" in text


def test_the_leaderboard_has_the_headline_and_says_what_it_is_not(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "board.md"
    assert main([str(folder / "benchmark.json"), "--markdown", str(target), "-q"]) == 0
    text = target.read_text(encoding="utf-8")
    report = make_report(read_sources([folder / "benchmark.json"]))
    for table in (table for table in report.tables if table.headline):
        assert f"| {' | '.join(table.columns)} |" in text
        for row in table.rows:
            assert f"| {' | '.join(row)} |" in text
    assert "no task of SWE-bench is in it" in text and "nothing about the real models" in text
    assert "Controls" not in text
    other = (tmp_path / "small-model-comparison.md").read_text(encoding="utf-8")
    assert "### Controls of v3" in other and "| Phi-3-mini-4k | 3.8B | 4096 | 3072 |" in other


def test_a_pipe_in_a_name_does_not_break_a_table(tmp_path: Path) -> None:
    document = benchmark_document(models=(3,), protocols=("v3",))
    for part in (*document["results"], *document["summaries"]):
        part["model"] = "a|b"
    write_document(tmp_path / "x.json", document)
    assert main([str(tmp_path / "x.json"), "--markdown", str(tmp_path / "x.md"), "-q"]) == 0
    assert "| a\\|b |" in (tmp_path / "x.md").read_text(encoding="utf-8")


def test_the_csv_has_every_number_of_every_run(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "r.csv"
    assert main([str(folder), "--csv", str(target), "-q"]) == 0
    with target.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["kind"] for row in rows} == {"benchmark", "ablation", "stream", "simd"}
    assert all(float(row["value"]) == float(row["value"]) and row["measure"] for row in rows)
    entry = benchmark_document()["results"][0]
    own = {(row["measure"], row["epoch"]): row["value"] for row in rows
           if (row["kind"], row["protocol"], row["model"], row["seed"]) == ("benchmark", "v1", entry["model"], "0")}
    assert float(own["final.resolveRate", ""]) == entry["final"]["resolveRate"]
    assert float(own["test.resolveRate", "2"]) == entry["history"][1]["test"]["resolveRate"]
    assert own["transitions.bug_fix.gained", ""] == "5"
    run = stream_document()["runs"][0]
    of_stream = {(row["measure"], row["epoch"]): row["value"] for row in rows
                 if (row["kind"], row["model"], row["seed"], row["variant"]) == ("stream", "A", "0", "heads, EWC on")}
    assert float(of_stream["rates.after test_gen.code_completion", "4"]) == run["rates"][3][0]


def test_a_trimmed_file_has_the_same_report_and_no_answers(folder: Path, tmp_path: Path, capsys: Output) -> None:
    assert main([str(folder), "--trim", str(tmp_path), "-q"]) == 0
    whole, small = make_report(read_sources([folder])), make_report(read_sources([tmp_path]))
    for name in ("title", "lead", "notes"):
        assert getattr(whole, name) == getattr(small, name)
    assert [table.rows for table in whole.tables[:-3]] == [table.rows for table in small.tables[:-3]]
    assert [[panel.alt for panel in figure.panels] for figure in whole.figures] == [
        [panel.alt for panel in figure.panels] for figure in small.figures
    ]
    document = json.loads((tmp_path / "benchmark.json").read_text(encoding="utf-8"))
    assert document["trimmed"] is True and "answers" not in document["results"][0]
    assert document["results"][0]["seed"] == 0 and isinstance(document["results"][0]["seed"], int)
    assert (tmp_path / "benchmark.json").stat().st_size < (folder / "benchmark.json").stat().st_size
    capsys.readouterr()
    path = str(tmp_path / "benchmark.json")
    assert main(["compare", path, path]) == 1
    assert "answers is missing" in capsys.readouterr().err


# retrieval: whatever there is

FIGURES = {"frozen": 0.25, "learned": 0.5, "gain": 0.25, "gainCI95": [0.125, 0.375]}

def retrieval_rows(tmp_path: Path, **retrieval: Any) -> dict[tuple[str, str], dict[str, str]]:
    write_document(tmp_path / "x.json", code_document(**retrieval))
    report = make_report(read_sources([tmp_path]))
    (table,) = [table for table in report.tables if table.title.startswith("Retrieval")]
    (figure,) = [figure for figure in report.figures if figure.name.endswith("retrieval")]
    short = dict.fromkeys(row[0] for row in table.rows if "," not in row[0])  # bars of all types would be too many
    assert [panel.title for panel in figure.panels] == list(short)
    return {(row[1], row[0]): dict(zip(table.columns[2:], row[2:], strict=True)) for row in table.rows}


def test_retrieval_has_a_row_for_each_measure(tmp_path: Path) -> None:
    rows = retrieval_rows(tmp_path)
    names = [f"hashed n-grams, d = {dim}" for dim in (1536, 4096)]
    assert set(rows) == {(name, measure) for name in names for measure in ("recall@1", "MRR")}
    assert rows[names[1], "recall@1"] == {"frozen": "0.0%", "learned": "50.0%", "gain": "+50.0 [+38.8, +61.3]"}


def test_retrieval_shows_the_metrics_that_it_knows_and_leaves_out_those_of_newer_versions(tmp_path: Path) -> None:
    rows = retrieval_rows(tmp_path, recallAt5={**FIGURES, "learnedCI95": [0.5, 0.75]})
    assert rows["hashed n-grams, d = 4096", "recall@5"]["gain"] == "+25.0 [+12.5, +37.5]"
    assert {measure for _, measure in rows} == {"recall@1", "recall@5", "MRR"}


def test_what_a_single_task_type_has_in_common_with_all_is_shown_once(tmp_path: Path) -> None:
    document = code_document()
    for summary in document["summaries"]:
        same = summary["retrieval"]["recallAt1"]
        summary["byType"] = {"bug_fix": {"tasks": 7, "recallAt1": same, "resolveRate": FIGURES}}
    write_document(tmp_path / "x.json", document)
    (table,) = [t for t in make_report(read_sources([tmp_path])).tables if t.title.startswith("Retrieval")]
    rows = [row[0] for row in table.rows if row[1] == "hashed n-grams, d = 4096"]
    assert rows == ["recall@1", "MRR", "resolve rate"]


def test_task_types_other_input_and_closed_forms_stand_beside_it(tmp_path: Path) -> None:
    document = code_document()
    difference = {"recallAt1": {"mean": 0.125, "ci95": [0.0, 0.25]}}
    for summary in document["summaries"]:
        summary["byType"] = {"bug_fix": {"tasks": 7, "recallAt3": FIGURES, "resolveRate": FIGURES}, "refactor": {}}
        summary["transfer"] = {"tasks": 9, "mrr": FIGURES}
        summary["comparison"] = [
            {"type": "all", "method": "ridge", "queries": 40.0, "recallAt1": 0.5, "recallAt5": 0.5, "mrr": 0.5,
             "gain": difference, "learnedAhead": difference},
            {"type": "all", "method": "learned", "queries": 40.0, "recallAt1": 0.625, "recallAt5": 0.5, "mrr": 0.5,
             "gain": {}, "learnedAhead": {}},
        ]
        summary["paramsB"] = 0
    write_document(tmp_path / "x.json", document)
    report = make_report(read_sources([tmp_path]))
    main, by_type = (table for table in report.tables if table.title.startswith("Retrieval"))
    assert (main.headline, by_type.headline) == (True, False)  # what is long is for those who ask for details
    rows = {row[0]: row for table in (main, by_type) for row in table.rows if row[1] == "hashed n-grams, d = 4096"}
    assert list(rows) == ["recall@1", "MRR", "transfer, MRR", "bug fix, recall@3", "bug fix, resolve rate"]
    assert rows["transfer, MRR"][2:] == ("+25.0 [+12.5, +37.5]", "25.0%", "50.0%")
    compared = [table for table in report.tables if "no learning loop" in table.title]
    assert [table.title for table in compared[:3]] == [
        f"v3 beside what needs no learning loop, hashed n-grams, d = 1536: {metric}"
        for metric in ("recall@1", "recall@5", "MRR")
    ]
    assert [table.headline for table in compared] == [True, False, False] * 2
    assert compared[0].columns == ("Method", "recall@1", "over frozen", "learned ahead")
    assert compared[0].rows == (
        ("ridge regression", "50.0%", "+12.5 [+0.0, +25.0]", "+12.5 [+0.0, +25.0]"),
        ("learned", "62.5%", "", ""),
    )
    for table in report.tables:
        assert not {"Params", "Efficiency", "By efficiency"} & set(table.columns), table.title


def test_a_file_without_retrieval_measures_has_no_such_table(tmp_path: Path) -> None:
    document = code_document()
    for summary in document["summaries"]:
        summary["retrieval"] = {"tasks": 40}
    write_document(tmp_path / "x.json", document)
    report = make_report(read_sources([tmp_path]))
    assert not [table for table in report.tables if table.title.startswith("Retrieval")]


# on the screen, and what goes wrong


@pytest.mark.parametrize("width", [60, 80, 120])
def test_without_an_option_the_main_tables_are_printed(
    width: int, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    assert main([str(folder)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "…" not in out and max(map(len, out.splitlines())) <= width
    for title in ("Final results of v3 beside", "Retrieval", "Differences to the full system", "Forgetting"):
        assert title in " ".join(out.split())


def test_broken_files_are_a_line_each_and_the_rest_is_still_reported(tmp_path: Path, capsys: Output) -> None:
    write_document(tmp_path / "a.json", benchmark_document(models=(3,), protocols=("v3",)))
    (tmp_path / "b.json").write_text("{", encoding="utf-8")
    (tmp_path / "c.json").write_text("", encoding="utf-8")
    write_document(tmp_path / "d.json", {"schema": 1, "kind": "comparison"})
    target = tmp_path / "r.md"
    assert main([str(tmp_path), "--markdown", str(target)]) == 1
    out, err = capsys.readouterr()
    assert [line.split(": ")[1].rpartition("/")[2] for line in err.splitlines()] == ["b.json", "c.json", "d.json"]
    assert err.splitlines()[2].endswith("is a comparison, not a results file: left out")
    assert out.startswith("Markdown: ") and target.exists()
    assert main([str(tmp_path / "b.json"), "--markdown", str(tmp_path / "none.md")]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not (tmp_path / "none.md").exists()


def test_a_target_that_cannot_be_written_is_one_line(folder: Path, tmp_path: Path, capsys: Output) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    for option, target in (("--csv", "file/x.csv"), ("--plots", "file"), ("--markdown", "small-model-comparison.md")):
        assert main([str(folder / "stream.json"), option, str(tmp_path / target)]) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("ruvllm-report: ")


@pytest.mark.parametrize(("option", "target"), [("--html", "r.html"), ("--plots", "plots")])
def test_without_the_extra_one_line_says_what_to_install(
    option: str, target: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.setattr(output.importlib.util, "find_spec", lambda name: None)
    assert main([str(folder), option, str(tmp_path / target)]) == 1
    needed = "matplotlib and jinja2" if option == "--html" else "matplotlib"
    assert capsys.readouterr().err == f"ruvllm-report: needs {needed}: pip install 'ruvllm[report]'\n"
    assert main([str(folder), "--csv", str(tmp_path / "r.csv"), "-q"]) == 0


def test_heavy_packages_are_loaded_only_for_what_needs_them(folder: Path, tmp_path: Path) -> None:
    program = (
        "import sys; from ruvllm.commands.report import main; code = main(sys.argv[1:]);"
        "sys.exit(code or sum(name in sys.modules for name in ('matplotlib', 'jinja2')))"
    )
    arguments = [str(folder), "--csv", str(tmp_path / "r.csv"), "--markdown", str(tmp_path / "r.md"), "-q"]
    assert subprocess.run([sys.executable, "-W", "error", "-c", program, *arguments], timeout=60).returncode == 0
    assert subprocess.run([sys.executable, "-c", program, "--help"], capture_output=True, timeout=60).returncode == 0


def test_a_hundred_files_make_one_report(tmp_path: Path) -> None:
    """How long it takes is for bench/; here: that each is read, and that the report does not grow with their number."""
    for seed in range(100):
        document = benchmark_document(models=(3,), protocols=("v3",), seeds=(seed % 3,))
        write_document(tmp_path / f"{seed:03}.json", {**document, "created": f"2026-01-01T00:00:{seed % 60:02}Z",
                                                      "note": seed})  # fmt: skip
    collection = read_sources([tmp_path])
    assert len(collection.sources) == 100
    (setting,) = find_settings(collection.of(BenchmarkDocument)).shown
    assert len(setting.measured) == 1
    assert len(make_report(collection).figures) == 5
