"""A user's own function as an encoder: it takes texts and returns vectors."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["FunctionEncoder"]


class FunctionEncoder:
    """`python:MODULE.FUNCTION`: a function from a list of texts to their vectors, an array or nested lists.

    The current folder is searched for the module too. Vectors are cached only if the function has an attribute
    `digest`, a text that changes whenever its vectors would: nobody else can know what a function depends on.
    """

    def __init__(self, path: str) -> None:
        """Raises ValueError if there is no such function, or if it does not return vectors."""
        module, _, function = path.rpartition(".")
        if not module or not function:
            raise ValueError(f"encoder 'python:{path}' must be python:MODULE.FUNCTION")
        if os.getcwd() not in sys.path:
            sys.path.insert(0, os.getcwd())
        try:
            self._function = getattr(importlib.import_module(module), function)
        except Exception as error:  # anything may go wrong in a user's module
            raise ValueError(f"encoder 'python:{path}': {type(error).__name__}: {error}") from error
        self.name = f"python:{path}"
        self.dim = self._call(["def f():\n    return 1"]).shape[1]
        digest = getattr(self._function, "digest", None)
        self.digest = None if digest is None else str(digest)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Returns vectors (n, dim) float32. Raises ValueError for whatever goes wrong in the function."""
        return self._call(list(texts))

    def _call(self, texts: list[str]) -> NDArray[np.float32]:
        try:
            rows = np.ascontiguousarray(self._function(texts), dtype=np.float32)
        except Exception as error:
            raise ValueError(f"encoder {self.name!r}: {type(error).__name__}: {error}") from error
        if rows.ndim != 2 or rows.shape[0] != len(texts) or rows.shape[1] == 0:
            raise ValueError(f"encoder {self.name!r} must give an array ({len(texts)}, d), not {rows.shape}")
        return rows
