"""A store survives its processes: kills, forks, readers beside the one that learns, damage, and it can prove itself."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from online_samples import DIM, Turn, ask, learner_hash, make_ranker, stream, teach

from ruvllm.online import AdaptiveRanker, Guard, StoreError, verify

WRITER = """
import sys
from online_samples import ask, make_ranker, stream
ranker = make_ranker({path!r}, learns={learns})
print("ready", ranker.state.hash, flush=True)
for turn in stream({seed}, 100_000):
    ranking = ask(ranker, turn)
    ranker.feedback(ranking.id, turn.right, event_id="of " + ranking.id)
    print(ranking.id, flush=True)
"""


def writer(path: Path, seed: int, learns: bool | None = None) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    code = WRITER.format(path=str(path), seed=seed, learns=learns)
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "s"
    with make_ranker(path) as ranker:
        teach(ranker, stream(103, 200))
        assert ranker.history()[-1].action == "promoted"
    return path


@pytest.fixture
def taught(template: Path, tmp_path: Path) -> Path:
    """A store in which something was promoted, closed."""
    shutil.copytree(template, tmp_path / "taught")
    return tmp_path / "taught"


def test_a_reload_goes_on_as_if_nothing_had_happened(tmp_path: Path) -> None:
    turns = list(stream(121, 240))
    at_once, in_parts = make_ranker(tmp_path / "a"), make_ranker(tmp_path / "b")
    for place, turn in enumerate(turns):
        teach(at_once, iter([turn]))
        if place % 50 == 17:
            in_parts.close()
            in_parts = make_ranker(tmp_path / "b")
        teach(in_parts, iter([turn]))
    assert learner_hash(at_once) == learner_hash(in_parts)
    assert at_once.state.hash == in_parts.state.hash != "identity"
    assert at_once.gain() == in_parts.gain()


def test_kills_lose_nothing_that_was_acknowledged_and_count_nothing_twice(tmp_path: Path) -> None:
    path, acknowledged, states = tmp_path / "s", [], []
    chance = random.Random(1)
    for turn in range(4):
        process = writer(path, 130 + turn)
        assert process.stdout is not None
        states.append(process.stdout.readline().split()[1])
        deadline = time.monotonic() + 0.05 + 0.3 * chance.random()
        while time.monotonic() < deadline:
            acknowledged.append(process.stdout.readline().strip())
        process.kill()
        acknowledged += [line.strip() for line in process.communicate()[0].splitlines() if len(line.strip()) == 32]
    assert len(acknowledged) > 50
    found = verify(path, replay=True)
    assert len(acknowledged) <= found.feedbacks <= len(acknowledged) + 4  # one at most was on its way at each kill
    with make_ranker(path) as ranker:
        assert all(ranker.feedback(name, None, event_id=f"of {name}").status == "duplicate" for name in acknowledged)
        assert ranker.gain().feedbacks == found.feedbacks
        assert set(states) <= {decision.state_after for decision in ranker.history()}
    assert verify(path, replay=True).replayed == found.feedbacks


def test_other_processes_rank_and_take_feedback_and_one_learns(tmp_path: Path) -> None:
    path = tmp_path / "s"
    ranker = make_ranker(path, learns=True)
    with pytest.raises(StoreError, match="another process learns"):
        make_ranker_in_child(path, "make_ranker({path!r}, learns=True)")
    others = [writer(path, 140 + i, learns=False) for i in range(2)]
    for process in others:
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(60)]
    assert teach(ranker, stream(142, 100))
    for process in others:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    ranker.learn()
    assert ranker.gain().feedbacks > 200
    ranker.close()
    found = verify(path, replay=True)
    assert found.replayed == found.feedbacks


def make_ranker_in_child(path: Path, call: str) -> None:
    """Raises the StoreError that a call in another process ends with."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    code = f"from online_samples import make_ranker\n{call.format(path=str(path))}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    if done.returncode:
        raise StoreError(done.stderr.splitlines()[-1])


def test_a_reader_takes_over_what_was_promoted(tmp_path: Path) -> None:
    learning, reading = make_ranker(tmp_path / "s"), make_ranker(tmp_path / "s", learns=False)
    assert not reading.is_learning and learning.is_learning
    turns = list(stream(103, 200))
    for turn in turns:  # ranked by one, judged through it, learned by the other
        assert reading.feedback(ask(reading, turn).id, turn.right).status == "applied"
    assert learning.learn() == 200
    reading._look_at = 0.0  # at once
    assert ask(reading, turns[0]).state == learning.state.hash != "identity"
    learning.close()
    assert reading.gain() == learning_again(tmp_path / "s")
    for call in (reading.review, reading.learn):  # the store is free now: whoever asks learns
        call()
    assert reading.is_learning


def learning_again(path: Path) -> object:
    with make_ranker(path) as ranker:
        return ranker.gain()


def test_every_ranking_comes_from_one_whole_state(taught: Path) -> None:
    ranker = make_ranker(taught, guard=Guard())
    states = {state: ranker._keeper._state(state) for state in ("identity", ranker.state.hash)}  # type: ignore[union-attr]
    turns, wrong, done = list(stream(144, 60)), [], threading.Event()

    def read(turn: Turn) -> None:
        while not done.is_set():
            ranking = ask(ranker, turn)
            scores = states[ranking.state].scores(turn.query, turn.candidates)
            if ranking.scores.tobytes() != np.sort(scores)[::-1].tobytes():
                wrong.append(ranking)

    threads = [threading.Thread(target=read, args=[turn]) for turn in turns[:8]]
    for thread in threads:
        thread.start()
    for place in range(30):
        ranker.rollback("identity" if place % 2 else max(states))
        teach(ranker, iter(turns[place : place + 1]))
    done.set()
    for thread in threads:
        thread.join()
    assert not wrong
    ranker.close()
    verify(taught, replay=True)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_process_goes_on_with_a_connection_of_its_own(taught: Path) -> None:
    ranker = make_ranker(taught)
    turns = list(stream(145, 20))
    child = os.fork()
    if not child:
        good = [ranker.feedback(ask(ranker, turn).id, turn.right).status == "applied" for turn in turns]
        os._exit(0 if all(good) and not ranker.is_learning else 1)
    teach(ranker, iter(turns))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    ranker.learn()
    ranker.close()
    assert verify(taught, replay=True).replayed == 240


# damage


def test_every_byte_of_a_state_and_of_current_is_covered(taught: Path) -> None:
    for file in [*taught.glob("state-*"), taught / "current"]:
        data = file.read_bytes()
        for place in range(0, len(data), 1 if len(data) < 600 else 7):
            file.write_bytes(data[:place] + bytes([data[place] ^ 0x55]) + data[place + 1 :])
            with pytest.raises(StoreError):
                verify(taught)
        file.write_bytes(data)
    verify(taught)


def test_every_byte_of_a_closed_store_is_covered(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with make_ranker(path) as ranker:
        teach(ranker, stream(122, 8))
    whole = {file.name: file.read_bytes() for file in path.iterdir()}
    assert set(whole) == {"learner.lock", "log.seal", "log.sqlite"} and not whole["learner.lock"]
    for name, data in whole.items():
        for place in range(0, len(data), 1 if len(data) < 600 else 101):
            (path / name).write_bytes(data[:place] + bytes([data[place] ^ 0x55]) + data[place + 1 :])
            with pytest.raises(StoreError):
                verify(path)
        (path / name).write_bytes(data)
    verify(path)
    (path / "log.sqlite").write_bytes(whole["log.sqlite"] + b"0")
    with pytest.raises(StoreError, match="was changed since it was closed"):
        verify(path)


def test_a_log_is_sealed_by_the_last_to_close_it_and_by_nobody_while_it_is_open(tmp_path: Path) -> None:
    path, turns = tmp_path / "s", list(stream(124, 12))
    seal, first = path / "log.seal", make_ranker(path)
    second = make_ranker(path, learns=False)
    for ranker in (first, second):
        assert not seal.exists()
        teach(ranker, iter(turns[:3]))
        ranker.close()
    assert seal.exists()
    process = writer(path, 150)  # another process, killed: it leaves no seal, and what it wrote is there
    assert process.stdout is not None
    assert [process.stdout.readline() for _ in range(9)] and not seal.exists()
    with make_ranker(path, learns=False) as ranker:
        ask(ranker, turns[4])
    assert not seal.exists()
    process.kill()
    process.communicate()
    assert not seal.exists() and verify(path, replay=True).feedbacks > 9
    assert seal.exists() and verify(path).feedbacks > 9


def test_a_flipped_byte_of_the_log_is_found_unless_sqlite_does_not_read_it(tmp_path: Path) -> None:
    """Without a seal, as after a kill."""
    path = tmp_path / "s"
    with make_ranker(path) as ranker:
        teach(ranker, stream(122, 8))
    (path / "log.seal").unlink()
    file = path / "log.sqlite"
    data, content = file.read_bytes(), dumped(file)
    found = 0
    for place in random.Random(2).sample(range(len(data)), 250):
        file.write_bytes(data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :])
        try:
            verify(path, replay=True)
        except StoreError:
            found += 1
        else:
            assert dumped(file) == content, f"byte {place} changes what the log says, and nobody finds out"
        remove_wal(path)
    assert found > 30
    file.write_bytes(data)
    verify(path, replay=True)


def dumped(file: Path) -> list[str]:
    connection = sqlite3.connect(file)
    try:
        return list(connection.iterdump())
    finally:
        connection.close()
        remove_wal(file.parent)


def remove_wal(path: Path) -> None:
    for name in ("log.sqlite-wal", "log.sqlite-shm", "log.seal"):
        (path / name).unlink(missing_ok=True)


@pytest.mark.parametrize(
    "change",
    ["UPDATE feedback SET source = 'x' WHERE seq = 3", "DELETE FROM feedback WHERE seq = 3",
     "DELETE FROM feedback WHERE seq = (SELECT max(seq) FROM feedback)", "DELETE FROM rankings WHERE seq = 5",
     "UPDATE decisions SET line = replace(line, '0.05', '0.50')", "DELETE FROM decisions WHERE seq > 1",
     "UPDATE bases SET cursor = cursor + 1", "UPDATE outcomes SET body = zeroblob(52) WHERE seq = 4",
     "UPDATE meta SET value = '7' WHERE key = 'pruned_before'", "UPDATE feedback SET ranking = 'y' WHERE seq = 2",
     "UPDATE items SET vector = zeroblob(64) WHERE digest = (SELECT min(digest) FROM items)",
     "DELETE FROM items WHERE digest = (SELECT min(digest) FROM items)", "DELETE FROM outcomes WHERE seq = 4",
     "DROP INDEX feedback_of_ranking", "UPDATE feedback SET came = 'never' WHERE seq = 2"],
)  # fmt: skip
def test_whoever_changes_a_row_is_found_out(taught: Path, change: str) -> None:
    connection = sqlite3.connect(taught / "log.sqlite", isolation_level=None)
    assert connection.execute(change).rowcount != 0
    connection.close()
    with pytest.raises(StoreError):
        verify(taught, replay=True)


def test_what_is_no_store_is_refused_in_one_line(tmp_path: Path, taught: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes.txt").write_text("mine")
    with pytest.raises(StoreError, match="not empty and no store"):
        make_ranker(tmp_path / "mine")
    with pytest.raises(StoreError, match="is no store"):
        verify(tmp_path)
    with pytest.raises(StoreError, match=r"made with alpha 0\.05, not 0\.2"):
        make_ranker(taught, guard=Guard(alpha=0.2))
    shutil.copytree(taught, tmp_path / "later")
    next((tmp_path / "later").glob("state-*")).unlink()
    with pytest.raises(StoreError, match="cannot be read"):
        make_ranker(tmp_path / "later")
    sqlite3.connect(tmp_path / "mine/log.sqlite").execute("CREATE TABLE a (b)").connection.close()
    with pytest.raises(StoreError, match="not the log of a store"):
        AdaptiveRanker(dim=DIM, store=tmp_path / "mine")
