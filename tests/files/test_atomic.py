"""Atomic writes and the check that a folder can be written."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ruvllm.files import atomic
from ruvllm.files.atomic import (
    UnwritableFolderError,
    ensure_writable_folder,
    remove_empty_folder,
    write_atomically,
    write_in_folder,
    write_once,
)


def test_writes_and_replaces(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_atomically(path, b"one")
    write_atomically(path, b"two")
    assert path.read_bytes() == b"two"
    assert os.listdir(tmp_path) == ["a.json"]


@pytest.mark.skipif(os.name == "nt", reason="permission bits are POSIX")
def test_permissions_follow_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_atomically(tmp_path / "a", b"x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("step", ["os.fsync", "pathlib.Path.replace"])
def test_an_error_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, error: BaseException
) -> None:
    path = tmp_path / "a"
    write_atomically(path, b"old")

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(step, fail)
    with pytest.raises(type(error)):
        write_atomically(path, b"new")
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


def test_content_is_on_disk_before_the_rename_and_the_name_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def seen_fsync(descriptor: int) -> None:
        steps.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def seen_replace(self: Path, target: Path) -> Path:
        steps.append("rename")
        assert self.parent == target.parent
        assert self.read_bytes() == b"x"
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", seen_fsync)
    monkeypatch.setattr(Path, "replace", seen_replace)
    write_atomically(tmp_path / "a", b"x")
    assert steps == (["file", "rename"] if os.name == "nt" else ["file", "rename", "folder"])


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_atomically(tmp_path / "none" / "a", b"x")


def test_a_writable_folder_is_made_and_left_empty(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    ensure_writable_folder(folder)
    ensure_writable_folder(folder)
    assert os.listdir(folder) == []


def test_a_folder_below_a_file_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(UnwritableFolderError, match=r"cannot write in the folder '.*file.*': [A-Z]") as caught:
            ensure_writable_folder(folder)
        assert "\n" not in str(caught.value)


def test_a_name_with_a_nul_is_refused() -> None:
    with pytest.raises(UnwritableFolderError, match="null"):
        ensure_writable_folder(Path("a\0b"))


def test_a_full_disk_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes) -> None:
        path.write_bytes(b"")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic, "_write_and_sync", full)
    with pytest.raises(UnwritableFolderError, match="No space left on device"):
        ensure_writable_folder(tmp_path)
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(UnwritableFolderError, match="Permission denied"):
            ensure_writable_folder(tmp_path)
    finally:
        tmp_path.chmod(0o700)


def test_a_missing_folder_is_made_for_a_file_and_not_left_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a" / "b" / "c.json"
    write_in_folder(path, b"x")
    assert path.read_bytes() == b"x"
    remove_empty_folder(path.parent)  # which it is not
    assert path.exists()

    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(atomic, "_write_and_sync", full)
    other = tmp_path / "new" / "deep" / "d.json"
    with pytest.raises(OSError, match="the file needs 2 kB") as caught:
        write_in_folder(other, bytes(2000))
    assert caught.value.filename == str(other)
    assert os.listdir(tmp_path) == ["a"]


def test_a_folder_that_another_run_removes_meanwhile_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, removed = atomic._write_and_sync, []

    def once_too_late(path: Path, data: bytes) -> None:
        if not removed:
            removed.append(path.parent)
            path.parent.rmdir()
        write(path, data)

    monkeypatch.setattr(atomic, "_write_and_sync", once_too_late)
    write_in_folder(tmp_path / "shared" / "a", b"x")
    assert removed and (tmp_path / "shared" / "a").read_bytes() == b"x"


@pytest.mark.parametrize("links", [True, False])
def test_what_is_written_once_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool) -> None:
    def no_links(*_: object) -> None:
        raise PermissionError("this file system has no links")

    if not links:
        monkeypatch.setattr(os, "link", no_links)
    path = tmp_path / "new" / "a.json"
    assert write_once(path, b"one")
    assert not write_once(path, b"two")
    assert path.read_bytes() == b"one"
    assert os.listdir(path.parent) == ["a.json"]


def test_of_many_writers_at_once_one_writes(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    with ThreadPoolExecutor(8) as pool:
        wrote = list(pool.map(lambda number: write_once(path, b"%d" % number), range(64)))
    assert wrote.count(True) == 1
    assert path.read_bytes() == b"%d" % wrote.index(True)
    assert os.listdir(tmp_path) == ["a.json"]
