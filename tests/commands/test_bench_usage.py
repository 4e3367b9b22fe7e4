"""Help, version and wrong usage of ruvllm-bench: they answer at once, in one line, and touch nothing."""

import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from bench_samples import UNBOUNDED

from ruvllm import build_info
from ruvllm.commands.bench import main

WORKLOADS = "'--workload': must be simulated, code, code:PATH, jsonl:FILE or swebench:FILE"


def test_the_command_is_installed() -> None:
    (entry,) = metadata.entry_points(group="console_scripts", name="ruvllm-bench")
    assert entry.load() is main


def imported_by(program: str) -> list[str]:
    """What it prints, and last what it imported of the heavy modules."""
    script = f"import sys\n{program}\nprint(sorted({{'numpy', 'rich', 'ruvllm._core'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_import_of_the_command_loads_nothing_heavy() -> None:
    assert imported_by("import ruvllm.commands.bench") == ["[]"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--help"], "Usage: ruvllm-bench [OPTIONS] "),
        (["-h"], "Usage: ruvllm-bench [OPTIONS] "),
        (["ablate", "--help"], "Usage: ruvllm-bench ablate [OPTIONS]"),
        (["protocols", "-h"], "Usage: ruvllm-bench protocols [OPTIONS]"),
        (["simd", "-h"], "Usage: ruvllm-bench simd [OPTIONS]"),
    ],
)
def test_help_loads_nothing_heavy(words: list[str], said: str) -> None:
    first, *_, last = imported_by(f"from ruvllm.commands.bench import main\nassert main({words}) == 0")
    assert first.startswith(said)
    assert last == "[]"


@pytest.mark.parametrize("words", [["--profile", "huge"], ["ablate", "--protocol", "all"], ["--quiet", "ablate"]])
def test_wrong_usage_loads_nothing_heavy(words: list[str]) -> None:
    assert imported_by(f"from ruvllm.commands.bench import main\nassert main({words}) == 2") == ["[]"]


def test_help_has_every_option_and_command(capsys: pytest.CaptureFixture[str]) -> None:
    common = {
        "--profile", "--protocol", "--models", "--workload", "--tasks", "--split", "--encoder", "--dim", "--transfer",
        "--rank", "--seed", "--seeds", "--jobs", "--isa", "--resume", "--out", "--json", "--quiet", "--help", "--name",
        "--encoder-name", "--candidates", "--fields", "--train", "--test", "--hints", "--lexical", "--repos",
        "--language", "--snapshot-seconds",
    }  # fmt: skip
    of_simd = {"--isa", "--repetitions", "--out", "--name", "--json", "--quiet", "--help"}
    for words, options in (
        ([], common | {"--folds", "--stream", "--controls", "--details", "--keep", "--no-texts", "--version"}),
        (["run"], common | {"--folds", "--stream", "--controls", "--details", "--keep", "--no-texts",
                            "--plan", "--shard", "--executor"}),
        (["ablate"], common | {"--folds", "--part"}),
        (["simd"], of_simd),
    ):  # fmt: skip
        assert main([*words, "--help"]) == 0
        text = capsys.readouterr().out
        listed = set(re.findall(r"^  (?:-\w, )?(--[a-z-]+)", text[text.index("\nOptions:") :], re.MULTILINE))
        assert listed == options
        if not words:
            listed = re.findall(r"^  (\w+)  ", text[text.index("\nCommands:") :], re.MULTILINE)
            assert listed == ["ablate", "merge", "plan", "protocols", "run", "simd"]


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    build = build_info()
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == (
        f"ruvllm-bench, version {metadata.version('ruvllm')} "
        f"({build['active_isa']}, {build['compiler']} {build['compiler_version']})\n"
    )


def test_the_version_loads_little() -> None:
    loaded = imported_by("from ruvllm.commands.bench import main\nassert main(['--version']) == 0")
    assert loaded[1:] == ["['ruvllm._core']"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--models", "gpt-5"], "'--models': no model is called 'gpt-5'; there are Qwen2.5-Coder-1.5B, "),
        (["--models", "Phi-3-mini-4k,,"], "'--models': no model is called ''"),
        (["--workload", "real"], f"{WORKLOADS}, not 'real'"),
        (["--workload", "code:"], f"{WORKLOADS}, not 'code:'"),
        (["--workload", "simulated:x"], "'--workload': must be"),
        (["--isa", "mmx"], "'--isa': 'mmx' is not available on this CPU; there is auto, scalar"),
        (["--seed", "-1"], "'--seed': -1 is not in the range 0<=x<=9007199254740991"),
        (["--seed", "9007199254740992"], "'--seed': 9007199254740992 is not in the range"),
        (["--seed", "1.5"], "'--seed': '1.5' is not a valid integer"),
        (["--seed", "9007199254740990", "--seeds", "3"], "'--seeds': the last seed must be at most 9007199254740991"),
        (["--seeds", "0"], "'--seeds': 0 is not in the range"),
        (["--workload", "jsonl"], "'--workload': must be"),
        (["--workload", "jsonl:"], "'--workload': must be"),
        (["--tasks", "refactor"], "--tasks is for the code workload"),
        (["--workload", "jsonl:f", "--tasks", "refactor"], "--tasks is for the code workload"),
        (["--workload", "code", "--tasks", "poetry"], "'--tasks': 'poetry' is not one of"),
        (["--encoder", "python:m.f"], "--encoder and --transfer are for real input"),
        (["--transfer", "jsonl:f"], "--encoder and --transfer are for real input"),
        (["--workload", "code", "--transfer", "f"], "'--transfer': must be jsonl:FILE, not 'f'"),
        (["--workload", "code", "--encoder", "bert"], "'--encoder': must be hash, sentence-transformers:MODEL,"),
        (["--dim", "256"], "--dim is for real input"),
        (["--workload", "code", "--dim", "63"], "'--dim': 63 is not in the range 64<=x<=16384"),
        (["--workload", "code", "--encoder", "python:m.f", "--dim", "256"], "has a width and a name of its own"),
        (["--workload", "code", "--encoder", "python:m.f", "--models", "Phi-3-mini-4k"], "has a width and a name of"),
        (["--rank", "0"], "'--rank': 0 is not in the range"),
        (["--rank", "257"], "'--rank': 257 is not in the range"),
        (["--split", "line"], "'--split': 'line' is not one of"),
        (["--jobs", "0"], "'--jobs': 0 is not in the range"),
        (["--profile", "huge"], "'--profile': 'huge' is not one of"),
        (["--protocol", "v4"], "'--protocol': 'v4' is not one of"),
        (["--no-such-option"], "--no-such-option"),
        (["word"], "'word' is no command"),
        (["--folds", "2"], "'--folds': 2 is not in the range 3<=x<=20"),
        (["--folds", "21"], "'--folds': 21 is not in the range"),
        (["--stream", "mixed,blocked"], "'--stream': 'mixed,blocked' is not one of 'mixed', 'blocked'"),
        (["--stream", "blocked", "--folds", "5"], "--folds is for the mixed stream"),
        (["--stream", "blocked", "--workload", "code"], "a blocked stream needs tasks of several types: the simulated"),
        (["--stream", "blocked", "--seeds", "1"], "'--seeds': an interval over seeds needs at least 2"),
        (["ablate"], "options of ablate come after its name"),
        (["--folds", "5", "ablate"], "options of ablate come after its name"),
        (["protocols"], "options of protocols come after its name"),
        (["simd"], "options of simd come after its name"),
    ],
)
def test_wrong_usage_is_one_clear_error_and_exit_code_2(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*UNBOUNDED, "--out", str(tmp_path / "out"), *arguments]) == 2
    check_wrong_usage(said, tmp_path, capsys)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--protocol", "all"], "'--protocol': 'all' is not one of 'v1', 'v2', 'v3'"),
        (["--seeds", "1"], "'--seeds': an interval over seeds needs at least 2"),
        (["--models", "gpt-5"], "'--models': no model is called 'gpt-5'"),
        (["--workload", "real"], f"{WORKLOADS}, not 'real'"),
        (["--rank", "0"], "'--rank': 0 is not in the range"),
        (["--folds", "2"], "'--folds': 2 is not in the range 3<=x<=20"),
        (["--stream", "blocked"], "--stream"),
        (["heads"], "unexpected extra argument (heads)"),
    ],
)
def test_wrong_usage_of_ablate_is_one_clear_error_too(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ablate", *UNBOUNDED, "--out", str(tmp_path / "out"), *arguments]) == 2
    check_wrong_usage(said, tmp_path, capsys)


def check_wrong_usage(said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, err = capsys.readouterr()
    assert out == ""
    (error,) = err.splitlines()
    assert error.startswith("ruvllm-bench: ")
    assert error.endswith(" (see ruvllm-bench --help)")
    assert said in error
    assert not (tmp_path / "out").exists()
