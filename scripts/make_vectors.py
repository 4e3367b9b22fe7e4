"""Writes tests/vectors: good and bad checkpoints, and index.json with the exit code and the line that each must give.

    python scripts/make_vectors.py            writes them; the same bytes every time
    python scripts/make_vectors.py --check    says whether the folder is what this script writes

For readers in other languages: see docs/checkpoint-format.md. `line` is how that begins which follows
"ruvllm-verify: FILE: "; a reader of another make must refuse the same files, its words are its own.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ruvllm.checkpoints.hashes import checkpoint_id, run_hash, state_hash
from ruvllm.checkpoints.writing import CheckpointState, checkpoint_document, checkpoint_text
from ruvllm.commands.verify import PROGRAM, main
from ruvllm.files.arrays import to_safetensors
from ruvllm.files.json_writing import stringify

FOLDER = Path(__file__).resolve().parents[1] / "tests" / "vectors"
TIMESTAMP = "2026-01-02T03:04:05.678Z"
RANK, DIM, PATTERNS = 1, 4, 2

Document = dict[str, Any]


def matrix(rows: int, start: float) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Numbers whose shortest decimals show every form: exponents, fractions, negative ones."""
    row = np.array([1, -0.1, 1e-7, 3], np.float32)
    return (np.float32(start) * row * np.arange(1, rows + 1, dtype=np.float32)[:, None]).astype(np.float32)


RESUME = {"engine.steps": np.array([3], np.uint64), "engine.lora.0.velocity": np.arange(8, dtype=np.float32)}


def good(version: str = "3.0.0", *, resume: bool = False, heads: int = 4) -> Document:
    names = ("code_completion", "bug_fix", "refactor", "test_gen")[: heads if version == "3.0.0" else 0]
    n = 2 * RANK * DIM * (1 + len(names))
    state = CheckpointState(
        lora_a=matrix(RANK, 1.5), lora_b=matrix(RANK, -0.25), lora_alpha=16.0,
        heads={name: (matrix(RANK, 0.5 + i), matrix(RANK, 1e-10)) for i, name in enumerate(names)},
        fisher=np.linspace(0, 1, n, dtype=np.float32), optimal=np.linspace(-1, 1, n, dtype=np.float32),
        task_count=2, ewc_lambda=400.0, pattern_centroids=matrix(PATTERNS, 1e21),
        pattern_qualities=np.array([0.5, 0.75], np.float32), pattern_solutions=matrix(PATTERNS, 16777216.0),
        pattern_types=["bug_fix", "test_gen"], trajectories=40, successes=13, average_quality=0.1 + 0.2,
    )  # fmt: skip
    return checkpoint_document(
        version=version, model_name="DeepSeek-Coder-1.3B", state=state,
        history=[{"epoch": 1, "test": {"resolveRate": 0.25, "confidence": 0.5}}],
        metrics={"initial": {"resolveRate": 0.18}, "final": {"resolveRate": 0.25}},
        run={"seed": 2**53 - 1, "names": ["Größe", "€", "😀"], "none": None, "flag": False},
        resume=RESUME if resume else None, timestamp=TIMESTAMP, unhashed={"seconds": 1.5},
    )  # fmt: skip


def original() -> Document:
    """A file as the original system wrote it: no run, no runHash, `fisherDiagonal` of d numbers."""
    document = json.loads(stringify(good("3.0.0")))
    for key in ("run", "runHash", "metrics", "patternSolutions", "patternTypes", "unhashed"):
        del document[key]
    for key in ("fisherDiagonal", "optimalWeights"):
        document["ewcState"][key] = document["ewcState"][key][:DIM]
    document["stateHash"] = state_hash(document)
    return document


def plain(document: Document) -> Document:
    return json.loads(stringify(document))  # type: ignore[no-any-return]


def sealed(change: Callable[[Document], object]) -> bytes:
    """A good file, changed, with its hashes taken anew: only its form is wrong."""
    document = plain(good())
    change(document)
    try:
        document["stateHash"] = state_hash(document)
        document["runHash"] = run_hash(document)
        document["checkpointId"] = checkpoint_id(document["runHash"])
    except (KeyError, ValueError):
        pass
    return checkpoint_text(document).encode()


def unsealed(change: Callable[[Document], object]) -> bytes:
    document = plain(good())
    change(document)
    return checkpoint_text(document).encode()


def vectors() -> dict[str, bytes]:
    text = checkpoint_text(plain(good())).encode()
    files = {
        "good/v1.json": checkpoint_text(good("1.0.0")).encode(),
        "good/v2.json": checkpoint_text(good("2.0.0")).encode(),
        "good/v3.json": checkpoint_text(good()).encode(),
        "good/v3-without-heads.json": checkpoint_text(good(heads=0)).encode(),
        "good/with-resume.json": checkpoint_text(good(resume=True)).encode(),
        "good/with-resume.resume.safetensors": to_safetensors(RESUME),
        "good/original-system.json": json.dumps(original()).encode(),
        "good/pretty-printed.json": json.dumps(plain(good()), indent=2, ensure_ascii=True).encode(),
        "bad/empty.json": b"",
        "bad/truncated.json": text[: len(text) // 2],
        "bad/not-json.json": b"hello\n",
        "bad/byte-order-mark.json": b"\xef\xbb\xbf" + text,
        "bad/utf-16.json": text.decode().encode("utf-16"),
        "bad/not-utf-8.json": text.replace("Größe".encode(), b"Gr\xf6\xdfe"),
        "bad/overlong-utf-8.json": text.replace(b"DeepSeek", b"Deep\xc1\x93eek"),
        "bad/duplicate-key.json": text.replace(b'"timestamp"', b'"version":"3.0.0",\n"timestamp"'),
        "bad/duplicate-key-nested.json": text.replace(b'"taskCount":2', b'"taskCount":2,"taskCount":3'),
        "bad/nan.json": text.replace(b'"alpha":16', b'"alpha":NaN'),
        "bad/infinity.json": text.replace(b'"alpha":16', b'"alpha":-Infinity'),
        "bad/beyond-double.json": text.replace(b'"alpha":16', b'"alpha":1e999'),
        "bad/leading-zero.json": text.replace(b'"alpha":16', b'"alpha":016'),
        "bad/trailing-comma.json": text.replace(b'"alpha":16', b'"alpha":16,'),
        "bad/trailing-text.json": text + b"{}",
        "bad/control-character.json": text.replace(b"DeepSeek", b"Deep\x07Seek"),
        "bad/deep.json": b"[" * 100 + b"]" * 100,
        "bad/very-deep.json": b'{"a":' * 20000,
        "bad/a-list.json": b"[" + text + b"]",
        "bad/no-object.json": b'"3.0.0"',
        "bad/metric-edited.json": unsealed(lambda d: d["metrics"]["final"].update(resolveRate=1)),
        "bad/history-edited.json": unsealed(lambda d: d["improvementHistory"][0].update(epoch=2)),
        "bad/setting-edited.json": unsealed(lambda d: d["run"].update(seed=1)),
        "bad/weight-edited.json": unsealed(lambda d: d["loraWeights"]["a"][0].__setitem__(0, 1.25)),
        "bad/head-edited.json": unsealed(lambda d: d["multiHeadLoRA"]["bug_fix"]["b"][0].__setitem__(0, 1.25)),
        "bad/fisher-edited.json": unsealed(lambda d: d["ewcState"]["fisherDiagonal"].__setitem__(0, 1.25)),
        "bad/id-edited.json": unsealed(lambda d: d.update(checkpointId="0" * 16)),
        "bad/hash-upper-case.json": unsealed(lambda d: d.update(stateHash=d["stateHash"].upper())),
        "bad/hash-short.json": unsealed(lambda d: d.update(runHash=d["runHash"][:-1])),
        "bad/version-unknown.json": sealed(lambda d: d.update(version="4.0.0")),
        "bad/version-a-number.json": sealed(lambda d: d.update(version=3)),
        "bad/version-with-escapes.json": sealed(lambda d: d.update(version="\u001b[2J\u202e../../x")),
        "bad/model-name-empty.json": sealed(lambda d: d.update(modelName="")),
        "bad/model-name-a-list.json": sealed(lambda d: d.update(modelName=[])),
        "bad/timestamp-of-no-day.json": sealed(lambda d: d.update(timestamp="2026-02-30T00:00:00.000Z")),
        "bad/lora-missing.json": sealed(lambda d: d.pop("loraWeights")),
        "bad/rank-a-fraction.json": sealed(lambda d: d["loraWeights"].update(rank=1.5)),
        "bad/rank-zero.json": sealed(lambda d: d["loraWeights"].update(rank=0, a=[], b=[])),
        "bad/rank-huge.json": sealed(lambda d: d["loraWeights"].update(rank=10**15)),
        "bad/ragged-matrix.json": sealed(lambda d: d["patternCentroids"][1].pop()),
        "bad/wide-matrix.json": sealed(lambda d: d["loraWeights"]["b"][0].append(1)),
        "bad/extra-row.json": sealed(lambda d: d["loraWeights"]["a"].append([1, 2, 3, 4])),
        "bad/matrix-of-text.json": sealed(lambda d: d["loraWeights"].update(a=["1234"])),
        "bad/null-in-vector.json": sealed(lambda d: d["ewcState"]["fisherDiagonal"].__setitem__(2, None)),
        "bad/boolean-in-vector.json": sealed(lambda d: d["ewcState"]["optimalWeights"].__setitem__(2, True)),
        "bad/fisher-short.json": sealed(lambda d: d["ewcState"]["fisherDiagonal"].pop()),
        "bad/lambda-negative.json": sealed(lambda d: d["ewcState"].update({"lambda": -1})),
        "bad/successful-above-total.json": sealed(lambda d: d["trajectoryStats"].update(successful=41)),
        "bad/qualities-short.json": sealed(lambda d: d["patternQualities"].pop()),
        "bad/types-short.json": sealed(lambda d: d["patternTypes"].pop()),
        "bad/types-of-numbers.json": sealed(lambda d: d.update(patternTypes=[1, 2])),
        "bad/solutions-missing.json": sealed(lambda d: d.pop("patternSolutions")),
        "bad/heads-in-version-2.json": sealed(lambda d: d.update(version="2.0.0")),
        "bad/head-a-path.json": sealed(lambda d: d["multiHeadLoRA"].update({"../../\u001b]0;x\u0007": 1})),
        "bad/history-an-object.json": sealed(lambda d: d.update(improvementHistory={})),
        "bad/history-of-numbers.json": sealed(lambda d: d.update(improvementHistory=[1])),
        "bad/run-a-list.json": sealed(lambda d: d.update(run=[])),
        "bad/metrics-null.json": sealed(lambda d: d.update(metrics=None)),
        "bad/run-hash-missing.json": sealed(lambda d: d.pop("metrics")),
        "bad/lone-surrogate.json": text.replace(b'"flag"', b'"\\ud800":1,"flag"'),
        "bad/resume-other-content.json": checkpoint_text(good(resume=True)).encode(),
        "bad/resume-other-content.resume.safetensors": to_safetensors({"x": np.zeros(1, np.float32)}),
        "bad/resume-broken.json": checkpoint_text(good(resume=True)).encode(),
        "bad/resume-broken.resume.safetensors": b"\xff" * 32,
    }  # fmt: skip
    return files


def expected(path: Path) -> dict[str, Any]:
    """What the command says of a file."""
    from contextlib import redirect_stderr, redirect_stdout
    from io import StringIO

    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main([str(path), "-q"])
    line = err.getvalue().strip().removeprefix(f"{PROGRAM}: {path}: ")
    for stem in ("is not JSON", "the resume file beside it: is no safetensors file"):
        if line.startswith(stem):
            line = stem  # what follows are the words of a library, which change from version to version
    return {"exit": code, "line": line}


def index() -> bytes:
    paths = sorted(path for path in FOLDER.glob("*/*.json"))
    entries = {str(path.relative_to(FOLDER)): expected(path) for path in paths}
    return (json.dumps(entries, indent=1, ensure_ascii=False) + "\n").encode()


def run(check: bool) -> int:
    files = vectors()
    if check:
        wrong = [name for name, data in files.items() if (FOLDER / name).read_bytes() != data]
        wrong += ["index.json"] if (FOLDER / "index.json").read_bytes() != index() else []
        print("\n".join(wrong) or f"{len(files)} files are as they should be")
        return 1 if wrong else 0
    for name, data in files.items():
        (FOLDER / name).parent.mkdir(parents=True, exist_ok=True)
        (FOLDER / name).write_bytes(data)
    (FOLDER / "index.json").write_bytes(index())
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write the test vectors of the checkpoint format.")
    parser.add_argument("--check", action="store_true", help="only say whether they are as this script writes them")
    sys.exit(run(parser.parse_args().check))
