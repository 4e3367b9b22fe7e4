"""Executors by name: processes here, or the workers of dask, ray or MPI.

Each is a concurrent.futures.Executor that can say, beside that, which errors mean that a worker is gone rather than
that its work has failed, and how to go on without it.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager, suppress
from multiprocessing.queues import Queue
from pickle import UnpicklingError
from queue import Empty
from typing import Any

from ruvllm.benchmark.sweeps.events import Event, EventReporter
from ruvllm.benchmark.sweeps.jobs import Job
from ruvllm.benchmark.sweeps.running import line_of_job
from ruvllm.files.ignoring import ignore

__all__ = ["FORMS", "Processes", "Workers", "is_executor", "open_workers"]

FORMS = ("processes", "dask:ADDRESS", "ray[:ADDRESS]", "mpi4py")
"""How executors are written."""
SECONDS_TO_END = 10.0
"""Until a process that was told to end is killed."""
SECONDS_TO_LISTEN = 0.1
"""Between two looks at whether anybody still works."""
Hear = Callable[[Event], None]


class Workers:
    """Those of any executor."""

    lost: tuple[type[BaseException], ...] = (BrokenExecutor,)
    """What a future raises whose worker is gone."""
    are_lost_together = False
    """Whether one that is gone takes the executor along, and what the others were doing."""

    def __init__(self, executor: Executor) -> None:
        self.executor = executor

    def submit(self, job: Job, folder: str, isa: str) -> Future[str]:
        """Has the job made, by line_of_job()."""
        return self.executor.submit(line_of_job, job, folder, isa)

    def renew(self) -> bool:
        """Goes on after a worker was lost, with another executor where that is needed. Returns whether one can."""
        return False

    def shortage(self) -> str | None:
        """Why nobody works, in some words, where an engine waits for workers without saying so; else None."""
        return None

    def close(self, *, at_once: bool) -> None:
        """Lets the workers go. `at_once`: without waiting for what they are doing."""


class Processes(Workers):
    """Processes on this machine, which tell of their progress. Those that are killed are replaced."""

    are_lost_together = True

    def __init__(self, n: int, hear: Hear = ignore) -> None:
        self._n, self._hear = n, hear
        self._before = set(multiprocessing.active_children())
        super().__init__(self._new_pool())

    def _new_pool(self) -> Executor:
        context = multiprocessing.get_context("spawn")  # fork: a lock that a thread holds would stay locked for ever
        events: Queue[Event] = context.Queue()  # a new one for each pool: who is killed may leave it locked
        self._stopped = threading.Event()
        self._listener = threading.Thread(target=_listen, args=(events, self._hear, self._stopped), daemon=True)
        self._listener.start()
        return ProcessPoolExecutor(self._n, context, initializer=_begin, initargs=(events,))

    def submit(self, job: Job, folder: str, isa: str) -> Future[str]:
        return self.executor.submit(_line_with_events, job, folder, isa)

    def renew(self) -> bool:
        self.close(at_once=True)
        self.executor = self._new_pool()
        return True

    def close(self, *, at_once: bool) -> None:
        self.executor.shutdown(wait=not at_once, cancel_futures=True)
        if at_once:
            for process in set(multiprocessing.active_children()) - self._before:
                process.terminate()  # what they write is whole or absent
                process.join(SECONDS_TO_END)
                process.kill()
        self._stopped.set()
        self._listener.join(SECONDS_TO_LISTEN)


class _Dask(Workers):
    """The workers of a dask scheduler, which has their work done by others where one is lost."""

    def __init__(self, address: str) -> None:
        with _needed("distributed", "dask"):
            from distributed import Client, KilledWorker
        self.lost, self._address = (KilledWorker,), address
        self._client = Client(address, set_as_default=False)
        super().__init__(self._client.get_executor(pure=False))

    def renew(self) -> bool:
        return True

    def shortage(self) -> str | None:
        try:
            workers = self._client.scheduler_info(n_workers=-1)["workers"]
        except OSError:  # the scheduler is gone, which futures tell
            return None
        return None if workers else f"the dask scheduler at {self._address} has no workers"

    def close(self, *, at_once: bool) -> None:
        self.executor.shutdown(wait=False)
        self._client.close()


class _Ray(Workers):
    """The workers of a ray cluster, or of one that is started here; ray has lost work done again."""

    def __init__(self, address: str, n: int) -> None:
        with _needed("ray", "ray"):
            import ray
        self.lost = (ray.exceptions.WorkerCrashedError, ray.exceptions.NodeDiedError)
        self._ray, self._is_ours = ray, not ray.is_initialized()
        if self._is_ours and address:
            ray.init(address=address, log_to_driver=False)
        elif self._is_ours:
            ray.init(num_cpus=n, include_dashboard=False, log_to_driver=False)
        super().__init__(RayExecutor(ray))

    def renew(self) -> bool:
        return True

    def shortage(self) -> str | None:
        try:
            has_one = self._ray.cluster_resources().get("CPU", 0) >= 1
        except self._ray.exceptions.RayError:  # the cluster is gone, which futures tell
            return None
        return None if has_one else "the ray cluster has no worker with a CPU"

    def close(self, *, at_once: bool) -> None:
        self.executor.shutdown(wait=not at_once, cancel_futures=True)
        if self._is_ours:
            self._ray.shutdown()


class RayExecutor(Executor):
    """concurrent.futures for ray: each call is a task."""

    def __init__(self, ray: Any) -> None:
        self._ray = ray
        self._running: dict[Future[Any], Any] = {}
        self._call = ray.remote(_call).options(max_retries=3, num_cpus=1)

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **options: Any) -> Future[Any]:
        reference = self._call.remote(function, arguments, options)
        outcome: Future[Any] = Future()
        self._running[outcome] = reference
        reference.future().add_done_callback(lambda found: self._done(found, outcome))
        return outcome

    def _done(self, found: Future[Any], outcome: Future[Any]) -> None:
        self._running.pop(outcome, None)
        if not outcome.set_running_or_notify_cancel():
            return
        error = found.exception()
        if error is None:
            outcome.set_result(found.result())
        else:
            outcome.set_exception(getattr(error, "cause", None) or error)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        for outcome, reference in list(self._running.items()):
            if cancel_futures:
                outcome.cancel()
                self._ray.cancel(reference, force=True)
            elif wait:
                with suppress(Exception):
                    outcome.result()


class _Mpi(Workers):
    """The processes that mpiexec started, of `python -m mpi4py.futures`. MPI ends all of them where one is killed."""

    def __init__(self) -> None:
        try:
            with _needed("mpi4py", "mpi4py"):
                from mpi4py.futures import MPIPoolExecutor
        except RuntimeError as error:
            raise ValueError(f"mpi4py finds no MPI: {str(error).splitlines()[0]}") from error
        super().__init__(MPIPoolExecutor())

    def close(self, *, at_once: bool) -> None:
        self.executor.shutdown(wait=not at_once, cancel_futures=True)


def is_executor(name: str) -> bool:
    """Whether a name has one of FORMS."""
    kind, colon, address = name.partition(":")
    return name in ("processes", "mpi4py", "ray") or (kind in ("dask", "ray") and bool(colon and address))


def open_workers(name: str, n: int, hear: Hear = ignore) -> Workers:
    """Returns the workers that one of FORMS names; `n` is the number of those that are started here.

    `hear` is called with what processes tell of their progress; others tell when a job is done, and no sooner.

    Raises ValueError, one line, for another name, and where a package is missing or nobody is at the address.
    """
    if not is_executor(name):
        raise ValueError(f"must be {', '.join(FORMS[:-1])} or {FORMS[-1]}, not {name!r}")
    kind, _, address = name.partition(":")
    if name == "processes":
        return Processes(n, hear)
    if kind == "dask":
        try:
            return _Dask(address)
        except (OSError, TypeError) as error:
            raise ValueError(f"there is no dask scheduler at {address}: {error}") from error
    if kind == "ray":
        try:
            return _Ray(address, n)
        except Exception as error:  # ray raises ConnectionError, RuntimeError and, after 30 seconds, Exception itself
            if isinstance(error, ValueError):
                raise
            where = f"there is no ray cluster at {address}" if address else "ray did not start"
            raise ValueError(f"{where}: {(str(error) or repr(error)).splitlines()[0]}") from error
    return _Mpi()


@contextmanager
def _needed(package: str, extra: str) -> Iterator[None]:
    """Says which package is missing, and how to get it."""
    try:
        yield
    except ImportError as error:
        line = f"--executor {extra} needs the package {package}: pip install 'ruvllm[{extra}]'"
        raise ValueError(line) from error


def _call(function: Callable[..., Any], arguments: tuple[Any, ...], options: Mapping[str, Any]) -> Any:
    return function(*arguments, **options)


# in a process of Processes

_EVENTS: Queue[Event] | None = None


def _begin(events: Queue[Event]) -> None:
    """Ctrl-C is for the one who started the processes; they end with it, however it ends."""
    global _EVENTS
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    _EVENTS = events
    events.cancel_join_thread()  # nobody may listen any more
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: Any) -> None:
    parent.join()
    os._exit(1)


def _line_with_events(job: Job, folder: str, isa: str) -> str:
    assert _EVENTS is not None
    return line_of_job(job, folder, isa, EventReporter(_EVENTS.put))


def _listen(events: Queue[Event], hear: Hear, stopped: threading.Event) -> None:
    """Hands on what comes, until it is told to stop or somebody was killed in the middle of a word."""
    with suppress(EOFError, OSError, UnpicklingError):
        while not stopped.is_set():
            with suppress(Empty):
                hear(events.get(timeout=SECONDS_TO_LISTEN))
