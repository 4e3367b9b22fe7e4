"""Changed checkpoints and resume files by the million: does the reader take each, or refuse it in one line?

    python bench/fuzz_checkpoint.py                     1,000,000 inputs from tests/vectors, changed at random
    python bench/fuzz_checkpoint.py --atheris           the same guided by coverage, where atheris is installed
    python bench/fuzz_checkpoint.py --files             each bad vector once: the seconds and megabytes of the command

An input is wrong where anything but InvalidFileError comes of it, where the message is not one printable line, or where
it takes more than a second. The memory is that of the whole process; it must not grow with the number of inputs.
Exit code 1 where an input is wrong; it is then kept in the current folder.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ruvllm.benchmark.rebuild import CannotReplayError, cell_of
from ruvllm.checkpoints.verifying import verify_document
from ruvllm.files.arrays import parse_arrays
from ruvllm.files.json_reading import InvalidFileError, JsonLimits, parse_json_object

VECTORS = Path(__file__).resolve().parents[1] / "tests" / "vectors"
LIMITS = JsonLimits(size_bytes=2**20, nodes=100_000)
MOST_SECONDS = 1.0
MOST_GUIDED = 16_384
TOKENS = [
    *(b"null", b"true", b"{}", b"[]", b"[[]]", b'""', b"-0", b"1e308", b"1e309", b"-1e-400", b"NaN", b"Infinity"),
    *(b'"\\ud800"', b'"\\u0000"', b"\xef\xbb\xbf", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"9" * 400),
    *(b"[" * 70, b'{"a":' * 70, b'"run":{},', b'"runHash":"0",', b'"version":"3.0.0",', b",", b":", b"\x1b[2J"),
    *(b"/**/", b"1.0E+2", b"\x00"),
]  # fmt: skip


def changed(data: bytes, others: list[bytes], draw: random.Random) -> bytes:
    """A few changes of bytes, of tokens, of pieces."""
    out = bytearray(data)
    for _ in range(draw.choice((1, 1, 1, 2, 3, 8))):
        if not out:
            return bytes(out)
        at = draw.randrange(len(out))
        end = min(len(out), at + draw.choice((1, 2, 4, 16, 200)))
        match draw.randrange(7):
            case 0:
                out[at] ^= 1 << draw.randrange(8)
            case 1:
                out[at] = draw.randrange(256)
            case 2:
                del out[at:end]
            case 3:
                out[at:at] = draw.choice(TOKENS)
            case 4:
                out[at:end] = draw.choice(TOKENS)
            case 5:
                other = draw.choice(others)
                start = draw.randrange(len(other) + 1)
                out[at:end] = other[start : start + draw.choice((1, 8, 100))]
            case 6:
                out[at:at] = out[at:end] * draw.choice((1, 2, 50))
    return bytes(out[: draw.randrange(len(out) + 1)]) if draw.random() < 0.05 else bytes(out)


def changed_value(document: object, draw: random.Random) -> bytes:
    """One value of a parsed checkpoint replaced: the syntax stays whole, so that the form is reached."""
    root = json.loads(json.dumps(document))
    place, key = root, None
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        if not keys:
            break
        key = draw.choice(keys)
        if not isinstance(place[key], dict | list) or draw.random() < 0.25:
            break
        place = place[key]
    value = draw.choice([None, True, -1, 0, 0.5, 2**53, 1e300, "", "x", "3.0.0", [], {}, [[]], [None], {"": 0}])
    if key is not None and draw.random() < 0.2 and isinstance(place, dict):
        del place[key]
    elif key is not None:
        place[key] = value
    return json.dumps(root).encode()


def try_one(data: bytes, resume: bool) -> bool:
    """Whether it was taken. Raises whatever is not as it should be."""
    try:
        if resume:
            parse_arrays(data)
        else:
            document = parse_json_object(data, LIMITS)
            verify_document(document)
            cell_of(document)
    except CannotReplayError:
        return True
    except InvalidFileError as error:
        if not str(error).isprintable() or len(str(error)) > 2000:
            raise ValueError(f"the message is no printable line: {error!r}") from error
        return False
    return True


def megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def keep(data: bytes, error: BaseException) -> None:
    name = f"fuzzed-{hashlib.sha256(data).hexdigest()[:12]}.bin"
    Path(name).write_bytes(data)
    print(f"{name}: {type(error).__name__}: {error}", flush=True)


def campaign(inputs: int, seed: int) -> int:
    draw = random.Random(seed)
    texts = [path.read_bytes() for path in sorted(VECTORS.glob("*/*.json")) if path.stat().st_size < 20_000]
    texts = [text for text in texts if text]
    documents = [json.loads(path.read_bytes()) for path in sorted((VECTORS / "good").glob("*.json"))]
    binary = [path.read_bytes() for path in sorted(VECTORS.glob("*/*.safetensors"))]
    wrong = taken = 0
    slowest, early = 0.0, 0.0
    for i in range(inputs):
        kind = draw.random()
        if kind < 0.5:
            data = changed(draw.choice(texts), texts, draw)
        elif kind < 0.9:
            data = changed_value(draw.choice(documents), draw)
        else:
            data = changed(draw.choice(binary), texts, draw)
        started = time.process_time()
        try:
            taken += try_one(data, resume=kind >= 0.9)
        except Exception as error:  # that is what is looked for
            wrong += 1
            keep(data, error)
        seconds = time.process_time() - started
        if seconds > MOST_SECONDS:
            wrong += 1
            keep(data, TimeoutError(f"{seconds:.1f} s"))
        slowest = max(slowest, seconds)
        if i == inputs // 10:
            early = megabytes()
    print(f"{inputs} inputs: {taken} taken, {inputs - taken - wrong} refused in one line, {wrong} wrong; the slowest "
          f"took {1000 * slowest:.0f} ms; peak memory {early:.0f} MB after a tenth and {megabytes():.0f} MB at the end")
    return 1 if wrong else 0


def guided(arguments: list[str]) -> int:
    try:
        import atheris
    except ImportError:
        print("atheris is not installed (pip install atheris): skipped", file=sys.stderr)
        return 0
    atheris.instrument_all()

    def one(data: bytes) -> None:
        try_one(data[1:], resume=data[:1] == b"\x01")

    with tempfile.TemporaryDirectory() as corpus:  # it begins with the vectors, and libFuzzer adds what reaches more
        for path in VECTORS.glob("*/*.*"):
            if path.is_file() and path.stat().st_size < MOST_GUIDED:
                first = b"\x01" if path.suffix == ".safetensors" else b"\x00"
                Path(corpus, hashlib.sha256(str(path).encode()).hexdigest()).write_bytes(first + path.read_bytes())
        words = arguments or ["-max_total_time=60", f"-max_len={MOST_GUIDED}"]
        atheris.Setup([sys.argv[0], *words, corpus], one)
        atheris.Fuzz()  # ends the process
    return 0


def files() -> int:
    """The command on each bad vector in a process of its own: seconds and megabytes, the start of Python included."""
    worst_seconds = worst_processor = worst_megabytes = 0.0
    program = "import sys; from ruvllm.commands.verify import main; sys.exit(main())"
    paths = sorted((VECTORS / "bad").glob("*.json"))
    for path in paths:
        started = time.perf_counter()
        child = subprocess.Popen([sys.executable, "-c", program, "-q", str(path)], stderr=subprocess.PIPE)
        assert child.stderr is not None
        lines = child.stderr.read().splitlines()
        child.stderr.close()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        assert (child.returncode, len(lines)) == (1, 1), path
        worst_seconds = max(worst_seconds, time.perf_counter() - started)
        worst_processor = max(worst_processor, usage.ru_utime + usage.ru_stime)
        worst_megabytes = max(worst_megabytes, usage.ru_maxrss / 1024)
    print(f"{len(paths)} bad files: one line and exit code 1 each; at most {worst_seconds:.2f} s "
          f"({worst_processor:.2f} s of processor time) and {worst_megabytes:.0f} MB")  # fmt: skip
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Changed checkpoints by the million.")
    parser.add_argument("--inputs", type=int, default=1_000_000, help="how many (default: 1,000,000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--atheris", action="store_true", help="guided by coverage; further words go to libFuzzer")
    parser.add_argument("--files", action="store_true", help="only the bad vectors, each in a process of its own")
    given, more = parser.parse_known_args()
    sys.exit(guided(more) if given.atheris else files() if given.files else campaign(given.inputs, given.seed))
