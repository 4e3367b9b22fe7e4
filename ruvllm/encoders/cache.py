"""A cache on disk for the vectors of a user's encoder, keyed by the digests of the encoder and of each text.

Each encoder has a folder named by its digest. A folder holds pairs of files: `<name>.keys` with 32 bytes for each text
(SHA-256), and `<name>.rows` with as many rows of float32, little-endian. Files are added and mapped into memory, never
changed. Files that do not fit together are ignored: a cache may be lost at any moment, but it must never be wrong.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ruvllm.encoders.base import Encoder, finite_rows
from ruvllm.files.atomic import write_atomically

__all__ = ["CACHE_VARIABLE", "CachedEncoder", "cache_folder", "cached"]

CACHE_VARIABLE = "RUVLLM_CACHE"
KEY_BYTES = 32
FORM = 1
"""Raised whenever the same encoder and text begin to give other rows."""


def cache_folder() -> Path:
    """Returns $RUVLLM_CACHE, or else the folder `ruvllm` among the user's caches."""
    named = os.environ.get(CACHE_VARIABLE)
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ruvllm"


def cached(encoder: Encoder) -> Encoder:
    """Returns the encoder with a cache, or as it is if it has no digest."""
    if getattr(encoder, "digest", None) is None:
        return encoder
    return CachedEncoder(encoder, cache_folder() / "embeddings")


class CachedEncoder:
    """Encodes only texts that it has not seen before. Several threads and programs may use it at once."""

    def __init__(self, encoder: Encoder, folder: Path) -> None:
        self._encoder = encoder
        self.name, self.dim = encoder.name, encoder.dim
        self.parameters: int = getattr(encoder, "parameters", 0)
        identity = f"{FORM} {encoder.dim} {getattr(encoder, 'digest', None)}"
        self.folder = folder / hashlib.sha256(identity.encode()).hexdigest()[:32]
        self._rows: dict[bytes, NDArray[np.float32]] = {}
        self._lock = threading.Lock()
        for keys in sorted(self.folder.glob("*.keys")) if self.folder.is_dir() else ():
            self._map(keys)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Returns vectors (n, dim) and keeps those of new texts. Raises what the encoder raises."""
        keys = [hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() for text in texts]
        with self._lock:
            new = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._rows}
            if new:
                self._keep(list(new), finite_rows(self._encoder, list(new.values()), self.dim))
            rows = np.empty((len(texts), self.dim), dtype=np.float32)
            for i, key in enumerate(keys):
                rows[i] = self._rows[key]
        return rows

    def _keep(self, keys: list[bytes], rows: NDArray[np.float32]) -> None:
        self._rows.update(zip(keys, rows, strict=True))
        joined = b"".join(keys)
        name = hashlib.sha256(joined).hexdigest()[:32]
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_atomically(self.folder / f"{name}.rows", rows.astype("<f4").tobytes())
            write_atomically(self.folder / f"{name}.keys", joined)  # last: rows without keys are ignored
        except OSError:
            return  # without its cache a run is slower, not wrong
        self._map(self.folder / f"{name}.keys")

    def _map(self, path: Path) -> None:
        """Maps the rows of one pair of files, in place of those in memory."""
        try:
            keys = path.read_bytes()
            n = len(keys) // KEY_BYTES
            if n == 0 or path.with_suffix(".rows").stat().st_size != n * self.dim * 4:
                return
            rows = np.memmap(path.with_suffix(".rows"), dtype="<f4", mode="r", shape=(n, self.dim))
        except (OSError, ValueError):
            return
        for i in range(n):
            self._rows[keys[i * KEY_BYTES : (i + 1) * KEY_BYTES]] = rows[i]
