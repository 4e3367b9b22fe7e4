"""The Python packages as layers: which packages each may import, and which modules it does import.

tests/house/test_codebase.py holds the one against the other; draw_layers.py draws both.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ROOT / "ruvllm"

BELOW_THE_COMMANDS = (
    "report", "benchmark", "results", "online", "learning", "evaluation", "workloads", "checkpoints", "encoders",
    "files",
)  # fmt: skip
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "commands": BELOW_THE_COMMANDS,
    "report": ("results", "online", "evaluation", "encoders.models", "files"),
    "benchmark": ("results", "learning", "checkpoints", "evaluation", "workloads", "encoders", "files"),
    "results": ("evaluation", "workloads", "encoders.models", "files"),
    "online": ("evaluation.statistics", "evaluation.sequential", "encoders.base", "files"),
    "learning": ("evaluation", "workloads", "files"),
    "evaluation": ("workloads",),
    "workloads": ("encoders", "files"),
    "checkpoints": ("encoders.models", "files"),
    "encoders": ("files",),
    "files": (),
}
"""Package -> the packages, or single modules of packages, that it may import."""
EVERYWHERE = ("_core", "version", "build_types", "lazy", "notebook")
"""Modules that every package may import."""


@dataclass(frozen=True, order=True)
class Import:
    """One import of a module of the project, by its names without the leading `ruvllm.`."""

    source: str
    target: str

    @property
    def packages(self) -> tuple[str, str]:
        return self.source.split(".")[0], self.target.split(".")[0]

    def is_allowed(self) -> bool:
        package, target = self.packages
        if target in (package, *EVERYWHERE):
            return True
        return any(f"{self.target}.".startswith(f"{name}.") for name in MAY_IMPORT[package])


def packages() -> list[str]:
    return sorted(path.parent.name for path in SOURCES.glob("*/__init__.py"))


def module_name(path: Path) -> str:
    """`results.reading` for ruvllm/results/reading.py, `results` for ruvllm/results/__init__.py."""
    parts = path.relative_to(SOURCES).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def read_imports() -> list[Import]:
    """All imports between modules of the packages, sorted, one for each place.

    Counts imports in functions and under TYPE_CHECKING too, and strings that name a module, which lazy tables load.
    """
    modules = {module_name(path) for path in SOURCES.rglob("*.py")} | set(EVERYWHERE)
    found = []
    for path in SOURCES.rglob("*.py"):
        if path.parent != SOURCES:
            found += [Import(module_name(path), target) for target in _targets(path, modules)]
    return sorted(found)


def _targets(path: Path, modules: set[str]) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name for alias in node.names if (name := _own(alias.name)) is not None)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise ValueError(f"{path} has a relative import: name the package")
            if (base := _own(node.module or "")) is not None:
                inner = [f"{base}.{alias.name}".lstrip(".") for alias in node.names]
                yield from sorted({name if name in modules else base for name in inner})
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            match = re.fullmatch(r"ruvllm\.([\w.]+)(:\w+)?", node.value)
            yield from {match[1]} & modules if match else ()


def _own(name: str) -> str | None:
    """The name without `ruvllm.`, `""` for ruvllm itself, None for another project's module."""
    return name.removeprefix("ruvllm").lstrip(".") if name.split(".")[0] == "ruvllm" else None
