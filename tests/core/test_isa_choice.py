"""RUVLLM_ISA and --isa: what is not there is refused in one line, with a list of what is."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest
from bench_samples import SMALL_RUN, UNBOUNDED, bench, error_line, results_file

from ruvllm import available_isas

MISSING = "avx2" if platform.machine() in ("aarch64", "arm64") else "neon"
COMMANDS = {
    "mixed": [*UNBOUNDED],
    "blocked": [*UNBOUNDED, "--stream", "blocked"],
    "ablate": ["ablate", *UNBOUNDED],
    "simd": ["simd", "--repetitions", "1000"],
}
LISTED = ", ".join(available_isas())


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("isa", ["mmx", MISSING, "", "AVX2"])
def test_the_option_refuses_what_is_not_there(command: str, isa: str, tmp_path: Path) -> None:
    done = bench(*COMMANDS[command], "--isa", isa, folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    other = "all" if command == "simd" else "auto"
    assert error_line(done) == (
        f"ruvllm-bench: Invalid value for '--isa': {isa!r} is not available on this CPU; there is {other}, {LISTED} "
        "(see ruvllm-bench --help)"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [*COMMANDS.values(), [*UNBOUNDED, "--isa", "scalar"], ["--version"]])
@pytest.mark.parametrize("isa", ["mmx", MISSING])
def test_commands_refuse_the_same_in_the_environment(arguments: list[str], isa: str, tmp_path: Path) -> None:
    done = bench(*arguments, folder=tmp_path, RUVLLM_ISA=isa)
    assert (done.returncode, done.stdout) == (2, "")
    assert error_line(done) == (
        f"ruvllm-bench: RUVLLM_ISA: '{isa}' is not available on this CPU; there is auto, {LISTED} "
        "(see ruvllm-bench --help)"
    )
    assert list(tmp_path.iterdir()) == []


def python(program: str, isa: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "RUVLLM_ISA": isa}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize("function", ["active_isa", "build_info"])
@pytest.mark.parametrize("isa", ["mmx", MISSING, "AVX2", "scalar "])
def test_the_library_raises_value_error_in_one_line(function: str, isa: str) -> None:
    done = python(f"import ruvllm; ruvllm.{function}()", isa)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"ValueError: RUVLLM_ISA: '{isa}' is not available on this CPU; there is auto, {LISTED}"
    )


@pytest.mark.parametrize("isa", ["mmx", MISSING])
def test_what_works_on_every_cpu_does_not_mind(isa: str) -> None:
    done = python("import ruvllm; print(ruvllm.available_isas(), ruvllm.__version__)", isa)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("isa", [*available_isas(), "auto", ""])
def test_each_that_is_there_is_taken_from_the_environment(isa: str) -> None:
    done = python("import ruvllm; print(ruvllm.active_isa())", isa)
    assert done.stdout.strip() == (isa if isa in available_isas() else available_isas()[-1]), done.stderr


@pytest.mark.parametrize(("option", "environment"), [("scalar", "auto"), ("auto", "scalar")])
def test_the_results_file_says_which_one_ran(option: str, environment: str, tmp_path: Path) -> None:
    done = bench(*SMALL_RUN, "--isa", option, "-q", "--json", folder=tmp_path, RUVLLM_ISA=environment)
    assert done.returncode in (0, 3), done.stderr
    assert '"isa": "scalar"' in results_file(tmp_path / "results").read_text()


def test_an_option_wins_over_the_environment(tmp_path: Path) -> None:
    best = available_isas()[-1]
    done = bench(*SMALL_RUN, "--isa", best, "-q", "--json", folder=tmp_path, RUVLLM_ISA="scalar")
    assert done.returncode in (0, 3), done.stderr
    assert f'"isa": "{best}"' in results_file(tmp_path / "results").read_text()
