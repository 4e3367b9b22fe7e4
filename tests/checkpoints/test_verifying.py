"""Verification: one test for each way in which a file can be wrong."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from checkpoint_samples import ORIGINALS, TIMESTAMP, VERIFY_COMMAND, needs_originals, posix, sample_state, write_sample

from ruvllm.checkpoints.verifying import verify_checkpoint
from ruvllm.checkpoints.writing import run_hash, state_hash
from ruvllm.files.json_reading import DEFAULT_LIMITS, InvalidFileError, JsonLimits

Document = dict[str, Any]


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return write_sample(tmp_path, unhashed={"host": "h"}).path


def reason(path: Path, limits: JsonLimits = DEFAULT_LIMITS) -> str:
    """Why a file does not verify: one line."""
    with pytest.raises(InvalidFileError) as caught:
        verify_checkpoint(path, limits)
    message = str(caught.value)
    assert message and message.isprintable(), message
    return message


def rehash(document: Document) -> None:
    """What a forger would do."""
    document["stateHash"] = state_hash(document)
    document["runHash"] = run_hash(document)
    document["checkpointId"] = document["runHash"][:16]


# Good files


def test_a_written_checkpoint_verifies(good: Path) -> None:
    checkpoint = verify_checkpoint(good)
    assert (checkpoint.version, checkpoint.model_name) == ("3.0.0", "DeepSeek-Coder-1.3B")
    assert (checkpoint.timestamp, checkpoint.checkpoint_id) == (TIMESTAMP, good.stem[-16:])
    assert (checkpoint.shape.rank, checkpoint.shape.dimension, checkpoint.shape.patterns) == (2, 5, 3)
    assert checkpoint.shape.heads == ("code_completion", "bug_fix", "refactor", "test_gen")
    assert (checkpoint.trajectories, checkpoint.successes, checkpoint.epochs) == (480, 123, 2)
    assert (checkpoint.resolve_rate, checkpoint.confidence, checkpoint.frozen_resolve_rate) == (0.75, None, 0.18)
    assert checkpoint.uncovered == ("timestamp", "unhashed")


@needs_originals
@pytest.mark.parametrize(
    ("pattern", "rank", "heads", "patterns", "resolve_rate"),
    [("*_3B_4*", 2, 0, 0, 0.0), ("*_v2_*", 1, 0, 0, 0.0), ("*_v3_*", 1, 4, 20, 1.0)],
)
def test_the_original_systems_files_verify(
    pattern: str, rank: int, heads: int, patterns: int, resolve_rate: float
) -> None:
    (path,) = ORIGINALS.glob(pattern)
    checkpoint = verify_checkpoint(path)
    assert (checkpoint.shape.rank, checkpoint.shape.dimension) == (rank, 2048)
    assert (len(checkpoint.shape.heads), checkpoint.shape.patterns) == (heads, patterns)
    assert (checkpoint.run_hash, checkpoint.resolve_rate) == (None, resolve_rate)
    assert {"patternQualities", "trajectoryStats", "improvementHistory"} <= set(checkpoint.uncovered)
    assert ("multiHeadLoRA" in checkpoint.uncovered) == (heads > 0)


def test_a_file_with_other_spaces_and_key_order_still_verifies(good: Path) -> None:
    document = json.loads(good.read_text())
    good.write_text(json.dumps(dict(reversed(document.items())), indent=4))
    assert verify_checkpoint(good).run_hash == document["runHash"]


# Files that are no JSON object


def test_truncated(good: Path) -> None:
    whole = good.read_bytes()
    for end in range(1, len(whole) - 2, 97):
        good.write_bytes(whole[:end])
        assert "is not JSON" in reason(good)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b" \n", "is not JSON: Expecting value"),
        (b"[1]", "must hold a JSON object, not a list"),
        (b"3", "must hold a JSON object, not a number"),
        (b"null", "must hold a JSON object, not null"),
        (b"{} {}", "is not JSON: Extra data"),
        (b"\xef\xbb\xbf{}", "begins with a byte order mark"),
        (b'{"a": "\xff"}', "is not UTF-8: byte 0xff at offset 7"),
        (b'{"a": "\xed\xa0\x80"}', "is not UTF-8: byte 0xed"),
        ('{"a": 1}'.encode("utf-16"), "is not UTF-8: byte 0xff at offset 0"),
        (b'{"a": 1, "b": 2, "a": 1}', "has the key 'a' twice in one object"),
        (b'{"b": {"x\\u001b\\n": 1, "x\\u001b\\n": 2}}', r"has the key 'x\\x1b\\n' twice"),
        (b'{"a": NaN}', "has NaN, which is not JSON"),
        (b'{"a": [-Infinity]}', "has -Infinity, which is not JSON"),
        (b'{"a": 1e999}', "has the number 1e999, which is beyond the range of a double"),
        (b'{"a": -' + b"9" * 5000 + b"}", "beyond the range of a double"),
        (b'{"a": "\x01"}', "is not JSON: Invalid control character"),
        (b'{"a": 01}', "is not JSON"),
        (b"{'a': 1}", "is not JSON"),
        (b"{}", "version is missing"),
        (b"[" * 1_000_000, "is nested deeper than the limit of 64 levels"),
        (b'{"a":' * 100_000, "is nested deeper than the limit of 64 levels"),
    ],
)
def test_not_a_json_object(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(content)
    assert message in reason(path)


def test_too_many_nodes_are_refused_before_they_are_parsed(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json, "loads", lambda *_, **__: pytest.fail("parsed"))
    assert "more values and keys than the limit of 100" in reason(good, JsonLimits(nodes=100))


def test_a_huge_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.json"
    with path.open("wb") as file:
        file.truncate(2**40)  # a hole: takes no room
    assert reason(path) == f"has {2**40} bytes, more than the limit of {256 * 2**20}"


def test_a_file_that_grows_while_it_is_read(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = good.stat().st_size
    fstat = os.fstat

    def stale(descriptor: int) -> os.stat_result:
        return os.stat_result([*fstat(descriptor)[:6], size - 5, *fstat(descriptor)[7:10]])

    monkeypatch.setattr(os, "fstat", stale)
    assert reason(good) == "changed its size while it was read"


# Things that are no regular file


def test_a_missing_file(tmp_path: Path) -> None:
    assert reason(tmp_path / "none.json") == "cannot be read: No such file or directory"


def test_a_folder(tmp_path: Path) -> None:
    assert reason(tmp_path) == "is a folder, not a regular file"


@posix
def test_a_device() -> None:
    assert reason(Path("/dev/zero")) == "is a device, not a regular file"


@posix
def test_a_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's path is short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("s")
        assert reason(Path("s")) == "is a socket, not a regular file"


@posix
def test_a_fifo_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    done = subprocess.run([*VERIFY_COMMAND, str(tmp_path / "fifo")], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr.split(": ")[-1]) == (1, "is a FIFO, not a regular file\n")


@posix
def test_a_fifo_that_takes_the_place_of_a_file_does_not_block(good: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    script = (
        "import os, sys; from pathlib import Path; from ruvllm.files import json_reading\n"
        "os.stat = lambda path, real=os.stat: real(sys.argv[1])\n"
        "json_reading.load_json_object(Path(sys.argv[2]))"
    )
    command = [sys.executable, "-c", script, str(good), str(tmp_path / "fifo")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert "is a FIFO, not a regular file" in done.stderr


@posix
def test_a_loop_of_links(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    assert "Too many levels of symbolic links" in reason(tmp_path / "a")


def test_no_permission(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)  # the real thing below does not happen to root
    assert reason(good) == "cannot be read: Permission denied"


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read everything")
def test_no_permission_for_real(good: Path) -> None:
    good.chmod(0)
    assert reason(good) == "cannot be read: Permission denied"


# Wrong forms: each change is made to a good file


def delete(*path: str) -> Callable[[Document], None]:
    def change(document: Document) -> None:
        for key in path[:-1]:
            document = document[key]
        del document[path[-1]]

    return change


def put(value: object, *path: str | int) -> Callable[[Document], None]:
    def change(document: Any) -> None:
        for key in path[:-1]:
            document = document[key]
        document[path[-1]] = value

    return change


@pytest.mark.parametrize("ours", [True, False])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (delete("version"), "version is missing"),
        (delete("modelName"), "modelName is missing"),
        (delete("timestamp"), "timestamp is missing"),
        (delete("checkpointId"), "checkpointId is missing"),
        (delete("loraWeights"), "loraWeights is missing"),
        (delete("loraWeights", "b"), "loraWeights.b is missing"),
        (delete("ewcState", "lambda"), "ewcState.lambda is missing"),
        (delete("trajectoryStats"), "trajectoryStats is missing"),
        (delete("patternCentroids"), "patternCentroids is missing"),
        (delete("patternQualities"), "patternQualities is missing"),
        (delete("improvementHistory"), "improvementHistory is missing"),
        (delete("stateHash"), "stateHash is missing"),
        (put("3.1.0", "version"), "version must be one of 1.0.0, 2.0.0, 3.0.0, not '3.1.0'"),
        (put(3, "version"), "version must be a string, not a number"),
        (put("2.0.0", "version"), "multiHeadLoRA must be absent in version 2.0.0"),
        (put("", "modelName"), "modelName must not be empty"),
        (put(None, "modelName"), "modelName must be a string, not null"),
        (put("yesterday\x1b[31m\n", "timestamp"), r"not 'yesterday\\x1b[31m\\n'"),
        (put("2025-02-30T00:00:00.000Z", "timestamp"), "timestamp must be like"),
        (put("../../etc/passwd", "checkpointId"), "checkpointId must be 16 lower-case hex digits"),
        (put([], "loraWeights"), "loraWeights must be an object, not a list"),
        (put("2", "loraWeights", "rank"), "loraWeights.rank must be a number, not a string"),
        (put(True, "loraWeights", "rank"), "loraWeights.rank must be a number, not a boolean"),
        (put(1.5, "loraWeights", "rank"), "loraWeights.rank must be an integer of at least 1, not 1.5"),
        (put(0, "loraWeights", "rank"), "loraWeights.rank must be an integer of at least 1, not 0"),
        (put(3, "loraWeights", "rank"), "loraWeights.a must have 3 rows, not 2"),
        (put([[1.0, 2.0], [1.0]], "loraWeights", "a"), "loraWeights.a[1] must have 2 numbers, not 1"),
        (put([[], []], "loraWeights", "a"), "loraWeights.a must have rows of at least 1 number"),
        (put([1.0, 2.0], "loraWeights", "a"), "loraWeights.a[0] must be a list of numbers, not a number"),
        (put("x", "loraWeights", "b"), "loraWeights.b must be a list, not a string"),
        (put("1", "loraWeights", "b", 0, 3), "loraWeights.b[0][3] must be a number, not a string"),
        (put(True, "loraWeights", "b", 1, 0), "loraWeights.b[1][0] must be a number, not a boolean"),
        (put(None, "loraWeights", "b", 1, 0), "loraWeights.b[1][0] must be a number, not null"),
        (put([[0.0]], "multiHeadLoRA", "refactor", "a"), "multiHeadLoRA.refactor.a must have 2 rows, not 1"),
        (put(3, "multiHeadLoRA", "refactor"), "multiHeadLoRA.refactor must be an object, not a number"),
        (put([0.0], "ewcState", "fisherDiagonal"), " numbers, not 1"),
        (put({}, "ewcState", "optimalWeights"), "ewcState.optimalWeights must be a list of numbers, not an object"),
        (put(-1, "ewcState", "lambda"), "ewcState.lambda must be at least 0, not -1"),
        (put(481, "trajectoryStats", "successful"), "trajectoryStats.successful must be at most total, 480, not 481"),
        (put("0.5", "trajectoryStats", "avgQuality"), "trajectoryStats.avgQuality must be a number, not a string"),
        (put([0.0] * 4, "patternCentroids", 1), "patternCentroids[1] must have 5 numbers, not 4"),
        (put([0.0], "patternQualities"), "patternQualities must have 3 numbers, not 1"),
        (put({}, "improvementHistory"), "improvementHistory must be a list, not an object"),
        (put([[]], "improvementHistory"), "improvementHistory[0] must be an object, not a list"),
        (put("0" * 63, "stateHash"), "stateHash must be 64 lower-case hex digits"),
        (put("A" * 64, "stateHash"), "stateHash must be 64 lower-case hex digits"),
        (put(0, "stateHash"), "stateHash must be a string, not a number"),
        (put("0" * 64, "stateHash"), f"stateHash does not match: the file says {'0' * 64}, its content gives "),
        (put(0.5, "loraWeights", "a", 0, 0), "stateHash does not match"),
        (put(17, "loraWeights", "alpha"), "stateHash does not match"),
        (put(3, "ewcState", "taskCount"), "stateHash does not match"),
        (put(0.5, "patternCentroids", 2, 4), "stateHash does not match"),
    ],
)
def test_wrong_forms(good: Path, change: Callable[[Document], None], message: str, ours: bool) -> None:
    document = json.loads(good.read_text())
    if not ours:
        as_original(document)
        good.write_text(json.dumps(document))
        assert verify_checkpoint(good).run_hash is None
    change(document)
    good.write_text(json.dumps(document))
    assert message in reason(good)


def as_original(document: Document) -> None:
    """Turn a document of ours into one in the original system's form."""
    for key in ("run", "runHash", "metrics", "unhashed", "patternSolutions", "patternTypes"):
        del document[key]
    for key in ("fisherDiagonal", "optimalWeights"):
        del document["ewcState"][key][5:]
    document["stateHash"] = state_hash(json.loads(json.dumps(document), parse_int=float))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (delete("run"), "run is missing"),
        (delete("runHash"), "runHash is missing"),
        (delete("metrics"), "metrics is missing"),
        (delete("patternSolutions"), "patternSolutions is missing"),
        (delete("patternTypes"), "patternTypes is missing"),
        (put([], "run"), "run must be an object, not a list"),
        (put(None, "unhashed"), "unhashed must be an object, not null"),
        (put(["a", "b", 3], "patternTypes"), "patternTypes[2] must be a string, not a number"),
        (put(["a"], "patternTypes"), "patternTypes must have 3 names, not 1"),
        (put([[0.0] * 5] * 2, "patternSolutions"), "patternSolutions must have 3 rows, not 2"),
        (delete("multiHeadLoRA", "bug_fix"), "ewcState.fisherDiagonal must have 80 numbers, not 100"),
        (put("0" * 16, "checkpointId"), "checkpointId must be the first 16 digits of runHash"),
        (put("f" * 64, "runHash"), "runHash does not match: the file says fff"),
        (put("x", "runHash"), "runHash must be 64 lower-case hex digits, not 'x'"),
        (put(0.9, "metrics", "final", "resolveRate"), "runHash does not match"),
        (put(1, "run", "seed"), "runHash does not match"),
        (put("other", "modelName"), "runHash does not match"),
        (put(481, "trajectoryStats", "total"), "runHash does not match"),
        (put(0.5, "patternQualities", 0), "runHash does not match"),
        (put(0.5, "multiHeadLoRA", "refactor", "a", 0, 0), "runHash does not match"),
        (put([], "improvementHistory"), "runHash does not match"),
        (put(1, "added"), "runHash does not match"),
        (put("\ud800", "run", "note"), "cannot be hashed: a string in canonical JSON must hold no lone surrogate"),
    ],
)
def test_wrong_forms_of_our_own_files(good: Path, change: Callable[[Document], None], message: str) -> None:
    document = json.loads(good.read_text())
    change(document)
    good.write_text(json.dumps(document))
    assert message in reason(good)


def test_a_hash_taken_anew_after_a_change_matches(good: Path) -> None:
    """Why the report never says "true": this is all a hash can show."""
    document = json.loads(good.read_text())
    document["metrics"]["final"]["resolveRate"] = 1.0
    rehash(document)
    good.write_text(json.dumps(document))
    assert verify_checkpoint(good).run_hash == document["runHash"]


def test_what_nothing_covers_can_change(good: Path) -> None:
    document = json.loads(good.read_text())
    document["timestamp"] = "1999-12-31T23:59:59.999Z"
    document["unhashed"] = {"host": "elsewhere"}
    good.write_text(json.dumps(document))
    assert verify_checkpoint(good).timestamp.startswith("1999")


def test_a_checkpoint_of_10_mb_takes_well_under_10_seconds(tmp_path: Path) -> None:
    """It takes about 1; the limit is for machines under load."""
    state = sample_state(rank=8, dimension=4096, patterns=60)
    path = write_sample(tmp_path, state=state).path
    assert path.stat().st_size > 10_000_000
    start = time.perf_counter()
    verify_checkpoint(path)
    assert time.perf_counter() - start < 10
