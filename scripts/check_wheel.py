#!/usr/bin/env python3
"""Tries a wheel as its users will: installed without a compiler, then README's first command, then on an older CPU.

    python scripts/check_wheel.py dist/ruvllm-*.whl [--python python3.12]

Prints the wheel's size, the seconds of `pip install`, and the hashes of a quick run beside those of the ruvllm that
runs this script, which is the build from source. Exit code 1 if the wheel is too large, a command fails, or a hash
differs.
A quick run is repeated on an emulated CPU without AVX where qemu-x86_64 is there (package qemu-user).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MOST_BYTES = 5_000_000
CPU = "Nehalem"  # 2008: SSE4.2, no AVX; NumPy needs as much
QUICK = ["--profile", "quick", "--protocol", "all", "--models", "Phi-3-mini-4k", "--quiet"]
BENCH = "import sys; from ruvllm.commands.bench import main; sys.exit(main())"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--python", default=sys.executable, help="the interpreter that the wheel is for")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        problems = check(arguments.wheel.resolve(), arguments.python, Path(folder))
    sys.exit("\n".join(problems) or None)


def check(wheel: Path, interpreter: str, folder: Path) -> list[str]:
    """Lines that say what is wrong with the wheel; empty where nothing is."""
    problems = []
    size = wheel.stat().st_size
    print(f"size             {size / 1e6:.2f} MB", flush=True)
    if size > MOST_BYTES:
        problems.append(f"{wheel.name} has {size} bytes, more than {MOST_BYTES}")
    python = install(wheel, interpreter, folder)
    run_main_command(python, folder)
    hashes = {
        "from source": quick_hashes([sys.executable], folder / "source", os.environ["PATH"]),
        "from the wheel": quick_hashes([str(python)], folder / "wheel", str(python.parent)),
    }
    if emulator := shutil.which("qemu-x86_64") or shutil.which("qemu-x86_64-static"):
        emulated = [emulator, "-cpu", CPU, str(python)]
        with timed(f"on {CPU}", "a quick run, emulated"):
            hashes[f"from the wheel on {CPU}"] = quick_hashes(emulated, folder / "emulated", str(python.parent))
    else:
        print("no qemu-x86_64 (package qemu-user): not tried on a CPU without AVX")
    expected = hashes["from source"]
    for name, found in hashes.items():
        print(f"hashes           {', '.join(h[:12] for pair in found.values() for h in pair)} {name}")
        if found != expected:
            problems.append(f"hashes {name} are not those from source")
    return problems


@contextmanager
def timed(name: str, what: str) -> Iterator[None]:
    """Prints the seconds that its block took, and those of processors that its commands used."""
    started, before = time.monotonic(), os.times()
    yield
    after = os.times()
    used = sum(after[2:4]) - sum(before[2:4])
    print(f"{name:16} {time.monotonic() - started:.1f} s ({used:.1f} s of a processor), {what}", flush=True)


def install(wheel: Path, interpreter: str, folder: Path) -> Path:
    """Installs the wheel into a new environment, with nothing on the path; returns that environment's interpreter."""
    python = folder / "venv" / "bin" / "python"
    subprocess.run([interpreter, "-m", "venv", str(folder / "venv")], check=True)
    command = [str(python), "-m", "pip", "install", "--quiet", "--only-binary", ":all:", f"{wheel}[report]"]
    with timed("pip install", "without a compiler on the path"):
        subprocess.run(command, env=environment(str(python.parent)), check=True)
    return python


def run_main_command(python: Path, folder: Path) -> None:
    """README's first command, after its installation."""
    path = str(python.parent)
    with timed("main command", "README's first, after its installation"):
        for command in (["ruvllm-bench", "--profile", "full"], ["ruvllm-report", "results", "--html", "report.html"]):
            program = [str(python.parent / command[0]), *command[1:]]
            subprocess.run(program, cwd=folder, env=environment(path), check=True, stdout=subprocess.DEVNULL)
    if (folder / "report.html").stat().st_size == 0:
        raise SystemExit("report.html is empty")


def quick_hashes(python: list[str], out: Path, path: str) -> dict[str, tuple[str, str]]:
    """(stateHash, runHash) of each checkpoint of a quick run."""
    command = [*python, "-P", "-c", BENCH, *QUICK, "--out", str(out)]
    subprocess.run(command, env=environment(path), check=True)
    documents = {file.name: json.loads(file.read_text(encoding="utf-8")) for file in out.glob("checkpoints/*.json")}
    if not documents:
        raise SystemExit(f"no checkpoint in {out}")
    return {name: (document["stateHash"], document["runHash"]) for name, document in sorted(documents.items())}


def environment(path: str) -> dict[str, str]:
    """This process's, with this path and without what would bring another ruvllm or compiler in."""
    left_out = {"PYTHONPATH", "PYTHONHOME", "CC", "CXX", "RUVLLM_ISA", "VIRTUAL_ENV"}
    return {name: value for name, value in os.environ.items() if name not in left_out} | {"PATH": path}


if __name__ == "__main__":
    main()
