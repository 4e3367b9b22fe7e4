"""A cache on disk for the vectors of a user's encoder, keyed by the digests of the encoder and of each text.

Each encoder has a folder named by its digest. A folder holds pairs of files: `<name>.keys` with an entry for each text,
its SHA-256 and a checksum of its row, and `<name>.rows` with as many rows of float32, little-endian. Files are added
and mapped into memory, never changed. A row that its checksum does not fit is encoded anew: a cache may be lost or
damaged at any moment, but it must never be wrong.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ruvllm.encoders.base import Encoder, finite_rows
from ruvllm.files.atomic import write_atomically
from ruvllm.files.ignoring import ignore

__all__ = ["CACHE_VARIABLE", "CachedEncoder", "cache_folder", "cached"]

CACHE_VARIABLE = "RUVLLM_CACHE"
KEY_BYTES, CHECKSUM_BYTES = 32, 8
ENTRY_BYTES = KEY_BYTES + CHECKSUM_BYTES
FORM = 2
"""Raised whenever the same encoder and text begin to give other rows."""

Note = Callable[[str], None]
"""Called with a line that a user should read."""


def cache_folder() -> Path:
    """Returns $RUVLLM_CACHE, or else the folder `ruvllm` among the user's caches."""
    named = os.environ.get(CACHE_VARIABLE)
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ruvllm"


def cached(encoder: Encoder, note: Note = ignore) -> Encoder:
    """Returns the encoder with a cache, or as it is if it has no digest. `note` hears if it cannot be written."""
    if getattr(encoder, "digest", None) is None:
        return encoder
    return CachedEncoder(encoder, cache_folder() / "embeddings", note)


class CachedEncoder:
    """Encodes only texts that it has not seen before. Several threads and programs may use it at once."""

    def __init__(self, encoder: Encoder, folder: Path, note: Note = ignore) -> None:
        self._encoder = encoder
        self.name, self.dim = encoder.name, encoder.dim
        self.digest: str | None = getattr(encoder, "digest", None)
        self.parameters: int = getattr(encoder, "parameters", 0)
        self.title: str = getattr(encoder, "title", "")
        self._note: Note | None = note
        kind = type(encoder)
        identity = f"{FORM} {kind.__module__}.{kind.__qualname__} {encoder.dim} {self.digest}"  # digests are not unique
        self.folder = folder / hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        self._rows: dict[bytes, NDArray[np.float32]] = {}
        self._checksums: dict[bytes, bytes] = {}
        """Of rows on disk that were not read yet."""
        self._lock = threading.Lock()
        with contextlib.suppress(OSError):  # no folder yet, or one that may not be read
            for keys in sorted(self.folder.iterdir()):
                if keys.suffix == ".keys":
                    self._map(keys)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Returns vectors (n, dim) and keeps those of new texts. Raises what the encoder raises."""
        keys = [hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() for text in texts]
        with self._lock:
            new = {key: text for key, text in zip(keys, texts, strict=True) if not self._has(key)}
            if new:
                self._keep(list(new), finite_rows(self._encoder, list(new.values()), self.dim))
            rows = np.empty((len(texts), self.dim), dtype=np.float32)
            for i, key in enumerate(keys):
                rows[i] = self._rows[key]
        return rows

    def _has(self, key: bytes) -> bool:
        """True if the row is known and, if it comes from disk, is what was written."""
        wanted = self._checksums.pop(key, None)
        if wanted is not None and _checksum(key, self._rows[key]) != wanted:
            del self._rows[key]
        return key in self._rows

    def _keep(self, keys: list[bytes], rows: NDArray[np.float32]) -> None:
        rows = rows.copy()  # the encoder may use its buffer again
        self._rows.update(zip(keys, rows, strict=True))
        entries = b"".join(key + _checksum(key, row) for key, row in zip(keys, rows, strict=True))
        name = hashlib.sha256(entries).hexdigest()[:32]
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_atomically(self.folder / f"{name}.rows", rows.astype("<f4").tobytes())
            write_atomically(self.folder / f"{name}.keys", entries)  # last: rows without keys are ignored
        except OSError as error:  # without its cache a run is slower, not wrong
            if self._note is not None:
                self._note(f"vectors are not cached: cannot write {self.folder}: {error.strerror or error}")
            self._note = None
            return
        self._map(self.folder / f"{name}.keys")

    def _map(self, path: Path) -> None:
        """Maps the rows of one pair of files, in place of those in memory."""
        try:
            entries = path.read_bytes()
            n, rest = divmod(len(entries), ENTRY_BYTES)
            if n == 0 or rest or path.with_suffix(".rows").stat().st_size != n * self.dim * 4:
                return
            rows = np.memmap(path.with_suffix(".rows"), dtype="<f4", mode="r", shape=(n, self.dim))
        except (OSError, ValueError):
            return
        for i in range(n):
            entry = entries[i * ENTRY_BYTES : (i + 1) * ENTRY_BYTES]
            key = entry[:KEY_BYTES]
            self._rows[key], self._checksums[key] = rows[i], entry[KEY_BYTES:]


def _checksum(key: bytes, row: NDArray[np.float32]) -> bytes:
    return hashlib.blake2b(row.astype("<f4").tobytes(), digest_size=CHECKSUM_BYTES, key=key).digest()
