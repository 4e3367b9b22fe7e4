"""What is written, under which name, with which hashes."""

import hashlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rfc8785
from checkpoint_samples import (
    ORIGINALS,
    TASK_TYPES,
    TIMESTAMP,
    needs_originals,
    sample_content,
    sample_state,
    write_sample,
)
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from msgspec import structs

from ruvllm.checkpoints.verifying import verify_checkpoint
from ruvllm.checkpoints.writing import (
    CheckpointConflictError,
    checkpoint_hashes,
    run_hash,
    state_hash,
    write_checkpoint,
)
from ruvllm.files.json_reading import InvalidFileError, load_json_object, parse_json_object
from ruvllm.files.json_writing import stringify

NODE = shutil.which("node")
STATE_SCRIPT = Path(__file__).parents[1] / "js" / "verify_state_hash.mjs"

float32s = st.floats(width=32, allow_nan=False, allow_infinity=False)


def test_keys_come_in_the_order_of_the_format_one_to_a_line(tmp_path: Path) -> None:
    text = write_sample(tmp_path, unhashed={"host": "x", "seconds": 1.5}).path.read_text()
    head = ["version", "modelName", "timestamp", "checkpointId"]
    state = ["loraWeights", "multiHeadLoRA", "trajectoryStats", "ewcState"]
    patterns = ["patternCentroids", "patternQualities", "patternSolutions", "patternTypes"]
    keys = [*head, *state, *patterns, "improvementHistory", "metrics", "run", "stateHash", "runHash", "unhashed"]
    document = json.loads(text)
    assert list(document) == keys
    assert [line.split('"')[1] for line in text.splitlines()[1:-1]] == keys
    assert list(document["loraWeights"]) == ["a", "b", "rank", "alpha"]
    assert list(document["ewcState"]) == ["fisherDiagonal", "optimalWeights", "taskCount", "lambda"]
    assert list(document["trajectoryStats"]) == ["total", "successful", "avgQuality"]
    assert list(document["multiHeadLoRA"]) == TASK_TYPES


def test_the_state_comes_back_bit_for_bit_but_for_negative_zero(tmp_path: Path) -> None:
    state = sample_state()
    document = json.loads(write_sample(tmp_path, state=state).path.read_text())
    assert np.signbit(state.lora_a[0, 0])
    for stored, array in (
        (document["loraWeights"]["a"], state.lora_a),
        (document["loraWeights"]["b"], state.lora_b),
        (document["multiHeadLoRA"]["refactor"]["b"], state.heads["refactor"][1]),
        (document["ewcState"]["fisherDiagonal"], state.fisher),
        (document["ewcState"]["optimalWeights"], state.optimal),
        (document["patternCentroids"], state.pattern_centroids),
        (document["patternQualities"], state.pattern_qualities),
        (document["patternSolutions"], state.pattern_solutions),
    ):
        assert np.array_equal(np.array(stored, dtype=np.float32).view(np.uint32), (array + 0.0).view(np.uint32))
    assert document["trajectoryStats"] == {"total": 480, "successful": 123, "avgQuality": 0.1 + 0.2}


def test_hashes_are_those_of_an_independent_computation(tmp_path: Path) -> None:
    written = write_sample(tmp_path, unhashed={"seconds": 3})
    document = json.loads(written.path.read_text())
    assert written.state_hash == document["stateHash"] == state_hash(document)
    kept = {k: v for k, v in document.items() if k not in ("timestamp", "checkpointId", "runHash", "unhashed")}
    expected = hashlib.sha256(rfc8785.dumps(kept)).hexdigest()
    assert written.run_hash == document["runHash"] == run_hash(document) == expected
    assert written.checkpoint_id == document["checkpointId"] == expected[:16]
    assert written.path.name == f"DeepSeek_Coder_1_3B_v3_{expected[:16]}.json"


@pytest.mark.skipif(NODE is None, reason="node is not installed: stateHash is not checked by JavaScript here")
def test_node_agrees_on_the_state_hash(tmp_path: Path) -> None:
    written = write_sample(tmp_path)
    command = [str(NODE), str(STATE_SCRIPT), str(written.path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.strip()) == (0, written.state_hash), done.stderr
    written.path.write_text(written.path.read_text().replace('"lambda":400', '"lambda":401'))
    assert subprocess.run(command, capture_output=True, timeout=60).returncode == 1


@needs_originals
def test_the_original_systems_state_hashes_are_reproduced() -> None:
    paths = sorted(ORIGINALS.glob("*.json"))
    assert len(paths) == 3
    for path in paths:
        document = load_json_object(path)
        assert state_hash(document) == document["stateHash"], path.name


@given(arrays(np.float32, (2, 6), elements=float32s))
def test_arrays_and_the_doubles_parsed_from_their_text_have_the_same_hashes(matrix: Any) -> None:
    ewc = {"fisherDiagonal": matrix[0], "optimalWeights": matrix[1], "taskCount": 1, "lambda": 400.0}
    document = {"loraWeights": {"a": matrix, "rank": 2, "alpha": 0.1}, "ewcState": ewc, "patternCentroids": matrix}
    parsed = parse_json_object(stringify(document).encode())
    assert state_hash(parsed) == state_hash(document)
    assert run_hash(parsed) == run_hash(document)


def test_every_argument_but_time_and_unhashed_changes_the_run_hash(tmp_path: Path) -> None:
    base = checkpoint_hashes(**sample_content()).run_hash
    changes: list[dict[str, Any]] = [
        {"model_name": "DeepSeek-Coder-1.4B"},
        {"history": []},
        {"metrics": {}},
        {"run": {}},
        *(
            {"state": structs.replace(sample_state(block_size=5), **{f.name: _changed(f.name)})}
            for f in structs.fields(sample_state())
            if f.name != "block_size"
        ),
    ]
    others = [checkpoint_hashes(**sample_content(**change)).run_hash for change in changes]
    assert len({base, *others}) == 1 + len(changes)
    assert write_sample(tmp_path, unhashed={"host": "y"}, timestamp="2027-01-01T00:00:00.000Z").run_hash == base


def _changed(name: str) -> Any:
    """Another value of the same shape for a field of the sample state."""
    value = getattr(sample_state(), name)
    if isinstance(value, np.ndarray):
        other = value.copy()
        other.flat[-1] = np.nextafter(other.flat[-1], np.float32(9))
        return other
    if name == "blocks":
        return {"bug_fix": np.ones(25, np.float32)}
    if name == "episodes":
        return {"bug_fix": [[3, 1]]}
    if isinstance(value, dict):
        return {**value, "refactor": value["bug_fix"]}
    return value[::-1] if isinstance(value, list) else value + 1


def test_the_same_run_again_leaves_its_file_alone(tmp_path: Path) -> None:
    first = write_sample(tmp_path)
    before = first.path.read_bytes()
    again = write_sample(tmp_path, timestamp="2027-01-01T00:00:00.000Z")
    assert again == first
    assert first.path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("content", [b"", b"{}", None])
def test_a_broken_file_of_the_same_name_is_not_overwritten(tmp_path: Path, content: bytes | None) -> None:
    path = write_sample(tmp_path).path
    broken = path.read_bytes().replace(b"0.25", b"0.26") if content is None else content
    path.write_bytes(broken)
    with pytest.raises(
        CheckpointConflictError, match=f"{path.name} exists and does not verify .*not overw|nothing was"
    ):
        write_sample(tmp_path)
    assert path.read_bytes() == broken


def test_another_run_under_the_same_name_is_not_overwritten(tmp_path: Path) -> None:
    path = write_sample(tmp_path).path
    other = write_sample(tmp_path, metrics={}).path
    other.replace(path)
    with pytest.raises(CheckpointConflictError, match="is another run"):
        write_sample(tmp_path)


def test_versions_without_heads_and_without_patterns(tmp_path: Path) -> None:
    state = sample_state(rank=1, dimension=3, heads=0, patterns=0)
    for version, protocol in (("1.0.0", "v1"), ("2.0.0", "v2"), ("3.0.0", "v3")):
        written = write_sample(tmp_path, version=version, state=state, model_name="a/b: c.")
        assert written.path.name == f"a_b_c__{protocol}_{written.checkpoint_id}.json"
        assert "multiHeadLoRA" not in json.loads(written.path.read_text())
        assert verify_checkpoint(written.path).shape.patterns == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lora_b": np.zeros((3, 5), np.float32)}, "loraWeights.b must have 2 rows, not 3"),
        ({"lora_b": np.zeros((2, 4), np.float32)}, "loraWeights.b must have 5 columns, not 4"),
        ({"lora_a": np.zeros((2, 5))}, "loraWeights.a must be a float32 array of 2 dimensions, not float64"),
        ({"fisher": np.zeros(99, np.float32)}, "ewcState.fisherDiagonal must have 100 numbers, not 99"),
        ({"optimal": np.full(100, np.nan, np.float32)}, "ewcState.optimalWeights must be finite, not nan"),
        ({"pattern_qualities": np.zeros(2, np.float32)}, "patternQualities must have 3 numbers, not 2"),
        ({"pattern_solutions": np.zeros((3, 4), np.float32)}, "patternSolutions must have 5 columns, not 4"),
        ({"pattern_types": ["bug_fix"]}, "patternTypes must have 3 names, not 1"),
        ({"successes": 481}, "trajectoryStats.successful must be at most total, 480, not 481"),
        ({"task_count": -1}, "ewcState.taskCount must be an integer of at least 0, not -1"),
        ({"ewc_lambda": float("inf")}, "ewcState.lambda must be finite, not inf"),
        ({"average_quality": float("nan")}, "trajectoryStats.avgQuality must be finite, not nan"),
    ],
)
def test_a_state_that_does_not_fit_is_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidFileError) as caught:
        write_sample(tmp_path, state=sample_state(**changes))
    assert message in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"version": "v3"}, ValueError, "version must be one of 1.0.0, 2.0.0, 3.0.0, not 'v3'"),
        ({"version": "2.0.0"}, ValueError, "multiHeadLoRA must be absent in version 2.0.0"),
        ({"timestamp": "2026-01-02 03:04:05"}, ValueError, "timestamp must be like"),
        ({"timestamp": "2026-13-02T03:04:05.678Z"}, ValueError, "timestamp must be like"),
        ({"metrics": {"x": float("nan")}}, ValueError, "must be finite, not nan"),
        ({"history": [{"x": float("inf")}]}, ValueError, "must be finite, not inf"),
        ({"history": [1]}, ValueError, "improvementHistory[0] must be an object, not a number"),
        ({"run": {"seed": 2**53}}, ValueError, "within ±(2^53 - 1), not 9007199254740992"),
        ({"run": {"name": "\ud800"}}, ValueError, "no lone surrogate"),
        ({"run": {"path": Path("x")}}, TypeError, "JSON has no pathlib"),
        ({"unhashed": [1]}, ValueError, "unhashed must be an object, not a list"),
        ({"unhashed": {"seconds": float("nan")}}, ValueError, "must be finite, not nan"),
    ],
)
def test_what_cannot_be_saved_is_refused(
    tmp_path: Path, changes: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error) as caught:
        write_sample(tmp_path, **changes)
    assert message in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_hashes_without_writing_are_those_written(tmp_path: Path) -> None:
    written = write_checkpoint(tmp_path, timestamp=TIMESTAMP, **sample_content())
    hashes = checkpoint_hashes(**sample_content())
    assert (hashes.checkpoint_id, hashes.state_hash, hashes.run_hash) == (
        written.checkpoint_id,
        written.state_hash,
        written.run_hash,
    )


def test_the_bytes_of_a_small_checkpoint_are_pinned() -> None:
    """A change here breaks every checkpoint in the field: it needs a new format version."""
    ones = np.ones((1, 2), np.float32)
    state = sample_state(rank=1, dimension=2, heads=0, patterns=0)
    state = structs.replace(
        state, lora_a=ones / np.float32(3), lora_b=ones * np.float32(-1e-7), fisher=np.arange(4, dtype=np.float32)
    )
    state = structs.replace(state, optimal=np.zeros(4, np.float32))
    hashes = checkpoint_hashes(**sample_content(version="1.0.0", state=state))
    text = (
        '{"lora":{"a":[[0.33333334,0.33333334]],"b":[[-1e-7,-1e-7]],"rank":1,"alpha":16},'
        '"ewc":{"fisherDiagonal":[0,1,2,3],"optimalWeights":[0,0,0,0],"taskCount":2,"lambda":400},"patterns":[]}'
    )
    assert hashes.state_hash == hashlib.sha256(text.encode()).hexdigest()
    assert hashes.run_hash == "753a631aaf60575a83deccb69574488388c869f45359f4546f59244e7287fa00"
