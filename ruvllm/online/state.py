"""What can be served: identity, or an adapter of the query that never changes and is named by its hash."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ruvllm._core import PublishedAdapter
from ruvllm.files.arrays import StateArrays, StateReader, parse_arrays, state_digest, to_safetensors
from ruvllm.files.atomic import write_atomically
from ruvllm.files.json_reading import InvalidFileError, read_regular_file
from ruvllm.online.records import IDENTITY, StoreError

__all__ = ["State", "state_path"]

MOST_BYTES = 64 * 2**20
Rows = NDArray[np.float32]


class State:
    """z = q + scaling * sum_r (A_r . q) B_r, or z = q for identity. Documents are never changed.

    Objects are immutable: whoever holds one ranks with it, whatever is promoted meanwhile.
    """

    def __init__(self, dim: int, parameters: Rows | None = None, rank: int = 0, scaling: float = 1.0) -> None:
        """`parameters` are A's rows (rank, dim), then B's, flat; None makes the identity."""
        self.dim, self.rank, self.scaling = dim, rank, scaling
        self._parameters = np.zeros(0, np.float32) if parameters is None else np.array(parameters, np.float32)
        self.hash = IDENTITY if parameters is None else state_digest(self.arrays())
        self.published = PublishedAdapter(dim)
        """For the core."""
        if parameters is not None:
            self.published.publish(self._parameters, self.hash, scaling=scaling)

    @property
    def is_identity(self) -> bool:
        return self.rank == 0

    @property
    def parameters(self) -> Rows:
        """A copy, (2 rank dim,)."""
        return self._parameters.copy()

    def adapt(self, query: Rows) -> Rows:
        """The adapted query (dim,); the very same array for identity."""
        return query if self.is_identity else self.published.adapt(query)

    def scores(self, query: Rows, candidates: Rows) -> Rows:
        """Cosines (m,) of the adapted query (dim,) with candidates (m, dim)."""
        return self.published.scores(query, candidates)

    def matrix(self) -> Rows:
        """W (dim, dim), so that the adapted query is W q."""
        whole = np.eye(self.dim)
        if not self.is_identity:
            a, b = self._parameters.astype(np.float64).reshape(2, self.rank, self.dim)
            whole += self.scaling * (b.T @ a)
        return whole.astype(np.float32)

    def arrays(self) -> StateArrays:
        """All that it is."""
        return {
            "parameters": self._parameters,
            "shape": np.array([self.dim, self.rank], dtype=np.uint64),
            "scaling": np.array([self.scaling], dtype=np.float64),
        }

    @classmethod
    def of_arrays(cls, arrays: StateArrays) -> State:
        """Raises ValueError for arrays that are no state."""
        reader = StateReader(arrays)
        shape = reader.array("shape", np.uint64, 2)
        dim, rank = int(shape[0]), int(shape[1])
        if not (1 <= dim <= 65_536 and 0 <= rank <= min(dim, 1024)):
            raise ValueError(f"a state has 1 <= dim <= 65536 and rank <= dim, not {dim} and {rank}")
        parameters = reader.array("parameters", np.float32, 2 * rank * dim)
        scaling = reader.number("scaling")
        reader.finish()
        return cls(dim, parameters if rank else None, rank, scaling)

    def write(self, folder: Path) -> None:
        """Writes state-HASH.safetensors, unless it is there: its content cannot differ."""
        path = state_path(folder, self.hash)
        if not self.is_identity and not path.exists():
            write_atomically(path, to_safetensors(self.arrays()))

    @classmethod
    def read(cls, folder: Path, name: str, dim: int) -> State:
        """Reads a state by its hash. Raises StoreError if it is missing or its content has another hash."""
        if name == IDENTITY:
            return cls(dim)
        path = state_path(folder, name)
        try:
            state = cls.of_arrays(parse_arrays(read_regular_file(path, MOST_BYTES)))
        except OSError as error:
            raise StoreError(f"{path.name} cannot be read: {error.strerror or error}") from error
        except (InvalidFileError, ValueError) as error:
            raise StoreError(f"{path.name}: {error}") from error
        if state.hash != name or state.dim != dim:
            raise StoreError(f"{path.name} was changed: its content has the hash {state.hash[:16]} and dim {state.dim}")
        return state


def state_path(folder: Path, name: str) -> Path:
    """Raises StoreError for what is no hash."""
    if len(name) != 64 or not all(digit in "0123456789abcdef" for digit in name):
        raise StoreError(f"a state is named by 64 hex digits, not {name[:80]!r}")
    return folder / f"state-{name}.safetensors"
