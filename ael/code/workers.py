"""Threads that drive the sandbox's processes, and how a task gives them work, waits, and takes it back.

The sandbox's client blocks, and its own asyncio form can abort the interpreter at exit; so each of its processes
is driven by one thread of ours. There are as many threads as processes: no thread ever waits for a process, and
work that finds no thread waits in the queue, where cancelling costs nothing. Cancelling work that runs kills its
process, which ends the thread's wait within milliseconds; the pool replaces the process. Threads are daemons, and at
interpreter exit running processes are killed first: nothing a step started outlives the program or delays its end.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import signal
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Generic, TypeVar

__all__ = ["Abandoned", "Job", "Workers"]

T = TypeVar("T")

_EXIT_WAIT_S = 2.0
_KILL = getattr(signal, "SIGKILL", signal.SIGTERM)


class Abandoned(Exception):
    """Nobody waits for this work any more."""


class Job(Generic[T]):
    """One piece of work: made on the loop, done on a thread.

    Args:
        work: Called on a thread with the job; what it returns or raises is the job's.
    """

    def __init__(self, work: Callable[[Job[T]], T]) -> None:
        self._work = work
        self._loop = asyncio.get_running_loop()
        self.future: asyncio.Future[T] = self._loop.create_future()
        self._lock = threading.Lock()
        self._pid: int | None = None
        self._abandoned = threading.Event()

    def abandon(self) -> None:
        """Take the work back, from any thread: what waits ends, the process that computes is killed."""
        self._abandoned.set()
        self.kill()

    def kill(self) -> None:
        """End the process that computes for this job, if there is one now."""
        with self._lock:
            if self._pid is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self._pid, _KILL)

    def wait(self, seconds: float) -> None:
        """Sleep on the job's thread.

        Raises:
            Abandoned: Meanwhile, or before, the work was taken back.
        """
        if self._abandoned.wait(seconds):
            raise Abandoned

    @contextlib.contextmanager
    def computing_in(self, pid: int | None) -> Iterator[None]:
        """While this holds, process ``pid`` works for this job alone and may be killed for it.

        Raises:
            Abandoned: The work was taken back before.
        """
        with self._lock:
            if self._abandoned.is_set():
                raise Abandoned
            self._pid = pid
        try:
            yield
        finally:
            with self._lock:
                self._pid = None

    def run(self) -> None:
        """Do the work on this thread and hand its end to the loop."""
        try:
            self.wait(0)
            value = self._work(self)
        except BaseException as error:  # noqa: BLE001 - the boundary of the thread: the waiting task gets it
            self._settle(error=error)
        else:
            self._settle(value=value)

    def _settle(self, *, value: T | None = None, error: BaseException | None = None) -> None:
        def settle() -> None:
            if self.future.done():
                return
            if error is not None:
                self.future.set_exception(error)
            else:
                self.future.set_result(value)  # type: ignore[arg-type]

        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
            self._loop.call_soon_threadsafe(settle)


class Workers:
    """Up to ``size`` threads, started when there is work for them."""

    def __init__(self, size: int, name: str) -> None:
        self._size = size
        self._name = name
        self._queue: SimpleQueue[Job[object] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._unfinished: set[Job[object]] = set()
        self._closed = False
        _OPEN.add(self)

    @property
    def closed(self) -> bool:
        """Whether ``close`` was called."""
        return self._closed

    async def run(self, work: Callable[[Job[T]], T]) -> T:
        """Do ``work`` on a thread; cancelling takes it back at once.

        Raises:
            Abandoned: The workers are closed.
        """
        job = Job(work)
        self._submit(job)  # type: ignore[arg-type]
        try:
            return await job.future
        except asyncio.CancelledError:
            job.abandon()
            raise

    def _submit(self, job: Job[object]) -> None:
        with self._lock:
            if self._closed:
                raise Abandoned
            self._unfinished.add(job)
            if len(self._threads) < min(self._size, len(self._unfinished)):
                thread = threading.Thread(target=self._serve, name=f"{self._name}-{len(self._threads)}", daemon=True)
                self._threads.append(thread)
                thread.start()
            self._queue.put(job)

    def _serve(self) -> None:
        while (job := self._queue.get()) is not None:
            job.run()
            with self._lock:
                self._unfinished.discard(job)
            del job

    def close(self, timeout_s: float) -> None:
        """Take all work back and wait for the threads; from any thread, idempotent."""
        with self._lock:
            self._closed = True
            unfinished, threads = list(self._unfinished), list(self._threads)
        for job in unfinished:
            job.abandon()
        for _ in threads:
            self._queue.put(None)
        deadline = time.monotonic() + timeout_s
        for thread in threads:
            thread.join(max(deadline - time.monotonic(), 0))


_OPEN: weakref.WeakSet[Workers] = weakref.WeakSet()


def _close_all() -> None:
    for workers in list(_OPEN):
        workers.close(_EXIT_WAIT_S)


atexit.register(_close_all)
