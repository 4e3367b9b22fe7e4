"""Is a store of `ruvllm.online` fast, bounded, and whole after any end of its process?

    python bench/online_store.py speed                     feedbacks a second, durable; rankings a second
    python bench/online_store.py kills                     200 writers killed with SIGKILL at random moments
    python bench/online_store.py flips                     every byte of a small, closed store changed in turn
    python bench/online_store.py soak --feedbacks 10000000  memory and size of the folder while feedback goes on

Exit code 1 where something acknowledged is lost, something counted twice, a replay comes out otherwise, a changed byte
that is read goes unnoticed, or memory or disk grow beyond what `keep` allows. POSIX only.
"""

from __future__ import annotations

import argparse
import random
import resource
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from ruvllm.online import AdaptiveRanker, Guard, StoreError, verify

WRITER = """
import sys
import numpy as np
from ruvllm.online import AdaptiveRanker
rng = np.random.default_rng(int(sys.argv[2]))
rows = rng.standard_normal((50, 32)).astype(np.float32)
ranker = AdaptiveRanker(dim=32, store=sys.argv[1])
while True:
    right = int(rng.integers(50))
    ids = [right, *(int(i) for i in rng.choice(50, 8, replace=False) if i != right)]
    ranking = ranker.rank(rows[right] + rng.standard_normal(32), vectors=rows[ids], ids=ids)
    assert ranker.feedback(ranking.id, right, event_id="of " + ranking.id).status == "applied"
    print(ranking.id, flush=True)
"""


def kills(folder: Path, n: int) -> bool:
    """Kills writers one after another; checks after every tenth, and at the end."""
    store, chance, acknowledged = folder / "s", random.Random(0), set()
    for number in range(1, n + 1):
        with subprocess.Popen([sys.executable, "-c", WRITER, store, str(number)], stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            acknowledged.add(writer.stdout.readline().strip().decode())
            time.sleep(0.3 * chance.random())
            writer.kill()
            lines = writer.stdout.read().split(b"\n")
            acknowledged |= {line.decode() for line in lines if len(line) == 32}
        if number % 10 == 0 or number == n:
            found = verify(store, replay=True)
            known = {event.removeprefix("of ") for event in events(store)}
            if not acknowledged <= known or len(known) > len(acknowledged) + number:
                print(f"after {number} kills {len(acknowledged - known)} acknowledged feedbacks are missing")
                return False
            print(f"{number} kills: {len(acknowledged)} acknowledged, {found.feedbacks} recorded, each once; "
                  f"{found.replayed} learned from again with the same states", flush=True)  # fmt: skip
    return True


def events(store: Path) -> list[str]:
    connection = sqlite3.connect(store / "log.sqlite")
    rows = connection.execute("SELECT event FROM feedback").fetchall()
    connection.close()
    assert len({event for (event,) in rows}) == len(rows)
    return [event for (event,) in rows]


def speed(folder: Path, n: int, dim: int) -> bool:
    """Rankings of 10 candidates and their feedback, each durable when its call returns; medians of 5 rounds."""
    ranker, (rows, queries) = AdaptiveRanker(dim=dim, store=folder / "s"), world(dim)
    rates: dict[str, list[float]] = {"rankings": [], "feedbacks": [], "feedbacks, written only": []}
    for number in range(5):
        start = time.perf_counter()
        made = [ranker.rank(queries[i % 500], vectors=rows[i % 90 : i % 90 + 10], ids=range(10)) for i in range(n)]
        rates["rankings"].append(n / (time.perf_counter() - start))
        start = time.perf_counter()
        for ranking in made:
            ranker.feedback(ranking.id, accepted=3, source=f"user {number}")
        rates["feedbacks"].append(n / (time.perf_counter() - start))
    ranker.close()
    with AdaptiveRanker(dim=dim, store=folder / "t", learns=True) as owner:  # another process learns
        writer = AdaptiveRanker(dim=dim, store=folder / "t", learns=False)
        made = [writer.rank(queries[i % 500], vectors=rows[i % 90 : i % 90 + 10], ids=range(10)) for i in range(n)]
        start = time.perf_counter()
        for ranking in made:
            writer.feedback(ranking.id, accepted=3)
        rates["feedbacks, written only"].append(n / (time.perf_counter() - start))
        writer.close()
        owner.learn()
    for name, values in rates.items():
        print(f"{name}: {statistics.median(values):,.0f} a second (d = {dim})", flush=True)
    return statistics.median(rates["feedbacks"]) >= 5000


def world(dim: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.standard_normal((100, dim)).astype(np.float32), rng.standard_normal((500, dim)).astype(np.float32)


def flips(folder: Path, step: int) -> bool:
    """Every byte of a closed store with a promoted state is turned over once: each must be refused.

    Then the same for its log without the seal, as after a kill: what goes unnoticed must not change what it says.
    """
    store = folder / "s"
    with AdaptiveRanker(dim=8, store=store) as ranker:
        query, rows = np.ones(8, np.float32), np.eye(8, dtype=np.float32)[:5]
        while ranker.state.is_identity:
            ranker.feedback(ranker.rank(query, vectors=rows, ids=range(5)).id, accepted=1)
    for file in sorted(store.iterdir()):
        refused, n = count_refused(store, file, step)
        print(f"{file.name[:20]}: {refused} of {n} changed bytes refused", flush=True)
        if refused < n:
            return False
    return unsealed_flips(store, 11 * step)


def count_refused(store: Path, file: Path, step: int) -> tuple[int, int]:
    data, refused, places = file.read_bytes(), 0, range(0, file.stat().st_size, step)
    for place in places:
        file.write_bytes(data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :])
        try:
            verify(store)
        except StoreError:
            refused += 1
    file.write_bytes(data)
    return refused, len(places)


def unsealed_flips(store: Path, step: int) -> bool:
    file = store / "log.sqlite"
    (store / "log.seal").unlink()
    data, content, refused, unread = file.read_bytes(), dumped(file), 0, 0
    for place in range(0, len(data), step):
        file.write_bytes(data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :])
        try:
            verify(store, replay=True)
        except StoreError:
            refused += 1
        else:
            unread += 1
            if dumped(file) != content:
                print(f"byte {place} changes what the log says, and nobody finds out")
                return False
        for name in ("log.sqlite-wal", "log.sqlite-shm", "log.seal"):
            (store / name).unlink(missing_ok=True)
    print(f"without a seal: {refused} of {refused + unread} changed bytes of the log refused; SQLite does not read the "
          "others, and the log says the same with them")  # fmt: skip
    return True


def dumped(file: Path) -> list[str]:
    connection = sqlite3.connect(file)
    content = list(connection.iterdump())
    connection.close()
    return content


def soak(folder: Path, n: int, keep: int, dim: int) -> bool:
    """Feedback that goes on: memory and disk must stay below what a tenth more than `keep` rankings take."""
    ranker, (rows, queries) = AdaptiveRanker(dim=dim, store=folder / "s", keep=keep, guard=Guard()), world(dim)
    sizes, start = [], time.perf_counter()
    for i in range(1, n + 1):
        ranking = ranker.rank(queries[i % 500], vectors=rows[i % 90 : i % 90 + 10], ids=range(10))
        ranker.feedback(ranking.id, accepted=i % 10, source=f"user {i % 997}")
        if i % max(1, n // 20) == 0:
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            sizes.append((memory, sum(path.stat().st_size for path in (folder / "s").iterdir()) / 1e6))
            print(f"{i} feedbacks, {i / (time.perf_counter() - start):,.0f} a second: {memory:.0f} MB of memory, "
                  f"{sizes[-1][1]:.1f} MB of disk", flush=True)  # fmt: skip
    ranker.close()
    verify(folder / "s", replay=True)
    half = sizes[len(sizes) // 2]
    return sizes[-1][0] <= 1.2 * half[0] and sizes[-1][1] <= 1.2 * half[1]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["speed", "kills", "flips", "soak"])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--feedbacks", type=int, default=5000)
    parser.add_argument("--keep", type=int, default=10_000, help="rankings, for soak")
    parser.add_argument("--dim", type=int, default=384)
    parser.add_argument("--step", type=int, default=1, help="for flips: try every so many bytes")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="ruvllm-online-"))
    try:
        good = {
            "speed": lambda: speed(folder, options.feedbacks, options.dim),
            "kills": lambda: kills(folder, options.kills),
            "flips": lambda: flips(folder, options.step),
            "soak": lambda: soak(folder, options.feedbacks, options.keep, options.dim),
        }[options.what]()
    finally:
        shutil.rmtree(folder)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
