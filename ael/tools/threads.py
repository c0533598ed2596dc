"""Threads for synchronous tools: daemons, counted, those left behind included.

A thread cannot be stopped. When its caller is cancelled, the call is left behind: it keeps its place in the
count until it returns, its result is dropped, and it never keeps the interpreter from exiting. (anyio's worker
threads are no daemons, and the standard executor's are joined at exit.)

The count outlives event loops: a thread that one loop left behind gives its place back when that loop is
closed, too. Hence the lock, which is held for a few synchronous lines.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import queue
import threading
from collections import deque
from collections.abc import Callable
from typing import TypeAlias

from ael.types import JsonValue

__all__ = ["DaemonThreads"]

_Work: TypeAlias = Callable[[], JsonValue]
_Outcome: TypeAlias = tuple[JsonValue, BaseException | None]


class _Worker:
    """One thread that takes one job after another, until it is told to end."""

    def __init__(self, number: int) -> None:
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        threading.Thread(target=self._run, name=f"ael tool {number}", daemon=True).start()

    def submit(self, job: Callable[[], None]) -> None:
        self._jobs.put(job)

    def end(self) -> None:
        self._jobs.put(None)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
            del job  # or it would keep the last call's arguments and result alive


class _Turn:
    """One caller that waits for a place, on its own loop."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.granted = False
        self.future: asyncio.Future[None] = self.loop.create_future()

    def grant(self) -> bool:
        """Hand over a place, from any thread; false if the caller's loop is gone."""
        self.granted = _on_loop(self.loop, self._wake)
        return self.granted

    def _wake(self) -> None:
        if not self.future.done():
            self.future.set_result(None)


class DaemonThreads:
    """A pool for one engine.

    Args:
        limit: Most calls at once; further ones wait, first come, first served.
    """

    def __init__(self, limit: int) -> None:
        self._lock = threading.Lock()
        self._free = limit
        self._limit = limit
        self._waiting: deque[_Turn] = deque()
        self._idle: list[_Worker] = []
        self._made = 0
        self._closed = False

    @property
    def busy(self) -> int:
        """How many calls run now, those left behind included."""
        return self._limit - self._free

    async def run(self, work: _Work) -> JsonValue:
        """Call ``work`` in a thread, in a copy of the current context.

        Raises:
            BaseException: Whatever it raised, of any kind.
        """
        await self._take_place()
        loop = asyncio.get_running_loop()
        done: asyncio.Future[_Outcome] = loop.create_future()
        context = contextvars.copy_context()
        worker = self._take_worker()

        def job() -> None:
            outcome = _call(context, work)
            self._give_back(worker)
            if not _on_loop(loop, _deliver, done, outcome):
                _drop(outcome)

        worker.submit(job)
        value, error = await done
        if error is not None:
            try:
                raise error
            finally:
                del error, done  # or they would keep each other alive through the traceback
        return value

    def close(self) -> None:
        """End the threads that are idle, and the others once their calls return."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.end()

    def _take_worker(self) -> _Worker:
        """The one that was idle last, or a new one; gives the place back if none can be started."""
        with self._lock:
            if self._idle:
                return self._idle.pop()
            self._made += 1
        try:
            return _Worker(self._made)
        except RuntimeError:
            with self._lock:
                self._give_place()
            raise

    def _give_back(self, worker: _Worker) -> None:
        with self._lock:
            if self._closed:
                worker.end()
            else:
                self._idle.append(worker)
            self._give_place()

    async def _take_place(self) -> None:
        with self._lock:
            if self._free > 0:
                self._free -= 1
                return
            turn = _Turn()
            self._waiting.append(turn)
        try:
            await turn.future
        except asyncio.CancelledError:
            with self._lock:
                if turn.granted:
                    self._give_place()  # it was handed over just before
                else:
                    self._waiting.remove(turn)
            raise

    def _give_place(self) -> None:
        """Under the lock."""
        while self._waiting:
            if self._waiting.popleft().grant():
                return
        self._free += 1


def _call(context: contextvars.Context, work: _Work) -> _Outcome:
    try:
        return context.run(work), None
    except BaseException as error:  # noqa: BLE001 - brought over to the caller, whatever it is
        return None, error


def _on_loop(loop: asyncio.AbstractEventLoop, function: Callable[..., None], *arguments: object) -> bool:
    """Have a function called on a loop, from any thread; false if that loop is closed."""
    try:
        loop.call_soon_threadsafe(function, *arguments)
    except RuntimeError:
        return False
    return True


def _deliver(done: asyncio.Future[_Outcome], outcome: _Outcome) -> None:
    if done.done():
        _drop(outcome)
    else:
        done.set_result(outcome)


def _drop(outcome: _Outcome) -> None:
    """Nobody waits any more; a coroutine that was returned is closed, or Python would miss its ``await``."""
    if inspect.iscoroutine(outcome[0]):
        outcome[0].close()
