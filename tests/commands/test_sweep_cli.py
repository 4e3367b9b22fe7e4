"""ruvllm-bench plan, run --plan and merge: what they print, what they refuse, and what they never call whole."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from bench_samples import SMALL_RUN, bench, error_line, results_file
from sweep_samples import digest_in

CELLS = ("--protocol", "v1", "--seeds", "3", "--no-controls")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a plan of three cells, and all of them but the second in `part`."""
    folder = tmp_path_factory.mktemp("cli")
    planned = bench("plan", *SMALL_RUN, *CELLS, folder=folder)
    assert (planned.returncode, planned.stderr) == (0, "")
    (folder / "plan.jsonl").write_text(planned.stdout, encoding="utf-8")
    for shard in ("1/3", "3/3"):
        done = bench("run", "--plan", "plan.jsonl", "part", "--shard", shard, folder=folder)
        assert done.returncode == 0, done.stderr
        said = f"1 cells of shard {shard} are in part, of 3 in the plan; all together: ruvllm-bench merge part\n"
        assert done.stdout == said
        assert done.stderr.startswith("[1/1] Qwen2.5-Coder-1.5B v1 seed ")
    return folder


def keys(folder: Path) -> list[str]:
    return [json.loads(line)["key"] for line in (folder / "plan.jsonl").read_text().splitlines()[1:]]


def test_a_part_is_never_called_a_whole(folder: Path) -> None:
    done = bench("merge", "part", folder=folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        f"missing: Qwen2.5-Coder-1.5B v1 seed 1 ({keys(folder)[1]})",
        "ruvllm-bench: part is not whole: 1 of 3 cells are missing; no results file was written",
    ]
    assert list((folder / "part").glob("benchmark-*.json")) == []


def test_what_is_broken_is_named_and_refused(folder: Path, tmp_path: Path) -> None:
    for path in (folder / "part").rglob("*.json*"):
        place = tmp_path / path.relative_to(folder)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(path.read_bytes())
    first, stranger = tmp_path / "part/cells" / f"{keys(folder)[0]}.json", tmp_path / "part/cells/stranger.json"
    first.write_bytes(first.read_bytes().replace(b'"seed":0', b'"seed":5'))
    stranger.write_text("{}")
    done = bench("merge", "part", folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"{first.name} is broken: its digest is not that of its content",
        "stranger.json is no cell of the plan",
        f"missing: Qwen2.5-Coder-1.5B v1 seed 1 ({keys(folder)[1]})",
        "ruvllm-bench: part is not whole: 1 of 3 cells are missing, 2 files are broken or not of the plan; "
        "no results file was written",
    ]
    done = bench("run", "--plan", "part/plan.jsonl", "part", folder=tmp_path)
    assert done.returncode == 1
    assert error_line(done).endswith(
        f"part/cells: {first.name} is broken: its digest is not that of its content; stranger.json is no cell of the "
        "plan: remove what is not of this plan"
    )


def test_the_whole_is_what_one_core_writes(folder: Path, tmp_path: Path) -> None:
    done = bench("run", "--plan", "plan.jsonl", "whole", "-q", folder=folder)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    done = bench("merge", "whole", "--name", "all of it", folder=folder)
    assert done.returncode == 0, done.stderr
    alone = bench(*SMALL_RUN, *CELLS, "--out", str(tmp_path), "-q", folder=folder)
    assert alone.returncode == 0, alone.stderr
    digest = digest_in(tmp_path)
    assert done.stdout.endswith(f"Digest of the results, without times: {digest}\n")
    assert digest_in(folder / "whole") == digest
    document = json.loads(results_file(folder / "whole").read_text())
    assert document["command"] == ["ruvllm-bench", "merge", "whole", "--name", "all of it"]
    assert document["name"] == "all of it"
    (checkpoint,) = [run["checkpoint"] for run in document["results"] if run.get("checkpoint")]
    assert (folder / checkpoint).parent == folder / "whole" / "checkpoints" and (folder / checkpoint).exists()
    done = bench("merge", "whole", "--json", "-q", "--out", "elsewhere", folder=folder)
    assert json.loads(done.stdout)["results"] == document["results"]
    assert results_file(folder / "elsewhere").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", "folder"), "'folder' is for the cells of a plan: ruvllm-bench run --plan FILE DIR"),
        (("run", "--shard", "1/2"), "--shard is for the cells of a plan"),
        (("run", "--executor", "ray"), "--executor is for the cells of a plan"),
        (("run", "--plan", "p.jsonl"), "--plan needs a folder for its cells"),
        (("run", "--plan", "p.jsonl", "d", "--seeds", "2"), "--seeds was for ruvllm-bench plan: the plan says what is"),
        (("run", "--plan", "p.jsonl", "d", "--shard", "3/2"), "must be I/N, as 2/8, with I from 1 to N, not '3/2'"),
        (("run", "--plan", "p.jsonl", "d", "--shard", "half"), "must be I/N, as 2/8, with I from 1 to N, not 'half'"),
        (("run", "--plan", "p.jsonl", "d", "--executor", "dask"), "must be processes, dask:ADDRESS, ray[:ADDRESS] or "),
        (("plan", "--out", "x"), "No such option '--out'"),
        (("plan", "--ablate", "--keep", "all"), "--keep is not for --ablate"),
        (("plan", "--part", "ewc"), "--part is for --ablate"),
        (("plan", "--ablate", "--seeds", "1"), "an interval over seeds needs at least 2"),
        (("plan", "--models", "nobody"), "no model is called 'nobody'"),
        (("merge",), "Missing argument 'DIR'"),
    ],
)
def test_wrong_usage(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    done = bench(*words, folder=tmp_path)
    assert done.returncode == 2
    assert said in error_line(done)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", "--plan", "p.jsonl", "d"), "p.jsonl"),
        (("plan", "--ablate", "--part", "ewc,magic"), "there is no part 'magic' to take away or to add"),
        (("merge", "d"), "d has no plan.jsonl in it: name the plan with --plan"),
    ],
)
def test_what_is_not_there(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    done = bench(*words, folder=tmp_path)
    assert done.returncode == 1
    assert said in error_line(done)
    assert list(tmp_path.iterdir()) == []


def test_issues_with_repositories_cannot_be_planned(tmp_path: Path) -> None:
    done = bench("plan", "--workload", "swebench:x.json", "--repos", ".", folder=tmp_path)
    assert done.returncode != 0 and done.stderr.startswith("ruvllm-bench: ")
