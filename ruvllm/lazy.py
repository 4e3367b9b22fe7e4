"""Names of a package that are loaded at their first use (PEP 562), so that to import the package costs nothing."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["lazy_names"]


def lazy_names(
    package: str, modules: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Returns `__getattr__` and `__dir__` of a package that hands out names of these modules: name -> module."""
    namespace = vars(sys.modules[package])

    def get(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = namespace[name] = getattr(importlib.import_module(modules[name]), name)
        return value

    def names() -> list[str]:
        special = {name for name in namespace if name.startswith("__") and name.endswith("__")}
        return sorted({*special, *modules})  # and nothing that only this package needs

    return get, names
