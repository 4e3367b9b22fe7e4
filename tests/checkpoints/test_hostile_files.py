"""Files from strangers: each of the published vectors, whatever is no file, every truncation, every flipped bit."""

from __future__ import annotations

import json
import os
import resource
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from checkpoint_samples import VERIFY_COMMAND, posix
from hypothesis import given, settings
from hypothesis import strategies as st

from ruvllm.checkpoints.hashes import run_hash, state_hash
from ruvllm.checkpoints.verifying import verify_checkpoint, verify_document
from ruvllm.commands.verify import main
from ruvllm.files.arrays import parse_arrays
from ruvllm.files.json_reading import InvalidFileError, parse_json_object

VECTORS = Path(__file__).parents[1] / "vectors"
INDEX = json.loads((VECTORS / "index.json").read_text(encoding="utf-8"))
GOOD = (VECTORS / "good" / "v3.json").read_bytes()
RESUME = (VECTORS / "good" / "with-resume.resume.safetensors").read_bytes()
MOST_BYTES = 200 * 2**20


def lines_of(path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str]]:
    code = main([str(path), "-q"])
    out, err = capsys.readouterr()
    assert out == ""
    return code, err.splitlines()


def verify_bytes(data: bytes) -> None:
    verify_document(parse_json_object(data))


def test_the_index_has_every_file() -> None:
    assert {str(path.relative_to(VECTORS)) for path in VECTORS.glob("*/*.json")} == set(INDEX)
    assert len(INDEX) > 60


@pytest.mark.parametrize("name", list(INDEX))
def test_a_vector_ends_as_the_index_says(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = VECTORS / name
    code, lines = lines_of(path, capsys)
    assert code == INDEX[name]["exit"] == (0 if name.startswith("good/") else 1)
    assert len(lines) == code
    for line in lines:
        assert line.startswith(f"ruvllm-verify: {path}: {INDEX[name]['line']}")
        assert line.isprintable()


def test_files_of_the_present_format_stay_readable() -> None:
    """Golden files: what was written once verifies for ever, with the hashes that it had."""
    for name, digests in {
        "v3": ("c822cd0d8021fc52", "5c78f6e0398033c7"),
        "with-resume": ("c822cd0d8021fc52", None),
    }.items():
        document = parse_json_object((VECTORS / "good" / f"{name}.json").read_bytes())
        assert state_hash(document).startswith(digests[0])
        assert digests[1] is None or run_hash(document).startswith(digests[1])
    assert verify_checkpoint(VECTORS / "good" / "with-resume.json").resume == "ok"


def limited(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command within 200 MB of data."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_DATA, (MOST_BYTES, MOST_BYTES))

    return subprocess.run([*VERIFY_COMMAND, *arguments], capture_output=True, text=True, timeout=60, preexec_fn=limit)


@posix
def test_all_bad_vectors_within_200_mb() -> None:
    """No test asserts on time: bench/fuzz_checkpoint.py prints how long each takes."""
    bad = [str(path) for path in sorted((VECTORS / "bad").glob("*.json"))]
    done = limited(*bad, "-q")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == len(bad)
    assert "Traceback" not in done.stderr and "memory" not in done.stderr


@posix
def test_what_is_no_regular_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "folder").mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(tmp_path / "socket"))
        for name in ("pipe", "dangling", "loop", "folder", "socket", "missing", "x" * 300, "\x1b[2J\n"):
            code, lines = lines_of(tmp_path / name, capsys)
            assert code == 1
            (line,) = lines
            assert line.startswith("ruvllm-verify: ") and line.isprintable()
        for name in ("/dev/zero", "/dev/tty"):
            assert lines_of(Path(name), capsys)[0] == 1


@posix
def test_a_file_of_many_gigabytes_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "huge.json"
    with open(path, "wb") as file:
        file.truncate(2**40)
    done = limited(str(path), "-q")
    assert done.returncode == 1
    assert "more than the limit of 268435456" in done.stderr


@posix
@pytest.mark.parametrize(
    "data",
    [b'{"a":[' + b"0," * (11 * 2**20) + b"0]}", b"[" * 2**22, b'{"":' * 2**20, b'"' + b"\\u0000" * 2**21],
    ids=["numbers", "lists", "objects", "escapes"],
)
def test_files_that_would_blow_up_in_memory(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "bomb.json"
    path.write_bytes(data)
    done = limited(str(path), "-q")
    assert done.returncode == 1, done.stderr
    assert len(done.stderr.splitlines()) == 1 and "Traceback" not in done.stderr


def test_every_truncation_is_refused() -> None:
    end = len(GOOD.rstrip())
    for n in range(end):
        with pytest.raises(InvalidFileError):
            verify_bytes(GOOD[:n])
    for n in range(end, len(GOOD) + 1):
        verify_bytes(GOOD[:n])


def test_every_flipped_bit_is_refused_or_covered_by_no_hash() -> None:
    free = [span for key in (b'"timestamp":"', b'"seconds":', b'"unhashed":{"') if (span := GOOD.find(key)) >= 0]
    uncovered = 0
    for at in range(len(GOOD)):
        for bit in range(8):
            data = bytearray(GOOD)
            data[at] ^= 1 << bit
            try:
                verify_bytes(bytes(data))
            except InvalidFileError:
                continue
            uncovered += 1
            # of the time, of what is unhashed, or of the space between values; or a number's other spelling
            same = parse_json_object(bytes(data)) == parse_json_object(GOOD)
            assert same or any(start <= at <= start + 40 for start in free), (at, bit)
    assert uncovered < 600


def test_every_truncation_and_flip_of_a_resume_file() -> None:
    good = parse_arrays(RESUME)
    for n in range(len(RESUME)):
        with pytest.raises(InvalidFileError):
            parse_arrays(RESUME[:n])
    for at in range(len(RESUME)):
        for bit in range(8):
            data = bytearray(RESUME)
            data[at] ^= 1 << bit
            try:
                arrays = parse_arrays(bytes(data))
            except InvalidFileError:
                continue
            assert set(arrays) != set(good) or all(array.ndim == 1 for array in arrays.values())


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(InvalidFileError):
        verify_bytes(data)
    with pytest.raises(InvalidFileError):
        parse_arrays(data)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=12,
)
KEYS = sorted(json.loads(GOOD))


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(KEYS), JSON)
def test_any_value_in_place_of_a_field(key: str, value: object) -> None:
    document = json.loads(GOOD)
    document[key] = value
    try:
        verify_bytes(json.dumps(document).encode())
    except InvalidFileError as error:
        assert str(error).isprintable()


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_change_within(data: st.DataObject) -> None:
    document = json.loads(GOOD)
    place: object = document
    while isinstance(place, (dict, list)) and place:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(place[key], (dict, list)) or data.draw(st.booleans()):
            place[key] = data.draw(JSON)
            break
        place = place[key]
    try:
        verify_bytes(json.dumps(document).encode())
    except InvalidFileError as error:
        assert str(error).isprintable()


def test_the_vectors_are_those_of_the_script() -> None:
    script = Path(__file__).parents[2] / "scripts" / "make_vectors.py"
    done = subprocess.run([sys.executable, str(script), "--check"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
