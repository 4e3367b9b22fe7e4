"""Work on many items in threads, side by side; the first error or an interrupt stops all of it soon."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import TypeVar

__all__ = ["run_side_by_side"]

Item = TypeVar("Item")
Result = TypeVar("Result")


def run_side_by_side(
    items: Sequence[Item], work: Callable[[Item, Callable[[], bool]], Result], jobs: int
) -> list[Result]:
    """work(item, cancelled) for each item, `jobs` at once; the results in the order of the items.

    Threads suffice: the loop over tasks holds no lock of Python's. On an error or an interrupt `cancelled()` turns true
    for the others, and this raises once they have ended.
    """
    stop = threading.Event()
    pool = ThreadPoolExecutor(max_workers=jobs)
    finished: SimpleQueue[Future[Result]] = SimpleQueue()
    try:
        futures = [pool.submit(work, item, stop.is_set) for item in items]
        for future in futures:
            future.add_done_callback(finished.put)
        for _ in futures:
            # Not concurrent.futures.wait: Ctrl-C while it holds the locks of all futures would leave them locked, and
            # the workers would wait for ever.
            finished.get().result()
        return [future.result() for future in futures]
    except BaseException:
        stop.set()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
