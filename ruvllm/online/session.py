"""An open store in this process: what is served, what was learned, and whether this is the process that learns."""

from __future__ import annotations

import os
import threading
import time
from types import TracebackType
from typing import Any, Self

from ruvllm.online.keeper import Keeper
from ruvllm.online.opening import OpenStore
from ruvllm.online.records import Decision, Gain, History, StoreError
from ruvllm.online.state import State

__all__ = ["Session"]

LOOK_SECONDS = 0.5
"""How long a process that does not learn may serve a state that was replaced."""


class Session:
    """What AdaptiveRanker does beside ranking and hearing. Threads may share it."""

    def __init__(self, store: OpenStore, learns: bool | None) -> None:
        """Takes the store over, and closes it on any error."""
        self._lock = threading.RLock()
        self._store = store
        self.dim = store.settings.dim
        self._served = State(self.dim)
        self._stamp, self._look_at, self._pid = (0, 0, 0), 0.0, os.getpid()
        self._keeper: Keeper | None = None
        try:
            self._start(learns)
        except BaseException:
            store.close()
            raise

    def _start(self, learns: bool | None) -> None:
        if learns is not False and self._claim():
            return
        if learns:
            raise StoreError("another process learns from this store")
        self._look()

    def _claim(self) -> bool:
        store = self._store
        if self._keeper is None and (store.folder is None or store.folder.claim()):
            self._keeper = Keeper(store.database, store.log, store.folder, store.settings, self._serve)
        return self._keeper is not None

    def _serve(self, state: State) -> None:
        self._served = state  # one reference: a ranking takes the one before or this one

    def _look(self) -> None:
        """Takes over what the learning process promoted."""
        folder = self._store.folder
        if self._pid != os.getpid():
            self._after_fork()
        if folder is not None and self._keeper is None and time.monotonic() >= self._look_at:
            stamp = folder.stamp()
            if stamp != self._stamp:
                name = folder.read_current()
                if name != self._served.hash:
                    self._served = State.read(folder.path, name, self.dim)
                self._stamp = stamp
            self._look_at = time.monotonic() + LOOK_SECONDS

    def _after_fork(self) -> None:
        """The parent goes on learning, this process only ranks and takes feedback."""
        self._pid, self._lock, self._keeper = os.getpid(), threading.RLock(), None
        if self._store.folder is not None:
            self._store.folder.release()

    def learn(self) -> int:
        """Learns from feedback that other processes recorded, if none of them does. Returns how many there were."""
        with self._lock:
            return self._own().catch_up()

    def review(self, *, dry_run: bool = False) -> Decision:
        """Looks at the evidence, and promotes, rolls back, or starts the challenger anew where it allows that.

        With `dry_run` it only says what it would do. Raises StoreError in a process that does not learn.
        """
        with self._lock:
            keeper = self._own()
            keeper.catch_up(decide=False)
            return keeper.review(dry_run=dry_run)

    def rollback(self, to: str | None = None) -> Decision:
        """Serves another state from now on: one of history(), "identity", or (None) the one before the present one."""
        with self._lock:
            keeper = self._own()
            keeper.catch_up(decide=False)
            return keeper.serve(self._store.resolve(to), "by hand")

    def freeze(self, frozen: bool = True) -> Decision:
        """Stops that what is served changes, or allows it again. RUVLLM_FREEZE=1 does the same for a process."""
        with self._lock:
            return self._own().freeze(frozen)

    def history(self) -> History:
        """All decisions of the audit log, the first first."""
        with self._lock:
            return History(line.decision() for line in self._store.decisions.lines())

    def gain(self) -> Gain:
        """Gain of what was served over the frozen encoder so far, with its 95% confidence sequence."""
        with self._lock:
            store = self._store
            keeper = self._keeper or Keeper.looking(store.database, store.log, store.folder, store.settings)
            return keeper.learner.gain_so_far()

    @property
    def state(self) -> State:
        """What is served now."""
        self._look()
        return self._served

    @property
    def is_learning(self) -> bool:
        """Whether this process is the one that learns."""
        return self._keeper is not None

    def _own(self) -> Keeper:
        self._look()
        if not self._claim() or self._keeper is None:
            raise StoreError("another process learns from this store: ask it, or end it")
        return self._keeper

    def close(self) -> None:
        """Writes what is left and lets another process learn. Nothing is lost without it."""
        with self._lock:
            if self._keeper is not None:
                self._keeper.flush()
                self._keeper = None
            self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __getstate__(self) -> Any:
        raise TypeError("a ranker is not pickled: open its store in the other process")

