"""How many attempts of one execution may run at once: a counter, and a queue for those that come back."""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Awaitable, Callable

__all__ = ["Slots"]


class Slots:
    """Counts free slots. A step's task holds one from its start to its end, but not while it waits.

    The driver takes slots for new steps by lowering ``free`` itself; a step that comes back from a wait
    queues first come, first served, and goes before steps that have not started.

    Args:
        limit: Most slots, or ``None`` for no bound.
        freed: Called when a step has begun to wait, and its slot may be free.

    Attributes:
        free, size: Slots that are free, and all there are.
    """

    __slots__ = ("_freed", "free", "queue", "size")

    def __init__(self, limit: int | None, freed: Callable[[], None]) -> None:
        self.size = self.free = sys.maxsize if limit is None else limit
        self.queue: deque[asyncio.Future[None]] = deque()
        self._freed = freed

    def release(self) -> None:
        """Give a slot back: to the first in the queue, else to whoever is ready."""
        if self.free < 0:
            self.free += 1  # it was held twice: see wait_without
            return
        while self.queue:
            first = self.queue.popleft()
            if not first.done():
                first.set_result(None)
                return
        self.free += 1

    async def wait_without(self, waiting: Awaitable[object]) -> None:
        """Await something without holding the slot, then take one again.

        The caller holds a slot before and after, also when it is cancelled meanwhile: then the count may
        be one too low until the caller, which must end now, releases it.
        """
        self.release()
        self._freed()
        try:
            await waiting
        except BaseException:
            self.free -= 1
            raise
        if self.free > 0:
            self.free -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        self.queue.append(turn)
        try:
            await turn
        except BaseException:
            if turn.cancelled():  # otherwise a slot was handed over just before
                self.free -= 1
            raise
