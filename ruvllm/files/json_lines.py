"""Objects of a JSON Lines file, or of a JSON list, one after another; broken ones are counted, and named by their line.

The file is read as a stream: a line may be long, the file as long as it likes. A list has to be whole in memory once.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from ruvllm.files.json_reading import InvalidFileError, JsonLimits, json_type, open_regular_file, parse_json

__all__ = ["MAX_BAD_SHARE", "BadLines", "BadRecordError", "read_records"]

MAX_BAD_SHARE = 0.01
"""A run refuses to start when more of the records than this are bad."""
MAX_LINE_BYTES = 64 << 20
MAX_LIST_BYTES = 512 << 20
LIST_LIMITS = JsonLimits(size_bytes=MAX_LIST_BYTES, nodes=100_000_000)
SHOWN = 5

Progress = Callable[[int, int], None]
"""Called with (bytes read, bytes in all)."""


class BadRecordError(InvalidFileError):
    """A record that is not what it should be; the message is one line and names the defect, not the place."""


@dataclass
class BadLines:
    """What was wrong, where; and how many records there were."""

    unit: str = "line"
    records: int = 0
    bad: int = 0
    first: list[str] = field(default_factory=list)
    """The first few, as `line 7: ...`."""

    def add(self, number: int, error: Exception) -> None:
        self.bad += 1
        if len(self.first) < SHOWN:
            self.first.append(f"{self.unit} {number}: {error}")

    def summary(self) -> str:
        """`3 of 1000 lines are bad: line 7: ...; line 9: ...`"""
        more = "" if self.bad == len(self.first) else f"; and {self.bad - len(self.first)} more"
        return f"{self.bad} of {self.records} {self.unit}s are bad: {'; '.join(self.first)}{more}"

    def check(self, path: Path) -> None:
        """Raises ValueError where too many were bad, or none was good."""
        if self.records == 0:
            raise ValueError(f"{str(path)!r} holds no records")
        if self.bad > MAX_BAD_SHARE * self.records:
            raise ValueError(f"{str(path)!r}: more than 1% of it cannot be used: {self.summary()}")


def read_records(path: Path, bad: BadLines, progress: Progress | None = None) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of the file with their line number, or their place in the list, from 1; bad ones are added to `bad`.

    Blank lines are passed over. Raises ValueError (one line) where the file cannot be read or is no regular file, or a
    list that it holds is broken.
    """
    with _open(path) as file:
        size = os.fstat(file.fileno()).st_size
        if _first_character(file) == b"[":
            yield from _of_list(file, size, path, bad)
            return
        done = 0
        for number, line in enumerate(_lines(file), start=1):
            done += len(line)
            if progress is not None and number % 1000 == 0:
                progress(done, size)
            if not line.strip():
                continue
            bad.records += 1
            try:
                record = _object(line)
            except InvalidFileError as error:
                bad.add(number, error)
            else:
                yield number, record


def _open(path: Path) -> BinaryIO:
    try:
        return open_regular_file(path)
    except InvalidFileError as error:
        raise ValueError(f"{str(path)!r} {error}") from None
    except OSError as error:
        raise ValueError(f"cannot read {str(path)!r}: {error.strerror}") from None


def _first_character(file: BinaryIO) -> bytes:
    while (character := file.read(1)).isspace():
        pass
    file.seek(0)
    return character


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Lines, of which no more than MAX_LINE_BYTES + 1 are kept: the rest of a longer one is passed over."""
    while line := file.readline(MAX_LINE_BYTES + 1):
        rest = line
        while len(rest) > MAX_LINE_BYTES and not rest.endswith(b"\n"):
            rest = file.readline(MAX_LINE_BYTES + 1)
        yield line


def _object(line: bytes) -> dict[str, Any]:
    if len(line) > MAX_LINE_BYTES:
        raise BadRecordError(f"has more than {MAX_LINE_BYTES} bytes")
    return _checked(parse_json(line, keep_integers=True))


def _checked(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadRecordError(f"must be an object, not {json_type(value)}")
    return value


def _of_list(file: BinaryIO, size: int, path: Path, bad: BadLines) -> Iterator[tuple[int, dict[str, Any]]]:
    if size > MAX_LIST_BYTES:
        raise ValueError(f"{str(path)!r}: a list of more than {MAX_LIST_BYTES} bytes; write it as JSON Lines")
    bad.unit = "record"
    try:
        records = parse_json(file.read(MAX_LIST_BYTES + 1), LIST_LIMITS, keep_integers=True)
    except InvalidFileError as error:
        raise ValueError(f"{str(path)!r} {error}") from None
    for number, record in enumerate(records, start=1):
        bad.records += 1
        try:
            _checked(record)
        except BadRecordError as error:
            bad.add(number, error)
        else:
            yield number, record
