#!/usr/bin/env python3
"""Builds the package with flags that people set, and compares the hashes of a quick run with those of the plain build.

    python scripts/build_variants.py [FOLDER]       FOLDER (build/variants): one environment for each variant

By hand: each variant is a whole build, of some minutes. Exit code 1 where a build fails or a hash differs.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass, field
from pathlib import Path

from check_wheel import quick_hashes

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Variant:
    name: str
    flags: str = ""
    options: tuple[str, ...] = field(default=())
    """Of pip install."""


VARIANTS = (
    Variant("plain"),
    Variant("fast", "-ffast-math -march=native"),
    Variant("o0", "-O0"),
    Variant("debug", options=("--config-settings", "cmake.build-type=Debug")),
    Variant("editable", options=("--editable",)),
)


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build" / "variants").resolve()
    expected = None
    differ = []
    for variant in VARIANTS:
        shutil.rmtree(folder / variant.name, ignore_errors=True)
        python = install(variant, folder / variant.name)
        found = quick_hashes([str(python)], folder / variant.name / "results", os.environ["PATH"])
        expected = expected or found
        words = " ".join((variant.flags, *variant.options)) or "no flags"
        states = ", ".join(state[:12] for state, _ in found.values())
        print(f"{variant.name:10} {words:32} {states} {'same' if found == expected else 'DIFFERENT'}", flush=True)
        if found != expected:
            differ.append(variant.name)
    if differ:
        sys.exit(f"other hashes than the plain build: {', '.join(differ)}")


def install(variant: Variant, folder: Path) -> Path:
    """Builds and installs a variant; returns the interpreter of its environment."""
    venv.create(folder / "venv", with_pip=True)
    python = folder / "venv" / "bin" / "python"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    if variant.flags:
        environment["CXXFLAGS"] = variant.flags
    command = [str(python), "-m", "pip", "install", "--quiet", "--config-settings", f"build-dir={folder / 'build'}"]
    subprocess.run([*command, *variant.options, str(ROOT)], env=environment, check=True)
    return python


if __name__ == "__main__":
    main()
