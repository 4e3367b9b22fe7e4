"""A listener that does nothing, for arguments such as `note` and `watch` that need not be given."""

from __future__ import annotations

__all__ = ["ignore"]


class _Ignore:
    """Takes what a listener is told. An object with a name, because help() shows a function as its address."""

    def __call__(self, *_: object) -> None:
        pass

    def __repr__(self) -> str:
        return "ignore"

    def __reduce__(self) -> str:
        return "ignore"


ignore = _Ignore()
"""Does nothing, whatever it is called with."""
