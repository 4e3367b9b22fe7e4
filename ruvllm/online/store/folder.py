"""A store's folder: which state is served, and which process learns."""

from __future__ import annotations

import os
import re
from pathlib import Path

from ruvllm.files.atomic import remove_abandoned, write_atomically
from ruvllm.online.records import IDENTITY, StoreError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

__all__ = ["CURRENT", "LOG", "Folder"]

LOG = "log.sqlite"
CURRENT = "current"
LOCK = "learner.lock"


class Folder:
    """Files beside the log. `current` names the served state; it is replaced as a whole after each decision."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: int | None = None

    @property
    def log(self) -> Path:
        return self.path / LOG

    def make(self) -> None:
        """Makes the folder. Raises OSError, or StoreError where something else is in it."""
        self.path.mkdir(parents=True, exist_ok=True)
        if not self.log.exists() and any(not name.startswith((LOCK, ".ruvllm-")) for name in os.listdir(self.path)):
            raise StoreError(f"{self.path} is not empty and no store: name a new folder")

    def claim(self) -> bool:
        """Makes this process the one that learns, until it ends. Returns False while another one is."""
        if self._lock is None:
            descriptor = os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
            if fcntl is not None:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    os.close(descriptor)
                    return False
            self._lock = descriptor
            remove_abandoned(self.path)
        return True

    def release(self) -> None:
        """Lets another process learn."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def read_current(self) -> str:
        """Name of the served state. Raises StoreError for a damaged file."""
        try:
            text = (self.path / CURRENT).read_text(encoding="ascii")
        except FileNotFoundError:
            return IDENTITY
        except (OSError, UnicodeDecodeError) as error:
            raise StoreError(f"{CURRENT} cannot be read: {error}") from error
        if not re.fullmatch(rf"({IDENTITY}|[0-9a-f]{{64}})\n", text):
            raise StoreError(f"{CURRENT} must hold one name of a state, not {text[:80]!r}")
        return text[:-1]

    def write_current(self, name: str) -> None:
        """Readers go on with the state before or with this one, never with a third."""
        write_atomically(self.path / CURRENT, f"{name}\n".encode())

    def stamp(self) -> tuple[int, int, int]:
        """Changes whenever `current` does: cheap to ask."""
        try:
            found = os.stat(self.path / CURRENT)
        except FileNotFoundError:
            return 0, 0, 0
        return found.st_mtime_ns, found.st_ino, found.st_size
