"""Types of options: whole numbers and numbers within bounds, paths below the user's home folder, and parts."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import click

__all__ = ["FILE", "PARTS_HELP", "Number", "WholeNumber"]


class WholeNumber(click.IntRange):
    """An integer within bounds. The error for anything else names the bounds."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            int(value)
        except ValueError:
            self.fail(f"{value!r} is not a valid integer in the range {self._describe_range()}.", param, ctx)
        return super().convert(value, param, ctx)


class Number(click.FloatRange):
    """A number within bounds. The error for anything else, NaN among it, names the bounds."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            number = float(value)
        except ValueError:
            self.fail(f"{value!r} is not a valid float in the range {self._describe_range()}.", param, ctx)
        if math.isnan(number):  # FloatRange lets it pass
            self.fail(f"{value} is not in the range {self._describe_range()}.", param, ctx)
        return super().convert(value, param, ctx)


class _File(click.Path):
    """A path. The shell does not expand the ~ of `--out=~/results`, so this does."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return super().convert(os.path.expanduser(value), param, ctx)


FILE = _File(path_type=Path)

PARTS_HELP = (
    "Take away, or add, this part alone, by its name in the table. For several, repeat the option or separate the "
    "names by commas.  [default: all]"
)
"""Of --part, which ablate and plan --ablate have."""
