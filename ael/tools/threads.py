"""Threads for synchronous tools: daemons, counted, those left behind included.

A thread cannot be stopped. When its caller is cancelled, the call is left behind: it keeps its place in the
count until it returns, its result is dropped, and it never keeps the interpreter from exiting.
"""

from __future__ import annotations

import asyncio
import contextvars
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


class DaemonThreads:
    """A pool for one engine.

    Args:
        limit: Most calls at once; further ones wait, first come, first served.
    """

    def __init__(self, limit: int) -> None:
        self._free = limit
        self._limit = limit
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._idle: list[_Worker] = []
        self._made = 0

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
        worker = self._idle.pop() if self._idle else self._new_worker()

        def job() -> None:
            outcome = _call(context, work)
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._returned, worker, done, outcome)

        worker.submit(job)
        value, error = await done
        if error is not None:
            raise error
        return value

    def close(self) -> None:
        """End the threads that are idle."""
        while self._idle:
            self._idle.pop().end()

    def _new_worker(self) -> _Worker:
        self._made += 1
        return _Worker(self._made)

    async def _take_place(self) -> None:
        if self._free > 0:
            self._free -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self._give_place()  # it was handed over just before
            raise

    def _give_place(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1

    def _returned(self, worker: _Worker, done: asyncio.Future[_Outcome], outcome: _Outcome) -> None:
        """On the loop: the worker is free again, whether or not anybody still waits for its result."""
        self._idle.append(worker)
        self._give_place()
        if not done.done():
            done.set_result(outcome)


def _call(context: contextvars.Context, work: _Work) -> _Outcome:
    try:
        return context.run(work), None
    except BaseException as error:  # noqa: BLE001 - brought over to the caller, whatever it is
        return None, error
