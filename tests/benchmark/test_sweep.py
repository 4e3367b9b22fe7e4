"""Side by side: the order of the results, the bound, and that an error or an interrupt ends all of it."""

import signal
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from ruvllm.benchmark.sweep import run_side_by_side
from ruvllm.learning.training_run import Cancelled

LIMIT = 20
"""Seconds after which a test gives up rather than hang."""

Cancel = Callable[[], bool]


class AtWork:
    """How many items are being worked on, which ones were begun, and which of them were told to stop."""

    def __init__(self) -> None:
        self.now = 0
        self.most = 0
        self.begun: list[int] = []
        self.told: list[int] = []
        self.changed = threading.Condition()
        self.deadline = time.monotonic() + LIMIT

    def enter(self, item: int) -> None:
        with self.changed:
            self.begun.append(item)
            self.now += 1
            self.most = max(self.most, self.now)
            self.changed.notify_all()

    def leave(self) -> None:
        with self.changed:
            self.now -= 1

    def wait_until_begun(self, n: int) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.begun) >= n, LIMIT)

    def wait_for_cancel(self, item: int, cancelled: Cancel) -> None:
        """As a run does: looks up again and again, and ends with Cancelled."""
        while not cancelled():
            assert time.monotonic() < self.deadline, "nobody said stop"
            time.sleep(0.001)
        self.told.append(item)
        raise Cancelled


@pytest.mark.parametrize("jobs", [1, 2, 3, 8])
def test_results_are_those_of_the_work_in_the_order_of_the_items(jobs: int) -> None:
    assert run_side_by_side(range(20), lambda item, _: item * item, jobs) == [item * item for item in range(20)]


def test_results_keep_their_order_whichever_is_done_first() -> None:
    done = [threading.Event() for _ in range(4)]
    finished: list[int] = []

    def work(item: int, _: Cancel) -> str:
        if item < 3:
            assert done[item + 1].wait(LIMIT)
        finished.append(item)
        done[item].set()
        return f"item {item}"

    assert run_side_by_side(range(4), work, 4) == ["item 0", "item 1", "item 2", "item 3"]
    assert finished == [3, 2, 1, 0]


def test_nothing_to_do_gives_nothing() -> None:
    assert run_side_by_side([], lambda item, _: item, 2) == []


def test_one_job_works_on_the_items_one_after_another() -> None:
    at_work = AtWork()

    def work(item: int, _: Cancel) -> None:
        at_work.enter(item)
        time.sleep(0.001)
        at_work.leave()

    run_side_by_side(range(10), work, 1)
    assert (at_work.most, at_work.begun) == (1, list(range(10)))


def test_as_many_items_as_jobs_are_worked_on_at_once_and_never_more() -> None:
    at_work, gate = AtWork(), threading.Semaphore(0)

    def work(item: int, _: Cancel) -> None:
        at_work.enter(item)
        assert gate.acquire(timeout=LIMIT)
        at_work.leave()

    caller = threading.Thread(target=run_side_by_side, args=(range(9), work, 3))
    caller.start()
    at_work.wait_until_begun(3)
    time.sleep(0.05)  # a fourth would have the time to begin
    assert at_work.now == 3
    gate.release(9)
    caller.join(LIMIT)
    assert (at_work.most, sorted(at_work.begun)) == (3, list(range(9)))


def test_nobody_is_cancelled_where_all_goes_well() -> None:
    assert run_side_by_side(range(6), lambda _, cancelled: cancelled(), 2) == [False] * 6


def test_an_error_stops_the_others_and_is_raised_once_they_have_ended() -> None:
    at_work = AtWork()

    def work(item: int, cancelled: Cancel) -> None:
        at_work.enter(item)
        try:
            if item == 1:
                at_work.wait_until_begun(2)
                raise OSError("the disk is full")
            at_work.wait_for_cancel(item, cancelled)
        finally:
            time.sleep(0.01)
            at_work.leave()

    with pytest.raises(OSError, match=r"^the disk is full$"):
        run_side_by_side(range(60), work, 2)
    assert at_work.now == 0
    assert {0, 1} <= set(at_work.begun)
    assert sorted([1, *at_work.told]) == sorted(at_work.begun)
    assert len(at_work.begun) < 60


def test_the_first_error_is_raised_not_that_of_the_first_item() -> None:
    at_work = AtWork()

    def work(item: int, cancelled: Cancel) -> None:
        if item == 2:
            raise ValueError("first")
        with pytest.raises(Cancelled):
            at_work.wait_for_cancel(item, cancelled)
        raise RuntimeError("later")

    with pytest.raises(ValueError, match=r"^first$"):
        run_side_by_side(range(3), work, 3)


class Items(list[int]):
    """Knows when all of them have been handed out: then no thread is being started any more."""

    def __init__(self, n: int) -> None:
        super().__init__(range(n))
        self.all_taken = threading.Event()

    def __iter__(self) -> Iterator[int]:
        yield from super().__iter__()
        self.all_taken.set()


def interrupt(thread: int, cancelled: Cancel) -> None:
    """Ctrl-C; a second time where the first came just before the thread began to wait, which then sleeps on."""
    for _ in range(2):
        signal.pthread_kill(thread, signal.SIGINT)
        begin = time.monotonic()
        while time.monotonic() < begin + 1:
            if cancelled():
                return
            time.sleep(0.001)


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="an interrupt cannot be sent to one thread here")
@pytest.mark.parametrize("jobs", [1, 3])
def test_an_interrupt_of_the_main_thread_stops_the_workers(jobs: int) -> None:
    items, at_work, main = Items(60), AtWork(), threading.get_ident()

    def work(item: int, cancelled: Cancel) -> None:
        at_work.enter(item)
        try:
            if item == 0:
                assert items.all_taken.wait(LIMIT)
                at_work.wait_until_begun(jobs)
                interrupt(main, cancelled)
            at_work.wait_for_cancel(item, cancelled)
        finally:
            time.sleep(0.01)
            at_work.leave()

    with pytest.raises(KeyboardInterrupt):
        run_side_by_side(items, work, jobs)
    assert at_work.now == 0
    assert sorted(at_work.told) == sorted(at_work.begun)
    assert jobs <= len(at_work.begun) < 60
