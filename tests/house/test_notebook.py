"""The notebook runs from top to bottom, is kept without outputs, and objects show themselves well in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from ruvllm.benchmark.learner import LearningHistory
from ruvllm.notebook import MOST_ROWS, html_table, with_interval
from ruvllm.online import AdaptiveRanker, Decision, Gain, History, evaluate
from ruvllm.online.summary import summarise
from ruvllm.report.contents import make_report
from ruvllm.report.parts import Table
from ruvllm.results.compare import compare
from ruvllm.results.pairing import read_answers
from ruvllm.results.reading import in_memory, read_document
from ruvllm.results.summary_records import BenchmarkDocument

ROOT = Path(__file__).resolve().parents[2]
TOUR = ROOT / "examples" / "tour.ipynb"
RUN = """
import sys, nbclient, nbformat
notebook = nbformat.read(sys.argv[1], 4)
nbclient.NotebookClient(notebook, timeout=600, startup_timeout=600, kernel_name="python3").execute()
nbformat.write(notebook, "done.ipynb")
"""
NASTY = "<script>alert(1)</script> & 'so' on"


class Tags(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""
        self.rows: list[list[str]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data


def shown(value: Any) -> Tags:
    found = Tags(value._repr_html_())
    assert found.tags <= {"div", "p", "strong", "table", "thead", "tbody", "tr", "th", "td"}
    return found


def cells(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return found


def test_the_notebook_is_kept_without_outputs() -> None:
    code = [cell for cell in cells(TOUR) if cell["cell_type"] == "code"]
    assert code and all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)


def test_the_notebook_runs_from_top_to_bottom(tmp_path: Path) -> None:
    homes = {name: str(tmp_path / name) for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR",
                                                     "JUPYTER_RUNTIME_DIR", "MPLCONFIGDIR", "TMPDIR")}  # fmt: skip
    for folder in homes.values():
        Path(folder).mkdir()
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(TOUR)],
        cwd=tmp_path, env={**os.environ, **homes}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    outputs = [output for cell in cells(tmp_path / "done.ipynb") for output in cell.get("outputs", ())]
    assert {output["output_type"] for output in outputs} <= {"execute_result", "display_data"}  # nothing on stderr
    kinds = [kind for output in outputs for kind in output["data"]]
    assert kinds.count("image/png") == 3  # the guard at work, the learning curve, reliability
    tables = "".join("".join(output["data"].get("text/html", "")) for output in outputs)
    for words in ("Ranking by state identity", "promoted", "95% confidence sequence", "unseen test tasks"):
        assert words in tables


# tables


def test_a_table_is_escaped_and_bounded() -> None:
    found = Tags(html_table(NASTY, [NASTY, "never reached"], [[NASTY]], NASTY))
    assert found.tags == {"div", "p", "strong", "table", "thead", "tbody", "tr", "th", "td"}
    assert found.rows[:2] == [[NASTY], [NASTY + NASTY]] and found.text.count(NASTY) == 4
    long = Tags(html_table("", ["n"], [[n] for n in range(MOST_ROWS + 7)]))
    assert len(long.rows) == MOST_ROWS + 1 and "and 7 more" in long.text
    assert with_interval(0.5, (-0.25, 1.0), digits=2) == "+0.50 [-0.25, +1.00]"


def test_a_ranking_shows_places_names_and_cosines() -> None:
    ranker = AdaptiveRanker(dim=4)
    found = shown(ranker.rank([1, 0, 0, 0], vectors=np.eye(4)[:2], ids=["right", NASTY]))
    assert found.rows[0] == ["Place", "Candidate", "Cosine"]  # nothing was swapped at random
    assert found.rows[1] == ["1", "right", "1.000"] and found.rows[2][:2] == ["2", NASTY]
    swapped = AdaptiveRanker(dim=4, explore=0.5).rank([1, 0, 0, 0], vectors=np.eye(4)[:2])
    assert shown(swapped).rows[0][3] == "Propensity" and shown(swapped).rows[1][3] == "0.5"


def test_decisions_and_gains_show_themselves() -> None:
    decision = Decision("rolled_back", NASTY, "a" * 64, "identity", 21.4, 300)
    for value in (decision, History([decision])):
        assert shown(value).rows[1][:4] == ["rolled back", "300", "identity", "21.4"] and NASTY in shown(value).text
    gain = Gain(mean=0.12, low=0.05, high=0.19, feedbacks=400, served=0.62, frozen=0.5)
    assert shown(gain).rows[1][:4] == ["400", "+0.120 [+0.050, +0.190]", "0.620", "0.500"]
    nothing = Gain(mean=0.0, low=-1.0, high=1.0, feedbacks=0, served=0.0, frozen=0.0)
    assert shown(nothing).rows[1][:2] == ["0", ""]  # no number where none was measured


def test_a_store_and_the_answers_of_a_log_show_themselves(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    with AdaptiveRanker(dim=8, store=tmp_path / "<b>", explore=0.2) as ranker:
        assert [each.action for each in ranker.history()] == ["created"]
        for n in range(30):
            ranking = ranker.rank(rng.standard_normal(8), vectors=rng.standard_normal((4, 8)))
            ranker.feedback(ranking.id, accepted=n % 4, source=f"user {n}")
    summary = summarise(tmp_path / "<b>")
    assert "<b>" in shown(summary).text and "30" in shown(summary).text
    log = evaluate.read_log(tmp_path / "<b>")
    report = evaluate.prequential(log, controls=("identity",))
    assert [row[0] for row in shown(report).rows[1:]] == ["guarded", "unguarded", "identity"]
    assert shown(report.methods["identity"]).rows[1][1].startswith("+0.000")
    assert evaluate.headroom(log).verdict in shown(evaluate.headroom(log)).text
    assert shown(evaluate.off_policy(log, ranker.state)).rows[0][0].startswith("First candidate accepted")


def test_results_show_themselves() -> None:
    path = ROOT / "docs/results/code-file.json"
    document = read_document(path)
    assert isinstance(document, BenchmarkDocument)
    found = shown(document)
    assert len(found.rows) == 1 + len(document.summaries) and "Gain in recall@1" in found.rows[0]
    first = msgspec.structs.replace(document.summaries[0], model=NASTY)
    assert NASTY in shown(msgspec.structs.replace(document, summaries=[first])).text
    report = make_report(in_memory(document))
    assert report.verdicts[0].answer in shown(report).text and report.tables[0].title in shown(report).text
    assert shown(Table(NASTY, ("a", "b"), (("x", "**1.5**"),))).rows[1] == ["x", "1.5"]


def test_a_comparison_and_a_learners_history_show_themselves(tmp_path: Path) -> None:
    from ruvllm.commands.bench import main

    words = ["--profile", "quick", "--models", "Qwen2.5-Coder-1.5B", "--no-controls", "--quiet", "--keep", "none"]
    assert main([*words, "--out", str(tmp_path)]) == 0
    answers = read_answers(next(tmp_path.glob("benchmark-*.json")))
    assert shown(compare(answers, answers)).rows[1][4].startswith("+0.0 [")
    epochs = LearningHistory([{"epoch": 1, "test": {"resolveRate": 0.25, "confidence": 0.5}}])
    assert shown(epochs).rows[1] == ["1", "25.0%", "50.0%"]
