"""Reads the objects of a JSON Lines file or of a JSON list one by one. Bad ones are counted and named by their line.

JSON Lines are read as a stream, so that the file may have any size. A list has to fit into memory.
"""

from __future__ import annotations

import codecs
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from ruvllm.files.json_reading import InvalidFileError, JsonLimits, json_type, open_regular_file, parse_json, shown

__all__ = ["MAX_BAD_SHARE", "BadLines", "BadRecordError", "read_records", "text_or_number"]

MAX_BAD_SHARE = 0.01
"""Largest share of bad records with which a run starts."""
MAX_LINE_BYTES = 64 << 20
MAX_LIST_BYTES = 512 << 20
LIST_LIMITS = JsonLimits(size_bytes=MAX_LIST_BYTES, nodes=100_000_000)
OTHER_FORMATS = {b"\x1f\x8b": "gzip", b"PK\x03\x04": "a zip archive", b"PAR1": "Parquet", b"(\xb5/\xfd": "zstd"}
"""By their first bytes."""
OTHER_ENCODING = "; a file from Windows may be in windows-1252: iconv -f windows-1252 -t UTF-8 FILE > NEW"
SHOWN = 5
"""Number of bad records that a message names."""

Record = dict[str, Any]
"""A JSON object from a file, with any content."""
Progress = Callable[[int, int], None]
"""Called with (bytes read, bytes in the file)."""


class BadRecordError(InvalidFileError):
    """A record is not what it should be. The message is one line that names the defect but not the place."""


@dataclass
class BadLines:
    """Counts the records of a file and remembers which were bad."""

    unit: str = "line"
    """What messages call a record."""
    records: int = 0
    bad: int = 0
    first: list[str] = field(default_factory=list)
    """The first bad records, as `line 7: ...`, one for each defect."""
    _defects: set[str] = field(default_factory=set)

    def add(self, number: int, error: Exception) -> None:
        self.bad += 1
        if len(self.first) < SHOWN and str(error) not in self._defects:
            self._defects.add(str(error))
            self.first.append(f"{self.unit} {number}: {error}")

    def summary(self) -> str:
        """Returns a text such as `3 of 1000 lines are bad: line 7: ...; line 9: ...`."""
        more = "" if self.bad == len(self.first) else f"; and {self.bad - len(self.first)} more"
        return f"{self.bad} of {self.records} {self.unit}s are bad: {'; '.join(self.first)}{more}"

    def check(self, path: Path) -> None:
        """Raises ValueError if the file had no records or more than MAX_BAD_SHARE of them were bad."""
        if self.records == 0:
            raise ValueError(f"{str(path)!r} holds no records")
        if self.bad > MAX_BAD_SHARE * self.records:
            hint = OTHER_ENCODING if "is not UTF-8" in "".join(self.first) else ""
            raise ValueError(
                f"{str(path)!r}: more than 1% of it cannot be used: {self.summary()}{hint}{_one_object(path, self)}"
            )


def read_records(path: Path, bad: BadLines, progress: Progress | None = None) -> Iterator[tuple[int, Record]]:
    """Yields the number of each line, or of each place in the list, from 1, and its object. Bad ones go to `bad`.

    Skips blank lines. Raises ValueError (one line) if the file cannot be read or is not regular, or if the list in it
    is broken.
    """
    with _open(path) as file:
        _refuse_other_formats(file, path)
        entries = _values(file, path, bad) if _first_character(file) == b"[" else _lines(file, progress)
        for number, entry in entries:
            bad.records += 1
            try:
                record = _object(entry)
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


def _refuse_other_formats(file: BinaryIO, path: Path) -> None:
    """Raises ValueError for a file that begins as no text in UTF-8 does."""
    begin = file.read(4)
    file.seek(0)
    for magic, name in OTHER_FORMATS.items():
        if begin.startswith(magic):
            raise ValueError(f"{str(path)!r} looks like {name}; unpack or export it as JSON Lines in UTF-8 first")
    encoding = "UTF-32" if begin[:2] == b"\0\0" or begin[2:] == b"\0\0" else "UTF-16"
    if begin.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in begin:
        convert = f"iconv -f {encoding} -t UTF-8 {path.name} > new.jsonl"
        raise ValueError(f"{str(path)!r} looks like {encoding}; it must be UTF-8: {convert}")


def _first_character(file: BinaryIO) -> bytes:
    """Returns the first one that is no space, a byte order mark aside, which programs on Windows write."""
    if file.read(len(codecs.BOM_UTF8)) != codecs.BOM_UTF8:
        file.seek(0)
    while (character := file.read(1)).isspace():
        pass
    file.seek(0)
    return character


def _lines(file: BinaryIO, progress: Progress | None) -> Iterator[tuple[int, bytes]]:
    """Yields the lines that are not blank. Of a longer line only the first MAX_LINE_BYTES + 1 bytes are kept."""
    size, done, number = os.fstat(file.fileno()).st_size, 0, 0
    while line := file.readline(MAX_LINE_BYTES + 1):
        number, done, rest = number + 1, done + len(line), line
        while len(rest) > MAX_LINE_BYTES and not rest.endswith(b"\n"):
            rest = file.readline(MAX_LINE_BYTES + 1)
        if progress is not None and number % 1000 == 0:
            progress(done, size)
        if line.strip():
            yield number, line


def _values(file: BinaryIO, path: Path, bad: BadLines) -> Iterator[tuple[int, object]]:
    """Yields the values of a list."""
    if os.fstat(file.fileno()).st_size > MAX_LIST_BYTES:
        raise ValueError(f"{str(path)!r}: a list of more than {MAX_LIST_BYTES} bytes; write it as JSON Lines")
    bad.unit = "record"
    try:
        data = file.read(MAX_LIST_BYTES + 1).removeprefix(codecs.BOM_UTF8)
        values = parse_json(data, LIST_LIMITS, keep_integers=True)
    except InvalidFileError as error:
        raise ValueError(f"{str(path)!r} {error}") from None
    yield from enumerate(values, start=1)


def _object(entry: object) -> Record:
    """Returns the object that an entry is or, if it is a line, holds. Raises InvalidFileError."""
    if isinstance(entry, bytes):
        if len(entry) > MAX_LINE_BYTES:
            raise BadRecordError(f"has more than {MAX_LINE_BYTES} bytes")
        # a mark stands at the beginning of a file, and so in the middle of several that were put together
        entry = parse_json(entry.removeprefix(codecs.BOM_UTF8), keep_integers=True)
    if not isinstance(entry, dict):
        raise BadRecordError(f"must be an object, not {json_type(entry)}")
    return entry


def _one_object(path: Path, bad: BadLines) -> str:
    """Returns a hint if no record of a file is good because the whole file is one object, else nothing."""
    if bad.bad < bad.records or path.stat().st_size > MAX_LIST_BYTES:
        return ""
    try:
        whole = parse_json(path.read_bytes().removeprefix(codecs.BOM_UTF8), LIST_LIMITS, keep_integers=True)
    except (OSError, InvalidFileError):
        return ""
    values = whole.items() if isinstance(whole, dict) else ()
    lists = [shown(key, 20) for key, value in values if isinstance(value, list)]
    return f"; the file is one object: write the list under {' or '.join(map(repr, lists))} alone" if lists else ""


def text_or_number(record: Mapping[str, Any], key: str) -> str:
    """Returns a text or a whole number as text; "" if there is none. Raises BadRecordError."""
    value = record.get(key)
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():  # a column of numbers with gaps is written so
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise BadRecordError(f"{key} must be a text or a whole number")
    return str(value).strip()
