"""Opens a store, or makes it: its settings, and whether the encoder is the one it was made with."""

from __future__ import annotations

import base64
import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from ruvllm.online.encoding import TextEncoder, check_same_encoder, fingerprint_of
from ruvllm.online.keeper import Keeper
from ruvllm.online.records import IDENTITY, Guard, Learning, Settings, StoreError
from ruvllm.online.store.database import Database
from ruvllm.online.store.decisions import DecisionLine, DecisionLog
from ruvllm.online.store.folder import Folder
from ruvllm.online.store.log import FeedbackLog
from ruvllm.online.store.seal import check_seal

__all__ = ["OpenStore", "check_settings", "fitted", "open_store", "reading", "settings_of"]

KEEP_IN_MEMORY = 10_000
LOSSES = ("infonce", "pairwise", "unlikelihood")


class OpenStore(msgspec.Struct, eq=False):
    """The parts of an open store."""

    settings: Settings
    database: Database
    log: FeedbackLog
    decisions: DecisionLog
    folder: Folder | None

    def resolve(self, to: str | None) -> str:
        """Returns the full name of a state: of a beginning of it, or of the one before the present one for None."""
        lines = self.decisions.lines()
        known = dict.fromkeys([IDENTITY, *(line.after for line in lines)])
        if to is None:
            changes = [line.before for line in lines if line.before != line.after]
            return changes[-1] if changes else IDENTITY
        matches = [name for name in known if name == to or (len(to) >= 6 and name.startswith(to))]
        if len(matches) != 1:
            raise StoreError(f"{to[:80]!r} names {len(matches)} of the {len(known)} states of this store")
        return matches[0]

    def close(self) -> None:
        self.database.close()
        if self.folder is not None:
            self.folder.release()


def open_store(
    path: Path | None, encoder: TextEncoder | None, dim: int | None, guard: Guard | None, learning: Learning | None,
    keep: int | None, keep_days: float | None, power_safe: bool,
) -> OpenStore:  # fmt: skip
    """Raises as AdaptiveRanker() does."""
    print_ = None if encoder is None else fingerprint_of(encoder)
    found = dim if print_ is None else print_.shape[1]
    for value, kind in ((guard, Guard), (learning, Learning)):
        if value is not None and not isinstance(value, kind):
            raise TypeError(f"{kind.__name__.lower()} must be a {kind.__name__}, not {type(value).__name__}")
    named = {"dim": found, "guard": guard, "learning": learning, "keep": keep, "keep_days": keep_days}
    wanted: Mapping[str, object] = {name: value for name, value in named.items() if value is not None}
    folder = None if path is None else Folder(path)
    if folder is not None:
        folder.make()
    database = Database(None if folder is None else folder.log, power_safe=power_safe)
    try:
        decisions = DecisionLog(database)
        if not decisions.lines():
            _create(database, folder, wanted, print_)
        settings = settings_of(decisions)
        _compare(settings, wanted)
        known = _known_fingerprint(decisions)
        if known is not None and print_ is not None:
            check_same_encoder(known, print_)
    except BaseException:
        database.close()
        raise
    return OpenStore(settings, database, FeedbackLog(database, settings.dim, settings.guard), decisions, folder)


def _create(
    database: Database, folder: Folder | None, wanted: Mapping[str, object], print_: NDArray[np.float32] | None
) -> None:
    if "dim" not in wanted:
        raise ValueError("a new store needs dim, or an encoder")
    start = Settings(dim=2, keep=KEEP_IN_MEMORY) if folder is None else Settings(dim=2)
    settings = fitted(msgspec.structs.replace(start, **wanted))
    check_settings(settings)
    details = {"settings": msgspec.json.encode(settings).decode()}
    if print_ is not None:
        details["encoder"] = base64.b64encode(print_.astype("<f4").tobytes()).decode()
    Keeper.create(database, settings, details)


@contextlib.contextmanager
def reading(
    store: str | os.PathLike[str], *, strict: bool = False, brief: bool = True
) -> Iterator[tuple[Folder, Database]]:
    """Opens the folder and the log of a store that is there, then closes them. Raises StoreError, also in the block.

    `strict`: a log that nobody has open must be the same, byte for byte, as when it was closed. `brief`: for seconds,
    else who opens the log meanwhile would have to wait.
    """
    folder = Folder(Path(store))
    if not folder.log.is_file():
        raise StoreError(f"{os.fspath(store)} is no store: it has no {folder.log.name}")
    if strict:
        check_seal(folder.log)
    database = Database(folder.log, brief=brief)
    try:
        with database.errors():
            yield folder, database
    except BaseException:
        database.close(whole=False)
        raise
    database.close()


def settings_of(decisions: DecisionLog) -> Settings:
    """Raises StoreError for a store without, or with others than this version knows."""
    first = _first(decisions)
    try:
        settings = msgspec.json.decode(first.details["settings"], type=Settings)
        check_settings(settings)
    except (KeyError, ValueError) as error:
        raise StoreError(f"the settings of the store cannot be read: {error}") from error
    return settings


def _first(decisions: DecisionLog) -> DecisionLine:
    lines = decisions.lines()
    if not lines or lines[0].action != "created":
        raise StoreError("the store has no first decision")
    return lines[0]


def _known_fingerprint(decisions: DecisionLog) -> NDArray[np.float32] | None:
    text = _first(decisions).details.get("encoder")
    if text is None:
        return None
    values = np.frombuffer(base64.b64decode(text), "<f4").astype(np.float32)
    return values.reshape(8, -1)


def _compare(settings: Settings, wanted: Mapping[str, object]) -> None:
    new = fitted(msgspec.structs.replace(settings, **wanted))
    for name in wanted:
        known, value = getattr(settings, name), getattr(new, name)
        if known != value:
            fields = getattr(known, "__struct_fields__", ())
            differing = next((field for field in fields if getattr(known, field) != getattr(value, field)), None)
            if differing is not None:
                name, known, value = differing, getattr(known, differing), getattr(value, differing)
            raise StoreError(f"the store was made with {name} {known}, not {value}; that cannot change")


def fitted(settings: Settings) -> Settings:
    """The same with a rank of at most dim."""
    learning = msgspec.structs.replace(settings.learning, rank=min(settings.learning.rank, settings.dim))
    return msgspec.structs.replace(settings, learning=learning)


def check_settings(settings: Settings) -> None:
    """Raises ValueError with the rule and the value for what is out of bounds."""
    how, guard = settings.learning, settings.guard
    rules: tuple[tuple[str, float, float, float], ...] = (
        ("dim", settings.dim, 1, 65_536),
        ("keep", settings.keep, 100, 100_000_000),
        ("keep_days", settings.keep_days, 0.01, 100_000),
        ("rank", how.rank, 1, 1024),
        ("learning_rate", how.learning_rate, 0, 1),
        ("temperature", how.temperature, 0.001, 10),
        ("momentum", how.momentum, 0, 0.999),
        ("scaling", how.scaling, 1e-3, 1e3),
        ("clip", how.clip, 1e-3, 1e3),
        ("largest_change", how.largest_change, 1e-3, 1e3),
        ("directions", how.directions, 0, 100_000),
        ("seed", how.seed, 0, 2**53 - 1),
        ("alpha", guard.alpha, 1e-6, 0.5),
        ("per_source", guard.per_source, 1e-3, 1),
        ("window", guard.window, 10, 10_000),
        ("left_out", guard.left_out, 0, 0.5),
        ("fewest_sources", guard.fewest_sources, 1, 10 * guard.window),
        ("holdout", guard.holdout, 0, 0.5),
        ("coverage_floor", guard.coverage_floor, 0, 1),
    )
    if how.loss not in LOSSES:
        raise ValueError(f"loss must be one of {', '.join(LOSSES)}, not {how.loss!r}")
    for name, value, low, high in rules:
        if not low <= value <= high:
            raise ValueError(f"{name} must be in [{low}, {high}], not {value}")
